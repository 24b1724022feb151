//! Paths and units that are given twice: Ignition refuses the whole configuration for them, on the node.

use std::collections::BTreeMap;

use super::{Finding, Severity, Subject};
use crate::installer::texts::Place;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let files = subject.ignition.files().map(|file| file.path());
    let units = subject.ignition.units().map(|unit| unit.name());
    [("path", count(files)), ("unit", count(units))]
        .into_iter()
        .flat_map(|(kind, counts)| {
            let twice = counts.into_iter().filter(|(_, count)| *count > 1);
            twice.map(move |(name, count)| Finding {
                id: "duplicate",
                severity: Severity::Error,
                place: Place::whole(name),
                expected: format!("one entry for a {kind}"),
                found: format!("{count} of them"),
                hint: "Ignition refuses such a configuration; keep one of them".to_owned(),
            })
        })
        .collect()
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
