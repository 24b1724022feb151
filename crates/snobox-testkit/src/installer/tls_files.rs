//! Which file of `/opt/openshift/tls` holds which certificates.
//!
//! 46 of the 62 places of certificates in a bootstrap config; the names are those of `tls`. Source: openshift/installer
//! `pkg/asset/tls` and `pkg/asset/ignition/bootstrap/common.go`.

/// Files of `/opt/openshift/tls`: (stem, certificates in their order, whether there is a `.key` of the first one).
pub(super) const FILES: [(&str, &[&str], bool); 34] = [
    (
        "admin-kubeconfig-ca-bundle",
        &["admin-kubeconfig-signer"],
        false,
    ),
    ("aggregator-ca", &["aggregator-ca"], true),
    ("aggregator-ca-bundle", &["aggregator-signer"], false),
    ("aggregator-client", &["aggregator-client"], true),
    ("aggregator-signer", &["aggregator-signer"], true),
    ("apiserver-proxy", &["apiserver-proxy"], true),
    (
        "kube-apiserver-lb-ca-bundle",
        &["kube-apiserver-lb-signer"],
        false,
    ),
    (
        "kube-apiserver-lb-server",
        &["kube-apiserver-lb-server", "kube-apiserver-lb-signer"],
        true,
    ),
    (
        "kube-apiserver-internal-lb-server",
        &[
            "kube-apiserver-internal-lb-server",
            "kube-apiserver-lb-signer",
        ],
        true,
    ),
    (
        "kube-apiserver-lb-signer",
        &["kube-apiserver-lb-signer"],
        true,
    ),
    (
        "kube-apiserver-localhost-ca-bundle",
        &["kube-apiserver-localhost-signer"],
        false,
    ),
    (
        "kube-apiserver-localhost-server",
        &[
            "kube-apiserver-localhost-server",
            "kube-apiserver-localhost-signer",
        ],
        true,
    ),
    (
        "kube-apiserver-localhost-signer",
        &["kube-apiserver-localhost-signer"],
        true,
    ),
    (
        "kube-apiserver-service-network-ca-bundle",
        &["kube-apiserver-service-network-signer"],
        false,
    ),
    (
        "kube-apiserver-service-network-server",
        &[
            "kube-apiserver-service-network-server",
            "kube-apiserver-service-network-signer",
        ],
        true,
    ),
    (
        "kube-apiserver-service-network-signer",
        &["kube-apiserver-service-network-signer"],
        true,
    ),
    (
        "kube-apiserver-complete-server-ca-bundle",
        &SERVER_AUTHORITIES,
        false,
    ),
    (
        "kube-apiserver-complete-client-ca-bundle",
        &[
            "admin-kubeconfig-signer",
            "kubelet-signer",
            "kube-control-plane-signer",
            "kube-apiserver-to-kubelet-signer",
            "kubelet-bootstrap-kubeconfig-signer",
        ],
        false,
    ),
    (
        "kube-apiserver-to-kubelet-ca-bundle",
        &["kube-apiserver-to-kubelet-signer"],
        false,
    ),
    (
        "kube-apiserver-to-kubelet-client",
        &["kube-apiserver-to-kubelet-client"],
        true,
    ),
    (
        "kube-apiserver-to-kubelet-signer",
        &["kube-apiserver-to-kubelet-signer"],
        true,
    ),
    (
        "kube-control-plane-ca-bundle",
        &[
            "kube-control-plane-signer",
            "kube-apiserver-lb-signer",
            "kube-apiserver-localhost-signer",
            "kube-apiserver-service-network-signer",
        ],
        false,
    ),
    (
        "kube-control-plane-kube-controller-manager-client",
        &["kube-control-plane-kube-controller-manager-client"],
        true,
    ),
    (
        "kube-control-plane-kube-scheduler-client",
        &["kube-control-plane-kube-scheduler-client"],
        true,
    ),
    (
        "kube-control-plane-signer",
        &["kube-control-plane-signer"],
        true,
    ),
    (
        "kubelet-bootstrap-kubeconfig-ca-bundle",
        &["kubelet-bootstrap-kubeconfig-signer"],
        false,
    ),
    ("kubelet-client-ca-bundle", &["kubelet-signer"], false),
    ("kubelet-client", &["kubelet-client"], true),
    ("kubelet-signer", &["kubelet-signer"], true),
    ("kubelet-serving-ca-bundle", &["kubelet-signer"], false),
    ("machine-config-server", &["machine-config-server"], true),
    ("journal-gatewayd", &["journal-gatewayd"], true),
    ("root-ca", &["root-ca"], false),
    // Not a certificate: the key pair that signs service account tokens.
    ("service-account", &[], true),
];

/// Authorities that a kubeconfig trusts, in their order there.
pub(super) const SERVER_AUTHORITIES: [&str; 3] = [
    "kube-apiserver-localhost-signer",
    "kube-apiserver-service-network-signer",
    "kube-apiserver-lb-signer",
];
