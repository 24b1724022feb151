//! Ctrl-C and SIGTERM: the first asks everything to stop cleanly, the second ends the process.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Exit, Result};

/// Whether the user wants to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(CancellationToken);

#[derive(Debug)]
struct Interruption;

impl std::fmt::Display for Interruption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interruption {}

/// Whether an IO error was made by [`Interrupt::check`].
pub fn is_interruption(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<Interruption>())
}

impl Interrupt {
    /// Starts to listen for signals; needs a runtime.
    pub fn listen() -> Result<Self> {
        let token = CancellationToken::new();
        let listen =
            |kind| signal(kind).map_err(|e| Error::internal("cannot listen for signals", &e));
        let (mut int, mut term) = (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
        );
        let stop = token.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = int.recv() => {}
                    _ = term.recv() => {}
                }
                if stop.is_cancelled() {
                    std::process::exit(Exit::Interrupted as i32);
                }
                stop.cancel();
            }
        });
        Ok(Self(token))
    }

    /// Whether the user wants to stop.
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// An error if the user wants to stop, for loops over bytes.
    pub fn check(&self) -> io::Result<()> {
        if self.is_set() {
            Err(io::Error::other(Interruption))
        } else {
            Ok(())
        }
    }

    /// Ready when the user wants to stop.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// `work`, unless the user stops it: then it is dropped.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.wait() => Err(Error::interrupted()),
            result = work => Ok(result),
        }
    }
}
