//! Small ISO 9660 images for unit tests: a primary tree with the names as given, no extensions.
//!
//! Not a general writer: one sector per directory. Source of truth: ECMA-119 3rd edition, 8.4 and 9.1.

use std::collections::BTreeMap;

const SECTOR: usize = 2048;

/// Builds an image whose files have the given on-disk paths (`COREOS/KARGS.JSO;1`) and contents.
pub(crate) fn iso_image(volume_id: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut directories: BTreeMap<&str, u32> = BTreeMap::from([("", 18)]);
    for (path, _) in files {
        for (slash, _) in path.match_indices('/') {
            let next = 18 + directories.len() as u32;
            directories.entry(&path[..slash]).or_insert(next);
        }
    }
    let mut image = vec![0; SECTOR * (18 + directories.len())];
    let mut records: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (name, sector) in &directories {
        let own = records.entry(name).or_default();
        own.extend(record(b"\0", *sector, SECTOR, 2));
        own.extend(record(b"\x01", 18, SECTOR, 2));
    }
    for (path, sector) in directories.iter().filter(|(path, _)| !path.is_empty()) {
        let (parent, name) = split(path);
        let parent = records.get_mut(parent).unwrap();
        parent.extend(record(name.as_bytes(), *sector, SECTOR, 2));
    }
    for (path, contents) in files {
        let (parent, name) = split(path);
        let sector = (image.len() / SECTOR) as u32;
        let parent = records.get_mut(parent).unwrap();
        parent.extend(record(name.as_bytes(), sector, contents.len(), 0));
        image.extend_from_slice(contents);
        image.resize(image.len().next_multiple_of(SECTOR), 0);
    }
    for (path, bytes) in records {
        let at = directories[path] as usize * SECTOR;
        image[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    let blocks = (image.len() / SECTOR) as u32;
    let primary = &mut image[16 * SECTOR..17 * SECTOR];
    primary[..7].copy_from_slice(b"\x01CD001\x01");
    primary[40..72].fill(b' ');
    primary[40..40 + volume_id.len()].copy_from_slice(volume_id.as_bytes());
    primary[80..84].copy_from_slice(&blocks.to_le_bytes());
    primary[128..130].copy_from_slice(&[0, 8]);
    primary[156..190].copy_from_slice(&record(b"\0", 18, SECTOR, 2));
    image[17 * SECTOR..17 * SECTOR + 7].copy_from_slice(b"\xffCD001\x01");
    image
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn record(name: &[u8], sector: u32, length: usize, flags: u8) -> Vec<u8> {
    let size = (33 + name.len()).next_multiple_of(2);
    let mut bytes = vec![0; size];
    bytes[0] = size as u8;
    bytes[2..6].copy_from_slice(&sector.to_le_bytes());
    bytes[10..14].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[25] = flags;
    bytes[32] = name.len() as u8;
    bytes[33..33 + name.len()].copy_from_slice(name);
    bytes
}
