//! `snobox catalog select`: the bundles and images that an image set chooses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;
use snobox_catalog::image_set::{CatalogRef, ImageSet, Operator};
use snobox_catalog::select::{Asked, Selection, select_all};
use snobox_formats::reference::ImageRef;

use super::Sources;
use crate::error::{Error, Exit, Result};
use crate::flow::catalog::Named;
use crate::image_set_file::{self, ImageSetFile};
use crate::ui::table;

/// Reads the image set and the catalogs that it names, and prints what is chosen.
pub(super) async fn run(
    path: &Path,
    catalogs: &[(String, PathBuf)],
    sources: &mut Sources<'_>,
) -> Result<()> {
    let file = image_set_file::read(path)
        .map_err(|error| error.hint("--image-set names an ImageSetConfiguration"))?;
    let set = &file.set;
    let named = stand_ins(&file, catalogs, path)?;
    let mut notes = file.notes();
    let (mut problems, mut rows, mut bundles) = (Vec::new(), Vec::new(), Vec::new());
    let mut images = BTreeSet::new();
    let mut read = Vec::new();
    for named in named {
        read.push(sources.catalog(&named).await?);
    }
    let asked = set.operators.iter().zip(&read);
    let asked: Vec<Asked<'_>> = asked
        .map(|(operator, catalog)| Asked {
            catalog,
            operator,
            rules: set.rules,
        })
        .collect();
    for (selection, ask) in select_all(&asked).into_iter().zip(&asked) {
        let Asked {
            catalog, operator, ..
        } = *ask;
        let selection = match selection {
            Ok(selection) => selection,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        notes.extend(selection_notes(operator, &selection));
        for bundle in selection.bundles(catalog) {
            let mut own = Vec::new();
            for image in bundle.images {
                match judged(set, image) {
                    None => own.push(image.clone()),
                    Some(why) => notes.push(format!("{}: {image} is left out: {why}", bundle.name)),
                }
            }
            images.extend(own.iter().cloned());
            let version = bundle.version.map(ToString::to_string);
            rows.push([
                bundle.package.to_owned(),
                version.clone().unwrap_or_default(),
                bundle.name.to_owned(),
                bundle.channels.join(", "),
                own.len().to_string(),
            ]);
            bundles.push(json!({
                "package": bundle.package,
                "name": bundle.name,
                "version": version,
                "channels": bundle.channels,
                "images": own,
            }));
        }
    }
    if !problems.is_empty() {
        return Err(image_set_file::refused(path, &problems));
    }
    let ui = sources.ui;
    for note in &notes {
        ui.say(format!("note: {note}"));
    }
    let count = bundles.len();
    rows.insert(
        0,
        ["PACKAGE", "VERSION", "BUNDLE", "CHANNELS", "IMAGES"].map(str::to_owned),
    );
    let text = format!("{}\n{count} bundles, {} images", table(&rows), images.len());
    ui.result(text, &json!({"bundles": bundles, "notes": notes}))
}

/// Where each catalog of the image set comes from: what stands in for it, or else its folder or image.
fn stand_ins(
    file: &ImageSetFile,
    catalogs: &[(String, PathBuf)],
    path: &Path,
) -> Result<Vec<Named>> {
    let set = &file.set;
    let names: Vec<String> = set
        .operators
        .iter()
        .map(|o| o.catalog.to_string())
        .collect();
    if let Some((unknown, _)) = catalogs.iter().find(|(name, _)| !names.contains(name)) {
        let message = format!(
            "--catalog {unknown}=…: {} does not name this catalog",
            path.display()
        );
        let hint = if names.is_empty() {
            "it asks for no operators".to_owned()
        } else {
            format!("it names {}", names.join(", "))
        };
        return Err(Error::new(Exit::Usage, message).hint(hint));
    }
    let find = |operator: &Operator| {
        let name = operator.catalog.to_string();
        let found = catalogs.iter().find(|(given, _)| *given == name);
        match (found, &operator.catalog) {
            (Some((_, path)), _) => Named::Files(path.clone()),
            (None, CatalogRef::Image(image)) => Named::Image(image.clone()),
            (None, CatalogRef::Layout(path)) => Named::Layout(file.resolve(path)),
        }
    };
    Ok(set.operators.iter().map(find).collect())
}

fn selection_notes(operator: &Operator, selection: &Selection) -> Vec<String> {
    let note = |note: &String| format!("{}: {note}", operator.catalog);
    selection.notes.iter().map(note).collect()
}

/// Why an image is left out, if it is.
fn judged(set: &ImageSet, image: &str) -> Option<String> {
    if let Some(blocked) = set.blocks(image) {
        return Some(format!("blockedImages has {:?}", blocked.text));
    }
    image
        .parse::<ImageRef>()
        .err()
        .map(|error| error.to_string())
}
