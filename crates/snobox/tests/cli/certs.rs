//! `snobox certs`: what it lists and what it renews, judged by openssl and coreos-installer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::again::practice_ignition;
use crate::support::{Sandbox, sample_ignitions, tool};

const DAY: i64 = 86_400;

/// The certificates that a file is said to have.
fn shown(sandbox: &Sandbox, file: &str) -> Value {
    sandbox.run(&["--json", "certs", "show", file]).ok().json()
}

fn seconds_left(shown: &Value, subject: &str) -> Vec<i64> {
    let all = shown["certificates"].as_array().unwrap().iter();
    all.filter(|c| c["subject"].as_str().unwrap().starts_with(subject))
        .map(|c| c["secondsLeft"].as_i64().unwrap())
        .collect()
}

/// A file of a config, as `snobox ignition` prints it.
fn extract(sandbox: &Sandbox, config: &str, name: &str) {
    let path = format!("/opt/openshift/tls/{name}");
    let args = ["ignition", "show", config, &path, "--reveal"];
    let said = sandbox.run(&args).ok();
    sandbox.write(name, said.stdout);
}

/// Whether openssl verifies the API's certificate in so many days.
fn holds(sandbox: &Sandbox, config: &str, days: i64) -> bool {
    let Some(openssl) = tool("openssl") else {
        return days < 330;
    };
    let (authority, leaf) = (
        "kube-apiserver-lb-signer.crt",
        "kube-apiserver-lb-server.crt",
    );
    for name in [authority, leaf, "kubelet-signer.crt"] {
        extract(sandbox, config, name);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let at = (now.unwrap().as_secs() as i64 + days * DAY).to_string();
    let verify = |authority: &str, leaf: &str| {
        let (authority, leaf) = (sandbox.path(authority), sandbox.path(leaf));
        let line = [
            "verify".as_ref(),
            "-attime".as_ref(),
            at.as_ref(),
            "-CAfile".as_ref(),
            authority.as_os_str(),
            leaf.as_os_str(),
        ];
        openssl.try_run(&line).status.success()
    };
    verify(authority, leaf) && verify("kubelet-signer.crt", "kubelet-signer.crt")
}

#[test]
fn an_image_lists_every_certificate_and_when_it_ends() {
    let sandbox = Sandbox::with_image();
    let shown = shown(&sandbox, "practice.img");
    assert_eq!(shown["certificates"].as_array().unwrap().len(), 24);
    assert_eq!(shown["places"], 62);
    assert_eq!(shown["unreadable"], serde_json::json!([]));
    let first = &shown["certificates"][0];
    assert!(first["secondsLeft"].as_i64().unwrap() <= DAY, "{first}");
    assert_eq!(first["renewable"], true);
    let admin = shown["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["subject"] == "CN=admin-kubeconfig-signer,OU=openshift")
        .unwrap();
    assert_eq!(admin["renewable"], false);
    assert!(
        admin["why"]
            .as_str()
            .unwrap()
            .starts_with("the private key of its issuer is not there")
    );
    // The earliest end is the image's; renewal reaches as far as the oldest authority.
    assert_eq!(shown["installsUntil"], first["notAfter"]);
    assert!(shown["renewableUntil"].as_str().unwrap() > "2036");
    let text = sandbox.run(&["certs", "show", "practice.img"]).ok().text();
    assert!(
        text.contains("24 certificates in 62 places\ninstalls until 20"),
        "{text}"
    );
    assert!(text.contains("yes    CN=system:kube-apiserver,O=kube-master (of CN=kube-apiserver-lb-signer,OU=openshift)\n"), "{text}");
    assert!(
        text.contains("/opt/openshift/auth/kubeconfig>b64\n"),
        "{text}"
    );
}

#[test]
fn an_extended_image_holds_for_a_year_and_is_still_proved() {
    let sandbox = Sandbox::with_image();
    assert!(!holds(&sandbox, "practice.img", 2) || tool("openssl").is_none());
    let args = [
        "--json",
        "certs",
        "extend",
        "practice.img",
        "--validity",
        "365d",
    ];
    let said = sandbox.run(&args).ok().json();
    assert_eq!(said["renewed"].as_array().unwrap().len(), 9);
    assert_eq!(said["places"], 13);
    assert!(holds(&sandbox, "practice.img", 0));
    assert!(holds(&sandbox, "practice.img", 329));
    sandbox.run(&["verify", "practice.img"]).ok();
    let left = seconds_left(&shown(&sandbox, "practice.img"), "CN=kubelet-signer,");
    assert!(left[0] > 364 * DAY, "{left:?}");
    if let Some(installer) = tool("coreos-installer") {
        let image = sandbox.path("practice.img").into_os_string();
        let real = installer.run(&["iso".into(), "ignition".into(), "show".into(), image]);
        let ours = sandbox
            .run(&["iso", "show", "--ignition", "practice.img"])
            .ok();
        assert!(
            ours.stdout == real,
            "not the config that coreos-installer shows"
        );
    }
}

#[test]
fn a_copy_leaves_the_image_as_it_is() {
    let sandbox = Sandbox::with_image();
    let before = sandbox.read("practice.img");
    let args = [
        "certs",
        "extend",
        "practice.img",
        "--validity",
        "48h",
        "-o",
        "new.img",
    ];
    sandbox.run(&args).ok();
    assert!(sandbox.read("practice.img") == before);
    sandbox.run(&["verify", "new.img"]).ok();
    let left = seconds_left(&shown(&sandbox, "new.img"), "CN=kubelet-signer,");
    assert!((47 * 3600..=48 * 3600).contains(&left[0]), "{left:?}");
}

#[test]
fn a_config_is_extended_into_a_file_that_only_its_owner_reads() {
    let sandbox = Sandbox::with_site();
    let ignition = practice_ignition(&sandbox);
    let ignition = ignition.to_str().unwrap();
    let before = fs::read(ignition).unwrap();
    let extend = ["certs", "extend", ignition, "--validity", "365d"];
    sandbox
        .run(&extend)
        .fails(2)
        .says("--output names a new file");
    let dry = sandbox.run(&[&extend[..], &["--dry-run"]].concat()).ok();
    assert!(
        dry.text()
            .contains("would renew 9 certificates in 13 places"),
        "{dry}"
    );
    assert!(
        dry.text().contains("renew  CN=kubelet-signer,OU=openshift"),
        "{dry}"
    );
    let out = [&extend[..], &["-o", "new.ign"]].concat();
    sandbox.run(&out).ok();
    assert!(holds(&sandbox, "new.ign", 329));
    let mode = fs::metadata(sandbox.path("new.ign"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = sandbox.read("new.ign");
    sandbox.run(&out).fails(31).says("new.ign is there already");
    assert!(sandbox.read("new.ign") == first);
    let said = sandbox.run(&[&out[..], &["--force"]].concat()).ok();
    assert!(sandbox.read("new.ign") != first);
    assert!(!said.all().contains("PRIVATE"), "{said}");
    assert!(fs::read(ignition).unwrap() == before);
}

/// Whatever the day is on which this runs: all certificates of the samples can be renewed for years.
#[test]
fn real_configs_are_extended_also_when_they_have_ended() {
    for sample in sample_ignitions() {
        let sandbox = Sandbox::new();
        sandbox.write("old.ign", fs::read(&sample).unwrap());
        let said = sandbox
            .run(&[
                "--json",
                "certs",
                "extend",
                "old.ign",
                "--validity",
                "365d",
                "--also-longer",
                "-o",
                "new.ign",
            ])
            .ok()
            .json();
        assert_eq!(said["renewed"].as_array().unwrap().len(), 14, "{sample:?}");
        assert_eq!(said["places"], 22, "{sample:?}");
        assert!(holds(&sandbox, "new.ign", 0), "{sample:?}");
        assert!(holds(&sandbox, "new.ign", 329), "{sample:?}");
    }
}

#[test]
fn a_folder_of_files_is_listed() {
    let sandbox = Sandbox::with_image();
    for name in ["kubelet-signer.crt", "kube-apiserver-lb-server.crt"] {
        extract(&sandbox, "practice.img", name);
    }
    fs::create_dir(sandbox.path("tls")).unwrap();
    for name in ["kubelet-signer.crt", "kube-apiserver-lb-server.crt"] {
        fs::rename(sandbox.path(name), sandbox.path("tls").join(name)).unwrap();
    }
    let shown = shown(&sandbox, "tls");
    assert_eq!(shown["certificates"].as_array().unwrap().len(), 3);
    let all = shown["certificates"].as_array().unwrap();
    let signer = all
        .iter()
        .find(|c| c["subject"] == "CN=kubelet-signer,OU=openshift");
    let signer = signer.unwrap();
    assert_eq!(signer["places"], serde_json::json!(["kubelet-signer.crt"]));
    assert_eq!(signer["renewable"], false);
}

#[test]
fn what_is_no_config_and_no_length_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("x.ign", "{\"ignition\":{\"version\":\"2.2.0\"}}");
    sandbox
        .run(&["certs", "show", "x.ign"])
        .fails(15)
        .says("expected 3.x.y");
    sandbox.write("y.ign", "no JSON");
    sandbox.run(&["certs", "show", "y.ign"]).fails(15);
    sandbox.run(&["certs", "show", "z.ign"]).fails(31);
    for length in ["365", "d", "0d", "", "4000d", "1é", "-1d"] {
        let argument = format!("--validity={length}");
        let said = sandbox.run(&["certs", "extend", "x.ign", &argument]);
        assert_eq!(said.code(), 2, "{said}");
    }
}
