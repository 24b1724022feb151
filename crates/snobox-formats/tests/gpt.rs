//! The GPT writer against sgdisk and sfdisk, and the reader against what sgdisk writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use snobox_formats::gpt::{
    Contents, Guid, LINUX_FILE_SYSTEM, NewPartition, Soundness, Table, read,
};

const DISK: u64 = 64 << 20;

fn program(name: &str, args: &[&str]) -> Option<String> {
    match Command::new(name).args(args).env("LC_ALL", "C").output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name} {args:?}: {text}");
            Some(text)
        }
        Err(error) if std::env::var_os("CI").is_some() => panic!("{name}: {error}"),
        Err(error) => {
            println!("SKIPPED: {name}: {error}");
            None
        }
    }
}

fn guid(text: &str) -> Guid {
    text.parse().unwrap()
}

fn table(sector_bytes: u64) -> Table {
    let disk = guid("5b1e6b52-0f4c-4f4b-8a0c-7b9d3a9e0001");
    let mut table = Table::new(sector_bytes, DISK, disk).unwrap();
    table
        .add_at_end(&NewPartition {
            number: 9,
            kind: LINUX_FILE_SYSTEM,
            guid: guid("01234567-89ab-cdef-0123-456789abcdef"),
            name: "größe data",
            size_bytes: 8 << 20,
            alignment_bytes: 1 << 20,
        })
        .unwrap();
    table
}

fn write(path: &Path, table: &Table) {
    let mut file = File::create(path).unwrap();
    file.set_len(DISK).unwrap();
    for patch in table.patches() {
        file.seek(SeekFrom::Start(patch.offset_bytes)).unwrap();
        file.write_all(&patch.bytes).unwrap();
    }
}

#[test]
fn sgdisk_and_sfdisk_find_no_fault_in_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let name = path.to_str().unwrap();
    write(&path, &table(512));
    let Some(verdict) = program("sgdisk", &["-v", name]) else {
        return;
    };
    assert!(verdict.contains("No problems found"), "{verdict}");
    let entry = program("sgdisk", &["-i", "9", name]).unwrap();
    for line in [
        "Partition GUID code: 0FC63DAF-8483-4772-8E79-3D69D8477DE4 (Linux filesystem)",
        "Partition unique GUID: 01234567-89AB-CDEF-0123-456789ABCDEF",
        "First sector: 112640 (at 55.0 MiB)",
        "Partition size: 16384 sectors (8.0 MiB)",
        "Partition name: 'größe data'",
    ] {
        assert!(entry.contains(line), "{line} is not in {entry}");
    }
    if let Some(verdict) = program("sfdisk", &["--verify", name]) {
        assert!(verdict.contains("No errors detected"), "{verdict}");
        let json = program("sfdisk", &["--json", name]).unwrap();
        assert!(json.contains("\"label\": \"gpt\"") || json.contains("\"label\":\"gpt\""));
        assert!(
            json.contains("01234567-89AB-CDEF-0123-456789ABCDEF"),
            "{json}"
        );
    }
}

#[test]
fn a_table_for_sectors_of_4096_bytes_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    write(&path, &table(4096));
    let mut file = File::open(&path).unwrap();
    let found = read(&mut file, DISK, 4096).unwrap();
    let table = table(4096);
    let soundness = Soundness::Whole;
    assert_eq!(found, Contents::Gpt { table, soundness });
}

#[test]
fn tables_of_sgdisk_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    File::create(&path).unwrap().set_len(DISK).unwrap();
    let name = path.to_str().unwrap();
    let layout = [
        "-n",
        "1:2048:+1M",
        "-c",
        "1:BIOS-BOOT",
        "-t",
        "1:ef02",
        "-n",
        "4:0:+8M",
        "-c",
        "4:root",
        "-u",
        "4:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        name,
    ];
    if program("sgdisk", &layout).is_none() {
        return;
    }
    let mut file = File::open(&path).unwrap();
    let Contents::Gpt { table, soundness } = read(&mut file, DISK, 512).unwrap() else {
        panic!("no GPT was found");
    };
    assert_eq!(soundness, Soundness::Whole);
    let found: Vec<_> = table
        .partitions
        .iter()
        .map(|p| (p.number, p.name.as_str(), p.first_lba, p.last_lba))
        .collect();
    let expected = [(1, "BIOS-BOOT", 2048, 4095), (4, "root", 4096, 20479)];
    assert_eq!(found, expected);
    let root = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    assert_eq!(table.partitions[1].guid.to_string(), root);
}
