//! Every file and every unit that an ignition brings, those inside of its files too: for which boot, and where they stand.
//!
//! * the live system: `storage.files`, `systemd.units`, and units that are plain files below `/etc/systemd/system`;
//! * the installed system: what `master-update.fcc` (Butane, `fcos` 1.1.0) and MachineConfigs among the manifests bring.

use std::fmt;

use snobox_formats::ignition::{Ignition, decode_data_url};
use snobox_plan::yaml::{self, Node, Value};

/// What makes the installed system's ignition out of the cluster's.
pub(crate) const UPDATE: &str = "/opt/openshift/bootstrap-in-place/master-update.fcc";
const ASSETS: &str = "/opt/openshift/";
const UNITS: &str = "/etc/systemd/system/";

/// Which system something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boot {
    /// The live system.
    Live,
    /// The installed one.
    Installed,
}

/// Where something stands: a file's path or a unit's name, and a line in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Path of a file, or name of a unit; a unit's drop-in is `UNIT.d/NAME`.
    pub object: String,
    /// The line in its text, from 1.
    pub line: Option<usize>,
}

impl Place {
    pub(crate) fn whole(object: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            line: None,
        }
    }

    pub(crate) fn at(object: impl Into<String>, line: usize) -> Self {
        Self {
            object: object.into(),
            line: Some(line),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.object),
            None => f.write_str(&self.object),
        }
    }
}

/// A permission mode as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// A file.
#[derive(Debug)]
pub(crate) struct FileText {
    pub(crate) boot: Boot,
    pub(crate) path: String,
    pub(crate) place: Place,
    pub(crate) mode: Option<Mode>,
    /// Its content as text, where the document has it.
    pub(crate) text: Option<String>,
}

/// A unit, or a drop-in of one.
#[derive(Debug)]
pub(crate) struct UnitText {
    pub(crate) boot: Boot,
    pub(crate) name: String,
    pub(crate) drop_in: bool,
    pub(crate) enabled: Option<bool>,
    pub(crate) text: String,
    object: String,
    /// The line of the object that the text starts in.
    first_line: usize,
    /// Whether the text has its lines in the object, too.
    block: bool,
}

impl UnitText {
    /// The place of a line, from 1, of the text.
    pub(crate) fn place(&self, line: usize) -> Place {
        let offset = if self.block {
            line.saturating_sub(1)
        } else {
            0
        };
        Place::at(&self.object, self.first_line + offset)
    }

    pub(crate) fn whole(&self) -> Place {
        if self.object == self.name {
            Place::whole(&self.object)
        } else {
            self.place(1)
        }
    }
}

/// Everything of an ignition.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) files: Vec<FileText>,
    pub(crate) units: Vec<UnitText>,
    /// Documents that should be YAML and are not.
    pub(crate) unreadable: Vec<(Place, String)>,
}

impl Texts {
    pub(crate) fn of(ignition: &Ignition) -> Self {
        let mut texts = Self::default();
        for file in ignition.files() {
            let path = file.path().to_owned();
            // What cannot be decoded is not ours to judge; remote and compressed contents do not occur in what the installer writes.
            let content = file.contents().ok();
            let text = content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            texts.unit_file(&path, text.as_deref());
            texts.files.push(FileText {
                boot: Boot::Live,
                place: Place::whole(&path),
                mode: file.mode().map(|mode| Mode {
                    text: mode.to_string(),
                    place: Place::whole(&path),
                }),
                path,
                text,
            });
        }
        for unit in ignition.units() {
            let whole = unit.contents().map(|text| (None, text));
            let drop_ins = unit.drop_ins().map(|(name, text)| (Some(name), text));
            for (drop_in, text) in whole.into_iter().chain(drop_ins) {
                let object = match drop_in {
                    Some(name) => format!("{}.d/{name}", unit.name()),
                    None => unit.name().to_owned(),
                };
                texts.units.push(UnitText {
                    boot: Boot::Live,
                    name: unit.name().to_owned(),
                    drop_in: drop_in.is_some(),
                    enabled: unit.enabled(),
                    text: text.to_owned(),
                    object,
                    first_line: 1,
                    block: true,
                });
            }
        }
        texts.documents();
        texts
    }

    /// The file of the live system at `path`.
    pub(crate) fn live_file(&self, path: &str) -> Option<&FileText> {
        self.files
            .iter()
            .find(|file| file.boot == Boot::Live && file.path == path)
    }

    fn unit_file(&mut self, path: &str, text: Option<&str>) {
        let (Some(text), Some(rest)) = (text, path.strip_prefix(UNITS)) else {
            return;
        };
        let (name, drop_in) = match rest.split_once('/') {
            None => (rest, false),
            Some((folder, file)) => match folder.strip_suffix(".d") {
                Some(name) if file.ends_with(".conf") => (name, true),
                _ => return,
            },
        };
        self.units.push(UnitText {
            boot: Boot::Live,
            name: name.to_owned(),
            drop_in,
            enabled: None,
            text: text.to_owned(),
            object: path.to_owned(),
            first_line: 1,
            block: true,
        });
    }

    /// Looks into `master-update.fcc` and the MachineConfigs.
    fn documents(&mut self) {
        let documents: Vec<(String, String)> = self
            .files
            .iter()
            .filter(|file| file.path == UPDATE || is_manifest(&file.path))
            .filter_map(|file| Some((file.path.clone(), file.text.clone()?)))
            .filter(|(path, text)| path == UPDATE || text.contains("MachineConfig"))
            .collect();
        for (path, text) in documents {
            let root = match yaml::parse(&text) {
                Ok(root) => root,
                Err(error) => {
                    let place = Place::at(&path, error.at.line);
                    self.unreadable.push((place, error.message));
                    continue;
                }
            };
            let machine_config = root.get("kind").and_then(Node::text) == Some("MachineConfig");
            let config = if path == UPDATE {
                Some(&root)
            } else {
                root.at_path(&["spec", "config"]).filter(|_| machine_config)
            };
            if let Some(config) = config {
                self.nested(&path, &text, config);
            }
        }
    }

    fn nested(&mut self, object: &str, document: &str, config: &Node) {
        for file in items(config.at_path(&["storage", "files"])) {
            let Some(path) = file.get("path").and_then(Node::text) else {
                continue;
            };
            let text = self.nested_content(file.get("contents"));
            let mode = file.get("mode").and_then(|mode| {
                Some(Mode {
                    text: mode.text()?.to_owned(),
                    place: Place::at(object, mode.at.line),
                })
            });
            self.files.push(FileText {
                boot: Boot::Installed,
                path: path.to_owned(),
                place: Place::at(object, file.at.line),
                mode,
                text,
            });
        }
        for unit in items(config.at_path(&["systemd", "units"])) {
            let Some(name) = unit.get("name").and_then(Node::text) else {
                continue;
            };
            let enabled = unit
                .get("enabled")
                .and_then(Node::text)
                .map(|t| t == "true");
            let whole = unit.get("contents").map(|node| (false, node));
            let drop_ins =
                items(unit.get("dropins")).filter_map(|d| Some((true, d.get("contents")?)));
            for (drop_in, node) in whole.into_iter().chain(drop_ins) {
                let Some(text) = node.text() else { continue };
                let (first_line, block) = text_start(document, node, text);
                self.units.push(UnitText {
                    boot: Boot::Installed,
                    name: name.to_owned(),
                    drop_in,
                    enabled,
                    text: text.to_owned(),
                    object: object.to_owned(),
                    first_line,
                    block,
                });
            }
        }
    }

    /// Of Butane: `inline`, or `local` below the assets; of Ignition: `source`.
    fn nested_content(&self, contents: Option<&Node>) -> Option<String> {
        let field = |key| contents.and_then(|node| node.get(key)).and_then(Node::text);
        if let Some(text) = field("inline") {
            return Some(text.to_owned());
        }
        if let Some(local) = field("local") {
            return self.live_file(&format!("{ASSETS}{local}"))?.text.clone();
        }
        let bytes = decode_data_url(field("source")?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn is_manifest(path: &str) -> bool {
    ["manifests/", "openshift/"].iter().any(|folder| {
        path.strip_prefix(ASSETS)
            .is_some_and(|p| p.starts_with(folder))
    })
}

fn items(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    let items = match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter()
}

/// The line of the document that a text starts in, and whether it is a block with its own lines.
fn text_start(document: &str, node: &Node, text: &str) -> (usize, bool) {
    let first = text.lines().next().unwrap_or("").trim();
    let block = document
        .lines()
        .enumerate()
        .skip(node.at.line.saturating_sub(1))
        .take(3)
        .find(|(_, line)| text.contains('\n') && line.trim() == first);
    block.map_or((node.at.line, false), |(index, _)| (index + 1, true))
}
