//! A partition added behind a hybrid image: judged by sfdisk, and by coreos-installer, which must not mind it.

use std::process::Command;

use snobox_formats::live_iso::Patch;
use snobox_formats::mbr::{Lba, Mbr, MbrError, Slot};

use crate::oracle::{Oracle, program, sample, skip};

const SECTORS: u64 = 4096;

fn table(image: &[u8]) -> Result<Mbr, MbrError> {
    Mbr::parse(image.first_chunk().unwrap())
}

#[test]
fn sfdisk_and_coreos_installer_accept_an_added_partition() {
    let Some(program) = program() else { return };
    for name in ["2022-09", "2023-07.x86_64"] {
        let Some(sample) = sample(name) else { return };
        let oracle = Oracle::new(&program, &sample.bytes);
        let live = oracle.read();
        let mbr = table(&sample.bytes).unwrap();
        assert_eq!(mbr.free_slots(), [Slot::Three, Slot::Four]);
        let iso_end = Lba::at_or_after_byte(live.image_length_bytes());
        assert_eq!(mbr.end_of_used_lba(), iso_end);

        let entry = mbr
            .add_partition(Slot::Three, 0x83, iso_end, SECTORS, iso_end)
            .unwrap();
        let mut stick = sample.bytes.clone();
        stick.resize(stick.len() + SECTORS as usize * 512, 0);
        let oracle = Oracle::new(&program, &stick);
        oracle.apply(&[Patch::from(entry)]);

        let Ok(output) = Command::new("sfdisk")
            .arg("--dump")
            .arg(oracle.image_path())
            .output()
        else {
            return skip("sfdisk is not in PATH");
        };
        let dump = String::from_utf8(output.stdout).unwrap();
        let dump = dump.replace(' ', "");
        assert!(
            dump.contains(&format!("label-id:0x{:08x}\n", mbr.disk_signature())),
            "{dump}"
        );
        let added = format!("3:start={},size={SECTORS},type=83", iso_end.0);
        assert!(dump.contains(&added), "{dump}");

        oracle.apply(&oracle.read().embed_ignition(b"{}").unwrap());
        assert_eq!(oracle.run(&["iso", "ignition", "show"]), b"{}");
        let again = table(&oracle.image()).unwrap();
        assert_eq!(again.free_slots(), [Slot::Four]);
        let error = again
            .add_partition(Slot::Three, 0x83, iso_end, 1, iso_end)
            .unwrap_err();
        assert!(
            matches!(error, MbrError::SlotInUse { slot: 3, .. }),
            "{error}"
        );
    }
}

#[test]
fn an_image_that_is_not_hybrid_has_no_table() {
    let Some(sample) = sample("2021-12") else {
        return;
    };
    let error = table(&sample.bytes).unwrap_err();
    assert!(matches!(error, MbrError::NoSignature { .. }), "{error}");
}
