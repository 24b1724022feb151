//! Reading the superblocks of planned images and of those that mke2fs makes.

use proptest::prelude::*;
use snobox_formats::ext4::{self, SuperblockSummary};
use tempfile::NamedTempFile;

use crate::image::{UUID, UUID_TEXT, file, options, program};

/// The start of a file system that mke2fs makes in a sparse file, or `None` if mke2fs is not installed.
fn made_by_mke2fs(arguments: &[&str], size: &str) -> Option<Vec<u8>> {
    let mut program = program("mke2fs")?;
    let disk = NamedTempFile::new().unwrap();
    let output = program
        .args(["-q", "-F", "-U", UUID_TEXT])
        .args(arguments)
        .arg(disk.path())
        .arg(size)
        .output();
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(std::fs::read(disk.path()).unwrap()[..2048].to_vec())
}

fn summary(label: &str, size_bytes: u64) -> Option<SuperblockSummary> {
    Some(SuperblockSummary {
        label: label.to_owned(),
        uuid: UUID,
        size_bytes,
    })
}

#[test]
fn probe_reads_a_planned_image() {
    let image = ext4::plan(&[file("a", 1)], &options()).unwrap();
    let start = &image.metadata()[0].bytes[..2048];
    assert_eq!(ext4::probe(start), summary("SNOBOX-CACHE", 8 * 4096));
    assert_eq!(ext4::probe(&start[..2047]), None);
    assert_eq!(ext4::probe(&[0; 2048]), None);
    assert_eq!(ext4::probe(&[]), None);
}

#[test]
fn probe_reads_what_mke2fs_makes() {
    let cases: [(&[&str], &str, &str, u64); 4] = [
        (
            &["-t", "ext4", "-L", "sixteen-letters!"],
            "8M",
            "sixteen-letters!",
            8 << 20,
        ),
        (
            &["-t", "ext4", "-b", "4096", "-O", "64bit"],
            "12M",
            "",
            12 << 20,
        ),
        (
            &["-t", "ext3", "-b", "2048", "-L", "three"],
            "8M",
            "three",
            8 << 20,
        ),
        (
            &["-t", "ext2", "-b", "1024", "-L", "two"],
            "1M",
            "two",
            1 << 20,
        ),
    ];
    for (arguments, size, label, size_bytes) in cases {
        let Some(start) = made_by_mke2fs(arguments, size) else {
            return;
        };
        assert_eq!(
            ext4::probe(&start),
            summary(label, size_bytes),
            "{arguments:?}"
        );
    }
}

#[test]
fn probe_counts_the_high_blocks_with_the_feature_64bit_only() {
    let image = ext4::plan(&[], &options()).unwrap();
    let mut start = image.metadata()[0].bytes[..2048].to_vec();
    start[1024 + 0x150] = 1; // s_blocks_count_hi
    assert_eq!(ext4::probe(&start), summary("SNOBOX-CACHE", 7 * 4096));
    start[1024 + 0x60] |= 0x80; // INCOMPAT_64BIT
    assert_eq!(
        ext4::probe(&start),
        summary("SNOBOX-CACHE", (1 << 44) + 7 * 4096)
    );
    start[1024 + 0x153] = 0xff;
    assert_eq!(ext4::probe(&start), None, "a size beyond 64 bits");
}

#[test]
fn probe_refuses_a_block_size_that_ext4_does_not_have() {
    let image = ext4::plan(&[], &options()).unwrap();
    let mut start = image.metadata()[0].bytes[..2048].to_vec();
    start[1024 + 0x18] = 7; // s_log_block_size: 128 KiB
    assert_eq!(ext4::probe(&start), None);
}

proptest! {
    #[test]
    fn probe_takes_any_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..2100)) {
        if let Some(magic) = bytes.get_mut(1024 + 0x38..1024 + 0x3a) {
            magic.copy_from_slice(&[0x53, 0xef]);
        }
        ext4::probe(&bytes);
    }
}
