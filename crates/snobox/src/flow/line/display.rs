//! How far a mirror is: a bar on a terminal, a line every ten seconds in a pipe, and JSON lines for machines. It moves by the clock and not
//! by the bytes, so that a line that is dead shows as one.
//!
//! Source of truth for the JSON lines: `docs/progress.md`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use snobox_formats::digest::Digest;
use snobox_registry::pull::{Event, EventSink};
use snobox_store::{RESERVE_BYTES, Store};
use tokio::task::JoinHandle;

use super::Window;
use crate::progress::Style;
use crate::ui::{Ui, bytes};

const TICK: Duration = Duration::from_secs(1);
const LINE_EVERY: u64 = 10;
/// Rates are those of the last so many seconds.
const MEMORY: f64 = 15.0;
/// A pause that people are told of: it looks like a line that is dead.
pub(super) const LONG_PAUSE: Duration = Duration::from_secs(20);
/// Images named in a line for people.
const NAMED: usize = 3;

/// Shows one stage from its start to its drop.
pub struct Display {
    shown: Arc<Shown>,
    ticking: JoinHandle<()>,
}

struct Shown {
    ui: Ui,
    stage: &'static str,
    style: Style,
    bar: Option<ProgressBar>,
    window: Option<Window>,
    store: Arc<Store>,
    /// The image that each blob is of.
    owners: BTreeMap<Digest, String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    done: u64,
    total: u64,
    received: u64,
    /// Blobs under way, with their sizes.
    in_flight: BTreeMap<Digest, u64>,
    retries: u64,
    is_short: bool,
    rate: Rate,
}

/// Bytes in a second of late, as an average that forgets.
#[derive(Debug, Default)]
struct Rate {
    value: f64,
    weight: f64,
    received: u64,
}

impl Rate {
    fn tick(&mut self, received: u64, passed: Duration) {
        let seconds = passed.as_secs_f64().max(0.001);
        let now = received.saturating_sub(self.received) as f64 / seconds;
        let keep = (-seconds / MEMORY).exp();
        self.value = self.value * keep + now * (1.0 - keep);
        self.weight = self.weight * keep + (1.0 - keep);
        self.received = received;
    }

    fn per_second(&self) -> u64 {
        (self.value / self.weight.max(f64::MIN_POSITIVE)) as u64
    }
}

impl State {
    /// Seconds until the rest is here, if anything comes.
    fn seconds_left(&self) -> Option<u64> {
        let rate = self.rate.per_second();
        let left = self.total.saturating_sub(self.done);
        (rate > 0).then(|| left.div_ceil(rate))
    }
}

impl Display {
    /// Begins a stage.
    pub fn start(
        ui: &Ui,
        stage: &'static str,
        window: Option<Window>,
        owners: BTreeMap<Digest, String>,
        store: &Arc<Store>,
    ) -> Self {
        let style = ui.style();
        let shown = Arc::new(Shown {
            ui: *ui,
            stage,
            style,
            bar: (style == Style::Bar).then(|| bar(stage)),
            window,
            store: Arc::clone(store),
            owners,
            state: Mutex::default(),
        });
        let ticking = tokio::spawn({
            let shown = Arc::clone(&shown);
            async move { shown.tick().await }
        });
        Self { shown, ticking }
    }

    /// Takes what happens.
    pub fn sink(&self) -> EventSink {
        let shown = Arc::clone(&self.shown);
        Arc::new(move |event| shown.note(event))
    }

    /// Takes the opening and closing of the window.
    pub fn window_sink(&self) -> Arc<dyn Fn(bool) + Send + Sync> {
        let shown = Arc::clone(&self.shown);
        Arc::new(move |open| {
            if open {
                shown.talk("the window is open");
            } else {
                shown.say_waiting();
            }
        })
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.ticking.abort();
        let shown = &self.shown;
        if let Some(bar) = &shown.bar {
            bar.finish_and_clear();
        }
        let state = shown.state();
        shown.line("done", &state, json!({"retries": state.retries}));
    }
}

fn bar(stage: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_prefix(stage);
    let template = "{prefix:>8} [{bar:24}] {binary_bytes:>11} of {binary_total_bytes:<11} {msg}";
    // The template is a constant; without it the bar is plainer.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

impl Shown {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tick(&self) {
        let mut interval = tokio::time::interval(TICK);
        interval.tick().await;
        let mut last = Instant::now();
        for count in 1.. {
            interval.tick().await;
            let mut state = self.state();
            let received = state.received;
            state.rate.tick(received, last.elapsed());
            last = Instant::now();
            self.watch_room(&mut state);
            self.show(&state, count);
        }
    }

    /// Says so when others take the room that the rest needs, and when there is enough again: the run goes on meanwhile.
    fn watch_room(&self, state: &mut State) {
        let left = state.total.saturating_sub(state.done);
        let Ok(free) = self.store.free_bytes() else {
            return;
        };
        let is_short = left > 0 && free < left.saturating_add(RESERVE_BYTES);
        if is_short == state.is_short {
            return;
        }
        state.is_short = is_short;
        let more = json!({"leftBytes": left, "freeBytes": free, "isShort": is_short});
        self.line("room", state, more);
        let (left, free, disk) = (bytes(left), bytes(free), self.store.root().display());
        self.talk(&if is_short {
            let kept = bytes(RESERVE_BYTES);
            format!("the disk of {disk} has become too small: {left} are to come, {kept} are kept free for indexes, {free} are free; make room while it goes on")
        } else {
            format!("the disk of {disk} has room again")
        });
    }

    fn show(&self, state: &State, count: u64) {
        if state.total == 0 {
            return;
        }
        let waiting = self.window.and_then(|window| window.opens());
        match (&self.bar, self.style) {
            (Some(bar), _) => {
                bar.set_message(self.pace(state, waiting.as_deref()));
                bar.set_position(state.done);
            }
            (None, Style::Json) => self.line(
                "progress",
                state,
                json!({
                    "bytesPerSecond": state.rate.per_second(),
                    "secondsLeft": state.seconds_left(),
                    "inFlight": state.in_flight.len(),
                    "images": self.under_way(state).collect::<Vec<_>>(),
                    "retries": state.retries,
                    "waiting": waiting.is_some(),
                }),
            ),
            (None, _) if count.is_multiple_of(LINE_EVERY) => {
                let (done, total) = (state.done, state.total);
                let percent = u128::from(done) * 100 / u128::from(total);
                let pace = self.pace(state, waiting.as_deref());
                self.ui.say(format!(
                    "{}: {} of {} ({percent} %), {pace}",
                    self.stage,
                    bytes(done),
                    bytes(total)
                ));
            }
            _ => {}
        }
    }

    fn pace(&self, state: &State, waiting: Option<&str>) -> String {
        if let Some(until) = waiting {
            return format!("waiting until {until}");
        }
        let rate = bytes(state.rate.per_second());
        let left = state
            .seconds_left()
            .map_or_else(|| "?".to_owned(), duration);
        let mut text = format!("{rate}/s, {left} left; {} in flight", state.in_flight.len());
        let named: Vec<_> = self.under_way(state).take(NAMED).collect();
        if !named.is_empty() {
            text += &format!(": {}", named.join(", "));
        }
        if state.retries > 0 {
            text += &format!(", {} retries", state.retries);
        }
        text
    }

    /// Images whose blobs are under way, each once, those of the largest blobs first.
    fn under_way<'a>(&'a self, state: &State) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut blobs: Vec<_> = state.in_flight.iter().collect();
        blobs.sort_by_key(|(digest, size)| (std::cmp::Reverse(**size), **digest));
        let owners = blobs
            .iter()
            .filter_map(|(digest, _)| self.owners.get(digest));
        let mut images: Vec<&str> = Vec::new();
        for owner in owners {
            if !images.contains(&owner.as_str()) {
                images.push(owner);
            }
        }
        images.into_iter()
    }

    fn note(&self, event: Event) {
        let mut state = self.state();
        match event {
            Event::Planned {
                blobs,
                bytes: wanted,
                present_bytes,
            } => {
                state.total = wanted;
                let more = json!({"blobs": blobs, "presentBytes": present_bytes});
                self.line("planned", &state, more);
                drop(state);
                self.say_planned(blobs, wanted, present_bytes);
            }
            Event::Started { digest, bytes } => {
                state.in_flight.insert(digest, bytes);
            }
            Event::Stored { digest } | Event::Failed { digest } => {
                state.in_flight.remove(&digest);
            }
            Event::Received { bytes } => {
                state.received += bytes;
                state.done += bytes;
            }
            // Such bytes use the line as others do, but bring nothing; manifests are no part of this stage.
            Event::Skipped { .. } | Event::Pinned | Event::Postponed { .. } => {}
            Event::Resumed { bytes, .. } => state.done += bytes,
            Event::Discarded { bytes } => state.done = state.done.saturating_sub(bytes),
            Event::Retried { digest, why, pause } => {
                state.retries += 1;
                let seconds = pause.as_secs_f64();
                let more = json!({"digest": digest, "why": why, "pauseSeconds": seconds});
                self.line("retry", &state, more);
                drop(state);
                if pause >= LONG_PAUSE {
                    let after = duration(pause.as_secs());
                    self.talk(&format!("{why}; asked again in {after}"));
                }
            }
            Event::Quarantined {
                digest,
                found,
                place,
            } => {
                let more = json!({"digest": digest, "found": found, "place": place});
                self.line("quarantined", &state, more);
                drop(state);
                self.talk(&format!("{place}: wrong bytes for {digest}; put aside"));
            }
        }
    }

    fn say_planned(&self, blobs: u64, wanted: u64, present: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(wanted);
        }
        if blobs == 0 {
            return;
        }
        let (wanted, present) = (bytes(wanted), bytes(present));
        self.talk(&format!(
            "{}: {wanted} to fetch in {blobs} blobs; {present} are there",
            self.stage
        ));
        self.say_waiting();
    }

    fn say_waiting(&self) {
        if let Some(window) = self.window
            && let Some(until) = window.opens()
        {
            self.talk(&format!(
                "outside the window {window}: waiting until {until}; Ctrl-C stops"
            ));
        }
    }

    /// For people.
    fn talk(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.ui.say(text)),
            None => self.ui.say(text),
        }
    }

    /// For machines.
    fn line(&self, event: &str, state: &State, more: Value) {
        if self.style != Style::Json {
            return;
        }
        let (done, total) = (state.done, state.total);
        let mut line =
            json!({"event": event, "stage": self.stage, "bytes": done, "totalBytes": total});
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        self.ui.event(line);
    }
}

/// A length of time in its two largest units.
pub(super) fn duration(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_the_line_and_times_are_in_two_units() {
        let mut rate = Rate::default();
        rate.tick(1_000_000, TICK);
        assert_eq!(rate.per_second(), 1_000_000, "right from the first second");
        for second in 2..120 {
            rate.tick(1_000_000 + (second - 1) * 500_000, TICK);
        }
        assert!((500_000..501_000).contains(&rate.per_second()));
        for _ in 0..300 {
            rate.tick(rate.received, TICK);
        }
        assert_eq!(rate.per_second(), 0);
        let shown = [59, 61, 3661, 90_000].map(duration);
        assert_eq!(shown, ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn nothing_is_foretold_of_a_line_that_brings_nothing() {
        let mut state = State {
            total: 1000,
            ..State::default()
        };
        assert_eq!(state.seconds_left(), None);
        state.rate.tick(100, TICK);
        state.done = 100;
        assert_eq!(state.seconds_left(), Some(9));
    }
}
