//! `.indexignore`: files of a catalog's folder that are no documents.
//!
//! Source of truth: the specification of file-based catalogs, which takes over the rules of gitignore(5): one pattern in a line, for the folder of
//! the file and below; the last one that fits decides.

/// The name of such a file.
pub const IGNORE_FILE: &str = ".indexignore";

/// The patterns of all such files.
#[derive(Debug, Default)]
pub struct Ignored {
    /// From the outermost folder inwards.
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// The folder that it counts in, below that of the documents; empty for that itself.
    folder: String,
    /// Pieces between slashes.
    pieces: Vec<String>,
    is_anchored: bool,
    only_folders: bool,
    includes: bool,
}

impl Ignored {
    /// Adds the file in `folder` (below that of the documents, empty for that itself).
    pub fn add(&mut self, folder: &str, text: &str) {
        for line in text.lines() {
            self.patterns.extend(Pattern::new(folder, line));
        }
        self.patterns
            .sort_by_key(|p| p.folder.matches('/').count() + usize::from(!p.folder.is_empty()));
    }

    /// Whether the file at `path`, below the folder of the documents, is one of documents: neither ignored nor an `.indexignore` itself.
    pub fn is_document(&self, path: &str) -> bool {
        let name = path.rsplit('/').next();
        name != Some(IGNORE_FILE) && !self.is_ignored(path)
    }

    /// Whether the file, or a folder on the way to it, is ignored.
    fn is_ignored(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| (&path[..end], true));
        folders
            .chain([(path, false)])
            .any(|(path, is_folder)| self.decides(path, is_folder))
    }

    fn decides(&self, path: &str, is_folder: bool) -> bool {
        let last = self.patterns.iter().rev().find(|p| p.fits(path, is_folder));
        last.is_some_and(|pattern| !pattern.includes)
    }
}

impl Pattern {
    fn new(folder: &str, line: &str) -> Option<Self> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let trimmed = line.trim_end_matches(' ');
        // A blank that is escaped belongs to the pattern.
        let line = if trimmed.ends_with('\\') && trimmed.len() < line.len() {
            &line[..=trimmed.len()]
        } else {
            trimmed
        };
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (includes, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (only_folders, line) = match line.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let is_anchored = line.contains('/');
        let pieces: Vec<String> = line
            .trim_start_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect();
        (!line.is_empty()).then(|| Self {
            folder: folder.to_owned(),
            pieces,
            is_anchored,
            only_folders,
            includes,
        })
    }

    fn fits(&self, path: &str, is_folder: bool) -> bool {
        if self.only_folders && !is_folder {
            return false;
        }
        let inner = if self.folder.is_empty() {
            Some(path)
        } else {
            path.strip_prefix(&self.folder)
                .and_then(|rest| rest.strip_prefix('/'))
        };
        let Some(inner) = inner else { return false };
        let names: Vec<&str> = inner.split('/').collect();
        if self.is_anchored {
            fit(&self.pieces, &names)
        } else {
            let last = names.last().copied().unwrap_or_default();
            self.pieces
                .first()
                .is_some_and(|piece| piece_fits(piece.as_bytes(), last.as_bytes()))
        }
    }
}

/// Pieces against names; `**` stands for any number of folders.
fn fit(pieces: &[String], names: &[&str]) -> bool {
    match (pieces.split_first(), names.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((piece, [])), Some(_)) if piece == "**" => true,
        (Some((piece, more)), Some((_, rest))) if piece == "**" => {
            fit(more, names) || fit(pieces, rest)
        }
        (Some((piece, more)), Some((name, rest))) => {
            piece_fits(piece.as_bytes(), name.as_bytes()) && fit(more, rest)
        }
        (Some(_), None) => false,
    }
}

/// One piece against one name: `*`, `?`, `[a-z]`, `[!a]`, and what a backslash takes its meaning from.
fn piece_fits(piece: &[u8], name: &[u8]) -> bool {
    let Some((&first, more)) = piece.split_first() else {
        return name.is_empty();
    };
    match (first, name.split_first()) {
        (b'*', _) => (0..=name.len()).any(|skip| piece_fits(more, &name[skip..])),
        (b'?', Some((_, rest))) => piece_fits(more, rest),
        (b'[', Some((&c, rest))) => match class(more, c) {
            Some((true, after)) => piece_fits(after, rest),
            Some((false, _)) => false,
            None => c == b'[' && piece_fits(more, rest),
        },
        (b'\\', Some((&c, rest))) => match more.split_first() {
            Some((&literal, more)) => literal == c && piece_fits(more, rest),
            None => false,
        },
        (literal, Some((&c, rest))) => literal == c && piece_fits(more, rest),
        (_, None) => false,
    }
}

/// Whether `c` is in the class that begins behind the bracket, and what comes after it; `None` if it never ends.
fn class(text: &[u8], c: u8) -> Option<(bool, &[u8])> {
    let (negated, text) = match text.first() {
        Some(b'!' | b'^') => (true, &text[1..]),
        _ => (false, text),
    };
    // A bracket that comes first is one of the characters.
    let end = 1 + text.get(1..)?.iter().position(|c| *c == b']')?;
    let members = &text[..end];
    let mut found = false;
    let mut at = 0;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == b'-' {
            found |= (members[at]..=members[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= members[at] == c;
            at += 1;
        }
    }
    Some((found != negated, &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: `git check-ignore` of git 2.47 in a folder with these files.
    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        for (pattern, path, expected) in [
            ("README.md", "README.md", true),
            ("README.md", "a/README.md", true),
            ("/README.md", "a/README.md", false),
            ("*.yaml", "a/b/c.yaml", true),
            ("*.yaml", "a/b/c.json", false),
            ("tests/", "tests/x.json", true),
            ("tests/", "a/tests/x.json", true),
            ("tests/", "tests", false),
            ("a/b", "a/b/c.json", true),
            ("a/b", "x/a/b/c.json", false),
            ("a/**/z.json", "a/z.json", true),
            ("a/**/z.json", "a/b/c/z.json", true),
            ("**/z.json", "z.json", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a?c", "abc", true),
            ("a[b-d]c", "acc", true),
            ("a[!b-d]c", "acc", false),
            ("# a", "# a", false),
            ("\\#a", "#a", true),
            ("a  ", "a", true),
            ("", "a", false),
            ("a*c/d", "abc/d", true),
            ("*", "a/b", true),
        ] {
            let mut ignored = Ignored::default();
            ignored.add("", pattern);
            assert_eq!(ignored.is_ignored(path), expected, "{pattern:?} {path:?}");
        }
    }

    #[test]
    fn the_last_that_fits_decides_and_inner_files_come_after_outer_ones() {
        let mut ignored = Ignored::default();
        ignored.add("a", "!keep.json");
        ignored.add("", "*.json\n!b.json\n");
        assert!(ignored.is_ignored("c.json"));
        assert!(!ignored.is_ignored("b.json"));
        assert!(!ignored.is_ignored("a/keep.json"));
        assert!(ignored.is_ignored("keep.json"));
        assert!(ignored.is_ignored("ab/keep.json"));
    }
}
