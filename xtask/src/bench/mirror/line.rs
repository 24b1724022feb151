//! A thin line in front of a registry: so many bytes in a second for all connections together, a delay each way, and resets.
//!
//! It forwards TCP byte by byte. What comes down is sent through one queue at the line's rate; half of the round trip is added in each direction,
//! and a whole one to a new connection, as its handshake takes. Every so often all connections end with a reset. Not modelled: loss of single
//! packets and TCP's slow start, which a long-lived connection hardly notices.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes forwarded at once: some ten packets.
const PIECE_BYTES: usize = 16 << 10;
/// Pieces on their way in one connection: what a stream may have on a line of 50 Mbit/s and 40 ms.
const IN_FLIGHT: usize = 16;
/// How soon a thread sees that its connection was reset.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a line is like.
#[derive(Clone, Copy)]
pub struct Quality {
    pub bytes_per_second: f64,
    pub round_trip: Duration,
    pub reset_every: Duration,
}

/// A line; it ends with the process.
pub struct Line {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    quality: Quality,
    /// When the queue of the line is empty.
    free_at: Mutex<Instant>,
    /// Connections of an older age are reset.
    age: AtomicU64,
    resets: AtomicU64,
    down_bytes: AtomicU64,
}

impl Line {
    /// A line to `registry`.
    pub fn to(registry: SocketAddr, quality: Quality) -> Result<Self, String> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).map_err(|e| format!("no free port: {e}"))?;
        let address = listener
            .local_addr()
            .map_err(|e| format!("no address: {e}"))?;
        let state = Arc::new(State {
            quality,
            free_at: Mutex::new(Instant::now()),
            age: AtomicU64::new(0),
            resets: AtomicU64::new(0),
            down_bytes: AtomicU64::new(0),
        });
        let cutting = Arc::clone(&state);
        thread::spawn(move || {
            loop {
                thread::sleep(quality.reset_every);
                cutting.age.fetch_add(1, Ordering::Relaxed);
            }
        });
        let connecting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&connecting);
                // A connection that cannot be made is one that breaks: the client's business.
                thread::spawn(move || state.connection(client, registry));
            }
        });
        Ok(Self { address, state })
    }

    /// Connections reset so far.
    pub fn resets(&self) -> u64 {
        self.state.resets.load(Ordering::Relaxed)
    }

    /// Bytes that came down so far, with headers and what was lost in resets.
    pub fn down_bytes(&self) -> u64 {
        self.state.down_bytes.load(Ordering::Relaxed)
    }
}

impl State {
    fn connection(self: Arc<Self>, client: TcpStream, registry: SocketAddr) -> io::Result<()> {
        let age = self.age.load(Ordering::Relaxed);
        thread::sleep(self.quality.round_trip);
        let server = TcpStream::connect(registry)?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(LOOK_EVERY))?;
            // Closed with a reset, whatever is on its way.
            rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
        }
        let open = Arc::new(AtomicBool::new(true));
        let (up, down) = (
            Way {
                from: client.try_clone()?,
                to: server.try_clone()?,
                thin: false,
            },
            Way {
                from: server,
                to: client,
                thin: true,
            },
        );
        let other = (Arc::clone(&self), Arc::clone(&open));
        let upward = thread::spawn(move || other.0.forward(up, age, &other.1));
        self.forward(down, age, &open);
        drop(upward.join());
        if self.age.load(Ordering::Relaxed) != age {
            self.resets.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// One direction, until it ends, the other one ends, or the line is reset.
    fn forward(&self, way: Way, age: u64, open: &AtomicBool) {
        let Way { mut from, to, thin } = way;
        let (sender, receiver) = sync_channel(IN_FLIGHT);
        thread::scope(|scope| {
            scope.spawn(|| self.deliver(to, receiver, age, open));
            let mut piece = vec![0; PIECE_BYTES];
            while open.load(Ordering::Relaxed) && self.age.load(Ordering::Relaxed) == age {
                let count = match from.read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                        ) =>
                    {
                        continue;
                    }
                    Err(_) => break,
                };
                if !self.send(&sender, piece[..count].to_vec(), thin) {
                    break;
                }
            }
            drop(sender);
        });
        open.store(false, Ordering::Relaxed);
    }

    /// Puts a piece on the line; `false` when nobody takes it.
    fn send(&self, sender: &SyncSender<(Instant, Vec<u8>)>, piece: Vec<u8>, thin: bool) -> bool {
        let mut at = Instant::now();
        if thin {
            self.down_bytes
                .fetch_add(piece.len() as u64, Ordering::Relaxed);
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let seconds = piece.len() as f64 / self.quality.bytes_per_second;
            *free_at = at.max(*free_at) + Duration::from_secs_f64(seconds);
            at = *free_at;
        }
        sender
            .send((at + self.quality.round_trip / 2, piece))
            .is_ok()
    }

    fn deliver(
        &self,
        mut to: TcpStream,
        pieces: Receiver<(Instant, Vec<u8>)>,
        age: u64,
        open: &AtomicBool,
    ) {
        for (at, piece) in pieces {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if self.age.load(Ordering::Relaxed) != age || to.write_all(&piece).is_err() {
                break;
            }
        }
        open.store(false, Ordering::Relaxed);
    }
}

/// A direction.
struct Way {
    from: TcpStream,
    to: TcpStream,
    thin: bool,
}
