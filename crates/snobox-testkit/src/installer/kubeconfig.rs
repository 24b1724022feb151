//! Kubeconfigs with everything inline.

use super::InstallerError;
use super::certificates::Issued;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A kubeconfig for `user` with its client certificate, trusting `authorities` (PEM).
///
/// # Errors
/// [`InstallerError::Key`] if the client's key cannot be encoded.
pub(super) fn kubeconfig(
    cluster: &str,
    server: &str,
    user: &str,
    authorities: &str,
    client: &Issued,
) -> Result<String, InstallerError> {
    let authorities = STANDARD.encode(authorities);
    let certificate = STANDARD.encode(&client.pem);
    let key = STANDARD.encode(client.key.to_pem()?);
    Ok(format!(
        "\
clusters:
- cluster:
    certificate-authority-data: {authorities}
    server: {server}
  name: {cluster}
contexts:
- context:
    cluster: {cluster}
    user: {user}
  name: {user}
current-context: {user}
preferences: {{}}
users:
- name: {user}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"
    ))
}
