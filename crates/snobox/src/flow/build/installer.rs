//! The installer's ignition: made by the payload's own `openshift-install` in a clean folder, or a file of the user's.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use snobox_certs::Zeroizing;
use snobox_formats::ignition::Ignition;
use snobox_host::program::Program;
use snobox_media::overlay::mirrors;
use snobox_plan::install_config::install_config;
use snobox_plan::lock::Lock;
use snobox_store::Store;
use time::OffsetDateTime;

use super::certificates;
use crate::error::{Error, Exit, Result};
use crate::flow::output::{Output, Readers, folder_of};
use crate::input;
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// The component of the payload that holds the installer, and where.
const COMPONENT: &str = "installer";
const PROGRAM: &str = "usr/bin/openshift-install";
const IGNITION: &str = "bootstrap-in-place-for-live-iso.ign";
/// The installer's way to be told which release to install.
const RELEASE_VARIABLE: &str = "OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE";
/// Programs that snobox starts find it by this variable, as those of cargo find `CARGO`.
const SELF_VARIABLE: &str = "SNOBOX";
/// Files of the installer's `auth` folder that the user needs afterwards.
const AUTH: [&str; 2] = ["kubeconfig", "kubeadmin-password"];

/// What the installer made.
pub(super) struct Made {
    pub(super) ignition: Ignition,
    /// Absent when the ignition is the user's own.
    pub(super) auth: Option<Auth>,
    /// From this moment on a node does not install with it; absent where nothing ends.
    pub(super) installs_until: Option<OffsetDateTime>,
}

/// Files of the installer's `auth` folder that the user needs to log in to the cluster. No `Debug`: they are secrets.
pub(super) struct Auth(Vec<(&'static str, Vec<u8>)>);

/// The ignition of a site.
///
/// The installer works in a folder beside `beside`, the image: it is large, and temporary folders often are not, or hold no programs.
pub(super) fn ignition(
    file: &SiteFile,
    named: Option<&Path>,
    beside: &Path,
    store: &Store,
    lock: &Lock,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Made> {
    let (path, bytes, auth) = match named {
        Some(path) => {
            let bytes = input::read(path).map_err(|e| Error::file("read", path, &e))?;
            (path.to_owned(), bytes, None)
        }
        None => {
            let (bytes, auth) = run(file, beside, store, lock, ui, interrupt)?;
            (IGNITION.into(), bytes, Some(auth))
        }
    };
    let prepared = certificates::prepare(
        &path,
        Zeroizing::new(bytes),
        file.site.certificates,
        OffsetDateTime::now_utc(),
        ui,
    )?;
    let ignition = Ignition::parse(&prepared.document).map_err(|e| {
        Error::caused(Exit::Ignition, path.display().to_string(), &e).hint(
            "expected the file that `openshift-install create single-node-ignition-config` writes",
        )
    })?;
    Ok(Made {
        ignition,
        auth,
        installs_until: prepared.installs_until,
    })
}

fn run(
    file: &SiteFile,
    beside: &Path,
    store: &Store,
    lock: &Lock,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<(Vec<u8>, Auth)> {
    let secret = file.pull_secret()?;
    let ssh_key = file.ssh_key()?;
    let component = lock.component(COMPONENT).ok_or_else(|| {
        let message = format!(
            "release {} has no component {COMPONENT}",
            lock.release.version
        );
        Error::new(Exit::Installer, message).hint("name an ignition with --installer-ignition")
    })?;
    ui.say(format!(
        "running openshift-install of release {}",
        lock.release.version
    ));
    // The folder is readable by nobody else: the installer's state holds every secret of the cluster.
    // Absolute, because the installer runs in another folder than we do.
    let parent = &folder_of(beside)
        .canonicalize()
        .map_err(|e| Error::file("find", folder_of(beside), &e))?;
    let folder = tempfile::Builder::new()
        .prefix(".snobox-installer-")
        .tempdir_in(parent)
        .map_err(|e| Error::file("create a folder in", parent, &e))?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |e: io::Error| Error::file("write", &path, &e)
    };
    let program_path = folder.path().join("openshift-install");
    let mut program_file = File::create(&program_path).map_err(failed(&program_path))?;
    store.copy_image_file(
        component.platform_digest.unwrap_or(component.digest),
        PROGRAM,
        &mut program_file,
    )?;
    program_file
        .set_permissions(fs::Permissions::from_mode(0o700))
        .map_err(failed(&program_path))?;
    // A file that is open for writing cannot be started.
    drop(program_file);

    let cluster = folder.path().join("cluster");
    fs::create_dir(&cluster).map_err(failed(&cluster))?;
    let mirrors = mirrors(lock.images.iter().map(|image| &image.reference));
    let config = install_config(
        &file.site,
        &secret,
        &ssh_key,
        &mirrors,
        &lock.release.version,
    );
    write_private(
        &cluster.join("install-config.yaml"),
        format!("{config:#}\n").as_bytes(),
    )?;
    let this = std::env::current_exe()
        .map_err(|e| Error::internal("cannot find the program that runs", &e))?;
    let program = Program::new(&program_path, folder.path())
        .args(["create", "single-node-ignition-config", "--dir", "cluster"])
        .env(RELEASE_VARIABLE, &lock.release.image.to_string())
        .env(SELF_VARIABLE, &this.to_string_lossy());
    program.run(&|| interrupt.is_set()).map_err(|e| {
        // A Ctrl-C on the terminal reaches the installer too, and may end it first.
        if interrupt.is_set() {
            Error::interrupted()
        } else {
            e.into()
        }
    })?;
    let path = cluster.join(IGNITION);
    let bytes = fs::read(&path).map_err(|e| {
        Error::caused(
            Exit::Installer,
            format!("openshift-install ended well, but wrote no {IGNITION}"),
            &e,
        )
        .hint("bootstrap in place needs a release from 4.12 on")
    })?;
    let auth = AUTH.iter().map(|name| {
        let path = cluster.join("auth").join(name);
        fs::read(&path)
            .map(|bytes| (*name, bytes))
            .map_err(|e| Error::file("read", &path, &e))
    });
    Ok((bytes, Auth(auth.collect::<Result<_>>()?)))
}

impl Auth {
    /// Where the files of an image go: `bip.img` → `bip-auth`.
    pub(super) fn folder(image: &Path) -> PathBuf {
        let stem = image.file_stem().unwrap_or_default().to_string_lossy();
        image.with_file_name(format!("{stem}-auth"))
    }

    /// Refuses a folder that is taken, unless `force`: it opens the cluster of an image that may be in use.
    pub(super) fn refuse_existing(image: &Path, force: bool) -> Result<()> {
        let folder = Self::folder(image);
        if folder.exists() && !force {
            let message = format!(
                "{} is there already: it holds the way into a cluster of an earlier image",
                folder.display()
            );
            return Err(Error::new(Exit::File, message).hint(
                "move it away, name another image with --output, or replace it with --force",
            ));
        }
        Ok(())
    }

    /// Writes the files, readable by nobody else; returns the folder.
    pub(super) fn keep(&self, image: &Path) -> Result<PathBuf> {
        let folder = Self::folder(image);
        fs::create_dir_all(&folder).map_err(|e| Error::file("create", &folder, &e))?;
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&folder, private).map_err(|e| Error::file("protect", &folder, &e))?;
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            let mut output = Output::create(&path, Readers::Owner, true)?;
            output
                .fill(&bytes[..], &mut |_| Ok(()))
                .map_err(|e| Error::file("write", &path, &e))?;
            output.persist()?;
        }
        Ok(folder)
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |e: io::Error| Error::file("write", path, &e);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    io::Write::write_all(&mut file, bytes).map_err(failed)
}
