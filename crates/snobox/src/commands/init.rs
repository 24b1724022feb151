//! `snobox init`: flags, an install-config and questions → a site file, and the files that it names where an install-config held them.
//!
//! Everything is known and checked before anything is written; the site file comes last.

mod answers;
mod files;
mod questions;

use std::fs;
use std::path::Path;

use serde_json::json;
use snobox_plan::init::{Answers, Imported, from_install_config, site_yaml};
use snobox_plan::problem::Problem;
use snobox_plan::site;

use crate::cli::InitArgs;
use crate::error::{Error, Exit, Result};
use crate::flow::output::folder_of;
use crate::site_file::problems_error;
use crate::ui::Ui;
use files::{Access, NewFile, Taken};

/// Where the pull secret of an install-config goes, beside the site file.
const PULL_SECRET_FILE: &str = "pull-secret.json";
/// Where the SSH key of an install-config goes, beside the site file.
const SSH_KEY_FILE: &str = "ssh-key.pub";

/// Writes a site file.
pub fn run(args: &InitArgs, ui: &Ui) -> Result<()> {
    let folder = folder_of(&args.site);
    let site_taken = if args.force {
        Taken::Replace
    } else {
        Taken::Refuse
    };
    files::refuse_taken(&args.site, site_taken)?;

    let imported = match &args.from_install_config {
        Some(path) => import(path)?,
        None => Imported::default(),
    };
    let mut answers = answers::merge(args, &imported, folder)?;
    let missing = answers::missing(&mut answers);
    if !missing.is_empty() {
        if !ui.can_ask() {
            return Err(answers::missing_error(args, &missing));
        }
        questions::ask(ui, &mut answers, &missing, folder)?;
    }
    let text = site_yaml(&answers);
    site::read(&text).map_err(|problems| refused(&problems))?;

    let mut new = imported_files(args, &imported);
    new.push(NewFile::new(
        &args.site,
        text,
        Access::Everybody,
        site_taken,
    ));
    let written = files::write(new)?;
    report(args, &imported, &answers, &written, ui)
}

fn import(path: &Path) -> Result<Imported> {
    let text = fs::read_to_string(path)
        .map_err(|e| Error::caused(Exit::Site, format!("cannot read {}", path.display()), &e))?;
    from_install_config(&text).map_err(|problems| {
        let hint = "take an install-config.yaml for a single node with bootstrap in place, or give the flags that `snobox init --help` names";
        Error {
            hint: Some(hint.to_owned()),
            ..problems_error(path, &problems)
        }
    })
}

/// What an install-config held, unless a flag names a file instead.
fn imported_files(args: &InitArgs, imported: &Imported) -> Vec<NewFile> {
    let taken = if args.force {
        Taken::Replace
    } else {
        Taken::RefuseOther
    };
    let mut new = Vec::new();
    if let (None, Some(secret)) = (&args.pull_secret_file, &imported.pull_secret) {
        let text = format!("{}\n", secret.reveal().trim());
        new.push(NewFile::new(
            &args.site.with_file_name(PULL_SECRET_FILE),
            text,
            Access::Owner,
            taken,
        ));
    }
    if let (None, Some(key)) = (&args.ssh_key_file, &imported.ssh_key) {
        let text = format!("{key}\n");
        new.push(NewFile::new(
            &args.site.with_file_name(SSH_KEY_FILE),
            text,
            Access::Everybody,
            taken,
        ));
    }
    new
}

/// What is wrong with the values, by field and by flag; there is no file yet that has lines.
fn refused(problems: &[Problem]) -> Error {
    let mut message = match problems.len() {
        1 => "1 value cannot be used; nothing was written".to_owned(),
        n => format!("{n} values cannot be used; nothing was written"),
    };
    for problem in problems {
        message += &format!("\n  {}: {}", problem.path, problem.given);
        if !problem.allowed.is_empty() {
            message += &format!("; allowed: {}", problem.allowed);
        }
        if let Some(hint) = &problem.hint {
            message += &format!(" ({hint})");
        }
        if let Some(flag) = answers::flag_of(&problem.path) {
            message += &format!(" [{flag}]");
        }
    }
    Error::new(Exit::Site, message)
        .hint("give other values by the flags in brackets; `snobox init --help` shows them all")
}

fn report(
    args: &InitArgs,
    imported: &Imported,
    answers: &Answers,
    written: &[NewFile],
    ui: &Ui,
) -> Result<()> {
    let site = args.site.display();
    let next = format!("snobox check {}", answers::shell_word(&site.to_string()));
    let paths: Vec<_> = written.iter().map(NewFile::path).collect();
    let mut text = String::new();
    for path in &paths {
        text += &format!("wrote {}\n", path.display());
    }
    if !imported.left_out.is_empty() {
        text += &format!(
            "not taken over, because site.yaml has no place for it: {}\n",
            imported.left_out.join(", ")
        );
    }
    if answers.address.is_none() {
        text += "the node will use DHCP; node.address sets a static address\n";
    }
    text += &format!("next: {next}");
    let json = json!({"site": args.site.display().to_string(), "written": paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>(), "leftOut": imported.left_out, "next": next});
    ui.result(text, &json)
}
