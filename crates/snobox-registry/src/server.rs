//! The read-only server: what a store's index names, and nothing else.
//!
//! Repositories have the upstream's whole name: `quay.io/openshift-release-dev/ocp-release` is served as
//! `/v2/quay.io/openshift-release-dev/ocp-release/…`, so that one server can stand in for every registry. Answers pulls only:
//! manifests by digest and by tag, blobs with ranges, tag lists. Listens where it is told to; nothing is ever written.

mod access;
mod catalog;
mod respond;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use snobox_store::{Store, StoreError};
use tokio::net::TcpListener;

pub use access::Access;
pub use catalog::Catalog;

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    state: Arc<ServerState>,
}

pub(crate) struct ServerState {
    store: Store,
    catalog: Catalog,
    access: Access,
    address: SocketAddr,
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
        let catalog = Catalog::of(&store)?;
        let listen = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let state = Arc::new(ServerState {
            store,
            catalog,
            access,
            address,
        });
        Ok(Self {
            listener,
            address,
            state,
        })
    }

    /// Where it listens; the port is a real one also when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves.
    pub fn catalog(&self) -> &Catalog {
        &self.state.catalog
    }

    /// Serves until `shutdown` is ready; requests in flight are finished.
    ///
    /// # Errors
    /// [`ServerError::Serve`].
    pub async fn serve(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let address = self.address;
        let app = axum::Router::new().fallback(answer).with_state(self.state);
        let serving = axum::serve(self.listener, app).with_graceful_shutdown(shutdown);
        serving
            .await
            .map_err(|source| ServerError::Serve { address, source })
    }
}

async fn answer(State(state): State<Arc<ServerState>>, request: Request) -> Response {
    respond::answer(&state, &request.into_parts().0).await
}
