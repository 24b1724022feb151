//! `snobox release list`: versions with their payload images, or the updates from one version.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde_json::{Value, json};
use snobox_catalog::graph::Graph;

use super::{risks_text, risks_value};
use crate::error::{Error, Exit, Result};
use crate::flow::graph::Graphs;
use crate::ui::{Ui, table};

/// A release, as the channels that were asked for have it.
struct Row<'g> {
    payload: &'g str,
    channels: Vec<&'g str>,
    /// Names of the risks of the update to it; empty for one that is recommended.
    risks: BTreeSet<&'g str>,
}

/// Lists.
pub(super) async fn run(
    channels: &[String],
    architecture: &str,
    from: Option<&Version>,
    graphs: &mut Graphs<'_>,
    ui: &Ui,
) -> Result<()> {
    let mut read: Vec<(&str, Graph)> = Vec::new();
    for channel in channels {
        if !read.iter().any(|(known, _)| known == channel) {
            read.push((channel, graphs.of(channel, architecture, false).await?));
        }
    }
    if let Some(from) = from {
        refuse_absent(from, &read)?;
    }
    let rows = rows(&read, from);
    let graphs: Vec<&Graph> = read.iter().map(|(_, graph)| graph).collect();
    let risks: BTreeSet<&str> = rows.values().flat_map(|row| &row.risks).copied().collect();
    let value = json!({
        "architecture": architecture,
        "from": from.map(ToString::to_string),
        "releases": rows.iter().map(|(version, row)| value(version, row, from.is_some())).collect::<Vec<_>>(),
        "risks": risks_value(&risks, &graphs),
    });
    ui.result(text(&rows, from) + &risks_text(&risks, &graphs), &value)
}

/// Releases from the lowest: all, or those that `from` can be updated to in one step.
fn rows<'g>(
    read: &'g [(&'g str, Graph)],
    from: Option<&Version>,
) -> BTreeMap<&'g Version, Row<'g>> {
    let mut rows: BTreeMap<&Version, Row<'_>> = BTreeMap::new();
    for (channel, graph) in read {
        let found: Vec<_> = match from {
            None => graph.nodes().into_iter().map(|n| (n, Vec::new())).collect(),
            Some(from) => {
                let updates = graph.updates(from).into_iter();
                updates.map(|update| (update.to, update.risks)).collect()
            }
        };
        for (node, risks) in found {
            let row = rows.entry(&node.version).or_insert_with(|| Row {
                payload: &node.payload,
                channels: Vec::new(),
                risks: BTreeSet::new(),
            });
            row.channels.push(channel);
            row.risks.extend(risks);
        }
    }
    rows
}

fn refuse_absent(from: &Version, read: &[(&str, Graph)]) -> Result<()> {
    if read.iter().any(|(_, graph)| graph.get(from).is_some()) {
        return Ok(());
    }
    let all: BTreeSet<&Version> = read
        .iter()
        .flat_map(|(_, graph)| graph.nodes())
        .map(|node| &node.version)
        .collect();
    let above = all.iter().position(|version| *version > from);
    let start = above.unwrap_or(all.len()).saturating_sub(3);
    let near = all.iter().skip(start).take(6);
    let near: Vec<_> = near.map(ToString::to_string).collect();
    let names: Vec<_> = read.iter().map(|(name, _)| *name).collect();
    let message = format!("there is no {from} in {}", names.join(", "));
    let hint = format!(
        "versions near that: {}; a release may be in another channel",
        near.join(", ")
    );
    Err(Error::new(Exit::Usage, message).hint(hint))
}

fn value(version: &Version, row: &Row<'_>, is_update: bool) -> Value {
    let mut value = json!({
        "version": version.to_string(),
        "payload": row.payload,
        "channels": row.channels,
    });
    if is_update {
        value["update"] = word(row).into();
        value["risks"] = json!(row.risks);
    }
    value
}

fn word(row: &Row<'_>) -> &'static str {
    if row.risks.is_empty() {
        "recommended"
    } else {
        "conditional"
    }
}

fn text(rows: &BTreeMap<&Version, Row<'_>>, from: Option<&Version>) -> String {
    let titles = ["VERSION", "CHANNELS", "PAYLOAD"].map(str::to_owned);
    let cells = |version: &Version, row: &Row<'_>| {
        [
            version.to_string(),
            row.channels.join(", "),
            row.payload.to_owned(),
        ]
    };
    let Some(from) = from else {
        let all = rows.iter().map(|(version, row)| cells(version, row));
        let lines: Vec<_> = std::iter::once(titles).chain(all).collect();
        return format!("{}\n{} releases", table(&lines), rows.len());
    };
    let [version, channels, payload] = titles;
    let mut lines = vec![[version, "UPDATE".to_owned(), channels, payload]];
    for (version, row) in rows {
        let [version, channels, payload] = cells(version, row);
        let mut update = word(row).to_owned();
        if !row.risks.is_empty() {
            let risks: Vec<&str> = row.risks.iter().copied().collect();
            update += &format!(": {}", risks.join(", "));
        }
        lines.push([version, update, channels, payload]);
    }
    let recommended = rows.values().filter(|row| row.risks.is_empty()).count();
    format!(
        "{}\n{recommended} recommended updates from {from}, {} under conditions",
        table(&lines),
        rows.len() - recommended
    )
}
