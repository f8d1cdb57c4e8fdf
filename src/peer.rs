//! Who sends a request: the address, whose requests are counted together with it, and how it is
//! named. The log, `/ip`, the limits of connections and the accounts all ask here.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::sys;

/// The other side of a connection, or the client that it speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Canonical: IPv4 never as `::ffff:`. `None`: a proxy did not name its client, or not
    /// readably. The proxy's own address never stands in for it.
    pub address: Option<IpAddr>,
    /// The interface of a link-local address; 0 for none.
    pub zone: u32,
    /// Whether we believe it when it names a client.
    pub is_proxy: bool,
}

impl Peer {
    /// A client that a proxy did not name. It may be anybody, so its fields are not a proxy's.
    pub const UNKNOWN: Peer = Peer { address: None, zone: 0, is_proxy: false };

    /// The address of every client of a unix socket. No client of a network has it. Lists of
    /// networks name such clients by it; people read `unix:`.
    pub const UNIX: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

    /// The other side of a connection. `None`: it has connected to a unix socket.
    pub fn connected(address: Option<SocketAddr>) -> Peer {
        let zone = match address {
            Some(SocketAddr::V6(address)) => address.scope_id(),
            Some(SocketAddr::V4(_)) | None => 0,
        };
        // Only here: log, /ip and access lists never see ::ffff:192.0.2.1.
        let address = address.map_or(Peer::UNIX, |address| address.ip().to_canonical());
        Peer { address: Some(address), zone, is_proxy: false }
    }

    /// A client that a proxy has named. Zones of other machines mean nothing here.
    pub fn behind_proxy(address: IpAddr) -> Peer {
        Peer { address: Some(address), ..Peer::UNKNOWN }
    }

    /// Whose requests are counted together with those of this peer.
    pub fn household(&self) -> Household {
        match self.address {
            None => Household::Unknown,
            Some(IpAddr::V4(address)) => Household::V4(address),
            Some(IpAddr::V6(address)) => Household::of_ipv6(address, self.zone),
        }
    }

    /// Whether it runs on this machine, as far as its address shows.
    pub fn is_this_machine(&self) -> bool {
        self.address.is_some_and(|address| address.is_loopback() || address == Peer::UNIX)
    }

    /// As the log and `/ip` name it. Asks the system for the name of an interface, if it has one.
    pub fn name(&self) -> Name {
        let zone = (self.zone != 0)
            .then(|| sys::interface_name(self.zone).unwrap_or(self.zone.to_string()));
        Name { address: self.address, zone }
    }
}

/// How a peer is named, to people and to programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As in [`Peer`].
    pub address: Option<IpAddr>,
    /// The interface of a link-local address, by name or else by number.
    pub zone: Option<String>,
}

impl Name {
    /// What the address is for, if there is one.
    pub fn kind(&self) -> Option<Kind> {
        let address = self.address.filter(|address| *address != Peer::UNIX);
        address.map(Kind::of)
    }
}

impl std::fmt::Display for Name {
    /// RFC 5952, and the zone as in RFC 4007 §11.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = match self.address {
            None => return f.write_str("unknown"),
            Some(Peer::UNIX) => return f.write_str("unix:"),
            Some(address) => address,
        };
        match Kind::of(address) {
            // RFC 5952 §5: a known prefix says that there is an IPv4 address in it.
            Kind::Nat64(ipv4) => write!(f, "64:ff9b::{ipv4}")?,
            _ => address.fmt(f)?,
        }
        match &self.zone {
            Some(zone) => write!(f, "%{zone}"),
            None => Ok(()),
        }
    }
}

/// One client as far as addresses tell: an IPv4 address or an IPv6 /64, because a client that has
/// one address of a /64 has all of them (RFC 6177). A prefix that strangers share does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Household {
    /// All clients that proxies did not name.
    Unknown,
    /// An IPv4 address, also one inside an IPv6 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address.
    Network([u8; 8]),
    /// One IPv6 address on one interface.
    Single(Ipv6Addr, u32),
}

impl Household {
    fn of_ipv6(address: Ipv6Addr, zone: u32) -> Household {
        let [a, b, c, d, e, f, g, h, ..] = address.octets();
        match (Kind::of_ipv6(address), [a, b, c, d, e, f, g, h]) {
            // All clients of a translator or of a Teredo server have the same prefix.
            (Kind::Nat64(client) | Kind::Teredo { client, .. }, _) => Household::V4(client),
            (Kind::Nat64Local, _) => Household::Single(address, 0),
            // Every address of a link has the same prefix, and so has the next link.
            (Kind::LinkLocal, _) => Household::Single(address, zone),
            // `::1` and `::` have no neighbours.
            (_, [0, 0, 0, 0, 0, 0, 0, 0]) => Household::Single(address, 0),
            (_, network) => Household::Network(network),
        }
    }
}

/// What an address is for, by the registries of RFC 6890.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 4291 §2.5.4; of IPv4 everything without a row of its own.
    Global,
    /// RFC 4193.
    UniqueLocal,
    /// RFC 4291 §2.5.6, RFC 3927.
    LinkLocal,
    /// RFC 4291 §2.5.3, RFC 1122 §3.2.1.3.
    Loopback,
    /// RFC 3849, RFC 9637, RFC 5737.
    Documentation,
    /// RFC 3056: the address of the router that wraps the packets into IPv4.
    SixToFour(Ipv4Addr),
    /// RFC 4380: a tunnel through a translator, and its two ends.
    Teredo {
        /// The Teredo server that helps.
        server: Ipv4Addr,
        /// Where the tunnel begins.
        client: Ipv4Addr,
    },
    /// RFC 6052 §2.1: an IPv4 client behind a translator.
    Nat64(Ipv4Addr),
    /// RFC 8215: the same, with a prefix that the network chose. Where the IPv4 address is in it
    /// is not known.
    Nat64Local,
    /// RFC 1918.
    Private,
    /// RFC 6598: behind the translator of a provider.
    Shared,
    /// Set aside for anything else, or not assigned yet.
    Reserved,
}

impl Kind {
    /// What this address is for.
    pub fn of(address: IpAddr) -> Kind {
        match address {
            IpAddr::V4(address) => Kind::of_ipv4(address),
            IpAddr::V6(address) => Kind::of_ipv6(address),
        }
    }

    fn of_ipv4(address: Ipv4Addr) -> Kind {
        match address.octets() {
            [127, ..] => Kind::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private,
            [100, 64..=127, ..] => Kind::Shared,
            [169, 254, ..] => Kind::LinkLocal,
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Documentation,
            [0 | 224..=255, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => Kind::Reserved,
            _ => Kind::Global,
        }
    }

    fn of_ipv6(address: Ipv6Addr) -> Kind {
        let embedded =
            |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Kind::Nat64(embedded(high, low)),
            [0x64, 0xff9b, 1, ..] => Kind::Nat64Local,
            [0x2001, 0, high, low, _, _, client_high, client_low] => Kind::Teredo {
                server: embedded(high, low),
                // RFC 4380 §4: each bit of it is turned over.
                client: embedded(!client_high, !client_low),
            },
            [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Kind::Documentation,
            [0x2001, 0..=0x01ff, ..] => Kind::Reserved,
            [0x2002, high, low, ..] => Kind::SixToFour(embedded(high, low)),
            [0x2000..=0x3fff, ..] => Kind::Global,
            [0xfc00..=0xfdff, ..] => Kind::UniqueLocal,
            [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
            _ => Kind::Reserved,
        }
    }

    /// As `/ip` names it to programs.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Global => "global",
            Kind::UniqueLocal => "unique-local",
            Kind::LinkLocal => "link-local",
            Kind::Loopback => "loopback",
            Kind::Documentation => "documentation",
            Kind::SixToFour(_) => "6to4",
            Kind::Teredo { .. } => "teredo",
            Kind::Nat64(_) | Kind::Nat64Local => "nat64",
            Kind::Private => "private",
            Kind::Shared => "shared",
            Kind::Reserved => "reserved",
        }
    }

    /// Whether the last 64 bits name an interface (RFC 4291 §2.5.1).
    pub fn has_interface_identifier(self) -> bool {
        match self {
            Kind::Global | Kind::UniqueLocal | Kind::LinkLocal | Kind::Documentation => true,
            Kind::SixToFour(_) => true,
            Kind::Loopback | Kind::Teredo { .. } | Kind::Nat64(_) | Kind::Nat64Local => false,
            Kind::Private | Kind::Shared | Kind::Reserved => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn household(address: &str, zone: u32) -> Household {
        let address = Some(address.parse().expect("an address"));
        let peer = Peer { address, zone, is_proxy: false };
        peer.household()
    }

    #[test]
    fn households() {
        // (one, on which interface, another, whether they are one household)
        let rows = [
            ("192.0.2.1", 0, "192.0.2.1", 0, true),
            ("192.0.2.1", 0, "192.0.2.2", 0, false),
            ("2001:db8:0:1::1", 0, "2001:db8:0:1:ffff::2", 0, true),
            ("2001:db8:0:1::1", 0, "2001:db8:0:2::1", 0, false),
            ("fe80::1", 2, "fe80::1", 2, true),
            ("fe80::1", 2, "fe80::2", 2, false),
            ("fe80::1", 2, "fe80::1", 3, false),
            ("febf::1", 2, "febf::2", 2, false),
            ("::1", 0, "::1", 0, true),
            ("::1", 0, "::", 0, false),
            ("64:ff9b::192.0.2.1", 0, "64:ff9b::192.0.2.2", 0, false),
            ("64:ff9b::192.0.2.1", 0, "192.0.2.1", 0, true),
            ("64:ff9b:1::1", 0, "64:ff9b:1::2", 0, false),
            ("2001:0:1:2:3:4:3fff:fdfe", 0, "192.0.2.1", 0, true),
            ("2001:0:1:2:3:4:3fff:fdfe", 0, "2001:0:1:2:3:4:3fff:fdfd", 0, false),
            ("2002:c000:201::1", 0, "2002:c000:201::2", 0, true),
        ];
        for (one, zone, other, other_zone, expected) in rows {
            let is_one = household(one, zone) == household(other, other_zone);
            assert_eq!(is_one, expected, "{one}%{zone} and {other}%{other_zone}");
        }
        assert_eq!(Peer::UNKNOWN.household(), Household::Unknown);
    }

    #[test]
    fn kinds() {
        let ipv4 = Ipv4Addr::new;
        let rows = [
            // RFC 4291 §2.4.
            ("::1", Kind::Loopback),
            ("::", Kind::Reserved),
            ("fe80::1", Kind::LinkLocal),
            ("febf:ffff::1", Kind::LinkLocal),
            // RFC 3879: site-local is no more.
            ("fec0::1", Kind::Reserved),
            ("ff02::1", Kind::Reserved),
            ("2000::1", Kind::Global),
            ("2001:200::1", Kind::Global),
            ("2a00:1450:4001:831::200e", Kind::Global),
            ("3ffe:ffff::1", Kind::Global),
            ("4000::1", Kind::Reserved),
            // RFC 4193.
            ("fc00::1", Kind::UniqueLocal),
            ("fdff:ffff::1", Kind::UniqueLocal),
            // RFC 3849, RFC 9637.
            ("2001:db8:ebbd::1", Kind::Documentation),
            ("2001:db9::1", Kind::Global),
            ("3fff::1", Kind::Documentation),
            ("3fff:fff::1", Kind::Documentation),
            ("3fff:1000::1", Kind::Global),
            // RFC 3056 §2.
            ("2002:c000:204::1", Kind::SixToFour(ipv4(192, 0, 2, 4))),
            // RFC 4380 §4, with the example of its appendix.
            (
                "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                Kind::Teredo { server: ipv4(65, 54, 227, 120), client: ipv4(192, 0, 2, 45) },
            ),
            // RFC 6052 §2.4.
            ("64:ff9b::192.0.2.33", Kind::Nat64(ipv4(192, 0, 2, 33))),
            // RFC 8215.
            ("64:ff9b:1:fffe::192.0.2.33", Kind::Nat64Local),
            ("64:ff9b:2::1", Kind::Reserved),
            // RFC 7343 ORCHIDv2, RFC 5180 benchmarks, RFC 6666 discard.
            ("2001:20::1", Kind::Reserved),
            ("2001:2::1", Kind::Reserved),
            ("100::1", Kind::Reserved),
            // RFC 1918.
            ("10.0.0.1", Kind::Private),
            ("172.15.0.1", Kind::Global),
            ("172.16.0.1", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("172.32.0.1", Kind::Global),
            ("192.168.1.1", Kind::Private),
            // RFC 6598.
            ("100.63.0.1", Kind::Global),
            ("100.64.0.1", Kind::Shared),
            ("100.127.255.255", Kind::Shared),
            ("100.128.0.1", Kind::Global),
            // RFC 3927, RFC 1122, RFC 5737, RFC 2544.
            ("169.254.1.1", Kind::LinkLocal),
            ("127.9.9.9", Kind::Loopback),
            ("192.0.2.1", Kind::Documentation),
            ("198.51.100.1", Kind::Documentation),
            ("203.0.113.1", Kind::Documentation),
            ("198.18.0.1", Kind::Reserved),
            ("0.0.0.0", Kind::Reserved),
            ("240.0.0.1", Kind::Reserved),
            ("9.9.9.9", Kind::Global),
        ];
        for (address, kind) in rows {
            assert_eq!(Kind::of(address.parse().expect(address)), kind, "{address}");
        }
    }

    #[test]
    fn names() {
        let interface = (1..100).find(|&index| sys::interface_name(index).is_some());
        let interface = interface.expect("the loopback interface");
        let name = sys::interface_name(interface).expect("its name");
        let rows = [
            ("192.0.2.1", 0, "192.0.2.1".to_owned()),
            ("64:ff9b::c000:201", 0, "64:ff9b::192.0.2.1".to_owned()),
            ("fe80::1", interface, format!("fe80::1%{name}")),
            // The interface has gone.
            ("fe80::1", 4_000_000_000, "fe80::1%4000000000".to_owned()),
        ];
        for (address, zone, expected) in rows {
            let peer = Peer { zone, ..Peer::behind_proxy(address.parse().expect("an address")) };
            assert_eq!(peer.name().to_string(), expected);
        }
        assert_eq!(Peer::UNKNOWN.name().to_string(), "unknown");
        assert_eq!(Peer::connected(None).name().to_string(), "unix:");
    }

    #[test]
    fn the_other_side_of_a_connection() {
        let rows = [
            ("[::ffff:192.0.2.1]:80", "192.0.2.1", 0),
            ("[fe80::1%7]:80", "fe80::1", 7),
            ("192.0.2.1:80", "192.0.2.1", 0),
        ];
        for (socket, address, zone) in rows {
            let peer = Peer::connected(Some(socket.parse().expect("an address")));
            let expected =
                Peer { zone, ..Peer::behind_proxy(address.parse().expect("an address")) };
            assert_eq!(peer, expected, "{socket}");
        }
    }
}
