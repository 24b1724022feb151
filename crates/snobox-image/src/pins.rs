//! `/etc/snobox/image.json`: what an image says about itself, from inside its ignition.
//!
//! Version 1 of `apiVersion` `snobox.io/v1alpha1`; readers refuse other values. All sizes are in bytes; `liveIso.digest` is that of the ISO with its
//! embed areas, and the MBR entry that the cache uses, as they were shipped.

use serde::{Deserialize, Serialize};
use snobox_formats::digest::Digest;
use snobox_formats::reference::ImageRef;

/// Where the file is on the node.
pub const PATH: &str = "/etc/snobox/image.json";
const API_VERSION: &str = "snobox.io/v1alpha1";
const KIND: &str = "Image";
/// No image is larger: its partition table could not say so.
const MAX_BYTES: u64 = 1 << 50;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pins {
    api_version: String,
    kind: String,
    /// The site's name.
    pub site: String,
    /// The payload image that the cache was made for.
    pub release: ImageRef,
    /// The live ISO.
    pub live_iso: LiveIsoPins,
    /// The cache.
    pub cache: CachePins,
    /// Where the system and the cache go.
    pub installation: InstallationPins,
    /// All kernel arguments of the live system.
    pub kargs: String,
}

/// What is known of the live ISO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LiveIsoPins {
    /// Its length.
    pub size_bytes: u64,
    /// SHA-256 of the ISO as shipped.
    pub digest: Digest,
}

/// What is known of the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CachePins {
    /// Label of the file system.
    pub label: String,
    /// UUID of the file system, in the usual form.
    pub uuid: String,
    /// Where its partition starts in the image.
    pub offset_bytes: u64,
    /// Length of the file system.
    pub size_bytes: u64,
    /// SHA-256 of `store/index.json`.
    pub index: Digest,
    /// SHA-256 of `bin/snobox-agent`.
    pub agent: Digest,
    /// SHA-256 of the seal.
    pub seal: Digest,
}

/// What the agent needs in order to prepare the installation disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstallationPins {
    /// How the disk is recognised.
    pub disk: DiskHints,
    /// What to do with a disk that holds something.
    pub existing_data: ExistingData,
    /// The partition that will hold the cache.
    pub partition: PartitionPins,
}

/// How the installation disk is recognised. Every hint that is given must hold; at least one is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiskHints {
    /// A device path, which may be a link: `/dev/disk/by-path/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Serial number, as `lsblk -o SERIAL` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// World wide name, as `lsblk -o WWN` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    /// Model, as `lsblk -o MODEL` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// At least this size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size_bytes: Option<u64>,
}

/// What to do with an installation disk that holds partitions or a file system which this image did not put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExistingData {
    /// Do not touch the disk.
    Refuse,
    /// Erase it.
    Erase,
}

/// The partition of the cache on the installation disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartitionPins {
    /// GPT name; coreos-installer is told to keep a partition of this name.
    pub label: String,
    /// GPT unique partition GUID in the usual form: this image's and no other's.
    pub uuid: String,
    /// Length in bytes, a multiple of 1 MiB; at the end of the disk.
    pub size_bytes: u64,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinsError {
    /// Not JSON of this form.
    #[error("{PATH} is not readable")]
    Json(#[source] serde_json::Error),
    /// Written by another version.
    #[error("{PATH} is a {kind} of {api_version}, expected {KIND} of {API_VERSION}")]
    Version {
        /// Kind found.
        kind: String,
        /// Version found.
        api_version: String,
    },
    /// A size that no image has.
    #[error("{PATH} names a size or an offset that no image can have")]
    Range,
}

impl Pins {
    /// The pins of an image.
    pub fn new(
        site: &str,
        release: &ImageRef,
        live_iso: LiveIsoPins,
        cache: CachePins,
        installation: InstallationPins,
        kargs: &str,
    ) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            site: site.to_owned(),
            release: release.clone(),
            live_iso,
            cache,
            installation,
            kargs: kargs.to_owned(),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`PinsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PinsError> {
        let pins: Self = serde_json::from_slice(bytes).map_err(PinsError::Json)?;
        if pins.api_version != API_VERSION || pins.kind != KIND {
            return Err(PinsError::Version {
                kind: pins.kind,
                api_version: pins.api_version,
            });
        }
        // Sums of these stay far below the range of the type.
        let sizes = [
            pins.live_iso.size_bytes,
            pins.cache.offset_bytes,
            pins.cache.size_bytes,
            pins.installation.partition.size_bytes,
        ];
        if sizes.iter().any(|size| *size > MAX_BYTES) {
            return Err(PinsError::Range);
        }
        Ok(pins)
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers always serialise.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// The usual text form of a UUID.
pub fn format_uuid(uuid: &[u8; 16]) -> String {
    let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(size_bytes: u64) -> Pins {
        let digest = Digest::of(b"");
        let release = "quay.io/a/b:1".parse().unwrap();
        let live_iso = LiveIsoPins { size_bytes, digest };
        let cache = CachePins {
            label: "data".to_owned(),
            uuid: format_uuid(&[0xab; 16]),
            offset_bytes: 4 << 20,
            size_bytes: 4096,
            index: digest,
            agent: digest,
            seal: digest,
        };
        let installation = InstallationPins {
            disk: DiskHints {
                path: Some("/dev/sda".to_owned()),
                ..DiskHints::default()
            },
            existing_data: ExistingData::Refuse,
            partition: PartitionPins {
                label: "data".to_owned(),
                uuid: format_uuid(&[0xcd; 16]),
                size_bytes: 1 << 30,
            },
        };
        Pins::new("bip", &release, live_iso, cache, installation, "a b")
    }

    #[test]
    fn pins_read_back_and_other_versions_and_sizes_are_refused() {
        let good = pins(2048);
        assert_eq!(Pins::parse(&good.to_bytes()).unwrap(), good);
        assert_eq!(good.cache.uuid, "abababab-abab-abab-abab-abababababab");
        let newer = String::from_utf8(good.to_bytes())
            .unwrap()
            .replace("v1alpha1", "v2");
        assert!(matches!(
            Pins::parse(newer.as_bytes()),
            Err(PinsError::Version { .. })
        ));
        assert!(matches!(Pins::parse(b"{}"), Err(PinsError::Json(_))));
        assert!(matches!(
            Pins::parse(&pins(u64::MAX).to_bytes()),
            Err(PinsError::Range)
        ));
    }
}
