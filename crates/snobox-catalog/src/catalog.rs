//! A catalog as a whole: operators with their channels and versions, put together out of its documents.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::fbc::{Blob, Document, Property};
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
}

/// A stream of versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its entries, as the catalog lists them.
    pub entries: Vec<Entry>,
    /// Its `olm.channel` priority.
    pub priority: Option<i64>,
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
    named: BTreeSet<String>,
}

impl Builder {
    /// Adds one document.
    ///
    /// # Errors
    /// What is wrong with it, in words: given twice, or without something that it needs.
    pub fn add(&mut self, document: Document<'_>) -> Result<(), String> {
        match document.blob {
            Blob::Package(package) => {
                let name = package.name.into_owned();
                if !self.named.insert(name.clone()) {
                    return Err(format!("the package {name:?} is given twice"));
                }
                self.package(&name).default_channel =
                    package.default_channel.map(|c| c.into_owned());
            }
            Blob::Channel(channel) => {
                let priority = priority(&channel.properties);
                let entries = entries(channel.entries);
                let made = Channel { entries, priority };
                let package = self.package(&channel.package);
                if package
                    .channels
                    .insert(channel.name.clone().into_owned(), made)
                    .is_some()
                {
                    return Err(format!(
                        "the channel {:?} of {:?} is given twice",
                        channel.name, channel.package
                    ));
                }
            }
            Blob::Bundle(found) => {
                let made =
                    bundle(&found).map_err(|m| format!("the bundle {:?}: {m}", found.name))?;
                let package = self.package(&found.package);
                if package
                    .bundles
                    .insert(found.name.clone().into_owned(), made)
                    .is_some()
                {
                    return Err(format!("the bundle {:?} is given twice", found.name));
                }
            }
            Blob::Deprecations(found) => {
                let package = self.package(&found.package);
                for entry in found.entries {
                    let name = entry.name.map(|n| n.into_owned()).unwrap_or_default();
                    let of = match &*entry.schema {
                        "olm.package" => Deprecated::Package,
                        "olm.channel" => Deprecated::Channel(name),
                        "olm.bundle" => Deprecated::Bundle(name),
                        other => return Err(format!("a deprecation of {other:?}")),
                    };
                    package.deprecations.push(Deprecation {
                        of,
                        message: entry.message.trim().to_owned(),
                    });
                }
            }
            Blob::Other { .. } => {}
        }
        Ok(())
    }

    fn package(&mut self, name: &str) -> &mut Package {
        self.catalog.packages.entry(name.to_owned()).or_default()
    }

    /// The catalog.
    ///
    /// # Errors
    /// What does not fit together, in words: channels or bundles of a package that no document names.
    pub fn finish(self) -> Result<Catalog, String> {
        let orphan = self
            .catalog
            .packages
            .iter()
            .find(|(name, _)| !self.named.contains(*name));
        match orphan {
            Some((name, package)) => Err(format!(
                "there are {} channels and {} bundles of {name:?}, but no olm.package of that name",
                package.channels.len(),
                package.bundles.len()
            )),
            None => Ok(self.catalog),
        }
    }
}

impl Channel {
    /// The entries that an update to this one may leap over.
    pub fn skipped<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        let places = entry.skips.iter();
        places.filter_map(|place| self.entries.get(*place as usize))
    }
}

fn entries(found: Vec<crate::fbc::Entry<'_>>) -> Vec<Entry> {
    let mut places: BTreeMap<&str, u32> = BTreeMap::new();
    for (entry, place) in found.iter().zip(0..) {
        places.entry(&entry.name).or_insert(place);
    }
    let made = |entry: &crate::fbc::Entry<'_>| {
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

fn bundle(found: &crate::fbc::Bundle<'_>) -> Result<Bundle, String> {
    let mut made = Bundle::default();
    let all = std::iter::once(&found.image).chain(&found.related_images);
    for image in all.filter(|image| !image.is_empty()) {
        if !made.images.iter().any(|known| known == image) {
            made.images.push(image.clone().into_owned());
        }
    }
    for property in &found.properties {
        match &*property.kind {
            "olm.package" => {
                let version = text(property, "version");
                made.version = Some(
                    Version::parse(version)
                        .map_err(|e| format!("its version {version:?} is not one: {e}"))?,
                );
            }
            "olm.gvk" => made.provides.push(Gvk::of(&property.value)),
            kind => made
                .requires
                .extend(requirement::of_property(kind, &property.value)),
        }
    }
    Ok(made)
}
