//! Tokens for holders of a password, with skopeo and by hand.

use serde_json::Value;
use snobox_registry::server::Access;

use super::http::{get, request};
use super::oracle::{command, find, ok, refused};
use super::served::{Served, blob, layout, practice};

const MANIFEST: &str =
    "/v2/quay.io/openshift-release-dev/ocp-release/manifests/4.99.0-practice-x86_64";
const SCOPE: &str = "repository:quay.io/openshift-release-dev/ocp-release:pull";
/// `printf practice:practice | base64`
const RIGHT: &str = "Basic cHJhY3RpY2U6cHJhY3RpY2U=";
/// `printf practice:wrong | base64`
const WRONG: &str = "Basic cHJhY3RpY2U6d3Jvbmc=";

fn guarded() -> Served {
    Served::start(layout(), Access::token("practice", "practice"))
}

#[test]
fn the_challenge_names_realm_service_and_scope() {
    let served = guarded();
    let reply = get(served.address, MANIFEST);
    reply.assert_error(401, "UNAUTHORIZED");
    let address = served.address;
    let expected =
        format!("Bearer realm=\"http://{address}/token\",service=\"snobox\",scope=\"{SCOPE}\"");
    assert_eq!(reply.header("www-authenticate"), expected);
    assert_eq!(get(address, "/v2/").status, 401);
}

#[test]
fn a_token_opens_its_scope_and_no_other() {
    let served = guarded();
    let ask = |authorization: &str| {
        let path = format!("/token?service=snobox&scope={SCOPE}");
        request(
            served.address,
            "GET",
            &path,
            &[("Authorization", authorization)],
        )
    };
    assert_eq!((ask(WRONG).status, ask("").status), (401, 401));
    let answer: Value = ask(RIGHT).json();
    let bearer = format!("Bearer {}", answer["token"].as_str().unwrap());
    let with = |path: &str, authorization: &str| {
        request(
            served.address,
            "GET",
            path,
            &[("Authorization", authorization)],
        )
    };
    assert_eq!(
        with(MANIFEST, &bearer).body,
        blob(&practice().release_digest)
    );
    let other = MANIFEST.replace("ocp-release/", "ocp-v4.0-art-dev/");
    for (path, authorization) in [
        (other.as_str(), bearer.as_str()),
        (MANIFEST, "Bearer guess"),
        (MANIFEST, RIGHT),
    ] {
        assert_eq!(
            with(path, authorization).status,
            401,
            "{path} {authorization}"
        );
    }
}

#[test]
fn skopeo_gets_in_with_the_right_password_only() {
    let Some(skopeo) = find("skopeo") else { return };
    let served = guarded();
    let folder = tempfile::tempdir().unwrap();
    let source = format!("docker://{}", served.name(&practice().release));
    let copy = |credentials: &[&str], target: &str| {
        let mut skopeo = command(&skopeo, folder.path());
        skopeo.args([
            "copy",
            "--quiet",
            "--insecure-policy",
            "--src-tls-verify=false",
        ]);
        skopeo.args(credentials).args([&source, target]);
        skopeo
    };
    ok(&mut copy(
        &["--src-creds", "practice:practice"],
        "dir:right",
    ));
    let manifest = std::fs::read(folder.path().join("right/manifest.json")).unwrap();
    assert_eq!(manifest, blob(&practice().release_digest));
    for credentials in [&["--src-creds", "practice:wrong"][..], &["--src-no-creds"]] {
        let said = refused(&mut copy(credentials, "dir:wrong"));
        assert!(
            said.contains("user name or password is wrong") || said.contains("unauthorized"),
            "{said}"
        );
    }
}
