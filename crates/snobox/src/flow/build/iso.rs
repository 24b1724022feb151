//! The live ISO: out of the payload, or a file of the user's, plain or xz.

use std::io::{self, Seek as _, Write};
use std::path::Path;

use snobox_formats::digest::{Digest, Hasher};
use snobox_formats::image_file::ImageFileError;
use snobox_plan::lock::Lock;
use snobox_store::Store;

use crate::error::{Error, Exit, Result};
use crate::flow::iso_file;
use crate::flow::output::Output;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// The component of the payload that holds the ISO.
const COMPONENT: &str = "machine-os-images";

/// Where the ISO comes from.
pub(super) struct LiveIsoSource<'a> {
    pub(super) named: Option<&'a Path>,
    pub(super) store: &'a Store,
    pub(super) lock: &'a Lock,
}

/// Copies the ISO to the start of the output; returns its length in bytes.
pub(super) fn bring(
    source: &LiveIsoSource<'_>,
    output: &mut Output,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<u64> {
    let progress = ui.progress("live ISO", 0);
    let mut advance = |count| {
        progress.add(count);
        interrupt.check()
    };
    if let Some(path) = source.named {
        let reader = iso_file::open(path)?;
        return output
            .fill(reader, &mut advance)
            .map_err(|e| stopped_or(&e, || Error::file("copy", path, &e)));
    }
    let component = source.lock.component(COMPONENT).ok_or_else(|| {
        let message = format!(
            "release {} has no component {COMPONENT}",
            source.lock.release.version
        );
        Error::new(Exit::LiveIso, message).hint("name a live ISO with --live-iso")
    })?;
    let manifest = component.platform_digest.unwrap_or(component.digest);
    let architecture = match source.lock.release.architecture.as_str() {
        "arm64" => "aarch64",
        _ => "x86_64",
    };
    let path = format!("coreos/coreos-{architecture}.iso");
    let mut sink = Sink {
        output,
        written: 0,
        pending: Vec::new(),
        hasher: Hasher::new(),
        advance: &mut advance,
    };
    let copied = source.store.copy_image_file(manifest, &path, &mut sink);
    if interrupt.is_set() {
        return Err(Error::interrupted());
    }
    copied?;
    let (length, digest) = sink
        .finish()
        .map_err(|e| Error::caused(Exit::File, "cannot write the image", &e))?;
    check_digest(source.store, manifest, &path, digest)?;
    Ok(length)
}

fn stopped_or(error: &io::Error, otherwise: impl FnOnce() -> Error) -> Error {
    if crate::interrupt::is_interruption(error) {
        Error::interrupted()
    } else {
        otherwise()
    }
}

/// The payload says the ISO's digest in a file beside it; older ones do not.
fn check_digest(store: &Store, manifest: Digest, path: &str, found: Digest) -> Result<()> {
    let beside = format!("{path}.sha256");
    let text = match store.read_image_file(manifest, &beside, 4096) {
        Err(ImageFileError::NotFound { .. }) => return Ok(()),
        other => other?,
    };
    let text = String::from_utf8_lossy(&text);
    let expected = text.split_whitespace().next().unwrap_or_default();
    if expected != found.hex() {
        let message =
            format!("/{path} of the payload hashes to {found}, but /{beside} says {expected:?}");
        return Err(Error::new(Exit::WrongDigest, message)
            .hint("the release is inconsistent; name a live ISO with --live-iso"));
    }
    Ok(())
}

/// Writes to the output in blocks, so that zeros become holes.
struct Sink<'a> {
    output: &'a mut Output,
    written: u64,
    pending: Vec<u8>,
    hasher: Hasher,
    advance: &'a mut dyn FnMut(u64) -> io::Result<()>,
}

const BLOCK: usize = 64 * 1024;

impl Sink<'_> {
    fn flush_block(&mut self) -> io::Result<()> {
        if self.pending.iter().any(|byte| *byte != 0) {
            let file = self.output.file();
            file.seek(io::SeekFrom::Start(self.written))?;
            file.write_all(&self.pending)?;
        }
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<(u64, Digest)> {
        self.flush_block()?;
        self.output.file().set_len(self.written)?;
        Ok((self.written, self.hasher.finish()))
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        self.hasher.update(&bytes[..taken]);
        (self.advance)(taken as u64)?;
        if self.pending.len() == BLOCK {
            self.flush_block()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
