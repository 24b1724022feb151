//! What the live system's kernel is told about the network.
//!
//! Source of truth: dracut.cmdline(7), `ip=` and `nameserver=`; NetworkManager's nm-initrd-generator(8) reads them, and takes a hardware
//! address with dashes where an interface name may stand.

use crate::site::{Interface, Node};

/// The kernel arguments for a node; none for DHCP.
pub fn network(node: &Node) -> Vec<String> {
    let (Some(subnet), Some(interface)) = (node.address, &node.interface) else {
        return Vec::new();
    };
    let interface = match interface {
        Interface::Name(name) => name.clone(),
        Interface::Mac(mac) => mac.replace(':', "-"),
    };
    let gateway = node.gateway.map(|g| g.to_string()).unwrap_or_default();
    let first_dns = node
        .dns_servers
        .first()
        .map(|d| format!(":{d}"))
        .unwrap_or_default();
    let ip = format!(
        "ip={}::{gateway}:{}:{}:{interface}:none{first_dns}",
        subnet.address,
        subnet.netmask(),
        node.hostname
    );
    let more_dns = node
        .dns_servers
        .iter()
        .skip(1)
        .map(|d| format!("nameserver={d}"));
    ["rd.neednet=1".to_owned(), ip]
        .into_iter()
        .chain(more_dns)
        .collect()
}
