//! The update graph of OpenShift's releases, as the update service sends it.
//!
//! Source of truth: `github.com/openshift/cincinnati`, docs/design/openshift.md and cluster-version-operator's conditional updates: nodes with version and
//! payload, edges as pairs of indices, and edges that are only recommended where no risk applies.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::Deserialize;

/// Which channels a release is in, with commas between them: metadata of a node.
const CHANNELS: &str = "io.openshift.upgrades.graph.release.channels";

/// A graph: that of one channel and one architecture.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    /// Indices of nodes, from lower to higher.
    edges: Vec<(usize, usize)>,
    risky: Vec<Risky>,
    /// By name.
    risks: BTreeMap<String, Risk>,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its version.
    pub version: Version,
    /// Its payload image, by digest.
    pub payload: String,
    /// What its maker says of it: channels, errata.
    pub metadata: BTreeMap<String, String>,
}

impl Node {
    /// The channels that it says it is in.
    fn channels(&self) -> impl Iterator<Item = &str> {
        let text = self.metadata.get(CHANNELS).map_or("", String::as_str);
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }
}

/// An update that is recommended only where its risks do not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risky {
    /// From this version.
    pub from: Version,
    /// To this one.
    pub to: Version,
    /// Names of the risks.
    pub risks: Vec<String>,
}

/// Why an update may be a bad one for some clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// Its name, in one word.
    pub name: String,
    /// Where more is said about it.
    pub url: String,
    /// What happens, and to whom.
    pub message: String,
}

/// An update from one release, without a step between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<'g> {
    /// The release that it leads to.
    pub to: &'g Node,
    /// Names of the risks; none where it is recommended to everybody.
    pub risks: Vec<&'g str>,
}

/// Why a text is not a graph.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Not JSON, or not of this form.
    #[error("not an update graph")]
    Json(#[from] serde_json::Error),
    /// A version is not one.
    #[error("a release of the update graph has the version {0:?}, which is not one")]
    Version(String),
    /// An edge leads to a node that is not there.
    #[error("an edge of the update graph names release {index} of {count}")]
    Edge {
        /// The index.
        index: usize,
        /// How many nodes there are.
        count: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    nodes: Vec<TextNode>,
    // An empty list is null where Go has written it.
    edges: Option<Vec<(usize, usize)>>,
    conditional_edges: Option<Vec<TextRisky>>,
}

#[derive(Deserialize)]
struct TextNode {
    version: String,
    payload: String,
    metadata: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct TextRisky {
    edges: Option<Vec<TextEdge>>,
    risks: Option<Vec<TextRisk>>,
}

#[derive(Deserialize)]
struct TextEdge {
    from: String,
    to: String,
}

#[derive(Deserialize)]
struct TextRisk {
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    message: String,
}

fn version(text: &str) -> Result<Version, GraphError> {
    Version::parse(text).map_err(|_| GraphError::Version(text.to_owned()))
}

impl Graph {
    /// Reads the answer of an update service.
    ///
    /// # Errors
    /// [`GraphError`] for anything else.
    pub fn parse(text: &[u8]) -> Result<Self, GraphError> {
        let text: Text = serde_json::from_slice(text)?;
        let count = text.nodes.len();
        let node = |node: TextNode| {
            Ok(Node {
                version: version(&node.version)?,
                payload: node.payload,
                metadata: node.metadata.unwrap_or_default(),
            })
        };
        let nodes: Result<Vec<_>, GraphError> = text.nodes.into_iter().map(node).collect();
        let edges = text.edges.unwrap_or_default();
        let mut ends = edges.iter().flat_map(|(from, to)| [*from, *to]);
        if let Some(index) = ends.find(|index| *index >= count) {
            return Err(GraphError::Edge { index, count });
        }
        let (mut risky, mut all_risks) = (Vec::new(), BTreeMap::new());
        for group in text.conditional_edges.unwrap_or_default() {
            let all = group.risks.unwrap_or_default();
            let risks: Vec<String> = all.iter().map(|risk| risk.name.clone()).collect();
            for TextRisk { name, url, message } in all {
                let risk = Risk { name, url, message };
                all_risks.entry(risk.name.clone()).or_insert(risk);
            }
            for edge in group.edges.unwrap_or_default() {
                risky.push(Risky {
                    from: version(&edge.from)?,
                    to: version(&edge.to)?,
                    risks: risks.clone(),
                });
            }
        }
        Ok(Self {
            nodes: nodes?,
            edges,
            risky,
            risks: all_risks,
        })
    }

    /// Every channel that a release says it is in.
    pub fn channels(&self) -> BTreeSet<&str> {
        self.nodes.iter().flat_map(Node::channels).collect()
    }

    /// The part of it that is the graph of one channel. A release that names no channels belongs to each.
    pub fn channel(&self, name: &str) -> Self {
        let is_in = |node: &Node| {
            let mut channels = node.channels().peekable();
            channels.peek().is_none() || channels.any(|channel| channel == name)
        };
        let kept = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| is_in(node));
        let indices: BTreeMap<usize, usize> =
            kept.enumerate().map(|(new, (old, _))| (old, new)).collect();
        let versions: BTreeSet<&Version> = indices
            .keys()
            .map(|old| &self.nodes[*old].version)
            .collect();
        let risky = self.risky.iter();
        Self {
            nodes: indices.keys().map(|old| self.nodes[*old].clone()).collect(),
            edges: self
                .edges
                .iter()
                .filter_map(|(from, to)| Some((*indices.get(from)?, *indices.get(to)?)))
                .collect(),
            risky: risky
                .filter(|risky| versions.contains(&risky.from) && versions.contains(&risky.to))
                .cloned()
                .collect(),
            risks: self.risks.clone(),
        }
    }

    /// The updates from a release, from the lowest; none if it is not there. One that is listed both with and without risks has them.
    pub fn updates(&self, from: &Version) -> Vec<Update<'_>> {
        let start = self.index(from);
        let plain = self.edges.iter().filter(|(at, _)| Some(*at) == start);
        let risky = self.risky.iter().filter(|risky| risky.from == *from);
        let targets: BTreeSet<usize> = plain
            .map(|(_, to)| *to)
            .chain(risky.filter_map(|risky| self.index(&risky.to)))
            .collect();
        let update = |index: usize| Update {
            to: &self.nodes[index],
            risks: self.risks(from, &self.nodes[index].version),
        };
        let mut all: Vec<Update<'_>> = targets.into_iter().map(update).collect();
        all.sort_by(|a, b| a.to.version.cmp_precedence(&b.to.version));
        all
    }

    /// What is known of a risk.
    pub fn risk(&self, name: &str) -> Option<&Risk> {
        self.risks.get(name)
    }

    /// All releases, from the lowest.
    pub fn nodes(&self) -> Vec<&Node> {
        let mut all: Vec<&Node> = self.nodes.iter().collect();
        all.sort_by(|a, b| a.version.cmp_precedence(&b.version));
        all
    }

    /// A release by its version.
    pub fn get(&self, version: &Version) -> Option<&Node> {
        self.index(version).map(|index| &self.nodes[index])
    }

    fn index(&self, version: &Version) -> Option<usize> {
        self.nodes.iter().position(|node| node.version == *version)
    }

    /// The shortest way from one release to another, with both; of several the one through the higher versions. Updates that are listed with
    /// risks only are not taken; one that the service lists without risks as well is, as oc-mirror does.
    pub fn shortest_path(&self, from: &Version, to: &Version) -> Option<Vec<&Node>> {
        let (start, goal) = (self.index(from)?, self.index(to)?);
        let mut before: BTreeMap<usize, usize> = BTreeMap::from([(start, start)]);
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            if at == goal {
                break;
            }
            let mut next: Vec<usize> = self
                .edges
                .iter()
                .filter(|(from, to)| *from == at && !before.contains_key(to))
                .map(|(_, to)| *to)
                .collect();
            next.sort_by(|a, b| {
                self.nodes[*b]
                    .version
                    .cmp_precedence(&self.nodes[*a].version)
            });
            for index in next {
                before.entry(index).or_insert_with(|| {
                    queue.push_back(index);
                    at
                });
            }
        }
        let mut way = vec![goal];
        while let Some(last) = way.last().copied().filter(|last| *last != start) {
            way.push(*before.get(&last)?);
        }
        Some(
            way.into_iter()
                .rev()
                .map(|index| &self.nodes[index])
                .collect(),
        )
    }

    /// Updates with risks.
    pub fn risky(&self) -> &[Risky] {
        &self.risky
    }

    /// The risks of an update, if it is one with risks.
    pub fn risks(&self, from: &Version, to: &Version) -> Vec<&str> {
        let all = self.risky.iter();
        let same = all.filter(|risky| risky.from == *from && risky.to == *to);
        let mut names: Vec<&str> = same.flat_map(|r| &r.risks).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
