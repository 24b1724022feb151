//! The little DER that X.509 certificates need (ITU-T X.690, X.680).

/// A tag with definite length and `content`.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..=0x7f => bytes.push(length as u8),
        length => {
            let big_endian = length.to_be_bytes();
            let digits = &big_endian[length.leading_zeros() as usize / 8..];
            bytes.push(0x80 | digits.len() as u8);
            bytes.extend_from_slice(digits);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// `SEQUENCE` of parts.
pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// `SET OF`: DER sorts the members by their encoding.
pub(super) fn set_of(mut members: Vec<Vec<u8>>) -> Vec<u8> {
    members.sort();
    tlv(0x31, &members.concat())
}

/// Non-negative `INTEGER` from big-endian bytes.
pub(super) fn integer(big_endian: &[u8]) -> Vec<u8> {
    let start = big_endian.iter().position(|byte| *byte != 0);
    let digits = start.map_or(&[0][..], |start| &big_endian[start..]);
    let mut content = Vec::with_capacity(digits.len() + 1);
    if digits[0] & 0x80 != 0 {
        content.push(0);
    }
    content.extend_from_slice(digits);
    tlv(0x02, &content)
}

/// `OBJECT IDENTIFIER` from its encoded content.
pub(super) fn oid(content: &[u8]) -> Vec<u8> {
    tlv(0x06, content)
}

/// `BIT STRING` with `unused` bits at its end.
pub(super) fn bit_string(unused: u8, bits: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[unused], bits].concat())
}

/// `OCTET STRING`
pub(super) fn octet_string(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

/// `BOOLEAN TRUE`
pub(super) fn yes() -> Vec<u8> {
    vec![0x01, 0x01, 0xff]
}

/// `NULL`
pub(super) fn null() -> Vec<u8> {
    vec![0x05, 0x00]
}

/// `PrintableString`
pub(super) fn printable(text: &str) -> Vec<u8> {
    tlv(0x13, text.as_bytes())
}

/// `UTCTime` up to the year 2049, `GeneralizedTime` from 2050 (RFC 5280, 4.1.2.5).
pub(super) fn time(moment: time::OffsetDateTime) -> Vec<u8> {
    let rest = format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    );
    match moment.year() {
        year @ 1950..=2049 => tlv(0x17, format!("{:02}{rest}", year % 100).as_bytes()),
        year => tlv(0x18, format!("{year:04}{rest}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_signs_follow_x690() {
        assert_eq!(tlv(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(tlv(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
    }

    #[test]
    fn the_year_2050_changes_the_type() {
        let at = |seconds| time(time::OffsetDateTime::from_unix_timestamp(seconds).unwrap());
        assert_eq!(
            at(2_524_607_999),
            [&[0x17, 13], &b"491231235959Z"[..]].concat()
        );
        assert_eq!(
            at(2_524_608_000),
            [&[0x18, 15], &b"20500101000000Z"[..]].concat()
        );
    }
}
