//! `site.yaml` → `site.lock` → store.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use snobox_formats::image_file::ImageFileError;
use snobox_formats::pull_secret::PullSecret;
use snobox_formats::reference::ImageRef;
use snobox_plan::lock::{Lock, LockedImage, LockedRelease, Role};
use snobox_plan::release::{IMAGE_REFERENCES, ReleaseImages, parse_image_references};
use snobox_registry::client::{Client, Mirror};
use snobox_registry::pull::{self, Event, EventSink, Pinned, Summary};
use snobox_store::Store;

use crate::error::{Error, Exit, Result};
use crate::flow::output::{Output, Readers};
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::{Ui, bytes};

/// Largest `image-references`: real ones have 120 KB.
const MAX_REFERENCES_BYTES: usize = 16 << 20;

/// How to mirror.
#[derive(Debug)]
pub struct Options<'a> {
    /// The store.
    pub store: &'a Path,
    /// Blobs fetched at the same time.
    pub jobs: usize,
    /// Resolve everything again.
    pub relock: bool,
    /// A registry that stands in for others, besides the mirrors of the site.
    pub stand_in: Option<StandIn>,
}

/// A registry that answers for others, with its own credentials: a mirror never gets those of the registry that it stands in for.
#[derive(Debug)]
pub struct StandIn {
    /// What it stands in for.
    pub mirrors: Vec<Mirror>,
    /// Credentials for it.
    pub secret: PullSecret,
}

/// What was done.
#[derive(Debug)]
pub struct Outcome {
    /// The lock.
    pub lock: Lock,
    /// Counts and bytes.
    pub summary: Summary,
}

impl Outcome {
    /// For people.
    pub fn text(&self) -> String {
        let summary = &self.summary;
        format!(
            "{} images of release {}: {} fetched in {} blobs, {} were there already; sharing layers saved {}",
            summary.images,
            self.lock.release.version,
            bytes(summary.fetched_bytes),
            summary.fetched_blobs,
            bytes(summary.present_bytes),
            bytes(summary.shared_bytes),
        )
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let summary = &self.summary;
        json!({
            "release": self.lock.release,
            "images": summary.images,
            "fetchedBlobs": summary.fetched_blobs,
            "fetchedBytes": summary.fetched_bytes,
            "presentBlobs": summary.present_blobs,
            "presentBytes": summary.present_bytes,
            "sharedBytes": summary.shared_bytes,
        })
    }
}

/// Brings everything that a site needs into the store.
///
/// A lock that is up to date is kept, so that the same images are fetched again; with a full store that needs no network.
pub async fn mirror(
    file: &SiteFile,
    options: Options<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let own = file.pull_secret()?;
    let store = Arc::new(Store::create(options.store)?);
    let _writing = store.lock()?;
    let of_site = file.site.mirrors.iter().map(|m| Mirror {
        source: m.source.clone(),
        mirrors: m.mirrors.clone(),
    });
    let (stand_in, secret) = options
        .stand_in
        .map_or((Vec::new(), own), |s| (s.mirrors, s.secret));
    let mirrors = stand_in.into_iter().chain(of_site).collect();
    let client = Client::new(mirrors, Some(secret))
        .map_err(|e| Error::internal("cannot set up the registry client", &e))?;
    let run = Run {
        file,
        client,
        store,
        jobs: options.jobs,
        ui,
        interrupt,
    };

    let kept = if options.relock {
        None
    } else {
        file.lock()?.filter(|lock| lock.is_for(&file.site))
    };
    let (lock, pinned, payload) = match kept {
        Some(lock) => {
            let pinned = run.pin_locked(&lock).await?;
            (lock, pinned, Summary::default())
        }
        None => run.resolve().await?,
    };
    let fetched = run.fetch("images", &pinned).await;
    // What is complete is entered whatever happened to the rest.
    pull::record(&run.store, &pinned)?;
    let mut summary = fetched?;
    summary.images = lock.images.len() as u64;
    // The payload image came first, because it names the others: it was not there before.
    summary.fetched_blobs += payload.fetched_blobs;
    summary.fetched_bytes += payload.fetched_bytes;
    summary.present_blobs -= payload.fetched_blobs;
    summary.present_bytes -= payload.fetched_bytes;
    Ok(Outcome { lock, summary })
}

struct Run<'a> {
    file: &'a SiteFile,
    client: Client,
    store: Arc<Store>,
    jobs: usize,
    ui: &'a Ui,
    interrupt: &'a Interrupt,
}

impl Run<'_> {
    fn architecture(&self) -> &'static str {
        self.file.site.release.architecture.go()
    }

    async fn pin(&self, references: &[ImageRef]) -> Result<Vec<Pinned>> {
        let pinning = pull::pin_all(&self.client, &self.store, references, self.architecture());
        Ok(self.interrupt.or(pinning).await??)
    }

    async fn fetch(&self, stage: &'static str, pinned: &[Pinned]) -> Result<Summary> {
        let progress = Arc::new(self.ui.progress(stage, 0));
        let events: EventSink = {
            let progress = Arc::clone(&progress);
            Arc::new(move |event| match event {
                Event::Planned { bytes, .. } => progress.set_total(bytes),
                Event::Received { bytes } => progress.add(bytes),
                Event::Discarded { bytes } => progress.take_back(bytes),
                Event::Stored { .. } => {}
            })
        };
        let fetching = pull::fetch(&self.client, &self.store, pinned, self.jobs, &events);
        Ok(self.interrupt.or(fetching).await??)
    }

    /// The images of a lock, under the names of the lock and with its digests.
    async fn pin_locked(&self, lock: &Lock) -> Result<Vec<Pinned>> {
        let references: Vec<_> = lock
            .images
            .iter()
            .map(|image| image.reference.pinned(image.digest))
            .collect();
        let mut pinned = self.pin(&references).await?;
        for (pinned, locked) in pinned.iter_mut().zip(&lock.images) {
            pinned.reference = locked.reference.clone();
        }
        Ok(pinned)
    }

    /// Payload image → list of components → everything pinned → `site.lock`.
    async fn resolve(&self) -> Result<(Lock, Vec<Pinned>, Summary)> {
        let site = &self.file.site;
        let payload = site.release.payload();
        self.ui.say(format!("resolving {payload}"));
        let mut pinned = self.pin(std::slice::from_ref(&payload)).await?;
        let fetched = self.fetch("release", &pinned).await?;
        let release = self.read_payload(&payload, pinned.first())?;
        let components: Vec<ImageRef> = release
            .components
            .iter()
            .map(|(_, reference)| reference.clone())
            .collect();
        let wanted = [&components[..], &site.additional[..]].concat();
        self.ui.say(format!(
            "release {}: {} components, and {} images besides",
            release.version,
            components.len(),
            site.additional.len()
        ));
        pinned.extend(self.pin(&wanted).await?);

        let names = release
            .components
            .iter()
            .map(|(name, _)| (name.clone(), Role::Component));
        let additional = site
            .additional
            .iter()
            .map(|reference| (reference.to_string(), Role::Additional));
        let roles = std::iter::once(("release".to_owned(), Role::Release))
            .chain(names)
            .chain(additional);
        let mut images: Vec<LockedImage> = roles
            .zip(&pinned)
            .map(|((name, role), pinned)| locked(name, role, pinned))
            .collect();
        let components = 1..1 + release.components.len();
        images[components].sort_by(|a, b| a.name.cmp(&b.name));
        let image = payload.pinned(images[0].digest);
        let locked = LockedRelease {
            version: release.version,
            image,
            architecture: self.architecture().to_owned(),
        };
        let lock = Lock::new(site, locked, images);
        self.write_lock(&lock)?;
        Ok((lock, pinned, fetched))
    }

    fn read_payload(&self, payload: &ImageRef, pinned: Option<&Pinned>) -> Result<ReleaseImages> {
        let not_a_release = |cause: &(dyn std::error::Error + 'static)| {
            Error::caused(Exit::Site, format!("{payload} is not a release payload image"), cause)
                .hint("release.image names an image such as quay.io/openshift-release-dev/ocp-release@sha256:…")
        };
        let manifest = pinned
            .map(Pinned::image_manifest)
            .ok_or_else(|| Error::new(Exit::Internal, "nothing was pinned"))?;
        let references =
            match self
                .store
                .read_image_file(manifest, IMAGE_REFERENCES, MAX_REFERENCES_BYTES)
            {
                Err(error @ ImageFileError::NotFound { .. }) => return Err(not_a_release(&error)),
                other => other?,
            };
        parse_image_references(&references).map_err(|e| not_a_release(&e))
    }

    fn write_lock(&self, lock: &Lock) -> Result<()> {
        let path = self.file.lock_path();
        let mut text = Output::create(&path, Readers::All, true)?;
        text.fill(lock.to_text().as_bytes(), &mut |_| Ok(()))
            .map_err(|e| Error::file("write", &path, &e))?;
        text.persist()
    }
}

fn locked(name: String, role: Role, pinned: &Pinned) -> LockedImage {
    LockedImage {
        name,
        role,
        reference: pinned.reference.clone(),
        digest: pinned.manifest.digest,
        media_type: pinned.manifest.media_type.clone(),
        platform_digest: pinned.platform.as_ref().map(|p| p.digest),
        size_bytes: pinned.size_bytes(),
    }
}
