//! `snobox init` from outside, where nobody can be asked: what it writes, refuses and leaves alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const CANARY: &str = "hunter2-canary";
/// Its `auth` is base64 of `user:hunter2-canary`.
const SECRET: &str =
    r#"{"auths":{"quay.io":{"auth":"dXNlcjpodW50ZXIyLWNhbmFyeQ==","email":"hunter2-canary@x"}}}"#;
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO3ZRQL20dmazpotqFXIGMAEv+fie6vWyKT1n65UjGh3 me@here";

const FLAGS: [&str; 12] = [
    "--name",
    "bip",
    "--release-version",
    "4.13.1",
    "--base-domain",
    "example.com",
    "--pull-secret-file",
    "secret.json",
    "--ssh-key-file",
    "key.pub",
    "--disk",
    "/dev/sda",
];

struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

fn snobox(folder: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snobox"));
    let output = command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(
        !stdout.contains(CANARY) && !stderr.contains(CANARY),
        "{stdout}{stderr}"
    );
    Ended {
        status: output.status.code().unwrap(),
        stdout,
        stderr,
    }
}

fn init(folder: &Path, args: &[&str]) -> Ended {
    snobox(folder, &[&["init"], args].concat())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn install_config(folder: &Path) {
    let text = format!(
        "apiVersion: v1\nbaseDomain: example.com\nmetadata: {{ name: bip }}\nplatform: {{ none: {{}} }}\nproxy: {{}}\n\
         bootstrapInPlace: {{ installationDisk: --save-partlabel data /dev/sda }}\npullSecret: '{SECRET}'\nsshKey: {KEY}\n"
    );
    fs::write(folder.join("install-config.yaml"), text).unwrap();
}

#[test]
fn what_init_writes_check_accepts() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("secret.json"), SECRET).unwrap();
    fs::write(folder.path().join("key.pub"), KEY).unwrap();
    let network = [
        "--interface",
        "enp0s25",
        "--address",
        "192.168.86.45/24",
        "--gateway",
        "192.168.86.1",
        "--dns",
        "192.168.86.27",
    ];
    let ended = init(folder.path(), &[&FLAGS[..], &network].concat());
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (0, "wrote site.yaml\nnext: snobox check site.yaml\n"),
        "{}",
        ended.stderr
    );
    assert_eq!(mode(&folder.path().join("site.yaml")), 0o644);
    let checked = snobox(folder.path(), &["check", "site.yaml"]);
    assert_eq!(checked.status, 0, "{}", checked.stderr);
    let kargs =
        "rd.neednet=1 ip=192.168.86.45::192.168.86.1:255.255.255.0:bip:enp0s25:none:192.168.86.27";
    assert!(checked.stdout.contains(kargs), "{}", checked.stdout);
}

#[test]
fn every_missing_flag_is_told_at_once_with_a_whole_command() {
    let folder = TempDir::new().unwrap();
    let ended = init(folder.path(), &["--disk", "/dev/sda", "--hostname", "it's"]);
    assert_eq!(ended.status, 10);
    let expected = "\
error: nobody can be asked here, and these flags are missing:
  --name              Name of the cluster
  --release-version   Release to install, such as 4.13.1, or a payload image
  --base-domain       Domain of the cluster, such as example.com
  --pull-secret-file  File with the pull secret from console.redhat.com
  --ssh-key-file      File with the SSH public key for the user core

hint: with values of your own: snobox init --hostname 'it'\\''s' --disk /dev/sda --name bip --release-version 4.13.1 --base-domain example.com \
--pull-secret-file pull-secret.json --ssh-key-file id_ed25519.pub
";
    assert_eq!(ended.stderr, expected);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_value_that_cannot_be_used_is_refused_by_field_and_flag_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    install_config(folder.path());
    let flags = [
        "--from-install-config",
        "install-config.yaml",
        "--release-version",
        "4.10",
        "--ntp",
        "a.lan",
        "--ntp",
        "a b",
    ];
    let ended = init(folder.path(), &flags);
    assert_eq!(ended.status, 10);
    let expected = "\
error: 2 values cannot be used; nothing was written
  release.version: \"4.10\" is not allowed; allowed: a version such as 4.13.1, from 4.12 on [--release-version]
  node.ntp.servers[1]: \"a b\" is not allowed; allowed: a host name in lower case or an IPv4 address [--ntp]

hint: give other values by the flags in brackets; `snobox init --help` shows them all
";
    assert_eq!(ended.stderr, expected);
    assert_eq!(names(folder.path()), ["install-config.yaml"]);
}

#[test]
fn an_install_config_becomes_a_site_with_its_files() {
    let folder = TempDir::new().unwrap();
    install_config(folder.path());
    let flags = [
        "sites/bip.yaml",
        "--from-install-config",
        "install-config.yaml",
        "--release-version",
        "4.13.1",
    ];
    let ended = init(folder.path(), &flags);
    assert_eq!(ended.status, 31, "there is no folder yet: {}", ended.stderr);
    let sites = folder.path().join("sites");
    fs::create_dir(&sites).unwrap();
    let ended = init(folder.path(), &flags);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "wrote sites/pull-secret.json\nwrote sites/ssh-key.pub\nwrote sites/bip.yaml\n\
         not taken over, because site.yaml has no place for it: proxy\n\
         the node will use DHCP; node.address sets a static address\nnext: snobox check sites/bip.yaml\n"
    );
    assert_eq!(
        names(&sites),
        ["bip.yaml", "pull-secret.json", "ssh-key.pub"]
    );
    assert_eq!(
        fs::read_to_string(sites.join("pull-secret.json")).unwrap(),
        format!("{SECRET}\n")
    );
    assert_eq!(
        fs::read_to_string(sites.join("ssh-key.pub")).unwrap(),
        format!("{KEY}\n")
    );
    assert_eq!(
        [
            mode(&sites.join("pull-secret.json")),
            mode(&sites.join("ssh-key.pub"))
        ],
        [0o600, 0o644]
    );
    assert!(
        fs::read_to_string(sites.join("bip.yaml"))
            .unwrap()
            .contains("path: /dev/sda\n")
    );
    let checked = snobox(folder.path(), &["check", "sites/bip.yaml"]);
    assert_eq!(checked.status, 0, "{}", checked.stderr);
}

#[test]
fn a_flag_wins_over_the_install_config_and_its_path_starts_at_the_site_file() {
    let folder = TempDir::new().unwrap();
    install_config(folder.path());
    fs::create_dir(folder.path().join("sites")).unwrap();
    let flags = [
        "sites/bip.yaml",
        "--from-install-config",
        "install-config.yaml",
    ];
    let ended = init(folder.path(), &[&flags[..], &FLAGS].concat());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(names(&folder.path().join("sites")), ["bip.yaml"]);
    let text = fs::read_to_string(folder.path().join("sites/bip.yaml")).unwrap();
    let here = folder.path().canonicalize().unwrap();
    assert!(
        text.contains(&format!("pullSecretFile: {}/secret.json\n", here.display())),
        "{text}"
    );
}

#[test]
fn what_is_there_is_left_alone_without_force() {
    let folder = TempDir::new().unwrap();
    let site = folder.path().join("site.yaml");
    fs::write(&site, "mine").unwrap();
    let ended = init(folder.path(), &FLAGS);
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (
            31,
            "error: site.yaml is there already\n\nhint: --force replaces it\n"
        )
    );
    assert_eq!(fs::read_to_string(&site).unwrap(), "mine");
    assert_eq!(
        init(folder.path(), &[&FLAGS[..], &["--force"]].concat()).status,
        0
    );
    assert!(fs::read_to_string(&site).unwrap().contains("name: bip"));

    // A pull secret with other content stops everything; one with the same content is no obstacle.
    install_config(folder.path());
    let flags = [
        "new.yaml",
        "--from-install-config",
        "install-config.yaml",
        "--release-version",
        "4.13.1",
    ];
    let secret = folder.path().join("pull-secret.json");
    fs::write(&secret, "{}").unwrap();
    let ended = init(folder.path(), &flags);
    assert_eq!(
        (
            ended.status,
            ended
                .stderr
                .contains("pull-secret.json is there already with other content")
        ),
        (31, true),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_to_string(&secret).unwrap(), "{}");
    assert!(
        !folder.path().join("new.yaml").exists() && !folder.path().join("ssh-key.pub").exists()
    );
    fs::write(&secret, SECRET).unwrap();
    let ended = init(folder.path(), &flags);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        !ended.stdout.contains("pull-secret.json"),
        "{}",
        ended.stdout
    );
}

#[test]
fn an_install_config_for_something_else_is_refused_with_its_places() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("ic.yaml"),
        format!("platform:\n  aws: {{}}\npullSecret: {SECRET}\n"),
    )
    .unwrap();
    let ended = init(folder.path(), &["--from-install-config", "ic.yaml"]);
    assert_eq!(ended.status, 10);
    for told in [
        "3 problems in ic.yaml",
        "ic.yaml:1:1: bootstrapInPlace: is missing",
        "ic.yaml:2:3: platform: a mapping",
        "ic.yaml:3:13: pullSecret: a mapping",
    ] {
        assert!(ended.stderr.contains(told), "{told}\n{}", ended.stderr);
    }
    assert!(
        ended
            .stderr
            .contains("\nhint: take an install-config.yaml for a single node"),
        "{}",
        ended.stderr
    );
    let ended = init(folder.path(), &["--from-install-config", "none.yaml"]);
    assert_eq!(
        (ended.status, ended.stderr.contains("cannot read none.yaml")),
        (10, true),
        "{}",
        ended.stderr
    );
}

#[test]
fn machines_get_the_same_as_json() {
    let folder = TempDir::new().unwrap();
    install_config(folder.path());
    let ended = init(
        folder.path(),
        &[
            "--json",
            "--from-install-config",
            "install-config.yaml",
            "--release-version",
            "4.13.1",
        ],
    );
    let expected = serde_json::json!({
        "site": "site.yaml",
        "written": ["pull-secret.json", "ssh-key.pub", "site.yaml"],
        "leftOut": ["proxy"],
        "next": "snobox check site.yaml",
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&ended.stdout).unwrap(),
        expected,
        "{}",
        ended.stderr
    );
    let ended = init(folder.path(), &["--json", "new.yaml"]);
    let error: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (ended.status, &error["error"]["exit"]),
        (10, &serde_json::json!(10))
    );
}
