//! The update graph of one channel: its head, its chain of replaced versions, and whether it is one that OLM can follow.
//!
//! Source of truth: `alpha/model` and `alpha/declcfg` of `github.com/operator-framework/operator-registry`. The head is the entry that no other one
//! replaces or skips. From it the chain goes down through `replaces`; `skipRange` is no edge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::catalog::{Channel, Entry};

/// A channel whose entries form a graph with one head and no cycle.
#[derive(Debug)]
pub struct UpdateGraph<'a> {
    channel: &'a Channel,
    entries: BTreeMap<&'a str, &'a Entry>,
    head: &'a Entry,
}

/// Why OLM could not follow a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// It has no entries.
    #[error("channel has no entries")]
    Empty,
    /// An entry is there twice.
    #[error("duplicate channel entry {0:?}")]
    Duplicate(String),
    /// An entry is said to come after itself.
    #[error("invalid channel entry {0:?}: replaces or skips itself")]
    Itself(String),
    /// Every entry is replaced or skipped by another one.
    #[error("no channel heads found: every entry is replaced or skipped by another one")]
    NoHead,
    /// Several entries are replaced by none.
    #[error("multiple channel heads found: [{}]", .0.join(" "))]
    Heads(Vec<String>),
    /// Entries replace or skip each other in a circle.
    #[error("detected a cycle in the upgrade graph of the channel: {}", .0.join(", "))]
    Cycle(Vec<String>),
}

impl<'a> UpdateGraph<'a> {
    /// Of a channel.
    ///
    /// # Errors
    /// [`GraphError`] for a channel that OLM could not follow.
    pub fn of(channel: &'a Channel) -> Result<Self, GraphError> {
        Self::of_entries(channel, channel.entries.iter())
    }

    /// Of some entries of a channel; edges to others do not count.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn of_entries(
        channel: &'a Channel,
        all: impl Iterator<Item = &'a Entry>,
    ) -> Result<Self, GraphError> {
        let below = |entry| below(channel, entry);
        let mut entries = BTreeMap::new();
        for entry in all {
            if entries.insert(entry.name.as_str(), entry).is_some() {
                return Err(GraphError::Duplicate(entry.name.clone()));
            }
            if below(entry).any(|name| name == entry.name) {
                return Err(GraphError::Itself(entry.name.clone()));
            }
        }
        if entries.is_empty() {
            return Err(GraphError::Empty);
        }
        let mut above: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, entry) in &entries {
            for low in below(entry) {
                above.entry(low).or_default().insert(name);
            }
        }
        let heads: Vec<_> = entries
            .values()
            .filter(|entry| !above.contains_key(entry.name.as_str()))
            .collect();
        let head = match heads[..] {
            [] => return Err(GraphError::NoHead),
            [head] => *head,
            _ => {
                let names = heads.iter().map(|entry| entry.name.clone()).collect();
                return Err(GraphError::Heads(names));
            }
        };
        // Take away the entries that nothing is above, again and again: what stays goes in circles.
        let mut free = VecDeque::from([head.name.as_str()]);
        while let Some(name) = free.pop_front() {
            let Some(entry) = entries.get(name) else {
                continue;
            };
            for low in below(entry) {
                if let Some(left) = above.get_mut(low)
                    && left.remove(name)
                    && left.is_empty()
                {
                    free.push_back(low);
                }
            }
        }
        let circle: Vec<_> = above
            .iter()
            .filter(|(name, left)| !left.is_empty() && entries.contains_key(*name))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if !circle.is_empty() {
            return Err(GraphError::Cycle(circle));
        }
        Ok(Self {
            channel,
            entries,
            head,
        })
    }

    /// The newest entry.
    pub fn head(&self) -> &'a Entry {
        self.head
    }

    /// An entry by its name.
    pub fn get(&self, name: &str) -> Option<&'a Entry> {
        self.entries.get(name).copied()
    }

    /// From an entry down through `replaces`, as far as the channel has entries.
    pub fn chain(&self, from: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        std::iter::successors(Some(from), |entry| {
            entry.replaces.as_deref().and_then(|name| self.get(name))
        })
    }

    /// The entries that this one skips.
    pub fn skipped(&self, entry: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        self.channel
            .skipped(entry)
            .filter(|skip| self.entries.contains_key(skip.name.as_str()))
    }

    /// The entries that replace this one.
    pub fn replacing(&self, name: &str) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .values()
            .copied()
            .filter(move |entry| entry.replaces.as_deref() == Some(name))
    }
}

fn below<'a>(channel: &'a Channel, entry: &'a Entry) -> impl Iterator<Item = &'a str> {
    let skipped = channel.skipped(entry).map(|skip| skip.name.as_str());
    entry.replaces.as_deref().into_iter().chain(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(lines: &[(&str, &str, &[&str])]) -> Channel {
        let place = |wanted: &&str| lines.iter().position(|(name, ..)| name == wanted);
        let entry = |&(name, replaces, skips): &(&str, &str, &[&str])| Entry {
            name: name.to_owned(),
            replaces: (!replaces.is_empty()).then(|| replaces.to_owned()),
            skips: skips
                .iter()
                .filter_map(place)
                .map(|at| u32::try_from(at).unwrap())
                .collect(),
            skip_range: None,
        };
        Channel {
            entries: lines.iter().map(entry).collect(),
            ..Channel::default()
        }
    }

    fn refused(lines: &[(&str, &str, &[&str])]) -> String {
        UpdateGraph::of(&channel(lines)).unwrap_err().to_string()
    }

    #[test]
    fn the_head_is_what_nothing_replaces_or_skips() {
        let channel = channel(&[
            ("a1", "", &[]),
            ("a2", "a1", &[]),
            ("a3", "a1", &["a2"]),
            ("a4", "a3", &["gone"]),
        ]);
        let graph = UpdateGraph::of(&channel).unwrap();
        assert_eq!(graph.head().name, "a4");
        let chain: Vec<_> = graph.chain(graph.head()).map(|e| e.name.as_str()).collect();
        assert_eq!(chain, ["a4", "a3", "a1"]);
    }

    #[test]
    fn what_olm_cannot_follow_is_refused_by_its_name() {
        assert_eq!(refused(&[]), "channel has no entries");
        assert_eq!(
            refused(&[("a1", "", &[]), ("a2", "", &[])]),
            "multiple channel heads found: [a1 a2]"
        );
        assert_eq!(
            refused(&[("a1", "a2", &[]), ("a2", "a1", &[])]),
            "no channel heads found: every entry is replaced or skipped by another one"
        );
        assert_eq!(
            refused(&[("a1", "", &[]), ("a1", "", &[])]),
            "duplicate channel entry \"a1\""
        );
        assert_eq!(
            refused(&[("a1", "a1", &[])]),
            "invalid channel entry \"a1\": replaces or skips itself"
        );
        // A head, and a circle below it; a head, and a circle beside it.
        let cycle = "detected a cycle in the upgrade graph of the channel: a1, a2, a3";
        assert_eq!(
            refused(&[
                ("a1", "a3", &[]),
                ("a2", "a1", &[]),
                ("a3", "a2", &[]),
                ("a4", "a3", &[])
            ]),
            cycle
        );
        assert_eq!(
            refused(&[
                ("a1", "", &["a3"]),
                ("a2", "a1", &[]),
                ("a3", "a2", &[]),
                ("b1", "", &[])
            ]),
            cycle
        );
    }

    /// Skips of skips of skips: every edge is gone along once, whatever the number of ways.
    #[test]
    fn many_ways_down_are_no_many_steps() {
        let names: Vec<_> = (0..400).map(|i| format!("a{i:03}")).collect();
        let entries = names
            .iter()
            .enumerate()
            .map(|(i, name)| Entry {
                name: name.clone(),
                replaces: i.checked_sub(1).map(|low| names[low].clone()),
                skips: (0..u32::try_from(i).unwrap()).collect(),
                skip_range: None,
            })
            .collect();
        let channel = Channel {
            entries,
            ..Channel::default()
        };
        assert_eq!(UpdateGraph::of(&channel).unwrap().head().name, "a399");
    }
}
