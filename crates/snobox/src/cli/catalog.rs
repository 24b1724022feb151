//! The command line of `snobox catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `snobox catalog`. A catalog is an image of a registry or of a folder with an OCI image layout, or a folder or a file of catalog documents (JSON or YAML).
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// List operators with their channels, heads and versions
    #[command(after_help = "\
Examples:
  snobox catalog list registry.redhat.io/redhat/redhat-operator-index:v4.13 --pull-secret pull-secret.json
  snobox catalog list configs                           a folder of documents: every operator
  snobox catalog list configs --package lvms-operator   its channels
  snobox catalog list configs --package lvms-operator --channel stable-4.13
  snobox catalog list configs --package lvms-operator --sizes
  snobox catalog list oci:///data/index                 an image in a folder, as skopeo copies it
  snobox --json catalog list index.json

Of an image, only the layers that hold documents are fetched, into the store; what was read once is read again without a network.
A registry on this machine's loopback may speak plain HTTP.")]
    List {
        /// A catalog image (of a registry, or oci:// and a folder), or a folder or file of catalog documents
        catalog: String,
        /// Only this operator
        #[arg(long, value_name = "NAME")]
        package: Option<String>,
        /// Only this channel of it
        #[arg(long, value_name = "NAME", requires = "package")]
        channel: Option<String>,
        /// How large each version is, and what it adds: asks the registries for manifests, and for nothing larger
        #[arg(long, requires = "package")]
        sizes: bool,
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Print the bundles and images that an image set chooses
    #[command(after_help = "\
Examples:
  snobox catalog select --image-set imageset.yaml --pull-secret pull-secret.json
  snobox catalog select --image-set imageset.yaml \\
      --catalog registry.redhat.io/redhat/redhat-operator-index:v4.13=configs")]
    Select {
        /// An ImageSetConfiguration, v1alpha2 or v2alpha1
        #[arg(long, value_name = "FILE")]
        image_set: PathBuf,
        /// Folder or file of catalog documents that stands in for a catalog image; may be repeated. Other catalogs come from their registries
        #[arg(long = "catalog", value_name = "REF=PATH", value_parser = stand_in)]
        catalogs: Vec<(String, PathBuf)>,
        #[command(flatten)]
        registry: RegistryArgs,
    },
}

/// How catalogs and manifests are asked for where no site says it.
#[derive(Debug, Args)]
pub struct RegistryArgs {
    /// Credentials, as downloaded from console.redhat.com
    #[arg(long, value_name = "FILE")]
    pub pull_secret: Option<PathBuf>,
    /// Trust the certificates in this file, too
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Ask this place before the registry or repository SOURCE; may be repeated
    #[arg(long = "mirror", value_name = "SOURCE=PLACE", value_parser = mirror)]
    pub mirrors: Vec<(String, String)>,
    /// The store that keeps what was read
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}

/// Reads `REF=PATH`.
fn stand_in(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((reference, path)) if !reference.is_empty() && !path.is_empty() => {
            Ok((reference.to_owned(), PathBuf::from(path)))
        }
        _ => Err(
            "expected a catalog image and a path, such as registry.example.com/index:v1=configs"
                .to_owned(),
        ),
    }
}

/// Reads `SOURCE=PLACE`.
fn mirror(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((source, place)) if !source.is_empty() && !place.is_empty() => {
            Ok((source.to_owned(), place.to_owned()))
        }
        _ => Err("expected a registry or repository and a place, such as registry.redhat.io=mirror.lan:5000".to_owned()),
    }
}
