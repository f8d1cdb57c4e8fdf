//! Request heads (RFC 9112 §2): bytes that arrive in pieces become a [`Request`].

use super::fields::{Field, FieldLine, Fields, Places, read_field_line};
use super::grammar::{clean_line, is_tchar, position, split_once, trim_ows};
use super::limits::Limits;
use super::request::{Request, RequestLine, Version};
use super::status::{Reject, Status};
use super::target::is_host;

/// Reads one head from bytes that arrive in pieces. It looks at each byte once. The outcome does
/// not depend on the pieces: it checks lines in order, each against its bound first.
#[derive(Debug, Default)]
pub struct HeadReader {
    /// Where the request-line begins: empty lines before it are skipped.
    begin: usize,
    /// Where the field section begins; 0 until the request-line is complete.
    fields: usize,
    /// Where the incomplete line begins.
    line: usize,
    /// That line has no line feed before this index.
    scanned: usize,
    field_lines: usize,
}

/// A complete head and its length.
#[derive(Debug)]
pub struct Head<'buf> {
    /// The request, which borrows from the bytes received.
    pub request: Request<'buf>,
    /// In bytes, with empty lines before the request-line.
    pub length: usize,
}

impl HeadReader {
    /// Reads the bytes that arrived since the last call. `received` begins with the same bytes at
    /// each call. Returns `None` while the head is incomplete.
    pub fn read<'buf>(
        &mut self,
        received: &'buf [u8],
        limits: &Limits,
    ) -> Result<Option<Head<'buf>>, Reject> {
        let mut request_line = None;
        let mut places = Places::NONE;
        let mut host = None;
        loop {
            let unread = received.get(self.scanned..).unwrap_or_default();
            let clean = clean_line(unread);
            let feed = clean.map(|bytes| bytes + 1).or_else(|| position(unread, b'\n'));
            let is_clean = clean.is_some() && self.scanned == self.line;
            let end = feed.map_or(received.len(), |at| self.scanned + at + 1);
            self.check_bounds(received, end, limits)?;
            if feed.is_none() {
                self.scanned = end;
                return Ok(None);
            }
            let line = received.get(self.line..end).unwrap_or_default();
            // RFC 9112 §2.2 allows a lone LF as the end of a line. We do not: requests are smuggled
            // where two readers disagree about the end of a line.
            let Some(line) = line.strip_suffix(b"\r\n") else {
                return Err(Reject::bad("A line must end in CR LF."));
            };
            (self.line, self.scanned) = (end, end);
            if self.fields == 0 {
                if line.is_empty() {
                    // RFC 9112 §2.2: ignore empty lines before the request-line.
                    self.begin = end;
                } else {
                    request_line = Some(RequestLine::parse(line)?);
                    self.fields = end;
                }
            } else if !line.is_empty() {
                self.field_lines += 1;
                let FieldLine { value, field } = read_field_line(line, is_clean)?;
                if let Some(field) = field {
                    places.note(field, end - 2 - value.len() - self.fields);
                    if field == Field::Host {
                        host = Some(trim_ows(value));
                    }
                }
            } else {
                let first =
                    received.get(self.begin..self.fields.saturating_sub(2)).unwrap_or_default();
                let lines = received.get(self.fields..end - 2).unwrap_or_default();
                let RequestLine { method, target, version } = match request_line {
                    Some(parsed) => parsed,
                    // An earlier call parsed the request-line and maybe some field lines, and found
                    // them valid.
                    None => {
                        places = Places::of(lines);
                        RequestLine::parse(first)?
                    }
                };
                let fields = Fields { lines, places };
                check_host(version, fields, host)?;
                let request = Request { method, target, version, fields, line: first };
                return Ok(Some(Head { request, length: end }));
            }
        }
    }

    /// `end`: of the current line, or of its bytes so far.
    fn check_bounds(&self, received: &[u8], end: usize, limits: &Limits) -> Result<(), Reject> {
        if self.fields == 0 {
            if end > limits.request_line_bytes_max {
                let line =
                    received.get(self.begin..=limits.request_line_bytes_max).unwrap_or_default();
                let method = line.iter().take_while(|&&byte| is_tchar(byte)).count();
                // RFC 9112 §3: too long for a method is 501, for a target 414.
                return Err(if method > METHOD_BYTES_MAX {
                    Reject::new(Status::NotImplemented, "The method is too long.")
                } else {
                    Reject::new(Status::UriTooLong, "The request-line is too long.")
                });
            }
            return Ok(());
        }
        // A line may pass both bounds. The one that it passes first decides, however the line
        // arrives in pieces. The first two bytes of a line may be the end of the section.
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

/// The first line within `bytes_max` bytes, for the log of rejected requests.
pub(super) fn first_line(received: &[u8], bytes_max: usize) -> &[u8] {
    let mut rest = received.get(..bytes_max).unwrap_or(received);
    while let [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    let line = split_once(rest, b'\n').map_or(rest, |(line, _)| line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Longer than every registered method.
const METHOD_BYTES_MAX: usize = 64;
const TOO_LARGE: Reject =
    Reject::new(Status::RequestHeaderFieldsTooLarge, "The field section is too large.");

/// Exactly one valid Host in HTTP/1.1, at most one in 1.0 (RFC 9112 §3.2).
/// `read`: its value, if its line has just been read.
fn check_host(version: Version, fields: Fields<'_>, read: Option<&[u8]>) -> Result<(), Reject> {
    if !fields.has(Field::Host) {
        return match version {
            Version::Http11 => Err(Reject::bad("The Host field is missing.")),
            Version::Http10 => Ok(()),
        };
    }
    if fields.is_repeated(Field::Host) {
        return Err(Reject::bad("There is more than one Host field."));
    }
    let host = read.or_else(|| fields.one(Field::Host)).unwrap_or_default();
    match host.is_empty() || is_host(host) {
        true => Ok(()),
        false => Err(Reject::bad("The Host field is not a host.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 §5.4: a line that passes two bounds is rejected for the one that it passes first,
    /// however it arrives in pieces.
    #[test]
    fn the_first_bound_that_is_passed_decides() {
        let many = "There are too many field lines.";
        // After the request-line there are 9 bytes of a first field line.
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
