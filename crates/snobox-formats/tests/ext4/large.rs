//! Images with large files, whose data is left as holes.

use snobox_formats::ext4::{self, Ext4Error, MAX_FILE_BYTES};

use crate::image::{Data, OnDisk, file, options};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

#[test]
fn every_size_around_a_group_boundary_is_accepted() {
    for groups in 1..=3_u64 {
        // A group brings two bitmaps and a block of inodes; the superblock, the descriptors and the two directories one each.
        let overhead = 3 * groups + 4;
        for beyond in -3_i64..=3 {
            let blocks = (groups * 32_768 - overhead)
                .checked_add_signed(beyond)
                .unwrap();
            let disk = OnDisk::new(&[file("blob", blocks * 4096)], &options(), Data::Holes);
            let next_group = if beyond > 0 { 3 } else { 0 };
            assert_eq!(
                disk.image.size_bytes(),
                (blocks + overhead + next_group) * 4096
            );
            disk.assert_e2fsck_is_silent();
        }
    }
}

#[test]
fn a_fifth_extent_moves_the_extents_to_a_leaf() {
    for (mib, leaves) in [(512, 0), (513, 1), (700, 1)] {
        let disk = OnDisk::new(
            &[file("a", 1), file("blob", mib * MIB)],
            &options(),
            Data::Holes,
        );
        disk.assert_e2fsck_is_silent();
        let Some(extents) = disk.debugfs("extents /blob") else {
            return;
        };
        let depth = if leaves == 0 { "0/ 0" } else { "1/ 1" };
        let found = extents
            .lines()
            .filter(|line| line.trim_start().starts_with(depth))
            .count() as u64;
        assert_eq!(found, mib.div_ceil(128), "{extents}");
        let blocks = disk.debugfs("stat /blob").unwrap();
        assert!(
            blocks.contains(&format!("Blockcount: {}", mib * 2048 + leaves * 8)),
            "{blocks}"
        );
    }
}

#[test]
fn a_file_of_many_extents_is_contiguous() {
    let disk = OnDisk::new(&[file("blob", 45 * GIB)], &options(), Data::Holes);
    disk.assert_e2fsck_is_silent();
    let Some(blocks) = disk.debugfs("blocks /blob") else {
        return;
    };
    let blocks: Vec<u64> = blocks
        .split_whitespace()
        .map(|block| block.parse().unwrap())
        .collect();
    let first = disk.image.files()[0].offset_bytes / 4096;
    // debugfs lists the blocks of the tree itself too: here, two leaves.
    let (leaves, data): (Vec<u64>, Vec<u64>) = blocks.iter().partition(|&&block| block < first);
    assert_eq!(leaves.len(), 2);
    assert!(data.into_iter().eq(first..first + 45 * GIB / 4096));
}

#[test]
fn two_hundred_gib_of_blobs_are_accepted() {
    let mut files = vec![
        file("big", MAX_FILE_BYTES),
        file("images/other", 40 * GIB + 1),
    ];
    files.extend((0..4000).map(|n| file(&format!("blobs/{n:064x}"), n * 2500)));
    let disk = OnDisk::new(&files, &options(), Data::Holes);
    disk.assert_e2fsck_is_silent();
    let data: u64 = files
        .iter()
        .map(|file| file.size_bytes.next_multiple_of(4096))
        .sum();
    let overhead = disk.image.size_bytes() - data;
    assert!(overhead < 24 * MIB, "{overhead} bytes of metadata");
}

#[test]
fn one_byte_more_than_the_largest_file_is_refused() {
    assert_eq!(MAX_FILE_BYTES, 170 * GIB);
    let refused = ext4::plan(&[file("a/blob", MAX_FILE_BYTES + 1)], &options());
    let expected = Ext4Error::FileTooLarge {
        path: "a/blob".to_owned(),
        actual_bytes: MAX_FILE_BYTES + 1,
        max_bytes: MAX_FILE_BYTES,
    };
    assert_eq!(refused, Err(expected));
    assert!(ext4::plan(&[file("a", u64::MAX)], &options()).is_err());
}

#[test]
fn more_than_sixteen_tib_are_refused() {
    let many = |count: u64| -> Vec<_> {
        (0..count)
            .map(|n| file(&n.to_string(), MAX_FILE_BYTES))
            .collect()
    };
    assert!(ext4::plan(&many(96), &options()).is_ok());
    let refused = ext4::plan(&many(97), &options());
    assert_eq!(
        refused,
        Err(Ext4Error::ImageTooLarge {
            max_blocks: u32::MAX.into()
        })
    );
}
