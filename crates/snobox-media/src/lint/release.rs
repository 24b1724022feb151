//! The release: all scripts must mean the same one.

use std::collections::BTreeSet;

use snobox_formats::reference::ImageRef;

use super::{Finding, Severity, Subject};
use crate::installer::images::{exec_lines, named};
use crate::installer::texts::Place;
use crate::installer::{RELEASE_IMAGE, RELEASE_IMAGE_DOWNLOAD};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let places = places(subject);
    let mut findings = Vec::new();
    let digests: BTreeSet<_> = places
        .iter()
        .filter_map(|(_, image)| image.digest())
        .collect();
    if digests.len() > 1 {
        let all: Vec<_> = places
            .iter()
            .map(|(place, image)| format!("{image} ({place})"))
            .collect();
        let mut seen = BTreeSet::new();
        // One finding for each release but the first: each is a fault of its own place.
        for (place, image) in &places {
            let Some(digest) = image.digest() else {
                continue;
            };
            if !seen.insert(digest) || seen.len() == 1 {
                continue;
            }
            findings.push(Finding {
                id: "release-differs",
                severity: Severity::Error,
                place: place.clone(),
                expected: "one release in all scripts".to_owned(),
                found: all.join(", "),
                hint: "was a digest changed by hand? let the installer write the ignition again"
                    .to_owned(),
            });
        }
    }
    if let Some((place, image)) = places.iter().find(|(_, image)| image.digest().is_none()) {
        findings.push(Finding {
            id: "release-by-tag",
            severity: Severity::Warning,
            place: place.clone(),
            expected: "the release by digest".to_owned(),
            found: image.to_string(),
            hint: "a tag can move, and digest mirrors do not serve it: OPENSHIFT_INSTALL_RELEASE_IMAGE_OVERRIDE names another pull spec to the installer".to_owned(),
        });
    }
    if let Ok(layout) = &subject.layout
        && layout.asks_release_info
        && layout.mirrors_of(&layout.release).is_empty()
    {
        findings.push(Finding {
            id: "digest-mirrors-missing",
            severity: Severity::Warning,
            place: Place::whole(crate::installer::BOOTKUBE),
            expected: format!("imageDigestSources of the install-config for {}", layout.release.name()),
            found: "`oc adm release info` without a digest mirror of the release".to_owned(),
            hint: "oc does not read registries.conf: without a mirror it asks the release's own registry".to_owned(),
        });
    }
    findings
}

/// Every place that names the release: the two scripts that are about it, and others that name an image of the same repository.
fn places(subject: &Subject<'_>) -> Vec<(Place, ImageRef)> {
    let mut places = Vec::new();
    for path in [RELEASE_IMAGE, RELEASE_IMAGE_DOWNLOAD] {
        let text = subject
            .texts
            .live_file(path)
            .and_then(|file| file.text.as_deref());
        let named = named(text.unwrap_or("")).into_iter();
        places.extend(named.map(|(line, image)| (Place::at(path, line), image)));
    }
    let names: BTreeSet<_> = places.iter().map(|(_, image)| image.name()).collect();
    let about = |image: &ImageRef| names.contains(&image.name());
    for file in &subject.texts.files {
        let (Some(text), None) = (&file.text, file.place.line) else {
            continue;
        };
        if !text.starts_with("#!") || [RELEASE_IMAGE, RELEASE_IMAGE_DOWNLOAD].contains(&&*file.path)
        {
            continue;
        }
        let named = named(text).into_iter().filter(|(_, image)| about(image));
        places.extend(named.map(|(line, image)| (Place::at(&file.place.object, line), image)));
    }
    for unit in &subject.texts.units {
        for (line, script) in exec_lines(unit) {
            let named = named(&script).into_iter().filter(|(_, image)| about(image));
            places.extend(named.map(|(_, image)| (unit.place(line), image)));
        }
    }
    places
}
