//! `snobox certs extend`: a plan, then new certificates in every place of the old ones.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use snobox_certs::ignition::Sources;
use snobox_certs::{
    ALSO_LONGER, Lifetime, Plan, Policy, SHORT_LIVED, SKEW, Survey, SystemRandom, moment_text,
    renew,
};
use time::OffsetDateTime;

use super::{Document, config, installs_until, sources};
use crate::commands::{ignition, iso};
use crate::error::{Error, Exit, Result};
use crate::flow::output::{Output, Readers};
use crate::ui::Ui;

/// What is asked for.
pub(super) struct Wish<'a> {
    pub(super) validity: Duration,
    pub(super) also_longer: bool,
    pub(super) output: Option<&'a Path>,
    pub(super) force: bool,
    pub(super) dry_run: bool,
}

pub(super) fn run(file: &Path, wish: &Wish<'_>, now: OffsetDateTime, ui: &Ui) -> Result<()> {
    let is_config = ignition::is_json(file)?;
    if is_config && wish.output.is_none() && !wish.dry_run {
        let message = format!("{} is not changed in place", file.display());
        return Err(Error::new(Exit::Usage, message).hint("--output names a new file"));
    }
    let document = config(file)?;
    let (texts, sources) = sources(file, &document)?;
    for path in sources.skipped() {
        ui.say(format!("{path}: not looked into"));
    }
    let survey = Survey::of(texts);
    let policy = Policy {
        now,
        not_before: now - SKEW,
        lifetime: Lifetime::Exactly(wish.validity.try_into().unwrap_or(time::Duration::MAX)),
        up_to: if wish.also_longer {
            ALSO_LONGER
        } else {
            SHORT_LIVED
        },
    };
    let plan = Plan::new(&survey, &policy);
    for unreadable in survey.unreadable() {
        ui.say(unreadable.to_string());
    }
    let text = plan.text(&survey);
    if !wish.dry_run {
        if !text.is_empty() {
            ui.say(&text);
        }
        refuse_what_does_not_install(file, &survey, &plan)?;
        let new = renewed(file, &document, &sources, &survey, &plan)?;
        write(file, is_config, wish, &new, ui)?;
    }
    report(file, wish, &survey, &plan, &text, ui)
}

/// A certificate of the installer's that has ended, or that should be renewed and cannot be, keeps the node from installing.
fn refuse_what_does_not_install(file: &Path, survey: &Survey, plan: &Plan) -> Result<()> {
    let refuse = |what: String, hint: &str| {
        let message = format!("{}: {what}", file.display());
        Err(Error::new(Exit::Ignition, message).hint(hint))
    };
    for obstacle in plan.obstacles() {
        let found = &survey.certificates()[obstacle.certificate];
        if found.is_ours {
            let what = format!(
                "{} cannot be renewed: {}",
                found.certificate.subject(),
                obstacle.why
            );
            return refuse(what, "run the installer again for a fresh config");
        }
    }
    if let Some(certificate) = plan.ended(survey).first() {
        let end = moment_text(certificate.not_after());
        let hint = if certificate.life() <= ALSO_LONGER {
            "--also-longer renews those of up to 366 days, too"
        } else {
            "run the installer again for a fresh config"
        };
        return refuse(
            format!("{} has ended at {end}", certificate.subject()),
            hint,
        );
    }
    Ok(())
}

fn renewed(
    file: &Path,
    document: &Document,
    sources: &Sources,
    survey: &Survey,
    plan: &Plan,
) -> Result<Document> {
    let renewed = renew(survey, plan, &SystemRandom::new()).map_err(|e| {
        Error::caused(Exit::Ignition, file.display().to_string(), &e)
            .hint("nothing was written; run the installer again for a fresh config")
    })?;
    Ok(sources.replace(document, renewed.texts()))
}

fn write(file: &Path, is_config: bool, wish: &Wish<'_>, new: &Document, ui: &Ui) -> Result<()> {
    match wish.output {
        Some(output) if is_config => {
            let mut out = Output::create(output, Readers::Owner, wish.force)?;
            out.file()
                .write_all(new)
                .map_err(|e| Error::file("write", output, &e))?;
            out.persist()
        }
        output => iso::edit(file, output, wish.force, |live| {
            let fit = live.ignition_fit(new)?;
            ui.say(format!(
                "{} of {} bytes taken, {} to spare",
                fit.compressed_bytes,
                fit.area_bytes,
                fit.margin_bytes()
            ));
            Ok(live.embed_ignition(new)?)
        }),
    }
}

fn report(
    file: &Path,
    wish: &Wish<'_>,
    survey: &Survey,
    plan: &Plan,
    text: &str,
    ui: &Ui,
) -> Result<()> {
    let (count, places) = (plan.renewals().len(), plan.places(survey));
    let changed = wish.output.unwrap_or(file).display().to_string();
    let mut said = match (wish.dry_run, count) {
        (true, 0) => "nothing to renew".to_owned(),
        (true, _) => format!("{text}\nwould renew {count} certificates in {places} places"),
        (false, _) => format!("{changed}: renewed {count} certificates in {places} places"),
    };
    let until = installs_until(survey, plan);
    if let Some((until, subject)) = &until {
        said += &format!("\ninstalls until {until}: then {subject} ends");
    }
    let subject = |certificate: usize| survey.certificates()[certificate].certificate.subject();
    let renewals = plan.renewals().iter().map(|renewal| {
        let found = &survey.certificates()[renewal.certificate];
        json!({
            "subject": subject(renewal.certificate),
            "issuer": found.certificate.issuer(),
            "notBefore": moment_text(renewal.not_before),
            "notAfter": moment_text(renewal.not_after),
            "places": found.places.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    let obstacles = plan.obstacles().iter().map(|obstacle| {
        json!({"subject": subject(obstacle.certificate), "why": obstacle.why.to_string()})
    });
    let value = json!({
        "file": changed,
        "dryRun": wish.dry_run,
        "renewed": renewals.collect::<Vec<_>>(),
        "cannot": obstacles.collect::<Vec<_>>(),
        "places": places,
        "installsUntil": until.map(|(until, _)| until),
    });
    ui.result(said, &value)
}
