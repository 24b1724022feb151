//! The two servers: started on a free port, measured through /proc, ended when dropped.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::content::{Content, SUMS};

const PATIENCE: Duration = Duration::from_secs(30);
/// Ticks of `/proc/PID/stat` in a second: proc(5), and the same on every architecture of today's Linux.
const TICKS: u64 = 100;

/// A server that answers.
pub struct Server {
    /// Where.
    pub address: SocketAddr,
    child: Child,
}

/// What a server has used since it started.
pub struct Usage {
    /// In user and kernel mode.
    pub cpu: Duration,
    /// The largest resident size.
    pub peak_kib: u64,
}

impl Server {
    /// `snobox-agent serve`, as the unit on the node starts it.
    pub fn agent(program: &Path, content: &Content, run: &Path) -> Result<Self, String> {
        let index = content.folder.join("index.json");
        let index = fs::read(&index).map_err(|e| format!("{}: {e}", index.display()))?;
        let hex: String = Sha256::digest(index)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let address = free()?;
        let mut command = Command::new(program);
        command.arg("--status").arg(run.join("status"));
        command.args(["serve", "--index", &format!("sha256:{hex}"), "--listen"]);
        command.arg(address.to_string());
        command.arg("--store").arg(&content.folder);
        command.arg("--sums").arg(content.folder.join(SUMS));
        Self::start(&mut command, address, &run.join("agent.log"))
    }

    /// Debian's docker-registry, set as its own `/etc/docker/registry/config.yml`, but quiet.
    pub fn distribution(program: &Path, storage: &Path, run: &Path) -> Result<Self, String> {
        let address = free()?;
        let text = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  cache:\n    blobdescriptor: inmemory\n  \
             filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            storage.display()
        );
        let file = run.join("registry.yml");
        fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut command = Command::new(program);
        command.arg("serve").arg(&file);
        Self::start(&mut command, address, &run.join("registry.log"))
    }

    fn start(command: &mut Command, address: SocketAddr, log: &Path) -> Result<Self, String> {
        let file = File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let mut server = Self { address, child };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline || !matches!(server.child.try_wait(), Ok(None)) {
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(format!("{command:?} does not answer: {said}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage, String> {
        let folder = Path::new("/proc").join(self.child.id().to_string());
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let unknown = || format!("{} is not as proc(5) says", folder.display());
        // The name of the program, in brackets, may hold anything; fields are counted from behind it.
        let stat = read("stat")?;
        let (_, fields) = stat.rsplit_once(')').ok_or_else(unknown)?;
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        let status = read("status")?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok())
            .ok_or_else(unknown)?;
        Ok(Usage {
            cpu: Duration::from_millis(ticks * 1000 / TICKS),
            peak_kib: peak,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address of loopback where nobody listens.
fn free() -> Result<SocketAddr, String> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}
