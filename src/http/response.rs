//! What is sent: status, fields, body, and the head that is made of them.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::buffers::CAPACITY_MIN;
use super::grammar::write_decimal;
use super::now::Now;
use super::request::{Method, Version};
use super::status::Status;

/// An answer. Framing (Date, Content-Length, Connection) is added where it is queued, once.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: Status,
    fields: Vec<u8>,
    /// The content.
    pub body: Body,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Body {
    /// From memory and from files. None at all: a Content-Length of 0 where the status allows one.
    Segments(Segments),
    /// Made piece by piece while it is sent, so that it is never in memory as a whole.
    Produced(Box<dyn Produce>),
}

/// Pieces of a body, in the order in which they are sent. One piece needs no allocation.
#[derive(Debug)]
pub struct Segments {
    first: Segment,
    rest: Vec<Segment>,
}

/// A piece of a body.
#[derive(Debug)]
pub enum Segment {
    /// From memory.
    Bytes(Vec<u8>),
    /// A part of a file, or the whole.
    File(Arc<File>, Range<u64>),
}

impl Segment {
    /// In bytes.
    pub fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::File(_, range) => range.end - range.start,
        }
    }
}

impl IntoIterator for Segments {
    type Item = Segment;
    type IntoIter = std::iter::Chain<std::iter::Once<Segment>, std::vec::IntoIter<Segment>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.rest)
    }
}

impl Segments {
    /// The first, and the iterator over the rest: what a connection keeps.
    pub(super) fn split(self) -> (Segment, std::vec::IntoIter<Segment>) {
        (self.first, self.rest.into_iter())
    }
}

/// A body that is made while it is sent.
pub trait Produce: std::fmt::Debug + Send {
    /// How many bytes it will be in all, known before the first.
    fn length(&self) -> u64;
    /// Appends the next piece, some ten thousand bytes. Nothing more comes when it appends nothing.
    fn produce(&mut self, out: &mut Vec<u8>);
}

impl Body {
    /// None.
    pub const fn empty() -> Body {
        Body::bytes(Vec::new())
    }

    /// All of it from memory.
    pub const fn bytes(bytes: Vec<u8>) -> Body {
        Body::Segments(Segments { first: Segment::Bytes(bytes), rest: Vec::new() })
    }

    /// A part of a file.
    pub const fn file(file: Arc<File>, range: Range<u64>) -> Body {
        Body::Segments(Segments { first: Segment::File(file, range), rest: Vec::new() })
    }

    /// Several pieces.
    pub const fn several(segments: Vec<Segment>) -> Body {
        let first = Segment::Bytes(Vec::new());
        Body::Segments(Segments { first, rest: segments })
    }

    /// What of the first segment is in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Body::Segments(Segments { first: Segment::Bytes(bytes), .. }) => bytes.len(),
            _ => 0,
        }
    }

    /// The Content-Length.
    pub fn length(&self) -> u64 {
        match self {
            Body::Segments(Segments { first, rest }) => {
                first.length() + rest.iter().map(Segment::length).sum::<u64>()
            }
            Body::Produced(source) => source.length(),
        }
    }
}

/// Whether the connection goes on after an answer (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// The client may send another request.
    Persist,
    /// This was the last answer.
    Close,
}

impl Response {
    /// Without fields, without content.
    pub fn new(status: Status) -> Response {
        Response::in_buffer(status, Vec::with_capacity(CAPACITY_MIN))
    }

    /// The same in a buffer that has room already.
    pub fn in_buffer(status: Status, buffer: Vec<u8>) -> Response {
        Response { status, fields: buffer, body: Body::empty() }
    }

    /// The buffer, once the head is written.
    pub(super) fn take_fields(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.fields)
    }

    /// The same with a field line. `value` is the server's own or was checked at start-up.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Response {
        self.add(name, value);
        self
    }

    /// Adds a field line.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        debug_assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{name}");
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.fields.extend_from_slice(part);
        }
    }

    /// Removes the field lines called `name`.
    pub fn remove(&mut self, name: &str) {
        let lines = std::mem::take(&mut self.fields);
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let start = line.get(..name.len() + 1).unwrap_or_default();
            if !(start.ends_with(b":") && start.starts_with(name.as_bytes())) {
                self.fields.extend_from_slice(line);
            }
        }
    }

    /// Adds field lines that are ready, each with its CR LF.
    pub fn add_lines(&mut self, lines: &[u8]) {
        self.fields.extend_from_slice(lines);
    }

    /// The same with this content.
    pub fn with_body(mut self, body: Body) -> Response {
        self.body = body;
        self
    }

    /// Puts the head on the wire: the one place that writes Date, Content-Length and Connection.
    /// Names are in Title-Case: GRUB and many a microcontroller compare them to the letter.
    pub(super) fn write_head(
        &self,
        out: &mut Vec<u8>,
        version: Version,
        persistence: Persistence,
        now: &Now,
    ) {
        debug_assert!(
            !self.fields.windows(16).any(|part| part == b"Content-Length: "),
            "the length is written here"
        );
        // RFC 9110 §2.5: the version says what the server can do, not what was asked with.
        for part in [b"HTTP/1.1 ", self.status.text().as_bytes(), b"\r\nDate: ", now.date_text()] {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.fields);
        // RFC 9110 §8.6: not with 204. A 304 may repeat the length of the 200; we leave it out.
        if !matches!(self.status, Status::NoContent | Status::NotModified) {
            out.extend_from_slice(b"Content-Length: ");
            write_decimal(self.body.length(), out);
            out.extend_from_slice(b"\r\n");
        }
        match (persistence, version) {
            (Persistence::Close, _) => out.extend_from_slice(b"Connection: close\r\n"),
            (Persistence::Persist, Version::Http10) => {
                out.extend_from_slice(b"Connection: keep-alive\r\n")
            }
            (Persistence::Persist, Version::Http11) => {}
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the body is sent: not to HEAD, not with 204 and 304 (RFC 9110 §6.4.1).
    pub(super) fn sends_content(&self, method: Option<Method>) -> bool {
        method != Some(Method::Head)
            && !matches!(self.status, Status::NoContent | Status::NotModified)
    }

    /// The field lines, for tests and for whoever completes an answer.
    pub fn fields(&self) -> &[u8] {
        &self.fields
    }
}
