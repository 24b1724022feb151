//! The manifests that the installer makes from the install config: `manifests/` and `openshift/`.
//!
//! Kinds, names and fields are those of openshift/installer `pkg/asset/manifests` and `pkg/asset/machines` for platform
//! none (4.20), so that a reader of real manifests reads these.

use super::InstallerError;
use super::certificates::Issued;
use super::install_config::{InstallConfig, Mirrors};
use super::state::State;
use super::tls::Certificates;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::macros::format_description;

/// A manifest: path below the installer's folder, and text.
pub(super) type Manifest = (String, String);

/// All manifests, in the order of their paths.
///
/// # Errors
/// [`InstallerError::Key`] or [`InstallerError::Yaml`] if a part cannot be encoded.
pub(super) fn manifests(
    config: &InstallConfig,
    state: &State,
    certificates: &Certificates,
) -> Result<Vec<Manifest>, InstallerError> {
    let mut files = Files(Vec::new());
    cluster_objects(&mut files, config, state)?;
    certificate_objects(&mut files, config, certificates)?;
    secrets(&mut files, config, state);
    mirror_objects(&mut files, config)?;
    node_objects(&mut files, config, certificates)?;
    files.0.sort();
    Ok(files.0)
}

struct Files(Vec<Manifest>);

impl Files {
    fn text(&mut self, path: &str, text: String) {
        self.0.push((path.to_owned(), text));
    }

    fn yaml(&mut self, path: &str, object: &Value) -> Result<(), InstallerError> {
        self.text(path, yaml(object)?);
        Ok(())
    }
}

/// `object` as YAML.
pub(super) fn yaml(object: &Value) -> Result<String, InstallerError> {
    serde_saphyr::to_string(object).map_err(|error| InstallerError::Yaml {
        reason: error.to_string(),
    })
}

fn config_object(kind: &str, spec: Value, status: Value) -> Value {
    json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": kind,
        "metadata": { "creationTimestamp": null, "name": "cluster" },
        "spec": spec,
        "status": status,
    })
}

fn cluster_objects(
    files: &mut Files,
    config: &InstallConfig,
    state: &State,
) -> Result<(), InstallerError> {
    let domain = config.cluster_domain();
    let networking = config.networking();
    files.yaml(
        "manifests/cluster-config.yaml",
        &json!({
            "apiVersion": "v1",
            "data": { "install-config": yaml(&config.published())? },
            "kind": "ConfigMap",
            "metadata": { "name": "cluster-config-v1", "namespace": "kube-system" },
        }),
    )?;
    files.yaml(
        "manifests/cluster-dns-02-config.yml",
        &config_object(
            "DNS",
            json!({ "baseDomain": domain, "platform": { "aws": null, "type": "" } }),
            json!({}),
        ),
    )?;
    files.yaml(
        "manifests/cluster-infrastructure-02-config.yml",
        &config_object(
            "Infrastructure",
            json!({ "cloudConfig": { "name": "" }, "platformSpec": { "type": "None" } }),
            json!({
                "apiServerInternalURI": format!("https://{}:6443", config.api_internal_host()),
                "apiServerURL": format!("https://{}:6443", config.api_host()),
                "controlPlaneTopology": "SingleReplica",
                "cpuPartitioning": "None",
                "etcdDiscoveryDomain": "",
                "infrastructureName": state.infra_id,
                "infrastructureTopology": "SingleReplica",
                "platform": "None",
                "platformStatus": { "type": "None" },
            }),
        ),
    )?;
    files.yaml(
        "manifests/cluster-ingress-02-config.yml",
        &config_object(
            "Ingress",
            json!({ "domain": format!("apps.{domain}"), "loadBalancer": { "platform": { "type": "" } } }),
            json!({ "defaultPlacement": "ControlPlane" }),
        ),
    )?;
    files.yaml(
        "manifests/cluster-network-02-config.yml",
        &config_object(
            "Network",
            json!({
                "clusterNetwork": networking["clusterNetwork"],
                "externalIP": { "policy": {} },
                "networkType": networking["networkType"],
                "serviceNetwork": networking["serviceNetwork"],
            }),
            json!({}),
        ),
    )?;
    files.yaml(
        "manifests/cluster-proxy-01-config.yaml",
        &config_object("Proxy", json!({ "trustedCA": { "name": "" } }), json!({})),
    )?;
    files.yaml(
        "manifests/cluster-scheduler-02-config.yml",
        &config_object(
            "Scheduler",
            json!({ "mastersSchedulable": true, "policy": { "name": "" } }),
            json!({}),
        ),
    )?;
    files.text(
        "manifests/cvo-overrides.yaml",
        format!(
            "\
apiVersion: config.openshift.io/v1
kind: ClusterVersion
metadata:
  name: version
  namespace: openshift-cluster-version
spec:
  channel: stable-4.99
  clusterID: {}
",
            state.cluster_id
        ),
    );
    files.yaml(
        "openshift/99_feature-gate.yaml",
        &config_object("FeatureGate", json!({}), json!({ "featureGates": null })),
    )?;
    files.yaml(
        "openshift/openshift-install-manifests.yaml",
        &json!({
            "apiVersion": "v1",
            "data": { "invoker": "user", "version": format!("v{}", crate::practice::VERSION) },
            "kind": "ConfigMap",
            "metadata": { "name": "openshift-install-manifests", "namespace": "openshift-config" },
        }),
    )
}

const MCO_NAMESPACE: &str = "openshift-machine-config-operator";

fn certificate_objects(
    files: &mut Files,
    config: &InstallConfig,
    certificates: &Certificates,
) -> Result<(), InstallerError> {
    let root = certificates.get("root-ca");
    let server = certificates.get("machine-config-server");
    let pem = |key: &str| format!("data:\n  {key}: |\n{}", indented(&root.pem, 4));
    files.text(
        "manifests/kube-system-configmap-root-ca.yaml",
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: root-ca\n  namespace: kube-system\n{}",
            pem("ca.crt")
        ),
    );
    files.text(
        "manifests/machine-config-server-ca-configmap.yaml",
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: machine-config-server-ca\n  namespace: {MCO_NAMESPACE}\n  \
             labels:\n    auth.openshift.io/managed-certificate-type: ca-bundle\n{}",
            pem("ca-bundle.crt")
        ),
    );
    files.yaml(
        "manifests/machine-config-server-ca-secret.yaml",
        &tls_secret("machine-config-server-ca", "signer", None, root)?,
    )?;
    files.yaml(
        "manifests/machine-config-server-tls-secret.yaml",
        &tls_secret(
            "machine-config-server-tls",
            "target",
            Some(&config.api_internal_host()),
            server,
        )?,
    )
}

fn tls_secret(
    name: &str,
    kind: &str,
    host: Option<&str>,
    issued: &Issued,
) -> Result<Value, InstallerError> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let moment = |moment: time::OffsetDateTime| moment.format(&format).unwrap_or_default();
    let mut annotations = json!({
        "openshift.io/owning-component": "Machine Config Operator",
        "auth.openshift.io/certificate-issuer": "root-ca",
        "auth.openshift.io/certificate-not-after": moment(issued.not_after),
        "auth.openshift.io/certificate-not-before": moment(issued.not_before),
    });
    if let Some(host) = host {
        annotations["auth.openshift.io/certificate-hostnames"] = host.into();
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": MCO_NAMESPACE,
            "annotations": annotations,
            "labels": { "auth.openshift.io/managed-certificate-type": kind },
        },
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": STANDARD.encode(&issued.pem),
            "tls.key": STANDARD.encode(issued.key.to_pem()?),
        },
    }))
}

fn secrets(files: &mut Files, config: &InstallConfig, state: &State) {
    files.text(
        "manifests/kube-cloud-config.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: kube-cloud-cfg\n  namespace: kube-system\ntype: Opaque\ndata:\n  \
         config: \"\"\n"
            .to_owned(),
    );
    files.text(
        "manifests/openshift-config-secret-pull-secret.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nmetadata:\n  namespace: openshift-config\n  \
             name: pull-secret\ndata:\n  .dockerconfigjson: {}\n",
            STANDARD.encode(&config.pull_secret)
        ),
    );
    // A bcrypt hash in the real one; nothing here checks it.
    let hash = crate::digest::sha256_hex(state.kubeadmin_password.as_bytes());
    files.text(
        "openshift/99_kubeadmin-password-secret.yaml",
        format!(
            "apiVersion: v1\ndata:\n  kubeadmin: {}\nkind: Secret\nmetadata:\n  namespace: kube-system\n  name: kubeadmin\n",
            STANDARD.encode(format!("practice${hash}"))
        ),
    );
}

fn mirror_objects(files: &mut Files, config: &InstallConfig) -> Result<(), InstallerError> {
    let list = |mirrors: &[Mirrors]| -> Vec<Value> {
        mirrors
            .iter()
            .map(|entry| json!({ "mirrors": entry.mirrors, "source": entry.source }))
            .collect()
    };
    if !config.digest_mirrors.is_empty() {
        files.yaml(
            "manifests/image-digest-mirror-set.yaml",
            &json!({
                "apiVersion": "config.openshift.io/v1",
                "kind": "ImageDigestMirrorSet",
                "metadata": { "creationTimestamp": null, "name": "image-digest-mirror" },
                "spec": { "imageDigestMirrors": list(&config.digest_mirrors) },
                "status": {},
            }),
        )?;
    }
    if !config.content_sources.is_empty() {
        files.yaml(
            "manifests/image-content-source-policy.yaml",
            &json!({
                "apiVersion": "operator.openshift.io/v1alpha1",
                "kind": "ImageContentSourcePolicy",
                "metadata": { "creationTimestamp": null, "name": "image-policy" },
                "spec": { "repositoryDigestMirrors": list(&config.content_sources) },
            }),
        )?;
    }
    if let Some(bundle) = &config.trust_bundle {
        files.yaml(
            "manifests/user-ca-bundle-config.yaml",
            &json!({
                "apiVersion": "v1",
                "data": { "ca-bundle.crt": bundle },
                "kind": "ConfigMap",
                "metadata": { "name": "user-ca-bundle", "namespace": "openshift-config" },
            }),
        )?;
    }
    Ok(())
}

fn node_objects(
    files: &mut Files,
    config: &InstallConfig,
    certificates: &Certificates,
) -> Result<(), InstallerError> {
    for role in ["master", "worker"] {
        files.text(
            &format!("openshift/99_openshift-cluster-api_{role}-user-data-secret.yaml"),
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {role}-user-data\n  namespace: openshift-machine-api\n\
                 type: Opaque\ndata:\n  disableTemplating: \"{}\"\n  userData: {}\n",
                STANDARD.encode("true\n"),
                STANDARD.encode(pointer_ignition(config, certificates, role).to_string())
            ),
        );
        let Some(key) = &config.ssh_key else { continue };
        files.yaml(
            &format!("openshift/99_openshift-machineconfig_99-{role}-ssh.yaml"),
            &json!({
                "apiVersion": "machineconfiguration.openshift.io/v1",
                "kind": "MachineConfig",
                "metadata": {
                    "labels": { "machineconfiguration.openshift.io/role": role },
                    "name": format!("99-{role}-ssh"),
                },
                "spec": { "config": {
                    "ignition": { "version": "3.2.0" },
                    "passwd": { "users": [{ "name": "core", "sshAuthorizedKeys": [key] }] },
                } },
            }),
        )?;
    }
    Ok(())
}

/// The Ignition config that fetches the real one from the machine config server.
pub(super) fn pointer_ignition(
    config: &InstallConfig,
    certificates: &Certificates,
    role: &str,
) -> Value {
    let authority = super::ignition::data_url(certificates.get("root-ca").pem.as_bytes());
    let source = format!("https://{}:22623/config/{role}", config.api_internal_host());
    json!({ "ignition": {
        "config": { "merge": [{ "source": source }] },
        "security": { "tls": { "certificateAuthorities": [{ "source": authority }] } },
        "version": "3.2.0",
    } })
}

fn indented(text: &str, columns: usize) -> String {
    text.lines()
        .map(|line| format!("{:columns$}{line}\n", ""))
        .collect()
}
