//! The image under test, made as a user makes one: a practice release behind a registry on loopback, `snobox mirror`, `snobox build` with the lab's live ISO,
//! `snobox verify`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use snobox_testkit::practice::{self, Runnable};

use super::lab::{DISK, Lab};
use super::media::{Media, timed};
use super::{sabotage, tool};

/// Blocks of the cache's file system.
const BLOCK: usize = 4096;

/// What the release, the site and the program make together.
pub struct Image {
    /// The image file.
    pub path: PathBuf,
    snobox: PathBuf,
}

impl Image {
    /// Makes the image with that program, in a folder of its own within the lab's.
    pub fn make(lab: &Lab, snobox: PathBuf) -> Result<Self, String> {
        let folder = lab.folder().join("site");
        fs::create_dir_all(&folder)
            .map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        let path = timed("image", || make(&snobox, &folder, lab.media()))?;
        Ok(Self { path, snobox })
    }

    /// A copy of the image: a stick of its own for one machine.
    pub fn stick(&self, lab: &Lab, name: &str) -> Result<PathBuf, String> {
        let stick = lab.folder().join(format!("{name}.stick"));
        tool::call(
            lab.folder(),
            "cp",
            [
                "--sparse=always".as_ref(),
                self.path.as_os_str(),
                stick.as_os_str(),
            ],
        )?;
        let changes = lab.changes();
        for karg in &changes.kargs {
            self.append_karg(&stick, karg)?;
        }
        for what in &changes.without {
            println!("{name}: without {what}");
            self.take_out(&stick, what)?;
        }
        Ok(stick)
    }

    /// Changes one byte in the middle of the largest blob on a stick. Files of the cache start at blocks: that is how it is found.
    pub fn damage_largest_blob(&self, stick: &Path) -> Result<(), String> {
        let blobs = self.path.with_file_name("store/blobs/sha256");
        let listed =
            fs::read_dir(&blobs).map_err(|e| format!("cannot list {}: {e}", blobs.display()))?;
        let sizes = listed.filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.len(), entry.path()))
        });
        let (size, path) = sizes.max().ok_or("the store has no blobs")?;
        let blob = read(&path)?;
        let mut image = read(stick)?;
        let starts_here = |at: &usize| image[*at..].starts_with(&blob);
        let start = (0..image.len())
            .step_by(BLOCK)
            .find(starts_here)
            .ok_or("the largest blob is not on the stick")?;
        image[start + size as usize / 2] ^= 1;
        fs::write(stick, image).map_err(|e| format!("cannot write {}: {e}", stick.display()))
    }

    /// Takes a part of what snobox adds out of a stick: see [`sabotage`].
    pub fn take_out(&self, stick: &Path, what: &str) -> Result<(), String> {
        sabotage::take_out(&self.snobox, stick, what)
    }

    /// Appends a kernel argument to a stick.
    pub fn append_karg(&self, stick: &Path, argument: &str) -> Result<(), String> {
        let mut command = Command::new(&self.snobox);
        command
            .args(["iso", "kargs"])
            .arg(stick)
            .args(["--append", argument]);
        tool::run(command).map(drop)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Builds the program with the profile that the tests use.
pub fn build_snobox() -> Result<PathBuf, String> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--package", "snobox"])
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !status.success() {
        return Err(format!("snobox does not build ({status})"));
    }
    let this =
        std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(this.with_file_name("snobox"))
}

fn make(snobox: &Path, folder: &Path, media: &Media) -> Result<PathBuf, String> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    let release = folder.join("release");
    let shell = read(&media.busybox)?;
    let practice = practice::write_layout_with(&release, &Runnable { shell })
        .map_err(|error| format!("cannot make the practice release: {error}"))?;
    let registry = Registry::start(snobox, &release)?;
    write("pull-secret.json", &practice::pull_secret())?;
    write("key.pub", practice::SSH_KEY)?;
    write(
        "site.yaml",
        &site(&practice.version, &practice.additional, &registry.address),
    )?;
    let run = |args: &[&str]| {
        let mut command = Command::new(snobox);
        command.args(args).current_dir(folder);
        tool::run(command).map(drop)
    };
    run(&["mirror", "site.yaml"])?;
    let iso = media.iso.to_string_lossy();
    run(&["build", "site.yaml", "--live-iso", &iso])?;
    run(&["verify", "lab.img"])?;
    Ok(folder.join("lab.img"))
}

/// The disk is named by its serial number, beside a decoy of the same size; nothing may go upstream.
fn site(version: &str, additional: &str, registry: &str) -> String {
    format!(
        "apiVersion: snobox.io/v1alpha1\nkind: Site\nmetadata: {{ name: lab }}\nrelease: {{ version: {version} }}\n\
         baseDomain: snobox.example\npullSecretFile: pull-secret.json\nsshKeyFile: key.pub\n\
         node:\n  hostname: lab\n  installationDisk: {{ serial: {DISK} }}\n\
         images:\n  additional: [\"{additional}\"]\n\
         cache: {{ size: 1GiB, fallback: none }}\n\
         mirrors:\n\
         - {{ source: quay.io, mirrors: [\"{registry}/quay.io\"] }}\n\
         - {{ source: registry.practice.example, mirrors: [\"{registry}/registry.practice.example\"] }}\n"
    )
}

/// The registry that the release is fetched from; dropping it ends it.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    fn start(snobox: &Path, release: &Path) -> Result<Self, String> {
        let mut child = Command::new(snobox)
            .args(["serve", "--listen", "127.0.0.1:0", "--store"])
            .arg(release)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", snobox.display()))?;
        let said = child.stderr.take().ok_or("the registry says nothing")?;
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let rest = line.split_once("http://")?.1;
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')
                .unwrap_or(rest.len());
            Some(rest[..end].to_owned())
        });
        // What it says later goes nowhere, but must be read.
        std::thread::spawn(move || lines.for_each(drop));
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err("the registry did not say its address".to_owned())
            }
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
