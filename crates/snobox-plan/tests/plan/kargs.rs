//! Kernel arguments. The first expectation is section 2 and 4 of the manual procedure, with its own values.

use snobox_plan::kargs::network;

use crate::texts::{FULL, SHORT, full_with, good};

fn line(text: &str) -> String {
    network(&good(text).node).join(" ")
}

#[test]
fn the_manual_procedure_is_repeated_letter_by_letter() {
    let manual =
        "rd.neednet=1 ip=192.168.86.45::192.168.86.1:255.255.255.0:bip:enp0s25:none:192.168.86.27";
    assert_eq!(line(FULL), manual);
}

#[test]
fn a_hardware_address_stands_with_dashes() {
    assert_eq!(
        line(&full_with(
            "{ name: enp0s25 }",
            "{ mac: \"28:D2:44:d3:ef:1c\" }"
        )),
        "rd.neednet=1 ip=192.168.86.45::192.168.86.1:255.255.255.0:bip:28-d2-44-d3-ef-1c:none:192.168.86.27"
    );
}

#[test]
fn further_name_servers_are_arguments_of_their_own() {
    assert_eq!(
        line(&full_with(
            "dns: { servers: [192.168.86.27] }",
            "dns: { servers: [192.168.86.27, 1.1.1.1, 8.8.8.8] }"
        )),
        "rd.neednet=1 ip=192.168.86.45::192.168.86.1:255.255.255.0:bip:enp0s25:none:192.168.86.27 nameserver=1.1.1.1 nameserver=8.8.8.8"
    );
}

#[test]
fn what_is_left_out_leaves_its_place_empty() {
    let text = full_with(
        "  gateway: 192.168.86.1\n  dns: { servers: [192.168.86.27] }\n",
        "",
    );
    assert_eq!(
        line(&text),
        "rd.neednet=1 ip=192.168.86.45:::255.255.255.0:bip:enp0s25:none"
    );
}

#[test]
fn the_netmask_follows_the_prefix() {
    let masks = [
        (8, "255.0.0.0"),
        (20, "255.255.240.0"),
        (30, "255.255.255.252"),
    ];
    for (prefix, mask) in masks {
        let text = full_with(
            "192.168.86.45/24\n  gateway: 192.168.86.1",
            &format!("192.168.86.45/{prefix}"),
        );
        assert!(
            line(&text).contains(&format!(":::{mask}:bip:")),
            "{}",
            line(&text)
        );
    }
}

#[test]
fn dhcp_needs_no_arguments_unless_something_else_is_given() {
    assert_eq!(network(&good(SHORT).node), [""; 0]);
    let told = |line: &str| network(&good(&format!("{SHORT}{line}\n")).node).join(" ");
    assert_eq!(
        told("  interface: { name: eth0 }"),
        "rd.neednet=1 ip=eth0:dhcp"
    );
    assert_eq!(
        told("  interface: { mac: 28:d2:44:d3:ef:1c }\n  dns: { servers: [10.0.0.1, 10.0.0.2] }"),
        "rd.neednet=1 ip=28-d2-44-d3-ef-1c:dhcp nameserver=10.0.0.1 nameserver=10.0.0.2"
    );
    assert_eq!(
        told("  dns: { servers: [10.0.0.1] }"),
        "rd.neednet=1 ip=dhcp nameserver=10.0.0.1"
    );
}
