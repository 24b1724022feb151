//! CRC-32 as GPT uses it: IEEE 802.3, reflected, polynomial 0xEDB88320.

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    !crc
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_of_the_catalogue() {
        // CRC-32/ISO-HDLC in the RevEng catalogue.
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
    }
}
