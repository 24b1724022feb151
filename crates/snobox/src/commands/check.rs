//! `snobox check`.

use serde_json::json;
use snobox_plan::kargs;
use snobox_plan::profile::Profile;

use crate::cli::SiteArgs;
use crate::error::{Error, Result};
use crate::flow::image_sets;
use crate::site_file::SiteFile;
use crate::ui::Ui;

/// Checks the site file, then the files that it names, and whether they go together: all problems at once.
pub fn run(args: &SiteArgs, ui: &Ui) -> Result<()> {
    let file = SiteFile::read(&args.site)?;
    let named = [
        file.pull_secret().err(),
        file.ssh_key().err(),
        file.verification_keys().err(),
    ];
    let sets = image_sets::check(&file, ui);
    if let Some(all) = Error::together(named.into_iter().flatten().chain(sets)) {
        return Err(all);
    }
    let site = &file.site;
    let kargs = kargs::network(&site.node);
    let payload = site.release.payload();
    let network = if kargs.is_empty() {
        "DHCP".to_owned()
    } else {
        kargs.join(" ")
    };
    let mut left_out = match site.profile {
        Profile::All => String::new(),
        profile => format!("; profile {}", profile.word()),
    };
    for pattern in &site.exclude {
        left_out += &format!("; without {:?}", pattern.as_str());
    }
    let exclude: Vec<_> = site.exclude.iter().map(|p| p.as_str()).collect();
    let text = format!(
        "{} is good\n  cluster   {}.{}\n  release   {payload}\n  node      {}, installs to {}\n  network   {network}\n  images    {} besides the release{left_out}\nnext: snobox plan {0}",
        args.site.display(),
        site.name,
        site.base_domain,
        site.node.hostname,
        site.node.installation_disk,
        site.additional.len(),
    );
    ui.result(text, &json!({"ok": true, "name": site.name, "baseDomain": site.base_domain, "release": payload, "kargs": kargs, "profile": site.profile.word(), "exclude": exclude}))
}
