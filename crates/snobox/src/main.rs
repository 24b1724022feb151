//! `snobox`: the operator's side. The only crate that prints.

mod agent;
mod cli;
mod commands;
mod error;
mod flow;
mod image_set_file;
mod input;
mod interrupt;
mod progress;
mod site_file;
mod ui;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let ui = ui::Ui::new(cli.json);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return ui.fail(&error::Error::internal("cannot start the runtime", &error)),
    };
    let outcome = runtime.block_on(async {
        let interrupt = interrupt::Interrupt::listen()?;
        commands::run(cli.command, &ui, &interrupt).await
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ui.fail(&error),
    }
}
