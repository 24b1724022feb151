//! `snobox catalog`: what an operator catalog holds, and what an image set chooses from it.

mod list;
mod select;
mod sizes;

use std::sync::Arc;

use snobox_catalog::catalog::Catalog;
use snobox_formats::pull_secret::PullSecret;
use snobox_registry::client::Mirror;
use snobox_store::Store;

use crate::cli::{CatalogCommand, RegistryArgs};
use crate::error::{Error, Exit, Result};
use crate::flow::catalog::{self, NO_REGISTRY, Named};
use crate::flow::line::{Line, Pace, Retries};
use crate::flow::source::Source;
use crate::input;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// Catalogs hold the same for every architecture; what is asked is how large images are.
const ARCHITECTURE: &str = "amd64";

/// Lists or selects.
pub async fn run(command: &CatalogCommand, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
    match command {
        CatalogCommand::List {
            catalog,
            package,
            channel,
            sizes,
            registry,
        } => {
            let asked = list::Asked {
                package: package.as_deref(),
                channel: channel.as_deref(),
                sizes: *sizes,
            };
            let mut sources = Sources::new(registry, ui, interrupt);
            list::run(catalog, &asked, &mut sources).await
        }
        CatalogCommand::Select {
            image_set,
            catalogs,
            registry,
        } => {
            let mut sources = Sources::new(registry, ui, interrupt);
            select::run(image_set, catalogs, &mut sources).await
        }
    }
}

/// Where catalogs come from. Store and registries are not touched before they are needed: a folder of documents needs neither.
struct Sources<'a> {
    args: &'a RegistryArgs,
    ui: &'a Ui,
    interrupt: &'a Interrupt,
    opened: Option<Line<'a>>,
}

impl<'a> Sources<'a> {
    fn new(args: &'a RegistryArgs, ui: &'a Ui, interrupt: &'a Interrupt) -> Self {
        Self {
            args,
            ui,
            interrupt,
            opened: None,
        }
    }

    /// The line to the registries.
    fn line(&mut self) -> Result<&Line<'a>> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => self.open()?,
        };
        Ok(self.opened.insert(opened))
    }

    fn open(&self) -> Result<Line<'a>> {
        let secret = self.args.pull_secret.as_ref().map(|path| {
            let failed = |e: &(dyn std::error::Error + 'static)| {
                Error::caused(Exit::PullSecret, path.display().to_string(), e)
            };
            let text = input::read_text(path).map_err(|e| failed(&e))?;
            PullSecret::parse(&text).map_err(|e| failed(&e))
        });
        let source = Source {
            authorities: self.args.ca.as_deref(),
            ..Source::default()
        };
        let mirror = |(source, place): &(String, String)| Mirror {
            source: source.clone(),
            mirrors: vec![place.clone()],
        };
        let mirrors = self.args.mirrors.iter().map(mirror).collect();
        let client = source.client(secret.transpose()?, mirrors)?;
        let store = Arc::new(Store::create(&self.args.store)?);
        let writing = store.lock()?;
        Ok(Line {
            client,
            store,
            writing,
            pace: Pace::default(),
            retries: Retries::default(),
            ui: self.ui,
            interrupt: self.interrupt,
        })
    }

    /// The catalog of that name.
    async fn catalog(&mut self, named: &Named) -> Result<Catalog> {
        match named {
            Named::Files(path) => catalog::read_files(path, self.ui),
            Named::Layout(path) => {
                let name = format!("{NO_REGISTRY}/catalog").parse();
                let name = name.map_err(|e| Error::internal("the name of a catalog", &e))?;
                let pulling = catalog::pull_layout(self.line()?, path, &name, ARCHITECTURE, None);
                Ok(pulling.await?.catalog)
            }
            Named::Image(image) => {
                let pulled = catalog::pull(self.line()?, image, ARCHITECTURE).await?;
                Ok(pulled.catalog)
            }
        }
    }
}
