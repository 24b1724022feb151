//! Why an image is in or out.
//!
//! For machines: `{ "images": [ … ] }`, each one of
//!
//! ```json
//! { "in": true, "name": "etcd", "role": "component", "reference": "…", "digest": "…", "askedBy": "…", "neededBy": ["the first boot"],
//!   "bytes": 1, "savesBytes": 1 }
//! { "in": false, "name": "aws-ebs-csi-driver", "role": "component", "reference": "…", "reason": "…" }
//! ```

use serde_json::{Value, json};
use snobox_plan::cost::{Cost, weigh};
use snobox_plan::explain::{Explained, asked_by, explain, needed_by};
use snobox_plan::lock::{Lock, LockedImage};
use snobox_plan::problem::did_you_mean;

use super::{Answer, Planned};
use crate::error::{Error, Exit, Result};
use crate::ui::bytes;

pub fn answer(planned: &Planned<'_>, asked: &str) -> Result<Answer> {
    let lock = planned.lock;
    let found = explain(lock, asked);
    if found.is_empty() {
        return Err(unknown(planned, asked));
    }
    let cost = weigh(&planned.loads(), &|blob| planned.held(blob));
    let texts = found.iter().map(|explained| match explained {
        Explained::In(image) => in_text(planned, &cost, image),
        Explained::LeftOut(image) => format!(
            "{} {} is left out\n  because    {}\n  reference  {}",
            image.role.word(),
            image.name,
            image.reason,
            image.reference
        ),
    });
    let values = found.iter().map(|explained| match explained {
        Explained::In(image) => in_value(planned, &cost, image),
        Explained::LeftOut(image) => json!({
            "in": false,
            "name": image.name,
            "role": image.role,
            "reference": image.reference,
            "reason": image.reason,
        }),
    });
    Ok(Answer {
        text: texts.collect::<Vec<_>>().join("\n\n"),
        json: json!({"images": values.collect::<Vec<_>>()}),
    })
}

/// Bytes of the parts that an image belongs to, and what dropping them saves; 0 where it belongs to several.
fn of_parts(lock: &Lock, cost: &Cost, image: &LockedImage) -> (u64, u64) {
    let parts = lock.parts_of(image);
    let mut own = cost.parts.iter().filter(|part| parts.contains(&part.part));
    match (own.next(), own.next()) {
        (Some(only), None) => (only.bytes, only.saves_bytes),
        _ => (image.size_bytes, 0),
    }
}

fn in_text(planned: &Planned<'_>, cost: &Cost, image: &LockedImage) -> String {
    let (all, saves) = of_parts(planned.lock, cost, image);
    let mut text = format!("{} {} is in\n", image.role.word(), image.name);
    text += &format!("  asked by   {}\n", asked_by(image, planned.lock));
    let needed = needed_by(image);
    if !needed.is_empty() {
        text += &format!("  needed by  {}\n", needed.join(", "));
    }
    text += &format!(
        "  costs      {}; without it {} less\n",
        bytes(all),
        bytes(saves)
    );
    text += &format!(
        "  reference  {}\n  digest     {}",
        image.reference, image.digest
    );
    text
}

fn in_value(planned: &Planned<'_>, cost: &Cost, image: &LockedImage) -> Value {
    let (all, saves) = of_parts(planned.lock, cost, image);
    json!({
        "in": true,
        "name": image.name,
        "role": image.role,
        "reference": image.reference,
        "digest": image.digest,
        "askedBy": asked_by(image, planned.lock),
        "neededBy": needed_by(image),
        "bytes": all,
        "savesBytes": saves,
    })
}

fn unknown(planned: &Planned<'_>, asked: &str) -> Error {
    let lock = planned.lock;
    let version = &lock.release.version;
    let images = lock.images.iter().map(|image| image.name.as_str());
    let left_out = lock.left_out.iter().map(|image| image.name.as_str());
    let names: Vec<_> = images.chain(left_out).collect();
    let message = format!(
        "{asked:?} is neither in release {version} nor named by {}",
        planned.file.path.display()
    );
    let hint = did_you_mean(asked, &names).map_or_else(
        || "`snobox plan --all` lists every part; an image is asked for by name, reference, digest or repository".to_owned(),
        |name| format!("did you mean {name:?}?"),
    );
    Error::new(Exit::Usage, message).hint(hint)
}
