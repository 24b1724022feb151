//! `snobox catalog`: what an operator catalog holds, and what an image set chooses from it.

mod list;
mod select;

use crate::cli::CatalogCommand;
use crate::error::Result;
use crate::ui::Ui;

/// Lists or selects.
pub fn run(command: &CatalogCommand, ui: &Ui) -> Result<()> {
    match command {
        CatalogCommand::List {
            catalog,
            package,
            channel,
        } => list::run(catalog, package.as_deref(), channel.as_deref(), ui),
        CatalogCommand::Select {
            image_set,
            catalogs,
        } => select::run(image_set, catalogs, ui),
    }
}
