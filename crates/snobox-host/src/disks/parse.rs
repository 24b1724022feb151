//! `lsblk --json`, of old and of new.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Device;

/// Why text is no list of devices.
#[derive(Debug, thiserror::Error)]
#[error("not the JSON of lsblk")]
pub struct ParseError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Listing {
    blockdevices: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    kname: String,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(deserialize_with = "number")]
    size: u64,
    #[serde(deserialize_with = "truth")]
    ro: bool,
    #[serde(deserialize_with = "truth")]
    rm: bool,
    tran: Option<String>,
    serial: Option<String>,
    wwn: Option<String>,
    model: Option<String>,
    fstype: Option<String>,
    label: Option<String>,
    partlabel: Option<String>,
    partuuid: Option<String>,
    mountpoint: Option<String>,
    #[serde(default)]
    children: Vec<Entry>,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
        .ok_or_else(|| serde::de::Error::custom(format!("{value} is no number of bytes")))
}

fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(truth) => Ok(truth),
        Value::String(text) if text == "0" => Ok(false),
        Value::String(text) if text == "1" => Ok(true),
        value => Err(serde::de::Error::custom(format!(
            "{value} is no truth value"
        ))),
    }
}

/// Reads what `lsblk` wrote. Holders and sector sizes are not in it.
///
/// # Errors
/// [`ParseError`].
pub fn parse(output: &[u8]) -> Result<Vec<Device>, ParseError> {
    let listing: Listing = serde_json::from_slice(output)?;
    Ok(listing.blockdevices.into_iter().map(device).collect())
}

fn device(entry: Entry) -> Device {
    // Padding and empty values come from drives and from old versions.
    let text = |value: Option<String>| {
        value
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    Device {
        kernel_name: entry.kname,
        kind: entry.kind.unwrap_or_default(),
        size_bytes: entry.size,
        read_only: entry.ro,
        removable: entry.rm,
        transport: text(entry.tran),
        serial: text(entry.serial),
        wwn: text(entry.wwn),
        model: text(entry.model),
        file_system: text(entry.fstype),
        label: text(entry.label),
        partition_name: text(entry.partlabel),
        partition_guid: text(entry.partuuid),
        mount_point: text(entry.mountpoint),
        children: entry.children.into_iter().map(device).collect(),
        holders: Vec::new(),
        sector_bytes: 512,
    }
}
