//! Site files that the other modules start from.

use snobox_plan::problem::Problem;
use snobox_plan::site::{self, Site};

/// The site of the manual procedure, with every field that is supported.
pub(crate) const FULL: &str = "\
apiVersion: snobox.io/v1alpha1
kind: Site
metadata: { name: bip }
release: { version: 4.13.1, architecture: x86_64 }
baseDomain: example.com
pullSecretFile: pull-secret.json
sshKeyFile: id_ed25519.pub
node:
  hostname: bip
  installationDisk: { path: /dev/disk/by-id/ata-WDC_WD10EZEX }
  interface: { name: enp0s25 }
  address: 192.168.86.45/24
  gateway: 192.168.86.1
  dns: { servers: [192.168.86.27] }
  ntp: { servers: [192.168.86.27] }
images:
  additional: []
cache: { size: 250GiB, label: data, afterInstall: keep, fallback: upstream }
certificates: { renew: on-device }
mirrors: []
";

/// As little as a site file can say.
pub(crate) const SHORT: &str = "\
apiVersion: snobox.io/v1alpha1
kind: Site
metadata: { name: bip }
release: { version: 4.13.1 }
baseDomain: example.com
pullSecretFile: pull-secret.json
sshKeyFile: id_ed25519.pub
node:
  installationDisk: { path: /dev/sda }
";

/// [`FULL`] with one place changed.
pub(crate) fn full_with(from: &str, to: &str) -> String {
    assert!(FULL.contains(from), "{from:?} is not in the text");
    FULL.replacen(from, to, 1)
}

/// The site of a text that must be good.
pub(crate) fn good(text: &str) -> Site {
    site::read(text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

/// The problems of a text that must have some.
pub(crate) fn bad(text: &str) -> Vec<Problem> {
    match site::read(text) {
        Ok(site) => panic!("accepted: {site:#?}\n{text}"),
        Err(problems) => problems,
    }
}
