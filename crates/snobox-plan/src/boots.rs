//! Which components of a release the two boots of an installation need, and which the making of the image: nothing may leave these out.
//!
//! For decisions before there is an ignition. What an ignition really asks for is derived from its own texts when the image is built, and a cache that
//! lacks any of it is refused then.
//!
//! Sources: the `image_for` calls of openshift/installer `data/data/bootstrap/files/usr/local/bin/{bootkube,kubelet-pause-image,crio-configure,
//! node-image-pull}.sh.template`, and the templates of openshift/machine-config-operator; release-4.12 to release-4.20.

/// Components that scripts of the first boot ask the release for, in any of these releases, sorted.
pub const FIRST_BOOT: [&str; 23] = [
    "baremetal-runtimecfg",
    "cloud-credential-operator",
    "cluster-authentication-operator",
    "cluster-bootstrap",
    "cluster-config-api",
    "cluster-config-operator",
    "cluster-etcd-operator",
    "cluster-ingress-operator",
    "cluster-kube-apiserver-operator",
    "cluster-kube-controller-manager-operator",
    "cluster-kube-scheduler-operator",
    "cluster-node-tuning-operator",
    "cluster-policy-controller",
    "cluster-version-operator",
    "coredns",
    "etcd",
    "haproxy-router",
    "hyperkube",
    "keepalived-ipfailover",
    "machine-config-operator",
    "machine-os-content",
    "pod",
    "rhel-coreos",
];

/// Components that units of the installed system pull before the cluster decides anything, each where the release has it: `machine-config-daemon-pull`,
/// `machine-config-daemon-firstboot` (the system's image, by any of its names), `nodeip-configuration`, and CRI-O's pause image.
///
/// Source: openshift/machine-config-operator `templates/common/_base/units/machine-config-daemon-pull.service.yaml`,
/// `machine-config-daemon-firstboot.service.yaml`, `templates/common/_base/units/nodeip-configuration.service.yaml`,
/// `templates/common/_base/files/crio.yaml`, `pkg/daemon/rpm-ostree.go`; release-4.12 to release-4.20. `rhel-coreos-8` is 4.12's name of `rhel-coreos`.
pub const SECOND_BOOT: [&str; 5] = [
    "machine-config-operator",
    "baremetal-runtimecfg",
    "rhel-coreos",
    "rhel-coreos-8",
    "pod",
];

/// Components that the image is made with: the installer and the live ISO come out of them.
pub const BUILD: [&str; 2] = ["installer", "machine-os-images"];

/// What a component is needed for before the cluster runs, in words; empty where nothing.
pub fn needed_by(component: &str) -> Vec<&'static str> {
    let table: [(&[&str], &str); 3] = [
        (&BUILD, "the making of the image"),
        (&FIRST_BOOT, "the first boot"),
        (&SECOND_BOOT, "the boots from the disk"),
    ];
    let needs = table.iter().filter(|(names, _)| names.contains(&component));
    needs.map(|(_, who)| *who).collect()
}
