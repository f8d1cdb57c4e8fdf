//! Networks that are allowed and denied. The most specific network that holds the client's address
//! decides; on a tie, deny wins.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::peer::Peer;
use crate::sys;

use super::network::Network;

/// What the operator says about some clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether they are allowed.
    pub verdict: Verdict,
    /// Where they are.
    pub place: Place,
}

impl Rule {
    fn networks<'r>(&'r self, local: &'r [Network]) -> &'r [Network] {
        match &self.place {
            Place::Network(network) => std::slice::from_ref(network),
            Place::Local => local,
        }
    }
}

/// Whether a client is allowed. On a tie, the greater one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The client is allowed.
    Allow,
    /// The client is denied.
    Deny,
}

/// Where clients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this network.
    Network(Network),
    /// In a network that this machine is connected to now.
    Local,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        match text {
            "local" => Ok(Place::Local),
            network => network.parse().map(Place::Network),
        }
    }
}

/// The rules, and what `local` means now.
#[derive(Debug)]
pub struct AccessList {
    rules: Vec<Rule>,
    /// The verdict if no rule applies.
    otherwise: Verdict,
    local: Mutex<Local>,
}

/// The networks that this machine is connected to.
#[derive(Debug)]
struct Local {
    networks: Vec<Network>,
    /// When they are looked up again: not for each client, but soon after the provider has changed
    /// the prefix.
    stale_milliseconds: u64,
}

const FRESH_MILLISECONDS: u64 = 1_000;

impl AccessList {
    /// With a rule that allows, all other clients are denied.
    pub fn new(rules: &[Rule]) -> AccessList {
        let allows = rules.iter().any(|rule| rule.verdict == Verdict::Allow);
        AccessList {
            rules: rules.to_vec(),
            otherwise: if allows { Verdict::Deny } else { Verdict::Allow },
            local: Mutex::new(Local { networks: connected_networks(&[]), stale_milliseconds: 0 }),
        }
    }

    /// Whether a rule names `local`.
    pub fn names_local(&self) -> bool {
        self.rules.iter().any(|rule| rule.place == Place::Local)
    }

    /// What `local` means now. At the start an error matters: it would come back for each client,
    /// and only a part of the networks would be known.
    pub fn local() -> io::Result<Vec<Network>> {
        sys::connected().map(|found| connected_networks(&found))
    }

    /// Looks up what `local` means.
    pub fn look_up_local(&self) -> io::Result<()> {
        self.lock().networks = AccessList::local()?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a client is allowed. An unknown one is not: a rule may deny it.
    pub fn allows(&self, client: Peer, now_milliseconds: u64) -> bool {
        let Some(address) = client.address else {
            return false;
        };
        let zone = client.zone;
        let verdict = if self.names_local() {
            let mut local = self.lock();
            if now_milliseconds >= local.stale_milliseconds {
                local.stale_milliseconds = now_milliseconds + FRESH_MILLISECONDS;
                // This fails if no descriptor is left. The networks of a second ago will do.
                if let Ok(networks) = AccessList::local() {
                    local.networks = networks;
                }
            }
            self.verdict(address, zone, &local.networks, u8::MAX)
        } else {
            self.verdict(address, zone, &[], u8::MAX)
        };
        verdict == Verdict::Allow
    }

    /// Whether a client that reaches the machine at its address `own` may be allowed. `zone`: the
    /// interface of a link-local address. `local` is what it was when it was last looked up.
    pub fn may_admit(&self, own: IpAddr, zone: u32) -> bool {
        self.may_admit_now(own, zone, &self.lock().networks)
    }

    fn may_admit_now(&self, own: IpAddr, zone: u32, local: &[Network]) -> bool {
        // Clients have addresses of the same kind. We ask for all of the kind, and for each network
        // that is allowed, what the rules say that hold for the whole of it.
        let kind = kind(own);
        let allows = |address, bits| self.verdict(address, zone, local, bits) == Verdict::Allow;
        allows(own, kind.1)
            || self.rules.iter().any(|rule| {
                rule.networks(local).iter().any(|network| {
                    let address = network.address();
                    self::kind(address) == kind && allows(address, network.precision().0)
                })
            })
    }

    /// `bits_max`: of rules with longer prefixes none counts.
    fn verdict(&self, address: IpAddr, zone: u32, local: &[Network], bits_max: u8) -> Verdict {
        let expanded = self
            .rules
            .iter()
            .flat_map(|rule| rule.networks(local).iter().map(|network| (network, rule.verdict)));
        expanded
            .filter(|(network, _)| network.precision().0 <= bits_max)
            .filter(|&(network, verdict)| match verdict {
                Verdict::Allow => network.contains(address, zone),
                Verdict::Deny => network.may_contain(address, zone),
            })
            .map(|(network, verdict)| (network.precision(), verdict))
            .max()
            .map_or(self.otherwise, |(_, verdict)| verdict)
    }
}

/// A kind of addresses: whether they are IPv4, and how many bits all of the kind have in common.
fn kind(address: IpAddr) -> (bool, u8) {
    let bits = match address {
        IpAddr::V4(address) if address.is_loopback() => 8,
        IpAddr::V6(address) if address.is_loopback() => 128,
        IpAddr::V6(address) if address.is_unicast_link_local() => 10,
        _ => 0,
    };
    (address.is_ipv4(), bits)
}

impl std::fmt::Display for AccessList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.otherwise {
            Verdict::Allow => "all",
            Verdict::Deny => "none",
        })?;
        for rule in &self.rules {
            f.write_str(match rule.verdict {
                Verdict::Allow => ", but ",
                Verdict::Deny => ", not ",
            })?;
            match rule.place {
                Place::Network(network) => network.fmt(f)?,
                Place::Local => f.write_str("local")?,
            }
        }
        Ok(())
    }
}

/// What `local` means: this machine, its links, and the networks to which the system says that it
/// is connected, by an address or by a route without a gateway. Other private networks are not
/// local: a provider or another site may use them behind a router.
fn connected_networks(found: &[(IpAddr, u8)]) -> Vec<Network> {
    let always: [(IpAddr, u8); 3] = [
        (Ipv4Addr::LOCALHOST.into(), 8),
        (Ipv6Addr::LOCALHOST.into(), 128),
        // No router forwards these, so such a client is on the same link.
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0).into(), 10),
    ];
    let mut networks = Vec::new();
    // The route of a tunnel may cover all addresses. They are not local.
    let found = found.iter().copied().filter(|&(_, bits)| bits > 0);
    for (address, bits) in always.into_iter().chain(found) {
        if let Some(network) = Network::of(address, bits) {
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
    }
    networks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Peer {
        Peer::behind_proxy(address.parse().expect("an address"))
    }

    fn list(rules: &str) -> AccessList {
        let rule = |word: &str| {
            let (sign, place) = word.split_at(1);
            Rule {
                verdict: if sign == "+" { Verdict::Allow } else { Verdict::Deny },
                place: place.parse().expect("a place"),
            }
        };
        AccessList::new(&rules.split_whitespace().map(rule).collect::<Vec<_>>())
    }

    /// A machine on a home network, with an IPv6 prefix of its provider, and a tunnel.
    fn connected() -> Vec<Network> {
        let own = [
            ("192.168.1.35", 24),
            ("2001:db8:1:2::35", 64),
            ("fd12:3456::35", 64),
            ("10.9.0.1", 32),
            ("100.64.0.1", 0),
        ];
        let own = own.map(|(address, bits)| (address.parse().expect("an address"), bits));
        connected_networks(&own)
    }

    #[test]
    fn the_longest_prefix_decides() {
        // (rules, clients that are allowed, clients that are not)
        let rows = [
            ("", "192.0.2.1 2001:db8::1", ""),
            ("-192.0.2.0/24", "192.0.3.1 2001:db8::1", "192.0.2.1"),
            ("+192.0.2.0/24", "192.0.2.1", "192.0.3.1 2001:db8::1 ::1 127.0.0.1"),
            ("+192.0.2.0/24 -192.0.2.7", "192.0.2.6", "192.0.2.7 192.0.3.1"),
            ("-192.0.2.0/24 +192.0.2.7", "192.0.2.7", "192.0.2.6 192.0.3.1"),
            (
                "-::/0 +2001:db8::/32 -2001:db8:1::/48",
                "2001:db8::1",
                "2001:db8:1::1 2001:db9::1 192.0.2.1",
            ),
            ("+192.0.2.0/24 -192.0.2.0/24", "", "192.0.2.1"),
            ("-192.0.2.0/24 +192.0.2.0/24", "", "192.0.2.1"),
            ("+0.0.0.0/0", "192.0.2.1", "2001:db8::1"),
            ("+0.0.0.0/0 +::/0 -192.0.2.1", "192.0.2.2 2001:db8::1", "192.0.2.1"),
            (
                "+local",
                "127.0.0.1 127.9.9.9 ::1 fe80::1 192.168.1.36 2001:db8:1:2::36 fd12:3456::36 10.9.0.1",
                "192.168.2.1 2001:db8:1:3::1 fd12:3456:0:1::1 10.9.0.2 10.0.0.1 169.254.1.1 192.0.2.1",
            ),
            ("+local -192.168.1.36", "192.168.1.37", "192.168.1.36"),
            ("-local", "192.0.2.1", "192.168.1.36 ::1 fe80::1"),
            ("+::/0 -local +fd12:3456::35", "fd12:3456::35 2001:db8::1", "fd12:3456::36 192.0.2.1"),
        ];
        for (rules, allowed, denied) in rows {
            let list = list(rules);
            for (addresses, expected) in [(allowed, Verdict::Allow), (denied, Verdict::Deny)] {
                for address in addresses.split_whitespace() {
                    let found =
                        list.verdict(address.parse().expect("an address"), 0, &connected(), 128);
                    assert_eq!(found, expected, "{address} with {rules}");
                }
            }
        }
    }

    #[test]
    fn addresses_at_which_nobody_would_be_allowed() {
        // (rules, own addresses that are of use to some client, and to none)
        let all = "192.168.1.35 2001:db8:1:2::35 fe80::35 ::1 127.0.0.1";
        let rows = [
            ("", all, ""),
            ("+local", all, ""),
            ("+::/0 +0.0.0.0/0", all, ""),
            ("-192.168.1.0/24", all, ""),
            ("+192.168.1.66", "192.168.1.35", "2001:db8:1:2::35 fe80::35 ::1 127.0.0.1"),
            ("+192.168.1.66 -192.168.1.66", "", all),
            ("+192.168.1.0/24 -192.168.0.0/16", "192.168.1.35", "2001:db8:1:2::35 127.0.0.1"),
            ("+2001:db8:9::/48", "2001:db8:1:2::35", "192.168.1.35 fe80::35 ::1"),
            ("-::/0", "192.168.1.35 127.0.0.1", "2001:db8:1:2::35 fe80::35 ::1"),
            ("-::/0 +fe80::/10", "fe80::35", "2001:db8:1:2::35 ::1 192.168.1.35"),
            ("+local -fe80::/10", "192.168.1.35 2001:db8:1:2::35 ::1", "fe80::35"),
            ("+::/0 -fe80::/10", "2001:db8:1:2::35 ::1", "fe80::35 192.168.1.35"),
            ("+127.0.0.1", "127.0.0.1", "192.168.1.35 ::1"),
            ("-local", "192.168.1.35 2001:db8:1:2::35", "fe80::35 ::1 127.0.0.1"),
        ];
        for (rules, some, none) in rows {
            let list = list(rules);
            for (addresses, expected) in [(some, true), (none, false)] {
                for own in addresses.split_whitespace() {
                    let own_address = own.parse().expect("an address");
                    let found = list.may_admit_now(own_address, 0, &connected());
                    assert_eq!(found, expected, "{own} with {rules}");
                }
            }
        }
    }

    #[test]
    fn what_is_always_local_is_not_lost_where_nothing_can_be_looked_up() {
        let list = list("+local");
        list.local.lock().expect("the lock").stale_milliseconds = u64::MAX;
        for (address, expected) in
            [("127.9.9.9", true), ("::1", true), ("fe80::7", true), ("192.0.2.1", false)]
        {
            assert_eq!(list.allows(client(address), 0), expected, "{address}");
        }
    }

    #[test]
    fn one_interface_is_more_precise_than_all() {
        let index = (1..100).find(|&index| sys::interface_name(index).is_some());
        let index = index.expect("an interface");
        let list = list(&format!("-fe80::/10 +fe80::/10%{index}"));
        let at = |zone| Peer { zone, ..client("fe80::1") };
        assert!(list.allows(at(index), 0));
        assert!(!list.allows(at(index + 1), 0));
    }

    #[test]
    fn a_zone_that_a_proxy_did_not_tell_may_be_any() {
        let index = (1..100).find(|&index| sys::interface_name(index).is_some());
        let index = index.expect("an interface");
        for (rules, expected) in [
            (format!("-fe80::/10%{index}"), false),
            (format!("+fe80::/10%{index}"), false),
            (format!("+fe80::/10 -fe80::2%{index}"), true),
            (format!("+fe80::/10 -fe80::1%{index}"), false),
        ] {
            let found = list(&rules).allows(client("fe80::1"), 0);
            assert_eq!(found, expected, "{rules}");
        }
    }

    #[test]
    fn an_unknown_client_is_let_in_by_no_rule() {
        for rules in ["+::/0 +0.0.0.0/0", "-192.0.2.1", "+local", "-local", "+::"] {
            assert!(!list(rules).allows(Peer::UNKNOWN, 0), "{rules}");
        }
    }

    #[test]
    fn local_is_looked_up_once_a_second() {
        let list = list("+local");
        // An address that no machine has.
        let other = client("240.0.0.1");
        assert!(list.allows(client("127.0.0.1"), 0));
        let all = Network::of(Ipv4Addr::UNSPECIFIED.into(), 0).expect("a network");
        list.local.lock().expect("the lock").networks.push(all);
        assert!(list.allows(other, FRESH_MILLISECONDS - 1));
        assert!(!list.allows(other, FRESH_MILLISECONDS));
    }
}
