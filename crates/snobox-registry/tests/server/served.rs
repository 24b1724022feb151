//! A server over the practice release, in a thread of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use snobox_formats::digest::Digest;
use snobox_registry::server::{Access, Server};
use snobox_store::Store;
use snobox_testkit::practice::Practice;
use tokio::sync::oneshot;

use super::shared_layout::LAYOUT;

/// What is served, written once for all tests.
pub(crate) fn practice() -> &'static Practice {
    &LAYOUT.practice
}

/// The practice layout; not to be changed.
pub(crate) fn layout() -> &'static Path {
    &LAYOUT.folder
}

/// A blob of the practice layout, read from its file.
pub(crate) fn blob(digest: &str) -> Vec<u8> {
    let hex = digest.strip_prefix("sha256:").unwrap();
    fs::read(layout().join("blobs/sha256").join(hex)).unwrap()
}

pub(crate) fn json(digest: &str) -> Value {
    serde_json::from_slice(&blob(digest)).unwrap()
}

/// Digest of a component of the release.
pub(crate) fn component(wanted: &str) -> String {
    let mut components = practice().components.iter();
    let (_, spec) = components.find(|(name, _)| name == wanted).unwrap();
    spec.split_once('@').unwrap().1.to_owned()
}

/// A running server; it ends when dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    damage: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves the practice release to everybody.
    pub(crate) fn practice() -> Self {
        Self::start(layout(), Access::Anonymous)
    }

    pub(crate) fn start(store: &Path, access: Access) -> Self {
        Self::with_sums(store, access, Vec::new())
    }

    /// Of a store that changes.
    pub(crate) fn following(store: &Path) -> Self {
        Self::with(store, Access::Anonymous, Server::following)
    }

    /// With quick sums of blobs.
    pub(crate) fn with_sums(store: &Path, access: Access, sums: Vec<(Digest, u128)>) -> Self {
        Self::with(store, access, |server| server.with_sums(sums))
    }

    fn with(
        store: &Path,
        access: Access,
        set_up: impl FnOnce(Server) -> Server + Send + 'static,
    ) -> Self {
        let store = Store::open(store).unwrap();
        let (address, started) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let damage = Arc::<Mutex<Vec<String>>>::default();
        let found = Arc::clone(&damage);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
                let server = Server::bind(any_port, store, access).await.unwrap();
                let server = set_up(server).on_damage(move |finding| {
                    let digest = finding.digest().unwrap().to_string();
                    found.lock().unwrap().push(digest);
                });
                address.send(server.address()).unwrap();
                let stopped = async {
                    stopped.await.ok();
                };
                server.serve(stopped).await.unwrap();
            });
        });
        Self {
            address: started.recv().unwrap(),
            damage,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The blobs that turned out damaged, each time that the server said so.
    pub(crate) fn damage(&self) -> Vec<String> {
        self.damage.lock().unwrap().clone()
    }

    /// Tells the server to stop; whether it has within `patience`.
    pub(crate) fn stops_within(mut self, patience: Duration) -> bool {
        drop(self.stop.take());
        let thread = self.thread.take().unwrap();
        let deadline = Instant::now() + patience;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        thread.is_finished()
    }

    /// `127.0.0.1:PORT/<upstream name>`
    pub(crate) fn name(&self, upstream: &str) -> String {
        format!("{}/{upstream}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A client may keep its connection; the thread then ends with the process.
        drop(self.thread.take());
    }
}
