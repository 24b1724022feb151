//! Whether one requirement is met by what is chosen, and what would meet it.
//!
//! Constraints within `all` may be met by different bundles. What a `not` beside them names does not count for them. Of `any`, one that is met is enough;
//! where none is, the first counts that the catalog has, then the first that another catalog has. A `not` fails where an operator is chosen of which every
//! chosen bundle is as it says: the cluster would have no other one to take.

use std::collections::BTreeMap;

use super::{Met, Source};
use crate::catalog::{Bundle, Catalog, Constraint, Package};
use crate::select::Chosen;

/// Operator, channel and bundle.
pub(super) type Provider<'a> = (&'a str, &'a str, &'a str);

/// What is to be said of a constraint and done about it.
pub(super) struct Answer<'a> {
    pub(super) met: Met,
    /// What is to be added.
    pub(super) bring: Vec<Provider<'a>>,
    /// What does not hold, in words that go on after a bundle's name.
    pub(super) said: Vec<String>,
}

impl<'a> Answer<'a> {
    fn met(met: Met) -> Self {
        Self {
            met,
            bring: Vec::new(),
            said: Vec::new(),
        }
    }

    fn said(met: Met, said: String) -> Self {
        Self {
            said: vec![said],
            ..Self::met(met)
        }
    }
}

/// Judges a constraint of a bundle in the catalog at `place`.
pub(super) fn answer<'a>(
    sources: &[Source<'a>],
    place: usize,
    constraint: &Constraint,
) -> Answer<'a> {
    let judging = Judging { sources, place };
    judging.judge(constraint, &[])
}

struct Judging<'s, 'a> {
    sources: &'s [Source<'a>],
    place: usize,
}

impl<'a> Judging<'_, 'a> {
    /// What is as one of `excluded` says counts for nothing.
    fn judge(&self, constraint: &Constraint, excluded: &[&Constraint]) -> Answer<'a> {
        match constraint {
            Constraint::Package { .. } | Constraint::Kind(_) => self.one(constraint, excluded),
            Constraint::All(parts) => self.all(parts, excluded),
            Constraint::Any(parts) => self.any(constraint, parts, excluded),
            Constraint::Not(parts) => self.not(parts),
            Constraint::Rule(rule) => Answer::said(
                Met::Unjudged,
                format!("has a rule in CEL, which is not evaluated: {rule}"),
            ),
            Constraint::Unknown(what) => {
                Answer::said(Met::Unjudged, format!("has {what}: it is not evaluated"))
            }
        }
    }

    fn one(&self, constraint: &Constraint, excluded: &[&Constraint]) -> Answer<'a> {
        let counts = |name: &str, bundle: &Bundle| {
            let is_excluded = || excluded.iter().any(|other| other.matches(name, bundle));
            constraint.matches(name, bundle) && !is_excluded()
        };
        if self.sources.iter().any(|s| is_chosen(s, &counts)) {
            return Answer::met(Met::Chosen);
        }
        let own = &self.sources[self.place];
        if let Some(provider) = newest(own, &counts) {
            if own.add {
                return Answer {
                    bring: vec![provider],
                    ..Answer::met(Met::Added)
                };
            }
            return Answer::said(
                Met::LeftOut,
                format!("needs {constraint}, which is not asked for"),
            );
        }
        let has = |source: &&Source<'a>| newest(source, &counts).is_some();
        if let Some(other) = self.sources.iter().find(has) {
            let said = format!(
                "needs {constraint}, which {} has, and which is not asked for",
                other.name
            );
            return Answer::said(Met::Elsewhere, said);
        }
        let said = match self.sources.len() {
            1 => format!("needs {constraint}, which is not in this catalog"),
            count => format!("needs {constraint}, which is in none of the {count} catalogs"),
        };
        Answer::said(Met::Unknown, said)
    }

    fn all(&self, parts: &[Constraint], excluded: &[&Constraint]) -> Answer<'a> {
        let mut excluded = excluded.to_vec();
        for part in parts {
            if let Constraint::Not(others) = part {
                excluded.extend(others);
            }
        }
        let mut all = Answer::met(Met::Chosen);
        for part in parts {
            let answer = self.judge(part, &excluded);
            all.met = all.met.max(answer.met);
            all.bring.extend(answer.bring);
            all.said.extend(answer.said);
        }
        all
    }

    fn any(
        &self,
        constraint: &Constraint,
        parts: &[Constraint],
        excluded: &[&Constraint],
    ) -> Answer<'a> {
        let answers = parts.iter().map(|part| self.judge(part, excluded));
        // The first of the best.
        let Some(best) = answers.min_by_key(|answer| answer.met) else {
            let said = "asks for one of nothing, which nothing can be".to_owned();
            return Answer::said(Met::Unknown, said);
        };
        let said = match best.met {
            Met::LeftOut => format!("needs {constraint}, which is not asked for"),
            Met::Unknown | Met::Excluded => {
                format!("needs {constraint}, and the catalogs have none of it")
            }
            _ => return best,
        };
        Answer::said(best.met, said)
    }

    fn not(&self, parts: &[Constraint]) -> Answer<'a> {
        let mut all = Answer::met(Met::Chosen);
        for part in parts {
            if let Some(name) = self.sources.iter().find_map(|s| nothing_else(s, part)) {
                all.met = Met::Excluded;
                all.said.push(format!(
                    "must not be with {part}, and of {name} nothing else is chosen"
                ));
            }
        }
        all
    }
}

type Counts<'c> = dyn Fn(&str, &Bundle) -> bool + 'c;

fn is_chosen(source: &Source<'_>, counts: &Counts<'_>) -> bool {
    source.selection.packages.iter().any(|(name, chosen)| {
        let bundles = bundles_of(source.catalog, name);
        let mut names = chosen.bundles().into_iter();
        names.any(|bundle| {
            let found = bundles.and_then(|bundles| bundles.get(bundle));
            found.is_some_and(|bundle| counts(name, bundle))
        })
    })
}

/// A chosen operator of which every bundle is as the constraint says.
fn nothing_else<'s>(source: &'s Source<'_>, constraint: &Constraint) -> Option<&'s str> {
    let is_it = |(name, chosen): &(&String, &Chosen)| {
        let bundles = bundles_of(source.catalog, name);
        let names = chosen.bundles().into_iter();
        let mut found = names
            .filter_map(|bundle| bundles?.get(bundle))
            .map(|bundle| constraint.matches(name, bundle))
            .peekable();
        found.peek().is_some() && found.all(|matches| matches)
    };
    let mut chosen = source.selection.packages.iter();
    chosen.find(is_it).map(|(name, _)| name.as_str())
}

fn bundles_of<'c>(catalog: &'c Catalog, name: &str) -> Option<&'c BTreeMap<String, Bundle>> {
    catalog.packages.get(name).map(|package| &package.bundles)
}

/// The newest bundle that counts: of an operator that is chosen already, or else of the first by name.
fn newest<'a>(source: &Source<'a>, counts: &Counts<'_>) -> Option<Provider<'a>> {
    let of_package = |(name, package): (&'a String, &'a Package)| {
        let channels = package.channels.iter();
        let usable =
            channels.filter(|(_, content)| package.fault.is_none() && content.fault.is_none());
        let entries = usable.flat_map(|(channel, content)| {
            let is_default = package.default_channel.as_ref() == Some(channel);
            content
                .entries
                .iter()
                .map(move |entry| (channel, entry, is_default))
        });
        let providing = entries.filter_map(|(channel, entry, is_default)| {
            let (bundle, found) = package.bundles.get_key_value(&entry.name)?;
            (found.fault.is_none() && counts(name, found)).then_some((
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
    let packages = source.catalog.packages.iter();
    let found: Vec<_> = packages.filter_map(of_package).collect();
    let chosen = found
        .iter()
        .find(|(name, ..)| source.selection.packages.contains_key(*name));
    chosen.or(found.first()).copied()
}
