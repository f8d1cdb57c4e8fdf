//! The PROXY protocol, versions 1 and 2, as HAProxy defines it: a header at the start of a
//! connection, in which the proxy names its client. Anything that is not exactly such a header is
//! an error, because nothing after it can be trusted.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::forwarded::Source;
use super::grammar::{decimal, split_once};
use super::status::Reject;

/// A complete header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// In bytes.
    pub length: usize,
    /// The client that the header names.
    pub source: Source,
}

/// Reads a header from the first bytes received. Returns `None` while it is incomplete. The outcome
/// does not depend on the pieces in which the bytes arrive.
pub fn read(received: &[u8]) -> Result<Option<Header>, Reject> {
    let is_start_of = |signature: &[u8]| {
        let common = received.len().min(signature.len());
        received.get(..common) == signature.get(..common)
    };
    if is_start_of(V1_SIGNATURE) {
        read_v1(received)
    } else if is_start_of(V2_SIGNATURE) {
        read_v2(received)
    } else {
        Err(BROKEN)
    }
}

const BROKEN: Reject = Reject::bad("The connection does not begin with a PROXY header.");

const V1_SIGNATURE: &[u8] = b"PROXY ";
/// The longest line, with its CR LF (section 2.1 of the specification).
const V1_BYTES_MAX: usize = 107;

/// `PROXY TCP6 2001:db8::1 2001:db8::2 56324 443 CR LF`, one space between the words.
fn read_v1(received: &[u8]) -> Result<Option<Header>, Reject> {
    let start = received.get(..received.len().min(V1_BYTES_MAX)).unwrap_or_default();
    let Some((line, _)) = split_once(start, b'\n') else {
        return if start.len() < V1_BYTES_MAX { Ok(None) } else { Err(BROKEN) };
    };
    let length = line.len() + 1;
    let line = line.strip_suffix(b"\r").ok_or(BROKEN)?;
    let rest = line.strip_prefix(V1_SIGNATURE).ok_or(BROKEN)?;
    let mut words = rest.split(|&byte| byte == b' ');
    let mut word = || words.next().unwrap_or_default();
    let source = match word() {
        // "the receiver must ignore anything presented before the CRLF".
        b"UNKNOWN" => Source::Unknown,
        family @ (b"TCP4" | b"TCP6") => {
            let (source, destination) = (address(word()), address(word()));
            let ports_are_valid = is_port(word()) && is_port(word());
            let is_v6 = family == b"TCP6";
            match (source, destination) {
                (Some(source), Some(destination))
                    if source.is_ipv6() == is_v6
                        && destination.is_ipv6() == is_v6
                        && ports_are_valid
                        && words.next().is_none() =>
                {
                    Source::Client(source.to_canonical())
                }
                _ => return Err(BROKEN),
            }
        }
        _ => return Err(BROKEN),
    };
    Ok(Some(Header { length, source }))
}

fn address(word: &[u8]) -> Option<IpAddr> {
    core::str::from_utf8(word).ok()?.parse().ok()
}

fn is_port(word: &[u8]) -> bool {
    let leads_with_zero = word.len() > 1 && word.first() == Some(&b'0');
    !leads_with_zero && decimal(word).is_some_and(|port| port <= u64::from(u16::MAX))
}

const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length of the rest.
const V2_FIXED_BYTES: usize = 16;
/// Of the addresses and values after it. The largest value that proxies send is a certificate.
const V2_REST_BYTES_MAX: usize = 4 << 10;

fn read_v2(received: &[u8]) -> Result<Option<Header>, Reject> {
    // Check these bytes as soon as they arrive, so that the pieces make no difference.
    let command = match received.get(12) {
        None => return Ok(None),
        Some(0x20) => Command::Local,
        Some(0x21) => Command::Proxy,
        Some(_) => return Err(BROKEN),
    };
    let Some(&family) = received.get(13) else {
        return Ok(None);
    };
    let (rest_bytes_min, family) = match (command, family) {
        // "must discard the protocol block including the family".
        (Command::Local, _) => (0, Family::None),
        (Command::Proxy, 0x00) => (0, Family::None),
        (Command::Proxy, 0x11) => (12, Family::V4),
        (Command::Proxy, 0x21) => (36, Family::V6),
        (Command::Proxy, 0x31) => (216, Family::None),
        // A datagram protocol cannot be the source of a TCP connection. Nothing else is defined.
        (Command::Proxy, _) => return Err(BROKEN),
    };
    let Some(&[high, low]) = received.get(14..V2_FIXED_BYTES) else {
        return Ok(None);
    };
    let rest_bytes = usize::from(u16::from_be_bytes([high, low]));
    if rest_bytes < rest_bytes_min || rest_bytes > V2_REST_BYTES_MAX {
        return Err(BROKEN);
    }
    let length = V2_FIXED_BYTES + rest_bytes;
    let Some(rest) = received.get(V2_FIXED_BYTES..length) else {
        return Ok(None);
    };
    // Source, destination, two ports. The TLVs after them do not matter here.
    let source = match family {
        Family::V4 => rest.first_chunk::<4>().map(|&bytes| IpAddr::from(Ipv4Addr::from(bytes))),
        Family::V6 => rest.first_chunk::<16>().map(|&bytes| IpAddr::from(Ipv6Addr::from(bytes))),
        Family::None => None,
    };
    let source = match (command, source) {
        (Command::Local, _) => Source::Proxy,
        (Command::Proxy, Some(address)) => Source::Client(address.to_canonical()),
        (Command::Proxy, None) => Source::Unknown,
    };
    Ok(Some(Header { length, source }))
}

#[derive(Clone, Copy)]
enum Command {
    Local,
    Proxy,
}

enum Family {
    V4,
    V6,
    /// One without IP addresses.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Option<Source> {
        Some(Source::Client(text.parse().expect("an address")))
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [V2_SIGNATURE, &[command, family], &length, rest].concat()
    }

    /// A header, followed by a request, has the same outcome whole and in two pieces of any length.
    fn assert_outcome(name: &str, header: &[u8], expected: Option<Source>) {
        let whole = [header, b"GET / HTTP/1.1\r\n\r\n"].concat();
        let expected = expected.map(|source| Some(Header { length: header.len(), source }));
        assert_eq!(read(&whole).ok(), expected, "{name}");
        let mut decided = None;
        for cut in 0..=whole.len() {
            match read(&whole[..cut]) {
                Ok(None) => {
                    assert!(decided.is_none(), "{name}: undecided again at {cut}");
                }
                outcome => {
                    assert_eq!(outcome.ok(), expected, "{name}: cut at {cut}");
                    decided.get_or_insert(cut);
                }
            }
        }
        if expected.is_some() {
            assert_eq!(decided, Some(header.len()), "{name}: decided elsewhere");
        }
        assert!(decided.is_some(), "{name}: never decided");
    }

    #[test]
    fn version_1() {
        let unknown = |length: usize| {
            let filler = vec![b'.'; length - 16];
            [b"PROXY UNKNOWN ", &filler[..], b"\r\n"].concat()
        };
        let rows: [(&str, &[u8], Option<Source>); 31] = [
            ("IPv4", b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", client("192.0.2.1")),
            ("IPv6", b"PROXY TCP6 2001:db8::1 2001:DB8::2 0 65535\r\n", client("2001:db8::1")),
            (
                "the longest of all",
                b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
               ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
                client("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ),
            (
                "IPv4 in IPv6 is IPv4",
                b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n",
                client("192.0.2.1"),
            ),
            ("unknown", b"PROXY UNKNOWN\r\n", Some(Source::Unknown)),
            (
                "unknown, with what is ignored",
                b"PROXY UNKNOWN \xff 1\r2\r\n",
                Some(Source::Unknown),
            ),
            ("unknown, as long as may be", &unknown(107), Some(Source::Unknown)),
            ("unknown, longer than may be", &unknown(108), None),
            ("families differ", b"PROXY TCP4 ::1 ::1 1 2\r\n", None),
            ("families differ", b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("families differ", b"PROXY TCP6 ::1 192.0.2.2 1 2\r\n", None),
            ("no such family", b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("lower case", b"PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("lower case", b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("two spaces", b"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("two spaces", b"PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", None),
            ("a space at the end", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", None),
            ("a word too many", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", None),
            ("a word too few", b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", None),
            ("tabs", b"PROXY TCP4\t192.0.2.1\t192.0.2.2\t1\t2\r\n", None),
            ("port too large", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", None),
            ("port with a zero", b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", None),
            ("port with a sign", b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", None),
            ("address with a zero", b"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", None),
            ("address with a zone", b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", None),
            ("address in brackets", b"PROXY TCP6 [::1] ::1 1 2\r\n", None),
            ("no address", b"PROXY TCP4\r\n", None),
            ("LF alone", b"PROXY UNKNOWN\n", None),
            ("CR within", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n", None),
            ("no family", b"PROXY \r\n", None),
            ("UNKNOWN and more", b"PROXY UNKNOWNS\r\n", None),
        ];
        for (name, header, expected) in rows {
            assert_outcome(name, header, expected);
        }
    }

    #[test]
    fn version_2() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 2, 0, 1, 1, 187];
        let v6: Vec<u8> = ["2001:db8::1", "2001:db8::2"]
            .iter()
            .flat_map(|text| text.parse::<Ipv6Addr>().expect("an address").octets())
            .chain([0, 1, 1, 187])
            .collect();
        let mapped: Vec<u8> = ["::ffff:192.0.2.1", "::1"]
            .iter()
            .flat_map(|text| text.parse::<Ipv6Addr>().expect("an address").octets())
            .chain([0, 1, 1, 187])
            .collect();
        let tlv = [&v4[..], &[0x04, 0, 3, 1, 2, 3]].concat();
        let rows: [(&str, Vec<u8>, Option<Source>); 21] = [
            ("IPv4", v2(0x21, 0x11, &v4), client("192.0.2.1")),
            ("IPv6", v2(0x21, 0x21, &v6), client("2001:db8::1")),
            ("IPv4 in IPv6 is IPv4", v2(0x21, 0x21, &mapped), client("192.0.2.1")),
            ("TLVs are skipped", v2(0x21, 0x11, &tlv), client("192.0.2.1")),
            ("AF_UNIX", v2(0x21, 0x31, &[b'/'; 216]), Some(Source::Unknown)),
            ("AF_UNSPEC", v2(0x21, 0x00, &[]), Some(Source::Unknown)),
            ("AF_UNSPEC with a block", v2(0x21, 0x00, &[1; 9]), Some(Source::Unknown)),
            ("LOCAL", v2(0x20, 0x00, &[]), Some(Source::Proxy)),
            (
                "LOCAL with an address, which is not the client's",
                v2(0x20, 0x11, &v4),
                Some(Source::Proxy),
            ),
            ("LOCAL, whatever the family", v2(0x20, 0xff, &[]), Some(Source::Proxy)),
            ("the longest", v2(0x21, 0x11, &[7; V2_REST_BYTES_MAX]), client("7.7.7.7")),
            ("too long", v2(0x21, 0x11, &[7; V2_REST_BYTES_MAX + 1]), None),
            ("too short for IPv4", v2(0x21, 0x11, &v4[..11]), None),
            ("too short for IPv6", v2(0x21, 0x21, &v6[..35]), None),
            ("too short for AF_UNIX", v2(0x21, 0x31, &[b'/'; 215]), None),
            ("version 1", v2(0x11, 0x11, &v4), None),
            ("no such command", v2(0x22, 0x11, &v4), None),
            ("datagrams", v2(0x21, 0x12, &v4), None),
            ("no transport", v2(0x21, 0x10, &v4), None),
            ("no such family", v2(0x21, 0x41, &v4), None),
            ("no such transport", v2(0x21, 0x13, &v4), None),
        ];
        for (name, header, expected) in rows {
            assert_outcome(name, &header, expected);
        }
    }

    #[test]
    fn anything_else_is_seen_at_its_first_byte() {
        let rows: [(&[u8], usize); 6] = [
            (b"GET / HTTP/1.1\r\n", 1),
            (b"PUT / HTTP/1.1\r\n", 2),
            (b"PROXYv", 6),
            (b"\x16\x03\x01", 1),
            (b"\r\n\r\nGET", 5),
            (b"\r\n\r\n\0\r\nQUIT\r", 12),
        ];
        for (bytes, decided) in rows {
            for cut in 0..=bytes.len() {
                assert_eq!(
                    read(&bytes[..cut]).is_err(),
                    cut >= decided,
                    "{} at {cut}",
                    bytes.escape_ascii()
                );
            }
        }
    }
}
