//! What the lab plays through.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::image::Image;
use super::lab::Lab;
use super::machine::Firmware;
use super::{journey, proof, sabotage};

/// One thing to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The journey with UEFI.
    Uefi,
    /// The journey with a BIOS, and with power cuts.
    Bios,
    /// A damaged stick.
    Damage,
    /// A clock that is wrong.
    WrongClock,
    /// A stick that lacks a part: the lab must notice.
    Sabotage(&'static sabotage::Case),
    /// The machine itself: a stick boots it, coreos-installer installs, the disk boots.
    Machine(Firmware),
    /// The machine itself: its power can be cut.
    MachineCut,
}

impl Scenario {
    /// What a word of the command line stands for; none where it is unknown.
    pub fn named(word: &str) -> Vec<Self> {
        match word {
            "uefi" => vec![Self::Uefi],
            "bios" => vec![Self::Bios],
            "damage" => vec![Self::Damage],
            "wrong-clock" => vec![Self::WrongClock],
            "sabotage" => sabotage::CASES.iter().map(Self::Sabotage).collect(),
            "machine" => vec![
                Self::Machine(Firmware::Bios),
                Self::Machine(Firmware::Uefi),
                Self::MachineCut,
            ],
            "all" => vec![Self::Bios, Self::Uefi, Self::Damage, Self::WrongClock],
            _ => Vec::new(),
        }
    }

    /// Whether its machines boot an image that snobox makes.
    pub fn needs_image(self) -> bool {
        !matches!(self, Self::Machine(_) | Self::MachineCut)
    }

    fn play(self, lab: &Lab, image: Option<&Image>) -> Result<(), String> {
        let image = || image.ok_or("this scenario needs an image");
        match self {
            Self::Uefi => journey::uefi(lab, image()?),
            Self::Bios => journey::bios(lab, image()?),
            Self::Damage => journey::damage(lab, image()?),
            Self::WrongClock => journey::wrong_clock(lab, image()?),
            Self::Sabotage(case) => sabotage::notice(lab, image()?, case),
            Self::Machine(firmware) => proof::machine(lab, firmware),
            Self::MachineCut => proof::cut(lab),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sabotage(case) => write!(f, "without {}", case.part),
            other => write!(f, "{other:?}"),
        }
    }
}

/// How many machines run at the same time: each keeps a processor busy.
const LANES: usize = 2;

/// Plays scenarios, [`LANES`] at a time; after one has failed, no other is begun. `snobox` is the program, where one of them needs an image.
///
/// # Errors
/// What did not happen, or what happened that must not.
pub fn play(lab: &Lab, scenarios: &[Scenario], snobox: Option<PathBuf>) -> Result<(), String> {
    let image = snobox.map(|snobox| Image::make(lab, snobox)).transpose()?;
    let waiting = Mutex::new(scenarios.iter());
    let problems = Mutex::new(Vec::new());
    let lane = || {
        loop {
            // The lock is held for as long as it takes to look, not to play.
            let next = lock(&waiting).next();
            let Some(scenario) = next.filter(|_| lock(&problems).is_empty()) else {
                return;
            };
            if let Err(problem) = told(*scenario, lab, image.as_ref()) {
                lock(&problems).push(problem);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES.min(scenarios.len()) {
            scope.spawn(lane);
        }
    });
    let problems = lock(&problems);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

fn told(scenario: Scenario, lab: &Lab, image: Option<&Image>) -> Result<(), String> {
    println!("\n== {scenario}");
    let started = Instant::now();
    let result = scenario.play(lab, image);
    let seconds = started.elapsed().as_secs_f64();
    let word = if result.is_ok() { "proved" } else { "FAILED" };
    println!("{scenario}: {word} after {seconds:.1} s");
    result.map_err(|problem| format!("{scenario}: {problem}"))
}

/// A lane that panicked has left nothing half-done behind this lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
