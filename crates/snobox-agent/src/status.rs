//! `snobox-agent status`.

use crate::report::Failure;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(_args: &Args, _folder: &std::path::Path) -> Result<(), Failure> {
    Ok(())
}
