//! GnuPG in a home of its own: keys, and signatures of releases.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::tools::{Tool, tool};

/// A home with one key.
pub(crate) struct Gpg {
    home: TempDir,
    gpg: Tool,
    stop: Tool,
}

impl Gpg {
    /// With a new key of `user`; `None` where there is no gpg.
    pub(crate) fn with_key(user: &str) -> Option<Self> {
        let (gpg, stop) = (tool("gpg")?, tool("gpgconf")?);
        // The socket of its agent is below the home: a long path would be too long for it.
        let home = TempDir::with_prefix_in("gpg-", "/tmp").unwrap();
        let gpg = Self { home, gpg, stop };
        gpg.run(&["--quick-gen-key", user, "ed25519", "sign", "never"]);
        Some(gpg)
    }

    fn run(&self, args: &[&str]) -> Vec<u8> {
        let home = self.home.path().to_str().unwrap();
        let own = [
            "--homedir",
            home,
            "--batch",
            "--quiet",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ];
        self.gpg.run(&[&own, args].concat())
    }

    pub(crate) fn armored(&self) -> Vec<u8> {
        self.run(&["--armor", "--export"])
    }

    /// The fingerprint of the primary key, as gpg prints it.
    pub(crate) fn fingerprint(&self) -> String {
        let listed = String::from_utf8(self.run(&["--with-colons", "--list-keys"])).unwrap();
        let line = listed.lines().find(|line| line.starts_with("fpr:"));
        line.unwrap().split(':').nth(9).unwrap().to_owned()
    }

    /// An atomic container signature of a manifest.
    pub(crate) fn sign(&self, digest: &str) -> Vec<u8> {
        let document = format!(
            r#"{{"critical":{{"type":"atomic container signature","image":{{"docker-manifest-digest":"{digest}"}},"identity":{{"docker-reference":"quay.io/practice/release:1"}}}},"optional":{{"creator":"a test"}}}}"#
        );
        let path = self.home.path().join("document");
        fs::write(&path, document).unwrap();
        self.run(&["--output", "-", "--sign", path.to_str().unwrap()])
    }

    /// Puts signatures of `digest` below `folder`, numbered from 1 on.
    pub(crate) fn publish(folder: &Path, digest: &str, signatures: &[Vec<u8>]) {
        let folder = folder.join(digest.replace(':', "="));
        fs::create_dir_all(&folder).unwrap();
        for (index, bytes) in signatures.iter().enumerate() {
            fs::write(folder.join(format!("signature-{}", index + 1)), bytes).unwrap();
        }
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // Its agent stays until it is told.
        let home = self.home.path().to_str().unwrap();
        self.stop.try_run(&["--homedir", home, "--kill", "all"]);
    }
}
