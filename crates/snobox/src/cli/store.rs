//! The command line of `snobox store`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// `snobox store`. STORE is the folder of a store: an OCI image layout.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
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
