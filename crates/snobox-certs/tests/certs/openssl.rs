//! The judge: openssl, started as a program.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use snobox_certs::{Text, Zeroizing};
use snobox_testkit::installer::{Environment, run};
use tempfile::TempDir;

pub(crate) const DAY: i64 = 86_400;

fn skip(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "needed in CI: {what}");
    println!("SKIPPED: {what}");
}

/// Whether there is a judge.
pub(crate) fn is_there() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    if !there {
        skip("openssl is not in PATH");
    }
    there
}

pub(crate) fn try_run<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Output {
    Command::new("openssl")
        .args(args)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
pub(crate) fn run_in(folder: &Path, line: &str) -> String {
    let args: Vec<_> = line.split(' ').collect();
    let output = try_run(folder, &args);
    assert!(
        output.status.success(),
        "openssl {line}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Seconds since 1970 of `notBefore` or `notAfter` of a file's first certificate.
pub(crate) fn moment(folder: &Path, file: &str, field: &str) -> i64 {
    let line = format!("x509 -noout -dates -dateopt iso_8601 -in {file}");
    let said = run_in(folder, &line);
    let mut fields = said.lines().filter_map(|line| line.split_once('='));
    let (_, text) = fields.find(|(name, _)| *name == field).unwrap();
    let form = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    let moment = time::PrimitiveDateTime::parse(text, form).unwrap();
    moment.assume_utc().unix_timestamp()
}

pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

pub(crate) fn text(path: &str, bytes: impl AsRef<[u8]>) -> Text {
    Text {
        path: path.to_owned(),
        bytes: Zeroizing::new(bytes.as_ref().to_vec()),
    }
}

/// The ignitions of real installers.
pub(crate) fn samples() -> Vec<PathBuf> {
    let Some(root) = std::env::var_os("SNOBOX_SAMPLES") else {
        skip("SNOBOX_SAMPLES is not set");
        return Vec::new();
    };
    let folder = Path::new(&root).join("installer-ignition");
    let entries = fs::read_dir(&folder).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "ign"))
        .collect();
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    found
}

/// The practice installer's ignition, made at `now`.
pub(crate) fn practice(now: SystemTime) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let config = "apiVersion: v1\nbaseDomain: example.test\nmetadata: {name: bip}\ncompute: [{name: worker, replicas: 0}]\n\
        controlPlane: {name: master, replicas: 1}\nnetworking: {networkType: OVNKubernetes, machineNetwork: [{cidr: 192.168.86.0/24}]}\n\
        platform: {none: {}}\nbootstrapInPlace: {installationDisk: /dev/sda}\npullSecret: '{\"auths\":{\"quay.io\":{\"auth\":\"dTpw\"}}}'\n\
        sshKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtN7Pz7k0JnYHvUuWpJr1gq6V6Jm9vXo3C1Kj0g6e1x a\n";
    fs::write(folder.path().join("install-config.yaml"), config).unwrap();
    let args = ["create", "single-node-ignition-config", "--dir"].map(str::to_owned);
    let dir = folder.path().to_str().unwrap().to_owned();
    let environment = Environment {
        now,
        release_image: None,
    };
    let mut said = Vec::new();
    run(&[&args[..], &[dir]].concat(), &environment, &mut said)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&said)));
    fs::read(folder.path().join("bootstrap-in-place-for-live-iso.ign")).unwrap()
}

/// All ignitions, with their names.
pub(crate) fn ignitions() -> Vec<(String, Vec<u8>)> {
    let named = |path: PathBuf| (path.display().to_string(), fs::read(path).unwrap());
    let mut all: Vec<_> = samples().into_iter().map(named).collect();
    all.push((
        "practice".to_owned(),
        practice(SystemTime::now() - Duration::from_secs(60)),
    ));
    all
}

/// How many certificates an ignition has, and in how many places: counted by another program.
pub(crate) fn counted(name: &str) -> (usize, usize) {
    if name.contains("trust-bundle") || name.contains("4.13") {
        // With the user's trust bundle, in three places.
        (25, 65)
    } else {
        (24, 62)
    }
}

/// The files of an ignition, decoded by `base64` of a JSON reader: not by the code under test.
pub(crate) fn files(ignition: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let config: Value = serde_json::from_slice(ignition).unwrap();
    let mut files = BTreeMap::new();
    for file in config["storage"]["files"].as_array().unwrap() {
        let Some(source) = file["contents"]["source"].as_str() else {
            continue;
        };
        let bytes = snobox_formats::ignition::decode_data_url(source).unwrap();
        files.insert(file["path"].as_str().unwrap().to_owned(), bytes);
    }
    files
}

/// The files of an ignition on disk, with openssl at hand.
pub(crate) struct Unpacked {
    folder: TempDir,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Unpacked {
    pub(crate) fn of(ignition: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let files = files(ignition);
        for (path, bytes) in &files {
            let path = folder.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self { folder, files }
    }

    pub(crate) fn tls(&self) -> PathBuf {
        self.folder.path().join("opt/openshift/tls")
    }

    /// Seconds since 1970 of `notBefore` or `notAfter` of a file's first certificate.
    pub(crate) fn moment(&self, file: &str, field: &str) -> i64 {
        moment(&self.tls(), file, field)
    }

    /// `openssl verify` at a moment, in the folder `tls`; the words when it fails.
    pub(crate) fn verify(
        &self,
        at: i64,
        bundle: &str,
        extra: &str,
        file: &str,
    ) -> Result<(), String> {
        let line = format!("verify -x509_strict -attime {at} -CAfile {bundle} {extra} {file}");
        let args: Vec<_> = line.split_whitespace().collect();
        let output = try_run(&self.tls(), &args);
        let said = [output.stdout, output.stderr].concat();
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{line}: {}", String::from_utf8_lossy(&said)))
        }
    }
}

/// Every PEM certificate of a text as (place, PEM): in the open, or in base64, any number of times. Not by the code under test.
pub(crate) fn certificates(place: &str, text: &str, found: &mut Vec<(String, String)>) {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    for piece in text.split(BEGIN).skip(1) {
        let (body, _) = piece.split_once(END).unwrap();
        let lines: Vec<_> = body.split_whitespace().collect();
        let pem = format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"));
        found.push((place.to_owned(), pem));
    }
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c))) {
        if word.len() > 500
            && let Ok(inner) = STANDARD.decode(word)
            && let Ok(inner) = String::from_utf8(inner)
        {
            certificates(&format!("{place}>b64"), &inner, found);
        }
    }
}

/// What openssl says of each certificate: place, and `fields` such as `-subject -pubkey`; sorted.
pub(crate) fn described(files: &BTreeMap<String, Vec<u8>>, fields: &str) -> Vec<(String, String)> {
    let folder = TempDir::new().unwrap();
    let mut found = Vec::new();
    for (path, bytes) in files {
        certificates(path, &String::from_utf8_lossy(bytes), &mut found);
    }
    let mut known = BTreeMap::new();
    let describe = |(place, pem): (String, String)| {
        let text = known.entry(pem).or_insert_with_key(|pem| {
            fs::write(folder.path().join("c.pem"), pem).unwrap();
            run_in(folder.path(), &format!("x509 -noout {fields} -in c.pem"))
        });
        (place, text.clone())
    };
    let mut all: Vec<_> = found.into_iter().map(describe).collect();
    all.sort();
    all
}
