//! Which disk is the installation disk: exactly one that every hint of the site fits, that nobody uses, and that is not the stick.
//!
//! Pure: the machine's devices in, one of them or a refusal out. The refusal lists every disk with what is known of it and why it was not taken.

use std::fmt::Write as _;
use std::path::Path;

use snobox_host::disks::Device;
use snobox_image::pins::DiskHints;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The site's hints.
    pub hints: &'a DiskHints,
    /// The node that the hint `path` leads to, if it leads to one.
    pub hinted_node: Option<&'a Path>,
    /// The node of the whole stick.
    pub stick: &'a Path,
    /// Whether loop devices are disks: for tests.
    pub allow_loop: bool,
}

/// Why there is no installation disk.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// None fits.
    #[error("no disk of this machine can be the installation disk:\n{listing}")]
    None {
        /// Every disk.
        listing: String,
    },
    /// Several fit.
    #[error("{count} disks of this machine could be the installation disk:\n{listing}")]
    Several {
        /// How many.
        count: usize,
        /// Every disk.
        listing: String,
        /// Lines for `site.yaml`, one for each that fits.
        hints: String,
    },
}

impl ResolveError {
    /// What to do.
    pub fn action(&self) -> String {
        match self {
            Self::None { .. } => "change node.installationDisk in site.yaml so that it fits one of these disks, or connect the right disk; then build the image and write the stick again".to_owned(),
            Self::Several { hints, .. } => format!("say which one: add one of these to node.installationDisk in site.yaml, then build the image and write the stick again:\n{hints}"),
        }
    }
}

/// Finds the disk.
///
/// # Errors
/// [`ResolveError`].
pub fn resolve<'d>(devices: &'d [Device], rules: &Rules<'_>) -> Result<&'d Device, ResolveError> {
    let disks: Vec<_> = devices
        .iter()
        .filter(|device| is_disk(device, rules.allow_loop))
        .map(|device| (device, reason_against(device, rules)))
        .collect();
    let fitting: Vec<_> = disks
        .iter()
        .filter(|(_, reason)| reason.is_none())
        .map(|(device, _)| *device)
        .collect();
    match fitting[..] {
        [disk] => Ok(disk),
        [] => Err(ResolveError::None {
            listing: listing(&disks),
        }),
        _ => Err(ResolveError::Several {
            count: fitting.len(),
            listing: listing(&disks),
            hints: fitting
                .iter()
                .map(|disk| format!("  {}", distinguishing(disk)))
                .collect::<Vec<_>>()
                .join("\n"),
        }),
    }
}

/// Compressed memory calls itself a disk, too.
fn is_disk(device: &Device, allow_loop: bool) -> bool {
    let memory = ["zram", "ram", "nbd", "fd"]
        .iter()
        .any(|prefix| device.kernel_name.starts_with(prefix));
    let kind = device.kind == "disk" || (allow_loop && device.kind == "loop");
    kind && !memory && device.size_bytes > 0
}

fn reason_against(device: &Device, rules: &Rules<'_>) -> Option<String> {
    if device.path() == rules.stick {
        return Some("it is the stick".to_owned());
    }
    let holds = |kind: &str| {
        let mut all = device.all().into_iter();
        all.any(|part| part.file_system.as_deref() == Some(kind))
    };
    if holds("iso9660") {
        return Some("it holds an ISO 9660 file system: installation media".to_owned());
    }
    if device.read_only {
        return Some("it is read-only".to_owned());
    }
    device.in_use().or_else(|| hint_against(device, rules))
}

fn hint_against(device: &Device, rules: &Rules<'_>) -> Option<String> {
    let hints = rules.hints;
    if let Some(path) = &hints.path {
        let node = device.path();
        if rules.hinted_node != Some(node.as_path()) {
            let found = rules.hinted_node.map_or_else(
                || "does not exist".to_owned(),
                |node| format!("is {}", node.display()),
            );
            return Some(format!("node.installationDisk.path {path} {found}"));
        }
    }
    let texts = [
        ("serial", &hints.serial, &device.serial, false),
        ("wwn", &hints.wwn, &device.wwn, true),
        ("model", &hints.model, &device.model, false),
    ];
    for (key, expected, found, any_case) in texts {
        let Some(expected) = expected.as_deref().map(str::trim) else {
            continue;
        };
        let found = found.as_deref().map_or("", str::trim);
        let equal = expected == found || (any_case && expected.eq_ignore_ascii_case(found));
        if !equal {
            let found = if found.is_empty() { "none" } else { found };
            return Some(format!("its {key} is {found}, expected {expected}"));
        }
    }
    let least = hints
        .min_size_bytes
        .filter(|least| device.size_bytes < *least);
    least.map(|least| {
        format!(
            "it has {} bytes, expected at least {least}",
            device.size_bytes
        )
    })
}

fn listing(disks: &[(&Device, Option<String>)]) -> String {
    if disks.is_empty() {
        return "  (the machine shows no disk at all)".to_owned();
    }
    let mut text = String::new();
    for (disk, reason) in disks {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {}  {} bytes  model {}  serial {}  wwn {}: {}",
            disk.path().display(),
            disk.size_bytes,
            or_none(&disk.model),
            or_none(&disk.serial),
            or_none(&disk.wwn),
            reason.as_deref().unwrap_or("fits"),
        );
    }
    text.trim_end().to_owned()
}

/// The hint that tells a disk best: by itself before its place.
fn distinguishing(disk: &Device) -> String {
    match (&disk.serial, &disk.wwn) {
        (Some(serial), _) => format!("serial: \"{serial}\""),
        (None, Some(wwn)) => format!("wwn: \"{wwn}\""),
        (None, None) => format!("path: {}", disk.path().display()),
    }
}

#[cfg(test)]
mod tests;
