//! The JSON lines against their page: what `docs/progress.md` does not name is not printed, and what it says is always there is there.

use std::collections::BTreeMap;

use serde_json::Value;
use snobox_testkit::fault_registry::Answer;

use crate::practice_registry::Practice;
use crate::support::{Said, Sandbox};

const PAGE: &str = include_str!("../../../../docs/progress.md");

/// One field of one event, as the page has it.
struct Documented {
    types: String,
    /// Not in every line: the page says where.
    sometimes: bool,
}

type Fields = BTreeMap<String, Documented>;

/// What is in backquotes at the beginning of a cell.
fn quoted(cell: &str) -> Option<&str> {
    cell.trim().strip_prefix('`')?.split('`').next()
}

/// Event → its fields, and the stages.
fn page() -> (BTreeMap<String, Fields>, Vec<String>) {
    let (mut events, mut stages) = (BTreeMap::<String, Fields>::new(), Vec::new());
    let mut heading = "";
    for line in PAGE.lines() {
        if let Some(text) = line.strip_prefix("## ") {
            heading = text;
        }
        let cells: Vec<_> = line.split('|').collect();
        let Some(name) = cells.get(1).and_then(|cell| quoted(cell)) else {
            continue;
        };
        if heading == "Stages" {
            stages.push(name.to_owned());
            continue;
        }
        let field = Documented {
            types: cells[2].trim().to_owned(),
            sometimes: cells[3].contains("only ") || cells[3].contains("not of "),
        };
        let event = quoted(heading).unwrap_or(heading).to_owned();
        events
            .entry(event)
            .or_default()
            .insert(name.to_owned(), field);
    }
    let common = events.remove("Every event").unwrap();
    for (name, field) in common {
        for fields in events.values_mut() {
            let types = field.types.clone();
            let sometimes = field.sometimes;
            fields.insert(name.clone(), Documented { types, sometimes });
        }
    }
    (events, stages)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every line is as the page says; returns them.
#[track_caller]
pub(crate) fn as_documented(said: &Said) -> Vec<Value> {
    let (events, stages) = page();
    let lines = said.stderr.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(!lines.is_empty(), "{said}");
    for line in &lines {
        let name = line["event"].as_str().unwrap();
        let fields = events.get(name);
        let fields = fields.unwrap_or_else(|| panic!("the page does not name this event: {line}"));
        for (key, value) in line.as_object().unwrap() {
            let field = fields.get(key);
            let field = field.unwrap_or_else(|| panic!("{key} is not on the page: {line}"));
            let mut allowed = field.types.split(" or ");
            assert!(allowed.any(|t| t == type_of(value)), "{key}: {line}");
        }
        for (key, field) in fields {
            let is_there = line.get(key).is_some();
            assert!(field.sometimes || is_there, "{key} is missing: {line}");
        }
        assert_eq!(line["schema"], 1);
        if let Some(stage) = line["stage"].as_str() {
            assert!(stages.iter().any(|s| s == stage), "{line}");
        }
    }
    lines
}

fn named<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == name).collect()
}

#[test]
fn a_mirror_says_what_the_page_names_and_its_summary_is_the_result() {
    let practice = Practice::start(|answer| answer.paced(3 << 20));
    // One blob is refused once, and one has wrong bytes once.
    let mut paths = practice.blobs.iter();
    let (busy, bytes) = paths.next().unwrap();
    let whole = Answer::bytes(bytes.clone()).ranged();
    practice.registry.script(busy, [Answer::status(503), whole]);
    let digest = busy.rsplit('/').next().unwrap();
    let (lying, bytes) = paths
        .find(|(path, bytes)| !path.ends_with(digest) && bytes.len() > 1000)
        .unwrap();
    let mut wrong = bytes.clone();
    wrong[0] ^= 1;
    let whole = Answer::bytes(bytes.clone()).ranged();
    practice
        .registry
        .script(lying, [Answer::bytes(wrong), whole]);
    let sandbox = practice.sandbox();
    let said = sandbox.run(&["--json", "mirror"]);
    let lines = as_documented(&said);
    for event in ["planned", "progress", "retry", "quarantined", "done"] {
        assert!(!named(&lines, event).is_empty(), "no {event}: {said}");
    }
    // Wrong bytes are an end for this run where there is no other place; the next has all.
    let summary = named(&lines, "summary");
    assert_eq!(summary.len(), 1, "{said}");
    let wanted = summary[0]["images"].as_u64().unwrap();
    assert!(summary[0]["completeImages"].as_u64() <= Some(wanted));
    let said = sandbox.run(&["--json", "mirror"]).ok();
    let lines = as_documented(&said);
    let summary = named(&lines, "summary")[0];
    let result = said.json();
    for (key, value) in result.as_object().unwrap() {
        assert!(key == "release" || &summary[key] == value, "{key}: {said}");
    }
    assert_eq!(summary["completeImages"], wanted);
    assert_eq!(summary["failures"], 0);
    // With everything there nothing is asked for, and all of it was there.
    let again = sandbox.run(&["--json", "mirror"]).ok().json();
    assert_eq!(again["presentImages"], wanted);
    assert_eq!(again["fetchedBytes"], 0);
}

#[test]
fn a_mirror_that_fails_has_a_summary_too_and_people_read_the_same() {
    let practice = Practice::start(|answer| answer);
    let gone = practice.blobs.keys().next().unwrap();
    let digest = gone.rsplit('/').next().unwrap();
    for path in practice.blobs.keys().filter(|path| path.ends_with(digest)) {
        practice.registry.script(path, [Answer::status(404)]);
    }
    let sandbox = practice.sandbox();
    let said = sandbox.run(&["--json", "mirror"]).fails(21);
    let lines = as_documented(&said);
    let summary = named(&lines, "summary")[0];
    assert_eq!(summary["failures"], 1, "{said}");
    let count = |key: &str| summary[key].as_u64().unwrap();
    assert!(count("completeImages") < count("images"), "{said}");
    let words = format!(
        "{} of {} images are complete, 1 failure:",
        count("completeImages"),
        count("images")
    );
    let said = sandbox.run(&["mirror"]).fails(21).says(&words);
    said.says("sharing layers saved").says("took ");
}

#[test]
fn the_other_commands_say_what_the_page_names() {
    let sandbox = Sandbox::with_image();
    as_documented(&sandbox.run(&["--json", "store", "fsck"]).ok());
    as_documented(&sandbox.run(&["--json", "verify", "store"]).ok());
    as_documented(&sandbox.run(&["--json", "verify", "practice.img"]).ok());
    as_documented(&crate::support::demo().said);
}
