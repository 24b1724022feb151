//! Distinguished names for people: the last part first, `CN=kubelet-signer,OU=openshift`. Source of truth: RFC 4514.

use crate::der::{self, OID, Reader, SEQUENCE, SET, Why};

/// Attribute types that have a short name, below 2.5.4.
const SHORT: [(u8, &str); 8] = [
    (3, "CN"),
    (5, "serialNumber"),
    (6, "C"),
    (7, "L"),
    (8, "ST"),
    (9, "street"),
    (10, "O"),
    (11, "OU"),
];
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const IA5: u8 = 0x16;

/// The text of a name, given the content of its sequence.
pub(crate) fn text(content: &[u8]) -> Result<String, Why> {
    const WHY: Why = "a name is not in the form of RFC 5280";
    let mut names = Vec::new();
    let mut reader = Reader::new(content);
    while !reader.is_empty() {
        let mut set = Reader::new(reader.expect(SET, WHY)?.content);
        let mut parts = Vec::new();
        while !set.is_empty() {
            let mut pair = Reader::new(set.expect(SEQUENCE, WHY)?.content);
            let kind = pair.expect(OID, WHY)?.content;
            let value = pair.next()?;
            parts.push(format!("{}={}", kind_text(kind), value_text(value)));
        }
        names.push(parts.join("+"));
    }
    names.reverse();
    Ok(names.join(","))
}

fn kind_text(oid: &[u8]) -> String {
    let short = match oid {
        [0x55, 4, kind] => SHORT.iter().find(|(number, _)| number == kind),
        _ => None,
    };
    short.map_or_else(|| der::dotted(oid), |(_, name)| (*name).to_owned())
}

fn value_text(value: der::Element<'_>) -> String {
    let text = match value.tag {
        UTF8 | PRINTABLE | IA5 => std::str::from_utf8(value.content).ok(),
        _ => None,
    };
    match text {
        Some(text) => text.chars().fold(String::new(), |mut out, character| {
            if ",+\"\\<>;=".contains(character) {
                out.push('\\');
            }
            if character.is_control() {
                out.extend(character.escape_default());
            } else {
                out.push(character);
            }
            out
        }),
        None => {
            let hex: String = value.whole.iter().map(|b| format!("{b:02x}")).collect();
            format!("#{hex}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::write;

    #[test]
    fn the_last_part_comes_first_and_what_could_be_mistaken_is_escaped() {
        let part = |kind: u8, tag: u8, value: &[u8]| {
            write(
                SEQUENCE,
                &[&write(OID, &[&[0x55, 4, kind]]), &write(tag, &[value])],
            )
        };
        let name = [
            write(
                SET,
                &[&part(10, UTF8, b"a,b"), &part(10, PRINTABLE, b"c\n")],
            ),
            write(SET, &[&part(3, 0x1e, &[0, 65])]),
            write(SET, &[&part(99, IA5, b"x")]),
        ]
        .concat();
        assert_eq!(
            text(&name).unwrap(),
            r"2.5.4.99=x,CN=#1e020041,O=a\,b+O=c\n"
        );
        assert!(text(&name[1..]).is_err());
    }
}
