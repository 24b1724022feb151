//! Which releases `mirror.platform.channels` asks for.
//!
//! Source of truth: `internal/pkg/release` of `github.com/openshift/oc-mirror` v2. Minimum and maximum: everything between. A minimum alone: up to the
//! channel's head. A maximum alone, or `full`: from the channel's first. Nothing: the head. `shortestPath`: of that, only what an update from the lowest to
//! the highest goes through. Several channels: also what leads from the highest of one to the highest of the next.

use std::collections::BTreeMap;

use semver::Version;
use snobox_plan::problem::{Problem, did_you_mean};

use crate::graph::{Graph, Node};
use crate::image_set::ReleaseChannel;
use crate::range::PreReleases;

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Releases {
    /// From the lowest.
    pub releases: Vec<Release>,
    /// Updates between chosen releases that are recommended only where their risks do not apply.
    pub conditional: Vec<Conditional>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// A release that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// Its payload image, by digest.
    pub payload: String,
    /// The channels that it was chosen from.
    pub channels: Vec<String>,
}

/// An update with risks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditional {
    /// From this version.
    pub from: Version,
    /// To this one.
    pub to: Version,
    /// Names of the risks.
    pub risks: Vec<String>,
}

/// Chooses; `graphs` has the graph of every channel by its name.
///
/// # Errors
/// All problems, in the order of the image set.
pub fn resolve(
    channels: &[ReleaseChannel],
    graphs: &BTreeMap<String, Graph>,
) -> Result<Releases, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut chosen: BTreeMap<Version, Release> = BTreeMap::new();
    let mut notes = Vec::new();
    let mut ends: Vec<(&ReleaseChannel, &Graph, Version)> = Vec::new();
    for channel in channels {
        let Some(graph) = graphs.get(&channel.name) else {
            problems.push(no_graph(channel, graphs));
            continue;
        };
        match of_channel(channel, graph) {
            Ok(nodes) => {
                if let Some(highest) = nodes.last() {
                    ends.push((channel, graph, highest.version.clone()));
                }
                for node in nodes {
                    add(&mut chosen, node, &channel.name);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.at);
        return Err(problems);
    }
    across(&mut ends, &mut chosen, &mut notes);
    let releases: Vec<Release> = chosen.into_values().collect();
    let conditional = conditional(&releases, graphs);
    Ok(Releases {
        releases,
        conditional,
        notes,
    })
}

fn add(chosen: &mut BTreeMap<Version, Release>, node: &Node, channel: &str) {
    let release = chosen
        .entry(node.version.clone())
        .or_insert_with(|| Release {
            version: node.version.clone(),
            payload: node.payload.clone(),
            channels: Vec::new(),
        });
    if !release.channels.iter().any(|known| known == channel) {
        release.channels.push(channel.to_owned());
    }
}

fn of_channel<'g>(channel: &ReleaseChannel, graph: &'g Graph) -> Result<Vec<&'g Node>, Problem> {
    let nodes = graph.nodes();
    let (Some(first), Some(head)) = (nodes.first(), nodes.last()) else {
        return Err(refuse(
            channel,
            "no release images found: the channel is empty",
            &[],
            None,
        ));
    };
    let bounds = &channel.bounds;
    if bounds.is_open() && !channel.full {
        return Ok(vec![*head]);
    }
    if channel.shortest_path {
        let from = bounds.min.as_ref().unwrap_or(&first.version);
        let to = bounds.max.as_ref().unwrap_or(&head.version);
        for (end, key, place) in [
            (from, "minVersion", &channel.place),
            (
                to,
                "maxVersion",
                channel.max_place.as_ref().unwrap_or(&channel.place),
            ),
        ] {
            if graph.get(end).is_none() {
                let given = format!(
                    "no release images found: {} does not have {end}",
                    channel.name
                );
                let (near, closest) = around(end, &nodes);
                let hint = closest
                    .map(|node| format!("write {key}: {}, or another channel", node.version));
                return Err(Problem {
                    at: place.at,
                    path: place.path.clone(),
                    ..refuse(channel, &given, near, hint)
                });
            }
        }
        return graph.shortest_path(from, to).ok_or_else(|| {
            let given = format!(
                "there is no way from {from} to {to} without risks in {}",
                channel.name
            );
            let hint = "write shortestPath: false, or other versions".to_owned();
            let at = nodes.partition_point(|node| node.version.cmp_precedence(to).is_lt());
            let near = &nodes[at.saturating_sub(4)..(at + 4).min(nodes.len())];
            refuse(channel, &given, near, Some(hint))
        });
    }
    let found: Vec<_> = nodes
        .iter()
        .copied()
        .filter(|node| bounds.contains(&node.version, PreReleases::Ordered))
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    match bounds.min.as_ref().or(bounds.max.as_ref()) {
        Some(wanted) => Err(absent(channel, wanted, &nodes)),
        None => Ok(nodes),
    }
}

/// The channel does not have a version that is asked for.
fn absent(channel: &ReleaseChannel, wanted: &Version, nodes: &[&Node]) -> Problem {
    let (near, closest) = around(wanted, nodes);
    let given = format!(
        "no release images found: {} has none of {}",
        channel.name, channel.bounds
    );
    let hint = closest.map(|node| format!("write {}, or another channel", node.version));
    refuse(channel, &given, near, hint)
}

/// The releases round a version, and the one that was probably meant: the next lower one, or else the next.
fn around<'n, 'g>(wanted: &Version, nodes: &'n [&'g Node]) -> (&'n [&'g Node], Option<&'g Node>) {
    let at = nodes.partition_point(|node| node.version.cmp_precedence(wanted).is_lt());
    let near = &nodes[at.saturating_sub(3)..(at + 3).min(nodes.len())];
    let below = at.checked_sub(1).and_then(|at| nodes.get(at));
    (near, below.or(near.first()).copied())
}

fn refuse(channel: &ReleaseChannel, given: &str, near: &[&Node], hint: Option<String>) -> Problem {
    let versions: Vec<_> = near
        .iter()
        .rev()
        .take(8)
        .map(|node| node.version.to_string())
        .collect();
    let versions: Vec<_> = versions.into_iter().rev().collect();
    Problem {
        at: channel.place.at,
        path: channel.place.path.clone(),
        given: given.to_owned(),
        allowed: format!("its versions near that: {}", versions.join(", ")),
        hint,
    }
}

fn no_graph(channel: &ReleaseChannel, graphs: &BTreeMap<String, Graph>) -> Problem {
    let names: Vec<&str> = graphs.keys().map(String::as_str).collect();
    Problem {
        at: channel.place.at,
        path: channel.place.path.clone(),
        given: format!("there is no update graph of the channel {:?}", channel.name),
        allowed: format!("channels with a graph: {}", names.join(", ")),
        hint: did_you_mean(&channel.name, &names).map(|name| format!("write name: {name}")),
    }
}

/// What leads from the highest release of each channel to the highest of the next one.
fn across(
    ends: &mut [(&ReleaseChannel, &Graph, Version)],
    chosen: &mut BTreeMap<Version, Release>,
    notes: &mut Vec<String>,
) {
    ends.sort_by(|a, b| a.2.cmp_precedence(&b.2));
    for pair in ends.windows(2) {
        let [(lower, _, from), (upper, graph, to)] = pair else {
            continue;
        };
        if from == to || lower.is_okd != upper.is_okd {
            continue;
        }
        match graph.shortest_path(from, to) {
            Some(way) => {
                for node in way {
                    add(chosen, node, &upper.name);
                }
            }
            None => notes.push(format!(
                "there is no update from {from} ({}) to {to} ({}) in the graph of {}",
                lower.name, upper.name, upper.name
            )),
        }
        if to.minor.saturating_sub(from.minor) >= 2 {
            notes.push(format!(
                "{from} to {to} leaps over a minor version: that takes channels of extended update support (eus-4.{})",
                to.minor
            ));
        }
    }
}

fn conditional(releases: &[Release], graphs: &BTreeMap<String, Graph>) -> Vec<Conditional> {
    let mut all: Vec<Conditional> = Vec::new();
    let is_chosen = |version: &Version| releases.iter().any(|release| release.version == *version);
    for graph in graphs.values() {
        for risky in graph.risky() {
            let known = |c: &Conditional| c.from == risky.from && c.to == risky.to;
            if is_chosen(&risky.from) && is_chosen(&risky.to) && !all.iter().any(known) {
                all.push(Conditional {
                    from: risky.from.clone(),
                    to: risky.to.clone(),
                    risks: graph
                        .risks(&risky.from, &risky.to)
                        .into_iter()
                        .map(str::to_owned)
                        .collect(),
                });
            }
        }
    }
    all.sort_by(|a, b| {
        a.to.cmp_precedence(&b.to)
            .then(a.from.cmp_precedence(&b.from))
    });
    all
}
