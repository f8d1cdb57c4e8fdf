//! The virtual path `/ip`: what address a client comes from, and what can be read from it. It is
//! what `ipv6-httpd.py` was written for.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::http::request::Fields;
use crate::http::response::{Body, Response, Status};

use super::page::{self, Form, escape_html, write_json};

/// Who asks, as far as the server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Canonical: IPv4 never as `::ffff:`. `None`: the proxy in front did not say.
    pub address: Option<IpAddr>,
    /// The interface on which a link-local address is valid.
    pub zone: Option<String>,
    /// The server's own address of this connection, canonical too.
    pub server: Option<IpAddr>,
}

impl Client {
    /// Stands for whoever connects to a unix socket, and so has no address: nothing that comes
    /// over a network is from `::`. Lists of addresses name them so; people read `unix:`.
    pub const UNIX: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

    /// What the address is for, if there is one.
    fn kind(&self) -> Option<Kind> {
        let address = self.address.filter(|address| *address != Client::UNIX);
        address.map(Kind::of)
    }
}

impl std::fmt::Display for Client {
    /// RFC 5952, and the zone as RFC 4007 §11 writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = match self.address {
            None => return f.write_str("unknown"),
            Some(Client::UNIX) => return f.write_str("unix:"),
            Some(address) => address,
        };
        match Kind::of(address) {
            // RFC 5952 §5: where a known prefix says so, IPv4 is written as IPv4.
            Kind::Nat64(ipv4) => write!(f, "64:ff9b::{ipv4}")?,
            _ => address.fmt(f)?,
        }
        match &self.zone {
            Some(zone) => write!(f, "%{zone}"),
            None => Ok(()),
        }
    }
}

/// Whether a path, as it was sent, is this one.
pub fn is_at(path: &[u8]) -> bool {
    path == b"/ip"
}

/// The answer to `/ip`.
pub fn respond(client: &Client, fields: Fields<'_>) -> Response {
    let form = Form::wanted(fields, Form::Text);
    let address = client.to_string();
    let mut page = Vec::new();
    match form {
        Form::Json => write_json_page(client, &address, &mut page),
        Form::Html => write_page(client, &address, &mut page),
        Form::Text => {
            for part in ["Your IP address is ", &address, "\n"] {
                page.extend_from_slice(part.as_bytes());
            }
        }
    }
    let response = Response::new(Status::Ok)
        .with("Content-Type", form.media_type())
        .with("X-Content-Type-Options", "nosniff")
        .with("Cache-Control", "no-store")
        .with("Vary", "Accept");
    page::secured(response, form).with_body(Body::Bytes(page))
}

fn write_json_page(client: &Client, address: &str, out: &mut Vec<u8>) {
    let server = client.server.map(|server| server.to_string());
    let kind = client.kind();
    let members = [
        ("{\"address\":", Some(address)),
        (",\"family\":", Some(family(client.address))),
        (",\"kind\":", kind.map(Kind::name)),
        (",\"server\":", server.as_deref()),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            out.extend_from_slice(name.as_bytes());
            write_json(value.as_bytes(), out);
        }
    }
    out.extend_from_slice(b"}\n");
}

fn write_page(client: &Client, address: &str, out: &mut Vec<u8>) {
    page::begin(b"Your IP address", out);
    out.extend_from_slice(b"<h1>Your IP address is ");
    escape_html(address.as_bytes(), out);
    out.extend_from_slice(b"</h1>\n<dl>\n");
    let identifier = match (client.address, client.kind()) {
        (Some(IpAddr::V6(address)), Some(kind)) if kind.has_interface_identifier() => {
            Some(Identifier::of(address).in_words())
        }
        _ => None,
    };
    let kind = match (client.address, client.kind()) {
        (None, _) => Some("Unknown: the proxy did not say readably who asks.".to_owned()),
        (_, kind) => kind.map(|kind| kind.in_words(client.zone.as_deref())),
    };
    let server = client.server.map(|server| server.to_string());
    for (term, text) in [
        ("Family", Some(family(client.address).to_owned())),
        ("Kind", kind),
        ("Last 64 bits", identifier),
        ("Address of this server", server),
    ] {
        if let Some(text) = text {
            out.extend_from_slice(format!("<dt>{term}</dt><dd>").as_bytes());
            escape_html(text.as_bytes(), out);
            out.extend_from_slice(b"</dd>\n");
        }
    }
    out.extend_from_slice(b"</dl>\n");
    out.extend_from_slice(page::END);
}

fn family(address: Option<IpAddr>) -> &'static str {
    match address {
        None => "unknown",
        Some(Client::UNIX) => "unix",
        Some(IpAddr::V4(_)) => "IPv4",
        Some(IpAddr::V6(_)) => "IPv6",
    }
}

/// What an address is for, by the registries that RFC 6890 began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// RFC 4291 §2.5.4; of IPv4 everything without a row of its own.
    Global,
    /// RFC 4193.
    UniqueLocal,
    /// RFC 4291 §2.5.6, RFC 3927.
    LinkLocal,
    Loopback,
    /// RFC 3849, RFC 9637, RFC 5737.
    Documentation,
    /// RFC 3056: the address of the router that wraps the packets into IPv4.
    SixToFour(Ipv4Addr),
    /// RFC 4380: a tunnel through a translator, and its two ends.
    Teredo {
        server: Ipv4Addr,
        client: Ipv4Addr,
    },
    /// RFC 6052 §2.1: an IPv4 client behind a translator.
    Nat64(Ipv4Addr),
    /// RFC 8215: the same, with a prefix of the network's own and the address in a place of its own.
    Nat64Local,
    /// RFC 1918.
    Private,
    /// RFC 6598: behind the translator of a provider.
    Shared,
    /// What is set aside for anything else, or for nothing yet.
    Reserved,
}

impl Kind {
    fn of(address: IpAddr) -> Kind {
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

    /// For programs.
    fn name(self) -> &'static str {
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

    fn in_words(self, zone: Option<&str>) -> String {
        match (self, zone) {
            (Kind::Global, _) => "Global: valid in the whole Internet.".to_owned(),
            (Kind::UniqueLocal, _) => {
                "Unique local: valid in this network and those joined to it, not in the Internet."
                    .to_owned()
            }
            (Kind::LinkLocal, None) => {
                "Link-local: valid on this cable or radio network only.".to_owned()
            }
            (Kind::LinkLocal, Some(zone)) => format!(
                "Link-local: valid on one cable or radio network only, the server's {zone}."
            ),
            (Kind::Loopback, _) => "Loopback: you are on the server itself.".to_owned(),
            (Kind::Documentation, _) => {
                "Documentation: set aside for examples, not for use.".to_owned()
            }
            (Kind::SixToFour(router), _) => {
                format!("6to4: IPv6 through a tunnel that begins at the IPv4 address {router}.")
            }
            (Kind::Teredo { server, client }, _) => format!(
                "Teredo: IPv6 through a tunnel that begins at the IPv4 address {client}, \
                 with the help of the Teredo server {server}."
            ),
            (Kind::Nat64(client), _) => {
                format!("NAT64: a translator put the IPv4 address {client} into this one.")
            }
            (Kind::Nat64Local, _) => {
                "NAT64: a translator of this network put an IPv4 address into this one.".to_owned()
            }
            (Kind::Private, _) => {
                "Private: valid in this network only; the Internet sees another address.".to_owned()
            }
            (Kind::Shared, _) => {
                "Shared: your provider translates it, for many customers at once (CGNAT)."
                    .to_owned()
            }
            (Kind::Reserved, _) => "Reserved: not one that clients are given.".to_owned(),
        }
    }

    /// Whether the last 64 bits name an interface (RFC 4291 §2.5.1).
    fn has_interface_identifier(self) -> bool {
        match self {
            Kind::Global | Kind::UniqueLocal | Kind::LinkLocal | Kind::Documentation => true,
            Kind::SixToFour(_) => true,
            Kind::Loopback | Kind::Teredo { .. } | Kind::Nat64(_) | Kind::Nat64Local => false,
            Kind::Private | Kind::Shared | Kind::Reserved => false,
        }
    }
}

/// What the last 64 bits of an IPv6 address say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identifier {
    /// Made from this hardware address (RFC 4291 appendix A).
    Hardware([u8; 6]),
    /// A number that people or a DHCPv6 server give.
    Given,
    /// A random number (RFC 8981), or a stable one that looks like it (RFC 7217).
    Opaque,
}

impl Identifier {
    fn of(address: Ipv6Addr) -> Identifier {
        match address.octets() {
            [_, _, _, _, _, _, _, _, a, b, c, 0xff, 0xfe, d, e, f] => {
                // The bit that says "unique in the world" is turned over.
                Identifier::Hardware([a ^ 2, b, c, d, e, f])
            }
            [_, _, _, _, _, _, _, _, 0, 0, 0, 0, ..] => Identifier::Given,
            _ => Identifier::Opaque,
        }
    }

    fn in_words(self) -> String {
        match self {
            Identifier::Hardware([a, b, c, d, e, f]) => format!(
                "Made from the hardware address {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}, \
                 which every server can read from it (EUI-64)."
            ),
            Identifier::Given => {
                "A short number, set by hand or given by DHCPv6; it shows no hardware address."
                    .to_owned()
            }
            Identifier::Opaque => {
                "A number without a pattern, most likely random; it shows no hardware address."
                    .to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn interface_identifiers() {
        let rows = [
            // RFC 4291 appendix A: 34-56-78-9A-BC-DE.
            (
                "fe80::3656:78ff:fe9a:bcde",
                Identifier::Hardware([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]),
            ),
            // A hardware address of a virtual machine's own making.
            ("fe80::fc:ff:fe00:1", Identifier::Hardware([2, 0xfc, 0, 0, 0, 1])),
            ("2001:db8::1", Identifier::Given),
            ("2001:db8::1:53", Identifier::Given),
            ("2001:db8:ebbd:0:4d18:71cd:b814:9508", Identifier::Opaque),
            ("2001:db8::fffe:0:0:1", Identifier::Opaque),
        ];
        for (address, identifier) in rows {
            let address: Ipv6Addr = address.parse().expect(address);
            assert_eq!(Identifier::of(address), identifier, "{address}");
        }
    }

    fn made(client: &Client, write: fn(&Client, &str, &mut Vec<u8>)) -> String {
        let mut page = Vec::new();
        write(client, &client.to_string(), &mut page);
        String::from_utf8(page).expect("UTF-8")
    }

    #[test]
    fn pages() {
        let client = |address: &str, zone: Option<&str>, server: Option<&str>| Client {
            address: Some(address.parse().expect("an address")),
            zone: zone.map(str::to_owned),
            server: server.map(|server| server.parse().expect("an address")),
        };
        let neighbour = client("fe80::3656:78ff:fe9a:bcde", Some("eth0"), Some("fe80::1"));
        assert_eq!(
            made(&neighbour, write_json_page),
            "{\"address\":\"fe80::3656:78ff:fe9a:bcde%eth0\",\"family\":\"IPv6\",\
             \"kind\":\"link-local\",\"server\":\"fe80::1\"}\n"
        );
        let page = made(&neighbour, write_page);
        let content = page.split_once("<main>\n").expect("a page").1;
        assert_eq!(
            content,
            "<h1>Your IP address is fe80::3656:78ff:fe9a:bcde%eth0</h1>\n<dl>\n\
             <dt>Family</dt><dd>IPv6</dd>\n\
             <dt>Kind</dt><dd>Link-local: valid on one cable or radio network only, \
             the server&#39;s eth0.</dd>\n\
             <dt>Last 64 bits</dt><dd>Made from the hardware address 34:56:78:9a:bc:de, \
             which every server can read from it (EUI-64).</dd>\n\
             <dt>Address of this server</dt><dd>fe80::1</dd>\n\
             </dl>\n</main>\n</body>\n</html>\n"
        );
        let nobody = Client { address: None, zone: None, server: None };
        assert_eq!(
            made(&nobody, write_json_page),
            "{\"address\":\"unknown\",\"family\":\"unknown\"}\n"
        );
        let page = made(&nobody, write_page);
        let content = page.split_once("<main>\n").expect("a page").1;
        assert_eq!(
            content,
            "<h1>Your IP address is unknown</h1>\n<dl>\n\
             <dt>Family</dt><dd>unknown</dd>\n\
             <dt>Kind</dt><dd>Unknown: the proxy did not say readably who asks.</dd>\n\
             </dl>\n</main>\n</body>\n</html>\n"
        );
        let old = client("192.168.1.7", None, None);
        assert_eq!(
            made(&old, write_json_page),
            "{\"address\":\"192.168.1.7\",\"family\":\"IPv4\",\"kind\":\"private\"}\n"
        );
    }
}
