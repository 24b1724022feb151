//! The command line.

use super::InstallerError;
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Version,
    Manifests { dir: PathBuf },
    SingleNodeIgnition { dir: PathBuf },
}

impl Command {
    /// Reads the words after the program's name; options may stand anywhere, the folder is the current one if not given.
    ///
    /// # Errors
    /// [`InstallerError::Command`] or [`InstallerError::Option`].
    pub(super) fn parse(args: &[String]) -> Result<Self, InstallerError> {
        let mut words = Vec::new();
        let mut dir = PathBuf::from(".");
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            if !word.starts_with('-') {
                words.push(word.as_str());
                continue;
            }
            let unknown = || InstallerError::Option {
                option: word.clone(),
            };
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (word.as_str(), rest.next().cloned().ok_or_else(unknown)?),
            };
            match name {
                "--dir" if !value.is_empty() => dir = PathBuf::from(value),
                "--log-level" => {}
                _ => return Err(unknown()),
            }
        }
        match words.as_slice() {
            ["version"] => Ok(Self::Version),
            ["create", "manifests"] => Ok(Self::Manifests { dir }),
            ["create", "single-node-ignition-config"] => Ok(Self::SingleNodeIgnition { dir }),
            _ => Err(InstallerError::Command {
                command: words.join(" "),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, InstallerError> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Command::parse(&args)
    }

    #[test]
    fn the_folder_may_be_given_either_way_and_anywhere() {
        for line in [
            "create manifests --dir d",
            "create manifests --dir=d",
            "--dir d create manifests --log-level=debug",
        ] {
            assert_eq!(
                parse(line).unwrap(),
                Command::Manifests { dir: "d".into() },
                "{line}"
            );
        }
    }

    #[test]
    fn other_commands_and_options_are_refused() {
        for line in [
            "",
            "create",
            "create cluster",
            "destroy cluster --dir d",
            "wait-for install-complete",
        ] {
            assert!(
                matches!(parse(line), Err(InstallerError::Command { .. })),
                "{line}"
            );
        }
        for line in [
            "create manifests --dir",
            "create manifests --force x",
            "create manifests --dir=",
        ] {
            assert!(
                matches!(parse(line), Err(InstallerError::Option { .. })),
                "{line}"
            );
        }
    }
}
