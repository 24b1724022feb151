//! `snobox-agent certs`: certificates as if the installer had been run just now, in the files of the live system, before bootkube reads them.
//!
//! 1. A replacement that was cut off is finished, or thrown away.
//! 2. The clock must not be before the moment in which the image was made: certificates of an earlier moment would be refused by all who know the right one.
//! 3. What lives no longer than a year is renewed, unless more than 80 % of it is ahead; its length stays, its start is a few minutes ago.
//! 4. All files are new, or all are old (`replacement.rs`).

mod files;
mod replacement;

use std::path::PathBuf;
use std::time::Duration;

use snobox_certs::{
    ALSO_LONGER, Lifetime, Plan, Policy, SKEW, Survey, SystemRandom, moment_text, renew,
};
use snobox_formats::validity;
use snobox_image::pins::Pins;
use time::OffsetDateTime;

use crate::report::{Failure, Reporter, reasons};

/// How often a clock that is wrong is looked at again.
const CLOCK_POLL: Duration = Duration::from_secs(5);
const ACTION_LOG: &str = "look at the journal: journalctl -u snobox-certs";
const ACTION_IMAGE: &str = "make the image again, and write it to the stick";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with the files of the bootstrap.
    #[arg(long, default_value = "/opt/openshift")]
    root: PathBuf,
    /// What the image says of itself.
    #[arg(long, default_value = snobox_image::pins::PATH)]
    image: PathBuf,
    /// Shortest life of a renewed certificate, such as 24h; as long as before by default.
    #[arg(long, value_name = "LENGTH", value_parser = validity::argument)]
    validity: Option<Duration>,
    /// Wait until somebody has set a clock that is wrong, instead of giving up.
    #[arg(long)]
    wait_for_clock: bool,
    /// What the clock says, in seconds since 1970.
    #[arg(long, hide = true)]
    clock: Option<i64>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, reporter: &Reporter) -> Result<(), Failure> {
    reporter.working("looking at the certificates of the installation", None);
    let site = site(args, reporter)?;
    let failed =
        |error: replacement::ReplacementError| reporter.failed(reasons(&error), ACTION_LOG);
    if replacement::recover(&args.root).map_err(failed)? {
        eprintln!("snobox-agent: the renewal of certificates that was cut off is finished");
    }
    let found =
        files::read(&args.root).map_err(|error| reporter.failed(reasons(&error), ACTION_LOG))?;
    for path in &found.skipped {
        eprintln!("snobox-agent: {path} is too large to be looked into");
    }
    let paths = found.texts.iter().map(|text| text.path.clone());
    let paths: Vec<_> = paths.collect();
    let survey = Survey::of(found.texts);
    for unreadable in survey.unreadable() {
        eprintln!("snobox-agent: {unreadable}");
    }
    let now = sane_clock(args, &survey, &site, reporter)?;
    let policy = Policy {
        now,
        not_before: now - SKEW,
        lifetime: match args.validity.map(time::Duration::try_from) {
            Some(Ok(length)) => Lifetime::AtLeast(length),
            _ => Lifetime::Keep,
        },
        up_to: ALSO_LONGER,
    };
    let plan = Plan::new(&survey, &policy);
    check_plan(&survey, &plan, now, reporter)?;
    if plan.is_fresh(&survey) {
        reporter.done("the certificates are fresh: nothing to renew", None);
        return Ok(());
    }
    eprintln!("{}", plan.text(&survey));
    let renewed = renew(&survey, &plan, &SystemRandom::new())
        .map_err(|error| reporter.failed(reasons(&error), ACTION_IMAGE))?;
    let new = paths.iter().zip(renewed.texts());
    let new: Vec<_> = new
        .filter_map(|(path, text)| text.as_ref().map(|text| (path.as_str(), &text[..])))
        .collect();
    replacement::replace(&args.root, &new).map_err(failed)?;
    let mut message = format!(
        "renewed {} certificates in {} places",
        renewed.certificates(),
        renewed.places()
    );
    if let Some((until, _)) = plan.installs_until(&survey) {
        message += &format!(": they hold until {}", moment_text(until));
    }
    eprintln!("snobox-agent: {message}");
    reporter.done(message, None);
    Ok(())
}

fn site(args: &Args, reporter: &Reporter) -> Result<String, Failure> {
    let name = args.image.display();
    let failed = |error: String| {
        reporter.failed(
            format!("{name}: {error}"),
            "write the stick again, or use another stick",
        )
    };
    let bytes = std::fs::read(&args.image).map_err(|error| failed(error.to_string()))?;
    let pins = Pins::parse(&bytes).map_err(|error| failed(error.to_string()))?;
    Ok(pins.site)
}

/// What the clock says, once it can be right.
fn sane_clock(
    args: &Args,
    survey: &Survey,
    site: &str,
    reporter: &Reporter,
) -> Result<OffsetDateTime, Failure> {
    let mut told = false;
    loop {
        let now = match args.clock {
            Some(seconds) => OffsetDateTime::from_unix_timestamp(seconds)
                .map_err(|error| reporter.failed(format!("--clock: {error}"), ACTION_LOG))?,
            None => OffsetDateTime::now_utc(),
        };
        match check_clock(survey, site, now, reporter) {
            Ok(()) => return Ok(now),
            Err(failure) if !args.wait_for_clock => return Err(failure),
            Err(failure) if !told => eprintln!("snobox-agent: {failure}"),
            Err(_) => {}
        }
        told = true;
        std::thread::sleep(CLOCK_POLL);
    }
}

/// Nothing of an image can be younger than the moment that the clock shows.
fn check_clock(
    survey: &Survey,
    site: &str,
    now: OffsetDateTime,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let Some(made) = survey.made_at().filter(|made| now < *made) else {
        return Ok(());
    };
    let (now, made) = (moment_text(now), moment_text(made));
    Err(reporter.failed(
        format!("the clock is wrong: it says {now}, but the image of {site} was made at {made}"),
        format!(
            "set date and time (UTC) in the firmware setup and switch the machine off and on; or log in, \
             `sudo date -u -s '{}'` with the right time, no earlier than this one, and `sudo hwclock -w`: \
             the installation then goes on by itself",
            made.trim_end_matches('Z').replace('T', " ")
        ),
    ))
}

/// What has ended and cannot be renewed keeps the cluster from coming up.
fn check_plan(
    survey: &Survey,
    plan: &Plan,
    now: OffsetDateTime,
    reporter: &Reporter,
) -> Result<(), Failure> {
    for obstacle in plan.obstacles() {
        let certificate = &survey.certificates()[obstacle.certificate].certificate;
        eprintln!(
            "snobox-agent: {} cannot be renewed: {}",
            certificate.subject(),
            obstacle.why
        );
    }
    let ended = plan.ended(survey);
    let Some(certificate) = ended.first() else {
        return Ok(());
    };
    let (subject, end) = (certificate.subject(), moment_text(certificate.not_after()));
    let (now, count) = (moment_text(now), ended.len());
    Err(reporter.failed(
        format!(
            "{count} certificates have ended and cannot be renewed here, the first is {subject}, at {end}; the clock says {now}"
        ),
        format!("if the clock is wrong, set it in the firmware setup; else {ACTION_IMAGE}"),
    ))
}
