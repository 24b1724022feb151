//! SSH public keys in the form of `authorized_keys`: type, base64, and usually a comment.
//!
//! Source of truth: RFC 4253, section 6.6, and sshd(8), "AUTHORIZED_KEYS FILE FORMAT". Options before the type are refused: the installer
//! refuses them too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Key types, as they stand in front of the key and inside of it.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Whether `line` is one public key: the type that it names is also the one inside of the base64.
pub fn is_public_key(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(kind), Some(body)) = (words.next(), words.next()) else {
        return false;
    };
    let Ok(blob) = STANDARD.decode(body) else {
        return false;
    };
    let inner = blob.split_first_chunk::<4>().and_then(|(length, rest)| {
        let length = u32::from_be_bytes(*length) as usize;
        Some((rest.get(..length)?, rest.get(length..)?))
    });
    TYPES.contains(&kind)
        && inner.is_some_and(|(name, key)| name == kind.as_bytes() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_whose_inside_says_the_same_is_a_key() {
        // Made by ssh-keygen -t ed25519.
        let body = "AAAAC3NzaC1lZDI1NTE5AAAAIO3ZRQL20dmazpotqFXIGMAEv+fie6vWyKT1n65UjGh3";
        assert!(is_public_key(&format!("ssh-ed25519 {body} name@host")));
        assert!(is_public_key(&format!("ssh-ed25519 {body}")));
        for bad in [
            format!("ssh-rsa {body}"),
            format!("no-pty ssh-ed25519 {body}"),
            "ssh-ed25519 AAAA x".to_owned(),
            "ssh-ed25519 not-base64! x".to_owned(),
            "ssh-ed25519".to_owned(),
            String::new(),
        ] {
            assert!(!is_public_key(&bad), "{bad}");
        }
    }
}
