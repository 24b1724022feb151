//! `images` of `site.yaml`: what to carry besides the release, and what to leave out.

use std::path::PathBuf;

use snobox_formats::reference::ImageRef;

use super::value;
use crate::ask::Field;
use crate::problem::Problem;
use crate::profile::{Pattern, Profile};

/// What the mapping says.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// `additional`.
    pub(super) additional: Vec<ImageRef>,
    /// `imageSets`.
    pub(super) image_sets: Vec<PathBuf>,
    /// `profile`.
    pub(super) profile: Profile,
    /// `exclude`.
    pub(super) exclude: Vec<Pattern>,
}

pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Images> {
    let fields = field.fields(
        problems,
        &["imageSets", "additional", "profile", "exclude"],
        &[],
    )?;
    let items = fields.optional("additional").map_or_else(Vec::new, |f| {
        f.items(problems, "a list of image references")
    });
    let additional = items
        .iter()
        .filter_map(|item| image_ref(item, problems))
        .collect();
    let files = fields.optional("imageSets").map_or_else(Vec::new, |f| {
        f.items(problems, "a list of files, each an ImageSetConfiguration")
    });
    let image_sets = files
        .iter()
        .filter_map(|item| {
            item.parsed(
                problems,
                "the path of an ImageSetConfiguration",
                value::path,
            )
        })
        .collect();
    let words = [Profile::All, Profile::BareMetalSno].map(|profile| (profile.word(), profile));
    let profile = fields
        .optional("profile")
        .map_or(Some(Profile::default()), |f| f.one_of(problems, &words));
    let patterns = fields.optional("exclude").map_or_else(Vec::new, |f| {
        f.items(problems, "a list of regular expressions")
    });
    let exclude = patterns
        .iter()
        .filter_map(|item| pattern(item, problems))
        .collect();
    Some(Images {
        additional,
        image_sets,
        profile: profile?,
        exclude,
    })
}

fn image_ref(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<ImageRef> {
    let allowed = "an image reference such as quay.io/team/app:1.2 or quay.io/team/app@sha256:…";
    field.parsed(problems, allowed, |text| text.parse().ok())
}

/// Empty patterns match everything, and are a slip.
fn pattern(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Pattern> {
    let allowed = "a regular expression such as aws or ^quay\\.io/team/";
    let Some(text) = field.node.text().filter(|text| !text.is_empty()) else {
        field.refuse(problems, allowed);
        return None;
    };
    match Pattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            field.refuse_with_hint(problems, allowed, Some(why));
            None
        }
    }
}
