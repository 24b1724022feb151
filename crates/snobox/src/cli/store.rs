//! The command line of `snobox store`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use snobox_formats::reference::ImageRef;

use super::LineArgs;

/// `snobox store`. STORE is the folder of a store: an OCI image layout.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Fetch a plain list of images
    Add(Box<AddArgs>),
    /// List images: digest, size, what dropping each would free, sparse or not
    #[command(after_help = "\
Examples:
  snobox store ls
  snobox --json store ls /data/store")]
    Ls {
        /// The store
        #[arg(default_value = "store")]
        store: PathBuf,
    },
    /// Hash every blob and follow every image; say exactly what is wrong
    #[command(after_help = "\
Examples:
  snobox store fsck
  snobox store fsck /data/store --repair && snobox mirror

Exit status: 0 when every image is whole, 40 when one is not (also after --repair: the blobs are to be fetched again). What no image
needs is said, and is no damage: `snobox store gc` removes it.")]
    Fsck {
        /// The store
        #[arg(default_value = "store")]
        store: PathBuf,
        /// Move damaged blobs into .snobox/quarantine, so that `snobox mirror` fetches them again
        #[arg(long)]
        repair: bool,
    },
    /// Remove what no image needs, and images that you name
    Gc(GcArgs),
    /// Take over images that other programs left on a disk
    Import(Box<ImportArgs>),
    /// Write images for other tools
    Export(ExportArgs),
}

/// `snobox store add`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox store add quay.io/team/line-agent:1.0 --pull-secret pull-secret.json
  snobox store add --refs ocp-images.txt --arch amd64 --limit 3M
  snobox store add --refs images.txt --plain-http          of a registry on this machine
  snobox store add --refs images.txt --plain-http=mirror.lan:5000

A list has one reference in a line; blank lines and # comments are nothing, and the lists of factory-precaching and the mapping.txt of
oc-mirror are lists, too. It may be stopped or killed at any time: run again, it goes on inside the blob where it was.")]
pub struct AddArgs {
    /// Images, by tag or by digest
    #[arg(value_name = "REF", required_unless_present = "refs")]
    pub images: Vec<ImageRef>,
    /// A list of images; may be repeated
    #[arg(long, value_name = "FILE")]
    pub refs: Vec<PathBuf>,
    /// The store; made where there is none
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
    /// Credentials: a pull secret, or the auth file of podman or docker
    #[arg(long, value_name = "FILE")]
    pub pull_secret: Option<PathBuf>,
    /// Ask registries on this machine, or the one that is named, over plain HTTP
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub plain_http: Vec<String>,
    /// Which image of a list for several platforms
    #[arg(long, value_name = "ARCH", default_value = "amd64", value_parser = ["amd64", "arm64", "ppc64le", "s390x"])]
    pub arch: String,
    #[command(flatten)]
    pub line: LineArgs,
}

/// `snobox store import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox store import /mnt/precached                 a folder of factory-precaching: .tgz files, mapping.txt, lists
  snobox store import mirror --store /data/store     a tree of dir: images, as `skopeo sync --scoped` leaves it
  snobox store import layout                         an image layout (oci:), or another store
  snobox store import agent.tar --as quay.io/team/line-agent:1.0

Archives are tar or tar.gz of a dir: or of an image layout. Nothing is believed because of its name: every byte is hashed, and an image
that cannot be used is told with the reason. Run again, it goes on where it was.

Exit status: 0 when everything is in the store, 40 when something could not be used.")]
pub struct ImportArgs {
    /// A folder or an archive
    pub path: PathBuf,
    /// The store; made where there is none
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
    /// What the only image of PATH is called
    #[arg(long = "as", value_name = "REF")]
    pub name: Option<ImageRef>,
    /// Which image of a list for several platforms
    #[arg(long, value_name = "ARCH", default_value = "amd64", value_parser = ["amd64", "arm64", "ppc64le", "s390x"])]
    pub arch: String,
    /// All platforms of a list
    #[arg(long, conflicts_with = "arch")]
    pub all: bool,
}

/// What an export is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Archives and lists as factory-precaching-cli leaves them
    FactoryPrecaching,
}

/// `snobox store export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox store export --format factory-precaching /mnt/precached
  snobox store export --format factory-precaching /mnt/precached quay.io/team/line-agent:1.0
  snobox store export --format factory-precaching /mnt/precached --rm-stale

Writes a .tgz of a dir: for each image, mapping.txt, ai-images.txt, ocp-images.txt and ignored-images.txt. Archives that are there stay as
they are; the lists are written anew, and images that are not named are in ignored-images.txt. Which image is a component of a release is
read from the release images in the store. A .tgz that no image of the store is called like is stale: it is named, and stays without
--rm-stale.")]
pub struct ExportArgs {
    /// Where to; made where it is not
    pub dir: PathBuf,
    /// Only these images, by reference or digest as `snobox store ls` shows them
    #[arg(value_name = "REF")]
    pub images: Vec<String>,
    /// For whom
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Remove the .tgz files of images that the store does not have
    #[arg(short = 's', long)]
    pub rm_stale: bool,
    /// The store
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}

/// `snobox store gc`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox store gc                                     say what would go, and how much it is
  snobox store gc --yes                               do it
  snobox store gc --drop quay.io/team/line-agent:0.9 --yes
  snobox store gc --keep-lock a/site.lock --keep-lock b/site.lock --yes

What came in the last day without belonging to an image stays: `snobox mirror` goes on with it after any interruption.
What a lock of --keep-lock names stays also before it is complete. Nothing is removed while another snobox writes, builds, pushes or
exports; a server goes on serving.")]
pub struct GcArgs {
    /// The store
    #[arg(default_value = "store")]
    pub store: PathBuf,
    /// Keep only the images of this lock; may be repeated
    #[arg(long, value_name = "FILE")]
    pub keep_lock: Vec<PathBuf>,
    /// Drop this image, by reference or digest as `snobox store ls` shows it; may be repeated
    #[arg(long, value_name = "REF")]
    pub drop: Vec<String>,
    /// Remove what no image needs only if it is that old: days (1d) or hours (12h), 0h for all of it
    #[arg(long, value_name = "AGE", default_value = "1d", value_parser = age)]
    pub older_than: Duration,
    /// Remove it, instead of saying what would go
    #[arg(long)]
    pub yes: bool,
}

/// Reads `1d` or `12h`.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "expected days or hours, such as 1d or 12h".to_owned();
    let (number, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => (days, 24),
        (_, Some(hours)) => (hours, 1),
        _ => return Err(wrong()),
    };
    let count: u32 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(count) * hours * 3600))
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_in_days_or_hours() {
        assert_eq!(age("2d").map(|a| a.as_secs()), Ok(172_800));
        assert_eq!(age("0h").map(|a| a.as_secs()), Ok(0));
        for wrong in ["", "d", "1", "-1d", "1.5h", "99999999999d", "1w"] {
            assert!(age(wrong).is_err(), "{wrong:?}");
        }
    }
}
