//! The part of a command line that says how registries are asked, and how much of the line may be used.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use snobox_registry::pull::Patience;

use crate::flow::line::{Pace, Window};
use crate::flow::source::Source;

/// How long a registry is waited for that has never answered.
const GREETING: Duration = Duration::from_secs(5);

/// How registries are asked.
#[derive(Debug, Args)]
pub struct LineArgs {
    /// Blobs fetched at the same time
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// At most so much in a second for everything together: bytes with K, M or G (of 1024), or bits as 30Mbit
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub limit: Option<u64>,
    /// Fetch blobs only between these times of the day, local time; wait outside
    #[arg(long, value_name = "HH:MM-HH:MM")]
    pub window: Option<Window>,
    #[command(flatten)]
    pub patience: PatienceArgs,
}

/// How often it is tried again, and who is trusted.
#[derive(Debug, Args)]
pub struct PatienceArgs {
    /// How often a request is repeated that fails without bringing anything
    #[arg(long, default_value_t = 7, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub retries: u32,
    /// Trust the certificates in this file, too: of a proxy that looks into TLS, or of a registry of your own
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// After how many seconds without a byte a stream is given up and asked for again
    #[arg(long, hide = true, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub stall_timeout: u64,
}

impl LineArgs {
    /// How registries are asked: one that is just starting is waited for.
    pub fn source(&self) -> Source<'_> {
        let mut source = self.patience.source();
        source.patience.greeting = GREETING;
        source
    }

    /// How much of the line may be used.
    pub fn pace(&self) -> Pace {
        Pace {
            jobs: self.jobs.into(),
            limit: self.limit,
            window: self.window,
        }
    }
}

impl PatienceArgs {
    /// How registries are asked.
    pub fn source(&self) -> Source<'_> {
        let patience = Patience {
            tries: self.retries + 1,
            stall: Duration::from_secs(self.stall_timeout),
            ..Patience::default()
        };
        Source {
            patience,
            authorities: self.ca.as_deref(),
            ..Source::default()
        }
    }
}

/// Reads `500K`, `30M`, `1G`, `12345` as bytes, and `30Mbit`, `500Kbit`, `1Gbit` as bits, in a second.
fn rate(text: &str) -> Result<u64, String> {
    let wrong = || "expected a rate such as 3M (bytes) or 30Mbit (bits) in a second".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" => Some(number),
        "k" => number.checked_mul(1 << 10),
        "m" => number.checked_mul(1 << 20),
        "g" => number.checked_mul(1 << 30),
        "kbit" => number.checked_mul(1000 / 8),
        "mbit" => number.checked_mul(1_000_000 / 8),
        "gbit" => number.checked_mul(1_000_000_000 / 8),
        _ => None,
    };
    match bytes {
        Some(bytes) if bytes >= 1 << 10 => Ok(bytes),
        Some(_) => Err("expected at least 1K".to_owned()),
        None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_are_bytes_as_with_curl_or_bits_when_they_say_so() {
        assert_eq!(rate("30M"), Ok(31_457_280));
        assert_eq!(rate("500k"), Ok(512_000));
        assert_eq!(rate("1G"), Ok(1_073_741_824));
        assert_eq!(rate("4096"), Ok(4096));
        assert_eq!(rate("50Mbit"), Ok(6_250_000));
        assert_eq!(rate("1gbit"), Ok(125_000_000));
        for wrong in ["", "M", "30MB", "-1", "1.5M", "0", "7bit", "99999999999G"] {
            assert!(rate(wrong).is_err(), "{wrong:?}");
        }
    }
}
