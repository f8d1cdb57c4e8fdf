//! The URLs at which the server can be reached: those that work from another machine first.

use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::access::Access;
use crate::sys::{self, InterfaceAddress, Listener};

use super::listener::{address, is_dual_stack};

/// A URL of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reachable {
    /// With a slash at its end.
    pub url: String,
    rank: Rank,
}

/// The precedence of RFC 6724 §2.1, highest first: the order in which clients try the addresses of
/// a name. After them addresses that need a zone, then those of this machine only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A name, which people can type and which outlives every address.
    Name,
    Global,
    Ipv4,
    /// 2002::/16
    SixToFour,
    /// 2001::/32
    Teredo,
    UniqueLocal,
    LinkLocal,
    Loopback,
}

impl Reachable {
    /// As it is printed: the URL, with a remark if it does not work everywhere.
    pub fn line(&self) -> String {
        match self.rank {
            // RFC 6874 put zones into URLs, browsers never accepted them, and RFC 9844 dropped them.
            Rank::LinkLocal => {
                format!("{} (link-local: works with curl, not in browsers)", self.url)
            }
            _ => self.url.clone(),
        }
    }

    /// Whether the browser of another machine can open it.
    pub fn is_for_phones(&self) -> bool {
        self.rank < Rank::LinkLocal
    }
}

/// One URL for each address at which a listener answers, the best first. Without those at which
/// every client would be refused.
pub fn reachable(listeners: &[Listener], access: Option<&Access>) -> Vec<Reachable> {
    let admits = |own, zone| access.is_none_or(|access| access.may_admit(own, zone));
    let own = sys::addresses().unwrap_or_default();
    let listens = |listener: &Listener| Some((address(listener)?, is_dual_stack(listener)));
    let listeners: Vec<_> = listeners.iter().filter_map(listens).collect();
    best_first(&listeners, &own, &passing_addresses(), announced_name().as_deref(), &admits)
}

/// The same for any machine. `listeners`: their addresses, and whether they answer both families.
/// `own`: the machine's addresses. `passing`: those that will not last. `admits`: whether one is of
/// use to any client.
fn best_first(
    listeners: &[(SocketAddr, bool)],
    own: &[InterfaceAddress],
    passing: &[Ipv6Addr],
    mut name: Option<&str>,
    admits: &dyn Fn(IpAddr, u32) -> bool,
) -> Vec<Reachable> {
    let mut found: Vec<Reachable> = Vec::new();
    let mut add = |rank, host: &str, port: u16| {
        let url = match port {
            80 => format!("http://{host}/"),
            _ => format!("http://{host}:{port}/"),
        };
        if !found.iter().any(|found| found.url == url) {
            let at = found.partition_point(|found| found.rank <= rank);
            found.insert(at, Reachable { url, rank });
        }
    };
    for (listener, both_families) in listeners {
        let (address, is_everywhere) = (listener.ip(), listener.ip().is_unspecified());
        // 127.0.0.2 is this machine too, though no interface has it.
        let is_known = is_everywhere || own.iter().any(|own| own.address == address);
        let other = InterfaceAddress { interface: String::new(), address, prefix_bits: 0 };
        for own in own.iter().chain((!is_known).then_some(&other)) {
            let same_family = own.address.is_ipv6() == listener.is_ipv6();
            let answers = if is_everywhere {
                (same_family || *both_families) && is_worth_telling(own, passing)
            } else {
                own.address == address && is_on(own, listener)
            };
            if !answers {
                continue;
            }
            let rank = rank(own.address);
            if admits(own.address, sys::interface_index(&own.interface).unwrap_or(0)) {
                add(rank, &host(own), listener.port());
            } else if rank < Rank::LinkLocal {
                // A client takes any address of the name, and would be refused at this one.
                name = None;
            }
        }
    }
    let everywhere = listeners.iter().find(|(listener, _)| listener.ip().is_unspecified());
    if let Some((name, (listener, _))) = name.zip(everywhere) {
        add(Rank::Name, name, listener.port());
    }
    found
}

/// As the host of a URL.
fn host(own: &InterfaceAddress) -> String {
    match own.address {
        // RFC 6874, as curl accepts it.
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            format!("[{address}%25{}]", own.interface)
        }
        IpAddr::V6(address) => format!("[{address}]"),
        IpAddr::V4(address) => address.to_string(),
    }
}

fn rank(address: IpAddr) -> Rank {
    match address {
        _ if address.is_loopback() => Rank::Loopback,
        // Link-local ones included: browsers need no zone for IPv4.
        IpAddr::V4(_) => Rank::Ipv4,
        IpAddr::V6(address) if address.is_unicast_link_local() => Rank::LinkLocal,
        IpAddr::V6(address) => match address.segments() {
            [0xfc00..=0xfdff, ..] => Rank::UniqueLocal,
            [0x2001, 0, ..] => Rank::Teredo,
            [0x2002, ..] => Rank::SixToFour,
            _ => Rank::Global,
        },
    }
}

/// Whether a listener is on the interface of an address. Several interfaces may have the same
/// link-local address; a listener with a zone is on one of them.
fn is_on(own: &InterfaceAddress, listener: &SocketAddr) -> bool {
    match listener {
        SocketAddr::V6(listener) if listener.scope_id() != 0 => {
            sys::interface_index(&own.interface) == Some(listener.scope_id())
        }
        _ => true,
    }
}

/// Not the bridges of containers: other machines cannot reach them. Not addresses that will not
/// last.
fn is_worth_telling(own: &InterfaceAddress, passing: &[Ipv6Addr]) -> bool {
    let mut bridges = "docker veth br- virbr cni flannel lxc podman".split(' ');
    let is_bridge = bridges.any(|prefix| own.interface.starts_with(prefix));
    let is_passing = matches!(own.address, IpAddr::V6(address) if passing.contains(&address));
    !is_bridge && !is_passing
}

/// Addresses that are temporary (RFC 8981), deprecated, tentative or in conflict.
fn passing_addresses() -> Vec<Ipv6Addr> {
    passing_in(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default())
}

/// Reads Linux's table: address, interface, prefix length, scope, flags, all in hexadecimal.
fn passing_in(table: &str) -> Vec<Ipv6Addr> {
    const TEMPORARY: u32 = 0x01;
    const DUPLICATE: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    const TENTATIVE: u32 = 0x40;
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let address = Ipv6Addr::from_bits(u128::from_str_radix(words.next()?, 16).ok()?);
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        (flags & (TEMPORARY | DUPLICATE | DEPRECATED | TENTATIVE) != 0).then_some(address)
    };
    table.lines().filter_map(parse).collect()
}

/// `NAME.local`, if this machine announces it over multicast DNS (RFC 6762): by Avahi, or by
/// systemd-resolved where a network has it switched on.
fn announced_name() -> Option<String> {
    let by_avahi = fs::metadata("/run/avahi-daemon/socket").is_ok();
    let by_resolved = || {
        let links = fs::read_dir("/run/systemd/netif/links").ok()?;
        let mut states = links.filter_map(|link| fs::read_to_string(link.ok()?.path()).ok());
        states.find(|state| state.lines().any(|line| line == "MDNS=yes"))
    };
    if !by_avahi && by_resolved().is_none() {
        return None;
    }
    local_name(&fs::read_to_string("/proc/sys/kernel/hostname").ok()?)
}

/// The first label of a host's name, if DNS allows it.
fn local_name(host: &str) -> Option<String> {
    let label = host.trim().split('.').next()?.to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let fine = (1..=63).contains(&label.len()) && label.bytes().all(is_plain);
    (fine && label != "localhost").then(|| format!("{label}.local"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(
        listeners: &[&str],
        own: &[(&str, &str)],
        passing: &[&str],
        name: Option<&str>,
    ) -> Vec<String> {
        let both_families = listeners == ["[::]:8080"];
        let listeners: Vec<_> =
            (listeners.iter()).map(|text| (text.parse().expect(text), both_families)).collect();
        let own: Vec<InterfaceAddress> = (own.iter())
            .map(|(interface, address)| InterfaceAddress {
                interface: (*interface).to_owned(),
                address: address.parse().expect(address),
                prefix_bits: 64,
            })
            .collect();
        let passing: Vec<Ipv6Addr> =
            (passing.iter()).map(|text| text.parse().expect(text)).collect();
        let found = best_first(&listeners, &own, &passing, name, &|_, _| true);
        found.iter().map(Reachable::line).collect()
    }

    const BOARD: [(&str, &str); 9] = [
        ("lo", "127.0.0.1"),
        ("lo", "::1"),
        ("eth0", "192.0.2.7"),
        ("eth0", "fe80::a6f3:c1ff:fe24:6d7b"),
        ("eth0", "2001:db8:ebbd:0:4d18:71cd:b814:9508"),
        ("eth0", "2001:db8:ebbd:0:a6f3:c1ff:fe24:6d7b"),
        ("eth0", "fd00::7"),
        ("docker0", "172.17.0.1"),
        ("docker0", "fe80::42:1ff:fe02:304"),
    ];
    const LINK_LOCAL: &str = "http://[fe80::a6f3:c1ff:fe24:6d7b%25eth0]:8080/ \
                              (link-local: works with curl, not in browsers)";

    #[test]
    fn the_best_come_first() {
        let temporary = ["2001:db8:ebbd:0:4d18:71cd:b814:9508"];
        let all = [
            "http://odroid.local:8080/",
            "http://[2001:db8:ebbd:0:a6f3:c1ff:fe24:6d7b]:8080/",
            "http://192.0.2.7:8080/",
            "http://[fd00::7]:8080/",
            LINK_LOCAL,
            "http://127.0.0.1:8080/",
            "http://[::1]:8080/",
        ];
        let name = Some("odroid.local");
        assert_eq!(lines(&["[::]:8080"], &BOARD, &temporary, name), all);
        // Two sockets, where one cannot have both families: the same, and nothing twice.
        let two = ["[::]:8080", "0.0.0.0:8080"];
        let mut found = lines(&two, &BOARD, &temporary, name);
        found.swap(5, 6);
        assert_eq!(found, all);
        // Nobody announces the name.
        assert_eq!(lines(&["[::]:8080"], &BOARD, &temporary, None), all[1..]);
        // No IPv6 here.
        let ipv4 = ["http://192.0.2.7:8080/", "http://127.0.0.1:8080/"];
        assert_eq!(lines(&["0.0.0.0:8080"], &BOARD, &[], None), ipv4);
    }

    /// A name has addresses of both families, and a client takes the one it likes.
    #[test]
    fn addresses_that_are_of_no_use_are_left_out() {
        let own = [("eth0", "192.0.2.7"), ("eth0", "2001:db8::7"), ("lo", "::1")];
        let own = own.map(|(interface, address)| InterfaceAddress {
            interface: interface.to_owned(),
            address: address.parse().expect(address),
            prefix_bits: 64,
        });
        let listeners = [("[::]:80".parse().expect("an address"), true)];
        for (refused, expected) in [
            ("", "http://odroid.local/ http://[2001:db8::7]/ http://192.0.2.7/ http://[::1]/"),
            ("2001:db8::7", "http://192.0.2.7/ http://[::1]/"),
            ("::1", "http://odroid.local/ http://[2001:db8::7]/ http://192.0.2.7/"),
        ] {
            let admits = |own: IpAddr, _| own.to_string() != refused;
            let found = best_first(&listeners, &own, &[], Some("odroid.local"), &admits);
            let found: Vec<String> = found.iter().map(Reachable::line).collect();
            assert_eq!(found.join(" "), expected, "{refused}");
        }
    }

    #[test]
    fn an_address_that_was_chosen_is_told() {
        for (listener, expected) in [
            ("[::1]:8080", "http://[::1]:8080/"),
            ("127.0.0.1:80", "http://127.0.0.1/"),
            ("127.0.0.2:8080", "http://127.0.0.2:8080/"),
            // Even if it passes, or is a container's.
            ("172.17.0.1:8080", "http://172.17.0.1:8080/"),
            (
                "[2001:db8:ebbd:0:4d18:71cd:b814:9508]:8080",
                "http://[2001:db8:ebbd:0:4d18:71cd:b814:9508]:8080/",
            ),
            ("[fe80::a6f3:c1ff:fe24:6d7b]:8080", LINK_LOCAL),
        ] {
            let passing = ["2001:db8:ebbd:0:4d18:71cd:b814:9508"];
            let found = lines(&[listener], &BOARD, &passing, Some("odroid.local"));
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn what_phones_can_open() {
        for (address, expected) in [
            ("2001:db8::1", true),
            ("fd00::1", true),
            ("192.0.2.7", true),
            ("fe80::1", false),
            ("::1", false),
            ("127.0.0.1", false),
        ] {
            let rank = rank(address.parse().expect(address));
            let url = String::new();
            assert_eq!(Reachable { url, rank }.is_for_phones(), expected, "{address}");
        }
    }

    #[test]
    fn linux_tells_what_passes() {
        let table = "\
            20010db8000000000000000000000001 02 40 00 80     eth0\n\
            20010db8000000000000000000000002 02 40 00 01     eth0\n\
            20010db8000000000000000000000003 02 40 00 a0     eth0\n\
            20010db8000000000000000000000004 02 40 00 c0     eth0\n\
            20010db8000000000000000000000005 02 40 00 88     eth0\n\
            20010db8000000000000000000000006 02 40 00 00     eth0\n\
            not a line\n";
        let expected = [2, 3, 4, 5].map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
        assert_eq!(passing_in(table), expected);
    }

    #[test]
    fn names() {
        for (host, name) in [
            ("odroid\n", Some("odroid.local")),
            ("Pi.example.org\n", Some("pi.local")),
            ("localhost\n", None),
            ("(none)\n", None),
            ("\n", None),
        ] {
            assert_eq!(local_name(host).as_deref(), name, "{host}");
        }
    }
}
