//! A folder in which openssl makes authorities and leaves, and the library renews them.

use std::fs;
use std::path::Path;

use snobox_certs::{
    Lifetime, Plan, Policy, RenewError, Renewed, SHORT_LIVED, Survey, SystemRandom, renew,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use crate::openssl::{self, now, run_in, text, try_run};

/// Made by openssl, one certificate after the other.
pub(crate) struct Pki {
    folder: TempDir,
    names: Vec<String>,
}

impl Pki {
    /// `None` where there is no openssl, which is said.
    pub(crate) fn possible() -> Option<Self> {
        openssl::is_there().then(Self::new)
    }

    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            folder,
            names: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn openssl(&self, line: &str) -> String {
        run_in(self.path(), line)
    }

    /// A file that the library gets to see.
    pub(crate) fn add(&mut self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).unwrap();
        self.names.push(name.to_owned());
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    /// Takes a file away from the library, not from openssl.
    pub(crate) fn hide(&mut self, name: &str) {
        self.names.retain(|other| other != name);
    }

    /// `NAME.crt` and `NAME.key`; `key` are words of `req` such as `-newkey rsa:2048`, `more` further ones.
    pub(crate) fn authority(&mut self, name: &str, key: &str, days: u32, more: &str) {
        let line = format!(
            "req -x509 {key} -nodes -keyout {name}.key -out {name}.crt -days {days} -subj /OU=test/CN={name} {more}"
        );
        self.openssl(line.trim_end());
        self.names
            .extend([format!("{name}.crt"), format!("{name}.key")]);
    }

    /// The same, signed by an authority; `extensions` is the text of an extension file.
    pub(crate) fn leaf(
        &mut self,
        name: &str,
        issuer: &str,
        key: &str,
        days: u32,
        extensions: &str,
        more: &str,
    ) {
        fs::write(self.path().join("extensions"), extensions).unwrap();
        self.openssl(&format!(
            "req -new {key} -nodes -keyout {name}.key -out request -subj /CN={name}"
        ));
        let line = format!(
            "x509 -req -in request -CA {issuer}.crt -CAkey {issuer}.key -days {days} -extfile extensions -out {name}.crt {more}"
        );
        self.openssl(line.trim_end());
        self.names
            .extend([format!("{name}.crt"), format!("{name}.key")]);
    }

    pub(crate) fn survey(&self) -> Survey {
        let texts = self.names.iter().map(|name| text(name, self.read(name)));
        Survey::of(texts.collect())
    }

    /// Renews to a year what is short-lived, and writes it back.
    pub(crate) fn renew(&self) -> Result<(Plan, Renewed), RenewError> {
        let survey = self.survey();
        let plan = Plan::new(&survey, &year());
        let renewed = renew(&survey, &plan, &SystemRandom::new())?;
        for (name, new) in self.names.iter().zip(renewed.texts()) {
            if let Some(new) = new {
                fs::write(self.path().join(name), new).unwrap();
            }
        }
        Ok((plan, renewed))
    }

    /// Whether openssl verifies a leaf in so many days.
    pub(crate) fn holds(&self, authority: &str, leaf: &str, days: i64) -> Result<(), String> {
        let at = now() + days * 86_400;
        let line = format!("verify -attime {at} -CAfile {authority} {leaf}");
        let output = try_run(self.path(), &line.split(' ').collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if output.status.success() {
            Ok(())
        } else {
            Err(said)
        }
    }
}

/// A year from a little before now on, for what is short-lived.
pub(crate) fn year() -> Policy {
    // Clocks know fractions of a second, certificates do not.
    let now = OffsetDateTime::from_unix_timestamp(now()).unwrap() + Duration::milliseconds(999);
    Policy {
        now,
        not_before: now - Duration::minutes(5),
        lifetime: Lifetime::Exactly(Duration::days(365)),
        up_to: SHORT_LIVED,
    }
}
