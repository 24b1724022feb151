//! The site: what `site.yaml` says, checked. A [`Site`] is made only by [`read`], so whoever holds one may trust it.

mod certificates;
mod disk;
mod images;
mod read;
mod release;
mod value;

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use snobox_formats::reference::ImageRef;

use crate::profile::{Pattern, Profile};
use crate::release::keyring::OFFICIAL_REPOSITORIES;

pub use read::read;

/// The `apiVersion` of the file.
pub const API_VERSION: &str = "snobox.io/v1alpha1";
/// The `kind` of the file.
pub const KIND: &str = "Site";
/// Where releases live when `release.version` is given.
pub const RELEASE_REPOSITORY: &str = "quay.io/openshift-release-dev/ocp-release";
/// The oldest minor release that snobox can install: 4.12.
pub const OLDEST_MINOR: u32 = 12;

/// A checked `site.yaml`. Paths are as written: relative ones start at the folder of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// `metadata.name`: the cluster's name.
    pub name: String,
    /// `release`.
    pub release: Release,
    /// `baseDomain`.
    pub base_domain: String,
    /// `pullSecretFile`.
    pub pull_secret_file: PathBuf,
    /// `sshKeyFile`.
    pub ssh_key_file: PathBuf,
    /// `node`.
    pub node: Node,
    /// `images.additional`.
    pub additional: Vec<ImageRef>,
    /// `images.imageSets`: files.
    pub image_sets: Vec<PathBuf>,
    /// `images.profile`.
    pub profile: Profile,
    /// `images.exclude`.
    pub exclude: Vec<Pattern>,
    /// `cache`.
    pub cache: Cache,
    /// `certificates`.
    pub certificates: Certificates,
    /// `mirrors`: sources to try before the real registry.
    pub mirrors: Vec<Mirror>,
}

/// The release to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which one.
    pub source: ReleaseSource,
    /// For which processor.
    pub architecture: Architecture,
    /// Whose signature it must have.
    pub verification: Verification,
}

/// How a release is proved to be the one that its publisher has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// `release.signature`; where it is absent, [`SignaturePolicy::Required`] if keys are named, else [`SignaturePolicy::IfOfficial`].
    pub policy: SignaturePolicy,
    /// `release.verificationKeys`: files with keys that count besides Red Hat's.
    pub keys: Vec<PathBuf>,
}

/// Which releases must be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignaturePolicy {
    /// Every one.
    Required,
    /// Those of [`OFFICIAL_REPOSITORIES`].
    IfOfficial,
    /// None; nobody is asked for signatures.
    Ignored,
}

/// How the release was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseSource {
    /// `release.version`: `4.13.1`.
    Version(String),
    /// `release.image`: a payload image by digest or tag.
    Image(ImageRef),
}

/// Processor architectures that a node can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `node.hostname`; the site's name when absent.
    pub hostname: String,
    /// `node.installationDisk`.
    pub installation_disk: InstallationDisk,
    /// `node.interface`.
    pub interface: Option<Interface>,
    /// `node.address`; DHCP when absent.
    pub address: Option<Subnet>,
    /// `node.gateway`.
    pub gateway: Option<Ipv4Addr>,
    /// `node.dns.servers`.
    pub dns_servers: Vec<Ipv4Addr>,
    /// `node.ntp.servers`: names or addresses.
    pub ntp_servers: Vec<String>,
}

/// How the installation disk is recognised on the node, where every hint must hold, and what may become of its content. At least one hint is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstallationDisk {
    /// `path`: a device path.
    pub path: Option<String>,
    /// `serial`.
    pub serial: Option<String>,
    /// `wwn`.
    pub wwn: Option<String>,
    /// `model`.
    pub model: Option<String>,
    /// `minSize`, in bytes.
    pub min_size_bytes: Option<u64>,
    /// `existingData`.
    pub existing_data: ExistingData,
}

/// What to do with an installation disk that holds something which did not come from this image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingData {
    /// The disk stays as it is, and nothing is installed.
    #[default]
    Refuse,
    /// It is erased.
    Erase,
}

/// How the network interface is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// By its name in Linux: `enp0s25`.
    Name(String),
    /// By its hardware address, lower case with colons.
    Mac(String),
}

/// An IPv4 address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The address.
    pub address: Ipv4Addr,
    /// Prefix length, 1 to 30.
    pub prefix: u8,
}

/// The image cache on the stick and on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// `cache.size`: the partition on the node's disk, in bytes.
    pub size_bytes: u64,
    /// `cache.label`: label of the file system, 1 to 16 characters.
    pub label: String,
    /// `cache.fallback`.
    pub fallback: Fallback,
}

/// What becomes of the bootstrap certificates that the installer makes for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// `renew: on-device`: they are made anew when the node installs, as long as they were.
    RenewOnDevice,
    /// `bootstrapValidity`: they are made that long when the image is built, 1 hour to 3650 days.
    BootstrapValidity(Duration),
    /// `renew: never`: they stay as they are.
    AsMade,
}

/// Where a pull goes that the cache cannot answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// To the registry that the image's name says.
    Upstream,
    /// Nowhere: it fails at once.
    None,
}

/// Places to try before the registry that an image's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Registry or repository prefix that is mirrored: `quay.io`, `quay.io/openshift-release-dev`.
    pub source: String,
    /// What to put in its place, in the order to try: `mirror.lan:5000/openshift-release-dev`.
    pub mirrors: Vec<String>,
}

impl fmt::Display for InstallationDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            return f.write_str(path);
        }
        let texts = [
            ("serial", &self.serial),
            ("wwn", &self.wwn),
            ("model", &self.model),
        ];
        let mut hints: Vec<String> = texts
            .into_iter()
            .filter_map(|(name, text)| Some(format!("{name} {}", text.as_ref()?)))
            .collect();
        hints.extend(self.min_size_bytes.map(|n| format!("at least {n} bytes")));
        write!(f, "the disk with {}", hints.join(", "))
    }
}

impl Release {
    /// The payload image's reference.
    ///
    /// A version stands for `quay.io/openshift-release-dev/ocp-release:VERSION-ARCHITECTURE`.
    pub fn payload(&self) -> ImageRef {
        match &self.source {
            ReleaseSource::Image(image) => image.clone(),
            ReleaseSource::Version(version) => {
                let text = format!(
                    "{RELEASE_REPOSITORY}:{version}-{}",
                    self.architecture.uname()
                );
                // `read` has checked that a version holds nothing but digits, letters, dots and dashes.
                text.parse()
                    .unwrap_or_else(|_| unreachable!("{text} is a reference"))
            }
        }
    }
}

impl Release {
    /// Whether its signature must hold before anything of it is used.
    pub fn needs_signature(&self) -> bool {
        match self.verification.policy {
            SignaturePolicy::Required => true,
            SignaturePolicy::IfOfficial => self.is_official(),
            SignaturePolicy::Ignored => false,
        }
    }

    /// Whether Red Hat publishes it, by its name. What is asked for with a version that Red Hat gives to nothing, such as `4.99.0-practice`, is
    /// somebody else's; a digest says nothing about versions.
    pub fn is_official(&self) -> bool {
        let payload = self.payload();
        let named = payload.name().starts_with(OFFICIAL_REPOSITORIES);
        let version = match &self.source {
            ReleaseSource::Version(version) => Some(version.as_str()),
            ReleaseSource::Image(image) if image.digest().is_some() => None,
            ReleaseSource::Image(image) => image
                .tag()
                .and_then(|tag| tag.strip_suffix(&format!("-{}", self.architecture.uname()))),
        };
        named && version.is_none_or(is_official_version)
    }
}

/// `X.Y.Z`, or one of the candidates before it: `X.Y.Z-ec.N`, `-fc.N`, `-rc.N`. Whatever only resembles these counts, too.
fn is_official_version(version: &str) -> bool {
    let (_, stage) = version.split_once('-').unwrap_or((version, ""));
    let word = stage.starts_with(|c: char| c.is_ascii_alphabetic());
    !word
        || ["ec.", "fc.", "rc."]
            .iter()
            .any(|known| stage.starts_with(known))
}

impl Architecture {
    /// The name that `uname -m` prints, used in release tags and file names.
    pub fn uname(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The name that image manifests and install-config use.
    pub fn go(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

impl Subnet {
    /// The netmask in dotted form.
    pub fn netmask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX << (32 - u32::from(self.prefix)))
    }

    /// The first address of the network.
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() & self.netmask().to_bits())
    }

    /// Whether `other` is an address of the network that a host can have: neither the network's own nor its broadcast address.
    pub fn has_host(self, other: Ipv4Addr) -> bool {
        let mask = self.netmask().to_bits();
        let host = other.to_bits() & !mask;
        other.to_bits() & mask == self.network().to_bits() && host != 0 && host != !mask
    }

    /// Whether an address lies in both networks.
    pub fn overlaps(self, other: Self) -> bool {
        let mask = self.netmask().to_bits() & other.netmask().to_bits();
        self.address.to_bits() & mask == other.address.to_bits() & mask
    }
}
