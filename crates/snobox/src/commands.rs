//! One module for each command.

mod build;
mod catalog;
mod certs;
mod check;
mod demo;
mod ignition;
mod init;
mod iso;
mod mirror;
mod plan;
mod push;
mod release;
mod serve;
mod store;
mod verify;

use crate::cli::Command;
use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// From command to function.
pub async fn run(command: Command, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    match command {
        Command::Init(args) => init::run(&args, ui),
        Command::Check(args) => check::run(&args, ui),
        Command::Plan(args) => plan::run(&args, ui, interrupt).await,
        Command::Mirror(args) => mirror::run(&args, ui, interrupt).await,
        Command::Build(args) => build::run(&args, ui, interrupt),
        Command::Verify(args) => verify::run(&args, ui, interrupt),
        Command::Iso(command) => iso::run(&command, ui),
        Command::Ignition(command) => ignition::run(&command, ui),
        Command::Catalog(command) => catalog::run(&command, ui, interrupt).await,
        Command::Release(command) => release::run(&command, ui, interrupt).await,
        Command::Certs(command) => certs::run(&command, ui),
        Command::Store(command) => store::run(&command, ui, interrupt).await,
        Command::Push(args) => push::run(&args, ui, interrupt).await,
        Command::Serve(args) => serve::run(&args, ui, interrupt).await,
        Command::Demo(args) => demo::run(&args, ui, interrupt).await,
        Command::PracticeInstaller { args } => practice_installer(&args),
    }
}

/// The stand-in prints for itself, as the program does whose place it takes.
fn practice_installer(args: &[String]) -> Result<()> {
    match snobox_testkit::installer::main(args) {
        0 => Ok(()),
        _ => Err(Error::new(Exit::Installer, "the practice installer failed")),
    }
}
