//! DER: elements one after the other, read within bounds and written back.
//!
//! Source of truth: ITU-T X.690, clauses 8 and 10. Lengths above 4 bytes, indefinite lengths and tags above 30 are refused: no certificate has them.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Why bytes are not what they should be.
pub(crate) type Why = &'static str;

/// One element: tag, length and content.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// With tag and length.
    pub(crate) whole: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// Elements that follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn next(&mut self) -> Result<Element<'a>, Why> {
        let bytes = self.0;
        let (&tag, after) = bytes.split_first().ok_or("it ends too early")?;
        if tag & 0x1f == 0x1f {
            return Err("a tag is too large");
        }
        let (&first, mut after) = after.split_first().ok_or("it ends too early")?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (digits, content) = after
                    .split_at_checked(usize::from(first & 0x7f))
                    .ok_or("it ends too early")?;
                after = content;
                let length = digits
                    .iter()
                    .fold(0, |sum: usize, digit| sum << 8 | usize::from(*digit));
                if length < 0x80 || digits[0] == 0 {
                    return Err("a length is not in its shortest form");
                }
                length
            }
            _ => return Err("a length is out of range"),
        };
        let (content, rest) = after.split_at_checked(length).ok_or("it ends too early")?;
        self.0 = rest;
        let whole = &bytes[..bytes.len() - rest.len()];
        Ok(Element {
            tag,
            whole,
            content,
        })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8, why: Why) -> Result<Element<'a>, Why> {
        let element = self.next()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(why)
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Why> {
        if self.0.first() == Some(&tag) {
            self.next().map(Some)
        } else {
            Ok(None)
        }
    }
}

/// The only element of `bytes`.
pub(crate) fn single<'a>(bytes: &'a [u8], tag: u8, why: Why) -> Result<Element<'a>, Why> {
    let mut reader = Reader::new(bytes);
    let element = reader.expect(tag, why)?;
    if reader.is_empty() {
        Ok(element)
    } else {
        Err("something follows it")
    }
}

/// The content of a bit string of whole bytes.
pub(crate) fn bits<'a>(element: Element<'a>) -> Result<&'a [u8], Why> {
    match element.content.split_first() {
        Some((0, bits)) => Ok(bits),
        _ => Err("a bit string is not of whole bytes"),
    }
}

/// An element with this content, which is the concatenation of `parts`.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = vec![tag];
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let digits = length.to_be_bytes();
        let start = digits.iter().position(|digit| *digit != 0).unwrap_or(0);
        bytes.push(0x80 | (digits.len() - start) as u8);
        bytes.extend_from_slice(&digits[start..]);
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// A positive integer.
pub(crate) fn write_integer(value: u64) -> Vec<u8> {
    let digits = value.to_be_bytes();
    let start = digits
        .iter()
        .position(|digit| *digit != 0)
        .unwrap_or(digits.len() - 1);
    let sign: &[u8] = if digits[start] & 0x80 != 0 { &[0] } else { &[] };
    write(INTEGER, &[sign, &digits[start..]])
}

/// An object identifier with dots.
pub(crate) fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut arc: u64 = 0;
    for byte in oid {
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (arc / 40).min(2);
            text = format!("{first}.{}", arc - first * 40);
        } else {
            text += &format!(".{arc}");
        }
        arc = 0;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_lengths_are_written_in_their_shortest_form() {
        assert_eq!(write_integer(0), [2, 1, 0]);
        assert_eq!(write_integer(127), [2, 1, 127]);
        assert_eq!(write_integer(128), [2, 2, 0, 128]);
        assert_eq!(write_integer(0x0102), [2, 2, 1, 2]);
        assert_eq!(write(4, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(write(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(write(4, &[&[7; 256]])[..4], [4, 0x82, 1, 0]);
    }

    #[test]
    fn what_no_certificate_has_is_refused() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 1],
            &[0x30, 0x80],
            &[0x30, 0x81, 1, 0],
            &[0x30, 0x85, 1, 1, 1, 1, 1],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x3f, 0],
        ] {
            assert!(Reader::new(bytes).next().is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn object_identifiers_have_dots() {
        assert_eq!(dotted(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(
            dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]),
            "1.2.840.113549.1.1.11"
        );
        assert_eq!(dotted(&[0xff; 40]), "");
    }
}
