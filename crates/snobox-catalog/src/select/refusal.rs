//! What cannot be chosen, in words: what was asked, what there is, and the line of the image set that would help.

use semver::Version;
use snobox_plan::problem::{Problem, did_you_mean};

use super::ChannelChoice;
use super::v2::version;
use crate::catalog::{Catalog, Package};
use crate::channel::GraphError;
use crate::image_set::{ChannelAsk, Operator, PackageAsk, Place, Rules};

/// How many names or versions are listed.
const LISTED: usize = 8;

fn problem(
    place: &Place,
    given: String,
    allowed: String,
    hint: impl Into<Option<String>>,
) -> Problem {
    Problem {
        at: place.at,
        path: place.path.clone(),
        given,
        allowed,
        hint: hint.into(),
    }
}

/// `a, b and 7 more`.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<_> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    let text = shown.join(", ");
    match names.len() - shown.len() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

fn channel_names(package: &Package) -> Vec<&str> {
    package.channels.keys().map(String::as_str).collect()
}

/// What a range asks for.
pub(super) fn asked(ask: &PackageAsk, choice: &ChannelChoice<'_>) -> String {
    let bounds = &choice.range.bounds;
    match (&choice.range.min_bundle, &bounds.min, &bounds.max) {
        (Some(bundle), _, _) => format!("bundle {bundle:?}"),
        _ if !ask.selected_bundles.is_empty() => "the selected bundles".to_owned(),
        // A lowest version alone is a version that must be there.
        (None, Some(min), None) if choice.rules == Rules::V1 => {
            format!("version {min}, which minVersion begins with")
        }
        _ => bounds.to_string(),
    }
}

pub(super) fn no_package(catalog: &Catalog, operator: &Operator, ask: &PackageAsk) -> Problem {
    let names: Vec<&str> = catalog.packages.keys().map(String::as_str).collect();
    let hint = did_you_mean(&ask.name, &names).map(|name| format!("write name: {name}"));
    problem(
        &ask.place,
        format!("the package {:?} is not in {}", ask.name, operator.catalog),
        match names.len() {
            1 => format!("its one package: {}", listed(&names)),
            count => format!("its {count} packages: {}", listed(&names)),
        },
        hint.unwrap_or_else(|| "`snobox catalog list` prints all packages of a catalog".to_owned()),
    )
}

/// What the catalog says of an operator cannot be used.
pub(super) fn faulty(place: &Place, fault: &str) -> Problem {
    problem(
        place,
        format!("the catalog is at fault: {fault}"),
        "documents as the specification of file-based catalogs has them".to_owned(),
        "ask for other channels or versions, or another catalog; nothing else of this one is touched by it"
            .to_owned(),
    )
}

pub(super) fn no_channel(package: &Package, ask: &PackageAsk, asked: &ChannelAsk) -> Problem {
    let names = channel_names(package);
    let default = package.default_channel.as_deref();
    let holds = |wanted: &Version| {
        names.iter().copied().find(|name| {
            let entries = package.channels[*name].entries.iter();
            entries
                .filter_map(|entry| version(package, &entry.name))
                .any(|version| version.cmp_precedence(wanted).is_eq())
        })
    };
    let better = asked
        .range
        .bounds
        .pinned()
        .and_then(holds)
        .or_else(|| did_you_mean(&asked.name, &names))
        .or(default);
    problem(
        &asked.place,
        format!("the package {:?} has no channel {:?}", ask.name, asked.name),
        format!("its channels: {}", listed(&names)),
        better.map(|name| format!("write name: {name}")),
    )
}

/// Versions of a channel, or of a whole operator, from the lowest.
fn versions<'p>(package: &'p Package, channel: Option<&ChannelChoice<'_>>) -> Vec<&'p Version> {
    let mut all: Vec<&Version> = match channel {
        Some(choice) => {
            let entries = choice.channel.entries.iter();
            entries
                .filter_map(|entry| version(package, &entry.name))
                .collect()
        }
        None => package
            .bundles
            .values()
            .filter_map(|bundle| bundle.version.as_ref())
            .collect(),
    };
    all.sort_by(|a, b| a.cmp_precedence(b));
    all.dedup();
    all
}

/// The versions round `wanted`, from the lowest.
fn nearest<'p>(all: &[&'p Version], wanted: &Version) -> Vec<&'p Version> {
    let at = all.partition_point(|version| version.cmp_precedence(wanted).is_lt());
    let half = LISTED / 2;
    let from = at
        .saturating_sub(half)
        .min(all.len().saturating_sub(LISTED));
    all[from..(from + LISTED).min(all.len())].to_vec()
}

fn texts(versions: &[&Version]) -> String {
    let texts: Vec<_> = versions.iter().map(|version| version.to_string()).collect();
    texts.join(", ")
}

/// The one nearest below, or else above: what a wrong last number was probably meant to be.
fn closest<'p>(all: &[&'p Version], wanted: &Version) -> Option<&'p Version> {
    let at = all.partition_point(|version| version.cmp_precedence(wanted).is_lt());
    let below = at.checked_sub(1).map(|at| all[at]);
    let above = all.get(at).copied();
    let same_minor =
        |version: &&Version| (version.major, version.minor) == (wanted.major, wanted.minor);
    below
        .filter(same_minor)
        .or(above.filter(same_minor))
        .or(above)
        .or(below)
}

pub(super) fn no_version(
    package: &Package,
    ask: &PackageAsk,
    choice: &ChannelChoice<'_>,
) -> Problem {
    let what = asked(ask, choice);
    let given = format!(
        "the channel {:?} of {:?} does not have {what}",
        choice.name, ask.name
    );
    let bounds = &choice.range.bounds;
    let Some(wanted) = bounds.min.as_ref().or(bounds.max.as_ref()) else {
        let names: Vec<_> = choice.channel.entries.iter().map(|e| &e.name).collect();
        return problem(
            choice.place,
            given,
            format!("its bundles: {}", listed(&names)),
            None,
        );
    };
    let there = versions(package, Some(choice));
    let near = nearest(&there, wanted);
    let is_asked = |name: &str| ask.channels.iter().any(|asked| asked.name == name);
    // Where no channel is named, all are looked into.
    let others = package.channels.iter();
    let mut others = others.filter(|_| !ask.channels.is_empty());
    let elsewhere = others.find(|(_, channel)| {
        let mut entries = channel.entries.iter();
        entries.any(|entry| {
            version(package, &entry.name).is_some_and(|v| v.cmp_precedence(wanted).is_eq())
        })
    });
    let hint = match (elsewhere, closest(&there, wanted)) {
        (Some((channel, _)), _) if is_asked(channel) => Some(format!(
            "write it under name: {channel}, the channel that has it"
        )),
        (Some((channel, _)), _) => {
            let default = ask.default_channel.as_ref();
            let follows = default.is_some_and(|(name, _)| name == choice.name);
            let too = if follows {
                format!(", and defaultChannel: {channel}")
            } else {
                String::new()
            };
            Some(format!(
                "write name: {channel}, the channel that has it{too}"
            ))
        }
        (None, Some(version)) if bounds.max.is_some() => Some(format!(
            "write minVersion: {version} and maxVersion: {version}"
        )),
        (None, Some(version)) => Some(format!("write minVersion: {version}")),
        (None, None) => None,
    };
    problem(
        choice.place,
        given,
        format!("its versions near that: {}", texts(&near)),
        hint,
    )
}

/// No channel has anything of what is asked for.
pub(super) fn nothing(
    package: &Package,
    ask: &PackageAsk,
    dropped: &[&ChannelChoice<'_>],
) -> Problem {
    let first = dropped[0];
    if let [only] = dropped
        && !only.range.is_open()
    {
        let mut refused = no_version(package, ask, only);
        refused.given += ", which leaves it empty";
        return refused;
    }
    let names: Vec<_> = dropped.iter().map(|choice| choice.name).collect();
    let bounds = &first.range.bounds;
    let wanted = bounds.min.as_ref().or(bounds.max.as_ref());
    let there = versions(package, None);
    let near = wanted.map_or(there.clone(), |wanted| nearest(&there, wanted));
    let closest = wanted.and_then(|wanted| closest(&there, wanted));
    problem(
        first.place,
        format!(
            "no channel of {:?} ({}) has {}",
            ask.name,
            listed(&names),
            asked(ask, first)
        ),
        format!("its versions near that: {}", texts(&near)),
        closest.map(|version| format!("write minVersion: {version}")),
    )
}

/// The channel that is best made the default one: the newest by its name.
fn better_default<'k>(kept: &[&'k str]) -> Option<&'k str> {
    kept.last().copied()
}

pub(super) fn no_default(ask: &PackageAsk, kept: &[&str]) -> Problem {
    problem(
        &ask.place,
        format!("the catalog names no default channel of {:?}", ask.name),
        format!("one of its channels that are asked for: {}", listed(kept)),
        better_default(kept).map(|name| format!("add defaultChannel: {name}")),
    )
}

pub(super) fn lost_default(
    package: &Package,
    ask: &PackageAsk,
    own: &str,
    kept: &[&str],
) -> Problem {
    let given = if package.channels.contains_key(own) {
        format!(
            "the default channel {own:?} of {:?} was filtered out, a new default channel must be configured for this package",
            ask.name
        )
    } else {
        format!(
            "the catalog calls {own:?} the default channel of {:?} and has no such channel",
            ask.name
        )
    };
    problem(
        &ask.place,
        given,
        format!("one of its channels that are asked for: {}", listed(kept)),
        better_default(kept).map(|name| format!("add defaultChannel: {name}")),
    )
}

pub(super) fn lost_override(
    package: &Package,
    ask: &PackageAsk,
    name: &str,
    place: &Place,
    kept: &[&str],
) -> Problem {
    let choice = did_you_mean(name, kept).or(better_default(kept));
    let why = if package.channels.contains_key(name) {
        "does not exist among what is asked for"
    } else {
        "does not exist"
    };
    problem(
        place,
        format!("the default channel {name:?} of {:?} {why}", ask.name),
        format!("one of its channels that are asked for: {}", listed(kept)),
        choice.map(|choice| format!("write defaultChannel: {choice}")),
    )
}

pub(super) fn empty_default(
    ask: &PackageAsk,
    choice: &ChannelChoice<'_>,
    kept: &[&str],
) -> Problem {
    problem(
        choice.place,
        format!(
            "the default channel {:?} of {:?} has none of {}, which leaves it empty",
            choice.name,
            ask.name,
            asked(ask, choice)
        ),
        format!(
            "another default channel of those that have some: {}",
            listed(kept)
        ),
        kept.last()
            .map(|name| format!("add defaultChannel: {name}")),
    )
}

pub(super) fn broken_channel(
    ask: &PackageAsk,
    choice: &ChannelChoice<'_>,
    error: &GraphError,
) -> Problem {
    let entries: Vec<_> = choice.channel.entries.iter().map(|e| &e.name).collect();
    let hint = match error {
        GraphError::Heads(_) | GraphError::NoHead | GraphError::Cycle(_) => {
            "the fault is in the catalog: ask for another channel, or for one version by minVersion and maxVersion alike"
        }
        _ => "the fault is in the catalog: ask for another channel, or another catalog",
    };
    problem(
        choice.place,
        format!(
            "the channel {:?} of {:?} cannot be followed: {error}",
            choice.name, ask.name
        ),
        format!("a channel with one head; its entries: {}", listed(&entries)),
        hint.to_owned(),
    )
}

pub(super) fn broken_selection(
    ask: &PackageAsk,
    choice: &ChannelChoice<'_>,
    error: &GraphError,
) -> Problem {
    problem(
        &ask.place,
        format!(
            "the selected bundles break the channel {:?} of {:?}: {error}",
            choice.name, ask.name
        ),
        "bundles of which each replaces or skips the next lower one".to_owned(),
        "add the bundles between them to selectedBundles, or name other channels".to_owned(),
    )
}

pub(super) fn no_bundle(package: &Package, ask: &PackageAsk, name: &str, place: &Place) -> Problem {
    let names: Vec<&str> = package.bundles.keys().map(String::as_str).collect();
    let near = did_you_mean(name, &names);
    problem(
        place,
        format!(
            "{:?} has no bundle {name:?} in the channels that are asked for",
            ask.name
        ),
        format!("its bundles: {}", listed(&names)),
        near.map(|near| format!("write name: {near}")),
    )
}

pub(super) fn no_document(ask: &PackageAsk, name: &str) -> Problem {
    problem(
        &ask.place,
        format!(
            "the catalog lists {name:?} of {:?} in a channel but has no bundle of that name",
            ask.name
        ),
        "versions that the catalog has".to_owned(),
        "the fault is in the catalog: ask for another version, or another catalog".to_owned(),
    )
}
