//! `snobox certs`: the certificates that an installer's config brings, and their renewal.

mod extend;
mod show;

use std::fs;
use std::path::{Path, PathBuf};

use snobox_certs::ignition::Sources;
use snobox_certs::{Plan, Survey, Text, Zeroizing, moment_text, obstacle};
use time::OffsetDateTime;

use super::{ignition, iso};
use crate::cli::CertsCommand;
use crate::error::{Error, Exit, Result};
use crate::input;
use crate::ui::Ui;

/// Looks at certificates, or renews them.
pub fn run(command: &CertsCommand, ui: &Ui) -> Result<()> {
    let now = OffsetDateTime::now_utc();
    match command {
        CertsCommand::Show { file } => show::run(file, now, ui),
        CertsCommand::Extend {
            file,
            validity,
            also_longer,
            output,
            force,
            dry_run,
        } => {
            let wish = extend::Wish {
                validity: *validity,
                also_longer: *also_longer,
                output: output.as_deref(),
                force: *force,
                dry_run: *dry_run,
            };
            extend::run(file, &wish, now, ui)
        }
    }
}

/// Bytes with private keys in them; wiped in the end.
type Document = Zeroizing<Vec<u8>>;

/// The Ignition config in a file: the file itself, or the one that is embedded in an ISO or image.
fn config(file: &Path) -> Result<Document> {
    let bytes = if ignition::is_json(file)? {
        input::read(file).map_err(|e| Error::file("read", file, &e))?
    } else {
        let live = iso::read(file)?;
        let config = live.ignition();
        config.ok_or_else(|| iso::no_ignition(file))?.to_vec()
    };
    Ok(Zeroizing::new(bytes))
}

/// The texts of a config, and where they stand in it.
fn sources(file: &Path, config: &[u8]) -> Result<(Vec<Text>, Sources)> {
    Sources::read(config).map_err(|e| {
        Error::caused(Exit::Ignition, file.display().to_string(), &e).hint(
            "expected an Ignition config of specification 3.x, or a live ISO or image that has one",
        )
    })
}

/// The texts of a folder, and files in it that were not looked into.
fn folder(root: &Path) -> Result<(Vec<Text>, Vec<String>)> {
    let (mut texts, mut skipped) = (Vec::new(), Vec::new());
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |e| Error::file("read", &folder, &e);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let kind = fs::symlink_metadata(&path).map_err(failed)?.file_type();
            let name = path.strip_prefix(root).unwrap_or(&path);
            let name = name.to_string_lossy().into_owned();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                match input::read(&path) {
                    Ok(bytes) => texts.push(Text {
                        path: name,
                        bytes: Zeroizing::new(bytes),
                    }),
                    Err(e) if e.kind() == std::io::ErrorKind::InvalidData => skipped.push(name),
                    Err(e) => return Err(Error::file("read", &path, &e)),
                }
            }
        }
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    skipped.sort();
    Ok((texts, skipped))
}

/// Why a certificate cannot be renewed, for people and machines; `None` if it can be.
fn cannot(survey: &Survey, certificate: usize) -> Option<String> {
    obstacle(survey, certificate).map(|why| why.to_string())
}

/// From when on a node does not install with what a plan leaves behind, and because of whom.
fn installs_until(survey: &Survey, plan: &Plan) -> Option<(String, String)> {
    let (end, certificate) = plan.installs_until(survey)?;
    Some((moment_text(end), certificate.subject().to_owned()))
}
