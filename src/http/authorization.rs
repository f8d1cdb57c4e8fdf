//! The Authorization field in the Basic scheme (RFC 7617). This module reads the credentials;
//! `access` checks them.

use super::fields::{Field, Fields};
use super::grammar::split_once;

/// A user and a password, as they were sent. Both may be any bytes, although the challenge asks
/// for UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Contains no colon.
    pub user: Vec<u8>,
    /// May contain colons.
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    /// Leaves out the password: it must not get into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.user.escape_ascii())
    }
}

/// The credentials of a request; `None` if there are none or they are malformed.
pub fn basic(fields: Fields<'_>) -> Option<Credentials> {
    let value = fields.one(Field::Authorization)?;
    let (scheme, mut token) = split_once(value, b' ')?;
    // RFC 9110 §11.1: the scheme is case-insensitive; §11.4: one or more spaces follow.
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return None;
    }
    while let [b' ', rest @ ..] = token {
        token = rest;
    }
    let pair = base64(token)?;
    let (user, password) = split_once(&pair, b':')?;
    Some(Credentials { user: user.to_vec(), password: password.to_vec() })
}

/// Decodes base64 (RFC 4648 §4). Padding is required, and each value has only one encoding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"=").unwrap_or(text);
    let digits = digits.strip_suffix(b"=").unwrap_or(digits);
    if text.len() % 4 != 0 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for &digit in digits {
        bits = bits << 6 | base64_digit(digit)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0 && count < 6).then_some(bytes)
}

fn base64_digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::HeadReader;
    use crate::http::limits::Limits;

    #[test]
    fn credentials() {
        type Row = (&'static str, &'static [u8], Option<(&'static [u8], &'static [u8])>);
        let rows: [Row; 20] = [
            (
                "RFC 7617 §2",
                b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                Some((b"Aladdin", b"open sesame")),
            ),
            ("RFC 7617 §2.1", b"Basic dGVzdDoxMjPCow==", Some((b"test", b"123\xc2\xa3"))),
            ("the scheme in any case", b"bAsIc YTpi", Some((b"a", b"b"))),
            ("several spaces", b"Basic   YTpi", Some((b"a", b"b"))),
            ("the first colon separates", b"Basic YTpiOmM=", Some((b"a", b"b:c"))),
            ("an empty password", b"Basic YTo=", Some((b"a", b""))),
            ("an empty user", b"Basic OmI=", Some((b"", b"b"))),
            ("all digits", b"Basic +/09azAZOg==", Some((b"\xfb\xfd=k0\x19", b""))),
            ("no other white space", b"Basic \tYTpi", None),
            ("no colon", b"Basic YWI=", None),
            ("another scheme", b"Bearer YTpi", None),
            ("no scheme", b"YTpi", None),
            ("nothing", b"", None),
            ("no token", b"Basic ", None),
            ("no padding", b"Basic YTo", None),
            ("too much padding", b"Basic YTpi====", None),
            ("padding within", b"Basic YT=i", None),
            ("bits that mean nothing", b"Basic YTp=", None),
            ("the other alphabet", b"Basic -_09azAZOg==", None),
            ("more than one token", b"Basic YTpi, x", None),
        ];
        for (rule, value, expected) in rows {
            let head = [b"GET / HTTP/1.0\r\nAuthorization: ", value, b"\r\n\r\n"].concat();
            let head = HeadReader::default().read(&head, &Limits::default());
            let fields = head.expect("valid").expect("complete").request.fields;
            let found = basic(fields);
            let found = found.as_ref().map(|found| (&found.user[..], &found.password[..]));
            assert_eq!(found, expected, "{rule}");
        }
        let twice =
            b"GET / HTTP/1.0\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic YTpi\r\n\r\n";
        let head = HeadReader::default().read(twice, &Limits::default());
        assert_eq!(basic(head.expect("valid").expect("complete").request.fields), None, "twice");
    }
}
