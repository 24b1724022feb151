//! Block and inode bitmaps (`bitmaps.rst`): bit `n` is bit `n % 8`, counted from the lowest, of byte `n / 8`; set means in
//! use, and the bits behind the last block or inode are set too.

use super::{
    BLOCK_BYTES,
    geometry::{Geometry, Prefix},
    metadata::Runs,
};

/// Appends the block bitmaps and the inode bitmaps of all groups.
pub(super) fn push_bitmaps(runs: &mut Runs, geometry: &Geometry) {
    push_region(
        runs,
        geometry.block_bitmaps_block,
        geometry.block_prefixes(),
    );
    push_region(
        runs,
        geometry.inode_bitmaps_block,
        geometry.inode_prefixes(),
    );
}

/// Appends one bitmap a block; neighbours that are equal share their memory.
fn push_region(runs: &mut Runs, first_block: u64, prefixes: impl Iterator<Item = Prefix>) {
    let mut block = first_block;
    let mut prefixes = prefixes.peekable();
    while let Some(prefix) = prefixes.next() {
        let mut count = 1;
        while prefixes.next_if_eq(&prefix).is_some() {
            count += 1;
        }
        runs.push_repeated(block, count, &encode(prefix));
        block += count;
    }
}

fn encode(prefix: Prefix) -> Vec<u8> {
    let (used, valid) = (usize::from(prefix.used), usize::from(prefix.valid));
    let mut bits = vec![0; BLOCK_BYTES as usize];
    set(&mut bits, 0, used);
    set(&mut bits, valid, 8 * BLOCK_BYTES as usize);
    bits
}

/// Sets the bits from `from` to `to`, which is not included.
fn set(bits: &mut [u8], from: usize, to: usize) {
    for (index, byte) in bits.iter_mut().enumerate() {
        let low = from.saturating_sub(8 * index).min(8);
        let high = to.saturating_sub(8 * index).min(8);
        if low < high {
            *byte |= ((1_u16 << high) - (1_u16 << low)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_in_use_and_padding_are_set_and_free_bits_are_not() {
        let bits = encode(Prefix {
            used: 11,
            valid: 18,
        });
        assert_eq!(&bits[..4], &[0xff, 0b0000_0111, 0b1111_1100, 0xff]);
        assert!(bits[3..].iter().all(|&byte| byte == 0xff));
    }

    #[test]
    fn the_bitmap_of_a_free_group_is_zero() {
        let bits = encode(Prefix {
            used: 0,
            valid: 32_768,
        });
        assert_eq!(bits, vec![0; 4096]);
    }
}
