//! `snobox build`.

use crate::cli::BuildArgs;
use crate::error::Result;
use crate::flow::build::{self, Options};
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// Makes the image.
pub fn run(args: &BuildArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let file = SiteFile::read(&args.site)?;
    let store = file.store_path(args.store.store.as_deref());
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| file.folder().join(format!("{}.img", file.site.name)));
    let options = Options {
        store: &store,
        output: &output,
        force: args.force,
        installer_ignition: args.installer_ignition.as_deref(),
        live_iso: args.live_iso.as_deref(),
        agent: args.agent.as_deref(),
    };
    let outcome = tokio::task::block_in_place(|| build::build(&file, &options, ui, interrupt))?;
    ui.result(
        format!(
            "{}\nnext: snobox verify {}",
            outcome.text(),
            output.display()
        ),
        &outcome.json(),
    )
}
