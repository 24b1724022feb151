//! Modes: JSON has them in decimal, and so has YAML without a leading zero.
//!
//! `"mode": 755` is not rwxr-xr-x but `01363`. Such a file serves as long as only `bash FILE` reads it, and nobody notices.

use super::{Finding, Severity, Subject};

/// Permissions that files of a node have. No decimal number that looks like one of them is one of them.
const USUAL: [u32; 27] = [
    0o400, 0o440, 0o444, 0o500, 0o544, 0o550, 0o555, 0o600, 0o640, 0o644, 0o660, 0o664, 0o666,
    0o700, 0o710, 0o711, 0o740, 0o744, 0o750, 0o755, 0o770, 0o775, 0o777, 0o1777, 0o2755, 0o2775,
    0o4755,
];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let modes = subject.texts.files.iter().filter_map(|file| {
        let mode = file.mode.as_ref()?;
        let (number, meant) = mistaken(&mode.text)?;
        Some(Finding {
            id: "decimal-mode",
            severity: Severity::Error,
            place: mode.place.clone(),
            expected: format!("{meant}, which is 0{meant:o}"),
            found: format!("mode {number} of {}, which is 0{number:o}", file.path),
            hint:
                "Ignition's modes are decimal numbers; in Butane and YAML, write the leading zero"
                    .to_owned(),
        })
    });
    modes.collect()
}

/// The number, and what its digits mean as octal permissions, if only that makes sense.
pub(super) fn mistaken(text: &str) -> Option<(u32, u32)> {
    if text.starts_with('0') {
        return None;
    }
    let number: u32 = text.parse().ok()?;
    let meant = u32::from_str_radix(text, 8).ok()?;
    (USUAL.contains(&meant) && !USUAL.contains(&number)).then_some((number, meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_octal_digits_in_decimal_are_mistaken() {
        // chmod(1)'s usual permissions, typed as decimal numbers.
        assert_eq!(mistaken("755"), Some((755, 493)));
        assert_eq!(mistaken("644"), Some((644, 420)));
        assert_eq!(mistaken("555"), Some((555, 365)));
        assert_eq!(mistaken("600"), Some((600, 384)));
        assert_eq!(mistaken("1777"), Some((1777, 1023)));
        for good in [
            "493", "420", "365", "384", "292", "256", "511", "0755", "0644", "1023", "288", "x", "",
        ] {
            assert_eq!(mistaken(good), None, "{good}");
        }
    }

    #[test]
    fn no_usual_permission_in_decimal_looks_like_another_one() {
        for mode in USUAL {
            assert_eq!(mistaken(&mode.to_string()), None, "{mode}");
        }
    }
}
