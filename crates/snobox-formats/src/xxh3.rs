//! XXH3-128, seed 0: a checksum as fast as memory, for damage and not against malice.
//!
//! Source of truth: `doc/xxhash_spec.md` of `github.com/Cyan4973/xxHash`, version 0.2.

use std::fmt;

/// Sums a stream of bytes.
#[derive(Clone, Default)]
pub struct Xxh3(Box<xxhash_rust::xxh3::Xxh3Default>);

impl Xxh3 {
    /// One that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum of everything added.
    pub fn finish(&self) -> u128 {
        self.0.digest128()
    }
}

impl fmt::Debug for Xxh3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xxh3")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_that_xxhsum_prints() {
        let of = |pieces: &[&[u8]]| {
            let mut sum = Xxh3::new();
            pieces.iter().for_each(|piece| sum.update(piece));
            sum.finish()
        };
        // `xxhsum -H128` 0.8.1.
        assert_eq!(of(&[]), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
        let long: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
        let expected = 0x5418_2c58_bbb1_337c_42c2_3aee_ad96_750d;
        assert_eq!(of(&[&long[..7], &long[7..]]), expected);
    }
}
