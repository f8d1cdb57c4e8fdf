//! The URLs at which the server can be reached: those that work from another machine first.

use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};

use crate::sys::{self, InterfaceAddress};

/// One for each address that a listener answers on, the best first.
pub fn reachable(listeners: &[TcpListener]) -> Vec<String> {
    let own = sys::addresses().unwrap_or_default();
    let passing = passing_addresses();
    let mut found: Vec<(u8, String)> = Vec::new();
    for address in listeners
        .iter()
        .filter_map(|listener| listener.local_addr().ok())
    {
        // What v6-only sockets do not answer is answered by the second one.
        let both_families = address.is_ipv6() && listeners.len() == 1;
        let matches = |own: &&InterfaceAddress| {
            let same_family = own.address.is_ipv6() == address.is_ipv6();
            if address.ip().is_unspecified() {
                (same_family || both_families) && is_worth_telling(own, &passing)
            } else {
                own.address == address.ip()
            }
        };
        for own in own.iter().filter(matches) {
            let url = (rank(own.address), url(own, address.port()));
            if !found.contains(&url) {
                found.push(url);
            }
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, url)| url).collect()
}

fn url(own: &InterfaceAddress, port: u16) -> String {
    match own.address {
        // RFC 6874, as curl takes it; browsers take no zone at all.
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            format!("http://[{address}%25{}]:{port}/", own.interface)
        }
        address => format!("http://{}/", SocketAddr::new(address, port)),
    }
}

/// Global, unique local, IPv4, link-local, this machine only.
fn rank(address: IpAddr) -> u8 {
    match address {
        _ if address.is_loopback() => 4,
        IpAddr::V4(_) => 2,
        IpAddr::V6(address) if address.is_unicast_link_local() => 3,
        IpAddr::V6(address) if address.is_unique_local() => 1,
        IpAddr::V6(_) => 0,
    }
}

/// Containers' bridges lead nowhere for other machines; passing addresses soon do.
fn is_worth_telling(own: &InterfaceAddress, passing: &[Ipv6Addr]) -> bool {
    let bridges = [
        "docker", "veth", "br-", "virbr", "cni", "flannel", "lxc", "podman",
    ];
    let is_bridge = bridges
        .iter()
        .any(|prefix| own.interface.starts_with(prefix));
    let is_passing = matches!(own.address, IpAddr::V6(address) if passing.contains(&address));
    !is_bridge && !is_passing
}

/// Addresses that are temporary (RFC 8981), deprecated, tentative or in conflict, as Linux tells.
fn passing_addresses() -> Vec<Ipv6Addr> {
    const TEMPORARY: u32 = 0x01;
    const DUPLICATE: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    const TENTATIVE: u32 = 0x40;
    let table = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let address = Ipv6Addr::from_bits(u128::from_str_radix(words.next()?, 16).ok()?);
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        (flags & (TEMPORARY | DUPLICATE | DEPRECATED | TENTATIVE) != 0).then_some(address)
    };
    table.lines().filter_map(parse).collect()
}
