//! Which file of the store lies at a place of the cache: for the words of an error, so that whatever cannot be told is left out.
//!
//! The cache's file system was written in one go, every file in one stretch but for the tables of a block group
//! (`snobox-formats/src/ext4`): where some of its bytes lie tells where all of it lies.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ext4_view::{Ext4, Ext4Read};

const BLOBS: &str = "/store/blobs/sha256";

/// Blocks of the cache's file system.
const BLOCK: u64 = 4096;

/// Reads a file system that starts somewhere on a device, and remembers where it read last.
struct Reader {
    device: File,
    start: u64,
    last: Arc<AtomicU64>,
}

impl Ext4Read for Reader {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.last.store(at, Ordering::Relaxed);
        self.device.read_exact_at(bytes, self.start + at)?;
        Ok(())
    }
}

/// The file of which a part lies in the `length` bytes from `offset` of the file system that starts at `start` of the device.
pub fn file_at(device: &Path, start: u64, offset: u64, length: u64) -> Option<String> {
    let last = Arc::new(AtomicU64::new(0));
    let reader = Reader {
        device: File::open(device).ok()?,
        start,
        last: Arc::clone(&last),
    };
    let files = Ext4::load(Box::new(reader)).ok()?;
    let place = |path: &str, position: u64| {
        let mut file = files.open(path).ok()?;
        file.seek_to(position).ok()?;
        last.store(0, Ordering::Relaxed);
        file.read_bytes(&mut [0]).ok()?;
        // Nothing was read from the device for a hole.
        Some(last.load(Ordering::Relaxed)).filter(|at| *at > 0)
    };
    for entry in files.read_dir(BLOBS).ok()?.flatten() {
        let (Ok(name), Ok(metadata)) = (entry.file_name().as_str(), entry.metadata()) else {
            continue;
        };
        if !metadata.file_type().is_regular_file() || metadata.len() == 0 {
            continue;
        }
        let size = metadata.len();
        let path = format!("{BLOBS}/{name}");
        // What lies near to something read before may come from the reader's memory: then another place of the file tells as well.
        let starts: Vec<_> = [0, size / 2, size - 1]
            .into_iter()
            .filter_map(|position| place(&path, position)?.checked_sub(position - position % BLOCK))
            .collect();
        if let (Some(first), Some(last)) = (starts.iter().min(), starts.iter().max())
            && *first < offset + length
            && last + size > offset
        {
            return Some(format!("blob sha256:{name}"));
        }
    }
    None
}
