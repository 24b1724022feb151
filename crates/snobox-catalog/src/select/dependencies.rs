//! What chosen bundles need of other operators: reported, and under the v1 rules added.
//!
//! A requirement is `olm.package.required` or `olm.gvk.required`. Added is the newest bundle that meets it, from the operator's default channel if it is
//! there, and what leads from it to the head of that channel; then what those need, until nothing is missing that the catalog has.

use std::collections::{BTreeMap, BTreeSet};

use super::{Selection, highest_priority, v1};
use crate::catalog::{Bundle, Catalog, Package, Requirement};
use crate::channel::UpdateGraph;
use crate::range::Required;

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

/// Whether something that is needed is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It was asked for anyway.
    Chosen,
    /// It was added.
    Added,
    /// The catalog has it, and it is not chosen.
    LeftOut,
    /// The catalog does not have it.
    Unknown,
}

/// Fills in the dependencies of a selection, and adds what they ask for if `add`.
pub(super) fn follow(catalog: &Catalog, selection: &mut Selection, add: bool) {
    let mut known: BTreeSet<(String, String, Requirement)> = BTreeSet::new();
    let mut added: BTreeSet<&str> = BTreeSet::new();
    loop {
        let open: Vec<_> = requirements(catalog, selection)
            .into_iter()
            .filter(|need| !known.contains(need))
            .collect();
        if open.is_empty() {
            break;
        }
        // All of one round look at the same selection: what one brings does not hide another.
        let mut answers: BTreeMap<Requirement, (Met, Option<Provider<'_>>)> = BTreeMap::new();
        let mut providers = Vec::new();
        for need in &open {
            let (package, bundle, requirement) = need.clone();
            let answer = answers.entry(requirement.clone()).or_insert_with(|| {
                if is_met(catalog, selection, &requirement) {
                    return (Met::Chosen, None);
                }
                match newest(catalog, selection, &requirement) {
                    None => (Met::Unknown, None),
                    Some(_) if !add => (Met::LeftOut, None),
                    provider => (Met::Added, provider),
                }
            });
            let met = answer.0;
            providers.extend(answer.1.map(|provider| (provider, bundle.clone())));
            match met {
                Met::LeftOut => selection.notes.push(format!(
                    "{package}: {bundle:?} needs {requirement}, which is not asked for"
                )),
                Met::Unknown => selection.notes.push(format!(
                    "{package}: {bundle:?} needs {requirement}, which is not in this catalog"
                )),
                Met::Chosen | Met::Added => {}
            }
            selection.dependencies.push(Dependency {
                package,
                bundle,
                requirement,
                met,
            });
        }
        known.extend(open);
        for (provider, for_bundle) in providers {
            if bring(catalog, selection, provider, &for_bundle) {
                added.insert(provider.0);
            }
        }
    }
    for name in added {
        let (Some(package), Some(chosen)) =
            (catalog.packages.get(name), selection.packages.get_mut(name))
        else {
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

fn requirements(catalog: &Catalog, selection: &Selection) -> Vec<(String, String, Requirement)> {
    let mut all = Vec::new();
    for (name, chosen) in &selection.packages {
        let bundles = catalog.packages.get(name).map(|package| &package.bundles);
        for bundle in chosen.bundles() {
            let found = bundles.and_then(|bundles| bundles.get(bundle));
            for requirement in found.into_iter().flat_map(|bundle| &bundle.requires) {
                all.push((name.clone(), bundle.to_owned(), requirement.clone()));
            }
        }
    }
    all
}

fn meets(package: &str, bundle: &Bundle, requirement: &Requirement) -> bool {
    match requirement {
        Requirement::Kind(gvk) => bundle.provides.contains(gvk),
        Requirement::Package { name, range } => {
            name == package
                && match (&bundle.version, Required::parse(range)) {
                    (Some(version), Some(range)) => range.contains(version),
                    (_, _) => range.is_empty(),
                }
        }
    }
}

fn is_met(catalog: &Catalog, selection: &Selection, requirement: &Requirement) -> bool {
    selection.packages.iter().any(|(name, chosen)| {
        let bundles = catalog.packages.get(name).map(|package| &package.bundles);
        let mut names = chosen.bundles().into_iter();
        names.any(|bundle| {
            bundles
                .and_then(|bundles| bundles.get(bundle))
                .is_some_and(|bundle| meets(name, bundle, requirement))
        })
    })
}

/// Operator, channel and bundle.
type Provider<'a> = (&'a str, &'a str, &'a str);

/// The newest bundle that meets a requirement: of an operator that is chosen already, or else of the first by name.
fn newest<'a>(
    catalog: &'a Catalog,
    selection: &Selection,
    requirement: &Requirement,
) -> Option<Provider<'a>> {
    let of_package = |(name, package): (&'a String, &'a Package)| {
        let entries = package.channels.iter().flat_map(|(channel, content)| {
            let is_default = package.default_channel.as_ref() == Some(channel);
            content
                .entries
                .iter()
                .map(move |entry| (channel, entry, is_default))
        });
        let providing = entries.filter_map(|(channel, entry, is_default)| {
            let (bundle, found) = package.bundles.get_key_value(&entry.name)?;
            meets(name, found, requirement).then_some((
                found.version.as_ref(),
                is_default,
                std::cmp::Reverse(channel),
                bundle,
            ))
        });
        let best = providing.max_by(|a, b| {
            let versions = match (a.0, b.0) {
                (Some(a), Some(b)) => a.cmp_precedence(b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            };
            versions.then_with(|| (a.1, a.2, a.3).cmp(&(b.1, b.2, b.3)))
        })?;
        Some((name.as_str(), best.2.0.as_str(), best.3.as_str()))
    };
    let found: Vec<_> = catalog.packages.iter().filter_map(of_package).collect();
    let chosen = found
        .iter()
        .find(|(name, ..)| selection.packages.contains_key(*name));
    chosen.or(found.first()).copied()
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
