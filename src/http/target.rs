//! The request-target: its four forms (RFC 9112 §3.2), and the host in it or in the Host field
//! (RFC 9110 §7.2).

use core::net::Ipv6Addr;

use super::grammar::{are_labels, decimal, is_sub_delim, is_unreserved, position, split_once};
use super::status::Reject;

/// The request-target (RFC 9112 §3.2). Of an absolute-form only path and query are kept. Its
/// authority overrides Host (§3.2.2), but the server has one site for every authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'buf> {
    /// origin-form and absolute-form.
    Path {
        /// As the client sent it, percent-encoded. Begins with a slash.
        path: &'buf [u8],
        /// The part after the first `?`.
        query: Option<&'buf [u8]>,
    },
    /// asterisk-form: the whole server, for OPTIONS.
    Asterisk,
    /// authority-form: only for CONNECT.
    Authority,
}

impl<'buf> Target<'buf> {
    /// Parses a target of any form. The request-line checks the form against the method.
    pub(super) fn parse(word: &'buf [u8]) -> Result<Target<'buf>, Reject> {
        // A URI has no bytes beyond ASCII, and RFC 9112 §3.2 recommends 400. But curl and busybox
        // wget send them as the user typed them, so we accept them as a part of the name.
        if word.iter().any(|&byte| byte <= b' ' || byte == 0x7f || byte == b'#') {
            return Err(Reject::bad("The target contains a character that is not allowed."));
        }
        if word.starts_with(b"/") {
            return Ok(Target::path_and_query(word));
        }
        if word == b"*" {
            return Ok(Target::Asterisk);
        }
        if let Some(rest) = strip_scheme(word) {
            let end = rest.iter().position(|&b| b == b'/' || b == b'?').unwrap_or(rest.len());
            let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, b""));
            // RFC 9110 §4.2.1: an empty host is invalid. §4.2.4: so is user information.
            if authority.is_empty() || !is_host(authority) {
                return Err(Reject::bad("The authority of the target is not a host."));
            }
            return Ok(match Target::path_and_query(rest) {
                Target::Path { path: b"", query } => Target::Path { path: b"/", query },
                target => target,
            });
        }
        // RFC 9112 §3.2.3: the port is part of an authority-form.
        match is_host(word) && has_port(word) {
            true => Ok(Target::Authority),
            false => Err(NO_TARGET),
        }
    }

    fn path_and_query(word: &'buf [u8]) -> Target<'buf> {
        match split_once(word, b'?') {
            Some((path, query)) => Target::Path { path, query: Some(query) },
            None => Target::Path { path: word, query: None },
        }
    }
}

/// The target has none of the four forms, or one that the method may not have.
pub(super) const NO_TARGET: Reject = Reject::bad("The target is neither a path nor a URI.");

fn strip_scheme(word: &[u8]) -> Option<&[u8]> {
    ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = word.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    })
}

/// Whether `bytes` are `uri-host [ ":" port ]` (RFC 9110 §7.2). An IPv6 literal may have a zone, as
/// `%eth0` or as `%25eth0`: clients should strip it (RFC 9844), but requests, httpx and .NET do not.
pub fn is_host(bytes: &[u8]) -> bool {
    let (host_is_valid, port) = if let [b'[', rest @ ..] = bytes {
        let Some((literal, after)) = split_once(rest, b']') else {
            return false;
        };
        (is_ip_literal(literal), after)
    } else {
        let end = position(bytes, b':').unwrap_or(bytes.len());
        let (name, after) = bytes.split_at_checked(end).unwrap_or((bytes, b""));
        (!name.is_empty() && is_reg_name(name), after)
    };
    host_is_valid
        && match port {
            [] | [b':'] => true,
            [b':', digits @ ..] => decimal(digits).is_some_and(|port| port <= 65_535),
            _ => false,
        }
}

fn has_port(authority: &[u8]) -> bool {
    let after = authority.rsplit(|&byte| byte == b':').next().unwrap_or_default();
    decimal(after).is_some()
}

/// Checks the text between brackets: an IPv6 address with or without a zone, or an IPvFuture
/// (RFC 3986 §3.2.2).
fn is_ip_literal(literal: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = literal {
        return split_once(rest, b'.').is_some_and(|(version, address)| {
            !version.is_empty()
                && version.iter().all(u8::is_ascii_hexdigit)
                && !address.is_empty()
                && address
                    .iter()
                    .all(|&byte| is_unreserved(byte) || is_sub_delim(byte) || byte == b':')
        });
    }
    let address = match split_once(literal, b'%') {
        Some((address, zone)) => {
            let zone = zone.strip_prefix(b"25").filter(|rest| !rest.is_empty()).unwrap_or(zone);
            // RFC 6874 §2: ZoneID = 1*( unreserved / pct-encoded ).
            if zone.is_empty() || !is_encoded(zone, is_unreserved) {
                return false;
            }
            address
        }
        None => literal,
    };
    is_ipv6(address)
}

/// Whether `text` is an IPv6 address, as std reads it (RFC 4291 §2.2). Each request has one in its
/// Host field where people type addresses, and std takes 500 instructions for `::1`.
fn is_ipv6(text: &[u8]) -> bool {
    if text.contains(&b'.') {
        let text = std::str::from_utf8(text);
        return text.is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    }
    let (mut groups, mut has_gap, mut rest) = (0, false, text);
    if let [b':', b':', after @ ..] = rest {
        (has_gap, rest) = (true, after);
    }
    while !(rest.is_empty() && has_gap) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if !(1..=4).contains(&digits) {
            return false;
        }
        groups += 1;
        match rest.get(digits..).unwrap_or_default() {
            [] => break,
            [b':', b':', after @ ..] if !has_gap => (has_gap, rest) = (true, after),
            // A group follows.
            [b':', after @ ..] if !after.is_empty() => rest = after,
            _ => return false,
        }
    }
    // A gap is at least one group.
    if has_gap { groups < 8 } else { groups == 8 }
}

/// Checks a reg-name (RFC 3986 §3.2.2). Every IPv4 address is one, too.
fn is_reg_name(name: &[u8]) -> bool {
    is_encoded(name, |byte| is_unreserved(byte) || is_sub_delim(byte))
}

/// Whether `bytes` are only `plain` characters and percent-encodings.
fn is_encoded(bytes: &[u8], plain: impl Fn(u8) -> bool) -> bool {
    // Most have nothing else.
    if are_labels(bytes) {
        return true;
    }
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return true,
            [b'%', a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if plain(*byte) => rest,
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let good: [&[u8]; 20] = [
            b"a",
            b"raspberrypi.local",
            b"raspberrypi.local:8080",
            b"a:",
            b"192.0.2.1:80",
            b"a_b",
            b"[::1]",
            b"[::1]:8080",
            b"[2001:DB8::1]",
            b"[::ffff:192.0.2.1]",
            b"[fe80::1%eth0]",
            b"[fe80::1%25eth0]:8080",
            b"[fe80::1%2]",
            b"[fe80::1%25]",
            b"[fe80::1%252]",
            b"[v1.x:y]",
            b"x%41",
            b"a:65535",
            b"[fe80::1%25wlan0.5]",
            b"1.2.3.4.5",
        ];
        for host in good {
            assert!(is_host(host), "{:?}", host.escape_ascii());
        }
        let bad: [&[u8]; 20] = [
            b"",
            b":80",
            b"::1",
            b"[::1",
            b"[::1]x",
            b"[]",
            b"[::g]",
            b"[192.0.2.1]",
            b"[fe80::1%]",
            b"[fe80::1%e/0]",
            b"a b",
            b"a/b",
            b"a@b",
            b"a:x",
            b"a:65536",
            b"a:1:2",
            b"x%4",
            b"[v.x]",
            b"a\"b",
            b"[::1]:-1",
        ];
        for host in bad {
            assert!(!is_host(host), "{:?}", host.escape_ascii());
        }
    }

    /// Every text of up to nine pieces, so that each number of groups, with gaps anywhere, occurs.
    #[test]
    fn addresses_are_those_of_std() {
        let pieces = [":", "1", "abCD", "::", "1:", ":1:1", "00000", "g", "192.0.2.1", "1:1:1"];
        let mut state = 1_u64;
        let mut valid = 0;
        for round in 0..200_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
            let mut choice = state >> 20;
            let mut text = String::new();
            for _ in 0..choice % 10 {
                choice = choice / 10 + (state >> 50);
                text.push_str(pieces[(choice % 10) as usize]);
            }
            let expected = text.parse::<Ipv6Addr>().is_ok();
            assert_eq!(is_ipv6(text.as_bytes()), expected, "{text}");
            valid += u32::from(expected);
        }
        for text in [
            "::",
            ":::",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1::3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:",
            "1:2:3:4::5:6:7:8",
            "::1:",
            "1:",
            ":1",
        ] {
            assert_eq!(is_ipv6(text.as_bytes()), text.parse::<Ipv6Addr>().is_ok(), "{text}");
        }
        assert!(valid > 1_000, "{valid} addresses are not enough");
    }

    #[test]
    fn targets() {
        let path = |path, query| Ok(Target::Path { path, query });
        let rows: [(&[u8], Result<Target<'_>, ()>); 22] = [
            (b"/", path(b"/", None)),
            (b"/a?b?c", path(b"/a", Some(b"b?c"))),
            (b"//x", path(b"//x", None)),
            (b"/?", path(b"/", Some(b""))),
            (b"http://h", path(b"/", None)),
            (b"HTTP://h:80/a?b", path(b"/a", Some(b"b"))),
            (b"http://[fe80::1%25eth0]:8080/x", path(b"/x", None)),
            (b"http://h?q", path(b"/", Some(b"q"))),
            (b"https://h/", path(b"/", None)),
            (b"http:///a", Err(())),
            (b"http://u@h/", Err(())),
            (b"http://u:p@h/", Err(())),
            (b"ftp://h/", Err(())),
            (b"a", Err(())),
            (b"/a#b", Err(())),
            (b"", Err(())),
            (b"*", Ok(Target::Asterisk)),
            (b"h:443", Ok(Target::Authority)),
            (b"[::1]:443", Ok(Target::Authority)),
            (b"h", Err(())),
            (b"h:", Err(())),
            (b"[::1]", Err(())),
        ];
        for (word, expected) in rows {
            let found = Target::parse(word).map_err(|_| ());
            assert_eq!(found, expected, "{:?}", word.escape_ascii());
        }
    }
}
