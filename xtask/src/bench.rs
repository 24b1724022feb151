//! `cargo xtask bench serve`: the agent beside Debian's `docker-registry`: same content, same clients, interleaved.
//!
//! Both servers start anew for each repeat and are pulled from twice: the first time the agent sums what it sends, as it does on a node, the second time it
//! knows. All files are in the page cache before: what is measured is the server, not the disk.

pub mod catalog;
mod content;
pub mod mirror;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::packages;
use content::Content;
use server::{Server, Usage};

const REPEATS: usize = 5;
/// How many blobs curl asks for at once.
const PARALLEL: &str = "4";
const GOAL_MEMORY: f64 = 0.1;

/// What one pull cost.
#[derive(Clone, Copy)]
struct Sample {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

/// Programs that pull.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    Curl,
    Skopeo,
}

/// Measures and prints.
pub fn serve() -> Result<(), String> {
    let need = |name: &str| {
        packages::find(name).ok_or_else(|| format!("{name} is missing: see cargo xtask test"))
    };
    let (registry, skopeo, curl) = (need("docker-registry")?, need("skopeo")?, need("curl")?);
    let agent = build()?;
    let size = std::fs::metadata(&agent).map_err(|e| format!("{}: {e}", agent.display()))?;
    let folder = Folder::make()?;
    println!("== content");
    let content = Content::make(&folder.0.join("store"))?;
    println!(
        "   {} images, {} blobs, {} MiB",
        content.images.len(),
        content.blobs.len(),
        content.bytes() >> 20
    );
    let ours = |run: &Path| Server::agent(&agent, &content, run);
    let theirs = |run: &Path| Server::distribution(&registry, &folder.0.join("distribution"), run);
    println!("== filling docker-registry");
    content.copy_to(&theirs(&folder.0)?, &skopeo)?;

    let pull = |client: Client, server: &Server| match client {
        Client::Curl => pull_blobs(&curl, &content, server, &folder.0),
        Client::Skopeo => pull_images(&skopeo, &content, server),
    };
    for client in [Client::Curl, Client::Skopeo] {
        // Not counted: brings everything into memory.
        pull(client, &ours(&folder.0)?)?;
        pull(client, &theirs(&folder.0)?)?;
        let mut samples: [[Vec<Sample>; 2]; 2] = Default::default();
        for repeat in 0..REPEATS {
            for turn in 0..2 {
                let which = (repeat + turn) % 2;
                let server = if which == 0 {
                    ours(&folder.0)?
                } else {
                    theirs(&folder.0)?
                };
                for again in &mut samples[which] {
                    again.push(measure(&server, || pull(client, &server))?);
                }
            }
        }
        report(client, content.bytes(), &samples);
    }
    println!(
        "\nagent: {:.2} MB on disk; goals: wall at most 1.00, memory at most {GOAL_MEMORY:.2} of docker-registry's",
        size.len() as f64 / 1e6
    );
    Ok(())
}

fn measure(server: &Server, work: impl FnOnce() -> Result<(), String>) -> Result<Sample, String> {
    let before = server.usage()?;
    let started = Instant::now();
    work()?;
    let wall = started.elapsed();
    let Usage { cpu, peak_kib } = server.usage()?;
    let cpu = cpu.saturating_sub(before.cpu);
    Ok(Sample {
        wall,
        cpu,
        peak_kib,
    })
}

/// All blobs to nowhere, some at once: little is done but to take what comes.
fn pull_blobs(
    curl: &Path,
    content: &Content,
    server: &Server,
    folder: &Path,
) -> Result<(), String> {
    let list: String = content
        .blobs
        .iter()
        .map(|blob| {
            let (address, repository, digest) = (server.address, &blob.repository, &blob.digest);
            format!("url = \"http://{address}/v2/{repository}/blobs/{digest}\"\noutput = \"/dev/null\"\n")
        })
        .collect();
    let file = folder.join("urls");
    std::fs::write(&file, list).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut command = Command::new(curl);
    command
        .args([
            "--silent",
            // With --parallel, older ones draw it all the same.
            "--no-progress-meter",
            "--show-error",
            "--fail",
            "--parallel",
            "--parallel-max",
            PARALLEL,
        ])
        .arg("--config")
        .arg(&file);
    run(&mut command)
}

/// All images, one after the other, into memory: what a node does, without the unpacking.
fn pull_images(skopeo: &Path, content: &Content, server: &Server) -> Result<(), String> {
    let memory = Path::new("/dev/shm").join(format!("snobox-bench-{}", std::process::id()));
    let memory = Folder(memory);
    for image in &content.images {
        std::fs::create_dir_all(&memory.0).map_err(|e| format!("{}: {e}", memory.0.display()))?;
        let source = format!("docker://{}/{image}", server.address);
        let mut command = Command::new(skopeo);
        command
            .args([
                "copy",
                "--quiet",
                "--insecure-policy",
                "--src-tls-verify=false",
                &source,
            ])
            .arg(format!("dir:{}", memory.0.join("image").display()));
        run(&mut command)?;
        drop(std::fs::remove_dir_all(&memory.0));
    }
    Ok(())
}

fn report(client: Client, bytes: u64, samples: &[[Vec<Sample>; 2]; 2]) {
    let client = match client {
        Client::Curl => "curl, all blobs to nowhere, 4 at once",
        Client::Skopeo => "skopeo, all images one after the other",
    };
    println!(
        "\n== {client}: medians of {REPEATS}, {} MiB each",
        bytes >> 20
    );
    println!(
        "{:28}{:>9}{:>9}{:>9}{:>9}",
        "", "wall s", "MiB/s", "CPU s", "RSS MiB"
    );
    for (pull, when) in ["first pull", "second pull"].iter().enumerate() {
        let row = |which: usize| {
            let of = |value: &dyn Fn(&Sample) -> f64| {
                median(samples[which][pull].iter().map(value).collect())
            };
            [
                of(&|s| s.wall.as_secs_f64()),
                of(&|s| s.cpu.as_secs_f64()),
                of(&|s| s.peak_kib as f64 / 1024.0),
            ]
        };
        let (ours, theirs) = (row(0), row(1));
        for (name, [wall, cpu, peak]) in [("snobox-agent", ours), ("docker-registry", theirs)] {
            let speed = (bytes >> 20) as f64 / wall;
            println!(
                "{:28}{wall:9.2}{speed:9.0}{cpu:9.2}{peak:9.1}",
                format!("{when}, {name}")
            );
        }
        let ratio = |i: usize| ours[i] / theirs[i];
        println!(
            "{:28}{:9.2}{:9}{:9.2}{:9.3}",
            "  ratio",
            ratio(0),
            "",
            ratio(1),
            ratio(2)
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Builds the agent as it is shipped; returns where it is.
fn build() -> Result<PathBuf, String> {
    println!("== building snobox-agent");
    build_program("snobox-agent")
}

/// Builds the package of that name with its one program.
fn build_program(name: &str) -> Result<PathBuf, String> {
    let args = [
        "build",
        "--release",
        "--quiet",
        "--package",
        name,
        "--message-format",
        "json",
    ];
    let output = Command::new("cargo")
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let found = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| {
            let ours = message["target"]["name"] == name;
            ours.then(|| message["executable"].as_str().map(PathBuf::from))?
        });
    found.ok_or_else(|| format!("{name} cannot be built"))
}

/// Runs to the end; what it says is seen.
fn run(command: &mut Command) -> Result<(), String> {
    let status = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed ({status})"))
    }
}

/// A folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("snobox-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
