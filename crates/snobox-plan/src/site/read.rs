//! `site.yaml` → [`Site`]: every field asked once, all problems collected.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::images::{self, Images};
use super::{API_VERSION, Cache, Certificates, Fallback, Interface, KIND, Mirror, Node, Site};
use super::{certificates, disk, release, value};
use crate::ask::{Field, Fields};
use crate::problem::Problem;
use crate::yaml;

/// Reads the text of a `site.yaml`.
///
/// # Errors
/// All problems, in the order of the file. A text that is not YAML is one problem.
pub fn read(text: &str) -> Result<Site, Vec<Problem>> {
    let root = yaml::parse(text).map_err(|error| vec![error.into()])?;
    let mut problems = Vec::new();
    let document = Field {
        node: &root,
        path: String::new(),
    };
    let site = site(&document, &mut problems);
    problems.sort_by_key(|problem| problem.at);
    match site {
        Some(site) if problems.is_empty() => Ok(site),
        _ => Err(problems),
    }
}

const ADDRESS: &str = "an IPv4 address of a host with its prefix length, such as 192.168.86.45/24, outside of the networks of pods (10.128.0.0/14), services (172.30.0.0/16) and OVN-Kubernetes (100.64.0.0/16)";

const DISK: &str = "a mapping with one or more of path, serial, wwn, model and minSize";

fn site(document: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Site> {
    let known = [
        "apiVersion",
        "kind",
        "metadata",
        "release",
        "baseDomain",
        "pullSecretFile",
        "sshKeyFile",
        "node",
        "images",
        "cache",
        "certificates",
        "mirrors",
    ];
    let planned = ["installConfig", "hub", "extraManifests"];
    let root = document.fields(problems, &known, &planned)?;

    for (key, value) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        if let Some(field) = root.required(problems, key, value) {
            field.one_of(problems, &[(value, ())]);
        }
    }
    let name = root
        .required(problems, "metadata", "a mapping with the key name")
        .and_then(|metadata| {
            let fields = metadata.fields(problems, &["name"], &[])?;
            let allowed = "a DNS label: up to 54 lower-case letters, digits and dashes";
            fields.required(problems, "name", allowed)?.parsed(
                problems,
                allowed,
                value::cluster_name,
            )
        });
    let release = root
        .required(problems, "release", "a mapping with version or image")
        .and_then(|f| release::read(&f, problems));
    let domain = "a DNS name such as example.com";
    let base_domain = root
        .required(problems, "baseDomain", domain)
        .and_then(|f| f.parsed(problems, domain, value::domain_name));
    let pull_secret_file = path(
        &root,
        problems,
        "pullSecretFile",
        "the path of a pull secret, as downloaded from console.redhat.com",
    );
    let ssh_key_file = path(
        &root,
        problems,
        "sshKeyFile",
        "the path of an SSH public key",
    );
    let node = root
        .required(problems, "node", "a mapping with installationDisk")
        .and_then(|f| node(&f, name.as_deref(), problems));
    let images = root
        .optional("images")
        .map_or_else(|| Some(Images::default()), |f| images::read(&f, problems));
    let cache = root
        .optional("cache")
        .map_or_else(|| Some(Cache::default()), |f| cache(&f, problems));
    let renewal = root
        .optional("certificates")
        .map_or(Some(Certificates::RenewOnDevice), |f| {
            certificates::read(&f, problems)
        });
    let mirrors = root
        .optional("mirrors")
        .map_or_else(Vec::new, |f| mirrors(&f, problems));
    let images = images?;
    Some(Site {
        name: name?,
        release: release?,
        base_domain: base_domain?,
        pull_secret_file: pull_secret_file?,
        ssh_key_file: ssh_key_file?,
        node: node?,
        additional: images.additional,
        image_sets: images.image_sets,
        profile: images.profile,
        exclude: images.exclude,
        cache: cache?,
        certificates: renewal?,
        mirrors,
    })
}

fn path(
    root: &Fields<'_>,
    problems: &mut Vec<Problem>,
    key: &str,
    allowed: &str,
) -> Option<PathBuf> {
    root.required(problems, key, allowed)?
        .parsed(problems, allowed, value::path)
}

fn node(field: &Field<'_>, site_name: Option<&str>, problems: &mut Vec<Problem>) -> Option<Node> {
    let known = [
        "hostname",
        "installationDisk",
        "interface",
        "address",
        "gateway",
        "dns",
        "ntp",
    ];
    let fields = field.fields(problems, &known, &[])?;
    let allowed = "a DNS name: up to 63 lower-case letters, digits, dashes and dots, without the word localhost";
    let hostname = match fields.optional("hostname") {
        Some(f) => f.parsed(problems, allowed, value::hostname),
        None => match site_name.map(value::hostname) {
            Some(None) => {
                fields.required(
                    problems,
                    "hostname",
                    "a name other than metadata.name, which is no host name",
                );
                None
            }
            name => name.flatten(),
        },
    };
    let installation_disk = fields
        .required(problems, "installationDisk", DISK)
        .and_then(|disk| disk::read(&disk, problems));
    let interface = fields
        .optional("interface")
        .map(|f| interface(&f, problems));
    let address = fields
        .optional("address")
        .map(|f| f.parsed(problems, ADDRESS, value::subnet));
    let gateway = fields
        .optional("gateway")
        .map(|f| (f.clone(), ipv4(&f, problems)));
    let dns_servers = servers(&fields, problems, "dns", &["serveLocally"])
        .into_iter()
        .filter_map(|f| ipv4(&f, problems))
        .collect();
    let ntp = "a host name in lower case or an IPv4 address";
    let ntp_servers = servers(&fields, problems, "ntp", &[])
        .into_iter()
        .filter_map(|f| f.parsed(problems, ntp, value::host))
        .collect();

    if let (Some(Some(subnet)), Some((f, Some(gateway)))) = (address, &gateway)
        && (!subnet.has_host(*gateway) || *gateway == subnet.address)
    {
        let (network, prefix) = (subnet.network(), subnet.prefix);
        f.refuse(
            problems,
            format!("another address of {network}/{prefix}, the network of node.address"),
        );
    }
    if address.is_some() {
        fields.required(
            problems,
            "interface",
            "with node.address: the interface's name or mac",
        );
    } else {
        if let Some((f, _)) = &gateway {
            f.refuse(
                problems,
                "only together with node.address: DHCP brings the gateway",
            );
        }
    }
    Some(Node {
        hostname: hostname?,
        installation_disk: installation_disk?,
        interface: flatten(interface)?,
        address: flatten(address)?,
        gateway: flatten(gateway.map(|(_, g)| g))?,
        dns_servers,
        ntp_servers,
    })
}

/// `None` for a value that was given and refused, `Some(None)` for one that was not given.
fn flatten<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
        None => Some(None),
    }
}

fn interface(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Interface> {
    let fields = field.fields(problems, &["name", "mac"], &[])?;
    match (fields.optional("name"), fields.optional("mac")) {
        (Some(name), None) => name.parsed(
            problems,
            "an interface name such as enp0s25, up to 15 characters",
            |t| value::interface_name(t).map(Interface::Name),
        ),
        (None, Some(mac)) => mac.parsed(
            problems,
            "a hardware address such as 28:d2:44:d3:ef:1c",
            |t| value::mac(t).map(Interface::Mac),
        ),
        (None, None) if fields.is_misspelt("name") || fields.is_misspelt("mac") => None,
        _ => {
            field.refuse(problems, "either name or mac");
            None
        }
    }
}

fn servers<'a>(
    node: &Fields<'a>,
    problems: &mut Vec<Problem>,
    key: &str,
    planned: &[&str],
) -> Vec<Field<'a>> {
    let Some(fields) = node
        .optional(key)
        .and_then(|f| f.fields(problems, &["servers"], planned))
    else {
        return Vec::new();
    };
    fields
        .optional("servers")
        .map_or_else(Vec::new, |f| f.items(problems, "a list of servers"))
}

fn cache(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Cache> {
    let default = Cache::default();
    let fields = field.fields(
        problems,
        &["size", "label", "afterInstall", "fallback"],
        &[],
    )?;
    let size = fields
        .optional("size")
        .map_or(Some(default.size_bytes), |f| {
            f.parsed(
                problems,
                "a size from 1GiB on, such as 250GiB",
                value::size_bytes,
            )
        });
    let label = fields.optional("label").map_or(Some(default.label), |f| {
        f.parsed(
            problems,
            "1 to 16 letters, digits, dashes and underscores, no dash first, and no label of CoreOS itself (boot, root, …)",
            value::label,
        )
    });
    let after_install = fields
        .optional("afterInstall")
        .map_or(Some(()), |f| after_install(&f, problems));
    let words = [("upstream", Fallback::Upstream), ("none", Fallback::None)];
    let fallback = fields
        .optional("fallback")
        .map_or(Some(Fallback::Upstream), |f| f.one_of(problems, &words));
    Some(Cache {
        size_bytes: size?,
        label: label?,
        fallback: fallback?,
    })
    .filter(|_| after_install.is_some())
}

/// The partition stays. Giving its space to the root file system is planned.
fn after_install(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<()> {
    if field.node.text() == Some("reclaim") {
        let hint = "reclaim is not supported by this version";
        field.refuse_with_hint(problems, "keep", Some(hint.to_owned()));
        return None;
    }
    field.one_of(problems, &[("keep", ())])
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            size_bytes: 250 << 30,
            label: "data".to_owned(),
            fallback: Fallback::Upstream,
        }
    }
}

fn mirrors(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<Mirror> {
    let allowed = "a registry or repository prefix such as quay.io/openshift-release-dev";
    let mut rules = Vec::new();
    for item in field.items(problems, "a list of mappings with source and mirrors") {
        let Some(fields) = item.fields(problems, &["source", "mirrors"], &[]) else {
            continue;
        };
        let source = fields
            .required(problems, "source", allowed)
            .and_then(|f| f.parsed(problems, allowed, value::location));
        let places = fields
            .required(problems, "mirrors", "a list of places")
            .map_or_else(Vec::new, |f| f.items(problems, "a list of places"));
        if let Some(f) = fields.optional("mirrors").filter(|f| f.is_empty_list()) {
            f.refuse(problems, "at least one place");
        }
        let mirrors = places
            .iter()
            .filter_map(|f| f.parsed(problems, allowed, place))
            .collect();
        rules.extend(source.map(|source| Mirror { source, mirrors }));
    }
    rules
}

/// A place to try first; `http://` says that it speaks plain HTTP.
fn place(text: &str) -> Option<String> {
    match text.strip_prefix("http://") {
        Some(rest) => value::location(rest).map(|place| format!("http://{place}")),
        None => value::location(text),
    }
}
fn ipv4(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Ipv4Addr> {
    field.parsed(problems, "an IPv4 address such as 192.168.86.1", |text| {
        text.parse().ok()
    })
}
