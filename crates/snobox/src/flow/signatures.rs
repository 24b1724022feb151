//! Is the release the one that its publisher has signed? Asked before anything of it but its own small image is used.
//!
//! 1. Which keys count: those that the site names, and of those in the payload image the ones whose fingerprints are pinned in this program.
//! 2. A signature that the store keeps is proved again: that needs no network.
//! 3. Else signatures are fetched, one after the other, until one holds; it is kept.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use snobox_formats::digest::Digest;
use snobox_formats::image_file::ImageFileError;
use snobox_plan::release::keyring::{
    Keyring, OFFICIAL_KEYS, OFFICIAL_REPOSITORIES, VERIFICATION_KEYS,
};
use snobox_plan::release::signature::{MAX_SIGNATURE_BYTES, MAX_SIGNATURES, Verified, verify};
use snobox_plan::site::SignaturePolicy;
use snobox_registry::client::{Client, Url};
use snobox_registry::pull;
use snobox_store::Store;

use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// Where Red Hat publishes the signatures of releases.
const PUBLISHED: &str =
    "https://mirror.openshift.com/pub/openshift-v4/signatures/openshift/release";
/// Largest ConfigMap with keys: real ones have 5 KB.
const MAX_KEYS_BYTES: usize = 1 << 20;

/// Where signatures are looked for: below it, `sha256=<hex>/signature-<n>`.
#[derive(Clone, Debug)]
pub enum Signatures {
    /// On a web server.
    At(Url),
    /// In a folder.
    In(PathBuf),
}

impl Default for Signatures {
    fn default() -> Self {
        let url = PUBLISHED.parse();
        Self::At(url.unwrap_or_else(|_| unreachable!("{PUBLISHED} is a URL")))
    }
}

impl FromStr for Signatures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return text.parse().map(Self::At).map_err(|e| format!("{e}"));
        }
        Ok(Self::In(text.into()))
    }
}

/// The payload image of a site, in a store.
pub struct Payload<'a> {
    /// The site.
    pub file: &'a SiteFile,
    /// The store.
    pub store: &'a Store,
    /// Digest of its manifest or index: that is what is signed.
    pub digest: Digest,
    /// Digest of the manifest of the image that runs, whose layers are in the store.
    pub image: Digest,
}

impl Payload<'_> {
    /// Whether it must be signed. When it need not be, says so.
    pub fn needs_signature(&self, ui: &Ui) -> bool {
        let release = &self.file.site.release;
        let needed = release.needs_signature();
        if !needed {
            let why = match release.verification.policy {
                SignaturePolicy::Ignored => "the site says `signature: ignored`".to_owned(),
                _ => format!(
                    "it is not one of Red Hat's: {OFFICIAL_REPOSITORIES}, versions such as 4.13.1 or 4.14.0-rc.3"
                ),
            };
            ui.say(format!(
                "the signature of the release is not verified: {why}"
            ));
        }
        needed
    }

    /// The signatures that the store keeps and that hold now: at least one where one must be.
    pub fn kept(&self, ui: &Ui) -> Result<Vec<Verified>> {
        if !self.needs_signature(ui) {
            return Ok(Vec::new());
        }
        let kept = self.kept_for(&self.keyring()?)?;
        if kept.is_empty() {
            let payload = self.file.site.release.payload().pinned(self.digest);
            let store = self.store.root().display();
            let message = format!("the store {store} has no signature of {payload} that holds");
            return Err(Error::new(Exit::Unsigned, message)
                .hint("run `snobox mirror`: it fetches what is missing"));
        }
        Ok(kept)
    }

    fn kept_for(&self, keyring: &Keyring) -> Result<Vec<Verified>> {
        let limit = MAX_SIGNATURE_BYTES as u64;
        let kept = self.store.signatures(self.digest, MAX_SIGNATURES, limit)?;
        let now = SystemTime::now();
        let proved = kept
            .iter()
            .filter_map(|bytes| verify(bytes, self.digest, keyring, now).ok());
        Ok(proved.collect())
    }

    /// Proves that it is signed, with the store's signatures or with those that can be fetched; the store keeps what holds.
    ///
    /// The caller holds the store's lock.
    pub async fn prove(
        &self,
        from: &Signatures,
        client: &Client,
        ui: &Ui,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let keyring = self.keyring()?;
        if let Some(kept) = self.kept_for(&keyring)?.first() {
            ui.say(said(kept));
            return Ok(());
        }
        let mut refused = Vec::new();
        for number in 1..=MAX_SIGNATURES {
            let path = format!("sha256={}/signature-{number}", self.digest.hex());
            let fetched = match from {
                Signatures::At(url) => {
                    let url = below(url, &path);
                    let fetching = pull::document(client, &url, "*/*", MAX_SIGNATURE_BYTES as u64);
                    let fetched = interrupt.or(fetching).await?;
                    fetched.map_err(|e| unreachable_source(e.into()))?
                }
                Signatures::In(folder) => read(&folder.join(&path))?,
            };
            let Some(bytes) = fetched else { break };
            match verify(&bytes, self.digest, &keyring, SystemTime::now()) {
                Ok(verified) => {
                    self.store
                        .keep_signatures(self.digest, &[verified.bytes()])?;
                    ui.say(said(&verified));
                    return Ok(());
                }
                Err(error) => refused.push(format!(
                    "\n  {path}: {}",
                    Error::caused(Exit::Unsigned, "refused", &error).message
                )),
            }
        }
        let payload = self.file.site.release.payload().pinned(self.digest);
        let place = match from {
            Signatures::At(url) => url.to_string(),
            Signatures::In(folder) => folder.display().to_string(),
        };
        let message = if refused.is_empty() {
            format!("there is no signature of {payload} at {place}")
        } else {
            format!("no signature of {payload} holds{}", refused.concat())
        };
        Err(Error::new(Exit::Unsigned, message).hint(HINT))
    }

    /// The keys that count for it.
    fn keyring(&self) -> Result<Keyring> {
        let mut keyring = self.file.verification_keys()?;
        match self
            .store
            .read_image_file(self.image, VERIFICATION_KEYS, MAX_KEYS_BYTES)
        {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                // Keys that cannot be read are none that are trusted.
                if let Ok(keys) = Keyring::read(&text) {
                    keyring.add(keys.only(&OFFICIAL_KEYS));
                }
            }
            // Where only the layers with the release's documents were fetched, it is in none of them.
            Err(ImageFileError::NotFound { .. } | ImageFileError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if keyring.is_empty() {
            let payload = self.file.site.release.payload().pinned(self.digest);
            let message = format!(
                "no key that is trusted can verify {payload}: expected the one with the fingerprint {} in its /{VERIFICATION_KEYS}",
                OFFICIAL_KEYS[0]
            );
            return Err(Error::new(Exit::Unsigned, message).hint(HINT));
        }
        Ok(keyring)
    }
}

const HINT: &str = "is this the release that you want? --signatures names a folder or URL with signatures, release.verificationKeys in site.yaml the keys of another publisher; `release: { signature: ignored }` does without";

fn said(verified: &Verified) -> String {
    format!(
        "the release is signed by {} as {}",
        verified.signer, verified.reference
    )
}

fn unreachable_source(mut error: Error) -> Error {
    if matches!(
        error.exit,
        Exit::Unreachable | Exit::Refused | Exit::Truncated
    ) {
        error.hint = Some(
            "the signature of the release is fetched once; without a line to that server, --signatures names a folder (or another URL) that has sha256=<digest>/signature-1"
                .to_owned(),
        );
    }
    error
}

/// `URL/PATH`, whether or not the URL ends in a slash.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&joined);
    url
}

/// At most one byte more than a signature can have, so that it is told to be too large.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = |e: io::Error| Error::file("read", path, &e);
    // Opening a pipe would wait for a writer.
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(failed(io::Error::other("not a regular file"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_SIGNATURE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some(bytes))
}
