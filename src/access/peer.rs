//! Who a request comes from, and whose requests are counted together. The only place that says
//! what happens where a client is not known.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The other side of a connection, or the client that it speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Canonical: IPv4 never as `::ffff:`. `None`: a proxy did not say, or not readably, for whom
    /// it speaks. Nothing takes the proxy's own address for that.
    pub address: Option<IpAddr>,
    /// The interface of a link-local address; 0 for none.
    pub zone: u32,
    /// Whether it is believed for whom it speaks.
    pub is_proxy: bool,
}

impl Peer {
    /// A client that nobody has named. It may be anybody, so its fields are not a proxy's.
    pub const UNKNOWN: Peer = Peer { address: None, zone: 0, is_proxy: false };

    /// A client that a proxy has named. Zones of other machines mean nothing here.
    pub fn behind_proxy(address: IpAddr) -> Peer {
        Peer { address: Some(address), ..Peer::UNKNOWN }
    }

    /// Whose requests are counted together with those of this one.
    pub fn household(&self) -> Household {
        match self.address {
            None => Household::Unknown,
            Some(IpAddr::V4(address)) => Household::V4(address),
            Some(IpAddr::V6(address)) => Household::of_ipv6(address, self.zone),
        }
    }
}

/// One client as far as addresses tell: an IPv4 address or an IPv6 /64, for whoever has one
/// address of a /64 has all of them (RFC 6177). Where a prefix is shared by strangers it is not
/// the /64 that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Household {
    /// All clients that nobody has named.
    Unknown,
    /// An IPv4 address, also one inside of an IPv6 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address.
    Network([u8; 8]),
    /// One IPv6 address on one interface.
    Single(Ipv6Addr, u32),
}

impl Household {
    fn of_ipv6(address: Ipv6Addr, zone: u32) -> Household {
        match address.octets() {
            // RFC 6052 §2.1: everybody behind a NAT64, by the IPv4 address.
            [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => {
                Household::V4(Ipv4Addr::new(a, b, c, d))
            }
            // RFC 4380 §4: everybody behind a Teredo server, by the IPv4 address, turned over.
            [0x20, 0x01, 0, 0, _, _, _, _, _, _, _, _, a, b, c, d] => {
                Household::V4(Ipv4Addr::new(!a, !b, !c, !d))
            }
            // RFC 8215: a NAT64 of the network's own, with the address in a place of its own.
            [0, 0x64, 0xff, 0x9b, 0, 1, ..] => Household::Single(address, 0),
            // Everything on a link has this prefix, and on the next link as well.
            [0xfe, 0x80..=0xbf, ..] => Household::Single(address, zone),
            // `::1` and `::` are neighbours of nobody.
            [0, 0, 0, 0, 0, 0, 0, 0, ..] => Household::Single(address, 0),
            [a, b, c, d, e, f, g, h, ..] => Household::Network([a, b, c, d, e, f, g, h]),
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
    fn who_is_counted_together() {
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
}
