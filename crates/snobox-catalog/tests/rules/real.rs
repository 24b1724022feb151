//! Real catalogs and image sets. Numbers and names: `jq` on the same files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use snobox_catalog::catalog::{Builder, Catalog, Requirement};
use snobox_catalog::channel::UpdateGraph;
use snobox_catalog::fbc;
use snobox_catalog::image_set::{self, Rules};
use snobox_catalog::select::{Selection, select};

use crate::case::{image_set, lines};

/// A file or folder of the samples; none after saying so.
pub(crate) fn sample(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("SNOBOX_SAMPLES") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "needed in CI: SNOBOX_SAMPLES"
        );
        println!("SKIPPED: SNOBOX_SAMPLES is not set");
        return None;
    };
    Some(Path::new(&root).join(name))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn catalog(path: &Path) -> Catalog {
    let mut builder = Builder::default();
    let all = if path.is_dir() {
        files(path)
    } else {
        vec![path.to_owned()]
    };
    for file in all {
        let name = file.display().to_string();
        fbc::read(&name, fs::File::open(&file).unwrap(), &mut |d| {
            builder.add(d);
            Ok(())
        })
        .unwrap();
    }
    builder.finish()
}

fn chosen(catalog: &Catalog, rules: Rules, ask: &str) -> Selection {
    let set = image_set(rules, ask);
    select(catalog, &set.operators[0], rules).unwrap_or_else(|p| panic!("{p:#?}"))
}

#[test]
fn the_catalog_of_93_bundles() {
    let Some(path) = sample("catalogs/community-operators.json") else {
        return;
    };
    let catalog = catalog(&path);
    let names: Vec<_> = catalog.packages.keys().collect();
    assert_eq!(names, ["assisted-service-operator"]);
    let package = &catalog.packages["assisted-service-operator"];
    assert_eq!(package.default_channel.as_deref(), Some("alpha"));
    assert_eq!(package.bundles.len(), 93);
    let heads: Vec<_> = package
        .channels
        .iter()
        .map(|(name, channel)| {
            let head = UpdateGraph::of(channel).map_or_else(
                |e| e.to_string(),
                |graph| {
                    let name = graph.head().name.clone();
                    name.replace("assisted-service-operator.v", "")
                },
            );
            (name.as_str(), channel.entries.len(), head)
        })
        .collect();
    let expected = [
        ("alpha", 93, "0.7.74"),
        ("ocm-2.10", 90, "0.7.71"),
        ("ocm-2.11", 92, "0.7.73"),
        ("ocm-2.13", 93, "0.7.74"),
        ("ocm-2.3", 9, "0.0.8"),
        ("ocm-2.4", 13, "0.1.3"),
        ("ocm-2.5", 45, "0.3.30"),
        ("ocm-2.6", 57, "0.4.41"),
        ("ocm-2.7", 66, "0.4.50"),
        ("ocm-2.8", 83, "0.6.65"),
        ("ocm-2.9", 86, "0.7.67"),
    ];
    assert_eq!(heads, expected.map(|(n, c, h)| (n, c, h.to_owned())));
    let images: BTreeSet<_> = package.bundles.values().flat_map(|b| &b.images).collect();
    assert_eq!(images.len(), 566);
    let requires: Vec<_> = package
        .bundles
        .values()
        .flat_map(|b| &b.requires)
        .map(Requirement::to_string)
        .collect();
    assert_eq!(requires, ["ClusterDeployment.hive.openshift.io/v1"]);
}

#[test]
fn pieces_of_the_catalog_of_93_bundles() {
    let Some(path) = sample("catalogs/community-operators.json") else {
        return;
    };
    let catalog = catalog(&path);
    let channel = |name: &str, more: &str| {
        format!(
            "packages:\n- name: assisted-service-operator\n  defaultChannel: {name}\n  channels:\n  - {{name: {name}{more}}}"
        )
    };
    let versions = |name: &str, more: &str, rules| {
        let chosen = chosen(&catalog, rules, &channel(name, more));
        let bundles = chosen.bundles(&catalog);
        let all = bundles.iter().map(|b| b.version.unwrap().to_string());
        all.collect::<Vec<_>>()
    };
    for rules in [Rules::V1, Rules::V2] {
        assert_eq!(versions("alpha", "", rules), ["0.7.74"]);
        assert_eq!(
            versions("ocm-2.6", ", minVersion: 0.4.38, maxVersion: 0.4.40", rules),
            ["0.4.38", "0.4.39", "0.4.40"]
        );
        assert_eq!(
            versions("ocm-2.6", ", minVersion: 0.4.40", rules),
            ["0.4.40", "0.4.41"]
        );
        assert_eq!(
            versions("ocm-2.6", ", minVersion: 0.4.39, maxVersion: 0.4.39", rules),
            ["0.4.39"]
        );
    }
    let full = chosen(&catalog, Rules::V2, "full: true");
    assert_eq!(full.bundles(&catalog).len(), 93);
}

#[test]
fn the_test_catalogs_and_the_image_sets_for_them() {
    let (Some(catalogs), Some(sets)) = (sample("catalogs"), sample("imagesets")) else {
        return;
    };
    let expected: [(&str, &str, &[&str]); 8] = [
        (
            "operators/isc-operator-version-range.yaml",
            "test-catalog-latest",
            // On the chain 0.3.1, 0.2.0; and 0.3.0, which 0.3.1 skips.
            &["foo beta*: 0.2.0 0.3.0 0.3.1"],
        ),
        (
            "operators/isc-operator-pinned-version.yaml",
            "test-catalog-latest",
            &["foo beta*: 0.3.1"],
        ),
        (
            "operators/isc-operator-incremental-initial.yaml",
            "test-catalog-latest",
            &["foo beta*: 0.2.0"],
        ),
        (
            "operators/isc-operator-incremental-update.yaml",
            "test-catalog-latest",
            &["bar stable*: 1.0.0", "foo beta*: 0.2.0 0.3.0 0.3.1"],
        ),
        (
            "operators/isc-operator-extra-blobs.yaml",
            "test-catalog-latest",
            &[
                "bar alpha: 1.0.0",
                "bar stable*: 1.0.0",
                "baz stable*: 1.1.0",
                "foo beta*: 0.3.1",
            ],
        ),
        (
            "operators/isc-operator-extra-blobs.yaml",
            "test-catalog-diff",
            &[
                "bar alpha: 1.0.0",
                "bar stable*: 1.0.0",
                "baz stable*: 1.1.0",
                "foo beta*: 0.3.2",
            ],
        ),
        (
            "operators/isc-operator-invalid-images.yaml",
            "test-catalog-invalid-images",
            &["foo beta*: 0.1.0 0.9.9-invalid-related-image"],
        ),
        (
            "signatures/isc-signatures.yaml",
            "test-catalog-prune",
            &["bar alpha*: 0.1.0", "foo beta*: 0.1.0 0.1.1"],
        ),
    ];
    for (set, folder, expected) in expected {
        let text = fs::read_to_string(sets.join(set)).unwrap();
        let image_set = image_set::read(&text).unwrap();
        let catalog = catalog(&catalogs.join(folder));
        let found = select(&catalog, &image_set.operators[0], image_set.rules);
        assert_eq!(lines(&found.unwrap()), expected, "{set} {folder}");
    }
}

/// `foo` needs `bar`, in a version below 0.2.0 and by its kind.
#[test]
fn the_test_catalog_has_dependencies() {
    let Some(path) = sample("catalogs/test-catalog-latest") else {
        return;
    };
    let catalog = catalog(&path);
    let ask = "packages:\n- name: foo\n  channels:\n  - {name: beta, minVersion: 0.1.0, maxVersion: 0.1.0}";
    let without = chosen(&catalog, Rules::V2, ask);
    assert_eq!(lines(&without), ["foo beta*: 0.1.0"]);
    let told: Vec<_> = without
        .notes
        .iter()
        .filter(|n| n.contains("needs"))
        .collect();
    assert_eq!(
        told,
        [
            "foo: \"foo.v0.1.0\" needs Bar.test.bar/v1alpha1, which is not asked for",
            "foo: \"foo.v0.1.0\" needs bar <0.2.0, which is not asked for",
        ]
    );
    // 0.1.0 of alpha and what leads to its head, and the newest that has the kind.
    let with = chosen(&catalog, Rules::V1, ask);
    assert_eq!(
        lines(&with),
        [
            "bar alpha: 0.1.0 0.2.0 1.0.0",
            "bar stable*: 1.0.0",
            "foo beta*: 0.1.0"
        ]
    );
    let skipped = chosen(
        &catalog,
        Rules::V1,
        &format!("skipDependencies: true\n{ask}"),
    );
    assert_eq!(lines(&skipped), ["foo beta*: 0.1.0"]);
}

/// Every image set of the samples is read, or refused for what it is there for.
#[test]
fn all_image_sets_are_understood() {
    let (Some(sets), Some(manual)) = (
        sample("imagesets"),
        sample("manual-procedure-4.13.1/imageset.yaml"),
    ) else {
        return;
    };
    let refused = [
        (
            "disc-signatures",
            "\"DeleteImageSetConfiguration\" is not done by snobox",
        ),
        ("isc-generic-error", "storageConfig: not part of v2alpha1"),
        ("isc-helm-error", "helm is not done by snobox"),
        ("isc-operator-helm-error", "helm is not done by snobox"),
        (
            "isc-operator-invalid-version-range",
            "minVersion 0.3.1 is above maxVersion 0.2.0",
        ),
        (
            "isc-platforms-and-archs",
            "architectures and platforms exclude each other",
        ),
        ("isc-sparse-full", "helm is not done by snobox"),
        ("isc-sparse-full-multi", "helm is not done by snobox"),
    ];
    let (mut good, mut bad) = (0, 0);
    for path in files(&sets).into_iter().chain([manual]) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let expected = refused.iter().find(|(known, _)| *known == name);
        match (image_set::read(&text), expected) {
            (Ok(_), None) => good += 1,
            (Err(problems), Some((_, why))) => {
                let [problem] = &problems[..] else {
                    panic!("{name}: {problems:#?}")
                };
                assert!(problem.to_string().contains(why), "{problem}");
                bad += 1;
            }
            (found, _) => panic!("{name}: {found:#?}"),
        }
    }
    assert_eq!((good, bad), (24, 8));
}
