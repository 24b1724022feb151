//! The files of a live system as Ignition leaves them, and the agent that is started on them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use snobox_formats::ignition::Ignition;
use snobox_testkit::installer::{Environment, run};
use tempfile::TempDir;

pub const DAY: i64 = 86_400;
/// 2030-01-01 00:00:00 UTC: when the practice installer was run.
pub const MADE: i64 = 1_893_456_000;

const INSTALL_CONFIG: &str = "apiVersion: v1\nbaseDomain: example.test\nmetadata: {name: bip}\ncompute: [{name: worker, replicas: 0}]\n\
    controlPlane: {name: master, replicas: 1}\nnetworking: {networkType: OVNKubernetes, machineNetwork: [{cidr: 192.168.86.0/24}]}\n\
    platform: {none: {}}\nbootstrapInPlace: {installationDisk: /dev/sda}\npullSecret: '{\"auths\":{\"quay.io\":{\"auth\":\"dTpw\"}}}'\n\
    sshKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtN7Pz7k0JnYHvUuWpJr1gq6V6Jm9vXo3C1Kj0g6e1x a\n";
const PINS: &str = r#"{"apiVersion":"snobox.io/v1alpha1","kind":"Image"}"#;

static IGNITION: LazyLock<Vec<u8>> = LazyLock::new(|| ignition(MADE));

fn ignition(made: i64) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("install-config.yaml"), INSTALL_CONFIG).unwrap();
    let dir = folder.path().to_str().unwrap();
    let args = ["create", "single-node-ignition-config", "--dir", dir].map(str::to_owned);
    let environment = Environment {
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(made as u64),
        release_image: None,
    };
    run(&args, &environment, &mut Vec::new()).unwrap();
    fs::read(folder.path().join("bootstrap-in-place-for-live-iso.ign")).unwrap()
}

/// A live system.
pub struct Live {
    folder: TempDir,
}

/// How a run of the agent ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stderr: String,
    pub report: Value,
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.insert(name, path);
        }
    }
}

impl Live {
    /// `None` where there is no judge.
    pub fn new() -> Option<Self> {
        Self::of(&IGNITION)
    }

    /// Made at another moment.
    pub fn made(made: i64) -> Option<Self> {
        Self::of(&ignition(made))
    }

    fn of(ignition: &[u8]) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "openssl is needed in CI");
            println!("SKIPPED: openssl is not in PATH");
            return None;
        }
        let live = Self {
            folder: TempDir::new().unwrap(),
        };
        for file in Ignition::parse(ignition).unwrap().files() {
            let Some(name) = file.path().strip_prefix("/opt/openshift/") else {
                continue;
            };
            let path = live.root().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file.contents().unwrap()).unwrap();
            let mode = fs::Permissions::from_mode(file.mode().unwrap() as u32);
            fs::set_permissions(&path, mode).unwrap();
        }
        let pins = pins();
        fs::write(live.folder.path().join("image.json"), pins).unwrap();
        Some(live)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("openshift")
    }

    /// Contents of every file but the agent's own, by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files_with_journal();
        files.retain(|path, _| !path.starts_with(".snobox-certs"));
        files
    }

    pub fn files_with_journal(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        walk(&self.root(), &self.root(), &mut found);
        let read = |(name, path): (String, PathBuf)| (name, fs::read(path).unwrap());
        found.into_iter().map(read).collect()
    }

    /// Mode and owner of every file.
    pub fn modes(&self) -> BTreeMap<String, (u32, u32, u32)> {
        let mut found = BTreeMap::new();
        walk(&self.root(), &self.root(), &mut found);
        let read = |(name, path): (String, PathBuf)| {
            let metadata = fs::metadata(path).unwrap();
            (name, (metadata.mode(), metadata.uid(), metadata.gid()))
        };
        found.into_iter().map(read).collect()
    }

    pub fn damage_pins(&self) {
        fs::write(self.folder.path().join("image.json"), PINS).unwrap();
    }

    fn agent(&self, more: &[&str]) -> Command {
        let inside = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_snobox-agent"));
        command.arg("--status").arg(inside("status"));
        command.arg("certs").arg("--root").arg(self.root());
        command.arg("--image").arg(inside("image.json"));
        command.args(more);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Runs the agent with this on the clock.
    pub fn run(&self, clock: i64, more: &[&str]) -> Said {
        let clock = clock.to_string();
        self.run_as_it_is(&[&["--clock", &clock], more].concat())
    }

    /// Runs the agent with the machine's clock.
    pub fn run_as_it_is(&self, args: &[&str]) -> Said {
        let output = self.agent(args).output().unwrap();
        let report = fs::read(self.folder.path().join("status/certs.json")).unwrap();
        Said {
            code: output.status.code().unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            report: serde_json::from_slice(&report).unwrap(),
        }
    }

    /// Starts the agent and kills it.
    pub fn kill_after(&self, clock: i64, after: Duration) {
        let mut child = self
            .agent(&["--clock", &clock.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(after);
        // It may have ended already.
        child.kill().ok();
        child.wait().unwrap();
    }

    fn openssl(&self, line: &str) -> Output {
        let mut command = Command::new("openssl");
        command
            .args(line.split(' '))
            .current_dir(self.root().join("tls"));
        command.env("LC_ALL", "C").output().unwrap()
    }

    pub fn verifies(&self, authority: &str, leaf: &str, at: i64) -> bool {
        let line = format!("verify -attime {at} -CAfile {authority} {leaf}");
        self.openssl(&line).status.success()
    }

    /// `notBefore` or `notAfter` of a file's first certificate, in seconds since 1970.
    pub fn moment(&self, file: &str, field: &str) -> i64 {
        let output = self.openssl(&format!("x509 -noout -dates -in {file}"));
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        let (_, date) = lines.find(|(name, _)| *name == field).unwrap();
        let output = Command::new("date")
            .args(["-u", "-d", date, "+%s"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }
}

/// The pins of an image.
fn pins() -> Vec<u8> {
    use snobox_formats::digest::Digest;
    use snobox_image::pins::{
        CachePins, DiskHints, ExistingData, InstallationPins, LiveIsoPins, PartitionPins, Pins,
    };
    let nothing = Digest::of(b"");
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let cache = CachePins {
        label: "data".to_owned(),
        uuid: uuid.to_owned(),
        offset_bytes: 1 << 20,
        size_bytes: 1 << 20,
        index: nothing,
        agent: nothing,
        seal: nothing,
    };
    let installation = InstallationPins {
        disk: DiskHints::default(),
        existing_data: ExistingData::Refuse,
        partition: PartitionPins {
            label: "data".to_owned(),
            uuid: uuid.to_owned(),
            size_bytes: 1 << 30,
        },
    };
    let live_iso = LiveIsoPins {
        size_bytes: 2048,
        digest: nothing,
    };
    let release = "quay.io/a/b:1".parse().unwrap();
    Pins::new("bip", &release, live_iso, cache, installation, "").to_bytes()
}
