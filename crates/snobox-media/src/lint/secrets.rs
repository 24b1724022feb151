//! Keys, certificates, credentials and manifests that are there but empty, as in an ignition that was emptied for publication.

use snobox_formats::pull_secret::PullSecret;

use super::{Finding, Severity, Subject};
use crate::installer::texts::Place;

const PULL_SECRET: &str = "/root/.docker/config.json";

/// Folders whose files are never empty, the endings that count there, and the rule.
const FULL: [(&str, &[&str], &str); 4] = [
    ("/opt/openshift/tls/", &[".crt", ".key"], "empty-secret"),
    ("/opt/openshift/auth/", &[""], "empty-secret"),
    ("/opt/openshift/manifests/", &[""], "empty-manifest"),
    ("/opt/openshift/openshift/", &[""], "empty-manifest"),
];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, endings, id) in FULL {
        let mut all = 0;
        let mut empty = Vec::new();
        for file in &subject.texts.files {
            let counts = endings.iter().any(|ending| file.path.ends_with(ending));
            let (true, true, Some(text)) = (file.path.starts_with(folder), counts, &file.text)
            else {
                continue;
            };
            all += 1;
            if text.trim().is_empty() {
                empty.push(file.path.as_str());
            }
        }
        if let Some(first) = empty.first() {
            findings.push(Finding {
                id,
                severity: Severity::Error,
                place: Place::whole(*first),
                expected: format!("content in all {all} files of {folder}"),
                found: format!("{} of them are empty", empty.len()),
                hint: "let the installer write the ignition again: nothing can be put in their place by hand".to_owned(),
            });
        }
    }
    findings.extend(pull_secret(subject));
    findings
}

fn pull_secret(subject: &Subject<'_>) -> Option<Finding> {
    let file = subject.texts.live_file(PULL_SECRET)?;
    let text = file.text.as_deref()?;
    let found = if text.trim().is_empty() {
        "an empty file".to_owned()
    } else {
        // Its message says where, never what.
        PullSecret::parse(text).err()?.to_string()
    };
    Some(Finding {
        id: "pull-secret",
        severity: Severity::Error,
        place: file.place.clone(),
        expected: "a pull secret".to_owned(),
        found,
        hint: "podman refuses to pull anything with such a file, also from a mirror that asks for none".to_owned(),
    })
}
