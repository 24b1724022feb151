//! Signatures for the cluster: it verifies what it is to become, and has nowhere to look for signatures when it is offline.
//!
//! Source of truth: `openshift/library-go`, `pkg/verify/store/configmap`: ConfigMaps in `openshift-config-managed` with the label below, whose
//! `binaryData` has the keys `sha256-HEX-NUMBER`; `oc adm release mirror` and oc-mirror write the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Verified;
use crate::install_config::Manifest;

/// The ConfigMap with these signatures; `None` when there are none.
pub fn config_map(signatures: &[Verified]) -> Option<Manifest> {
    let mut data: Map<String, Value> = Map::new();
    for signature in signatures {
        let release = signature.release().to_string().replace(':', "-");
        let same = data.keys().filter(|key| key.starts_with(&release)).count();
        let key = format!("{release}-{}", same + 1);
        data.insert(key, STANDARD.encode(signature.bytes()).into());
    }
    if data.is_empty() {
        return None;
    }
    let document = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "mirrored-release-signatures",
            "namespace": "openshift-config-managed",
            "labels": {"release.openshift.io/verification-signatures": ""},
        },
        "binaryData": data,
    });
    Some(Manifest {
        name: "99_snobox-release-signatures.yaml".to_owned(),
        text: format!("{document:#}\n"),
    })
}
