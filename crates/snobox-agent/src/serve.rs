//! `snobox-agent serve`: the cache as a read-only registry on loopback.
//!
//! Plain HTTP and no credentials are enough because nobody but this machine can reach it, and because clients hash what they get.
//! The index must be the one that the image pins; what the index does not name is not served. Readiness is told to systemd when the
//! server has answered a request of its own, not before. Runs on one thread, with a few more that wait for the disk.

mod damage;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use snobox_formats::digest::Digest;
use snobox_image::sums::Sums;
use snobox_registry::server::{Access, Catalog, Server, ServerError};
use snobox_store::{Store, StoreError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};

use crate::report::{Failure, Reporter, reasons};
use damage::Damage;

/// Threads that wait for the disk.
const DISK_THREADS: usize = 4;
/// How long an answer to the server's own request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long requests in flight may go on after the signal to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The store: an OCI image layout.
    #[arg(long)]
    store: PathBuf,
    /// Where to listen; an address of loopback.
    #[arg(long, default_value = "127.0.0.1:22626")]
    listen: SocketAddr,
    /// Digest of the store's index.json, as the image pins it.
    #[arg(long)]
    index: Digest,
    /// Quick sums of the store's blobs; without them blobs are hashed.
    #[arg(long)]
    sums: Option<PathBuf>,
}

/// Serves until a signal says stop.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, reporter: &Reporter) -> Result<(), Failure> {
    if !args.listen.ip().is_loopback() {
        let message = format!(
            "the registry must not listen on {}: expected an address of loopback, 127.0.0.1 or ::1",
            args.listen
        );
        return Err(reporter.failed(message, "start it with --listen 127.0.0.1:22626"));
    }
    reporter.working("reading the index of the software on the stick", None);
    let catalog = Store::open(&args.store)
        .map_err(ServerError::from)
        .and_then(|store| Ok((Catalog::pinned(&store, args.index)?, store)));
    let (catalog, store) = catalog.map_err(|error| refused(&error, reporter))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(DISK_THREADS)
        .build()
        .map_err(|error| {
            let message = format!("the registry cannot start: {error}");
            reporter.failed(message, "switch the machine off and on")
        })?;
    let sums = args.sums.as_deref().map(read_sums).unwrap_or_default();
    let result = runtime.block_on(serve(args.listen, store, catalog, sums, reporter));
    // A thread may still wait for the disk; nobody waits for it.
    runtime.shutdown_background();
    result
}

/// Reads the sums. That they are damaged is worth a line and nothing more: blobs are hashed then.
fn read_sums(path: &Path) -> Sums {
    let read = std::fs::read(path).map_err(|error| error.to_string());
    let sums = read.and_then(|bytes| Sums::parse(&bytes).map_err(|error| error.to_string()));
    sums.unwrap_or_else(|why| {
        eprintln!(
            "snobox-agent: {}: {why}; blobs are hashed instead",
            path.display()
        );
        Sums::default()
    })
}

async fn serve(
    listen: SocketAddr,
    store: Store,
    catalog: Catalog,
    sums: Sums,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let stop = async {
        let (mut term, mut int) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        Ok::<(), io::Error>(())
    };
    let damage = Arc::new(Damage::new(reporter.clone(), catalog.findings()));
    let images = catalog.images();
    let server = Server::with_catalog(listen, store, catalog, Access::Anonymous);
    let server = server.await.map_err(|error| refused(&error, reporter))?;
    let address = server.address();
    let server = server.with_sums(sums.iter()).on_damage({
        let damage = Arc::clone(&damage);
        move |finding| damage.found(finding)
    });

    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut serving = tokio::spawn(server.serve(async {
        // It is dropped when the signal comes; both ways mean stop.
        let _ = stopped.await;
    }));
    tokio::time::timeout(PATIENCE, answers(address))
        .await
        .unwrap_or_else(|elapsed| Err(elapsed.into()))
        .map_err(|error| {
            let message = format!("the registry on {address} does not answer: {error}");
            reporter.failed(message, "switch the machine off and on")
        })?;
    damage.ready(&format!("serving {images} images on {address}"));
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    let ended = tokio::select! {
        ended = &mut serving => Some(ended),
        told = stop => {
            told.map_err(|error| reporter.failed(format!("cannot wait for signals: {error}"), "switch the machine off and on"))?;
            None
        }
    };
    drop(stopping);
    match ended {
        // Clients that do not come to an end are left behind.
        None => drop(tokio::time::timeout(FAREWELL, serving).await),
        Some(Ok(Err(error))) => return Err(refused(&error, reporter)),
        Some(_) => {}
    }
    Ok(())
}

/// Asks the server as a client would.
async fn answers(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("HEAD /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let line = answer.split(|byte| *byte == b'\r').next();
    match line {
        Some(b"HTTP/1.1 200 OK") => Ok(()),
        _ => {
            let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
            Err(io::Error::other(format!(
                "expected HTTP/1.1 200 OK, found {line:?}"
            )))
        }
    }
}

/// Why there is nothing to serve, and what to do.
fn refused(error: &ServerError, reporter: &Reporter) -> Failure {
    let message = format!("cannot serve the software on the stick: {}", reasons(error));
    let action = match error {
        ServerError::Listen { .. } | ServerError::Serve { .. } => "switch the machine off and on",
        ServerError::WrongIndex { .. }
        | ServerError::Store(
            StoreError::NotAStore { .. } | StoreError::Version { .. } | StoreError::Index { .. },
        ) => "this stick does not hold what its image says: write the stick again",
        ServerError::Store(_) => "write the stick again; if that does not help, use another stick",
    };
    reporter.failed(message, action)
}
