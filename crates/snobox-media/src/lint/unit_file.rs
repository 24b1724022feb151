//! A unit file as systemd reads it: sections, keys, values, lines.
//!
//! Source of truth: systemd.syntax(7).

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its line, from 1.
    pub(super) line: usize,
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
}

/// A unit file.
#[derive(Debug, Default)]
pub(super) struct UnitFile {
    pub(super) settings: Vec<Setting>,
    pub(super) sections: Vec<String>,
    /// Lines that are neither a section, a setting nor a comment.
    pub(super) ignored: Vec<usize>,
}

impl UnitFile {
    pub(super) fn parse(text: &str) -> Self {
        let mut unit = Self::default();
        let mut continued = false;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with(['#', ';']) || (line.is_empty() && !continued) {
                continue;
            }
            let goes_on = line.ends_with('\\');
            let part = line.strip_suffix('\\').unwrap_or(line);
            if continued {
                if let Some(setting) = unit.settings.last_mut() {
                    setting.value.push(' ');
                    setting.value.push_str(part.trim());
                }
            } else if let Some(name) = part.strip_prefix('[').and_then(|p| p.strip_suffix(']')) {
                unit.sections.push(name.to_owned());
            } else if let Some((key, value)) = part.split_once('=') {
                unit.settings.push(Setting {
                    line: index + 1,
                    section: unit.sections.last().cloned().unwrap_or_default(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            } else {
                unit.ignored.push(index + 1);
                continue;
            }
            continued = goes_on;
        }
        unit
    }

    /// The settings of any of these keys.
    pub(super) fn of<'a>(&'a self, keys: &'a [&str]) -> impl Iterator<Item = &'a Setting> {
        self.settings
            .iter()
            .filter(|setting| keys.contains(&setting.key.as_str()))
    }

    /// The words of these keys, each with the line of its setting.
    pub(super) fn words<'a>(&'a self, keys: &'a [&str]) -> impl Iterator<Item = (usize, &'a str)> {
        self.of(keys).flat_map(|setting| {
            let words = setting.value.split_whitespace();
            words.map(move |word| (setting.line, word))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_comments_and_continuations_are_told_apart() {
        let unit = UnitFile::parse(
            "# c\n[Unit]\nAfter=a.service \\\n# inside\n  b.service\nnonsense\n\n[Service]\nExecStart==x",
        );
        assert_eq!(unit.sections, ["Unit", "Service"]);
        assert_eq!(unit.ignored, [6]);
        let words: Vec<_> = unit.words(&["After"]).collect();
        assert_eq!(words, [(3, "a.service"), (3, "b.service")]);
        let last = unit.settings.last().unwrap();
        assert_eq!(
            (last.line, last.section.as_str(), last.value.as_str()),
            (9, "Service", "=x")
        );
    }
}
