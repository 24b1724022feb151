//! One flipped bit anywhere in an image is found, and named where it can be.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use serde_json::Value;

use crate::support::{Sandbox, demo};

/// An image of which one bit at a time is another.
struct Victim {
    sandbox: Sandbox,
    file: File,
}

impl Victim {
    fn new() -> Self {
        let sandbox = Sandbox::with_image();
        let path = sandbox.path("practice.img");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        Self { sandbox, file }
    }

    fn flip(&self, at: u64, bit: u8) {
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at).unwrap();
        self.file.write_all_at(&[byte[0] ^ 1 << bit], at).unwrap();
    }

    /// Exit status, and `code: text` of each finding, with that bit flipped.
    fn verify(&self, at: u64, bit: u8) -> (i32, Vec<String>) {
        self.flip(at, bit);
        let said = self.sandbox.run(&["--json", "verify", "practice.img"]);
        self.flip(at, bit);
        let code = said.code();
        assert!(matches!(code, 12 | 40), "byte {at}, bit {bit}: exit {code}");
        let said = said.fails(code);
        // With findings, their document comes first and that of the error after it.
        let value = serde_json::Deserializer::from_slice(&said.stdout)
            .into_iter::<Value>()
            .next()
            .unwrap()
            .unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let findings = value["findings"].as_array().into_iter().flatten();
        let findings = findings.map(|f| format!("{}: {}", text(&f["code"]), text(&f["text"])));
        (code, findings.collect())
    }
}

/// xorshift64 with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn bit(&mut self) -> u8 {
        self.below(8) as u8
    }

    fn within(&mut self, range: &Range<u64>) -> u64 {
        range.start + self.below(range.end - range.start)
    }
}

/// The map that the demo printed: where to flip, nothing more.
fn region(what: &str) -> Range<u64> {
    let value = demo().said.json();
    let regions = value["build"]["regions"].as_array().unwrap();
    let found = regions
        .iter()
        .find(|region| region["what"].as_str().unwrap().starts_with(what))
        .unwrap_or_else(|| panic!("no {what} in {regions:?}"));
    let number = |key: &str| found[key].as_u64().unwrap();
    let start = number("offsetBytes");
    start..start + number("lengthBytes")
}

/// The finding must say a range of bytes with this one in it.
fn names_the_place(findings: &[String], at: u64) -> bool {
    findings.iter().any(|finding| {
        let Some((_, range)) =
            finding.split_once("cache-changed: the cache was changed in the bytes ")
        else {
            return false;
        };
        let mut numbers = range.split(' ').filter_map(|word| word.parse::<u64>().ok());
        let (first, last) = (numbers.next().unwrap(), numbers.next().unwrap());
        assert!(last - first < 2 << 20, "{finding}: not much of a name");
        (first..=last).contains(&at)
    })
}

#[test]
fn one_bit_in_the_cache_is_found_and_its_bytes_are_named() {
    let victim = Victim::new();
    let mut random = Random(0x5eed_0001);
    let cache = region("cache");
    // The superblock, descriptors, bitmaps, inodes and folders stand in front; the last file and its slack at the end.
    let front = cache.start..cache.start + (1 << 20);
    let back = cache.end - (64 << 10)..cache.end;
    let mut places: Vec<u64> = vec![cache.start, cache.start + 1024 + 56, cache.end - 1];
    places.extend((0..12).map(|_| random.within(&front)));
    places.extend((0..4).map(|_| random.within(&back)));
    places.extend((0..24).map(|_| random.within(&cache)));
    for at in places {
        let bit = random.bit();
        let (code, findings) = victim.verify(at, bit);
        assert_eq!(code, 40, "byte {at}, bit {bit}: {findings:?}");
        assert!(
            names_the_place(&findings, at),
            "byte {at}, bit {bit}: {findings:?}"
        );
    }
}

#[test]
fn one_bit_in_the_seal_is_found_and_the_seal_is_named() {
    let victim = Victim::new();
    let mut random = Random(0x5eed_0002);
    let seal = region("seal");
    for at in [
        seal.start,
        seal.start + 24,
        random.within(&seal),
        seal.end - 1,
    ] {
        let (code, findings) = victim.verify(at, random.bit());
        assert_eq!(code, 40);
        let named = findings
            .iter()
            .any(|finding| finding.starts_with("seal-changed: the seal"));
        assert!(named, "byte {at}: {findings:?}");
    }
}

#[test]
fn one_bit_before_the_cache_is_found() {
    let victim = Victim::new();
    let mut random = Random(0x5eed_0003);
    let iso = region("live ISO");
    let ignition = region("ignition");
    let gap = iso.end..region("cache").start;
    let mut places: Vec<u64> = (0..16).map(|_| random.within(&iso)).collect();
    // Boot code, disk signature, the end of the sector; the volume descriptor.
    places.extend([0, 440, 511, 32_769, 32_768 + 190]);
    places.extend((0..4).map(|_| random.within(&ignition)));
    places.extend([ignition.start, ignition.start + 7, ignition.end - 1]);
    if !gap.is_empty() {
        places.extend([gap.start, random.within(&gap), gap.end - 1]);
    }
    for at in places {
        victim.verify(at, random.bit());
    }
}

#[test]
fn one_bit_in_the_partition_table_is_found() {
    let victim = Victim::new();
    let mut random = Random(0x5eed_0004);
    // Four entries of 16 bytes; that of the cache among them.
    for at in 446..510 {
        victim.verify(at, random.bit());
    }
}

#[test]
fn one_bit_in_the_kernel_arguments_is_found() {
    let victim = Victim::new();
    let area = region("kernel arguments");
    let mut bytes = vec![0; (area.end - area.start) as usize];
    victim.file.read_exact_at(&mut bytes, area.start).unwrap();
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap() as u64;
    // The character that ends the text, in each of its bits; a letter; the fill.
    for bit in 0..8 {
        victim.verify(area.start + end, bit);
    }
    for at in [area.start, area.start + end + 1, area.end - 1] {
        victim.verify(at, 0);
        victim.verify(at, 5);
    }
}

/// Where 4096-byte blocks of the image begin with these bytes.
fn find_block(image: &[u8], start: &[u8]) -> u64 {
    let mut found = (0..image.len())
        .step_by(4096)
        .filter(|at| image[*at..].starts_with(start));
    let at = found.next().unwrap();
    assert_eq!(found.next(), None);
    at as u64
}

#[test]
fn one_bit_in_a_blob_names_the_blob_and_an_image_that_needs_it() {
    let victim = Victim::new();
    let image = victim.sandbox.read("practice.img");
    let reference = "registry.practice.example/factory/line-agent:1.0";
    let blob = |digest: &str| {
        victim
            .sandbox
            .read(&format!("store/blobs/sha256/{}", &digest[7..]))
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let index = json(&victim.sandbox.read("store/index.json"));
    let entries = index["manifests"].as_array().unwrap();
    let is_it =
        |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == reference;
    let manifest = entries.iter().find(is_it).unwrap()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let config = json(&blob(&manifest))["config"]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    for digest in [manifest, config] {
        let bytes = blob(&digest);
        let at = find_block(&image, &bytes) + bytes.len() as u64 / 2;
        let (code, findings) = victim.verify(at, 3);
        assert_eq!(code, 40);
        assert!(names_the_place(&findings, at), "{findings:?}");
        let named = findings
            .iter()
            .any(|finding| finding.contains(&digest) && finding.contains(reference));
        assert!(named, "{digest}: {findings:?}");
    }
}
