//! `snobox catalog list`: operators, channels, versions.

use serde_json::{Value, json};
use snobox_catalog::catalog::{Catalog, Channel, Package};
use snobox_catalog::channel::UpdateGraph;
use snobox_plan::problem::did_you_mean;

use crate::error::{Error, Exit, Result};
use crate::flow::catalog::Named;
use crate::ui::{Ui, table};

use super::{Sources, sizes};

/// What to list of a catalog: all of it, one operator, or one channel of that.
pub(super) struct Asked<'a> {
    pub(super) package: Option<&'a str>,
    pub(super) channel: Option<&'a str>,
    pub(super) sizes: bool,
}

/// Lists.
pub(super) async fn run(name: &str, asked: &Asked<'_>, sources: &mut Sources<'_>) -> Result<()> {
    let catalog = sources.catalog(&Named::parse(name)?).await?;
    let ui = sources.ui;
    let Some(package) = asked.package else {
        return packages(&catalog, ui);
    };
    let found = catalog.packages.get(package).ok_or_else(|| {
        let names: Vec<&str> = catalog.packages.keys().map(String::as_str).collect();
        absent(
            &format!("{name} has no package {package:?}"),
            package,
            &names,
        )
    })?;
    let content = match asked.channel {
        None => None,
        Some(channel) => Some(found.channels.get_key_value(channel).ok_or_else(|| {
            let names: Vec<&str> = found.channels.keys().map(String::as_str).collect();
            absent(
                &format!("{package} has no channel {channel:?}"),
                channel,
                &names,
            )
        })?),
    };
    match content {
        _ if asked.sizes => sizes::run(package, found, content, sources).await,
        None => channels(package, found, ui),
        Some((channel, content)) => versions(package, found, channel, content, ui),
    }
}

fn absent(message: &str, given: &str, names: &[&str]) -> Error {
    let hint = match did_you_mean(given, names) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("it has {}", names.join(", ")),
    };
    Error::new(Exit::Usage, message).hint(hint)
}

/// The head of a channel, or what is wrong with the channel.
fn head(channel: &Channel) -> Result<&str, String> {
    UpdateGraph::of(channel)
        .map(|graph| graph.head().name.as_str())
        .map_err(|error| error.to_string())
}

fn head_text(channel: &Channel) -> String {
    head(channel).map_or_else(|error| format!("({error})"), str::to_owned)
}

fn head_value(channel: &Channel) -> Value {
    head(channel).map_or(Value::Null, Value::from)
}

fn default_head(package: &Package) -> Option<(&str, &Channel)> {
    let name = package.default_channel.as_deref()?;
    package.channels.get(name).map(|channel| (name, channel))
}

fn packages(catalog: &Catalog, ui: &Ui) -> Result<()> {
    let mut rows = vec![["PACKAGE", "DEFAULT CHANNEL", "HEAD"].map(str::to_owned)];
    let mut values = Vec::new();
    for (name, package) in &catalog.packages {
        let (default, head) = match default_head(package) {
            Some((channel, content)) => (channel.to_owned(), head_text(content)),
            None => (
                package.default_channel.clone().unwrap_or_default(),
                String::new(),
            ),
        };
        rows.push([name.clone(), default, head]);
        let faults: Vec<&str> = package.faults().collect();
        if let [first, others @ ..] = &faults[..] {
            let more = match others.len() {
                0 => String::new(),
                n => format!(" (and {n} more: `snobox catalog list … --package {name}`)"),
            };
            ui.say(format!("note: {name} is at fault: {first}{more}"));
        }
        values.push(json!({
            "name": name,
            "defaultChannel": package.default_channel,
            "faults": faults,
            "channels": package.channels.iter().map(|(name, channel)| json!({"name": name, "head": head_value(channel)})).collect::<Vec<_>>(),
        }));
    }
    ui.result(table(&rows), &json!({"packages": values}))
}

/// Everything that is wrong with an operator, said as notes and returned.
fn told_faults<'p>(name: &str, package: &'p Package, ui: &Ui) -> Vec<&'p str> {
    let faults: Vec<&str> = package.faults().collect();
    for fault in &faults {
        ui.say(format!("note: {name} is at fault: {fault}"));
    }
    faults
}

fn channels(name: &str, package: &Package, ui: &Ui) -> Result<()> {
    let mut rows = vec![["CHANNEL", "HEAD", "VERSIONS", ""].map(str::to_owned)];
    let mut values = Vec::new();
    for (channel, content) in &package.channels {
        let is_default = package.default_channel.as_ref() == Some(channel);
        rows.push([
            channel.clone(),
            head_text(content),
            content.entries.len().to_string(),
            if is_default { "default" } else { "" }.to_owned(),
        ]);
        let versions: Vec<_> = sorted(package, content)
            .into_iter()
            .map(|(version, _)| version)
            .collect();
        values.push(json!({"name": channel, "head": head_value(content), "versions": versions}));
    }
    let value = json!({
        "package": name,
        "defaultChannel": package.default_channel,
        "faults": told_faults(name, package, ui),
        "channels": values,
    });
    ui.result(table(&rows), &value)
}

/// Versions and bundle names of a channel, from the lowest; a bundle without a version has an empty one and comes first.
pub(super) fn sorted<'p>(package: &'p Package, channel: &'p Channel) -> Vec<(String, &'p str)> {
    let mut all: Vec<_> = channel
        .entries
        .iter()
        .map(|entry| {
            let bundle = package.bundles.get(&entry.name);
            (bundle.and_then(|b| b.version.as_ref()), entry.name.as_str())
        })
        .collect();
    all.sort();
    all.into_iter()
        .map(|(version, name)| (version.map(ToString::to_string).unwrap_or_default(), name))
        .collect()
}

fn versions(
    name: &str,
    package: &Package,
    channel: &str,
    content: &Channel,
    ui: &Ui,
) -> Result<()> {
    let head = head(content);
    let mut rows = vec![["VERSION", "BUNDLE", "IMAGES", ""].map(str::to_owned)];
    let mut values = Vec::new();
    for (version, bundle) in sorted(package, content) {
        let images = package.bundles.get(bundle).map(|b| b.images.as_slice());
        let images = images.unwrap_or_default();
        let is_head = head.as_deref() == Ok(bundle);
        rows.push([
            version.clone(),
            bundle.to_owned(),
            images.len().to_string(),
            if is_head { "head" } else { "" }.to_owned(),
        ]);
        values.push(json!({"version": version, "name": bundle, "images": images}));
    }
    if let Err(error) = &head {
        ui.say(format!("note: {error}"));
    }
    let value = json!({
        "package": name,
        "channel": channel,
        "head": head_value(content),
        "faults": told_faults(name, package, ui),
        "versions": values,
    });
    ui.result(table(&rows), &value)
}
