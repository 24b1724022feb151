//! A machine for tests: a stick with a real ext4 cache, disks of loop devices, and the agent on it. Needs root.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use snobox_formats::digest::Digest;
use snobox_image::pins::{
    CachePins, DiskHints, ExistingData, InstallationPins, LiveIsoPins, PartitionPins, Pins,
};
use snobox_image::seal::Sealer;

pub const MIB: u64 = 1 << 20;
/// Where the cache starts on the stick.
pub const CACHE_OFFSET: u64 = 4 * MIB;
pub const CACHE_BYTES: u64 = 24 * MIB;
pub const PARTITION_BYTES: u64 = 32 * MIB;
pub const DISK_BYTES: u64 = 96 * MIB;
pub const LABEL: &str = "data";
pub const BLOB_NAME: &str = "b10b00000000000000000000000000000000000000000000000000000000b10b";

/// A loop device over a file.
pub struct Loop {
    pub node: PathBuf,
    pub file: PathBuf,
}

pub struct Machine {
    pub folder: tempfile::TempDir,
    pub stick: Loop,
    pub disk: Loop,
    pub pins: Pins,
}

/// A GUID that nothing else has.
pub fn unique() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
    text.trim().to_owned()
}

/// Runs a program that must end well.
pub fn program(name: &str, args: &[&str]) -> String {
    let output = Command::new(name)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {args:?}: {text}{errors}");
    text
}

/// Whether this test can run; says so, or fails where it has to run.
pub fn possible() -> bool {
    let root =
        fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let tools = ["losetup", "sgdisk", "sfdisk", "mkfs.ext4", "blkid", "partx"];
    let missing: Vec<_> = tools
        .iter()
        .filter(|tool| Command::new(tool).arg("--version").output().is_err())
        .collect();
    if root && missing.is_empty() && Path::new("/dev/loop-control").exists() {
        return true;
    }
    let words = format!("root {root}, missing programs {missing:?}, loop devices needed");
    assert!(std::env::var_os("CI").is_none(), "{words}");
    println!("SKIPPED: {words}");
    false
}

impl Loop {
    pub fn new(file: PathBuf, more: &[&str]) -> Self {
        let mut args = vec!["--find", "--show"];
        args.extend(more);
        let name = file.to_str().unwrap().to_owned();
        args.push(&name);
        // Whoever else looks for a free device may be faster.
        for _ in 0..20 {
            let output = Command::new("losetup").args(&args).output().unwrap();
            if output.status.success() {
                let node = String::from_utf8(output.stdout).unwrap();
                return Self {
                    node: node.trim().into(),
                    file,
                };
            }
        }
        panic!("no free loop device for {name}");
    }

    pub fn name(&self) -> &str {
        self.node.to_str().unwrap()
    }

    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        File::open(&self.node)
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        Digest::of(&bytes)
    }

    pub fn read(&self, offset: u64, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; length as usize];
        let mut file = File::open(&self.node).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub fn write(&self, offset: u64, bytes: &[u8]) {
        let mut file = File::options().write(true).open(&self.node).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
    }

    pub fn flip(&self, offset: u64) {
        let byte = self.read(offset, 1)[0];
        self.write(offset, &[byte ^ 1]);
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("partx").arg("-d").arg(&self.node).output();
        let _ = Command::new("losetup").arg("-d").arg(&self.node).output();
    }
}

/// A cache as an image has it: ext4 with a store, and its seal.
fn stick(folder: &Path) -> (PathBuf, CachePins) {
    let tree = folder.join("tree");
    let blobs = tree.join("store/blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let noise = |length: u64, seed: u64| -> Vec<u8> {
        let mut state = seed;
        (0..length / 8)
            .flat_map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state ^ (state >> 29)).to_le_bytes()
            })
            .collect()
    };
    fs::write(blobs.join(BLOB_NAME), noise(12 * MIB, 1)).unwrap();
    fs::write(blobs.join("0".repeat(64)), noise(64 << 10, 2)).unwrap();
    let cache = folder.join("cache");
    File::create(&cache).unwrap().set_len(CACHE_BYTES).unwrap();
    let (tree, name) = (tree.to_str().unwrap(), cache.to_str().unwrap());
    program(
        "mkfs.ext4",
        &["-q", "-b", "4096", "-L", LABEL, "-d", tree, name],
    );
    let cache = fs::read(&cache).unwrap();
    let mut sealer = Sealer::default();
    sealer.update(&cache);
    let seal = sealer.finish();
    let path = folder.join("stick");
    let file = File::create(&path).unwrap();
    file.write_all_at(&cache, CACHE_OFFSET).unwrap();
    file.write_all_at(&seal, CACHE_OFFSET + CACHE_BYTES)
        .unwrap();
    file.set_len(CACHE_OFFSET + 32 * MIB).unwrap();
    let nothing = Digest::of(b"");
    let pins = CachePins {
        label: LABEL.to_owned(),
        uuid: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        offset_bytes: CACHE_OFFSET,
        size_bytes: CACHE_BYTES,
        index: nothing,
        agent: nothing,
        seal: Digest::of(&seal),
    };
    (path, pins)
}

impl Machine {
    /// `None` where this test cannot run, which is said.
    pub fn possible() -> Option<Self> {
        possible().then(Self::new)
    }

    fn new() -> Self {
        Self::with_disk(DISK_BYTES, &[])
    }

    pub fn with_disk(disk_bytes: u64, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (stick, cache) = stick(folder.path());
        let stick = Loop::new(stick, &["--read-only"]);
        let disk = Self::another_disk(folder.path(), "disk", disk_bytes, more);
        let nothing = Digest::of(b"");
        let pins = Pins::new(
            "bip",
            &"quay.io/a/b:1".parse().unwrap(),
            LiveIsoPins {
                size_bytes: 2048,
                digest: nothing,
            },
            cache,
            InstallationPins {
                disk: DiskHints {
                    path: Some(disk.name().to_owned()),
                    ..DiskHints::default()
                },
                existing_data: ExistingData::Refuse,
                partition: PartitionPins {
                    label: LABEL.to_owned(),
                    // Of its own: other tests have disks in this machine, too.
                    uuid: unique(),
                    size_bytes: PARTITION_BYTES,
                },
            },
            "",
        );
        let machine = Self {
            folder,
            stick,
            disk,
            pins,
        };
        fs::write(machine.path("cache-device"), machine.stick.name()).unwrap();
        fs::write(machine.path("cmdline"), "quiet\n").unwrap();
        machine
    }

    pub fn another_disk(folder: &Path, name: &str, bytes: u64, more: &[&str]) -> Loop {
        let file = folder.join(name);
        File::create(&file).unwrap().set_len(bytes).unwrap();
        Loop::new(file, more)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, command: &str, args: &[&str]) -> Command {
        fs::write(self.path("image.json"), self.pins.to_bytes()).unwrap();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_snobox-agent"));
        agent
            .arg("--status")
            .arg(self.path("status"))
            .arg(command)
            .arg("--image")
            .arg(self.path("image.json"))
            .arg("--cache-device-file")
            .arg(self.path("cache-device"))
            .arg("--allow-loop")
            .args(args)
            .stdin(Stdio::null());
        agent
    }

    fn disk_command(&self, args: &[&str]) -> Command {
        let mut command = self.command("disk", &["--system-minimum", "33554432"]);
        command.arg("--link").arg(self.path("link")).args(args);
        command
    }

    pub fn disk_with(&self, args: &[&str]) -> Output {
        self.disk_command(args).output().unwrap()
    }

    pub fn start_disk(&self) -> Child {
        self.disk_command(&[])
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs `disk`, which must end well; gives what it said.
    pub fn disk_ends_well(&self) -> String {
        let output = self.disk_with(&[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    /// Runs `disk`, which must fail; gives what it said.
    pub fn disk_fails(&self) -> String {
        let output = self.disk_with(&[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        assert!(fs::symlink_metadata(self.path("link")).is_err(), "{said}");
        let status = self.status("disk");
        assert!(
            status.contains("\"failed\"") && status.contains("\"action\""),
            "{status}"
        );
        said
    }

    pub fn guard(&self, args: &[&str]) -> Output {
        let mut command = self.command("guard", &[]);
        command.arg("--console").arg(self.path("console"));
        command.arg("--command-line").arg(self.path("cmdline"));
        command.arg("--efi-folder").arg(self.path("efi"));
        command.arg("--tools").arg(self.path("tools"));
        command.args(args).output().unwrap()
    }

    pub fn status(&self, component: &str) -> String {
        fs::read_to_string(self.path("status").join(format!("{component}.json"))).unwrap()
    }

    /// Where the cache's partition starts, as sgdisk says.
    pub fn partition_offset(&self, sector_bytes: u64) -> u64 {
        let entry = program("sgdisk", &["-i", "9", self.disk.name()]);
        let line = entry
            .lines()
            .find_map(|line| line.strip_prefix("First sector: "));
        let sector = line.unwrap().split(' ').next().unwrap();
        sector.parse::<u64>().unwrap() * sector_bytes
    }

    /// Cache and seal of stick and disk are the same bytes.
    pub fn assert_copied(&self, offset: u64) {
        let length = CACHE_BYTES + 4096;
        let expected = self.stick.read(CACHE_OFFSET, length);
        assert!(
            self.disk.read(offset, length) == expected,
            "the copy differs from the stick"
        );
    }

    /// The last 4096 bytes of the partition.
    pub fn record(&self, offset: u64) -> Vec<u8> {
        self.disk.read(offset + PARTITION_BYTES - 4096, 4096)
    }
}
