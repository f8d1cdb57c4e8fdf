//! The virtual path `/ip`: tells clients their address and what kind of address it is. This was the
//! purpose of `ipv6-httpd.py`.

use core::net::{IpAddr, Ipv6Addr};

use crate::http::fields::Fields;
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::peer::{Kind, Name, Peer};

use super::page::{self, PageFormat, escape_html, write_json};

/// The client, and the address of the server that it connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address and zone of the client.
    pub name: Name,
    /// The canonical address of the server in this connection. `None` behind a proxy: the client
    /// connected to the address of the proxy.
    pub server: Option<IpAddr>,
}

/// Whether a path, as the client sent it, is `/ip`.
pub fn is_at(path: &[u8]) -> bool {
    path == b"/ip"
}

/// Answers a request for `/ip`, in the format that Accept prefers, or as text.
pub fn respond(client: &Client, fields: Fields<'_>) -> Response {
    let format = PageFormat::wanted(fields, PageFormat::Text);
    let address = client.name.to_string();
    let mut page = Vec::new();
    match format {
        PageFormat::Json => write_json_page(client, &address, &mut page),
        PageFormat::Html => write_page(client, &address, &mut page),
        PageFormat::Text => {
            for part in ["Your IP address is ", &address, "\n"] {
                page.extend_from_slice(part.as_bytes());
            }
        }
    }
    let response = Response::new(Status::Ok)
        .with("Content-Type", format.media_type())
        .with("X-Content-Type-Options", "nosniff")
        .with("Cache-Control", "no-store")
        .with("Vary", "Accept");
    page::secured(response, format).with_body(Body::bytes(page))
}

fn write_json_page(client: &Client, address: &str, out: &mut Vec<u8>) {
    let server = client.server.map(|server| server.to_string());
    let kind = client.name.kind();
    let members = [
        ("{\"address\":", Some(address)),
        (",\"family\":", Some(family(client.name.address))),
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
    let identifier = match (client.name.address, client.name.kind()) {
        (Some(IpAddr::V6(address)), Some(kind)) if kind.has_interface_identifier() => {
            Some(Identifier::of(address).in_words())
        }
        _ => None,
    };
    let kind = match (client.name.address, client.name.kind()) {
        (None, _) => Some("Unknown: the proxy did not say what your address is.".to_owned()),
        (_, kind) => kind.map(|kind| in_words(kind, client.name.zone.as_deref())),
    };
    let server = client.server.map(|server| server.to_string());
    for (term, text) in [
        ("Family", Some(family(client.name.address).to_owned())),
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
        Some(Peer::UNIX) => "unix",
        Some(IpAddr::V4(_)) => "IPv4",
        Some(IpAddr::V6(_)) => "IPv6",
    }
}

/// Describes a kind of address in a sentence. `zone`: the interface of a link-local address.
fn in_words(kind: Kind, zone: Option<&str>) -> String {
    match (kind, zone) {
        (Kind::Global, _) => "Global: valid in the whole Internet.".to_owned(),
        (Kind::UniqueLocal, _) => {
            "Unique local: valid in this network and those joined to it, not in the Internet."
                .to_owned()
        }
        (Kind::LinkLocal, None) => {
            "Link-local: valid on this cable or radio network only.".to_owned()
        }
        (Kind::LinkLocal, Some(zone)) => {
            format!("Link-local: valid on one cable or radio network only, the server's {zone}.")
        }
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
            "Shared: your provider translates it, for many customers at once (CGNAT).".to_owned()
        }
        (Kind::Reserved, _) => "Reserved: not one that clients are given.".to_owned(),
    }
}

/// The kind of interface identifier: the last 64 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identifier {
    /// Made from this hardware address (RFC 4291 appendix A).
    Hardware([u8; 6]),
    /// A number from a person or a DHCPv6 server.
    Given,
    /// A random number (RFC 8981), or a stable one that looks like it (RFC 7217).
    Opaque,
}

impl Identifier {
    fn of(address: Ipv6Addr) -> Identifier {
        match address.octets() {
            [_, _, _, _, _, _, _, _, a, b, c, 0xff, 0xfe, d, e, f] => {
                // The universal/local bit is inverted.
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
    fn interface_identifiers() {
        let rows = [
            // RFC 4291 appendix A: 34-56-78-9A-BC-DE.
            (
                "fe80::3656:78ff:fe9a:bcde",
                Identifier::Hardware([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]),
            ),
            // A locally administered hardware address, as virtual machines have.
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
        write(client, &client.name.to_string(), &mut page);
        String::from_utf8(page).expect("UTF-8")
    }

    #[test]
    fn pages() {
        let client = |address: &str, zone: Option<&str>, server: Option<&str>| Client {
            name: Name {
                address: Some(address.parse().expect("an address")),
                zone: zone.map(str::to_owned),
            },
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
        let nobody = Client { name: Peer::UNKNOWN.name(), server: None };
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
             <dt>Kind</dt><dd>Unknown: the proxy did not say what your address is.</dd>\n\
             </dl>\n</main>\n</body>\n</html>\n"
        );
        let old = client("192.168.1.7", None, None);
        assert_eq!(
            made(&old, write_json_page),
            "{\"address\":\"192.168.1.7\",\"family\":\"IPv4\",\"kind\":\"private\"}\n"
        );
    }
}
