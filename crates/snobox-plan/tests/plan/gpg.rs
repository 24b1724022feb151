//! GnuPG in a home of its own: makes keys and signatures, and judges them.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use snobox_plan::release::keyring::Keyring;
use tempfile::TempDir;

/// A home with its keys.
pub(crate) struct Gpg(TempDir);

impl Gpg {
    /// `None` where there is no gpg, which is a failure where `CI` is set.
    pub(crate) fn new() -> Option<Self> {
        let found = Command::new("gpg").arg("--version").output();
        if found.is_err() {
            assert!(std::env::var_os("CI").is_none(), "gpg is not installed");
            println!("SKIPPED: gpg is not installed");
            return None;
        }
        // The socket of its agent is below the home: a long path would be too long for it.
        Some(Self(TempDir::with_prefix_in("gpg-", "/tmp").unwrap()))
    }

    fn output<I: AsRef<OsStr>>(&self, args: &[I], input: &[u8]) -> Output {
        let mut child = Command::new("gpg")
            .args([
                "--batch",
                "--quiet",
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
            ])
            .args(args)
            .env("GNUPGHOME", self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.output(args, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {args:?}: {said}");
        output.stdout
    }

    /// A new key with that user id; `until` as gpg has it, such as `never`.
    pub(crate) fn make_key(&self, user: &str, until: &str) {
        self.run(&["--quick-gen-key", user, "ed25519", "sign", until], b"");
    }

    pub(crate) fn armored(&self, user: &str) -> String {
        String::from_utf8(self.run(&["--armor", "--export", user], b"")).unwrap()
    }

    pub(crate) fn keyring(&self, user: &str) -> Keyring {
        Keyring::read(&self.armored(user)).unwrap()
    }

    /// The fingerprint of the primary key, as gpg prints it.
    pub(crate) fn fingerprint(&self, user: &str) -> String {
        let listed = self.run(&["--with-colons", "--list-keys", user], b"");
        let listed = String::from_utf8(listed).unwrap();
        let line = listed.lines().find(|line| line.starts_with("fpr:"));
        line.unwrap().split(':').nth(9).unwrap().to_owned()
    }

    pub(crate) fn sign(&self, args: &[&str], body: &[u8]) -> Vec<u8> {
        self.run(&[args, &["--sign"]].concat(), body)
    }

    /// The certificate that gpg made along with a key, by which it can be withdrawn.
    pub(crate) fn revocation(&self, fingerprint: &str) -> String {
        let name = format!("openpgp-revocs.d/{fingerprint}.rev");
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// What gpg makes of a message: the body when its signature is good.
    pub(crate) fn judge(&self, message: &[u8]) -> Option<Vec<u8>> {
        let output = self.output(&["--status-fd", "2", "--decrypt"], message);
        let said = String::from_utf8_lossy(&output.stderr);
        let good = output.status.success() && said.contains("VALIDSIG");
        good.then_some(output.stdout)
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // Its agent stays until it is told.
        let stopped = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", self.0.path())
            .output();
        drop(stopped);
    }
}
