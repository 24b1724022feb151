//! A registry that misbehaves as it is told: refuses, stalls, cuts, lies.
//!
//! Not a registry for content: it knows no manifests and checks nothing. Each path has a script of [`Answer`]s, of which the
//! last stays; a path without a script is answered 404, and `/v2/` 200. One connection carries one request (RFC 9112), so
//! that a fault ends where it was put.

mod answer;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use answer::Answer;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `HEAD`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `Accept` header.
    pub accept: Option<String>,
}

/// The body of one answer, as far as it went: bytes handed to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Path and query of the request.
    pub path: String,
    /// Where in the blob the body begins.
    pub from: u64,
    /// How many bytes went.
    pub bytes: u64,
}

/// A registry on 127.0.0.1; it ends when dropped.
#[derive(Debug)]
pub struct FaultRegistry {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    scripts: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    seen: Mutex<Vec<Seen>>,
    sent: Mutex<Vec<Sent>>,
    ended: AtomicBool,
}

impl FaultRegistry {
    /// Starts to listen on a port of its own.
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts to listen there: where another one was that has ended.
    ///
    /// # Errors
    /// What the system says.
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    /// `127.0.0.1:PORT`
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests for `path` (without query) with `answers` in turn, and with the last of them from then on.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        lock(&self.shared.scripts).insert(path.to_owned(), answers);
    }

    /// The requests so far, in their order.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// What went out so far, in the order of the requests.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.shared.sent).clone()
    }

    /// How many requests there were for `path` (without query).
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        let seen = lock(&self.shared.seen);
        seen.iter()
            .filter(|seen| without_query(&seen.path) == path)
            .count()
    }
}

impl Drop for FaultRegistry {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; it looks at the flag.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::Relaxed) {
            return;
        }
        let shared = Arc::clone(shared);
        // A client that goes away is no fault of this registry.
        thread::spawn(move || stream.and_then(|stream| converse(stream, &shared)).ok());
    }
}

fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let seen = wire::read_request(&mut stream)?;
    lock(&shared.seen).push(seen.clone());
    let (answer, from) = shared.answer(&seen).for_range(&seen);
    let number = {
        let mut all = lock(&shared.sent);
        let path = seen.path.clone();
        all.push(Sent {
            path,
            from,
            bytes: 0,
        });
        all.len() - 1
    };
    let mut sent = |bytes| lock(&shared.sent)[number].bytes += bytes;
    wire::send(stream, &seen, &answer, &shared.ended, &mut sent)
}

impl Shared {
    fn answer(&self, seen: &Seen) -> Answer {
        let path = without_query(&seen.path);
        let mut scripts = lock(&self.scripts);
        let Some(script) = scripts.get_mut(path) else {
            return Answer::status(if path == "/v2/" { 200 } else { 404 });
        };
        let refusal = script.front().and_then(|next| next.refusal(seen));
        if let Some(refusal) = refusal {
            return refusal;
        }
        let next = if script.len() > 1 {
            script.pop_front()
        } else {
            script.front().cloned()
        };
        next.unwrap_or_else(|| Answer::status(404))
    }
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
