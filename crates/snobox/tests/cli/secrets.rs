//! Secrets go into files of their own and never into what is printed.

use std::fs;
use std::process::Command;

use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use crate::bad_registry::Lacking;
use crate::support::{Running, Sandbox, Tree, demo, mirrors, set_in};

const PASSWORD: &str = "tr0ub4dor-and-3-canary";
/// `printf nobody:tr0ub4dor-and-3-canary | base64`
const AUTH: &str = "bm9ib2R5OnRyMHViNGRvci1hbmQtMy1jYW5hcnk=";

fn secret(registry: &str) -> String {
    format!(r#"{{"auths":{{"{registry}":{{"auth":"{AUTH}"}}}}}}"#)
}

/// Runs a command with and without `--json` and logs turned up; returns everything that was printed.
fn printed(sandbox: &Sandbox, args: &[&str]) -> String {
    let mut all = String::new();
    for args in [args.to_vec(), [&["--json"], args].concat()] {
        let mut command: Command = sandbox.command(&args);
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
        all += &sandbox.end(Running::start(command)).all();
    }
    all
}

fn holds_no_secret(text: &str) {
    for canary in [PASSWORD, AUTH, "PRIVATE KEY", "client-key-data"] {
        assert!(!text.contains(canary), "{canary}: {text}");
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let sandbox = Sandbox::with_site();
    sandbox.write("pull-secret.json", secret("quay.io"));
    let mut all = String::new();
    for args in [
        &["check"][..],
        &["mirror"],
        &["build", "--force"],
        &["verify", "practice.img"],
    ] {
        all += &printed(&sandbox, args);
    }
    assert!(all.contains("practice.img"), "{all}");
    holds_no_secret(&all);
    let password = String::from_utf8(sandbox.read("practice-auth/kubeadmin-password")).unwrap();
    assert!(password.trim().len() > 10);
    assert!(!all.contains(password.trim()));
    // They are where they belong.
    let config = sandbox
        .run(&["iso", "show", "--ignition", "practice.img"])
        .ok();
    assert!(config.text().contains("base64,"));
    let kubeconfig = String::from_utf8(sandbox.read("practice-auth/kubeconfig")).unwrap();
    assert!(kubeconfig.contains("client-key-data"));
    let password = fs::read_to_string(demo().path("practice-auth/kubeadmin-password")).unwrap();
    assert!(!demo().said.all().contains(password.trim()));
    holds_no_secret(&demo().said.all());
}

#[test]
fn failures_hold_no_secret_either() {
    let lacking = Lacking::layer();
    let sandbox = &lacking.sandbox;
    let place = lacking.registry.address().to_string();
    sandbox.write("pull-secret.json", secret(&place));
    let realm = format!("Basic realm=\"http://{place}/token\"");
    for answer in [
        Answer::status(401).header("WWW-Authenticate", &realm),
        Answer::status(403),
        Answer::bytes("other bytes"),
        Answer::status(404),
    ] {
        lacking.answers(answer);
        let all = printed(sandbox, &["mirror"]);
        assert!(all.contains("error: "), "{all}");
        holds_no_secret(&all);
    }
    // They were sent to whom they belong.
    let seen = lacking.registry.seen();
    let basic = format!("Basic {AUTH}");
    assert!(
        seen.iter()
            .any(|seen| seen.authorization.as_deref() == Some(&basic))
    );
}

#[test]
fn a_mirror_never_gets_the_password_of_the_registry_that_it_stands_in_for() {
    let sandbox = Sandbox::with_site();
    fs::remove_dir_all(sandbox.path("store")).unwrap();
    sandbox.write("pull-secret.json", secret("quay.io"));
    let registry = FaultRegistry::start().unwrap();
    set_in(&sandbox, &mirrors(&[registry.address()]));
    let release = demo().lock()["release"]["image"]
        .as_str()
        .unwrap()
        .to_owned();
    let digest = release.split('@').nth(1).unwrap();
    let asked = format!("/v2/quay.io/openshift-release-dev/ocp-release/manifests/{digest}");
    let challenge = "Basic realm=\"give me\"";
    registry.script(
        &asked,
        [Answer::status(401).header("WWW-Authenticate", challenge)],
    );
    sandbox.run(&["mirror"]).fails(21);
    assert!(registry.count(&asked) > 0, "{:?}", registry.seen());
    assert!(
        registry
            .seen()
            .iter()
            .all(|seen| seen.authorization.is_none())
    );
}

#[test]
fn a_failed_installer_is_quoted_without_secrets_and_leaves_nothing() {
    let sandbox = Sandbox::with_site();
    // Good enough for snobox, not for the installer.
    let entry = format!(r#""quay.io":{{"auth":"{AUTH}"}},"registry.empty.example":{{}}"#);
    sandbox.write("pull-secret.json", format!(r#"{{"auths":{{{entry}}}}}"#));
    let before = Tree::of(&sandbox.work());
    let said = sandbox
        .run(&["build"])
        .fails(14)
        .says("registry.empty.example");
    holds_no_secret(&said.all());
    assert_eq!(Tree::of(&sandbox.work()), before);
}
