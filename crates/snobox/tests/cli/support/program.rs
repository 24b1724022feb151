//! The program under test, while it runs and after it ended.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes longer; what does hangs.
const LONGEST: Duration = Duration::from_secs(120);

/// A started program; killed when dropped.
pub(crate) struct Running {
    child: Child,
    output: TempDir,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let output = TempDir::new().unwrap();
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self { child, output }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.output.path().join(name)
    }

    /// What came on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.file("stderr")).unwrap()).into_owned()
    }

    /// Waits until `condition` holds; the program must still be there.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, condition: impl FnMut(&Self) -> bool) {
        assert!(
            self.reaches(condition),
            "ended before {what}: {}",
            self.stderr()
        );
    }

    /// Waits until `condition` holds, or the program has ended: then it is false.
    pub(crate) fn reaches(&mut self, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let started = Instant::now();
        while !condition(self) {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(started.elapsed() < LONGEST, "hangs: {}", self.stderr());
            thread::sleep(Duration::from_micros(300));
        }
        true
    }

    /// Sends `INT`, `TERM`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Bytes that the program has read from anywhere.
    pub(crate) fn bytes_read(&self) -> u64 {
        let counters = fs::read_to_string(format!("/proc/{}/io", self.pid())).unwrap_or_default();
        counters
            .lines()
            .find_map(|line| line.strip_prefix("rchar: "))
            .map_or(0, |number| number.parse().unwrap())
    }

    pub(crate) fn end(mut self) -> Said {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < LONGEST, "hangs: {}", self.stderr());
            thread::sleep(Duration::from_millis(2));
        };
        Said {
            status,
            stdout: fs::read(self.file("stdout")).unwrap(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a run ended.
pub(crate) struct Said {
    status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    pub(crate) fn code(&self) -> i32 {
        assert!(self.status.signal().is_none(), "{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        self.status.code().unwrap()
    }

    /// It did what it was asked for.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code(), 0, "{self}");
        assert!(!self.stderr.contains("error: "), "{self}");
        self
    }

    /// It failed with this exit status, said why, and gave a hint.
    #[track_caller]
    pub(crate) fn fails(self, exit: i32) -> Self {
        assert_eq!(self.code(), exit, "{self}");
        assert!(self.stderr.contains("error: "), "{self}");
        assert!(self.stderr.contains("\n\nhint: "), "{self}");
        self
    }

    /// Its talk contains this.
    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "no {part:?}: {self}");
        self
    }

    /// Everything that it printed.
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}", String::from_utf8_lossy(&self.stdout), self.stderr)
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.status, self.all())
    }
}

/// The program under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_snobox"))
}
