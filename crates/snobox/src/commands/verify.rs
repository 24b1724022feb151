//! `snobox verify`.

use crate::cli::VerifyArgs;
use crate::error::{Error, Exit, Result};
use crate::flow::verify;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// Proves a store or an image; findings are the result, and an exit status of their own.
pub fn run(args: &VerifyArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let outcome = tokio::task::block_in_place(|| verify::verify(&args.target, ui, interrupt))?;
    if outcome.findings.is_empty() {
        return ui.result(&outcome.text, &outcome.json());
    }
    let lines: Vec<_> = outcome
        .findings
        .iter()
        .map(|(code, text)| format!("{code}: {text}"))
        .collect();
    ui.result(lines.join("\n"), &outcome.json())?;
    let count = outcome.findings.len();
    let what = if count == 1 { "finding" } else { "findings" };
    let only = |wanted: &str| outcome.findings.iter().all(|(code, _)| *code == wanted);
    let hint = if only("operator-image-missing") {
        "run `snobox mirror` for the site, which fetches what is missing, and build again"
    } else if args.target.is_dir() {
        "`snobox store fsck --repair` puts damaged blobs aside, and `snobox mirror` fetches them again"
    } else if only("not-in-cache") {
        "name the release that the ignition was made for under `release` in site.yaml, then mirror and build again"
    } else {
        "build the image again, or write the stick again if it is a copy"
    };
    let mut error = Error::new(
        Exit::Findings,
        format!("{count} {what} in {}", args.target.display()),
    )
    .hint(hint);
    error.told = true;
    Err(error)
}
