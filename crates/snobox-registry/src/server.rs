//! The read-only server: what a store's index names, and nothing else.
//!
//! Repositories have the upstream's whole name: `quay.io/openshift-release-dev/ocp-release` is served as
//! `/v2/quay.io/openshift-release-dev/ocp-release/…`, so that one server can stand in for every registry. Answers pulls only:
//! manifests by digest and by tag, blobs with ranges, tag lists. Listens where it is told to; nothing is ever written.
//!
//! A damaged blob is never served whole. The first time that a blob is asked for, it is hashed on its way out, or summed where a quick sum of it is known, and its last piece
//! leaves only when digest or sum is right; otherwise the connection breaks. From then on the blob is known: sound ones cost no
//! more hashing, damaged ones are answered with an error that names them. What the index names but the medium does not give is
//! damage too: a 404 would say that the image does not exist.

mod access;
mod blob;
mod body;
mod buffers;
mod catalog;
mod follow;
mod health;
mod range;
mod respond;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use snobox_formats::digest::Digest;
use snobox_formats::layout::Finding;
use snobox_store::{Store, StoreError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub use access::Access;
use buffers::{Buffers, PIECE_BYTES};
pub use catalog::Catalog;
use follow::Following;
use health::Health;

/// How many blobs are on their way out at once; more wait. Each holds up to three pieces, whatever its size.
const BODIES: usize = 24;
/// How often accepting may fail in a row before the server gives up.
const ACCEPT_FAILURES: u32 = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store's index is not the one that was asked for.
    #[error("{path} hashes to {found}: expected {expected}")]
    WrongIndex {
        /// The file.
        path: std::path::PathBuf,
        /// What was asked for.
        expected: Digest,
        /// What is there.
        found: Digest,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Serving stopped.
    #[error("serving on {address} stopped")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: ServerState,
    /// The index that was read at the start.
    begun: Option<Following>,
}

pub(crate) struct ServerState {
    store: Store,
    catalog: RwLock<Arc<Catalog>>,
    /// `None` where what was named at the start is served for ever.
    following: Option<Following>,
    access: Access,
    address: SocketAddr,
    health: Health,
    sums: BTreeMap<Digest, u128>,
    buffers: Arc<Buffers>,
    bodies: Arc<Semaphore>,
}

impl Server {
    /// Reads the store's index and starts to listen.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn bind(
        address: SocketAddr,
        store: Store,
        access: Access,
    ) -> Result<Self, ServerError> {
        let following = Following::of(&store);
        let catalog = Catalog::of(&store)?;
        let mut server = Self::with_catalog(address, store, catalog, access).await?;
        server.begun = Some(following);
        Ok(server)
    }

    /// Starts to listen, to serve what a catalog of this store names.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub async fn with_catalog(
        address: SocketAddr,
        store: Store,
        catalog: Catalog,
        access: Access,
    ) -> Result<Self, ServerError> {
        let listen = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let health = Health::of(catalog.manifests());
        let state = ServerState {
            store,
            catalog: RwLock::new(Arc::new(catalog)),
            following: None,
            access,
            address,
            health,
            sums: BTreeMap::new(),
            buffers: Arc::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
        };
        Ok(Self {
            listener,
            address,
            state,
            begun: None,
        })
    }

    /// Serves what the store's index names at any time, and not only what it named at the start: somebody may fill the store or clean it up
    /// meanwhile. An index that cannot be read changes nothing.
    #[must_use]
    pub fn following(mut self) -> Self {
        let begun = self.begun.take();
        self.state.following = Some(begun.unwrap_or_else(|| Following::of(&self.state.store)));
        self
    }

    /// Calls `tell` once for each blob that turns out damaged while it is served.
    #[must_use]
    pub fn on_damage(mut self, tell: impl Fn(&Finding) + Send + Sync + 'static) -> Self {
        self.state.health.on_damage(tell);
        self
    }

    /// XXH3-128 of blobs, made when they were sound: with one, damage costs a tenth of the work to notice. A blob whose sum is wrong is hashed, so
    /// that a damaged sum makes no blob damaged.
    #[must_use]
    pub fn with_sums(mut self, sums: impl IntoIterator<Item = (Digest, u128)>) -> Self {
        self.state.sums = sums.into_iter().collect();
        self
    }

    /// Where it listens; the port is a real one also when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.state.catalog()
    }

    /// Serves until `shutdown` is ready; requests in flight are finished.
    ///
    /// # Errors
    /// [`ServerError::Serve`].
    pub async fn serve(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let state = Arc::new(self.state);
        let follows = state.following.is_some();
        let following = follows.then(|| tokio::spawn(follow::follow(Arc::clone(&state))));
        let connections = GracefulShutdown::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let mut failures = 0;
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    failures = 0;
                    connect(stream, &state, &connections);
                }
                // Out of files or memory: clients that finish make room.
                Err(_) if failures < ACCEPT_FAILURES => {
                    failures += 1;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Err(source) => {
                    let address = self.address;
                    return Err(ServerError::Serve { address, source });
                }
            }
        }
        // From here on nobody can connect.
        drop(self.listener);
        connections.shutdown().await;
        if let Some(following) = following {
            following.abort();
        }
        Ok(())
    }
}

impl ServerState {
    /// What is served now.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        let catalog = self.catalog.read();
        Arc::clone(&catalog.unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves another catalog from now on. What was damaged may have been mended.
    pub(crate) fn serve_instead(&self, catalog: Catalog) {
        self.health.forget_damage();
        for digest in catalog.manifests() {
            self.health.sound(digest);
        }
        let mut served = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        *served = Arc::new(catalog);
    }
}

fn connect(stream: TcpStream, state: &Arc<ServerState>, connections: &GracefulShutdown) {
    // Answers are written in one go; waiting for more only delays the small ones. It is no error where that cannot be set.
    let _ = stream.set_nodelay(true);
    let state = Arc::clone(state);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(respond::answer(&state, &request.into_parts().0).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        // One piece in hyper's hands is enough; the next one is being read meanwhile.
        .max_buf_size(PIECE_BYTES / 2)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    // How a connection ends is the client's business.
    tokio::spawn(async move { drop(connection.await) });
}
