//! The first `site.yaml`: written from answers, some of which an `install-config.yaml` can give.
//!
//! The text is for people to go on with: a prose comment starts with `# `; a field that is not set stands there as `#field: value`, with its
//! default or, where there is none, an example. Only fields that this version reads appear. Nothing is checked here: [`crate::site::read`] does.

mod import;
mod scalar;

use std::fmt::Write as _;

pub use import::{Imported, from_install_config};

use crate::site::{API_VERSION, KIND, OLDEST_MINOR};
use scalar::scalar;

/// What a site file is made of. Texts are taken as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// `metadata.name`.
    pub name: String,
    /// The release: a version, or a payload image, which has a slash in it.
    pub release: String,
    /// `release.architecture`.
    pub architecture: Option<String>,
    /// `baseDomain`.
    pub base_domain: String,
    /// `pullSecretFile`.
    pub pull_secret_file: String,
    /// `sshKeyFile`.
    pub ssh_key_file: String,
    /// `node.hostname`.
    pub hostname: Option<String>,
    /// `node.installationDisk.path`.
    pub disk: String,
    /// `node.interface`: a name or a hardware address.
    pub interface: Option<String>,
    /// `node.address`.
    pub address: Option<String>,
    /// `node.gateway`.
    pub gateway: Option<String>,
    /// `node.dns.servers`.
    pub dns: Vec<String>,
    /// `node.ntp.servers`.
    pub ntp: Vec<String>,
    /// `images.additional`.
    pub additional: Vec<String>,
}

/// The text of a site file that says what `answers` say, with a comment for every field.
pub fn site_yaml(answers: &Answers) -> String {
    let mut page = Page(format!(
        "\
# One machine: what is installed on it, and how it is reached. `snobox check` names everything that is wrong in this file.
# A line that starts with # and a field shows the field's default, or an example where there is no default; take the # away to set it.
apiVersion: {API_VERSION}
kind: {KIND}
metadata:
  # The cluster's name, up to 54 lower-case letters, digits and dashes. Its API will be api.NAME.BASEDOMAIN.
  name: {}
",
        scalar(&answers.name)
    ));
    release(&mut page, answers);
    let _ = write!(
        page.0,
        "
# The domain that the cluster's name is put before.
baseDomain: {}
# Credentials for the registries, as downloaded from https://console.redhat.com/openshift/install/pull-secret.
# Files that are not absolute start at the folder of this file.
pullSecretFile: {}
# The public key that may log in to the node as the user core.
sshKeyFile: {}
",
        scalar(&answers.base_domain),
        scalar(&answers.pull_secret_file),
        scalar(&answers.ssh_key_file),
    );
    node(&mut page, answers);
    images(&mut page, answers);
    page.0.push_str(CACHE_AND_MIRRORS);
    page.0
}

fn release(page: &mut Page, answers: &Answers) {
    page.text("\nrelease:\n");
    let is_image = answers.release.contains('/');
    let (version, image) = match is_image {
        true => (None, Some(&answers.release)),
        false => (Some(&answers.release), None),
    };
    page.text(&format!(
        "  # The version, from 4.{OLDEST_MINOR} on. Or else a payload image, by digest or tag: with a digest nothing is looked up.\n"
    ));
    page.value("  ", "version", version, "4.13.1");
    let example = "quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64";
    page.value("  ", "image", image, example);
    page.text("  # x86_64 or aarch64.\n");
    page.value(
        "  ",
        "architecture",
        answers.architecture.as_ref(),
        "x86_64",
    );
}

fn node(page: &mut Page, answers: &Answers) {
    page.text("\nnode:\n  # The host name; without it, the cluster's name.\n");
    page.value("  ", "hostname", answers.hostname.as_ref(), &answers.name);
    page.text(
        "  # The disk to install to: everything on it is lost. Names under /dev/disk/by-id do not change from boot to boot.\n",
    );
    page.text("  installationDisk:\n");
    page.value("    ", "path", Some(&answers.disk), "");
    page.text(
        "
  # A static address; without it, DHCP. It needs the interface.
",
    );
    page.value(
        "  ",
        "address",
        answers.address.as_ref(),
        "192.168.86.45/24",
    );
    page.text("  # The network interface, by its name, or by its hardware address where the name cannot be known: { mac: \"28:d2:44:d3:ef:1c\" }.\n");
    match &answers.interface {
        Some(interface) => {
            page.text("  interface:\n");
            let key = if is_mac(interface) { "mac" } else { "name" };
            page.value("    ", key, Some(interface), "");
        }
        None => page.text("  #interface: { name: enp0s25 }\n"),
    }
    page.text(
        "  # The way out of the network, with a static address; without it, there is none.\n",
    );
    page.value("  ", "gateway", answers.gateway.as_ref(), "192.168.86.1");
    page.text("  # Name servers, in the order to ask them. They must know api, api-int and *.apps of the cluster.\n");
    page.servers("dns", &answers.dns, "192.168.86.27");
    page.text(
        "  # Time servers, names or addresses; without them, those of the operating system.\n",
    );
    page.servers("ntp", &answers.ntp, "192.168.86.27");
}

fn images(page: &mut Page, answers: &Answers) {
    page.text("\n# Images to carry besides the release, such as quay.io/team/app:1.2; and what to leave out: the profile bare-metal-sno leaves out what a single\n# node on bare metal never starts, exclude what its regular expressions match.\n");
    if answers.additional.is_empty() {
        page.text("#images:\n#  additional: []\n#  profile: all\n#  exclude: []\n");
    } else {
        page.text("images:\n  additional:\n");
        page.items("    ", &answers.additional);
        page.text("  #profile: all\n  #exclude: []\n");
    }
}

/// What [`Answers`] do not set: all defaults.
const CACHE_AND_MIRRORS: &str = "
# The images on the stick and, after the installation, on the node.
#cache:
#  # The partition at the end of the node's disk, from 1GiB on.
#  size: 250GiB
#  # Its label, up to 16 letters, digits, dashes and underscores.
#  label: data
#  # After the installation it stays, for a reinstallation and for updates.
#  afterInstall: keep
#  # Where the node gets an image that the cache does not have: upstream (its registry) or none (the pull fails at once).
#  fallback: upstream

# The installer's bootstrap certificates live for a day. They are made anew when the node installs (renew: on-device), or made
# longer when the image is built (bootstrapValidity: 365d), or left as they are (renew: never).
#certificates:
#  renew: on-device

# Places to try before the real registry while images are fetched, each item such as
# { source: quay.io/openshift-release-dev, mirrors: [\"mirror.lan:5000/openshift-release-dev\"] }.
#mirrors: []
";

/// Whether an interface is meant by its hardware address: a name of Linux never holds a colon, and is shorter.
fn is_mac(interface: &str) -> bool {
    interface.contains(':') || interface.split('-').count() == 6
}

/// The text so far.
struct Page(String);

impl Page {
    fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// A field, or its default as a comment.
    fn value(&mut self, indent: &str, key: &str, value: Option<&String>, default: &str) {
        let mark = if value.is_some() { "" } else { "#" };
        let text = scalar(value.map_or(default, String::as_str));
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{indent}{mark}{key}: {text}");
    }

    fn servers(&mut self, key: &str, servers: &[String], example: &str) {
        if servers.is_empty() {
            self.text(&format!("  #{key}: {{ servers: [{example}] }}\n"));
        } else {
            self.text(&format!("  {key}:\n    servers:\n"));
            self.items("      ", servers);
        }
    }

    fn items(&mut self, indent: &str, items: &[String]) {
        for item in items {
            let _ = writeln!(self.0, "{indent}- {}", scalar(item));
        }
    }
}
