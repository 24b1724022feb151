//! How far the copy is: twice a second for the console and the page, once every tenth for the journal.

use std::path::Path;
use std::time::{Duration, Instant};

use super::copy::{Phase, Progress};
use crate::report::Reporter;

const EVERY: Duration = Duration::from_millis(500);
const MIB: f64 = (1 << 20) as f64;

/// Shows progress.
#[derive(Debug)]
pub struct Meter<'a> {
    reporter: &'a Reporter,
    disk: String,
    phase: Option<Phase>,
    started: Instant,
    shown: Option<Instant>,
    tenth: u64,
}

impl<'a> Meter<'a> {
    /// A meter of the copy to a disk.
    pub fn new(reporter: &'a Reporter, disk: &Path) -> Self {
        Self {
            reporter,
            disk: disk.display().to_string(),
            phase: None,
            started: Instant::now(),
            shown: None,
            tenth: 0,
        }
    }

    /// Shows how far it is, if it is time.
    pub fn show(&mut self, progress: Progress) {
        let now = Instant::now();
        if self.phase != Some(progress.phase) {
            self.phase = Some(progress.phase);
            self.started = now;
            self.tenth = 0;
        }
        let tenth = progress.done_bytes * 10 / progress.total_bytes.max(1);
        let due = self.shown.is_none_or(|shown| now - shown >= EVERY);
        if !due && tenth == self.tenth {
            return;
        }
        let line = self.line(progress, now - self.started);
        if due {
            self.shown = Some(now);
            self.reporter.working(line.clone(), Some(percent(progress)));
        }
        if tenth > self.tenth {
            self.tenth = tenth;
            eprintln!("snobox-agent: {line}");
        }
    }

    fn line(&self, progress: Progress, elapsed: Duration) -> String {
        let words = match progress.phase {
            Phase::Copy => "copying the cache to",
            Phase::ReadBack => "reading the cache back from",
        };
        let done = progress.done_bytes as f64 / MIB;
        let rate = done / elapsed.as_secs_f64().max(0.001);
        let total = progress.total_bytes as f64 / MIB;
        format!(
            "{words} {}: {done:.0} of {total:.0} MiB, {rate:.0} MiB/s",
            self.disk
        )
    }
}

/// Of both phases together, 0 to 100.
fn percent(progress: Progress) -> u8 {
    let total = progress.total_bytes.max(1);
    let before = if progress.phase == Phase::Copy { 0 } else { 50 };
    before + u8::try_from(progress.done_bytes.min(total) * 50 / total).unwrap_or(50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_phases_make_a_hundred() {
        let at = |phase, done_bytes| {
            percent(Progress {
                phase,
                done_bytes,
                total_bytes: 200,
            })
        };
        assert_eq!(at(Phase::Copy, 0), 0);
        assert_eq!(at(Phase::Copy, 200), 50);
        assert_eq!(at(Phase::ReadBack, 100), 75);
        assert_eq!(at(Phase::ReadBack, 300), 100);
    }
}
