//! Cases: a catalog in a few words, what is asked of it, and what must be chosen.
//!
//! ```text
//! package foo default stable          each following line is one of its channels
//! stable: 1.0.0, 1.1.0 > 1.0.0, 1.2.0 > 1.1.0 - 1.1.1 1.1.2, 2.0.0?
//! ```
//! `>` replaces, `-` skips, `?` has a bundle without a version, `!` has no bundle. A bundle is called `foo.v1.0.0`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use snobox_catalog::catalog::{Builder, Catalog};
use snobox_catalog::fbc;
use snobox_catalog::image_set::{self, ImageSet, Rules};
use snobox_catalog::select::{Selection, select};
use snobox_plan::problem::Problem;

pub(crate) const INDEX: &str = "registry.example.com/redhat/index:v4.13";

/// A case: its name, the catalog, what is asked of it, and what must be chosen, or said.
pub(crate) type Case = (&'static str, &'static str, &'static str, Expected);

/// What must come of it: `foo stable: 1.0.0 1.1.0` for each channel, or a part of the one problem and a part of its hint.
pub(crate) enum Expected {
    Chosen(&'static [&'static str]),
    Refused(&'static str, &'static str),
}

/// The documents of a catalog, as JSON.
pub(crate) fn documents(text: &str) -> String {
    let mut out = String::new();
    let mut package = "";
    let mut bundles = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("package ") {
            let (name, default) = rest.split_once(" default ").unwrap_or((rest, ""));
            package = name;
            writeln!(
                out,
                r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"{default}"}}"#
            )
            .unwrap();
            continue;
        }
        let (channel, entries) = line.split_once(':').unwrap();
        let mut texts = Vec::new();
        for entry in entries.split(',').map(str::trim).filter(|e| !e.is_empty()) {
            let mut words = entry.split_whitespace();
            let first = words.next().unwrap();
            let version = first.trim_end_matches(['?', '!']);
            let full = |version: &str| format!("{package}.v{version}");
            let mut text = format!(r#"{{"name":"{}""#, full(version));
            let (mut skips, mut mode) = (Vec::new(), "");
            for word in words {
                match (word, mode) {
                    (">" | "-", _) => mode = word,
                    (_, ">") => write!(text, r#","replaces":"{}""#, full(word)).unwrap(),
                    _ => skips.push(format!("{:?}", full(word))),
                }
            }
            if !skips.is_empty() {
                write!(text, r#","skips":[{}]"#, skips.join(",")).unwrap();
            }
            texts.push(text + "}");
            let known = bundles.insert((package, version));
            if !first.ends_with('!') && known {
                let name = full(version);
                let property = if first.ends_with('?') {
                    String::new()
                } else {
                    format!(
                        r#"{{"type":"olm.package","value":{{"packageName":"{package}","version":"{version}"}}}}"#
                    )
                };
                let tag = version.replace('+', "_");
                writeln!(out, r#"{{"schema":"olm.bundle","package":"{package}","name":"{name}","image":"registry.example.com/{package}:{tag}","properties":[{property}]}}"#).unwrap();
            }
        }
        writeln!(
            out,
            r#"{{"schema":"olm.channel","package":"{package}","name":"{channel}","entries":[{}]}}"#,
            texts.join(",")
        )
        .unwrap();
    }
    out
}

/// Reads documents.
pub(crate) fn catalog(documents: &str) -> Catalog {
    let mut builder = Builder::default();
    let mut take = |document: fbc::Document<'_>| {
        builder.add(document);
        Ok(())
    };
    fbc::read("catalog", documents.as_bytes(), &mut take).unwrap();
    builder.finish()
}

/// An image set with one catalog; `ask` is what stands below `- catalog:`.
pub(crate) fn image_set_text(rules: Rules, ask: &str) -> String {
    let ask: String = ask.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/{rules}\nmirror:\n  operators:\n    - catalog: {INDEX}\n{ask}"
    )
}

pub(crate) fn image_set(rules: Rules, ask: &str) -> ImageSet {
    let text = image_set_text(rules, ask);
    image_set::read(&text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

/// Chooses from the documents of a catalog.
pub(crate) fn choose(documents: &str, rules: Rules, ask: &str) -> Result<Selection, Vec<Problem>> {
    let set = image_set(rules, ask);
    select(&catalog(documents), &set.operators[0], rules)
}

/// `foo stable: 1.0.0 1.1.0`, for each channel; the default one with a star.
pub(crate) fn lines(selection: &Selection) -> Vec<String> {
    let mut all = Vec::new();
    for (package, chosen) in &selection.packages {
        for (channel, names) in &chosen.channels {
            let is_default = chosen.default_channel.as_ref() == Some(channel);
            let star = if is_default { "*" } else { "" };
            let prefix = format!("{package}.v");
            let versions: Vec<_> = names
                .iter()
                .map(|name| name.strip_prefix(&prefix).unwrap_or(name))
                .collect();
            all.push(format!("{package} {channel}{star}: {}", versions.join(" ")));
        }
    }
    all
}

/// Judges all cases; tells all that fail.
pub(crate) fn judge(rules: Rules, cases: &[Case]) {
    let mut failures = String::new();
    for (name, short, ask, expected) in cases {
        let found = choose(&documents(short), rules, ask);
        let good = match (expected, &found) {
            (Expected::Chosen(expected), Ok(selection)) => lines(selection) == **expected,
            (Expected::Refused(given, hint), Err(problems)) => {
                let [problem] = &problems[..] else {
                    panic!("{name}: {problems:#?}")
                };
                let text = problem.to_string();
                text.contains(given) && problem.hint.as_deref().unwrap_or_default().contains(hint)
            }
            _ => false,
        };
        if !good {
            let found = found.map(|selection| lines(&selection));
            writeln!(failures, "{name}: {found:#?}").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
