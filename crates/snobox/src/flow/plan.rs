//! `site.yaml` → `site.lock`, and what it takes to get there: from manifests alone.

mod changes;
mod costs;
mod reasons;
mod room;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use snobox_formats::oci::Descriptor;
use snobox_plan::cost::{Blob, Held, Load};
use snobox_plan::lock::{Lock, LockedImage, Role};
use snobox_registry::pull::Pinned;
use snobox_store::Store;

use crate::error::{Error, Exit, Result};
use crate::flow::line::{Line, Pace, Retries};
use crate::flow::resolve::resolve;
use crate::flow::signatures::Signatures;
use crate::flow::source::Source;
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// How to plan.
#[derive(Debug)]
pub struct Options<'a> {
    /// The store; manifests go into it.
    pub store: &'a Path,
    /// Resolve everything again.
    pub relock: bool,
    /// Where the signature of the release may be found.
    pub signatures: &'a Signatures,
    /// How registries are asked.
    pub source: Source<'a>,
    /// How much of the line may be used.
    pub pace: Pace,
    /// What the line carries, in bits per second, where somebody says it.
    pub bits_per_second: Option<u64>,
    /// What to answer.
    pub question: Question<'a>,
}

/// What is asked of a plan.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// What the site costs.
    Cost {
        /// Whether people see every part, or the largest alone.
        every_part: bool,
    },
    /// What changes from the lock in this file.
    Difference(&'a Path),
    /// Why an image is in or out.
    Explain(&'a str),
}

/// An answer, for people and for machines.
#[derive(Debug)]
pub struct Answer {
    /// For people.
    pub text: String,
    /// For machines; `costs`, `changes` and `reasons` say its form.
    pub json: Value,
}

/// A lock with the manifests of its images.
struct Planned<'a> {
    file: &'a SiteFile,
    store: &'a Store,
    lock: &'a Lock,
    /// In the order of the lock.
    pinned: &'a [Pinned],
    rates: Vec<Rate>,
}

/// A line to give times for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    bits_per_second: u64,
    /// Whether it was measured, by the last mirror that kept the line busy.
    measured: bool,
}

/// Lines to think of where nobody names one and none was measured.
const USUAL_RATES: [u64; 2] = [50_000_000, 100_000_000];

fn rates(named: Option<u64>, store: &Store) -> Vec<Rate> {
    let of = |bits_per_second, measured| Rate {
        bits_per_second,
        measured,
    };
    match (named, store.line_rate()) {
        (Some(rate), _) => vec![of(rate, false)],
        (None, Some(rate)) => vec![of(rate, true)],
        (None, None) => USUAL_RATES.map(|rate| of(rate, false)).to_vec(),
    }
}

/// Resolves a site as `mirror` does, fetches no blob but those that name the components, and answers a question.
pub async fn plan(
    file: &SiteFile,
    options: Options<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Answer> {
    let client = options.source.client_of(file)?;
    let store = Arc::new(Store::create(options.store)?);
    let writing = store.lock()?;
    let line = Line {
        client,
        store,
        writing,
        pace: options.pace,
        retries: Retries::default(),
        ui,
        interrupt,
    };
    let resolved = resolve(&line, file, options.relock, options.signatures).await?;
    if !resolved.failures.is_empty() {
        return Err(resolved.failures.into());
    }
    let lock = resolved
        .lock
        .ok_or_else(|| Error::new(Exit::Internal, "nothing failed, and there is no lock"))?;
    let planned = Planned {
        file,
        store: &line.store,
        lock: &lock,
        pinned: &resolved.pinned,
        rates: rates(options.bits_per_second, &line.store),
    };
    match options.question {
        Question::Cost { every_part } => costs::answer(&planned, every_part),
        Question::Difference(old) => changes::answer(&planned, old, &line).await,
        Question::Explain(image) => reasons::answer(&planned, image),
    }
}

impl Planned<'_> {
    fn loads(&self) -> Vec<Load> {
        loads(self.lock, self.pinned)
    }

    /// How much of a blob the store has.
    fn held(&self, blob: &Blob) -> Held {
        if self.store.has(blob.digest, blob.size_bytes) {
            return Held::Whole;
        }
        match self.store.partial_bytes(blob.digest) {
            0 => Held::Absent,
            bytes => Held::Partial(bytes),
        }
    }
}

/// The images of a lock with their blobs.
fn loads(lock: &Lock, pinned: &[Pinned]) -> Vec<Load> {
    let load = |(image, pinned): (&LockedImage, &Pinned)| Load {
        parts: lock.parts_of(image),
        blobs: everything(pinned).map(blob).collect(),
        signs: image.role == Role::Signature,
    };
    lock.images.iter().zip(pinned).map(load).collect()
}

/// Manifests, configuration and layers.
fn everything(pinned: &Pinned) -> impl Iterator<Item = &Descriptor> {
    std::iter::once(&pinned.manifest)
        .chain(&pinned.platform)
        .chain(&pinned.blobs)
}

fn blob(descriptor: &Descriptor) -> Blob {
    Blob {
        digest: descriptor.digest,
        size_bytes: descriptor.size,
    }
}
