//! `cargo xtask bench mirror [--full] [--line | --tenfold]`: `snobox mirror` beside skopeo's `oci:` with shared blobs, and beside the floor.
//!
//! All fetch the same set from the same docker-registry into an empty folder, one after the other in turns; what counts are the medians of
//! their ratios. The set has the shape of a release: 200 references, 350 layers of which one is in nearly all images, 900 references to
//! layers, 20 manifest lists with a second architecture. `--full` has layers of its size, too (3 GB); else they are a tenth of it.
//!
//! With `--line`, snobox alone fetches it over a thin line that is reset again and again; with `--tenfold`, a set of ten times as many
//! references to the same layers, too, for its memory.
//!
//! The floor is what any client must do: `curl --parallel` of the unique blobs over six connections, then `sha256sum` of them. It knows what
//! to ask for, makes nothing durable and reads no manifest.

mod alone;
mod line;
mod measure;
mod registry;
mod set;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::{Folder, median, run};
use crate::packages;
use measure::{Cost, Measured};
use registry::Registry;
use set::{Set, Shape};

const REPEATS: usize = 3;
const STREAMS: usize = 6;
/// As many as its users set.
const FOLDER_STREAMS: usize = 10;
/// At most so much of skopeo's.
const GOAL_WALL: f64 = 0.6;
const GOAL_CPU: f64 = 0.3;
const GOAL_RSS_MIB: f64 = 64.0;
const GOAL_SECOND_RUN_SECONDS: f64 = 1.0;

/// Name, and how it fetches the set into a folder.
type Client<'a> = (&'a str, &'a dyn Fn(&Path) -> Result<Cost, String>);

/// Measures and prints.
pub fn mirror(words: &[&str]) -> Result<(), String> {
    let usage = || "usage: cargo xtask bench mirror [--full] [--line | --tenfold]".to_owned();
    let (full, rest) = match words {
        ["--full", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let shape = Shape { full, times: 1 };
    match rest {
        [] => compare(shape),
        ["--line"] => alone::over_a_line(shape),
        ["--tenfold"] => alone::tenfold(shape),
        _ => Err(usage()),
    }
}

fn need(name: &str) -> Result<PathBuf, String> {
    packages::find(name).ok_or_else(|| format!("{name} is missing: see cargo xtask test"))
}

fn compare(shape: Shape) -> Result<(), String> {
    let (docker_registry, skopeo) = (need("docker-registry")?, need("skopeo")?);
    let (curl, sha256sum) = (need("curl")?, need("sha256sum")?);
    let snobox = build()?;
    let folder = Folder::make()?;
    let registry = Registry::start(&docker_registry, &folder.0)?;
    let set = content(&registry, shape)?;
    let site = site(&folder.0, registry.address, &set)?;
    let clients: [Client<'_>; 4] = [
        ("snobox", &|target| with_snobox(&snobox, &site, target)),
        ("skopeo, oci: shared", &|target| {
            with_skopeo(&skopeo, &registry, &set, target)
        }),
        ("skopeo --all dir:, ten", &|target| {
            with_skopeo_to_folders(&skopeo, &registry, &set, target)
        }),
        ("floor", &|target| {
            floor(&curl, &sha256sum, &registry, &set, target)
        }),
    ];
    let target = folder.0.join("target");
    let mut costs: [Vec<Measured>; 4] = Default::default();
    let mut seconds: Vec<Measured> = Vec::new();
    for repeat in 0..=REPEATS {
        for turn in 0..clients.len() {
            let which = (repeat + turn) % clients.len();
            fs::create_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
            let measured = registry.measure(|| (clients[which].1)(&target))?;
            // The first of each warms the page cache.
            if repeat > 0 {
                costs[which].push(measured);
            }
            if which == 0 && repeat > 0 {
                seconds.push(registry.measure(|| (clients[0].1)(&target))?);
            }
            fs::remove_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
            // What was written is not to be paid for by the next.
            run(&mut Command::new("sync"))?;
        }
    }
    report(&set, &clients.map(|(name, _)| name), &costs, &seconds);
    Ok(())
}

/// Fills a registry, and says with what.
fn content(registry: &Registry, shape: Shape) -> Result<Set, String> {
    println!("== content");
    let set = Set::fill(registry, shape)?;
    println!(
        "   {} references, {} blobs, {:.0} MB; with the second architecture {:.0} MB",
        set.references.len(),
        set.blobs.len(),
        set.bytes() as f64 / 1e6,
        set.bytes_of_all_architectures as f64 / 1e6
    );
    Ok(set)
}

/// `snobox mirror` into a store in `target`.
fn with_snobox(snobox: &Path, site: &Path, target: &Path) -> Result<Cost, String> {
    let mut command = Command::new(snobox);
    command.args(["--json", "mirror"]).arg(site).arg("--store");
    measure::one(command.arg(target.join("store")), target)
}

fn report(set: &Set, names: &[&str; 4], costs: &[Vec<Measured>; 4], seconds: &[Measured]) {
    println!(
        "\n{:24}{:>9}{:>9}{:>9}{:>9}{:>8}",
        "", "wall s", "CPU s", "RSS MiB", "wire MB", "wire"
    );
    let of = |all: &[Measured], value: &dyn Fn(&Measured) -> f64| {
        median(all.iter().map(value).collect())
    };
    let row = |name: &str, all: &[Measured]| {
        let wire = of(all, &|m| m.wire_bytes as f64);
        println!(
            "{name:24}{:9.2}{:9.2}{:9.1}{:9.1}{:8.3}",
            of(all, &|m| m.cost.wall.as_secs_f64()),
            of(all, &|m| m.cost.cpu.as_secs_f64()),
            of(all, &|m| m.cost.peak_kib as f64 / 1024.0),
            wire / 1e6,
            wire / set.bytes() as f64
        );
    };
    for (name, all) in names.iter().zip(costs) {
        row(name, all);
    }
    row("snobox, nothing new", seconds);
    // Turn by turn: what else the machine does hits both.
    let ratio = |other: usize, value: &dyn Fn(&Measured) -> f64| {
        let pairs = costs[0].iter().zip(&costs[other]);
        median(
            pairs
                .map(|(ours, theirs)| value(ours) / value(theirs))
                .collect(),
        )
    };
    let wall = |m: &Measured| m.cost.wall.as_secs_f64();
    let cpu = |m: &Measured| m.cost.cpu.as_secs_f64();
    println!(
        "\nsnobox to skopeo:   wall {:.2} (goal {GOAL_WALL}), CPU {:.2} (goal {GOAL_CPU})",
        ratio(1, &wall),
        ratio(1, &cpu)
    );
    println!(
        "snobox to dir:      wall {:.2}, CPU {:.2}",
        ratio(2, &wall),
        ratio(2, &cpu)
    );
    println!(
        "snobox to floor:    wall {:.2}, CPU {:.2}",
        ratio(3, &wall),
        ratio(3, &cpu)
    );
    println!(
        "snobox alone:       peak RSS {:.1} MiB (goal {GOAL_RSS_MIB}), second run {:.2} s (goal {GOAL_SECOND_RUN_SECONDS})",
        of(&costs[0], &|m| m.cost.peak_kib as f64 / 1024.0),
        of(seconds, &wall)
    );
}

/// `skopeo copy` of each reference, six at a time, blobs shared.
fn with_skopeo(
    skopeo: &Path,
    registry: &Registry,
    set: &Set,
    target: &Path,
) -> Result<Cost, String> {
    each_reference(STREAMS, set, |number, reference| {
        let mut copy = copy(skopeo);
        copy.arg("--dest-shared-blob-dir")
            .arg(target.join("shared"))
            .arg(format!("docker://{}/{reference}", registry.address))
            .arg(format!("oci:{}:1", target.join(number).display()));
        copy
    })
}

/// The same as factory-precaching does it, before it packs each folder: all architectures, each image with all of its layers.
fn with_skopeo_to_folders(
    skopeo: &Path,
    registry: &Registry,
    set: &Set,
    target: &Path,
) -> Result<Cost, String> {
    each_reference(FOLDER_STREAMS, set, |number, reference| {
        let mut copy = copy(skopeo);
        copy.arg("--all")
            .arg(format!("docker://{}/{reference}", registry.address))
            .arg(format!("dir:{}", target.join(number).display()));
        copy
    })
}

fn copy(skopeo: &Path) -> Command {
    let mut copy = Command::new(skopeo);
    copy.args([
        "copy",
        "--quiet",
        "--insecure-policy",
        "--src-tls-verify=false",
    ]);
    copy
}

fn each_reference(
    streams: usize,
    set: &Set,
    command: impl Fn(String, &str) -> Command + Sync,
) -> Result<Cost, String> {
    let next = Mutex::new(set.references.iter().enumerate());
    measure::several(streams, |meter| {
        loop {
            let Some((number, reference)) = next.lock().map_err(|e| e.to_string())?.next() else {
                return Ok(());
            };
            meter.run(&mut command(number.to_string(), reference))?;
        }
    })
}

fn floor(
    curl: &Path,
    sha256sum: &Path,
    registry: &Registry,
    set: &Set,
    target: &Path,
) -> Result<Cost, String> {
    let list: String = set
        .blobs
        .keys()
        .map(|digest| {
            let file = target.join(digest.replace(':', "-"));
            let address = registry.address;
            format!(
                "url = \"http://{address}/v2/{}/blobs/{digest}\"\noutput = \"{}\"\n",
                set::REPOSITORY,
                file.display()
            )
        })
        .collect();
    let file = target.join("urls");
    fs::write(&file, list).map_err(|e| format!("{}: {e}", file.display()))?;
    let streams = STREAMS.to_string();
    measure::several(1, |meter| {
        let mut fetch = Command::new(curl);
        fetch.args(["--silent", "--show-error", "--fail", "--parallel"]);
        fetch
            .args(["--parallel-max", &streams, "--config"])
            .arg(&file);
        meter.run(&mut fetch)?;
        let files = set.blobs.keys().map(|d| target.join(d.replace(':', "-")));
        let mut hash = Command::new(sha256sum);
        meter.run(hash.args(files).stdout(std::process::Stdio::null()))
    })
}

/// A site whose release is the set.
fn site(folder: &Path, address: SocketAddr, set: &Set) -> Result<PathBuf, String> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok::<_, String>(path)
    };
    write("pull-secret.json", snobox_testkit::practice::pull_secret())?;
    write("id.pub", snobox_testkit::practice::SSH_KEY.to_owned())?;
    let release = &set.release;
    write(
        "site.yaml",
        format!(
            "apiVersion: snobox.io/v1alpha1\nkind: Site\nmetadata: {{ name: bench }}\nrelease: {{ image: \"{release}\" }}\nbaseDomain: bench.example\n\
             pullSecretFile: pull-secret.json\nsshKeyFile: id.pub\nnode:\n  installationDisk: {{ path: /dev/sda }}\n\
             mirrors:\n  - source: {}\n    mirrors: [\"{address}\"]\n",
            set::REGISTRY
        ),
    )
}

/// Builds snobox as it is shipped; returns where it is.
fn build() -> Result<PathBuf, String> {
    println!("== building snobox");
    super::build_program("snobox")
}
