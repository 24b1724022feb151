//! The command line.

mod catalog;
mod line;
mod mirror;
mod plan;
mod push;
mod release;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use catalog::{CatalogCommand, RegistryArgs};
pub use line::{LineArgs, PatienceArgs};
pub use mirror::MirrorArgs;
pub use plan::PlanArgs;
pub use push::PushArgs;
pub use release::{GraphArgs, ReleaseCommand};
pub use store::{AddArgs, ExportArgs, ExportFormat, GcArgs, ImportArgs, StoreCommand};

/// Single Node OpenShift in a box: one declarative file in, one bootable stick out.
#[derive(Debug, Parser)]
#[command(name = "snobox", version, about, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Print the result as JSON on standard output, and progress as JSON lines on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  snobox demo                       see every stage once, offline, on a practice release
  snobox init --name bip            write a commented site.yaml
  snobox check                      say everything that is wrong with it
  snobox plan                       what it takes: bytes, time, disk, and what each part costs
  snobox mirror                     fetch every image once into ./store
  snobox build                      make the bootable image
  snobox verify bip.img             prove every byte of it

Exit status:
   0  done                                     20  a registry cannot be reached
   1  internal error                           21  a registry refuses, or does not have it
   2  wrong usage                              22  bytes with a wrong digest
  10  site.yaml, or a file that it names       23  bytes missing: truncated
  11  pull secret missing or malformed         24  a release without a signature that holds
  12  not a CoreOS live ISO                    30  disk full
  13  ignition or kernel arguments too large   31  a file or folder cannot be used
  14  the installer failed                     40  verification found something
  15  ignition or certificates are unreadable 130  interrupted";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented site.yaml, from flags, questions, or an install-config.yaml
    Init(Box<InitArgs>),
    /// Check site.yaml and the files that it names; all problems at once
    Check(SiteArgs),
    /// Say what a site needs, what it costs in bytes, time and disk, and what each part of it costs
    Plan(PlanArgs),
    /// Fetch every image of the release once into the store
    Mirror(MirrorArgs),
    /// Make one bootable image out of store, installer and live ISO
    Build(BuildArgs),
    /// Prove a store or an image: every byte, and everything that will be asked for
    Verify(VerifyArgs),
    /// Look at and change a CoreOS live ISO alone
    #[command(subcommand)]
    Iso(IsoCommand),
    /// Look into the Ignition config of an installer, an ISO or an image
    #[command(subcommand)]
    Ignition(IgnitionCommand),
    /// See and renew the certificates that an installer's config brings
    #[command(subcommand)]
    Certs(CertsCommand),
    /// See what an operator catalog holds, and what an image set chooses from it
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// See the releases of channels, and which ones an image set chooses
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Fill, look at, check and clean a store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Bring the images of a store into a registry
    Push(Box<PushArgs>),
    /// Serve a store as a read-only registry
    Serve(ServeArgs),
    /// Walk the whole way on a practice release: offline, no root
    Demo(DemoArgs),
    /// The practice release's stand-in for openshift-install
    #[command(hide = true, disable_help_flag = true)]
    PracticeInstaller {
        /// What the real one is called with
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// Which site.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  snobox check sites/bip.yaml")]
pub struct SiteArgs {
    /// The site file
    #[arg(default_value = "site.yaml")]
    pub site: PathBuf,
}

/// `snobox init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox init                       asks for what is missing, on a terminal
  snobox init --from-install-config install-config.yaml --release-version 4.13.1
  snobox init --name bip --release-version 4.13.1 --base-domain example.com \\
      --pull-secret-file pull-secret.json --ssh-key-file ~/.ssh/id_ed25519.pub --disk /dev/sda")]
pub struct InitArgs {
    /// Where to write the site file
    #[arg(default_value = "site.yaml")]
    pub site: PathBuf,
    /// Replace a site file that is there
    #[arg(long)]
    pub force: bool,
    /// Take name, domain, disk, pull secret and SSH key from an install-config.yaml
    #[arg(long, value_name = "FILE")]
    pub from_install_config: Option<PathBuf>,
    /// Name of the cluster
    #[arg(long)]
    pub name: Option<String>,
    /// Release to install, such as 4.13.1
    #[arg(long, value_name = "VERSION", conflicts_with = "release_image")]
    pub release_version: Option<String>,
    /// Release payload image to install, by digest or tag
    #[arg(long, value_name = "IMAGE")]
    pub release_image: Option<String>,
    /// Domain of the cluster, such as example.com
    #[arg(long, value_name = "DOMAIN")]
    pub base_domain: Option<String>,
    /// Pull secret, as downloaded from console.redhat.com
    #[arg(long, value_name = "FILE")]
    pub pull_secret_file: Option<PathBuf>,
    /// SSH public key for the user core
    #[arg(long, value_name = "FILE")]
    pub ssh_key_file: Option<PathBuf>,
    /// Host name of the node; the cluster's name by default
    #[arg(long)]
    pub hostname: Option<String>,
    /// Disk to install to
    #[arg(long, value_name = "DEVICE")]
    pub disk: Option<String>,
    /// Network interface, by name or by hardware address
    #[arg(long, value_name = "NAME|MAC")]
    pub interface: Option<String>,
    /// Static address with prefix length; DHCP by default
    #[arg(long, value_name = "ADDRESS/LENGTH", requires = "interface")]
    pub address: Option<String>,
    /// Gateway
    #[arg(long, requires = "address")]
    pub gateway: Option<String>,
    /// Name server; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Vec<String>,
    /// Time server; may be repeated
    #[arg(long, value_name = "SERVER")]
    pub ntp: Vec<String>,
}

/// Which store.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// The store: an OCI image layout; `store` beside the site file by default
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

/// `snobox build`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox build
  snobox build sites/bip.yaml --store /data/store -o bip.img
  snobox build --installer-ignition bootstrap-in-place-for-live-iso.ign --live-iso rhcos-live.x86_64.iso.xz")]
pub struct BuildArgs {
    /// The site file
    #[arg(default_value = "site.yaml")]
    pub site: PathBuf,
    #[command(flatten)]
    pub store: StoreArgs,
    /// Where to write the image; NAME.img beside the site file by default
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace an image that is there
    #[arg(long)]
    pub force: bool,
    /// An ignition of `openshift-install create single-node-ignition-config`, instead of running the payload's installer
    #[arg(long, value_name = "FILE")]
    pub installer_ignition: Option<PathBuf>,
    /// A CoreOS live ISO (plain or .xz), instead of the payload's
    #[arg(long, value_name = "FILE")]
    pub live_iso: Option<PathBuf>,
    /// A snobox-agent for the node, instead of the one in this program; needed where the node has another processor
    #[arg(long, value_name = "FILE")]
    pub agent: Option<PathBuf>,
}

/// `snobox verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox verify bip.img             an image: ISO, ignition, cache, seal
  snobox verify store               a store: index, manifests, blobs")]
pub struct VerifyArgs {
    /// An image file, or the folder of a store
    pub target: PathBuf,
}

/// `snobox iso`.
#[derive(Debug, Subcommand)]
pub enum IsoCommand {
    /// Say what an ISO is and what its embed areas hold
    #[command(
        after_help = "Examples:\n  snobox iso show rhcos-live.iso\n  snobox iso show rhcos-live.iso --ignition > config.ign"
    )]
    Show {
        /// The ISO, plain or .xz
        iso: PathBuf,
        /// Print the embedded Ignition config, byte for byte, and nothing else; it holds secrets
        #[arg(long)]
        ignition: bool,
    },
    /// Embed an Ignition config, or remove it
    #[command(
        after_help = "Examples:\n  snobox iso embed rhcos-live.iso --ignition config.ign -o site.iso\n  snobox iso embed site.iso --remove"
    )]
    Embed {
        /// The ISO; changed in place unless --output is given
        iso: PathBuf,
        /// The config to embed
        #[arg(
            long,
            value_name = "FILE",
            required_unless_present = "remove",
            conflicts_with = "remove"
        )]
        ignition: Option<PathBuf>,
        /// Remove the embedded config
        #[arg(long)]
        remove: bool,
        /// Replace a config that is embedded already
        #[arg(long)]
        force: bool,
        /// Write a new ISO instead of changing this one
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print or change the kernel arguments
    #[command(
        after_help = "Examples:\n  snobox iso kargs rhcos-live.iso\n  snobox iso kargs rhcos-live.iso --append console=ttyS0 --delete mitigations=auto,nosmt\n  snobox iso kargs rhcos-live.iso --reset"
    )]
    Kargs {
        /// The ISO; changed in place unless --output is given
        iso: PathBuf,
        /// Argument to add at the end; may be repeated
        #[arg(long, value_name = "ARGUMENT")]
        append: Vec<String>,
        /// Argument to remove, with its value; may be repeated
        #[arg(long, value_name = "ARGUMENT")]
        delete: Vec<String>,
        /// First go back to the arguments that the ISO was shipped with
        #[arg(long)]
        reset: bool,
        /// Write a new ISO instead of changing this one
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// `snobox ignition`. Every FILE is an Ignition config, a live ISO (plain or .xz), an image, or a stick.
#[derive(Debug, Subcommand)]
pub enum IgnitionCommand {
    /// List files and units, or print one of them
    #[command(after_help = "\
Examples:
  snobox ignition show bip.img
  snobox ignition show bip.img /usr/local/bin/bootkube.sh
  snobox ignition show bip.img kubelet.service
  snobox ignition show bip.img /root/.docker/config.json --reveal")]
    Show {
        /// An Ignition config, a live ISO (plain or .xz), or an image
        file: PathBuf,
        /// Path of a file, or name of a unit, to print
        path: Option<String>,
        /// Print it also if it is secret
        #[arg(long, requires = "path")]
        reveal: bool,
    },
    /// Find faults that keep a node from installing
    #[command(after_help = "\
Examples:
  snobox ignition lint bootstrap-in-place-for-live-iso.ign
  snobox --json ignition lint bip.img

Exit status: 0 when no finding is an error, 40 when one is.")]
    Lint {
        /// An Ignition config, a live ISO (plain or .xz), or an image
        file: PathBuf,
    },
    /// Say how two configs differ, by file and unit
    #[command(after_help = "\
Examples:
  snobox ignition diff bootstrap-in-place-for-live-iso.ign bip.img    what snobox adds
  snobox ignition diff old.ign new.ign --reveal

Exit status: 0 when they are equal, 40 when they differ.")]
    Diff {
        /// An Ignition config, a live ISO (plain or .xz), or an image
        before: PathBuf,
        /// The other one
        after: PathBuf,
        /// Show also how secrets differ
        #[arg(long)]
        reveal: bool,
    },
}

/// `snobox certs`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// List certificates: for whom, by whom, from when until when, where, and whether they can be renewed
    #[command(after_help = "\
Examples:
  snobox certs show bip.img
  snobox --json certs show bootstrap-in-place-for-live-iso.ign
  snobox certs show clusterconfig/tls")]
    Show {
        /// An Ignition config, a live ISO (plain or .xz), an image, or a folder
        file: PathBuf,
    },
    /// Renew short-lived certificates with the keys that are there, so that an image installs later than a day from now
    #[command(after_help = "\
Examples:
  snobox certs extend bip.img --validity 365d
  snobox certs extend bip.img --validity 365d --dry-run
  snobox certs extend bootstrap-in-place-for-live-iso.ign --validity 90d -o extended.ign

Subjects, keys and extensions stay; serial numbers, validity and signatures are new. They hold from five minutes ago on.")]
    Extend {
        /// An Ignition config, or a live ISO or image; the latter are changed in place unless --output is given
        file: PathBuf,
        /// How long renewed certificates hold: days (365d) or hours (48h)
        #[arg(long, value_name = "LENGTH", value_parser = snobox_formats::validity::argument)]
        validity: Duration,
        /// Renew also those that hold for up to 366 days
        #[arg(long)]
        also_longer: bool,
        /// Write a new file instead of changing this one
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace an output that is there
        #[arg(long, requires = "output")]
        force: bool,
        /// Print what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// `snobox serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox serve --store store
  snobox serve --listen 0.0.0.0:5000     for colleagues; in their site.yaml
                                         mirrors: [{ source: quay.io, mirrors: [\"http://mirror.lan:5000/quay.io\"] }]
  snobox serve --practice           the practice release, to try every command on
  skopeo inspect --tls-verify=false docker://127.0.0.1:5000/quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64")]
pub struct ServeArgs {
    /// The store
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
    /// Serve the embedded practice release instead of a store
    #[arg(long, conflicts_with = "store")]
    pub practice: bool,
    /// Address to listen on, plain HTTP; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5000")]
    pub listen: SocketAddr,
    /// Ask for a token, given for the user name and password in this file (`user:password`)
    #[arg(long, value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,
}

/// `snobox demo`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  snobox demo --dir /tmp/snobox-demo")]
pub struct DemoArgs {
    /// Where to leave site.yaml, site.lock, store and image
    #[arg(long, value_name = "DIR", default_value = "snobox-demo")]
    pub dir: PathBuf,
}
