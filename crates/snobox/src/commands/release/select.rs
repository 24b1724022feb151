//! `snobox release select`: the releases that `mirror.platform` of an image set chooses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use snobox_catalog::graph::Graph;
use snobox_catalog::image_set::Platform;
use snobox_catalog::releases::{Releases, resolve};

use super::{risks_text, risks_value};
use crate::error::{Error, Exit, Result};
use crate::flow::graph::Graphs;
use crate::image_set_file;
use crate::ui::{Ui, table};

/// Reads the image set and the graphs of its channels, and prints what is chosen.
pub(super) async fn run(path: &Path, graphs: &mut Graphs<'_>, ui: &Ui) -> Result<()> {
    let file = image_set_file::read(path)
        .map_err(|error| error.hint("--image-set names an ImageSetConfiguration"))?;
    let platform = &file.set.platform;
    let mut notes = file.notes();
    let mut chosen: Vec<(&str, Releases, Vec<Graph>)> = Vec::new();
    let architectures = architectures(platform);
    if graphs.is_of_files() && architectures.len() > 1 && !platform.channels.is_empty() {
        let names: Vec<&str> = architectures.iter().copied().collect();
        let message = format!(
            "{} asks for releases for {}, and a graph in a file is that of one architecture",
            path.display(),
            names.join(", ")
        );
        return Err(Error::new(Exit::Usage, message)
            .hint("ask an update service: leave --graph out, or name a URL"));
    }
    for architecture in architectures {
        let mut read = BTreeMap::new();
        for channel in &platform.channels {
            let name = &channel.name;
            let graph = graphs.of(name, architecture, channel.is_okd).await?;
            read.insert(name.clone(), graph);
        }
        let releases = resolve(&platform.channels, &read)
            .map_err(|problems| image_set_file::refused(path, &problems))?;
        notes.extend(releases.notes.iter().cloned());
        chosen.push((architecture, releases, read.into_values().collect()));
    }
    if platform.channels.is_empty() && platform.release.is_none() {
        let why = "mirror.platform asks for no release";
        notes.push(format!("{}: {why}", path.display()));
    }
    for note in &notes {
        ui.say(format!("note: {note}"));
    }
    ui.result(text(platform, &chosen), &value(platform, &chosen, &notes))
}

/// In Go's words; what nobody says is amd64, and platforms are those of one payload for all.
fn architectures(platform: &Platform) -> BTreeSet<&str> {
    if !platform.platforms.is_empty() {
        return BTreeSet::from(["multi"]);
    }
    if platform.architectures.is_empty() {
        return BTreeSet::from(["amd64"]);
    }
    platform.architectures.iter().map(String::as_str).collect()
}

type Chosen<'a> = (&'a str, Releases, Vec<Graph>);

fn text(platform: &Platform, chosen: &[Chosen<'_>]) -> String {
    let titles = ["VERSION", "ARCHITECTURE", "CHANNELS", "PAYLOAD"];
    let mut rows = vec![titles.map(str::to_owned)];
    let mut updates = vec![["FROM", "TO", "ARCHITECTURE", "RISKS"].map(str::to_owned)];
    if let Some(release) = &platform.release {
        rows.push(["", "", "", &release.to_string()].map(str::to_owned));
    }
    for (architecture, releases, _) in chosen {
        for release in &releases.releases {
            rows.push([
                release.version.to_string(),
                (*architecture).to_owned(),
                release.channels.join(", "),
                release.payload.clone(),
            ]);
        }
        for update in &releases.conditional {
            updates.push([
                update.from.to_string(),
                update.to.to_string(),
                (*architecture).to_owned(),
                update.risks.join(", "),
            ]);
        }
    }
    let mut text = format!("{}\n{} releases", table(&rows), rows.len() - 1);
    if updates.len() > 1 {
        text += &format!(
            "\n\nupdates that are recommended only where their risks do not apply:\n{}",
            table(&updates)
        );
        let (names, graphs) = risks(chosen);
        text += &risks_text(&names, &graphs);
    }
    text
}

/// The names of all risks, and where they are explained.
fn risks<'a>(chosen: &'a [Chosen<'_>]) -> (BTreeSet<&'a str>, Vec<&'a Graph>) {
    let updates = chosen
        .iter()
        .flat_map(|(_, releases, _)| &releases.conditional);
    let names = updates.flat_map(|update| &update.risks).map(String::as_str);
    let graphs = chosen.iter().flat_map(|(_, _, graphs)| graphs);
    (names.collect(), graphs.collect())
}

fn value(platform: &Platform, chosen: &[Chosen<'_>], notes: &[String]) -> Value {
    let (mut releases, mut conditional) = (Vec::new(), Vec::new());
    for (architecture, all, _) in chosen {
        for release in &all.releases {
            releases.push(json!({
                "version": release.version.to_string(),
                "architecture": architecture,
                "channels": release.channels,
                "payload": release.payload,
            }));
        }
        for update in &all.conditional {
            conditional.push(json!({
                "from": update.from.to_string(),
                "to": update.to.to_string(),
                "architecture": architecture,
                "risks": update.risks,
            }));
        }
    }
    let (names, graphs) = risks(chosen);
    json!({
        "release": platform.release.as_ref().map(ToString::to_string),
        "releases": releases,
        "conditional": conditional,
        "risks": risks_value(&names, &graphs),
        "notes": notes,
    })
}
