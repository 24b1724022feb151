//! What chosen bundles need of other operators: reported, and under the v1 rules added.
//!
//! Whatever is chosen from any of the catalogs meets a requirement. Added is only out of the catalog of the bundle that needs it: the newest bundle that
//! meets it, from the operator's default channel if it is there, and what leads from it to the head of that channel; then what those need, until nothing
//! is missing that the catalog has.

mod answer;

use std::collections::{BTreeMap, BTreeSet};

use super::{Selection, highest_priority, v1};
use crate::catalog::{Catalog, Requirement};
use crate::channel::UpdateGraph;
use answer::{Answer, Provider, answer};

/// What a chosen bundle needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The operator that needs it.
    pub package: String,
    /// Its bundle.
    pub bundle: String,
    /// What it needs.
    pub requirement: Requirement,
    /// Whether it is met.
    pub met: Met,
}

/// Whether something that is needed is there; the better before the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// It was asked for anyway, of this catalog or another one.
    Chosen,
    /// It was added.
    Added,
    /// The catalog has it, and it is not chosen.
    LeftOut,
    /// Another catalog has it, and it is not chosen.
    Elsewhere,
    /// A rule that nobody here evaluates.
    Unjudged,
    /// It must not be there, and is chosen.
    Excluded,
    /// No catalog has it.
    Unknown,
}

/// A catalog and what is chosen of it.
pub(super) struct Source<'a> {
    /// What the image set calls it.
    pub(super) name: String,
    pub(super) catalog: &'a Catalog,
    pub(super) selection: Selection,
    /// Whether what is needed is added.
    pub(super) add: bool,
}

/// Operator, bundle and what it needs, with the place of its catalog.
type Need = (usize, String, String, Requirement);

/// Adds what is needed, then fills in the dependencies of all selections.
pub(super) fn follow(sources: &mut [Source<'_>]) {
    let mut known: BTreeSet<Need> = BTreeSet::new();
    let mut brought: BTreeSet<(usize, Requirement)> = BTreeSet::new();
    let mut added: BTreeSet<(usize, &str)> = BTreeSet::new();
    loop {
        let open: Vec<Need> = needs(sources)
            .into_iter()
            .filter(|need| sources[need.0].add && !known.contains(need))
            .collect();
        if open.is_empty() {
            break;
        }
        // All of one round look at the same selections: what one brings does not hide another.
        let mut answers = Answers::new();
        let mut providers: Vec<(usize, Provider<'_>, &str)> = Vec::new();
        for need in &open {
            let (place, _, bundle, requirement) = need;
            let found = answered(&mut answers, sources, need).bring.iter();
            let before = providers.len();
            providers.extend(found.map(|provider| (*place, *provider, bundle.as_str())));
            if providers.len() > before {
                brought.insert((*place, requirement.clone()));
            }
        }
        for (place, provider, for_bundle) in providers {
            let source = &mut sources[place];
            if bring(source.catalog, &mut source.selection, provider, for_bundle) {
                added.insert((place, provider.0));
            }
        }
        known.extend(open);
    }
    record(sources, &brought);
    for (place, name) in added {
        let source = &mut sources[place];
        let (Some(package), Some(chosen)) = (
            source.catalog.packages.get(name),
            source.selection.packages.get_mut(name),
        ) else {
            continue;
        };
        let channels: Vec<&str> = chosen.channels.keys().map(String::as_str).collect();
        let own = package.default_channel.as_deref();
        let default = own
            .filter(|own| channels.contains(own))
            .or_else(|| highest_priority(package, &channels))
            .or(channels.last().copied());
        chosen.default_channel = default.map(str::to_owned);
    }
}

type Answers<'n, 'a> = BTreeMap<(usize, &'n Requirement), Answer<'a>>;

/// The answer to a need; what several bundles need is looked up once.
fn answered<'m, 'n, 'a>(
    answers: &'m mut Answers<'n, 'a>,
    sources: &[Source<'a>],
    need: &'n Need,
) -> &'m Answer<'a> {
    let (place, _, _, requirement) = need;
    answers
        .entry((*place, requirement))
        .or_insert_with(|| answer(sources, *place, &requirement.constraint))
}

/// Writes down what is needed and whether it is there, when nothing more is added.
fn record(sources: &mut [Source<'_>], brought: &BTreeSet<(usize, Requirement)>) {
    let needs = needs(sources);
    let mut answers = Answers::new();
    let mut found = Vec::new();
    for need in &needs {
        let answer = answered(&mut answers, sources, need);
        let (place, package, bundle, requirement) = need;
        let message = requirement.failure_message.split_whitespace();
        let message = message.collect::<Vec<_>>().join(" ");
        let colon = if message.is_empty() { "" } else { ": " };
        let said = answer.said.iter();
        let notes: Vec<String> = said
            .map(|what| format!("{package}: {bundle:?} {what}{colon}{message}"))
            .collect();
        let was_brought = || brought.contains(&(*place, requirement.clone()));
        let met = match answer.met {
            Met::Chosen if was_brought() => Met::Added,
            met => met,
        };
        let dependency = Dependency {
            package: package.clone(),
            bundle: bundle.clone(),
            requirement: requirement.clone(),
            met,
        };
        found.push((*place, dependency, notes));
    }
    for (place, dependency, notes) in found {
        let selection = &mut sources[place].selection;
        selection.notes.extend(notes);
        selection.dependencies.push(dependency);
    }
}

fn needs(sources: &[Source<'_>]) -> Vec<Need> {
    let mut all = Vec::new();
    for (place, source) in sources.iter().enumerate() {
        for (name, chosen) in &source.selection.packages {
            let package = source.catalog.packages.get(name);
            let bundles = package.map(|package| &package.bundles);
            for bundle in chosen.bundles() {
                let found = bundles.and_then(|bundles| bundles.get(bundle));
                for requirement in found.into_iter().flat_map(|bundle| &bundle.requires) {
                    let (name, bundle) = (name.clone(), bundle.to_owned());
                    all.push((place, name, bundle, requirement.clone()));
                }
            }
        }
    }
    all
}

/// Adds a provider and what leads to the head of its channel; whether its operator was not chosen before.
fn bring(
    catalog: &Catalog,
    selection: &mut Selection,
    provider: Provider<'_>,
    needed_by: &str,
) -> bool {
    let (name, channel, bundle) = provider;
    let package = catalog.packages.get(name);
    let Some(content) = package.and_then(|package| package.channels.get(channel)) else {
        return false;
    };
    let names: BTreeSet<String> = match UpdateGraph::of(content) {
        Ok(graph) => {
            let start = graph.get(bundle);
            let way = start.map(|start| v1::up_to_head(&graph, start));
            way.into_iter().flatten().map(|e| e.name.clone()).collect()
        }
        // Nobody asked for this channel: that it is broken is no reason to refuse the rest.
        Err(error) => {
            let note = format!("{name}: only {bundle:?} of channel {channel:?} is added: {error}");
            selection.notes.push(note);
            BTreeSet::from([bundle.to_owned()])
        }
    };
    let bundles = package.map(|package| &package.bundles);
    for bundle in &names {
        let found = bundles.and_then(|bundles| bundles.get(bundle));
        if let Some(fault) = found.and_then(|bundle| bundle.fault.as_ref()) {
            selection.notes.push(format!("{name}: {fault}"));
        }
    }
    let is_new = !selection.packages.contains_key(name);
    let chosen = selection.packages.entry(name.to_owned()).or_default();
    chosen
        .channels
        .entry(channel.to_owned())
        .or_default()
        .extend(names);
    if is_new {
        selection
            .notes
            .push(format!("{name}: added, because {needed_by:?} needs it"));
    }
    is_new
}
