//! What snobox adds to the installer's ignition. Nothing that is there is changed, and nothing is removed.
//!
//! * `/etc/hostname`, and `/etc/chrony.conf` where the site names time servers;
//! * `var-mnt-snobox.mount`: the cache, by the UUID of its file system, through a loop device (the live system claims the boot stick whole, so that
//!   a direct mount of its partition fails with EBUSY);
//! * `snobox-registry.service`: the agent, copied to where SELinux lets systemd run it and checked against the pinned digest, serves the cache on
//!   loopback; both units survive `systemctl isolate` of the 4.19 boot;
//! * drop-ins that order whoever pulls images after it: as files, so that the installer's own unit entries stay as they are;
//! * `/etc/containers/registries.conf.d/50-snobox.conf`: every repository of the cache is looked for on loopback first, by digest and by tag;
//! * `/etc/snobox/image.json`: the [`Pins`].

mod registries;
mod units;

use snobox_formats::ignition::{File, Ignition, IgnitionError, Unit};
use snobox_formats::reference::ImageRef;
use snobox_plan::install_config::chrony_conf;
use snobox_plan::site::Site;

use snobox_image::pins::{PATH, Pins};

/// Where the registry listens on the node.
pub const REGISTRY: &str = "127.0.0.1:22626";

/// Files and units to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Files.
    pub files: Vec<File>,
    /// Units.
    pub units: Vec<Unit>,
}

/// The overlay of a site, for a cache with these images and pins.
pub fn overlay<'a>(
    site: &Site,
    pins: &Pins,
    images: impl Iterator<Item = &'a ImageRef>,
) -> Overlay {
    let text = |path: &str, mode, text: String| File {
        path: path.to_owned(),
        mode,
        contents: text.into_bytes(),
    };
    let mut files = vec![
        text("/etc/hostname", 0o644, format!("{}\n", site.node.hostname)),
        File {
            path: PATH.to_owned(),
            mode: 0o644,
            contents: pins.to_bytes(),
        },
        text(
            registries::PATH,
            0o644,
            registries::conf(images, site.cache.fallback),
        ),
        text(
            units::INSTALL_AGENT,
            0o755,
            units::install_agent(pins.cache.agent),
        ),
    ];
    files.extend(chrony_conf(site).map(|conf| text("/etc/chrony.conf", 0o644, conf)));
    files.extend(units::PULLERS.iter().map(|unit| {
        text(
            &format!("/etc/systemd/system/{unit}.d/50-snobox.conf"),
            0o644,
            units::drop_in(site.cache.fallback),
        )
    }));
    let unit = |name: &str, contents| Unit {
        name: name.to_owned(),
        enabled: true,
        contents,
    };
    let units = vec![
        unit(units::MOUNT, units::mount(&pins.cache.uuid)),
        unit(units::SERVICE, units::service()),
    ];
    Overlay { files, units }
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
