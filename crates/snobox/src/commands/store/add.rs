//! `snobox store add`: a plain list of images → store.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use snobox_formats::image_list;
use snobox_formats::reference::ImageRef;
use snobox_registry::client::Place;
use snobox_registry::pull;
use snobox_store::Store;

use crate::cli::AddArgs;
use crate::error::{Error, Exit, Result};
use crate::flow::line::{Closing, Line, Retries};
use crate::flow::source::read_pull_secret;
use crate::input;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// Fetches the images that are named. What cannot be had keeps nothing else out.
pub async fn run(args: &AddArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let references = references(args)?;
    let plain = plain_http(&args.plain_http, &references)?;
    let secret = args.pull_secret.as_deref().map(read_pull_secret);
    let source = args.line.source().over_plain_http(plain);
    let client = source.client(secret.transpose()?, Vec::new())?;
    let store = Arc::new(Store::create(&args.store)?);
    let writing = store.lock()?;
    let line = Line {
        client,
        store,
        writing,
        pace: args.line.pace(),
        retries: Retries::default(),
        ui,
        interrupt,
    };
    let began = Instant::now();
    let set = line.pin(&references, &args.arch).await?;
    let pinned: Vec<_> = set.images.into_iter().flatten().collect();
    let present = pull::complete(&line.store, &pinned);
    let fetched = line.fetch("images", &pinned).await;
    let complete = pull::record(&line.store, &pinned);
    let fetched = fetched?;
    let failures: Vec<_> = set.failures.into_iter().chain(fetched.failures).collect();
    let closing = Closing {
        wanted: references.len(),
        present,
        // On a full disk this fails for the same reason, of which the failures tell.
        complete: complete.as_ref().copied().unwrap_or_default(),
        failures: failures.len(),
        summary: line.summary(fetched.summary),
        took: began.elapsed(),
    };
    closing.tell(ui);
    if !failures.is_empty() {
        ui.say(closing.text_of_failed());
        return Err(line.failed(failures, &pinned));
    }
    let complete = complete?;
    let text = format!("{complete} images: {}", closing.text());
    ui.result(text, &closing.json())
}

/// Each image once, in the order in which they are named.
fn references(args: &AddArgs) -> Result<Vec<ImageRef>> {
    let mut references = args.images.clone();
    for path in &args.refs {
        references.extend(list(path)?.into_iter().map(|image| image.reference));
    }
    let mut seen = BTreeSet::new();
    references.retain(|reference| seen.insert(reference.clone()));
    if references.is_empty() {
        let message = "the lists name no image";
        return Err(Error::new(Exit::Usage, message).hint("one reference in a line"));
    }
    Ok(references)
}

/// The images of a list; every line that is wrong at once.
pub(super) fn list(path: &Path) -> Result<Vec<image_list::ListedImage>> {
    let text = input::read_text(path).map_err(|e| Error::file("read", path, &e))?;
    image_list::parse(&text).map_err(|problems| {
        let lines = problems
            .iter()
            .map(|p| format!("{}:{}: {}", path.display(), p.line, p.problem));
        Error::new(Exit::Usage, lines.collect::<Vec<_>>().join("\n"))
            .hint("one reference in a line, with its registry; # begins a comment")
    })
}

/// Registries that are to be asked over plain HTTP: those of this machine where the option stands alone, and others only by name, as anybody on the way
/// may change what a tag stands for.
fn plain_http(named: &[String], references: &[ImageRef]) -> Result<Vec<String>> {
    let is_loopback = |registry: &str| {
        let (registry, repository) = (registry.to_owned(), String::new());
        Place {
            registry,
            repository,
        }
        .is_loopback()
    };
    let hosts: Vec<String> = named.iter().filter(|n| !n.is_empty()).cloned().collect();
    let bare = named.len() > hosts.len();
    let other = references
        .iter()
        .map(ImageRef::registry)
        .find(|registry| !is_loopback(registry) && !hosts.iter().any(|host| host == registry));
    match other {
        Some(registry) if bare => {
            let message =
                format!("{registry} is not on this machine: it is not asked over plain HTTP");
            Err(Error::new(Exit::Usage, message).hint(format!(
                "leave --plain-http away, or write --plain-http={registry} if you trust everybody between here and there"
            )))
        }
        _ if bare => {
            let named = references.iter().map(ImageRef::registry);
            let local = named.filter(|registry| is_loopback(registry));
            Ok(hosts.into_iter().chain(local.map(str::to_owned)).collect())
        }
        _ => Ok(hosts),
    }
}
