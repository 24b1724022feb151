//! How fast the line was when it was last kept busy: what a plan can say of times without being told.
//!
//! `.snobox/line-rate` holds bits in a second as a decimal number and a newline. It is a hint: what cannot be read counts as absent.

use std::fs;

use crate::{Store, StoreError};

const FILE: &str = ".snobox/line-rate";

impl Store {
    /// Bits in a second, as last noted.
    pub fn line_rate(&self) -> Option<u64> {
        let text = fs::read_to_string(self.root().join(FILE)).ok()?;
        text.trim_end().parse().ok().filter(|bits| *bits > 0)
    }

    /// Notes bits in a second. Only for the holder of the lock.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn set_line_rate(&self, bits_per_second: u64) -> Result<(), StoreError> {
        self.replace(FILE, format!("{bits_per_second}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_rate_is_kept_and_what_is_none_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        assert_eq!(store.line_rate(), None);
        store.set_line_rate(48_000_000).unwrap();
        assert_eq!(store.line_rate(), Some(48_000_000));
        let text = fs::read_to_string(folder.path().join(".snobox/line-rate")).unwrap();
        assert_eq!(text, "48000000\n");
        for wrong in ["", "0", "-1", "fast", "1.5"] {
            fs::write(folder.path().join(".snobox/line-rate"), wrong).unwrap();
            assert_eq!(store.line_rate(), None, "{wrong:?}");
        }
    }
}
