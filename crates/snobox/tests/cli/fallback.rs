//! `cache.fallback: none` on a line that swallows every packet: what the cache lacks fails at once, and what it has comes as ever.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, may_mount, set_in, tool};

/// A network of its own whose resolver (192.0.2.0/24 is nobody's, RFC 5737) is a cable's end: questions go out and no answer comes. The registry of the node
/// is on the loopback of that network.
const SCRIPT: &str = r#"#!/bin/bash
set -eu
snobox=$1 skopeo=$2
ip link set lo up
ip link add hole type veth peer name end
ip address add 192.0.2.2/24 dev hole
ip link set hole up
ip link set end up
ip neighbour add 192.0.2.53 lladdr 02:00:00:00:00:01 dev hole
echo nameserver 192.0.2.53 >resolv.conf
mount --bind resolv.conf /etc/resolv.conf
"$snobox" serve --store store --listen 127.0.0.1:22626 2>serve.log &
registry=$!
trap 'kill $registry' EXIT
until grep -q http:// serve.log; do sleep 0.05; done
while read -r image; do
    started=$(date +%s%3N)
    if timeout 60 "$skopeo" --registries-conf "$PWD/node.conf" inspect --raw "docker://$image" >answer 2>error; then result=found; else result=missed; fi
    echo "$result $(($(date +%s%3N) - started)) $image"
done <images
"#;

#[test]
fn a_miss_fails_at_once_though_the_resolver_never_answers() {
    let Some(skopeo) = tool("skopeo") else { return };
    let (Some(unshare), Some(_)) = (tool("unshare"), tool("ip")) else {
        return;
    };
    if !may_mount("a network namespace") {
        return;
    }
    let sandbox = Sandbox::with_site();
    set_in(&sandbox, "cache: { fallback: none }\n");
    sandbox.run(&["build"]).ok();
    let image = sandbox.path("practice.img").display().to_string();
    let path = "/etc/containers/registries.conf.d/50-snobox.conf";
    let conf = sandbox.run(&["ignition", "show", &image, path]).ok();
    sandbox.write("node.conf", conf.stdout);
    let release = "quay.io/openshift-release-dev/ocp-release";
    let absent = format!("{release}@sha256:{}", "0".repeat(64));
    let images = [
        format!("{release}:4.99.0-practice-x86_64"),
        absent,
        format!("{release}:no-such-tag"),
        "quay.io/some/other:1".to_owned(),
        "registry.practice.example/nothing:1".to_owned(),
    ];
    sandbox.write("images", images.join("\n") + "\n");
    let script = sandbox.write("script", SCRIPT);
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();

    let mut command = Command::new(unshare.path());
    command
        .args(["--net", "--mount"])
        .arg(&script)
        .arg(env!("CARGO_BIN_EXE_snobox"))
        .arg(skopeo.path());
    sandbox.dress(&mut command);
    let started = Instant::now();
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{talk}");
    let results: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        results,
        ["found", "missed", "missed", "missed", "missed"],
        "{said}"
    );
    // One question to such a resolver takes skopeo 20 seconds: five pulls without any are far below that.
    assert!(started.elapsed() < Duration::from_secs(15), "{said}");
}
