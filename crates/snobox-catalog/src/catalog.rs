//! A catalog as a whole: operators with their channels and versions, put together out of its documents.
//!
//! Whatever is wrong with a document is its operator's fault, and kept there: others can be chosen all the same.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::fbc::{self, Blob, Document, Property, Schema};
use crate::requirement;

pub use crate::requirement::{Constraint, Gvk, Requirement};

/// Operators by name. Serialized, it is a catalog without everything that nobody here asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// All of them.
    pub packages: BTreeMap<String, Package>,
}

/// An operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// The channel that a subscription without a channel follows.
    pub default_channel: Option<String>,
    /// Channels by name.
    pub channels: BTreeMap<String, Channel>,
    /// Versions by bundle name.
    pub bundles: BTreeMap<String, Bundle>,
    /// What should no longer be used.
    pub deprecations: Vec<Deprecation>,
    /// Why nothing of it can be chosen.
    pub fault: Option<String>,
    /// What is wrong with it and keeps nothing from being chosen.
    pub remarks: Vec<String>,
}

/// A stream of versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its entries, as the catalog lists them.
    pub entries: Vec<Entry>,
    /// Its `olm.channel` priority.
    pub priority: Option<i64>,
    /// Why it cannot be chosen.
    pub fault: Option<String>,
}

/// One bundle in a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The bundle's name.
    pub name: String,
    /// The bundle that it comes after.
    pub replaces: Option<String>,
    /// Entries of the same channel that an update may leap over, by their place in it. In some catalogs these are nine tenths of all names, most of
    /// them of bundles that the channel does not have: those say nothing.
    pub skips: Vec<u32>,
    /// A range of versions that it can be reached from.
    pub skip_range: Option<String>,
}

/// One version of an operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// Its version; some bundles have none.
    pub version: Option<Version>,
    /// The bundle image, then the images that it needs to run, each once, in the order of the catalog.
    pub images: Vec<String>,
    /// Kinds of objects that it brings.
    pub provides: Vec<Gvk>,
    /// What it cannot run without.
    pub requires: Vec<Requirement>,
    /// Why it cannot be chosen.
    pub fault: Option<String>,
}

/// Something that should no longer be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecation {
    /// Of the operator, a channel or a bundle.
    pub of: Deprecated,
    /// Why, as its makers say.
    pub message: String,
}

/// What is deprecated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deprecated {
    /// The whole operator.
    Package,
    /// A channel.
    Channel(String),
    /// A version.
    Bundle(String),
}

/// Puts a catalog together.
#[derive(Debug, Default)]
pub struct Builder {
    catalog: Catalog,
    /// Where each operator is named.
    named: BTreeMap<String, String>,
}

impl Builder {
    /// Adds one document.
    pub fn add(&mut self, document: Document<'_>) {
        let place = format!("{}:{}", document.file, document.line);
        match document.blob {
            Blob::Package(package) => {
                let name = package.name.into_owned();
                let known = self.named.insert(name.clone(), place.clone());
                let made = self.package(&name);
                match known {
                    Some(first) => {
                        made.blame(format!("{place}: it is given twice, first in {first}"))
                    }
                    None => made.default_channel = package.default_channel.map(|c| c.into_owned()),
                }
            }
            Blob::Channel(channel) => {
                let made = Channel {
                    priority: priority(&channel.properties),
                    entries: entries(channel.entries),
                    fault: None,
                };
                self.package(&channel.package)
                    .channel(&channel.name, made, &place);
            }
            Blob::Bundle(found) => {
                let made = bundle(&found, &place);
                self.package(&found.package)
                    .bundle(&found.name, made, &place);
            }
            Blob::Deprecations(found) => {
                let package = self.package(&found.package);
                for entry in found.entries {
                    let name = entry.name.map(|n| n.into_owned()).unwrap_or_default();
                    let of = match &*entry.schema {
                        "olm.package" => Deprecated::Package,
                        "olm.channel" => Deprecated::Channel(name),
                        "olm.bundle" => Deprecated::Bundle(name),
                        other => {
                            let remark = format!("{place}: a deprecation of {other:?}");
                            package.remarks.push(remark);
                            continue;
                        }
                    };
                    package.deprecations.push(Deprecation {
                        of,
                        message: entry.message.trim().to_owned(),
                    });
                }
            }
            Blob::Faulty(found) => self.faulty(found, &place),
            Blob::Other { .. } => {}
        }
    }

    fn faulty(&mut self, found: fbc::Faulty<'_>, place: &str) {
        let fault = format!("{place}: {}", found.message);
        match found.schema {
            Schema::Package => {
                let name = found.package.clone().into_owned();
                self.named.insert(name, place.to_owned());
                self.package(&found.package).blame(fault);
            }
            Schema::Channel => {
                let made = Channel {
                    fault: Some(fault),
                    ..Channel::default()
                };
                self.package(&found.package)
                    .channel(&found.name, made, place);
            }
            Schema::Bundle => {
                let made = Bundle {
                    fault: Some(fault),
                    ..Bundle::default()
                };
                self.package(&found.package)
                    .bundle(&found.name, made, place);
            }
            Schema::Deprecations => self.package(&found.package).remarks.push(fault),
        }
    }

    fn package(&mut self, name: &str) -> &mut Package {
        self.catalog.packages.entry(name.to_owned()).or_default()
    }

    /// The catalog.
    pub fn finish(mut self) -> Catalog {
        for (name, package) in &mut self.catalog.packages {
            if !self.named.contains_key(name) {
                package.blame(format!(
                    "there are {} channels and {} bundles of it, but no olm.package of that name",
                    package.channels.len(),
                    package.bundles.len()
                ));
            }
        }
        self.catalog
    }
}

impl Package {
    /// The first fault is the one that is told.
    fn blame(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    fn channel(&mut self, name: &str, made: Channel, place: &str) {
        if let Some(known) = enter(&mut self.channels, name, made) {
            let twice = || format!("{place}: the channel {name:?} is given twice");
            known.fault.get_or_insert_with(twice);
        }
    }

    fn bundle(&mut self, name: &str, made: Bundle, place: &str) {
        if let Some(known) = enter(&mut self.bundles, name, made) {
            let twice = || format!("{place}: the bundle {name:?} is given twice");
            known.fault.get_or_insert_with(twice);
        }
    }

    /// Everything that is wrong with it, in words.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        let channels = self.channels.values().map(|channel| &channel.fault);
        let bundles = self.bundles.values().map(|bundle| &bundle.fault);
        let faults = std::iter::once(&self.fault).chain(channels).chain(bundles);
        faults.flatten().chain(&self.remarks).map(String::as_str)
    }
}

/// Enters what is new; what is known by the name already stays, and is returned.
fn enter<'m, T>(map: &'m mut BTreeMap<String, T>, name: &str, made: T) -> Option<&'m mut T> {
    if map.contains_key(name) {
        return map.get_mut(name);
    }
    map.insert(name.to_owned(), made);
    None
}

impl Channel {
    /// The entries that an update to this one may leap over.
    pub fn skipped<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        let places = entry.skips.iter();
        places.filter_map(|place| self.entries.get(*place as usize))
    }
}

fn entries(found: Vec<fbc::Entry<'_>>) -> Vec<Entry> {
    let mut places: BTreeMap<&str, u32> = BTreeMap::new();
    for (entry, place) in found.iter().zip(0..) {
        places.entry(&entry.name).or_insert(place);
    }
    let made = |entry: &fbc::Entry<'_>| {
        let known = entry.skips.iter().filter_map(|name| places.get(&**name));
        let mut skips: Vec<u32> = known.copied().collect();
        skips.shrink_to_fit();
        Entry {
            name: entry.name.clone().into_owned(),
            replaces: entry.replaces.clone().map(|r| r.into_owned()),
            skips,
            skip_range: entry.skip_range.clone().map(|r| r.into_owned()),
        }
    };
    found.iter().map(made).collect()
}

fn text<'a>(property: &'a Property<'_>, key: &str) -> &'a str {
    property.value[key].as_str().unwrap_or_default()
}

fn priority(properties: &[Property<'_>]) -> Option<i64> {
    let found = properties.iter().find(|p| p.kind == "olm.channel")?;
    let value = &found.value["priority"];
    // YAML's scalars are texts here.
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|t| t.parse().ok()))
}

fn bundle(found: &fbc::Bundle<'_>, place: &str) -> Bundle {
    let mut made = Bundle::default();
    let name = &found.name;
    let mut blame = |what: String| {
        let fault = || format!("{place}: the bundle {name:?}: {what}");
        made.fault.get_or_insert_with(fault);
    };
    let is_inline = || found.properties.iter().any(|p| p.kind == fbc::INLINE);
    if found.image.is_empty() && !is_inline() {
        blame("it names no image".to_owned());
    }
    if let Some(place) = found.related_images.iter().position(|i| i.is_empty()) {
        blame(format!("relatedImages[{place}] names no image"));
    }
    for property in found.properties.iter().filter(|p| p.kind == "olm.package") {
        let version = text(property, "version");
        match Version::parse(version) {
            Ok(version) => made.version = Some(version),
            Err(error) => blame(format!("its version {version:?} is not one: {error}")),
        }
    }
    let all = std::iter::once(&found.image).chain(&found.related_images);
    for image in all.filter(|image| !image.is_empty()) {
        if !made.images.iter().any(|known| known == image) {
            made.images.push(image.clone().into_owned());
        }
    }
    for property in &found.properties {
        match &*property.kind {
            "olm.package" => {}
            "olm.gvk" => made.provides.extend(Gvk::of(&property.value)),
            kind => made
                .requires
                .extend(requirement::of_property(kind, &property.value)),
        }
    }
    made
}
