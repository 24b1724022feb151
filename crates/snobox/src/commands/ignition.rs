//! `snobox ignition`: what a config brings, what is wrong with it, and how two of them differ.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use snobox_formats::ignition::Ignition;
use snobox_media::difference::{Contents, Entry, difference};
use snobox_media::inventory::{Inventory, inventory, is_secret, unit_text};
use snobox_media::lint::{self, Severity};

use super::iso;
use crate::cli::IgnitionCommand;
use crate::error::{Error, Exit, Result};
use crate::input;
use crate::ui::Ui;

/// Looks at one config, or at two.
pub fn run(command: &IgnitionCommand, ui: &Ui) -> Result<()> {
    match command {
        IgnitionCommand::Show {
            file,
            path: None,
            reveal: _,
        } => list(&inventory(&read(file)?), ui),
        IgnitionCommand::Show {
            file,
            path: Some(path),
            reveal,
        } => print(file, path, *reveal, ui),
        IgnitionCommand::Lint { file } => lint(file, ui),
        IgnitionCommand::Diff {
            before,
            after,
            reveal,
        } => diff(before, after, *reveal, ui),
    }
}

/// The config in a file: the file itself, or the one that is embedded in an ISO or image.
fn read(path: &Path) -> Result<Ignition> {
    let bytes = if is_json(path)? {
        input::read(path).map_err(|e| Error::file("read", path, &e))?
    } else {
        let live = iso::read(path)?;
        live.ignition()
            .ok_or_else(|| iso::no_ignition(path))?
            .to_vec()
    };
    Ignition::parse(&bytes).map_err(|e| {
        Error::caused(Exit::Ignition, path.display().to_string(), &e).hint(
            "expected an Ignition config of specification 3.x, or a live ISO or image that has one",
        )
    })
}

/// Whether a file starts as a JSON object does. An ISO starts with boot code or zeros, its compressed form with the signature of xz.
pub(super) fn is_json(path: &Path) -> Result<bool> {
    let failed = |e| Error::file("read", path, &e);
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(
            Error::new(Exit::File, format!("{} is a folder", path.display()))
                .hint("name an Ignition config, a live ISO or an image"),
        );
    }
    if metadata.is_file() && metadata.len() < 0x8000 {
        // Shorter than the first volume descriptor of an ISO: what it is not, as a config, is the better answer.
        return Ok(true);
    }
    let mut start = [0; 512];
    let count = File::open(path)
        .and_then(|mut file| file.read(&mut start))
        .map_err(failed)?;
    let text = start[..count].trim_ascii_start();
    Ok(text.starts_with(b"{"))
}

fn list(inventory: &Inventory, ui: &Ui) -> Result<()> {
    let mut text = String::from("mode      bytes  by         file\n");
    for file in &inventory.files {
        let mode = file
            .mode
            .map_or("-".to_owned(), |mode| format!("{mode:04o}"));
        let size = file
            .size_bytes
            .map_or("-".to_owned(), |size| size.to_string());
        text += &format!(
            "{mode:<5} {size:>9}  {:<9}  {}{}\n",
            file.origin.name(),
            file.path,
            if file.secret { " (secret)" } else { "" }
        );
    }
    text += "\nenabled  by         unit\n";
    for unit in &inventory.units {
        let enabled = match unit.enabled {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        let drop_ins = match unit.drop_ins.len() {
            0 => String::new(),
            _ => format!(" (drop-ins: {})", unit.drop_ins.join(", ")),
        };
        text += &format!(
            "{enabled:<7}  {:<9}  {}{drop_ins}\n",
            unit.origin.name(),
            unit.name
        );
    }
    let value = json!({
        "version": inventory.version,
        "files": inventory.files.iter().map(|file| json!({
            "path": file.path,
            "mode": file.mode,
            "sizeBytes": file.size_bytes,
            "origin": file.origin.name(),
            "secret": file.secret,
        })).collect::<Vec<_>>(),
        "units": inventory.units.iter().map(|unit| json!({
            "name": unit.name,
            "enabled": unit.enabled,
            "hasContents": unit.has_contents,
            "dropIns": unit.drop_ins,
            "origin": unit.origin.name(),
        })).collect::<Vec<_>>(),
    });
    ui.result(text.trim_end(), &value)
}

/// One file, byte for byte, or one unit with its drop-ins.
fn print(file: &Path, path: &str, reveal: bool, ui: &Ui) -> Result<()> {
    let ignition = read(file)?;
    if let Some(unit) = ignition.units().find(|unit| unit.name() == path) {
        let text = unit_text(unit);
        let value = json!({"name": path, "enabled": unit.enabled(), "contents": text});
        return ui.result(text.trim_end_matches('\n'), &value);
    }
    let Some(entry) = ignition.files().find(|entry| entry.path() == path) else {
        let message = format!("{} has no file and no unit {path}", file.display());
        return Err(Error::new(Exit::Usage, message).hint(format!(
            "`snobox ignition show {}` lists them",
            file.display()
        )));
    };
    let contents = entry
        .contents()
        .map_err(|e| Error::caused(Exit::Ignition, file.display().to_string(), &e))?;
    if is_secret(path, &contents) && !reveal {
        return Err(Error::new(Exit::Usage, format!("{path} is secret")).hint("--reveal prints it"));
    }
    let value = json!({
        "path": path,
        "mode": entry.mode(),
        "sizeBytes": contents.len(),
        "contents": std::str::from_utf8(&contents).ok(),
    });
    if ui.is_for_machines() {
        return ui.result("", &value);
    }
    ui.data(&contents)
}

fn lint(file: &Path, ui: &Ui) -> Result<()> {
    let findings = lint::lint(&read(file)?);
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut text = String::new();
    for finding in &findings {
        text += &format!("{finding}\n    hint: {}\n", finding.hint);
    }
    text += &format!("{}: {errors} errors, {warnings} warnings", file.display());
    let list: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id,
                "severity": finding.severity.to_string(),
                "object": finding.place.object,
                "line": finding.place.line,
                "expected": finding.expected,
                "found": finding.found,
                "hint": finding.hint,
            })
        })
        .collect();
    let value =
        json!({"ok": errors == 0, "errors": errors, "warnings": warnings, "findings": list});
    ui.result(text, &value)?;
    if errors == 0 {
        return Ok(());
    }
    let what = if errors == 1 { "error" } else { "errors" };
    let mut error = Error::new(
        Exit::Findings,
        format!("{errors} {what} in {}", file.display()),
    )
    .hint("each finding above says what to do");
    error.told = true;
    Err(error)
}

fn diff(before: &Path, after: &Path, reveal: bool, ui: &Ui) -> Result<()> {
    let entries = difference(&read(before)?, &read(after)?, reveal);
    let value = json!({"equal": entries.is_empty(), "differences": entries.iter().map(to_json).collect::<Vec<_>>()});
    if entries.is_empty() {
        return ui.result("equal", &value);
    }
    let text: String = entries.iter().map(to_text).collect();
    ui.result(text.trim_end(), &value)?;
    let message = format!(
        "{} and {} differ in {} places",
        before.display(),
        after.display(),
        entries.len()
    );
    let mut error = Error::new(Exit::Findings, message)
        .hint("this exit status says no more than that; 0 stands for equal");
    error.told = true;
    Err(error)
}

fn to_text(entry: &Entry) -> String {
    let mut text = format!(
        "{} {} {}",
        entry.change.name(),
        entry.kind.name(),
        entry.name
    );
    let mut remarks = entry.attributes.clone();
    match &entry.contents {
        Contents::Bytes(old, new) => remarks.push(format!("bytes: {old} → {new}")),
        Contents::Secret => remarks.push("content is secret".to_owned()),
        Contents::Same | Contents::Text(_) => {}
    }
    if !remarks.is_empty() {
        text += &format!(" ({})", remarks.join(", "));
    }
    text.push('\n');
    if let Contents::Text(diff) = &entry.contents {
        text += diff;
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

fn to_json(entry: &Entry) -> Value {
    let contents = match &entry.contents {
        Contents::Same => json!({"same": true}),
        Contents::Text(diff) => json!({"diff": diff}),
        Contents::Bytes(old, new) => json!({"bytesBefore": old, "bytesAfter": new}),
        Contents::Secret => json!({"secret": true}),
    };
    json!({
        "kind": entry.kind.name(),
        "name": entry.name,
        "change": entry.change.name(),
        "attributes": entry.attributes,
        "contents": contents,
    })
}
