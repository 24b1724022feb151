//! What makes the images of the practice release run: one layer below all others, with a shell and one entrypoint.
//!
//! ```text
//! /bin/busybox                        the caller's shell, static
//! /bin/{sh,cat,…}                     links to it
//! /usr/libexec/practice-entrypoint    practice-entrypoint.sh: called with the image's name and the words of the caller
//! ```

use super::image::Image;
use super::layer::{Layer, LayerBuilder};
use std::io;

const ENTRYPOINT: &str = "usr/libexec/practice-entrypoint";
/// What the entrypoint calls, and what a caller may name with `--entrypoint`.
const COMMANDS: [&str; 8] = ["sh", "awk", "cat", "cp", "echo", "ls", "sleep", "true"];
/// The image that nobody runs: its files become the node's operating system.
const OPERATING_SYSTEM: &str = "rhel-coreos";

/// What is needed for a practice release whose images run.
///
/// The release image answers `image NAME` with the pull spec of a component. `cluster-bootstrap` answers
/// `bootstrap-in-place … --output FILE` with the Ignition config that it finds. Every other one prints `ran NAME` and
/// takes any words.
#[derive(Clone)]
pub struct Runnable {
    /// A static busybox for amd64.
    pub shell: Vec<u8>,
}

impl Runnable {
    pub(super) fn layer(&self) -> io::Result<Layer> {
        let mut layer = LayerBuilder::default()
            .file("bin/busybox", 0o755, self.shell.as_slice())
            .file(ENTRYPOINT, 0o755, include_str!("practice-entrypoint.sh"));
        for command in COMMANDS {
            layer = layer.link(&format!("bin/{command}"), "busybox");
        }
        layer.build()
    }
}

/// Whether an image gets the shell.
pub(super) fn can_run(image: &Image) -> bool {
    image.architecture == "amd64" && image.name != OPERATING_SYSTEM
}

/// The entrypoint of an image that has the shell.
pub(super) fn entrypoint(name: &str) -> Vec<String> {
    vec![format!("/{ENTRYPOINT}"), name.to_owned()]
}
