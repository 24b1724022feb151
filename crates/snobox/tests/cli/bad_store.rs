//! Stores that are not as they should be: a link to nowhere.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::Sandbox;

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
