//! The sample images, coreos-installer, and how to run one on the other.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};
use snobox_formats::live_iso::{LiveIso, Patch, overlay};
use snobox_formats::xz::Decoder;
use tempfile::TempDir;

/// Images of the INDEX that have no `coreos/kargs.json`.
const WITHOUT_KARGS_JSON: [&str; 4] = ["2020-09", "2021-01", "2023-03.s390x", "synthetic"];

/// A program that is not there: a line on a laptop, a failure in CI.
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} is needed in CI");
    println!("SKIPPED: {what}");
}

/// A sample image, decompressed.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// All sample images; `None` after saying so if there are none.
pub(crate) fn samples() -> Option<Vec<Sample>> {
    let Some(folder) = std::env::var_os("SNOBOX_SAMPLES") else {
        skip("SNOBOX_SAMPLES is not set");
        return None;
    };
    let folder = Path::new(&folder).join("live-iso");
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut samples = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(name) = name.strip_suffix(".iso.xz") {
            let mut bytes = Vec::new();
            Decoder::new(File::open(&path).unwrap())
                .read_to_end(&mut bytes)
                .unwrap();
            let name = name.trim_start_matches("embed-areas-").to_owned();
            samples.push(Sample { name, bytes });
        }
    }
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!samples.is_empty(), "no *.iso.xz in {}", folder.display());
    Some(samples)
}

pub(crate) fn sample(name: &str) -> Option<Sample> {
    let found = samples()?.into_iter().find(|sample| sample.name == name);
    Some(found.unwrap_or_else(|| panic!("no sample {name}")))
}

/// Runs a test on every sample that must have `coreos/kargs.json`, with coreos-installer; at least three.
pub(crate) fn for_each_image(test: impl Fn(&Oracle, &[u8])) {
    let (Some(samples), Some(program)) = (samples(), program()) else {
        return;
    };
    let mut count = 0;
    for sample in samples {
        if !WITHOUT_KARGS_JSON.contains(&sample.name.as_str()) {
            println!("image {}", sample.name);
            test(&Oracle::new(&program, &sample.bytes), &sample.bytes);
            count += 1;
        }
    }
    assert!(count >= 3, "only {count} images");
}

/// coreos-installer; `None` after saying so if there is none.
pub(crate) fn program() -> Option<PathBuf> {
    let named = std::env::var_os("SNOBOX_COREOS_INSTALLER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("coreos-installer"))
            .find(|candidate| candidate.is_file())
    });
    if found.is_none() {
        skip("coreos-installer is neither in SNOBOX_COREOS_INSTALLER nor in PATH");
    }
    found
}

/// An image in a folder of its own, which coreos-installer and the code under test change in turn.
pub(crate) struct Oracle {
    program: PathBuf,
    folder: TempDir,
}

impl Oracle {
    pub(crate) fn new(program: &Path, image: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("image.iso"), image).unwrap();
        Self {
            program: program.to_owned(),
            folder,
        }
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn image_path(&self) -> PathBuf {
        self.folder.path().join("image.iso")
    }

    pub(crate) fn image(&self) -> Vec<u8> {
        fs::read(self.image_path()).unwrap()
    }

    pub(crate) fn sha256(&self) -> Vec<u8> {
        sha256(&self.image())
    }

    /// What the code under test reads from the image as it is now.
    pub(crate) fn read(&self) -> LiveIso {
        LiveIso::read(&mut File::open(self.image_path()).unwrap()).unwrap()
    }

    pub(crate) fn apply(&self, patches: &[Patch]) {
        let mut image = self.image();
        let length = image.len();
        overlay(patches, 0, &mut image);
        assert_eq!(image.len(), length);
        fs::write(self.image_path(), image).unwrap();
    }

    /// Writes a file next to the image, for coreos-installer to read.
    pub(crate) fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Runs coreos-installer on the image, which must succeed; returns its output.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Vec<u8> {
        let output = self.try_run(arguments);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "coreos-installer: {talk}");
        output.stdout
    }

    /// As [`Self::run`]; it may fail.
    pub(crate) fn try_run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg(self.image_path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `coreos-installer pxe ...` with data on its standard input.
    pub(crate) fn pipe(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "coreos-installer {arguments:?}");
        output.stdout
    }

    pub(crate) fn kargs(&self) -> String {
        text(&self.run(&["iso", "kargs", "show"]))
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    let text = str::from_utf8(bytes).unwrap();
    text.strip_suffix('\n').unwrap_or(text).to_owned()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

pub(crate) fn read(image: &[u8]) -> LiveIso {
    LiveIso::read(&mut Cursor::new(image)).unwrap()
}

/// Bytes that do not compress (xorshift64).
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect()
}
