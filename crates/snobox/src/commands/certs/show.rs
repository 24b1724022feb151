//! `snobox certs show`: a table, short-lived first.

use std::path::Path;

use serde_json::{Value, json};
use snobox_certs::{Deadline, Found, Survey, days_text, moment_text};
use time::OffsetDateTime;

use super::{cannot, config, folder, sources};
use crate::error::Result;
use crate::ui::Ui;

pub(super) fn run(file: &Path, now: OffsetDateTime, ui: &Ui) -> Result<()> {
    let (texts, skipped) = if file.is_dir() {
        folder(file)?
    } else {
        let config = config(file)?;
        let (texts, sources) = sources(file, &config)?;
        (texts, sources.skipped().to_vec())
    };
    let survey = Survey::of(texts);
    let mut rows: Vec<usize> = (0..survey.certificates().len()).collect();
    rows.sort_by_key(|row| survey.certificates()[*row].certificate.life());
    let list: Vec<_> = rows.iter().map(|row| to_json(&survey, *row, now)).collect();
    let unreadable: Vec<_> = survey
        .unreadable()
        .iter()
        .map(ToString::to_string)
        .collect();
    let deadline = Deadline::of(&survey, now);
    let value = json!({
        "now": moment_text(now),
        "certificates": list,
        "places": survey.places(),
        "installsUntil": deadline.as_it_is.map(moment_text),
        "renewableUntil": deadline.renewed.map(moment_text),
        "unreadable": unreadable,
        "skipped": skipped,
    });
    let mut text =
        "from                  until                 left    renew  certificate\n".to_owned();
    for row in rows {
        text += &to_text(&survey, row, now);
    }
    for line in &unreadable {
        text += &format!("{line}\n");
    }
    for path in &skipped {
        text += &format!("{path}: not looked into\n");
    }
    text += &format!(
        "{} certificates in {} places",
        survey.certificates().len(),
        survey.places()
    );
    if let Some(until) = deadline.as_it_is {
        text += if until > now {
            "\ninstalls until "
        } else {
            "\ndoes not install since "
        };
        text += &moment_text(until);
    }
    if let Some(until) = deadline.renewed {
        let until = moment_text(until);
        text += &format!("; with renewal on the device: until {until}");
    }
    ui.result(text, &value)
}

fn to_text(survey: &Survey, row: usize, now: OffsetDateTime) -> String {
    let found = &survey.certificates()[row];
    let certificate = &found.certificate;
    let why = cannot(survey, row);
    let issuer = if certificate.issuer() == certificate.subject() {
        String::new()
    } else {
        format!(" (of {})", certificate.issuer())
    };
    let mut text = format!(
        "{}  {}  {:>6}  {:<5}  {}{issuer}\n",
        moment_text(certificate.not_before()),
        moment_text(certificate.not_after()),
        days_text(certificate.not_after() - now),
        if why.is_none() { "yes" } else { "no" },
        certificate.subject(),
    );
    for place in &found.places {
        text += &format!("{:>61}{place}\n", "");
    }
    text
}

fn to_json(survey: &Survey, row: usize, now: OffsetDateTime) -> Value {
    let found: &Found = &survey.certificates()[row];
    let certificate = &found.certificate;
    let why = cannot(survey, row);
    json!({
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "notBefore": moment_text(certificate.not_before()),
        "notAfter": moment_text(certificate.not_after()),
        "secondsLeft": (certificate.not_after() - now).whole_seconds(),
        "isAuthority": certificate.is_authority(),
        "hasKey": found.has_key,
        "places": found.places.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "renewable": why.is_none(),
        "why": why,
    })
}
