//! The `boot` partition of an installed CoreOS, read without mounting it.
//!
//! * `ignition.firstboot` is there until the first start of the system (ignition-dracut), and may set `ignition_network_kcmdline` for it; GRUB's configuration
//!   makes its variable `ignition_firstboot` of that (coreos-assembler `grub.cfg`): without it, Ignition would not run;
//! * `loader/entries/*.conf` are its boot entries: lines of a key, a blank and a value (Boot Loader Specification, type 1). The one with the highest
//!   `version` is the newest (ostree writes 1, 2, …).

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use ext4_view::{Ext4, Ext4Error, Ext4Read};

const FIRST_BOOT: &str = "/ignition.firstboot";
const ENTRIES: &str = "/loader/entries";
/// Variables of GRUB in the options, which only GRUB knows.
const GRUB_VARIABLE: char = '$';
/// The one that stands for the kernel arguments of the first boot.
const FIRST_BOOT_VARIABLE: &str = "$ignition_firstboot";
/// What it becomes in the first boot, before the arguments for the network.
const FIRST_BOOT_ARGUMENT: &str = "ignition.firstboot";
/// The arguments for the network, as `ignition.firstboot` sets them.
const NETWORK_ARGUMENTS: &str = "set ignition_network_kcmdline=";

/// Where the superblock has its incompatible features, from the start of the file system, and which one says that the journal has to be replayed.
const INCOMPATIBLE: u64 = 1024 + 0x60;
const NEEDS_RECOVERY: u8 = 0x04;

struct Reader {
    device: File,
    start: u64,
    /// Whether the file system is shown as it is without its journal.
    without_journal: bool,
}

impl Ext4Read for Reader {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.device.read_exact_at(bytes, self.start + at)?;
        if self.without_journal
            && let Some(index) = INCOMPATIBLE.checked_sub(at)
            && let Some(byte) = bytes.get_mut(index as usize)
        {
            *byte &= !NEEDS_RECOVERY;
        }
        Ok(())
    }
}

/// An open `boot` partition.
#[derive(Debug)]
pub struct BootPartition(Ext4);

/// A boot entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path of the kernel on the partition.
    pub kernel: String,
    /// Path of the initial RAM disk on the partition.
    pub initrd: String,
    /// Kernel arguments, with those of the first boot where it is to come.
    pub options: String,
    version: u64,
}

impl BootPartition {
    /// Opens the ext4 file system at an offset of a device, as it was when the power went: its journal is replayed in memory. A journal of the old kind, without
    /// checksums, is left out: what is read is then some seconds older. CoreOS's has them.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn open(device: &Path, offset_bytes: u64) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let open = |without_journal| -> Result<Self, Box<dyn Error + Send + Sync>> {
            let reader = Reader {
                device: File::open(device)?,
                start: offset_bytes,
                without_journal,
            };
            Ok(Self(Ext4::load(Box::new(reader))?))
        };
        open(false).or_else(|error| open(true).map_err(|_| error))
    }

    /// Whether the system has not started yet; nothing if there is no system.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn fresh(&self) -> Result<Option<bool>, Ext4Error> {
        // The installer writes this partition whole; without entries it was cut short.
        if self.newest_entry()?.is_none() {
            return Ok(None);
        }
        self.0.exists(FIRST_BOOT).map(Some)
    }

    /// The newest boot entry.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn newest_entry(&self) -> Result<Option<Entry>, Ext4Error> {
        if !self.0.exists(ENTRIES)? {
            return Ok(None);
        }
        let first_boot = self
            .0
            .exists(FIRST_BOOT)?
            .then(|| self.0.read_to_string(FIRST_BOOT))
            .transpose()?
            .map(|text| first_boot_arguments(&text));
        let mut entries = Vec::new();
        for file in self.0.read_dir(ENTRIES)? {
            let path = file?.path();
            if path.as_ref().ends_with(b".conf") {
                entries.extend(parse(&self.0.read_to_string(&path)?, first_boot.as_deref()));
            }
        }
        Ok(entries.into_iter().max_by_key(|entry| entry.version))
    }

    /// A file of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(&self, path: &str) -> Result<Vec<u8>, Ext4Error> {
        self.0.read(path)
    }
}

/// What GRUB makes of `ignition.firstboot`.
fn first_boot_arguments(text: &str) -> String {
    let network = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(NETWORK_ARGUMENTS))
        .next_back()
        .map_or("", |value| value.trim_matches(['"', '\'']));
    format!("{FIRST_BOOT_ARGUMENT} {network}")
        .trim_end()
        .to_owned()
}

fn parse(text: &str, first_boot: Option<&str>) -> Option<Entry> {
    let value = |key: &str| {
        text.lines()
            .filter_map(|line| line.trim().split_once([' ', '\t']))
            .find(|(found, _)| *found == key)
            .map(|(_, value)| value.trim())
    };
    // Where `boot` is mounted, paths of old entries start with it.
    let path = |key| {
        let path = value(key)?;
        Some(
            path.strip_prefix("/boot")
                .filter(|p| p.starts_with('/'))
                .unwrap_or(path)
                .to_owned(),
        )
    };
    let options: Vec<_> = value("options")
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter_map(|option| match (option, first_boot) {
            (FIRST_BOOT_VARIABLE, Some(arguments)) => Some(arguments),
            _ => (!option.starts_with(GRUB_VARIABLE)).then_some(option),
        })
        .collect();
    Some(Entry {
        kernel: path("linux")?,
        initrd: path("initrd")?,
        options: options.join(" "),
        version: value("version").and_then(|v| v.parse().ok()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_without_variables_of_grub() {
        // A boot entry of Red Hat Enterprise Linux CoreOS, shortened.
        let text = "title Red Hat Enterprise Linux CoreOS 413.92 (ostree:0)\nversion 2\noptions random.trust_cpu=on $ignition_firstboot ostree=/ostree/boot.1/rhcos/a/0 ignition.platform.id=metal\nlinux /boot/ostree/rhcos-a/vmlinuz-5.14\ninitrd /ostree/rhcos-a/initramfs-5.14.img\n";
        let entry = parse(text, None).unwrap();
        assert_eq!(entry.kernel, "/ostree/rhcos-a/vmlinuz-5.14");
        assert_eq!(entry.initrd, "/ostree/rhcos-a/initramfs-5.14.img");
        assert_eq!(
            entry.options,
            "random.trust_cpu=on ostree=/ostree/boot.1/rhcos/a/0 ignition.platform.id=metal"
        );
        assert_eq!(entry.version, 2);
        assert_eq!(parse("title x\n", None), None);
    }

    #[test]
    fn the_first_boot_has_its_arguments_so_that_ignition_runs() {
        let text = "options a=b $ignition_firstboot $other rw\nlinux /k\ninitrd /i\n";
        let options = |first_boot: &str| {
            let arguments = first_boot_arguments(first_boot);
            parse(text, Some(&arguments)).unwrap().options
        };
        assert_eq!(options(""), "a=b ignition.firstboot rw");
        let network = "set ignition_network_kcmdline=\"rd.neednet=1 ip=dhcp\"\n";
        assert_eq!(
            options(network),
            "a=b ignition.firstboot rd.neednet=1 ip=dhcp rw"
        );
    }
}
