//! What an `ImageSetConfiguration` asks for, as `mirror.openshift.io/v1alpha2` or `v2alpha1` writes it.
//!
//! Source of truth: `pkg/api` and `pkg/config` of `github.com/openshift/oc-mirror`, both generations. The version decides which rules choose
//! versions of operators. What snobox does not do is refused by name; what is of no consequence here is accepted with a note.

mod operators;
mod read;
mod release;

use regex_lite::Regex;
use snobox_formats::reference::ImageRef;
use snobox_plan::yaml::Position;

use crate::range::Bounds;

pub use read::read;

/// Which rules choose versions of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Those of `v1alpha2`.
    V1,
    /// Those of `v2alpha1`.
    V2,
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1alpha2",
            Self::V2 => "v2alpha1",
        })
    }
}

/// Where something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line and column.
    pub at: Position,
    /// Dotted path: `mirror.operators[0].packages[2]`.
    pub path: String,
}

/// An image set.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// Which rules choose versions of operators.
    pub rules: Rules,
    /// Releases.
    pub platform: Platform,
    /// Operators, by catalog.
    pub operators: Vec<Operator>,
    /// Other images.
    pub additional: Vec<AdditionalImage>,
    /// What is left out of everything that the others bring.
    pub blocked: Vec<Blocked>,
    /// Fields that are accepted and change nothing: place and why.
    pub notes: Vec<(Place, String)>,
}

/// `mirror.platform`.
#[derive(Clone, Debug, Default)]
pub struct Platform {
    /// Architectures of the releases; none means amd64.
    pub architectures: Vec<String>,
    /// Platforms of a multi-architecture release.
    pub platforms: Vec<OsArch>,
    /// One release by its image.
    pub release: Option<ImageRef>,
    /// Also the image of the operating system for virtual machines.
    pub kube_virt_container: bool,
    /// Releases by channel.
    pub channels: Vec<ReleaseChannel>,
}

/// An operating system on an architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsArch {
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub architecture: String,
}

/// Releases of one channel.
#[derive(Clone, Debug)]
pub struct ReleaseChannel {
    /// Where it is asked for: its first version, or else itself.
    pub place: Place,
    /// Where the highest version is said.
    pub max_place: Option<Place>,
    /// `stable-4.13`.
    pub name: String,
    /// Whether it is a channel of OKD.
    pub is_okd: bool,
    /// Which versions.
    pub bounds: Bounds,
    /// Only those on the shortest way from the lowest to the highest.
    pub shortest_path: bool,
    /// All, where no minimum is given.
    pub full: bool,
}

/// Operators of one catalog.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Where it is asked for.
    pub place: Place,
    /// The catalog.
    pub catalog: CatalogRef,
    /// All versions of what is asked for, not only heads.
    pub full: bool,
    /// Leave out operators that others need.
    pub skip_dependencies: bool,
    /// Repository that the catalog shall get.
    pub target_catalog: Option<String>,
    /// Tag that the catalog shall get.
    pub target_tag: Option<String>,
    /// File that the CatalogSource is made from.
    pub source_template: Option<String>,
    /// Platforms of the images.
    pub platforms: Vec<OsArch>,
    /// Which operators; none means all.
    pub packages: Vec<PackageAsk>,
}

/// Where a catalog comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogRef {
    /// An image of a registry.
    Image(ImageRef),
    /// A folder with an OCI layout.
    Layout(String),
}

impl std::fmt::Display for CatalogRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image(image) => image.fmt(f),
            Self::Layout(path) => write!(f, "oci://{path}"),
        }
    }
}

/// One operator.
#[derive(Clone, Debug)]
pub struct PackageAsk {
    /// Where it is asked for.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Versions in every channel that has no range of its own.
    pub range: Range,
    /// The channel that a subscription without a channel shall follow, and where that is said.
    pub default_channel: Option<(String, Place)>,
    /// Which channels; none means all.
    pub channels: Vec<ChannelAsk>,
    /// Bundles by name, and nothing else.
    pub selected_bundles: Vec<(String, Place)>,
}

/// One channel of an operator.
#[derive(Clone, Debug)]
pub struct ChannelAsk {
    /// Where it is asked for.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Versions.
    pub range: Range,
}

/// Versions of an operator or a channel.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// Lowest and highest version.
    pub bounds: Bounds,
    /// The lowest bundle, by its name.
    pub min_bundle: Option<String>,
    /// Where the first of them is said; nothing if none is.
    pub place: Option<Place>,
    /// Where the highest version is said.
    pub max_place: Option<Place>,
}

impl Range {
    /// Whether nothing is asked for.
    pub fn is_open(&self) -> bool {
        self.bounds.is_open() && self.min_bundle.is_none()
    }
}

/// An image that is asked for by its reference.
#[derive(Clone, Debug)]
pub struct AdditionalImage {
    /// Where it is asked for.
    pub place: Place,
    /// The image.
    pub name: ImageRef,
    /// Repository that it shall get.
    pub target_repo: Option<String>,
    /// Tag that it shall get.
    pub target_tag: Option<String>,
    /// Which platforms of it.
    pub platforms: Vec<OsArch>,
}

/// What is left out.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// Where it is said.
    pub place: Place,
    /// What was written.
    pub text: String,
    /// Matches anywhere in the reference.
    pub pattern: Regex,
}

impl ImageSet {
    /// Whether an image is left out, and by what.
    pub fn blocks(&self, reference: &str) -> Option<&Blocked> {
        self.blocked
            .iter()
            .find(|blocked| blocked.text == reference || blocked.pattern.is_match(reference))
    }
}
