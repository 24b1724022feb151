//! What a site costs: bytes, time, disk, and what each part of it costs.
//!
//! For machines (all counts of bytes are exact unless they say `about`):
//!
//! ```json
//! { "release": { "version": "…", "image": "…", "architecture": "…" }, "images": 29,
//!   "blobs": 80, "bytes": 1, "references": 120, "referenceBytes": 2, "sharedBytes": 1,
//!   "presentBlobs": 1, "presentBytes": 1, "partialBytes": 0, "fetchBlobs": 1, "fetchBytes": 1,
//!   "times": [ { "bitsPerSecond": 50000000, "measured": false, "seconds": 60 } ],
//!   "room": { "storeBytes": 1, "aboutImageBytes": 1, "partitionBytes": 1, "partitionGivenBytes": 1, "aboutNodeRootBytes": 1 },
//!   "parts": [ { "kind": "component", "name": "etcd", "images": 1, "bytes": 1, "savesBytes": 1 } ],
//!   "leftOut": [ { "name": "…", "role": "component", "reference": "…", "reason": "…" } ] }
//! ```
//!
//! `bytes` of a part are all of its blobs, those of its images' signatures included, and `savesBytes` those that nothing else needs; `images` of a part
//! does not count signatures. Parts come in falling order of `savesBytes`.
//! `measured` is true for the rate that the last mirror noted in the store.

use serde_json::{Value, json};
use snobox_plan::cost::{Cost, PartCost, seconds, weigh};

use super::room::{GC_PERCENT, Room, UNPACKED_FACTOR, room};
use super::{Answer, Planned, Rate};
use crate::error::Result;
use crate::ui::bytes;

/// Parts that people see without `--all`.
const SHOWN: usize = 20;

pub fn answer(planned: &Planned<'_>, every_part: bool) -> Result<Answer> {
    let cost = weigh(&planned.loads(), &|blob| planned.held(blob));
    let room = room(planned, &cost)?;
    let times = times(planned, cost.fetch_bytes());
    let shown = if every_part { usize::MAX } else { SHOWN };
    Ok(Answer {
        text: text(planned, &cost, &room, &times, shown),
        json: value(planned, &cost, &room, &times),
    })
}

fn text(
    planned: &Planned<'_>,
    cost: &Cost,
    room: &Room,
    times: &[(Rate, u64)],
    shown: usize,
) -> String {
    let lock = planned.lock;
    let mut text = format!("{:>12}  {:>12}  part\n", "saves", "bytes");
    for part in cost.parts.iter().take(shown) {
        let (saves, all) = (bytes(part.saves_bytes), bytes(part.bytes));
        text += &format!("{saves:>12}  {all:>12}  {}\n", name(part));
    }
    if let Some(rest) = cost.parts.get(shown..).filter(|rest| !rest.is_empty()) {
        let saves = rest.iter().map(|part| part.saves_bytes).sum();
        let what = format!("{} smaller ones (--all shows them)", rest.len());
        text += &format!("{:>12}  {:>12}  {what}\n", bytes(saves), "");
    }
    text += &format!(
        "{:>12}  {:>12}  release {}: {} images, {} blobs\n\n",
        "",
        bytes(cost.bytes),
        lock.release.version,
        cost.images,
        cost.blobs
    );
    text += "saves: what leaving it out would save, because nothing else needs it; bytes: all that it needs\n\n";
    let mut line = |label: &str, what: String| text += &format!("{label:<11} {what}\n");
    line(
        "sharing",
        format!(
            "saves {}: {} for {} references to blobs",
            bytes(cost.shared_bytes()),
            bytes(cost.reference_bytes),
            cost.references
        ),
    );
    let partial = match cost.partial_bytes {
        0 => String::new(),
        partial => format!(", and {} of others", bytes(partial)),
    };
    line(
        "in store",
        format!(
            "{} in {} blobs{partial}",
            bytes(cost.present_bytes),
            cost.present_blobs
        ),
    );
    let mut fetch = format!(
        "{} in {} blobs",
        bytes(cost.fetch_bytes()),
        cost.fetch_blobs()
    );
    fetch += &times_text(times);
    line("to fetch", fetch);
    line(
        "store",
        format!("{} of disk when all is there", bytes(room.store_bytes)),
    );
    line(
        "stick",
        format!(
            "about {} for the image file: a stick of {} GB or more",
            bytes(room.image_bytes),
            stick_gb(room.image_bytes)
        ),
    );
    let fits = if room.partition_given_bytes < room.partition_bytes {
        ": TOO SMALL"
    } else {
        ""
    };
    line(
        "node",
        format!(
            "{} for the cache's partition; cache.size gives {}{fits}",
            bytes(room.partition_bytes),
            bytes(room.partition_given_bytes)
        ),
    );
    line(
        "",
        format!(
            "at most {} for the system: images unpacked, up to {UNPACKED_FACTOR} times their bytes, below the {GC_PERCENT} % at which kubelet removes some",
            bytes(room.node_root_bytes)
        ),
    );
    if !lock.left_out.is_empty() {
        let why = "`--explain IMAGE` says why";
        line("left out", format!("{} images; {why}", lock.left_out.len()));
    }
    text += &format!(
        "{} is up to date\nnext: snobox mirror {}",
        planned.file.lock_path().display(),
        planned.file.path.display()
    );
    text
}

fn name(part: &PartCost) -> String {
    let images = match part.images {
        1 => String::new(),
        count => format!(" ({count} images)"),
    };
    let (kind, name) = (part.part.kind, &part.part.name);
    match kind {
        "release" => "release image".to_owned(),
        _ => format!("{kind} {name}{images}"),
    }
}

fn value(planned: &Planned<'_>, cost: &Cost, room: &Room, times: &[(Rate, u64)]) -> Value {
    let part = |part: &PartCost| {
        json!({
            "kind": part.part.kind,
            "name": part.part.name,
            "images": part.images,
            "bytes": part.bytes,
            "savesBytes": part.saves_bytes,
        })
    };
    json!({
        "release": planned.lock.release,
        "images": cost.images,
        "blobs": cost.blobs,
        "bytes": cost.bytes,
        "references": cost.references,
        "referenceBytes": cost.reference_bytes,
        "sharedBytes": cost.shared_bytes(),
        "presentBlobs": cost.present_blobs,
        "presentBytes": cost.present_bytes,
        "partialBytes": cost.partial_bytes,
        "fetchBlobs": cost.fetch_blobs(),
        "fetchBytes": cost.fetch_bytes(),
        "times": times_value(times),
        "room": {
            "storeBytes": room.store_bytes,
            "aboutImageBytes": room.image_bytes,
            "partitionBytes": room.partition_bytes,
            "partitionGivenBytes": room.partition_given_bytes,
            "aboutNodeRootBytes": room.node_root_bytes,
        },
        "parts": cost.parts.iter().map(part).collect::<Vec<_>>(),
        "leftOut": planned.lock.left_out,
    })
}

/// How long so many bytes take on each line.
pub fn times(planned: &Planned<'_>, bytes: u64) -> Vec<(Rate, u64)> {
    let rates = planned.rates.iter();
    rates
        .map(|rate| (*rate, seconds(bytes, rate.bits_per_second)))
        .collect()
}

/// `; 3 min at 50 Mbit/s` for each.
pub fn times_text(times: &[(Rate, u64)]) -> String {
    let text = |(rate, seconds): &(Rate, u64)| {
        let measured = if rate.measured { ", as measured" } else { "" };
        let rate = rate_text(rate.bits_per_second);
        format!("; {} at {rate}{measured}", duration(*seconds))
    };
    times.iter().map(text).collect()
}

/// The same for machines.
pub fn times_value(times: &[(Rate, u64)]) -> Value {
    let value = |(rate, seconds): &(Rate, u64)| {
        json!({
            "bitsPerSecond": rate.bits_per_second,
            "measured": rate.measured,
            "seconds": seconds,
        })
    };
    times.iter().map(value).collect()
}

/// `4 h 29 min`, `3 min`, `12 s`.
fn duration(seconds: u64) -> String {
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5999 => format!("{} min", seconds.div_ceil(60)),
        _ => {
            let minutes = seconds.div_ceil(60);
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

/// `50 Mbit/s`.
fn rate_text(bits: u64) -> String {
    let units = [
        (1_000_000_000, "Gbit/s"),
        (1_000_000, "Mbit/s"),
        (1000, "kbit/s"),
    ];
    let unit = units
        .iter()
        .find(|(size, _)| bits >= *size && bits.is_multiple_of(*size));
    unit.map_or_else(
        || format!("{bits} bit/s"),
        |(size, name)| format!("{} {name}", bits / size),
    )
}

/// The smallest usual stick that holds so many bytes, in GB of a thousand millions.
fn stick_gb(bytes: u64) -> u64 {
    let sizes = (0..20).map(|power| 4 << power);
    let fitting = sizes
        .into_iter()
        .find(|gb: &u64| gb * 1_000_000_000 >= bytes);
    fitting.unwrap_or(bytes.div_ceil(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rates_and_sticks_are_written_as_people_say_them() {
        let times = [0, 99, 100, 5999, 6000, 16_150].map(duration);
        let said = [
            "0 s",
            "99 s",
            "2 min",
            "100 min",
            "1 h 40 min",
            "4 h 30 min",
        ];
        assert_eq!(times, said);
        let rates = [50_000_000, 1_000_000_000, 1_500_000_000, 56_000, 9].map(rate_text);
        assert_eq!(
            rates,
            [
                "50 Mbit/s",
                "1 Gbit/s",
                "1500 Mbit/s",
                "56 kbit/s",
                "9 bit/s"
            ]
        );
        let sticks = [1, 4_000_000_000, 4_000_000_001, 60_000_000_000].map(stick_gb);
        assert_eq!(sticks, [4, 4, 8, 64]);
    }
}
