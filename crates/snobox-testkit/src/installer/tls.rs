//! The certificates of a bootstrap: who signs whom, and for how long.
//!
//! 24 certificates, 9 of them for one day, 5 for a year, 10 for ten years; 46 of their 62 places are the files of
//! `tls_files`, the others are kubeconfigs and manifests. The keys of `admin-kubeconfig-signer` and `kubelet-bootstrap-kubeconfig-signer`
//! never leave this module. Source: openshift/installer `pkg/asset/tls`, 4.12 to 4.20, platform none.

use super::InstallerError;
use super::certificates::{AlternativeName, Issued, Purpose, Request, Subject, issue};
use super::install_config::InstallConfig;
use super::keys::{Key, pem};
use super::tls_files::FILES;
use Purpose::{Authority, Client, Server, ServerAndClient, ServerAnyUse};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

const DAY: Duration = Duration::days(1);
const YEAR: Duration = Duration::days(365);
const DECADE: Duration = Duration::days(3650);

/// Which alternative names a server certificate gets.
#[derive(Clone, Copy)]
enum Names {
    None,
    Api,
    ApiInternal,
    ServiceNetwork,
    Localhost,
}

struct Plan {
    name: &'static str,
    subject: Subject,
    issuer: Option<&'static str>,
    life: Duration,
    purpose: Purpose,
    names: Names,
}

const fn subject(organizations: &'static [&'static str], common_name: &'static str) -> Subject {
    Subject {
        organizations,
        unit: None,
        common_name,
    }
}

const fn authority(
    name: &'static str,
    unit: &'static str,
    common_name: &'static str,
    life: Duration,
) -> Plan {
    let subject = Subject {
        organizations: &[],
        unit: Some(unit),
        common_name,
    };
    Plan {
        name,
        subject,
        issuer: None,
        life,
        purpose: Authority,
        names: Names::None,
    }
}

const fn signer(name: &'static str, life: Duration) -> Plan {
    authority(name, "openshift", name, life)
}

const fn leaf(
    name: &'static str,
    issuer: &'static str,
    subject: Subject,
    life: Duration,
    purpose: Purpose,
) -> Plan {
    Plan {
        name,
        subject,
        issuer: Some(issuer),
        life,
        purpose,
        names: Names::None,
    }
}

const fn api_server(name: &'static str, issuer: &'static str, names: Names) -> Plan {
    Plan {
        names,
        ..leaf(name, issuer, KUBE_APISERVER, DAY, Server)
    }
}

const KUBE_APISERVER: Subject = subject(&["kube-master"], "system:kube-apiserver");
const KUBE_APISERVER_PROXY: Subject = subject(&["kube-master"], "system:kube-apiserver-proxy");
const ADMIN: Subject = subject(&["system:masters"], "system:admin");
const NODE_BOOTSTRAPPER: Subject = subject(
    &[
        "system:serviceaccounts",
        "system:serviceaccounts:openshift-machine-config-operator",
    ],
    "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper",
);

/// The first two are made by `create manifests` already, because manifests contain them.
const PLANS: [Plan; 24] = [
    signer("root-ca", DECADE),
    Plan {
        names: Names::ApiInternal,
        ..leaf(
            "machine-config-server",
            "root-ca",
            subject(&[], "system:machine-config-server"),
            DECADE,
            ServerAnyUse,
        )
    },
    signer("admin-kubeconfig-signer", DECADE),
    leaf("admin", "admin-kubeconfig-signer", ADMIN, DECADE, Client),
    signer("kubelet-bootstrap-kubeconfig-signer", DECADE),
    leaf(
        "kubelet-client",
        "kubelet-bootstrap-kubeconfig-signer",
        NODE_BOOTSTRAPPER,
        DECADE,
        Client,
    ),
    leaf(
        "journal-gatewayd",
        "root-ca",
        subject(&["OpenShift Bootstrap"], "journal-gatewayd"),
        DECADE,
        ServerAndClient,
    ),
    authority("aggregator-ca", "bootkube", "aggregator", DAY),
    leaf(
        "apiserver-proxy",
        "aggregator-ca",
        KUBE_APISERVER_PROXY,
        DAY,
        Client,
    ),
    signer("aggregator-signer", DAY),
    leaf(
        "aggregator-client",
        "aggregator-signer",
        KUBE_APISERVER_PROXY,
        DAY,
        Client,
    ),
    signer("kubelet-signer", DAY),
    signer("kube-apiserver-lb-signer", DECADE),
    api_server(
        "kube-apiserver-lb-server",
        "kube-apiserver-lb-signer",
        Names::Api,
    ),
    api_server(
        "kube-apiserver-internal-lb-server",
        "kube-apiserver-lb-signer",
        Names::ApiInternal,
    ),
    signer("kube-apiserver-localhost-signer", DECADE),
    api_server(
        "kube-apiserver-localhost-server",
        "kube-apiserver-localhost-signer",
        Names::Localhost,
    ),
    signer("kube-apiserver-service-network-signer", DECADE),
    api_server(
        "kube-apiserver-service-network-server",
        "kube-apiserver-service-network-signer",
        Names::ServiceNetwork,
    ),
    signer("kube-apiserver-to-kubelet-signer", YEAR),
    leaf(
        "kube-apiserver-to-kubelet-client",
        "kube-apiserver-to-kubelet-signer",
        KUBE_APISERVER,
        YEAR,
        Client,
    ),
    signer("kube-control-plane-signer", YEAR),
    leaf(
        "kube-control-plane-kube-controller-manager-client",
        "kube-control-plane-signer",
        ADMIN,
        YEAR,
        Client,
    ),
    leaf(
        "kube-control-plane-kube-scheduler-client",
        "kube-control-plane-signer",
        ADMIN,
        YEAR,
        Client,
    ),
];

/// How many of the plans `create manifests` needs.
const EARLY: usize = 2;

/// Issued certificates by name.
pub(super) struct Certificates {
    issued: BTreeMap<&'static str, Issued>,
}

impl Certificates {
    /// The two that manifests contain: `root-ca` and `machine-config-server`.
    ///
    /// # Errors
    /// [`InstallerError::Key`] if there is no randomness.
    pub(super) fn early(
        config: &InstallConfig,
        now: OffsetDateTime,
    ) -> Result<Self, InstallerError> {
        let mut certificates = Self {
            issued: BTreeMap::new(),
        };
        certificates.issue_all(&PLANS[..EARLY], Key::generate(EARLY)?, config, now)?;
        Ok(certificates)
    }

    /// Takes up the two early ones as they were saved: (PEM of the certificate, PEM of the key, validity).
    ///
    /// # Errors
    /// [`InstallerError::Key`] if a key does not parse.
    pub(super) fn resume(
        saved: [(String, String, (OffsetDateTime, OffsetDateTime)); EARLY],
    ) -> Result<Self, InstallerError> {
        let mut issued = BTreeMap::new();
        for (plan, (certificate, key, validity)) in PLANS.iter().zip(saved) {
            let again = Issued::again(plan.subject, Key::from_pem(&key)?, validity, certificate);
            issued.insert(plan.name, again);
        }
        Ok(Self { issued })
    }

    /// Issues the other 22 with `keys`.
    ///
    /// # Errors
    /// [`InstallerError::Key`] if a key cannot sign.
    pub(super) fn complete(
        &mut self,
        keys: Vec<Key>,
        config: &InstallConfig,
        now: OffsetDateTime,
    ) -> Result<(), InstallerError> {
        self.issue_all(&PLANS[EARLY..], keys, config, now)
    }

    /// How many keys [`Certificates::complete`] takes.
    pub(super) const LATE_KEYS: usize = PLANS.len() - EARLY;

    fn issue_all(
        &mut self,
        plans: &'static [Plan],
        keys: Vec<Key>,
        config: &InstallConfig,
        now: OffsetDateTime,
    ) -> Result<(), InstallerError> {
        for (plan, key) in plans.iter().zip(keys) {
            let issuer = plan.issuer.map(|name| self.get(name));
            let names = alternative_names(plan.names, config);
            let request = Request {
                subject: plan.subject,
                purpose: plan.purpose,
                names,
                key: &key,
                issuer,
            };
            let issued = issue(&request, now, plan.life)?;
            self.issued.insert(plan.name, issued);
        }
        Ok(())
    }

    /// A certificate by its name in the plan.
    ///
    /// # Panics
    /// If the plan has no such name, or issues it later; both are mistakes in the tables of this module.
    #[expect(
        clippy::expect_used,
        reason = "names and order are constants of this module, covered by a test"
    )]
    pub(super) fn get(&self, name: &str) -> &Issued {
        self.issued
            .get(name)
            .expect("the plan issues authorities before their leaves")
    }

    /// The PEM of several certificates, one after the other.
    pub(super) fn bundle(&self, names: &[&str]) -> String {
        names
            .iter()
            .map(|name| self.get(name).pem.as_str())
            .collect()
    }

    /// The files of `/opt/openshift/tls` as (file name, content); `service_account` is the token key.
    ///
    /// # Errors
    /// [`InstallerError::Key`] if a key cannot be encoded.
    pub(super) fn files(
        &self,
        service_account: &Key,
    ) -> Result<Vec<(String, String)>, InstallerError> {
        let mut files = Vec::new();
        for (stem, names, has_key) in FILES {
            let key = names
                .first()
                .map_or(service_account, |name| &self.get(name).key);
            if has_key {
                files.push((format!("{stem}.key"), key.to_pem()?));
            }
            if names.is_empty() {
                // The label says PKCS#1, the content is SubjectPublicKeyInfo: Kubernetes reads both, and so it is written.
                files.push((
                    format!("{stem}.pub"),
                    pem("RSA PUBLIC KEY", &key.public_info()?),
                ));
            } else {
                files.push((format!("{stem}.crt"), self.bundle(names)));
            }
        }
        Ok(files)
    }
}

fn alternative_names(names: Names, config: &InstallConfig) -> Vec<AlternativeName> {
    let dns = |name: &str| AlternativeName::Dns(name.to_owned());
    match names {
        Names::None => vec![],
        Names::Api => vec![AlternativeName::Dns(config.api_host())],
        Names::ApiInternal => vec![AlternativeName::Dns(config.api_internal_host())],
        Names::Localhost => vec![
            dns("localhost"),
            AlternativeName::Address4(std::net::Ipv4Addr::LOCALHOST),
            AlternativeName::Loopback6,
        ],
        Names::ServiceNetwork => ["kubernetes", "openshift"]
            .iter()
            .flat_map(|name| {
                ["", ".default", ".default.svc", ".default.svc.cluster.local"]
                    .map(|end| dns(&format!("{name}{end}")))
            })
            .chain(config.service_address().map(AlternativeName::Address4))
            .collect(),
    }
}
