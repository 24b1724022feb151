//! One holder after the other into the store.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use snobox_formats::digest::Digest;
use snobox_formats::layout::{Blobs, SPARSE};
use snobox_formats::oci::{Descriptor, ImageIndex, REF_NAME};
use snobox_formats::reference::ImageRef;
use snobox_store::import::{AdoptError, Adopted, Folder, Platforms, UnpackError, Unpacked, adopt};
use snobox_store::{Store, StoreLock};

use super::Outcome;
use super::find::{Found, Holder};
use crate::cli::ImportArgs;
use crate::error::{Error, Result, chain};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::ui::Ui;

struct Import<'a> {
    store: &'a Arc<Store>,
    writing: &'a StoreLock,
    platforms: Platforms<'a>,
    progress: Progress,
    interrupt: &'a Interrupt,
    outcome: Outcome,
}

/// An image that a holder says it has: what it is called, and its manifest.
struct Offered {
    name: ImageRef,
    digest: Digest,
    media_type: Option<String>,
    /// Of a list, the one child that is there, where the holder says so.
    kept: Option<String>,
}

/// Takes over what was found.
pub(super) fn take_all(
    found: Vec<Found>,
    args: &ImportArgs,
    (store, writing): (&Arc<Store>, &StoreLock),
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let total = found.iter().map(|found| match &found.holder {
        Holder::Archive(path) => length(path),
        Holder::Dir(path) => folder_bytes(path),
        Holder::Layout(path) => folder_bytes(&path.join("blobs/sha256")),
        Holder::Nothing { .. } => 0,
    });
    let mut import = Import {
        store,
        writing,
        platforms: if args.all {
            Platforms::All
        } else {
            Platforms::One(&args.arch)
        },
        progress: ui.progress("import", total.sum()),
        interrupt,
        outcome: Outcome::default(),
    };
    for found in found {
        import.holder(found)?;
    }
    Ok(import.outcome)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn folder_bytes(path: &Path) -> u64 {
    let files = fs::read_dir(path).into_iter().flatten().flatten();
    files
        .map(|file| file.metadata().map_or(0, |m| m.len()))
        .sum()
}

impl Import<'_> {
    fn holder(&mut self, found: Found) -> Result<()> {
        let names = found.names;
        match found.holder {
            Holder::Nothing { what, why } => self.outcome.unusable.push((what, why)),
            Holder::Dir(path) => self.dir(&path, names)?,
            Holder::Layout(path) => self.layout(&path, names)?,
            Holder::Archive(path) => self.archive(&path, names)?,
        }
        Ok(())
    }

    fn unusable(&mut self, what: impl ToString, why: impl ToString) {
        let pair = (what.to_string(), why.to_string());
        self.outcome.unusable.push(pair);
    }

    fn dir(&mut self, path: &Path, names: Vec<ImageRef>) -> Result<()> {
        let before = folder_bytes(path);
        match Folder::of_dir(path) {
            Ok(Some((folder, digest))) => {
                self.each(path, &folder, names, digest)?;
            }
            Ok(None) => self.unusable(path.display(), "its manifest.json is no manifest"),
            Err(error) => self.unusable(path.display(), error),
        }
        self.progress.add(before);
        Ok(())
    }

    fn layout(&mut self, path: &Path, names: Vec<ImageRef>) -> Result<()> {
        let index = path.join("index.json");
        let text = crate::input::read(&index).map_err(|e| Error::file("read", &index, &e))?;
        let folder = Folder::of_layout(path);
        for offered in self.entries(path, &text, names) {
            self.offered(&folder, &offered)?;
        }
        self.progress.add(folder_bytes(&path.join("blobs/sha256")));
        Ok(())
    }

    /// The images of a layout's index, called as the index or the user says.
    fn entries(&mut self, path: &Path, index: &[u8], mut names: Vec<ImageRef>) -> Vec<Offered> {
        let shown = path.display().to_string();
        let index: ImageIndex = match serde_json::from_slice(index) {
            Ok(index) => index,
            Err(error) => {
                self.unusable(shown, format!("index.json: {error}"));
                return Vec::new();
            }
        };
        if !names.is_empty() && index.manifests.len() != 1 {
            let count = index.manifests.len();
            self.unusable(shown, format!("--as names one image, and it has {count}"));
            return Vec::new();
        }
        let mut offered = Vec::new();
        for entry in &index.manifests {
            let named = entry.annotations.get(REF_NAME);
            let own = named.and_then(|name| name.parse::<ImageRef>().ok());
            match names.pop().or(own) {
                Some(name) => offered.push(Offered {
                    name,
                    digest: entry.digest,
                    media_type: Some(entry.media_type.clone()),
                    kept: entry.annotations.get(SPARSE).cloned(),
                }),
                None => {
                    let given = named.map_or("no name", String::as_str);
                    self.unusable(
                        format!("{shown}, {}", entry.digest),
                        format!("{given:?} does not say of which registry and repository it is; import a layout of it alone, with --as"),
                    );
                }
            }
        }
        offered
    }

    fn archive(&mut self, path: &Path, names: Vec<ImageRef>) -> Result<()> {
        let size = length(path);
        // What is there whole needs no look into the archive.
        let (there, names) = self.partition_there(names)?;
        self.outcome.present += there;
        if there > 0 && names.is_empty() {
            self.progress.add(size);
            return Ok(());
        }
        let file = File::open(path).map_err(|e| Error::file("open", path, &e))?;
        let reader = Counted {
            file,
            progress: &self.progress,
            interrupt: self.interrupt,
            read: 0,
        };
        let interrupt = self.interrupt;
        let read = Unpacked::read(self.store, self.writing, reader, &mut |_| interrupt.check());
        let unpacked = match read {
            Ok(unpacked) => unpacked,
            Err(UnpackError::Store(error)) => return Err(error.into()),
            Err(_) if interrupt.is_set() => return Err(Error::interrupted()),
            Err(error) => {
                self.unusable(path.display(), chain(&error));
                return Ok(());
            }
        };
        let store = Arc::clone(self.store);
        let blobs = unpacked.blobs(&store);
        let needed = self.of_archive(path, &unpacked, &blobs, names)?;
        self.outcome.copied_bytes += unpacked.arrived_bytes(needed.as_ref());
        // Of an image that is not whole everything stays: what is missing may come from elsewhere.
        if let Some(needed) = needed {
            unpacked.discard_unneeded(self.store, self.writing, &needed)?;
        }
        Ok(())
    }

    /// The images of an archive; returns all that they need, if each is whole.
    fn of_archive(
        &mut self,
        path: &Path,
        unpacked: &Unpacked,
        blobs: &dyn Blobs,
        names: Vec<ImageRef>,
    ) -> Result<Option<BTreeSet<Digest>>> {
        let document = |name: &str| {
            let found = unpacked.documents.iter().find(|(path, _)| {
                path.rsplit('/').next() == Some(name) && path.matches('/').count() <= 1
            });
            found.map(|(_, bytes)| bytes.as_slice())
        };
        let before = self.outcome.unusable.len();
        let mut needed = BTreeSet::new();
        if document("oci-layout").is_some()
            && let Some(index) = document("index.json")
        {
            for offered in self.entries(path, index, names) {
                needed.extend(self.offered(blobs, &offered)?);
            }
        } else if let Some(manifest) = document("manifest.json") {
            if manifest.trim_ascii_start().starts_with(b"[") {
                self.unusable(
                    path.display(),
                    "docker-archive: it has no digests; `skopeo copy` makes an oci-archive of it",
                );
                return Ok(None);
            }
            let digest = Digest::of(manifest);
            needed.extend(self.each(path, blobs, names, digest)?);
        } else {
            self.unusable(path.display(), "no image is in it: there is no manifest");
        }
        for (digest, why) in &unpacked.damaged {
            if self.outcome.unusable.len() > before {
                self.unusable(path.display(), format!("{digest} is damaged: {why}"));
            }
        }
        Ok((self.outcome.unusable.len() == before).then_some(needed))
    }

    /// One image under each of its names; those by digest must be of this digest.
    fn each(
        &mut self,
        path: &Path,
        blobs: &dyn Blobs,
        names: Vec<ImageRef>,
        digest: Digest,
    ) -> Result<BTreeSet<Digest>> {
        let mut needed = BTreeSet::new();
        if names.is_empty() {
            self.unusable(path.display(), "nothing says what it is called; --as does");
        }
        for name in names {
            match name.digest().filter(|asked| *asked != digest) {
                Some(_) => self.unusable(
                    name,
                    format!(
                        "{} holds another image: its manifest hashes to {digest}",
                        path.display()
                    ),
                ),
                None => {
                    let offered = Offered {
                        name,
                        digest,
                        media_type: None,
                        kept: None,
                    };
                    needed.extend(self.offered(blobs, &offered)?);
                }
            }
        }
        Ok(needed)
    }

    /// Copies one image and enters it; returns what it needs, or nothing where it cannot be used.
    fn offered(&mut self, blobs: &dyn Blobs, offered: &Offered) -> Result<BTreeSet<Digest>> {
        let interrupt = self.interrupt;
        let top = (offered.digest, offered.media_type.as_deref());
        let adopted = adopt(
            self.store,
            self.writing,
            blobs,
            top,
            self.platforms,
            &mut |_| interrupt.check(),
        );
        match adopted {
            Ok(adopted) => {
                let fresh = self.enter(&offered.name, &adopted)?;
                self.outcome.copied_bytes += adopted.copied_bytes;
                if fresh {
                    self.outcome.imported.push(offered.name.to_string());
                } else {
                    self.outcome.present += 1;
                }
                Ok(adopted.needed)
            }
            Err(AdoptError::Store(error)) => Err(error.into()),
            Err(error) => {
                let sparse = offered.kept.is_some() && self.platforms == Platforms::All;
                let hint = if sparse {
                    "; --all wants every platform, and only one is there"
                } else {
                    ""
                };
                self.unusable(&offered.name, format!("{}{hint}", chain(&error)));
                Ok(BTreeSet::new())
            }
        }
    }

    /// Enters an image; whether the store had none of this name and content.
    fn enter(&self, name: &ImageRef, adopted: &Adopted) -> Result<bool> {
        let mut entry: Descriptor = adopted.entry.clone();
        entry
            .annotations
            .insert(REF_NAME.to_owned(), name.to_string());
        Ok(self.store.enter(vec![entry])? > 0)
    }

    /// How many of the images are whole in the store under their digests, and the others.
    fn partition_there(&self, names: Vec<ImageRef>) -> Result<(u64, Vec<ImageRef>)> {
        let (mut there, mut others) = (0, Vec::new());
        for name in names {
            let Some(digest) = name.digest() else {
                others.push(name);
                continue;
            };
            let store: &Store = self.store;
            let whole = adopt(
                store,
                self.writing,
                store,
                (digest, None),
                self.platforms,
                &mut |_| Ok(()),
            );
            match whole {
                Ok(adopted) => {
                    self.enter(&name, &adopted)?;
                    there += 1;
                }
                Err(_) => others.push(name),
            }
        }
        Ok((there, others))
    }
}

/// An archive on its way in: counted, and ended by Ctrl-C.
struct Counted<'a> {
    file: File,
    progress: &'a Progress,
    interrupt: &'a Interrupt,
    read: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check()?;
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        self.progress.add(count as u64);
        Ok(count)
    }
}
