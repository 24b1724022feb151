//! Ctrl-C and SIGTERM in the middle: nothing half-written, exit 130, and the same command then succeeds.

use std::fs;

use snobox_testkit::fault_registry::Answer;

use crate::bad_registry::Lacking;
use crate::support::{Running, Sandbox, Tree, demo};

const SIGNALS: [&str; 2] = ["INT", "TERM"];

#[test]
fn mirror_stops_and_goes_on() {
    let lacking = Lacking::layer();
    lacking.answers(Answer::bytes(&lacking.bytes[..]).stall_at(lacking.bytes.len() / 2));
    let before = Tree::of(&lacking.sandbox.work());
    for (round, signal) in SIGNALS.into_iter().enumerate() {
        let mut running = lacking.sandbox.start(&["mirror"]);
        running.until("the request", |_| {
            lacking.registry.count(&lacking.asked) > round
        });
        running.signal(signal);
        let said = lacking.sandbox.end(running).fails(130);
        said.says("interrupted").says("run the same command again");
        let after = Tree::of(&lacking.sandbox.work()).without_partial_blobs();
        assert_eq!(after, before);
    }
    lacking.mends();
}

#[test]
fn mirror_from_nothing_leaves_no_lock_before_the_release_is_read() {
    let lacking = Lacking::layer();
    let sandbox = &lacking.sandbox;
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    fs::remove_file(sandbox.path("site.lock")).unwrap();
    let tag = "/v2/quay.io/openshift-release-dev/ocp-release/manifests/4.99.0-practice-x86_64";
    lacking
        .registry
        .script(tag, [Answer::bytes("{").announcing(1000).stall_at(1)]);
    let mut running = sandbox.start(&["mirror"]);
    running.until("the request", |_| lacking.registry.count(tag) > 0);
    running.signal("INT");
    sandbox.end(running).fails(130);
    let tree = Tree::of(&sandbox.work());
    assert_eq!(tree.leftovers(), [""; 0]);
    assert!(!sandbox.path("site.lock").exists());
}

/// Some stages are short, and a busy machine is slow to signal: it must be met once in so many tries.
const TRIES: u32 = 10;

/// Starts a command until it is stopped while in the stage that `reached` sees; `reset` makes room after a try that came too late.
fn is_stopped(
    sandbox: &Sandbox,
    args: &[&str],
    signal: &str,
    reached: impl Fn(&Sandbox, &Running) -> bool,
    reset: impl Fn(&Sandbox),
) {
    for _ in 0..TRIES {
        let mut running = sandbox.start(args);
        if running.reaches(|running| reached(sandbox, running)) {
            running.signal(signal);
        }
        let said = sandbox.end(running);
        if said.code() == 130 {
            said.fails(130).says("interrupted");
            return;
        }
        said.ok();
        reset(sandbox);
    }
    panic!("{args:?} was always faster than the signal");
}

/// Stops `build` in a stage, then lets it run.
fn build_stops_and_goes_on(signal: &str, reached: impl Fn(&Sandbox, &Running) -> bool) {
    let sandbox = Sandbox::with_site();
    let before = Tree::of(&sandbox.work());
    is_stopped(&sandbox, &["build"], signal, reached, |sandbox| {
        fs::remove_file(sandbox.path("practice.img")).unwrap();
        fs::remove_dir_all(sandbox.path("practice-auth")).unwrap();
    });
    assert_eq!(Tree::of(&sandbox.work()), before);
    sandbox.run(&["build"]).ok();
    sandbox.run(&["verify", "practice.img"]).ok();
}

fn has_file(folder: &std::path::Path, part: &str) -> bool {
    let names = fs::read_dir(folder).unwrap().flatten();
    names
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().contains(part))
}

#[test]
fn build_stops_while_it_copies_the_iso() {
    for signal in SIGNALS {
        build_stops_and_goes_on(signal, |sandbox, _| has_file(&sandbox.work(), ".partial"));
    }
}

#[test]
fn build_stops_while_the_installer_runs() {
    for signal in SIGNALS {
        build_stops_and_goes_on(signal, |sandbox, _| {
            has_file(&sandbox.work(), "snobox-installer-")
        });
    }
}

#[test]
fn build_stops_while_it_writes_the_cache() {
    let cache = |sandbox: &Sandbox, _: &Running| {
        let files = fs::read_dir(sandbox.work()).unwrap().flatten();
        let partial = files
            .into_iter()
            .find(|entry| entry.file_name().to_string_lossy().ends_with(".partial"));
        // The ISO has less than 4 MiB, and the cache is behind it.
        partial.is_some_and(|file| file.metadata().is_ok_and(|m| m.len() > 8 << 20))
    };
    build_stops_and_goes_on("INT", cache);
}

#[test]
fn verify_stops_and_goes_on() {
    for (target, signal) in [
        ("practice.img", "INT"),
        ("practice.img", "TERM"),
        ("store", "INT"),
        ("store", "TERM"),
    ] {
        let sandbox = Sandbox::new();
        let path = demo().path(target);
        let args = ["verify", path.to_str().unwrap()];
        let reads = |_: &Sandbox, running: &Running| running.bytes_read() > 4 << 20;
        is_stopped(&sandbox, &args, signal, reads, |_| ());
        sandbox.run(&args).ok();
    }
}

#[test]
fn demo_stops_and_goes_on() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start(&["demo"]);
    running.until("the store", |_| {
        sandbox.path("snobox-demo/store/index.json").exists()
    });
    running.signal("INT");
    sandbox.end(running).fails(130);
    assert_eq!(Tree::of(&sandbox.work()).leftovers(), [""; 0]);
    assert!(!sandbox.path("snobox-demo/practice.img").exists());
    sandbox.run(&["demo"]).ok();
}

#[test]
fn what_a_killed_run_left_goes_with_the_next_and_what_another_run_writes_stays() {
    let sandbox = Sandbox::with_site();
    fs::create_dir(sandbox.path("out")).unwrap();
    let left = sandbox.write("out/.snobox-left.partial", "gigabytes");
    let held = sandbox.write("out/.snobox-held.partial", "somebody writes this");
    let other = sandbox.write("out/mine.partial", "not ours");
    let file = fs::File::open(&held).unwrap();
    file.lock().unwrap();
    let export = ["store", "export", "--format", "factory-precaching", "out"];
    sandbox.run(&export).ok();
    assert!(sandbox.path("out/mapping.txt").exists());
    assert!(!left.exists());
    assert!(held.exists() && other.exists());
}
