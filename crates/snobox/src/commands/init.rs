//! `snobox init`.

use crate::cli::InitArgs;
use crate::error::Result;
use crate::ui::Ui;

/// Writes a site file.
pub fn run(_args: &InitArgs, _ui: &Ui) -> Result<()> {
    Ok(())
}
