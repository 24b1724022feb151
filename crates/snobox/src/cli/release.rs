//! The command line of `snobox release`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use semver::Version;

use super::PatienceArgs;
use crate::flow::graph::GraphSource;

/// `snobox release`.
#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// List the releases of channels, or the updates from one of them
    #[command(after_help = "\
Examples:
  snobox release list --channel stable-4.13
  snobox release list --channel stable-4.13 --from 4.13.1      what 4.13.1 can become
  snobox release list --channel fast-4.14 --channel stable-4.14 --architecture arm64
  snobox release list --channel stable-4.13 --graph graph.json
  snobox --json release list --channel stable-4.13

What the update service said once is known in the store, and used again where there is no network.")]
    List {
        /// A channel, such as stable-4.13; may be repeated
        #[arg(long = "channel", value_name = "NAME", required = true)]
        channels: Vec<String>,
        /// Processor of the releases
        #[arg(long, value_name = "NAME", default_value = "amd64", value_parser = ["amd64", "arm64", "ppc64le", "s390x", "multi"])]
        architecture: String,
        /// Only the updates from this release, with their risks
        #[arg(long, value_name = "VERSION")]
        from: Option<Version>,
        #[command(flatten)]
        graph: GraphArgs,
    },
    /// Print the releases that an image set chooses
    #[command(after_help = "\
Examples:
  snobox release select --image-set imageset.yaml
  snobox release select --image-set imageset.yaml --graph graph.json
  snobox release select --image-set imageset.yaml --graph stable-4.13=4.13.json --graph stable-4.14=4.14.json
  snobox --json release select --image-set imageset.yaml")]
    Select {
        /// An ImageSetConfiguration, v1alpha2 or v2alpha1
        #[arg(long, value_name = "FILE")]
        image_set: PathBuf,
        #[command(flatten)]
        graph: GraphArgs,
    },
}

/// Where update graphs come from.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// The update graph, instead of asking api.openshift.com: the URL of an update service, a file for every channel that its releases name, or
    /// CHANNEL=FILE for one channel; may be repeated
    #[arg(long = "graph", value_name = "[CHANNEL=]FILE|URL")]
    pub graphs: Vec<GraphSource>,
    #[command(flatten)]
    pub patience: PatienceArgs,
    /// The store that keeps what was read
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}
