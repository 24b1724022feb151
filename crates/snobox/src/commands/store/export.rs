//! `snobox store export`: images and lists as factory-precaching-cli leaves them.

mod stale;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufWriter;
use std::path::Path;

use serde_json::{Value, json};
use snobox_formats::digest::Digest;
use snobox_formats::oci::{self, Descriptor, Manifest};
use snobox_formats::precaching::{self, Part};
use snobox_formats::reference::ImageRef;
use snobox_plan::release::{IMAGE_REFERENCES, MAX_REFERENCES_BYTES, parse_image_references};
use snobox_store::{ExportError, Store, entry_name};

use crate::cli::{ExportArgs, ExportFormat};
use crate::error::{Error, Exit, Result};
use crate::flow::output::{Output, Readers};
use crate::interrupt::Interrupt;
use crate::ui::{Ui, bytes};
use stale::Stale;

/// Label of a release payload image: its version.
const RELEASE_LABEL: &str = "io.openshift.release";
/// Largest image configuration: real ones have a few KB.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// What an image is, as far as the releases in the store know it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Release(String),
    Component { release: String, name: String },
}

/// An image and its place in the lists.
struct Exported<'a> {
    entry: &'a Descriptor,
    reference: ImageRef,
    part: Option<Known>,
    wanted: bool,
}

impl Exported<'_> {
    fn part(&self) -> Part<'_> {
        match &self.part {
            None => Part::Other,
            Some(Known::Release(release)) => Part::Release(release),
            Some(Known::Component { release, name }) => Part::Component { release, name },
        }
    }
}

/// Writes archives, then lists.
pub fn run(args: &ExportArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let ExportFormat::FactoryPrecaching = args.format;
    let store = Store::open(&args.store)?;
    let _reading = store.reading()?;
    tokio::task::block_in_place(|| {
        let index = store.index()?;
        let images = images(args, &store, &index.manifests)?;
        fs::create_dir_all(&args.dir).map_err(|e| Error::file("make", &args.dir, &e))?;
        let stale = Stale::find(&args.dir, &artifacts(&images))?;
        let names = stale.names();
        if args.rm_stale {
            stale.remove()?;
        }
        for name in &names {
            ui.say(match args.rm_stale {
                true => format!("removed {name}: stale"),
                false => format!("note: {name} is stale: no image of the store has an archive of that name; --rm-stale removes it"),
            });
        }
        let (written, present) = archives(args, &store, &images, ui, interrupt)?;
        let lists = lists(&images);
        for (name, text) in &lists {
            write(&args.dir.join(name), text)?;
        }
        let selected = images.iter().filter(|image| image.wanted).count();
        let shown = args.dir.display();
        let stale = match (names.len(), args.rm_stale) {
            (0, _) => String::new(),
            (count, true) => format!(", {count} stale ones removed"),
            (count, false) => format!(", {count} stale ones stay"),
        };
        let mut value = value(&images, written, present);
        value["stale"] = names.into();
        value["staleRemoved"] = args.rm_stale.into();
        ui.result(
            format!("{shown}: {selected} images, {written} archives written, {present} were there already{stale}"),
            &value,
        )
    })
}

/// Names of the archives of all images, also of those that are not asked for: the lists name these as well.
fn artifacts(images: &[Exported<'_>]) -> BTreeSet<String> {
    let references = images.iter().map(|image| &image.reference);
    references.map(precaching::artifact).collect()
}

fn value(images: &[Exported<'_>], written: u64, present: u64) -> Value {
    let wanted = images.iter().filter(|image| image.wanted);
    let names: Vec<_> = wanted.map(|image| image.reference.to_string()).collect();
    json!({"images": names, "written": written, "present": present})
}

fn images<'a>(
    args: &ExportArgs,
    store: &Store,
    entries: &'a [Descriptor],
) -> Result<Vec<Exported<'a>>> {
    let is = |entry: &Descriptor, wanted: &String| {
        entry_name(entry) == *wanted || entry.digest.to_string() == *wanted
    };
    if let Some(unknown) = args
        .images
        .iter()
        .find(|wanted| !entries.iter().any(|entry| is(entry, wanted)))
    {
        let (shown, message) = (args.store.display(), format!("no image {unknown}"));
        return Err(Error::new(Exit::Usage, format!("{shown} has {message}"))
            .hint(format!("`snobox store ls {shown}` shows the names")));
    }
    let known = known(store, entries)?;
    let mut images = Vec::new();
    for entry in entries {
        // Entries without a full name are of other programs, and have no place in these lists.
        let Ok(reference) = entry_name(entry).parse::<ImageRef>() else {
            continue;
        };
        let part = known.get(&entry.digest).cloned();
        // A release is asked for by its digest.
        let reference = match part {
            Some(Known::Release(_)) => reference.pinned(entry.digest),
            _ => reference,
        };
        images.push(Exported {
            wanted: args.images.is_empty() || args.images.iter().any(|wanted| is(entry, wanted)),
            entry,
            reference,
            part,
        });
    }
    call_by_digest(&mut images);
    Ok(images)
}

/// Calls images by their digests that are one image under several names, all of which would be in one archive: by tags, nobody could tell which of them it is.
fn call_by_digest(images: &mut [Exported<'_>]) {
    let mut by_archive: BTreeMap<(String, Digest), BTreeSet<ImageRef>> = BTreeMap::new();
    let key = |image: &Exported<'_>| (precaching::artifact(&image.reference), image.entry.digest);
    for image in images.iter() {
        let names = by_archive.entry(key(image)).or_default();
        names.insert(image.reference.clone());
    }
    for image in images {
        if by_archive[&key(image)].len() > 1 {
            image.reference = image.reference.pinned(image.entry.digest);
        }
    }
}

/// What the releases of the store say about images, by digest.
fn known(store: &Store, entries: &[Descriptor]) -> Result<BTreeMap<Digest, Known>> {
    let mut known = BTreeMap::new();
    for entry in entries {
        let Some((version, architecture)) = release_of(store, entry) else {
            continue;
        };
        let release = format!("{version}-{architecture}");
        known.insert(entry.digest, Known::Release(release.clone()));
        let text = store.read_image_file(entry.digest, IMAGE_REFERENCES, MAX_REFERENCES_BYTES)?;
        let Ok(references) = parse_image_references(&text) else {
            continue;
        };
        for (name, reference) in references.components {
            if let Some(digest) = reference.digest() {
                let release = release.clone();
                known
                    .entry(digest)
                    .or_insert(Known::Component { release, name });
            }
        }
    }
    Ok(known)
}

/// Version and architecture of a release payload image; nothing for other images, and for what cannot be read: its archive says why.
fn release_of(store: &Store, entry: &Descriptor) -> Option<(String, String)> {
    let bytes = store
        .read_blob(entry.digest, oci::MAX_MANIFEST_BYTES)
        .ok()?;
    let (_, Manifest::Image(image)) = oci::parse_manifest(&bytes, Some(&entry.media_type)).ok()?
    else {
        return None;
    };
    let config = store
        .read_blob(image.config.digest, MAX_CONFIG_BYTES)
        .ok()?;
    let config: Value = serde_json::from_slice(&config).ok()?;
    let version = config["config"]["Labels"][RELEASE_LABEL].as_str()?;
    let architecture = match config["architecture"].as_str()? {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    };
    Some((version.to_owned(), architecture.to_owned()))
}

/// One archive for each artifact; returns how many were written, and how many were there.
fn archives(
    args: &ExportArgs,
    store: &Store,
    images: &[Exported<'_>],
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<(u64, u64)> {
    let mut names: BTreeMap<String, &Exported<'_>> = BTreeMap::new();
    for image in images.iter().filter(|image| image.wanted) {
        let artifact = precaching::artifact(&image.reference);
        if let Some(other) = names.get(&artifact)
            && other.entry.digest != image.entry.digest
        {
            let message = format!(
                "{} and {} would both be {artifact}.tgz",
                other.reference, image.reference
            );
            return Err(Error::new(Exit::Usage, message).hint(
                "the format names archives by the last part of a reference; export these two apart",
            ));
        }
        names.insert(artifact, image);
    }
    let inventory = store.inventory()?;
    let size = |image: &Exported<'_>| {
        let name = entry_name(image.entry);
        let found = inventory.images.iter().find(|stored| stored.name == name);
        found.map_or(0, |stored| stored.bytes)
    };
    let missing: Vec<_> = names
        .iter()
        .map(|(artifact, image)| (artifact, args.dir.join(format!("{artifact}.tgz")), *image))
        .filter(|(_, path, _)| !path.exists())
        .collect();
    let total = missing.iter().map(|(_, _, image)| size(image)).sum();
    if !missing.is_empty() {
        ui.say(format!(
            "{} archives to write, {}",
            missing.len(),
            bytes(total)
        ));
    }
    let progress = ui.progress("export", total);
    for (artifact, path, image) in &missing {
        let mut output = Output::create(path, Readers::All, false)?;
        let written = store.export_dir(
            image.entry,
            artifact,
            BufWriter::with_capacity(1 << 20, output.file()),
            &mut |count| {
                progress.add(count);
                interrupt.check()
            },
        );
        written.map_err(|error| failed(error, image, path))?;
        output.persist()?;
    }
    let written = missing.len() as u64;
    Ok((written, names.len() as u64 - written))
}

fn failed(error: ExportError, image: &Exported<'_>, path: &Path) -> Error {
    match error {
        ExportError::Write(error) if crate::interrupt::is_interruption(&error) => {
            Error::interrupted()
        }
        ExportError::Write(error) => Error::file("write", path, &error),
        ExportError::Manifest(error) => {
            Error::caused(Exit::Findings, image.reference.to_string(), &error)
        }
        ExportError::Store(error) => {
            let mut error = Error::from(error);
            error.message = format!("{}: {}", image.reference, error.message);
            error
        }
    }
}

/// The four lists, in the order of the index.
fn lists(images: &[Exported<'_>]) -> [(&'static str, String); 4] {
    let [mut mapping, mut discovery, mut node, mut ignored] = <[String; 4]>::default();
    let mut seen = BTreeSet::new();
    for image in images {
        let (reference, part) = (&image.reference, image.part());
        if !seen.insert(reference.clone()) {
            continue;
        }
        let line = format!("{reference}={}\n", precaching::target(reference, part));
        mapping += &line;
        if !image.wanted {
            ignored += &line;
            continue;
        }
        if precaching::is_for_discovery(reference, part) {
            discovery += &format!("{reference}\n");
        }
        if precaching::is_for_the_node(reference, part) {
            node += &format!("{reference}\n");
        }
    }
    [
        ("mapping.txt", mapping),
        ("ai-images.txt", discovery),
        ("ocp-images.txt", node),
        ("ignored-images.txt", ignored),
    ]
}

fn write(path: &Path, text: &str) -> Result<()> {
    let mut output = Output::create(path, Readers::All, true)?;
    output
        .fill(text.as_bytes(), &mut |_| Ok(()))
        .map_err(|e| Error::file("write", path, &e))?;
    output.persist()
}
