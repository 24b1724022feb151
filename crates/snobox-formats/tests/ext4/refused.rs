//! Inventories and options that are not allowed, and the path that the error names.

use snobox_formats::ext4::{self, Ext4Error, FileEntry, FsOptions};

use crate::image::{file, options};

fn refusal(paths: &[&str]) -> Ext4Error {
    let files: Vec<_> = paths.iter().map(|path| file(path, 1)).collect();
    ext4::plan(&files, &options()).unwrap_err()
}

#[test]
fn a_path_given_twice_is_refused() {
    let expected = Ext4Error::Duplicate {
        path: "a/b".to_owned(),
    };
    assert_eq!(refusal(&["a/b", "a/c", "a/b"]), expected);
}

#[test]
fn a_file_that_is_also_a_directory_is_refused_in_either_order() {
    let expected = Ext4Error::FileAndDirectory {
        path: "a/b".to_owned(),
    };
    assert_eq!(refusal(&["a/b", "a/b/c"]), expected);
    assert_eq!(refusal(&["a/b/c", "a/b"]), expected);
    assert_eq!(refusal(&["a/b", "a/b/c/d/e"]), expected);
}

#[test]
fn lost_and_found_is_a_directory() {
    let expected = Ext4Error::FileAndDirectory {
        path: "lost+found".to_owned(),
    };
    assert_eq!(refusal(&["lost+found"]), expected);
    assert!(ext4::plan(&[file("lost+found/note", 1)], &options()).is_ok());
}

#[test]
fn dot_components_are_refused() {
    for (path, component) in [
        ("..", ".."),
        ("a/../b", ".."),
        (".", "."),
        ("a/./b", "."),
        ("a/..", ".."),
    ] {
        let expected = Ext4Error::DotComponent {
            path: path.to_owned(),
            component: component.to_owned(),
        };
        assert_eq!(refusal(&[path]), expected);
    }
    let dots = [file("...", 1), file("..a", 1), file(".a", 1)];
    assert!(ext4::plan(&dots, &options()).is_ok());
}

#[test]
fn empty_components_are_refused() {
    for path in ["", "/", "/a", "a/", "a//b"] {
        assert_eq!(
            refusal(&[path]),
            Ext4Error::EmptyComponent {
                path: path.to_owned()
            }
        );
    }
}

#[test]
fn nul_is_refused() {
    assert_eq!(
        refusal(&["a/b\0c"]),
        Ext4Error::NulByte {
            path: "a/b\0c".to_owned()
        }
    );
}

#[test]
fn a_name_of_256_bytes_is_refused_and_of_255_is_not() {
    // 128 letters of two bytes: the limit is in bytes.
    let path = format!("a/{}/b", "é".repeat(128));
    let expected = Ext4Error::NameTooLong {
        path: path.clone(),
        actual_bytes: 256,
        max_bytes: 255,
    };
    assert_eq!(refusal(&[&path]), expected);
    assert!(ext4::plan(&[file(&"n".repeat(255), 1)], &options()).is_ok());
}

#[test]
fn a_path_of_4096_bytes_is_refused_and_of_4095_is_not() {
    let path = "abc/".repeat(1023) + "abc";
    assert!(ext4::plan(&[file(&path, 1)], &options()).is_ok());
    let path = path + "d";
    assert_eq!(
        refusal(&[&path]),
        Ext4Error::PathTooLong {
            path: path.clone(),
            max_bytes: 4095
        }
    );
}

#[test]
fn a_mode_with_a_file_type_is_refused() {
    let link = FileEntry {
        mode: 0o120_777,
        ..file("a", 1)
    };
    let expected = Ext4Error::Mode {
        path: "a".to_owned(),
        mode: 0o120_777,
    };
    assert_eq!(ext4::plan(&[link], &options()), Err(expected));
}

#[test]
fn labels_that_are_not_1_to_16_printable_ascii_characters_are_refused() {
    let plan = |label: &str| {
        ext4::plan(
            &[],
            &FsOptions {
                label: label.to_owned(),
                ..options()
            },
        )
    };
    for label in ["", "12345678901234567", "nul\0", "line\n", "umläut"] {
        assert_eq!(
            plan(label),
            Err(Ext4Error::Label {
                label: label.to_owned()
            })
        );
    }
    assert!(plan("1234567890123456").is_ok());
    assert!(plan("a").is_ok());
}

#[test]
fn more_subdirectories_than_a_link_count_can_say_are_refused() {
    let files =
        |count: usize| -> Vec<_> { (0..count).map(|n| file(&format!("top/{n}/f"), 0)).collect() };
    let expected = Ext4Error::TooManySubdirectories {
        path: "top".to_owned(),
        actual: 64_999,
        max: 64_998,
    };
    assert_eq!(ext4::plan(&files(64_999), &options()), Err(expected));
}
