//! `snobox store gc` and what is known of catalogs: it stays while something in the store comes from them, and goes with the rest when it is old.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::image_sets::{lock, site};
use crate::support::{PracticeRegistry, Sandbox};

const CATALOG: &str = "registry.practice.example/catalogs/practice-operator-index:v4.99";
const SET: &str = "\
kind: ImageSetConfiguration
apiVersion: mirror.openshift.io/v2alpha1
mirror:
  operators:
  - catalog: registry.practice.example/catalogs/practice-operator-index:v4.99
    packages:
    - name: practice-telemetry
";

/// Everything in a folder was written two days ago.
fn age(folder: &Path) {
    let then = SystemTime::now() - Duration::from_secs(48 * 3600);
    for entry in fs::read_dir(folder).unwrap() {
        let file = fs::File::options().write(true).open(entry.unwrap().path());
        file.unwrap().set_modified(then).unwrap();
    }
}

/// How many documents there are of each kind, by what their names begin with.
fn documents(sandbox: &Sandbox) -> BTreeMap<String, u32> {
    let mut kinds = BTreeMap::new();
    for entry in fs::read_dir(sandbox.path("store/.snobox/known")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        *kinds
            .entry(name.split('-').next().unwrap().to_owned())
            .or_default() += 1;
    }
    kinds
}

fn expected(kinds: &[&str]) -> BTreeMap<String, u32> {
    kinds.iter().map(|kind| ((*kind).to_owned(), 1)).collect()
}

fn removed(gc: &Value, list: &str) -> Vec<String> {
    let files = gc[list].as_array().unwrap().iter();
    let known = files.filter(|file| file["kind"] == "known");
    known
        .map(|file| {
            file["name"]
                .as_str()
                .unwrap()
                .split('-')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn what_is_known_of_a_catalog_stays_with_what_was_made_of_it_and_goes_after_it() {
    let (registry, sandbox) = site(SET);
    sandbox.run(&["mirror"]).ok();
    let mirror = format!(
        "registry.practice.example={}/registry.practice.example",
        registry.address
    );
    let all = expected(&["catalog", "smaller", "tag"]);
    assert_eq!(documents(&sandbox), all);
    age(&sandbox.path("store/.snobox/known"));
    age(&sandbox.path("store/blobs/sha256"));
    let before = fs::read_dir(sandbox.path("store/blobs/sha256"))
        .unwrap()
        .count();
    let gc = sandbox.run(&["--json", "store", "gc", "--yes"]).ok().json();
    assert_eq!(removed(&gc, "removed"), [""; 0]);
    assert_eq!(documents(&sandbox), all);
    // The layers of the original went: what was in them is known.
    assert!(
        fs::read_dir(sandbox.path("store/blobs/sha256"))
            .unwrap()
            .count()
            < before
    );

    // Planning goes on without a network.
    drop(registry);
    let list = ["--json", "catalog", "list", CATALOG, "--mirror", &mirror];
    let said = sandbox.run(&list).ok().json();
    assert_eq!(said["packages"].as_array().unwrap().len(), 2);
    sandbox.run(&["plan"]).ok();
    sandbox.run(&["verify", "store"]).ok();

    // The image that was made goes: the catalog is of no use any more, unless a lock names it.
    let drop = ["--json", "store", "gc", "--drop", CATALOG];
    let with_lock = [&drop[..], &["--keep-lock", "site.lock"]].concat();
    assert_eq!(
        removed(&sandbox.run(&with_lock).ok().json(), "removed"),
        [""; 0]
    );
    let would = sandbox.run(&drop).ok().json();
    assert_eq!(removed(&would, "removed"), ["catalog", "smaller", "tag"]);
    assert_eq!(documents(&sandbox), all, "nothing was done");
    let text = sandbox.run(&drop[1..]).ok().text();
    assert!(
        text.contains("3 documents of catalogs that nothing here comes from"),
        "{text}"
    );
    sandbox.run(&[&drop[..], &["--yes"]].concat()).ok();
    assert_eq!(documents(&sandbox), expected(&[]));
    assert_eq!(lock(&sandbox)["catalogs"][0]["reference"], CATALOG);
}

#[test]
fn what_was_only_looked_at_is_known_for_a_day() {
    let (practice, sandbox) = (PracticeRegistry::start(), Sandbox::new());
    let mirror = format!(
        "registry.practice.example={}/registry.practice.example",
        practice.address
    );
    sandbox
        .run(&["catalog", "list", CATALOG, "--mirror", &mirror])
        .ok();
    let both = expected(&["catalog", "tag"]);
    assert_eq!(documents(&sandbox), both);
    let gc = sandbox.run(&["--json", "store", "gc", "--yes"]).ok().json();
    assert_eq!(gc["removed"], json!([]));
    assert_eq!(removed(&gc, "spared"), ["catalog", "tag"]);
    let fsck = sandbox.run(&["--json", "store", "fsck"]).ok().json();
    let codes = fsck["unneeded"].as_array().unwrap().iter();
    assert!(
        codes.clone().count() > 0 && codes.clone().all(|file| file["code"] == "orphan"),
        "{fsck}"
    );
    age(&sandbox.path("store/.snobox/known"));
    let gc = sandbox.run(&["--json", "store", "gc", "--yes"]).ok().json();
    assert_eq!(removed(&gc, "removed"), ["catalog", "tag"]);
    assert_eq!(documents(&sandbox), expected(&[]));
}
