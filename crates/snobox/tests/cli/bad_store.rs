//! Stores that are not as they should be: an index that is damaged or gone, and a link to nowhere.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::Sandbox;

#[test]
fn a_damaged_index_is_named_with_what_to_do_and_that_helps() {
    let sandbox = Sandbox::with_site();
    let index = sandbox.read("store/index.json");
    sandbox.write("store/index.json", &index[..index.len() / 2]);
    for (args, exit) in [
        (&["store", "fsck", "store"][..], 40),
        (&["store", "ls", "store"], 31),
        (&["store", "gc", "store"], 31),
        (
            &["serve", "--store", "store", "--listen", "127.0.0.1:0"],
            31,
        ),
        (&["verify", "store"], 31),
        (&["mirror"], 31),
    ] {
        let said = sandbox.run(args).fails(exit).says("store/index.json");
        assert!(said.all().contains("EOF while parsing"), "{said}");
        let said = said.says("put a copy of it back, or move it away (`mv ");
        assert!(!said.stderr.contains("--listen names"), "{said}");
    }
    fs::rename(
        sandbox.path("store/index.json"),
        sandbox.path("store/index.json.damaged"),
    )
    .unwrap();
    sandbox
        .run(&["store", "ls", "store"])
        .fails(31)
        .says("move it away");
    // Nothing listens where the site's registries would be: all of it is there.
    let said = sandbox.run(&["--json", "mirror"]).ok();
    assert_eq!(said.json()["receivedBytes"], 0);
    sandbox.run(&["verify", "store"]).ok();
    assert_eq!(sandbox.read("store/index.json"), index);
}

#[test]
fn a_link_that_leads_nowhere_is_said_to_be_one() {
    let sandbox = Sandbox::with_site();
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    symlink("disk/of/store", sandbox.path("store")).unwrap();
    for args in [
        &["mirror"][..],
        &["mirror", "--store", "store/"],
        &["store", "ls", "store"],
        &["serve", "--store", "store", "--listen", "127.0.0.1:0"],
    ] {
        let said = sandbox.run(args).fails(31);
        said.says("store is a link to disk/of/store, which is not there")
            .says("mount the disk that it leads to, or make the folder disk/of/store");
    }
    assert!(!sandbox.path("disk").exists());
}
