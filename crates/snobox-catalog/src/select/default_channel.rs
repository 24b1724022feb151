//! Which channel a subscription without a channel will follow.

use super::{ChannelChoice, Choosing, Chosen, refusal};
use crate::catalog::Package;

impl Choosing<'_> {
    /// The default channel under the v2 rules: as the image set says, or as the catalog says, if it is among those that are kept.
    pub(super) fn surviving_default(&mut self, channels: &[ChannelChoice<'_>]) -> Option<String> {
        let names: Vec<&str> = channels.iter().map(|channel| channel.name).collect();
        let is_kept = |name: &str| names.contains(&name);
        if let Some((name, place)) = &self.ask.default_channel {
            if !is_kept(name) {
                self.problems.push(refusal::lost_override(
                    self.package,
                    self.ask,
                    name,
                    place,
                    &names,
                ));
            }
            return Some(name.clone());
        }
        let Some(own) = self.package.default_channel.as_deref() else {
            return self.no_default(&names);
        };
        if !is_kept(own) {
            self.problems
                .push(refusal::lost_default(self.package, self.ask, own, &names));
        }
        Some(own.to_owned())
    }

    /// The default channel under the v1 rules: as the image set says, or as the catalog says, or by the priority of what is left.
    pub(super) fn rederived_default(&mut self, chosen: &Chosen) -> Option<String> {
        let names: Vec<&str> = chosen.channels.keys().map(String::as_str).collect();
        if let Some((name, place)) = &self.ask.default_channel {
            if !names.contains(&name.as_str()) {
                self.problems.push(refusal::lost_override(
                    self.package,
                    self.ask,
                    name,
                    place,
                    &names,
                ));
            }
            return Some(name.clone());
        }
        let Some(own) = self.package.default_channel.as_deref() else {
            let by_priority = highest_priority(self.package, &names);
            let Some(name) = by_priority else {
                return self.no_default(&names);
            };
            self.notes.push(format!(
                "{}: the catalog names no default channel; {name:?} becomes it, by its priority",
                self.ask.name
            ));
            return Some(name.to_owned());
        };
        if names.contains(&own) || names.is_empty() {
            return Some(own.to_owned());
        }
        let by_priority = highest_priority(self.package, &names);
        match by_priority {
            Some(name) => {
                self.notes.push(format!(
                    "{}: the default channel {own:?} is not asked for; {name:?} becomes the default, by its priority",
                    self.ask.name
                ));
                Some(name.to_owned())
            }
            None => {
                self.problems
                    .push(refusal::lost_default(self.package, self.ask, own, &names));
                None
            }
        }
    }

    /// A package without a default channel, which no catalog server takes. A catalog that is taken as it is stays as it is.
    fn no_default(&mut self, kept: &[&str]) -> Option<String> {
        if self.whole {
            self.notes.push(format!(
                "{}: the catalog names no default channel",
                self.ask.name
            ));
        } else {
            self.problems.push(refusal::no_default(self.ask, kept));
        }
        None
    }
}

/// The channel of `names` with the highest priority, if any has one.
pub(super) fn highest_priority<'n>(package: &Package, names: &[&'n str]) -> Option<&'n str> {
    let priority = |name: &&str| package.channels.get(*name).and_then(|c| c.priority);
    names
        .iter()
        .copied()
        .filter_map(|name| priority(&name).map(|p| (p, name)))
        .max()
        .map(|(_, name)| name)
}
