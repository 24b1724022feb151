//! Differences of two ignitions.

use snobox_media::difference::{Change, Contents, Kind, difference};

use crate::edit::{add_file, add_unit, edit, remove_unit, set_mode};
use crate::samples::{MIRRORS_420, PLAIN_420, PRACTICE, parse, sample};

#[test]
fn a_document_does_not_differ_from_itself_in_another_order() {
    let mut document = PRACTICE.clone();
    document["storage"]["files"]
        .as_array_mut()
        .unwrap()
        .reverse();
    document["systemd"]["units"]
        .as_array_mut()
        .unwrap()
        .reverse();
    assert_eq!(difference(&parse(&PRACTICE), &parse(&document), true), []);
}

#[test]
fn every_change_is_said_once() {
    let mut document = PRACTICE.clone();
    edit(&mut document, "/usr/local/bin/kubelet.sh", |text| {
        text + "true\n"
    });
    set_mode(&mut document, "/usr/local/bin/bootkube.sh", 0o755);
    edit(
        &mut document,
        "/opt/openshift/tls/aggregator-ca.key",
        |_| "CANARY".to_owned(),
    );
    add_file(&mut document, "/etc/new", 0o644, "one\n");
    add_unit(&mut document, "new.service", true, "[Unit]\n");
    remove_unit(&mut document, "progress.service");
    document["passwd"]["users"][0]["passwordHash"] = "CANARY".into();
    let entries = difference(&parse(&PRACTICE), &parse(&document), false);
    let short: Vec<_> = entries
        .iter()
        .map(|entry| (entry.kind, entry.name.as_str(), entry.change))
        .collect();
    assert_eq!(
        short,
        [
            (Kind::File, "/etc/new", Change::Added),
            (
                Kind::File,
                "/opt/openshift/tls/aggregator-ca.key",
                Change::Changed
            ),
            (Kind::File, "/usr/local/bin/bootkube.sh", Change::Changed),
            (Kind::File, "/usr/local/bin/kubelet.sh", Change::Changed),
            (Kind::Unit, "new.service", Change::Added),
            (Kind::Unit, "progress.service", Change::Removed),
            (Kind::Field, "passwd.users", Change::Changed),
        ]
    );
    assert_eq!(entries[1].contents, Contents::Secret);
    assert_eq!(entries[2].attributes, ["mode: 0555 → 0755"]);
    assert_eq!(entries[2].contents, Contents::Same);
    assert_eq!(
        entries[0].contents,
        Contents::Text("--- a/etc/new\n+++ b/etc/new\n@@ -0,0 +1 @@\n+one\n".to_owned())
    );
    assert!(!format!("{entries:?}").contains("CANARY"));
    let revealed = difference(&parse(&PRACTICE), &parse(&document), true);
    assert_eq!(format!("{revealed:?}").matches("CANARY").count(), 2);
}

#[test]
fn a_text_diff_is_what_patch_takes() {
    let (Some(before), Some(after)) = (sample(PLAIN_420), sample(MIRRORS_420)) else {
        return;
    };
    let entries = difference(&before, &after, false);
    let folder = tempfile::tempdir().unwrap();
    let mut applied = 0;
    for entry in &entries {
        let Contents::Text(diff) = &entry.contents else {
            continue;
        };
        if entry.kind != Kind::File || entry.change != Change::Changed {
            continue;
        }
        let file = folder.path().join("file");
        std::fs::write(&file, before.file(&entry.name).unwrap().unwrap()).unwrap();
        std::fs::write(folder.path().join("diff"), diff).unwrap();
        let status = std::process::Command::new("patch")
            .args(["--silent", "file", "diff"])
            .current_dir(&folder)
            .status();
        let Ok(status) = status else {
            assert!(std::env::var_os("CI").is_none(), "patch is needed in CI");
            println!("SKIPPED: patch is not in PATH");
            return;
        };
        assert!(status.success(), "{}", entry.name);
        assert_eq!(
            std::fs::read(&file).unwrap(),
            after.file(&entry.name).unwrap().unwrap()
        );
        applied += 1;
    }
    assert!(applied >= 3, "{applied}");
}
