//! The client behind a proxy, from X-Forwarded-For and Forwarded (RFC 7239). Both fields are lists.
//! Each proxy appends the address that it saw. So anything to the left of the address that the
//! first trusted proxy wrote may be forged.

use core::net::{IpAddr, Ipv6Addr};

use super::fields::{Field, Fields};
use super::grammar::{Quotes, decimal, split_once, trim_ows};
use super::status::Reject;

/// The client of a connection from a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This client. IPv4 addresses are never in the form `::ffff:192.0.2.1`.
    Client(IpAddr),
    /// The proxy itself, as in a health check.
    Proxy,
    /// A client whose address the proxy does not tell.
    Unknown,
}

/// The client of a request that came from a trusted proxy: the rightmost address that does not
/// belong to a trusted proxy. Without either field the client is the proxy itself, as in a health
/// check. If the text in the client's place is not an address, the client is unknown: it is never
/// the proxy, and never an address further left.
///
/// A proxy writes one of the two fields and passes on the other as the client sent it. We cannot
/// see which one it wrote. So if both are present, they must name the same client.
pub fn client(fields: Fields<'_>, is_trusted: impl Fn(IpAddr) -> bool) -> Result<Source, Reject> {
    // Empty elements count: a proxy that has no address to append writes `1.2.3.4, `.
    let x_forwarded_for = fields
        .all(Field::XForwardedFor)
        .flat_map(|line| line.split(|&byte| byte == b','))
        .map(|element| node(trim_ows(element)));
    let x_forwarded_for = rightmost(x_forwarded_for, &is_trusted);
    if !fields.has(Field::Forwarded) {
        return Ok(match fields.all(Field::XForwardedFor).next() {
            Some(_) => x_forwarded_for,
            None => Source::Proxy,
        });
    }
    // A quoted string that the client did not close would hide what the proxy appended.
    if !fields.all(Field::Forwarded).all(are_quotes_closed) {
        return Err(Reject::bad("A quoted string in the Forwarded field is not closed."));
    }
    // Empty elements are ignored here (RFC 9110 §5.6.1.2).
    let forwarded = rightmost(fields.list(Field::Forwarded).map(forwarded_for), &is_trusted);
    if fields.has(Field::XForwardedFor) && forwarded != x_forwarded_for {
        return Err(Reject::bad("Forwarded and X-Forwarded-For do not name the same client."));
    }
    Ok(forwarded)
}

/// The rightmost node that is not trusted; the leftmost if all are trusted. `nodes` go from left to
/// right, and `None` is a node without an address. Without any node the client is unknown.
fn rightmost(
    nodes: impl Iterator<Item = Option<IpAddr>>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Source {
    let client = nodes.fold(None, |client, node| match (client, node) {
        (_, None) => Some(Source::Unknown),
        (Some(client), Some(address)) if is_trusted(address) => Some(client),
        (_, Some(address)) => Some(Source::Client(address)),
    });
    client.unwrap_or(Source::Unknown)
}

/// The `for` of one element of Forwarded: `for="[2001:db8::1]:4711";proto=https` (RFC 7239 §4).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = Some(element);
    while let Some(text) = rest {
        let mut quotes = Quotes::default();
        let end = text.iter().position(|&byte| quotes.pass(byte) && byte == b';');
        let pair = end.map_or(Some(text), |at| text.get(..at))?;
        rest = end.and_then(|at| text.get(at + 1..));
        let pair = trim_ows(pair);
        if pair.is_empty() {
            continue;
        }
        let (name, value) = split_once(pair, b'=')?;
        if name.eq_ignore_ascii_case(b"for") {
            // RFC 7239 §4: a parameter must not occur twice in an element.
            if found.is_some() {
                return None;
            }
            found = Some(node(&unquote(value)?));
        }
    }
    found.flatten()
}

fn are_quotes_closed(line: &[u8]) -> bool {
    let mut quotes = Quotes::default();
    for &byte in line {
        quotes.pass(byte);
    }
    !quotes.are_open()
}

/// The text of a quoted-string (RFC 9110 §5.6.4) or of a token.
fn unquote(value: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return Some(value.to_vec());
    };
    let mut text = Vec::new();
    let mut bytes = quoted.strip_suffix(b"\"")?.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => return None,
            b'\\' => text.push(*bytes.next()?),
            _ => text.push(byte),
        }
    }
    Some(text)
}

/// An address as proxies write it in either field: with or without a port; IPv6 with or without
/// brackets and a zone. `None` for anything else, such as `unknown` and `_hidden` (RFC 7239 §6),
/// and for `::` and `0.0.0.0`, which no client has (RFC 4291 §2.5.2).
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = core::str::from_utf8(text).ok()?;
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_complete = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        is_complete.then(|| ipv6(address)).flatten()?
    } else {
        match text.split_once(':') {
            // An IPv6 address contains colons. Without brackets it has no port.
            Some((address, port)) if !port.contains(':') => {
                is_port(port).then(|| address.parse().ok().map(IpAddr::V4))??
            }
            Some(_) => ipv6(text)?,
            None => IpAddr::V4(text.parse().ok()?),
        }
    };
    (!address.is_unspecified()).then_some(address)
}

/// An IPv6 address. We drop its zone (RFC 4007 §11, or in the form of RFC 6874): it names an
/// interface of the proxy's machine.
fn ipv6(text: &str) -> Option<IpAddr> {
    let (address, zone) = match text.split_once('%') {
        None => (text, None),
        Some((address, zone)) => (address, Some(zone)),
    };
    let is_zone = |zone: &str| !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_graphic());
    let address: Ipv6Addr = address.parse().ok()?;
    zone.is_none_or(is_zone).then(|| IpAddr::from(address).to_canonical())
}

/// RFC 7239 §6: a port is a number, or an obfuscated name.
fn is_port(text: &str) -> bool {
    let is_number = text.len() <= 5 && decimal(text.as_bytes()).is_some();
    is_number || (text.len() > 1 && text.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::HeadReader;
    use crate::http::limits::Limits;

    /// The outcome with trusted proxies in 10.0.0.0/8 and fd00::/8. `None`: an unknown client.
    fn outcome(lines: &[&[u8]]) -> Result<Option<String>, &'static str> {
        let mut head = b"GET / HTTP/1.0\r\n".to_vec();
        for line in lines {
            head.extend_from_slice(line);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let head = HeadReader::default().read(&head, &Limits::default());
        let fields = head.expect("valid").expect("complete").request.fields;
        let is_trusted = |address| match address {
            IpAddr::V4(address) => address.octets()[0] == 10,
            IpAddr::V6(address) => address.octets()[0] == 0xfd,
        };
        let name = |source| match source {
            Source::Client(address) => Some(address.to_string()),
            Source::Proxy => Some("the proxy itself".to_owned()),
            Source::Unknown => None,
        };
        client(fields, is_trusted).map(name).map_err(|reject| reject.reason)
    }

    fn assert_rows(name: &str, rows: &[(&str, &[u8], Option<&str>)]) {
        for (rule, value, expected) in rows {
            let line = [name.as_bytes(), b": ", value].concat();
            let found = outcome(&[&line]);
            assert_eq!(found, Ok(expected.map(str::to_owned)), "{rule}: {}", line.escape_ascii());
        }
    }

    #[test]
    fn x_forwarded_for() {
        assert_rows(
            "X-Forwarded-For",
            &[
                ("one", b"192.0.2.1", Some("192.0.2.1")),
                (
                    "what stands left of an untrusted one is a client's word",
                    b"127.0.0.1, 192.0.2.1",
                    Some("192.0.2.1"),
                ),
                (
                    "a trusted one is passed over",
                    b"203.0.113.9, 192.0.2.1, 10.0.0.2,fd00::2",
                    Some("192.0.2.1"),
                ),
                ("all trusted: the leftmost", b"10.0.0.1, 10.0.0.2", Some("10.0.0.1")),
                (
                    "white space, and empty elements at the left",
                    b" ,,\t192.0.2.1 ",
                    Some("192.0.2.1"),
                ),
                ("an empty element at the right", b"192.0.2.1, ", None),
                ("an empty element before a trusted one", b"192.0.2.1,,10.0.0.1", None),
                ("nothing", b"", None),
                ("only commas", b",,", None),
                ("IPv6", b"2001:DB8::0:1", Some("2001:db8::1")),
                ("IPv6 in brackets", b"[2001:db8::1]", Some("2001:db8::1")),
                ("IPv6 with a port", b"[2001:db8::1]:4711", Some("2001:db8::1")),
                ("IPv4 with a port", b"192.0.2.1:4711", Some("192.0.2.1")),
                ("IPv4 in IPv6", b"::ffff:192.0.2.1", Some("192.0.2.1")),
                ("IPv4 in IPv6 in brackets", b"[::ffff:192.0.2.1]:1", Some("192.0.2.1")),
                ("junk at the right: the proxy does not tell", b"192.0.2.1, junk", None),
                ("junk at the left is not reached", b"junk, 192.0.2.1", Some("192.0.2.1")),
                (
                    "an unknown one before trusted ones is the client",
                    b"192.0.2.1, unknown, 10.0.0.1, 10.0.0.2",
                    None,
                ),
                ("unknown", b"unknown", None),
                ("hidden", b"_hidden", None),
                ("a unix socket", b"unix:", None),
                ("a quote hides nothing here", b"\", 192.0.2.1", Some("192.0.2.1")),
                ("a zone is taken off", b"fe80::1%eth0", Some("fe80::1")),
                ("a zone in a URL's form", b"fe80::1%25eth0", Some("fe80::1")),
                ("a zone with a dot", b"fe80::1%eth0.7", Some("fe80::1")),
                ("a zone with a colon", b"fe80::1%eth0:7", Some("fe80::1")),
                ("a zone in brackets", b"[fe80::1%eth0]", Some("fe80::1")),
                ("a zone in brackets, and a port", b"[fe80::1%25eth0]:80", Some("fe80::1")),
                ("a zone of a trusted one", b"192.0.2.1, fd00::2%3", Some("192.0.2.1")),
                ("a zone without a name", b"fe80::1%", None),
                ("a zone without a name in brackets", b"[fe80::1%]", None),
                ("a zone with a space", b"fe80::1%a b", None),
                ("a zone behind the brackets", b"[fe80::1]%eth0", None),
                ("a zone without an address", b"%eth0", None),
                ("IPv4 with a zone", b"192.0.2.1%eth0", None),
                ("nobody's", b"::", None),
                ("nobody's in brackets", b"[::]:80", None),
                ("nobody's of IPv4", b"0.0.0.0", None),
                ("nobody's of IPv4, in IPv6", b"::ffff:0.0.0.0", None),
                ("no opening bracket", b"::1]", None),
                ("an empty pair of brackets", b"[]", None),
                ("only a port", b":80", None),
                ("port too long", b"192.0.2.1:123456", None),
                ("no port", b"192.0.2.1:", None),
                ("no port", b"[::1]:", None),
                ("no bracket", b"[::1", None),
                ("IPv4 in brackets", b"[192.0.2.1]", None),
                ("bytes behind the bracket", b"[::1]80", None),
                ("octets with a zero", b"192.0.2.01", None),
                ("three octets", b"192.0.2", None),
                ("not UTF-8", b"\xff\xfe", None),
            ],
        );
        let lines: [&[u8]; 2] =
            [b"X-Forwarded-For: 192.0.2.1, 192.0.2.2", b"x-forwarded-for: 192.0.2.3"];
        assert_eq!(outcome(&lines), Ok(Some("192.0.2.3".to_owned())), "several lines are one list");
        assert_eq!(
            outcome(&[b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-For:"]),
            Ok(None),
            "an empty line is an empty element"
        );
        assert_eq!(outcome(&[]), Ok(Some("the proxy itself".to_owned())), "no field");
    }

    #[test]
    fn forwarded() {
        assert_rows(
            "Forwarded",
            &[
                ("§4", b"for=192.0.2.60;proto=http;by=203.0.113.43", Some("192.0.2.60")),
                (
                    "§4 names in any case",
                    b"For=\"[2001:db8:cafe::17]:4711\"",
                    Some("2001:db8:cafe::17"),
                ),
                ("§4 a list", b"for=192.0.2.43, for=198.51.100.17", Some("198.51.100.17")),
                (
                    "a trusted one is passed over",
                    b"for=192.0.2.43, for=10.0.0.1;by=10.0.0.2",
                    Some("192.0.2.43"),
                ),
                ("§6.2 unknown", b"for=unknown", None),
                ("§6.3 hidden", b"for=_hidden", None),
                ("§6.3 hidden, behind one that is trusted", b"for=_SEVKISEK, for=10.0.0.1", None),
                ("nothing", b"", None),
                ("only commas", b",,", None),
                (
                    "§6 a zone in brackets, and a port",
                    b"for=\"[fe80::1%25eth0]:80\"",
                    Some("fe80::1"),
                ),
                (
                    "RFC 9110 §5.6.1.2 empty elements do not count",
                    b"for=192.0.2.1, ,",
                    Some("192.0.2.1"),
                ),
                ("no for behind one that is trusted", b"for=192.0.2.1, by=_x, for=10.0.0.1", None),
                ("§6 a port that is hidden", b"for=\"192.0.2.1:_p\"", Some("192.0.2.1")),
                ("the order of parameters", b"proto=https;for=\"192.0.2.1:80\"", Some("192.0.2.1")),
                ("§4 empty pairs", b";for=192.0.2.1;;proto=https;", Some("192.0.2.1")),
                ("white space around pairs", b"proto=https ; for=192.0.2.1 ", Some("192.0.2.1")),
                (
                    "a comma and a semicolon in quotes",
                    b"x=\",;for=127.0.0.1\";for=192.0.2.1",
                    Some("192.0.2.1"),
                ),
                ("an escape", b"for=\"192.0.2.\\1\"", Some("192.0.2.1")),
                (
                    "an escaped quote",
                    b"x=\"\\\", for=127.0.0.1\", for=192.0.2.1",
                    Some("192.0.2.1"),
                ),
                ("no quotes, as some write it", b"for=[2001:db8::1]:80", Some("2001:db8::1")),
                ("no for at all", b"proto=https", None),
                ("twice", b"for=192.0.2.1;for=192.0.2.2", None),
                ("no pair", b"192.0.2.1", None),
                ("a space before the value", b"for= 192.0.2.1", None),
                ("no value", b"for=", None),
                ("bytes behind the quote", b"for=\"192.0.2.1\"x", None),
                (
                    "junk at the left is not reached",
                    b"for=\"junk\";;=, for=192.0.2.1",
                    Some("192.0.2.1"),
                ),
            ],
        );
        let lines: [&[u8]; 2] = [b"Forwarded: for=192.0.2.1", b"Forwarded: for=192.0.2.3"];
        assert_eq!(outcome(&lines), Ok(Some("192.0.2.3".to_owned())), "several lines are one list");
        let open = Err("A quoted string in the Forwarded field is not closed.");
        for value in
            [&b"\", for=192.0.2.1"[..], b"for=\"a\\, for=\"[::1]\"", b"x=\", for=\"[2001:db8::1]\""]
        {
            let line = [b"Forwarded: ", value].concat();
            assert_eq!(outcome(&[&line]), open, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn both_have_to_agree() {
        let differ = Err("Forwarded and X-Forwarded-For do not name the same client.");
        let rows: [(&[u8], &[u8], _); 6] = [
            (
                b"Forwarded: for=192.0.2.1",
                b"X-Forwarded-For: 192.0.2.1",
                Ok(Some("192.0.2.1".to_owned())),
            ),
            (b"Forwarded: for=127.0.0.1", b"X-Forwarded-For: 192.0.2.1", differ.clone()),
            (b"Forwarded: for=192.0.2.1", b"X-Forwarded-For: 127.0.0.1", differ.clone()),
            (b"Forwarded: for=unknown", b"X-Forwarded-For: 192.0.2.1", differ.clone()),
            (b"Forwarded: for=unknown", b"X-Forwarded-For: unknown", Ok(None)),
            (b"Forwarded: ", b"X-Forwarded-For: 192.0.2.1", differ),
        ];
        for (one, other, expected) in rows {
            assert_eq!(outcome(&[one, other]), expected, "{}", one.escape_ascii());
        }
    }
}
