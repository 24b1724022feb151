//! `site.yaml` → what the site needs, pinned → `site.lock`.
//!
//! A lock that is up to date is kept, so that the same images are had again. Otherwise the payload image is read for the list of its components,
//! [`snobox_plan::wanted`] says what is needed, [`snobox_plan::profile`] what of that is left out, and the rest is pinned.

use std::collections::BTreeSet;

use snobox_formats::digest::Digest;
use snobox_formats::image_file::{self, ImageFileError};
use snobox_formats::reference::ImageRef;
use snobox_plan::lock::{Lock, LockedImage, LockedRelease};
use snobox_plan::payload;
use snobox_plan::profile::{Chosen, Profile, ReleaseName, Rules, choose};
use snobox_plan::release::{
    IMAGE_REFERENCES, MAX_REFERENCES_BYTES, ReleaseImages, parse_image_references,
};
use snobox_plan::wanted::{Wanted, signatures_of, wanted};
use snobox_registry::pull::{Failure, Pinned, PinnedSet, Summary};

use crate::error::{Error, Exit, Result};
use crate::flow::image_sets;
use crate::flow::line::{self, ImageNames, Line};
use crate::flow::output::{Output, Readers};
use crate::flow::signatures::{Payload, Signatures};
use crate::site_file::SiteFile;

/// Largest sum of a release's manifests: real ones have 30 MB.
const MAX_MANIFESTS_BYTES: u64 = 256 << 20;

/// What is known before the images are fetched.
pub struct Resolved {
    /// `None` when an image has no digest, because it could not be pinned.
    pub lock: Option<Lock>,
    /// Every image whose manifests are in the store.
    pub pinned: Vec<Pinned>,
    /// Every image that cannot be had.
    pub failures: Vec<Failure>,
    /// What the lock calls the images.
    pub names: ImageNames,
    /// What was fetched of the payload image, which comes first because it names the others.
    pub payload: Summary,
}

/// What a site needs: by its lock, if that is up to date and `relock` does not ask for a new one. Writes a new lock.
///
/// Nothing is used of a release that must be signed and is not: `signatures` says where its signature may be found.
pub async fn resolve(
    line: &Line<'_>,
    file: &SiteFile,
    relock: bool,
    signatures: &Signatures,
) -> Result<Resolved> {
    let resolving = Resolving {
        line,
        file,
        signatures,
    };
    let kept = if relock {
        None
    } else {
        file.lock()?.filter(|lock| file.is_met_by(lock))
    };
    match kept {
        Some(lock) => resolving.locked(lock).await,
        None => resolving.anew().await,
    }
}

struct Resolving<'a> {
    line: &'a Line<'a>,
    file: &'a SiteFile,
    signatures: &'a Signatures,
}

impl Resolving<'_> {
    fn architecture(&self) -> &'static str {
        self.file.site.release.architecture.go()
    }

    async fn pin(&self, references: &[ImageRef]) -> Result<PinnedSet> {
        self.line.pin(references, self.architecture()).await
    }

    /// The images of a lock, under the names of the lock and with its digests.
    async fn locked(&self, lock: Lock) -> Result<Resolved> {
        image_sets::restore(self.line, self.file, &lock).await?;
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
        let pinned: Vec<Pinned> = pinned.collect();
        let payload = pinned
            .iter()
            .find(|pinned| pinned.manifest.digest == lock.images[0].digest);
        if let Some(payload) = payload {
            self.prove(payload).await?;
        }
        let named = lock.images.iter();
        let names = named.map(|image| (image.reference.clone(), image.name.clone()));
        Ok(Resolved {
            pinned,
            names: names.collect(),
            lock: Some(lock),
            failures: set.failures,
            payload: Summary::default(),
        })
    }

    /// Payload image → list of components → everything pinned → `site.lock`.
    async fn anew(&self) -> Result<Resolved> {
        let site = &self.file.site;
        let payload = site.release.payload();
        self.line.ui.say(format!("resolving {payload}"));
        let own = self.pin(std::slice::from_ref(&payload)).await?;
        let own = own.into_result()?;
        let (release, fetched) = self.read_release(&payload, own.first()).await?;
        if let Some(own) = own.first() {
            self.prove(own).await?;
        }
        let sets = image_sets::choose(self.line, self.file, &release.version, &[]).await?;
        let chosen = self.choose(
            &release,
            &own,
            sets.with(wanted(site, &release), self.line.ui),
        )?;
        self.line.ui.say(format!(
            "release {}: {} components, and {} images besides{}",
            release.version,
            release.components.len(),
            site.additional.len(),
            match chosen.left_out.len() {
                0 => String::new(),
                count => format!("; {count} are left out"),
            }
        ));
        let mut wanted = chosen.wanted;
        // The payload image comes first, and is pinned already.
        let others = &wanted[1..];
        let references: Vec<_> = others.iter().map(|w| w.reference.clone()).collect();
        let set = self.pin(&references).await?;
        let mut failures = set.failures;
        let others = set.images.into_iter().flatten();
        let mut pinned: Vec<Pinned> = own.into_iter().chain(others).collect();
        let (signatures, signed) = self.signatures(&pinned, &mut failures).await?;
        wanted.extend(signatures);
        pinned.extend(signed);
        // What was made here comes last, and nobody has signed it.
        for (made, image) in sets.made {
            wanted.push(made);
            pinned.push(image);
        }
        let named = wanted.iter();
        let names = named.map(|wanted| (wanted.reference.clone(), wanted.name.clone()));
        let names = names.collect();
        let lock = if failures.is_empty() {
            let mut lock = self.lock(release.version, wanted, &pinned);
            lock.catalogs = sets.catalogs;
            lock.left_out = chosen.left_out;
            self.write(&lock)?;
            Some(lock)
        } else {
            None
        };
        Ok(Resolved {
            lock,
            names,
            pinned,
            failures,
            payload: fetched,
        })
    }

    /// The sigstore signatures that images have, in the order of the images; `failures` learns of those of which nobody knows.
    async fn signatures(
        &self,
        images: &[Pinned],
        failures: &mut Vec<Failure>,
    ) -> Result<(Vec<Wanted>, Vec<Pinned>)> {
        let mut seen = BTreeSet::new();
        let of = |image: &Pinned| {
            let child = image.platform.as_ref().map(|child| child.digest);
            signatures_of(
                &image.reference,
                [image.manifest.digest].into_iter().chain(child),
            )
        };
        let asked: Vec<Wanted> = images
            .iter()
            .flat_map(of)
            .filter(|wanted| seen.insert(wanted.name.clone()))
            .collect();
        let references: Vec<_> = asked.iter().map(|w| w.reference.clone()).collect();
        let set = self.line.pin_attached(&references).await?;
        failures.extend(set.failures);
        let found = asked.into_iter().zip(set.images);
        let found = found.filter_map(|(wanted, pinned)| Some((wanted, pinned?)));
        let (wanted, pinned): (Vec<_>, Vec<_>) = found.unzip();
        if !wanted.is_empty() {
            let count = wanted.len();
            self.line.ui.say(format!("signatures of images: {count}"));
        }
        Ok((wanted, pinned))
    }

    /// Proves that the payload image is the one that its publisher has signed, where it must be.
    async fn prove(&self, own: &Pinned) -> Result<()> {
        let line = self.line;
        let payload = Payload {
            file: self.file,
            store: &line.store,
            digest: own.manifest.digest,
            image: own.image_manifest(),
        };
        if !payload.needs_signature(line.ui) {
            return Ok(());
        }
        // Its keys are beside the list of its components.
        self.read_release(&own.reference, Some(own)).await?;
        let proving = payload.prove(self.signatures, &line.client, line.ui, line.interrupt);
        proving.await
    }

    /// Everything wanted and pinned, in the same order, the payload image first → `site.lock`.
    fn lock(&self, version: String, wanted: Vec<Wanted>, pinned: &[Pinned]) -> Lock {
        let site = &self.file.site;
        let named = wanted.into_iter().zip(pinned);
        let images: Vec<_> = named
            .map(|(wanted, pinned)| locked(wanted, pinned))
            .collect();
        let locked = LockedRelease {
            version,
            image: site.release.payload().pinned(images[0].digest),
            architecture: self.architecture().to_owned(),
        };
        let mut lock = Lock::new(site, locked, images);
        lock.image_sets = self.file.image_sets.iter().map(|set| set.digest).collect();
        lock
    }

    /// Reads the list of components. Of the payload image that takes the layers from the top down to the one with the release's manifests, which is the
    /// topmost in all releases; only these are fetched.
    async fn read_release(
        &self,
        payload: &ImageRef,
        own: Option<&Pinned>,
    ) -> Result<(ReleaseImages, Summary)> {
        let not_a_release = |cause: &(dyn std::error::Error + 'static)| {
            Error::caused(Exit::Site, format!("{payload} is not a release payload image"), cause)
                .hint("release.image names an image such as quay.io/openshift-release-dev/ocp-release@sha256:…")
        };
        let own = own.ok_or_else(|| Error::new(Exit::Internal, "nothing was pinned"))?;
        let (line, manifest) = (self.line, own.image_manifest());
        let mut fetched = Summary::default();
        // The configuration comes first, then the layers from the lowest.
        let mut layers = own.blobs.iter().skip(1).rev();
        loop {
            let layer = layers.next();
            if let Some(layer) = layer.filter(|l| !line.store.has(l.digest, l.size)) {
                let part = Pinned {
                    blobs: vec![layer.clone()],
                    ..own.clone()
                };
                let came = line.fetch("release", &[part]).await?.into_result()?;
                fetched = line::sum(&fetched, &came);
            }
            let text = line
                .store
                .read_image_file(manifest, IMAGE_REFERENCES, MAX_REFERENCES_BYTES);
            match text {
                Ok(text) => {
                    let release = parse_image_references(&text).map_err(|e| not_a_release(&e))?;
                    return Ok((release, fetched));
                }
                Err(ImageFileError::Missing { .. }) if layer.is_some() => {}
                Err(error @ ImageFileError::NotFound { .. }) => return Err(not_a_release(&error)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What stays of all that the site wants, and what it leaves out.
    fn choose(
        &self,
        release: &ReleaseImages,
        own: &[Pinned],
        wanted: Vec<Wanted>,
    ) -> Result<Chosen> {
        let site = &self.file.site;
        let running = match (site.profile, own.first()) {
            (Profile::All, _) | (_, None) => BTreeSet::new(),
            (Profile::BareMetalSno, Some(own)) => self.running(own.image_manifest())?,
        };
        let rules = Rules {
            profile: site.profile,
            exclude: &site.exclude,
        };
        let name = ReleaseName {
            version: &release.version,
            machine: site.release.architecture.uname(),
        };
        choose(wanted, rules, name, &running).map_err(|e| {
            let hint = "make the pattern narrower: patterns match anywhere in a name, so `^`, `-` and `@` help";
            Error::new(Exit::Site, e.to_string()).hint(hint)
        })
    }

    /// Images that the release's own manifests run.
    fn running(&self, manifest: Digest) -> Result<BTreeSet<Digest>> {
        let store = &*self.line.store;
        let files =
            image_file::read_folder(store, manifest, payload::MANIFESTS, MAX_MANIFESTS_BYTES)?;
        let manifests = files.iter().filter(|(name, _)| name.starts_with("0000_"));
        let texts: Vec<_> = manifests
            .map(|(_, bytes)| String::from_utf8_lossy(bytes))
            .collect();
        Ok(payload::running(texts.iter().map(AsRef::as_ref)))
    }

    fn write(&self, lock: &Lock) -> Result<()> {
        let path = self.file.lock_path();
        let mut text = Output::create(&path, Readers::All, true)?;
        text.fill(lock.to_text().as_bytes(), &mut |_| Ok(()))
            .map_err(|e| Error::file("write", &path, &e))?;
        text.persist()
    }
}

fn locked(wanted: Wanted, pinned: &Pinned) -> LockedImage {
    LockedImage {
        name: wanted.name,
        role: wanted.role,
        reference: pinned.reference.clone(),
        digest: pinned.manifest.digest,
        media_type: pinned.manifest.media_type.clone(),
        platform_digest: pinned.platform.as_ref().map(|p| p.digest),
        size_bytes: pinned.size_bytes(),
    }
}
