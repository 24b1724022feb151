//! Memory stays flat, whatever is served to however many.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::json;

use super::agent::{Agent, sha256};

const LAYER_BYTES: u64 = 200 << 20;
const MOST_KIB: u64 = 16 * 1024;

/// Puts a blob into a layout; returns its descriptor.
fn put(folder: &Path, media_type: &str, write: impl FnOnce(&mut File)) -> serde_json::Value {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let new = blobs.join("new");
    write(&mut File::create(&new).unwrap());
    let digest = sha256(&new);
    let size = fs::metadata(&new).unwrap().len();
    fs::rename(&new, blobs.join(&digest[7..])).unwrap();
    json!({ "mediaType": media_type, "digest": digest, "size": size })
}

/// A layout with one image of one layer of zeros, which takes no room on the disk; returns the layer's digest.
fn large_layout(folder: &Path) -> String {
    let layer = put(
        folder,
        "application/vnd.oci.image.layer.v1.tar",
        |file: &mut File| {
            file.set_len(LAYER_BYTES).unwrap();
        },
    );
    let config = put(
        folder,
        "application/vnd.oci.image.config.v1+json",
        |file: &mut File| {
            file.write_all(b"{}").unwrap();
        },
    );
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer] });
    let mut entry = put(folder, kind, |file: &mut File| {
        file.write_all(manifest.to_string().as_bytes()).unwrap();
    });
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "r.lan/large:1" });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    layer["digest"].as_str().unwrap().to_owned()
}

/// The largest resident size that the process has had, in KiB.
fn peak_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().strip_suffix(" kB").unwrap();
    number.parse().unwrap()
}

/// Reads a blob and throws it away; returns how many bytes came behind the headers.
fn drain(agent: &Agent, path: &str) -> u64 {
    let mut stream = TcpStream::connect(agent.address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return total,
            count => total += count as u64,
        }
    }
}

#[test]
fn two_hundred_mebibytes_to_four_clients_stay_below_sixteen() {
    let store = tempfile::tempdir().unwrap();
    let path = format!("/v2/r.lan/large/blobs/{}", large_layout(store.path()));
    let agent = Agent::start(store.path());
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| drain(&agent, &path)))
            .collect();
        for client in clients {
            assert_eq!(client.join().unwrap(), LAYER_BYTES);
        }
    });
    // Clients that take nothing hold pieces too.
    let stuck: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(agent.address).unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let peak = peak_kib(agent.id());
    drop(stuck);
    println!("peak resident size: {peak} KiB");
    assert!(peak < MOST_KIB, "{peak} KiB");
}
