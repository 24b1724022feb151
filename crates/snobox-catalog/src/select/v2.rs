//! Which entries of one channel stay under the rules of `v2alpha1`.
//!
//! Source of truth: `pkg/filter/mirror-config/v1alpha1` of the library `catalog-filter` that oc-mirror v2 uses. Without versions the head; with `full`
//! everything; with minimum = maximum exactly that version; with a range a piece of the chain of replaced versions:
//!
//! ```text
//! chain  2.0 ─▶ 1.2 ─▶ 1.1 ─▶ 1.0 ─▶ 0.9     range 1.0 to 1.2; each node counts what is in the range at or below it, skips included, once
//! count   3      3      2      1      0
//!         head ──▲ lowest with most    ▲── tail: first with none, not included
//! ```

use std::collections::BTreeSet;

use snobox_plan::problem::Problem;

use super::{ChannelChoice, Choosing, Kept, refusal};
use crate::catalog::{Entry, Package};
use crate::channel::UpdateGraph;
use crate::range::{Bounds, PreReleases};

impl<'a> Choosing<'a> {
    pub(super) fn entries_v2(&mut self, choice: &ChannelChoice<'a>) -> Result<Kept<'a>, Problem> {
        let bounds = &choice.range.bounds;
        if bounds.is_open() {
            if self.full {
                return Ok(choice.channel.entries.iter().collect());
            }
            let graph = self.graph(choice)?;
            return Ok(vec![graph.head()]);
        }
        if let Some(kept) = self.pinned(choice)? {
            return Ok(kept);
        }
        let graph = self.graph(choice)?;
        let (kept, notes) = piece_of_chain(self.package, &graph, bounds, PreReleases::Named);
        let note = |note: String| format!("{}: channel {:?}: {note}", self.ask.name, choice.name);
        self.notes.extend(notes.into_iter().map(note));
        Ok(kept)
    }

    pub(super) fn graph(&self, choice: &ChannelChoice<'a>) -> Result<UpdateGraph<'a>, Problem> {
        UpdateGraph::of(choice.channel)
            .map_err(|error| refusal::broken_channel(self.ask, choice, &error))
    }

    /// The one version that is asked for. Nothing if a range is asked for, or if only builds of that version can be meant.
    pub(super) fn pinned(&self, choice: &ChannelChoice<'a>) -> Result<Option<Kept<'a>>, Problem> {
        let bounds = &choice.range.bounds;
        let Some(wanted) = bounds.pinned() else {
            return Ok(None);
        };
        let versions = || {
            let entries = choice.channel.entries.iter();
            entries.filter_map(|entry| Some((entry, version(self.package, &entry.name)?)))
        };
        // Build metadata tells versions apart that are otherwise the same: what is written exactly so comes first.
        let exact = versions().find(|(_, version)| *version == wanted);
        let found = exact
            .or_else(|| versions().find(|(_, version)| version.cmp_precedence(wanted).is_eq()));
        if let Some((entry, _)) = found {
            return Ok(Some(vec![entry]));
        }
        if versions().any(|(_, version)| bounds.contains(version, PreReleases::Ordered)) {
            return Ok(None);
        }
        if choice.own_range {
            return Err(refusal::no_version(self.package, self.ask, choice));
        }
        Ok(Some(Vec::new()))
    }
}

pub(super) fn version<'p>(package: &'p Package, bundle: &str) -> Option<&'p semver::Version> {
    package.bundles.get(bundle)?.version.as_ref()
}

/// The piece of the chain that holds everything in the range, and what is in the range of the skipped ones; with notes on what came along.
pub(super) fn piece_of_chain<'a>(
    package: &Package,
    graph: &UpdateGraph<'a>,
    bounds: &Bounds,
    pre_releases: PreReleases,
) -> (Kept<'a>, Vec<String>) {
    let in_range = |name: &str| {
        version(package, name).is_some_and(|version| bounds.contains(version, pre_releases))
    };
    let chain: Vec<&'a Entry> = graph.chain(graph.head()).collect();
    let skipped = |entry: &'a Entry| graph.skipped(entry).filter(|skip| in_range(&skip.name));
    let mut seen = BTreeSet::new();
    let mut count = 0;
    let mut counts = vec![0; chain.len()];
    for (index, entry) in chain.iter().enumerate().rev() {
        if in_range(&entry.name) && seen.insert(entry.name.as_str()) {
            count += 1;
        }
        count += skipped(entry)
            .filter(|skip| seen.insert(skip.name.as_str()))
            .count();
        counts[index] = count;
    }
    let most = counts.first().copied().unwrap_or(0);
    if most == 0 {
        return (Vec::new(), Vec::new());
    }
    let head = counts.iter().rposition(|count| *count == most).unwrap_or(0);
    let tail = counts
        .iter()
        .position(|count| *count == 0)
        .unwrap_or(chain.len());
    let (mut kept, mut notes, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for entry in &chain[head..tail] {
        if !in_range(&entry.name) {
            let what = match version(package, &entry.name) {
                Some(version) => format!(
                    "{:?} of version {version} is outside of {bounds}",
                    entry.name
                ),
                None => format!("{:?} has no version", entry.name),
            };
            notes.push(format!("{what}, and comes along: updates go through it"));
        }
        for entry in std::iter::once(*entry).chain(skipped(entry)) {
            if names.insert(entry.name.as_str()) {
                kept.push(entry);
            }
        }
    }
    (kept, notes)
}
