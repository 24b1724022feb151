//! What `--help` says beside the README: the same exit statuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::Sandbox;

/// Numbers that stand in a column of a table of statuses.
fn statuses(text: &str, column: impl Fn(&str) -> Vec<String>) -> BTreeSet<u8> {
    let cells = text.lines().flat_map(column);
    cells.filter_map(|cell| cell.trim().parse().ok()).collect()
}

#[test]
fn help_and_readme_name_the_same_exit_statuses() {
    let help = Sandbox::new().run(&["--help"]).ok().text();
    let (_, table) = help.split_once("Exit status:").unwrap();
    let ours = statuses(table, |line| {
        line.split_whitespace().map(str::to_owned).collect()
    });
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, table) = readme.split_once("| status | kind |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let theirs = statuses(table, |line| line.split('|').map(str::to_owned).collect());
    assert_eq!(ours, theirs);
    let all = [
        0, 1, 2, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 30, 31, 40, 130,
    ];
    assert_eq!(ours, BTreeSet::from(all));
}
