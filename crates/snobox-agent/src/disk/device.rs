//! A block device, read and written at offsets through the node of the whole disk.
//!
//! A disk that will be written to is opened with `O_EXCL`: the kernel refuses it when the disk or a partition of it is mounted or part of something, and
//! nothing can be mounted from it until it is closed (open(2), "O_EXCL"; `bd_prepare_to_claim` in `block/bdev.c`).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Advice, OFlags, fadvise};

/// How often, and how soon, a disk that is in use is looked at again.
const LOOKS: u32 = 30;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An open device.
#[derive(Debug)]
pub struct Block {
    file: File,
    path: PathBuf,
    size_bytes: u64,
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {} at byte {offset_bytes}: {source}", path.display())]
pub struct DeviceError {
    verb: &'static str,
    path: PathBuf,
    offset_bytes: u64,
    source: io::Error,
}

/// A part of a device: whoever has it can write there, and only there.
#[derive(Debug)]
pub struct Window<'a> {
    block: &'a Block,
    offset_bytes: u64,
    size_bytes: u64,
}

impl Block {
    /// Opens a device that nobody uses, for writing. Who reads a partition table again has the disk for a moment, and udev does so after each who wrote
    /// (`disk_scan_partitions` in `block/genhd.c`): so a disk that is in use is looked at again for a while.
    ///
    /// # Errors
    /// [`DeviceError`], also when it stays in use.
    pub fn claim(path: &Path) -> Result<Self, DeviceError> {
        let mut looks = 0;
        loop {
            match Self::open(path, OpenOptions::new().read(true).write(true), true) {
                Err(error)
                    if error.source.kind() == io::ErrorKind::ResourceBusy && looks < LOOKS =>
                {
                    looks += 1;
                    std::thread::sleep(LOOK_EVERY);
                }
                outcome => return outcome,
            }
        }
    }

    /// Opens a device for writing that may be in use.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn share(path: &Path) -> Result<Self, DeviceError> {
        Self::open(path, OpenOptions::new().read(true).write(true), false)
    }

    /// Opens a device for reading.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn look_at(path: &Path) -> Result<Self, DeviceError> {
        Self::open(path, OpenOptions::new().read(true), false)
    }

    fn open(path: &Path, options: &mut OpenOptions, exclusive: bool) -> Result<Self, DeviceError> {
        let fault = |source| DeviceError {
            verb: "open",
            path: path.to_owned(),
            offset_bytes: 0,
            source,
        };
        // Of a regular file O_EXCL would mean nothing without O_CREAT.
        let is_device = path
            .metadata()
            .map_err(fault)?
            .file_type()
            .is_block_device();
        if exclusive && is_device {
            options.custom_flags(OFlags::EXCL.bits().cast_signed());
        }
        let mut file = options.open(path).map_err(fault)?;
        let size_bytes = file.seek(SeekFrom::End(0)).map_err(fault)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            size_bytes,
        })
    }

    /// Its node.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Reads all of `bytes`.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn read_at(&self, offset_bytes: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        let result = self.file.read_exact_at(bytes, offset_bytes);
        result.map_err(|source| self.fault("read", offset_bytes, source))
    }

    /// Forgets what the page cache holds of a range, so that the device is asked the next time. What was not synced is kept.
    pub fn forget(&self, offset_bytes: u64, size_bytes: u64) {
        // A kernel that does not do it has at least written everything before.
        let _ = fadvise(
            &self.file,
            offset_bytes,
            NonZeroU64::new(size_bytes),
            Advice::DontNeed,
        );
    }

    pub(super) fn write_at(&self, offset_bytes: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let result = self.file.write_all_at(bytes, offset_bytes);
        result.map_err(|source| self.fault("write to", offset_bytes, source))
    }

    pub(super) fn sync(&self) -> Result<(), DeviceError> {
        let result = self.file.sync_all();
        result.map_err(|source| self.fault("sync", 0, source))
    }

    /// The part of it from `offset_bytes` on; nothing if it does not lie within the device.
    pub fn window(&self, offset_bytes: u64, size_bytes: u64) -> Option<Window<'_>> {
        let end = offset_bytes.checked_add(size_bytes)?;
        (end <= self.size_bytes).then_some(Window {
            block: self,
            offset_bytes,
            size_bytes,
        })
    }

    fn fault(&self, verb: &'static str, offset_bytes: u64, source: io::Error) -> DeviceError {
        DeviceError {
            verb,
            path: self.path.clone(),
            offset_bytes,
            source,
        }
    }
}

impl Window<'_> {
    /// Its length.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Reads at an offset within it.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn read_at(&self, offset_bytes: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.bounds("read", offset_bytes, bytes.len())?;
        self.block.read_at(self.offset_bytes + offset_bytes, bytes)
    }

    /// Writes at an offset within it.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn write_at(&self, offset_bytes: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.bounds("write to", offset_bytes, bytes.len())?;
        self.block.write_at(self.offset_bytes + offset_bytes, bytes)
    }

    /// Waits until all that was written is on the medium.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn sync(&self) -> Result<(), DeviceError> {
        self.block.sync()
    }

    /// Makes the next reads ask the device.
    pub fn forget(&self) {
        self.block.forget(self.offset_bytes, self.size_bytes);
    }

    fn bounds(
        &self,
        verb: &'static str,
        offset_bytes: u64,
        length: usize,
    ) -> Result<(), DeviceError> {
        let end = offset_bytes.checked_add(length as u64);
        if end.is_some_and(|end| end <= self.size_bytes) {
            return Ok(());
        }
        let source = io::Error::from(io::ErrorKind::InvalidInput);
        Err(self.block.fault(verb, offset_bytes, source))
    }
}

impl Read for Block {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read(bytes)
    }
}

impl Seek for Block {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.file.seek(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_it_ends() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(8192).unwrap();
        let block = Block::claim(file.path()).unwrap();
        assert!(block.window(4096, 4097).is_none() && block.window(u64::MAX, 2).is_none());
        let window = block.window(4096, 4096).unwrap();
        assert!(window.write_at(4095, &[1, 2]).is_err());
        assert!(window.write_at(u64::MAX, &[1, 2]).is_err());
        assert!(window.read_at(4095, &mut [0; 2]).is_err());
        window.write_at(4095, &[7]).unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap()[8191], 7);
    }
}
