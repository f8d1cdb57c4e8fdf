//! A request: method, target, version, fields; and the request-line (RFC 9112 §3).

use super::fields::{Field, Fields};
use super::grammar::{is_token, position, split_once};
use super::status::{Reject, Status};
use super::target::{NO_TARGET, Target};

/// A valid request head. It borrows from the bytes received and never outlives them.
#[derive(Clone, Copy, Debug)]
pub struct Request<'buf> {
    /// The method; all that the server does not know are one.
    pub method: Method,
    /// The request-target, checked against the method.
    pub target: Target<'buf>,
    /// The version of the client.
    pub version: Version,
    /// The field section.
    pub fields: Fields<'buf>,
    /// The request-line without its CRLF, for the log.
    pub line: &'buf [u8],
}

impl Request<'_> {
    /// Whether the client waits for a 100 before it sends content (RFC 9110 §10.1.1). In HTTP/1.0,
    /// Expect is ignored.
    pub(super) fn expects_continue(&self) -> Result<bool, Reject> {
        if self.version == Version::Http10 {
            return Ok(false);
        }
        let mut waits = false;
        for member in self.fields.list(Field::Expect) {
            if !member.eq_ignore_ascii_case(b"100-continue") {
                return Err(Reject::new(
                    Status::ExpectationFailed,
                    "The only supported expectation is 100-continue.",
                ));
            }
            waits = true;
        }
        Ok(waits)
    }

    /// The bytes of the head, without empty lines before it.
    pub fn to_head(&self) -> Vec<u8> {
        [self.line, b"\r\n", self.fields.lines, b"\r\n"].concat()
    }
}

/// The methods that this server distinguishes (RFC 9110 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Transfer the selected representation.
    Get,
    /// Like GET, but without the content.
    Head,
    /// Asks which methods the target allows.
    Options,
    /// Asks for a tunnel: not allowed here, 405. Only this method has targets in authority-form.
    Connect,
    /// Another method of RFC 9110 or RFC 5789: not allowed on any resource here, 405.
    NotAllowed,
    /// Any other method: 501.
    Unknown,
}

/// HTTP/1.0, or HTTP/1.1 and compatible versions (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1 and later minor versions.
    Http11,
}

/// The parts of a request-line.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLine<'buf> {
    pub(super) method: Method,
    pub(super) target: Target<'buf>,
    pub(super) version: Version,
}

impl<'buf> RequestLine<'buf> {
    /// Parses three words with one space between them (RFC 9112 §3). The RFC permits a lenient
    /// parser that accepts other white space. We are strict: with lenient parsers, two readers may
    /// see two targets.
    pub(super) fn parse(line: &'buf [u8]) -> Result<RequestLine<'buf>, Reject> {
        // Most are this one, and no part of it has to be looked for.
        let words = line.strip_prefix(b"GET ").and_then(|rest| rest.strip_suffix(b" HTTP/1.1"));
        if let Some(target) = words.filter(|target| position(target, b' ').is_none()) {
            let (method, version) = (Method::Get, Version::Http11);
            let target = of_method(method, Target::parse(target))?;
            return Ok(RequestLine { method, target, version });
        }
        const THREE: Reject = Reject::bad("A request-line is a method, a target and a version.");
        let (method, rest) = split_once(line, b' ').ok_or(THREE)?;
        let (target, version) = split_once(rest, b' ').ok_or(THREE)?;
        if !is_token(method) {
            return Err(Reject::bad("The method is not a token."));
        }
        let version = Version::parse(version)?;
        let method = Method::parse(method);
        let target = of_method(method, Target::parse(target))?;
        Ok(RequestLine { method, target, version })
    }
}

/// Checks the form of a target against the method (RFC 9112 §3.2).
fn of_method(method: Method, target: Result<Target<'_>, Reject>) -> Result<Target<'_>, Reject> {
    match (method, target) {
        (Method::Connect, Ok(Target::Authority)) => Ok(Target::Authority),
        (Method::Connect, _) => Err(Reject::bad("The target of CONNECT is a host and a port.")),
        (_, Ok(Target::Authority)) => Err(NO_TARGET),
        (Method::Options, Ok(Target::Asterisk)) => Ok(Target::Asterisk),
        (_, Ok(Target::Asterisk)) => Err(Reject::bad("Only OPTIONS may have the target *.")),
        (_, target) => target,
    }
}

impl Method {
    /// Methods are case-sensitive (RFC 9110 §9.1).
    fn parse(token: &[u8]) -> Method {
        match token {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"OPTIONS" => Method::Options,
            b"CONNECT" => Method::Connect,
            b"POST" | b"PUT" | b"DELETE" | b"TRACE" | b"PATCH" => Method::NotAllowed,
            _ => Method::Unknown,
        }
    }
}

impl Version {
    /// `HTTP/` DIGIT `.` DIGIT, case-sensitive (RFC 9112 §2.3).
    fn parse(word: &[u8]) -> Result<Version, Reject> {
        match word {
            b"HTTP/1.0" => Ok(Version::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => Ok(Version::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(Reject::new(Status::HttpVersionNotSupported, "This server speaks HTTP/1.1."))
            }
            _ => Err(Reject::bad("The version is not HTTP/1.1 or HTTP/1.0.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_forms_of_their_own() {
        let rows: [(&str, bool); 13] = [
            ("GET /", true),
            ("GET http://h/", true),
            ("GET *", false),
            ("GET h:443", false),
            ("PUT h:443", false),
            ("OPTIONS *", true),
            ("OPTIONS /", true),
            ("OPTIONS h:443", false),
            ("CONNECT h:443", true),
            ("CONNECT h", false),
            ("CONNECT /", false),
            ("CONNECT *", false),
            ("CONNECT http://h:443/", false),
        ];
        for (words, is_valid) in rows {
            let line = format!("{words} HTTP/1.1");
            assert_eq!(RequestLine::parse(line.as_bytes()).is_ok(), is_valid, "{line}");
        }
    }
}
