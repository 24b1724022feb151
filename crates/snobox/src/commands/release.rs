//! `snobox release`: the releases of channels, and which of them an image set chooses.

mod list;
mod select;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snobox_catalog::graph::Graph;

use crate::cli::ReleaseCommand;
use crate::error::Result;
use crate::flow::graph::Graphs;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// Lists or selects.
pub async fn run(command: &ReleaseCommand, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    match command {
        ReleaseCommand::List {
            channels,
            architecture,
            from,
            graph,
        } => {
            let mut graphs = Graphs::new(graph, ui, interrupt)?;
            list::run(channels, architecture, from.as_ref(), &mut graphs, ui).await
        }
        ReleaseCommand::Select { image_set, graph } => {
            let mut graphs = Graphs::new(graph, ui, interrupt)?;
            select::run(image_set, &mut graphs, ui).await
        }
    }
}

/// What is known of the risks of these names, for people: nothing where there are none.
fn risks_text(names: &BTreeSet<&str>, graphs: &[&Graph]) -> String {
    let mut text = String::new();
    for name in names {
        let found = graphs.iter().find_map(|graph| graph.risk(name));
        let (message, url) = found.map_or(("", ""), |risk| (&risk.message, &risk.url));
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        text += &format!("\n\n{name} {url}\n  {message}");
    }
    text
}

/// The same for machines.
fn risks_value(names: &BTreeSet<&str>, graphs: &[&Graph]) -> Value {
    let value = |name: &&str| {
        let found = graphs.iter().find_map(|graph| graph.risk(name));
        let (message, url) = found.map_or(("", ""), |risk| (&risk.message, &risk.url));
        json!({"name": name, "message": message, "url": url})
    };
    names.iter().map(value).collect()
}
