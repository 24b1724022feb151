//! A site's image sets: which images of operators and others they ask for, and the catalogs of the chosen operators.
//!
//! 1. The releases that a set asks for must have the site's among them: a node installs exactly one.
//! 2. Each catalog is read (from the store, if it was read before), and [`select_all`] chooses: from all together, for what one brings another may need.
//! 3. Of each catalog an image is made that holds what was chosen.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use snobox_catalog::image_set::{CatalogRef, Operator};
use snobox_catalog::select::{Asked, Selection, select_all};
use snobox_formats::oci;
use snobox_formats::reference::ImageRef;
use snobox_plan::lock::{Lock, LockedCatalog, LockedImage, Role};
use snobox_plan::operators::{Template, catalog_name};
use snobox_plan::problem::Problem;
use snobox_plan::profile::excludes;
use snobox_plan::site::ReleaseSource;
use snobox_plan::wanted::Wanted;
use snobox_registry::pull::Pinned;

use crate::error::{Error, Exit, Result};
use crate::flow::catalog::{self, NO_REGISTRY, Pulled};
use crate::flow::line::Line;
use crate::image_set_file::{ImageSetFile, refused};
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// What the image sets of a site ask for.
#[derive(Debug, Default)]
pub struct Choice {
    /// Images that registries have.
    wanted: Vec<Wanted>,
    /// Images that were made here.
    pub made: Vec<(Wanted, Pinned)>,
    /// The catalogs that were chosen from.
    pub catalogs: Vec<LockedCatalog>,
    /// What no image may match, with the reason.
    blocked: Vec<(ImageSetFile, String)>,
}

impl Choice {
    /// Everything that a site needs: what it asks for itself, and what its image sets ask for besides; without what a set blocks. The payload image,
    /// which comes first, stays.
    pub fn with(&self, own: Vec<Wanted>, ui: &Ui) -> Vec<Wanted> {
        let mut all: Vec<Wanted> = Vec::new();
        let mut seen = BTreeSet::new();
        for wanted in own.iter().chain(&self.wanted) {
            if wanted.role != Role::Release
                && let Some(why) = self.blocks(&wanted.reference)
            {
                ui.say(format!(
                    "note: {} {} is left out: {why}",
                    wanted.name, wanted.reference
                ));
                continue;
            }
            // The site's own words come first, and may name an image twice.
            let is_new = seen.insert(wanted.reference.clone());
            if is_new || matches!(wanted.role, Role::Component | Role::Additional) {
                all.push(wanted.clone());
            }
        }
        all
    }

    /// Why an image is left out.
    fn blocks(&self, reference: &ImageRef) -> Option<String> {
        let text = reference.to_string();
        self.blocked.iter().find_map(|(file, path)| {
            let blocked = file.set.blocks(&text)?;
            Some(format!("blockedImages of {path} has {:?}", blocked.text))
        })
    }
}

/// What of the image sets does not go with their site, as far as that can be told without a catalog and without a payload.
pub fn check(file: &SiteFile, ui: &Ui) -> Vec<Error> {
    let version = match &file.site.release.source {
        ReleaseSource::Version(version) => Some(version.as_str()),
        ReleaseSource::Image(_) => None,
    };
    let mut errors = Vec::new();
    let mut names = CatalogNames::default();
    for set in &file.image_sets {
        errors.extend(judge::releases(set, file, version, ui).err());
        let problems = set.set.operators.iter().filter_map(|o| names.take(o).err());
        errors.extend(problems.map(|problem| refused(&set.path, &[problem])));
    }
    errors
}

/// The names under which the catalogs of a site are served and shown: each must be one catalog's alone.
#[derive(Default)]
struct CatalogNames(Vec<(ImageRef, String)>);

impl CatalogNames {
    /// The name that a catalog is served by.
    fn take(&mut self, operator: &Operator) -> Result<ImageRef, Problem> {
        let served = served(operator)?;
        let shown = name(operator, &served);
        let is_same = |other: &(ImageRef, String)| other.0 == served || other.1 == shown;
        if self.0.iter().any(is_same) {
            return Err(judge::twice(operator, &served));
        }
        self.0.push((served.clone(), shown));
        Ok(served)
    }
}

/// What the image sets of `file` ask for, when the release is `version`. Catalogs are those of `pins`, where they are named there.
pub async fn choose(
    line: &Line<'_>,
    file: &SiteFile,
    version: &str,
    pins: &[LockedCatalog],
) -> Result<Choice> {
    let mut choosing = Choosing {
        line,
        site: file,
        architecture: file.site.release.architecture.go(),
        pins,
        operators: BTreeMap::new(),
        names: CatalogNames::default(),
        read: Vec::new(),
        choice: Choice::default(),
    };
    for set in &file.image_sets {
        for note in set.notes() {
            line.ui.say(format!("note: {note}"));
        }
        judge::releases(set, file, Some(version), line.ui)?;
        choosing.set(set).await?;
    }
    choosing.select().await?;
    Ok(choosing.finish(file))
}

/// Makes the catalogs of a lock again that the store does not have: no registry has them.
pub async fn restore(line: &Line<'_>, file: &SiteFile, lock: &Lock) -> Result<()> {
    let is_local = |catalog: &LockedCatalog| catalog.reference.registry() == NO_REGISTRY;
    let is_made = |catalog: &&LockedCatalog| !catalog.whole || is_local(catalog);
    let made: Vec<_> = lock.catalogs.iter().filter(is_made).collect();
    let image = |catalog: &LockedCatalog| {
        let mut images = lock.images.iter();
        images.find(|i| i.role == Role::Catalog && i.reference == catalog.served)
    };
    let is_there = |catalog: &&LockedCatalog| {
        let image = image(catalog);
        image.is_some_and(|image| is_complete(line, image, is_local(catalog)))
    };
    if made.iter().all(is_there) {
        return Ok(());
    }
    let choice = choose(line, file, &lock.release.version, &lock.catalogs).await?;
    for catalog in made {
        let wanted = image(catalog).map(|image| image.digest);
        let found = choice
            .made
            .iter()
            .find(|(w, _)| w.reference == catalog.served);
        if found.map(|(_, pinned)| pinned.manifest.digest) != wanted {
            let message = format!(
                "the catalog {} comes out differently than {} has it",
                catalog.served,
                file.lock_path().display()
            );
            return Err(Error::new(Exit::Site, message).hint(
                "another version of snobox made the lock; `snobox mirror --relock` makes it anew",
            ));
        }
    }
    Ok(())
}

/// Whether what was made of a catalog is in the store: manifest, configuration, and the layer of documents, which is the last. Of one in a folder no
/// registry has the other layers either.
fn is_complete(line: &Line<'_>, image: &LockedImage, is_local: bool) -> bool {
    let digest = image.platform_digest.unwrap_or(image.digest);
    let bytes = line.store.read_blob(digest, oci::MAX_MANIFEST_BYTES);
    let Ok((_, oci::Manifest::Image(image))) = bytes
        .map_err(|_| ())
        .and_then(|bytes| oci::parse_manifest(&bytes, None).map_err(|_| ()))
    else {
        return false;
    };
    let layers = &image.layers[if is_local {
        0
    } else {
        image.layers.len().saturating_sub(1)
    }..];
    std::iter::once(&image.config)
        .chain(layers)
        .all(|blob| line.store.has(blob.digest, blob.size))
}

/// A catalog that was read, and who asks for what of it.
struct Read<'a> {
    file: &'a ImageSetFile,
    operator: &'a Operator,
    served: ImageRef,
    pulled: Pulled,
}

struct Choosing<'a> {
    line: &'a Line<'a>,
    site: &'a SiteFile,
    architecture: &'static str,
    pins: &'a [LockedCatalog],
    /// Images of operators, each with the operators that need it.
    operators: BTreeMap<ImageRef, BTreeSet<String>>,
    names: CatalogNames,
    read: Vec<Read<'a>>,
    choice: Choice,
}

impl<'a> Choosing<'a> {
    async fn set(&mut self, file: &'a ImageSetFile) -> Result<()> {
        let path = file.path.display().to_string();
        for operator in &file.set.operators {
            let served = self.names.take(operator);
            let served = served.map_err(|problem| refused(&file.path, &[problem]))?;
            let pulled = self.pull(file, operator, &served).await?;
            self.read.push(Read {
                file,
                operator,
                served,
                pulled,
            });
        }
        for image in &file.set.additional {
            self.choice.wanted.push(Wanted {
                name: image.name.to_string(),
                role: Role::Additional,
                reference: image.name.clone(),
            });
        }
        self.choice.blocked.push((file.clone(), path));
        Ok(())
    }

    /// Chooses from everything that was read.
    async fn select(&mut self) -> Result<()> {
        let read = std::mem::take(&mut self.read);
        let asked: Vec<Asked<'_>> = read
            .iter()
            .map(|read| Asked {
                catalog: &read.pulled.catalog,
                operator: read.operator,
                rules: read.file.set.rules,
            })
            .collect();
        let mut problems: Vec<(&ImageSetFile, Problem)> = Vec::new();
        let mut selections = Vec::new();
        for (found, read) in select_all(&asked).into_iter().zip(&read) {
            match found {
                Ok(selection) => selections.push(selection),
                Err(found) => problems.extend(found.into_iter().map(|p| (read.file, p))),
            }
        }
        // Those of one file at once.
        if let Some((file, _)) = problems.first().cloned() {
            problems.retain(|(other, _)| other.path == file.path);
            let problems: Vec<_> = problems.into_iter().map(|(_, problem)| problem).collect();
            return Err(refused(&file.path, &problems));
        }
        for (read, selection) in read.iter().zip(&selections) {
            let served = read.served.clone();
            self.take(read.file, read.operator, served, &read.pulled, selection)
                .await?;
        }
        Ok(())
    }

    async fn pull(
        &self,
        file: &ImageSetFile,
        operator: &Operator,
        served: &ImageRef,
    ) -> Result<Pulled> {
        let pin = |reference: &ImageRef| {
            let mut pins = self.pins.iter();
            pins.find(|pin| pin.reference == *reference)
        };
        let reference = match &operator.catalog {
            CatalogRef::Image(reference) => reference,
            CatalogRef::Layout(path) => {
                let path = file.resolve(path);
                let pin = pin(served).map(|pin| pin.digest);
                let ui = self.line.ui;
                ui.say(format!("reading the catalog in {}", path.display()));
                let architecture = self.architecture;
                return catalog::pull_layout(self.line, &path, served, architecture, pin).await;
            }
        };
        let pin = pin(reference);
        let asked = pin.map_or_else(|| reference.clone(), |pin| reference.pinned(pin.digest));
        self.line.ui.say(format!("reading the catalog {asked}"));
        let mut pulled = catalog::pull(self.line, &asked, self.architecture).await?;
        pulled.pinned.reference = reference.clone();
        Ok(pulled)
    }

    /// Whether another image set or the site's own patterns leave an image out.
    fn leaves_out(&self, reference: &ImageRef) -> bool {
        let text = reference.to_string();
        let mut sets = self.site.image_sets.iter();
        sets.any(|other| other.set.blocks(&text).is_some())
            || excludes(&self.site.site.exclude, reference).is_some()
    }

    async fn take(
        &mut self,
        file: &ImageSetFile,
        operator: &Operator,
        served: ImageRef,
        pulled: &Pulled,
        selection: &Selection,
    ) -> Result<()> {
        let say = |note: String| {
            self.line
                .ui
                .say(format!("note: {}: {note}", operator.catalog))
        };
        for note in &selection.notes {
            say(note.clone());
        }
        // What the site leaves out besides is said where everything is.
        let mut left_out = BTreeSet::new();
        for bundle in selection.bundles(&pulled.catalog) {
            for image in bundle.images {
                if let Some(blocked) = file.set.blocks(image) {
                    say(format!(
                        "{}: {image} is left out: blockedImages has {:?}",
                        bundle.name, blocked.text
                    ));
                    left_out.insert(image.clone());
                    continue;
                }
                match image.parse::<ImageRef>() {
                    Ok(reference) => {
                        if self.leaves_out(&reference) {
                            left_out.insert(image.clone());
                        }
                        let needed = self.operators.entry(reference).or_default();
                        needed.insert(bundle.package.to_owned());
                    }
                    Err(error) => {
                        say(format!("{}: {image} is left out: {error}", bundle.name));
                        left_out.insert(image.clone());
                    }
                }
            }
        }
        let reference = &pulled.pinned.reference;
        let wanted = Wanted {
            name: reference.to_string(),
            role: Role::Catalog,
            reference: served.clone(),
        };
        let whole = operator.full && operator.packages.is_empty();
        let is_local = matches!(operator.catalog, CatalogRef::Layout(_));
        if whole && is_local {
            // No registry has it, and nobody has signed it.
            self.choice.made.push((wanted, pulled.pinned.clone()));
        } else if whole {
            let wanted = Wanted {
                reference: reference.pinned(pulled.pinned.manifest.digest),
                ..wanted
            };
            self.choice.wanted.push(wanted);
        } else {
            let made =
                catalog::smaller(self.line, &pulled.pinned, &served, selection, &left_out).await?;
            self.choice.made.push((wanted, made));
        }
        self.choice.catalogs.push(LockedCatalog {
            name: name(operator, &served),
            reference: reference.clone(),
            digest: pulled.pinned.manifest.digest,
            served: if whole && !is_local {
                reference.pinned(pulled.pinned.manifest.digest)
            } else {
                served
            },
            whole,
        });
        Ok(())
    }

    fn finish(mut self, file: &SiteFile) -> Choice {
        if !file.image_sets.is_empty() {
            self.line.ui.say(format!(
                "image sets: {} images of operators, {} others, {} catalogs",
                self.operators.len(),
                self.choice
                    .wanted
                    .iter()
                    .filter(|w| w.role == Role::Additional)
                    .count(),
                self.choice.catalogs.len()
            ));
        }
        let operators = std::mem::take(&mut self.operators);
        let operators = operators.into_iter().map(|(reference, needed)| Wanted {
            name: needed.into_iter().collect::<Vec<_>>().join(", "),
            role: Role::Operator,
            reference,
        });
        self.choice.wanted = operators.chain(self.choice.wanted).collect();
        self.choice
    }
}

/// The name that a catalog of chosen operators is served by: the original's repository, and the tag that the image set or the original gives. One in a
/// folder is called as oc-mirror calls it: by `targetCatalog` or else the folder, and by `targetTag` or else `latest`.
fn served(operator: &Operator) -> Result<ImageRef, Problem> {
    let image = match &operator.catalog {
        CatalogRef::Image(image) => image,
        CatalogRef::Layout(path) => {
            let folder = path.trim_end_matches('/').rsplit('/').next();
            let named = operator.target_catalog.as_deref().or(folder);
            let tag = operator.target_tag.as_deref().unwrap_or("latest");
            let text = format!("{NO_REGISTRY}/{}:{tag}", named.unwrap_or_default());
            return text.parse().map_err(|_| judge::no_name(operator));
        }
    };
    let tag = match (&operator.target_tag, image.tag(), image.digest()) {
        (Some(tag), _, _) => tag.clone(),
        (None, Some(tag), _) => tag.to_owned(),
        (None, None, Some(digest)) => digest.hex()[..12].to_owned(),
        (None, None, None) => "latest".to_owned(),
    };
    let text = format!("{}:{tag}", image.name());
    text.parse().map_err(|_| judge::no_name(operator))
}

/// The user's own CatalogSources, by the names of catalogs.
pub fn templates(file: &SiteFile) -> Result<BTreeMap<String, Template>> {
    let mut all = BTreeMap::new();
    for set in &file.image_sets {
        for operator in &set.set.operators {
            let Some(template) = set.template(operator)? else {
                continue;
            };
            let served = served(operator).map_err(|problem| refused(&set.path, &[problem]))?;
            all.insert(name(operator, &served), template);
        }
    }
    Ok(all)
}

fn name(operator: &Operator, served: &ImageRef) -> String {
    let repository = operator
        .target_catalog
        .as_deref()
        .unwrap_or_else(|| served.repository());
    catalog_name(repository, served.tag().unwrap_or("latest"))
}
