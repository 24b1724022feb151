//! Whether the installer's ignition will do for the site, before anything is written: it is understood, it writes the disk that the site means and keeps the cache's
//! partition there, it asks the loopback registry first, and the cache has everything that it and the catalogs of operators ask for.

use serde_json::{Value, json};
use snobox_catalog::promised;
use snobox_formats::ignition::Ignition;
use snobox_media::installer::{CachedError, Layout, Missing, Why};
use snobox_media::overlay::REGISTRY;
use snobox_plan::install_config::INSTALLATION_DISK;
use snobox_plan::site::Fallback;
use snobox_store::Store;

use super::Cached;
use crate::error::{Error, Exit, Result};
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// What the cache lacks and the node may fetch over its line.
#[derive(Debug)]
pub struct Lacking {
    /// Of what the ignition asks for.
    pub boots: Vec<Missing>,
    /// Of what the catalogs' operators ask for.
    pub operators: Vec<promised::Finding>,
}

/// What the cache lacks; anything else that is wrong is an error or, where the node can still install itself, a warning.
pub(super) fn judge(
    ignition: &Ignition,
    cached: &Cached,
    store: &Store,
    file: &SiteFile,
    ui: &Ui,
) -> Result<Lacking> {
    let layout = Layout::detect(ignition).map_err(|error| {
        Error::new(Exit::Ignition, error.to_string())
            .hint("expected the file that `openshift-install create single-node-ignition-config` of 4.12 to 4.20 writes, as it is")
    })?;
    target(&layout, file)?;
    let mut faults = Vec::new();
    faults.extend(partition(&layout, file));
    faults.extend(mirrors(&layout));
    let missing = cached.missing(ignition, store)?;
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|m| format!("\n  {m}")).collect();
        let message = format!(
            "the ignition asks for images that are not in the cache:{}",
            names.concat()
        );
        let hint = format!(
            "`release` in {} should name the release that the ignition was made for",
            file.path.display()
        );
        faults.push((message, hint));
    }
    let operators = promised::judge(&cached.index, store);
    faults.extend(promises(&operators));
    if file.site.cache.fallback == Fallback::None && !faults.is_empty() {
        let (messages, hints): (Vec<_>, Vec<_>) = faults.into_iter().unzip();
        return Err(Error::new(Exit::Findings, messages.join("\n")).hint(hints.join("; ")));
    }
    for (message, hint) in faults {
        ui.say(format!(
            "warning: {message}\nwarning: the node will need its line for that; {hint}"
        ));
    }
    Ok(Lacking {
        boots: missing,
        operators,
    })
}

/// The catalogs that the cluster will show.
fn promises(operators: &[promised::Finding]) -> Option<Fault> {
    if operators.is_empty() {
        return None;
    }
    let lines: Vec<_> = operators.iter().map(|f| format!("\n  {f}")).collect();
    Some((
        format!("operators will lack images:{}", lines.concat()),
        "`snobox mirror --relock` brings everything that the catalogs ask for".to_owned(),
    ))
}

/// The disk that the agent prepares and the disk that coreos-installer writes must be one and the same.
fn target(layout: &Layout, file: &SiteFile) -> Result<()> {
    let target = &layout.install.target;
    let disk = &file.site.node.installation_disk;
    if target == INSTALLATION_DISK || disk.path.as_ref() == Some(target) {
        return Ok(());
    }
    let message = format!(
        "the ignition installs to {target}, but `node.installationDisk` of {} is {disk}",
        file.path.display()
    );
    Err(Error::new(Exit::Ignition, message).hint(format!(
        "give `installationDisk: {INSTALLATION_DISK}` under bootstrapInPlace when you run the installer, or name {target} as the path in the site"
    )))
}

type Fault = (String, String);

/// coreos-installer writes a new partition table, and keeps only what it is told to.
fn partition(layout: &Layout, file: &SiteFile) -> Option<Fault> {
    let label = &file.site.cache.label;
    if layout.install.keeps(label) {
        return None;
    }
    Some((
        format!(
            "the ignition's coreos-installer does not keep the partition {label:?}: the installed system will have no cache"
        ),
        format!(
            "give `installationDisk: \"--save-partlabel '{label}' {INSTALLATION_DISK}\"` under bootstrapInPlace when you run the installer"
        ),
    ))
}

/// `oc adm release info` knows no `registries.conf`.
fn mirrors(layout: &Layout) -> Option<Fault> {
    let mirrors = layout.mirrors_of(&layout.release);
    let here = |mirror: &String| mirror.starts_with(&format!("{REGISTRY}/"));
    // Without any, the overlay brings some.
    let none = layout.digest_mirrors.is_empty();
    if !layout.asks_release_info || none || mirrors.iter().any(here) {
        return None;
    }
    Some((
        format!(
            "the ignition's digest mirrors do not lead {} to the cache",
            layout.release.name()
        ),
        format!(
            "leave imageDigestSources out of the install-config, or put {REGISTRY}/{} into it",
            layout.release.name()
        ),
    ))
}

/// For machines.
pub(super) fn operator_json(finding: &promised::Finding) -> Value {
    json!({"code": finding.code(), "text": finding.to_string()})
}

/// For machines.
pub(super) fn json(missing: &Missing) -> Value {
    json!({
        "component": missing.component,
        "image": missing.image,
        "askedBy": missing.asked_by,
        "why": match missing.why {
            Why::NotInRelease => "not-in-release",
            Why::NotInCache => "not-in-cache",
        },
    })
}

impl From<CachedError> for Error {
    fn from(error: CachedError) -> Self {
        let exit = match &error {
            CachedError::Layout(_) => Exit::Ignition,
            CachedError::Release { .. } | CachedError::NotARelease { .. } => Exit::Findings,
        };
        let message = error.to_string();
        Self::caused(exit, message, &error).hint("run `snobox verify` on the store to find damage")
    }
}
