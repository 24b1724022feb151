//! `ImageSetConfiguration` → [`ImageSet`]: every field asked once, all problems collected.

use std::collections::HashMap;

use regex_lite::Regex;
use snobox_formats::reference::{ImageRef, is_repository, is_tag};
use snobox_plan::ask::{Field, Fields};
use snobox_plan::problem::Problem;
use snobox_plan::yaml;

use super::{AdditionalImage, Blocked, ImageSet, OsArch, Place, Rules, operators, release};

const IMAGE: &str = "an image reference such as quay.io/team/app:1.2 or quay.io/team/app@sha256:…";
const LIST: &str = "a list";
/// What is a boolean in YAML 1.1, which oc-mirror reads; in quotes it is a text.
const TRUE: [&str; 9] = [
    "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON",
];
const FALSE: [&str; 9] = [
    "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF",
];

/// Reads the text of an image set.
///
/// # Errors
/// All problems, in the order of the file. A text that is not YAML is one problem.
pub fn read(text: &str) -> Result<ImageSet, Vec<Problem>> {
    let root = yaml::parse(text).map_err(|error| vec![error.into()])?;
    let mut reading = Reading::default();
    let set = reading.image_set(&Field {
        node: &root,
        path: String::new(),
    });
    let Reading {
        mut problems,
        notes,
        ..
    } = reading;
    problems.sort_by_key(|problem| problem.at);
    match set {
        Some(set) if problems.is_empty() => Ok(ImageSet { notes, ..set }),
        _ => Err(problems),
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<(Place, String)>,
}

/// The value of a key that may be absent; an empty text is as good as none, as it is for oc-mirror.
pub(super) fn given<'a>(fields: &Fields<'a>, key: &str) -> Option<Field<'a>> {
    let field = fields.optional(key);
    field.filter(|field| field.node.text() != Some(""))
}

/// Where a value is.
pub(super) fn place(field: &Field<'_>) -> Place {
    Place {
        at: field.node.at,
        path: field.path.clone(),
    }
}

impl Reading {
    fn image_set(&mut self, document: &Field<'_>) -> Option<ImageSet> {
        let known = [
            "apiVersion",
            "kind",
            "archiveSize",
            "storageConfig",
            "mirror",
        ];
        let rules = self.header(document)?;
        let root = document.fields(&mut self.problems, &known, &["delete"])?;
        if let Some(size) = root.optional("archiveSize") {
            let allowed = "a number of gigabytes";
            size.parsed(&mut self.problems, allowed, |t| t.parse::<u32>().ok());
            self.note(
                &size,
                "snobox makes no archives: everything goes into one image",
            );
        }
        if let Some(storage) = root.optional("storageConfig") {
            match rules {
                Rules::V1 => self.note(&storage, "snobox keeps what it fetched in its own store"),
                Rules::V2 => self.refuse(
                    &storage,
                    "not part of v2alpha1",
                    "remove it; snobox keeps what it fetched in its own store",
                ),
            }
        }
        let allowed = "a mapping with platform, operators or additionalImages";
        let mirror = root.required(&mut self.problems, "mirror", allowed)?;
        let known = [
            "platform",
            "operators",
            "additionalImages",
            "blockedImages",
            "helm",
            "samples",
        ];
        let mirror = mirror.fields(&mut self.problems, &known, &[])?;
        self.not_done(
            &mirror,
            "helm",
            "list the images of the charts under additionalImages",
        );
        self.not_done(
            &mirror,
            "samples",
            "list the images of the samples under additionalImages",
        );
        let platform = mirror.optional("platform").map_or_else(
            || Some(Default::default()),
            |f| release::platform(self, &f, rules),
        );
        let operators = operators::operators(self, &mirror, rules);
        let additional = self.additional(&mirror, rules);
        let blocked = self.blocked(&mirror);
        Some(ImageSet {
            rules,
            platform: platform?,
            operators,
            additional,
            blocked,
            notes: Vec::new(),
        })
    }

    /// `apiVersion` and `kind`: without them nothing else can be judged.
    fn header(&mut self, document: &Field<'_>) -> Option<Rules> {
        let Some(root) = document.any_fields() else {
            document.refuse(&mut self.problems, "a mapping: kind, apiVersion, mirror");
            return None;
        };
        let kind = root
            .required(&mut self.problems, "kind", "ImageSetConfiguration")
            .and_then(|kind| {
                if kind.node.text() == Some("DeleteImageSetConfiguration") {
                    self.refuse(
                        &kind,
                        "\"DeleteImageSetConfiguration\" is not done by snobox",
                        "an image is made anew from what is asked for; take it out of the ImageSetConfiguration",
                    );
                    return None;
                }
                kind.one_of(&mut self.problems, &[("ImageSetConfiguration", ())])
            });
        let versions = [
            ("mirror.openshift.io/v1alpha2", Rules::V1),
            ("mirror.openshift.io/v2alpha1", Rules::V2),
        ];
        let allowed = "mirror.openshift.io/v1alpha2 or mirror.openshift.io/v2alpha1";
        let rules = root
            .required(&mut self.problems, "apiVersion", allowed)
            .and_then(|version| version.one_of(&mut self.problems, &versions));
        kind?;
        rules
    }

    /// Says that a value has no consequence.
    pub(super) fn note(&mut self, field: &Field<'_>, why: &str) {
        self.notes.push((place(field), why.to_owned()));
    }

    /// Says that a value is not allowed here, and what to do.
    pub(super) fn refuse(&mut self, field: &Field<'_>, given: &str, hint: &str) {
        self.problems.push(Problem {
            at: field.node.at,
            path: field.path.clone(),
            given: given.to_owned(),
            allowed: String::new(),
            hint: Some(hint.to_owned()),
        });
    }

    /// Refuses a field that belongs to the format and that snobox does not act on.
    pub(super) fn not_done(&mut self, fields: &Fields<'_>, key: &str, hint: &str) {
        if let Some(field) = fields.optional(key) {
            let hint = format!("remove it, nothing is silently ignored; {hint}");
            self.refuse(&field, &format!("{key} is not done by snobox"), &hint);
        }
    }

    pub(super) fn flag(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        let Some(field) = fields.optional(key) else {
            return false;
        };
        let text = field.node.plain().unwrap_or_default();
        if !TRUE.contains(&text) && !FALSE.contains(&text) {
            field.refuse(&mut self.problems, "true, false");
        }
        TRUE.contains(&text)
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, fields: &Fields<'_>, key: &str, allowed: &str) -> Option<String> {
        fields
            .optional(key)?
            .parsed(&mut self.problems, allowed, |t| {
                (!t.is_empty()).then(|| t.to_owned())
            })
    }

    pub(super) fn items<'a>(&mut self, fields: &Fields<'a>, key: &str) -> Vec<Field<'a>> {
        fields
            .optional(key)
            .map_or_else(Vec::new, |f| f.items(&mut self.problems, LIST))
    }

    /// Refuses whatever is there for the second time.
    pub(super) fn once(
        &mut self,
        seen: &mut HashMap<String, usize>,
        field: &Field<'_>,
        what: &str,
        name: &str,
    ) {
        if let Some(first) = seen.insert(name.to_owned(), field.node.at.line) {
            let given = format!("{what} {name:?} is asked for twice, first in line {first}");
            self.refuse(field, &given, "put everything about it into one entry");
        }
    }

    pub(super) fn platforms(&mut self, fields: &Fields<'_>, rules: Rules) -> Vec<OsArch> {
        let Some(field) = fields.optional("platforms") else {
            return Vec::new();
        };
        if rules == Rules::V1 {
            self.refuse(
                &field,
                "not part of v1alpha2",
                "write apiVersion: mirror.openshift.io/v2alpha1",
            );
            return Vec::new();
        }
        let mut all = Vec::new();
        for item in field.items(&mut self.problems, LIST) {
            let Some(fields) = item.fields(&mut self.problems, &["os", "architecture"], &[]) else {
                continue;
            };
            let os = fields.optional("os").map_or(Some("linux".to_owned()), |f| {
                f.one_of(&mut self.problems, &[("linux", ())])
                    .map(|()| "linux".to_owned())
            });
            let architecture = fields
                .required(&mut self.problems, "architecture", release::ARCHITECTURES)
                .and_then(|f| release::architecture(self, &f));
            if let (Some(os), Some(architecture)) = (os, architecture) {
                all.push(OsArch { os, architecture });
            }
        }
        all
    }

    pub(super) fn target(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        allowed: &str,
        good: fn(&str) -> bool,
    ) -> Option<String> {
        given(fields, key)?.parsed(&mut self.problems, allowed, |t| {
            good(t).then(|| t.to_owned())
        })
    }

    fn additional(&mut self, mirror: &Fields<'_>, rules: Rules) -> Vec<AdditionalImage> {
        let known: &[&str] = match rules {
            Rules::V1 => &["name"],
            Rules::V2 => &["name", "targetRepo", "targetTag", "platforms"],
        };
        let mut all = Vec::new();
        for item in self.items(mirror, "additionalImages") {
            let Some(fields) = item.fields(&mut self.problems, known, &[]) else {
                continue;
            };
            let name = fields
                .required(&mut self.problems, "name", IMAGE)
                .and_then(|f| f.parsed(&mut self.problems, IMAGE, |t| t.parse::<ImageRef>().ok()));
            let target_repo = self.target(
                &fields,
                "targetRepo",
                "repository path components",
                is_repository,
            );
            let target_tag = self.target(&fields, "targetTag", "a tag", is_tag);
            let platforms = self.platforms(&fields, rules);
            if let Some(name) = name {
                all.push(AdditionalImage {
                    place: place(&item),
                    name,
                    target_repo,
                    target_tag,
                    platforms,
                });
            }
        }
        all
    }

    fn blocked(&mut self, mirror: &Fields<'_>) -> Vec<Blocked> {
        let allowed = "an image reference, or a regular expression that matches references";
        let mut all = Vec::new();
        for item in self.items(mirror, "blockedImages") {
            let Some(fields) = item.fields(&mut self.problems, &["name"], &[]) else {
                continue;
            };
            let Some(field) = fields.required(&mut self.problems, "name", allowed) else {
                continue;
            };
            let Some(text) = field.node.text() else {
                field.refuse(&mut self.problems, allowed);
                continue;
            };
            match Regex::new(text) {
                Ok(pattern) => all.push(Blocked {
                    place: place(&item),
                    text: text.to_owned(),
                    pattern,
                }),
                Err(error) => {
                    let hint = format!("not a regular expression: {error}");
                    field.refuse_with_hint(&mut self.problems, allowed, Some(hint));
                }
            }
        }
        all
    }
}
