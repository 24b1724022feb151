//! The update graph of OpenShift's releases, as the update service sends it.
//!
//! Source of truth: `github.com/openshift/cincinnati`, docs/design/openshift.md and cluster-version-operator's conditional updates: nodes with version and
//! payload, edges as pairs of indices, and edges that are only recommended where no risk applies.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;

/// A graph: that of one channel and one architecture.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    /// Indices of nodes, from lower to higher.
    edges: Vec<(usize, usize)>,
    risky: Vec<Risky>,
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
    #[serde(default)]
    edges: Vec<(usize, usize)>,
    #[serde(default)]
    conditional_edges: Vec<TextRisky>,
}

#[derive(Deserialize)]
struct TextNode {
    version: String,
    payload: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TextRisky {
    #[serde(default)]
    edges: Vec<TextEdge>,
    #[serde(default)]
    risks: Vec<TextRisk>,
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
                metadata: node.metadata,
            })
        };
        let nodes: Result<Vec<_>, GraphError> = text.nodes.into_iter().map(node).collect();
        let mut ends = text.edges.iter().flat_map(|(from, to)| [*from, *to]);
        if let Some(index) = ends.find(|index| *index >= count) {
            return Err(GraphError::Edge { index, count });
        }
        let mut risky = Vec::new();
        for group in text.conditional_edges {
            let risks: Vec<String> = group.risks.into_iter().map(|risk| risk.name).collect();
            for edge in group.edges {
                risky.push(Risky {
                    from: version(&edge.from)?,
                    to: version(&edge.to)?,
                    risks: risks.clone(),
                });
            }
        }
        Ok(Self {
            nodes: nodes?,
            edges: text.edges,
            risky,
        })
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

    /// The shortest way from one release to another, with both; of several the one through the higher versions. Updates with risks are not taken.
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
