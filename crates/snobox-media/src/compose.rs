//! A live ISO grows into the whole image: cache behind it, ignition and kernel arguments in its embed areas, a partition entry in its MBR.
//!
//! 1. read the ISO's areas and its MBR, decide where the cache goes, and prove that the ignition will fit — nothing is written yet;
//! 2. write the cache front to back, hashing every blob against its name and every byte into the [`seal`](snobox_image::seal);
//! 3. write ignition, kernel arguments and partition entry.

mod cache_file;

use std::io::{self, Read, Seek, SeekFrom, Write};

use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::ignition::{Ignition, IgnitionError};
use snobox_formats::live_iso::{
    EmbedError, LiveIso, LiveIsoError, Patch, append_karg, overlay as apply_patches,
};
use snobox_formats::mbr::{Lba, Mbr, MbrError, Slot};
use snobox_formats::reference::ImageRef;
use snobox_plan::install_config::Manifest;
use snobox_plan::site::{self, Site};

use crate::cache::{CachePlan, Source};
use crate::overlay::overlay;
use crate::room::{ALIGNMENT_BYTES, partition_bytes};
use snobox_image::pins::{
    CachePins, DiskHints, ExistingData, InstallationPins, LiveIsoPins, PartitionPins, Pins,
    format_uuid,
};
use snobox_image::seal::seal_bytes;

/// Type of the cache's partition.
pub(crate) const LINUX_PARTITION: u8 = 0x83;
const BUFFER_BYTES: usize = 1 << 20;
const MIB: u64 = 1 << 20;

/// What an image is made of, besides the ISO that stands in the file already.
pub struct Inputs<'a> {
    /// The site.
    pub site: &'a Site,
    /// The payload image, pinned.
    pub release: &'a ImageRef,
    /// The images of the cache.
    pub images: &'a [ImageRef],
    /// Those of them that will be asked for by tag.
    pub tagged: &'a [ImageRef],
    /// The installer's ignition.
    pub ignition: &'a Ignition,
    /// Manifests for the cluster besides those of snobox itself.
    pub manifests: &'a [Manifest],
    /// Kernel arguments to append.
    pub kargs: &'a [String],
    /// The cache.
    pub cache: &'a CachePlan,
    /// Opens what goes into the cache.
    pub open: &'a dyn Fn(&Source) -> io::Result<Box<dyn Read + 'a>>,
}

/// What an image consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMap {
    /// Length of the whole image in bytes.
    pub size_bytes: u64,
    /// Its parts, by offset.
    pub regions: Vec<Region>,
    /// What it says about itself.
    pub pins: Pins,
    /// The MBR partition of the cache, 3 or 4.
    pub partition: u8,
    /// Bytes of the ignition area that the config takes.
    pub ignition_bytes: u64,
    /// Bytes of the ignition area.
    pub ignition_area_bytes: u64,
}

/// One part of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where it starts.
    pub offset_bytes: u64,
    /// Its length.
    pub length_bytes: u64,
    /// What it is.
    pub what: String,
}

/// Why no image was made. The file must be thrown away, except where the text says that nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The ISO has no usable areas.
    #[error(transparent)]
    LiveIso(#[from] LiveIsoError),
    /// The ISO has an ignition already.
    #[error("the live ISO already has an embedded Ignition config")]
    AlreadyEmbedded,
    /// The ISO cannot be extended by a partition.
    #[error("the live ISO cannot carry a cache partition")]
    Mbr(#[from] MbrError),
    /// The site's cache partition is too small for what goes into it.
    #[error(
        "the cache needs a partition of {needed_bytes} bytes on the node, but `cache.size` gives {size_bytes}"
    )]
    PartitionTooSmall {
        /// Bytes needed.
        needed_bytes: u64,
        /// Bytes that the site gives.
        size_bytes: u64,
    },
    /// Both places for a partition are taken.
    #[error("the live ISO's partition table has no free entry")]
    NoFreeSlot,
    /// The overlay does not go with the ignition.
    #[error("the overlay cannot be merged")]
    Ignition(#[from] IgnitionError),
    /// Ignition or kernel arguments do not fit.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// Bytes from the store are not what their name says.
    #[error("blob {expected} is damaged: its bytes hash to {found}")]
    DamagedBlob {
        /// The name.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// A source has another length than planned.
    #[error("/{path} of the cache has {found} bytes, expected {expected}")]
    WrongSize {
        /// Path in the cache.
        path: String,
        /// Bytes planned.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// A source cannot be read.
    #[error("cannot read what becomes /{path} of the cache")]
    Read {
        /// Path in the cache.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The image cannot be written or read.
    #[error("cannot write the image")]
    Write(#[source] io::Error),
}

/// Bytes that [`compose`] will report to its progress function: the cache, written once.
pub fn planned_bytes(cache: &CachePlan) -> u64 {
    cache.fs.files().iter().map(|file| file.size_bytes).sum()
}

/// Makes the image in `file`, which holds a live ISO of `iso_bytes` and nothing behind it. `progress` is told the bytes of each piece of the cache
/// and may stop everything with an error.
///
/// # Errors
/// [`ComposeError`].
pub fn compose<F: Read + Write + Seek>(
    file: &mut F,
    iso_bytes: u64,
    inputs: &Inputs<'_>,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<ImageMap, ComposeError> {
    let iso = LiveIso::read(file)?;
    if iso.ignition().is_some() {
        return Err(ComposeError::AlreadyEmbedded);
    }
    let mut sector = [0; 512];
    file.rewind()
        .and_then(|()| file.read_exact(&mut sector))
        .map_err(ComposeError::Write)?;
    let mbr = Mbr::parse(&sector)?;
    let slot = [Slot::Three, Slot::Four]
        .into_iter()
        .find(|s| mbr.partition(*s).is_none())
        .ok_or(ComposeError::NoFreeSlot)?;
    let iso_end = Lba::at_or_after_byte(iso_bytes).max(mbr.end_of_used_lba());
    let start = Lba::at_or_after_byte(iso_end.offset_bytes().next_multiple_of(ALIGNMENT_BYTES));
    let offset_bytes = start.offset_bytes();
    let fs_bytes = inputs.cache.fs.size_bytes();
    let seal_length = seal_bytes(fs_bytes);
    let entry = mbr.add_partition(
        slot,
        LINUX_PARTITION,
        start,
        (fs_bytes + seal_length) / 512,
        iso_end,
    )?;
    let live_iso = LiveIsoPins {
        size_bytes: iso_bytes,
        digest: pristine_digest(file, &iso, slot, iso_bytes).map_err(ComposeError::Write)?,
    };
    let kargs = merged_kargs(&iso, inputs.kargs)?;
    let installation = installation(inputs)?;
    let pins = |seal| {
        let cache = CachePins {
            label: inputs.cache.label.clone(),
            uuid: format_uuid(&inputs.cache.uuid),
            offset_bytes,
            size_bytes: fs_bytes,
            index: inputs.cache.index,
            agent: inputs.cache.agent,
            seal,
        };
        Pins::new(
            &inputs.site.name,
            inputs.release,
            live_iso.clone(),
            cache,
            installation.clone(),
            &kargs,
        )
    };
    // The seal is not known yet, but every digest takes the same room within a few bytes: what is hopeless fails here, before gigabytes move.
    iso.ignition_fit(&merged_ignition(inputs, &pins(Digest::of(b"")))?)?;
    // Areas that are there are written even when the arguments stay, so that each of their bytes is known afterwards.
    let kargs_patches = if inputs.kargs.is_empty() && iso.kargs().is_none() {
        Vec::new()
    } else {
        iso.set_kargs(&kargs)?
    };

    let seal = cache_file::write(file, offset_bytes, inputs, progress)?;
    write_at(file, offset_bytes + fs_bytes, &seal).map_err(ComposeError::Write)?;

    let pins = pins(Digest::of(&seal));
    let config = merged_ignition(inputs, &pins)?;
    let fit = iso.ignition_fit(&config)?;
    let patches = iso
        .embed_ignition(&config)?
        .into_iter()
        .chain(kargs_patches)
        .chain([entry.into()]);
    for patch in patches {
        write_at(file, patch.offset_bytes, &patch.bytes).map_err(ComposeError::Write)?;
    }
    file.flush().map_err(ComposeError::Write)?;

    let area = iso.ignition_area();
    let region = |offset_bytes, length_bytes, what: String| Region {
        offset_bytes,
        length_bytes,
        what,
    };
    let mut regions = vec![region(
        0,
        iso_bytes,
        format!("live ISO {}", iso.volume_id()),
    )];
    regions.push(region(
        area.offset_bytes(),
        area.length_bytes(),
        "  ignition, in the ISO".to_owned(),
    ));
    for area in iso.kargs().map_or(&[][..], |k| k.areas()) {
        let length = iso.kargs().map_or(0, |k| k.size_bytes());
        regions.push(region(
            area.offset_bytes,
            length,
            format!("  kernel arguments, in {}", area.path),
        ));
    }
    let slot_number = slot.number();
    regions.push(region(
        offset_bytes,
        fs_bytes,
        format!("cache, ext4, MBR partition {slot_number}"),
    ));
    regions.push(region(
        offset_bytes + fs_bytes,
        seal_length,
        "  seal of the cache".to_owned(),
    ));
    regions.sort_by_key(|r| r.offset_bytes);
    Ok(ImageMap {
        size_bytes: offset_bytes + fs_bytes + seal_length,
        regions,
        pins,
        partition: slot_number,
        ignition_bytes: fit.compressed_bytes,
        ignition_area_bytes: fit.area_bytes,
    })
}

/// The partition at the node: as the site says, as long as the cache, its seal and the record of the installation fit.
fn installation(inputs: &Inputs<'_>) -> Result<InstallationPins, ComposeError> {
    let wanted = inputs.site.cache.size_bytes;
    let size_bytes = wanted - wanted % MIB;
    let needed_bytes = partition_bytes(inputs.cache);
    if size_bytes < needed_bytes {
        return Err(ComposeError::PartitionTooSmall {
            needed_bytes,
            size_bytes,
        });
    }
    let disk = &inputs.site.node.installation_disk;
    Ok(InstallationPins {
        disk: DiskHints {
            path: disk.path.clone(),
            serial: disk.serial.clone(),
            wwn: disk.wwn.clone(),
            model: disk.model.clone(),
            min_size_bytes: disk.min_size_bytes,
        },
        existing_data: match disk.existing_data {
            site::ExistingData::Refuse => ExistingData::Refuse,
            site::ExistingData::Erase => ExistingData::Erase,
        },
        partition: PartitionPins {
            label: inputs.cache.label.clone(),
            uuid: format_uuid(&inputs.cache.uuid),
            size_bytes,
        },
    })
}

fn merged_ignition(inputs: &Inputs<'_>, pins: &Pins) -> Result<Vec<u8>, IgnitionError> {
    let mut ignition = inputs.ignition.clone();
    let images = inputs.images.iter();
    overlay(
        inputs.site,
        pins,
        images,
        inputs.tagged,
        inputs.manifests,
        inputs.ignition,
    )
    .apply(&mut ignition)?;
    Ok(ignition.to_bytes())
}

fn merged_kargs(iso: &LiveIso, append: &[String]) -> Result<String, EmbedError> {
    let current = iso
        .kargs()
        .map(|k| k.current().to_owned())
        .unwrap_or_default();
    append
        .iter()
        .try_fold(current, |kargs, argument| append_karg(&kargs, argument))
}

/// SHA-256 of the first `iso_bytes` with embed areas and the entry of `slot` as they were shipped.
pub(crate) fn pristine_digest(
    file: &mut (impl Read + Seek),
    iso: &LiveIso,
    slot: Slot,
    iso_bytes: u64,
) -> io::Result<Digest> {
    let mut patches = iso.pristine_patches();
    let entry = 446 + 16 * (u64::from(slot.number()) - 1);
    patches.push(Patch {
        offset_bytes: entry,
        bytes: vec![0; 16],
    });
    file.rewind()?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut offset = 0;
    while offset < iso_bytes {
        let length = (iso_bytes - offset).min(BUFFER_BYTES as u64) as usize;
        let chunk = &mut buffer[..length];
        file.read_exact(chunk)?;
        apply_patches(&patches, offset, chunk);
        hasher.update(chunk);
        offset += length as u64;
    }
    Ok(hasher.finish())
}

fn write_at(file: &mut (impl Write + Seek), offset: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}
