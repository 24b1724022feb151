//! Manifests of one image: children first, then the list, then the tag.
//!
//! A list of which only some platforms are in the store is put as it is, so that its digest holds. Many registries take a list only with all of
//! its children. Then the tag goes to the one platform that is there; an image that is asked for by the digest of its list cannot be had
//! from such a registry, and that is a failure.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use snobox_formats::oci::is_index;

use super::blob::Outlet;
use super::event::Tally;
use super::upload::accepted;
use super::{PushError, PushEvent, PushImage, PushManifest};
use crate::client::{Place, RequestError};

impl Outlet {
    /// Puts the manifests of an image whose blobs are there.
    ///
    /// `extra_tag` names an image that is asked for by digest alone, for registries that throw away what has no tag.
    pub(super) async fn name(&self, image: &PushImage, extra_tag: bool) -> Result<(), PushError> {
        let place = &image.place;
        for child in &image.children {
            self.put(place, child, &child.digest.to_string()).await?;
        }
        let tag = match (image.reference.tag(), image.reference.digest()) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, None) => Some("latest".to_owned()),
            (None, Some(_)) if extra_tag => Some(format!("snobox-{}", image.top.digest.short())),
            (None, Some(_)) => None,
        };
        let by_digest = self
            .put(place, &image.top, &image.top.digest.to_string())
            .await;
        let top = match by_digest {
            Ok(()) => &image.top,
            Err(PushError::Request(RequestError::Refusal { said, .. })) if image.sparse => {
                let only = match &image.children[..] {
                    [only] if image.reference.digest().is_none() => only,
                    _ => {
                        let place = place.to_string();
                        return Err(PushError::Sparse { place, said });
                    }
                };
                Tally::add(&self.tally.flattened, 1);
                (self.events)(PushEvent::Flattened {
                    image: image.reference.to_string(),
                    said,
                });
                only
            }
            Err(error) => return Err(error),
        };
        match tag {
            Some(tag) => self.put(place, top, &tag).await,
            None => Ok(()),
        }
    }

    /// Puts a manifest under a tag or its digest, unless it is there.
    async fn put(
        &self,
        place: &Place,
        manifest: &PushManifest,
        key: &str,
    ) -> Result<(), PushError> {
        let path = format!("manifests/{key}");
        let digest = manifest.digest.to_string();
        let there = self.is_there(place, &path, &digest).await?;
        if there.is_some_and(|named| named == digest || key == digest) {
            return Ok(());
        }
        self.retried(&digest, || async {
            let url = self.client.address(place, &path).await;
            let make = |client: &reqwest::Client| {
                client
                    .request(Method::PUT, &url)
                    .header(CONTENT_TYPE, manifest.media_type.as_str())
                    .body(manifest.bytes.clone())
            };
            let response = self.client.ask(place, &make).await?;
            // A list whose children are unknown is refused by some with 404.
            let status = response.status();
            if status == StatusCode::NOT_FOUND && is_index(&manifest.media_type) {
                return Err(RequestError::Refusal {
                    place: place.clone(),
                    status: status.as_u16(),
                    said: crate::client::said(response).await,
                });
            }
            accepted(place, response, &[StatusCode::CREATED, StatusCode::OK]).await
        })
        .await?;
        Tally::add(&self.tally.manifests, 1);
        Ok(())
    }
}
