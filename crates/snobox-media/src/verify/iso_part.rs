//! The ISO part of an image: embed areas, partition entry, everything around them, and the space behind.

use std::io::{self, Read, Seek, SeekFrom};

use snobox_formats::live_iso::{LiveIso, Patch};
use snobox_formats::mbr::{Lba, Mbr, Slot};

use super::{Finding, Report};
use crate::compose::{LINUX_PARTITION, pristine_digest};
use snobox_image::pins::CachePins;
use snobox_image::seal::seal_bytes;

pub(super) fn check(
    file: &mut (impl Read + Seek),
    iso: &LiveIso,
    report: &mut Report,
) -> io::Result<()> {
    let pins = &report.pins;
    let current = iso
        .kargs()
        .map(|k| k.current())
        .unwrap_or_default()
        .to_owned();
    let (expected, cache, live_iso) = (
        pins.kargs.clone(),
        pins.cache.clone(),
        pins.live_iso.clone(),
    );
    if current != expected {
        report.add(Finding::Kargs {
            expected,
            found: current,
        });
    }
    check_kargs_areas(file, iso, report)?;
    let mut sector = [0; 512];
    file.rewind()?;
    file.read_exact(&mut sector)?;
    let slot = [Slot::Three, Slot::Four]
        .into_iter()
        .find(|slot| has_entry(&sector, *slot, &cache, live_iso.size_bytes));
    let Some(slot) = slot else {
        report.add(Finding::Partition {
            offset_bytes: cache.offset_bytes,
        });
        return Ok(());
    };
    report.partition = Some(slot.number());
    if iso.image_length_bytes() < live_iso.size_bytes {
        report.add(Finding::Truncated {
            expected: live_iso.size_bytes,
            found: iso.image_length_bytes(),
        });
        return Ok(());
    }
    let found = pristine_digest(file, iso, slot, live_iso.size_bytes)?;
    if found != live_iso.digest {
        report.add(Finding::LiveIso {
            expected: live_iso.digest,
            found,
        });
    }
    let gap_end = cache.offset_bytes.min(iso.image_length_bytes());
    if let Some(offset_bytes) = first_nonzero(file, live_iso.size_bytes, gap_end)? {
        report.add(Finding::Gap { offset_bytes });
    }
    Ok(())
}

/// The areas, fill included, must have exactly the bytes that the pinned arguments make: readers drop white space and fill around them.
fn check_kargs_areas(
    file: &mut (impl Read + Seek),
    iso: &LiveIso,
    report: &mut Report,
) -> io::Result<()> {
    let (Some(areas), Ok(patches)) = (iso.kargs(), iso.set_kargs(&report.pins.kargs)) else {
        return Ok(());
    };
    for (area, patch) in areas.areas().iter().zip(patches) {
        let mut found = vec![0; patch.bytes.len()];
        file.seek(SeekFrom::Start(patch.offset_bytes))?;
        file.read_exact(&mut found)?;
        if found != patch.bytes {
            report.add(Finding::KargsArea {
                path: area.path.clone(),
                offset_bytes: patch.offset_bytes,
                length_bytes: patch.bytes.len() as u64,
            });
        }
    }
    Ok(())
}

/// Whether a slot of the table holds the cache's entry, byte for byte.
fn has_entry(sector: &[u8; 512], slot: Slot, cache: &CachePins, iso_bytes: u64) -> bool {
    let sectors = (cache.size_bytes + seal_bytes(cache.size_bytes)) / 512;
    let at = 446 + 16 * (usize::from(slot.number()) - 1);
    let mut without = *sector;
    without[at..at + 16].fill(0);
    let start = Lba::at_or_after_byte(cache.offset_bytes);
    let iso_end = Lba::at_or_after_byte(iso_bytes);
    Mbr::parse(&without)
        .and_then(|mbr| mbr.add_partition(slot, LINUX_PARTITION, start, sectors, iso_end))
        .is_ok_and(|entry| Patch::from(entry).bytes == sector[at..at + 16])
}

fn first_nonzero(file: &mut (impl Read + Seek), start: u64, end: u64) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    // The gap is shorter than the alignment of partitions, 4 MiB; a damaged table could say otherwise.
    file.by_ref()
        .take(end.saturating_sub(start).min(64 << 20))
        .read_to_end(&mut bytes)?;
    Ok(bytes
        .iter()
        .position(|b| *b != 0)
        .map(|at| start + at as u64))
}
