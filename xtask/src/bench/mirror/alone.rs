//! `snobox mirror` with nobody beside it: over a thin line, and with ten times as many references.

use std::fs;
use std::time::Duration;

use super::line::{Line, Quality};
use super::registry::Registry;
use super::set::Shape;
use crate::bench::Folder;

/// The line that a site's engineer has: 50 Mbit/s, far away, and cut three times a minute.
const LINE: Quality = Quality {
    bytes_per_second: 50e6 / 8.0,
    round_trip: Duration::from_millis(80),
    reset_every: Duration::from_secs(20),
};
/// At most so much longer than the bytes alone take.
const GOAL_LINE: f64 = 1.05;

/// How near the time comes to bytes divided by rate.
pub fn over_a_line(shape: Shape) -> Result<(), String> {
    let snobox = super::build()?;
    let folder = Folder::make()?;
    let registry = Registry::start(&super::need("docker-registry")?, &folder.0)?;
    let set = super::content(&registry, shape)?;
    let line = Line::to(registry.address, LINE)?;
    let site = super::site(&folder.0, line.address, &set)?;
    let ideal = set.bytes() as f64 / LINE.bytes_per_second;
    println!(
        "== 50 Mbit/s, {} ms there and back, all connections reset every {} s: the bytes alone take {ideal:.1} s",
        LINE.round_trip.as_millis(),
        LINE.reset_every.as_secs()
    );
    let target = folder.0.join("target");
    fs::create_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
    let before = line.resets();
    let measured = registry.measure(|| super::with_snobox(&snobox, &site, &target))?;
    let wall = measured.cost.wall.as_secs_f64();
    println!(
        "snobox mirror:      {wall:.1} s, {:.3} of that (goal {GOAL_LINE}); {} connections reset",
        wall / ideal,
        line.resets() - before
    );
    println!(
        "over the line:      {:.1} MB, {:.3} of the set; peak RSS {:.1} MiB",
        line.down_bytes() as f64 / 1e6,
        line.down_bytes() as f64 / set.bytes() as f64,
        measured.cost.peak_kib as f64 / 1024.0
    );
    Ok(())
}

/// Whether memory grows with the number of references.
pub fn tenfold(shape: Shape) -> Result<(), String> {
    let snobox = super::build()?;
    for times in [1, 10] {
        let folder = Folder::make()?;
        let registry = Registry::start(&super::need("docker-registry")?, &folder.0)?;
        let set = super::content(&registry, Shape { times, ..shape })?;
        let site = super::site(&folder.0, registry.address, &set)?;
        let target = folder.0.join("target");
        fs::create_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
        for run in ["first run", "nothing new"] {
            let cost = super::with_snobox(&snobox, &site, &target)?;
            println!(
                "{:6} references, {run:12} {:6.2} s, peak RSS {:.1} MiB",
                set.references.len(),
                cost.wall.as_secs_f64(),
                cost.peak_kib as f64 / 1024.0
            );
        }
    }
    Ok(())
}
