//! `.openshift_install_state.json`: what `create manifests` leaves for `create single-node-ignition-config`.
//!
//! ```json
//! {"version":1,"installConfig":"<YAML>","clusterId":"<uuid>","infraId":"bip-x7k2q","kubeadminPassword":"…",
//!  "certificates":[{"pem":"…","key":"…","notBefore":<s>,"notAfter":<s>}, …]}
//! ```
//!
//! The form is this program's own: the real installer's file of that name is many times larger and not a format either.
//! A file of another version is refused. Mode 0600: it holds keys and the pull secret.

use super::InstallerError;
use super::certificates::Issued;
use serde::{Deserialize, Serialize};
use std::path::Path;
use time::OffsetDateTime;

/// Name of the file in the installer's folder.
pub(super) const FILE: &str = ".openshift_install_state.json";
const VERSION: u32 = 1;

/// A certificate between two runs; times in seconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SavedCertificate {
    pem: String,
    key: String,
    not_before: i64,
    not_after: i64,
}

impl SavedCertificate {
    /// # Errors
    /// [`InstallerError::Key`] if the key cannot be encoded.
    pub(super) fn of(issued: &Issued) -> Result<Self, InstallerError> {
        Ok(Self {
            pem: issued.pem.clone(),
            key: issued.key.to_pem()?,
            not_before: issued.not_before.unix_timestamp(),
            not_after: issued.not_after.unix_timestamp(),
        })
    }

    /// (PEM of the certificate, PEM of the key, validity)
    pub(super) fn parts(&self) -> (String, String, (OffsetDateTime, OffsetDateTime)) {
        let moment = |seconds| {
            OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
        };
        (
            self.pem.clone(),
            self.key.clone(),
            (moment(self.not_before), moment(self.not_after)),
        )
    }
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    version: u32,
    pub(super) install_config: String,
    pub(super) cluster_id: String,
    pub(super) infra_id: String,
    pub(super) kubeadmin_password: String,
    /// `root-ca`, `machine-config-server`
    pub(super) certificates: [SavedCertificate; 2],
}

impl State {
    /// A state of this program's version.
    pub(super) fn new(
        install_config: String,
        cluster_id: String,
        infra_id: String,
        kubeadmin_password: String,
        certificates: [SavedCertificate; 2],
    ) -> Self {
        Self {
            version: VERSION,
            install_config,
            cluster_id,
            infra_id,
            kubeadmin_password,
            certificates,
        }
    }

    /// Reads the state of `dir`.
    ///
    /// # Errors
    /// [`InstallerError::Io`] if there is none, [`InstallerError::State`] if it is of another kind or version.
    pub(super) fn load(dir: &Path) -> Result<Self, InstallerError> {
        let path = dir.join(FILE);
        let text =
            std::fs::read(&path).map_err(|source| InstallerError::io("read", &path, source))?;
        match serde_json::from_slice::<Self>(&text) {
            Ok(state) if state.version == VERSION => Ok(state),
            _ => Err(InstallerError::State { path }),
        }
    }

    /// The file's text.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
