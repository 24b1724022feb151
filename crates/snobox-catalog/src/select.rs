//! Which versions of which operators of one catalog an image set asks for.
//!
//! The two generations of image sets choose differently: `v1.rs` and `v2.rs` have the rule for one channel, this module what they share. Every
//! choice that their sources leave open is written down in `docs/image-sets.md`. What cannot be done is a [`Problem`] with the place in the image
//! set, what there is instead, and the line that would help; all of them are collected.

mod default_channel;
mod dependencies;
mod refusal;
mod v1;
mod v2;

use std::collections::{BTreeMap, BTreeSet};

use snobox_plan::problem::Problem;

use crate::catalog::{Catalog, Channel, Deprecated, Entry, Package};
use crate::image_set::{Operator, PackageAsk, Place, Range, Rules};

use default_channel::highest_priority;
use dependencies::Source;
pub use dependencies::{Dependency, Met};

/// What was chosen out of one catalog.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Operators by name.
    pub packages: BTreeMap<String, Chosen>,
    /// What bundles need of other operators.
    pub dependencies: Vec<Dependency>,
    /// What the user should know: versions outside of the range that had to come along, channels that were dropped, deprecations.
    pub notes: Vec<String>,
}

/// What was chosen of one operator.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Chosen {
    /// The channel that a subscription without a channel will follow.
    pub default_channel: Option<String>,
    /// Channels, each with the names of the bundles that stay in it.
    pub channels: BTreeMap<String, BTreeSet<String>>,
}

/// One chosen version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenBundle<'a> {
    /// The operator.
    pub package: &'a str,
    /// The bundle's name.
    pub name: &'a str,
    /// Its version.
    pub version: Option<&'a semver::Version>,
    /// Channels that it stays in.
    pub channels: Vec<&'a str>,
    /// The bundle image and the images that it needs.
    pub images: &'a [String],
}

impl Selection {
    /// All chosen versions, by operator and name.
    pub fn bundles<'a>(&'a self, catalog: &'a Catalog) -> Vec<ChosenBundle<'a>> {
        let mut all = Vec::new();
        for (package, chosen) in &self.packages {
            let Some(known) = catalog.packages.get(package) else {
                continue;
            };
            for name in chosen.bundles() {
                let Some(bundle) = known.bundles.get(name) else {
                    continue;
                };
                let holds = |(channel, names): (&'a String, &'a BTreeSet<String>)| {
                    names.contains(name).then_some(channel.as_str())
                };
                all.push(ChosenBundle {
                    package,
                    name,
                    version: bundle.version.as_ref(),
                    channels: chosen.channels.iter().filter_map(holds).collect(),
                    images: &bundle.images,
                });
            }
        }
        all
    }
}

impl Chosen {
    /// Names of all bundles, each once.
    pub fn bundles(&self) -> BTreeSet<&str> {
        self.channels
            .values()
            .flatten()
            .map(String::as_str)
            .collect()
    }
}

/// A catalog and what an image set asks of it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// What is asked of it.
    pub operator: &'a Operator,
    /// The rules of the image set.
    pub rules: Rules,
}

/// Chooses out of one catalog.
///
/// # Errors
/// All problems, in the order of the image set.
pub fn select(
    catalog: &Catalog,
    operator: &Operator,
    rules: Rules,
) -> Result<Selection, Vec<Problem>> {
    let asked = Asked {
        catalog,
        operator,
        rules,
    };
    let mut all = select_all(&[asked]);
    all.pop().unwrap_or_else(|| Ok(Selection::default()))
}

/// Chooses out of several catalogs that go onto one cluster, each for itself; then what is chosen from one may be what another one's operators need. The
/// results, or all problems of a catalog in the order of its image set, come in the order of `asked`. A catalog with problems counts as if it were not
/// asked.
pub fn select_all(asked: &[Asked<'_>]) -> Vec<Result<Selection, Vec<Problem>>> {
    let mut sources = Vec::new();
    let mut all: Vec<Result<Selection, Vec<Problem>>> = Vec::new();
    for ask in asked {
        match choose(ask) {
            Ok(selection) => {
                sources.push(Source {
                    name: ask.operator.catalog.to_string(),
                    catalog: ask.catalog,
                    selection,
                    add: ask.rules == Rules::V1 && !ask.operator.skip_dependencies,
                });
                all.push(Ok(Selection::default()));
            }
            Err(problems) => all.push(Err(problems)),
        }
    }
    dependencies::follow(&mut sources);
    let found = all.iter_mut().filter_map(|result| result.as_mut().ok());
    for (place, source) in found.zip(sources) {
        *place = source.selection;
        deprecations(source.catalog, place);
    }
    all
}

/// What is asked for by name; no dependencies.
fn choose(asked: &Asked<'_>) -> Result<Selection, Vec<Problem>> {
    let Asked {
        catalog,
        operator,
        rules,
    } = *asked;
    let mut selection = Selection::default();
    let mut problems = Vec::new();
    let everything: Vec<PackageAsk>;
    let asks = if operator.packages.is_empty() {
        everything = all_packages(catalog, &operator.place);
        &everything
    } else {
        &operator.packages
    };
    for ask in asks {
        let Some(package) = catalog.packages.get(&ask.name) else {
            problems.push(refusal::no_package(catalog, operator, ask));
            continue;
        };
        let mut choosing = Choosing {
            rules,
            full: operator.full,
            whole: operator.full && operator.packages.is_empty(),
            package,
            ask,
            notes: &mut selection.notes,
            problems: &mut problems,
        };
        if let Some(chosen) = choosing.package() {
            selection.packages.insert(ask.name.clone(), chosen);
        }
    }
    if problems.is_empty() {
        return Ok(selection);
    }
    problems.sort_by_key(|problem| problem.at);
    Err(problems)
}

fn all_packages(catalog: &Catalog, place: &Place) -> Vec<PackageAsk> {
    let ask = |name: &String| PackageAsk {
        place: place.clone(),
        name: name.clone(),
        range: Range::default(),
        default_channel: None,
        channels: Vec::new(),
        selected_bundles: Vec::new(),
    };
    catalog.packages.keys().map(ask).collect()
}

/// The choice within one operator.
struct Choosing<'a> {
    rules: Rules,
    full: bool,
    /// Whether the catalog is taken as it is.
    whole: bool,
    package: &'a Package,
    ask: &'a PackageAsk,
    notes: &'a mut Vec<String>,
    problems: &'a mut Vec<Problem>,
}

/// What is asked of one channel.
struct ChannelChoice<'a> {
    name: &'a str,
    channel: &'a Channel,
    range: &'a Range,
    place: &'a Place,
    /// Whether the versions are asked of this channel, and not of the whole operator.
    own_range: bool,
    rules: Rules,
}

/// The entries that stay in a channel.
type Kept<'a> = Vec<&'a Entry>;

impl<'a> Choosing<'a> {
    fn package(&mut self) -> Option<Chosen> {
        let before = self.problems.len();
        if let Some(fault) = &self.package.fault {
            self.problems.push(refusal::faulty(&self.ask.place, fault));
            return None;
        }
        let channels = self.channels();
        let default_channel = match self.rules {
            Rules::V1 => None,
            Rules::V2 if self.problems.len() == before => self.surviving_default(&channels),
            Rules::V2 => None,
        };
        if self.problems.len() > before {
            return None;
        }
        self.remarks(&channels);
        let mut chosen = Chosen::default();
        let mut dropped = Vec::new();
        for choice in &channels {
            let kept = if self.ask.selected_bundles.is_empty() {
                match self.rules {
                    Rules::V1 => self.entries_v1(choice),
                    Rules::V2 => self.entries_v2(choice),
                }
            } else {
                self.selected_bundles(choice)
            };
            match kept {
                Ok(kept) if kept.is_empty() => dropped.push(choice),
                Ok(kept) => {
                    let names = kept.iter().map(|entry| entry.name.clone()).collect();
                    chosen.channels.insert(choice.name.to_owned(), names);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        if self.problems.len() > before {
            return None;
        }
        self.judge_empty(&chosen, &dropped, default_channel.as_deref());
        self.judge_missing(&chosen);
        chosen.default_channel = match self.rules {
            Rules::V1 => self.rederived_default(&chosen),
            Rules::V2 => default_channel,
        };
        (self.problems.len() == before).then_some(chosen)
    }

    /// What is wrong with the operator and keeps nothing from being chosen: versions without a version are never in a range.
    fn remarks(&mut self, channels: &[ChannelChoice<'_>]) {
        let entries = channels.iter().flat_map(|choice| &choice.channel.entries);
        let bundles = entries.filter_map(|entry| self.package.bundles.get_key_value(&entry.name));
        let faulty: BTreeMap<&String, &String> = bundles
            .filter(|(_, bundle)| bundle.version.is_none())
            .filter_map(|(name, bundle)| Some((name, bundle.fault.as_ref()?)))
            .collect();
        let all = faulty.into_values().chain(&self.package.remarks);
        let name = &self.ask.name;
        self.notes
            .extend(all.map(|fault| format!("{name}: {fault}")));
    }

    /// The channels that are asked for; all of them where none is named.
    fn channels(&mut self) -> Vec<ChannelChoice<'a>> {
        let found = self.channels_found();
        for choice in &found {
            if let Some(fault) = &choice.channel.fault {
                self.problems.push(refusal::faulty(choice.place, fault));
            }
        }
        found
    }

    fn channels_found(&mut self) -> Vec<ChannelChoice<'a>> {
        let (package, ask, rules) = (self.package, self.ask, self.rules);
        if ask.channels.is_empty() {
            let place = ask.range.place.as_ref().unwrap_or(&ask.place);
            let choice = |(name, channel): (&'a String, &'a Channel)| ChannelChoice {
                name,
                channel,
                range: &ask.range,
                place,
                own_range: false,
                rules,
            };
            return package.channels.iter().map(choice).collect();
        }
        let mut found = Vec::new();
        for asked in &ask.channels {
            let Some((name, channel)) = package.channels.get_key_value(&asked.name) else {
                self.problems.push(refusal::no_channel(package, ask, asked));
                continue;
            };
            let own_range = !asked.range.is_open();
            let range = if own_range { &asked.range } else { &ask.range };
            found.push(ChannelChoice {
                name,
                channel,
                range,
                place: range.place.as_ref().unwrap_or(&asked.place),
                own_range,
                rules,
            });
        }
        found
    }

    /// Bundles that are named, and nothing else.
    fn selected_bundles(&mut self, choice: &ChannelChoice<'a>) -> Result<Kept<'a>, Problem> {
        let named = |entry: &&Entry| {
            let mut names = self.ask.selected_bundles.iter();
            names.any(|(name, _)| *name == entry.name)
        };
        let kept: Kept<'a> = choice.channel.entries.iter().filter(named).collect();
        if !kept.is_empty()
            && let Err(error) =
                crate::channel::UpdateGraph::of_entries(choice.channel, kept.iter().copied())
        {
            return Err(refusal::broken_selection(self.ask, choice, &error));
        }
        Ok(kept)
    }

    /// Channels without a version: the default one must not be, others are dropped.
    fn judge_empty(
        &mut self,
        chosen: &Chosen,
        dropped: &[&ChannelChoice<'a>],
        default_channel: Option<&str>,
    ) {
        if chosen.channels.is_empty() && !dropped.is_empty() {
            self.problems
                .push(refusal::nothing(self.package, self.ask, dropped));
            return;
        }
        for choice in dropped {
            if Some(choice.name) == default_channel {
                let kept: Vec<&str> = chosen.channels.keys().map(String::as_str).collect();
                self.problems
                    .push(refusal::empty_default(self.ask, choice, &kept));
            } else {
                self.notes.push(format!(
                    "{}: channel {:?} is left out: it has none of {}",
                    self.ask.name,
                    choice.name,
                    refusal::asked(self.ask, choice)
                ));
            }
        }
    }

    /// Everything that was named must be there.
    fn judge_missing(&mut self, chosen: &Chosen) {
        let bundles = chosen.bundles();
        let absent = |(name, _): &&(String, Place)| !bundles.contains(name.as_str());
        if let Some((name, place)) = self.ask.selected_bundles.iter().find(absent) {
            self.problems
                .push(refusal::no_bundle(self.package, self.ask, name, place));
        }
        for name in &bundles {
            if let Some(fault) = self
                .package
                .bundles
                .get(*name)
                .and_then(|b| b.fault.as_ref())
            {
                self.problems.push(refusal::faulty(&self.ask.place, fault));
                return;
            }
        }
        let known = |name: &str| self.package.bundles.contains_key(name);
        for names in chosen.channels.values() {
            if let Some(name) = names.first()
                && !names.iter().any(|name| known(name))
            {
                self.problems.push(refusal::no_document(self.ask, name));
                return;
            }
        }
        for name in bundles.into_iter().filter(|name| !known(name)) {
            self.notes.push(format!(
                "{}: the catalog lists {name:?} in a channel and has no bundle of that name",
                self.ask.name
            ));
        }
    }
}

fn deprecations(catalog: &Catalog, selection: &mut Selection) {
    for (name, chosen) in &selection.packages {
        let Some(package) = catalog.packages.get(name) else {
            continue;
        };
        let bundles = chosen.bundles();
        for deprecation in &package.deprecations {
            let (is_chosen, what) = match &deprecation.of {
                Deprecated::Package => (true, "the operator".to_owned()),
                Deprecated::Channel(channel) => (
                    chosen.channels.contains_key(channel),
                    format!("channel {channel:?}"),
                ),
                Deprecated::Bundle(bundle) => {
                    (bundles.contains(bundle.as_str()), format!("{bundle:?}"))
                }
            };
            if is_chosen {
                let message = deprecation.message.split_whitespace();
                let message: Vec<_> = message.collect();
                selection.notes.push(format!(
                    "{name}: {what} is deprecated: {}",
                    message.join(" ")
                ));
            }
        }
    }
}
