//! Where images come from, and as whom they are asked for: pull secret, mirrors, authorities and patience → registry client. With a site or without one.

use std::path::Path;
use std::time::Duration;

use snobox_formats::pull_secret::PullSecret;
use snobox_registry::client::{Client, Mirror, Setup};
use snobox_registry::pull::Patience;

use crate::error::{Error, Exit, Result};
use crate::input;
use crate::site_file::SiteFile;

/// What a mirror of a site begins with that speaks plain HTTP.
const PLAIN_HTTP: &str = "http://";

/// How registries are asked, whatever is asked for.
#[derive(Debug, Default)]
pub struct Source<'a> {
    /// A registry that stands in for others, before all mirrors; then nobody else is asked.
    pub stand_in: Option<StandIn>,
    /// How long to wait and how often to try again.
    pub patience: Patience,
    /// A file with certificates to trust besides.
    pub authorities: Option<&'a Path>,
    /// Registries besides those of this machine that are asked over plain HTTP.
    pub plain_http: Vec<String>,
    /// The longest time until an answer begins, where it is not that of a stall.
    pub answer: Option<Duration>,
}

/// A registry that answers for others, with its own credentials: a mirror never gets those of the registry that it stands in for.
#[derive(Debug)]
pub struct StandIn {
    /// What it stands in for.
    pub mirrors: Vec<Mirror>,
    /// Credentials for it.
    pub secret: PullSecret,
}

impl Source<'_> {
    /// Asks these registries over plain HTTP.
    #[must_use]
    pub fn over_plain_http(mut self, registries: Vec<String>) -> Self {
        self.plain_http.extend(registries);
        self
    }

    /// A client with the pull secret and the mirrors of a site.
    pub fn client_of(mut self, file: &SiteFile) -> Result<Client> {
        let secret = file.pull_secret()?;
        for place in file.site.mirrors.iter().flat_map(|m| &m.mirrors) {
            if let Some(place) = place.strip_prefix(PLAIN_HTTP) {
                let registry = place.split('/').next().unwrap_or(place);
                self.plain_http.push(registry.to_owned());
            }
        }
        let of_site = file.site.mirrors.iter().map(|m| Mirror {
            source: m.source.clone(),
            mirrors: m
                .mirrors
                .iter()
                .map(|place| place.strip_prefix(PLAIN_HTTP).unwrap_or(place).to_owned())
                .collect(),
        });
        self.client(Some(secret), of_site.collect())
    }

    /// A client with these credentials, or with none, and these places to try first.
    pub fn client(self, secret: Option<PullSecret>, mirrors: Vec<Mirror>) -> Result<Client> {
        let only_mirrors = self.stand_in.is_some();
        let (stand_in, secret) = self
            .stand_in
            .map_or((Vec::new(), secret), |s| (s.mirrors, Some(s.secret)));
        let mut setup = Setup {
            mirrors: stand_in.into_iter().chain(mirrors).collect(),
            only_mirrors,
            secret,
            patience: self.patience,
            authorities: Vec::new(),
            plain_http: self.plain_http.into_iter().collect(),
            answer: self.answer,
        };
        if let Some(path) = self.authorities {
            let pem = input::read(path).map_err(|e| Error::file("read", path, &e))?;
            let trusted = setup.trust_pem(&pem);
            trusted.map_err(|e| Error::caused(Exit::File, path.display().to_string(), &e))?;
        }
        Client::with(setup).map_err(|e| Error::internal("cannot set up the registry client", &e))
    }
}

/// Reads a pull secret, or another file of credentials of the same form.
pub fn read_pull_secret(path: &Path) -> Result<PullSecret> {
    let shown = path.display().to_string();
    let hint = "expected an auth file as podman and docker write it: {\"auths\": {\"quay.io\": {\"auth\": \"…\"}}}";
    let text = input::read_text(path).map_err(|e| {
        let message = format!("cannot read the pull secret {shown}");
        Error::caused(Exit::PullSecret, message, &e).hint(hint)
    })?;
    PullSecret::parse(&text).map_err(|e| Error::caused(Exit::PullSecret, shown, &e).hint(hint))
}
