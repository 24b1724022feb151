//! Which channel a subscription without a channel will follow.

use super::{ChannelChoice, Choosing, Chosen, refusal};
use crate::catalog::Package;

impl Choosing<'_> {
    /// The default channel under the v2 rules: as the image set says, or as the catalog says, if it is among those that are kept.
    pub(super) fn surviving_default(&mut self, channels: &[ChannelChoice<'_>]) -> Option<String> {
        let names: Vec<&str> = channels.iter().map(|channel| channel.name).collect();
        if let Some(named) = self.named_default(&names) {
            return Some(named);
        }
        let Some(own) = self.package.default_channel.as_deref() else {
            return self.no_default(&names);
        };
        if !names.contains(&own) {
            self.lost_default(own, &names);
        }
        Some(own.to_owned())
    }

    /// The default channel under the v1 rules: as the image set says, or as the catalog says, or by the priority of what is left.
    pub(super) fn rederived_default(&mut self, chosen: &Chosen) -> Option<String> {
        let names: Vec<&str> = chosen.channels.keys().map(String::as_str).collect();
        if let Some(named) = self.named_default(&names) {
            return Some(named);
        }
        let own = self.package.default_channel.as_deref();
        if let Some(own) = own
            && (names.contains(&own) || names.is_empty())
        {
            return Some(own.to_owned());
        }
        let Some(name) = highest_priority(self.package, &names) else {
            return match own {
                Some(own) => self.lost_default(own, &names),
                None => self.no_default(&names),
            };
        };
        let package = &self.ask.name;
        self.notes.push(match own {
            Some(own) => format!(
                "{package}: the default channel {own:?} is not asked for; {name:?} becomes the default, by its priority"
            ),
            None => format!(
                "{package}: the catalog names no default channel; {name:?} becomes it, by its priority"
            ),
        });
        Some(name.to_owned())
    }

    /// As the image set says, which must be among the channels that are kept.
    fn named_default(&mut self, kept: &[&str]) -> Option<String> {
        let (name, place) = self.ask.default_channel.as_ref()?;
        if !kept.contains(&name.as_str()) {
            let problem = refusal::lost_override(self.package, self.ask, name, place, kept);
            self.problems.push(problem);
        }
        Some(name.clone())
    }

    /// The catalog's own, which is not kept.
    fn lost_default(&mut self, own: &str, kept: &[&str]) -> Option<String> {
        let problem = refusal::lost_default(self.package, self.ask, own, kept);
        self.problems.push(problem);
        None
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
