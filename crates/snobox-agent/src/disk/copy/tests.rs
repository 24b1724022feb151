//! Copying between files: what is kept, what is written, and what is found afterwards.

use std::path::Path;

use snobox_image::pins::{CachePins, format_uuid};
use snobox_image::seal::{PIECE_BYTES, Sealer};

use super::*;
use crate::disk::device::Block;

const START: u64 = 4096;
/// Three pieces and a short one.
const CACHE: u64 = 3 * PIECE_BYTES + 8192;

/// A stick with a cache of bytes that differ from piece to piece.
fn stick(folder: &Path) -> CachePins {
    let cache: Vec<u8> = (0..CACHE).map(|n| (n / 4096 % 251) as u8).collect();
    let mut sealer = Sealer::default();
    sealer.update(&cache);
    let seal = sealer.finish();
    let zeros = vec![0; START as usize];
    std::fs::write(folder.join("stick"), [&zeros[..], &cache, &seal].concat()).unwrap();
    std::fs::write(folder.join("disk"), vec![0xff; 8 << 20]).unwrap();
    let unused = Digest::of(b"");
    CachePins {
        label: "data".to_owned(),
        uuid: format_uuid(&[1; 16]),
        offset_bytes: START,
        size_bytes: CACHE,
        index: unused,
        agent: unused,
        seal: Digest::of(&seal),
    }
}

fn flip(path: &Path, at: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at as usize] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn only_what_differs_is_written_and_a_flipped_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let pins = stick(folder.path());
    let source = Source::open(&folder.path().join("stick"), &pins).unwrap();
    let path = folder.path().join("disk");
    let disk = Block::claim(&path).unwrap();
    let partition = disk.window(1 << 20, 6 << 20).unwrap();
    let mut seen = 0;
    let first = copy(&source, &partition, false, &mut |_| seen += 1).unwrap();
    assert_eq!((first.written, first.kept, seen), (4, 0, 4));
    read_back(&source, &partition, "disk", &mut |_| {}).unwrap();
    let stick = std::fs::read(folder.path().join("stick")).unwrap();
    let copied = std::fs::read(&path).unwrap();
    let whole = stick.len() - START as usize;
    assert!(copied[1 << 20..(1 << 20) + whole] == stick[START as usize..]);
    assert!(
        copied[..1 << 20]
            .iter()
            .chain(&copied[7 << 20..])
            .all(|b| *b == 0xff)
    );

    flip(&path, (1 << 20) + PIECE_BYTES + 5);
    let error = read_back(&source, &partition, "disk", &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, CopyError::ReadBack { piece: 2, .. }),
        "{error}"
    );
    let again = copy(&source, &partition, true, &mut |_| {}).unwrap();
    assert_eq!((again.written, again.kept), (1, 3));
    read_back(&source, &partition, "disk", &mut |_| {}).unwrap();

    flip(&path, (1 << 20) + CACHE + 30);
    let error = read_back(&source, &partition, "disk", &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, CopyError::ReadBack { piece: 5, .. }),
        "{error}"
    );
}

#[test]
fn a_damaged_piece_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let pins = stick(folder.path());
    let stick = folder.path().join("stick");
    flip(&stick, START + 2 * PIECE_BYTES);
    let source = Source::open(&stick, &pins).unwrap();
    let path = folder.path().join("disk");
    let disk = Block::claim(&path).unwrap();
    let partition = disk.window(1 << 20, 6 << 20).unwrap();
    let error = copy(&source, &partition, false, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("piece 3 of 4 of its cache, at byte 2101248 of the stick"),
        "{error}"
    );
    let written = std::fs::read(&path).unwrap();
    assert!(written[3 << 20..4 << 20].iter().all(|b| *b == 0xff));
}

#[test]
fn a_stick_with_another_seal_is_refused_and_a_record_is_taken_away_first() {
    let folder = tempfile::tempdir().unwrap();
    let pins = stick(folder.path());
    let stick = folder.path().join("stick");
    let source = Source::open(&stick, &pins).unwrap();
    let path = folder.path().join("disk");
    let disk = Block::claim(&path).unwrap();
    let partition = disk.window(1 << 20, 6 << 20).unwrap();
    let record = record::Record {
        state: record::State::Copied,
        image: pins.uuid.clone(),
        site: "bip".to_owned(),
    };
    write_record(&partition, &record).unwrap();
    let end = || std::fs::read(&path).unwrap()[(7 << 20) - record::BYTES..7 << 20].to_vec();
    assert_eq!(record::Record::parse(&end()), Some(record));
    flip(&stick, START);
    assert!(copy(&source, &partition, false, &mut |_| {}).is_err());
    assert_eq!(record::Record::parse(&end()), None);

    flip(&stick, START + CACHE + 30);
    let error = Source::open(&stick, &pins).unwrap_err();
    assert!(matches!(error, SourceError::Seal { .. }), "{error}");
}
