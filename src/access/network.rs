//! Networks: an address and a prefix length, as in `2001:db8::/32`. IPv4 addresses never look like
//! `::ffff:` here: those of clients are canonical, and those of rules have to be.

use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use crate::sys;

/// A network of either family, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its other bits are zero.
    address: IpAddr,
    prefix_bits: u8,
    /// The interface on which it is; 0 for any.
    zone: u32,
}

impl Network {
    /// The network of this size that holds `address`. `None`: addresses have fewer bits.
    pub fn of(address: IpAddr, prefix_bits: u8) -> Option<Network> {
        let address = match address {
            IpAddr::V4(address) if prefix_bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix_bits));
                IpAddr::V4((address.to_bits() & mask.unwrap_or(0)).into())
            }
            IpAddr::V6(address) if prefix_bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix_bits));
                IpAddr::V6((address.to_bits() & mask.unwrap_or(0)).into())
            }
            _ => return None,
        };
        Some(Network { address, prefix_bits, zone: 0 })
    }

    /// Its first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether it holds an address of a client on the interface `zone`.
    pub fn contains(&self, address: IpAddr, zone: u32) -> bool {
        (self.zone == 0 || self.zone == zone)
            && Network::of(address, self.prefix_bits)
                .is_some_and(|network| network.address == self.address)
    }

    /// Whether it may hold the address. `zone` 0: the interface is not known.
    pub fn may_contain(&self, address: IpAddr, zone: u32) -> bool {
        self.contains(address, if zone == 0 { self.zone } else { zone })
    }

    /// Of two networks that hold an address, the greater one is more specific.
    pub fn precision(&self) -> (u8, bool) {
        (self.prefix_bits, self.zone != 0)
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.1`, `fe80::/10%eth0` or `fe80::%eth0/10`
    /// (RFC 4007 §11.7). The error says what is wrong, and suggests what may have been meant.
    fn from_str(text: &str) -> Result<Network, String> {
        let (text, zone) = match text.split_once('%') {
            None => (text.to_owned(), None),
            Some((before, after)) => match after.split_once('/') {
                None => (before.to_owned(), Some(after)),
                Some((zone, bits)) => (format!("{before}/{bits}"), Some(zone)),
            },
        };
        let (address, bits) = match text.split_once('/') {
            None => (text.as_str(), None),
            Some((address, bits)) => (address, Some(bits)),
        };
        let address: IpAddr =
            address.parse().map_err(|_| format!("'{address}' is not an IPv6 or IPv4 address"))?;
        let bits_max = if address.is_ipv6() { 128 } else { 32 };
        let prefix_bits = bits.map_or(Some(bits_max), parse_bits);
        let network = prefix_bits
            .and_then(|bits| Network::of(address, bits))
            .ok_or_else(|| format!("the number after the slash must be 0 to {bits_max}"))?;
        if let IpAddr::V6(address) = network.address {
            if let Some(v4) = address.to_ipv4_mapped() {
                let bits = network.prefix_bits.saturating_sub(96);
                return Err(format!("IPv4 clients have IPv4 addresses: write {v4}/{bits}"));
            }
        }
        if network.address != address {
            return Err(format!("it has bits set after the prefix: did you mean {network}?"));
        }
        let zone = zone.map_or(Ok(0), |zone| parse_zone(network, zone))?;
        Ok(Network { zone, ..network })
    }
}

/// Digits without a sign or leading zeros.
fn parse_bits(text: &str) -> Option<u8> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

/// Only link-local addresses have a zone (RFC 4007 §6).
fn parse_zone(network: Network, zone: &str) -> Result<u32, String> {
    match network.address {
        IpAddr::V6(address) if is_link_local(address, network.prefix_bits) => {}
        _ => {
            return Err(format!(
                "only link-local networks have a zone; {network} is not link-local"
            ));
        }
    }
    sys::interface_called(zone).ok_or_else(|| format!("there is no interface '{zone}'"))
}

fn is_link_local(address: Ipv6Addr, prefix_bits: u8) -> bool {
    address.is_unicast_link_local() && prefix_bits >= 10
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)?;
        match self.zone {
            0 => Ok(()),
            zone => write!(f, "%{zone}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every system has a loopback interface, but its name differs.
    fn loopback() -> (String, u32) {
        let found = sys::addresses().expect("addresses");
        let loopback = found.into_iter().find(|found| found.address.is_loopback());
        let name = loopback.expect("a loopback interface").interface;
        let index = sys::interface_index(&name).expect("its number");
        (name, index)
    }

    #[test]
    fn networks_as_people_write_them() {
        let (name, index) = loopback();
        let rows: [(&str, Result<&str, &str>); 38] = [
            ("192.0.2.0/24", Ok("192.0.2.0/24")),
            ("192.0.2.1", Ok("192.0.2.1/32")),
            ("192.0.2.1/32", Ok("192.0.2.1/32")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            ("128.0.0.0/1", Ok("128.0.0.0/1")),
            ("2001:DB8::/32", Ok("2001:db8::/32")),
            ("2001:db8:0:0::1", Ok("2001:db8::1/128")),
            ("::/0", Ok("::/0")),
            ("::1", Ok("::1/128")),
            ("fe80::/10", Ok("fe80::/10")),
            ("fe80::/10%IF", Ok("fe80::/10%N")),
            ("fe80::%IF/10", Ok("fe80::/10%N")),
            ("fe80::1%IF", Ok("fe80::1/128%N")),
            ("fe80::1%N", Ok("fe80::1/128%N")),
            ("192.0.2.1/24", Err("it has bits set after the prefix: did you mean 192.0.2.0/24?")),
            ("192.0.2.1/0", Err("it has bits set after the prefix: did you mean 0.0.0.0/0?")),
            (
                "2001:db8::1/64",
                Err("it has bits set after the prefix: did you mean 2001:db8::/64?"),
            ),
            ("::ffff:192.0.2.0/120", Err("IPv4 clients have IPv4 addresses: write 192.0.2.0/24")),
            ("::ffff:192.0.2.1", Err("IPv4 clients have IPv4 addresses: write 192.0.2.1/32")),
            ("::ffff:0:0/96", Err("IPv4 clients have IPv4 addresses: write 0.0.0.0/0")),
            (
                "2001:db8::/32%IF",
                Err("only link-local networks have a zone; 2001:db8::/32 is not link-local"),
            ),
            (
                "192.0.2.0/24%IF",
                Err("only link-local networks have a zone; 192.0.2.0/24 is not link-local"),
            ),
            (
                "fe00::/8%IF",
                Err("only link-local networks have a zone; fe00::/8 is not link-local"),
            ),
            ("fe80::/10%nope", Err("there is no interface 'nope'")),
            ("fe80::/10%+1", Err("there is no interface '+1'")),
            ("fe80::/10%01", Err("there is no interface '01'")),
            ("fe80::/10%0", Err("there is no interface '0'")),
            ("fe80::/10%", Err("there is no interface ''")),
            ("192.0.2.0/33", Err("the number after the slash must be 0 to 32")),
            ("2001:db8::/129", Err("the number after the slash must be 0 to 128")),
            ("2001:db8::/256", Err("the number after the slash must be 0 to 128")),
            ("192.0.2.0/024", Err("the number after the slash must be 0 to 32")),
            ("192.0.2.0/+24", Err("the number after the slash must be 0 to 32")),
            ("192.0.2.0/", Err("the number after the slash must be 0 to 32")),
            ("192.0.2.0/255.255.255.0", Err("the number after the slash must be 0 to 32")),
            ("192.0.2/24", Err("'192.0.2' is not an IPv6 or IPv4 address")),
            ("[2001:db8::]/32", Err("'[2001:db8::]' is not an IPv6 or IPv4 address")),
            ("", Err("'' is not an IPv6 or IPv4 address")),
        ];
        for (text, expected) in rows {
            let text = text.replace("IF", &name).replace("%N", &format!("%{index}"));
            let found = text.parse::<Network>().map(|network| network.to_string());
            let expected = match expected {
                Ok(expected) => Ok(expected.replace("%N", &format!("%{index}"))),
                Err(expected) => Err(expected.to_owned()),
            };
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_lies_in_a_network() {
        let rows = [
            ("192.0.2.0/24", "192.0.2.0", true),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.128/25", "192.0.2.127", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "ffff::", true),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::1", "::1", true),
            ("::1", "::2", false),
            ("fe80::/10", "febf::1", true),
            ("fe80::/10", "fec0::1", false),
        ];
        for (network, address, expected) in rows {
            let network: Network = network.parse().expect("a network");
            let address = address.parse().expect("an address");
            assert_eq!(network.contains(address, 0), expected, "{address} in {network}");
        }
        let (_, index) = loopback();
        let network: Network = format!("fe80::/10%{index}").parse().expect("a network");
        let address = "fe80::1".parse().expect("an address");
        for (zone, expected) in [(index, true), (index + 1, false), (0, false)] {
            assert_eq!(network.contains(address, zone), expected, "on interface {zone}");
        }
    }
}
