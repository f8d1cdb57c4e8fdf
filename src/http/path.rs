//! The path of a request-target: decoded once, without dot segments (RFC 3986 §5.2.4). Also encodes
//! paths for links.

use super::grammar::{hex_digit, is_unreserved};
use super::status::Reject;

/// A path beneath the root: decoded, without empty segments, dot segments and NUL. Only
/// [`SitePath::parse`] makes one from a request, so no other code checks for `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePath {
    /// Segments with one slash between them, and none at either end.
    bytes: Vec<u8>,
    /// Whether a slash followed the last segment: the path of a directory.
    directory: bool,
}

impl SitePath {
    /// Decodes once, then collapses `//` and resolves dot segments. Neither leads to a redirect,
    /// because UEFI and iPXE fail on one. An encoded slash is rejected: no file name contains a
    /// slash, and the path may be meant to deceive a reader that decodes twice.
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
        debug_assert!(
            bytes.is_empty()
                || !bytes
                    .split(|&byte| byte == b'/')
                    .any(|name| matches!(name, b"" | b"." | b"..")),
            "a segment that is no name"
        );
        debug_assert!(!bytes.contains(&0), "NUL in a path");
        Ok(SitePath { bytes, directory })
    }

    /// A path from the operator, as in `--fallback`: not percent-encoded.
    pub fn from_name(name: &[u8]) -> SitePath {
        let mut escaped = Vec::new();
        encode_path(name, &mut escaped);
        // Once encoded it is always valid, except for NUL, which no argument can contain.
        SitePath::parse(&escaped).unwrap_or(SitePath { bytes: Vec::new(), directory: true })
    }

    /// A file in the root, by a name that the server chose.
    pub fn in_root(name: Vec<u8>) -> SitePath {
        SitePath { bytes: name, directory: false }
    }

    /// The decoded path, relative to the root. Empty for the root itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The path of the folder that its last name is in.
    pub fn folder(&self) -> &[u8] {
        let slash = self.bytes.iter().rposition(|&byte| byte == b'/');
        self.bytes.get(..slash.unwrap_or(0)).unwrap_or_default()
    }

    /// Its last name.
    pub fn name(&self) -> &[u8] {
        self.bytes.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
    }

    /// Whether the target ended in a slash.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// Whether one of its names is hidden.
    pub fn is_hidden(&self) -> bool {
        let mut names = self.bytes.split(|&byte| byte == b'/');
        names.next().is_some_and(is_hidden_in_root) || names.any(is_hidden_name)
    }

    /// Whether a name in this directory is hidden.
    pub fn hides(&self, name: &[u8]) -> bool {
        match self.bytes.is_empty() {
            true => is_hidden_in_root(name),
            false => is_hidden_name(name),
        }
    }

    /// The path of `name` in this directory.
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

    /// The same path with a slash at its end, as a relative reference (RFC 3986 §4.2): the last name,
    /// encoded, and a slash. `target` is the path as the client sent it, without that slash.
    ///
    /// The reference replaces the last segment of the target. So it also works behind a proxy that
    /// serves us beneath a prefix. It cannot lead to another host or scheme: no slash comes before
    /// the name, and colons are encoded.
    ///
    /// aiohttp, and so fsspec, loses the encoding of the segments that a reference keeps (`join` of
    /// yarl 1.25). So the reference goes up with `..` and repeats all names from the first encoded
    /// one on. It does not if the target has empty or dot segments: then the number of levels is
    /// uncertain.
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

fn is_hidden_name(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// RFC 8615: `/.well-known/` is for everybody.
fn is_hidden_in_root(name: &[u8]) -> bool {
    is_hidden_name(name) && name != b".well-known"
}

/// Percent-encodes all bytes except unreserved ones and slashes.
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
                    0 => return Err(Reject::bad("The path contains an encoded NUL.")),
                    b'/' => return Err(Reject::bad("The path contains an encoded slash.")),
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

const BAD_ESCAPE: Reject = Reject::bad("The path contains a % without two hexadecimal digits.");

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_directory_hides_the_names_whose_paths_are_hidden() {
        for folder in [&b""[..], b"a", b".well-known", b"a/b"] {
            let folder = SitePath::from_name(folder);
            for name in [&b"a"[..], b".a", b".well-known", b"..a", b"a.b"] {
                assert_eq!(
                    folder.hides(name),
                    folder.join(name).is_hidden(),
                    "{folder:?} {name:?}"
                );
            }
        }
    }
}
