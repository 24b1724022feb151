//! What is said of each generation of images, and of an ISO that is none.

use std::io::Cursor;

use snobox_formats::iso9660::{IsoError, IsoFs};
use snobox_formats::live_iso::{EmbedError, Generation, LiveIso, LiveIsoError};

use crate::oracle::{Oracle, program, read, sample, samples, sha256};

#[test]
fn every_sample_is_recognised_as_what_its_index_says() {
    let Some(samples) = samples() else { return };
    for sample in samples {
        let expected = match sample.name.as_str() {
            "2020-09" => Generation::IgnitionOnly,
            "2021-01" => Generation::KargsHeader,
            "2021-09" | "2021-12" => Generation::KargsJsonAndHeader,
            "2022-02" | "2022-09" => Generation::KargsJson,
            "synthetic" => continue,
            _ => Generation::IgnInfo,
        };
        let live = read(&sample.bytes);
        println!(
            "{}: {}: {:?}",
            sample.name,
            live.generation(),
            live.ignition_area()
        );
        assert_eq!(live.generation(), expected, "{}", sample.name);
        assert_eq!(
            live.ignition_area().length_bytes(),
            262_144,
            "{}",
            sample.name
        );
        assert_eq!(
            live.has_legacy_kargs_header(),
            sample.name.starts_with("2021")
        );
        assert_eq!(
            live.has_legacy_ignition_header(),
            sample.name.as_str() < "2022"
        );
        assert_eq!(live.features().is_some(), sample.name.as_str() > "2021-10");
        assert!(live.volume_size_bytes() <= live.image_length_bytes());
        let default = live.kargs().map_or("", |kargs| kargs.default_kargs());
        if !default.is_empty() {
            let label = format!("coreos.liveiso={}", live.volume_id());
            assert!(
                default.split(' ').any(|argument| argument == label),
                "{default}"
            );
        }
    }
}

#[test]
fn images_before_kargs_json_take_a_config_and_refuse_kargs() {
    let Some(program) = program() else { return };
    for (name, legacy_kargs) in [("2020-09", false), ("2021-01", true)] {
        let Some(sample) = sample(name) else { return };
        let oracle = Oracle::new(&program, &sample.bytes);
        let live = oracle.read();
        assert!(live.kargs().is_none());
        let error = live.set_kargs("debug").unwrap_err();
        assert!(
            matches!(error, EmbedError::NoKargsAreas { legacy_header } if legacy_header == legacy_kargs)
        );
        oracle.apply(&live.embed_ignition(b"{}").unwrap());
        assert_eq!(oracle.run(&["iso", "ignition", "show"]), b"{}");
        oracle.run(&["iso", "ignition", "remove"]);
        assert_eq!(oracle.sha256(), sha256(&sample.bytes));
    }
}

#[test]
fn an_iso_of_something_else_is_named() {
    let Some(sample) = sample("synthetic") else {
        return;
    };
    let error = LiveIso::read(&mut Cursor::new(&sample.bytes)).unwrap_err();
    assert!(
        matches!(&error, LiveIsoError::NotLive { volume_id } if volume_id == "volume-ID-string"),
        "{error}"
    );
}

/// The tree of `synthetic.iso`, as the tests of coreos-installer list it.
#[test]
fn files_of_a_foreign_iso_are_found() {
    let Some(sample) = sample("synthetic") else {
        return;
    };
    let mut reader = Cursor::new(&sample.bytes);
    let iso = IsoFs::read(&mut reader).unwrap();
    assert_eq!(iso.volume_size_bytes(), 338 * 2048);
    let path = "really/very/deeply/nested/file.txt";
    assert_eq!(iso.read_file(&mut reader, path, 4).unwrap(), b"foo\n");
    // A directory of several sectors.
    for number in 1..=150 {
        assert!(
            iso.find(&mut reader, &format!("largedir/{number}.dat"))
                .is_ok()
        );
    }
    for name in ["ABC", "ABC.D", "ABCDE000", "ABCDEFGH.IJK"] {
        assert!(
            iso.find(&mut reader, &format!("NAMES/{name}")).is_ok(),
            "{name}"
        );
    }
    for path in ["largedir/151.dat", "content/file.txt/x", "missing/file.txt"] {
        let error = iso.find(&mut reader, path).unwrap_err();
        assert!(matches!(error, IsoError::NoSuchFile { .. }), "{error}");
    }
    let error = iso.find(&mut reader, "content/dir").unwrap_err();
    assert!(matches!(error, IsoError::NotAFile { .. }), "{error}");
}

#[test]
fn a_cut_or_changed_image_is_refused_or_read_but_never_a_panic() {
    let Some(sample) = sample("2023-07.x86_64") else {
        return;
    };
    let half = &sample.bytes[..sample.bytes.len() / 2];
    let error = LiveIso::read(&mut Cursor::new(half)).unwrap_err();
    assert!(
        matches!(error, LiveIsoError::Iso(IsoError::Incomplete { .. })),
        "{error}"
    );
    let metadata = 16 * 2048..60 * 2048;
    for at in metadata.step_by(7) {
        let mut bytes = sample.bytes.clone();
        bytes[at] ^= 0xff;
        let _ = LiveIso::read(&mut Cursor::new(bytes)).map(|live| live.pristine_patches());
    }
}
