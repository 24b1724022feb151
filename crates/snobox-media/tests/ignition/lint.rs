//! Findings: none where none belong, all of them where a hand was at work, and each rule once on purpose.

use serde_json::Value;
use snobox_media::lint::{Finding, Severity, lint};

use crate::edit::{add_file, add_unit, edit, remove_file, remove_unit, set_mode};
use crate::samples::{BY_HAND, MIRRORS_420, PLAIN_413, PLAIN_420, PRACTICE, parse, sample};

const UPDATE: &str = "/opt/openshift/bootstrap-in-place/master-update.fcc";

fn errors(findings: &[Finding]) -> Vec<String> {
    let errors = findings.iter().filter(|f| f.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

/// Place and id of each finding.
fn places(findings: &[Finding], id: &str) -> Vec<String> {
    let of_rule = findings.iter().filter(|finding| finding.id == id);
    of_rule.map(|finding| finding.place.to_string()).collect()
}

/// What a fault, put into the practice installer's ignition, adds to its findings.
fn added(fault: impl FnOnce(&mut Value)) -> Vec<(&'static str, Severity, String)> {
    let before = lint(&parse(&PRACTICE));
    let mut document = PRACTICE.clone();
    fault(&mut document);
    let after = lint(&parse(&document)).into_iter();
    after
        .filter(|finding| !before.contains(finding))
        .map(|finding| (finding.id, finding.severity, finding.place.to_string()))
        .collect()
}

fn error(id: &'static str, place: &str) -> (&'static str, Severity, String) {
    (id, Severity::Error, place.to_owned())
}

fn warning(id: &'static str, place: &str) -> (&'static str, Severity, String) {
    (id, Severity::Warning, place.to_owned())
}

#[test]
fn installers_make_no_errors() {
    assert_eq!(errors(&lint(&parse(&PRACTICE))), [""; 0]);
    for name in [PLAIN_413, PLAIN_420, MIRRORS_420] {
        let Some(ignition) = sample(name) else { return };
        assert_eq!(errors(&lint(&ignition)), [""; 0], "{name}");
    }
}

#[test]
fn the_practice_installer_leaves_nothing_to_warn_about() {
    let findings = lint(&parse(&PRACTICE));
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn the_faults_of_the_procedure_by_hand_are_found() {
    let Some(ignition) = sample(BY_HAND) else {
        return;
    };
    let findings = lint(&ignition);
    assert_eq!(
        places(&findings, "decimal-mode"),
        [
            "/opt/openshift/bootstrap-in-place/extract-ocp.sh",
            "/usr/local/bin/extract-ai.sh"
        ]
    );
    // Line numbers by `grep -n` in the file.
    assert_eq!(
        places(&findings, "doubled-equals"),
        [format!("{UPDATE}:80")]
    );
    assert_eq!(
        places(&findings, "order-wrong-target"),
        [format!("{UPDATE}:81")]
    );
    assert_eq!(
        places(&findings, "order-no-effect"),
        ["precache-images.service:4"]
    );
    assert_eq!(places(&findings, "empty-secret").len(), 2);
    assert_eq!(
        places(&findings, "pull-secret"),
        ["/root/.docker/config.json"]
    );
    // All three places of 4.13.1 name one release.
    assert_eq!(places(&findings, "release-differs"), [""; 0]);
    assert_eq!(places(&findings, "layout"), ["release-image.service"]);
    let mode = findings.iter().find(|f| f.id == "decimal-mode").unwrap();
    assert_eq!(
        (mode.expected.as_str(), mode.severity),
        ("493, which is 0755", Severity::Error)
    );
    assert!(mode.found.ends_with("which is 01363"), "{mode}");
}

#[test]
fn modes_that_look_octal_are_found_in_files_and_in_what_is_for_the_installed_system() {
    let found = added(|document| set_mode(document, "/usr/local/bin/kubelet.sh", 755));
    assert_eq!(found, [error("decimal-mode", "/usr/local/bin/kubelet.sh")]);
    let found = added(|document| {
        edit(document, UPDATE, |text| {
            text.replace("mode: 0555", "mode: 555")
        });
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "decimal-mode");
    assert!(found[0].2.starts_with(UPDATE), "{found:?}");
}

#[test]
fn units_are_looked_at_wherever_they_stand() {
    let broken = "[Unit]\nAfter==a.service\nnonsense\n[Service]\nExecStart=/bin/true\n";
    let file = "/etc/systemd/system/kubelet.service.d/10-x.conf";
    let found = added(|document| add_file(document, file, 0o644, broken));
    assert_eq!(
        found,
        [
            error("doubled-equals", &format!("{file}:2")),
            warning("unit-syntax", &format!("{file}:3"))
        ]
    );
    let found = added(|document| add_unit(document, "x.service", true, broken));
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[1], warning("enabled-without-install", "x.service"));
    let machine_config = serde_json::json!({"kind": "MachineConfig", "spec": {"config": {"systemd": {"units": [
        {"name": "x.service", "contents": broken}]}, "storage": {"files": [{"path": "/etc/x", "mode": 644}]}}}});
    let path = "/opt/openshift/openshift/99-x.yaml";
    let found = added(|document| add_file(document, path, 0o644, &machine_config.to_string()));
    let ids: Vec<_> = found.iter().map(|finding| finding.0).collect();
    assert_eq!(
        ids,
        ["decimal-mode", "doubled-equals", "unit-syntax"],
        "{found:?}"
    );
    // A condition that compares is none.
    let good = "[Unit]\nConditionKernelVersion==5.10\n[Service]\nExecStart=/bin/true\n";
    assert_eq!(
        added(|document| add_unit(document, "x.service", false, good)),
        []
    );
}

#[test]
fn what_brings_images_goes_before_what_pulls_them() {
    let unit = |before: &str| {
        format!(
            "[Unit]\nBefore={before}\n[Service]\nExecStart=/usr/bin/podman load -i /x\n[Install]\nWantedBy=multi-user.target\n"
        )
    };
    let found = added(|d| add_unit(d, "load.service", true, &unit("network-pre.target")));
    assert_eq!(found, [error("order-wrong-target", "load.service:2")]);
    let good = unit("network-pre.target kubelet.service");
    assert_eq!(added(|d| add_unit(d, "load.service", true, &good)), []);
    let drop_in = "/etc/systemd/system/bootkube.service.d/1.conf";
    let waits = added(|d| {
        add_unit(d, "load.service", true, &unit("network-pre.target"));
        add_file(d, drop_in, 0o644, "[Unit]\nAfter=load.service\n");
    });
    assert_eq!(waits, []);
    let found = added(|d| add_unit(d, "load.service", true, &unit("agent.service")));
    assert_eq!(found, [warning("order-no-effect", "load.service:2")]);
}

#[test]
fn a_chain_that_hangs_on_a_removed_unit_is_found() {
    let found = added(|document| remove_unit(document, "release-image.service"));
    let of_rule: Vec<_> = found
        .iter()
        .filter(|f| f.0 == "unit-missing")
        .cloned()
        .collect();
    assert_eq!(
        of_rule[0],
        error("unit-missing", "crio-configure.service:4")
    );
    assert!(
        of_rule[1..]
            .iter()
            .all(|f| f.2.starts_with("kubelet.service:") && f.1 == Severity::Warning),
        "{of_rule:?}"
    );
    let drop_in = "/etc/systemd/system/kubelet.service.d/1.conf";
    let ours = "[Unit]\nRequires=snobox-registry.service\n";
    let found = added(|document| add_file(document, drop_in, 0o644, ours));
    assert_eq!(found, [error("unit-missing", &format!("{drop_in}:2"))]);
}

#[test]
fn programs_must_be_brought_and_able_to_run() {
    let found = added(|document| remove_file(document, "/usr/local/bin/crio-configure.sh"));
    assert_eq!(
        found,
        [error("program-missing", "crio-configure.service:9")]
    );
    let found =
        added(|document| remove_file(document, "/usr/local/bin/bootstrap-service-record.sh"));
    assert!(
        found
            .iter()
            .any(|f| f.0 == "program-missing" && f.2.ends_with(".sh:5")),
        "{found:?}"
    );
    let found = added(|document| set_mode(document, "/usr/local/bin/kubelet.sh", 0o644));
    assert_eq!(found, [error("program-mode", "/usr/local/bin/kubelet.sh")]);
    let found = added(|document| edit(document, "/usr/local/bin/kubelet.sh", |_| String::new()));
    assert_eq!(found, [error("program-empty", "/usr/local/bin/kubelet.sh")]);
    // What a script makes need not be brought.
    let unit = "[Service]\nExecStart=/usr/local/bin/made serve\n";
    let missing = added(|document| add_unit(document, "m.service", false, unit));
    assert_eq!(missing, [error("program-missing", "m.service:2")]);
    let made = added(|document| {
        add_unit(document, "m.service", false, unit);
        add_file(
            document,
            "/usr/local/bin/make.sh",
            0o755,
            "#!/bin/sh\ninstall x /usr/local/bin/made\n",
        );
    });
    assert_eq!(made, []);
}

#[test]
fn calls_for_images_need_their_function_and_a_name() {
    let script = "#!/bin/sh\nimage_for pod\n";
    let found = added(|d| add_file(d, "/usr/local/bin/x.sh", 0o755, script));
    assert_eq!(
        found,
        [warning("image-for-undefined", "/usr/local/bin/x.sh:2")]
    );
    let script = "#!/bin/sh\n. /usr/local/bin/release-image.sh\nimage_for \"$1\"\n";
    let found = added(|d| add_file(d, "/usr/local/bin/x.sh", 0o755, script));
    assert_eq!(
        found,
        [warning("image-for-unresolved", "/usr/local/bin/x.sh:3")]
    );
}

#[test]
fn scripts_must_mean_one_release() {
    let download = "/usr/local/bin/release-image-download.sh";
    let digest = &crate::samples::RELEASE[crate::samples::RELEASE.len() - 64..];
    let found = added(|document| {
        edit(document, download, |text| {
            text.replace(digest, &"b".repeat(64))
        });
    });
    let ids: Vec<_> = found.iter().map(|f| f.0).collect();
    assert_eq!(ids, ["release-differs", "layout"], "{found:?}");
    assert!(found[0].2.starts_with(download), "{found:?}");
    // Also in a script that is not about the release alone.
    let other = crate::samples::RELEASE.replace(digest, &"c".repeat(64));
    let script = format!("#!/bin/sh\npodman pull {other}\n");
    let found = added(|d| add_file(d, "/usr/local/bin/x.sh", 0o755, &script));
    assert_eq!(found, [error("release-differs", "/usr/local/bin/x.sh:2")]);
    let found = added(|document| {
        for path in ["/usr/local/bin/release-image.sh", download] {
            edit(document, path, |text| {
                text.replace(&format!("@sha256:{digest}"), ":4.20.0")
            });
        }
    });
    assert!(
        found
            .iter()
            .any(|f| f.0 == "release-by-tag" && f.1 == Severity::Warning),
        "{found:?}"
    );
    assert!(found.iter().all(|f| f.1 == Severity::Warning), "{found:?}");
    let found = added(|d| remove_file(d, "/opt/openshift/manifests/image-digest-mirror-set.yaml"));
    assert_eq!(
        found,
        [warning(
            "digest-mirrors-missing",
            "/usr/local/bin/bootkube.sh"
        )]
    );
}

#[test]
fn nothing_is_empty_or_given_twice() {
    let key = "/opt/openshift/tls/root-ca.crt";
    let found = added(|document| edit(document, key, |_| String::new()));
    assert_eq!(found, [error("empty-secret", key)]);
    let path = "/root/.docker/config.json";
    let found = added(|document| edit(document, path, |_| "{".to_owned()));
    assert_eq!(found, [error("pull-secret", path)]);
    let found = added(|document| add_file(document, "/etc/twice", 0o644, ""));
    assert_eq!(found, []);
    let found = added(|document| {
        add_file(document, "/etc/twice", 0o644, "");
        add_file(document, "/etc/twice", 0o644, "");
    });
    assert_eq!(found, [error("duplicate", "/etc/twice")]);
    let text = "[Service]\nExecStart=/bin/true\n";
    let found = added(|document| {
        add_unit(document, "t.service", false, text);
        add_unit(document, "t.service", false, text);
    });
    assert_eq!(found, [error("duplicate", "t.service")]);
}

#[test]
fn the_partition_of_the_cache_must_be_kept() {
    let script = "/usr/local/bin/install-to-disk.sh";
    let with = |options: &str| {
        added(|document| {
            edit(document, script, |text| {
                text.replace("--save-partlabel 'snobox*' ", options)
            });
        })
    };
    let ids = |found: Vec<(&'static str, Severity, String)>| {
        found.into_iter().map(|f| (f.0, f.1)).collect::<Vec<_>>()
    };
    assert_eq!(ids(with("")), [("save-partlabel", Severity::Warning)]);
    assert_eq!(
        ids(with("--save-partlabel snobox* ")),
        [("save-partlabel-pattern", Severity::Warning)]
    );
    assert_eq!(ids(with("--save-partindex 5 ")), []);
}

#[test]
fn findings_quote_no_secret() {
    let found = {
        let mut document = PRACTICE.clone();
        edit(&mut document, "/root/.docker/config.json", |_| {
            "{\"auths\":{\"quay.io\":{\"auth\":\"CANARY\"}}}".to_owned()
        });
        add_unit(
            &mut document,
            "s.service",
            true,
            "[Service]\nEnvironment==TOKEN=CANARY\nCANARY\n",
        );
        lint(&parse(&document))
    };
    assert!(found.len() >= 4, "{found:#?}");
    assert!(!format!("{found:?}").contains("CANARY"), "{found:#?}");
}
