//! How long an image installs: what `build` says and does about certificates that live for a day.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::again::practice_ignition;
use crate::support::{Said, Sandbox, Tree, sample_ignitions, sample_iso, set_in};

/// Builds with this in the site; returns what was said, and how long the image is said to install.
fn build(certificates: &str) -> (Sandbox, Said, Duration) {
    let sandbox = Sandbox::with_site();
    set_in(&sandbox, certificates);
    let ignition = practice_ignition(&sandbox);
    let args = [
        "--json",
        "build",
        "--installer-ignition",
        ignition.to_str().unwrap(),
    ];
    let until = sandbox.run(&args).ok().json()["installsUntil"].clone();
    let until = until.as_str().unwrap().to_owned();
    std::fs::remove_file(sandbox.path("practice.img")).unwrap();
    let said = sandbox.run(&args[1..]).ok();
    let line = format!("\ninstalls until {}", &until[..13]);
    assert!(said.text().contains(&line), "{line}: {said}");
    let until = OffsetDateTime::parse(&until, &Rfc3339).unwrap();
    (sandbox, said, until - OffsetDateTime::now_utc())
}

#[test]
fn an_image_installs_for_years_because_the_node_renews_its_certificates() {
    let (sandbox, said, length) = build("");
    assert!(length > Duration::days(1000), "{length}");
    assert!(!said.stderr.contains("will not install"), "{said}");
    let unit = ["ignition", "show", "practice.img", "snobox-certs.service"];
    let unit = sandbox.run(&unit).ok().text();
    assert!(unit.contains("snobox-agent certs"), "{unit}");
}

#[test]
fn without_renewal_the_moment_is_said() {
    let (sandbox, said, length) = build("certificates: { renew: never }\n");
    assert!(
        length < Duration::DAY && length > Duration::hours(23),
        "{length}"
    );
    let until = OffsetDateTime::now_utc() + length;
    let words = format!(
        "warning: from {}-{:02}-",
        until.year(),
        u8::from(until.month())
    );
    assert!(
        said.stderr.contains(&words)
            && said
                .stderr
                .contains(" on, in 23 h, the image will not install any more"),
        "{said}"
    );
    let unit = ["ignition", "show", "practice.img", "snobox-certs.service"];
    sandbox.run(&unit).fails(2);
}

#[test]
fn certificates_are_made_longer_when_the_image_is_built() {
    let (sandbox, said, length) = build("certificates: { bootstrapValidity: 400d }\n");
    assert!(
        length > Duration::days(399) && length < Duration::days(401),
        "{length}"
    );
    assert!(
        said.stderr.contains("renewed 14 certificates in 22 places"),
        "{said}"
    );
    sandbox.run(&["verify", "practice.img"]).ok();
}

#[test]
fn what_has_ended_and_will_not_be_renewed_makes_no_image() {
    let Some(iso) = sample_iso("embed-areas-2023-07.x86_64.iso.xz") else {
        return;
    };
    let ignitions = sample_ignitions();
    let sandbox = Sandbox::with_site();
    set_in(&sandbox, "certificates: { renew: never }\n");
    let before = Tree::of(&sandbox.work());
    for ignition in ignitions {
        let args = ["build", "--installer-ignition", ignition.to_str().unwrap()];
        sandbox
            .run(&[&args[..], &["--live-iso", iso.to_str().unwrap()]].concat())
            .fails(15)
            .says("have ended at 20")
            .says("renew: on-device");
        assert_eq!(Tree::of(&sandbox.work()), before);
    }
}
