//! A folder of its own for each test, and the program started in it with nothing from outside.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::program::{Running, Said, binary};
use super::tree::copy;

/// Where the distributions keep their programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Nobody listens there: what wants to leave the machine is refused at once.
pub(crate) const DEAD_END: &str = "http://127.0.0.1:9";

/// `work` is the current folder; `tmp` must be empty after every run.
pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["work", "home", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    /// With a copy of what the demo left, without its image.
    pub(crate) fn with_site() -> Self {
        let (sandbox, demo) = (Self::new(), super::demo());
        for name in [
            "site.yaml",
            "site.lock",
            "pull-secret.json",
            "id_practice.pub",
            "store",
        ] {
            copy(&demo.path(name), &sandbox.path(name));
        }
        sandbox
    }

    /// With that and the image.
    pub(crate) fn with_image() -> Self {
        let sandbox = Self::with_site();
        copy(
            &super::demo().path("practice.img"),
            &sandbox.path("practice.img"),
        );
        sandbox
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The command line `snobox ARGS` in `work`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args);
        self.dress(&mut command);
        command
    }

    /// Gives a command its place and its environment.
    pub(crate) fn dress(&self, command: &mut Command) {
        command
            .current_dir(self.work())
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", self.folder.path().join("home"))
            .env("TMPDIR", self.temporary())
            .env("HTTP_PROXY", DEAD_END)
            .env("HTTPS_PROXY", DEAD_END);
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(args))
    }

    /// Runs `snobox ARGS` to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.end(self.start(args))
    }

    /// Waits for the end, after which no temporary file may be left.
    #[track_caller]
    pub(crate) fn end(&self, running: Running) -> Said {
        let said = running.end();
        let left: Vec<_> = fs::read_dir(self.temporary()).unwrap().flatten().collect();
        assert!(left.is_empty(), "left behind: {left:?}\n{said}");
        said
    }
}
