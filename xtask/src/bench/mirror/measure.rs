//! What programs cost: time, processor time of all of them, and the most memory that they had together.
//!
//! Source of truth: proc(5): `cutime` and `cstime` of this process count children that were waited for, and theirs; `VmHWM` is the largest
//! resident size of a process.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Ticks of `/proc/PID/stat` in a second: proc(5), and the same on every architecture of today's Linux.
const TICKS: u64 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What was used.
#[derive(Clone, Copy)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
    pub peak_kib: u64,
}

/// That, and what the registry sent meanwhile.
#[derive(Clone, Copy)]
pub struct Measured {
    pub cost: Cost,
    pub wire_bytes: u64,
}

/// Runs programs and watches their memory.
#[derive(Default)]
pub struct Meter {
    running: Mutex<Vec<u32>>,
    peak_kib: AtomicU64,
    ended: AtomicBool,
}

impl Meter {
    /// Runs to the end; what it says on standard error is shown when it fails.
    pub fn run(&self, command: &mut Command) -> Result<(), String> {
        let child = command
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let pid = child.id();
        self.change(|running| running.push(pid));
        let ended = Child::wait_with_output(child);
        self.change(|running| running.retain(|other| *other != pid));
        let output = ended.map_err(|error| format!("{command:?}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{command:?} failed ({}): {said}", output.status))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u32>)) {
        if let Ok(mut running) = self.running.lock() {
            change(&mut running);
        }
    }

    fn watch(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            let mut kib = 0;
            self.change(|running| kib = running.iter().filter_map(|pid| largest(*pid)).sum());
            self.peak_kib.fetch_max(kib, Ordering::Relaxed);
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// One program.
pub fn one(command: &mut Command, folder: &Path) -> Result<Cost, String> {
    let command = Mutex::new(command.current_dir(folder).stdout(Stdio::null()));
    several(1, |meter| {
        meter.run(*command.lock().map_err(|e| e.to_string())?)
    })
}

/// What `work` starts, in so many threads.
pub fn several(
    threads: usize,
    work: impl Fn(&Meter) -> Result<(), String> + Sync,
) -> Result<Cost, String> {
    let meter = Meter::default();
    let (before, started) = (children()?, Instant::now());
    let outcome = thread::scope(|scope| {
        scope.spawn(|| meter.watch());
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&meter))).collect();
        let ends = workers.into_iter().map(|worker| {
            let joined = worker.join();
            joined.unwrap_or_else(|_| Err("a worker panicked".to_owned()))
        });
        let outcome: Result<Vec<()>, String> = ends.collect();
        let wall = started.elapsed();
        meter.ended.store(true, Ordering::Relaxed);
        outcome.map(|_| wall)
    });
    Ok(Cost {
        wall: outcome?,
        cpu: children()?.saturating_sub(before),
        peak_kib: meter.peak_kib.load(Ordering::Relaxed),
    })
}

/// Processor time of the children that have ended, and of theirs.
fn children() -> Result<Duration, String> {
    let stat =
        fs::read_to_string("/proc/self/stat").map_err(|e| format!("/proc/self/stat: {e}"))?;
    // The name of the program, in brackets, may hold anything; fields are counted from behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

fn largest(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
