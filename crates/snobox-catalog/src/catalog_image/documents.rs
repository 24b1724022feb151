//! The documents of the chosen operators, as they are in the catalog; what names more than was chosen is written anew.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{CatalogImage, CatalogImageError, Survey};
use crate::fbc::{Blob, Document};
use crate::select::{Chosen, Selection};
use snobox_formats::layout::Blobs;

/// Paths and contents of files for the folder of the documents, by path; equal for equal catalogs and selections, whatever the order of the documents.
pub(super) fn chosen(
    image: &CatalogImage,
    survey: &Survey,
    blobs: &dyn Blobs,
    selection: &Selection,
) -> Result<BTreeMap<String, Vec<u8>>, CatalogImageError> {
    let mut kept: BTreeMap<String, BTreeSet<Kept>> = BTreeMap::new();
    image.read(survey, blobs, &mut |document| {
        if let Some((package, document)) = keep(&document, selection)? {
            kept.entry(package).or_default().insert(document);
        }
        Ok(())
    })?;
    let mut files = BTreeMap::new();
    for (package, documents) in kept {
        for document in documents {
            let (extension, before): (_, &[u8]) = match document.form {
                Form::Json => ("json", b""),
                Form::Yaml if document.text.starts_with(b"---") => ("yaml", b""),
                Form::Yaml => ("yaml", b"---\n"),
            };
            let path = format!("{}/{}/catalog.{extension}", image.folder, folder(&package));
            let file: &mut Vec<u8> = files.entry(path).or_default();
            file.extend_from_slice(before);
            file.extend_from_slice(&document.text);
            if !document.text.ends_with(b"\n") {
                file.push(b'\n');
            }
        }
    }
    Ok(files)
}

/// A document that stays. Sorted by schema (operator, channels, versions, the rest) and name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    rank: u8,
    name: String,
    form: Form,
    text: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Json,
    Yaml,
}

/// The operator that a document belongs to, and what stays of it, if anything does.
fn keep(document: &Document<'_>, selection: &Selection) -> Result<Option<(String, Kept)>, String> {
    let (package, rank, name) = match &document.blob {
        Blob::Package(package) => (&package.name, 0, &package.name),
        Blob::Channel(channel) => (&channel.package, 1, &channel.name),
        Blob::Bundle(bundle) => (&bundle.package, 2, &bundle.name),
        Blob::Deprecations(found) => (&found.package, 3, &found.package),
        Blob::Other {
            schema,
            package: Some(package),
        } => (package, 4, schema),
        // Of a chosen operator it is what was not chosen: or else nothing would be made.
        Blob::Faulty(_) | Blob::Other { package: None, .. } => return Ok(None),
    };
    let Some(chosen) = selection.packages.get(&**package) else {
        return Ok(None);
    };
    let stays = |text: Text| {
        let (form, text) = match text {
            Text::Same => (form(document.raw), document.raw.to_vec()),
            Text::New(value) => (Form::Json, value.to_string().into_bytes()),
        };
        let name = name.clone().into_owned();
        let kept = Kept {
            rank,
            name,
            form,
            text,
        };
        Some((package.clone().into_owned(), kept))
    };
    Ok(part(document, chosen)?.and_then(stays))
}

enum Text {
    Same,
    New(Value),
}

/// What stays of a document of a chosen operator.
fn part(document: &Document<'_>, chosen: &Chosen) -> Result<Option<Text>, String> {
    let bundles = chosen.bundles();
    Ok(match &document.blob {
        Blob::Package(package)
            if package.default_channel.as_deref() != chosen.default_channel.as_deref() =>
        {
            let mut value = value(document.raw)?;
            if let Some(channel) = &chosen.default_channel {
                value["defaultChannel"] = channel.as_str().into();
            }
            Some(Text::New(value))
        }
        Blob::Channel(channel) => match chosen.channels.get(&*channel.name) {
            None => None,
            Some(names) if channel.entries.iter().all(|e| names.contains(&*e.name)) => {
                Some(Text::Same)
            }
            Some(names) => {
                let stays = |entry: &Value| {
                    entry["name"]
                        .as_str()
                        .is_some_and(|name| names.contains(name))
                };
                Some(Text::New(with_entries(document.raw, &stays)?))
            }
        },
        Blob::Bundle(bundle) if !bundles.contains(&*bundle.name) => None,
        Blob::Deprecations(found) => {
            let stays = |schema: &str, name: &str| match schema {
                "olm.channel" => chosen.channels.contains_key(name),
                "olm.bundle" => bundles.contains(name),
                _ => true,
            };
            let of = |entry: &&crate::fbc::Deprecation<'_>| {
                stays(&entry.schema, entry.name.as_deref().unwrap_or_default())
            };
            match found.entries.iter().filter(of).count() {
                0 => None,
                all if all == found.entries.len() => Some(Text::Same),
                _ => {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let stays = |entry: &Value| {
                        let reference = &entry["reference"];
                        stays(&text(&reference["schema"]), &text(&reference["name"]))
                    };
                    Some(Text::New(with_entries(document.raw, &stays)?))
                }
            }
        }
        _ => Some(Text::Same),
    })
}

fn with_entries(raw: &[u8], stays: &dyn Fn(&Value) -> bool) -> Result<Value, String> {
    let mut value = value(raw)?;
    if let Some(entries) = value["entries"].as_array_mut() {
        entries.retain(stays);
    }
    Ok(value)
}

fn form(raw: &[u8]) -> Form {
    if raw.trim_ascii_start().starts_with(b"{") {
        Form::Json
    } else {
        Form::Yaml
    }
}

/// A document with all of its keys. Numbers of YAML are numbers here, as they are to the catalog's server.
fn value(raw: &[u8]) -> Result<Value, String> {
    match form(raw) {
        Form::Json => serde_json::from_slice(raw).map_err(|e| e.to_string()),
        Form::Yaml => serde_saphyr::from_slice(raw).map_err(|e| e.to_string()),
    }
}

/// A folder's name for an operator. The names of operators are DNS names; whatever else a catalog calls one stays within one folder.
fn folder(package: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c
        } else {
            '_'
        }
    };
    let name: String = package.chars().map(safe).collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => name,
    }
}
