//! Proof of an image file: every byte is what was built, and everything that the ignition asks for is in the cache.
//!
//! 1. the live ISO with its embed areas set back hashes to the pinned digest, and the space behind it is empty;
//! 2. ignition and kernel arguments are readable, and the arguments are the pinned ones, to the last byte of their areas;
//! 3. the seal hashes to the pinned digest, and every piece of the cache to the seal's;
//! 4. index → manifests → blobs of the cache, each hashed;
//! 5. every image that either boot will ask for is in the cache.

mod cache_part;
mod findings;
mod iso_part;
mod references;

use std::io::{self, Read, Seek};

use snobox_formats::ignition::Ignition;
use snobox_formats::live_iso::{LiveIso, LiveIsoError};

pub use cache_part::CacheStore;
pub use findings::{Finding, Report};
pub use references::references;

use snobox_image::pins::{PATH, Pins};

/// Why an image could not be looked at at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not a live ISO.
    #[error(transparent)]
    LiveIso(#[from] LiveIsoError),
    /// It is a live ISO, but not one that was built by snobox.
    #[error("this is a live ISO, but not an image built by snobox: {why}")]
    NotAnImage {
        /// What is missing.
        why: String,
    },
    /// It cannot be read.
    #[error("cannot read the image")]
    Read(#[source] io::Error),
}

/// Proves an image. `second` is another reader of the same image; `progress` is told the bytes of each piece read and may stop everything.
///
/// # Errors
/// [`VerifyError`] when there is nothing to prove; what is wrong with an image is a finding.
pub fn verify<R: Read + Seek + 'static>(
    file: &mut R,
    second: R,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<Report, VerifyError> {
    let iso = LiveIso::read(file)?;
    let config = iso.ignition().ok_or_else(|| VerifyError::NotAnImage {
        why: "it has no embedded ignition".to_owned(),
    })?;
    let ignition = Ignition::parse(config).map_err(|e| VerifyError::NotAnImage {
        why: format!("its ignition: {e}"),
    })?;
    let pins = match ignition.file(PATH) {
        Ok(Some(bytes)) => {
            Pins::parse(&bytes).map_err(|e| VerifyError::NotAnImage { why: e.to_string() })?
        }
        Ok(None) => {
            return Err(VerifyError::NotAnImage {
                why: format!("its ignition has no {PATH}"),
            });
        }
        Err(error) => {
            return Err(VerifyError::NotAnImage {
                why: error.to_string(),
            });
        }
    };
    let mut report = Report::new(pins);
    iso_part::check(file, &iso, &mut report).map_err(VerifyError::Read)?;
    cache_part::check(file, second, &ignition, &mut report, progress).map_err(VerifyError::Read)?;
    Ok(report)
}

/// Bytes that [`verify`] will report to its progress function for an image of that length: the cache twice, as a partition and as a store.
pub fn planned_bytes(image_bytes: u64) -> u64 {
    image_bytes * 2
}
