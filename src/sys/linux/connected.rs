//! The networks that this machine is connected to, as the rules and routing tables of Linux have them.
//! Asked of the kernel itself: /proc may be hidden, and a netlink socket can still be made in the
//! sandbox. Numbers are those of linux/rtnetlink.h, the same on all machines.

use std::io;
use std::net::IpAddr;

use super::netlink::{Socket, address, attribute, word};

pub fn connected() -> io::Result<Vec<(IpAddr, u8)>> {
    let mut socket = Socket::open()?;
    let mut found = Found::default();
    socket.dump(RTM_GETLINK, &mut |message| found.link(message))?;
    socket.dump(RTM_GETADDR, &mut |message| found.address(message))?;
    match socket.dump(RTM_GETRULE, &mut |message| found.rule(message)) {
        // A kernel without rules has no table that is not in use.
        Err(error) if error.raw_os_error() == Some(EOPNOTSUPP) => found.all_tables = true,
        outcome => outcome?,
    }
    socket.dump(RTM_GETROUTE, &mut |message| found.route(message))?;
    Ok(found.networks)
}

/// More are not kept: each request from a client looks through them.
const NETWORKS_MAX: usize = 1_024;
#[derive(Debug, Default)]
struct Found {
    networks: Vec<(IpAddr, u8)>,
    /// Numbers of interfaces that are up.
    up: Vec<u32>,
    /// Families and numbers of routing tables that rules lead to. A route in another is used by
    /// nobody.
    tables: Vec<(u8, u32)>,
    /// A rule leads to the tables of all VRFs.
    all_tables: bool,
}

impl Found {
    fn add(&mut self, address: IpAddr, bits: u8) {
        if self.networks.len() < NETWORKS_MAX && !self.networks.contains(&(address, bits)) {
            self.networks.push((address, bits));
        }
    }

    /// `struct ifinfomsg`: family, padding, type (2), number (4), flags (4), what has changed (4).
    fn link(&mut self, message: &[u8]) {
        const IFF_UP: u32 = 1;
        if let (Some(number), Some(flags)) = (word(message, 4), word(message, 8)) {
            if flags & IFF_UP != 0 {
                self.up.push(number);
            }
        }
    }

    /// `struct ifaddrmsg`: family, bits, flags, scope, number of the interface (4).
    fn address(&mut self, message: &[u8]) {
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        let (Some(&bits), Some(number)) = (message.get(1), word(message, 4)) else {
            return;
        };
        if !self.up.contains(&number) {
            return;
        }
        // At the other end of a link, if there is another; else the own one.
        let peer = attribute(message, 8, IFA_ADDRESS).and_then(address);
        let own = attribute(message, 8, IFA_LOCAL).and_then(address).or(peer);
        if let (Some(own), Some(peer)) = (own, peer) {
            if own != peer {
                self.add(own, if own.is_ipv6() { 128 } else { 32 });
            }
            if bits > 0 {
                self.add(peer, bits);
            }
        }
    }

    /// `struct fib_rule_hdr`: family, bits of both ends, TOS, table, two that are reserved,
    /// action, flags (4).
    fn rule(&mut self, message: &[u8]) {
        const FR_ACT_TO_TBL: u8 = 1;
        const FRA_TABLE: u16 = 15;
        const FRA_L3MDEV: u16 = 24;
        let Some(&[family, _, _, _, table, _, _, FR_ACT_TO_TBL]) = message.first_chunk() else {
            return;
        };
        if let Some(&[1]) = attribute(message, 12, FRA_L3MDEV) {
            self.all_tables = true;
        }
        let long = attribute(message, 12, FRA_TABLE).and_then(|value| word(value, 0));
        self.tables.push((family, long.unwrap_or(table.into())));
    }

    /// `struct rtmsg`: family, bits of destination and source, TOS, table, who made it, scope,
    /// type, flags (4).
    fn route(&mut self, message: &[u8]) {
        const RTN_UNICAST: u8 = 1;
        const RTNH_F_DEAD: u32 = 1;
        const RTM_F_CLONED: u32 = 0x200;
        const RTA_DST: u16 = 1;
        const RTA_OIF: u16 = 4;
        const RTA_MULTIPATH: u16 = 9;
        const RTA_TABLE: u16 = 15;
        let (Some(&[family, bits, _, _, table, _, _, kind]), Some(flags)) =
            (message.first_chunk::<8>(), word(message, 8))
        else {
            return;
        };
        // Not what is thrown away or refused, nor for many, nor what was learned of one client.
        if kind != RTN_UNICAST || flags & (RTNH_F_DEAD | RTM_F_CLONED) != 0 {
            return;
        }
        let shortest = match family {
            AF_INET => BITS_MIN_V4,
            AF_INET6 => BITS_MIN_V6,
            _ => return,
        };
        let value = |name| attribute(message, 12, name);
        let table = value(RTA_TABLE).and_then(|value| word(value, 0)).unwrap_or(table.into());
        if bits < shortest || !(self.all_tables || self.tables.contains(&(family, table))) {
            return;
        }
        let is_on_link = match value(RTA_MULTIPATH) {
            Some(ways) => are_all_on_link(ways),
            None => value(RTA_OIF).is_some() && is_direct(message, 12),
        };
        if !is_on_link {
            return;
        }
        if let Some(destination) = value(RTA_DST).and_then(address) {
            if !destination.is_multicast() {
                self.add(destination, bits);
            }
        }
    }
}

/// Whether the attributes after `start` bytes name nobody who would pass a packet on: a gateway,
/// one of the other family, or one at the end of a tunnel.
fn is_direct(message: &[u8], start: usize) -> bool {
    const RTA_GATEWAY: u16 = 5;
    const RTA_VIA: u16 = 18;
    const RTA_ENCAP_TYPE: u16 = 21;
    let mut names = [RTA_GATEWAY, RTA_VIA, RTA_ENCAP_TYPE].into_iter();
    !names.any(|name| attribute(message, start, name).is_some())
}

/// `struct rtnexthop`, one after the other: length (2), flags, hops, interface (4), attributes.
fn are_all_on_link(mut ways: &[u8]) -> bool {
    const WAY_BYTES: usize = 8;
    while let Some(&[l0, l1]) = ways.first_chunk::<2>() {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        match ways.get(..length) {
            Some(way) if length >= WAY_BYTES && is_direct(way, WAY_BYTES) => {}
            _ => return false,
        }
        ways = ways.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}

/// A default route may come in pieces (`0.0.0.0/1`, `2000::/3`): whatever is larger than the
/// largest network that anybody has on a link is one.
const BITS_MIN_V4: u8 = 8;
const BITS_MIN_V6: u8 = 16;

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_GETRULE: u16 = 34;

const EOPNOTSUPP: i32 = 95;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn attribute_of(name: u16, value: &[u8]) -> Vec<u8> {
        let length = (value.len() + 4) as u16;
        let mut bytes = [&length.to_ne_bytes()[..], &name.to_ne_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn octets(address: &str) -> Vec<u8> {
        match address.parse().expect("an address") {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }
    }

    fn networks(found: &Found) -> Vec<String> {
        let text = |(address, bits): &(IpAddr, u8)| format!("{address}/{bits}");
        found.networks.iter().map(text).collect()
    }

    /// Rules lead to tables 254 and 52.
    fn found() -> Found {
        Found {
            up: vec![2],
            tables: [AF_INET, AF_INET6]
                .into_iter()
                .flat_map(|family| [(family, 254), (family, 52)])
                .collect(),
            ..Found::default()
        }
    }

    fn device() -> Vec<u8> {
        attribute_of(4, &2_u32.to_ne_bytes())
    }

    fn route_to(destination: &str, bits: u8, kind: u8, flags: u32, attributes: &[u8]) -> Vec<u8> {
        let family = if destination.contains(':') { AF_INET6 } else { AF_INET };
        let start = [family, bits, 0, 0, 254, 0, 0, kind];
        let destination = attribute_of(1, &octets(destination));
        [&start[..], &flags.to_ne_bytes(), &destination, attributes].concat()
    }

    fn check_route(name: &str, message: &[u8], expected: bool) {
        let is_unicast = message[7] == 1;
        let mut found = found();
        found.route(message);
        assert_eq!(found.networks.len(), usize::from(expected), "{name}");
        // Cut anywhere, it is at most less.
        for cut in 0..message.len() {
            let mut found = self::found();
            found.route(&message[..cut]);
            let most = usize::from(expected || is_unicast);
            assert!(found.networks.len() <= most, "{name} cut at {cut}");
        }
    }

    #[test]
    fn routes_of_some_kinds_are_on_a_link() {
        let rows: [(&str, &str, u8, u8, u32, bool); 16] = [
            ("IPv4", "192.0.2.0", 24, 1, 0, true),
            ("IPv6", "2001:db8::", 64, 1, 0, true),
            ("one address", "100.64.0.7", 32, 1, 0, true),
            ("of this machine", "192.0.2.1", 32, 2, 0, false),
            ("broadcast", "192.0.2.255", 32, 3, 0, false),
            ("multicast", "ff00::", 8, 5, 0, false),
            ("multicast that says otherwise", "ff02::", 16, 1, 0, false),
            ("blackhole", "192.0.2.0", 24, 6, 0, false),
            ("unreachable", "192.0.2.0", 24, 7, 0, false),
            ("prohibit", "192.0.2.0", 24, 8, 0, false),
            ("throw", "192.0.2.0", 24, 9, 0, false),
            ("dead", "192.0.2.0", 24, 1, 1, false),
            ("learned", "2001:db8::7", 128, 1, 0x200, false),
            ("no carrier", "192.0.2.0", 24, 1, 16, true),
            ("half of everything", "0.0.0.0", 1, 1, 0, false),
            ("all global addresses", "2000::", 3, 1, 0, false),
        ];
        for (name, destination, bits, kind, flags, expected) in rows {
            check_route(name, &route_to(destination, bits, kind, flags, &device()), expected);
        }
        // A default route has no destination.
        let mut found = found();
        found.route(&[&[AF_INET, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0][..], &device()].concat());
        assert_eq!(networks(&found), [""; 0]);
    }

    #[test]
    fn routes_without_a_gateway_are_on_a_link() {
        let with_device = |attribute: Vec<u8>| [device(), attribute].concat();
        let table = |number: u32| with_device(attribute_of(15, &number.to_ne_bytes()));
        let gateway = attribute_of(5, &[192, 0, 2, 1]);
        let way = |attributes: &[u8]| {
            let length = (8 + attributes.len()) as u16;
            [&length.to_ne_bytes()[..], &[0; 6], attributes].concat()
        };
        let ways = |second: &[u8]| attribute_of(9, &[way(b""), way(second)].concat());
        let rows: [(&str, Vec<u8>, bool); 10] = [
            ("its table", table(52), true),
            ("no rule leads there", table(99), false),
            ("a table of many bits", table(254 + 256), false),
            ("a gateway", with_device(gateway.clone()), false),
            ("a gateway of the other family", with_device(attribute_of(18, &[0; 18])), false),
            ("several ways", ways(b""), true),
            ("several ways, one by a gateway", ways(&gateway), false),
            ("several ways that are cut", attribute_of(9, &[8, 0, 0]), false),
            ("wrapped up", with_device(attribute_of(21, &[1, 0])), false),
            ("no interface", Vec::new(), false),
        ];
        for (name, attributes, expected) in rows {
            check_route(name, &route_to("192.0.2.0", 24, 1, 0, &attributes), expected);
        }
    }

    #[test]
    fn addresses_and_their_peers() {
        let rows: [(&str, u8, u32, Option<&str>, &str, &[&str]); 6] = [
            ("IPv4", 24, 2, Some("192.0.2.1"), "192.0.2.1", &["192.0.2.1/24"]),
            ("IPv6", 64, 2, None, "2001:db8::1", &["2001:db8::1/64"]),
            ("one", 128, 2, None, "2001:db8::1", &["2001:db8::1/128"]),
            ("a peer", 32, 2, Some("10.9.0.1"), "10.9.0.2", &["10.9.0.1/32", "10.9.0.2/32"]),
            (
                "a peer's network",
                24,
                2,
                Some("10.9.0.1"),
                "10.8.0.2",
                &["10.9.0.1/32", "10.8.0.2/24"],
            ),
            ("down", 24, 3, Some("192.0.2.1"), "192.0.2.1", &[]),
        ];
        for (name, bits, interface, own, peer, expected) in rows {
            let own = own.map(|own| attribute_of(2, &octets(own))).unwrap_or_default();
            let start = [0, bits, 0, 0];
            let message =
                [&start[..], &u32::to_ne_bytes(interface), &attribute_of(1, &octets(peer)), &own]
                    .concat();
            let mut found = found();
            found.address(&message);
            assert_eq!(networks(&found), expected, "{name}");
        }
    }

    #[test]
    fn rules_lead_to_tables() {
        let mut found = Found::default();
        let rule = |table: u8, action: u8, attributes: &[u8]| {
            [&[AF_INET, 0, 0, 0, table, 0, 0, action, 0, 0, 0, 0], attributes].concat()
        };
        found.rule(&rule(254, 1, b""));
        found.rule(&rule(0, 1, &attribute_of(15, &51_820_u32.to_ne_bytes())));
        found.rule(&rule(99, 7, b""));
        assert_eq!(
            (&found.tables[..], found.all_tables),
            (&[(AF_INET, 254), (AF_INET, 51_820)][..], false)
        );
        found.rule(&rule(0, 1, &attribute_of(24, &[1])));
        assert!(found.all_tables);
    }

    #[test]
    fn the_loopback_network_is_connected() {
        let found = connected().expect("an answer");
        assert!(found.contains(&(Ipv4Addr::LOCALHOST.into(), 8)), "{found:?}");
        // And no more descriptors each time, nor other answers.
        assert_eq!(connected().expect("an answer"), found);
    }
}
