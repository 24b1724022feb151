//! Site files.

use std::net::SocketAddr;

use super::Sandbox;

/// A good site file without a network.
pub(crate) const SITE: &str = "\
apiVersion: snobox.io/v1alpha1
kind: Site
metadata: { name: bip }
release: { version: 4.99.0-practice }
baseDomain: practice.example
pullSecretFile: pull-secret.json
sshKeyFile: id_practice.pub
node:
  installationDisk: { path: /dev/sda }
";

/// The part of a site file that sends everything to these registries, in that order.
pub(crate) fn mirrors(places: &[SocketAddr]) -> String {
    let mut text = "mirrors:\n".to_owned();
    for source in ["quay.io", "registry.practice.example"] {
        text += &format!("  - source: {source}\n    mirrors:\n");
        for place in places {
            text += &format!("      - {place}/{source}\n");
        }
    }
    text
}

/// Adds text to the end of the sandbox's `site.yaml`.
pub(crate) fn set_in(sandbox: &Sandbox, text: &str) {
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    sandbox.write("site.yaml", site + text);
}
