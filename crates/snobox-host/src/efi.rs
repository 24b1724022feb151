//! The firmware's boot entries, through `efibootmgr`.
//!
//! Not for: other variables of the firmware. Whether a machine has such firmware is whether [`FOLDER`] exists.
//!
//! Versions 12 to 18 write one line for each entry, verbose ones with lines between; all of them have the partition's GUID as `HD(n,GPT,GUID,…)`.
//!
//! Source of truth: efibootmgr `src/efibootmgr.c`, efivar `src/dp-media.c`.

use std::path::Path;

use crate::program::{Program, ProgramError};

/// There where the machine was started by UEFI.
pub const FOLDER: &str = "/sys/firmware/efi";
const MAX_BYTES: u64 = 4 << 20;

/// The number of a boot entry, four hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootNumber(String);

/// A boot entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootEntry {
    /// Its number.
    pub number: BootNumber,
    /// Whether the firmware may choose it by itself.
    pub active: bool,
    /// All that is said of it: label and device path.
    pub text: String,
}

impl BootNumber {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What to start, for a new entry.
#[derive(Clone, Copy, Debug)]
pub struct Loader<'a> {
    /// The disk's node.
    pub disk: &'a Path,
    /// Number of the EFI system partition.
    pub partition: u32,
    /// The loader's path on it, with backslashes.
    pub path: &'a str,
    /// What the firmware's menu shows.
    pub label: &'a str,
}

/// Reads what `efibootmgr -v` wrote. Lines that are no entry are passed over.
pub fn parse(output: &str) -> Vec<BootEntry> {
    output.lines().filter_map(entry).collect()
}

fn entry(line: &str) -> Option<BootEntry> {
    let rest = line.strip_prefix("Boot")?;
    let (number, rest) = rest.split_at_checked(4)?;
    if !number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let active = rest.starts_with('*');
    // `BootCurrent: 0001` and the like end here: a number is followed by `*` or a blank.
    let text = rest.strip_prefix(['*', ' '])?.trim();
    Some(BootEntry {
        number: BootNumber(number.to_ascii_uppercase()),
        active,
        text: text.to_owned(),
    })
}

/// The entry that starts from the partition with this GUID; active ones first, then those with a loader in a file, in the order of the list.
pub fn entry_of(entries: &[BootEntry], partition_guid: &str) -> Option<BootNumber> {
    let guid = format!(",{},", partition_guid.to_ascii_lowercase());
    let mut found: Vec<_> = entries
        .iter()
        .filter(|entry| {
            let text = entry.text.to_ascii_lowercase();
            text.contains("hd(") && text.contains(&guid)
        })
        .collect();
    found.sort_by_key(|entry| !entry.active);
    found.first().map(|entry| entry.number.clone())
}

/// All boot entries.
///
/// # Errors
/// [`ProgramError`].
pub fn entries(tools: Option<&Path>) -> Result<Vec<BootEntry>, ProgramError> {
    let output = Program::found_in(tools, "efibootmgr")?
        .args(["-v"])
        .output(MAX_BYTES)?;
    Ok(parse(&String::from_utf8_lossy(&output)))
}

/// Makes an entry, behind all others in the boot order as far as `efibootmgr` can: version 15 on knows `--create-only`, older ones put it first.
///
/// # Errors
/// [`ProgramError`].
pub fn create(tools: Option<&Path>, loader: &Loader<'_>) -> Result<(), ProgramError> {
    let disk = loader.disk.to_string_lossy();
    let partition = loader.partition.to_string();
    let rest = [
        "--disk",
        &disk,
        "--part",
        &partition,
        "--loader",
        loader.path,
        "--label",
        loader.label,
    ];
    let create = |first: &str| {
        Program::found_in(tools, "efibootmgr")?
            .args([first])
            .args(rest)
            .output(MAX_BYTES)
            .map(drop)
    };
    create("--create-only").or_else(|_| create("--create"))
}

/// Makes the firmware start an entry the next time, and only then.
///
/// # Errors
/// [`ProgramError`].
pub fn start_next(tools: Option<&Path>, number: &BootNumber) -> Result<(), ProgramError> {
    Program::found_in(tools, "efibootmgr")?
        .args(["--bootnext", number.as_str()])
        .output(MAX_BYTES)
        .map(drop)
}

#[cfg(test)]
mod tests;
