//! `cargo xtask vm`: a virtual factory machine without a network card, for what only a whole machine can prove.

mod ignition;
mod image;
mod initrd;
mod iso;
mod journey;
mod key;
mod lab;
mod machine;
mod media;
mod metal;
mod proof;
mod results;
mod rootfs;
mod sabotage;
mod scenario;
mod tool;
mod tree;

use std::time::Duration;

use crate::packages;
use lab::{Changes, Lab};
use scenario::Scenario;

/// How long one machine may run. Emulation is ten times slower than the real thing, and a loaded host three times slower still.
const LIMIT: Duration = Duration::from_secs(900);

/// Plays the scenarios that the words name; `media` builds the media and plays nothing.
pub fn run(words: &[&str]) -> Result<(), String> {
    let mut limit = LIMIT;
    let (mut scenarios, mut changes) = (Vec::new(), Changes::default());
    let mut words = words.iter();
    let mut only_media = false;
    while let Some(word) = words.next() {
        match *word {
            "--timeout" => {
                let seconds = words.next().and_then(|seconds| seconds.parse().ok());
                limit = Duration::from_secs(seconds.ok_or("--timeout: expected seconds")?);
            }
            "--karg" => changes
                .kargs
                .extend(words.next().map(|karg| (*karg).to_owned())),
            "--without" => changes
                .without
                .extend(words.next().map(|what| (*what).to_owned())),
            "media" => only_media = true,
            word => {
                let named = Scenario::named(word);
                if named.is_empty() {
                    return Err(format!(
                        "cargo xtask vm: unknown scenario {word}: expected media, machine, uefi, bios, damage, wrong-clock, sabotage or all"
                    ));
                }
                scenarios.extend(named);
            }
        }
    }
    if scenarios.is_empty() && !only_media {
        scenarios = Scenario::named("all");
    }
    let lacking = packages::provide_for_lab();
    if !lacking.is_empty() {
        return Err(format!(
            "the lab is built on Debian 12, by root; this machine lacks:\n  {}",
            lacking.join("\n  ")
        ));
    }
    // Media and program do not need each other, and both take minutes where they are not there yet.
    let (lab, snobox) = std::thread::scope(|scope| {
        let build = || media::timed("snobox itself", image::build_snobox);
        let needed = scenarios.iter().any(|scenario| scenario.needs_image());
        let build = needed.then(|| scope.spawn(build));
        let lab = Lab::open(limit, changes);
        let built = build.map(|build| build.join().map_err(|_| "the build panicked".to_owned()));
        (lab, built)
    });
    let lab = lab?;
    let result = snobox
        .transpose()
        .and_then(Option::transpose)
        .and_then(|snobox| scenario::play(&lab, &scenarios, snobox));
    lab.close(result)
}
