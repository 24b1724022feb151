//! `snobox-agent certs` on the files of an installation, judged by openssl.
//!
//! A missing openssl is a line `SKIPPED: …`, and a failure where `CI` is set.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code; a skip must be seen"
)]

mod live;

use std::time::{Duration, SystemTime};

use live::{DAY, Live, MADE, Said};

/// Names that must hold for a cluster to come up: authority and leaf.
const CHAINS: [(&str, &str); 8] = [
    (
        "kube-apiserver-lb-signer.crt",
        "kube-apiserver-lb-server.crt",
    ),
    (
        "kube-apiserver-complete-server-ca-bundle.crt",
        "kube-apiserver-localhost-server.crt",
    ),
    (
        "kube-apiserver-service-network-ca-bundle.crt",
        "kube-apiserver-service-network-server.crt",
    ),
    ("aggregator-ca-bundle.crt", "aggregator-client.crt"),
    ("aggregator-ca.crt", "apiserver-proxy.crt"),
    (
        "kube-apiserver-to-kubelet-ca-bundle.crt",
        "kube-apiserver-to-kubelet-client.crt",
    ),
    (
        "kube-control-plane-ca-bundle.crt",
        "kube-control-plane-kube-scheduler-client.crt",
    ),
    (
        "kube-apiserver-complete-client-ca-bundle.crt",
        "kubelet-signer.crt",
    ),
];

/// Files with renewed certificates: one bundle holds three of them.
const FILES: usize = 20;

fn holds(live: &Live, at: i64) -> Vec<bool> {
    let chains = CHAINS.iter();
    chains
        .map(|(authority, leaf)| live.verifies(authority, leaf, at))
        .collect()
}

#[track_caller]
fn assert_nothing_leaks(live: &Live, said: &Said) {
    let all = format!("{}{:?}", said.stderr, said.report);
    for (path, bytes) in live.files() {
        if path.ends_with(".key") {
            let text = String::from_utf8(bytes).unwrap();
            assert!(
                text.lines()
                    .filter(|l| !l.starts_with('-'))
                    .all(|line| !all.contains(line)),
                "{path}"
            );
        }
    }
    assert!(!all.contains("PRIVATE"), "{all}");
}

#[test]
fn after_a_year_in_a_drawer_it_is_as_if_the_installer_had_run_just_now() {
    let Some(live) = Live::new() else { return };
    let (before, modes) = (live.files(), live.modes());
    let now = MADE + 400 * DAY;
    assert!(holds(&live, now).contains(&false));
    let said = live.run(now, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.report["state"], "done");
    let message = said.report["message"].as_str().unwrap();
    assert!(
        message.starts_with("renewed 14 certificates in 22 places: they hold until 2031-02-"),
        "{message}"
    );
    assert_eq!(holds(&live, now), [true; 8]);
    assert_eq!(holds(&live, now + DAY - 600), [true; 8]);
    // As long as before, from a little before now on.
    assert_eq!(live.moment("kubelet-signer.crt", "notBefore"), now - 300);
    assert_eq!(
        live.moment("kubelet-signer.crt", "notAfter"),
        now - 300 + DAY
    );
    assert_eq!(
        live.moment("kube-control-plane-signer.crt", "notAfter"),
        now - 300 + 365 * DAY
    );
    assert_nothing_leaks(&live, &said);
    let after = live.files();
    assert!(after.keys().eq(before.keys()));
    for (path, bytes) in &after {
        let is_certificate = path.starts_with("tls/") && path.ends_with(".crt");
        assert!(is_certificate || before[path] == *bytes, "{path}");
    }
    assert_eq!(live.modes(), modes);

    // Again, a minute later: nothing to do. Half a day later they are not fresh any more.
    let said = live.run(now + 60, &[]);
    assert_eq!(
        (said.code, &said.report["state"]),
        (0, &"done".into()),
        "{said:?}"
    );
    assert_eq!(
        said.report["message"],
        "the certificates are fresh: nothing to renew"
    );
    assert!(live.files() == after);
    assert_eq!(live.run(now + DAY / 2, &[]).code, 0);
    assert_eq!(
        live.moment("kubelet-signer.crt", "notBefore"),
        now + DAY / 2 - 300
    );
}

#[test]
fn the_clock_of_the_machine_is_good_to_a_part_of_a_second() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap().as_secs() as i64;
    let Some(live) = Live::made(now - 2 * DAY) else {
        return;
    };
    assert!(holds(&live, now).contains(&false));
    let said = live.run_as_it_is(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(holds(&live, now + DAY - 600), [true; 8]);
}

#[test]
fn a_fresh_image_is_left_as_it_is() {
    let Some(live) = Live::new() else { return };
    let before = live.files();
    let said = live.run(MADE + 1200, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        said.report["message"],
        "the certificates are fresh: nothing to renew"
    );
    assert!(live.files() == before);
}

#[test]
fn short_lives_are_lengthened_where_that_is_asked_for() {
    let Some(live) = Live::new() else { return };
    let now = MADE + 2 * DAY;
    assert_eq!(live.run(now, &["--validity", "48h"]).code, 0);
    assert_eq!(
        live.moment("kubelet-signer.crt", "notAfter"),
        now - 300 + 2 * DAY
    );
    assert_eq!(
        live.moment("kube-control-plane-signer.crt", "notAfter"),
        now - 300 + 365 * DAY
    );
}

#[test]
fn a_clock_before_the_build_stops_it_and_says_how_to_set_it() {
    let Some(live) = Live::new() else { return };
    let before = live.files();
    // 1970: an empty battery.
    for clock in [0, MADE - 3600] {
        let said = live.run(clock, &[]);
        assert_eq!(said.code, 1, "{said:?}");
        assert_eq!(said.report["state"], "failed");
        let message = said.report["message"].as_str().unwrap();
        let says = if clock == 0 {
            "1970-01-01T00:00:00Z"
        } else {
            "2029-12-31T23:00:00Z"
        };
        let expected = format!(
            "the clock is wrong: it says {says}, but the image of bip was made at 2030-01-01T00:00:00Z"
        );
        assert_eq!(message, expected);
        let action = said.report["action"].as_str().unwrap();
        assert!(
            action.contains("firmware setup")
                && action.contains("date -u -s '2030-01-01 00:00:00'"),
            "{action}"
        );
        assert!(
            said.stderr.contains(message) && said.stderr.contains(action),
            "{said:?}"
        );
        assert!(live.files() == before);
    }
}

#[test]
fn what_has_ended_for_good_is_told_by_name() {
    let Some(live) = Live::new() else { return };
    let before = live.files();
    let said = live.run(MADE + 20 * 365 * DAY, &[]);
    assert_eq!(
        (said.code, &said.report["state"]),
        (1, &"failed".into()),
        "{said:?}"
    );
    let message = said.report["message"].as_str().unwrap();
    assert!(
        message.contains("have ended and cannot be renewed here, the first is CN="),
        "{message}"
    );
    assert!(
        message.ends_with("the clock says 2049-12-27T00:00:00Z"),
        "{message}"
    );
    assert!(live.files() == before);
}

#[test]
fn an_image_without_pins_is_refused() {
    let Some(live) = Live::new() else { return };
    let before = live.files();
    live.damage_pins();
    let said = live.run(MADE + 2 * DAY, &[]);
    assert_eq!(
        (said.code, &said.report["state"]),
        (1, &"failed".into()),
        "{said:?}"
    );
    assert!(
        said.report["message"]
            .as_str()
            .unwrap()
            .contains("image.json"),
        "{said:?}"
    );
    assert!(live.files() == before);
}

/// Killed at any moment, the next run makes good whatever was left.
#[test]
fn a_run_that_is_killed_leaves_all_old_or_is_finished_by_the_next() {
    let Some(live) = Live::new() else { return };
    let mut clock = MADE;
    let (mut untouched, mut cut) = (0, 0);
    for round in 0..40_u64 {
        clock += 2 * DAY;
        let before = live.files();
        // The whole run takes some tens of milliseconds.
        live.kill_after(clock, Duration::from_micros(round * 2500));
        let after = live.files_with_journal();
        let journal = after
            .keys()
            .any(|path| path.ends_with(".snobox-certs/journal"));
        let changed = before
            .iter()
            .filter(|(path, bytes)| after[*path] != **bytes)
            .count();
        assert!(
            changed == 0 || changed == FILES || journal,
            "{changed} files are new, without a journal"
        );
        untouched += usize::from(changed == 0 && !journal);
        cut += usize::from(journal);
        let said = live.run(clock + 1, &[]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(holds(&live, clock + 1), [true; 8]);
        assert!(live.files_with_journal().keys().eq(before.keys()));
    }
    println!("killed: {untouched} before, {cut} with a journal");
    assert!(untouched > 0);
}
