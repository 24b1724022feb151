//! A change to an image as a value: some bytes, and where they go.
//!
//! Not for: applying it to a file; that is the caller's part.

use std::fmt;

use crate::mbr::EntryWrite;

/// Bytes to write over those of an image. Patches that one call returns never overlap.
#[derive(Clone, PartialEq, Eq)]
pub struct Patch {
    /// From the start of the image.
    pub offset_bytes: u64,
    /// What to write there.
    pub bytes: Vec<u8>,
}

/// The bytes can hold an Ignition config, which has secrets, so only their number is shown.
impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patch")
            .field("offset_bytes", &self.offset_bytes)
            .field("length_bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl From<EntryWrite> for Patch {
    fn from(entry: EntryWrite) -> Self {
        Self {
            offset_bytes: entry.offset_bytes,
            bytes: entry.bytes.to_vec(),
        }
    }
}

/// Applies the parts of `patches` that fall into `chunk`, the bytes of an image from `chunk_offset_bytes` on.
///
/// So an image can be streamed, hashed or copied as if it were patched.
pub fn overlay(patches: &[Patch], chunk_offset_bytes: u64, chunk: &mut [u8]) {
    let chunk_end = chunk_offset_bytes.saturating_add(chunk.len() as u64);
    for patch in patches {
        let start = patch.offset_bytes.max(chunk_offset_bytes);
        let end = patch
            .offset_bytes
            .saturating_add(patch.bytes.len() as u64)
            .min(chunk_end);
        if start < end {
            let length = (end - start) as usize;
            let to = (start - chunk_offset_bytes) as usize;
            let from = (start - patch.offset_bytes) as usize;
            chunk[to..to + length].copy_from_slice(&patch.bytes[from..from + length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn debug_shows_no_bytes() {
        let patch = Patch {
            offset_bytes: 7,
            bytes: b"secret".to_vec(),
        };
        assert_eq!(
            format!("{patch:?}"),
            "Patch { offset_bytes: 7, length_bytes: 6, .. }"
        );
    }

    proptest! {
        #[test]
        fn overlay_by_chunks_equals_overlay_of_the_whole(
            patches in proptest::collection::vec((0u64..120, proptest::collection::vec(1u8.., 0..40)), 0..4),
            chunk_length in 1usize..50,
        ) {
            let patches: Vec<_> = patches
                .into_iter()
                .map(|(offset_bytes, bytes)| Patch { offset_bytes, bytes })
                .collect();
            let mut expected = vec![0; 100];
            for patch in &patches {
                for (index, byte) in patch.bytes.iter().enumerate() {
                    if let Some(target) = expected.get_mut(patch.offset_bytes as usize + index) {
                        *target = *byte;
                    }
                }
            }
            let mut image = vec![0; 100];
            for (index, chunk) in image.chunks_mut(chunk_length).enumerate() {
                overlay(&patches, (index * chunk_length) as u64, chunk);
            }
            prop_assert_eq!(image, expected);
        }
    }
}
