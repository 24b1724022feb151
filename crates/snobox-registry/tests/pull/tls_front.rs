//! TLS in front of a misbehaving registry, and a proxy that leads there: by rustls and std, one request for each connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::ServerConfig;
use rustls::StreamOwned;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;

/// RFC 8446, 6: an alert record, fatal (2), handshake_failure (40).
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// Ends with the test's process.
pub(crate) struct TlsFront {
    pub(crate) address: SocketAddr,
    /// The certificate that it shows, which is its own authority.
    pub(crate) pem: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    alerts: AtomicUsize,
    alert_after: AtomicUsize,
    offered: Mutex<Vec<Vec<u8>>>,
}

impl TlsFront {
    /// In front of `backend`, under the name `registry.test.example` and on loopback.
    pub(crate) fn start(backend: SocketAddr) -> Self {
        let names = ["registry.test.example", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        let address = listen(move |stream| {
            accepting.connections.fetch_add(1, Ordering::Relaxed);
            serve(stream, &config, backend, &accepting)
        });
        Self {
            address,
            pem: made.cert.pem(),
            shared,
        }
    }

    /// Answers the next `count` handshakes with an alert.
    pub(crate) fn alert(&self, count: usize) {
        self.shared.alerts.store(count, Ordering::Relaxed);
    }

    /// Breaks the next answer off with an alert after so many of its bytes.
    pub(crate) fn alert_after(&self, bytes: usize) {
        self.shared.alert_after.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The protocols that the last client offered.
    pub(crate) fn offered(&self) -> Vec<Vec<u8>> {
        self.shared.offered.lock().unwrap().clone()
    }
}

/// A proxy that knows one way, whatever it is asked for; remembers what that was.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start(target: SocketAddr) -> Self {
        Self::guarded(target, "")
    }

    /// Only for heads that have this line; others are answered 407.
    pub(crate) fn guarded(target: SocketAddr, wanted: &'static str) -> Self {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let remembered = Arc::clone(&asked);
        let address = listen(move |mut stream| {
            let head = read_head(&mut stream)?;
            let first = head.split(|byte| *byte == b'\r').next().unwrap();
            let first = String::from_utf8_lossy(first).into_owned();
            remembered.lock().unwrap().push(first);
            let all = String::from_utf8_lossy(&head).to_ascii_lowercase();
            if !all.contains(&wanted.to_ascii_lowercase()) {
                let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n";
                return stream.write_all(refusal.as_bytes());
            }
            let mut onward = TcpStream::connect(target)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            let (mut back, mut there) = (stream.try_clone()?, onward.try_clone()?);
            let returning = thread::spawn(move || {
                io::copy(&mut there, &mut back).ok();
                back.shutdown(Shutdown::Write).ok();
            });
            io::copy(&mut stream, &mut onward).ok();
            onward.shutdown(Shutdown::Write).ok();
            returning.join().ok();
            Ok(())
        });
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// One thread for each connection; what goes wrong with one is the client's to notice.
fn listen(converse: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let converse = Arc::new(converse);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let converse = Arc::clone(&converse);
            thread::spawn(move || converse(stream).ok());
        }
    });
    address
}

fn serve(
    mut stream: TcpStream,
    config: &Arc<ServerConfig>,
    backend: SocketAddr,
    shared: &Shared,
) -> io::Result<()> {
    let mut acceptor = Acceptor::default();
    let accepted = loop {
        if acceptor.read_tls(&mut stream)? == 0 {
            return Ok(());
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => break accepted,
            Ok(None) => {}
            Err((_, mut alert)) => return alert.write_all(&mut stream),
        }
    };
    let left = shared
        .alerts
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    if left.is_ok() {
        return stream.write_all(&ALERT);
    }
    let offered = accepted.client_hello().alpn().map(|protocols| {
        let owned = protocols.map(<[u8]>::to_vec);
        owned.collect::<Vec<_>>()
    });
    *shared.offered.lock().unwrap() = offered.unwrap_or_default();
    let connection = accepted
        .into_connection(Arc::clone(config))
        .map_err(|(error, _)| io::Error::other(error))?;
    let mut tls = StreamOwned::new(connection, stream);
    let head = read_head(&mut tls)?;
    let mut onward = TcpStream::connect(backend)?;
    onward.write_all(&head)?;
    let cut = shared.alert_after.swap(0, Ordering::Relaxed);
    if cut > 0 {
        io::copy(&mut onward.take(cut as u64), &mut tls)?;
        tls.flush()?;
        return tls.sock.write_all(&ALERT);
    }
    io::copy(&mut onward, &mut tls)?;
    tls.conn.send_close_notify();
    tls.flush()
}

fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}
