//! `snobox mirror`.

use crate::cli::MirrorArgs;
use crate::error::Result;
use crate::flow::mirror::{self, Options};
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// Fetches what the site needs.
pub async fn run(args: &MirrorArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let file = SiteFile::read(&args.site)?;
    let store = file.store_path(args.store.store.as_deref());
    let options = Options {
        store: &store,
        relock: args.relock,
        source: args.line.source(),
        pace: args.line.pace(),
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
