//! Little-endian fields at fixed offsets of an on-disk record.

/// Writes `value` at byte `at` of `record`. Offsets are literals from the format, so the field always lies inside.
pub(super) fn put(record: &mut [u8], at: usize, value: &[u8]) {
    record[at..at + value.len()].copy_from_slice(value);
}

/// Writes a 16-bit field at byte `at`.
pub(super) fn put_u16(record: &mut [u8], at: usize, value: u16) {
    put(record, at, &value.to_le_bytes());
}

/// Writes a 32-bit field at byte `at`.
pub(super) fn put_u32(record: &mut [u8], at: usize, value: u32) {
    put(record, at, &value.to_le_bytes());
}

/// The `N` bytes at byte `at`, or `None` if the record ends before.
pub(super) fn get<const N: usize>(record: &[u8], at: usize) -> Option<[u8; N]> {
    record.get(at..)?.first_chunk().copied()
}

/// The 32-bit field at byte `at`, or `None` if the record ends before.
pub(super) fn get_u32(record: &[u8], at: usize) -> Option<u32> {
    get(record, at).map(u32::from_le_bytes)
}

/// The low 32 bits of a block number or count. [`Geometry::fit`](super::geometry::Geometry::fit) admits fewer than 2³²
/// blocks, so no bits are lost.
pub(super) fn low32(value: u64) -> u32 {
    debug_assert!(value <= u64::from(u32::MAX));
    value as u32
}
