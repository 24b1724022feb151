//! `snobox demo`, run once for all tests; nobody changes what it left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::program::{Running, Said, binary};
use super::sandbox::DEAD_END;

/// What `snobox demo --json` left and said.
pub(crate) struct Demo {
    folder: PathBuf,
    pub(crate) said: Said,
}

static DEMO: OnceLock<Demo> = OnceLock::new();

pub(crate) fn demo() -> &'static Demo {
    DEMO.get_or_init(run)
}

fn run() -> Demo {
    let shelf = Path::new(env!("CARGO_TARGET_TMPDIR"));
    clear(shelf);
    let root = shelf.join(format!("cli-{}", std::process::id()));
    let folder = root.join("demo");
    let temporary = root.join("tmp");
    fs::create_dir_all(&temporary).unwrap();
    let mut command = Command::new(binary());
    command
        .args(["--json", "demo", "--dir"])
        .arg(&folder)
        .current_dir(&root)
        .env_clear()
        .env("HOME", &root)
        .env("TMPDIR", &temporary)
        .env("HTTPS_PROXY", DEAD_END);
    let said = Running::start(command).end().ok();
    let left = fs::read_dir(&temporary).unwrap().count();
    assert_eq!(left, 0, "temporary files are left");
    Demo { folder, said }
}

/// Nothing runs after the last test: each run clears what ended ones left.
fn clear(shelf: &Path) {
    for entry in fs::read_dir(shelf).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix("cli-") else {
            continue;
        };
        if !Path::new("/proc").join(pid).exists() {
            // Another run may be clearing too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Demo {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn lock(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("site.lock")).unwrap()).unwrap()
    }
}
