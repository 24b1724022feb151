//! Uploads into a registry that goes on where the line broke, as the distribution specification has it ("Pushing a blob in chunks").
//!
//! A stand-in, as Debian's `docker-registry` begins such an upload anew: its status after a break, its `Location`s and its `Content-Range`s are
//! those of the specification's text, and it refuses what does not follow.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snobox_formats::digest::Digest;
use snobox_formats::oci::{Descriptor, OCI_MANIFEST};
use snobox_registry::client::{Client, Setup};
use snobox_registry::pull::Patience;
use snobox_registry::push::{self, PushEvent, PushOptions, Target};
use snobox_store::Store;

/// What the stand-in has, and what it saw.
#[derive(Default)]
struct Shelf {
    upload: Vec<u8>,
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
    seen: Vec<String>,
    /// Bytes of uploads that arrived.
    arrived: u64,
    /// The next chunk is cut after so many bytes.
    cuts: Vec<usize>,
    forgets: bool,
}

fn start(shelf: &Arc<Mutex<Shelf>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shelf = Arc::clone(shelf);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shelf = Arc::clone(&shelf);
            std::thread::spawn(move || while answer(&stream, &shelf).is_some() {});
        }
    });
    address
}

/// One request; `None` when the connection is over.
fn answer(stream: &TcpStream, shelf: &Mutex<Shelf>) -> Option<()> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((key, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(key.to_lowercase(), value.to_owned());
    }
    let length: usize = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut shelf = shelf.lock().unwrap();
    shelf.seen.push(format!("{method} {path}"));
    let mut body = vec![0; length];
    if method == "PATCH" && !shelf.cuts.is_empty() {
        let cut = shelf.cuts.remove(0);
        body.truncate(cut);
        reader.read_exact(&mut body).ok()?;
        shelf.arrived += cut as u64;
        if shelf.forgets {
            shelf.upload.clear();
        } else {
            shelf.upload.extend(&body);
        }
        stream.shutdown(std::net::Shutdown::Both).ok();
        return None;
    }
    reader.read_exact(&mut body).ok()?;
    let key = path.rsplit('/').next().unwrap().to_owned();
    let location = "Location: /v2/u/blobs/uploads/1?state=a%2Fb\r\n";
    let range = format!("Range: 0-{}\r\n", shelf.upload.len().saturating_sub(1));
    let (status, more) = match method.as_str() {
        "HEAD" => {
            let there = shelf.blobs.contains_key(&key) || shelf.manifests.contains_key(&key);
            (if there { 200 } else { 404 }, String::new())
        }
        "POST" => {
            shelf.upload.clear();
            (202, location.to_owned())
        }
        "GET" if path.contains("uploads/1") && !shelf.forgets => {
            (204, location.to_owned() + &range)
        }
        "PATCH" if path.ends_with("?state=a%2Fb") => {
            let first = headers["content-range"].split('-').next().unwrap();
            if first == shelf.upload.len().to_string() {
                shelf.arrived += length as u64;
                shelf.upload.extend(&body);
                (202, location.to_owned() + &range)
            } else {
                (416, location.to_owned() + &range)
            }
        }
        "PUT" if path.contains("uploads/1") => {
            let digest = path.split("digest=").nth(1).unwrap().replace("%3A", ":");
            shelf.upload.extend(&body);
            let upload = std::mem::take(&mut shelf.upload);
            if Digest::of(&upload).to_string() == digest {
                shelf.blobs.insert(digest, upload);
                (201, String::new())
            } else {
                (400, String::new())
            }
        }
        "PUT" => {
            shelf.manifests.insert(key, body);
            (201, String::new())
        }
        _ => (404, String::new()),
    };
    let text = format!("HTTP/1.1 {status} x\r\n{more}Content-Length: 0\r\n\r\n");
    let mut stream = stream;
    stream.write_all(text.as_bytes()).ok()
}

/// An image with one large layer, pushed; returns what was lost by the events' account.
fn pushed(shelf: &Arc<Mutex<Shelf>>, layer: &[u8]) -> (push::PushSummary, u64) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::create(&folder.path().join("store")).unwrap());
    let descriptor = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        store.put(digest, bytes).unwrap();
        Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: bytes.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
        }
    };
    let text = |d: &Descriptor| {
        let (kind, digest, size) = (&d.media_type, d.digest, d.size);
        format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}}}"#)
    };
    let config = text(&descriptor(
        "application/vnd.oci.image.config.v1+json",
        b"{}",
    ));
    let layer = text(&descriptor("application/vnd.oci.image.layer.v1.tar", layer));
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[{layer}]}}"#
    );
    let entry = descriptor(OCI_MANIFEST, manifest.as_bytes());
    let target = Target {
        registry: start(shelf).to_string(),
        prefix: String::new(),
        short_names: false,
    };
    let reference = "quay.io/a/b:1".parse().unwrap();
    let image = push::plan(&store, &reference, &entry, &target).unwrap();
    let patience = Patience {
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
        ..Patience::default()
    };
    let setup = Setup {
        patience,
        ..Setup::default()
    };
    let client = Client::with(setup).unwrap();
    let options = PushOptions {
        jobs: 1,
        extra_tags: true,
    };
    let account = Arc::new(Mutex::new((0_u64, 0_u64)));
    let told = Arc::clone(&account);
    let events: push::PushEvents = Arc::new(move |event| {
        let mut told = told.lock().unwrap();
        match event {
            PushEvent::Sent { bytes } => told.0 += bytes,
            PushEvent::Lost { bytes } => told.1 += bytes,
            _ => {}
        }
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (summary, failures) =
        runtime.block_on(push::push(&client, &store, vec![image], options, &events));
    assert!(failures.is_empty(), "{failures:?}");
    let (sent, lost) = *account.lock().unwrap();
    let size: u64 = shelf
        .lock()
        .unwrap()
        .blobs
        .values()
        .map(|b| b.len() as u64)
        .sum();
    assert_eq!(sent - lost, size, "the account of progress");
    (summary, lost)
}

fn layer() -> Vec<u8> {
    (0..20_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[test]
fn a_large_blob_goes_in_chunks_and_on_where_the_line_broke() {
    let layer = layer();
    let shelf = Arc::new(Mutex::new(Shelf {
        cuts: vec![3_000_000, 5_000_000],
        ..Shelf::default()
    }));
    let (summary, _) = pushed(&shelf, &layer);
    let shelf = shelf.lock().unwrap();
    assert_eq!(shelf.blobs[&Digest::of(&layer).to_string()], layer);
    // Not a byte that had arrived came again.
    assert_eq!(shelf.arrived, layer.len() as u64);
    assert_eq!(summary.retries, 2);
    let count = |start: &str| shelf.seen.iter().filter(|s| s.starts_with(start)).count();
    // Two breaks, and the rest of 20 MiB behind the first 8,000,000 bytes fits into one chunk.
    assert_eq!(
        (count("GET /v2/u/"), count("PATCH")),
        (2, 3),
        "{:?}",
        shelf.seen
    );
    assert!(shelf.manifests.contains_key("1"));
    let last = shelf.seen.last().unwrap();
    assert!(
        last.starts_with("PUT /v2/quay.io/a/b/manifests/1"),
        "{last}"
    );
}

#[test]
fn a_registry_that_forgot_the_upload_gets_another_one() {
    let layer = layer();
    let shelf = Arc::new(Mutex::new(Shelf {
        cuts: vec![3_000_000],
        forgets: true,
        ..Shelf::default()
    }));
    let (summary, _) = pushed(&shelf, &layer);
    let shelf = shelf.lock().unwrap();
    assert_eq!(shelf.blobs[&Digest::of(&layer).to_string()], layer);
    assert_eq!(shelf.arrived, layer.len() as u64 + 3_000_000);
    assert_eq!((summary.retries, summary.uploaded_blobs), (1, 2));
}
