//! `snobox plan`.

use crate::cli::PlanArgs;
use crate::error::Result;
use crate::flow::line::Pace;
use crate::flow::plan::{self, Options, Question};
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// Says what a site needs and costs.
pub async fn run(args: &PlanArgs, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    let file = SiteFile::read(&args.site)?;
    let store = file.store_path(args.store.store.as_deref());
    let question = match (&args.diff, &args.explain) {
        (Some(old), _) => Question::Difference(old),
        (None, Some(image)) => Question::Explain(image),
        (None, None) => Question::Cost {
            every_part: args.all,
        },
    };
    let options = Options {
        store: &store,
        relock: args.relock,
        source: args.patience.source(),
        signatures: &args.signatures.clone().unwrap_or_default(),
        pace: Pace::default(),
        bits_per_second: args.rate,
        question,
    };
    let answer = plan::plan(&file, options, ui, interrupt).await?;
    ui.result(answer.text, &answer.json)
}
