//! Programs that units and scripts start: something must bring them, and they must be able to run.

use std::collections::BTreeSet;

use super::modes::mistaken;
use super::{Finding, Severity, Subject};
use crate::installer::RELEASE_IMAGE;
use crate::installer::images::{Asked, exec_lines};
use crate::installer::shell::{Command, commands};
use crate::installer::texts::{Boot, FileText, Place, Texts, UnitText};

/// Folders that no live system brings programs in.
const FOLDERS: [&str; 2] = ["/usr/local/bin/", "/opt/openshift/"];
const SHELLS: [&str; 2] = ["sh", "bash"];

/// A program that something starts.
struct Start {
    path: String,
    place: Place,
    boot: Boot,
    by: String,
    /// Whether the kernel starts it, which its mode must allow.
    directly: bool,
}

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let texts = &subject.texts;
    let scripts: Vec<(&FileText, Vec<Command>)> = texts
        .files
        .iter()
        .filter_map(|file| {
            let text = file.text.as_ref().filter(|text| text.starts_with("#!"))?;
            Some((file, commands(text)))
        })
        .collect();
    let made = made(&scripts);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for start in starts(texts, &scripts) {
        let brought = texts
            .files
            .iter()
            .find(|file| file.boot == start.boot && file.path == start.path);
        let finding = match brought {
            None if made.contains(&start.path) => None,
            None => Some(missing(&start)),
            Some(file) => unable(&start, file),
        };
        findings.extend(finding.filter(|finding| seen.insert((finding.id, start.path.clone()))));
    }
    findings.extend(
        scripts
            .iter()
            .filter_map(|(file, commands)| undefined(file, commands)),
    );
    findings.extend(unresolved(texts));
    findings
}

fn is_ours_to_bring(path: &str) -> bool {
    FOLDERS.iter().any(|folder| path.starts_with(folder)) && !path.contains(['$', '*'])
}

/// What a command starts: itself, the script given to a shell, or the file that it reads in. With whether the kernel starts it.
fn program(command: &Command) -> Option<(&str, bool)> {
    let run = command.run();
    let first = run.first()?.text.as_str();
    let name = first.rsplit('/').next().unwrap_or(first);
    if SHELLS.contains(&name) || matches!(first, "." | "source") {
        let script = run[1..].iter().find(|word| !word.text.starts_with('-'))?;
        return Some((&script.text, false));
    }
    Some((first, true))
}

fn starts(texts: &Texts, scripts: &[(&FileText, Vec<Command>)]) -> Vec<Start> {
    let mut starts = Vec::new();
    let mut enter = |command: &Command, place: Place, boot, by: &str| {
        if let Some((path, directly)) = program(command)
            && is_ours_to_bring(path)
        {
            starts.push(Start {
                path: path.to_owned(),
                place,
                boot,
                by: by.to_owned(),
                directly,
            });
        }
    };
    for unit in &texts.units {
        for (line, script) in exec_lines(unit) {
            for command in commands(&script) {
                enter(&command, unit.place(line), unit.boot, &unit.name);
            }
        }
    }
    for (file, commands) in scripts {
        for command in commands {
            let place = match file.place.line {
                None => Place::at(&file.place.object, command.line),
                Some(_) => file.place.clone(),
            };
            enter(command, place, file.boot, &file.path);
        }
    }
    starts
}

/// The texts of the programs that a unit starts.
pub(super) fn script_of<'a>(texts: &'a Texts, unit: &UnitText) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (_, script) in exec_lines(unit) {
        for command in commands(&script) {
            let Some((path, _)) = program(&command) else {
                continue;
            };
            let file = texts
                .files
                .iter()
                .find(|file| file.boot == unit.boot && file.path == path);
            found.extend(file.and_then(|file| file.text.as_deref()));
        }
    }
    found
}

/// Paths that a script names otherwise than by starting them: it may make them.
fn made(scripts: &[(&FileText, Vec<Command>)]) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    for (_, commands) in scripts {
        for command in commands {
            let started = program(command).map(|(path, _)| path);
            for word in &command.words {
                let path = word.text.rsplit(['=', '>']).next().unwrap_or("");
                if is_ours_to_bring(path) && started != Some(word.text.as_str()) {
                    made.insert(path.to_owned());
                }
            }
        }
    }
    made
}

fn missing(start: &Start) -> Finding {
    Finding {
        id: "program-missing",
        // The Machine Config Operator brings programs of its own to the installed system.
        severity: match start.boot {
            Boot::Live => Severity::Error,
            Boot::Installed => Severity::Warning,
        },
        place: start.place.clone(),
        expected: format!("a file {} in the ignition", start.path),
        found: format!("none, and {} starts it", start.by),
        hint: "bring the file, or take out what starts it".to_owned(),
    }
}

fn unable(start: &Start, file: &FileText) -> Option<Finding> {
    let finding = |id, expected: &str, found: String, hint: &str| Finding {
        id,
        severity: Severity::Error,
        place: file.place.clone(),
        expected: expected.to_owned(),
        found,
        hint: hint.to_owned(),
    };
    if file
        .text
        .as_deref()
        .is_some_and(|text| text.trim().is_empty())
    {
        let found = format!("an empty file, and {} starts it", start.by);
        return Some(finding(
            "program-empty",
            "a script",
            found,
            "was it emptied for publication?",
        ));
    }
    // A mode that was meant otherwise has its own finding.
    let mode = file
        .mode
        .as_ref()
        .filter(|mode| mistaken(&mode.text).is_none())?;
    let bits = match mode.text.strip_prefix('0') {
        Some(octal) => u32::from_str_radix(octal.trim_start_matches('o'), 8).ok()?,
        None => mode.text.parse().ok()?,
    };
    let runs = !start.directly || bits & 0o100 != 0;
    (!runs).then(|| {
        let found = format!("mode 0{bits:o}, and {} starts it", start.by);
        finding(
            "program-mode",
            "a mode that lets it run, such as 0755",
            found,
            "in the JSON of an ignition, 0755 is 493",
        )
    })
}

/// A script that asks for images without the function that does it.
fn undefined(file: &FileText, commands: &[Command]) -> Option<Finding> {
    let call = commands
        .iter()
        .find(|command| command.runs(&["image_for"]) && command.run().len() > 1)?;
    let defined = commands.iter().any(|command| {
        let reads = program(command).is_some_and(|(path, _)| path.ends_with("/release-image.sh"));
        reads || (command.runs(&["image_for"]) && command.run().len() == 1)
    });
    (!defined).then(|| Finding {
        id: "image-for-undefined",
        severity: Severity::Warning,
        place: Place::at(&file.place.object, call.line),
        expected: format!("`. {RELEASE_IMAGE}` in this script"),
        found: "image_for without it".to_owned(),
        hint: "unless another script that has it reads this one in, the call fails".to_owned(),
    })
}

fn unresolved(texts: &Texts) -> Vec<Finding> {
    let unresolved = Asked::of(texts).unresolved.into_iter();
    let finding = |(word, place)| Finding {
        id: "image-for-unresolved",
        severity: Severity::Warning,
        place,
        expected: "a component's name, or a variable that gets one in the same script".to_owned(),
        found: format!("image_for {word}"),
        hint: "nobody can tell from here which image will be asked for: see that the cache has it"
            .to_owned(),
    };
    unresolved.map(finding).collect()
}
