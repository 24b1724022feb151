//! `snobox push`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use snobox_formats::oci::Descriptor;
use snobox_formats::reference::ImageRef;
use snobox_registry::client::RequestError;
use snobox_registry::push::{
    self, PushError, PushEvent, PushEvents, PushFailure, PushImage, PushOptions, PushSummary,
};
use snobox_store::{Store, StoreError, entry_name};

use crate::cli::PushArgs;
use crate::error::{Error, Exit, Result};
use crate::flow::source::read_pull_secret;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::ui::{Ui, bytes};

/// A registry answers an upload when it has stored it, which may be slow.
const ANSWER: Duration = Duration::from_secs(600);

/// Brings images into a registry. One that cannot be pushed keeps nothing else out.
pub async fn run(args: &PushArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let store = Arc::new(Store::open(&args.store)?);
    let _reading = store.reading()?;
    let (images, mut failures) = images(args, &store)?;
    let secret = args.pull_secret.as_deref().map(read_pull_secret);
    let mut source = args.patience.source();
    source.answer = Some(ANSWER);
    if args.plain_http {
        source = source.over_plain_http(vec![args.target.registry.clone()]);
    }
    let client = source.client(secret.transpose()?, Vec::new())?;
    let wanted = images.len() + failures.len();
    ui.say(format!(
        "pushing {} images to {}",
        images.len(),
        args.target.registry
    ));
    let options = PushOptions {
        jobs: args.jobs.into(),
        extra_tags: !args.no_extra_tags,
    };
    let (events, flattened) = events(ui);
    let pushing = push::push(&client, &store, images, options, &events);
    let (summary, failed) = interrupt.or(pushing).await?;
    drop(events);
    failures.extend(failed);
    let flattened = flattened.lock().unwrap_or_else(PoisonError::into_inner);
    for (image, said) in flattened.iter() {
        ui.say(format!(
            "{image}: the registry takes no list of which only one platform is there ({said}); its tag leads to that platform"
        ));
    }
    if failures.is_empty() {
        return ui.result(text(&summary), &value(&summary));
    }
    ui.say(format!("{} of {wanted} images are there", summary.images));
    Err(failed_error(failures))
}

/// The images that are asked for, and those of them whose manifests are not whole.
fn images(args: &PushArgs, store: &Store) -> Result<(Vec<PushImage>, Vec<PushFailure>)> {
    let entries = store.index()?.manifests;
    for wanted in &args.images {
        if !entries.iter().any(|entry| is(entry, wanted)) {
            let message = format!("{} has no image {wanted}", args.store.display());
            return Err(Error::new(Exit::Usage, message).hint(format!(
                "`snobox store ls {}` shows the names",
                args.store.display()
            )));
        }
    }
    let mut target = args.target.clone();
    target.short_names = args.short_names;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for entry in &entries {
        let named = args.images.is_empty() || args.images.iter().any(|wanted| is(entry, wanted));
        // Entries without a full name are of other programs, and have no place in a registry.
        let Some(reference) = reference_of(entry).filter(|_| named) else {
            continue;
        };
        match push::plan(store, &reference, entry, &target) {
            Ok(image) => images.push(image),
            Err(error) => failures.push(PushFailure {
                what: reference.to_string(),
                error,
            }),
        }
    }
    Ok((images, failures))
}

fn is(entry: &Descriptor, wanted: &str) -> bool {
    entry_name(entry) == wanted || entry.digest.to_string() == wanted
}

fn reference_of(entry: &Descriptor) -> Option<ImageRef> {
    entry_name(entry).parse().ok()
}

type Flattened = Arc<Mutex<Vec<(String, String)>>>;

/// Progress that begins when it is known how much there is to send.
fn events(ui: &Ui) -> (PushEvents, Flattened) {
    let ui = *ui;
    let progress: OnceLock<Progress> = OnceLock::new();
    let flattened = Flattened::default();
    let told = Arc::clone(&flattened);
    let events: PushEvents = Arc::new(move |event| {
        match event {
        PushEvent::Planned {
            blobs,
            bytes: total,
            mounts,
        } => {
            ui.say(format!(
                "{} to send in {blobs} blobs; {mounts} more are mounted from a neighbour",
                bytes(total)
            ));
            progress.get_or_init(|| ui.progress("push", total));
        }
        PushEvent::Sent { bytes } => {
            if let Some(progress) = progress.get() {
                progress.add(bytes);
            }
        }
        PushEvent::Lost { bytes } => {
            if let Some(progress) = progress.get() {
                progress.take_back(bytes);
            }
        }
        PushEvent::Retried { what, why, pause } => ui.event(json!({
            "event": "retry", "stage": "push", "what": what, "why": why, "pauseSeconds": pause.as_secs_f64(),
        })),
        PushEvent::Flattened { image, said } => {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.push((image, said));
        }
    }
    });
    (events, flattened)
}

fn text(summary: &PushSummary) -> String {
    let mut text = format!(
        "{} images: {} sent in {} blobs, {} mounted from a neighbour, {} were there; {} manifests put",
        summary.images,
        bytes(summary.sent_bytes),
        summary.uploaded_blobs,
        summary.mounted_blobs,
        summary.present_blobs,
        summary.manifests,
    );
    match summary.retries {
        0 => {}
        1 => text += "; 1 retry",
        count => text += &format!("; {count} retries"),
    }
    text
}

fn value(summary: &PushSummary) -> Value {
    json!({
        "images": summary.images,
        "uploadedBlobs": summary.uploaded_blobs,
        "sentBytes": summary.sent_bytes,
        "mountedBlobs": summary.mounted_blobs,
        "presentBlobs": summary.present_blobs,
        "manifests": summary.manifests,
        "flattened": summary.flattened,
        "retries": summary.retries,
    })
}

/// All failures; the first that is not the consequence of another decides the exit status.
fn failed_error(failures: Vec<PushFailure>) -> Error {
    let telling = failures
        .iter()
        .find(|f| !matches!(f.error, PushError::Incomplete { .. }))
        .or(failures.first());
    let (exit, hint) = telling.map_or((Exit::Internal, ""), |f| judged(&f.error));
    let told: Vec<_> = failures.iter().map(ToString::to_string).collect();
    let message = match failures.len() {
        1 => told.join("\n"),
        count => format!("{count} things could not be pushed\n{}", told.join("\n")),
    };
    Error::new(exit, message).hint(hint)
}

fn judged(error: &PushError) -> (Exit, &'static str) {
    let damaged = "`snobox store fsck` names what is wrong with the store";
    match error {
        PushError::Store(StoreError::WrongDigest { .. }) => (Exit::WrongDigest, damaged),
        PushError::Store(_) | PushError::Manifest(_) | PushError::Incomplete { .. } => {
            (Exit::Findings, damaged)
        }
        PushError::Protocol { .. } => (Exit::Refused, "is that a registry that can be pushed to?"),
        PushError::Sparse { .. } => (
            Exit::Refused,
            "push to a registry that takes sparse lists, or ask for the image by tag or by the digest of its platform",
        ),
        PushError::Request(RequestError::Unreachable { .. }) => (
            Exit::Unreachable,
            "is the registry up, and does it speak TLS? --plain-http if not, --ca FILE for an authority of your own",
        ),
        PushError::Request(RequestError::Broken { .. } | RequestError::Stalled { .. }) => (
            Exit::Truncated,
            "the line or the registry drops connections; run the same command again: what is there is not sent again",
        ),
        PushError::Request(RequestError::Denied { .. }) => (
            Exit::Refused,
            "--pull-secret FILE names credentials that may push there",
        ),
        PushError::Request(RequestError::Refusal { said, .. })
            if said.contains("DIGEST_INVALID") =>
        {
            (Exit::WrongDigest, damaged)
        }
        PushError::Request(_) => (
            Exit::Refused,
            "the registry's own words are above; some want a project or an organisation as PREFIX, made before",
        ),
    }
}
