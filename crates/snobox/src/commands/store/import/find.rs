//! What a path holds: folders and archives of images, with the names that go with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use snobox_formats::precaching;
use snobox_formats::reference::ImageRef;

use super::super::add::list;
use crate::error::{Error, Exit, Result};

/// How deep a tree is looked into.
const DEPTH: usize = 16;

/// Something that holds one image or more.
#[derive(Debug)]
pub(super) struct Found {
    /// What it is.
    pub(super) holder: Holder,
    /// What the image is called; none where the holder says it itself.
    pub(super) names: Vec<ImageRef>,
}

/// What an image is in.
#[derive(Debug)]
pub(super) enum Holder {
    /// A folder as skopeo's `dir:` has it.
    Dir(PathBuf),
    /// An image layout.
    Layout(PathBuf),
    /// A tar or tar.gz of one of these.
    Archive(PathBuf),
    /// Nothing: a list names an image whose file is not there, or a file has no name.
    Nothing {
        /// The file or image.
        what: String,
        /// What is wrong.
        why: String,
    },
}

/// Everything that a path holds. `name` is what the user calls the one image in it.
pub(super) fn find(path: &Path, name: Option<&ImageRef>) -> Result<Vec<Found>> {
    let metadata = fs::metadata(path).map_err(|e| Error::file("read", path, &e))?;
    let one = |holder| {
        let names = name.cloned().into_iter().collect();
        Ok(vec![Found { holder, names }])
    };
    if metadata.is_file() {
        return one(Holder::Archive(path.to_owned()));
    }
    if path.join("oci-layout").is_file() {
        return one(Holder::Layout(path.to_owned()));
    }
    if path.join("manifest.json").is_file() {
        return one(Holder::Dir(path.to_owned()));
    }
    let mut found = if lists(path).next().is_none() {
        let mut found = Vec::new();
        tree(path, path, 0, &mut found)?;
        found
    } else {
        precached(path, archives(path)?)?
    };
    if found.is_empty() {
        let message = format!("{} holds no images", path.display());
        return Err(Error::new(Exit::File, message).hint(
            "expected a folder of factory-precaching, an image layout (oci:), a dir: of skopeo or a tree of them, or an archive of one",
        ));
    }
    if name.is_some() && found.len() != 1 {
        let message = format!("{} holds more than one image", path.display());
        return Err(Error::new(Exit::Usage, message).hint("--as names the only image of a path"));
    }
    if let (Some(name), [one]) = (name, &mut found[..]) {
        one.names = vec![name.clone()];
    }
    Ok(found)
}

/// The lists that name what a factory-precaching folder should hold.
fn lists(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let names = ["mapping.txt", "ai-images.txt", "ocp-images.txt"];
    let paths = names.map(|name| folder.join(name));
    paths.into_iter().filter(|path| path.is_file())
}

fn archives(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).map_err(|e| Error::file("read", folder, &e))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::file("read", folder, &e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".tgz") {
            names.insert(name);
        }
    }
    Ok(names)
}

/// A factory-precaching folder: each archive with the images that its name may stand for.
fn precached(folder: &Path, mut archives: BTreeSet<String>) -> Result<Vec<Found>> {
    let mut named: BTreeMap<String, BTreeSet<ImageRef>> = BTreeMap::new();
    for path in lists(folder) {
        for image in list(&path)? {
            let artifact = format!("{}.tgz", precaching::artifact(&image.reference));
            named.entry(artifact).or_default().insert(image.reference);
        }
    }
    let ignored = folder.join("ignored-images.txt");
    if ignored.is_file() {
        for image in list(&ignored)? {
            let artifact = format!("{}.tgz", precaching::artifact(&image.reference));
            // An archive that is there although its image is ignored came of an earlier run, unless it is that of another image.
            if let Some(references) = named.get_mut(&artifact)
                && (!archives.contains(&artifact)
                    || image.reference.digest().is_none() && references.len() > 1)
            {
                references.remove(&image.reference);
            }
        }
    }
    let mut found = Vec::new();
    for (artifact, references) in named {
        let there = archives.remove(&artifact);
        if there && references.iter().filter(|r| r.digest().is_none()).count() > 1 {
            let all: Vec<_> = references.iter().map(ToString::to_string).collect();
            let why = format!("it may be any of {}", all.join(", "));
            found.push(nothing(artifact, why));
        } else if there {
            found.push(Found {
                holder: Holder::Archive(folder.join(&artifact)),
                names: references.into_iter().collect(),
            });
        } else {
            let missing = references.iter().map(ToString::to_string);
            found.extend(missing.map(|image| nothing(image, format!("there is no {artifact}"))));
        }
    }
    let unnamed = archives.into_iter();
    found.extend(unnamed.map(|file| nothing(file, "no list names it".to_owned())));
    Ok(found)
}

fn nothing(what: String, why: String) -> Found {
    Found {
        holder: Holder::Nothing { what, why },
        names: Vec::new(),
    }
}

/// Images below a folder: `dir:` images, called by their paths as `skopeo sync --scoped` leaves them, and layouts and archives, which say themselves what they
/// hold. What may be one and is not looked into is named.
fn tree(root: &Path, folder: &Path, depth: usize, found: &mut Vec<Found>) -> Result<()> {
    let failed = |e: &std::io::Error| Error::file("read", folder, e);
    let entries = fs::read_dir(folder).map_err(|e| failed(&e))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| failed(&e))?;
        paths.push((entry.path(), entry.file_type().map_err(|e| failed(&e))?));
    }
    paths.sort_by(|(a, _), (b, _)| a.cmp(b));
    let passed_over = |path: &Path, why: &str| nothing(path.display().to_string(), why.to_owned());
    let unnamed = |holder| Found {
        holder,
        names: Vec::new(),
    };
    for (path, kind) in paths {
        if kind.is_symlink() {
            if path.is_dir() || is_archive(&path) {
                let why = "a link, which is not followed: it may lead round in circles";
                found.push(passed_over(&path, why));
            }
        } else if kind.is_file() {
            if is_archive(&path) {
                found.push(unnamed(Holder::Archive(path)));
            }
        } else if !kind.is_dir() {
            // Pipes and devices hold no images.
        } else if path.join("oci-layout").is_file() {
            found.push(unnamed(Holder::Layout(path)));
        } else if path.join("manifest.json").is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            found.push(match name.parse::<ImageRef>() {
                Ok(name) => Found {
                    holder: Holder::Dir(path),
                    names: vec![name],
                },
                Err(_) => {
                    let why = "its path is no image reference; import it alone, with --as";
                    passed_over(&path, why)
                }
            });
        } else if depth < DEPTH {
            tree(root, &path, depth + 1, found)?;
        } else {
            found.push(passed_over(&path, "too deep to be looked into"));
        }
    }
    Ok(())
}

/// Whether a file is called as archives of images are.
fn is_archive(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let endings = [".tar", ".tgz", ".tar.gz"];
    name.is_some_and(|name| endings.iter().any(|ending| name.ends_with(ending)))
}
