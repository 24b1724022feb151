//! Starting the installed system: by the firmware's next boot where there is UEFI, else straight into its kernel where `kexec` is installed.

use std::fs;
use std::path::{Path, PathBuf};

use snobox_formats::gpt::Partition;
use snobox_host::efi::{self, Loader};
use snobox_host::power::{self, Kernel};

use super::boot_partition::BootPartition;
use crate::disk::contents::Ours;

const LABEL: &str = "snobox installed system";
const EFI_PARTITION: &str = "EFI-SYSTEM";
/// Of the fallback path of removable media, which CoreOS images have (UEFI 3.5.1.1).
#[cfg(target_arch = "aarch64")]
const LOADER: &str = "\\EFI\\BOOT\\BOOTAA64.EFI";
#[cfg(not(target_arch = "aarch64"))]
const LOADER: &str = "\\EFI\\BOOT\\BOOTX64.EFI";
const KERNEL_FOLDER: &str = "/run/snobox/kexec";

/// What starts machines: the programs, and where they are looked for first.
#[derive(Clone, Copy, Debug)]
pub struct Starter<'a> {
    /// Folder of programs, for tests.
    pub tools: Option<&'a Path>,
    /// The disk's node.
    pub disk: &'a Path,
}

impl Starter<'_> {
    /// Makes the firmware start the disk the next time.
    ///
    /// # Errors
    /// Words for the journal.
    pub fn firmware_starts_disk_next(&self, ours: &Ours) -> Result<(), String> {
        let partition = ours
            .system_partition(EFI_PARTITION)
            .ok_or_else(|| format!("{} has no partition {EFI_PARTITION}", self.disk.display()))?;
        let number = match self.entry(partition)? {
            Some(number) => number,
            None => {
                let loader = Loader {
                    disk: self.disk,
                    partition: partition.number,
                    path: LOADER,
                    label: LABEL,
                };
                efi::create(self.tools, &loader).map_err(|error| error.to_string())?;
                self.entry(partition)?
                    .ok_or("the firmware does not show the entry that was made")?
            }
        };
        efi::start_next(self.tools, &number).map_err(|error| error.to_string())
    }

    fn entry(&self, partition: &Partition) -> Result<Option<efi::BootNumber>, String> {
        let entries = efi::entries(self.tools).map_err(|error| error.to_string())?;
        Ok(efi::entry_of(&entries, &partition.guid.to_string()))
    }

    /// Restarts the machine.
    ///
    /// # Errors
    /// Words for the journal.
    pub fn reboot(&self) -> Result<(), String> {
        power::reboot(self.tools).map_err(|error| error.to_string())
    }

    /// Starts the newest kernel of the disk.
    ///
    /// # Errors
    /// Words for the journal.
    pub fn kexec(&self, boot: &BootPartition) -> Result<(), String> {
        let entry = boot
            .newest_entry()
            .map_err(|error| error.to_string())?
            .ok_or("the partition boot has no boot entry")?;
        let copy = |path: &str, name: &str| -> Result<PathBuf, String> {
            let bytes = boot
                .file(path)
                .map_err(|error| format!("{path}: {error}"))?;
            let to = Path::new(KERNEL_FOLDER).join(name);
            fs::create_dir_all(KERNEL_FOLDER)
                .and_then(|()| fs::write(&to, bytes))
                .map_err(|error| format!("{}: {error}", to.display()))?;
            Ok(to)
        };
        let kernel = copy(&entry.kernel, "vmlinuz")?;
        let initrd = copy(&entry.initrd, "initrd")?;
        let kernel = Kernel {
            kernel: &kernel,
            initrd: &initrd,
            options: &entry.options,
        };
        power::kexec(self.tools, &kernel).map_err(|error| error.to_string())
    }
}
