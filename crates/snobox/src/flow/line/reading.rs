//! How far the reading of manifests is, and what it waits for: it takes seconds, unless a registry says when to come again or the line breaks. Then people get
//! a line every ten seconds, and machines the event `retry` for each try that failed.
//!
//! Source of truth for the JSON lines: `docs/progress.md`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use snobox_registry::pull::{Event, EventSink};
use tokio::task::JoinHandle;

use super::display::{LONG_PAUSE, duration};
use crate::ui::Ui;

const STAGE: &str = "manifests";
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tries that failed and were followed by another, of all that was read over one line.
pub type Retries = Arc<AtomicU64>;

/// Shows the reading of some manifests from its start to its drop.
pub struct Reading {
    shown: Arc<Shown>,
    ticking: JoinHandle<()>,
}

struct Shown {
    ui: Ui,
    images: usize,
    retries: Retries,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read: usize,
    retries: u64,
    /// The last that failed: what is waited for, why, and until when.
    wait: Option<(String, String, Instant)>,
}

impl Reading {
    /// Begins to read the manifests of so many images.
    pub fn start(ui: &Ui, images: usize, retries: &Retries) -> Self {
        let shown = Arc::new(Shown {
            ui: *ui,
            images,
            retries: Arc::clone(retries),
            state: Mutex::default(),
        });
        let ticking = tokio::spawn({
            let shown = Arc::clone(&shown);
            async move {
                loop {
                    tokio::time::sleep(LINE_EVERY).await;
                    shown
                        .ui
                        .say(shown.state().line(shown.images, Instant::now()));
                }
            }
        });
        Self { shown, ticking }
    }

    /// Takes what happens.
    pub fn sink(&self) -> EventSink {
        let shown = Arc::clone(&self.shown);
        Arc::new(move |event| shown.note(event))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

impl Shown {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: Event) {
        match event {
            Event::Pinned => self.state().read += 1,
            Event::Postponed { what, why, pause } => {
                self.retries.fetch_add(1, Ordering::Relaxed);
                let seconds = pause.as_secs_f64();
                self.ui.event(json!({
                    "event": "retry", "stage": STAGE, "what": what, "why": why, "pauseSeconds": seconds,
                }));
                if pause >= LONG_PAUSE {
                    let after = duration(pause.as_secs());
                    self.ui
                        .say(format!("{what}: {why}; asked again in {after}"));
                }
                let mut state = self.state();
                state.retries += 1;
                state.wait = Some((what, why, Instant::now() + pause));
            }
            // Of blobs.
            _ => {}
        }
    }
}

impl State {
    /// For people.
    fn line(&self, images: usize, now: Instant) -> String {
        let mut text = format!("{STAGE}: {} of {images} images are read", self.read);
        match self.retries {
            0 => {}
            1 => text += ", 1 retry",
            count => text += &format!(", {count} retries"),
        }
        if let Some((what, why, until)) = &self.wait
            && *until > now
        {
            let left = duration(until.duration_since(now).as_secs());
            text += &format!("; {what} is waited for, {left} yet: {why}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_many_are_read_and_what_is_waited_for() {
        let now = Instant::now();
        let mut state = State {
            read: 3,
            ..State::default()
        };
        assert_eq!(state.line(7, now), "manifests: 3 of 7 images are read");
        state.retries = 2;
        let until = now + Duration::from_secs(90);
        state.wait = Some(("quay.io/a:1".to_owned(), "HTTP 429".to_owned(), until));
        assert_eq!(
            state.line(7, now),
            "manifests: 3 of 7 images are read, 2 retries; quay.io/a:1 is waited for, 1 min 30 s yet: HTTP 429"
        );
        assert_eq!(
            state.line(7, until),
            "manifests: 3 of 7 images are read, 2 retries"
        );
    }
}
