//! Store + installer + live ISO → one image file.

mod certificates;
mod installer;
mod iso;
mod judge;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use snobox_certs::moment_text;
use snobox_formats::ignition::Ignition;
use snobox_formats::layout::{self, SPARSE};
use snobox_formats::live_iso::LiveIso;
use snobox_formats::oci::{Descriptor, ImageIndex, REF_NAME};
use snobox_formats::reference::ImageRef;
use snobox_media::cache::{self, CachePlan, Source};
use snobox_media::compose::{ImageMap, Inputs, compose, planned_bytes};
use snobox_media::installer::{self as asked, CachedError, Missing};
use snobox_plan::install_config::Manifest;
use snobox_plan::kargs;
use snobox_plan::lock::{Lock, LockedImage, Role};
use snobox_plan::operators;
use snobox_plan::release::signature::config_map;
use snobox_store::Store;
use time::OffsetDateTime;

use crate::agent::Agent;
use crate::error::{Error, Exit, Result};
use crate::flow::image_sets;
use crate::flow::output::{Output, Readers, folder_of};
use crate::flow::signatures::Payload;
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::{Ui, bytes};
use judge::Lacking;

/// How to build.
#[derive(Debug)]
pub struct Options<'a> {
    /// The store.
    pub store: &'a Path,
    /// Where the image goes.
    pub output: &'a Path,
    /// Replace an image that is there.
    pub force: bool,
    /// Use this ignition instead of running the payload's installer.
    pub installer_ignition: Option<&'a Path>,
    /// Use this agent instead of the one in this program.
    pub agent: Option<&'a Path>,
    /// Use this ISO instead of the payload's.
    pub live_iso: Option<&'a Path>,
}

/// What was made.
#[derive(Debug)]
pub struct Outcome {
    /// Where it is.
    pub output: PathBuf,
    /// Folder with what is needed to log in to the cluster; absent when the ignition is the user's own.
    pub auth: Option<PathBuf>,
    /// What it holds.
    pub map: ImageMap,
    /// From this moment on a node does not install with it; absent where nothing ends.
    pub installs_until: Option<OffsetDateTime>,
    /// What either boot or an operator will ask for and the cache does not have.
    pub lacking: Lacking,
}

impl Outcome {
    /// For people: a map of the image.
    pub fn text(&self) -> String {
        let map = &self.map;
        let mut text = format!("{}, {}\n", self.output.display(), bytes(map.size_bytes));
        text += &format!("{:>14}  {:>14}  what\n", "offset", "bytes");
        for region in &map.regions {
            text += &format!(
                "{:>14}  {:>14}  {}\n",
                region.offset_bytes, region.length_bytes, region.what
            );
        }
        text += &format!(
            "ignition: {} of {} bytes; cache: label {}, UUID {}",
            map.ignition_bytes, map.ignition_area_bytes, map.pins.cache.label, map.pins.cache.uuid
        );
        if let Some(end) = self.installs_until {
            text += &format!("\ninstalls until {}", moment_text(end));
        }
        if let Some(auth) = &self.auth {
            text += &format!(
                "\nkubeconfig and kubeadmin-password of the cluster: {}",
                auth.display()
            );
        }
        text
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let map = &self.map;
        let regions: Vec<_> = map
            .regions
            .iter()
            .map(|r| json!({"offsetBytes": r.offset_bytes, "lengthBytes": r.length_bytes, "what": r.what.trim()}))
            .collect();
        json!({
            "output": self.output.display().to_string(),
            "auth": self.auth.as_ref().map(|path| path.display().to_string()),
            "sizeBytes": map.size_bytes,
            "partition": map.partition,
            "ignitionBytes": map.ignition_bytes,
            "ignitionAreaBytes": map.ignition_area_bytes,
            "regions": regions,
            "pins": map.pins,
            "installsUntil": self.installs_until.map(moment_text),
            "notInCache": self.lacking.boots.iter().map(judge::json).collect::<Vec<_>>(),
            "operatorsLack": self.lacking.operators.iter().map(judge::operator_json).collect::<Vec<_>>(),
        })
    }
}

/// Makes the image of a site.
pub fn build(
    file: &SiteFile,
    options: &Options<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let lock = file.current_lock()?;
    let agent = Agent::choose(options.agent, file.site.release.architecture)?;
    let store = Store::open(options.store)?;
    let _reading = store.reading()?;
    let cached = Cached::of(&store, &lock)?;
    let signatures = signatures(file, &store, &lock, ui)?;
    refuse_inputs(options)?;
    let mut output = Output::create(options.output, Readers::Owner, options.force)?;
    if options.installer_ignition.is_none() {
        installer::Auth::refuse_existing(options.output, options.force)?;
    }

    let source = iso::LiveIsoSource {
        named: options.live_iso,
        store: &store,
        lock: &lock,
    };
    let iso_bytes = iso::bring(&source, &mut output, ui, interrupt)?;
    // What is no live ISO is refused before the installer runs.
    let iso_name = options
        .live_iso
        .unwrap_or(Path::new("the payload's live ISO"));
    LiveIso::read(output.file()).map_err(|e| Error::from(e).about(iso_name))?;
    let made = installer::ignition(
        file,
        options.installer_ignition,
        options.output,
        &store,
        &lock,
        ui,
        interrupt,
    )?;
    let lacking = judge::judge(&made.ignition, &cached, &store, file, ui)?;

    let label = &file.site.cache.label;
    let plan: CachePlan = cache::plan(
        &cached.index_json,
        &cached.closure.blobs,
        agent.planned,
        label,
    )
    .map_err(|e| Error::internal("cannot lay out the cache", &e))?;
    let open = |source: &Source| -> io::Result<Box<dyn Read + '_>> {
        match source {
            Source::Bytes(bytes) => Ok(Box::new(io::Cursor::new(bytes.clone()))),
            Source::Blob(digest) => Ok(Box::new(File::open(store.blob_path(*digest))?)),
            Source::Agent => agent.open(),
            // Compose makes these itself.
            Source::Sums => Ok(Box::new(io::empty())),
        }
    };
    let templates = image_sets::templates(file)?;
    let operators = operators::manifests(&lock, &templates);
    let manifests = [signatures.as_slice(), &operators].concat();
    let inputs = Inputs {
        site: &file.site,
        release: &lock.release.image,
        images: &cached.references,
        tagged: &tagged(&lock),
        ignition: &made.ignition,
        manifests: &manifests,
        kargs: &kargs::network(&file.site.node),
        cache: &plan,
        open: &open,
    };
    let progress = ui.progress("cache", planned_bytes(&plan));
    let map = compose(output.file(), iso_bytes, &inputs, &mut |count| {
        progress.add(count);
        interrupt.check()
    })?;
    drop(progress);
    // The way into the cluster first: an image without it would be lost.
    let auth = made
        .auth
        .map(|auth| auth.keep(options.output))
        .transpose()?;
    output.persist()?;
    Ok(Outcome {
        output: options.output.to_owned(),
        auth,
        map,
        installs_until: made.installs_until,
        lacking,
    })
}

/// What the site's own images and those of its operators are called by a tag: a release names its components by digest.
fn tagged(lock: &Lock) -> Vec<ImageRef> {
    let by_tag = |image: &&LockedImage| {
        let role = matches!(
            image.role,
            Role::Additional | Role::Operator | Role::Catalog
        );
        role && image.reference.digest().is_none()
    };
    let images = lock.images.iter().filter(by_tag);
    images.map(|image| image.reference.clone()).collect()
}

/// What proves the release to the cluster, which has nobody to ask: none where it need not be proved.
fn signatures(file: &SiteFile, store: &Store, lock: &Lock, ui: &Ui) -> Result<Option<Manifest>> {
    let release = lock.images.iter().find(|image| image.role == Role::Release);
    let Some(release) = release else {
        let message = format!("{} names no release", file.lock_path().display());
        return Err(Error::new(Exit::Site, message).hint("delete it and run `snobox mirror`"));
    };
    let payload = Payload {
        file,
        store,
        digest: release.digest,
        image: release.platform_digest.unwrap_or(release.digest),
    };
    Ok(config_map(&payload.kept(ui)?))
}

/// `--force` replaces an earlier image: never an input, never part of the store.
fn refuse_inputs(options: &Options<'_>) -> Result<()> {
    let output = options.output;
    let refuse = |why: &str| {
        let message = format!("{} {why}", output.display());
        Err(Error::new(Exit::File, message).hint("name another file with --output"))
    };
    let folder = folder_of(output).canonicalize();
    if let (Ok(folder), Ok(store)) = (folder, options.store.canonicalize())
        && folder.starts_with(store)
    {
        return refuse("would lie in the store");
    }
    let Ok(here) = output.canonicalize() else {
        return Ok(());
    };
    let named = [options.live_iso, options.installer_ignition, options.agent];
    if named
        .into_iter()
        .flatten()
        .any(|input| input.canonicalize().is_ok_and(|i| i == here))
    {
        return refuse("is an input");
    }
    let is_image = File::open(&here).is_ok_and(|mut file| LiveIso::read(&mut file).is_ok());
    if options.force && here.is_file() && !is_image {
        return refuse("is there already and is not an image: --force replaces images only");
    }
    Ok(())
}

/// An entry of the store as the lock has it: the store may have more platforms of it, which a node has no use for.
fn of_lock(entry: &Descriptor, image: &LockedImage) -> Descriptor {
    let mut entry = entry.clone();
    match image.platform_digest {
        Some(kept) => entry
            .annotations
            .insert(SPARSE.to_owned(), kept.to_string()),
        None => entry.annotations.remove(SPARSE),
    };
    entry
}

/// The part of the store that a lock names.
struct Cached {
    index: ImageIndex,
    index_json: Vec<u8>,
    closure: layout::Closure,
    references: Vec<ImageRef>,
}

impl Cached {
    fn of(store: &Store, lock: &Lock) -> Result<Self> {
        let index = store.index()?;
        let mut manifests = Vec::with_capacity(lock.images.len());
        for image in &lock.images {
            let name = image.reference.to_string();
            let is_it = |entry: &&Descriptor| {
                entry.digest == image.digest && entry.annotations.get(REF_NAME) == Some(&name)
            };
            let entry = index.manifests.iter().find(is_it).ok_or_else(|| {
                let message = format!("the store {} does not have {name}", store.root().display());
                Error::new(Exit::Findings, message)
                    .hint("run `snobox mirror`: it fetches what is missing")
            })?;
            let entry = of_lock(entry, image);
            if !manifests.contains(&entry) {
                manifests.push(entry);
            }
        }
        let index = ImageIndex {
            manifests,
            ..ImageIndex::empty()
        };
        let index_json = serde_json::to_vec(&index)
            .map_err(|e| Error::internal("cannot write the index", &e))?;
        let closure = layout::closure(&index_json, store);
        if let Some(finding) = closure.findings.first() {
            let message = format!("the store {} is damaged: {finding}", store.root().display());
            return Err(Error::new(Exit::Findings, message)
                .hint("`snobox verify` on the store names all damage; `snobox mirror` mends it"));
        }
        let is_absent =
            |needed: &&layout::Needed| !store.has(needed.descriptor.digest, needed.descriptor.size);
        if let Some(absent) = closure.blobs.iter().find(is_absent) {
            let (kind, digest) = (absent.kind, absent.descriptor.digest);
            let message = format!(
                "the store {} lacks the {kind} {digest}",
                store.root().display()
            );
            return Err(Error::new(Exit::Findings, message)
                .hint("run `snobox mirror`: it fetches what is missing"));
        }
        let references = lock
            .images
            .iter()
            .map(|image| image.reference.clone())
            .collect();
        Ok(Self {
            index,
            index_json,
            closure,
            references,
        })
    }

    /// What the ignition will ask for and not get.
    fn missing(
        &self,
        ignition: &Ignition,
        store: &Store,
    ) -> std::result::Result<Vec<Missing>, CachedError> {
        asked::Cached {
            index: &self.index,
            closure: &self.closure,
            blobs: store,
        }
        .missing(ignition)
    }
}
