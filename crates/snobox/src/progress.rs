//! Progress of long work in bytes: a bar on a terminal, a line now and then in a pipe, JSON lines for machines.
//!
//! Source of truth for the JSON lines: `docs/progress.md`.

use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::ui::{Ui, bytes};

const LINE_EVERY: Duration = Duration::from_secs(5);
const JSON_EVERY: Duration = Duration::from_millis(500);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar that moves.
    Bar,
    /// A line every few seconds.
    Lines,
    /// A JSON object every half second.
    Json,
}

/// One stage of work; shared between threads. Ends when dropped.
#[derive(Debug)]
pub struct Progress {
    ui: Ui,
    style: Style,
    stage: &'static str,
    bar: Option<ProgressBar>,
    done: AtomicU64,
    total: AtomicU64,
    started: Instant,
    shown: Mutex<Instant>,
}

impl Progress {
    pub(crate) fn new(ui: Ui, stage: &'static str, total: u64) -> Self {
        let style = ui.style();
        let bar = (style == Style::Bar).then(|| {
            let bar = ProgressBar::new(total).with_prefix(stage);
            let template = "{prefix:>10} [{bar:30}] {binary_bytes:>11} of {binary_total_bytes:<11} {binary_bytes_per_sec:>13}  {eta:>4} left";
            // The template is a constant; without it the bar is plainer.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        let now = Instant::now();
        let (done, total) = (AtomicU64::new(0), AtomicU64::new(total));
        Self {
            ui,
            style,
            stage,
            bar,
            done,
            total,
            started: now,
            shown: Mutex::new(now),
        }
    }

    /// Work was done.
    pub fn add(&self, count: u64) {
        let done = self.done.fetch_add(count, Ordering::Relaxed) + count;
        match (&self.bar, self.style) {
            (Some(bar), _) => bar.inc(count),
            (None, Style::Json) => self.now_and_then(JSON_EVERY, |p| p.json("progress", done)),
            (None, _) => self.now_and_then(LINE_EVERY, |p| p.line(done)),
        }
    }

    /// Work that was added turned out to be undone.
    pub fn take_back(&self, count: u64) {
        self.done.fetch_sub(count, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.dec(count);
        }
    }

    fn now_and_then(&self, every: Duration, show: impl Fn(&Self)) {
        let Ok(mut shown) = self.shown.try_lock() else {
            return;
        };
        if shown.elapsed() >= every {
            *shown = Instant::now();
            show(self);
        }
    }

    fn line(&self, done: u64) {
        let total = self.total.load(Ordering::Relaxed);
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let left = (total.saturating_sub(done)) as f64 / rate.max(1.0);
        let rate = bytes(rate as u64);
        let _ = writeln!(
            io::stderr(),
            "{}: {} of {}, {rate}/s, {left:.0} s left",
            self.stage,
            bytes(done),
            bytes(total)
        );
    }

    fn json(&self, event: &str, done: u64) {
        let total = self.total.load(Ordering::Relaxed);
        self.ui.event(
            json!({"event": event, "stage": self.stage, "bytes": done, "totalBytes": total}),
        );
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.style == Style::Json {
            self.json("done", self.done.load(Ordering::Relaxed));
        }
    }
}
