//! `node.installationDisk`: hints, all of which must hold on the node, and what may become of the disk's content.

use super::{ExistingData, InstallationDisk, value};
use crate::ask::{Field, Fields};
use crate::problem::Problem;

const HINTS: [&str; 5] = ["path", "serial", "wwn", "model", "minSize"];

pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<InstallationDisk> {
    let known = [&HINTS[..], &["existingData"]].concat();
    let fields = field.fields(problems, &known, &[])?;
    let path = "a device path such as /dev/sda or /dev/disk/by-id/…";
    let text = "what `lsblk -o NAME,SERIAL,WWN,MODEL` shows, up to 128 printable characters";
    let size = "a size from 1GiB on, such as 400GiB";
    let given = HINTS.iter().any(|hint| fields.optional(hint).is_some());
    if !given && !HINTS.iter().any(|hint| fields.is_misspelt(hint)) {
        let allowed =
            "a device path such as /dev/disk/by-id/…, or one of serial, wwn, model and minSize";
        fields.required(problems, "path", allowed);
        return None;
    }
    let words = [
        ("refuse", ExistingData::Refuse),
        ("erase", ExistingData::Erase),
    ];
    let existing_data = fields
        .optional("existingData")
        .map_or(Some(ExistingData::Refuse), |f| f.one_of(problems, &words));
    Some(InstallationDisk {
        path: hint(&fields, problems, "path", path, value::device)?,
        serial: hint(&fields, problems, "serial", text, value::hardware_text)?,
        wwn: hint(&fields, problems, "wwn", text, value::hardware_text)?,
        model: hint(&fields, problems, "model", text, value::hardware_text)?,
        min_size_bytes: hint(&fields, problems, "minSize", size, value::size_bytes)?,
        existing_data: existing_data?,
    })
}

/// `Some(None)` for a hint that was not given, `None` for one that was refused.
fn hint<T>(
    fields: &Fields<'_>,
    problems: &mut Vec<Problem>,
    key: &str,
    allowed: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Option<T>> {
    match fields.optional(key) {
        Some(field) => field.parsed(problems, allowed, parse).map(Some),
        None => Some(None),
    }
}
