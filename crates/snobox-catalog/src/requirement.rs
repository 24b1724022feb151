//! What a bundle cannot run without: `olm.package.required`, `olm.gvk.required`, and the constraints of `olm.constraint`.
//!
//! Sources of truth: `pkg/constraints` of `github.com/operator-framework/api` for the form, the enhancement `compound-bundle-constraints` of
//! `github.com/operator-framework/enhancements` for what it means: `all` and `any` may be met by several bundles, `not` by the absence of any.
//! Expressions in CEL are kept, and nobody here evaluates them.

use std::fmt::{self, Display as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::Bundle;
use crate::range::Required;

/// The enhancement limits nesting to this.
const MAX_DEPTH: usize = 10;

/// A kind of object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gvk {
    /// Its group.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub kind: String,
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}/{}", self.kind, self.group, self.version)
    }
}

impl Gvk {
    /// `None` without a version or a kind. The core group has no name.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let gvk = Self {
            group: text(value, "group"),
            version: text(value, "version"),
            kind: text(value, "kind"),
        };
        (!gvk.version.is_empty() && !gvk.kind.is_empty()).then_some(gvk)
    }
}

/// What a bundle cannot run without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Requirement {
    /// What must hold.
    pub constraint: Constraint,
    /// What the bundle's makers say where it does not hold; often nothing.
    pub failure_message: String,
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.constraint.fmt(f)
    }
}

/// Something that must hold for the operators of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Constraint {
    /// Another operator is there.
    Package {
        /// Its name.
        name: String,
        /// The range that its version must lie in, as the catalog writes it.
        range: String,
    },
    /// Some operator brings a kind of object.
    Kind(Gvk),
    /// Each of these holds.
    All(Vec<Constraint>),
    /// One of these holds.
    Any(Vec<Constraint>),
    /// No operator is as one of these says.
    Not(Vec<Constraint>),
    /// A rule in CEL holds for some operator's properties.
    Rule(String),
    /// Something that is in no form that is known, in words.
    Unknown(String),
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { name, range } if range.is_empty() => write!(f, "{name}"),
            Self::Package { name, range } => write!(f, "{name} {range}"),
            Self::Kind(gvk) => write!(f, "{gvk}"),
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(parts) => {
                f.write_str("not ")?;
                let inner = Self::Any(parts.clone());
                inner.within(f)
            }
            Self::Rule(rule) => write!(f, "what the CEL rule {rule:?} says"),
            Self::Unknown(what) => f.write_str(what),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Constraint], word: &str) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(word)?;
        }
        match parts.len() {
            1 => part.fmt(f)?,
            _ => part.within(f)?,
        }
    }
    Ok(())
}

impl Constraint {
    /// In the middle of others: in brackets where it has several parts.
    fn within(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) | Self::Any(parts) if parts.len() > 1 => write!(f, "({self})"),
            _ => self.fmt(f),
        }
    }

    /// Whether one bundle of an operator is as this says.
    pub fn matches(&self, package: &str, bundle: &Bundle) -> bool {
        let matches = |part: &Self| part.matches(package, bundle);
        match self {
            Self::Kind(gvk) => bundle.provides.contains(gvk),
            Self::Package { name, range } => {
                name == package
                    && match (&bundle.version, Required::parse(range)) {
                        (Some(version), Some(range)) => range.contains(version),
                        (_, _) => range.is_empty(),
                    }
            }
            Self::All(parts) => parts.iter().all(matches),
            Self::Any(parts) => parts.iter().any(matches),
            Self::Not(parts) => !parts.iter().any(matches),
            Self::Rule(_) | Self::Unknown(_) => false,
        }
    }
}

/// The requirement in a property of a bundle, if it is one.
pub(crate) fn of_property(kind: &str, value: &Value) -> Option<Requirement> {
    let constraint = match kind {
        "olm.gvk.required" => gvk(value, kind),
        "olm.package.required" => package(value, kind),
        "olm.constraint" => constraint(value, 0),
        _ => return None,
    };
    let failure_message = match kind {
        "olm.constraint" => text(value, "failureMessage"),
        _ => String::new(),
    };
    Some(Requirement {
        constraint,
        failure_message,
    })
}

fn constraint(value: &Value, depth: usize) -> Constraint {
    let unknown = |what: String| Constraint::Unknown(what);
    let Some(fields) = value.as_object() else {
        return unknown(format!("an olm.constraint that is no object: {value}"));
    };
    if depth > MAX_DEPTH {
        let what = format!("an olm.constraint with more than {MAX_DEPTH} within each other");
        return unknown(what);
    }
    let parts = |value: &Value| -> Option<Vec<Constraint>> {
        let parts = value.get("constraints")?.as_array()?;
        let inner = |part: &Value| constraint(part, depth + 1);
        Some(parts.iter().map(inner).collect())
    };
    let mut found = Vec::new();
    for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let made = match key.as_str() {
            "failureMessage" => continue,
            // The older word for `not`, which goes before it.
            "none" if fields.get("not").is_some_and(|not| !not.is_null()) => continue,
            "package" => Some(package(value, "olm.constraint")),
            "gvk" => Some(gvk(value, "olm.constraint")),
            "all" => parts(value).map(Constraint::All),
            "any" => parts(value).map(Constraint::Any),
            "not" | "none" => parts(value).map(Constraint::Not),
            "cel" => Some(Constraint::Rule(text(value, "rule"))),
            _ => None,
        };
        let known = made.unwrap_or_else(|| {
            unknown(format!(
                "an olm.constraint {key:?} in no form that is known"
            ))
        });
        found.push(known);
    }
    match found.len() {
        0 => unknown("an olm.constraint that says nothing".to_owned()),
        1 => found.remove(0),
        _ => Constraint::All(found),
    }
}

/// `property` is what says it.
fn package(value: &Value, property: &str) -> Constraint {
    let name = text(value, "packageName");
    let range = match &value["versionRange"] {
        Value::Null => Some(String::new()),
        Value::String(range) => Some(range.clone()),
        _ => None,
    };
    match range {
        Some(range) if !name.is_empty() && Required::parse(&range).is_some() => {
            Constraint::Package { name, range }
        }
        Some(range) if !name.is_empty() => Constraint::Unknown(format!(
            "an {property} of {name} whose versionRange {range:?} is none"
        )),
        _ => Constraint::Unknown(format!("an {property} without a package: {value}")),
    }
}

fn gvk(value: &Value, property: &str) -> Constraint {
    let unknown = || Constraint::Unknown(format!("an {property} without a kind: {value}"));
    Gvk::of(value).map_or_else(unknown, Constraint::Kind)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
