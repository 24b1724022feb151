//! Reads a blob piece by piece, and hashes it on the way where its digest has not been seen to be right yet.
//!
//! Files are read in threads for blocking work: a stick that has to try again must not hold up clients whose blobs are in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::layout::Finding;
use snobox_formats::xxh3::Xxh3;

use super::ServerState;
use super::buffers::{Buffer, PIECE_BYTES};
use super::health::Verdict;

/// A blob that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    file: File,
    digest: Digest,
    size_bytes: u64,
    position: u64,
    end: u64,
    /// Of what has been read so far; `None` when the blob needs no check.
    check: Option<Check>,
}

/// How a blob is found sound or damaged while it is read.
#[derive(Debug)]
enum Check {
    /// By its digest.
    Digest(Hasher),
    /// By a sum that somebody made of the sound blob: a tenth of the work.
    Sum { sum: Xxh3, expected: u128 },
}

impl Check {
    fn new(sum: Option<u128>) -> Self {
        match sum {
            None => Self::Digest(Hasher::new()),
            Some(expected) => Self::Sum {
                sum: Xxh3::new(),
                expected,
            },
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Digest(hasher) => hasher.update(bytes),
            Self::Sum { sum, .. } => sum.update(bytes),
        }
    }
}

/// What is wrong with a blob, before it is known who needs it.
#[derive(Debug)]
pub(super) enum Fault {
    Missing,
    WrongSize(u64),
    WrongDigest(Digest),
    Unreadable(io::Error),
}

impl Reading {
    /// Opens a blob; fails when it is not as large as it should be.
    fn open(path: PathBuf, digest: Digest, size_bytes: u64) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Fault::Missing,
            _ => Fault::Unreadable(error),
        })?;
        let found = file.metadata().map_err(Fault::Unreadable)?.len();
        if found != size_bytes {
            return Err(Fault::WrongSize(found));
        }
        Ok(Self {
            file,
            digest,
            size_bytes,
            position: 0,
            end: size_bytes,
            check: None,
        })
    }

    /// Whether all has been read.
    pub(super) fn is_over(&self) -> bool {
        self.position == self.end
    }

    /// Fills `buffer` with the next piece. With a check, the last piece is given only if the digest is right.
    pub(super) fn piece(&mut self, buffer: &mut Buffer) -> Result<(), Fault> {
        let space = buffer.space();
        let wanted = usize::try_from(self.end - self.position)
            .unwrap_or(usize::MAX)
            .min(space.len());
        let mut filled = 0;
        while filled < wanted {
            match self.file.read_at(&mut space[filled..wanted], self.position) {
                Ok(0) => return Err(Fault::WrongSize(self.position)),
                Ok(count) => {
                    filled += count;
                    self.position += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Unreadable(error)),
            }
        }
        buffer.set_filled(filled);
        if let Some(check) = &mut self.check {
            check.update(buffer.as_ref());
        }
        if self.is_over()
            && let Some(check) = self.check.take()
        {
            let found = match check {
                Check::Digest(hasher) => hasher.finish(),
                Check::Sum { sum, expected } if sum.finish() == expected => return Ok(()),
                // It may be the sum that is damaged.
                Check::Sum { .. } => self.hash().map_err(Fault::Unreadable)?,
            };
            if found != self.digest {
                return Err(Fault::WrongDigest(found));
            }
        }
        Ok(())
    }

    /// The digest of the whole file.
    fn hash(&self) -> io::Result<Digest> {
        let mut hasher = Hasher::new();
        let mut piece = vec![0; PIECE_BYTES];
        let mut position = 0;
        loop {
            match self.file.read_at(&mut piece, position) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(count) => {
                    hasher.update(&piece[..count]);
                    position += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A piece, and what is left to read; or what is wrong.
pub(super) type Step = Result<(Reading, Buffer), Arc<Finding>>;

impl ServerState {
    /// Opens a blob to read it whole, or a part (first byte, length). What is known to be damaged is not opened.
    pub(super) async fn open_blob(
        self: &Arc<Self>,
        digest: Digest,
        size_bytes: u64,
        part: Option<(u64, u64)>,
    ) -> Result<Reading, Arc<Finding>> {
        let mut sound = self.is_sound(digest)?;
        if part.is_some() && !sound {
            let _checking = self.health.checking.lock().await;
            sound = self.is_sound(digest)?;
            if !sound {
                self.check(digest, size_bytes).await?;
                sound = true;
            }
        }
        let mut reading = self.open(digest, size_bytes).await?;
        if !sound {
            reading.check = Some(self.new_check(digest));
        }
        if let Some((first, length)) = part {
            reading.position = first;
            reading.end = first + length;
        }
        Ok(reading)
    }

    /// Whether the blob was seen to be right; `Err` when it was seen to be wrong.
    fn is_sound(&self, digest: Digest) -> Result<bool, Arc<Finding>> {
        match self.health.verdict(digest) {
            None => Ok(false),
            Some(Verdict::Sound) => Ok(true),
            Some(Verdict::Damaged(finding)) => Err(finding),
        }
    }

    fn new_check(&self, digest: Digest) -> Check {
        Check::new(self.sums.get(&digest).copied())
    }

    async fn check(self: &Arc<Self>, digest: Digest, size_bytes: u64) -> Result<(), Arc<Finding>> {
        let mut reading = self.open(digest, size_bytes).await?;
        reading.check = Some(self.new_check(digest));
        loop {
            let (next, _) = self.clone().step(reading).await?;
            if next.is_over() {
                return Ok(());
            }
            reading = next;
        }
    }

    async fn open(&self, digest: Digest, size_bytes: u64) -> Result<Reading, Arc<Finding>> {
        let path = self.store.blob_path(digest);
        blocking(move || Reading::open(path, digest, size_bytes))
            .await
            .map_err(|fault| self.damaged(digest, size_bytes, fault))
    }

    /// Reads the next piece. What turns out is remembered.
    pub(super) async fn step(self: Arc<Self>, mut reading: Reading) -> Step {
        let (digest, size_bytes) = (reading.digest, reading.size_bytes);
        let unknown = reading.check.is_some();
        let mut buffer = self.buffers.take();
        let read = blocking(move || {
            reading.piece(&mut buffer)?;
            Ok((reading, buffer))
        });
        match read.await {
            Ok((reading, buffer)) => {
                if unknown && reading.is_over() {
                    self.health.sound(digest);
                }
                Ok((reading, buffer))
            }
            Err(fault) => Err(self.damaged(digest, size_bytes, fault)),
        }
    }

    fn damaged(&self, digest: Digest, expected: u64, fault: Fault) -> Arc<Finding> {
        let catalog = self.catalog();
        let (kind, images) = catalog.needed_by(digest);
        let images = images.to_vec();
        let finding = match fault {
            Fault::Missing => Finding::Missing {
                digest,
                kind,
                images,
            },
            Fault::WrongSize(found) => Finding::WrongSize {
                digest,
                expected,
                found,
                images,
            },
            Fault::WrongDigest(found) => Finding::WrongDigest {
                digest,
                found,
                images,
            },
            Fault::Unreadable(error) => Finding::Unreadable {
                digest,
                why: error.to_string(),
                images,
            },
        };
        self.health.damaged(digest, finding)
    }
}

/// Runs `work` in a thread where waiting for a disk holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Fault::Unreadable(io::Error::other(error))))
}
