//! Sums over sets of images, by hand and by law.

use proptest::prelude::*;
use snobox_formats::digest::Digest;
use snobox_plan::cost::{Blob, Cost, Held, Load, Part, PartCost, added_bytes, seconds, weigh};

fn blob(name: &str, size_bytes: u64) -> Blob {
    let digest = Digest::of(name.as_bytes());
    Blob { digest, size_bytes }
}

fn part(name: &str) -> Part {
    Part {
        kind: "component",
        name: name.to_owned(),
    }
}

fn load(parts: &[&str], blobs: &[Blob]) -> Load {
    Load {
        parts: parts.iter().map(|name| part(name)).collect(),
        blobs: blobs.to_vec(),
        signs: false,
    }
}

/// The signature of an image of these parts.
fn signature(parts: &[&str], blobs: &[Blob]) -> Load {
    Load {
        signs: true,
        ..load(parts, blobs)
    }
}

/// A base of 1000 bytes under three images; `etcd` and `console` share a layer of 200; `console` is two images.
fn set() -> Vec<Load> {
    let (base, shared) = (blob("base", 1000), blob("shared", 200));
    vec![
        load(&["pod"], &[blob("m1", 1), base, blob("pod", 10)]),
        load(&["etcd"], &[blob("m2", 2), base, shared, blob("etcd", 30)]),
        load(&["console"], &[blob("m3", 3), shared, blob("console", 400)]),
        load(&["console"], &[blob("m4", 4), base, blob("console", 400)]),
    ]
}

fn nothing(_: &Blob) -> Held {
    Held::Absent
}

#[test]
fn every_blob_counts_once_and_each_part_by_what_only_it_needs() {
    let cost = weigh(&set(), &|b| {
        if *b == blob("base", 1000) {
            Held::Whole
        } else if *b == blob("console", 400) {
            Held::Partial(150)
        } else {
            Held::Absent
        }
    });
    let expected = |name: &str, images, bytes, saves_bytes| PartCost {
        part: part(name),
        images,
        bytes,
        saves_bytes,
    };
    let by_hand = Cost {
        images: 4,
        // base, shared, pod, etcd, console, four manifests
        blobs: 9,
        bytes: 1000 + 200 + 10 + 30 + 400 + 1 + 2 + 3 + 4,
        references: 3 + 4 + 3 + 3,
        reference_bytes: 1011 + 1232 + 603 + 1404,
        present_blobs: 1,
        present_bytes: 1000,
        partial_bytes: 150,
        parts: vec![
            expected("console", 2, 1607, 407),
            expected("etcd", 1, 1232, 32),
            expected("pod", 1, 1011, 11),
        ],
    };
    assert_eq!(cost, by_hand);
    assert_eq!(cost.shared_bytes(), 2600);
    assert_eq!((cost.fetch_blobs(), cost.fetch_bytes()), (8, 500));
}

#[test]
fn an_image_of_two_parts_is_dropped_with_neither() {
    let set = [
        load(&["a", "b"], &[blob("both", 50)]),
        load(&["a"], &[blob("a", 7)]),
        load(&["b"], &[blob("a", 7), blob("b", 5)]),
    ];
    let cost = weigh(&set, &nothing);
    let of = |name: &str| {
        let part = cost.parts.iter().find(|p| p.part.name == name).unwrap();
        (part.images, part.bytes, part.saves_bytes)
    };
    assert_eq!(of("a"), (2, 57, 0));
    assert_eq!(of("b"), (2, 62, 5));
}

#[test]
fn a_signature_is_paid_by_whom_it_signs() {
    let (base, config) = (blob("base", 1000), blob("signature config", 20));
    let set = [
        load(&["etcd"], &[blob("m1", 1), base]),
        load(&["pod"], &[blob("m2", 2), base]),
        load(&["a", "b"], &[blob("m3", 3)]),
        // All signatures have the same configuration here.
        signature(&["etcd"], &[blob("s1", 100), config]),
        signature(&["pod"], &[blob("s2", 200), config]),
        signature(&["a", "b"], &[blob("s3", 400), config]),
    ];
    let cost = weigh(&set, &nothing);
    let of = |name: &str| {
        let part = cost.parts.iter().find(|p| p.part.name == name).unwrap();
        (part.images, part.bytes, part.saves_bytes)
    };
    assert_eq!(of("etcd"), (1, 1 + 1000 + 100 + 20, 1 + 100));
    assert_eq!(of("pod"), (1, 2 + 1000 + 200 + 20, 2 + 200));
    assert_eq!(of("a"), (1, 3 + 400 + 20, 0));
    assert_eq!(of("b"), of("a"));
    assert_eq!((cost.images, cost.parts.len()), (6, 4));
    assert_eq!(cost.bytes, 1 + 2 + 3 + 1000 + 100 + 200 + 400 + 20);
}

#[test]
fn an_update_costs_what_the_old_set_does_not_have() {
    let mut new = set();
    new[0] = load(
        &["pod"],
        &[blob("m5", 5), blob("base", 1000), blob("pod2", 20)],
    );
    new.push(load(
        &["new"],
        &[blob("pod2", 20), blob("shared", 200), blob("new", 100)],
    ));
    assert_eq!(added_bytes(&set(), &new), 5 + 20 + 100);
    assert_eq!(added_bytes(&new, &set()), 1 + 10);
    assert_eq!(added_bytes(&[], &set()), 1650);
    assert_eq!(added_bytes(&set(), &set()), 0);
}

#[test]
fn time_is_bits_over_bits_per_second() {
    // 94 GiB at 50 Mbit/s: 16,150 s, 4 h 29 min.
    assert_eq!(seconds(94 << 30, 50_000_000), 16_150);
    assert_eq!(seconds(1_000_000, 8_000_000), 1);
    assert_eq!(seconds(1_000_001, 8_000_000), 2);
    assert_eq!(seconds(0, 50_000_000), 0);
    assert_eq!(seconds(u64::MAX, 0), u64::MAX);
}

/// Few names and few digests, so that sets share.
fn sets() -> impl Strategy<Value = Vec<Load>> {
    let blobs = prop::collection::vec(0_u8..12, 0..6);
    let parts = prop::collection::btree_set(0_u8..5, 1..3);
    let load = (parts, blobs, any::<bool>()).prop_map(|(parts, blobs, signs)| Load {
        parts: parts.into_iter().map(|p| part(&p.to_string())).collect(),
        blobs: blobs
            .into_iter()
            .map(|b| blob(&b.to_string(), 1 << b))
            .collect(),
        signs,
    });
    prop::collection::vec(load, 0..10)
}

proptest! {
    #[test]
    fn sums_do_not_depend_on_the_order(set in sets(), seed in any::<u64>()) {
        let mut other = set.clone();
        let mut state = seed;
        for i in (1..other.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            other.swap(i, (state >> 33) as usize % (i + 1));
        }
        prop_assert_eq!(weigh(&set, &nothing), weigh(&other, &nothing));
    }

    #[test]
    fn dropping_a_part_saves_what_it_says(set in sets()) {
        let whole = weigh(&set, &nothing);
        for dropped in &whole.parts {
            // An image goes when nobody is left who needs it.
            let rest: Vec<Load> = set
                .iter()
                .filter(|load| load.parts.iter().any(|part| *part != dropped.part))
                .cloned()
                .collect();
            let without = weigh(&rest, &nothing);
            prop_assert_eq!(dropped.saves_bytes, whole.bytes - without.bytes);
        }
    }
}
