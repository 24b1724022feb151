//! The command line of `snobox plan`.

use std::path::PathBuf;

use clap::Args;

use super::{PatienceArgs, StoreArgs};
use crate::flow::signatures::Signatures;

/// `snobox plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox plan                       bytes, time and disk, the largest parts first; writes site.lock
  snobox plan --rate 50M --all      at 50 Mbit/s, with every part
  snobox plan --diff last/site.lock what changes since, and what an update would fetch
  snobox plan --explain etcd        why it is in, who needs it, what it costs
  snobox plan --relock              resolve tags and versions again

Only manifests are fetched (a few KB for each image), and of the release's own image the layer with its list of components. What it fetched
is in the store: `snobox mirror` goes on from there.")]
pub struct PlanArgs {
    /// The site file
    #[arg(default_value = "site.yaml")]
    pub site: PathBuf,
    #[command(flatten)]
    pub store: StoreArgs,
    /// What the line carries, in bits per second as lines are sold: 50M or 50Mbit are 50,000,000 bits (6.25 MB) in a second
    /// [without it: what the last mirror into the store measured, or else times at 50M and at 100M]
    #[arg(long, value_name = "BITS", value_parser = bits)]
    pub rate: Option<u64>,
    /// List every part, not the largest alone
    #[arg(long)]
    pub all: bool,
    /// Compare with an older lock
    #[arg(long, value_name = "LOCK", conflicts_with = "explain")]
    pub diff: Option<PathBuf>,
    /// Say why an image is in or out: a component's name, a reference, a digest or a repository
    #[arg(long, value_name = "IMAGE")]
    pub explain: Option<String>,
    /// Resolve the release and all tags again, even if site.lock is up to date
    #[arg(long)]
    pub relock: bool,
    /// Where the signature of the release is, as `sha256=…/signature-1`: a folder or a URL, instead of mirror.openshift.com
    #[arg(long, value_name = "DIR|URL")]
    pub signatures: Option<Signatures>,
    #[command(flatten)]
    pub patience: PatienceArgs,
}

/// Reads `50M`, `50Mbit`, `1G`, `800k`, `56000` as bits in a second; units are of 1000, as with lines.
fn bits(text: &str) -> Result<u64, String> {
    let wrong =
        || "expected bits in a second, such as 50M or 50Mbit (bytes are not meant)".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.to_ascii_lowercase();
    let factor = match unit.strip_suffix("bit").unwrap_or(&unit) {
        // "50MB" and "50Mb" differ by eight for those who know: neither is taken.
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(factor) {
        Some(0) => Err("a line without bits carries nothing".to_owned()),
        Some(bits) => Ok(bits),
        None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::bits;

    #[test]
    fn rates_are_bits_of_units_of_a_thousand() {
        assert_eq!(bits("50M"), Ok(50_000_000));
        assert_eq!(bits("50Mbit"), Ok(50_000_000));
        assert_eq!(bits("1g"), Ok(1_000_000_000));
        assert_eq!(bits("800kbit"), Ok(800_000));
        assert_eq!(bits("56000"), Ok(56_000));
        for wrong in [
            "",
            "M",
            "50MB",
            "50Mb",
            "-1",
            "1.5M",
            "0",
            "0M",
            "99999999999999G",
        ] {
            assert!(bits(wrong).is_err(), "{wrong:?}");
        }
    }
}
