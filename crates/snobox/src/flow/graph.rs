//! The update graph of a channel: from the update service, from what the store knows of it, or from a file.
//!
//! Source of truth: the graph API of `github.com/openshift/cincinnati` (`GET URL?channel=…&arch=…`, `Accept: application/json`). What came stays known in
//! the store under its address, so that releases can be chosen without a network.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use snobox_catalog::graph::{Graph, GraphError};
use snobox_certs::moment_text;
use snobox_formats::digest::Digest;
use snobox_plan::problem::did_you_mean;
use snobox_registry::client::{Client, RequestError, Url};
use snobox_registry::pull::{self, Failure, PullError};
use snobox_store::{Store, StoreLock};
use time::OffsetDateTime;

use crate::cli::GraphArgs;
use crate::error::{Error, Exit, Result, chain};
use crate::input;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// The update service of Red Hat's releases.
const SERVICE: &str = "https://api.openshift.com/api/upgrades_info/v1/graph";
/// That of OKD is another one, and knows no channels.
const OKD_SERVICE: &str = "https://origin-release.ci.openshift.org/graph";
/// Largest graph: that of a candidate channel has one megabyte.
const MAX_BYTES: u64 = 16 << 20;
/// What names of documents of graphs begin with.
pub const GRAPHS: &str = "graph-";
/// Of what is known of graphs; others are asked for again.
const VERSION: u32 = 1;
const HINT: &str = "expected the answer of an update service: {\"nodes\": […], \"edges\": […]}";
const ANSWER_HINT: &str = "a proxy or a login page may have answered in its place; `--graph FILE` takes a graph that was saved by other means";

/// Where graphs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphSource {
    /// An update service.
    At(Url),
    /// A file with the graph of every channel that its releases name.
    In(PathBuf),
    /// A file with the graph of one channel.
    Of {
        /// The channel.
        channel: String,
        /// The file.
        path: PathBuf,
    },
}

impl FromStr for GraphSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            let url: Url = text.parse().map_err(|e| format!("{e}"))?;
            // It is kept in the store, and named in messages.
            if !url.username().is_empty() || url.password().is_some() {
                return Err("expected a URL without a user's name or password".to_owned());
            }
            return Ok(Self::At(url));
        }
        let is_channel = |name: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            !name.is_empty() && name.chars().all(allowed)
        };
        match text.split_once('=') {
            Some((channel, path)) if is_channel(channel) && !path.is_empty() => Ok(Self::Of {
                channel: channel.to_owned(),
                path: path.into(),
            }),
            _ if text.is_empty() => Err("expected FILE, CHANNEL=FILE or a URL".to_owned()),
            _ => Ok(Self::In(text.into())),
        }
    }
}

/// What is known of a graph that was fetched.
#[derive(Serialize, Deserialize)]
struct Known {
    version: u32,
    url: String,
    /// When it came.
    fetched: String,
    graph: Value,
}

/// Graphs, channel by channel. Store and network are not touched before a service must be asked.
pub struct Graphs<'a> {
    args: &'a GraphArgs,
    ui: &'a Ui,
    interrupt: &'a Interrupt,
    opened: Option<(Client, Arc<Store>, StoreLock)>,
}

impl<'a> Graphs<'a> {
    /// As the command line says.
    ///
    /// # Errors
    /// Sources that are in each other's way.
    pub fn new(args: &'a GraphArgs, ui: &'a Ui, interrupt: &'a Interrupt) -> Result<Self> {
        let mut seen: Vec<Option<&str>> = Vec::new();
        for source in &args.graphs {
            let channel = match source {
                GraphSource::Of { channel, .. } => Some(channel.as_str()),
                GraphSource::At(_) | GraphSource::In(_) => None,
            };
            if seen.contains(&channel) {
                let message = match channel {
                    Some(channel) => format!("--graph {channel}=… is given twice"),
                    None => "--graph names two sources for the same channels".to_owned(),
                };
                return Err(Error::new(Exit::Usage, message).hint(
                    "name one file or URL for all channels, and CHANNEL=FILE once for each channel that has its own",
                ));
            }
            seen.push(channel);
        }
        Ok(Self {
            args,
            ui,
            interrupt,
            opened: None,
        })
    }

    /// The graph of a channel. A release of OKD is in no channel of Red Hat's service, which is therefore not asked.
    pub async fn of(&mut self, channel: &str, architecture: &str, is_okd: bool) -> Result<Graph> {
        let given = &self.args.graphs;
        let own = given.iter().find(|source| match source {
            GraphSource::Of { channel: of, .. } => of == channel,
            _ => false,
        });
        let general = || given.iter().find(|s| !matches!(s, GraphSource::Of { .. }));
        match own.or_else(general) {
            Some(GraphSource::Of { path, .. }) => {
                let graph = read(path)?;
                not_empty(&graph, &path.display().to_string(), channel)?;
                Ok(graph)
            }
            Some(GraphSource::In(path)) => of_file(path, channel),
            Some(GraphSource::At(url)) => self.fetch(url, channel, architecture).await,
            None if is_okd => {
                let message = format!("{channel} is a channel of OKD, and {SERVICE} has none");
                let hint = format!(
                    "name the graph with --graph {channel}=FILE; OKD's is at {OKD_SERVICE}"
                );
                Err(Error::new(Exit::Usage, message).hint(hint))
            }
            None => {
                let url = SERVICE.parse();
                let url = url.unwrap_or_else(|_| unreachable!("{SERVICE} is a URL"));
                self.fetch(&url, channel, architecture).await
            }
        }
    }

    /// Whether a graph for one architecture stands for all that are asked for.
    pub fn is_of_files(&self) -> bool {
        let is_file = |source: &GraphSource| !matches!(source, GraphSource::At(_));
        self.args.graphs.iter().any(is_file)
    }

    async fn fetch(&mut self, service: &Url, channel: &str, architecture: &str) -> Result<Graph> {
        let url = address(service, channel, architecture);
        let (ui, interrupt) = (self.ui, self.interrupt);
        let (client, store) = self.open()?;
        let name = format!("{GRAPHS}{}", Digest::of(url.as_str().as_bytes()).hex());
        let fetching = pull::document(client, &url, "application/json", MAX_BYTES);
        let bytes = match interrupt.or(fetching).await? {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let message = format!("there is no update service at {service} (HTTP 404)");
                return Err(Error::new(Exit::Refused, message)
                    .hint(format!("the one of Red Hat's releases is {SERVICE}")));
            }
            Err(failure) if is_unreachable(&failure) => {
                let Some((graph, fetched)) = known(store, &name)? else {
                    return Err(without_service(failure));
                };
                ui.say(format!(
                    "note: {} cannot be reached; the graph of {channel} ({architecture}) is taken as it was at {fetched}",
                    service.host_str().unwrap_or_default()
                ));
                return Ok(graph);
            }
            Err(failure) => return Err(without_service(failure)),
        };
        let graph = Graph::parse(&bytes).map_err(|e| not_a_graph(url.as_str(), &bytes, &e))?;
        not_empty(&graph, url.as_str(), channel)?;
        let known = Known {
            version: VERSION,
            url: url.to_string(),
            fetched: moment_text(OffsetDateTime::now_utc()),
            graph: serde_json::from_slice(&bytes)
                .map_err(|e| Error::internal("cannot keep the update graph", &e))?,
        };
        let text = serde_json::to_vec(&known)
            .map_err(|e| Error::internal("cannot keep the update graph", &e))?;
        store.remember(&name, &text)?;
        Ok(graph)
    }

    fn open(&mut self) -> Result<(&Client, &Store)> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => {
                let client = self.args.patience.source().client(None, Vec::new())?;
                let store = Arc::new(Store::create(&self.args.store)?);
                let lock = store.lock()?;
                (client, store, lock)
            }
        };
        let (client, store, _) = self.opened.insert(opened);
        Ok((client, store))
    }
}

/// The address of the graph of a channel; what else the service's URL asks for stays.
fn address(service: &Url, channel: &str, architecture: &str) -> Url {
    let own = ["channel", "arch"];
    let others = service
        .query_pairs()
        .filter(|(name, _)| !own.contains(&&**name));
    let others: Vec<_> = others
        .map(|(a, b)| (a.into_owned(), b.into_owned()))
        .collect();
    let mut url = service.clone();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair("channel", channel)
        .append_pair("arch", architecture);
    url
}

fn known(store: &Store, name: &str) -> Result<Option<(Graph, String)>> {
    let bytes = store.recall(name)?;
    // What another version left, or a disk has damaged, is as good as nothing.
    let known = bytes.and_then(|bytes| serde_json::from_slice::<Known>(&bytes).ok());
    let known = known.filter(|known| known.version == VERSION);
    Ok(known.and_then(|known| {
        let graph = Graph::parse(known.graph.to_string().as_bytes()).ok()?;
        Some((graph, known.fetched))
    }))
}

fn is_unreachable(failure: &Failure) -> bool {
    matches!(
        failure.cause(),
        Some(PullError::Request(RequestError::Unreachable { .. }))
    )
}

fn without_service(failure: Failure) -> Error {
    let mut error = Error::from(failure);
    error.hint = Some(match error.exit {
        Exit::Unreachable => "is the line up? behind a proxy set HTTPS_PROXY; `--graph FILE` takes a graph that was saved elsewhere".to_owned(),
        Exit::Truncated => "the line or the service drops connections; run the same command again, or save the graph elsewhere and name it with --graph FILE".to_owned(),
        _ => format!("is it the address of an update service? Red Hat's is {SERVICE}; `--graph FILE` takes a graph that was saved elsewhere"),
    });
    error
}

fn read(path: &Path) -> Result<Graph> {
    let bytes = input::read(path).map_err(|e| Error::file("read", path, &e))?;
    let name = path.display().to_string();
    Graph::parse(&bytes).map_err(|e| Error {
        exit: Exit::File,
        hint: Some(HINT.to_owned()),
        ..not_a_graph(&name, &bytes, &e)
    })
}

/// The part of a file that is the graph of one channel.
fn of_file(path: &Path, channel: &str) -> Result<Graph> {
    let all = read(path)?;
    let graph = all.channel(channel);
    let channels: Vec<&str> = all.channels().into_iter().collect();
    if !graph.nodes().is_empty() || channels.is_empty() {
        not_empty(&graph, &path.display().to_string(), channel)?;
        return Ok(graph);
    }
    let path = path.display();
    let message = format!("no release in {path} is in the channel {channel:?}");
    let hint = match did_you_mean(channel, &channels) {
        Some(meant) => format!("did you mean {meant}? it names {}", channels.join(", ")),
        None => format!("it names {}", channels.join(", ")),
    };
    Err(Error::new(Exit::Usage, message).hint(hint))
}

fn not_empty(graph: &Graph, name: &str, channel: &str) -> Result<()> {
    if graph.nodes().is_empty() {
        let message =
            format!("{name} has no release: there is no channel {channel:?}, or it is empty");
        return Err(Error::new(Exit::Refused, message).hint(
            "channels are called stable-4.13, fast-4.13, candidate-4.13 or eus-4.14; is it spelled right, and is the architecture the right one?",
        ));
    }
    Ok(())
}

/// What came and is none, with how it begins.
fn not_a_graph(name: &str, bytes: &[u8], error: &GraphError) -> Error {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
    let begin: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let begin: String = begin.chars().filter(|c| !c.is_control()).take(60).collect();
    let message = format!("{name}: {}; it begins with {begin:?}", chain(error));
    Error::new(Exit::Refused, message).hint(ANSWER_HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_url_a_file_or_a_file_of_one_channel() {
        let source = |text: &str| text.parse::<GraphSource>().unwrap();
        assert_eq!(source("graph.json"), GraphSource::In("graph.json".into()));
        assert_eq!(source("a/b=c.json"), GraphSource::In("a/b=c.json".into()));
        let of = GraphSource::Of {
            channel: "stable-4.13".to_owned(),
            path: "a=b.json".into(),
        };
        assert_eq!(source("stable-4.13=a=b.json"), of);
        assert!(matches!(source("https://h/graph?x=y"), GraphSource::At(_)));
        assert!("".parse::<GraphSource>().is_err());
        assert!("http://".parse::<GraphSource>().is_err());
        let secret = "https://me:canary@h/graph".parse::<GraphSource>();
        assert!(!secret.unwrap_err().contains("canary"));
    }

    #[test]
    fn the_address_keeps_what_the_service_asks_for_besides() {
        let url: Url = "https://h/graph?arch=x&id=7".parse().unwrap();
        assert_eq!(
            address(&url, "stable-4.13", "amd64").as_str(),
            "https://h/graph?id=7&channel=stable-4.13&arch=amd64"
        );
        let url: Url = "https://h/graph".parse().unwrap();
        assert_eq!(
            address(&url, "stable-4.13", "arm64").as_str(),
            "https://h/graph?channel=stable-4.13&arch=arm64"
        );
    }
}
