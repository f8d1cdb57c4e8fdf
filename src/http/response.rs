//! Responses: status, fields, body, and how their head is written.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::buffers::{Buffers, CAPACITY_MIN};
use super::grammar::write_decimal;
use super::now::Now;
use super::request::{Method, Version};
use super::status::Status;

/// A response without its framing. The connection adds Date, Content-Length and Connection when it
/// queues the response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: Status,
    /// Field lines that other answers have too, before those of its own: the first bytes of them.
    shared: Option<(Arc<[u8]>, usize)>,
    /// Behind them stands Content-Length.
    has_length: bool,
    fields: Vec<u8>,
    /// The content, even if the method or the status keeps it from being sent.
    pub body: Body,
}

/// The content of a response.
#[derive(Debug)]
pub enum Body {
    /// From memory and from files. It may be empty: then Content-Length is 0, if the status allows
    /// that field.
    Segments(Segments),
    /// Produced piece by piece while it is sent, so that it is never all in memory.
    Produced(Box<dyn Produce>),
    /// Gathered piece by piece while it is sent, from what makes wait.
    Gathered(Box<dyn Gather>),
    /// Not made, in the response to HEAD. Its length is not known.
    Unmade,
}

/// The segments of a body, in the order in which they are sent. A single one needs no allocation.
#[derive(Debug)]
pub struct Segments {
    first: Segment,
    rest: Vec<Segment>,
    /// Whether the files make wait.
    pub(super) reading: Reading,
}

/// So much of a file is fetched at a time, so that a connection holds little of it: a head, which it
/// holds as well, may have as many bytes.
pub const FETCHED_BYTES_MAX: u64 = 32 << 10;

/// Whether reading the files of a body may wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// No: whoever sends it may read them.
    AtOnce,
    /// It does for what is not in memory at that moment.
    Tried,
    /// Nobody can tell, so that it is always taken to: see `Responder::fetch`.
    Fetched,
}

/// A segment of a body.
#[derive(Debug)]
pub enum Segment {
    /// From memory.
    Bytes(Vec<u8>),
    /// From memory that other answers are sent from, too.
    Shared(Arc<Vec<u8>>),
    /// A part of a file, or the whole file.
    File(Arc<File>, Range<u64>),
}

impl Segment {
    /// In bytes.
    pub fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::Shared(bytes) => bytes.len() as u64,
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
    /// The first segment, and an iterator over the rest.
    pub(super) fn split(self) -> (Segment, std::vec::IntoIter<Segment>) {
        (self.first, self.rest.into_iter())
    }
}

/// A body that is produced while it is sent.
pub trait Produce: std::fmt::Debug + Send {
    /// The length of the whole body in bytes, known before the first piece.
    fn length(&self) -> u64;
    /// Appends the next piece, about ten thousand bytes. Appends nothing once the body has ended.
    fn produce(&mut self, out: &mut Vec<u8>);
}

/// A body that is gathered while it is sent.
pub trait Gather: std::fmt::Debug + Send {
    /// The length of the whole body in bytes, known before the first piece.
    fn length(&self) -> u64;
    /// The next piece, about a hundred thousand bytes and then at most one part of a file. It may
    /// wait for a disk. `None`: it cannot be had any more, and the connection ends.
    fn gather(&mut self) -> Option<Vec<Segment>>;
}

impl Body {
    /// No content.
    pub const fn empty() -> Body {
        Body::bytes(Vec::new())
    }

    /// One segment in memory.
    pub const fn bytes(bytes: Vec<u8>) -> Body {
        Body::of(Segment::Bytes(bytes), Vec::new())
    }

    /// One segment in memory that others share.
    pub const fn shared(bytes: Arc<Vec<u8>>) -> Body {
        Body::of(Segment::Shared(bytes), Vec::new())
    }

    /// One segment in a file.
    pub const fn file(file: Arc<File>, range: Range<u64>) -> Body {
        Body::of(Segment::File(file, range), Vec::new())
    }

    /// Any number of segments.
    pub const fn several(segments: Vec<Segment>) -> Body {
        Body::of(Segment::Bytes(Vec::new()), segments)
    }

    const fn of(first: Segment, rest: Vec<Segment>) -> Body {
        Body::Segments(Segments { first, rest, reading: Reading::Tried })
    }

    /// The same, with files that are read in another way than [`Reading::Tried`].
    pub fn read_as(mut self, reading: Reading) -> Body {
        if let Body::Segments(segments) = &mut self {
            segments.reading = reading;
        }
        self
    }

    /// The files of which every part is fetched.
    pub fn fetched_files(&self) -> impl Iterator<Item = &Arc<File>> {
        let segments = match self {
            Body::Segments(segments) if segments.reading == Reading::Fetched => Some(segments),
            _ => None,
        };
        let all = segments.into_iter().flat_map(|all| std::iter::once(&all.first).chain(&all.rest));
        all.filter_map(|segment| match segment {
            Segment::File(file, _) => Some(file),
            Segment::Bytes(_) | Segment::Shared(_) => None,
        })
    }

    /// Bytes of the first segment that are in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Body::Segments(Segments { first: Segment::Bytes(bytes), .. }) => bytes.len(),
            Body::Segments(Segments { first: Segment::Shared(bytes), .. }) => bytes.len(),
            _ => 0,
        }
    }

    /// In bytes: the Content-Length. `None`: not known.
    pub fn length(&self) -> Option<u64> {
        Some(match self {
            Body::Segments(Segments { first, rest, .. }) => {
                first.length() + rest.iter().map(Segment::length).sum::<u64>()
            }
            Body::Produced(source) => source.length(),
            Body::Gathered(source) => source.length(),
            Body::Unmade => return None,
        })
    }
}

/// A response and its record for the log.
#[derive(Debug)]
pub struct Answer<R> {
    /// The response to send.
    pub response: Response,
    /// Comes back in [`Answered`]. `None`: this answer is not reported.
    pub record: Option<R>,
}

/// An answer that has been sent, completely or in part.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered<R> {
    /// From the [`Answer`].
    pub record: R,
    /// The status of the response.
    pub status: Status,
    /// Bytes of content that were sent; 0 for answers without content.
    pub content_bytes: u64,
}

/// Whether the connection persists after an answer (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// The client may send another request.
    Persist,
    /// This is the last answer.
    Close,
}

/// Appends a Content-Length field line.
pub fn write_length_line(length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Length: ");
    write_decimal(length, out);
    out.extend_from_slice(b"\r\n");
}

impl Response {
    /// A response without fields and content.
    pub fn new(status: Status) -> Response {
        let fields = Vec::with_capacity(CAPACITY_MIN);
        Response { status, shared: None, has_length: false, fields, body: Body::empty() }
    }

    /// With the first `bytes` of field lines that other answers have too, each with its CR LF.
    pub fn with_shared(status: Status, lines: &Arc<[u8]>, bytes: usize) -> Response {
        debug_assert!(bytes <= lines.len(), "more field lines than there are");
        let shared = Some((Arc::clone(lines), bytes));
        let (has_length, fields) = (false, Vec::new());
        Response { status, shared, has_length, fields, body: Body::empty() }
    }

    /// The same, where the rest of `lines` is the Content-Length of the body that it will have.
    pub fn with_length(status: Status, lines: &Arc<[u8]>, bytes: usize) -> Response {
        Response { has_length: true, ..Response::with_shared(status, lines, bytes) }
    }

    fn shared_lines(&self) -> &[u8] {
        let shared = self.shared.as_ref();
        shared.and_then(|(lines, bytes)| lines.get(..*bytes)).unwrap_or_default()
    }

    /// In bytes: all field lines so far.
    pub(super) fn fields_length(&self) -> usize {
        self.shared_lines().len() + self.fields.len()
    }

    /// Takes the buffer of the fields, once the head is written.
    pub(super) fn take_fields(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.fields)
    }

    /// Adds a field line. The server made `value`, or checked it at the start.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Response {
        self.add(name, value);
        self
    }

    /// As [`Response::with`].
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        debug_assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{name}");
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.fields.extend_from_slice(part);
        }
    }

    /// Removes the field lines called `name`.
    pub fn remove(&mut self, name: &str) {
        let lines = self.fields();
        self.shared = None;
        self.fields.clear();
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let start = line.get(..name.len() + 1).unwrap_or_default();
            if !(start.ends_with(b":") && start.starts_with(name.as_bytes())) {
                self.fields.extend_from_slice(line);
            }
        }
    }

    /// Adds complete field lines, each with its CR LF.
    pub fn add_lines(&mut self, lines: &[u8]) {
        if !lines.is_empty() {
            self.fields.extend_from_slice(lines);
        }
    }

    /// The same in a buffer of the thread's, if it has none.
    pub fn add_lines_in(&mut self, buffers: &mut Buffers, lines: &[u8]) {
        if !lines.is_empty() {
            self.provide(buffers);
        }
        self.add_lines(lines);
    }

    /// Takes a buffer of the thread's for its own field lines, if it has none.
    pub fn provide(&mut self, buffers: &mut Buffers) {
        if self.fields.capacity() == 0 {
            self.fields = buffers.take();
        }
    }

    /// Replaces the content.
    pub fn with_body(mut self, body: Body) -> Response {
        self.body = body;
        self
    }

    /// Writes the head. Only this function writes Date, Content-Length and Connection. Names are in
    /// Title-Case: GRUB and many microcontrollers compare them case-sensitively.
    pub(super) fn write_head(
        &self,
        out: &mut Vec<u8>,
        version: Version,
        persistence: Persistence,
        now: &Now,
    ) {
        debug_assert!(
            !self.fields().windows(16).any(|part| part == b"Content-Length: "),
            "the length is written here"
        );
        out.extend_from_slice(self.status.line().as_bytes());
        out.extend_from_slice(now.date_line());
        let measured = match &self.shared {
            Some((lines, _)) if self.has_length && self.fields.is_empty() => Some(lines),
            _ => None,
        };
        out.extend_from_slice(measured.map_or(self.shared_lines(), |lines| lines));
        if !self.fields.is_empty() {
            out.extend_from_slice(&self.fields);
        }
        // RFC 9110 §8.6: not with 204. A 304 may repeat the length of the 200; we leave it out.
        // HEAD need not repeat what only the content would tell.
        let has_length = !matches!(self.status, Status::NoContent | Status::NotModified);
        if measured.is_some() {
            debug_assert!(self.is_measured_by(out), "the length of another body");
        } else if let Some(length) = self.body.length().filter(|_| has_length) {
            write_length_line(length, out);
        }
        out.extend_from_slice(match (persistence, version) {
            (Persistence::Close, _) => b"Connection: close\r\n\r\n",
            (Persistence::Persist, Version::Http10) => b"Connection: keep-alive\r\n\r\n",
            (Persistence::Persist, Version::Http11) => b"\r\n",
        });
    }

    fn is_measured_by(&self, lines: &[u8]) -> bool {
        let mut line = Vec::new();
        write_length_line(self.body.length().unwrap_or_default(), &mut line);
        lines.ends_with(&line)
    }

    /// Whether the body is sent: not for HEAD, and not with 204 and 304 (RFC 9110 §6.4.1).
    pub(super) fn sends_content(&self, method: Option<Method>) -> bool {
        method != Some(Method::Head)
            && !matches!(self.status, Status::NoContent | Status::NotModified)
    }

    /// The field lines so far, each with its CR LF.
    pub fn fields(&self) -> Vec<u8> {
        [self.shared_lines(), &self.fields].concat()
    }
}
