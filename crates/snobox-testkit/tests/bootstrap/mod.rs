//! Makes bootstrap Ignition configs with the installer stand-in, and takes them apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use snobox_testkit::installer::{Environment, InstallerError, run};
use snobox_testkit::practice::{SSH_KEY, pull_secret};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The release pull spec that tests use.
pub(crate) const RELEASE: &str = "quay.io/openshift-release-dev/ocp-release@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// An install config for a single node, with `extra` top-level lines.
pub(crate) fn install_config(extra: &str) -> String {
    format!(
        "\
apiVersion: v1
baseDomain: example.test
metadata:
  name: bip
compute:
- name: worker
  replicas: 0
controlPlane:
  name: master
  replicas: 1
networking:
  machineNetwork:
  - cidr: 192.168.86.0/24
platform:
  none: {{}}
bootstrapInPlace:
  installationDisk: \"--save-partlabel 'data*' /dev/sda\"
pullSecret: '{}'
sshKey: {SSH_KEY}
{extra}",
        pull_secret()
    )
}

/// Runs the installer on `dir` at `now`; returns its log.
pub(crate) fn installer_at(
    dir: &Path,
    words: &[&str],
    now: SystemTime,
) -> Result<String, InstallerError> {
    let mut args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    args.push(format!("--dir={}", dir.display()));
    let environment = Environment {
        now,
        release_image: Some(RELEASE.to_owned()),
    };
    let mut log = Vec::new();
    run(&args, &environment, &mut log)?;
    Ok(String::from_utf8(log).unwrap())
}

/// Runs the installer on `dir` now.
pub(crate) fn installer(dir: &Path, words: &[&str]) -> Result<String, InstallerError> {
    installer_at(dir, words, SystemTime::now() - Duration::from_secs(60))
}

/// The bootstrap config of `dir`.
pub(crate) fn config(dir: &Path) -> Value {
    let text = fs::read(dir.join("bootstrap-in-place-for-live-iso.ign")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The bytes of a base64 data URL.
pub(crate) fn decode(url: &str) -> Vec<u8> {
    let (_, text) = url.split_once(";base64,").unwrap();
    STANDARD.decode(text).unwrap()
}

/// Path → content of every file of an Ignition config.
pub(crate) fn files(config: &Value) -> BTreeMap<String, Vec<u8>> {
    config["storage"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let source = file
                .pointer("/contents/source")
                .or_else(|| file.pointer("/append/0/source"));
            (
                file["path"].as_str().unwrap().to_owned(),
                decode(source.unwrap().as_str().unwrap()),
            )
        })
        .collect()
}

/// Path, mode, owner and way of every file, and name, enabled and drop-ins of every unit: what a config looks like
/// without what is in it.
pub(crate) fn shape(config: &Value) -> Vec<String> {
    let mut shape: Vec<String> = config["storage"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let append = file.get("append").is_some();
            format!(
                "{} {:o} {} overwrite {} append {append}",
                file["path"],
                file["mode"].as_u64().unwrap(),
                file["user"]["name"],
                file["overwrite"]
            )
        })
        .collect();
    shape.extend(
        config["systemd"]["units"]
            .as_array()
            .unwrap()
            .iter()
            .map(|unit| {
                let drop_ins: Vec<_> = unit["dropins"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|file| &file["name"])
                    .collect();
                let contents = unit["contents"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty());
                format!(
                    "{} {} {drop_ins:?} {contents}",
                    unit["name"], unit["enabled"]
                )
            }),
    );
    shape.sort();
    shape
}

/// Every certificate of an Ignition config as (where, PEM): in the open, or in base64, any number of times.
pub(crate) fn certificates(config: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, content) in files(config) {
        search(&path, &String::from_utf8_lossy(&content), &mut found);
    }
    found
}

fn search(place: &str, text: &str, found: &mut Vec<(String, String)>) {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    for piece in text.split(BEGIN).skip(1) {
        let (body, _) = piece.split_once(END).unwrap();
        // In YAML the lines are indented.
        let body: String = body
            .split_whitespace()
            .map(|line| format!("{line}\n"))
            .collect();
        found.push((place.to_owned(), format!("{BEGIN}\n{body}{END}\n")));
    }
    for word in text
        .split(|character: char| !(character.is_ascii_alphanumeric() || "+/=".contains(character)))
    {
        if word.len() > 500
            && let Ok(inner) = STANDARD.decode(word)
            && let Ok(inner) = String::from_utf8(inner)
        {
            search(&format!("{place}>b64"), &inner, found);
        }
    }
}
