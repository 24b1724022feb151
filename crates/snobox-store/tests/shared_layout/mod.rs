//! The practice release, written once for each test binary.
//!
//! A static is never dropped, so the layout lies in the target folder, where the next run replaces it, and not among the
//! temporary files. A lock keeps two processes of the same binary apart.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use snobox_testkit::practice::{self, Practice};

/// The layout; not to be changed.
pub(crate) static LAYOUT: LazyLock<SharedLayout> = LazyLock::new(SharedLayout::write);

pub(crate) struct SharedLayout {
    pub(crate) folder: PathBuf,
    pub(crate) practice: Practice,
    _in_use: File,
}

impl SharedLayout {
    fn write() -> Self {
        let name = concat!("practice-", env!("CARGO_CRATE_NAME"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let in_use = File::create(folder.with_extension("lock")).unwrap();
        in_use.lock().unwrap();
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let practice = practice::write_layout(&folder).unwrap();
        // From here on it is only read.
        in_use.lock_shared().unwrap();
        Self {
            folder,
            practice,
            _in_use: in_use,
        }
    }
}
