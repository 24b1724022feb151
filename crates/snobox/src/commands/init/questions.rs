//! What is missing, asked of a person; an answer that cannot be used is asked for again.

use std::env;
use std::path::{Path, PathBuf};

use snobox_plan::init::{Answers, site_yaml};
use snobox_plan::site;

use super::answers::{Required, seen_from};
use crate::error::Result;
use crate::ui::Ui;

/// Asks for everything in `missing`, then for the network unless a flag already told something about it.
pub(super) fn ask(
    ui: &Ui,
    answers: &mut Answers,
    missing: &[Required],
    folder: &Path,
) -> Result<()> {
    for required in missing {
        let is_file = required.field.ends_with("File");
        let default = default_file(required.field, folder);
        let empty = Empty::NotAllowed;
        let asker = Asker {
            ui,
            field: required.field,
            question: required.what,
            empty,
        };
        asker.until_good(answers, default.as_deref(), |answers, text| {
            *(required.slot)(answers) = if is_file {
                seen_from(folder, &at_home(text))?
            } else {
                text.to_owned()
            };
            Ok(())
        })?;
    }
    let told = answers.address.is_some() || answers.interface.is_some() || !answers.dns.is_empty();
    if told { Ok(()) } else { network(ui, answers) }
}

fn network(ui: &Ui, answers: &mut Answers) -> Result<()> {
    let text_of = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let asker = |field, question, empty| Asker {
        ui,
        field,
        question,
        empty,
    };

    let question = "Static address with prefix length, such as 192.168.86.45/24; nothing for DHCP";
    asker("node.address", question, Empty::Allowed).until_good(
        answers,
        None,
        |answers, text| {
            answers.address = text_of(text);
            Ok(())
        },
    )?;
    if answers.address.is_none() {
        return Ok(());
    }
    let question = "Network interface, by name or by hardware address";
    asker("node.interface", question, Empty::NotAllowed).until_good(
        answers,
        None,
        |answers, text| {
            answers.interface = text_of(text);
            Ok(())
        },
    )?;
    asker("node.gateway", "Gateway; nothing for none", Empty::Allowed).until_good(
        answers,
        None,
        |answers, text| {
            answers.gateway = text_of(text);
            Ok(())
        },
    )?;
    let question = "Name servers, with spaces between; nothing for none";
    asker("node.dns", question, Empty::Allowed).until_good(answers, None, |answers, text| {
        answers.dns = text.split_whitespace().map(str::to_owned).collect();
        Ok(())
    })
}

/// Whether nothing is an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Allowed,
    NotAllowed,
}

/// One question.
struct Asker<'a> {
    ui: &'a Ui,
    /// The field that the answer becomes.
    field: &'a str,
    question: &'a str,
    empty: Empty,
}

impl Asker<'_> {
    /// Asks, lets `put` note the answer, and asks again as long as the field is refused.
    fn until_good(
        &self,
        answers: &mut Answers,
        default: Option<&str>,
        put: impl Fn(&mut Answers, &str) -> Result<()>,
    ) -> Result<()> {
        loop {
            let text = self.ui.ask(self.question, default)?;
            if text.is_empty() && self.empty == Empty::NotAllowed {
                continue;
            }
            put(answers, &text)?;
            let problems = site::read(&site_yaml(answers)).err().unwrap_or_default();
            // Other fields may have no answer yet.
            let mine: Vec<_> = problems
                .iter()
                .filter(|p| p.path.starts_with(self.field))
                .collect();
            if mine.is_empty() {
                return Ok(());
            }
            for problem in mine {
                self.ui
                    .say(format!("  {}; allowed: {}", problem.given, problem.allowed));
            }
        }
    }
}

/// A file that is there, to be proposed.
fn default_file(field: &str, folder: &Path) -> Option<String> {
    let candidates = match field {
        "pullSecretFile" => vec![folder.join(super::PULL_SECRET_FILE)],
        "sshKeyFile" => ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"]
            .into_iter()
            .map(|name| at_home(&format!("~/.ssh/{name}")))
            .collect(),
        _ => Vec::new(),
    };
    let found = candidates.into_iter().find(|path| path.is_file())?;
    found.to_str().map(str::to_owned)
}

/// `~/` at the start of an answer: no shell has seen it.
fn at_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(text),
    }
}
