//! The agent as a process of its own, with a stand-in for systemd's notification socket.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::oracle::{find, ok};
use super::shared_layout::LAYOUT;

/// Nothing here takes longer, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running agent; it ends when dropped.
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    child: Child,
}

/// The digest of a file, by another program.
pub(crate) fn sha256(file: &Path) -> String {
    let sum = ok(Command::new(find("sha256sum").unwrap()).arg(file));
    format!("sha256:{}", &sum[..64])
}

/// `snobox-agent serve` for a store, with status and notifications in `folder`.
pub(crate) fn command(folder: &Path, store: &Path, index: &str, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snobox-agent"));
    command.arg("--status").arg(folder.join("status"));
    command.args(["serve", "--index", index, "--listen", listen, "--store"]);
    command.arg(store).stdin(Stdio::null());
    command.env("NOTIFY_SOCKET", folder.join("notify"));
    command
}

impl Agent {
    /// Serves a store and waits until systemd would know.
    pub(crate) fn start(store: &Path) -> Self {
        Self::with(store, &[])
    }

    /// With further arguments.
    pub(crate) fn with(store: &Path, more: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let index = sha256(&store.join("index.json"));
        let child = command(folder.path(), store, &index, "127.0.0.1:0")
            .args(more)
            .spawn()
            .unwrap();
        let mut agent = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            folder,
            child,
        };
        let mut told = [0; 64];
        let length = socket.recv(&mut told).unwrap();
        assert_eq!(told[..length].trim_ascii(), b"READY=1");
        let log = agent.folder.path().join("status/registry.json");
        let said = fs::read_to_string(log).unwrap();
        let start = said.find("127.0.0.1:");
        agent.address = match start {
            Some(start) => said[start..].split('"').next().unwrap().parse().unwrap(),
            // Damage takes the place of the address; then the kernel has to be asked.
            None => agent.listening(),
        };
        agent
    }

    /// Serves the practice release.
    pub(crate) fn practice() -> Self {
        Self::start(&LAYOUT.folder)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the status page would read.
    pub(crate) fn report(&self) -> Value {
        report(self.folder.path())
    }

    /// `127.0.0.1:PORT/<upstream name>`
    pub(crate) fn name(&self, upstream: &str) -> String {
        format!("{}/{upstream}", self.address)
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, signal: &str) -> ExitStatus {
        let id = self.id().to_string();
        ok(Command::new("/bin/kill").args(["-s", signal, &id]));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still there after {signal}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The port that the process listens on, from /proc.
    fn listening(&self) -> SocketAddr {
        let folder = format!("/proc/{}", self.id());
        let links = fs::read_dir(format!("{folder}/fd")).unwrap();
        let sockets: Vec<String> = links
            .filter_map(|link| fs::read_link(link.ok()?.path()).ok())
            .map(|target| target.to_string_lossy().into_owned())
            .collect();
        let table = fs::read_to_string(format!("{folder}/net/tcp")).unwrap();
        let row = table.lines().map(str::split_whitespace).find_map(|row| {
            let row: Vec<&str> = row.collect();
            // 0A: listening.
            let own = sockets.contains(&format!("socket:[{}]", row[9]));
            (row[3] == "0A" && own).then(|| row[1].to_owned())
        });
        let port = u16::from_str_radix(row.unwrap().rsplit_once(':').unwrap().1, 16);
        SocketAddr::from(([127, 0, 0, 1], port.unwrap()))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What the agent with this folder says about itself.
pub(crate) fn report(folder: &Path) -> Value {
    let text = fs::read(folder.join("status/registry.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The practice store in a folder of its own, each blob a link but for those in `own`, which are copies; returns their files.
pub(crate) fn store_with(folder: &Path, own: &[&str]) -> Vec<PathBuf> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    for entry in fs::read_dir(LAYOUT.folder.join("blobs/sha256")).unwrap() {
        let entry = entry.unwrap();
        std::os::unix::fs::symlink(entry.path(), blobs.join(entry.file_name())).unwrap();
    }
    for name in ["index.json", "oci-layout"] {
        fs::copy(LAYOUT.folder.join(name), folder.join(name)).unwrap();
    }
    let own = own.iter().map(|digest| {
        let file = blobs.join(&digest[7..]);
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
        file
    });
    own.collect()
}
