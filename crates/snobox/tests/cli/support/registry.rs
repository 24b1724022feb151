//! The practice release's registry in the background.

use std::net::SocketAddr;

use super::{Running, Sandbox};

/// Ends with its value.
pub(crate) struct PracticeRegistry {
    pub(crate) address: SocketAddr,
    _running: Running,
    _folder: Sandbox,
}

impl PracticeRegistry {
    pub(crate) fn start() -> Self {
        let folder = Sandbox::new();
        let mut running = folder.start(&["serve", "--practice", "--listen", "127.0.0.1:0"]);
        running.until("the address", |r| r.stderr().contains("Ctrl-C stops"));
        let talk = running.stderr();
        let (_, rest) = talk.split_once("http://").unwrap();
        let address = rest.split(',').next().unwrap().parse().unwrap();
        Self {
            address,
            _running: running,
            _folder: folder,
        }
    }
}
