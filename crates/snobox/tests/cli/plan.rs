//! `snobox plan`: what a site costs, counted a second time from the files; what is left out; what changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use snobox_testkit::fault_registry::Answer;

use crate::practice_registry::Practice;
use crate::support::{Sandbox, Tree, demo};

/// Digest → bytes of every blob that the demo's lock needs: manifests, configurations, layers.
type Blobs = BTreeMap<String, u64>;

fn blobs_of(image: &Value) -> Blobs {
    let mut blobs = Blobs::new();
    let own = [&image["digest"], &image["platformDigest"]];
    for digest in own.into_iter().filter_map(Value::as_str) {
        let bytes = fs::read(demo().path("store/blobs/sha256").join(&digest[7..])).unwrap();
        blobs.insert(digest.to_owned(), bytes.len() as u64);
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for blob in layers.chain(manifest.get("config")) {
            let digest = blob["digest"].as_str().unwrap().to_owned();
            blobs.insert(digest, blob["size"].as_u64().unwrap());
        }
    }
    blobs
}

fn images() -> Vec<Value> {
    demo().lock()["images"].as_array().unwrap().clone()
}

/// Sum of the blobs of the images that `keep` keeps, each once.
fn unique(keep: impl Fn(&Value) -> bool) -> u64 {
    let kept: Vec<_> = images().into_iter().filter(keep).collect();
    let all: Blobs = kept.iter().flat_map(blobs_of).collect();
    all.values().sum()
}

/// A registry that knows the release and the additional image by tag, too.
pub(crate) fn registry() -> Practice {
    let practice = Practice::start(|answer| answer);
    for image in images() {
        let reference = image["reference"].as_str().unwrap();
        if let Some((name, tag)) = reference
            .rsplit_once(':')
            .filter(|_| !reference.contains('@'))
        {
            let digest = image["digest"].as_str().unwrap();
            let bytes = &practice.manifests[&format!("/v2/{name}/manifests/{digest}")];
            let answer = Answer::bytes(bytes.clone())
                .header("Content-Type", image["mediaType"].as_str().unwrap())
                .header("Docker-Content-Digest", digest);
            practice
                .registry
                .script(&format!("/v2/{name}/manifests/{tag}"), [answer]);
        }
    }
    practice
}

/// A sandbox that has neither lock nor store.
pub(crate) fn fresh(practice: &Practice) -> Sandbox {
    let sandbox = practice.sandbox();
    fs::remove_file(sandbox.path("site.lock")).unwrap();
    sandbox
}

/// Adds keys to `images` of the sandbox's site.
fn images_with(sandbox: &Sandbox, text: &str) {
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let new = site.replacen("\nimages:\n", &format!("\nimages:\n  {text}\n"), 1);
    assert_ne!(new, site);
    sandbox.write("site.yaml", new);
}

/// Bytes of blobs that the registry has sent, and the digests of these blobs.
pub(crate) fn sent(practice: &Practice) -> (u64, BTreeSet<String>) {
    let sent = practice.registry.sent();
    let blobs = sent.iter().filter(|sent| sent.path.contains("/blobs/"));
    let digest = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    blobs.fold((0, BTreeSet::new()), |(bytes, mut all), sent| {
        all.insert(digest(&sent.path));
        (bytes + sent.bytes, all)
    })
}

#[test]
fn a_plan_fetches_one_layer_and_says_exactly_what_a_mirror_then_fetches() {
    let practice = registry();
    let sandbox = fresh(&practice);
    let plan = sandbox.run(&["--json", "plan", "--rate", "8M"]).ok().json();

    // The payload's topmost layer, and no other blob.
    let payload = blobs_of(&images()[0]);
    let (layer_bytes, layers) = sent(&practice);
    let manifest = practice
        .manifests
        .iter()
        .find(|(path, _)| path.contains("/ocp-release/"));
    let manifest: Value = serde_json::from_slice(manifest.unwrap().1).unwrap();
    let top = manifest["layers"].as_array().unwrap().last().unwrap();
    let top = top["digest"].as_str().unwrap().to_owned();
    assert_eq!(layer_bytes, payload[&top]);
    assert_eq!(layers, BTreeSet::from([top]));
    assert_eq!(
        sandbox.read("site.lock"),
        fs::read(demo().path("site.lock")).unwrap()
    );

    let all = images();
    let unique_blobs: Blobs = all.iter().flat_map(blobs_of).collect();
    let bytes: u64 = unique_blobs.values().sum();
    assert_eq!(plan["images"], all.len());
    assert_eq!(plan["blobs"], unique_blobs.len());
    assert_eq!(plan["bytes"], bytes);
    let each: u64 = all
        .iter()
        .map(|image| blobs_of(image).values().sum::<u64>())
        .sum();
    assert_eq!(plan["referenceBytes"], each);
    assert_eq!(plan["sharedBytes"], each - bytes);
    let manifests: u64 = practice
        .manifests
        .values()
        .map(|bytes| bytes.len() as u64)
        .sum();
    assert_eq!(plan["presentBytes"], manifests + layer_bytes);
    let fetch = bytes - manifests - layer_bytes;
    assert_eq!(plan["fetchBytes"], fetch);
    assert_eq!(
        plan["times"],
        json!([{"bitsPerSecond": 8_000_000, "measured": false, "seconds": fetch.div_ceil(1_000_000)}])
    );
    for part in plan["parts"].as_array().unwrap() {
        let name = part["name"].as_str().unwrap();
        let image = all.iter().find(|image| image["name"] == name).unwrap();
        assert_eq!(part["kind"], image["role"]);
        assert_eq!(
            part["bytes"],
            blobs_of(image).values().sum::<u64>(),
            "{name}"
        );
        let without = unique(|image| image["name"] != name);
        assert_eq!(part["savesBytes"], bytes - without, "{name}");
    }

    let mirrored = sandbox.run(&["--json", "mirror"]).ok().json();
    assert_eq!(mirrored["fetchedBytes"], fetch);
    assert_eq!(sent(&practice).0, fetch + layer_bytes);
    assert_eq!(
        Tree::of(&sandbox.path("store")),
        Tree::of(&demo().path("store"))
    );
}

#[test]
fn a_lock_that_is_up_to_date_is_planned_without_a_network() {
    let sandbox = Sandbox::with_site();
    let before = Tree::of(&sandbox.work());
    let plan = sandbox.run(&["--json", "plan"]).ok().json();
    assert_eq!(plan["fetchBytes"], 0);
    assert_eq!(plan["presentBytes"], plan["bytes"]);
    assert_eq!(plan["times"].as_array().unwrap().len(), 2);
    // The image that the demo made of the same: a live ISO that is not packed, so a little more or less.
    let image = fs::metadata(demo().path("practice.img")).unwrap().len();
    let about = plan["room"]["aboutImageBytes"].as_u64().unwrap();
    assert!(about.abs_diff(image) <= 8 << 20, "{about} {image}");
    let part = &plan["parts"][0]["name"];
    let said = sandbox.run(&["plan", "--all"]).ok();
    assert!(
        said.text()
            .lines()
            .nth(1)
            .unwrap()
            .ends_with(part.as_str().unwrap()),
        "{said}"
    );
    assert!(
        said.text()
            .contains("to fetch    0 B in 0 blobs; 0 s at 50 Mbit/s"),
        "{said}"
    );
    assert_eq!(Tree::of(&sandbox.work()), before);
    // What the last mirror measured, unless somebody says another.
    sandbox.write("store/.snobox/line-rate", "16000000\n");
    let old = sandbox.path("old.lock");
    let mut lock = demo().lock();
    lock["images"].as_array_mut().unwrap().truncate(1);
    fs::write(&old, lock.to_string()).unwrap();
    let update = unique(|_| true) - unique(|image| image["role"] == "release");
    let seconds = |rate: u64| (update * 8).div_ceil(rate);
    let changes = sandbox
        .run(&["--json", "plan", "--diff", "old.lock"])
        .ok()
        .json();
    assert_eq!(changes["updateBytes"], update);
    let expected =
        json!([{"bitsPerSecond": 16_000_000, "measured": true, "seconds": seconds(16_000_000)}]);
    assert_eq!(changes["times"], expected);
    let said = sandbox
        .run(&["plan", "--diff", "old.lock", "--rate", "1M"])
        .ok()
        .text();
    let line = said.lines().last().unwrap();
    let minutes = seconds(1_000_000).div_ceil(60);
    assert!(
        line.ends_with(&format!("; {minutes} min at 1 Mbit/s")),
        "{said}"
    );
    // What an interrupted run has left counts as there.
    let layer = blobs_of(&images()[1])
        .into_iter()
        .max_by_key(|(_, bytes)| *bytes)
        .unwrap();
    let hex = layer.0[7..].to_owned();
    fs::remove_file(sandbox.path("store/blobs/sha256").join(&hex)).unwrap();
    sandbox.write(&format!("store/.snobox/partial/{hex}"), [0; 1000]);
    let plan = sandbox.run(&["--json", "plan"]).ok().json();
    assert_eq!(
        (&plan["partialBytes"], &plan["fetchBlobs"]),
        (&json!(1000), &json!(1))
    );
    assert_eq!(plan["fetchBytes"], layer.1 - 1000);
}

#[test]
fn what_is_left_out_is_in_the_lock_and_neither_fetched_nor_missed() {
    let practice = registry();
    let sandbox = fresh(&practice);
    images_with(
        &sandbox,
        "profile: bare-metal-sno\n  exclude: [^factory/line-agent, x86_64-coredns2]",
    );
    let checked = sandbox.run(&["check"]).ok().text();
    assert!(
        checked.contains("profile bare-metal-sno; without \"^factory/line-agent\""),
        "{checked}"
    );
    let plan = sandbox.run(&["--json", "plan"]).ok().json();
    let gone = [
        "aws-ebs-csi-driver",
        "azure-disk-csi-driver",
        "registry.practice.example/factory/line-agent:1.0",
    ];
    let left_out = plan["leftOut"].as_array().unwrap();
    let names: Vec<_> = left_out
        .iter()
        .map(|image| image["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, gone);
    assert_eq!(
        left_out[0]["reason"],
        "images.profile bare-metal-sno: started on AWS only"
    );
    let rest = unique(|image| !gone.contains(&image["name"].as_str().unwrap()));
    assert_eq!(plan["bytes"], rest);
    sandbox.run(&["mirror"]).ok();
    let blobs = fs::read_dir(sandbox.path("store/blobs/sha256")).unwrap();
    let bytes: u64 = blobs
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(bytes, rest);
    // Neither boot asks for any of them.
    let built = sandbox.run(&["--json", "build"]).ok().json();
    assert_eq!(built["notInCache"], json!([]));
    sandbox.run(&["verify", "practice.img"]).ok();

    let said = sandbox
        .run(&["plan", "--explain", "aws-ebs-csi-driver"])
        .ok();
    assert!(
        said.text().contains(
            "is left out\n  because    images.profile bare-metal-sno: started on AWS only"
        ),
        "{said}"
    );
    let old = demo().path("site.lock");
    let changes = sandbox
        .run(&["--json", "plan", "--diff", old.to_str().unwrap()])
        .ok()
        .json();
    assert_eq!(
        (&changes["updateBytes"], &changes["added"]),
        (&json!(0), &json!([]))
    );
    let removed = changes["removed"].as_array().unwrap();
    assert_eq!(removed.len(), 3);
    assert!(
        removed.iter().all(|image| image["leftOut"].is_string()),
        "{changes}"
    );
    // Other rules make the lock out of date.
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    sandbox.write(
        "site.yaml",
        site.replacen("x86_64-coredns2", "x86_64-coredns3", 1),
    );
    sandbox
        .run(&["build", "--force"])
        .fails(10)
        .says("out of date");
}

#[test]
fn a_pattern_that_takes_what_boots_is_refused_with_both_names() {
    let practice = registry();
    let sandbox = fresh(&practice);
    images_with(&sandbox, "exclude: ['-etcd$']");
    let said = sandbox.run(&["plan"]).fails(10);
    said.says("\"-etcd$\" would leave out etcd (quay.io/")
        .says("which the first boot needs");
    assert!(!sandbox.path("site.lock").exists());
    let sandbox = Sandbox::with_site();
    images_with(&sandbox, "exclude: ['a(b']");
    sandbox
        .run(&["check"])
        .fails(10)
        .says("images.exclude[0]")
        .says("found open group");
}

#[test]
fn a_difference_names_what_came_went_and_changed_and_what_an_update_fetches() {
    let sandbox = Sandbox::with_site();
    let mut old = demo().lock();
    let list = old["images"].as_array_mut().unwrap();
    let place =
        |list: &[Value], name: &str| list.iter().position(|image| image["name"] == name).unwrap();
    let etcd = list.remove(place(list, "etcd"));
    // The old release had another image under this name, and one that is gone.
    let (pod, coredns) = (place(list, "pod"), place(list, "coredns"));
    let mut gone = list[coredns].clone();
    list[pod]["digest"] = gone["digest"].clone();
    list[pod]["reference"] = gone["reference"].clone();
    let of_pod = blobs_of(
        images()
            .iter()
            .find(|image| image["name"] == "pod")
            .unwrap(),
    );
    gone["name"] = "gone".into();
    list.push(gone);
    old["release"]["version"] = "4.98.0".into();
    sandbox.write("old.lock", old.to_string());
    let had: Blobs = old["images"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(blobs_of)
        .collect();
    let new: Blobs = of_pod.into_iter().chain(blobs_of(&etcd)).collect();
    let update: u64 = new
        .iter()
        .filter(|(digest, _)| !had.contains_key(*digest))
        .map(|(_, bytes)| bytes)
        .sum();
    assert!(update > 0);

    let changes = sandbox
        .run(&["--json", "plan", "--diff", "old.lock"])
        .ok()
        .json();
    assert_eq!(changes["updateBytes"], update);
    let names = |list: &str| {
        let list = changes[list].as_array().unwrap().iter();
        list.map(|image| image["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (names("added"), names("removed"), names("changed")),
        (
            vec!["etcd".to_owned()],
            vec!["gone".to_owned()],
            vec!["pod".to_owned()]
        )
    );
    assert_eq!(changes["unchanged"], images().len() - 2);
    let said = sandbox.run(&["plan", "--diff", "old.lock"]).ok().text();
    for line in [
        "+ component etcd",
        "- component gone",
        "~ component pod",
        "4.98.0 → 4.99.0-practice: 1 added, 1 removed, 1 changed",
    ] {
        assert!(said.lines().any(|l| l.starts_with(line)), "{line}\n{said}");
    }
    sandbox.write("old.lock", "{}");
    sandbox
        .run(&["plan", "--diff", "old.lock"])
        .fails(10)
        .says("old.lock");
    sandbox
        .run(&["plan", "--diff", "absent.lock"])
        .fails(31)
        .says("absent.lock");
}

#[test]
fn an_image_is_explained_by_any_of_its_names() {
    let sandbox = Sandbox::with_site();
    let all = images();
    let etcd = all.iter().find(|image| image["name"] == "etcd").unwrap();
    let (digest, reference) = (
        etcd["digest"].as_str().unwrap(),
        etcd["reference"].as_str().unwrap(),
    );
    for name in ["etcd", digest, reference] {
        let said = sandbox
            .run(&["--json", "plan", "--explain", name])
            .ok()
            .json();
        let [image] = &said["images"].as_array().unwrap()[..] else {
            panic!("{name}: {said}")
        };
        assert_eq!(
            (&image["name"], &image["role"]),
            (&json!("etcd"), &json!("component"))
        );
        assert_eq!(image["neededBy"], json!(["the first boot"]));
        assert_eq!(image["bytes"], blobs_of(etcd).values().sum::<u64>());
    }
    let of_repository = sandbox
        .run(&[
            "--json",
            "plan",
            "--explain",
            "openshift-release-dev/ocp-v4.0-art-dev",
        ])
        .ok();
    let components = all
        .iter()
        .filter(|image| image["role"] == "component")
        .count();
    assert_eq!(
        of_repository.json()["images"].as_array().unwrap().len(),
        components
    );
    let said = sandbox.run(&["plan", "--explain", "line-agent"]).ok();
    assert!(
        said.text()
            .contains("asked by   `images.additional` of the site"),
        "{said}"
    );
    let said = sandbox.run(&["plan", "--explain", "etcdd"]).fails(2);
    said.says("neither in release 4.99.0-practice")
        .says("did you mean \"etcd\"?");
}

#[test]
fn rates_in_bytes_and_two_questions_at_once_are_refused() {
    let sandbox = Sandbox::with_site();
    for args in [
        &["--rate", "50MB"][..],
        &["--rate", "fast"],
        &["--rate", "0"],
        &["--diff", "site.lock", "--explain", "etcd"],
    ] {
        let said = sandbox.run(&[&["plan"][..], args].concat());
        assert_eq!(said.code(), 2, "{said}");
    }
}
