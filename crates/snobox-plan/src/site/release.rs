//! `release`: which one, for which processor, and whose signature it must have.

use std::path::PathBuf;

use snobox_formats::reference::ImageRef;

use super::{
    Architecture, OLDEST_MINOR, Release, ReleaseSource, SignaturePolicy, Verification, value,
};
use crate::ask::{Field, Fields};
use crate::problem::Problem;

pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Release> {
    let known = [
        "version",
        "image",
        "architecture",
        "signature",
        "verificationKeys",
    ];
    let fields = field.fields(problems, &known, &[])?;
    let words = [
        ("x86_64", Architecture::X86_64),
        ("aarch64", Architecture::Aarch64),
    ];
    let architecture = fields
        .optional("architecture")
        .map_or(Some(Architecture::X86_64), |f| f.one_of(problems, &words));
    let source = source(field, &fields, problems);
    let verification = verification(&fields, problems);
    Some(Release {
        source: source?,
        architecture: architecture?,
        verification: verification?,
    })
}

fn source(
    field: &Field<'_>,
    fields: &Fields<'_>,
    problems: &mut Vec<Problem>,
) -> Option<ReleaseSource> {
    match (fields.optional("version"), fields.optional("image")) {
        (Some(version), None) => {
            let allowed = format!("a version such as 4.13.1, from 4.{OLDEST_MINOR} on");
            version.parsed(problems, &allowed, |t| {
                value::is_version(t).then(|| ReleaseSource::Version(t.to_owned()))
            })
        }
        (None, Some(image)) => {
            let allowed = "a payload image by digest or tag, such as quay.io/openshift-release-dev/ocp-release@sha256:…";
            let named = |r: &ImageRef| r.tag().is_some() || r.digest().is_some();
            image
                .parsed(problems, allowed, |t| t.parse().ok().filter(named))
                .map(ReleaseSource::Image)
        }
        (Some(_), Some(image)) => {
            image.refuse_with_hint(
                problems,
                "either version or image",
                Some("keep image: a digest says more than a version".to_owned()),
            );
            None
        }
        (None, None) if fields.is_misspelt("version") || fields.is_misspelt("image") => None,
        (None, None) => {
            field.refuse(problems, "version (such as 4.13.1) or image (such as quay.io/openshift-release-dev/ocp-release@sha256:…)");
            None
        }
    }
}

/// Who names keys wants them to be used.
fn verification(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<Verification> {
    let words = [
        ("required", SignaturePolicy::Required),
        ("ifOfficial", SignaturePolicy::IfOfficial),
        ("ignored", SignaturePolicy::Ignored),
    ];
    let policy = fields
        .optional("signature")
        .map(|f| f.one_of(problems, &words));
    let allowed = "the path of a public key in ASCII armor, as `gpg --armor --export` writes it";
    let named = fields
        .optional("verificationKeys")
        .map_or_else(Vec::new, |f| {
            f.items(problems, "a list of files with public keys in ASCII armor")
        });
    let keys: Vec<Option<PathBuf>> = named
        .iter()
        .map(|f| f.parsed(problems, allowed, value::path))
        .collect();
    let keys: Vec<PathBuf> = keys.into_iter().collect::<Option<_>>()?;
    let policy = match policy {
        Some(policy) => policy?,
        None if keys.is_empty() => SignaturePolicy::IfOfficial,
        None => SignaturePolicy::Required,
    };
    Some(Verification { policy, keys })
}
