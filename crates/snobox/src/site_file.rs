//! `site.yaml` and the files that it names.

use std::io;
use std::path::{Path, PathBuf};

use snobox_formats::pull_secret::PullSecret;
use snobox_formats::ssh_key::is_public_key;
use snobox_plan::lock::{Lock, LockError};
use snobox_plan::problem::Problem;
use snobox_plan::release::keyring::Keyring;
use snobox_plan::site::{self, Site};

use crate::error::{Error, Exit, Result};
use crate::flow::output::folder_of;
use crate::image_set_file::{self, ImageSetFile};
use crate::input;

/// A site file that was read and found good.
#[derive(Clone, Debug)]
pub struct SiteFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub site: Site,
    /// The image sets that it names.
    pub image_sets: Vec<ImageSetFile>,
}

impl SiteFile {
    /// Reads a site file; all its problems at once.
    pub fn read(path: &Path) -> Result<Self> {
        let text = input::read_text(path).map_err(|error| {
            let failed = Error::caused(
                Exit::Site,
                format!("cannot read {}", path.display()),
                &error,
            );
            if error.kind() == io::ErrorKind::NotFound {
                failed.hint(format!("`snobox init {}` writes one", path.display()))
            } else {
                failed
            }
        })?;
        let site = site::read(&text).map_err(|problems| problems_error(path, &problems))?;
        let mut file = Self {
            path: path.to_owned(),
            site,
            image_sets: Vec::new(),
        };
        let (mut sets, mut errors) = (Vec::new(), Vec::new());
        for (number, named) in file.site.image_sets.iter().enumerate() {
            let read = image_set_file::read(&file.resolve(named));
            match read {
                Ok(set) => {
                    let operators = set.set.operators.iter();
                    errors.extend(operators.filter_map(|operator| set.template(operator).err()));
                    sets.push(set);
                }
                Err(error) => {
                    let hint = format!("images.imageSets[{number}] of {} names it", path.display());
                    errors.push(error.hint(hint));
                }
            }
        }
        file.image_sets = sets;
        Error::together(errors).map_or(Ok(file), Err)
    }

    /// Whether a lock was made for what the site and its image sets ask for now.
    pub fn is_met_by(&self, lock: &Lock) -> bool {
        let sets = self.image_sets.iter().map(|set| set.digest);
        lock.is_for(&self.site) && sets.eq(lock.image_sets.iter().copied())
    }

    /// The folder that relative paths start from.
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// A path as the file means it.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        // Beside a file in the current folder, a path is what the file says.
        if path.is_absolute() || self.folder() == Path::new(".") {
            path.to_owned()
        } else {
            self.folder().join(path)
        }
    }

    /// Where the lock belongs: `site.yaml` → `site.lock`.
    pub fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    /// The store of this site, unless another one is named.
    pub fn store_path(&self, named: Option<&Path>) -> PathBuf {
        named.map_or_else(|| self.folder().join("store"), Path::to_owned)
    }

    /// The lock, if there is one.
    pub fn lock(&self) -> Result<Option<Lock>> {
        let path = self.lock_path();
        match input::read_text(&path) {
            Ok(text) => Lock::parse(&text).map(Some).map_err(|e: LockError| {
                Error::caused(Exit::Site, path.display().to_string(), &e)
                    .hint("delete it and run `snobox mirror`: it is made anew")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path, &error)),
        }
    }

    /// The lock that `build` works from: there, and made for what the site says now.
    pub fn current_lock(&self) -> Result<Lock> {
        let path = self.lock_path();
        let hint = format!("run `snobox mirror {}`", self.path.display());
        match self.lock()? {
            Some(lock) if self.is_met_by(&lock) => Ok(lock),
            Some(_) => {
                let message = format!(
                    "{} is out of date: {} asks for other images now",
                    path.display(),
                    self.path.display()
                );
                Err(Error::new(Exit::Site, message).hint(hint))
            }
            None => {
                Err(Error::new(Exit::Site, format!("there is no {}", path.display())).hint(hint))
            }
        }
    }

    /// The pull secret.
    pub fn pull_secret(&self) -> Result<PullSecret> {
        let path = self.resolve(&self.site.pull_secret_file);
        let hint = "download it from https://console.redhat.com/openshift/install/pull-secret and name the file under pullSecretFile";
        let text = input::read_text(&path).map_err(|e| {
            Error::caused(
                Exit::PullSecret,
                format!("cannot read the pull secret {}", path.display()),
                &e,
            )
            .hint(hint)
        })?;
        let secret = PullSecret::parse(&text).map_err(|e| {
            Error::caused(Exit::PullSecret, path.display().to_string(), &e).hint(hint)
        })?;
        if secret.is_empty() {
            let message = format!("{} has no credentials for any registry", path.display());
            return Err(Error::new(Exit::PullSecret, message).hint(hint));
        }
        Ok(secret)
    }

    /// The keys that the site names for releases; none is named most often.
    pub fn verification_keys(&self) -> Result<Keyring> {
        let mut keyring = Keyring::default();
        for named in &self.site.release.verification.keys {
            let path = self.resolve(named);
            let hint =
                "release.verificationKeys names public keys, as `gpg --armor --export` writes them";
            let text = input::read_text(&path).map_err(|e| {
                let message = format!("cannot read the key {}", path.display());
                Error::caused(Exit::Site, message, &e).hint(hint)
            })?;
            let keys = Keyring::read(&text).map_err(|e| {
                Error::caused(Exit::Site, path.display().to_string(), &e).hint(hint)
            })?;
            keyring.add(keys);
        }
        Ok(keyring)
    }

    /// The SSH public key.
    pub fn ssh_key(&self) -> Result<String> {
        let path = self.resolve(&self.site.ssh_key_file);
        let hint = "name a public key under sshKeyFile; `ssh-keygen -t ed25519` makes a pair";
        let text = input::read_text(&path).map_err(|e| {
            Error::caused(
                Exit::Site,
                format!("cannot read the SSH key {}", path.display()),
                &e,
            )
            .hint(hint)
        })?;
        if text.contains("PRIVATE KEY") {
            let message = format!(
                "{} is a private key, expected the public one",
                path.display()
            );
            return Err(Error::new(Exit::Site, message)
                .hint("the public key usually has the same name with .pub"));
        }
        let mut keys = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if !keys.next().is_some_and(is_public_key) || keys.next().is_some() {
            let message = format!(
                "{} is not one SSH public key: expected a line such as `ssh-ed25519 AAAA… name`",
                path.display()
            );
            return Err(Error::new(Exit::Site, message).hint(hint));
        }
        Ok(text.trim().to_owned())
    }
}

/// All problems of a file as one error.
pub fn problems_error(path: &Path, problems: &[Problem]) -> Error {
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    let mut message = format!("{count} in {}", path.display());
    for problem in problems {
        message += &format!("\n  {}:{problem}", path.display());
        if let Some(hint) = &problem.hint {
            message += &format!(" ({hint})");
        }
    }
    Error::new(Exit::Site, message).hint(format!(
        "`snobox init` writes a commented example; mend {} and run `snobox check`",
        path.display()
    ))
}
