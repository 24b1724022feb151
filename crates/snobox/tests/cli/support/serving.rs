//! `snobox serve` in the background.

use std::net::SocketAddr;
use std::path::Path;

use super::{Running, Sandbox};

/// Ends with its value.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    running: Running,
}

impl Serving {
    pub(crate) fn start(sandbox: &Sandbox, store: &Path) -> Self {
        let store = store.to_str().unwrap();
        let mut running = sandbox.start(&["serve", "--store", store, "--listen", "127.0.0.1:0"]);
        running.until("the address", |r| r.stderr().contains("Ctrl-C stops"));
        let talk = running.stderr();
        let (_, rest) = talk.split_once("http://").unwrap();
        let address = rest.split(',').next().unwrap().parse().unwrap();
        Self { address, running }
    }

    pub(crate) fn running(self) -> Running {
        self.running
    }
}
