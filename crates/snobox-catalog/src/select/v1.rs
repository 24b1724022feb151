//! Which entries of one channel stay under the rules of `v1alpha2`.
//!
//! Source of truth: `pkg/operator/diff` of `github.com/openshift/oc-mirror` v1. Without versions the head, or with `full` everything; with a minimum alone
//! that version, which must be there, and what leads from it to the head; with a maximum whatever lies in the range. Edges are `replaces` alone.

use std::collections::BTreeSet;

use snobox_plan::problem::Problem;

use super::v2::{piece_of_chain, version};
use super::{ChannelChoice, Choosing, Kept, refusal};
use crate::catalog::Entry;
use crate::channel::UpdateGraph;
use crate::range::{Kind, PreReleases, kind};

impl<'a> Choosing<'a> {
    pub(super) fn entries_v1(&mut self, choice: &ChannelChoice<'a>) -> Result<Kept<'a>, Problem> {
        let (range, entries) = (choice.range, &choice.channel.entries);
        if range.is_open() {
            if self.full {
                return Ok(entries.iter().collect());
            }
            let graph = self.graph(choice)?;
            return Ok(vec![graph.head()]);
        }
        if range.bounds.max.is_some() && range.min_bundle.is_none() {
            if let Some(kept) = self.pinned(choice)? {
                return Ok(kept);
            }
            return self.plain_range(choice);
        }
        let Some(start) = self.lowest(choice) else {
            return if choice.own_range {
                Err(refusal::no_version(self.package, self.ask, choice))
            } else {
                Ok(Vec::new())
            };
        };
        let graph = self.graph(choice)?;
        let mut kept = up_to_head(&graph, start);
        if let Some(max) = &range.bounds.max {
            // Only with minBundle: the range above it ends somewhere.
            let max = crate::range::Bounds {
                min: None,
                max: Some(max.clone()),
            };
            kept.retain(|entry| {
                version(self.package, &entry.name)
                    .is_none_or(|version| max.contains(version, PreReleases::Ordered))
            });
        }
        Ok(kept)
    }

    /// Everything in the range. Where that would leave the channel with several heads, what leads from one to the next comes along.
    fn plain_range(&mut self, choice: &ChannelChoice<'a>) -> Result<Kept<'a>, Problem> {
        let bounds = &choice.range.bounds;
        let in_range = |entry: &&Entry| {
            version(self.package, &entry.name)
                .is_some_and(|version| bounds.contains(version, PreReleases::Ordered))
        };
        let kept: Kept<'a> = choice.channel.entries.iter().filter(in_range).collect();
        if kept.is_empty() || UpdateGraph::of_entries(choice.channel, kept.iter().copied()).is_ok()
        {
            return Ok(kept);
        }
        let graph = self.graph(choice)?;
        let (kept, notes) = piece_of_chain(self.package, &graph, bounds, PreReleases::Ordered);
        let note = |note: String| format!("{}: channel {:?}: {note}", self.ask.name, choice.name);
        self.notes.extend(notes.into_iter().map(note));
        Ok(kept)
    }

    /// The entry that `minVersion` or `minBundle` names.
    fn lowest(&self, choice: &ChannelChoice<'a>) -> Option<&'a Entry> {
        let entries = &choice.channel.entries;
        if let Some(name) = &choice.range.min_bundle {
            return entries.iter().find(|entry| entry.name == *name);
        }
        let wanted = choice.range.bounds.min.as_ref()?;
        let versions: Vec<_> = entries
            .iter()
            .filter_map(|entry| Some((entry, version(self.package, &entry.name)?)))
            .collect();
        let mut without_zero = wanted.clone();
        if wanted.pre.as_str() == "0" {
            // `-0` at the end of a bound takes in pre-releases; it names no version.
            without_zero.pre = semver::Prerelease::EMPTY;
        }
        let found = [wanted, &without_zero].into_iter().find_map(|wanted| {
            let exact = versions.iter().find(|(_, v)| *v == wanted);
            exact.or_else(|| {
                versions
                    .iter()
                    .find(|(_, v)| v.cmp_precedence(wanted).is_eq())
            })
        });
        // 4.13.0 asks for its lowest build, where there is no version that is called so.
        let builds = || {
            let same = |v: &semver::Version| {
                kind(v) == Kind::Build
                    && without_zero.pre.is_empty()
                    && (v.major, v.minor, v.patch) == (wanted.major, wanted.minor, wanted.patch)
            };
            let builds = versions.iter().filter(|(_, v)| same(v));
            builds.min_by(|a, b| a.1.cmp_precedence(b.1))
        };
        found.or_else(builds).map(|(entry, _)| *entry)
    }
}

/// `start` and everything that leads from it to the head.
///
/// Where `start` is not on the head's chain, the way goes from the first entry below that both have in common.
pub(super) fn up_to_head<'a>(graph: &UpdateGraph<'a>, start: &'a Entry) -> Kept<'a> {
    let head = graph.head();
    if start.name == head.name {
        return vec![head];
    }
    // Names below `start`, whether the channel has them or not.
    let mut own: BTreeSet<&str> = graph.chain(start).map(|e| e.name.as_str()).collect();
    own.extend(graph.chain(start).filter_map(|e| e.replaces.as_deref()));
    let meets = graph
        .chain(head)
        .filter_map(|entry| entry.replaces.as_deref())
        .find(|name| own.contains(name));
    let Some(meeting) = meets else {
        return vec![start];
    };
    let mut names = BTreeSet::new();
    let mut next: Vec<&'a Entry> = graph.replacing(meeting).collect();
    let mut kept: Kept<'a> = Vec::new();
    while let Some(entry) = next.pop() {
        if names.insert(entry.name.as_str()) {
            next.extend(graph.replacing(&entry.name));
            kept.push(entry);
        }
    }
    // What lies between `start` and the meeting is older than what was asked for.
    let older: BTreeSet<&str> = graph
        .chain(start)
        .take_while(|entry| entry.name != meeting)
        .map(|entry| entry.name.as_str())
        .collect();
    kept.retain(|entry| !older.contains(entry.name.as_str()));
    kept.push(start);
    kept
}
