//! Which versions lie between a minimum and a maximum, and which satisfy a range that a bundle requires.
//!
//! Sources of truth: Semantic Versioning 2.0.0, section 11, for the order; `github.com/blang/semver/v4` (range.go) for ranges in catalogs;
//! `github.com/Masterminds/semver/v3` for pre-releases under the v2 rules.
//!
//! OpenShift's operators carry the time of their build where a pre-release stands: `4.13.0-202305262054` is a build *of* 4.13.0, not one
//! before it. So a bound without a pre-release, compared with a version whose pre-release begins with a digit, looks at the three numbers
//! only: `4.13.0` as a minimum takes in all builds of 4.13.0.

use std::cmp::Ordering;

use semver::Version;

/// What the part of a version after the dash says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is none.
    Release,
    /// It begins with a digit: a build of this very version.
    Build,
    /// It begins with a letter: a version before this one, such as `1.0.0-rc.1`.
    PreRelease,
}

/// What kind of version this is.
pub fn kind(version: &Version) -> Kind {
    match version.pre.as_str().bytes().next() {
        None => Kind::Release,
        Some(first) if first.is_ascii_digit() => Kind::Build,
        Some(_) => Kind::PreRelease,
    }
}

fn numbers(version: &Version) -> (u64, u64, u64) {
    (version.major, version.minor, version.patch)
}

/// How a version stands to a bound that a person wrote.
fn against(version: &Version, bound: &Version) -> Ordering {
    if bound.pre.is_empty() && kind(version) == Kind::Build {
        numbers(version).cmp(&numbers(bound))
    } else {
        version.cmp_precedence(bound)
    }
}

/// Whether pre-releases count when no bound is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreReleases {
    /// By their place in the order, as the v1 rules have it.
    Ordered,
    /// Only if a bound is a pre-release, as the v2 rules have it. Builds always count.
    Named,
}

/// A minimum, a maximum, or both; both are included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The lowest version.
    pub min: Option<Version>,
    /// The highest version.
    pub max: Option<Version>,
}

impl Bounds {
    /// Whether there is no bound.
    pub fn is_open(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// The version that is asked for, if minimum and maximum are the same.
    pub fn pinned(&self) -> Option<&Version> {
        self.min.as_ref().filter(|_| self.min == self.max)
    }

    /// Whether no version can lie between.
    pub fn is_reversed(&self) -> bool {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => against(min, max) == Ordering::Greater,
            _ => false,
        }
    }

    /// Whether `version` lies between.
    pub fn contains(&self, version: &Version, pre_releases: PreReleases) -> bool {
        let mut bounds = [&self.min, &self.max].into_iter().flatten();
        let hidden = pre_releases == PreReleases::Named
            && kind(version) == Kind::PreRelease
            && bounds.all(|bound| bound.pre.is_empty());
        !hidden
            && self
                .min
                .as_ref()
                .is_none_or(|min| against(version, min) != Ordering::Less)
            && self
                .max
                .as_ref()
                .is_none_or(|max| against(version, max) != Ordering::Greater)
    }
}

/// In words: `2.2.4`, `from 4.12.0`, `4.12.0 to 4.14.0`.
impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) if min == max => write!(f, "version {min}"),
            (Some(min), Some(max)) => write!(f, "versions {min} to {max}"),
            (Some(min), None) => write!(f, "versions from {min}"),
            (None, Some(max)) => write!(f, "versions up to {max}"),
            (None, None) => f.write_str("any version"),
        }
    }
}

/// A range of `olm.package.required`: alternatives of comparisons that all must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    alternatives: Vec<Vec<Comparison>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Required {
    /// Reads `>=1.0.0 <2.0.0 || 3.x`; an empty text takes in every version. `None` for what is not such a range.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            let alternatives = vec![Vec::new()];
            return Some(Self { alternatives });
        }
        let alternatives: Option<Vec<_>> = text.split("||").map(comparisons).collect();
        alternatives.map(|alternatives| Self { alternatives })
    }

    /// Whether `version` is in the range: by the order alone, pre-releases included.
    pub fn contains(&self, version: &Version) -> bool {
        let holds = |c: &Comparison| {
            let order = version.cmp_precedence(&c.version);
            match c.operator {
                Operator::Equal => order == Ordering::Equal,
                Operator::NotEqual => order != Ordering::Equal,
                Operator::Less => order == Ordering::Less,
                Operator::LessOrEqual => order != Ordering::Greater,
                Operator::Greater => order == Ordering::Greater,
                Operator::GreaterOrEqual => order != Ordering::Less,
            }
        };
        self.alternatives.iter().any(|all| all.iter().all(holds))
    }
}

fn comparisons(text: &str) -> Option<Vec<Comparison>> {
    let mut all = Vec::new();
    let mut waiting = "";
    for word in text.split_whitespace() {
        let bare = word.trim_start_matches(['<', '>', '=', '!']);
        let signs = &word[..word.len() - bare.len()];
        if bare.is_empty() && waiting.is_empty() {
            // A blank between the sign and the version.
            waiting = signs;
            continue;
        }
        let signs = if signs.is_empty() { waiting } else { signs };
        waiting = "";
        all.extend(comparison(signs, bare)?);
    }
    (waiting.is_empty() && !all.is_empty()).then_some(all)
}

fn comparison(signs: &str, text: &str) -> Option<Vec<Comparison>> {
    let operator = match signs {
        "" | "=" | "==" => Operator::Equal,
        "!" | "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        _ => return None,
    };
    let one = |operator, version| vec![Comparison { operator, version }];
    if let Ok(version) = Version::parse(text) {
        return Some(one(operator, version));
    }
    // A wildcard, `1.x` or `1.2.x`: the versions from its lowest to before the next one.
    let parts: Vec<&str> = text.split('.').collect();
    let fixed: Vec<u64> = parts
        .iter()
        .take_while(|part| **part != "x")
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let wild = &parts[fixed.len()..];
    if wild.is_empty() || parts.len() > 3 || !wild.iter().all(|part| *part == "x") {
        return None;
    }
    let (low, next) = match fixed[..] {
        [major] => (
            Version::new(major, 0, 0),
            Version::new(major.checked_add(1)?, 0, 0),
        ),
        [major, minor] => (
            Version::new(major, minor, 0),
            Version::new(major, minor.checked_add(1)?, 0),
        ),
        _ => return None,
    };
    Some(match operator {
        Operator::Equal => {
            let mut both = one(Operator::GreaterOrEqual, low);
            both.extend(one(Operator::Less, next));
            both
        }
        Operator::Greater => one(Operator::GreaterOrEqual, next),
        Operator::LessOrEqual => one(Operator::Less, next),
        Operator::NotEqual => return None,
        Operator::Less | Operator::GreaterOrEqual => one(operator, low),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn bounds(min: &str, max: &str) -> Bounds {
        let bound = |text: &str| (!text.is_empty()).then(|| version(text));
        Bounds {
            min: bound(min),
            max: bound(max),
        }
    }

    /// Minimum, maximum, version, with the v1 rules, with the v2 rules: by hand.
    #[test]
    fn builds_belong_to_their_version_and_pre_releases_come_before_it() {
        let cases = [
            ("4.12.0", "4.14.0", "4.13.0-202305262054", true, true),
            ("4.13.0", "4.13.0", "4.13.0-202305262054", true, true),
            ("4.13.0", "", "4.13.0-202305262054", true, true),
            ("", "4.13.0", "4.13.0-202305262054", true, true),
            ("4.13.1", "", "4.13.0-202305262054", false, false),
            ("", "4.12.9", "4.13.0-202305262054", false, false),
            (
                "4.13.0-202305262054",
                "4.13.0-202305262054",
                "4.13.0-202305262054",
                true,
                true,
            ),
            (
                "4.13.0-202305262055",
                "",
                "4.13.0-202305262054",
                false,
                false,
            ),
            ("4.13.0-202305262054", "", "4.13.0", true, true),
            ("1.0.0", "2.0.0", "1.5.0-rc.1", true, false),
            ("1.0.0", "2.0.0", "1.0.0-rc.1", false, false),
            ("1.0.0", "2.0.0", "2.0.0-rc.1", true, false),
            ("1.0.0-alpha", "2.0.0", "1.0.0-rc.1", true, true),
            ("1.0.0", "2.0.0", "2.0.0+build.7", true, true),
            ("1.0.0", "2.0.0", "2.0.1", false, false),
        ];
        for (min, max, text, v1, v2) in cases {
            let bounds = bounds(min, max);
            let found = [PreReleases::Ordered, PreReleases::Named]
                .map(|rule| bounds.contains(&version(text), rule));
            assert_eq!(found, [v1, v2], "{min:?} {max:?} {text}");
        }
    }

    #[test]
    fn a_minimum_above_the_maximum_is_reversed() {
        assert!(bounds("0.3.1", "0.2.0").is_reversed());
        assert!(!bounds("0.2.0", "0.2.0").is_reversed());
        assert!(!bounds("4.13.0-202305262054", "4.13.0").is_reversed());
        assert!(!bounds("0.3.1", "").is_reversed());
    }

    /// From the documentation of blang/semver's ranges.
    #[test]
    fn required_ranges_are_those_of_the_catalogs() {
        let cases = [
            ("<0.2.0", "0.1.9", true),
            ("<0.2.0", "0.2.0", false),
            (">1.0.0 <2.0.0", "1.0.0", false),
            (">1.0.0 <2.0.0", "1.9.9", true),
            ("<2.0.0 || >=3.0.0", "2.5.0", false),
            ("<2.0.0 || >=3.0.0", "3.0.0", true),
            (">=1.0.0 !=1.5.0", "1.5.0", false),
            ("1.2.x", "1.2.9", true),
            ("1.2.x", "1.3.0", false),
            (">1.x", "1.9.9", false),
            (">1.x", "2.0.0", true),
            ("<=1.x", "1.9.9", true),
            ("<=1.x", "2.0.0", false),
            (">=1.x", "1.0.0", true),
            ("<1.x", "1.0.0", false),
            (">= 1.0.0", "1.0.0", true),
            ("1.0.0", "1.0.0+meta", true),
            ("", "0.0.1", true),
        ];
        for (range, text, inside) in cases {
            let required = Required::parse(range).unwrap();
            assert_eq!(required.contains(&version(text)), inside, "{range} {text}");
        }
        for text in ["~1.0.0", "1.0", "one", ">", ">=1.0.0 <", "1.x.2", "!=1.x"] {
            assert_eq!(Required::parse(text), None, "{text}");
        }
    }
}
