//! What is known about blobs: sound, damaged, or never checked since the server started.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use snobox_formats::digest::Digest;
use snobox_formats::layout::Finding;

type Tell = Box<dyn Fn(&Finding) + Send + Sync>;

/// What is known about each blob.
pub(super) struct Health {
    known: Mutex<BTreeMap<Digest, Verdict>>,
    tell: Tell,
    /// Held while a blob is hashed without being sent, so that many ranges of one blob cost one check.
    pub(super) checking: tokio::sync::Mutex<()>,
}

/// What is known about one blob.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// Its bytes hash to its digest.
    Sound,
    /// They do not, or cannot be read.
    Damaged(Arc<Finding>),
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.known.fmt(f)
    }
}

impl Health {
    /// Begins with blobs that were hashed already.
    pub(super) fn of(sound: impl Iterator<Item = Digest>) -> Self {
        Self {
            known: Mutex::new(sound.map(|digest| (digest, Verdict::Sound)).collect()),
            tell: Box::new(|_| {}),
            checking: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn on_damage(&mut self, tell: impl Fn(&Finding) + Send + Sync + 'static) {
        self.tell = Box::new(tell);
    }

    /// What is known about a blob, if anything.
    pub(super) fn verdict(&self, digest: Digest) -> Option<Verdict> {
        self.known().get(&digest).cloned()
    }

    /// Remembers that a blob hashes to its digest.
    pub(super) fn sound(&self, digest: Digest) {
        // Damage once seen stays: a medium that reads right now and then is not to be trusted.
        self.known().entry(digest).or_insert(Verdict::Sound);
    }

    /// Remembers damage, and tells of it the first time.
    pub(super) fn damaged(&self, digest: Digest, finding: Finding) -> Arc<Finding> {
        let finding = {
            let mut known = self.known();
            if let Some(Verdict::Damaged(old)) = known.get(&digest) {
                return Arc::clone(old);
            }
            let finding = Arc::new(finding);
            known.insert(digest, Verdict::Damaged(Arc::clone(&finding)));
            finding
        };
        (self.tell)(&finding);
        finding
    }

    /// The medium was changed: every verdict but that of soundness is to be found anew.
    pub(super) fn forget_damage(&self) {
        self.known()
            .retain(|_, verdict| matches!(verdict, Verdict::Sound));
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Verdict>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
