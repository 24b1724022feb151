//! Image sets: every field of both generations, and every mistake with its place.

use snobox_catalog::image_set::{self, CatalogRef, ImageSet, Rules};

fn good(text: &str) -> ImageSet {
    image_set::read(text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

fn told(text: &str) -> Vec<String> {
    let problems = image_set::read(text).err().unwrap_or_default();
    let tell = |p: &snobox_plan::problem::Problem| match &p.hint {
        Some(hint) => format!("{p} ({hint})"),
        None => p.to_string(),
    };
    problems.iter().map(tell).collect()
}

const V1: &str = "
kind: ImageSetConfiguration
apiVersion: mirror.openshift.io/v1alpha2
archiveSize: 4
storageConfig:
  registry: {imageURL: registry.example.com/mirror/meta, skipTLS: true}
mirror:
  platform:
    graph: false
    architectures: [amd64]
    channels:
    - {name: stable-4.13, type: ocp, minVersion: 4.13.1, maxVersion: 4.13.5, shortestPath: true}
    - {name: okd-4, type: okd, full: true}
  operators:
  - catalog: registry.example.com/index:v4.13
    full: true
    skipDependencies: true
    targetName: old
    targetCatalog: mirror/index
    targetTag: v1
    packages:
    - {name: a, minVersion: 1.0.0, maxVersion: 2.0.0}
    - {name: b, minBundle: b.v1, defaultChannel: s, channels: [{name: s}]}
    - {name: c, channels: [{name: s, minVersion: 1.0.0-1, maxVersion: 1.0.0-1}, {name: t, minBundle: c.v1}]}
  - catalog: oci:///srv/catalog
  additionalImages:
  - name: registry.example.com/app:1
  blockedImages:
  - name: registry.example.com/a@sha256:0123
  - name: ^quay\\W.*(aws|azure)
  helm:
  samples:
";

#[test]
fn all_fields_of_v1alpha2() {
    let set = good(V1);
    assert_eq!(set.rules, Rules::V1);
    let notes: Vec<_> = set
        .notes
        .iter()
        .map(|(place, _)| place.path.as_str())
        .collect();
    assert_eq!(
        notes,
        [
            "archiveSize",
            "storageConfig",
            "mirror.operators[0].targetName"
        ]
    );
    let [ocp, okd] = &set.platform.channels[..] else {
        panic!()
    };
    assert_eq!(
        (ocp.name.as_str(), ocp.is_okd, ocp.full, ocp.shortest_path),
        ("stable-4.13", false, false, true)
    );
    assert_eq!(ocp.bounds.to_string(), "versions 4.13.1 to 4.13.5");
    assert_eq!(
        (okd.is_okd, okd.full, okd.bounds.is_open()),
        (true, true, true)
    );
    let [first, second] = &set.operators[..] else {
        panic!()
    };
    assert!(first.full && first.skip_dependencies);
    assert_eq!(
        first.catalog.to_string(),
        "registry.example.com/index:v4.13"
    );
    assert_eq!(
        second.catalog,
        CatalogRef::Layout("/srv/catalog".to_owned())
    );
    assert_eq!(
        (first.target_catalog.as_deref(), first.target_tag.as_deref()),
        (Some("mirror/index"), Some("v1"))
    );
    let [a, b, c] = &first.packages[..] else {
        panic!()
    };
    assert_eq!(a.range.bounds.to_string(), "versions 1.0.0 to 2.0.0");
    assert_eq!(b.range.min_bundle.as_deref(), Some("b.v1"));
    assert_eq!(b.default_channel.as_ref().unwrap().0, "s");
    assert!(c.channels[0].range.bounds.pinned().is_some());
    assert_eq!(c.channels[1].range.min_bundle.as_deref(), Some("c.v1"));
    assert_eq!(
        set.additional[0].name.to_string(),
        "registry.example.com/app:1"
    );
    assert!(set.blocks("quay.io/x/machine-azure@sha256:1").is_some());
    assert!(set.blocks("registry.example.com/a@sha256:0123").is_some());
    assert!(set.blocks("quay.io/x/machine-gcp@sha256:1").is_none());
}

/// An IPv6 address reads as a class of characters, too.
#[test]
fn a_blocked_image_also_matches_as_it_is_written() {
    let set = good(
        "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\nmirror:\n  blockedImages: [{name: \"[fd00::1]:5000/app:1\"}]\n",
    );
    assert!(set.blocks("[fd00::1]:5000/app:1").is_some());
    assert!(set.blocks("[fd00::1]:5000/app:2").is_none());
}

#[test]
fn all_fields_of_v2alpha1() {
    let set = good(
        "
kind: ImageSetConfiguration
apiVersion: mirror.openshift.io/v2alpha1
archiveSize: 500
mirror:
  platform:
    platforms: [{os: linux, architecture: amd64}, {architecture: arm64}]
    release: quay.io/openshift-release-dev/ocp-release:4.13.1-x86_64
    kubeVirtContainer: true
  operators:
  - catalog: registry.example.com/index:v4.13
    targetCatalogSourceTemplate: source.yaml
    platforms: [{architecture: amd64}]
    packages:
    - {name: a, selectedBundles: [{name: a.v1.0.0}]}
  additionalImages:
  - {name: registry.example.com/app:1, targetRepo: x/app, targetTag: t, platforms: [{architecture: amd64}]}
",
    );
    assert_eq!(set.rules, Rules::V2);
    assert_eq!(set.platform.platforms.len(), 2);
    assert_eq!(set.platform.release.unwrap().tag(), Some("4.13.1-x86_64"));
    assert!(set.platform.kube_virt_container);
    let operator = &set.operators[0];
    assert_eq!(operator.source_template.as_deref(), Some("source.yaml"));
    assert_eq!(operator.platforms[0].architecture, "amd64");
    assert_eq!(operator.packages[0].selected_bundles[0].0, "a.v1.0.0");
    assert_eq!(set.additional[0].target_repo.as_deref(), Some("x/app"));
}

/// One line of an image set, changed into a mistake, and what is said about it.
#[test]
fn every_mistake_is_told_with_its_place() {
    let v2 = "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n";
    let operator = "  operators:\n  - catalog: registry.example.com/index:v1\n";
    let package = format!("{operator}    packages:\n");
    let cases: Vec<(String, &str)> = vec![
        (
            format!("{operator}  - catalog: registry.example.com/index:v1\n"),
            "6:5: mirror.operators[1]: the catalog \"registry.example.com/index:v1\" is asked for twice, first in line 5 (put everything about it into one entry)",
        ),
        (
            format!("{package}    - name: a\n    - name: a\n"),
            "8:7: mirror.operators[0].packages[1]: the package \"a\" is asked for twice, first in line 7 (put everything about it into one entry)",
        ),
        (
            format!("{package}    - name: a\n      channels: [{{name: s}}, {{name: s}}]\n"),
            "8:29: mirror.operators[0].packages[0].channels[1]: the channel \"s\" is asked for twice, first in line 8 (put everything about it into one entry)",
        ),
        (
            "  platform:\n    channels:\n    - name: stable-4.13\n    - name: stable-4.13\n"
                .to_owned(),
            "7:7: mirror.platform.channels[1]: the channel \"stable-4.13\" is asked for twice, first in line 6 (put everything about it into one entry)",
        ),
        (
            format!("{package}    - name: a\n      minVersion: 1.0\n"),
            "8:19: mirror.operators[0].packages[0].minVersion: \"1.0\" is not allowed; allowed: a version by semver: three numbers, such as 4.13.1 or 4.13.0-202305262054",
        ),
        (
            format!("{package}    - name: a\n      maxVersion: v1.0.0\n"),
            "8:19: mirror.operators[0].packages[0].maxVersion: \"v1.0.0\" is not allowed; allowed: a version by semver: three numbers, such as 4.13.1 or 4.13.0-202305262054 (write 1.0.0, without the v)",
        ),
        (
            format!("{package}    - name: a\n      minVersion: 2.0.0\n      maxVersion: 1.0.0\n"),
            "8:19: mirror.operators[0].packages[0].minVersion: minVersion 2.0.0 is above maxVersion 1.0.0 (write minVersion: 1.0.0 and maxVersion: 2.0.0)",
        ),
        (
            format!(
                "{package}    - name: a\n      minVersion: 1.0.0\n      channels:\n      - {{name: s, maxVersion: 2.0.0}}\n"
            ),
            "10:9: mirror.operators[0].packages[0].channels[0]: both the package and its channel \"s\" have versions (keep those of the channel)",
        ),
        (
            format!(
                "{operator}    full: true\n    packages:\n    - name: a\n      minVersion: 1.0.0\n"
            ),
            "8:7: mirror.operators[0].packages[0]: full: true takes every version, and versions are asked for as well (remove full: true, or the versions)",
        ),
        (
            format!(
                "{package}    - name: a\n      minVersion: 1.0.0\n      selectedBundles: [{{name: a.v1}}]\n"
            ),
            "7:7: mirror.operators[0].packages[0]: selectedBundles and versions exclude each other (keep selectedBundles to get these and nothing else)",
        ),
        (
            format!("{package}    - name: a\n      minBundle: a.v1\n"),
            "8:7: mirror.operators[0].packages[0].minBundle: unknown key; allowed: name, minVersion, maxVersion, defaultChannel, channels, selectedBundles",
        ),
        (
            "  blockedImages:\n  - name: \"a(\"\n".to_owned(),
            "5:11: mirror.blockedImages[0].name: \"a(\" is not allowed; allowed: an image reference, or a regular expression that matches references (not a regular expression: ",
        ),
        (
            "  additionalImages:\n  - name: fedora\n".to_owned(),
            "5:11: mirror.additionalImages[0].name: \"fedora\" is not allowed; allowed: an image reference such as quay.io/team/app:1.2 or quay.io/team/app@sha256:…",
        ),
        (
            "  helm:\n    local: [{name: x, path: y}]\n".to_owned(),
            "5:5: mirror.helm: helm is not done by snobox (remove it, nothing is silently ignored; list the images of the charts under additionalImages)",
        ),
        (
            "  samples: [{name: x}]\n".to_owned(),
            "4:12: mirror.samples: samples is not done by snobox (remove it, nothing is silently ignored; list the images of the samples under additionalImages)",
        ),
        (
            "  platform:\n    architectures: [x86_64]\n".to_owned(),
            "5:21: mirror.platform.architectures[0]: \"x86_64\" is not allowed; allowed: amd64, arm64, ppc64le, s390x, multi",
        ),
        (
            "  operatros: []\n".to_owned(),
            "4:3: mirror.operatros: unknown key; allowed: platform, operators, additionalImages, blockedImages, helm, samples (did you mean \"operators\"?)",
        ),
        (
            format!("{operator}    targetCatalog: /x\n"),
            "6:20: mirror.operators[0].targetCatalog: \"/x\" is not allowed; allowed: repository path components: lower-case letters, digits, dots, dashes, underscores",
        ),
    ];
    for (tail, expected) in cases {
        let found = told(&format!("{v2}{tail}"));
        let [one] = &found[..] else {
            panic!("{tail}: {found:#?}")
        };
        assert!(one.starts_with(expected), "\n{one}\n{expected}");
    }
}

#[test]
fn the_image_of_the_update_graph_is_left_out_with_a_note() {
    for version in ["v1alpha2", "v2alpha1"] {
        let text = format!(
            "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/{version}\nmirror:\n  platform:\n    graph: true\n"
        );
        let set = good(&text);
        let [(place, why)] = &set.notes[..] else {
            panic!("{:?}", set.notes)
        };
        assert_eq!(
            (place.at.line, place.path.as_str()),
            (5, "mirror.platform.graph")
        );
        assert!(
            why.contains("a single node runs no update service"),
            "{why}"
        );
    }
}

#[test]
fn what_belongs_to_the_other_generation_is_refused() {
    let twice = V1.replace("v1alpha2", "v2alpha1");
    let found = told(&twice).join("\n");
    for part in [
        "storageConfig: not part of v2alpha1",
        "targetName: unknown key",
        "minBundle: unknown key",
    ] {
        assert!(found.contains(part), "{part}\n{found}");
    }
    let v1 = "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\nmirror:\n  operators:\n  - catalog: registry.example.com/index:v1\n    packages:\n    - {name: a, minVersion: 1.0.0, minBundle: a.v1}\n";
    assert_eq!(told(v1).len(), 1, "{:?}", told(v1));
    assert!(told(v1)[0].contains("minBundle and minVersion exclude each other"));
}

#[test]
fn what_is_no_image_set_is_one_problem() {
    for (text, expected) in [
        ("", "1:1: kind: is missing; allowed: ImageSetConfiguration"),
        ("- a", "1:1: (document): a list is not allowed"),
        (
            "kind: Site\napiVersion: mirror.openshift.io/v2alpha1\n",
            "1:7: kind: \"Site\" is not allowed; allowed: ImageSetConfiguration",
        ),
        (
            "kind: DeleteImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\n",
            "1:7: kind: \"DeleteImageSetConfiguration\" is not done by snobox",
        ),
        (
            "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v3\n",
            "2:13: apiVersion: \"mirror.openshift.io/v3\" is not allowed; allowed: mirror.openshift.io/v1alpha2, mirror.openshift.io/v2alpha1",
        ),
        (
            "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\n",
            "1:1: mirror: is missing",
        ),
        ("a: [", "2:1: (document): not valid YAML"),
    ] {
        let found = told(text);
        assert!(found[0].starts_with(expected), "{text}: {found:#?}");
    }
}
