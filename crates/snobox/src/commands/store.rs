//! `snobox store`: a store as a tool of its own.

mod fsck;
mod gc;
mod ls;

use crate::cli::StoreCommand;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// From subcommand to function.
pub fn run(command: &StoreCommand, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    match command {
        StoreCommand::Ls { store } => ls::run(store, ui),
        StoreCommand::Fsck { store, repair } => fsck::run(store, *repair, ui, interrupt),
        StoreCommand::Gc(args) => gc::run(args, ui),
    }
}
