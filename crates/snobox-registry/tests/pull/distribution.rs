//! Debian's `docker-registry`, filled by skopeo with the practice release.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;
use snobox_testkit::practice::Practice;

use super::oracle::{Background, command, find, ok};
use super::shared_layout::LAYOUT;

/// The images of the practice release: (reference, digest).
pub(crate) fn images() -> Vec<(String, String)> {
    let text = fs::read(LAYOUT.folder.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&text).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| {
            (
                text(&entry["annotations"]["org.opencontainers.image.ref.name"]),
                text(&entry["digest"]),
            )
        })
        .collect()
}

/// A blob as the practice release has it.
pub(crate) fn blob(digest: &str) -> Vec<u8> {
    fs::read(LAYOUT.folder.join("blobs/sha256").join(&digest[7..])).unwrap()
}

pub(crate) fn practice() -> &'static Practice {
    &LAYOUT.practice
}

/// A registry that runs; it ends when dropped.
pub(crate) struct Distribution {
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    _process: Background,
}

impl Distribution {
    /// Starts one, for everybody or for `practice:practice`. `None` where the programs are missing.
    pub(crate) fn start(password: bool) -> Option<Self> {
        let (program, _) = (find("docker-registry")?, find("skopeo")?);
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name).display().to_string();
        let mut config = serde_json::json!({
            "version": 0.1,
            "log": { "level": "info", "accesslog": { "disabled": false } },
            "storage": { "filesystem": { "rootdirectory": inside("storage") } },
            "http": { "addr": "127.0.0.1:0" },
        });
        if password {
            // `htpasswd -nbB -C 5 practice practice`
            let line = "practice:$2y$05$abcdefghijklmnopqrstuuKn7uzIKAg0L/dJan11LD1ZWjz/sDC/.\n";
            fs::write(inside("htpasswd"), line).unwrap();
            config["auth"] = serde_json::json!({ "htpasswd": { "realm": "practice", "path": inside("htpasswd") } });
        }
        // JSON is YAML.
        fs::write(inside("config.yml"), config.to_string()).unwrap();
        let requests = fs::File::create(inside("requests")).unwrap();
        let mut serve = command(&program, folder.path());
        serve.args(["serve", "config.yml"]).stdout(requests);
        let (process, line) = Background::start(&mut serve, "listening on ");
        let address = line.split("listening on ").nth(1).unwrap();
        let address = address.split(['"', ',']).next().unwrap().parse().unwrap();
        Some(Self {
            folder,
            address,
            _process: process,
        })
    }

    /// Copies the images with these references in, `registry/path` below `127.0.0.1:PORT/registry/path`.
    pub(crate) fn fill(&self, wanted: impl Fn(&str) -> bool) {
        let skopeo = find("skopeo").unwrap();
        for (reference, _) in images().iter().filter(|(reference, _)| wanted(reference)) {
            let scratch = tempfile::tempdir().unwrap();
            let mut copy = command(&skopeo, self.folder.path());
            copy.args([
                "copy",
                "--quiet",
                "--insecure-policy",
                "--all",
                "--preserve-digests",
            ]);
            copy.args([
                "--dest-tls-verify=false",
                "--dest-creds",
                "practice:practice",
            ]);
            copy.arg(alone(reference, scratch.path()));
            ok(copy.arg(format!("docker://{}/{reference}", self.address)));
        }
    }

    /// How many blobs snobox has got from the middle on.
    pub(crate) fn rests_served(&self) -> usize {
        let lines = fs::read_to_string(self.folder.path().join("requests")).unwrap();
        let ours = |line: &&str| line.contains("\"snobox/") && line.contains("\" 206 ");
        lines.lines().filter(ours).count()
    }

    /// Paths that snobox has asked for with success, blobs only.
    pub(crate) fn blobs_served(&self) -> Vec<String> {
        let lines = fs::read_to_string(self.folder.path().join("requests")).unwrap();
        let ours = lines
            .lines()
            .filter(|line| line.contains("\"snobox/") && line.contains("\" 200 "));
        let paths = ours.filter_map(|line| line.split("\"GET ").nth(1)?.split(' ').next());
        paths
            .filter(|path| path.contains("/blobs/"))
            .map(str::to_owned)
            .collect()
    }
}

/// A layout with one image and no names over the same blobs: skopeo 1.9 finds Docker manifests only so.
fn alone(reference: &str, folder: &Path) -> String {
    let layout = &LAYOUT.folder;
    let text = fs::read(layout.join("index.json")).unwrap();
    let mut index: Value = serde_json::from_slice(&text).unwrap();
    let entries = index["manifests"].as_array_mut().unwrap();
    entries.retain(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == reference);
    entries[0].as_object_mut().unwrap().remove("annotations");
    let single: PathBuf = folder.join("single");
    fs::create_dir(&single).unwrap();
    symlink(layout.join("blobs"), single.join("blobs")).unwrap();
    fs::copy(layout.join("oci-layout"), single.join("oci-layout")).unwrap();
    fs::write(single.join("index.json"), index.to_string()).unwrap();
    format!("oci:{}", single.display())
}
