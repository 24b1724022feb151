//! `snobox mirror` on a bad day: one image that cannot be had, a line for the night only, and what it says meanwhile.

use std::fs;
use std::process::Command;

use serde_json::Value;
use snobox_testkit::fault_registry::Answer;

use crate::practice_registry::{Practice, repository};
use crate::progress::as_documented;
use crate::support::{Tree, demo};

/// Name and digest of the images of the lock: (path of the manifest, of one of its own blobs).
fn image_of(role: &str) -> (String, String) {
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    let image = images.iter().find(|image| image["role"] == role).unwrap();
    let digest = image["digest"].as_str().unwrap();
    let file = demo().path("store/blobs/sha256").join(&digest[7..]);
    let manifest: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let name = repository(image);
    let layers = manifest["layers"].as_array();
    let own = layers.and_then(|layers| layers.last()).map(|layer| {
        let digest = layer["digest"].as_str().unwrap();
        format!("/v2/{name}/blobs/{digest}")
    });
    (
        format!("/v2/{name}/manifests/{digest}"),
        own.unwrap_or_default(),
    )
}

#[test]
fn what_cannot_be_had_is_told_at_the_end_and_keeps_nothing_else_out() {
    let practice = Practice::start(|answer| answer);
    let sandbox = practice.sandbox();
    let (release, _) = image_of("component");
    let (_, layer) = image_of("additional");
    for path in [&release, &layer] {
        practice.registry.script(path, [Answer::status(404)]);
    }
    let said = sandbox.run(&["mirror"]).fails(21);
    let images = demo().lock()["images"].as_array().unwrap().len();
    let digest = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let said = said
        .says("2 things could not be fetched")
        .says(&digest(&release))
        .says(&digest(&layer))
        .says(&format!("{} of {images} images are complete", images - 2));
    let index: Value = serde_json::from_slice(&sandbox.read("store/index.json")).unwrap();
    let entries = index["manifests"].as_array().unwrap().len();
    assert_eq!(entries, images - 2, "{said}");
    sandbox.run(&["verify", "store"]).ok();
    // The registry mends its ways: only what was missing is fetched.
    for path in [&release, &layer] {
        let bytes = practice.manifests.get(path).or(practice.blobs.get(path));
        let answer = Answer::bytes(bytes.unwrap().clone());
        practice.registry.script(path, [answer.ranged()]);
    }
    sandbox.run(&["mirror"]).ok();
    let whole = Tree::of(&demo().path("store"));
    assert_eq!(Tree::of(&sandbox.path("store")), whole);
}

#[test]
fn machines_are_told_every_second_how_far_it_is() {
    let practice = Practice::start(|answer| answer.paced(3 << 20));
    let sandbox = practice.sandbox();
    let said = sandbox.run(&["--json", "mirror"]).ok();
    let events: Vec<Value> = said
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| -> Vec<&Value> {
        let named = events.iter().filter(|event| event["event"] == name);
        named.collect()
    };
    let fetched = &said.json()["fetchedBytes"];
    let planned = of("planned");
    assert_eq!(planned.len(), 1);
    assert_eq!(&planned[0]["totalBytes"], fetched);
    assert_eq!(planned[0]["blobs"], said.json()["fetchedBlobs"]);
    let progress = of("progress");
    assert!(!progress.is_empty(), "{said}");
    for event in &progress {
        assert_eq!(event["stage"], "images");
        assert_eq!(&event["totalBytes"], fetched);
        assert!(event["bytesPerSecond"].is_u64() && event["retries"] == 0);
        assert_eq!(event["waiting"], false);
    }
    assert!(
        progress.iter().any(|event| event["inFlight"] == 6),
        "{said}"
    );
    let growing: Vec<_> = progress.iter().map(|e| e["bytes"].as_u64()).collect();
    assert!(growing.is_sorted() && growing[0] > Some(0), "{growing:?}");
    let done = of("done");
    assert_eq!((done.len(), &done[0]["bytes"]), (1, fetched));
    assert_eq!(&said.json()["receivedBytes"], fetched);
}

#[test]
fn retries_are_counted_and_told() {
    let practice = Practice::start(|answer| answer);
    let (_, layer) = image_of("additional");
    let whole = Answer::bytes(practice.blobs[&layer].clone()).ranged();
    let answers = [Answer::status(503), whole.clone().cut_at(20_000), whole];
    practice.registry.script(&layer, answers);
    let sandbox = practice.sandbox();
    let said = sandbox.run(&["--json", "mirror"]).ok();
    assert_eq!(said.json()["retries"], 2);
    assert_eq!(said.json()["receivedBytes"], said.json()["fetchedBytes"]);
    let retries = said
        .stderr
        .lines()
        .filter(|line| line.contains(r#""retry""#));
    assert_eq!(retries.count(), 2, "{said}");
}

#[test]
fn outside_its_window_it_waits_and_says_until_when() {
    let practice = Practice::start(|answer| answer);
    let sandbox = practice.sandbox();
    // Two windows by the clock of this machine: one that is open, and one that is not, whichever hour it is.
    let hour: u32 = {
        let now = Command::new("date").args(["-u", "+%H"]).output().unwrap();
        String::from_utf8(now.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    let window =
        |from: u32, to: u32| format!("{:02}:00-{:02}:00", (hour + from) % 24, (hour + to) % 24);
    let start = |window: &str| {
        let mut command = sandbox.command(&["mirror", "--window", window]);
        command.env("TZ", "UTC");
        crate::support::Running::start(command)
    };
    let closed = window(3, 4);
    let mut running = start(&closed);
    let until = format!(
        "outside the window {closed}: waiting until {}",
        &closed[..5]
    );
    running.until("the wait", |running| running.stderr().contains(&until));
    running.signal("INT");
    sandbox.end(running).fails(130);
    let blobs = |path: &str| path.contains("/blobs/");
    assert!(
        !practice
            .registry
            .seen()
            .iter()
            .any(|seen| blobs(&seen.path))
    );
    sandbox.end(start(&window(23, 3))).ok();
    // 23 is an hour ago: the night is long enough for slow machines.
    sandbox.run(&["verify", "store"]).ok();
}

#[test]
fn rates_windows_and_authorities_that_are_none_are_refused() {
    let sandbox = crate::support::Sandbox::with_site();
    for args in [
        ["--limit", "fast"],
        ["--limit", "1"],
        ["--window", "night"],
        ["--window", "07:00-07:00"],
        ["--jobs", "0"],
    ] {
        let said = sandbox.run(&[&["mirror"][..], &args].concat());
        assert_eq!(said.code(), 2, "{said}");
    }
    sandbox.write("ca.pem", "no certificate");
    let args = ["mirror", "--ca", "ca.pem"];
    sandbox.run(&args).fails(31).says("ca.pem").says("PEM");
    let args = ["mirror", "--ca", "absent.pem"];
    sandbox.run(&args).fails(31).says("absent.pem");
}

#[test]
fn a_manifest_that_is_waited_for_is_told_and_its_tries_are_counted() {
    let practice = Practice::start(|answer| answer);
    let (path, _) = image_of("component");
    let whole = Answer::bytes(practice.manifests[&path].clone());
    let busy = Answer::status(429).header("Retry-After", "1");
    let script = [busy, Answer::status(503), whole.clone()];
    practice.registry.script(&path, script);
    let sandbox = practice.sandbox();
    let said = sandbox.run(&["--json", "mirror"]).ok();
    let lines = as_documented(&said);
    let of_manifests = |line: &&Value| line["stage"] == "manifests";
    let told: Vec<_> = lines.iter().filter(of_manifests).collect();
    assert_eq!(told.len(), 2, "{said}");
    let digest = path.rsplit('/').next().unwrap();
    for (line, reason) in told.iter().zip(["HTTP 429", "HTTP 503"]) {
        assert_eq!(line["event"], "retry");
        assert!(line["what"].as_str().unwrap().contains(digest), "{line}");
        assert!(line["why"].as_str().unwrap().contains(reason), "{line}");
    }
    assert!(told[0]["pauseSeconds"].as_f64() >= Some(1.0), "{said}");
    assert_eq!(said.json()["retries"], 2, "{said}");
    // People are told of a long pause at once, and are not left alone after that.
    let long = Answer::status(429).header("Retry-After", "300");
    practice.registry.script(&path, [long, whole]);
    let sandbox = practice.sandbox();
    let mut running = sandbox.start(&["mirror"]);
    running.until("the pause", |running| {
        let talk = running.stderr();
        talk.lines()
            .any(|l| l.contains(digest) && l.ends_with("HTTP 429; asked again in 5 min 0 s"))
    });
    running.until("a line of how far it is", |running| {
        let talk = running.stderr();
        talk.lines().any(|line| {
            line.starts_with("manifests: ")
                && line.contains(" images are read, 1 retry; ")
                && line.contains("is waited for, 4 min ")
        })
    });
    running.signal("INT");
    sandbox.end(running).fails(130);
}
