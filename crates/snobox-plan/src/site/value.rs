//! Texts of `site.yaml` → typed values: one rule for each kind. `None` is "not allowed"; the words for that are the caller's.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use snobox_formats::reference::ImageRef;

use super::{OLDEST_MINOR, Subnet};

const GIB: u64 = 1 << 30;
/// Longest host name: a value of the label `kubernetes.io/hostname`.
const MAX_HOSTNAME: usize = 63;
/// Longest version: with the architecture it is a tag, and a tag has at most 128 characters.
const MAX_VERSION: usize = 100;
/// Labels by which CoreOS finds its own partitions and file systems.
const COREOS_LABELS: [&str; 5] = ["boot", "root", "EFI-SYSTEM", "BIOS-BOOT", "reserved"];

const fn network(a: u8, b: u8, prefix: u8) -> Subnet {
    Subnet {
        address: Ipv4Addr::new(a, b, 0, 0),
        prefix,
    }
}

/// Networks that a node's network must keep out of: "this host", loopback, link-local, multicast and what is above it; then
/// the cluster's own for pods and services (`install_config`), and the join network of OVN-Kubernetes.
const TAKEN: [Subnet; 7] = [
    network(0, 0, 8),
    network(127, 0, 8),
    network(169, 254, 16),
    network(224, 0, 3),
    network(10, 128, 14),
    network(172, 30, 16),
    network(100, 64, 16),
];

/// Digits only: the standard library's parsers also take a plus sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|c| c.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (digits && canonical).then(|| text.parse().ok()).flatten()
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty() && !text.contains(char::is_control)).then(|| PathBuf::from(text))
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A DNS label that leaves room for what the installer appends.
pub(super) fn cluster_name(text: &str) -> Option<String> {
    (is_label(text) && text.len() <= 54).then(|| text.to_owned())
}

/// A DNS name. One that ends in a number would be read as an address.
pub(super) fn domain_name(text: &str) -> Option<String> {
    let is_name = text.len() <= 253 && text.split('.').all(is_label);
    let last = text.rsplit_once('.').map(|(_, last)| last);
    let is_address = last.is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
    (is_name && !is_address).then(|| text.to_owned())
}

/// A DNS name or an IPv4 address.
pub(super) fn host(text: &str) -> Option<String> {
    let address = text.parse::<Ipv4Addr>().map(|address| address.to_string());
    address.ok().or_else(|| domain_name(text))
}

/// A host name. Before the kubelet starts, the Machine Config Operator's `mco-hostname` waits for one without `localhost` in it.
pub(super) fn hostname(text: &str) -> Option<String> {
    domain_name(text).filter(|name| name.len() <= MAX_HOSTNAME && !name.contains("localhost"))
}

/// A device path. The installer puts it into a shell script without quotes: only what udev writes into names, and a shell leaves alone.
pub(super) fn device(text: &str) -> Option<String> {
    let name = text.strip_prefix("/dev/")?;
    let good = name
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || b"/#+-.:=@_,%".contains(&c));
    let parts_good = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    (good && parts_good && name.len() <= 255).then(|| text.to_owned())
}

/// A serial number, world wide name or model of a disk: compared as it is, after blanks at its ends were taken off.
pub(super) fn hardware_text(text: &str) -> Option<String> {
    let text = text.trim();
    let good = (1..=128).contains(&text.len()) && text.bytes().all(|c| (b' '..=b'~').contains(&c));
    good.then(|| text.to_owned())
}

/// An interface name of Linux, of letters, digits and `._-`.
pub(super) fn interface_name(text: &str) -> Option<String> {
    let good = (1..=15).contains(&text.len())
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
        && !matches!(text, "." | "..");
    good.then(|| text.to_owned())
}

/// A hardware address, with colons or dashes; comes out in lower case with colons.
pub(super) fn mac(text: &str) -> Option<String> {
    let parts: Vec<_> = text.split([':', '-']).collect();
    let good = parts.len() == 6
        && parts
            .iter()
            .all(|p| p.len() == 2 && p.bytes().all(|c| c.is_ascii_hexdigit()));
    good.then(|| parts.join(":").to_lowercase())
}

/// A host's address with the length of its network's prefix.
pub(super) fn subnet(text: &str) -> Option<Subnet> {
    let (address, prefix) = text.split_once('/')?;
    let subnet = Subnet {
        address: address.parse().ok()?,
        prefix: number(prefix).filter(|p| (1..=30).contains(p))?,
    };
    let free = TAKEN.iter().all(|taken| !taken.overlaps(subnet));
    (free && subnet.has_host(subnet.address)).then_some(subnet)
}

/// A version by semver, without build metadata, which a tag cannot hold.
pub(super) fn is_version(text: &str) -> bool {
    let (numbers, pre_release) = match text.split_once('-') {
        Some((numbers, pre_release)) => (numbers, Some(pre_release)),
        None => (text, None),
    };
    let parts: Vec<Option<u32>> = numbers.split('.').map(number).collect();
    let [Some(major), Some(minor), Some(_)] = parts[..] else {
        return false;
    };
    let is_identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    text.len() <= MAX_VERSION
        && pre_release.is_none_or(|p| p.split('.').all(is_identifier))
        && (major > 4 || major == 4 && minor >= OLDEST_MINOR)
}

/// A size from 1 GiB to less than 1 PiB, in bytes.
pub(super) fn size_bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "GiB" | "G" | "Gi" => GIB,
        "TiB" | "T" | "Ti" => GIB << 10,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number::<u64>(digits.trim_end())?
        .checked_mul(unit)
        .filter(|size| (GIB..1 << 50).contains(size))
}

/// The label of the cache's file system and partition.
pub(super) fn label(text: &str) -> Option<String> {
    let good = (1..=16).contains(&text.len())
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c))
        && !text.starts_with('-')
        && !COREOS_LABELS.contains(&text);
    good.then(|| text.to_owned())
}

/// A registry, or a repository prefix of one.
pub(super) fn location(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let whole = if text.contains('/') {
        text.to_owned()
    } else {
        format!("{text}/x")
    };
    let reference: ImageRef = whole.parse().ok()?;
    (reference.tag().is_none() && reference.digest().is_none()).then(|| text.to_owned())
}
