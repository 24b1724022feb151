//! What an image set asks for that does not go with its site.

use semver::Version;
use snobox_catalog::image_set::{Operator, Place, ReleaseChannel};
use snobox_catalog::range::PreReleases;
use snobox_formats::reference::ImageRef;
use snobox_plan::problem::Problem;

use crate::error::{Error, Exit, Result};
use crate::image_set_file::{ImageSetFile, refused};
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// The site's release must be among those that a set asks for; others are not brought. `version` is what the payload says, where that is known.
pub(super) fn releases(
    set: &ImageSetFile,
    file: &SiteFile,
    version: Option<&str>,
    ui: &Ui,
) -> Result<()> {
    let platform = &set.set.platform;
    let path = set.path.display();
    let site = file.path.display();
    if let Some(release) = &platform.release
        && *release != file.site.release.payload()
    {
        let payload = file.site.release.payload();
        let message = format!(
            "{path}: mirror.platform.release is {release}, and the release of {site} is {payload}"
        );
        return Err(Error::new(Exit::Site, message).hint(
            "a node installs one release: write the same in both, or take mirror.platform out",
        ));
    }
    let architecture = file.site.release.architecture.go();
    let platforms = platform.platforms.iter().map(|p| &p.architecture);
    let asked: Vec<&String> = platform.architectures.iter().chain(platforms).collect();
    let is_ours = |a: &&&String| a.as_str() == architecture || a.as_str() == "multi";
    if !asked.is_empty() && !asked.iter().any(|a| is_ours(&a)) {
        let message = format!(
            "{path}: mirror.platform does not ask for {architecture}, the architecture of {site}"
        );
        return Err(Error::new(Exit::Site, message)
            .hint("name it under architectures, or change release.architecture"));
    }
    if asked.len() > 1 {
        ui.say(format!(
            "note: {path}: only {architecture} is brought, the architecture of {site}"
        ));
    }
    if platform.kube_virt_container {
        ui.say(format!(
            "note: {path}: mirror.platform.kubeVirtContainer: the image of virtual machines is not brought, for a node does not install from it"
        ));
    }
    let (Some(first), Some(version)) = (platform.channels.first(), version) else {
        return Ok(());
    };
    // A payload may say what is no version; then nobody can compare.
    let Ok(own) = Version::parse(version) else {
        return Ok(());
    };
    let fits = |channel: &&ReleaseChannel| channel.bounds.contains(&own, PreReleases::Ordered);
    let Some(channel) = platform.channels.iter().find(fits) else {
        let problem = Problem {
            at: first.place.at,
            path: first.place.path.clone(),
            given: format!(
                "{} of {} do not have {version}, the release of {site}",
                first.bounds, first.name
            ),
            allowed: "channels that have the release which the node installs".to_owned(),
            hint: Some(format!(
                "write minVersion: {version} and maxVersion: {version}, or change release in {site}"
            )),
        };
        return Err(refused(&set.path, &[problem]));
    };
    if channel.bounds.pinned().is_none() || platform.channels.len() > 1 {
        ui.say(format!(
            "note: {path}: of the releases that it asks for, {version} is brought, the one that {site} installs"
        ));
    }
    Ok(())
}

/// Two catalogs under one name.
pub(super) fn twice(operator: &Operator, served: &ImageRef) -> Problem {
    problem(
        &operator.place,
        format!("another entry of the site's image sets has a catalog of the name {served}, too"),
        "each catalog once",
        "ask for its operators together, or give one of them another targetTag",
    )
}

/// A catalog that cannot be called after its folder.
pub(super) fn no_name(operator: &Operator) -> Problem {
    problem(
        &operator.place,
        format!("no image can be called after {}", operator.catalog),
        "a folder whose name may be that of a repository: lower-case letters, digits, dots, dashes, underscores",
        "add targetCatalog with the name that it shall get",
    )
}

fn problem(place: &Place, given: String, allowed: &str, hint: &str) -> Problem {
    Problem {
        at: place.at,
        path: place.path.clone(),
        given,
        allowed: allowed.to_owned(),
        hint: Some(hint.to_owned()),
    }
}
