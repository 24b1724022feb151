//! What is handed to `openshift-install`.

use serde_json::{Value, json};
use snobox_formats::pull_secret::PullSecret;
use snobox_plan::install_config::{DigestMirror, chrony_conf, install_config, manifests};

use crate::texts::{FULL, SHORT, full_with, good};

const SECRET: &str = r#"{"auths":{"quay.io":{"auth":"dXNlcjpjYW5hcnk="}}}"#;

fn derived(text: &str) -> Value {
    derived_for("4.13.1", &[], text)
}

fn derived_for(version: &str, mirrors: &[DigestMirror], text: &str) -> Value {
    let secret = PullSecret::parse(SECRET).unwrap();
    let key = "ssh-ed25519 AAAA me@here\n";
    install_config(&good(text), &secret, key, mirrors, version)
}

/// `imageDigestSources` is known to installers from 4.14 on, `imageContentSources` to all.
#[test]
fn mirrors_are_written_in_the_words_of_the_release() {
    let mirrors = [DigestMirror {
        source: "quay.io/a".to_owned(),
        mirrors: vec!["127.0.0.1:22626/quay.io/a".to_owned()],
    }];
    let expected = json!([{ "source": "quay.io/a", "mirrors": ["127.0.0.1:22626/quay.io/a"] }]);
    for (version, key) in [
        ("4.12.0", "imageContentSources"),
        ("4.13.1-rc.1", "imageContentSources"),
        ("4.14.0-ec.1", "imageDigestSources"),
        ("4.20.3", "imageDigestSources"),
        ("4.99.0-practice", "imageDigestSources"),
        ("5.0.0", "imageDigestSources"),
    ] {
        let config = derived_for(version, &mirrors, SHORT);
        assert_eq!(config[key], expected, "{version}");
        let keys = ["imageContentSources", "imageDigestSources"];
        let given = keys.iter().filter(|k| config.get(**k).is_some());
        assert_eq!(given.count(), 1, "{version}");
    }
}

#[test]
fn an_install_config_says_what_the_site_says() {
    let expected = json!({
        "apiVersion": "v1",
        "baseDomain": "example.com",
        "metadata": { "name": "bip" },
        "compute": [{ "name": "worker", "replicas": 0, "architecture": "amd64" }],
        "controlPlane": { "name": "master", "replicas": 1, "architecture": "amd64" },
        "networking": {
            "networkType": "OVNKubernetes",
            "clusterNetwork": [{ "cidr": "10.128.0.0/14", "hostPrefix": 23 }],
            "serviceNetwork": ["172.30.0.0/16"],
            "machineNetwork": [{ "cidr": "192.168.86.0/24" }],
        },
        "platform": { "none": {} },
        "bootstrapInPlace": { "installationDisk": "--save-partlabel 'data' /run/snobox/installation-disk" },
        "pullSecret": SECRET,
        "sshKey": "ssh-ed25519 AAAA me@here",
    });
    assert_eq!(derived(FULL), expected);
}

#[test]
fn with_dhcp_the_machine_network_is_left_to_the_installer() {
    assert!(derived(SHORT)["networking"].get("machineNetwork").is_none());
    assert!(derived(SHORT)["networking"]["serviceNetwork"].is_array());
}

#[test]
fn the_machine_network_is_the_network_of_the_address() {
    let text = full_with("192.168.86.45/24", "192.168.86.45/22");
    assert_eq!(
        derived(&text)["networking"]["machineNetwork"],
        json!([{ "cidr": "192.168.84.0/22" }])
    );
}

#[test]
fn architectures_are_written_in_the_words_of_the_installer() {
    let config = derived(&full_with("x86_64", "aarch64"));
    assert_eq!(config["controlPlane"]["architecture"], "arm64");
    assert_eq!(config["compute"][0]["architecture"], "arm64");
}

/// The installer reads YAML. JSON is a part of it: a reader of YAML finds the same document.
#[test]
fn readers_of_json_and_of_yaml_find_the_same_install_config() {
    let config = derived(FULL);
    for text in [config.to_string(), format!("{config:#}")] {
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), config);
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), config);
    }
}

/// Base64 checked against `printf 'bip\n' | base64` and the same of the text below.
#[test]
fn the_installed_system_gets_its_name_and_its_time_servers() {
    let [manifest] = &manifests(&good(FULL))[..] else {
        panic!()
    };
    assert_eq!(manifest.name, "99-master-snobox-node.yaml");
    let document: Value = serde_json::from_str(&manifest.text).unwrap();
    assert_eq!(
        document["apiVersion"],
        "machineconfiguration.openshift.io/v1"
    );
    assert_eq!(document["kind"], "MachineConfig");
    assert_eq!(
        document["metadata"]["labels"],
        json!({ "machineconfiguration.openshift.io/role": "master" })
    );
    assert_eq!(document["spec"]["config"]["ignition"]["version"], "3.2.0");
    let files = &document["spec"]["config"]["storage"]["files"];
    assert_eq!(
        files[0],
        json!({
            "path": "/etc/hostname",
            "mode": 420,
            "overwrite": true,
            "contents": { "source": "data:text/plain;charset=utf-8;base64,YmlwCg==" },
        })
    );
    assert_eq!(files[1]["path"], "/etc/chrony.conf");
    assert_eq!(files.as_array().unwrap().len(), 2);
}

#[test]
fn without_time_servers_the_system_keeps_its_own() {
    assert_eq!(chrony_conf(&good(SHORT)), None);
    let [manifest] = &manifests(&good(SHORT))[..] else {
        panic!()
    };
    assert!(!manifest.text.contains("chrony"));
    let two = good(&format!("{SHORT}  ntp: {{ servers: [a.lan, 10.0.0.1] }}\n"));
    assert_eq!(
        chrony_conf(&two).unwrap(),
        "server a.lan iburst\nserver 10.0.0.1 iburst\ndriftfile /var/lib/chrony/drift\nmakestep 1.0 3\nrtcsync\nlogdir /var/log/chrony\n"
    );
}
