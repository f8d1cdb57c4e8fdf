//! Request heads: the bytes of a request-line and field section become a [`Request`].
//! Syntax only (RFC 9112 §2-§5). What a field means is for the module named after it.

use super::grammar::{is_field_content, is_tchar, is_token, list, position, split_once, trim_ows};
use super::limits::Limits;
use super::response::Status;
use super::target::{Target, is_host};

/// A valid request head. It borrows from the bytes received and never outlives them.
#[derive(Clone, Copy, Debug)]
pub struct Request<'buf> {
    /// What to do.
    pub method: Method,
    /// What to do it to.
    pub target: Target<'buf>,
    /// The version that the client speaks.
    pub version: Version,
    /// The field section.
    pub fields: Fields<'buf>,
    /// The request-line without its CRLF, for the log.
    pub line: &'buf [u8],
}

/// The methods that this server tells apart (RFC 9110 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Transfer the selected representation.
    Get,
    /// The same without the content.
    Head,
    /// What can be asked of the target.
    Options,
    /// Asks for a tunnel, and is not allowed here: 405. Its targets have a form of their own.
    Connect,
    /// Known to RFC 9110 or 5789, not allowed on any resource here: 405.
    NotAllowed,
    /// Known to nobody: 501.
    Unknown,
}

/// HTTP/1.0, or 1.1 and what is compatible with it (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1 and later minor versions.
    Http11,
}

/// An invalid head. The error is the answer: status, and one sentence for client, log and test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The status of the answer, after which the connection is closed.
    pub status: Status,
    /// What was wrong.
    pub reason: &'static str,
}

impl Reject {
    pub(crate) const fn bad(reason: &'static str) -> Reject {
        Reject { status: Status::BadRequest, reason }
    }
}

/// A validated field section: `name: value CRLF` lines. Lookups walk it, nothing is allocated.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'buf> {
    lines: &'buf [u8],
    /// [`name_bit`] of every name. Most fields that are asked for are not there, and most of
    /// those are found out without walking the lines.
    names: u64,
}

/// One of 64 bits, the same for a name in any case of letters: from its length, its first and its
/// last letter. These factors tell what is looked for in every request from what browsers send.
fn name_bit(name: &[u8]) -> u64 {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return 0;
    };
    let mixed = name.len() as u32 * 9 + u32::from(first | 0x20) * 7 + u32::from(last | 0x20) * 10;
    1 << (mixed % 64)
}

impl<'buf> Fields<'buf> {
    /// The values of all field lines called `name`, in order.
    pub fn all(self, name: &'static str) -> impl Iterator<Item = &'buf [u8]> {
        let is_absent = self.names & name_bit(name.as_bytes()) == 0;
        let mut rest = if is_absent { b"" } else { self.lines };
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (line, after) = split_once(rest, b'\n')?;
                rest = after;
                let Some((head, value)) = line.split_at_checked(name.len()) else {
                    continue;
                };
                if let (true, [b':', value @ ..]) =
                    (head.eq_ignore_ascii_case(name.as_bytes()), value)
                {
                    return Some(trim_ows(value.strip_suffix(b"\r").unwrap_or(value)));
                }
            }
            None
        })
    }

    /// The value of the only field line called `name`. A field that may stand but once and
    /// stands twice is as good as absent.
    pub fn one(self, name: &'static str) -> Option<&'buf [u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The elements of a list field, over all its field lines (RFC 9110 §5.3).
    pub fn list(self, name: &'static str) -> impl Iterator<Item = &'buf [u8]> {
        self.all(name).flat_map(list)
    }

    /// Whether a list field holds this element, in any case of letters.
    pub fn list_has(self, name: &'static str, element: &str) -> bool {
        self.list(name).any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
    }
}

/// Reads one head from bytes that arrive in pieces. Each byte is looked at once, however the
/// head was cut, and the outcome does not depend on the cut: lines are judged in their order,
/// each against its bound first.
#[derive(Debug, Default)]
pub struct HeadReader {
    /// Where the request-line begins: empty lines before it are skipped.
    begin: usize,
    /// Where the field section begins; 0 while the request-line is not complete.
    fields: usize,
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Up to here there is no line feed in that line.
    scanned: usize,
    field_lines: usize,
    /// For [`Fields`].
    names: u64,
}

/// A complete head, and how many of the bytes it took.
#[derive(Debug)]
pub struct Head<'buf> {
    /// The request.
    pub request: Request<'buf>,
    /// Bytes from the first that was received to the end of the head.
    pub length: usize,
}

impl HeadReader {
    /// Looks at what has come since the last call. `received` begins with the same bytes at each
    /// call. `None`: the head is not complete.
    pub fn read<'buf>(
        &mut self,
        received: &'buf [u8],
        limits: &Limits,
    ) -> Result<Option<Head<'buf>>, Reject> {
        let mut request_line = None;
        loop {
            let unread = received.get(self.scanned..).unwrap_or_default();
            let feed = position(unread, b'\n');
            let end = feed.map_or(received.len(), |at| self.scanned + at + 1);
            self.check_bounds(received, end, limits)?;
            if feed.is_none() {
                self.scanned = end;
                return Ok(None);
            }
            let line = received.get(self.line..end).unwrap_or_default();
            // RFC 9112 §2.2 lets a lone LF end a line. We do not: two readers that disagree about
            // where a line ends are how requests are smuggled.
            let Some(line) = line.strip_suffix(b"\r\n") else {
                return Err(Reject::bad("A line must end in CR LF."));
            };
            (self.line, self.scanned) = (end, end);
            if self.fields == 0 {
                if line.is_empty() {
                    // RFC 9112 §2.2: at least one empty line before the request-line is ignored.
                    self.begin = end;
                } else {
                    request_line = Some(RequestLine::parse(line)?);
                    self.fields = end;
                }
            } else if !line.is_empty() {
                self.field_lines += 1;
                self.names |= name_bit(check_field_line(line)?);
            } else {
                // In several pieces the request-line was parsed, and found valid, in an earlier call.
                let first =
                    received.get(self.begin..self.fields.saturating_sub(2)).unwrap_or_default();
                let parsed = match request_line {
                    Some(parsed) => parsed,
                    None => RequestLine::parse(first)?,
                };
                let lines = received.get(self.fields..end - 2).unwrap_or_default();
                let fields = Fields { lines, names: self.names };
                check_host(parsed.version, fields)?;
                let RequestLine { method, target, version } = parsed;
                let request = Request { method, target, version, fields, line: first };
                return Ok(Some(Head { request, length: end }));
            }
        }
    }

    /// `end`: of the line that is being read, or of what has come of it.
    fn check_bounds(&self, received: &[u8], end: usize, limits: &Limits) -> Result<(), Reject> {
        if self.fields == 0 {
            if end > limits.request_line_bytes_max {
                let line =
                    received.get(self.begin..=limits.request_line_bytes_max).unwrap_or_default();
                let method = line.iter().take_while(|&&byte| is_tchar(byte)).count();
                // RFC 9112 §3: too long for a method is 501, for a target 414.
                return Err(if method > METHOD_BYTES_MAX {
                    Reject { status: Status::NotImplemented, reason: "No method is that long." }
                } else {
                    Reject { status: Status::UriTooLong, reason: "The request-line is too long." }
                });
            }
            return Ok(());
        }
        // Where each bound is passed. A line may pass both, and then the first decides, however
        // the line was cut. Two bytes of a line may be the end of the section.
        let too_large = self.fields + limits.field_section_bytes_max + 1;
        let is_last = self.field_lines >= limits.field_lines_max;
        let too_many = if is_last { self.line + 3 } else { usize::MAX };
        match end {
            _ if end < too_large.min(too_many) => Ok(()),
            _ if too_large <= too_many => Err(TOO_LARGE),
            _ => Err(Reject { reason: "There are too many field lines.", ..TOO_LARGE }),
        }
    }
}

/// What of the first `bytes_max` of `received` looks like a request-line, for the log of what was
/// rejected.
pub(super) fn first_line(received: &[u8], bytes_max: usize) -> &[u8] {
    let mut rest = received.get(..bytes_max).unwrap_or(received);
    while let [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    let line = split_once(rest, b'\n').map_or(rest, |(line, _)| line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

const METHOD_BYTES_MAX: usize = 64;
const TOO_LARGE: Reject = Reject {
    status: Status::RequestHeaderFieldsTooLarge,
    reason: "The field section is too large.",
};

#[derive(Clone, Copy)]
struct RequestLine<'buf> {
    method: Method,
    target: Target<'buf>,
    version: Version,
}

impl<'buf> RequestLine<'buf> {
    /// Three words with one space between them (RFC 9112 §3). The lenient reading that the RFC
    /// permits, any white space anywhere, is how two readers come to see two targets.
    fn parse(line: &'buf [u8]) -> Result<RequestLine<'buf>, Reject> {
        let three = Reject::bad("A request-line is a method, a target and a version.");
        let (method, rest) = split_once(line, b' ').ok_or(three)?;
        let (target, version) = split_once(rest, b' ').ok_or(three)?;
        if !is_token(method) {
            return Err(Reject::bad("The method is not a token."));
        }
        let version = Version::parse(version)?;
        let method = Method::parse(method);
        let target = Target::parse(target, method)?;
        Ok(RequestLine { method, target, version })
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
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Reject {
                status: Status::HttpVersionNotSupported,
                reason: "This server speaks HTTP/1.1.",
            }),
            _ => Err(Reject::bad("The version is not HTTP/1.1 or HTTP/1.0.")),
        }
    }
}

/// One line of the field section (RFC 9112 §5). Returns the name.
pub(super) fn check_field_line(line: &[u8]) -> Result<&[u8], Reject> {
    if let [b' ' | b'\t', ..] = line {
        // §5.2 obs-fold; §2.2 white space before the first field line.
        return Err(Reject::bad("A field line must not begin with white space."));
    }
    let (name, value) = split_once(line, b':').ok_or(Reject::bad("A field line has no colon."))?;
    if !is_token(name) {
        // §5.1: white space before the colon has been used to smuggle requests.
        return Err(Reject::bad("A field name is not a token."));
    }
    if !is_field_content(value) {
        return Err(Reject::bad("A field value holds a control character."));
    }
    Ok(name)
}

/// Exactly one valid Host in HTTP/1.1, at most one in 1.0 (RFC 9112 §3.2).
fn check_host(version: Version, fields: Fields<'_>) -> Result<(), Reject> {
    let mut hosts = fields.all("Host");
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::Http11 => Err(Reject::bad("The Host field is missing.")),
        (Some(_), Some(_)) => Err(Reject::bad("There is more than one Host field.")),
        (Some(host), None) if !host.is_empty() && !is_host(host) => {
            Err(Reject::bad("The Host field is not a host."))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 §5.4: a line that passes two bounds is refused for the one that it passes first,
    /// however it was cut.
    #[test]
    fn the_first_bound_that_is_passed_decides() {
        let many = "There are too many field lines.";
        // Behind the request-line there are 9 bytes of a first field line.
        let rows =
            [(9, TOO_LARGE.reason), (10, TOO_LARGE.reason), (11, TOO_LARGE.reason), (12, many)];
        for (field_section_bytes_max, reason) in rows {
            let limits =
                Limits { field_section_bytes_max, field_lines_max: 1, ..Limits::default() };
            let head = b"GET / HTTP/1.1\r\nHost: h\r\nA: bcdefgh\r\n\r\n";
            for cut in 0..=head.len() {
                let mut reader = HeadReader::default();
                let first = reader.read(head.get(..cut).expect("a part"), &limits).map(|_| ());
                let whole = first.and_then(|()| reader.read(head, &limits).map(|_| ()));
                let found = whole.expect_err("too much").reason;
                assert_eq!(found, reason, "{field_section_bytes_max} bytes, cut at {cut}");
            }
        }
    }
}
