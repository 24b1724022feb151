//! Signatures on a device, and telling the kernel about new partitions.

use std::path::Path;

use crate::program::{Program, ProgramError};

const MAX_BYTES: u64 = 1 << 20;

/// What lies somewhere on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `ext4`, `LVM2_member`, `iso9660` …; `several` when more than one fits.
    pub kind: String,
    /// Label, where it has one.
    pub label: Option<String>,
}

/// What the bytes from `offset_bytes` on look like: a file system, a member of LVM or RAID, swap; partition tables aside. Nothing cached is asked.
///
/// # Errors
/// [`ProgramError`].
pub fn signatures(
    device: &Path,
    offset_bytes: u64,
    size_bytes: u64,
) -> Result<Option<Signature>, ProgramError> {
    let offset = offset_bytes.to_string();
    let size = size_bytes.to_string();
    let name = device.to_string_lossy();
    let args = [
        "-p", "-o", "export", "--offset", &offset, "--size", &size, &*name,
    ];
    match Program::found("blkid")?.args(args).output(MAX_BYTES) {
        Ok(output) => Ok(signature(&String::from_utf8_lossy(&output))),
        // blkid(8), "EXIT STATUS": 2, nothing was found; 8, several things fit.
        Err(ProgramError::Failed { status, .. }) if status.code() == Some(2) => Ok(None),
        Err(ProgramError::Failed { status, .. }) if status.code() == Some(8) => {
            Ok(Some(Signature {
                kind: "several".to_owned(),
                label: None,
            }))
        }
        Err(error) => Err(error),
    }
}

fn signature(output: &str) -> Option<Signature> {
    let value = |key: &str| {
        output
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(str::to_owned)
    };
    Some(Signature {
        kind: value("TYPE")?,
        label: value("LABEL"),
    })
}

/// Asks the kernel to look at a partition table again, and waits for udev. What fails is not said: the partitions' bytes are reached without them,
/// and whoever needs their nodes finds them missing.
pub fn reread_partitions(device: &Path) {
    let name = device.to_string_lossy();
    let run = |program: &str, args: &[&str]| {
        if let Ok(program) = Program::found(program) {
            let _ = program.args(args.iter().copied()).output(MAX_BYTES);
        }
    };
    run("blockdev", &["--rereadpt", &name]);
    // Kernels that do not know GPT need to be told each partition; of others, those that are known are refused.
    run("partx", &["--update", &name]);
    run("partx", &["--add", &name]);
    run("udevadm", &["settle", "--timeout=30"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blkid_exports_is_read() {
        // blkid 2.38.1 on an ext4 file system, and on a disk with a GPT.
        let ext4 = "DEVNAME=/dev/loop0\nLABEL=foo\nUUID=783d7769-174f-413d-bcb1-8db02e7f3404\nVERSION=1.0\nBLOCK_SIZE=1024\nTYPE=ext4\nUSAGE=filesystem\n";
        let found = signature(ext4).unwrap();
        assert_eq!(found.kind, "ext4");
        assert_eq!(found.label.as_deref(), Some("foo"));
        let table = "DEVNAME=/dev/loop0\nPTUUID=a2b4\nPTTYPE=gpt\n";
        assert_eq!(signature(table), None);
    }
}
