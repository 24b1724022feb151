//! HTTP/2: many blobs over one connection, judged by hyper's server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use snobox_formats::digest::Digest;
use snobox_registry::client::{Client, Setup};
use snobox_registry::pull::Pinned;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::workbench::{Bench, OneBlob, PATIENCE, run};

/// A registry that speaks nothing but HTTP/2 over TLS. Ends with the test's process.
struct Registry {
    address: SocketAddr,
    pem: String,
    /// Connections on which HTTP/2 was spoken.
    connections: Arc<AtomicUsize>,
    /// Path and version of each request.
    seen: Arc<Mutex<Vec<(String, Version)>>>,
}

impl Registry {
    fn start(blobs: BTreeMap<String, Vec<u8>>) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap(),
            pem: made.cert.pem(),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let (connections, seen) = (registry.connections.clone(), registry.seen.clone());
        let blobs = Arc::new(blobs);
        thread::spawn(move || {
            run(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    // The probe for plain HTTP is no handshake.
                    let Ok(tls) = acceptor.accept(stream).await else {
                        continue;
                    };
                    connections.fetch_add(1, Ordering::Relaxed);
                    let (seen, blobs) = (seen.clone(), blobs.clone());
                    let service = service_fn(move |request: Request<Incoming>| {
                        let path = request.uri().path().to_owned();
                        let body = blobs.get(&path).cloned();
                        seen.lock().unwrap().push((path, request.version()));
                        let mut answer = Response::new(Full::new(Bytes::new()));
                        match body {
                            Some(bytes) => *answer.body_mut() = Full::new(bytes.into()),
                            None => *answer.status_mut() = hyper::StatusCode::NOT_FOUND,
                        }
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    tokio::spawn(
                        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(tls), service),
                    );
                }
            });
        });
        registry
    }
}

#[test]
fn many_blobs_come_over_one_connection_at_the_same_time() {
    // Larger than the window of a stream, so that it has to be opened again and again.
    let blobs: Vec<OneBlob> = (0..12).map(|n| OneBlob::new(3_000_000 + n)).collect();
    let registry = Registry::start(
        blobs
            .iter()
            .map(|blob| (blob.path(), blob.bytes.clone()))
            .collect(),
    );
    let mut setup = Setup {
        patience: PATIENCE,
        ..Setup::default()
    };
    setup.trust_pem(registry.pem.as_bytes()).unwrap();
    let client = Client::with(setup).unwrap();
    let bench = Bench::new();
    let images: Vec<Pinned> = blobs
        .iter()
        .map(|blob| blob.image(registry.address))
        .collect();
    // Only after the first handshake does the client know what the registry speaks. On one runtime, where the connection lives.
    let (first, others) = run(async {
        let first = bench.fetch_with(&client, &images[..1], 1).await;
        (first, bench.fetch_with(&client, &images[1..], 6).await)
    });
    let (first, others) = (first.unwrap(), others.unwrap());
    assert_eq!(first.fetched_blobs + others.fetched_blobs, 12);
    assert_eq!(first.retries + others.retries, 0);
    for blob in &blobs {
        let kept = std::fs::read(bench.store.blob_path(blob.digest)).unwrap();
        assert_eq!(Digest::of(&kept), blob.digest);
    }
    assert_eq!(registry.connections.load(Ordering::Relaxed), 1);
    let seen = registry.seen.lock().unwrap();
    assert_eq!(seen.len(), 12, "{seen:?}");
    assert!(seen.iter().all(|(_, version)| *version == Version::HTTP_2));
}
