//! Names and passwords of a cluster that nobody chooses.

use rsa::rand_core::{OsRng, RngCore as _};

/// `count` characters of `alphabet`, from the system's randomness.
pub(super) fn letters(alphabet: &str, count: usize) -> String {
    let alphabet = alphabet.as_bytes();
    (0..count)
        .map(|_| char::from(alphabet[(OsRng.next_u64() % alphabet.len() as u64) as usize]))
        .collect()
}

/// Four groups of five, as the real one makes them.
pub(super) fn password() -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    [(); 4].map(|()| letters(ALPHABET, 5)).join("-")
}

/// A random UUID (version 4).
pub(super) fn uuid() -> String {
    let hex = letters("0123456789abcdef", 30);
    let variant = letters("89ab", 1);
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..15],
        &hex[15..18],
        &hex[18..30]
    )
}
