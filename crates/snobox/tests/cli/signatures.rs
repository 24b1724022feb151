//! Releases that are signed, and those that are not: which are taken, what is kept, what the cluster gets. The signatures are gpg's.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use crate::practice_registry::Practice;
use crate::support::{Gpg, Sandbox, Tree, demo};

fn release() -> String {
    let lock = demo().lock();
    lock["images"][0]["digest"].as_str().unwrap().to_owned()
}

/// The demo's site, with its store, and with these words about signatures.
fn site(words: &str) -> Sandbox {
    let sandbox = Sandbox::with_site();
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let changed = site.replace(", signature: ignored", words);
    assert_ne!(site, changed);
    sandbox.write("site.yaml", changed);
    sandbox
}

fn with_key_of(gpg: &Gpg) -> Sandbox {
    let sandbox = site(", verificationKeys: [keys/publisher.asc]");
    fs::create_dir(sandbox.path("keys")).unwrap();
    sandbox.write("keys/publisher.asc", gpg.armored());
    sandbox
}

fn kept(sandbox: &Sandbox) -> String {
    let folder = release().replace(':', "=");
    let path = format!("store/.snobox/signatures/{folder}/signature-1");
    sandbox.path(&path).display().to_string()
}

#[test]
fn a_signed_release_is_proved_once_kept_and_handed_to_the_cluster() {
    let Some(gpg) = Gpg::with_key("publisher") else {
        return;
    };
    let sandbox = with_key_of(&gpg);
    let signature = gpg.sign(&release());
    Gpg::publish(
        &sandbox.path("web"),
        &release(),
        std::slice::from_ref(&signature),
    );
    let signed_by = format!("signed by {}", gpg.fingerprint());
    let said = sandbox.run(&["mirror", "--signatures", "web"]).ok();
    said.says(&signed_by).says("quay.io/practice/release:1");
    assert_eq!(fs::read(kept(&sandbox)).unwrap(), signature);
    // Nothing is asked for again: nothing can be reached.
    fs::remove_dir_all(sandbox.path("web")).unwrap();
    sandbox.run(&["mirror"]).ok().says(&signed_by);
    sandbox.run(&["verify", "store"]).ok();

    sandbox.run(&["build"]).ok();
    let path = "/opt/openshift/openshift/99_snobox-release-signatures.yaml";
    let shown = sandbox
        .run(&["ignition", "show", "practice.img", path])
        .ok();
    let expected = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "mirrored-release-signatures",
            "namespace": "openshift-config-managed",
            "labels": {"release.openshift.io/verification-signatures": ""},
        },
        "binaryData": {
            format!("{}-1", release().replace(':', "-")): STANDARD.encode(&signature),
        },
    });
    let found: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(found, expected);
    sandbox.run(&["verify", "practice.img"]).ok();
}

#[test]
fn a_release_whose_signature_does_not_hold_is_not_taken() {
    let (Some(gpg), Some(stranger)) = (Gpg::with_key("publisher"), Gpg::with_key("stranger"))
    else {
        return;
    };
    let sandbox = with_key_of(&gpg);
    let before = Tree::of(&sandbox.path("store/blobs"));
    let refused = |signatures: &[Vec<u8>], why: &str| {
        let web = sandbox.path("web");
        drop(fs::remove_dir_all(&web));
        fs::create_dir(&web).unwrap();
        Gpg::publish(&web, &release(), signatures);
        let said = sandbox.run(&["mirror", "--signatures", "web"]).fails(24);
        said.says(why).says(&release());
        assert!(!fs::exists(kept(&sandbox)).unwrap());
    };
    refused(
        &[],
        "there is no signature of quay.io/openshift-release-dev/ocp-release",
    );
    let foreign = stranger.sign(&release());
    refused(std::slice::from_ref(&foreign), "a key that is not trusted");
    let other = format!("sha256:{}", "5".repeat(64));
    refused(&[gpg.sign(&other)], &format!("it signs \"{other}\""));
    let good = gpg.sign(&release());
    refused(&[good[..good.len() - 9].to_owned()], "cut off");
    refused(&[vec![b'x'; 60_000]], "larger than 51200 bytes");
    let both = [foreign, gpg.sign(&other)];
    refused(&both, "signature-2: refused: it holds for another image");
    assert_eq!(Tree::of(&sandbox.path("store/blobs")), before);
}

#[test]
fn nothing_but_its_own_image_is_fetched_of_a_release_that_is_not_signed() {
    let (Some(gpg), Some(stranger)) = (Gpg::with_key("publisher"), Gpg::with_key("stranger"))
    else {
        return;
    };
    let practice = Practice::start(|answer| answer);
    let sandbox = practice.sandbox();
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let payload = format!("quay.io/openshift-release-dev/ocp-release@{}", release());
    let release_line =
        format!("release: {{ image: \"{payload}\", verificationKeys: [publisher.asc] }}");
    let mut lines: Vec<&str> = site.lines().collect();
    let line = lines.iter_mut().find(|line| line.starts_with("release:"));
    *line.unwrap() = &release_line;
    // The additional image has only a tag, which this registry does not know.
    lines.retain(|line| {
        !line.contains("images:") && !line.contains("additional:") && !line.contains("line-agent")
    });
    sandbox.write("site.yaml", lines.join("\n"));
    sandbox.write("publisher.asc", gpg.armored());
    fs::remove_file(sandbox.path("site.lock")).unwrap();
    Gpg::publish(
        &sandbox.path("web"),
        &release(),
        &[stranger.sign(&release())],
    );
    sandbox.run(&["mirror", "--signatures", "web"]).fails(24);
    assert!(!sandbox.path("site.lock").exists());
    let seen = practice.registry.seen();
    let own = |path: &str| path == "/v2/" || path.contains("/ocp-release/");
    assert!(
        seen.len() > 2 && seen.iter().all(|seen| own(&seen.path)),
        "{seen:?}"
    );
    Gpg::publish(&sandbox.path("web"), &release(), &[gpg.sign(&release())]);
    sandbox.run(&["mirror", "--signatures", "web"]).ok();
    assert!(sandbox.path("site.lock").exists());
}

#[test]
fn the_next_signature_is_looked_at_where_one_does_not_hold() {
    let (Some(gpg), Some(stranger)) = (Gpg::with_key("publisher"), Gpg::with_key("stranger"))
    else {
        return;
    };
    let sandbox = with_key_of(&gpg);
    let good = gpg.sign(&release());
    let mut signatures = vec![stranger.sign(&release()); 9];
    signatures.push(good.clone());
    Gpg::publish(&sandbox.path("web"), &release(), &signatures);
    sandbox.run(&["mirror", "--signatures", "web"]).ok();
    assert_eq!(fs::read(kept(&sandbox)).unwrap(), good);
    // Ten are looked at, and no more.
    fs::remove_dir_all(sandbox.path("store/.snobox/signatures")).unwrap();
    signatures.insert(0, stranger.sign(&release()));
    Gpg::publish(&sandbox.path("web"), &release(), &signatures);
    let said = sandbox.run(&["mirror", "--signatures", "web"]);
    said.fails(24);
}

#[test]
fn signatures_come_from_a_web_server_that_may_have_a_bad_day() {
    let Some(gpg) = Gpg::with_key("publisher") else {
        return;
    };
    let sandbox = with_key_of(&gpg);
    let web = FaultRegistry::start().unwrap();
    let path = format!("/pub/release/{}/signature-1", release().replace(':', "="));
    let url = format!("http://{}/pub/release", web.address());
    let mirror = |url: &str| sandbox.run(&["mirror", "--retries", "2", "--signatures", url]);
    web.script(&path, [Answer::status(404)]);
    mirror(&url).fails(24).says("there is no signature");
    for status in [403, 401] {
        web.script(&path, [Answer::status(status)]);
        mirror(&url).fails(21).says(&format!("HTTP {status}"));
    }
    web.script(&path, [Answer::status(503)]);
    let said = mirror(&url).fails(21).says("HTTP 503");
    said.says("--signatures names a folder");
    web.script(&path, [Answer::bytes(vec![b'x'; 1 << 20])]);
    mirror(&url).fails(21).says("more than 51200 bytes");
    assert!(!fs::exists(kept(&sandbox)).unwrap());
    let signature = Answer::bytes(gpg.sign(&release()));
    web.script(
        &path,
        [Answer::status(503), signature.clone().cut_at(20), signature],
    );
    mirror(&format!("{url}/")).ok();
    let asked = web.seen();
    assert!(asked.iter().all(|seen| seen.authorization.is_none()));
    assert_eq!(asked.last().unwrap().path, path);
    // Nobody listens any more, and nobody needs to.
    let address = web.address();
    drop(web);
    mirror(&url).ok();
    fs::remove_dir_all(sandbox.path("store/.snobox/signatures")).unwrap();
    let said = mirror(&url).fails(20).says(&address.to_string());
    said.says("--signatures names a folder");
}

#[test]
fn an_official_release_must_be_signed_unless_the_site_says_otherwise() {
    let sandbox = site(", signature: required");
    let said = sandbox
        .run(&["mirror", "--signatures", "nowhere"])
        .fails(24);
    let said = said.says("567E347AD0044ADE55BA8A5F199E2F91FD431D51");
    said.says("signature: ignored");
    sandbox.run(&["build"]).fails(24);
    assert!(!sandbox.path("practice.img").exists());
    let practice = "the signature of the release is not verified: it is not one of Red Hat's";
    site("").run(&["mirror"]).ok().says(practice);
    let sandbox = Sandbox::with_site();
    let not_asked =
        "the signature of the release is not verified: the site says `signature: ignored`";
    sandbox.run(&["mirror"]).ok().says(not_asked);
    let said = sandbox.run(&["build"]).ok().says(not_asked);
    assert_eq!(said.stderr.matches("not verified").count(), 1, "{said}");
    let manifests = "/opt/openshift/openshift/99_snobox-release-signatures.yaml";
    let shown = sandbox.run(&["ignition", "show", "practice.img"]).ok();
    assert!(!shown.text().contains(manifests), "{shown}");
}

#[test]
fn what_was_kept_is_proved_again_by_every_stage() {
    let Some(gpg) = Gpg::with_key("publisher") else {
        return;
    };
    let sandbox = with_key_of(&gpg);
    let signature = gpg.sign(&release());
    Gpg::publish(
        &sandbox.path("web"),
        &release(),
        std::slice::from_ref(&signature),
    );
    sandbox.run(&["build"]).fails(24).says("snobox mirror");
    sandbox.run(&["mirror", "--signatures", "web"]).ok();
    fs::write(kept(&sandbox), &signature[..100]).unwrap();
    sandbox.run(&["build"]).fails(24).says("has no signature");
    sandbox.run(&["mirror", "--signatures", "web"]).ok();
    assert_eq!(fs::read(kept(&sandbox)).unwrap(), signature);
    sandbox.run(&["build"]).ok();
}

#[test]
fn keys_that_are_none_are_told_before_anything_is_done() {
    let sandbox = site(", verificationKeys: [absent.asc]");
    for command in ["check", "mirror", "build"] {
        sandbox.run(&[command]).fails(10).says("absent.asc");
    }
    sandbox.write("absent.asc", "no key");
    sandbox
        .run(&["check"])
        .fails(10)
        .says("absent.asc: no OpenPGP key in ASCII armor");
    let said = Sandbox::with_site().run(&["mirror", "--signatures", "https://"]);
    assert_eq!(said.code(), 2, "{said}");
}
