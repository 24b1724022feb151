//! `snobox-agent disk`.

use crate::report::Failure;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(_args: &Args, reporter: &crate::report::Reporter) -> Result<(), Failure> {
    Err(reporter.failed("not there yet", "wait"))
}
