//! What bundles need of other operators.

use snobox_catalog::image_set::Rules;
use snobox_catalog::select::Met;

use crate::case::{choose, lines};

/// One package with one channel `s` of bundles in a chain: `name`, versions, and properties of each.
pub(crate) fn package(name: &str, versions: &[(&str, &str)]) -> String {
    let mut entries = Vec::new();
    let mut text = format!(r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"s"}}"#);
    let mut below = String::new();
    for (version, properties) in versions {
        entries.push(format!(r#"{{"name":"{name}.v{version}"{below}}}"#));
        below = format!(r#","replaces":"{name}.v{version}""#);
        let comma = if properties.is_empty() { "" } else { "," };
        text += &format!(
            r#"{{"schema":"olm.bundle","package":"{name}","name":"{name}.v{version}","image":"r.example.com/{name}:{version}","properties":[{{"type":"olm.package","value":{{"packageName":"{name}","version":"{version}"}}}}{comma}{properties}]}}"#
        );
    }
    text += &format!(
        r#"{{"schema":"olm.channel","package":"{name}","name":"s","entries":[{}]}}"#,
        entries.join(",")
    );
    text
}

pub(crate) fn needs(name: &str, range: &str) -> String {
    format!(
        r#"{{"type":"olm.package.required","value":{{"packageName":"{name}","versionRange":"{range}"}}}}"#
    )
}

pub(crate) const HAS: &str =
    r#"{"type":"olm.gvk","value":{"group":"g","kind":"K","version":"v1"}}"#;
pub(crate) const NEEDS_KIND: &str =
    r#"{"type":"olm.gvk.required","value":{"group":"g","kind":"K","version":"v1"}}"#;

fn catalog() -> String {
    package("app", &[("1.0.0", &needs("base", ">=1.0.0 <3.0.0"))])
        + &package(
            "base",
            &[("1.0.0", ""), ("2.0.0", &needs("deep", "")), ("3.0.0", "")],
        )
        + &package("deep", &[("0.1.0", ""), ("0.2.0", "")])
        + &package("kind", &[("1.0.0", NEEDS_KIND)])
        + &package("maker", &[("1.0.0", HAS), ("1.1.0", HAS)])
}

#[test]
fn what_is_needed_is_added_by_the_v1_rules_with_what_that_needs() {
    let chosen = choose(&catalog(), Rules::V1, "packages: [{name: app}]").unwrap();
    // The newest in the range and the way from it to the head; and what the newest needs.
    assert_eq!(
        lines(&chosen),
        ["app s*: 1.0.0", "base s*: 2.0.0 3.0.0", "deep s*: 0.2.0"]
    );
    assert_eq!(
        chosen.notes,
        [
            "base: added, because \"app.v1.0.0\" needs it",
            "deep: added, because \"base.v2.0.0\" needs it"
        ]
    );
}

#[test]
fn what_is_needed_is_told_by_the_v2_rules() {
    let chosen = choose(&catalog(), Rules::V2, "packages: [{name: app}]").unwrap();
    assert_eq!(lines(&chosen), ["app s*: 1.0.0"]);
    assert_eq!(
        chosen.notes,
        ["app: \"app.v1.0.0\" needs base >=1.0.0 <3.0.0, which is not asked for"]
    );
}

#[test]
fn what_is_chosen_anyway_is_not_added_once_more() {
    let ask = "packages:\n- name: app\n- {name: base, minVersion: 1.0.0, maxVersion: 1.0.0}";
    for rules in [Rules::V1, Rules::V2] {
        let chosen = choose(&catalog(), rules, ask).unwrap();
        assert_eq!(lines(&chosen), ["app s*: 1.0.0", "base s*: 1.0.0"]);
        let met: Vec<_> = chosen.dependencies.iter().map(|d| d.met).collect();
        assert_eq!((met, chosen.notes), (vec![Met::Chosen], vec![]));
    }
}

#[test]
fn a_kind_is_brought_by_the_newest_that_has_it() {
    let chosen = choose(&catalog(), Rules::V1, "packages: [{name: kind}]").unwrap();
    assert_eq!(lines(&chosen), ["kind s*: 1.0.0", "maker s*: 1.1.0"]);
}

#[test]
fn an_operator_that_is_chosen_already_goes_before_others() {
    // Its newest version no longer has the kind, an older one does.
    let text = catalog() + &package("zebra", &[("1.0.0", HAS), ("2.0.0", "")]);
    let ask = "packages: [{name: kind}, {name: zebra}]";
    let chosen = choose(&text, Rules::V1, ask).unwrap();
    assert_eq!(lines(&chosen), ["kind s*: 1.0.0", "zebra s*: 1.0.0 2.0.0"]);
}

#[test]
fn what_the_catalog_does_not_have_is_told() {
    let lonely = package("app", &[("1.0.0", &needs("base", ">=1.0.0"))]);
    for rules in [Rules::V1, Rules::V2] {
        let chosen = choose(&lonely, rules, "packages: [{name: app}]").unwrap();
        assert_eq!(
            chosen.notes,
            ["app: \"app.v1.0.0\" needs base >=1.0.0, which is not in this catalog"]
        );
    }
}

#[test]
fn what_should_no_longer_be_used_is_told() {
    let text = package("app", &[("1.0.0", ""), ("1.1.0", "")])
        + r#"{"schema":"olm.deprecations","package":"app","entries":[
            {"reference":{"schema":"olm.package"},"message":"use\n another one\n"},
            {"reference":{"schema":"olm.channel","name":"s"},"message":"use t"},
            {"reference":{"schema":"olm.bundle","name":"app.v1.0.0"},"message":"old"},
            {"reference":{"schema":"olm.bundle","name":"app.v1.1.0"},"message":"broken"}]}"#;
    let chosen = choose(&text, Rules::V2, "packages: [{name: app}]").unwrap();
    assert_eq!(
        chosen.notes,
        [
            "app: the operator is deprecated: use another one",
            "app: channel \"s\" is deprecated: use t",
            "app: \"app.v1.1.0\" is deprecated: broken"
        ]
    );
}
