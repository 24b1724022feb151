//! One text as a YAML scalar that means exactly this text, to readers of YAML 1.1 and of 1.2.
//!
//! Source of truth: YAML 1.2.2, 7.3 (flow scalars) and 5.7 (escapes); YAML 1.1's types `bool`, `null`, `int`, `float` and `timestamp`, which
//! many tools still read. Plain where that is beyond doubt; quoted everywhere else.

use std::fmt::Write as _;

/// Words that are no text when they stand alone, in any case.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// `text` as a scalar, plain or in double quotes.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn is_plain(text: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._/@+-:".contains(c);
    let Some(first) = text.chars().next() else {
        return false;
    };
    let starts_well = match first {
        'a'..='z' | 'A'..='Z' | '/' => true,
        '0'..='9' => is_dotted_number(text),
        '.' => text.starts_with("./") || text.starts_with("../"),
        _ => false,
    };
    starts_well
        && text.chars().all(safe)
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// Numbers with two dots or more, as versions and addresses have them: no type of YAML is written like that.
fn is_dotted_number(text: &str) -> bool {
    let (numbers, rest) = text.split_at(text.find(['-', '/']).unwrap_or(text.len()));
    let parts: Vec<_> = numbers.split('.').collect();
    parts.len() >= 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()))
        && !rest.contains(':')
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            // Line breaks and marks that a reader may fold or drop, and what may not stand in a document at all.
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                write!(out, "\\u{:04x}", u32::from(c))
            }
            c if c.is_control() => write!(out, "\\x{:02x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Words, numbers and marks that YAML has a meaning for, and anything else.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "yes",
            "no",
            "On",
            "NULL",
            "~",
            "true",
            "1",
            "0",
            ".",
            "1.0",
            "0x1f",
            "1e3",
            ".inf",
            "12:30:45",
            "2001-12-14",
            "_",
            "+",
            "-",
            "=",
            "<<",
            "#",
            " #",
            ": ",
            ":",
            " ",
            "\t",
            "\n",
            "\r\n",
            "'",
            "\"",
            "\\",
            "&a",
            "*a",
            "!!str",
            "@",
            "`",
            "%",
            "|",
            ">",
            "[",
            "]",
            "{",
            "}",
            ",",
            "?",
            "---",
            "...",
            "\u{feff}",
            "\u{85}",
            "\u{2028}",
            "\0",
            "\u{7f}",
            "é",
            "😀",
            "/dev/sda",
            "quay.io/a:b@c",
        ]);
        let joined = prop::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat());
        prop_oneof![joined, ".{0,12}", "[0-9a-fxo_.:eE+-]{1,8}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn a_scalar_is_read_back_as_the_same_text(text in texts()) {
            let document = format!("a: {}\nb:\n  - {}\nc: end\n", scalar(&text), scalar(&text));
            let root = crate::yaml::parse(&document).unwrap();
            prop_assert_eq!(root.get("a").and_then(crate::yaml::Node::text), Some(text.as_str()));
            let crate::yaml::Value::Sequence(items) = &root.get("b").unwrap().value else { panic!("{document}") };
            prop_assert_eq!(items[0].text(), Some(text.as_str()));
            prop_assert_eq!(root.get("c").and_then(crate::yaml::Node::text), Some("end"));
        }

        /// The other reader has its own parser and gives scalars their types.
        #[test]
        fn another_reader_takes_a_scalar_for_a_text(text in texts()) {
            let document = format!("a: {}\n", scalar(&text));
            let value: serde_json::Value = serde_saphyr::from_str(&document).unwrap();
            prop_assert_eq!(&value["a"], &serde_json::Value::String(text));
        }
    }

    #[test]
    fn what_yaml_would_take_for_something_else_is_quoted() {
        for text in [
            "yes",
            "No",
            "ON",
            "n",
            "true",
            "null",
            "Null",
            "~",
            "",
            "1",
            "1.0",
            "4.10",
            "0x10",
            "1e3",
            "0o7",
            "1_000",
            ".5",
            ".inf",
            ".NaN",
            "12:30:45",
            "1.2.3:4",
            "2001-12-14",
            "+1",
            "-1",
            "-",
            "#x",
            "a #b",
            "a: b",
            "a:",
            " a",
            "a ",
            "@a",
            "`a",
            "&a",
            "*a",
            "!a",
            "%a",
            "|",
            ">",
            "[a",
            "{a",
            "a,b",
            "?",
            "=",
            "<<",
            "'a",
            "\"a",
            "~/x",
            "a\nb",
        ] {
            assert!(
                scalar(text).starts_with('"'),
                "{text:?} became {}",
                scalar(text)
            );
        }
    }

    #[test]
    fn what_people_usually_write_stays_plain() {
        for text in [
            "bip",
            "4.13.1",
            "4.20.0-rc.1",
            "4.14.0-0.nightly-2023-06-01-123456",
            "example.com",
            "192.168.86.45/24",
            "/dev/disk/by-id/ata-X_1",
            "./pull-secret.json",
            "../id_ed25519.pub",
            "quay.io/a/b@sha256:0123",
            "localhost:5000/a:v1",
        ] {
            assert_eq!(scalar(text), text);
        }
    }
}
