//! The installer's certificates: made longer where the site says so, and from when on a node does not install with them any more.

use std::path::Path;

use snobox_certs::ignition::Sources;
use snobox_certs::{
    ALSO_LONGER, Deadline, Lifetime, Plan, Policy, SKEW, Survey, SystemRandom, Zeroizing,
    days_text, moment_text, renew,
};
use snobox_plan::site::Certificates;
use time::OffsetDateTime;

use crate::error::{Error, Exit, Result};
use crate::ui::Ui;

/// A config as it goes into the image.
pub(super) struct Prepared {
    pub(super) document: Zeroizing<Vec<u8>>,
    /// From this moment on a node does not install with it; absent where nothing ends.
    pub(super) installs_until: Option<OffsetDateTime>,
}

/// Renews what the site wants to be renewed now, and says what will end when.
///
/// # Errors
/// Certificates that cannot be renewed as the site wants it, or that have ended and will not be renewed.
pub(super) fn prepare(
    name: &Path,
    document: Zeroizing<Vec<u8>>,
    certificates: Certificates,
    now: OffsetDateTime,
    ui: &Ui,
) -> Result<Prepared> {
    let not_a_config = |e| {
        Error::caused(Exit::Ignition, name.display().to_string(), &e).hint(
            "expected the file that `openshift-install create single-node-ignition-config` writes",
        )
    };
    let document = match certificates {
        Certificates::BootstrapValidity(validity) => {
            let (texts, sources) = Sources::read(&document).map_err(not_a_config)?;
            let survey = Survey::of(texts);
            let validity = validity.try_into().unwrap_or(time::Duration::MAX);
            let plan = Plan::new(
                &survey,
                &Policy {
                    now,
                    not_before: now - SKEW,
                    lifetime: Lifetime::AtLeast(validity),
                    up_to: ALSO_LONGER,
                },
            );
            let renewed = renew(&survey, &plan, &SystemRandom::new()).map_err(|e| {
                Error::caused(Exit::Ignition, name.display().to_string(), &e)
                    .hint("leave `certificates.bootstrapValidity` out: then they are renewed on the device")
            })?;
            ui.say(format!(
                "renewed {} certificates in {} places",
                renewed.certificates(),
                renewed.places()
            ));
            sources.replace(&document, renewed.texts())
        }
        Certificates::RenewOnDevice | Certificates::AsMade => document,
    };
    let deadline = Deadline::of_ignition(&document, now).map_err(not_a_config)?;
    let on_device = certificates == Certificates::RenewOnDevice;
    let installs_until = if on_device {
        deadline.renewed
    } else {
        deadline.as_it_is
    };
    match installs_until {
        Some(end) if end <= now => {
            let message = format!(
                "certificates of {} have ended at {}: no node would install",
                name.display(),
                moment_text(end)
            );
            return Err(Error::new(Exit::Ignition, message).hint(if on_device {
                "they cannot be renewed; run the installer again for a fresh config"
            } else {
                "run the installer again, or let `certificates: { renew: on-device }` renew them"
            }));
        }
        Some(end) if !on_device => ui.say(format!(
            "warning: from {} on, in {}, the image will not install any more: certificates end; `certificates: {{ renew: on-device }}` renews them",
            moment_text(end),
            days_text(end - now)
        )),
        Some(_) | None => {}
    }
    Ok(Prepared {
        document,
        installs_until,
    })
}
