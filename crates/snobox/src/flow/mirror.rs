//! `site.yaml` → `site.lock` → store.

mod display;
mod outcome;
mod window;

use std::path::Path;
use std::sync::Arc;

use snobox_formats::image_file::ImageFileError;
use snobox_formats::pull_secret::PullSecret;
use snobox_formats::reference::ImageRef;
use snobox_plan::lock::{Lock, LockedImage, LockedRelease, Role};
use snobox_plan::release::{
    IMAGE_REFERENCES, MAX_REFERENCES_BYTES, ReleaseImages, parse_image_references,
};
use snobox_registry::client::{Client, Mirror, Setup};
use snobox_registry::pull::{
    self, Failure, FetchOptions, Fetched, Patience, Pinned, PinnedSet, Summary,
};
use snobox_store::Store;

use crate::error::{Error, Exit, Result};
use crate::flow::output::{Output, Readers};
use crate::input;
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;
use display::Display;
use window::Watchman;

pub use outcome::Outcome;
pub use window::Window;

/// Blobs fetched at the same time where nobody says otherwise.
const JOBS: usize = 6;

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
    /// Bytes in a second, at most.
    pub limit: Option<u64>,
    /// When blobs may be fetched.
    pub window: Option<Window>,
    /// How long to wait and how often to try again.
    pub patience: Patience,
    /// A file with certificates to trust besides.
    pub authorities: Option<&'a Path>,
}

impl<'a> Options<'a> {
    /// Into this store; the rest as where nobody says otherwise.
    pub fn into_store(store: &'a Path) -> Self {
        Self {
            store,
            jobs: JOBS,
            relock: false,
            stand_in: None,
            limit: None,
            window: None,
            patience: Patience::default(),
            authorities: None,
        }
    }
}

/// A registry that answers for others, with its own credentials: a mirror never gets those of the registry that it stands in for.
#[derive(Debug)]
pub struct StandIn {
    /// What it stands in for.
    pub mirrors: Vec<Mirror>,
    /// Credentials for it.
    pub secret: PullSecret,
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
    let mut setup = Setup {
        mirrors: stand_in.into_iter().chain(of_site).collect(),
        secret: Some(secret),
        patience: options.patience,
        authorities: Vec::new(),
    };
    if let Some(path) = options.authorities {
        let pem = input::read(path).map_err(|e| Error::file("read", path, &e))?;
        let trusted = setup.trust_pem(&pem);
        trusted.map_err(|e| Error::caused(Exit::File, path.display().to_string(), &e))?;
    }
    let client = Client::with(setup)
        .map_err(|e| Error::internal("cannot set up the registry client", &e))?;
    let run = Run {
        file,
        client,
        store,
        jobs: options.jobs,
        limit: options.limit,
        window: options.window,
        ui,
        interrupt,
    };

    let kept = if options.relock {
        None
    } else {
        file.lock()?.filter(|lock| lock.is_for(&file.site))
    };
    let resolved = match kept {
        Some(lock) => run.pin_locked(lock).await?,
        None => run.resolve().await?,
    };
    run.finish(resolved).await
}

struct Run<'a> {
    file: &'a SiteFile,
    client: Client,
    store: Arc<Store>,
    jobs: usize,
    limit: Option<u64>,
    window: Option<Window>,
    ui: &'a Ui,
    interrupt: &'a Interrupt,
}

/// What is known before the images are fetched.
struct Resolved {
    /// `None` when an image has no digest, because it could not be pinned.
    lock: Option<Lock>,
    pinned: Vec<Pinned>,
    failures: Vec<Failure>,
    /// The payload image comes first, because it names the others.
    payload: Summary,
}

impl Run<'_> {
    fn architecture(&self) -> &'static str {
        self.file.site.release.architecture.go()
    }

    async fn pin(&self, references: &[ImageRef]) -> Result<PinnedSet> {
        let pinning = pull::pin_all(&self.client, &self.store, references, self.architecture());
        self.interrupt.or(pinning).await
    }

    async fn fetch(&self, stage: &'static str, pinned: &[Pinned]) -> Result<Fetched> {
        let display = Display::start(self.ui, stage, self.window);
        let watchman = self
            .window
            .map(|window| Watchman::start(window, display.window_sink()));
        let options = FetchOptions {
            jobs: self.jobs,
            limit: self.limit,
            gate: watchman.as_ref().map(Watchman::gate),
        };
        let events = display.sink();
        let fetching = pull::fetch(&self.client, &self.store, pinned, &options, &events);
        self.interrupt.or(fetching).await
    }

    /// The images of a lock, under the names of the lock and with its digests.
    async fn pin_locked(&self, lock: Lock) -> Result<Resolved> {
        let references: Vec<_> = lock
            .images
            .iter()
            .map(|image| image.reference.pinned(image.digest))
            .collect();
        let set = self.pin(&references).await?;
        let named = set.images.into_iter().zip(&lock.images);
        let pinned = named.filter_map(|(pinned, locked)| {
            let mut pinned = pinned?;
            pinned.reference = locked.reference.clone();
            Some(pinned)
        });
        Ok(Resolved {
            pinned: pinned.collect(),
            lock: Some(lock),
            failures: set.failures,
            payload: Summary::default(),
        })
    }

    /// Payload image → list of components → everything pinned → `site.lock`.
    async fn resolve(&self) -> Result<Resolved> {
        let site = &self.file.site;
        let payload = site.release.payload();
        self.ui.say(format!("resolving {payload}"));
        let own = self.pin(std::slice::from_ref(&payload)).await?;
        let own = own.into_result()?;
        let fetched = self.fetch("release", &own).await?.into_result()?;
        let release = self.read_payload(&payload, own.first())?;
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
        let set = self.pin(&wanted).await?;
        let all_pinned = set.failures.is_empty();
        let others = set.images.into_iter().flatten();
        let pinned: Vec<Pinned> = own.into_iter().chain(others).collect();
        let lock = if all_pinned {
            Some(self.lock(release, &pinned)?)
        } else {
            None
        };
        Ok(Resolved {
            lock,
            pinned,
            failures: set.failures,
            payload: fetched,
        })
    }

    /// Everything pinned, payload, components and additional images in this order → `site.lock`.
    fn lock(&self, release: ReleaseImages, pinned: &[Pinned]) -> Result<Lock> {
        let site = &self.file.site;
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
            .zip(pinned)
            .map(|((name, role), pinned)| locked(name, role, pinned))
            .collect();
        let components = 1..1 + release.components.len();
        images[components].sort_by(|a, b| a.name.cmp(&b.name));
        let image = site.release.payload().pinned(images[0].digest);
        let locked = LockedRelease {
            version: release.version,
            image,
            architecture: self.architecture().to_owned(),
        };
        let lock = Lock::new(site, locked, images);
        self.write_lock(&lock)?;
        Ok(lock)
    }

    /// Everything that can be had, whatever happens to the rest.
    async fn finish(&self, resolved: Resolved) -> Result<Outcome> {
        let fetched = self.fetch("images", &resolved.pinned).await;
        let complete = pull::record(&self.store, &resolved.pinned);
        let fetched = fetched?;
        let wanted = resolved.pinned.len() + resolved.failures.len();
        let mut summary = outcome::sum(&resolved.payload, &fetched.summary);
        let failures: Vec<_> = resolved
            .failures
            .into_iter()
            .chain(fetched.failures)
            .collect();
        if !failures.is_empty() {
            // On a full disk this fails for the same reason, of which the failures tell.
            let complete = complete.unwrap_or_default();
            let text = outcome::said(&summary);
            self.ui.say(format!(
                "{complete} of {wanted} images are complete: {text}"
            ));
            return Err(failures.into());
        }
        complete?;
        let lock = resolved
            .lock
            .ok_or_else(|| Error::new(Exit::Internal, "nothing failed, and there is no lock"))?;
        summary.images = lock.images.len() as u64;
        Ok(Outcome { lock, summary })
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
