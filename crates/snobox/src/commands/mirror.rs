//! `snobox mirror`.

use std::time::Duration;

use snobox_registry::pull::Patience;

use crate::cli::MirrorArgs;
use crate::error::Result;
use crate::flow::line::Pace;
use crate::flow::mirror::{self, Options};
use crate::flow::source::Source;
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// Fetches what the site needs.
pub async fn run(args: &MirrorArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let file = SiteFile::read(&args.site)?;
    let store = file.store_path(args.store.store.as_deref());
    let patience = Patience {
        tries: args.retries + 1,
        stall: Duration::from_secs(args.stall_timeout),
        ..Patience::default()
    };
    let options = Options {
        store: &store,
        relock: args.relock,
        source: Source {
            stand_in: None,
            patience,
            authorities: args.ca.as_deref(),
        },
        pace: Pace {
            jobs: args.jobs.into(),
            limit: args.limit,
            window: args.window,
        },
        signatures: args.signatures.clone().unwrap_or_default(),
    };
    let outcome = mirror::mirror(&file, options, ui, interrupt).await?;
    let text = format!(
        "{}\nnext: snobox build {}",
        outcome.text(),
        args.site.display()
    );
    ui.result(text, &outcome.json())
}
