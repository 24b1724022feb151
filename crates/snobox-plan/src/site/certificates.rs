//! `certificates`: what becomes of the installer's bootstrap certificates, which live for a day.

use std::time::Duration;

use super::Certificates;
use crate::ask::Field;
use crate::problem::Problem;

const LENGTH: &str = "a length in hours or days, from 1h to 3650d, such as 365d";

pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Certificates> {
    let fields = field.fields(problems, &["renew", "bootstrapValidity"], &[])?;
    let words = [
        ("on-device", Certificates::RenewOnDevice),
        ("never", Certificates::AsMade),
    ];
    let renew = fields.optional("renew");
    let Some(validity) = fields.optional("bootstrapValidity") else {
        return renew.map_or(Some(Certificates::RenewOnDevice), |renew| {
            renew.one_of(problems, &words)
        });
    };
    let length = validity.parsed(problems, LENGTH, length);
    if let Some(renew) = renew {
        let hint =
            "renewal on the device makes them as long as they were; leave one of the two out";
        renew.refuse_with_hint(
            problems,
            "either renew or bootstrapValidity",
            Some(hint.to_owned()),
        );
        return None;
    }
    length.map(Certificates::BootstrapValidity)
}

fn length(text: &str) -> Option<Duration> {
    let hours = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => number(hours)?,
        (_, Some(days)) => number(days)?.checked_mul(24)?,
        _ => return None,
    };
    (1..=3650 * 24)
        .contains(&hours)
        .then(|| Duration::from_secs(hours * 3600))
}

/// Digits alone: `parse` would take a sign, too.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}
