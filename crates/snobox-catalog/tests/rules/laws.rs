//! Laws of choosing, on channels that nobody thought of.

use std::collections::BTreeSet;

use proptest::prelude::*;
use snobox_catalog::catalog::{Catalog, Entry};
use snobox_catalog::channel::UpdateGraph;
use snobox_catalog::image_set::Rules;
use snobox_catalog::select::select;

use crate::case::{catalog, documents, image_set};

/// A channel that OLM can follow: a chain, versions beside it that some node of the chain skips, all with versions of their own.
fn channels() -> impl Strategy<Value = String> {
    let versions = prop::collection::btree_set((0..3_u8, 0..6_u8), 1..12);
    let beside = prop::collection::vec((0..3_u8, 6..9_u8, any::<prop::sample::Index>()), 0..6);
    let order = any::<prop::sample::Index>();
    (versions, beside, order).prop_map(|(chain, beside, order)| {
        let mut chain: Vec<String> = chain.iter().map(|(a, b)| format!("1.{a}.{b}")).collect();
        // Now and then a chain does not go by the order of versions.
        let length = chain.len();
        chain.rotate_left(order.index(length) / 2);
        let mut skips = vec![BTreeSet::new(); length];
        let mut skipped = BTreeSet::new();
        for (a, b, at) in beside {
            let version = format!("1.{a}.{b}");
            if skipped.insert(version.clone()) {
                skips[at.index(length)].insert(version);
            }
        }
        let mut entries: Vec<String> = skipped.into_iter().collect();
        for (index, version) in chain.iter().enumerate() {
            let mut entry = version.clone();
            if let Some(low) = index.checked_sub(1) {
                entry += &format!(" > {}", chain[low]);
            }
            if !skips[index].is_empty() {
                let names: Vec<_> = skips[index].iter().cloned().collect();
                entry += &format!(" - {}", names.join(" "));
            }
            entries.push(entry);
        }
        format!("package foo default s\ns: {}", entries.join(", "))
    })
}

fn version() -> impl Strategy<Value = (u8, u8)> {
    (0..3_u8, 0..9_u8)
}

fn range(low: (u8, u8), high: (u8, u8)) -> String {
    let text = |(a, b): (u8, u8)| format!("1.{a}.{b}");
    format!(
        "packages:\n- {{name: foo, minVersion: {}, maxVersion: {}}}",
        text(low),
        text(high)
    )
}

/// What is chosen; nothing where that is refused.
fn chosen(catalog: &Catalog, rules: Rules, ask: &str) -> BTreeSet<String> {
    let set = image_set(rules, ask);
    let found = select(catalog, &set.operators[0], rules);
    let names = |s: snobox_catalog::select::Selection| s.packages["foo"].channels["s"].clone();
    found.map(names).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_same_comes_of_the_same(text in channels(), a in version(), b in version()) {
        let (low, high) = (a.min(b), a.max(b));
        let documents = documents(&text);
        // The same documents in the other order.
        let mut turned: Vec<&str> = documents.lines().collect();
        turned.reverse();
        for rules in [Rules::V1, Rules::V2] {
            let ask = range(low, high);
            prop_assert_eq!(
                chosen(&catalog(&documents), rules, &ask),
                chosen(&catalog(&turned.join("\n")), rules, &ask)
            );
        }
    }

    #[test]
    fn a_wider_range_never_loses_a_version(text in channels(), all in prop::array::uniform4(version())) {
        let mut ends = all;
        ends.sort_unstable();
        let [lowest, low, high, highest] = ends;
        let catalog = catalog(&documents(&text));
        let narrow = chosen(&catalog, Rules::V2, &range(low, high));
        let wide = chosen(&catalog, Rules::V2, &range(lowest, highest));
        prop_assert!(narrow.is_subset(&wide), "{:?} {:?}", narrow, wide);
    }

    /// From every version that is kept, updates go on to one head, through what is kept.
    #[test]
    fn what_is_kept_of_a_channel_can_be_followed(text in channels(), a in version(), b in version()) {
        let (low, high) = (a.min(b), a.max(b));
        let catalog = catalog(&documents(&text));
        let channel = &catalog.packages["foo"].channels["s"];
        for rules in [Rules::V1, Rules::V2] {
            let names = chosen(&catalog, rules, &range(low, high));
            let is_kept = |entry: &&Entry| names.contains(&entry.name);
            if !names.is_empty() {
                let kept = channel.entries.iter().filter(is_kept);
                let graph = UpdateGraph::of_entries(channel, kept);
                prop_assert!(graph.is_ok(), "{:?} {:?}", graph, names);
            }
        }
    }

    /// Between two versions of the chain that are kept, none is missing.
    #[test]
    fn what_is_kept_is_closed_under_the_chain(text in channels(), a in version(), b in version()) {
        let (low, high) = (a.min(b), a.max(b));
        let catalog = catalog(&documents(&text));
        let channel = &catalog.packages["foo"].channels["s"];
        let graph = UpdateGraph::of(channel).unwrap();
        let names = chosen(&catalog, Rules::V2, &range(low, high));
        let chain: Vec<bool> = graph.chain(graph.head()).map(|e| names.contains(&e.name)).collect();
        if let (Some(first), Some(last)) = (chain.iter().position(|k| *k), chain.iter().rposition(|k| *k)) {
            prop_assert!(chain[first..=last].iter().all(|k| *k), "{:?}", chain);
        }
    }

    /// Everything in the range that an update from the head's channel can reach is there; a version that is asked for alone is alone.
    #[test]
    fn nothing_in_the_range_is_missing(text in channels(), a in version(), b in version()) {
        let (low, high) = (a.min(b), a.max(b));
        let catalog = catalog(&documents(&text));
        let inside: BTreeSet<String> = catalog.packages["foo"]
            .bundles
            .iter()
            .filter(|(_, bundle)| {
                let version = bundle.version.as_ref().unwrap();
                let key = (version.minor, version.patch);
                (u64::from(low.0), u64::from(low.1)) <= key && key <= (u64::from(high.0), u64::from(high.1))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for rules in [Rules::V1, Rules::V2] {
            let names = chosen(&catalog, rules, &range(low, high));
            prop_assert!(inside.is_subset(&names), "{:?} {:?}", inside, names);
            if low == high {
                prop_assert_eq!(&inside, &names);
            }
        }
    }
}
