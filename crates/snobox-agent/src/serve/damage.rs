//! Damaged blobs, told in the journal and to the technician: what is damaged, which images need it, what to do.

use std::sync::{Mutex, PoisonError};

use snobox_formats::layout::Finding;

use crate::report::Reporter;

/// What to do about a damaged blob. The image that the stick was written from may be sound.
const ACTION: &str = "write the stick again; if that does not help, use another stick";
/// How many images are named.
const NAMED: usize = 3;

/// What has been found damaged so far.
#[derive(Debug)]
pub(super) struct Damage {
    reporter: Reporter,
    found: Mutex<Vec<Finding>>,
}

impl Damage {
    /// Begins with what is known already.
    pub(super) fn new(reporter: Reporter, found: &[Finding]) -> Self {
        for finding in found {
            eprintln!("snobox-agent: {}", in_full(finding));
        }
        Self {
            reporter,
            found: Mutex::new(found.to_vec()),
        }
    }

    /// Says that serving has begun, or what is wrong already.
    pub(super) fn ready(&self, message: &str) {
        eprintln!("snobox-agent: {message}");
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match summary(&found) {
            None => self.reporter.done(message, None),
            Some(summary) => drop(self.reporter.failed(summary, ACTION)),
        }
    }

    /// Adds one.
    pub(super) fn found(&self, finding: &Finding) {
        eprintln!("snobox-agent: {}\nhint: {ACTION}", in_full(finding));
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.push(finding.clone());
        if let Some(summary) = summary(&found) {
            drop(self.reporter.failed(summary, ACTION));
        }
    }
}

/// One line about all that is damaged: the last one by name.
fn summary(found: &[Finding]) -> Option<String> {
    let last = found.last()?;
    let images = last.images();
    let mut needed = images
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if images.len() > NAMED {
        needed += &format!(" and {} more", images.len() - NAMED);
    }
    let count = match found.len() {
        1 => String::new(),
        count => format!("{count} files of the stick are damaged; the last one: "),
    };
    let what = last.clone().needed_by(&[]);
    Some(format!("{count}{what}, needed by {needed}"))
}

/// One line with all images, for the journal.
fn in_full(finding: &Finding) -> String {
    let what = finding.clone().needed_by(&[]);
    format!("{what}, needed by {}", finding.images().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_the_blob_some_images_and_counts_the_rest() {
        let digest = format!("sha256:{}", "1".repeat(64)).parse().unwrap();
        let images = ["r.lan/a:1", "r.lan/b:1", "r.lan/c:1", "r.lan/d:1"].map(str::to_owned);
        let one = Finding::WrongSize {
            digest,
            expected: 9,
            found: 5,
            images: images.to_vec(),
        };
        let first = summary(std::slice::from_ref(&one)).unwrap();
        assert_eq!(
            first,
            format!(
                "blob {digest} has 5 bytes, expected 9, needed by r.lan/a:1, r.lan/b:1, r.lan/c:1 and 1 more"
            )
        );
        let two = summary(&[one.clone(), one]).unwrap();
        assert_eq!(
            two,
            format!("2 files of the stick are damaged; the last one: {first}")
        );
        assert_eq!(summary(&[]), None);
    }
}
