//! `olm.constraint`, and what operators need of other catalogs. The forms are those of the enhancement `compound-bundle-constraints`.

use snobox_catalog::image_set::Rules;
use snobox_catalog::select::{Asked, Met, Selection, select_all};

use crate::case::{catalog, choose, image_set, lines};
use crate::dependencies::{HAS, NEEDS_KIND, needs, package};

/// An `olm.constraint` with this value.
fn constraint(value: &str) -> String {
    format!(r#"{{"type":"olm.constraint","value":{{{value}}}}}"#)
}

const BASE: &str = r#"{"package":{"packageName":"base","versionRange":">=1.0.0 <3.0.0"}}"#;
const OTHER: &str = r#"{"package":{"packageName":"other","versionRange":""}}"#;
const NOWHERE: &str = r#"{"package":{"packageName":"nowhere","versionRange":">=1.0.0"}}"#;
const KIND: &str = r#"{"gvk":{"group":"g","kind":"K","version":"v1"}}"#;

/// A catalog with `app`, which has this constraint, and with what may meet it.
fn with(value: &str) -> String {
    package("app", &[("1.0.0", &constraint(value))])
        + &package("base", &[("1.0.0", ""), ("2.0.0", ""), ("3.0.0", "")])
        + &package("other", &[("1.0.0", "")])
        + &package("maker", &[("1.0.0", HAS), ("1.1.0", HAS)])
        + &package("maker2", &[("2.0.0", HAS)])
}

/// A list of constraints under a word; the outermost braces are left out.
fn of(word: &str, parts: &[&str]) -> String {
    format!(r#""{word}":{{"constraints":[{}]}}"#, parts.join(","))
}

fn part(word: &str, parts: &[&str]) -> String {
    format!("{{{}}}", of(word, parts))
}

struct Case<'a> {
    name: &'a str,
    value: String,
    /// What is asked for besides `app`.
    more: &'a str,
    /// Whether it is met by the v2 rules, and what is said then.
    met: Met,
    said: &'a [&'a str],
    /// What the v1 rules choose.
    v1: &'a [&'a str],
}

fn cases() -> Vec<Case<'static>> {
    let bare = |part: &str| part[1..part.len() - 1].to_owned();
    vec![
        Case {
            name: "package",
            value: bare(BASE),
            more: "",
            met: Met::LeftOut,
            said: &["app: \"app.v1.0.0\" needs base >=1.0.0 <3.0.0, which is not asked for"],
            v1: &["app s*: 1.0.0", "base s*: 2.0.0 3.0.0"],
        },
        Case {
            name: "gvk with what its makers say",
            value: format!(r#""failureMessage":"K is\n  needed",{}"#, bare(KIND)),
            more: "",
            met: Met::LeftOut,
            said: &["app: \"app.v1.0.0\" needs K.g/v1, which is not asked for: K is needed"],
            v1: &["app s*: 1.0.0", "maker s*: 1.1.0"],
        },
        Case {
            name: "all, by different operators",
            value: of("all", &[BASE, KIND, OTHER]),
            more: ", {name: other}",
            met: Met::LeftOut,
            said: &[
                "app: \"app.v1.0.0\" needs base >=1.0.0 <3.0.0, which is not asked for",
                "app: \"app.v1.0.0\" needs K.g/v1, which is not asked for",
            ],
            v1: &[
                "app s*: 1.0.0",
                "base s*: 2.0.0 3.0.0",
                "maker s*: 1.1.0",
                "other s*: 1.0.0",
            ],
        },
        Case {
            name: "any, the first that the catalog has",
            value: of("any", &[NOWHERE, OTHER, BASE]),
            more: "",
            met: Met::LeftOut,
            said: &[
                "app: \"app.v1.0.0\" needs nowhere >=1.0.0 or other or base >=1.0.0 <3.0.0, which is not asked for",
            ],
            v1: &["app s*: 1.0.0", "other s*: 1.0.0"],
        },
        Case {
            name: "any, one that is chosen",
            value: of("any", &[OTHER, KIND]),
            more: ", {name: maker2}",
            met: Met::Chosen,
            said: &[],
            v1: &["app s*: 1.0.0", "maker2 s*: 2.0.0"],
        },
        Case {
            name: "any of none",
            value: of("any", &[NOWHERE]),
            more: "",
            met: Met::Unknown,
            said: &[
                "app: \"app.v1.0.0\" needs nowhere >=1.0.0, and the catalogs have none of it",
            ],
            v1: &["app s*: 1.0.0"],
        },
        Case {
            name: "any of several alls",
            value: of(
                "any",
                &[&part("all", &[OTHER, NOWHERE]), &part("all", &[BASE, KIND])],
            ),
            more: "",
            met: Met::LeftOut,
            said: &[
                "app: \"app.v1.0.0\" needs (other and nowhere >=1.0.0) or (base >=1.0.0 <3.0.0 and K.g/v1), which is not asked for",
            ],
            v1: &["app s*: 1.0.0", "base s*: 2.0.0 3.0.0", "maker s*: 1.1.0"],
        },
        Case {
            name: "all and not: another one is taken",
            value: of(
                "all",
                &[
                    KIND,
                    &part(
                        "not",
                        &[r#"{"package":{"packageName":"maker","versionRange":""}}"#],
                    ),
                ],
            ),
            more: "",
            met: Met::LeftOut,
            said: &["app: \"app.v1.0.0\" needs K.g/v1, which is not asked for"],
            v1: &["app s*: 1.0.0", "maker2 s*: 2.0.0"],
        },
        Case {
            name: "none, as it was called first, which is chosen",
            value: of("none", &[KIND]),
            more: ", {name: maker}",
            met: Met::Excluded,
            said: &[
                "app: \"app.v1.0.0\" must not be with K.g/v1, and of maker nothing else is chosen",
            ],
            v1: &["app s*: 1.0.0", "maker s*: 1.1.0"],
        },
        Case {
            name: "not goes before none",
            value: format!("{},{}", of("not", &[OTHER]), of("none", &[KIND])),
            more: ", {name: maker}",
            met: Met::Chosen,
            said: &[],
            v1: &["app s*: 1.0.0", "maker s*: 1.1.0"],
        },
        Case {
            name: "not, and another version is there",
            value: of(
                "not",
                &[r#"{"package":{"packageName":"base","versionRange":"<2.0.0"}}"#],
            ),
            more: ", {name: base, minVersion: 1.0.0, maxVersion: 3.0.0}",
            met: Met::Chosen,
            said: &[],
            v1: &["app s*: 1.0.0", "base s*: 1.0.0 2.0.0 3.0.0"],
        },
        Case {
            name: "cel",
            value: r#""failureMessage":"certified only","cel":{"rule":"properties.exists(p, p.type == \"certified\")"}"#.to_owned(),
            more: "",
            met: Met::Unjudged,
            said: &[
                "app: \"app.v1.0.0\" has a rule in CEL, which is not evaluated: properties.exists(p, p.type == \"certified\"): certified only",
            ],
            v1: &["app s*: 1.0.0"],
        },
        Case {
            name: "any of a rule and something known",
            value: of("any", &[r#"{"cel":{"rule":"true"}}"#, OTHER]),
            more: "",
            met: Met::LeftOut,
            said: &[
                "app: \"app.v1.0.0\" needs what the CEL rule \"true\" says or other, which is not asked for",
            ],
            v1: &["app s*: 1.0.0", "other s*: 1.0.0"],
        },
        Case {
            name: "a form of tomorrow",
            value: r#""sometimes":{"constraints":[]}"#.to_owned(),
            more: "",
            met: Met::Unjudged,
            said: &[
                "app: \"app.v1.0.0\" has an olm.constraint \"sometimes\" in no form that is known: it is not evaluated",
            ],
            v1: &["app s*: 1.0.0"],
        },
    ]
}

#[test]
fn constraints_hold_as_the_enhancement_says() {
    for case in cases() {
        let text = with(&case.value);
        let ask = format!("packages: [{{name: app}}{}]", case.more);
        let v2 = choose(&text, Rules::V2, &ask).unwrap();
        assert_eq!(v2.notes, case.said, "{}", case.name);
        let met: Vec<_> = v2.dependencies.iter().map(|d| d.met).collect();
        assert_eq!(met, [case.met], "{}", case.name);
        let v1 = choose(&text, Rules::V1, &ask).unwrap();
        assert_eq!(lines(&v1), case.v1, "{}", case.name);
        let skipped = format!("skipDependencies: true\n{ask}");
        let skipped = choose(&text, Rules::V1, &skipped).unwrap();
        assert_eq!(lines(&skipped), lines(&v2), "{}", case.name);
    }
}

#[test]
fn constraints_within_each_other_without_end_are_not_evaluated() {
    let mut value = OTHER.to_owned();
    for _ in 0..10 {
        value = part("all", &[&value]);
    }
    let judged = |value: &str| {
        let text = with(&value[1..value.len() - 1]);
        choose(&text, Rules::V2, "packages: [{name: app}]").unwrap()
    };
    assert_eq!(judged(&value).dependencies[0].met, Met::LeftOut);
    value = part("all", &[&value]);
    let said = judged(&value);
    assert_eq!(said.dependencies[0].met, Met::Unjudged);
    assert_eq!(
        said.notes,
        [
            "app: \"app.v1.0.0\" has an olm.constraint with more than 10 within each other: it is not evaluated"
        ]
    );
}

#[test]
fn constraints_in_yaml_are_the_same() {
    let yaml = "\
schema: olm.package
name: app
defaultChannel: s
---
schema: olm.channel
package: app
name: s
entries: [{name: app.v1}]
---
schema: olm.bundle
package: app
name: app.v1
image: r.example.com/app:1
properties:
- {type: olm.package, value: {packageName: app, version: 1.0.0}}
- type: olm.constraint
  value:
    failureMessage: both
    all:
      constraints:
      - package: {packageName: bar, versionRange: '>=1.0.0'}
      - any: {constraints: [{gvk: {group: g, version: v1, kind: K}}]}
";
    let requirement = &catalog(yaml).packages["app"].bundles["app.v1"].requires[0];
    assert_eq!(requirement.to_string(), "bar >=1.0.0 and K.g/v1");
    assert_eq!(requirement.failure_message, "both");
}

/// Chooses from two catalogs, `red` and `blue`.
fn two(red: (&str, &str), blue: (&str, &str), rules: Rules) -> [Selection; 2] {
    let catalogs = [red, blue].map(|(documents, _)| catalog(documents));
    let sets = [red, blue].map(|(_, ask)| image_set(rules, ask));
    let name = |set: &mut snobox_catalog::image_set::ImageSet, text: &str| {
        let named = format!("registry.example.com/{text}:v1").parse().unwrap();
        set.operators[0].catalog = snobox_catalog::image_set::CatalogRef::Image(named);
    };
    let [mut red, mut blue] = sets;
    name(&mut red, "red");
    name(&mut blue, "blue");
    let asked = [
        (&catalogs[0], &red.operators[0]),
        (&catalogs[1], &blue.operators[0]),
    ];
    let asked = asked.map(|(catalog, operator)| Asked {
        catalog,
        operator,
        rules,
    });
    let found: Vec<_> = select_all(&asked).into_iter().map(Result::unwrap).collect();
    found.try_into().unwrap()
}

#[test]
fn what_another_catalog_brings_is_there() {
    let app = package("app", &[("1.0.0", &needs("base", ">=2.0.0"))])
        + &package("base", &[("2.5.0", "")]);
    let base = package("base", &[("2.0.0", "")]);
    for rules in [Rules::V1, Rules::V2] {
        let [red, blue] = two(
            (&app, "packages: [{name: app}]"),
            (&base, "packages: [{name: base}]"),
            rules,
        );
        assert_eq!(red.dependencies[0].met, Met::Chosen);
        assert_eq!(lines(&red), ["app s*: 1.0.0"], "{rules}");
        assert_eq!(lines(&blue), ["base s*: 2.0.0"], "{rules}");
        assert_eq!((red.notes, blue.notes), (vec![], vec![]));
    }
}

#[test]
fn what_another_catalog_has_and_nobody_asks_for_is_told_with_its_name() {
    let app = package("app", &[("1.0.0", &needs("base", ">=2.0.0"))])
        + &package("lost", &[("1.0.0", NEEDS_KIND)]);
    let base = package("base", &[("2.0.0", "")]) + &package("filler", &[("1.0.0", "")]);
    for rules in [Rules::V1, Rules::V2] {
        let [red, blue] = two(
            (&app, "packages: [{name: app}, {name: lost}]"),
            (&base, "packages: [{name: filler}]"),
            rules,
        );
        let met: Vec<_> = red.dependencies.iter().map(|d| d.met).collect();
        assert_eq!(met, [Met::Elsewhere, Met::Unknown]);
        assert_eq!(
            red.notes,
            [
                "app: \"app.v1.0.0\" needs base >=2.0.0, which registry.example.com/blue:v1 has, and which is not asked for",
                "lost: \"lost.v1.0.0\" needs K.g/v1, which is in none of the 2 catalogs"
            ]
        );
        // Nothing is added out of another catalog.
        assert_eq!(lines(&blue), ["filler s*: 1.0.0"], "{rules}");
    }
}

#[test]
fn what_is_added_for_one_catalog_is_there_for_the_other() {
    // Both need the kind; only the second has it, and needs it for itself.
    let app = package("app", &[("1.0.0", NEEDS_KIND)]);
    let user = package("user", &[("1.0.0", NEEDS_KIND)]) + &package("maker", &[("1.0.0", HAS)]);
    let [red, blue] = two(
        (&app, "packages: [{name: app}]"),
        (&user, "packages: [{name: user}]"),
        Rules::V1,
    );
    assert_eq!(lines(&blue), ["maker s*: 1.0.0", "user s*: 1.0.0"]);
    assert_eq!((red.dependencies[0].met, red.notes), (Met::Chosen, vec![]));
}
