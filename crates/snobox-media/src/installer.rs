//! What the installer wrote: is it a bootstrap-in-place ignition that is understood here, and which images does it ask for.
//!
//! Known are the installers of 4.12 to 4.20. Between them, paths, units and the line that writes the disk stay; what changes is told by anchors, never by
//! a version: an ignition does not say which installer wrote it. Source of truth: openshift/installer `data/data/bootstrap` (release-4.12 to
//! release-4.20) and `pkg/asset/ignition/bootstrap/bootstrap_in_place.go`.

mod cached;
pub(crate) mod images;
mod install_line;
mod mirrors;
pub(crate) mod shell;
pub(crate) mod texts;

use std::collections::BTreeSet;
use std::fmt;

use snobox_formats::ignition::Ignition;
use snobox_formats::reference::ImageRef;

pub use cached::{Cached, CachedError};
pub use images::{BootstrapImages, Missing, SECOND_BOOT, Why, bootstrap_images, missing};
pub use install_line::InstallLine;
pub use mirrors::{CONTENT_SOURCE_POLICY, DIGEST_MIRROR_SET, DigestMirrors};
pub use texts::Place;

pub(crate) const RELEASE_IMAGE: &str = "/usr/local/bin/release-image.sh";
pub(crate) const RELEASE_IMAGE_DOWNLOAD: &str = "/usr/local/bin/release-image-download.sh";
pub(crate) const INSTALL_TO_DISK: &str = "/usr/local/bin/install-to-disk.sh";
pub(crate) const BOOTKUBE: &str = "/usr/local/bin/bootkube.sh";

/// Units that every known installer writes.
const UNITS: [&str; 5] = [
    "release-image.service",
    "crio-configure.service",
    "kubelet.service",
    "bootkube.service",
    "install-to-disk.service",
];
/// Files that every known installer writes.
const FILES: [&str; 6] = [
    RELEASE_IMAGE,
    RELEASE_IMAGE_DOWNLOAD,
    BOOTKUBE,
    "/usr/local/bin/bootstrap-in-place.sh",
    INSTALL_TO_DISK,
    texts::UPDATE,
];
/// Files of the installers whose live system has no kubelet of its own: 4.19 and later.
pub(crate) const NODE_IMAGE: [&str; 7] = [
    "/etc/systemd/system-generators/node-image-overlay-generator",
    "/etc/systemd/system/node-image-finish.service",
    "/etc/systemd/system/node-image-overlay.service",
    "/etc/systemd/system/node-image-overlay.target",
    "/etc/systemd/system/node-image-pull.service",
    "/usr/local/bin/node-image-overlay.sh",
    "/usr/local/bin/node-image-pull.sh",
];

/// A bootstrap-in-place ignition of a known installer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Whether the live system first pulls the node image (4.19 and later).
    pub node_image: bool,
    /// How the disk is written.
    pub install: InstallLine,
    /// The release that all scripts ask for, by digest.
    pub release: ImageRef,
    /// Digest mirrors of the manifests, in the order of the document; empty when there is none.
    pub digest_mirrors: Vec<DigestMirrors>,
    /// Whether bootkube asks for the release through `oc adm release info` (4.14 and later), which obeys digest mirrors alone and no `registries.conf`.
    pub asks_release_info: bool,
}

/// One thing that is other than in any known layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was looked for: a path, a unit, a field.
    pub anchor: String,
    /// What every known installer writes there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, found {}",
            self.anchor, self.expected, self.found
        )
    }
}

/// Why an ignition is not one of a known installer: every anchor that differs.
#[derive(Debug, thiserror::Error)]
#[error(
    "not a bootstrap-in-place ignition of a known installer (4.12 to 4.20)\n{}",
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
)]
pub struct LayoutError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl Layout {
    /// Recognises the layout of an ignition, or says everything that is not as known installers write it.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn detect(ignition: &Ignition) -> Result<Self, LayoutError> {
        let mut anchors = Anchors {
            ignition,
            problems: Vec::new(),
        };
        anchors.version();
        let node_image = anchors.files_and_units();
        let install = anchors.install_line();
        let release = anchors.release();
        let digest_mirrors = anchors.digest_mirrors();
        let asks_release_info = anchors
            .commands(BOOTKUBE)
            .iter()
            .any(|command| command.runs(&["oc", "adm", "release", "info"]));
        match (install, release) {
            (Some(install), Some(release)) if anchors.problems.is_empty() => Ok(Self {
                node_image,
                install,
                release,
                digest_mirrors,
                asks_release_info,
            }),
            _ => Err(LayoutError {
                problems: anchors.problems,
            }),
        }
    }

    /// The mirrors that are asked for an image in place of its own registry; empty when none is.
    pub fn mirrors_of(&self, image: &ImageRef) -> &[String] {
        let name = image.name();
        self.digest_mirrors
            .iter()
            .filter(|mirrors| mirrors.covers(&name))
            .max_by_key(|mirrors| mirrors.source.len())
            .map_or(&[], |mirrors| &mirrors.mirrors)
    }
}

/// The line that writes the disk, in a script; the error says what was found in its place.
pub(crate) fn install_line(script: &str) -> Result<InstallLine, String> {
    install_line::parse(&shell::commands(script))
}

struct Anchors<'a> {
    ignition: &'a Ignition,
    problems: Vec<Problem>,
}

impl Anchors<'_> {
    fn problem(&mut self, anchor: &str, expected: impl Into<String>, found: impl Into<String>) {
        self.problems.push(Problem {
            anchor: anchor.to_owned(),
            expected: expected.into(),
            found: found.into(),
        });
    }

    fn text(&self, path: &str) -> Option<String> {
        let bytes = self.ignition.file(path).ok()??;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn commands(&self, path: &str) -> Vec<shell::Command> {
        shell::commands(&self.text(path).unwrap_or_default())
    }

    /// `Ignition::parse` has taken any 3.x; the merge on the node knows those up to 3.4 in all versions.
    fn version(&mut self) {
        let version = self.ignition.version().to_owned();
        let minor = version
            .strip_prefix("3.")
            .and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
        if minor.is_none_or(|minor| minor > 5) {
            self.problem("ignition.version", "3.0.0 to 3.5.0", version);
        }
    }

    /// Reports what is absent; returns whether the node image is pulled.
    fn files_and_units(&mut self) -> bool {
        let units: BTreeSet<&str> = self.ignition.unit_names().collect();
        let files: BTreeSet<&str> = self.ignition.file_paths().collect();
        let absent_units = UNITS.iter().filter(|unit| !units.contains(**unit));
        let absent_files = FILES.iter().filter(|path| !files.contains(**path));
        let node_image = NODE_IMAGE.iter().filter(|path| files.contains(**path));
        let node_image_count = node_image.count();
        let absent: Vec<_> = absent_units
            .map(|unit| (*unit, "a unit of this name"))
            .chain(absent_files.map(|path| (*path, "a file of this path")))
            .collect();
        for (name, expected) in absent {
            self.problem(name, expected, "none");
        }
        if node_image_count > 0 {
            for path in NODE_IMAGE.iter().filter(|path| !files.contains(**path)) {
                let expected = "a file of this path, as the other node-image files are there";
                self.problem(path, expected, "none");
            }
        }
        node_image_count > 0
    }

    fn install_line(&mut self) -> Option<InstallLine> {
        match install_line(&self.text(INSTALL_TO_DISK)?) {
            Ok(line) => Some(line),
            Err(found) => {
                let expected =
                    "one command `coreos-installer install … -i /opt/openshift/master.ign …`";
                self.problem(INSTALL_TO_DISK, expected, found);
                None
            }
        }
    }

    fn release(&mut self) -> Option<ImageRef> {
        let mut all = BTreeSet::new();
        for path in [RELEASE_IMAGE, RELEASE_IMAGE_DOWNLOAD] {
            let Some(text) = self.text(path) else {
                continue;
            };
            let named: BTreeSet<ImageRef> = images::named(&text)
                .into_iter()
                .map(|(_, image)| image)
                .collect();
            let pinned = named.len() == 1 && named.iter().all(|image| image.digest().is_some());
            if !pinned {
                let found = match named.len() {
                    0 => "none".to_owned(),
                    _ => list(&named),
                };
                self.problem(path, "one release image by digest", found);
            }
            all.extend(named);
        }
        if all.len() > 1 {
            let anchor = "release-image.sh and release-image-download.sh";
            self.problem(anchor, "the same release image in both", list(&all));
        }
        all.pop_first()
    }

    fn digest_mirrors(&mut self) -> Vec<DigestMirrors> {
        // bootkube gives `oc` the policy when both are there.
        for path in [CONTENT_SOURCE_POLICY, DIGEST_MIRROR_SET] {
            let Some(text) = self.text(path) else {
                continue;
            };
            match mirrors::parse(path, &text) {
                Ok(mirrors) => return mirrors,
                Err(found) => {
                    self.problem(path, "digest mirrors as the installer writes them", found)
                }
            }
        }
        Vec::new()
    }
}

fn list(images: &BTreeSet<ImageRef>) -> String {
    images
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}
