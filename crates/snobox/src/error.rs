//! What the user is told when something fails: what, on what, why, a hint, and the exit status.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use snobox_formats::image_file::ImageFileError;
use snobox_formats::live_iso::{EmbedError, LiveIsoError};
use snobox_host::program::ProgramError;
use snobox_media::compose::ComposeError;
use snobox_media::verify::VerifyError;
use snobox_registry::client::RequestError;
use snobox_registry::pull::{Failure, PullError};
use snobox_store::{StoreError, is_out_of_inodes};

/// Exit statuses. 0 is success; clap also gives 2 for wrong usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something that should not happen.
    Internal = 1,
    /// Arguments that do not go with what they are for.
    Usage = 2,
    /// `site.yaml`, or a file that it names.
    Site = 10,
    /// The pull secret is missing or malformed.
    PullSecret = 11,
    /// Not a CoreOS live ISO.
    LiveIso = 12,
    /// Ignition or kernel arguments do not fit.
    TooLarge = 13,
    /// The installer failed.
    Installer = 14,
    /// An ignition that cannot be read or extended.
    Ignition = 15,
    /// A registry cannot be reached.
    Unreachable = 20,
    /// A registry refuses, or does not have it.
    Refused = 21,
    /// Bytes that are not what their digest says.
    WrongDigest = 22,
    /// Fewer bytes than announced.
    Truncated = 23,
    /// A release without a signature that holds.
    Unsigned = 24,
    /// No space left.
    DiskFull = 30,
    /// A file or folder cannot be used.
    File = 31,
    /// Verification found something.
    Findings = 40,
    /// Ctrl-C.
    Interrupted = 130,
}

/// A failure, ready to be shown.
#[derive(Debug)]
pub struct Error {
    /// Exit status.
    pub exit: Exit,
    /// What failed, on what, expected and found.
    pub message: String,
    /// What to do; [`hint_text`](Error::hint_text) has an answer also where nobody gave one.
    pub hint: Option<String>,
    /// Whether the result that was printed for machines says it already.
    pub told: bool,
}

/// Results of everything that can fail in front of the user.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure with a message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            told: false,
        }
    }

    /// A failure with its causes.
    pub fn caused(
        exit: Exit,
        message: impl Into<String>,
        cause: &(dyn StdError + 'static),
    ) -> Self {
        let message = format!("{}: {}", message.into(), chain(cause));
        if is_disk_full(cause) {
            Self::disk_full(message)
        } else {
            Self::new(exit, message)
        }
    }

    /// Several failures as one: every message, and what the first says besides.
    pub fn together(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        errors.into_iter().reduce(|mut all, next| {
            all.message = format!("{}\n{}", all.message, next.message);
            all
        })
    }

    /// Something that should not happen.
    pub fn internal(message: &str, cause: &(dyn StdError + 'static)) -> Self {
        Self::caused(Exit::Internal, message, cause)
    }

    /// A file operation that failed.
    pub fn file(action: &str, path: &Path, cause: &io::Error) -> Self {
        let message = format!("cannot {action} {}", path.display());
        let error = Self::caused(Exit::File, message, cause);
        if error.exit == Exit::DiskFull && is_out_of_inodes(path) {
            error.of_inodes(path)
        } else {
            error
        }
    }

    /// No temporary file or folder could be made.
    pub fn temporary(cause: &io::Error) -> Self {
        let folder = std::env::temp_dir();
        Self::file("make a temporary file in", &folder, cause)
            .hint("TMPDIR names another folder for temporary files")
    }

    /// The user said stop.
    pub fn interrupted() -> Self {
        let hint = "nothing is half-written; run the same command again: it goes on where it was";
        Self::new(Exit::Interrupted, "interrupted").hint(hint)
    }

    /// With the file that it is about.
    pub fn about(mut self, path: &Path) -> Self {
        self.message = format!("{}: {}", path.display(), self.message);
        self
    }

    /// With a hint, unless it has one.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// What to do.
    pub fn hint_text(&self) -> &str {
        self.hint.as_deref().unwrap_or(match self.exit {
            Exit::Internal => {
                "this should not happen; please report it with the command that you ran"
            }
            Exit::Usage => "`snobox help` shows what there is",
            Exit::Site => "`snobox check` says everything that is wrong with a site file",
            Exit::File => "is the path right, and may you read and write there?",
            _ => "`snobox help COMMAND` has examples",
        })
    }

    /// No space for what was to come to `path`: of bytes, or of files.
    fn no_space(message: String, path: &Path) -> Self {
        let error = Self::disk_full(message);
        if is_out_of_inodes(path) {
            error.of_inodes(path)
        } else {
            error
        }
    }

    /// What a full disk is short of is files.
    fn of_inodes(mut self, path: &Path) -> Self {
        let folder = path.parent().unwrap_or(path).display();
        self.message += "\nits file system has no inodes left: it may have free bytes, and can take no more files";
        self.hint = Some(format!(
            "remove files that nobody needs (`df -i {folder}` shows how many there are), or name another disk with --store or --output; what is complete is kept, so run the same command again"
        ));
        self
    }

    fn disk_full(message: String) -> Self {
        let hint = "free some space, or name another disk with --store or --output; what is complete is kept, so run the same command again";
        Self::new(Exit::DiskFull, message).hint(hint)
    }
}

/// An error and its causes in one line.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {inner}");
        source = inner.source();
    }
    text
}

fn io_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        current = error.source();
    }
    None
}

fn is_disk_full(error: &(dyn StdError + 'static)) -> bool {
    let full = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::FileTooLarge,
    ];
    io_error(error).is_some_and(|e| full.contains(&e.kind()))
}

/// What to do about an index that is damaged or gone.
pub fn index_hint(path: &Path) -> String {
    let path = path.display();
    format!(
        "it says which images the store has, and their blobs are still there: put a copy of it back, or move it away (`mv {path} {path}.damaged`) and name the images again with `snobox mirror`, `store add` or `store import`, which fetch nothing twice; `store gc` only after that"
    )
}

/// Whether a chain of errors ends in the user's wish to stop.
fn is_interrupted(error: &(dyn StdError + 'static)) -> bool {
    io_error(error).is_some_and(crate::interrupt::is_interruption)
}

fn classified(exit: Exit, error: &(dyn StdError + 'static)) -> Error {
    if is_interrupted(error) {
        return Error::interrupted();
    }
    let message = chain(error);
    if is_disk_full(error) {
        Error::disk_full(message)
    } else {
        Error::new(exit, message)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Io { path, source, .. } if is_disk_full(source) => {
                Self::no_space(chain(&error), path)
            }
            StoreError::Io { path, source, .. }
                if path.ends_with("index.json") && source.kind() == io::ErrorKind::NotFound =>
            {
                classified(Exit::File, &error).hint(index_hint(path))
            }
            StoreError::Io { .. } => classified(Exit::File, &error),
            StoreError::Index { path, .. } => {
                classified(Exit::File, &error).hint(index_hint(path))
            }
            StoreError::DanglingLink { target, .. } => classified(Exit::File, &error).hint(format!(
                "mount the disk that it leads to, or make the folder {}; or remove the link, or name another store with --store",
                target.display()
            )),
            StoreError::Version { .. } => classified(Exit::File, &error).hint(
                "it was made by another program or a newer snobox; name another store with --store",
            ),
            StoreError::NotAStore { path } => classified(Exit::File, &error).hint(format!(
                "run `snobox mirror` first, or name a store with --store; {} is left as it is",
                path.display()
            )),
            StoreError::Locked { .. } => {
                classified(Exit::File, &error).hint("wait for the other snobox to finish")
            }
            StoreError::InUse { .. } => {
                classified(Exit::File, &error).hint("wait for the other snobox to finish")
            }
            StoreError::Unproved { .. } => classified(Exit::Findings, &error).hint(
                "nothing was removed; `snobox store fsck --repair` and `snobox mirror` mend it, --drop gives the image up",
            ),
            StoreError::WrongDigest { .. } => classified(Exit::WrongDigest, &error)
                .hint("run `snobox store fsck --repair`, then `snobox mirror` again"),
            StoreError::WrongSize { .. } => classified(Exit::Truncated, &error),
            StoreError::Missing { .. } => classified(Exit::Findings, &error)
                .hint("run `snobox mirror` to fetch what is missing"),
            StoreError::NoRoom { .. } => Self::disk_full(chain(&error)),
        }
    }
}

impl From<ImageFileError> for Error {
    fn from(error: ImageFileError) -> Self {
        match error {
            ImageFileError::Damaged { .. } => classified(Exit::WrongDigest, &error)
                .hint("run `snobox store fsck --repair`, then `snobox mirror` again"),
            ImageFileError::Missing { .. } => classified(Exit::Findings, &error)
                .hint("run `snobox mirror` to fetch what is missing"),
            other => classified(Exit::File, &other)
                .hint("run `snobox verify` on the store to find damage"),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let message = failure.to_string();
        let (exit, hint) = match failure.cause() {
            Some(PullError::Store(StoreError::Io { path, source, .. })) if is_disk_full(source) => {
                return Self::no_space(message, path);
            }
            Some(PullError::Store(StoreError::NoRoom { .. })) => {
                return Self::disk_full(message);
            }
            Some(PullError::Store(_)) => (Exit::File, "look at the folder of the store"),
            Some(PullError::Manifest(_) | PullError::Platform { .. }) => {
                (Exit::Refused, "is the reference the right one?")
            }
            Some(PullError::Size { .. }) => (
                Exit::Refused,
                "no registry and no line can mend that: whoever publishes the image has to",
            ),
            Some(PullError::Request(request)) => match request {
                request if request.is_untrusted() => (
                    Exit::Unreachable,
                    "its certificate is not signed by anybody who is trusted here: if that is a proxy or a registry of your own, name its authority with --ca FILE",
                ),
                RequestError::WrongDigest { .. } => (
                    Exit::WrongDigest,
                    "the registry or something before it (a proxy, a cache) alters the bytes; those of a blob are in .snobox/quarantine of the store, to be looked at",
                ),
                RequestError::WrongSize {
                    expected, found, ..
                } if found > expected => (
                    Exit::WrongDigest,
                    "the registry or something before it (a proxy, a cache) sends another file; nothing of it is kept",
                ),
                RequestError::WebPage { .. } => (
                    Exit::Refused,
                    "a portal that wants a login, or a proxy that refuses: open the address in a browser, or set HTTPS_PROXY",
                ),
                RequestError::Redirects { .. } => (
                    Exit::Refused,
                    "the registry or something before it is set up wrongly; a copy nearby can be named under `mirrors:` in site.yaml",
                ),
                RequestError::WrongSize { .. }
                | RequestError::Cut { .. }
                | RequestError::Broken { .. }
                | RequestError::Stalled { .. } => (
                    Exit::Truncated,
                    "the line or the registry drops connections; run the same command again: it goes on where it was",
                ),
                RequestError::Unreachable { .. } => (
                    Exit::Unreachable,
                    "is the line up? behind a proxy set HTTPS_PROXY; a copy nearby can be named under `mirrors:` in site.yaml",
                ),
                RequestError::Denied { .. } => (
                    Exit::Refused,
                    "does the pull secret have an entry for this registry? fetch a fresh one from console.redhat.com",
                ),
                RequestError::NotFound { .. } => (
                    Exit::Refused,
                    "is the version or the reference spelled right? if it is a blob, the registry's own copy of the image is not whole",
                ),
                RequestError::Status { .. }
                | RequestError::Range { .. }
                | RequestError::Refusal { .. }
                | RequestError::Token { .. }
                | RequestError::TooLarge { .. } => (
                    Exit::Refused,
                    "the registry is out of order; try again later",
                ),
            },
            None => (Exit::Internal, "please report this"),
        };
        Self::new(exit, message).hint(hint)
    }
}

/// Several failures: the first decides the exit status. All are told: who comes back in the morning wants to know what to look after; and
/// what failed for one reason is told with it once.
impl From<Vec<Failure>> for Error {
    fn from(failures: Vec<Failure>) -> Self {
        let count = failures.len();
        let mut told: Vec<(String, Vec<String>)> = Vec::new();
        for failure in &failures {
            let text = failure.to_string();
            let (what, why) = text.split_once('\n').unwrap_or((&text, ""));
            match told.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, things)) => things.push(what.to_owned()),
                None => told.push((why.to_owned(), vec![what.to_owned()])),
            }
        }
        let Some(first) = failures.into_iter().next() else {
            return Self::new(Exit::Internal, "a failure without a cause");
        };
        let alone = first.to_string();
        let mut error = Self::from(first);
        // What it says besides is true of all.
        let besides = error.message.strip_prefix(&alone).unwrap_or_default();
        let besides = besides.to_owned();
        let blocks = told
            .into_iter()
            .map(|(why, things)| format!("{}\n{why}", things.join("\n")));
        error.message = blocks.collect::<Vec<_>>().join("\n");
        if count > 1 {
            error.message = format!("{count} things could not be fetched\n{}", error.message);
        }
        error.message += &besides;
        error
    }
}

impl From<LiveIsoError> for Error {
    fn from(error: LiveIsoError) -> Self {
        classified(Exit::LiveIso, &error)
            .hint("expected a RHCOS or Fedora CoreOS live ISO, as found in the payload or at mirror.openshift.com")
    }
}

impl From<EmbedError> for Error {
    fn from(error: EmbedError) -> Self {
        let (exit, hint) = match &error {
            EmbedError::TooLarge { .. } => (
                Exit::TooLarge,
                "what is large belongs into the cache or a registry, not into the ignition",
            ),
            EmbedError::KargsTooLong { .. } => (
                Exit::TooLarge,
                "shorten the kernel arguments: fewer name servers, or --delete what is not needed",
            ),
            EmbedError::NoKargsAreas { .. } => (Exit::LiveIso, "use a live ISO of 4.10 or newer"),
            EmbedError::KargNotFound { .. } => (
                Exit::Usage,
                "an argument is deleted with its value, exactly as `snobox iso kargs FILE` prints it",
            ),
            EmbedError::EmptyKarg | EmbedError::KargsControlCharacter { .. } => {
                (Exit::Usage, "an argument is a word, or name=value")
            }
            EmbedError::Members { .. } => (Exit::LiveIso, "look at the ISO with `snobox iso show`"),
        };
        classified(exit, &error).hint(hint)
    }
}

impl From<ComposeError> for Error {
    fn from(error: ComposeError) -> Self {
        match error {
            ComposeError::LiveIso(inner) => inner.into(),
            ComposeError::Embed(inner) => inner.into(),
            ComposeError::AlreadyEmbedded => classified(Exit::LiveIso, &error).hint("use the ISO as it was shipped, or `snobox iso embed ISO --remove`"),
            ComposeError::Mbr(_) | ComposeError::NoFreeSlot => {
                classified(Exit::LiveIso, &error).hint("a hybrid live ISO from 2022 or later is needed: one that boots from a stick")
            }
            ComposeError::Ignition(_) => {
                classified(Exit::Ignition, &error).hint("expected an ignition as openshift-install wrote it, not one that went through snobox already")
            }
            ComposeError::PartitionTooSmall { .. } => {
                classified(Exit::Site, &error).hint("give `cache.size` in site.yaml room for the cache, and for what later updates bring")
            }
            ComposeError::DamagedBlob { .. } => {
                classified(Exit::WrongDigest, &error).hint("`snobox store fsck --repair` puts damaged blobs aside, and `snobox mirror` fetches them again")
            }
            ComposeError::WrongSize { .. } => classified(Exit::Truncated, &error).hint("run `snobox verify` on the store"),
            ComposeError::Read { .. } | ComposeError::Write(_) => classified(Exit::File, &error),
        }
    }
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::LiveIso(inner @ (LiveIsoError::Iso(_) | LiveIsoError::NotLive { .. })) => {
                inner.into()
            }
            // Areas that cannot be read are damage, and damage is what verification looks for.
            VerifyError::LiveIso(inner) => classified(Exit::Findings, &inner)
                .hint("build the image again, or write the stick again if it is a copy"),
            VerifyError::NotAnImage { .. } => {
                classified(Exit::LiveIso, &error).hint("make an image with `snobox build`")
            }
            VerifyError::Read(_) => classified(Exit::File, &error),
        }
    }
}

impl From<ProgramError> for Error {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Stopped { .. } => Self::interrupted(),
            _ => classified(Exit::Installer, &error).hint("the installer's own words above say what it did not like in the derived install-config"),
        }
    }
}
