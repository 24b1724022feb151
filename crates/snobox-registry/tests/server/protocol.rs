//! Pull, as the OCI distribution specification 1.1 words it, section "Pull" and "Content Discovery".

use serde_json::json;

use super::http::{get, request};
use super::served::{Served, blob, component, json as blob_json, layout, practice};

const RELEASE: &str = "/v2/quay.io/openshift-release-dev/ocp-release";
const COMPONENTS: &str = "/v2/quay.io/openshift-release-dev/ocp-v4.0-art-dev";
const TAG: &str = "4.99.0-practice-x86_64";
const NOWHERE: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn release_layer() -> String {
    let layers = &blob_json(&practice().release_digest)["layers"];
    layers[0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn the_base_address_says_that_this_is_a_registry() {
    let served = Served::practice();
    for path in ["/v2/", "/v2"] {
        let reply = get(served.address, path);
        assert_eq!((reply.status, reply.json()), (200, json!({})));
        assert_eq!(
            reply.header("docker-distribution-api-version"),
            "registry/2.0"
        );
    }
}

#[test]
fn a_manifest_has_its_bytes_type_and_digest_by_tag_and_by_digest() {
    let served = Served::practice();
    let digest = &practice().release_digest;
    for key in [TAG, digest] {
        let reply = get(served.address, &format!("{RELEASE}/manifests/{key}"));
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body, blob(digest));
        assert_eq!(reply.header("docker-content-digest"), digest);
        assert_eq!(
            reply.header("content-type"),
            "application/vnd.oci.image.manifest.v1+json"
        );
    }
    let list = component("cli");
    let reply = get(served.address, &format!("{COMPONENTS}/manifests/{list}"));
    let docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
    assert_eq!(
        (reply.header("content-type"), &reply.body),
        (docker_list, &blob(&list))
    );
}

#[test]
fn the_children_of_a_list_are_served_by_digest() {
    let served = Served::practice();
    for child in blob_json(&component("cli"))["manifests"]
        .as_array()
        .unwrap()
    {
        let digest = child["digest"].as_str().unwrap();
        let reply = get(served.address, &format!("{COMPONENTS}/manifests/{digest}"));
        assert_eq!((reply.status, reply.body), (200, blob(digest)));
    }
}

#[test]
fn a_blob_has_its_bytes_and_digest() {
    let served = Served::practice();
    let digest = release_layer();
    let reply = get(served.address, &format!("{RELEASE}/blobs/{digest}"));
    assert_eq!((reply.status, &reply.body), (200, &blob(&digest)));
    assert_eq!(reply.header("docker-content-digest"), digest);
    assert_eq!(
        reply.header("content-length"),
        blob(&digest).len().to_string()
    );
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let served = Served::practice();
    let paths = [
        "/v2/".to_owned(),
        format!("{RELEASE}/manifests/{TAG}"),
        format!("{RELEASE}/manifests/{NOWHERE}"),
        format!("{RELEASE}/blobs/{}", release_layer()),
        format!("{RELEASE}/blobs/{NOWHERE}"),
        format!("{RELEASE}/tags/list"),
    ];
    for path in paths {
        let (get, head) = (
            get(served.address, &path),
            request(served.address, "HEAD", &path, &[]),
        );
        assert_eq!(
            (get.status, &get.headers),
            (head.status, &head.headers),
            "{path}"
        );
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
    }
}

#[test]
fn a_range_of_a_blob_is_that_part() {
    let served = Served::practice();
    let digest = release_layer();
    let (path, whole) = (format!("{RELEASE}/blobs/{digest}"), blob(&digest));
    let size = whole.len();
    let tail = format!("bytes={}-", size - 7);
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-1999", 1000, 2000),
        (tail.as_str(), size - 7, size),
        ("bytes=-5", size - 5, size),
    ] {
        let reply = request(served.address, "GET", &path, &[("Range", range)]);
        assert_eq!(
            (reply.status, &reply.body[..]),
            (206, &whole[from..to]),
            "{range}"
        );
        assert_eq!(
            reply.header("content-range"),
            format!("bytes {from}-{}/{size}", to - 1)
        );
        assert_eq!(reply.header("content-length"), (to - from).to_string());
    }
    let beyond = request(
        served.address,
        "GET",
        &path,
        &[("Range", &format!("bytes={size}-"))],
    );
    beyond.assert_error(416, "RANGE_INVALID");
    assert_eq!(beyond.header("content-range"), format!("bytes */{size}"));
    // RFC 9110, 14.2: a range means something for GET only.
    let head = request(served.address, "HEAD", &path, &[("Range", "bytes=0-0")]);
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, &*size.to_string())
    );
}

#[test]
fn what_is_not_there_is_404_with_the_right_code() {
    let served = Served::practice();
    for (path, status, code) in [
        (
            "/v2/quay.io/nobody/nothing/manifests/v1".to_owned(),
            404,
            "NAME_UNKNOWN",
        ),
        (
            format!("/v2/quay.io/nobody/nothing/blobs/{NOWHERE}"),
            404,
            "NAME_UNKNOWN",
        ),
        (
            "/v2/quay.io/nobody/nothing/tags/list".to_owned(),
            404,
            "NAME_UNKNOWN",
        ),
        (format!("{RELEASE}/manifests/v0"), 404, "MANIFEST_UNKNOWN"),
        (
            format!("{RELEASE}/manifests/{NOWHERE}"),
            404,
            "MANIFEST_UNKNOWN",
        ),
        (format!("{RELEASE}/blobs/{NOWHERE}"), 404, "BLOB_UNKNOWN"),
        (format!("{RELEASE}/blobs/sha256:12"), 400, "DIGEST_INVALID"),
        (
            format!("{RELEASE}/blobs/..%2f..%2findex.json"),
            400,
            "DIGEST_INVALID",
        ),
        ("/v2/_catalog".to_owned(), 404, "UNSUPPORTED"),
        ("/index.json".to_owned(), 404, "UNSUPPORTED"),
    ] {
        let reply = get(served.address, &path);
        assert_eq!(
            (reply.status, &reply.json()["errors"][0]["code"]),
            (status, &code.into()),
            "{path}"
        );
        reply.assert_error(status, code);
    }
}

#[test]
fn a_blob_or_manifest_of_another_repository_is_not_served() {
    let served = Served::practice();
    let own = blob_json(&component("etcd"))["config"]["digest"].clone();
    let own = own.as_str().unwrap();
    assert_eq!(
        get(served.address, &format!("{COMPONENTS}/blobs/{own}")).status,
        200
    );
    get(served.address, &format!("{RELEASE}/blobs/{own}")).assert_error(404, "BLOB_UNKNOWN");
    let manifest = component("etcd");
    get(served.address, &format!("{RELEASE}/manifests/{manifest}"))
        .assert_error(404, "MANIFEST_UNKNOWN");
}

#[test]
fn writing_is_refused_and_nothing_is_written() {
    let served = Served::practice();
    let index = std::fs::read(layout().join("index.json")).unwrap();
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        for path in [
            format!("{RELEASE}/manifests/{TAG}"),
            format!("{RELEASE}/blobs/uploads/"),
        ] {
            let reply = request(served.address, method, &path, &[]);
            reply.assert_error(405, "UNSUPPORTED");
            assert_eq!(reply.header("allow"), "GET, HEAD");
        }
    }
    assert_eq!(std::fs::read(layout().join("index.json")).unwrap(), index);
}

/// A server of the practice layout's blobs, under these names.
fn named(images: &[(String, String)]) -> (tempfile::TempDir, Served) {
    let folder = tempfile::tempdir().unwrap();
    let entry = |(name, digest): &(String, String)| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": blob(digest).len(),
            "annotations": { "org.opencontainers.image.ref.name": name },
        })
    };
    let entries: Vec<_> = images.iter().map(entry).collect();
    let index = json!({ "schemaVersion": 2, "manifests": entries });
    std::fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
    std::fs::copy(
        layout().join("oci-layout"),
        folder.path().join("oci-layout"),
    )
    .unwrap();
    std::os::unix::fs::symlink(layout().join("blobs"), folder.path().join("blobs")).unwrap();
    let served = Served::start(folder.path(), snobox_registry::server::Access::Anonymous);
    (folder, served)
}

#[test]
fn a_tag_is_what_was_fetched_by_it_and_else_what_was_pinned_beside_it() {
    let (old, new) = (component("etcd"), practice().release_digest.clone());
    let by_both = (format!("r.lan/a:1@{old}"), old.clone());
    let by_tag = ("r.lan/a:1".to_owned(), new.clone());
    let served_as = |images: &[(String, String)]| {
        let (_folder, served) = named(images);
        let reply = get(served.address, "/v2/r.lan/a/manifests/1");
        assert_eq!(reply.status, 200, "{reply:?}");
        let digest = reply.header("docker-content-digest").to_owned();
        // Whatever the tag is, each has its digest.
        for (_, digest) in images {
            let path = format!("/v2/r.lan/a/manifests/{digest}");
            assert_eq!(get(served.address, &path).status, 200);
        }
        digest
    };
    assert_eq!(served_as(&[by_both.clone(), by_tag.clone()]), new);
    assert_eq!(served_as(&[by_tag, by_both.clone()]), new);
    assert_eq!(served_as(&[by_both]), old);
}

#[test]
fn tags_are_listed_in_order_and_page_by_page() {
    let digest = &practice().release_digest;
    let names = [
        "r.lan/a:c",
        "r.lan/a:a",
        "r.lan/a",
        "r.lan/a:b",
        "r.lan:5000/a:other",
    ];
    let (_folder, served) = named(&names.map(|name| (name.to_owned(), digest.clone())));

    let page = |query: &str| get(served.address, &format!("/v2/r.lan/a/tags/list{query}"));
    // A name without a tag is what clients call `latest`.
    assert_eq!(
        page("").json(),
        json!({ "name": "r.lan/a", "tags": ["a", "b", "c", "latest"] })
    );
    let first = page("?n=2");
    assert_eq!(first.json()["tags"], json!(["a", "b"]));
    assert_eq!(
        first.header("link"),
        "</v2/r.lan/a/tags/list?n=2&last=b>; rel=\"next\""
    );
    let second = page("?n=2&last=b");
    assert_eq!(second.json()["tags"], json!(["c", "latest"]));
    assert!(!second.headers.contains_key("link"), "{second:?}");
    assert_eq!(page("?n=0").json()["tags"], json!([]));
    assert_eq!(page("?last=b").json()["tags"], json!(["c", "latest"]));
    assert_eq!(
        get(served.address, "/v2/r.lan/a/manifests/latest").status,
        200
    );
    assert_eq!(
        get(served.address, "/v2/r.lan_5000/a/manifests/other").status,
        200
    );
}

#[test]
fn one_connection_carries_many_requests() {
    use std::io::{Read as _, Write as _};
    let served = Served::practice();
    let mut stream = std::net::TcpStream::connect(served.address).unwrap();
    for _ in 0..3 {
        let text = format!("HEAD {RELEASE}/manifests/{TAG} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn a_connection_that_idles_does_not_keep_the_server_from_stopping() {
    use std::io::{Read as _, Write as _};
    let served = Served::practice();
    let mut idle = std::net::TcpStream::connect(served.address).unwrap();
    idle.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    idle.read_exact(&mut [0; 12]).unwrap();
    assert!(served.stops_within(std::time::Duration::from_secs(5)));
}
