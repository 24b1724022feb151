//! The power goes at every step of a replacement.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::{FOLDER, JOURNAL, recover, replace, stage};

const NAMES: [&str; 4] = ["a.crt", "tls/b.crt", "tls/c.crt", "deep/er/d.crt"];
const NEW: [(&str, &[u8]); 4] = [
    (NAMES[0], b"new"),
    (NAMES[1], b"new"),
    (NAMES[2], b"new"),
    (NAMES[3], b"new"),
];

fn root() -> TempDir {
    let root = TempDir::new().unwrap();
    for name in NAMES {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "old").unwrap();
    }
    let odd = fs::Permissions::from_mode(0o640);
    fs::set_permissions(root.path().join(NAMES[1]), odd).unwrap();
    root
}

#[track_caller]
fn assert_all(root: &Path, contents: &str) {
    for name in NAMES {
        assert_eq!(
            fs::read_to_string(root.join(name)).unwrap(),
            contents,
            "{name}"
        );
    }
    assert!(!root.join(FOLDER).exists());
    let mode = fs::metadata(root.join(NAMES[1]))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn all_files_are_replaced_with_their_modes() {
    let root = root();
    replace(root.path(), &NEW).unwrap();
    assert_all(root.path(), "new");
    assert!(!recover(root.path()).unwrap());
    assert_all(root.path(), "new");
}

#[test]
fn the_selinux_label_goes_along() {
    const TLS: &[u8] = b"system_u:object_r:usr_t:s0\0";
    let root = root();
    let path = root.path().join(NAMES[1]);
    let flags = rustix::fs::XattrFlags::empty();
    if let Err(error) = rustix::fs::lsetxattr(&path, "security.selinux", TLS, flags) {
        assert!(std::env::var_os("CI").is_none(), "{error}");
        println!("SKIPPED: this file system or user sets no SELinux labels: {error}");
        return;
    }
    replace(root.path(), &NEW).unwrap();
    let mut label = [0; 100];
    let length = rustix::fs::lgetxattr(&path, "security.selinux", &mut label[..]).unwrap();
    assert_eq!(&label[..length], TLS);
    assert_eq!(fs::read(path).unwrap(), b"new");
}

#[test]
fn without_a_journal_all_stay_old() {
    for count in 0..=NEW.len() {
        let root = root();
        let folder = root.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        for index in 0..count {
            fs::write(folder.join(index.to_string()), "ne").unwrap();
        }
        if count == NEW.len() {
            // The last moment before: the journal is written, and has not got its name.
            fs::write(folder.join("journal.new"), "{\"version\":1,\"fi").unwrap();
        }
        assert!(!recover(root.path()).unwrap());
        assert_all(root.path(), "old");
        replace(root.path(), &NEW).unwrap();
        assert_all(root.path(), "new");
    }
}

#[test]
fn with_a_journal_all_become_new() {
    for count in 0..=NEW.len() {
        let root = root();
        stage(root.path(), &NEW).unwrap();
        for (index, name) in NAMES.iter().enumerate().take(count) {
            let beside = root.path().join(FOLDER).join(index.to_string());
            fs::rename(beside, root.path().join(name)).unwrap();
        }
        assert!(recover(root.path()).unwrap());
        assert_all(root.path(), "new");
    }
}

#[test]
fn a_journal_that_leads_elsewhere_or_is_damaged_is_refused() {
    for journal in [
        "{\"version\":1,\"files\":[\"../a\"]}",
        "{\"version\":1,\"files\":[\"/etc/passwd\"]}",
        "{\"version\":2,\"files\":[]}",
        "{",
    ] {
        let root = root();
        let folder = root.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("0"), "new").unwrap();
        fs::write(folder.join(JOURNAL), journal).unwrap();
        let error = recover(root.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("journal is not a journal of version 1"),
            "{error}"
        );
        assert_eq!(
            fs::read_to_string(root.path().join(NAMES[0])).unwrap(),
            "old"
        );
    }
}
