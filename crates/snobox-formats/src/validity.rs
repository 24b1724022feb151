//! How long certificates are to hold, as people write it: `24h`, `365d`.

use std::time::Duration;

/// What [`parse`] expects, for the reader of an error.
pub const EXPECTED: &str = "a length in hours or days, from 1h to 3650d, such as 365d";

const LONGEST_HOURS: u64 = 3650 * 24;

/// Reads `24h` or `365d`: digits and a unit, from `1h` to `3650d`; `None` for anything else.
pub fn parse(text: &str) -> Option<Duration> {
    let hours = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => number(hours)?,
        (_, Some(days)) => number(days)?.checked_mul(24)?,
        _ => return None,
    };
    (1..=LONGEST_HOURS)
        .contains(&hours)
        .then(|| Duration::from_secs(hours * 3600))
}

/// [`parse`] for arguments of a command line.
///
/// # Errors
/// What was expected.
pub fn argument(text: &str) -> Result<Duration, String> {
    parse(text).ok_or_else(|| format!("expected {EXPECTED}"))
}

/// Digits alone: `parse` would take a sign, too.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days() {
        assert_eq!(parse("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(parse("365d"), Some(Duration::from_secs(31_536_000)));
        assert_eq!(parse("3650d"), parse("87600h"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "h",
            "0h",
            "3651d",
            "87601h",
            "+1d",
            "-1d",
            "1.5d",
            "24",
            "1w",
            "1 d",
            "18446744073709551615d",
            "é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
