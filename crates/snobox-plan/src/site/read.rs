//! `site.yaml` → [`Site`]: every field asked once, all problems collected.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use snobox_formats::reference::{ImageRef, is_repository};

use super::{
    API_VERSION, AfterInstall, Architecture, Cache, Fallback, Interface, KIND, Mirror, Node,
    OLDEST_MINOR, Release, ReleaseSource, Site, Subnet,
};
use crate::ask::{Field, Fields};
use crate::problem::Problem;
use crate::yaml;

const GIB: u64 = 1 << 30;

/// Reads the text of a `site.yaml`.
///
/// # Errors
/// All problems, in the order of the file. A text that is not YAML is one problem.
pub fn read(text: &str) -> Result<Site, Vec<Problem>> {
    let root = yaml::parse(text).map_err(|error| {
        let given = format!("not valid YAML: {error}");
        vec![Problem {
            at: error.at,
            path: "(document)".to_owned(),
            given,
            allowed: String::new(),
            hint: None,
        }]
    })?;
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
        "mirrors",
    ];
    let planned = ["installConfig", "certificates", "hub", "extraManifests"];
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
            fields
                .required(problems, "name", allowed)?
                .parsed(problems, allowed, |t| {
                    (is_label(t) && t.len() <= 54).then(|| t.to_owned())
                })
        });
    let release = root
        .required(problems, "release", "a mapping with version or image")
        .and_then(|f| release(&f, problems));
    let domain = "a DNS name such as example.com";
    let base_domain = root
        .required(problems, "baseDomain", domain)
        .and_then(|f| f.parsed(problems, domain, domain_name));
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
    let additional = root
        .optional("images")
        .map_or_else(|| Some(Vec::new()), |f| additional(&f, problems));
    let cache = root
        .optional("cache")
        .map_or_else(|| Some(Cache::default()), |f| cache(&f, problems));
    let mirrors = root
        .optional("mirrors")
        .map_or_else(Vec::new, |f| mirrors(&f, problems));
    Some(Site {
        name: name?,
        release: release?,
        base_domain: base_domain?,
        pull_secret_file: pull_secret_file?,
        ssh_key_file: ssh_key_file?,
        node: node?,
        additional: additional?,
        cache: cache?,
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
        .parsed(problems, allowed, |text| Some(PathBuf::from(text)))
}

fn release(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Release> {
    let fields = field.fields(problems, &["version", "image", "architecture"], &[])?;
    let words = [
        ("x86_64", Architecture::X86_64),
        ("aarch64", Architecture::Aarch64),
    ];
    let architecture = fields
        .optional("architecture")
        .map_or(Some(Architecture::X86_64), |f| f.one_of(problems, &words));
    let source = match (fields.optional("version"), fields.optional("image")) {
        (Some(version), None) => {
            let allowed = format!("a version such as 4.13.1, from 4.{OLDEST_MINOR} on");
            version.parsed(problems, &allowed, |t| {
                is_version(t).then(|| ReleaseSource::Version(t.to_owned()))
            })
        }
        (None, Some(image)) => image_ref(&image, problems).map(ReleaseSource::Image),
        (Some(_), Some(image)) => {
            image.refuse_with_hint(
                problems,
                "either version or image",
                Some("keep image: a digest says more than a version".to_owned()),
            );
            None
        }
        (None, None) => {
            field.refuse(problems, "version (such as 4.13.1) or image (such as quay.io/openshift-release-dev/ocp-release@sha256:…)");
            None
        }
    };
    Some(Release {
        source: source?,
        architecture: architecture?,
    })
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
    let allowed = "a DNS name of lower-case letters, digits, dashes and dots, other than localhost";
    let hostname = match fields.optional("hostname") {
        Some(f) => f.parsed(problems, allowed, |t| {
            domain_name(t).filter(|h| h != "localhost")
        }),
        None => site_name.map(str::to_owned),
    };
    let installation_disk = fields
        .required(problems, "installationDisk", "a mapping with path")
        .and_then(|disk| {
            let fields =
                disk.fields(problems, &["path"], &["serial", "wwn", "model", "minSize"])?;
            let allowed = "a device path such as /dev/sda or /dev/disk/by-id/…";
            let is_device = |t: &str| {
                t.len() > 5
                    && t.starts_with("/dev/")
                    && t.bytes()
                        .all(|c| c.is_ascii_graphic() && !b"'\"\\$`;&|<>*?".contains(&c))
            };
            fields
                .required(problems, "path", allowed)?
                .parsed(problems, allowed, |t| is_device(t).then(|| t.to_owned()))
        });
    let interface = fields
        .optional("interface")
        .map(|f| interface(&f, problems));
    let address = fields.optional("address").map(|f| {
        f.parsed(
            problems,
            "an IPv4 address with its prefix length, such as 192.168.86.45/24",
            subnet,
        )
    });
    let gateway = fields
        .optional("gateway")
        .map(|f| (f.clone(), ipv4(&f, problems)));
    let dns_servers = servers(&fields, problems, "dns", &["serveLocally"])
        .into_iter()
        .filter_map(|f| ipv4(&f, problems))
        .collect();
    let ntp = "a host name or an IPv4 address";
    let ntp_servers = servers(&fields, problems, "ntp", &[])
        .into_iter()
        .filter_map(|f| f.parsed(problems, ntp, domain_name))
        .collect();

    if let (Some(Some(subnet)), Some((f, Some(gateway)))) = (address, &gateway) {
        if !subnet.contains(*gateway) || *gateway == subnet.address {
            f.refuse(
                problems,
                format!(
                    "another address of {}/{}, the network of node.address",
                    subnet.network(),
                    subnet.prefix
                ),
            );
        }
    }
    if address.is_some() {
        fields.required(
            problems,
            "interface",
            "with node.address: the interface's name or mac",
        );
    } else if let Some((f, _)) = &gateway {
        f.refuse(problems, "only together with node.address");
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
            |t| {
                let good = (1..=15).contains(&t.len())
                    && t.bytes()
                        .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
                good.then(|| Interface::Name(t.to_owned()))
            },
        ),
        (None, Some(mac)) => mac.parsed(
            problems,
            "a hardware address such as 28:d2:44:d3:ef:1c",
            |t| {
                let parts: Vec<_> = t.split([':', '-']).collect();
                let good = parts.len() == 6
                    && parts
                        .iter()
                        .all(|p| p.len() == 2 && p.bytes().all(|c| c.is_ascii_hexdigit()));
                good.then(|| Interface::Mac(parts.join(":").to_lowercase()))
            },
        ),
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

fn additional(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Vec<ImageRef>> {
    let fields = field.fields(
        problems,
        &["additional"],
        &["imageSets", "profile", "exclude"],
    )?;
    let items = fields.optional("additional").map_or_else(Vec::new, |f| {
        f.items(problems, "a list of image references")
    });
    Some(
        items
            .iter()
            .filter_map(|item| image_ref(item, problems))
            .collect(),
    )
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
            f.parsed(problems, "a size from 1GiB on, such as 250GiB", size_bytes)
        });
    let label = fields.optional("label").map_or(Some(default.label), |f| {
        f.parsed(
            problems,
            "1 to 16 letters, digits, dashes and underscores",
            |t| {
                let good = (1..=16).contains(&t.len())
                    && t.bytes()
                        .all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c));
                good.then(|| t.to_owned())
            },
        )
    });
    let words = [
        ("keep", AfterInstall::Keep),
        ("reclaim", AfterInstall::Reclaim),
    ];
    let after_install = fields
        .optional("afterInstall")
        .map_or(Some(AfterInstall::Keep), |f| f.one_of(problems, &words));
    let words = [("upstream", Fallback::Upstream), ("none", Fallback::None)];
    let fallback = fields
        .optional("fallback")
        .map_or(Some(Fallback::Upstream), |f| f.one_of(problems, &words));
    Some(Cache {
        size_bytes: size?,
        label: label?,
        after_install: after_install?,
        fallback: fallback?,
    })
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            size_bytes: 250 * GIB,
            label: "data".to_owned(),
            after_install: AfterInstall::Keep,
            fallback: Fallback::Upstream,
        }
    }
}

fn mirrors(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<Mirror> {
    let allowed = "a registry or repository prefix such as quay.io/openshift-release-dev";
    let location = |text: &str| {
        let text = text.trim_end_matches('/');
        let registry = text.split('/').next().unwrap_or_default();
        let whole = if text.contains('/') {
            text.to_owned()
        } else {
            format!("{text}/x")
        };
        (!registry.is_empty()
            && whole
                .parse::<ImageRef>()
                .is_ok_and(|r| r.tag().is_none() && r.digest().is_none()))
        .then(|| text.to_owned())
    };
    let mut rules = Vec::new();
    for item in field.items(problems, "a list of mappings with source and mirrors") {
        let Some(fields) = item.fields(problems, &["source", "mirrors"], &[]) else {
            continue;
        };
        let source = fields
            .required(problems, "source", allowed)
            .and_then(|f| f.parsed(problems, allowed, location));
        let places = fields
            .required(problems, "mirrors", "a list of places")
            .map_or_else(Vec::new, |f| f.items(problems, "a list of places"));
        let mirrors = places
            .iter()
            .filter_map(|f| f.parsed(problems, allowed, location))
            .collect();
        rules.extend(source.map(|source| Mirror { source, mirrors }));
    }
    rules
}

fn image_ref(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<ImageRef> {
    let allowed = "an image reference such as quay.io/team/app:1.2 or quay.io/team/app@sha256:…";
    field.parsed(problems, allowed, |text| text.parse().ok())
}

fn ipv4(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Ipv4Addr> {
    field.parsed(problems, "an IPv4 address such as 192.168.86.1", |text| {
        text.parse().ok()
    })
}

fn subnet(text: &str) -> Option<Subnet> {
    let (address, prefix) = text.split_once('/')?;
    let subnet = Subnet {
        address: address.parse().ok()?,
        prefix: prefix.parse().ok().filter(|p| (1..=30).contains(p))?,
    };
    let host_bits = subnet.address.to_bits() & !subnet.netmask().to_bits();
    (host_bits != 0 && host_bits != !subnet.netmask().to_bits()).then_some(subnet)
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn domain_name(text: &str) -> Option<String> {
    (text.len() <= 253 && text.split('.').all(is_label)).then(|| text.to_owned())
}

fn is_version(text: &str) -> bool {
    let (numbers, suffix) = text
        .split_once('-')
        .map_or((text, None), |(n, s)| (n, Some(s)));
    let parts: Vec<Option<u32>> = numbers
        .split('.')
        .map(|p| {
            p.parse()
                .ok()
                .filter(|_| p == "0" || !p.starts_with(['0', '+']))
        })
        .collect();
    let [Some(major), Some(minor), Some(_)] = parts[..] else {
        return false;
    };
    let suffix_ok = suffix.is_none_or(|s| !s.is_empty() && is_repository(&s.replace('.', "-")));
    suffix_ok && (major > 4 || major == 4 && minor >= OLDEST_MINOR)
}

fn size_bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "GiB" | "G" | "Gi" => GIB,
        "TiB" | "T" | "Ti" => GIB << 10,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    digits
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(unit)
        .filter(|size| (GIB..1 << 50).contains(size))
}
