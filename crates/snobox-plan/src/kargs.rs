//! What the live system's kernel is told about the network.
//!
//! Source of truth: dracut.cmdline(7), `ip=` and `nameserver=`; NetworkManager's nm-initrd-generator(8) reads them, and takes a hardware
//! address with dashes where an interface name may stand.

use crate::site::{Interface, Node};

/// The kernel arguments for a node; none where DHCP decides about everything.
pub fn network(node: &Node) -> Vec<String> {
    let interface = node.interface.as_ref().map(|interface| match interface {
        Interface::Name(name) => name.clone(),
        Interface::Mac(mac) => mac.replace(':', "-"),
    });
    let mut dns = node.dns_servers.iter();
    let ip = match (node.address, interface) {
        (Some(subnet), interface) => {
            let gateway = node.gateway.map(|g| g.to_string()).unwrap_or_default();
            let first_dns = dns.next().map(|d| format!(":{d}")).unwrap_or_default();
            format!(
                "ip={}::{gateway}:{}:{}:{}:none{first_dns}",
                subnet.address,
                subnet.netmask(),
                node.hostname,
                interface.unwrap_or_default()
            )
        }
        (None, Some(interface)) => format!("ip={interface}:dhcp"),
        (None, None) if !node.dns_servers.is_empty() => "ip=dhcp".to_owned(),
        (None, None) => return Vec::new(),
    };
    let name_servers = dns.map(|d| format!("nameserver={d}"));
    ["rd.neednet=1".to_owned(), ip]
        .into_iter()
        .chain(name_servers)
        .collect()
}
