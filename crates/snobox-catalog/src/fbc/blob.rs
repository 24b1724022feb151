//! What the documents of a catalog say, as far as somebody asks for it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// One document.
#[derive(Debug)]
pub enum Blob<'a> {
    /// `olm.package`.
    Package(Package<'a>),
    /// `olm.channel`.
    Channel(Channel<'a>),
    /// `olm.bundle`.
    Bundle(Bundle<'a>),
    /// `olm.deprecations`.
    Deprecations(Deprecations<'a>),
    /// A document of one of these schemas that is not in its form.
    Faulty(Faulty<'a>),
    /// Any other schema. It may belong to a package.
    Other {
        /// The schema.
        schema: Cow<'a, str>,
        /// The package, where one is named.
        package: Option<Cow<'a, str>>,
    },
}

/// What cannot be used of an operator. It is nobody else's fault: the rest of the catalog can.
#[derive(Debug)]
pub struct Faulty<'a> {
    /// What it was to be.
    pub schema: Schema,
    /// The operator.
    pub package: Cow<'a, str>,
    /// Its own name; a package's is the operator's.
    pub name: Cow<'a, str>,
    /// What is wrong with it.
    pub message: String,
}

/// The schemas that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// `olm.package`.
    Package,
    /// `olm.channel`.
    Channel,
    /// `olm.bundle`.
    Bundle,
    /// `olm.deprecations`.
    Deprecations,
}

impl Schema {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "olm.package" => Self::Package,
            "olm.channel" => Self::Channel,
            "olm.bundle" => Self::Bundle,
            "olm.deprecations" => Self::Deprecations,
            _ => return None,
        })
    }
}

/// An operator.
#[derive(Debug)]
pub struct Package<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The channel that a subscription without a channel follows.
    pub default_channel: Option<Cow<'a, str>>,
}

/// A stream of versions of an operator.
#[derive(Debug)]
pub struct Channel<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The operator.
    pub package: Cow<'a, str>,
    /// The versions.
    pub entries: Vec<Entry<'a>>,
    /// Properties; `olm.channel` has a priority.
    pub properties: Vec<Property<'a>>,
}

/// One version in a channel.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The bundle's name.
    pub name: Cow<'a, str>,
    /// The bundle that it comes after.
    pub replaces: Option<Cow<'a, str>>,
    /// Bundles that an update may leap over.
    pub skips: Vec<Cow<'a, str>>,
    /// A range of versions that it can be reached from.
    pub skip_range: Option<Cow<'a, str>>,
}

/// One version of an operator.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// Its name: `operator.v1.2.3`.
    pub name: Cow<'a, str>,
    /// The operator.
    pub package: Cow<'a, str>,
    /// The bundle image; empty where none is named.
    pub image: Cow<'a, str>,
    /// Version, what it provides, what it requires.
    pub properties: Vec<Property<'a>>,
    /// Images that it needs to run; empty texts where one is not named.
    pub related_images: Vec<Cow<'a, str>>,
}

/// What an operator no longer wants to be used.
#[derive(Debug)]
pub struct Deprecations<'a> {
    /// The operator.
    pub package: Cow<'a, str>,
    /// What, and why.
    pub entries: Vec<Deprecation<'a>>,
}

/// One thing that is deprecated.
#[derive(Debug)]
pub struct Deprecation<'a> {
    /// `olm.package`, `olm.channel` or `olm.bundle`.
    pub schema: Cow<'a, str>,
    /// Its name; a package's own is left out.
    pub name: Option<Cow<'a, str>>,
    /// Why.
    pub message: Cow<'a, str>,
}

/// Types of properties whose values are kept. The others are manifests, in some catalogs nine tenths of all bytes.
const KEPT: [&str; 6] = [
    "olm.package",
    "olm.package.required",
    "olm.gvk",
    "olm.gvk.required",
    "olm.constraint",
    "olm.channel",
];
/// A type whose presence counts: a bundle that brings its manifests itself needs no image for them.
pub(crate) const INLINE: &str = "olm.bundle.object";

/// A property of a bundle or of a channel.
#[derive(Debug)]
pub struct Property<'a> {
    /// Its type.
    pub kind: Cow<'a, str>,
    /// Its value; nothing for types that nobody asks for.
    pub value: Value,
}

impl<'de: 'a, 'a> Deserialize<'de> for Property<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PropertyVisitor)
    }
}

struct PropertyVisitor;

impl<'de> Visitor<'de> for PropertyVisitor {
    type Value = Property<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property with type and value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Property<'de>, A::Error> {
        let mut kind: Option<Text<'de>> = None;
        let mut value = Value::Null;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key.0 {
                "type" => kind = Some(map.next_value()?),
                "value" => match &kind {
                    Some(kind) if !KEPT.contains(&&*kind.0) => {
                        map.next_value::<IgnoredAny>()?;
                    }
                    _ => value = map.next_value()?,
                },
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let kind = kind
            .ok_or_else(|| serde::de::Error::custom("a property without type"))?
            .0;
        if !KEPT.contains(&&*kind) {
            value = Value::Null;
        }
        Ok(Property { kind, value })
    }
}

/// A text that is borrowed where it can be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Keys of all schemas together: the schema may come last.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a document of a catalog")]
pub(super) struct Fields<'a> {
    #[serde(borrow, default)]
    schema: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    package: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    default_channel: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    image: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    entries: Option<Vec<AnyEntry<'a>>>,
    #[serde(borrow, default)]
    properties: Option<Vec<Property<'a>>>,
    #[serde(borrow, default)]
    related_images: Option<Vec<Related<'a>>>,
}

#[derive(Deserialize)]
#[serde(expecting = "an image with name and image")]
struct Related<'a> {
    #[serde(borrow, default)]
    image: Option<Cow<'a, str>>,
}

/// An entry of a channel, or of deprecations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an entry")]
struct AnyEntry<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    replaces: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    skips: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    skip_range: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reference: Option<Reference<'a>>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a reference with schema and name")]
struct Reference<'a> {
    #[serde(borrow)]
    schema: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

/// What every document has, whatever its schema.
#[derive(Deserialize)]
#[serde(expecting = "a document of a catalog")]
pub(super) struct Meta<'a> {
    #[serde(borrow, default)]
    schema: Option<Cow<'a, str>>,
    #[serde(default)]
    package: Value,
    #[serde(default)]
    name: Value,
}

impl<'a> Meta<'a> {
    /// The document, where `message` keeps it from being read: of a schema that is not known nothing else matters, and of a known one it is enough to
    /// know what cannot be used. `None` if not even that is said.
    pub(super) fn blob(self, message: &str) -> Option<Blob<'a>> {
        let text = |value: &Value| {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(|text| Cow::Owned(text.to_owned()))
        };
        let (package, name) = (text(&self.package), text(&self.name));
        let schema = self.schema?;
        let Some(known) = Schema::parse(&schema) else {
            return Some(Blob::Other { schema, package });
        };
        let (package, name) = match known {
            Schema::Package => (name.clone()?, name?),
            Schema::Channel | Schema::Bundle => (package?, name?),
            Schema::Deprecations => (package.clone()?, package?),
        };
        Some(Blob::Faulty(Faulty {
            schema: known,
            package,
            name,
            message: message.to_owned(),
        }))
    }
}

impl<'a> Fields<'a> {
    /// The document, or what it lacks.
    pub(super) fn blob(self) -> Result<Blob<'a>, String> {
        let schema = self.schema.ok_or("it has no schema")?;
        let need = |value: Option<Cow<'a, str>>, key: &str| {
            value
                .filter(|text| !text.is_empty())
                .ok_or_else(|| format!("{schema} without {key}"))
        };
        Ok(match Schema::parse(&schema) {
            Some(Schema::Package) => Blob::Package(Package {
                name: need(self.name, "name")?,
                default_channel: self.default_channel.filter(|c| !c.is_empty()),
            }),
            Some(known @ Schema::Channel) => {
                let name = need(self.name, "name")?;
                let package = need(self.package, "package")?;
                match entries(self.entries) {
                    Some(entries) => Blob::Channel(Channel {
                        name,
                        package,
                        entries,
                        properties: self.properties.unwrap_or_default(),
                    }),
                    None => Blob::Faulty(Faulty {
                        schema: known,
                        package,
                        name,
                        message: "an entry without name".to_owned(),
                    }),
                }
            }
            Some(Schema::Bundle) => Blob::Bundle(Bundle {
                name: need(self.name, "name")?,
                package: need(self.package, "package")?,
                image: self.image.unwrap_or_default(),
                properties: self.properties.unwrap_or_default(),
                related_images: self
                    .related_images
                    .unwrap_or_default()
                    .into_iter()
                    .map(|related| related.image.unwrap_or_default())
                    .collect(),
            }),
            Some(known @ Schema::Deprecations) => {
                let package = need(self.package, "package")?;
                match deprecations(self.entries) {
                    Some(entries) => Blob::Deprecations(Deprecations { package, entries }),
                    None => Blob::Faulty(Faulty {
                        schema: known,
                        name: package.clone(),
                        package,
                        message: "an entry without reference".to_owned(),
                    }),
                }
            }
            None => Blob::Other {
                package: self.package,
                schema,
            },
        })
    }
}

/// `None` if an entry has no name.
fn entries(found: Option<Vec<AnyEntry<'_>>>) -> Option<Vec<Entry<'_>>> {
    let entry = |entry: AnyEntry<'_>| {
        let AnyEntry {
            name,
            replaces,
            skips,
            skip_range,
            ..
        } = entry;
        Some(Entry {
            name: owned(name)?,
            replaces: owned(replaces),
            skips: skips
                .unwrap_or_default()
                .into_iter()
                .map(|t| Cow::Owned(t.0.into_owned()))
                .collect(),
            skip_range: owned(skip_range),
        })
    };
    found.unwrap_or_default().into_iter().map(entry).collect()
}

fn owned<'b>(text: Option<Cow<'_, str>>) -> Option<Cow<'b, str>> {
    text.filter(|t| !t.is_empty())
        .map(|t| Cow::Owned(t.into_owned()))
}

/// `None` if an entry has no reference.
fn deprecations(found: Option<Vec<AnyEntry<'_>>>) -> Option<Vec<Deprecation<'_>>> {
    let entry = |entry: AnyEntry<'_>| {
        let reference = entry.reference?;
        Some(Deprecation {
            schema: Cow::Owned(reference.schema.into_owned()),
            name: owned(reference.name),
            message: owned(entry.message).unwrap_or_default(),
        })
    };
    found.unwrap_or_default().into_iter().map(entry).collect()
}
