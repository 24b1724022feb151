//! What may stand together in `node`, and which addresses a node may have.

use crate::texts::{FULL, SHORT, bad, full_with, good};

fn paths(text: &str) -> Vec<String> {
    bad(text).into_iter().map(|p| p.path).collect()
}

#[test]
fn a_static_address_needs_an_interface() {
    assert_eq!(
        paths(&full_with("  interface: { name: enp0s25 }\n", "")),
        ["node.interface"]
    );
}

#[test]
fn a_gateway_needs_a_static_address() {
    let without = full_with("  address: 192.168.86.45/24\n", "");
    assert_eq!(paths(&without), ["node.gateway"]);
    assert_eq!(
        paths(&format!("{SHORT}  gateway: 10.0.0.1\n")),
        ["node.gateway"]
    );
    for line in [
        "interface: { name: eth0 }",
        "interface: { mac: 28:d2:44:d3:ef:1c }",
        "dns: { servers: [10.0.0.1] }",
        "ntp: { servers: [a.lan] }",
    ] {
        good(&format!("{SHORT}  {line}\n"));
    }
}

#[test]
fn gateway_and_name_servers_may_be_left_out() {
    let text = full_with(
        "  gateway: 192.168.86.1\n  dns: { servers: [192.168.86.27] }\n",
        "",
    );
    let node = good(&text).node;
    assert!(node.gateway.is_none() && node.dns_servers.is_empty() && node.address.is_some());
}

#[test]
fn a_gateway_is_another_host_of_the_same_network() {
    let gateway = |g: &str| full_with("gateway: 192.168.86.1\n", &format!("gateway: {g}\n"));
    for g in ["192.168.86.1", "192.168.86.254", "192.168.86.44"] {
        good(&gateway(g));
    }
    for g in [
        "192.168.87.1",
        "192.168.85.255",
        "192.168.86.45",
        "192.168.86.0",
        "192.168.86.255",
        "0.0.0.0",
    ] {
        let problems = bad(&gateway(g));
        let [problem] = &problems[..] else {
            panic!("{g}: {problems:#?}")
        };
        assert_eq!(
            (problem.path.as_str(), problem.at.line, problem.at.column),
            ("node.gateway", 13, 12)
        );
        assert_eq!(
            problem.allowed,
            "another address of 192.168.86.0/24, the network of node.address"
        );
    }
}

#[test]
fn a_node_has_the_address_of_a_host_outside_of_networks_that_are_taken() {
    let address = |a: &str| {
        FULL.replacen("192.168.86.45/24", a, 1)
            .replacen("  gateway: 192.168.86.1\n", "", 1)
    };
    for a in [
        "10.0.0.1/30",
        "10.0.0.2/30",
        "10.127.255.1/24",
        "10.132.0.1/24",
        "172.29.0.5/16",
        "172.31.0.5/16",
        "192.168.0.255/23",
        "100.63.1.1/16",
        "1.0.0.1/8",
    ] {
        good(&address(a));
    }
    for a in [
        "10.0.0.0/30", // the network itself
        "10.0.0.3/30", // its broadcast address
        "192.168.86.0/24",
        "192.168.86.255/24",
        "0.0.0.1/8",
        "127.0.0.2/8",
        "169.254.7.7/16",
        "224.0.0.5/24",
        "250.1.1.1/24",
        "10.128.0.5/24", // pods
        "10.131.255.1/24",
        "10.1.2.3/8",    // a network that holds that of the pods
        "172.30.4.4/24", // services
        "172.16.0.9/12",
        "100.64.0.9/24", // the join network of OVN-Kubernetes
        "100.64.200.9/24",
    ] {
        assert_eq!(paths(&address(a)), ["node.address"], "{a}");
    }
}

#[test]
fn a_refused_address_causes_no_further_problems() {
    assert_eq!(
        paths(&full_with("192.168.86.45/24", "192.168.86.45")),
        ["node.address"]
    );
}
