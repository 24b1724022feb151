//! Flags over an install-config → answers, and what is still missing.

use std::path::{self, Path};

use snobox_plan::init::{Answers, Imported};

use super::{PULL_SECRET_FILE, SSH_KEY_FILE};
use crate::cli::InitArgs;
use crate::error::{Error, Exit, Result};

/// An answer that a site file cannot do without.
#[derive(Clone, Copy)]
pub(super) struct Required {
    /// The flag that gives it.
    pub(super) flag: &'static str,
    /// What it is, as a question.
    pub(super) what: &'static str,
    /// An example.
    pub(super) example: &'static str,
    /// The field that it becomes.
    pub(super) field: &'static str,
    /// Where it goes.
    pub(super) slot: fn(&mut Answers) -> &mut String,
}

/// In the order to ask.
const REQUIRED: [Required; 6] = [
    Required {
        flag: "--name",
        what: "Name of the cluster",
        example: "bip",
        field: "metadata.name",
        slot: |a| &mut a.name,
    },
    Required {
        flag: "--release-version",
        what: "Release to install, such as 4.13.1, or a payload image",
        example: "4.13.1",
        field: "release",
        slot: |a| &mut a.release,
    },
    Required {
        flag: "--base-domain",
        what: "Domain of the cluster, such as example.com",
        example: "example.com",
        field: "baseDomain",
        slot: |a| &mut a.base_domain,
    },
    Required {
        flag: "--pull-secret-file",
        what: "File with the pull secret from console.redhat.com",
        example: "pull-secret.json",
        field: "pullSecretFile",
        slot: |a| &mut a.pull_secret_file,
    },
    Required {
        flag: "--ssh-key-file",
        what: "File with the SSH public key for the user core",
        example: "id_ed25519.pub",
        field: "sshKeyFile",
        slot: |a| &mut a.ssh_key_file,
    },
    Required {
        flag: "--disk",
        what: "Disk to install to, such as /dev/sda or /dev/disk/by-id/…",
        example: "/dev/sda",
        field: "node.installationDisk",
        slot: |a| &mut a.disk,
    },
];

/// The flags, and what they leave open from the install-config. Paths come out as the site file in `folder` has to name them.
pub(super) fn merge(args: &InitArgs, imported: &Imported, folder: &Path) -> Result<Answers> {
    let or = |flag: &Option<String>, other: &Option<String>| {
        flag.clone().or_else(|| other.clone()).unwrap_or_default()
    };
    let file = |flag: &Option<std::path::PathBuf>, held: bool, name: &str| match flag {
        Some(path) => seen_from(folder, path),
        None if held => Ok(name.to_owned()),
        None => Ok(String::new()),
    };
    Ok(Answers {
        name: or(&args.name, &imported.name),
        release: or(&args.release_version, &args.release_image),
        architecture: imported.architecture.clone(),
        base_domain: or(&args.base_domain, &imported.base_domain),
        pull_secret_file: file(
            &args.pull_secret_file,
            imported.pull_secret.is_some(),
            PULL_SECRET_FILE,
        )?,
        ssh_key_file: file(&args.ssh_key_file, imported.ssh_key.is_some(), SSH_KEY_FILE)?,
        hostname: args.hostname.clone(),
        disk: or(&args.disk, &imported.disk),
        interface: args.interface.clone(),
        address: args.address.clone(),
        gateway: args.gateway.clone(),
        dns: args.dns.clone(),
        ntp: args.ntp.clone(),
        additional: Vec::new(),
    })
}

/// A path of the command line as a file in `folder` has to name it: relative paths of a site file start at its folder.
pub(super) fn seen_from(folder: &Path, path: &Path) -> Result<String> {
    let seen = if path.is_absolute() || folder == Path::new(".") {
        path.to_owned()
    } else if let Ok(below) = path.strip_prefix(folder) {
        below.to_owned()
    } else {
        path::absolute(path).map_err(|e| Error::file("find", path, &e))?
    };
    let text = seen.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        Error::new(
            Exit::Site,
            format!("{} is not UTF-8, as a site file has to be", seen.display()),
        )
    })
}

/// What has no answer yet.
pub(super) fn missing(answers: &mut Answers) -> Vec<Required> {
    REQUIRED
        .into_iter()
        .filter(|required| (required.slot)(answers).is_empty())
        .collect()
}

/// Every missing flag at once, and the command with all of them.
pub(super) fn missing_error(args: &InitArgs, missing: &[Required]) -> Error {
    let lines: Vec<_> = missing
        .iter()
        .map(|required| format!("\n  {:<19} {}", required.flag, required.what))
        .collect();
    let message = format!(
        "nobody can be asked here, and these flags are missing:{}",
        lines.concat()
    );
    Error::new(Exit::Site, message).hint(format!(
        "with values of your own: {}",
        command_line(args, missing)
    ))
}

/// The command of `args` with an example for each of `missing`.
fn command_line(args: &InitArgs, missing: &[Required]) -> String {
    let mut words = vec!["snobox".to_owned(), "init".to_owned()];
    let shown = |path: &std::path::PathBuf| path.display().to_string();
    if args.site != Path::new("site.yaml") {
        words.push(shell_word(&shown(&args.site)));
    }
    if args.force {
        words.push("--force".to_owned());
    }
    let given = [
        (
            "--from-install-config",
            args.from_install_config.as_ref().map(shown),
        ),
        ("--name", args.name.clone()),
        ("--release-version", args.release_version.clone()),
        ("--release-image", args.release_image.clone()),
        ("--base-domain", args.base_domain.clone()),
        (
            "--pull-secret-file",
            args.pull_secret_file.as_ref().map(shown),
        ),
        ("--ssh-key-file", args.ssh_key_file.as_ref().map(shown)),
        ("--hostname", args.hostname.clone()),
        ("--disk", args.disk.clone()),
        ("--interface", args.interface.clone()),
        ("--address", args.address.clone()),
        ("--gateway", args.gateway.clone()),
    ];
    let once = given
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value?)));
    let dns = args.dns.iter().map(|server| ("--dns", server.clone()));
    let ntp = args.ntp.iter().map(|server| ("--ntp", server.clone()));
    let examples = missing
        .iter()
        .map(|required| (required.flag, required.example.to_owned()));
    for (flag, value) in once.chain(dns).chain(ntp).chain(examples) {
        if !value.is_empty() {
            words.extend([flag.to_owned(), shell_word(&value)]);
        }
    }
    words.join(" ")
}

/// The flag that a field's value came from, or could come from.
pub(super) fn flag_of(field: &str) -> Option<&'static str> {
    let optional = [
        ("node.hostname", "--hostname"),
        ("node.interface", "--interface"),
        ("node.address", "--address"),
        ("node.gateway", "--gateway"),
        ("node.dns", "--dns"),
        ("node.ntp", "--ntp"),
        ("release.image", "--release-image"),
    ];
    let required = REQUIRED
        .iter()
        .map(|required| (required.field, required.flag));
    let found = optional
        .into_iter()
        .chain(required)
        .find(|(start, _)| field.starts_with(start));
    found.map(|(_, flag)| flag)
}

/// A word that a shell reads as it is.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_command_line_is_named_as_the_site_file_sees_it() {
        let seen =
            |folder: &str, path: &str| seen_from(Path::new(folder), Path::new(path)).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(seen(".", "keys/a.pub"), "keys/a.pub");
        assert_eq!(seen("sites", "sites/a.pub"), "a.pub");
        assert_eq!(seen("sites", "/keys/a.pub"), "/keys/a.pub");
        assert_eq!(seen("sites", "a.pub"), here.join("a.pub").to_str().unwrap());
    }

    #[test]
    fn a_shell_word_is_quoted_when_a_shell_would_change_it() {
        assert_eq!(shell_word("/dev/sda"), "/dev/sda");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
