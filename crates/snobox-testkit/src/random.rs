//! Deterministic, incompressible bytes: stand-ins for programs, kernels and root file systems.
//!
//! Not for keys. The generator is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014),
//! seeded by the FNV-1a hash of a name, so that each file has its own stream and none depends on the order of calls.

/// A stream of pseudo-random bytes that depends only on its name.
pub(crate) struct PseudoRandom {
    state: u64,
}

impl PseudoRandom {
    /// The stream called `name`.
    pub(crate) fn named(name: &str) -> Self {
        let state = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { state }
    }

    /// The next 64 bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// The next `length` bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next_u64().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// `length` bytes of the stream called `name`.
pub(crate) fn stand_in(name: &str, length: usize) -> Vec<u8> {
    PseudoRandom::named(name).bytes(length)
}

/// A 40-character hex string that looks like a git commit and depends only on `name`.
pub(crate) fn commit_id(name: &str) -> String {
    let mut stream = PseudoRandom::named(name);
    format!(
        "{:016x}{:016x}{:08x}",
        stream.next_u64(),
        stream.next_u64(),
        stream.next_u64() >> 32
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers_for_seed_zero() {
        // Reference output of splitmix64 with seed 0, from the author's C program.
        let mut stream = PseudoRandom { state: 0 };
        assert_eq!(stream.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(stream.next_u64(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(stream.next_u64(), 0x06c4_5d18_8009_454f);
    }

    #[test]
    fn a_longer_read_begins_with_the_shorter_one() {
        assert_eq!(stand_in("x", 100)[..13], stand_in("x", 13));
        assert_ne!(stand_in("x", 16), stand_in("y", 16));
    }
}
