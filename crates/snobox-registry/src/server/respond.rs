//! One request → one answer, with the error codes of the distribution specification.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST,
    RANGE, WWW_AUTHENTICATE,
};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use snobox_formats::digest::Digest;
use snobox_formats::layout::Finding;

use super::ServerState;
use super::access::{Access, TOKEN_LIFE};
use super::body::{BlobBody, Body};
use super::catalog::{Catalog, Content, Repository};
use super::follow;
use super::range::{Requested, parse_range};

type Response = hyper::Response<Body>;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Base,
    Token,
    Manifest { name: &'a str, key: &'a str },
    Blob { name: &'a str, key: &'a str },
    Tags { name: &'a str },
    Unknown,
}

/// Repository names hold slashes, so that the path is split from its end.
fn route(path: &str) -> Route<'_> {
    let Some(rest) = path.strip_prefix("/v2/") else {
        return match path {
            "/v2" => Route::Base,
            "/token" => Route::Token,
            _ => Route::Unknown,
        };
    };
    if rest.is_empty() {
        return Route::Base;
    }
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return Route::Tags { name };
    }
    let split = |kind| {
        rest.rsplit_once('/')
            .and_then(|(before, key)| Some((before.strip_suffix(kind)?, key)))
    };
    if let Some((name, key)) = split("/manifests") {
        Route::Manifest { name, key }
    } else if let Some((name, key)) = split("/blobs") {
        Route::Blob { name, key }
    } else {
        Route::Unknown
    }
}

pub(super) async fn answer(state: &Arc<ServerState>, request: &Parts) -> Response {
    let route = route(request.uri.path());
    if request.method != Method::GET && request.method != Method::HEAD {
        let mut response = error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "this registry is read-only",
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if let Some(refusal) = refuse(state, request, &route) {
        return refusal;
    }
    let catalog = state.catalog();
    let answer = of_catalog(state, &catalog, request, &route).await;
    if answer.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return answer;
    }
    // What is not there any more may be named no more.
    follow::look(state).await;
    let now = state.catalog();
    if Arc::ptr_eq(&now, &catalog) {
        return answer;
    }
    of_catalog(state, &now, request, &route).await
}

async fn of_catalog(
    state: &Arc<ServerState>,
    catalog: &Catalog,
    request: &Parts,
    route: &Route<'_>,
) -> Response {
    let head = request.method == Method::HEAD;
    let known = |name| catalog.repository(name);
    let result = match *route {
        Route::Base => Ok(json(StatusCode::OK, &serde_json::json!({}))),
        Route::Token => Ok(token(state, request)),
        Route::Tags { name } => match known(name) {
            Some(repository) => Ok(tags(name, repository, request)),
            None => Err(name_unknown(name)),
        },
        Route::Manifest { name, key } => match known(name) {
            Some(repository) => manifest(state, repository, key, head).await,
            None => Err(name_unknown(name)),
        },
        Route::Blob { name, key } => match known(name) {
            Some(repository) => blob(state, repository, key, request, head).await,
            None => Err(name_unknown(name)),
        },
        Route::Unknown => Err(error(
            StatusCode::NOT_FOUND,
            "UNSUPPORTED",
            "no such address",
        )),
    };
    result.unwrap_or_else(|refusal| refusal)
}

/// The 401 for a request without the right token.
fn refuse(state: &ServerState, request: &Parts, route: &Route<'_>) -> Option<Response> {
    let Access::Token(access) = &state.access else {
        return None;
    };
    let scope = match route {
        Route::Token | Route::Unknown => return None,
        Route::Base => None,
        Route::Manifest { name, .. } | Route::Blob { name, .. } | Route::Tags { name } => {
            Some(format!("repository:{name}:pull"))
        }
    };
    if access.allows(
        header(request, AUTHORIZATION),
        scope.as_deref(),
        Instant::now(),
    ) {
        return None;
    }
    let host = header(request, HOST).map_or_else(|| state.address.to_string(), str::to_owned);
    let scope = scope.map(|s| format!(",scope=\"{s}\"")).unwrap_or_default();
    let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"snobox\"{scope}");
    let mut response = error(
        StatusCode::UNAUTHORIZED,
        "UNAUTHORIZED",
        "a token is needed",
    );
    if let Ok(value) = challenge.parse() {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    Some(response)
}

fn token(state: &ServerState, request: &Parts) -> Response {
    let Access::Token(access) = &state.access else {
        return error(
            StatusCode::NOT_FOUND,
            "UNSUPPORTED",
            "this registry needs no tokens",
        );
    };
    let scope = query(request, "scope").unwrap_or_default();
    match access.grant(header(request, AUTHORIZATION), &scope, Instant::now()) {
        Some(token) => json(
            StatusCode::OK,
            &serde_json::json!({"token": token, "expires_in": TOKEN_LIFE.as_secs()}),
        ),
        None => error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "user name or password is wrong",
        ),
    }
}

/// The tags in order, with the paging that the specification asks for: `n` and `last`.
fn tags(name: &str, repository: &Repository, request: &Parts) -> Response {
    let last = query(request, "last");
    let limit = query(request, "n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX);
    let mut tags: Vec<&String> = repository
        .tags
        .keys()
        .filter(|t| last.as_ref().is_none_or(|l| *t > l))
        .collect();
    let more = tags.len() > limit;
    tags.truncate(limit);
    let mut response = json(
        StatusCode::OK,
        &serde_json::json!({"name": name, "tags": tags}),
    );
    if let (true, Some(last)) = (more, tags.last())
        && let Ok(link) =
            format!("</v2/{name}/tags/list?n={limit}&last={last}>; rel=\"next\"").parse()
    {
        response.headers_mut().insert("link", link);
    }
    response
}

async fn manifest(
    state: &Arc<ServerState>,
    repository: &Repository,
    key: &str,
    head: bool,
) -> Result<Response, Response> {
    let unknown = || {
        error(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            &format!("no manifest {key} here"),
        )
    };
    let digest = match repository.tags.get(key) {
        Some(digest) => *digest,
        None => key.parse::<Digest>().map_err(|_| unknown())?,
    };
    if let Some(finding) = repository.damaged.get(&digest) {
        return Err(damaged(finding));
    }
    let content = repository.manifests.get(&digest).ok_or_else(unknown)?;
    send(state, digest, content, &content.media_type, None, head).await
}

async fn blob(
    state: &Arc<ServerState>,
    repository: &Repository,
    key: &str,
    request: &Parts,
    head: bool,
) -> Result<Response, Response> {
    let digest: Digest = key.parse().map_err(|_| {
        error(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "not a sha256 digest",
        )
    })?;
    if let Some(finding) = repository.damaged.get(&digest) {
        return Err(damaged(finding));
    }
    // Manifests are blobs too for clients that ask so.
    let content = repository
        .blobs
        .get(&digest)
        .or_else(|| repository.manifests.get(&digest));
    let content = content.ok_or_else(|| {
        error(
            StatusCode::NOT_FOUND,
            "BLOB_UNKNOWN",
            &format!("no blob {digest} here"),
        )
    })?;
    send(
        state,
        digest,
        content,
        "application/octet-stream",
        // A range is for GET alone (RFC 9110, 14.2).
        header(request, RANGE).filter(|_| !head),
        head,
    )
    .await
}

async fn send(
    state: &Arc<ServerState>,
    digest: Digest,
    content: &Content,
    media_type: &str,
    range: Option<&str>,
    head: bool,
) -> Result<Response, Response> {
    let size = content.size_bytes;
    let range = match range.map(|text| parse_range(text, size)) {
        None | Some(Requested::Whole) => None,
        Some(Requested::Part(first, last)) => Some((first, last)),
        Some(Requested::Beyond) => {
            let mut response = error(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "RANGE_INVALID",
                "the blob is shorter",
            );
            if let Ok(value) = format!("bytes */{size}").parse() {
                response.headers_mut().insert(CONTENT_RANGE, value);
            }
            return Err(response);
        }
    };
    let part = range.map(|(first, last)| (first, last - first + 1));
    let mut builder = hyper::Response::builder()
        .header(CONTENT_TYPE, media_type)
        .header(CONTENT_LENGTH, part.map_or(size, |(_, length)| length))
        .header(ACCEPT_RANGES, "bytes")
        .header(ETAG, format!("\"{digest}\""))
        .header("docker-content-digest", digest.to_string())
        .header("docker-distribution-api-version", "registry/2.0");
    if let Some((first, last)) = range {
        builder = builder
            .status(StatusCode::PARTIAL_CONTENT)
            .header(CONTENT_RANGE, format!("bytes {first}-{last}/{size}"));
    }
    let body = body(state, digest, size, part, head).await?;
    builder.body(body).map_err(|_| {
        error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            "the answer cannot be built",
        )
    })
}

/// The first piece is read before the headers go out: what is wrong with it, and with small blobs, can still be said in words.
async fn body(
    state: &Arc<ServerState>,
    digest: Digest,
    size: u64,
    part: Option<(u64, u64)>,
    head: bool,
) -> Result<Body, Response> {
    let permit = Arc::clone(&state.bodies).acquire_owned().await;
    let permit = permit.map_err(|_| {
        error(
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "the server is stopping",
        )
    })?;
    // Opened for HEAD too, so that both say the same about a blob that is not whole.
    let reading = state.open_blob(digest, size, part).await;
    let reading = reading.map_err(|finding| damaged(&finding))?;
    if head {
        return Ok(Body::Text(None));
    }
    let read = Arc::clone(state).step(reading).await;
    let (rest, first) = read.map_err(|finding| damaged(&finding))?;
    let length = part.map_or(size, |(_, length)| length);
    Ok(Body::Blob(BlobBody::new(
        state, first, rest, length, permit,
    )))
}

/// The answer for what is in the index but cannot be served.
fn damaged(finding: &Finding) -> Response {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "UNKNOWN",
        &finding.to_string(),
    )
}

fn header(request: &Parts, name: HeaderName) -> Option<&str> {
    request.headers.get(name)?.to_str().ok()
}

/// A parameter of the query, percent-decoded.
fn query(request: &Parts, key: &str) -> Option<String> {
    form_urlencoded::parse(request.uri.query()?.as_bytes())
        .find(|(k, _)| k == key)
        .map(|(_, v)| v.into_owned())
}

fn name_unknown(name: &str) -> Response {
    error(
        StatusCode::NOT_FOUND,
        "NAME_UNKNOWN",
        &format!("no repository {name} here"),
    )
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json(
        status,
        &serde_json::json!({"errors": [{"code": code, "message": message}]}),
    )
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::Text(Some(Bytes::from(value.to_string()))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        "docker-distribution-api-version",
        HeaderValue::from_static("registry/2.0"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_slashes_and_odd_parts_are_split_at_the_end() {
        assert_eq!(route("/v2/"), Route::Base);
        assert_eq!(
            route("/v2/a/b/manifests/t"),
            Route::Manifest {
                name: "a/b",
                key: "t"
            }
        );
        assert_eq!(
            route("/v2/a/manifests/blobs/sha256:x"),
            Route::Blob {
                name: "a/manifests",
                key: "sha256:x"
            }
        );
        assert_eq!(route("/v2/a/tags/list"), Route::Tags { name: "a" });
        assert_eq!(route("/v2/a"), Route::Unknown);
        assert_eq!(route("/"), Route::Unknown);
    }
}
