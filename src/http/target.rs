//! The request-target: its four forms (RFC 9112 §3.2), the host in it or in the Host field
//! (RFC 9110 §7.2), and the path, decoded once and free of dot segments (RFC 3986 §5.2.4).

use core::net::Ipv6Addr;

use super::grammar::{decimal, hex_digit, split_once};
use super::request::{Method, Reject};

/// The request-target (RFC 9112 §3.2). An absolute-form is kept as its path and query: its
/// authority wins over Host (§3.2.2), and every authority names the one site that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'buf> {
    /// origin-form and absolute-form.
    Path {
        /// As it was sent, percent-encoded; begins with a slash.
        path: &'buf [u8],
        /// What stands behind the first `?`.
        query: Option<&'buf [u8]>,
    },
    /// asterisk-form: the server as a whole, for OPTIONS.
    Asterisk,
    /// authority-form, which CONNECT uses and no other method.
    Authority,
}

impl<'buf> Target<'buf> {
    pub(super) fn parse(word: &'buf [u8], method: Method) -> Result<Target<'buf>, Reject> {
        // Bytes beyond ASCII are no part of a URI, and RFC 9112 §3.2 would have us answer 400.
        // curl and busybox wget send them as the user typed them, and they name the file.
        if word.iter().any(|&byte| byte <= b' ' || byte == 0x7f || byte == b'#') {
            return Err(Reject::bad("The target holds a character that no target may hold."));
        }
        if method == Method::Connect {
            // RFC 9112 §3.2.3: the port is part of an authority-form.
            return if is_host(word) && has_port(word) {
                Ok(Target::Authority)
            } else {
                Err(Reject::bad("The target of CONNECT is a host and a port."))
            };
        }
        if word.starts_with(b"/") {
            return Ok(Target::path_and_query(word));
        }
        if word == b"*" {
            return match method {
                Method::Options => Ok(Target::Asterisk),
                _ => Err(Reject::bad("Only OPTIONS may be asked of *.")),
            };
        }
        if let Some(rest) = strip_scheme(word) {
            let end = rest.iter().position(|&b| b == b'/' || b == b'?').unwrap_or(rest.len());
            let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, b""));
            // RFC 9110 §4.2.1 an empty host is invalid; §4.2.4 so is user information.
            if authority.is_empty() || !is_host(authority) {
                return Err(Reject::bad("The authority of the target is not a host."));
            }
            return Ok(match Target::path_and_query(rest) {
                Target::Path { path: b"", query } => Target::Path { path: b"/", query },
                target => target,
            });
        }
        Err(Reject::bad("The target is neither a path nor a URI."))
    }

    fn path_and_query(word: &'buf [u8]) -> Target<'buf> {
        match split_once(word, b'?') {
            Some((path, query)) => Target::Path { path, query: Some(query) },
            None => Target::Path { path: word, query: None },
        }
    }
}

fn strip_scheme(word: &[u8]) -> Option<&[u8]> {
    ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = word.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    })
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2). A zone in an IPv6 literal is accepted, as `%eth0` and
/// as `%25eth0`: RFC 9844 wants clients to strip it, and requests, httpx and .NET do not.
pub fn is_host(bytes: &[u8]) -> bool {
    let (host_is_valid, port) = if let [b'[', rest @ ..] = bytes {
        let Some((literal, after)) = split_once(rest, b']') else {
            return false;
        };
        (is_ip_literal(literal), after)
    } else {
        let end = bytes.iter().position(|&byte| byte == b':').unwrap_or(bytes.len());
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

/// Between the brackets: an IPv6 address with or without zone, or an IPvFuture (RFC 3986 §3.2.2).
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
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// RFC 3986 §3.2.2 reg-name; every IPv4 address is one.
fn is_reg_name(name: &[u8]) -> bool {
    is_encoded(name, |byte| is_unreserved(byte) || is_sub_delim(byte))
}

/// Whether `bytes` are `plain` characters and percent-encodings only.
fn is_encoded(bytes: &[u8], plain: impl Fn(u8) -> bool) -> bool {
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

/// RFC 3986 §2.3.
pub fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §2.2.
fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// The path beneath the root that a target names: decoded bytes, no empty or dot segments, no
/// NUL. It exists only parsed, so nobody has to check for `..` again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePath {
    /// Segments with one slash between them; none before the first or after the last.
    bytes: Vec<u8>,
    /// Whether a slash followed the last segment, so that a directory is named.
    directory: bool,
}

impl SitePath {
    /// Decodes once, then collapses `//` and resolves dot segments: nothing is redirected for
    /// either, since UEFI and iPXE fail on a redirect. An encoded slash is refused: it is either
    /// a name that no file can have, or somebody's second decoding.
    pub fn parse(path: &[u8]) -> Result<SitePath, Reject> {
        let mut bytes = Vec::with_capacity(path.len());
        let mut directory = true;
        for segment in path.split(|&byte| byte == b'/') {
            let start = bytes.len();
            if start > 0 && !segment.is_empty() {
                bytes.push(b'/');
            }
            let name = bytes.len();
            decode_segment(segment, &mut bytes)?;
            let is_name = match bytes.get(name..).unwrap_or_default() {
                b"" | b"." => false,
                b".." => {
                    let parent = bytes.get(..start).unwrap_or_default();
                    let parent = parent.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                    bytes.truncate(parent);
                    directory = true;
                    continue;
                }
                _ => true,
            };
            if !is_name {
                bytes.truncate(start);
            }
            directory = !is_name;
        }
        Ok(SitePath { bytes, directory })
    }

    /// A path given by the operator, for `--fallback` and the like: not percent-encoded.
    pub fn from_name(name: &[u8]) -> SitePath {
        let mut escaped = Vec::new();
        encode_path(name, &mut escaped);
        // Encoded as above it is a valid path, but for NUL, which no argument can hold.
        SitePath::parse(&escaped).unwrap_or(SitePath { bytes: Vec::new(), directory: true })
    }

    /// A file in the root whose name is the server's own choice.
    pub fn in_root(name: Vec<u8>) -> SitePath {
        SitePath { bytes: name, directory: false }
    }

    /// The decoded path relative to the root; empty for the root itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the target ended in a slash.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// Whether any name begins with a dot. `.well-known` as the first (RFC 8615) does not count.
    pub fn is_hidden(&self) -> bool {
        let mut names = self.bytes.split(|&byte| byte == b'/');
        names.next().is_some_and(|first| first.starts_with(b".") && first != b".well-known")
            || names.any(|name| name.starts_with(b"."))
    }

    /// The path of something in this directory, or with `suffix` at the end of the name.
    pub fn join(&self, name: &[u8]) -> SitePath {
        let mut bytes = self.bytes.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        SitePath { bytes, directory: false }
    }

    /// The same with `suffix` added to its last name.
    pub fn with_suffix(&self, suffix: &str) -> SitePath {
        let mut bytes = self.bytes.clone();
        bytes.extend_from_slice(suffix.as_bytes());
        SitePath { bytes, directory: false }
    }

    /// The same path with a slash at its end, as a relative reference (RFC 3986 §4.2) from
    /// `target`, the path as it was sent, which had none: its last name, encoded, and a slash.
    ///
    /// The last name of such a path is the last segment of the target, so it replaces just that.
    /// It holds behind any proxy that serves us beneath a prefix. It cannot lead to another host
    /// or scheme: it has no slash before a name, and a colon is encoded.
    ///
    /// aiohttp, and so fsspec, loses the encoding of what the reference leaves as it is (`join` of
    /// yarl 1.25). So it goes up and names again each folder from the first that was encoded on,
    /// unless empty or dot segments make it unsure how far up that is.
    pub fn reference_with_slash(&self, target: &[u8]) -> Vec<u8> {
        let names = self.bytes.split(|&byte| byte == b'/');
        let last = names.clone().count() - 1;
        let mut segments = target.split(|&byte| byte == b'/').skip(1);
        let first = if segments.clone().count() == last + 1 {
            let encoded = segments.position(|segment| segment.contains(&b'%'));
            encoded.map_or(last, |at| at.min(last))
        } else {
            last
        };
        let mut reference = b"../".repeat(last - first);
        for name in names.skip(first) {
            encode_path(name, &mut reference);
            reference.push(b'/');
        }
        reference
    }
}

/// Percent-encodes what is not unreserved; slashes stay.
pub fn encode_path(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for &byte in bytes {
        if is_unreserved(byte) || byte == b'/' {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Percent-decodes one segment (RFC 3986 §2.1). `+` is not a space.
fn decode_segment(segment: &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
    let mut rest = segment;
    loop {
        let byte = match rest {
            [] => return Ok(()),
            [b'%', high, low, after @ ..] => {
                let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) else {
                    return Err(BAD_ESCAPE);
                };
                rest = after;
                match high << 4 | low {
                    0 => return Err(Reject::bad("The path holds an encoded NUL.")),
                    b'/' => return Err(Reject::bad("The path holds an encoded slash.")),
                    byte => byte,
                }
            }
            [b'%', ..] => return Err(BAD_ESCAPE),
            [byte, after @ ..] => {
                rest = after;
                *byte
            }
        };
        out.push(byte);
    }
}

const BAD_ESCAPE: Reject = Reject::bad("The path holds a % without two hexadecimal digits.");

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

    #[test]
    fn targets() {
        let path = |path, query| Ok(Target::Path { path, query });
        let rows: [(Method, &[u8], Result<Target<'_>, ()>); 24] = [
            (Method::Get, b"/", path(b"/", None)),
            (Method::Get, b"/a?b?c", path(b"/a", Some(b"b?c"))),
            (Method::Get, b"//x", path(b"//x", None)),
            (Method::Get, b"/?", path(b"/", Some(b""))),
            (Method::Get, b"http://h", path(b"/", None)),
            (Method::Get, b"HTTP://h:80/a?b", path(b"/a", Some(b"b"))),
            (Method::Get, b"http://[fe80::1%25eth0]:8080/x", path(b"/x", None)),
            (Method::Get, b"http://h?q", path(b"/", Some(b"q"))),
            (Method::Get, b"https://h/", path(b"/", None)),
            (Method::Get, b"http:///a", Err(())),
            (Method::Get, b"http://u@h/", Err(())),
            (Method::Get, b"http://u:p@h/", Err(())),
            (Method::Get, b"ftp://h/", Err(())),
            (Method::Get, b"a", Err(())),
            (Method::Get, b"/a#b", Err(())),
            (Method::Get, b"", Err(())),
            (Method::Options, b"*", Ok(Target::Asterisk)),
            (Method::Get, b"*", Err(())),
            (Method::Connect, b"h:443", Ok(Target::Authority)),
            (Method::Connect, b"h", Err(())),
            (Method::Connect, b"h:", Err(())),
            (Method::Connect, b"[::1]", Err(())),
            (Method::Connect, b"/", Err(())),
            (Method::NotAllowed, b"h:443", Err(())),
        ];
        for (method, word, expected) in rows {
            let found = Target::parse(word, method).map_err(|_| ());
            assert_eq!(found, expected, "{method:?} {:?}", word.escape_ascii());
        }
    }

    #[test]
    fn paths() {
        let rows: [(&[u8], Option<(&[u8], bool)>); 34] = [
            (b"/", Some((b"", true))),
            (b"", Some((b"", true))),
            (b"/a", Some((b"a", false))),
            (b"/a/", Some((b"a", true))),
            (b"//a", Some((b"a", false))),
            (b"/a//b", Some((b"a/b", false))),
            (b"/a//", Some((b"a", true))),
            (b"/./a", Some((b"a", false))),
            (b"/a/.", Some((b"a", true))),
            (b"/a/./", Some((b"a", true))),
            (b"/a/..", Some((b"", true))),
            (b"/a/../", Some((b"", true))),
            (b"/a/b/..", Some((b"a", true))),
            (b"/a/b/../c", Some((b"a/c", false))),
            (b"/..", Some((b"", true))),
            (b"/../../a", Some((b"a", false))),
            (b"/a/b/../../../c", Some((b"c", false))),
            (b"/%2e%2e/a", Some((b"a", false))),
            (b"/a/%2E./b", Some((b"b", false))),
            (b"//evil.example/%2e%2e/dir", Some((b"dir", false))),
            (b"/..a", Some((b"..a", false))),
            (b"/...", Some((b"...", false))),
            (b"/a+b", Some((b"a+b", false))),
            (b"/a%20b", Some((b"a b", false))),
            (b"/%e4", Some((b"\xe4", false))),
            (b"/\xff", Some((b"\xff", false))),
            (b"/a%252e", Some((b"a%2e", false))),
            (b"/a\\b", Some((b"a\\b", false))),
            (b"/%2f", None),
            (b"/a%2Fb", None),
            (b"/%00", None),
            (b"/%", None),
            (b"/%4", None),
            (b"/%zz", None),
        ];
        for (path, expected) in rows {
            let found = SitePath::parse(path).ok();
            let found = found.as_ref().map(|path| (path.as_bytes(), path.is_directory()));
            assert_eq!(found, expected, "{:?}", path.escape_ascii());
        }
    }

    #[test]
    fn encoding_comes_back() {
        let name: Vec<u8> = (1..=255).filter(|&byte| byte != b'/').collect();
        let path = SitePath::from_name(&name);
        assert_eq!(path.as_bytes(), name);
        let reference = [b"/x/", path.reference_with_slash(b"/x").as_slice()].concat();
        let found = SitePath::parse(&reference).expect("a path");
        assert_eq!(found.as_bytes(), [b"x/", name.as_slice()].concat());
        assert!(found.is_directory());
    }

    #[test]
    fn hidden_names() {
        for (path, hidden) in [
            (&b"/a"[..], false),
            (b"/.a", true),
            (b"/a/.git/x", true),
            (b"/.well-known/x", false),
            (b"/.well-known/.x", true),
            (b"/a/.well-known/x", true),
            (b"/..a", true),
        ] {
            assert_eq!(SitePath::parse(path).map(|path| path.is_hidden()), Ok(hidden), "{path:?}");
        }
    }
}
