//! The command line of `snobox push`.

use std::path::PathBuf;

use clap::Args;
use snobox_registry::push::Target;

use super::PatienceArgs;

/// `snobox push`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  snobox push registry.lan:5000 --pull-secret auth.json
  snobox push quay.factory.example/benches quay.io/team/line-agent:1.0
  snobox push 127.0.0.1:5000                       plain HTTP on this machine needs no word

An image goes to REGISTRY/PREFIX and its whole name: quay.io/team/agent:1 to registry.lan:5000/quay.io/team/agent:1. In site.yaml the
registry is then `mirrors: [{ source: quay.io, mirrors: [\"registry.lan:5000/quay.io\"] }]`. What is there is not sent again. Registries
that take no list of which only one platform is there get that platform under the list's tag.")]
pub struct PushArgs {
    /// Where to
    #[arg(value_name = "REGISTRY[/PREFIX]", value_parser = target)]
    pub target: Target,
    /// Only these images, by reference or digest as `snobox store ls` shows them
    #[arg(value_name = "REF")]
    pub images: Vec<String>,
    /// The store
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
    /// Credentials: a pull secret, or the auth file of podman or docker
    #[arg(long, value_name = "FILE")]
    pub pull_secret: Option<PathBuf>,
    /// The registry speaks plain HTTP, though it is not on this machine
    #[arg(long)]
    pub plain_http: bool,
    /// Leave the upstream registry out of the names: quay.io/team/agent becomes PREFIX/team/agent
    #[arg(long)]
    pub short_names: bool,
    /// Give images without a tag none: some registries throw away what has no tag, so that by default they get snobox-DIGEST
    #[arg(long)]
    pub no_extra_tags: bool,
    /// Blobs sent at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    #[command(flatten)]
    pub patience: PatienceArgs,
}

/// Reads `registry.lan:5000/prefix`.
fn target(text: &str) -> Result<Target, String> {
    let text = text.trim_end_matches('/');
    let image: snobox_formats::reference::ImageRef =
        format!("{text}/image").parse().map_err(|_| {
            "expected REGISTRY or REGISTRY/PREFIX, such as registry.lan:5000/factory".to_owned()
        })?;
    let prefix = image.repository().strip_suffix("image").unwrap_or_default();
    Ok(Target {
        registry: image.registry().to_owned(),
        prefix: prefix.trim_end_matches('/').to_owned(),
        short_names: false,
    })
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn targets_are_a_registry_and_a_prefix() {
        let parts = |text: &str| target(text).map(|t| (t.registry, t.prefix));
        let pair = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(parts("reg.lan:5000"), pair("reg.lan:5000", ""));
        assert_eq!(parts("reg.lan/a/b/"), pair("reg.lan", "a/b"));
        for wrong in ["", "reg", "https://reg.lan", "reg.lan/A", "reg.lan:x"] {
            assert!(parts(wrong).is_err(), "{wrong:?}");
        }
    }
}
