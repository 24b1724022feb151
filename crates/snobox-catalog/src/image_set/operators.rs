//! `mirror.operators`: which operators are asked for, in which versions.

use std::collections::HashMap;

use semver::Version;
use snobox_formats::reference::{is_repository, is_tag};
use snobox_plan::ask::{Field, Fields};

use super::read::{Reading, given, place};
use super::{CatalogRef, ChannelAsk, Operator, PackageAsk, Range, Rules};

const CATALOG: &str = "a catalog image such as registry.redhat.io/redhat/redhat-operator-index:v4.13, or oci:// and a folder";

pub(super) fn operators(reading: &mut Reading, mirror: &Fields<'_>, rules: Rules) -> Vec<Operator> {
    let mut seen = HashMap::new();
    let mut all = Vec::new();
    for item in reading.items(mirror, "operators") {
        all.extend(operator(reading, &item, rules, &mut seen));
    }
    all
}

fn operator(
    reading: &mut Reading,
    item: &Field<'_>,
    rules: Rules,
    seen: &mut HashMap<String, usize>,
) -> Option<Operator> {
    let known: &[&str] = match rules {
        Rules::V1 => &[
            "catalog",
            "full",
            "skipDependencies",
            "targetCatalog",
            "targetTag",
            "targetName",
            "originalRef",
            "packages",
        ],
        Rules::V2 => &[
            "catalog",
            "full",
            "skipDependencies",
            "targetCatalog",
            "targetTag",
            "targetCatalogSourceTemplate",
            "platforms",
            "packages",
        ],
    };
    let fields = item.fields(&mut reading.problems, known, &[])?;
    let catalog = fields
        .required(&mut reading.problems, "catalog", CATALOG)
        .and_then(|f| f.parsed(&mut reading.problems, CATALOG, catalog_ref));
    for key in ["targetName", "originalRef"] {
        if let Some(old) = fields.optional(key) {
            reading.note(&old, "deprecated, and without consequence");
        }
    }
    let full = reading.flag(&fields, "full");
    let skip_dependencies = reading.flag(&fields, "skipDependencies");
    let allowed =
        "repository path components: lower-case letters, digits, dots, dashes, underscores";
    let target_catalog = reading.target(&fields, "targetCatalog", allowed, is_repository);
    let target_tag = reading.target(&fields, "targetTag", "a tag", is_tag);
    let allowed = "the path of a file";
    let template = given(&fields, "targetCatalogSourceTemplate");
    let source_template =
        template.and_then(|f| f.parsed(&mut reading.problems, allowed, non_empty));
    let platforms = reading.platforms(&fields, rules);
    let mut names = HashMap::new();
    let mut packages = Vec::new();
    for package in reading.items(&fields, "packages") {
        packages.extend(self::package(reading, &package, rules, full, &mut names));
    }
    let catalog = catalog?;
    let unique = format!(
        "{}{}",
        target_catalog
            .clone()
            .unwrap_or_else(|| catalog.to_string()),
        target_tag
            .as_ref()
            .map(|t| format!(":{t}"))
            .unwrap_or_default()
    );
    reading.once(seen, item, "the catalog", &unique);
    Some(Operator {
        place: place(item),
        catalog,
        full,
        skip_dependencies,
        target_catalog,
        target_tag,
        source_template,
        platforms,
        packages,
    })
}

fn catalog_ref(text: &str) -> Option<CatalogRef> {
    match text.strip_prefix("oci://") {
        Some(path) => (!path.is_empty()).then(|| CatalogRef::Layout(path.to_owned())),
        None => text.parse().ok().map(CatalogRef::Image),
    }
}

fn package(
    reading: &mut Reading,
    item: &Field<'_>,
    rules: Rules,
    full: bool,
    seen: &mut HashMap<String, usize>,
) -> Option<PackageAsk> {
    let known: &[&str] = match rules {
        Rules::V1 => &[
            "name",
            "minVersion",
            "maxVersion",
            "minBundle",
            "defaultChannel",
            "channels",
        ],
        Rules::V2 => &[
            "name",
            "minVersion",
            "maxVersion",
            "defaultChannel",
            "channels",
            "selectedBundles",
        ],
    };
    let fields = item.fields(&mut reading.problems, known, &[])?;
    let allowed = "the name of an operator";
    fields.required(&mut reading.problems, "name", allowed)?;
    let name = reading.text(&fields, "name", allowed)?;
    reading.once(seen, item, "the package", &name);
    let range = bounds(reading, &fields);
    let default_channel = given(&fields, "defaultChannel").and_then(|f| {
        let text = f.parsed(&mut reading.problems, "the name of a channel", non_empty)?;
        Some((text, place(&f)))
    });
    let mut selected_bundles = Vec::new();
    for bundle in reading.items(&fields, "selectedBundles") {
        let allowed = "the name of a bundle, such as operator.v1.2.3";
        let Some(fields) = bundle.fields(&mut reading.problems, &["name"], &[]) else {
            continue;
        };
        let name = fields
            .required(&mut reading.problems, "name", allowed)
            .and_then(|f| f.parsed(&mut reading.problems, allowed, non_empty));
        selected_bundles.extend(name.map(|name| (name, place(&bundle))));
    }
    let mut names = HashMap::new();
    let mut channels: Vec<ChannelAsk> = Vec::new();
    for item in reading.items(&fields, "channels") {
        let known: &[&str] = match rules {
            Rules::V1 => &["name", "minVersion", "maxVersion", "minBundle"],
            Rules::V2 => &["name", "minVersion", "maxVersion"],
        };
        let Some(fields) = item.fields(&mut reading.problems, known, &[]) else {
            continue;
        };
        let allowed = "the name of a channel";
        if fields
            .required(&mut reading.problems, "name", allowed)
            .is_none()
        {
            continue;
        }
        let Some(name) = reading.text(&fields, "name", allowed) else {
            continue;
        };
        reading.once(&mut names, &item, "the channel", &name);
        let own = bounds(reading, &fields);
        if let (false, Some(_)) = (range.is_open(), &own.place) {
            reading.refuse(
                &item,
                &format!("both the package and its channel {name:?} have versions"),
                "keep those of the channel",
            );
        }
        channels.push(ChannelAsk {
            place: place(&item),
            name,
            range: own,
        });
    }
    let has_range = !range.is_open() || channels.iter().any(|channel| !channel.range.is_open());
    if rules == Rules::V2 && full && (has_range || !selected_bundles.is_empty()) {
        reading.refuse(
            item,
            "full: true takes every version, and versions are asked for as well",
            "remove full: true, or the versions",
        );
    }
    if !selected_bundles.is_empty() && has_range {
        reading.refuse(
            item,
            "selectedBundles and versions exclude each other",
            "keep selectedBundles to get these and nothing else",
        );
    }
    Some(PackageAsk {
        place: place(item),
        name,
        range,
        default_channel,
        channels,
        selected_bundles,
    })
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// `minVersion`, `maxVersion` and `minBundle` of a package, or of a channel of operators or releases.
pub(super) fn bounds(reading: &mut Reading, fields: &Fields<'_>) -> Range {
    let allowed = "a version by semver: three numbers, such as 4.13.1 or 4.13.0-202305262054";
    let mut range = Range::default();
    for (key, bound) in [
        ("minVersion", &mut range.bounds.min),
        ("maxVersion", &mut range.bounds.max),
    ] {
        if let Some(field) = given(fields, key) {
            let hint = field
                .node
                .text()
                .and_then(|t| t.strip_prefix('v'))
                .filter(|t| Version::parse(t).is_ok())
                .map(|t| format!("write {t}, without the v"));
            *bound = field.node.text().and_then(|t| Version::parse(t).ok());
            if bound.is_none() {
                field.refuse_with_hint(&mut reading.problems, allowed, hint);
            }
            range.place.get_or_insert_with(|| place(&field));
            if key == "maxVersion" {
                range.max_place = Some(place(&field));
            }
        }
    }
    if let Some(field) = given(fields, "minBundle") {
        range.min_bundle = field.parsed(&mut reading.problems, "the name of a bundle", non_empty);
        if range.bounds.min.is_some() {
            reading.refuse(
                &field,
                "minBundle and minVersion exclude each other",
                "keep minVersion; minBundle is for bundles without a version",
            );
        }
        range.place.get_or_insert_with(|| place(&field));
    }
    if range.bounds.is_reversed()
        && let (Some(min), Some(max), Some(field)) = (
            &range.bounds.min,
            &range.bounds.max,
            fields.optional("minVersion"),
        )
    {
        reading.refuse(
            &field,
            &format!("minVersion {min} is above maxVersion {max}"),
            &format!("write minVersion: {max} and maxVersion: {min}"),
        );
    }
    range
}
