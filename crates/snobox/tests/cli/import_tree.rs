//! `snobox store import` of a tree of whatever people keep, and of what `snobox store export` wrote of images that share their archives.

use std::fs;

use serde_json::{Value, json};

use crate::support::{ImageLayout, Said, Sandbox, copy, tool};

/// A layout with these images, all of them one and the same.
fn layout(names: &[&str]) -> ImageLayout {
    let mut layout = ImageLayout::new();
    for name in names {
        layout.image(name, &[&[("bin/tool", "tool")]], json!({}));
    }
    layout
}

/// Name and digest of each image of a store.
fn images(sandbox: &Sandbox, store: &str) -> Vec<(String, String)> {
    let ls = sandbox.run(&["--json", "store", "ls", store]).ok().json();
    let text = |image: &Value, key: &str| image[key].as_str().unwrap().to_owned();
    let images = ls["images"].as_array().unwrap().iter();
    images
        .map(|image| (text(image, "name"), text(image, "digest")))
        .collect()
}

fn result(said: &Said) -> Value {
    let mut documents = serde_json::Deserializer::from_slice(&said.stdout).into_iter();
    documents.next().unwrap().unwrap()
}

#[test]
fn layouts_and_archives_in_a_tree_are_imported_and_what_is_passed_over_is_named() {
    let Some(tar) = tool("tar") else { return };
    let sandbox = Sandbox::new();
    let (first, second) = (
        layout(&["quay.io/team/first:1"]),
        layout(&["quay.io/team/second:1", "only-a-tag"]),
    );
    fs::create_dir_all(sandbox.path("tree/deep/er")).unwrap();
    copy(&first.folder(), &sandbox.path("tree/deep/layout"));
    let archive = sandbox.path("tree/deep/er/second.tar");
    let made = second.folder();
    tar.run(&[
        "cf".as_ref(),
        archive.as_os_str(),
        "-C".as_ref(),
        made.as_os_str(),
        ".".as_ref(),
    ]);
    sandbox.write("tree/notes.txt", "nothing to see");
    sandbox.write("tree/broken.tgz", "no archive");
    std::os::unix::fs::symlink(&made, sandbox.path("tree/elsewhere")).unwrap();
    let said = sandbox
        .run(&["--json", "store", "import", "tree"])
        .fails(40);
    let value = result(&said);
    let imported = json!(["quay.io/team/second:1", "quay.io/team/first:1"]);
    assert_eq!(value["imported"], imported, "{said}");
    let unusable = value["unusable"].as_array().unwrap();
    assert_eq!(unusable.len(), 3, "{said}");
    for (what, why) in [
        ("tree/elsewhere", "a link"),
        ("tree/broken.tgz", "cannot be read"),
        ("second.tar", "does not say of which registry"),
    ] {
        let told = |item: &Value| {
            item["what"].as_str().unwrap().contains(what)
                && item["why"].as_str().unwrap().contains(why)
        };
        assert!(unusable.iter().any(told), "{what}: {said}");
    }
    sandbox.run(&["verify", "store"]).ok();
}

#[test]
fn one_image_under_two_names_comes_back_as_it_went() {
    let sandbox = Sandbox::new();
    // One archive for the first two, and one for the third.
    let names = ["quay.io/a/tool:1", "quay.io/b/tool:1", "quay.io/a/tool:2"];
    let layout = layout(&names);
    let made = layout.folder();
    sandbox
        .run(&["store", "import", made.to_str().unwrap()])
        .ok();
    let before = images(&sandbox, "store");
    assert_eq!(before.len(), 3);
    let export = ["store", "export", "--format", "factory-precaching", "out"];
    sandbox.run(&export).ok();
    sandbox
        .run(&["store", "import", "out", "--store", "back"])
        .ok();
    let digest = &before[0].1;
    let back = images(&sandbox, "back");
    let expected = [
        ("quay.io/a/tool:2".to_owned(), digest.clone()),
        (format!("quay.io/a/tool@{digest}"), digest.clone()),
        (format!("quay.io/b/tool@{digest}"), digest.clone()),
    ];
    assert_eq!(back, expected);
    sandbox.run(&["verify", "back"]).ok();
    // Of one of them alone, the other is in the lists as one that is left out.
    let some = [&export[..4], &["some", names[0]]].concat();
    sandbox.run(&some).ok();
    sandbox
        .run(&["store", "import", "some", "--store", "one"])
        .ok();
    assert!(images(&sandbox, "one").iter().all(|(_, d)| d == digest));
}

#[test]
fn a_file_that_is_no_archive_is_said_to_be_none_and_is_not_quoted() {
    let sandbox = Sandbox::new();
    let secret = "hunter2 ".repeat(200);
    for (name, bytes) in [("short", "hunter2"), ("long", &*secret), ("empty", "")] {
        sandbox.write(name, bytes);
        let args = ["store", "import", name, "--as", "quay.io/a/b:1"];
        let said = sandbox.run(&args).fails(40);
        let said = said.says(&format!("{name}: "));
        assert!(!said.all().contains("hunter2"), "{said}");
        let told = [
            "it is no tar archive",
            "unexpected end of file",
            "there is no manifest",
        ];
        assert!(told.iter().any(|t| said.stderr.contains(t)), "{said}");
        assert!(said.stderr.contains("1 things in") || said.stderr.contains("cannot be used"));
    }
    sandbox.run(&["verify", "store"]).ok();
}
