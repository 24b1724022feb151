//! Every image that the node asks for until the cluster runs: derived from the texts of the ignition, so that no list can be out of date.
//!
//! 1. the release itself, by every script;
//! 2. components that a script asks the release for: `image_for NAME`, the name possibly through a variable of the same script;
//! 3. images that are written out: by digest anywhere, by tag where `podman`, `skopeo`, `crictl` or `ostree container` gets them;
//! 4. components that the units of the Machine Config Operator pull in the boots from the disk: [`SECOND_BOOT`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use snobox_formats::ignition::Ignition;
use snobox_formats::reference::ImageRef;
pub use snobox_plan::boots::SECOND_BOOT;

use super::Layout;
use super::shell::{Command, Variables, commands};
use super::texts::{Place, Texts, UnitText};
use crate::verify::references;

const SECOND_BOOT_ASKS: &str =
    "the units of the Machine Config Operator in the boots from the disk";
const RELEASE_ASKS: &str = "the scripts of the installer";

/// Images that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapImages {
    /// The release.
    pub release: ImageRef,
    /// Components of the release, each with the first place that asks.
    pub components: BTreeMap<String, String>,
    /// Those of them that every place can do without: the script goes on when the release does not have them.
    pub optional: BTreeSet<String>,
    /// Other images, each with the first place that names it.
    pub direct: BTreeMap<ImageRef, String>,
    /// Words that stand for a component's name and cannot be resolved, each with its place.
    pub unresolved: BTreeMap<String, String>,
}

/// Derives the images of an ignition.
pub fn bootstrap_images(ignition: &Ignition, layout: &Layout) -> BootstrapImages {
    let asked = Asked::of(&Texts::of(ignition));
    let mut direct = references(ignition);
    for (image, place) in asked.pulled {
        direct.entry(image).or_insert_with(|| place.to_string());
    }
    direct.remove(&layout.release);
    let text = |places: BTreeMap<String, Place>| {
        let places = places.into_iter();
        places
            .map(|(name, place)| (name, place.to_string()))
            .collect()
    };
    BootstrapImages {
        release: layout.release.clone(),
        optional: asked
            .components
            .keys()
            .filter(|name| !asked.needed.contains(*name))
            .cloned()
            .collect(),
        components: text(asked.components),
        direct,
        unresolved: text(asked.unresolved),
    }
}

/// What scripts ask for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    components: BTreeMap<String, Place>,
    needed: BTreeSet<String>,
    pulled: BTreeMap<ImageRef, Place>,
    pub(crate) unresolved: BTreeMap<String, Place>,
}

impl Asked {
    pub(crate) fn of(texts: &Texts) -> Self {
        let mut asked = Self::default();
        for file in &texts.files {
            let Some(text) = &file.text else { continue };
            // Only scripts: reading a certificate or a manifest like one would find nothing, slowly.
            if text.starts_with("#!") || text.contains("image_for") {
                let place = |line| match file.place.line {
                    None => Place::at(&file.place.object, line),
                    Some(_) => file.place.clone(),
                };
                asked.script(&commands(text), &place);
            }
        }
        for unit in &texts.units {
            for (line, script) in exec_lines(unit) {
                asked.script(&commands(&script), &|_| unit.place(line));
            }
        }
        asked
    }

    fn script(&mut self, commands: &[Command], place: &dyn Fn(usize) -> Place) {
        let variables = Variables::of(commands);
        for command in commands {
            let place = || place(command.line);
            if command.runs(&["image_for"])
                && let Some(argument) = command.run().get(1)
            {
                match variables.resolve(&argument.text) {
                    Some(names) => names.into_iter().for_each(|name| {
                        let name = name.to_owned();
                        if !command.guarded {
                            self.needed.insert(name.clone());
                        }
                        self.components.entry(name).or_insert_with(place);
                    }),
                    None => {
                        let word = argument.text.clone();
                        self.unresolved.entry(word).or_insert_with(place);
                    }
                }
            }
            for image in pulled(command, &variables) {
                self.pulled.entry(image).or_insert_with(place);
            }
        }
    }
}

/// The commands of a unit's `Exec…=` lines, what `sh -c` is given unpacked, each with its line.
pub(crate) fn exec_lines(unit: &UnitText) -> impl Iterator<Item = (usize, String)> {
    unit.text.lines().enumerate().filter_map(|(index, line)| {
        let (key, value) = line.split_once('=')?;
        let command = value.trim().trim_start_matches(['-', '@', ':', '+', '!']);
        if !key.trim().starts_with("Exec") || command.is_empty() {
            return None;
        }
        let words = commands(command);
        let inner = words.last().and_then(|command| {
            let at = command.words.iter().position(|word| word.text == "-c")?;
            Some(command.words.get(at + 1)?.text.clone())
        });
        // systemd doubles what it would expand itself.
        let script = inner.unwrap_or_else(|| command.to_owned());
        Some((index + 1, script.replace("$$", "$")))
    })
}

/// Commands that bring an image, by their first words.
const PULLS: [&[&str]; 7] = [
    &["podman", "pull"],
    &["podman", "run"],
    &["podman", "create"],
    &["skopeo", "copy"],
    &["crictl", "pull"],
    &["ostree", "container", "image", "pull"],
    &["rpm-ostree", "rebase"],
];

/// The image that a command brings, when it is written out: its first word that is one.
fn pulled(command: &Command, variables: &Variables<'_>) -> BTreeSet<ImageRef> {
    let Some(pull) = PULLS.iter().find(|words| command.runs(words)) else {
        return BTreeSet::new();
    };
    let words = command.run().iter().skip(pull.len());
    words
        .filter_map(|word| variables.resolve(&word.text))
        .map(|values| {
            let images = values.into_iter().filter_map(image);
            images.collect::<BTreeSet<_>>()
        })
        .find(|images| !images.is_empty())
        .unwrap_or_default()
}

/// An image of a registry, with or without a transport before it; `localhost/…` is only in container storage.
fn image(word: &str) -> Option<ImageRef> {
    let name = match word.rsplit_once("docker://") {
        Some((_, name)) => name,
        None => word
            .strip_prefix("ostree-unverified-registry:")
            .unwrap_or(word),
    };
    let image: ImageRef = name.parse().ok()?;
    (image.registry() != "localhost").then_some(image)
}

/// Images with a tag or a digest that the commands of a script name anywhere in their words, each with its line.
pub(crate) fn named(script: &str) -> Vec<(usize, ImageRef)> {
    let commands = commands(script);
    let words = commands
        .iter()
        .flat_map(|command| command.words.iter().map(|word| (command.line, word)));
    words
        .filter_map(|(line, word)| {
            let text = word
                .text
                .rsplit_once('=')
                .map_or(word.text.as_str(), |(_, value)| value);
            let found = image(text)?;
            (found.tag().is_some() || found.digest().is_some()).then_some((line, found))
        })
        .collect()
}

/// Why an image is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The release has no component of that name.
    NotInRelease,
    /// The cache does not have it.
    NotInCache,
}

/// An image that will be asked for and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The component's name, where it is one.
    pub component: Option<String>,
    /// The image, where it is known.
    pub image: Option<ImageRef>,
    /// Who asks.
    pub asked_by: String,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.component, &self.image) {
            (Some(component), Some(image)) => write!(f, "{component} ({image})")?,
            (Some(component), None) => f.write_str(component)?,
            (None, Some(image)) => write!(f, "{image}")?,
            (None, None) => f.write_str("an image")?,
        }
        let why = match self.why {
            Why::NotInRelease => "is not a component of the release",
            Why::NotInCache => "is not in the cache",
        };
        write!(f, " {why}; asked for by {}", self.asked_by)
    }
}

/// What either boot will ask for and will not get. `component` says which image of the release a component is, `has` whether the cache has an image.
pub fn missing(
    images: &BootstrapImages,
    component: &dyn Fn(&str) -> Option<ImageRef>,
    has: &dyn Fn(&ImageRef) -> bool,
) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut check = |name: Option<&str>, image: &ImageRef, asked_by: &str| {
        if !has(image) {
            missing.push(Missing {
                component: name.map(str::to_owned),
                image: Some(image.clone()),
                asked_by: asked_by.to_owned(),
                why: Why::NotInCache,
            });
        }
    };
    check(None, &images.release, RELEASE_ASKS);
    let mut unknown = Vec::new();
    for (name, place) in &images.components {
        match component(name) {
            Some(image) => check(Some(name), &image, place),
            None if images.optional.contains(name) => {}
            None => unknown.push(Missing {
                component: Some(name.clone()),
                image: None,
                asked_by: place.clone(),
                why: Why::NotInRelease,
            }),
        }
    }
    for name in SECOND_BOOT {
        if !images.components.contains_key(name)
            && let Some(image) = component(name)
        {
            check(Some(name), &image, SECOND_BOOT_ASKS);
        }
    }
    for (image, place) in &images.direct {
        check(None, image, place);
    }
    missing.extend(unknown);
    missing
}
