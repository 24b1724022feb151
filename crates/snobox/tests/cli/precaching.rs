//! What the tests of factory-precaching-cli ask of their program (its regression scripts R1 to R17), asked of this one against the practice registry. Left out is
//! what is about profiles of telco operators and about files of its own. `images.imageSets` and `blockedImages` stand in for its generated image set and its
//! filter.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::image_sets::{lock, of_role, site};
use crate::plan;
use crate::support::{PracticeRegistry, Sandbox, demo};

const CATALOG: &str = "registry.practice.example/catalogs/practice-operator-index:v4.99";

fn set(operators: &str, blocked: &[&str]) -> String {
    let mut text = format!(
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\nmirror:\n  operators:\n  - catalog: {CATALOG}\n    packages:\n{operators}"
    );
    if !blocked.is_empty() {
        text += "  blockedImages:\n";
        for pattern in blocked {
            text += &format!("  - name: '{pattern}'\n");
        }
    }
    text
}

const BOTH: &str = "    - name: practice-storage\n    - name: practice-telemetry\n";

/// All references of a lock.
fn references(lock: &Value) -> BTreeSet<String> {
    let images = lock["images"].as_array().unwrap().iter();
    images
        .map(|image| image["reference"].as_str().unwrap().to_owned())
        .collect()
}

fn mirrored(blocked: &[&str]) -> (Sandbox, BTreeSet<String>, String) {
    let (_registry, sandbox) = site(&set(BOTH, blocked));
    let said = sandbox.run(&["mirror"]).ok();
    let found = references(&lock(&sandbox));
    (sandbox, found, said.stderr)
}

/// R1: everything that is asked for is listed, and is there.
#[test]
fn every_image_that_is_asked_for_is_in_the_lock_and_in_the_store() {
    let (sandbox, found, _) = mirrored(&[]);
    // By the practice release: a payload, 25 components, two heads with three images each, and the catalog.
    assert_eq!(found.len(), 1 + 25 + 2 * 3 + 1);
    for image in lock(&sandbox)["images"].as_array().unwrap() {
        let hex = &image["digest"].as_str().unwrap()[7..];
        assert!(sandbox.path(&format!("store/blobs/sha256/{hex}")).exists());
    }
    sandbox.run(&["verify", "store"]).ok();
}

/// The files in a folder and below, but for one folder in it.
fn files_but(sandbox: &Sandbox, skipped: &str) -> BTreeSet<String> {
    let names = fs::read_dir(sandbox.work()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != skipped).collect()
}

/// R2: only the one file that was asked for, and nothing is fetched.
#[test]
fn init_and_plan_write_their_one_file_and_fetch_no_layer() {
    let sandbox = Sandbox::new();
    for name in ["pull-secret.json", "id_practice.pub"] {
        sandbox.write(name, fs::read(demo().path(name)).unwrap());
    }
    let before = files_but(&sandbox, "");
    let init = [
        "init",
        "--name",
        "bip",
        "--release-version",
        "4.99.0-practice",
        "--base-domain",
        "practice.example",
        "--pull-secret-file",
        "pull-secret.json",
        "--ssh-key-file",
        "id_practice.pub",
        "--disk",
        "/dev/sda",
    ];
    sandbox.run(&init).ok();
    let after = files_but(&sandbox, "");
    let new: Vec<_> = after.difference(&before).collect();
    assert_eq!(new, ["site.yaml"]);

    let practice = plan::registry();
    let sandbox = plan::fresh(&practice);
    let before = files_but(&sandbox, "store");
    sandbox.run(&["plan"]).ok();
    let after = files_but(&sandbox, "store");
    let new: Vec<_> = after.difference(&before).collect();
    assert_eq!(new, ["site.lock"]);
    // The one layer of the payload image that lists its components.
    let (_, blobs) = plan::sent(&practice);
    assert_eq!(blobs.len(), 1, "{blobs:?}");
}

/// R3: a filter that matches everything.
#[test]
fn what_blocks_everything_leaves_the_payload_and_the_catalog_and_names_the_rest() {
    let (sandbox, found, said) = mirrored(&[".*"]);
    let lock = lock(&sandbox);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(of_role(&lock, "release").len(), 1);
    assert_eq!(of_role(&lock, "catalog").len(), 1);
    // Each of the others is named: 25 components, six images of operators.
    assert_eq!(said.matches(" is left out: ").count(), 31, "{said}");
}

/// R4: a filter that is no regular expression, with its line.
#[test]
fn a_pattern_that_is_none_is_refused_with_its_line() {
    let (_registry, sandbox) = site(&set(BOTH, &["[a"]));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("imageset.yaml:10:")
        .says("mirror.blockedImages[0]");
    assert!(!sandbox.path("store").exists());
}

/// R5, R7: what a list of patterns matches is absent, is named, and the counts add up; anchors hold.
#[test]
fn what_is_blocked_and_what_is_there_add_up_to_everything() {
    let (_, all, _) = mirrored(&[]);
    for patterns in [
        &["/practice-telemetry/", "agent@"][..],
        &["^registry.practice.example\\W"],
        &["^quay\\W"],
    ] {
        let (_, left, said) = mirrored(patterns);
        assert!(left.is_subset(&all));
        let blocked: BTreeSet<_> = all.difference(&left).collect();
        assert!(!blocked.is_empty(), "{patterns:?}");
        for reference in blocked {
            let named = format!("{reference} is left out: blockedImages");
            assert!(said.contains(&named), "{patterns:?} {reference}: {said}");
        }
    }
}

/// R6: a pattern without a match.
#[test]
fn a_pattern_that_matches_nothing_blocks_nothing() {
    let (_, all, _) = mirrored(&[]);
    let (_, left, said) = mirrored(&["^qua\\b"]);
    assert_eq!(left, all);
    assert!(!said.contains("left out"), "{said}");
}

/// R8, R9, R10: versions that are none.
#[test]
fn versions_that_are_none_are_refused_by_place() {
    let operators = "    - name: practice-storage\n      minVersion: v4.99\n    - name: practice-telemetry\n      maxVersion: latest\n";
    let (_registry, sandbox) = site(&set(operators, &[]));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("2 problems in imageset.yaml")
        .says("imageset.yaml:8:19: mirror.operators[0].packages[0].minVersion")
        .says("imageset.yaml:10:19: mirror.operators[0].packages[1].maxVersion")
        .says("a version by semver: three numbers");
    let text = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    sandbox.write("imageset.yaml", set(BOTH, &[]));
    sandbox.write("site.yaml", text.replace("4.99.0-practice", "latest"));
    sandbox
        .run(&["mirror"])
        .fails(10)
        .says("release.version")
        .says("a version such as 4.13.1");
}

/// R11: what else the store holds stays.
#[test]
fn images_of_other_sites_stay_in_the_store() {
    let (_registry, sandbox) = site(&set(BOTH, &[]));
    sandbox.run(&["mirror"]).ok();
    let before = references(&lock(&sandbox));
    sandbox.write("imageset.yaml", set("    - name: practice-storage\n", &[]));
    sandbox.run(&["mirror"]).ok();
    let after = references(&lock(&sandbox));
    assert!(after.len() < before.len());
    let index = fs::read_to_string(sandbox.path("store/index.json")).unwrap();
    for reference in before {
        assert!(index.contains(&reference), "{reference}");
    }
}

/// R12: what is stale goes when it is said, and nothing that is wanted.
#[test]
fn what_no_site_wants_any_more_goes_from_the_store_with_its_blobs() {
    let (_registry, sandbox) = site(&set(BOTH, &[]));
    sandbox.run(&["mirror"]).ok();
    let before = references(&lock(&sandbox));
    sandbox.write("imageset.yaml", set("    - name: practice-storage\n", &[]));
    sandbox.run(&["mirror"]).ok();
    let wanted = references(&lock(&sandbox));
    let stale: Vec<_> = before.difference(&wanted).collect();
    assert_eq!(stale.len(), 3, "{stale:?}");
    let gc = ["store", "gc", "--keep-lock", "site.lock"];
    sandbox.run(&gc).ok();
    let named = || {
        let index: Value = serde_json::from_slice(&sandbox.read("store/index.json")).unwrap();
        let entries = index["manifests"].as_array().unwrap().clone();
        let name = |entry: Value| {
            let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
            name.as_str().unwrap().to_owned()
        };
        entries.into_iter().map(name).collect::<BTreeSet<_>>()
    };
    // Without --yes it is only told.
    assert!(named().is_superset(&before));
    sandbox.run(&[&gc[..], &["--yes"]].concat()).ok();
    assert_eq!(named(), wanted);
    for reference in stale {
        let hex = reference.split_once("@sha256:").unwrap().1;
        let path = format!("store/blobs/sha256/{hex}");
        assert!(!sandbox.path(&path).exists(), "{reference}");
    }
    sandbox.run(&["verify", "store"]).ok();
    sandbox.run(&["build"]).ok();
}

/// R11, R12: what an earlier export left stays, and is named; `--rm-stale` takes it away. What is wanted is there each time.
#[test]
fn stale_archives_of_an_export_stay_until_they_are_to_go() {
    let sandbox = Sandbox::with_site();
    let export = |more: &[&str]| {
        let args = ["store", "export", "--format", "factory-precaching", "out"];
        sandbox.run(&[&args, more].concat()).ok()
    };
    let archives = || {
        let names = fs::read_dir(sandbox.path("out")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|n| n.ends_with(".tgz"))
            .collect::<BTreeSet<_>>()
    };
    let said = export(&[]);
    assert!(!said.all().contains("stale"), "{said}");
    let wanted = archives();
    // Nobody knows these: an older release's, and one with a name that no image has.
    let stale = format!("ocp-v4.0-art-dev@sha256_{}.tgz", "1".repeat(64));
    let foreign = [stale.as_str(), "backup.tgz"];
    for name in foreign {
        sandbox.write(&format!("out/{name}"), "stale");
    }
    sandbox.write("out/notes.txt", "no archive");
    fs::create_dir(sandbox.path("out/folder.tgz")).unwrap();
    let mut with_stale = wanted.clone();
    with_stale.insert("folder.tgz".to_owned());
    let left = with_stale.clone();
    with_stale.extend(foreign.map(str::to_owned));

    let said = export(&[]);
    assert!(said.text().contains(", 2 stale ones stay\n"), "{said}");
    for name in foreign {
        assert!(
            said.stderr.contains(&format!("note: {name} is stale")),
            "{said}"
        );
    }
    assert_eq!(archives(), with_stale);
    // Of one image alone: the others are of the store all the same.
    let one = "registry.practice.example/factory/line-agent:1.0";
    let said = export(&["--rm-stale", one]);
    assert!(said.text().contains(", 2 stale ones removed\n"), "{said}");
    for name in foreign {
        assert!(
            said.stderr.contains(&format!("removed {name}: stale")),
            "{said}"
        );
    }
    assert_eq!(archives(), left);
    assert_eq!(sandbox.read("out/notes.txt"), b"no archive");
    let again = [
        "--json",
        "store",
        "export",
        "--format",
        "factory-precaching",
        "-s",
        "out",
    ];
    let said = sandbox.run(&again).ok().json();
    assert_eq!(said["stale"], json!([]));
    assert_eq!(
        (&said["written"], &said["present"]),
        (&json!(0), &json!(wanted.len()))
    );
}

/// R13: each catalog can be taken from another place, also the second one alone.
#[test]
fn each_of_two_catalogs_can_be_taken_from_another_place() {
    const CERTIFIED: &str = "registry.practice.example/catalogs/certified-index:v4.99";
    let registry = PracticeRegistry::start();
    let sandbox = Sandbox::new();
    let text = set("    - name: practice-storage\n", &[]);
    sandbox.write(
        "imageset.yaml",
        format!("{text}  - catalog: {CERTIFIED}\n    packages:\n    - name: gpu\n"),
    );
    let catalog = |name: &str| {
        [
            json!({"schema": "olm.package", "name": name, "defaultChannel": "s"}),
            json!({"schema": "olm.channel", "package": name, "name": "s", "entries": [{"name": format!("{name}.v7")}]}),
            json!({"schema": "olm.bundle", "package": name, "name": format!("{name}.v7"), "image": "registry.practice.example/x:7"}),
        ]
        .map(|document| document.to_string())
        .join("\n")
    };
    sandbox.write("first.json", catalog("practice-storage"));
    sandbox.write("second.json", catalog("gpu"));
    let first = format!("{CATALOG}=first.json");
    let second = format!("{CERTIFIED}=second.json");
    let source = "registry.practice.example";
    let mirror = format!("{source}={}/{source}", registry.address);
    let select = |more: &[&str]| {
        let args = [
            "--json",
            "catalog",
            "select",
            "--image-set",
            "imageset.yaml",
        ];
        sandbox.run(&[&args, more].concat())
    };
    let names = |said: Value| -> Vec<String> {
        let bundles = said["bundles"].as_array().unwrap().iter();
        bundles
            .map(|b| b["name"].as_str().unwrap().to_owned())
            .collect()
    };
    // Neither asks a registry.
    let both = select(&["--catalog", &first, "--catalog", &second]).ok();
    assert_eq!(names(both.json()), ["practice-storage.v7", "gpu.v7"]);
    assert!(!sandbox.path("store").exists());
    let one = select(&["--catalog", &second, "--mirror", &mirror]).ok();
    let of_registry = ["practice-storage.v4.99.1", "gpu.v7"];
    assert_eq!(names(one.json()), of_registry);
    // The first alone leaves the second to the registry, which does not have it.
    select(&["--catalog", &first, "--mirror", &mirror])
        .fails(21)
        .says("certified-index");
}

/// R14, R15, R16: versions that no catalog has, each by the name of its operator, before anything of an operator is fetched.
#[test]
fn versions_that_are_not_there_are_named_for_each_operator() {
    let storage =
        "    - name: practice-storage\n      minVersion: 9.9.9\n      maxVersion: 9.9.9\n";
    let telemetry = "    - name: practice-telemetry\n      channels:\n      - name: fast\n        minVersion: 9.9.8\n        maxVersion: 9.9.8\n";
    let both = format!("{storage}{telemetry}");
    for (operators, count, names) in [
        (
            storage,
            "1 problem ",
            &["\"practice-storage\"", "9.9.9"][..],
        ),
        (
            telemetry,
            "1 problem ",
            &["\"practice-telemetry\"", "9.9.8"],
        ),
        (
            &both,
            "2 problems ",
            &["\"practice-storage\"", "\"practice-telemetry\""],
        ),
    ] {
        let (_registry, sandbox) = site(&set(operators, &[]));
        let mut said = sandbox.run(&["mirror"]).fails(10).says(count);
        for name in names {
            said = said.says(name);
        }
        let index = fs::read_to_string(sandbox.path("store/index.json")).unwrap();
        assert!(!index.contains("practice-storage/bundle"), "{said}");
    }
}

/// R17: an option that is none.
#[test]
fn an_unknown_option_is_refused() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["mirror", "--rm-stale-images"]);
    assert_eq!(said.code(), 2, "{said}");
    said.says("--rm-stale-images");
}
