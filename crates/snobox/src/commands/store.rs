//! `snobox store`: a store as a tool of its own.

mod add;
mod export;
mod fsck;
mod gc;
mod import;
mod ls;

use crate::cli::StoreCommand;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// From subcommand to function.
pub async fn run(command: &StoreCommand, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    match command {
        StoreCommand::Add(args) => add::run(args, ui, interrupt).await,
        StoreCommand::Ls { store } => ls::run(store, ui),
        StoreCommand::Fsck { store, repair } => fsck::run(store, *repair, ui, interrupt),
        StoreCommand::Gc(args) => gc::run(args, ui),
        StoreCommand::Export(args) => export::run(args, ui, interrupt),
        StoreCommand::Import(args) => import::run(args, ui, interrupt),
    }
}
