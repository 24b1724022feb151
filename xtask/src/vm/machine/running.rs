//! A machine that is on, and the ways in which its run ends.
//!
//! Only one of them is good, and it is the guest's to say: it writes [`PASSED`] to the debug exit device. Source of truth: QEMU's documentation of `isa-debug-exit`:
//! QEMU ends with twice the value plus one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::vm::results::{ResultLine, Results};

/// The guest's value for "all checks of this guest held".
const PASSED: i32 = 0x10;
/// The guest's value for "a check failed".
const FAILED: i32 = 0x11;
/// The guest's value for "snobox itself stopped the installation, and the checks for that held".
const REFUSED: i32 = 0x12;
const POLL: Duration = Duration::from_millis(100);

/// When a run is over.
#[derive(Clone, Debug)]
pub enum Until {
    /// When the guest gives its verdict. It may reboot in between.
    Verdict,
    /// When the guest reboots, if it gives no verdict before.
    Reboot,
    /// Power is cut: so long after the guest reported this key and a value that begins so.
    PowerCut {
        /// Key of the line.
        key: String,
        /// Beginning of its value.
        value: String,
        /// How much later.
        delay: Duration,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The guest: all checks held.
    Passed,
    /// The guest: a check failed.
    Failed,
    /// The guest: snobox stopped the installation, and the checks for that held.
    Refused,
    /// The guest rebooted, as awaited. QEMU does not tell that from a guest that powered off: what it reported before does.
    Rebooted,
    /// Power was cut, as ordered.
    PowerCut,
    /// QEMU ended otherwise: the guest powered off, or QEMU failed.
    Stopped,
    /// Nothing of that within the time.
    TimedOut,
}

/// A machine that is on; dropping it cuts the power.
pub(super) struct Running {
    child: Child,
    started: Instant,
    results: PathBuf,
    seen_bytes: usize,
    lines: Vec<ResultLine>,
    peak_bytes: u64,
}

impl Running {
    /// Switches on.
    pub(super) fn start(mut command: Command, results: &Path) -> Result<Self, String> {
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start QEMU: {error}"))?;
        Ok(Self {
            child,
            started,
            results: results.to_owned(),
            seen_bytes: 0,
            lines: Vec::new(),
            peak_bytes: 0,
        })
    }

    /// Since power-on.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the guest reported.
    pub(super) fn results(&self) -> Results {
        Results(self.lines.clone())
    }

    /// The most memory that QEMU had until now.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Waits until it is over, or for `limit` since power-on.
    pub(super) fn watch(&mut self, until: &Until, limit: Duration) -> Result<Ending, String> {
        let mut cut_at = None;
        loop {
            let status = self
                .child
                .try_wait()
                .map_err(|error| format!("cannot wait for QEMU: {error}"))?;
            self.read_results();
            self.read_memory();
            if let Some(status) = status {
                return Ok(match status.code() {
                    Some(code) if code == 2 * PASSED + 1 => Ending::Passed,
                    Some(code) if code == 2 * FAILED + 1 => Ending::Failed,
                    Some(code) if code == 2 * REFUSED + 1 => Ending::Refused,
                    Some(0) if matches!(until, Until::Reboot) => Ending::Rebooted,
                    _ => Ending::Stopped,
                });
            }
            if let (None, Until::PowerCut { key, value, delay }) = (cut_at, until) {
                let matches =
                    |line: &&ResultLine| line.key == *key && line.value.starts_with(value.as_str());
                cut_at = self.lines.iter().find(matches).map(|line| line.at + *delay);
            }
            let now = self.started.elapsed();
            if cut_at.is_some_and(|at| now >= at) {
                return Ok(Ending::PowerCut);
            }
            if now >= limit {
                return Ok(Ending::TimedOut);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Takes the complete lines that are new.
    fn read_results(&mut self) {
        let at = self.started.elapsed();
        let bytes = fs::read(&self.results).unwrap_or_default();
        let new = bytes.get(self.seen_bytes..).unwrap_or_default();
        let Some(end) = new.iter().rposition(|byte| *byte == b'\n') else {
            return;
        };
        let text = String::from_utf8_lossy(&new[..end]);
        self.lines
            .extend(text.lines().filter_map(|line| ResultLine::parse(line, at)));
        self.seen_bytes += end + 1;
    }

    fn read_memory(&mut self) {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        self.peak_bytes = self.peak_bytes.max(kib.unwrap_or(0) << 10);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
