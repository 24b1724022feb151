//! One run of the lab: media, a folder for disks and logs, and the end of it: gone after success, kept and named after failure.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::machine::{Firmware, Machine};
use super::media::{self, Media};
use super::tool;
use crate::tools;

/// Serial number of the disk to install to.
pub const DISK: &str = "SNOBOXDISK1";
/// Serial number of the disk that nobody may touch.
pub const DECOY: &str = "DECOY";

/// What a developer changes on every stick that snobox made.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Kernel arguments: to see more, or to wait less.
    pub kargs: Vec<String>,
    /// What is taken out, to see the lab fail: see [`super::sabotage::take_out()`].
    pub without: Vec<String>,
}

/// Where scenarios get their machines and disks.
pub struct Lab {
    media: Media,
    folder: PathBuf,
    limit: Duration,
    changes: Changes,
    started: Instant,
}

impl Lab {
    /// Provides the media and makes the run's folder. No machine runs for longer than `limit` at a time.
    pub fn open(limit: Duration, changes: Changes) -> Result<Self, String> {
        let started = Instant::now();
        let media = media::timed("media", media::provide)?;
        let folder = std::env::temp_dir().join(format!("snobox-vm-{}", std::process::id()));
        fs::create_dir_all(&folder)
            .map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        Ok(Self {
            media,
            folder,
            limit,
            changes,
            started,
        })
    }

    /// What there is to boot from.
    pub fn media(&self) -> &Media {
        &self.media
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is other than in an honest run.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The longest that one machine may run.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// A machine with this lab's folder, with a blank disk and a blank decoy of that many MiB.
    pub fn machine(
        &self,
        name: &str,
        firmware: Firmware,
        disk_mib: u64,
    ) -> Result<Machine, String> {
        let mut machine = Machine::new(&self.folder, name, firmware);
        for (kind, serial) in [("disk", DISK), ("decoy", DECOY)] {
            machine.disk(
                &self.blank_disk(&format!("{name}.{kind}"), disk_mib)?,
                serial,
            );
        }
        Ok(machine)
    }

    /// A blank disk: a file of holes.
    pub fn blank_disk(&self, name: &str, size_mib: u64) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        let made = File::create(&path).and_then(|file| file.set_len(size_mib << 20));
        made.map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(path)
    }

    /// A stick with the bare live ISO and an ignition, embedded by the real coreos-installer.
    pub fn stick(&self, name: &str, ignition: &str) -> Result<PathBuf, String> {
        let (stick, document) = (
            self.folder.join(name),
            self.folder.join(format!("{name}.ign")),
        );
        fs::copy(&self.media.iso, &stick).map_err(|e| format!("cannot copy the live ISO: {e}"))?;
        fs::write(&document, ignition)
            .map_err(|e| format!("cannot write {}: {e}", document.display()))?;
        let installer =
            tools::coreos_installer().ok_or("coreos-installer is not there any more")?;
        let mut embed = tool::tool(&installer.to_string_lossy(), &self.folder)?;
        embed
            .args(["iso", "ignition", "embed", "-i"])
            .arg(&document)
            .arg(&stick);
        tool::run(embed)?;
        Ok(stick)
    }

    /// Ends the run. After success its folder goes, after failure it stays.
    pub fn close(self, result: Result<(), String>) -> Result<(), String> {
        println!(
            "the lab ran for {:.0} s",
            self.started.elapsed().as_secs_f64()
        );
        match result {
            Ok(()) => fs::remove_dir_all(&self.folder)
                .map_err(|error| format!("cannot remove {}: {error}", self.folder.display())),
            Err(problem) => Err(format!(
                "{problem}\n\ndisks and logs are kept in {}",
                self.folder.display()
            )),
        }
    }
}
