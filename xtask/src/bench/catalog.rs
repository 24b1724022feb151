//! `cargo xtask bench catalog`: how fast a catalog of 250 MB is read, what it takes in memory, and how long planning takes from what is kept of it.
//!
//! The catalog is the sample in `$SNOBOX_SAMPLES`, repeated with other names: one operator with 93 versions becomes as many operators as fit.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use snobox_catalog::catalog::{Builder, Catalog};
use snobox_catalog::fbc;
use snobox_catalog::image_set::{self, ImageSet};
use snobox_catalog::select::select;

use super::{Folder, median};

const BYTES: usize = 250_000_000;
const REPEATS: usize = 5;
const SAMPLE_NAME: &str = "assisted-service-operator";
const GOAL_SPEED: f64 = 250.0;
const GOAL_MEMORY: f64 = 100.0;

/// Measures and prints.
pub fn run() -> Result<(), String> {
    let samples = std::env::var("SNOBOX_SAMPLES")
        .map_err(|_| "SNOBOX_SAMPLES names the folder of the samples".to_owned())?;
    let sample = Path::new(&samples).join("catalogs/community-operators.json");
    let text = fs::read_to_string(&sample).map_err(|e| format!("{}: {e}", sample.display()))?;
    let folder = Folder::make()?;
    fs::create_dir_all(&folder.0).map_err(|e| format!("{}: {e}", folder.0.display()))?;
    let path = folder.0.join("catalog.json");
    let (bytes, operators) = generate(&text, &path)?;
    println!(
        "== catalog: {:.0} MB, {operators} operators",
        bytes as f64 / 1e6
    );

    let before = status("VmRSS:")?;
    let mut seconds = Vec::new();
    let mut catalog = Catalog::default();
    for _ in 0..REPEATS {
        drop(std::mem::take(&mut catalog));
        let started = Instant::now();
        catalog = read(&path)?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    let peak = (status("VmHWM:")? - before) as f64 / 1024.0;
    let bundles: usize = catalog.packages.values().map(|p| p.bundles.len()).sum();
    let speed = bytes as f64 / 1e6 / median(seconds);
    println!("   {bundles} bundles read: {speed:.0} MB/s on one core (goal {GOAL_SPEED:.0})");
    println!("   {peak:.0} MiB at most, the catalog itself included (goal {GOAL_MEMORY:.0})");

    // What would be kept of two catalogs, and planning from it.
    let kept = serde_json::to_vec(&catalog).map_err(|e| e.to_string())?;
    let set = ten_operators()?;
    let mut seconds = Vec::new();
    for _ in 0..REPEATS {
        let started = Instant::now();
        let mut chosen = 0;
        for operator in &set.operators {
            let catalog: Catalog = serde_json::from_slice(&kept).map_err(|e| e.to_string())?;
            let selection = select(&catalog, operator, set.rules).map_err(|p| format!("{p:?}"))?;
            chosen += selection.bundles(&catalog).len();
        }
        seconds.push(started.elapsed().as_secs_f64());
        if chosen != 10 {
            return Err(format!("{chosen} bundles instead of 10"));
        }
    }
    println!(
        "   planning ten operators of two catalogs from what is kept ({:.1} MB each): {:.2} s (goal 1.00)",
        kept.len() as f64 / 1e6,
        median(seconds)
    );
    Ok(())
}

fn generate(text: &str, path: &Path) -> Result<(usize, usize), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    let (mut bytes, mut operators) = (0, 0);
    while bytes < BYTES {
        let copy = text.replace(SAMPLE_NAME, &format!("{SAMPLE_NAME}-{operators:03}"));
        file.write_all(copy.as_bytes()).map_err(failed)?;
        bytes += copy.len();
        operators += 1;
    }
    file.flush().map_err(failed)?;
    Ok((bytes, operators))
}

fn read(path: &Path) -> Result<Catalog, String> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut builder = Builder::default();
    let name = path.display().to_string();
    let mut take = |document: fbc::Document<'_>| {
        builder.add(document);
        Ok(())
    };
    fbc::read(&name, file, &mut take).map_err(|e| e.to_string())?;
    Ok(builder.finish())
}

fn ten_operators() -> Result<ImageSet, String> {
    let mut text =
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  operators:\n"
            .to_owned();
    for catalog in 0..2 {
        text += &format!("  - catalog: registry.example.com/index:v{catalog}\n    packages:\n");
        for operator in 0..5 {
            let name = format!("{SAMPLE_NAME}-{:03}", operator * 7 + catalog);
            text += &format!("    - name: {name}\n      channels: [{{name: alpha}}]\n");
        }
    }
    image_set::read(&text).map_err(|problems| format!("{problems:?}"))
}

/// A line of this process's `/proc/self/status`, in KiB.
fn status(key: &str) -> Result<u64, String> {
    let text = fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.ok_or_else(|| format!("/proc/self/status has no {key}"))
}
