//! Debian's docker-registry with its access log, which says how many bytes went out, and the pushing of content into it.
//!
//! Source of truth: OCI distribution specification 1.1, "Pushing blobs" (POST, then PUT) and "Pushing manifests".

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::measure::{Cost, Measured};

const PATIENCE: Duration = Duration::from_secs(30);

/// A registry that answers; it ends when dropped.
pub struct Registry {
    pub address: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Registry {
    /// Starts an empty one.
    pub fn start(program: &Path, folder: &Path) -> Result<Self, String> {
        let address = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("no free port: {error}"))?;
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  cache:\n    blobdescriptor: inmemory\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            folder.join("registry").display()
        );
        let (config, log) = (folder.join("registry.yml"), folder.join("requests"));
        fs::write(&config, text).map_err(|e| format!("{}: {e}", config.display()))?;
        let file = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let child = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let registry = Self {
            address,
            log,
            child,
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                return Err(format!("{} does not answer", program.display()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(registry)
    }

    /// What `work` costs, and what it made the registry send: the last number of each line of the access log (Apache's common format).
    pub fn measure(&self, work: impl FnOnce() -> Result<Cost, String>) -> Result<Measured, String> {
        let read =
            || fs::read_to_string(&self.log).map_err(|e| format!("{}: {e}", self.log.display()));
        let before = read()?.len();
        let cost = work()?;
        // The last lines are written after the last bytes.
        thread::sleep(Duration::from_millis(200));
        let log = read()?;
        let bytes = log[before..].lines().filter_map(|line| {
            // … "GET /v2/… HTTP/1.1" 200 1234 "" "agent"
            let (_, rest) = line.split_once("\" ")?;
            rest.split(' ').nth(1)?.parse::<u64>().ok()
        });
        Ok(Measured {
            cost,
            wire_bytes: bytes.sum(),
        })
    }

    /// Puts a blob into a repository.
    pub fn push_blob(&self, repository: &str, digest: &str, bytes: &[u8]) -> Result<(), String> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let location = self.request("POST", &path, "", &[])?;
        let sign = if location.contains('?') { '&' } else { '?' };
        let base = format!("http://{}", self.address);
        let path = location.strip_prefix(&base).unwrap_or(&location);
        let put = format!("{path}{sign}digest={digest}");
        self.request("PUT", &put, "application/octet-stream", bytes)
            .map(drop)
    }

    /// Puts a manifest under a tag or its digest.
    pub fn push_manifest(
        &self,
        repository: &str,
        key: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), String> {
        let path = format!("/v2/{repository}/manifests/{key}");
        self.request("PUT", &path, media_type, bytes).map(drop)
    }

    /// One request; returns the `Location` of the answer.
    fn request(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<String, String> {
        let failed = |why: String| format!("{method} {path}: {why}");
        let attempt = || -> std::io::Result<(String, String)> {
            let mut stream = TcpStream::connect(self.address)?;
            write!(
                stream,
                "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                self.address,
                body.len()
            )?;
            stream.write_all(body)?;
            let mut reader = BufReader::new(stream);
            let (mut status, mut location) = (String::new(), String::new());
            reader.read_line(&mut status)?;
            for line in reader.by_ref().lines() {
                let line = line?;
                if line.is_empty() {
                    break;
                }
                if let Some(("location", value)) = line
                    .split_once(':')
                    .map(|(name, value)| (name.to_ascii_lowercase(), value))
                    .as_ref()
                    .map(|(name, value)| (name.as_str(), *value))
                {
                    location = value.trim().to_owned();
                }
            }
            Ok((status, location))
        };
        let (status, location) = attempt().map_err(|error| failed(error.to_string()))?;
        if status.starts_with("HTTP/1.1 2") {
            Ok(location)
        } else {
            Err(failed(status))
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
