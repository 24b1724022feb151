//! Planned images written to sparse files, and the programs that judge them.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use snobox_formats::ext4::{self, Ext4Image, FileEntry, FsOptions};
use tempfile::TempDir;

/// 2020-09-13T12:26:40Z.
pub const TIMESTAMP: u32 = 1_600_000_000;
pub const UUID: [u8; 16] = *b"\x6f\x1d\x4c\x2e\x9a\x01\x4b\x77\x83\x5c\x00\xff\x10\x20\x30\x40";
pub const UUID_TEXT: &str = "6f1d4c2e-9a01-4b77-835c-00ff10203040";

pub fn options() -> FsOptions {
    FsOptions {
        label: "SNOBOX-CACHE".to_owned(),
        uuid: UUID,
        timestamp: TIMESTAMP,
    }
}

pub fn file(path: &str, size_bytes: u64) -> FileEntry {
    FileEntry {
        path: path.to_owned(),
        size_bytes,
        mode: 0o644,
    }
}

/// The bytes of a file: they differ from file to file, from block to block and within a block.
pub fn content(entry: &FileEntry) -> Vec<u8> {
    content_chunks(entry).flatten().collect()
}

/// The same in pieces of 1 MiB, but for the last.
pub fn content_chunks(entry: &FileEntry) -> impl Iterator<Item = Vec<u8>> {
    const CHUNK: u64 = 1 << 20;
    let add = |seed: u64, byte: u8| seed.wrapping_mul(31).wrapping_add(byte.into());
    let seed = entry.path.bytes().fold(1, add);
    let byte = move |at: u64| ((at ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    let size = entry.size_bytes;
    (0..size.div_ceil(CHUNK)).map(move |chunk| {
        (chunk * CHUNK..size.min((chunk + 1) * CHUNK))
            .map(byte)
            .collect()
    })
}

/// Whether the data of the files is written, or left as holes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Data {
    Written,
    Holes,
}

/// An image in a temporary file.
pub struct OnDisk {
    pub image: Ext4Image,
    pub path: PathBuf,
    _folder: TempDir,
}

impl OnDisk {
    pub fn new(files: &[FileEntry], options: &FsOptions, data: Data) -> Self {
        let image = ext4::plan(files, options).unwrap();
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("cache.img");
        let disk = File::create_new(&path).unwrap();
        disk.set_len(image.size_bytes()).unwrap();
        let mut end = 0;
        for run in image.metadata() {
            assert!(
                run.offset_bytes >= end,
                "runs are in ascending order and do not overlap"
            );
            end = run.offset_bytes + run.bytes.len() as u64;
            disk.write_all_at(&run.bytes, run.offset_bytes).unwrap();
        }
        assert!(
            end <= image.data_offset_bytes(),
            "metadata reaches into the data"
        );
        for (entry, placed) in files.iter().zip(image.files()) {
            assert_eq!(
                (&entry.path, entry.size_bytes),
                (&placed.path, placed.size_bytes)
            );
            assert_eq!(placed.offset_bytes % 4096, 0);
            if data == Data::Written {
                disk.write_all_at(&content(entry), placed.offset_bytes)
                    .unwrap();
            }
        }
        assert_eq!(
            disk.metadata().unwrap().len(),
            image.size_bytes(),
            "data reaches beyond the image"
        );
        Self {
            image,
            path,
            _folder: folder,
        }
    }

    /// e2fsck must exit with 0 and print nothing but its passes and the summary.
    pub fn assert_e2fsck_is_silent(&self) {
        let Some(mut program) = program("e2fsck") else {
            return;
        };
        let output = run(program.arg("-fn").arg(&self.path));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let text = format!("{stdout}\n{stderr}");
        assert!(output.status.success(), "{text}");
        let passes = stdout
            .lines()
            .filter(|line| line.starts_with("Pass "))
            .count();
        let others: Vec<_> = stdout
            .lines()
            .filter(|line| !line.starts_with("Pass "))
            .collect();
        assert_eq!(passes, 5, "{text}");
        assert_eq!(others.len(), 1, "{text}");
        assert!(others[0].starts_with("SNOBOX-CACHE: "), "{text}");
        assert!(others[0].contains("(0.0% non-contiguous)"), "{text}");
        assert!(
            stderr.lines().all(|line| line.starts_with("e2fsck 1.")),
            "{text}"
        );
    }

    /// The answer of debugfs, or `None` if it is not installed.
    pub fn debugfs(&self, request: &str) -> Option<String> {
        let output = run(program("debugfs")?.args(["-R", request]).arg(&self.path));
        assert!(output.status.success());
        Some(String::from_utf8(output.stdout).unwrap())
    }

    /// The value that `dumpe2fs -h` prints for each of `names`, or `None` if it is not installed.
    pub fn dumpe2fs<const N: usize>(&self, names: [&str; N]) -> Option<[String; N]> {
        let output = run(program("dumpe2fs")?.arg("-h").arg(&self.path));
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        Some(names.map(|name| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("dumpe2fs prints no {name:?}:\n{text}"))
                .trim()
                .to_owned()
        }))
    }
}

/// A program of e2fsprogs. If it is missing, says so, or fails in CI.
pub fn program(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    let Some(found) = found else {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed");
        skipped(&format!("{name} is not installed"));
        return None;
    };
    let mut command = Command::new(found);
    command
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(std::process::Stdio::null());
    Some(command)
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Says loudly, past the capture of the test harness, that an assertion was not made.
#[expect(
    clippy::explicit_write,
    reason = "the harness captures eprintln! and shows it for failures only"
)]
pub fn skipped(reason: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "SKIPPED: {reason}").unwrap();
}

pub fn is_root() -> bool {
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}
