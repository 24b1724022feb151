//! `certificates`: what becomes of the installer's bootstrap certificates, which live for a day.

use snobox_formats::validity;

use super::Certificates;
use crate::ask::Field;
use crate::problem::Problem;

pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Certificates> {
    let fields = field.fields(problems, &["renew", "bootstrapValidity"], &[])?;
    let words = [
        ("on-device", Certificates::RenewOnDevice),
        ("never", Certificates::AsMade),
    ];
    let renew = fields.optional("renew");
    let Some(length) = fields.optional("bootstrapValidity") else {
        return renew.map_or(Some(Certificates::RenewOnDevice), |renew| {
            renew.one_of(problems, &words)
        });
    };
    let length = length.parsed(problems, validity::EXPECTED, validity::parse);
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
