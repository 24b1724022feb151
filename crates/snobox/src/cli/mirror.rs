//! The command line of `snobox mirror`.

use std::path::PathBuf;

use clap::Args;

use super::{LineArgs, StoreArgs};
use crate::flow::signatures::Signatures;

/// `snobox mirror`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox mirror
  snobox mirror sites/bip.yaml --store /data/store --jobs 4
  snobox mirror --limit 3M --window 22:00-07:00     leaves the line to others by day
  snobox mirror --relock            resolve tags and versions again
  snobox mirror --signatures keep/  the release's signature is keep/sha256=<digest>/signature-1, not on the web

It may be stopped or killed at any time: run again, it goes on inside the blob where it was. Proxies are those of HTTPS_PROXY and NO_PROXY;
SSL_CERT_FILE names other authorities than the system's, --ca one more.")]
pub struct MirrorArgs {
    /// The site file
    #[arg(default_value = "site.yaml")]
    pub site: PathBuf,
    #[command(flatten)]
    pub store: StoreArgs,
    /// Resolve the release and all tags again, even if site.lock is up to date
    #[arg(long)]
    pub relock: bool,
    #[command(flatten)]
    pub line: LineArgs,
    /// Where the signature of the release is, as `sha256=…/signature-1`: a folder or a URL, instead of mirror.openshift.com
    #[arg(long, value_name = "DIR|URL")]
    pub signatures: Option<Signatures>,
}
