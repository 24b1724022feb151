//! `kill -9` at any moment of an import, an export and a push: what is there is right, and the same command finishes.
//!
//! A mirror has its own test, `mirror_killed.rs`.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::mirror_killed::blobs_are_whole;
use crate::support::{Distribution, Sandbox, demo, tool};

const KILLS: u32 = 20;
/// So many of them must have come in the middle of a run, or the test has tested little.
const IN_THE_MIDDLE: u32 = 8;

/// Kills runs of `args` at random moments of the time that a whole one takes. After each, `check`; after one that came to its end before, `clear`.
fn kill_at_random(
    sandbox: &Sandbox,
    args: impl Fn() -> Vec<String>,
    whole: Duration,
    mut clear: impl FnMut(),
    mut check: impl FnMut(),
) {
    // xorshift64*, as in mirror_killed.rs.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut in_the_middle = 0;
    for _ in 0..KILLS {
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        let part = random.wrapping_mul(0x2545_f491_4f6c_dd1d) % 1000;
        let running = sandbox.start(&borrowed(&args()));
        thread::sleep(whole.mul_f64(part as f64 / 1000.0));
        running.signal("KILL");
        let finished = !running.end().stdout.is_empty();
        check();
        if finished {
            clear();
        } else {
            in_the_middle += 1;
        }
    }
    println!("killed {in_the_middle} times in the middle of {whole:?}");
    assert!(in_the_middle >= IN_THE_MIDDLE, "{in_the_middle}");
}

fn borrowed(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn timed(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

fn remove(folder: &Path) {
    // It may not be there yet.
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn an_import_killed_twenty_times_leaves_a_store_that_is_never_wrong_and_finishes() {
    let sandbox = Sandbox::with_site();
    let images = some_images(4);
    let mut export = vec!["store", "export", "out", "--format", "factory-precaching"];
    export.extend(images.iter().map(String::as_str));
    sandbox.run(&export).ok();
    let args = ["--json", "store", "import", "out", "--store", "second"];
    let second = sandbox.path("second");
    let whole = timed(|| {
        sandbox.run(&args).ok();
    });
    let fsck = ["--json", "store", "fsck", "second"];
    let expected = sandbox.run(&fsck).ok().json()["checked"].clone();
    remove(&second);
    let check = || {
        blobs_are_whole(&second.join("blobs/sha256"));
        if !second.join("index.json").exists() {
            return;
        }
        let said = sandbox.run(&fsck).ok().json();
        assert_eq!(said["findings"].as_array().unwrap().len(), 0);
        // What the killed run left is named as what it is.
        for file in said["unneeded"].as_array().unwrap() {
            let code = file["code"].as_str().unwrap();
            assert!(["orphan", "ingest"].contains(&code), "{file}");
        }
    };
    kill_at_random(&sandbox, || owned(&args), whole, || remove(&second), check);
    sandbox.run(&args).ok();
    let said = sandbox.run(&fsck).ok().json();
    assert_eq!(said["checked"], expected);
}

/// Some images of one platform.
fn some_images(count: usize) -> Vec<String> {
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap().iter();
    let plain = images.filter(|image| image.get("platformDigest").is_none());
    plain
        .take(count)
        .map(|image| image["reference"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_export_killed_twenty_times_leaves_whole_archives_only_and_finishes() {
    let Some(tar) = tool("tar") else {
        return;
    };
    let sandbox = Sandbox::with_site();
    let images = some_images(4);
    let format = ["--format", "factory-precaching"];
    let mut args = vec!["--json", "store", "export", "out"];
    args.extend(images.iter().map(String::as_str));
    args.extend(format);
    let out = sandbox.path("out");
    let whole = timed(|| {
        sandbox.run(&args).ok();
    });
    remove(&out);
    let check = || {
        for entry in fs::read_dir(&out).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.ends_with(".tgz") && !name.starts_with('.') {
                tar.run(&["-tzf".as_ref(), entry.path().as_os_str()]);
            }
        }
    };
    kill_at_random(&sandbox, || owned(&args), whole, || remove(&out), check);
    sandbox.run(&args).ok();
    let back = ["--json", "store", "import", "out", "--store", "back"];
    let said = sandbox.run(&back).ok().json();
    assert_eq!(said["imported"].as_array().unwrap().len(), images.len());
    sandbox.run(&["store", "fsck", "back"]).ok();
}

#[test]
fn a_push_killed_twenty_times_leaves_whole_images_only_and_finishes() {
    let (Some(registry), Some(skopeo)) = (Distribution::start(false), tool("skopeo")) else {
        return;
    };
    let sandbox = Sandbox::with_site();
    let images = some_images(4);
    // A place of its own for each run that came to its end: what is in a registry stays there.
    let place = Cell::new(0);
    let target = || format!("{}/place{}", registry.address, place.get());
    let args = || {
        let mut args = owned(&["--json", "push"]);
        args.push(target());
        args.extend(images.clone());
        args
    };
    // The second mounts what the first has sent, as those after it do.
    let [_, whole] = [(); 2].map(|()| {
        let took = timed(|| {
            sandbox.run(&borrowed(&args())).ok();
        });
        place.set(place.get() + 1);
        took
    });
    let copy = |reference: &str| {
        let folder = sandbox.path("copy");
        remove(&folder);
        let source = format!("docker://{}/{reference}", target());
        let copied = format!("dir:{}", folder.display());
        let flags = ["--insecure-policy", "copy", "-q", "--src-tls-verify=false"];
        skopeo.try_run(&[&flags[..], &[&source, &copied]].concat())
    };
    let mut number = 0;
    let check = || {
        number += 1;
        let output = copy(&images[number % images.len()]);
        let talk = String::from_utf8_lossy(&output.stderr);
        let unknown = talk.contains("manifest unknown") || talk.contains("name unknown");
        assert!(output.status.success() || unknown, "{talk}");
    };
    kill_at_random(&sandbox, args, whole, || place.set(place.get() + 1), check);
    sandbox.run(&borrowed(&args())).ok();
    for reference in &images {
        let output = copy(reference);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{reference}: {talk}");
    }
}
