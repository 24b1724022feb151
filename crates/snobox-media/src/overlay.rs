//! What snobox adds to the installer's ignition. Nothing that is there is changed, and nothing is removed.
//!
//! * `live`: the live system finds the stick, serves its cache, prepares the disk, guards it and shows how far things are;
//! * `installed`: MachineConfigs among the installer's manifests, which make the installed system serve the cache from its disk;
//! * `clients`: whom container clients ask first, for both;
//! * `/etc/snobox/image.json`: the [`Pins`].

mod clients;
mod installed;
mod live;

use snobox_formats::ignition::{File, Ignition, IgnitionError, Unit};
use snobox_formats::reference::ImageRef;
use snobox_image::pins::{PATH, Pins};
use snobox_plan::install_config::{self, Manifest};
use snobox_plan::site::Site;

pub use clients::mirrors;

/// Where the registry listens on the node.
pub const REGISTRY: &str = "127.0.0.1:22626";
/// Where the cache is mounted on the node.
const MOUNT_POINT: &str = "/var/mnt/snobox";
/// The unit that serves it, in both systems.
const REGISTRY_UNIT: &str = "snobox-registry.service";
/// Where the agent runs: systemd may not start what lies on the cache.
const AGENT: &str = "/usr/local/bin/snobox-agent";

/// Files and units to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Files.
    pub files: Vec<File>,
    /// Units.
    pub units: Vec<Unit>,
}

/// The overlay of a site for the installer's `ignition`, for a cache with these images and pins; those that are `tagged` will be asked for by tag, and
/// `manifests` are for the cluster besides.
pub fn overlay<'a>(
    site: &Site,
    pins: &Pins,
    images: impl Iterator<Item = &'a ImageRef> + Clone,
    tagged: &[ImageRef],
    manifests: &[Manifest],
    ignition: &Ignition,
) -> Overlay {
    let mut overlay = live::overlay(site, pins);
    overlay.files.push(text(PATH, 0o644, pins.to_bytes()));
    let clients = clients::files(images.clone(), site.cache.fallback);
    let manifests = install_config::manifests(site)
        .into_iter()
        .chain([installed::machine_config(site, pins, &clients)])
        .chain(clients::tag_mirror_set(
            tagged.iter(),
            site.cache.fallback,
            ignition,
        ))
        .chain(manifests.iter().cloned());
    overlay.files.extend(manifests.map(|manifest| {
        let path = format!("/opt/openshift/openshift/{}", manifest.name);
        text(&path, 0o644, manifest.text)
    }));
    if clients::lacks_mirrors(ignition) {
        let (path, document) = clients::digest_mirror_set(images, site.cache.fallback);
        overlay.files.push(text(path, 0o644, document));
    }
    overlay.files.extend(clients);
    overlay
}

fn text(path: &str, mode: u32, contents: impl Into<Vec<u8>>) -> File {
    File {
        path: path.to_owned(),
        mode,
        contents: contents.into(),
    }
}

impl Overlay {
    /// Adds everything to an ignition.
    ///
    /// # Errors
    /// [`IgnitionError::Collision`] when the ignition has one of the paths or units already, as one has that went through here before.
    pub fn apply(&self, ignition: &mut Ignition) -> Result<(), IgnitionError> {
        self.files
            .iter()
            .try_for_each(|file| ignition.add_file(file))?;
        self.units
            .iter()
            .try_for_each(|unit| ignition.add_unit(unit))
    }
}
