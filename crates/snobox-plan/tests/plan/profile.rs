//! What is left out, and what never is.

use std::collections::BTreeSet;

use snobox_formats::digest::Digest;
use snobox_plan::boots::{BUILD, FIRST_BOOT, SECOND_BOOT};
use snobox_plan::lock::Role;
use snobox_plan::profile::{
    Chosen, ExcludeError, Pattern, Profile, ReleaseName, Rules, choose, mapped_name,
};
use snobox_plan::release::{IMAGE_REFERENCES, parse_image_references};
use snobox_plan::wanted::Wanted;

const NAME: ReleaseName<'_> = ReleaseName {
    version: "4.13.1",
    machine: "x86_64",
};

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn wanted(name: &str, role: Role) -> Wanted {
    let reference = match role {
        Role::Additional => name.to_owned(),
        Role::Release => format!("quay.io/openshift-release-dev/ocp-release@{}", digest(name)),
        _ => format!(
            "quay.io/openshift-release-dev/ocp-v4.0-art-dev@{}",
            digest(name)
        ),
    };
    Wanted {
        name: name.to_owned(),
        role,
        reference: reference.parse().unwrap(),
    }
}

/// A release of these components and one image besides.
fn set(components: &[&str]) -> Vec<Wanted> {
    let mut set = vec![wanted("release", Role::Release)];
    set.extend(components.iter().map(|name| wanted(name, Role::Component)));
    set.push(wanted("quay.io/aws-team/line-agent:1.0", Role::Additional));
    set
}

fn chosen(
    set: Vec<Wanted>,
    profile: Profile,
    exclude: &[&str],
    running: &[&str],
) -> Result<Chosen, ExcludeError> {
    let exclude: Vec<_> = exclude.iter().map(|p| Pattern::parse(p).unwrap()).collect();
    let rules = Rules {
        profile,
        exclude: &exclude,
    };
    let running: BTreeSet<_> = running.iter().map(|name| digest(name)).collect();
    choose(set, rules, NAME, &running)
}

fn names(chosen: &Chosen) -> Vec<&str> {
    let left_out = chosen.left_out.iter();
    left_out.map(|image| image.name.as_str()).collect()
}

#[test]
fn all_keeps_everything_in_its_order() {
    let set = set(&["aws-ebs-csi-driver", "etcd", "tests"]);
    let kept = chosen(set.clone(), Profile::All, &[], &[]).unwrap();
    assert_eq!(kept.wanted, set);
    assert!(kept.left_out.is_empty());
}

#[test]
fn the_profile_knows_components_by_whole_words_and_says_why() {
    let components = [
        "aws-ebs-csi-driver",
        "csi-driver-manila-operator",
        "etcd",
        "gcpish",
        "hypershift",
        "hypershift-like",
        "laws",
        "agent-installer-utils",
    ];
    let chosen = chosen(set(&components), Profile::BareMetalSno, &[], &[]).unwrap();
    let expected = [
        "aws-ebs-csi-driver",
        "csi-driver-manila-operator",
        "hypershift",
        "agent-installer-utils",
    ];
    assert_eq!(names(&chosen), expected);
    assert_eq!(
        chosen.left_out[0].reason,
        "images.profile bare-metal-sno: started on AWS only"
    );
    // What the site names itself stays, whatever it is called.
    assert_eq!(chosen.wanted.last().unwrap().role, Role::Additional);
}

#[test]
fn what_the_release_runs_or_something_else_needs_stays() {
    let components = ["aws-pod-identity-webhook", "azure-file-csi-driver", "tests"];
    let mut set = set(&components);
    // An operator's image that is a component of the release, too.
    let same = format!("quay.io/other/name@{}", digest("tests"));
    set.push(wanted(&same, Role::Additional));
    let running = ["aws-pod-identity-webhook"];
    let chosen = chosen(set, Profile::BareMetalSno, &[], &running).unwrap();
    assert_eq!(names(&chosen), ["azure-file-csi-driver"]);
}

#[test]
fn patterns_match_anywhere_in_the_reference_or_in_the_mapped_name() {
    let components = ["aws-ebs-csi-driver", "console", "etcd"];
    let left_out = |pattern: &str| {
        let chosen = chosen(set(&components), Profile::All, &[pattern], &[]).unwrap();
        names(&chosen).join(" ")
    };
    // The peer's own cases: a word, a regular expression without a match, one that is anchored.
    assert_eq!(
        left_out("aws"),
        "aws-ebs-csi-driver quay.io/aws-team/line-agent:1.0"
    );
    assert_eq!(left_out(r"^qua\b"), "");
    assert_eq!(
        left_out(r"^quay\.io/aws-team\W"),
        "quay.io/aws-team/line-agent:1.0"
    );
    // The mapped name and tag.
    assert_eq!(
        left_out("^openshift/release:4.13.1-x86_64-console$"),
        "console"
    );
    assert_eq!(
        left_out("^aws-team/line-agent:1.0$"),
        "quay.io/aws-team/line-agent:1.0"
    );
    let of_console = digest("console").to_string();
    assert_eq!(left_out(&of_console), "console");
    assert_eq!(left_out("AWS"), "");
}

#[test]
fn a_pattern_that_would_drop_what_boots_is_an_error_with_both_names() {
    let components: Vec<_> = [&FIRST_BOOT[..], &SECOND_BOOT, &BUILD].concat();
    for name in components {
        let pattern = format!("-{name}$");
        let error = chosen(set(&[name]), Profile::All, &[&pattern], &[]).unwrap_err();
        assert_eq!(
            (error.pattern.as_str(), error.name.as_str()),
            (pattern.as_str(), name)
        );
        let text = error.to_string();
        assert!(text.contains(&pattern) && text.contains(name), "{text}");
        let kept = chosen(set(&[name]), Profile::BareMetalSno, &[], &[]).unwrap();
        assert!(kept.left_out.is_empty(), "{name}");
    }
    let error = chosen(set(&[]), Profile::All, &["ocp-release"], &[]).unwrap_err();
    assert_eq!(error.name, "release");
    assert!(chosen(set(&["etcd"]), Profile::All, &[".*"], &[]).is_err());
}

#[test]
fn images_have_the_names_that_mirrors_give_them() {
    let name = |image: &Wanted| mapped_name(image, NAME);
    // As mapping.txt of the manual procedure has them.
    assert_eq!(
        name(&wanted("release", Role::Release)),
        "openshift/release-images:4.13.1-x86_64"
    );
    assert_eq!(
        name(&wanted("etcd", Role::Component)),
        "openshift/release:4.13.1-x86_64-etcd"
    );
    assert_eq!(name(&wanted("quay.io/a/b:1", Role::Additional)), "a/b:1");
    assert_eq!(name(&wanted("quay.io/a/b", Role::Additional)), "a/b:latest");
    let by_digest = format!("quay.io/a/b@{}", digest(""));
    assert_eq!(name(&wanted(&by_digest, Role::Additional)), "a/b:e3b0c442");
}

/// By hand, of the 183 components of 4.12.0: names with a platform's word (55), and ten others.
const LEFT_OUT_OF_4_12_0: &str = "\
agent-installer-api-server agent-installer-csr-approver agent-installer-node-agent agent-installer-orchestrator alibaba-cloud-controller-manager \
alibaba-cloud-csi-driver alibaba-disk-csi-driver-operator alibaba-machine-controllers apiserver-network-proxy aws-cloud-controller-manager \
aws-cluster-api-controllers aws-ebs-csi-driver aws-ebs-csi-driver-operator aws-machine-controllers aws-pod-identity-webhook \
azure-cloud-controller-manager azure-cloud-node-manager azure-cluster-api-controllers azure-disk-csi-driver azure-disk-csi-driver-operator \
azure-file-csi-driver azure-file-csi-driver-operator azure-machine-controllers baremetal-machine-controllers cloud-network-config-controller \
csi-driver-manila csi-driver-manila-operator gcp-cloud-controller-manager gcp-cluster-api-controllers gcp-machine-controllers gcp-pd-csi-driver \
gcp-pd-csi-driver-operator hypershift ibm-cloud-controller-manager ibm-vpc-block-csi-driver ibm-vpc-block-csi-driver-operator \
ibm-vpc-node-label-updater ibmcloud-cluster-api-controllers ibmcloud-machine-controllers kubevirt-cloud-controller-manager kubevirt-csi-driver \
kuryr-cni kuryr-controller libvirt-machine-controllers nutanix-machine-controllers openstack-cinder-csi-driver \
openstack-cinder-csi-driver-operator openstack-cloud-controller-manager openstack-machine-api-provider openstack-machine-controllers \
ovirt-csi-driver ovirt-csi-driver-operator ovirt-machine-controllers ovn-kubernetes-microshift powervs-block-csi-driver \
powervs-block-csi-driver-operator powervs-cloud-controller-manager powervs-machine-controllers tests vsphere-cloud-controller-manager \
vsphere-cluster-api-controllers vsphere-csi-driver vsphere-csi-driver-operator vsphere-csi-driver-syncer vsphere-problem-detector";

#[test]
fn of_a_real_release_the_profile_leaves_out_these_65_of_183() {
    let Some(samples) = std::env::var_os("SNOBOX_SAMPLES") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "SNOBOX_SAMPLES is not set"
        );
        return println!("SKIPPED: SNOBOX_SAMPLES is not set");
    };
    let file = IMAGE_REFERENCES.rsplit('/').next().unwrap();
    let path = std::path::Path::new(&samples)
        .join("release-4.12.0")
        .join(file);
    let release = parse_image_references(&std::fs::read(path).unwrap()).unwrap();
    let components = release.components.iter().map(|(name, reference)| Wanted {
        name: name.clone(),
        role: Role::Component,
        reference: reference.clone(),
    });
    let chosen = chosen(components.collect(), Profile::BareMetalSno, &[], &[]).unwrap();
    let expected: Vec<_> = LEFT_OUT_OF_4_12_0.split(' ').collect();
    assert_eq!(names(&chosen), expected);
    assert_eq!((expected.len(), chosen.wanted.len()), (65, 183 - 65));
}
