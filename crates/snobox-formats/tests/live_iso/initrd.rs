//! Initrds as files: coreos-installer's own reader and writer against ours.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use snobox_formats::cpio::{Members, read_initrd, write_archive};
use snobox_formats::xz;

use crate::oracle::{Oracle, program};

const WRAP: [&str; 3] = ["pxe", "ignition", "wrap"];
const UNWRAP: [&str; 3] = ["pxe", "ignition", "unwrap"];

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let members = files
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
    write_archive(&members.collect()).unwrap()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_initrd_of_coreos_installer_is_read() {
    let Some(program) = program() else { return };
    let initrd = Oracle::new(&program, b"").pipe(&WRAP, b"{\"a\": 1}");
    let expected = Members::from([("config.ign".to_owned(), b"{\"a\": 1}".to_vec())]);
    assert_eq!(read_initrd(&initrd, 1 << 20).unwrap(), expected);
}

#[test]
fn coreos_installer_reads_plain_and_compressed_archives_one_after_another() {
    let Some(program) = program() else { return };
    let oracle = Oracle::new(&program, b"");
    let config = archive(&[("a/b/c", b"x"), ("config.ign", b"wanted"), ("z", b"")]);
    let other = archive(&[("other", &[7; 1000])]);
    for config in [
        config.clone(),
        gzip(&config),
        xz::compress_for_initrd(&config),
    ] {
        for other in [other.clone(), gzip(&other), xz::compress_for_initrd(&other)] {
            let initrd = [&other[..], &[0; 512], &config, &other].concat();
            assert_eq!(oracle.pipe(&UNWRAP, &initrd), b"wanted");
            assert_eq!(
                read_initrd(&initrd, 1 << 20).unwrap()["config.ign"],
                b"wanted"
            );
        }
    }
}
