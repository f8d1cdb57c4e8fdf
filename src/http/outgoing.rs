//! Answers that are being sent, in the order of their requests: bytes in memory, and then the body
//! that is in a file or not yet produced.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::vec::IntoIter;

use super::buffers::Buffers;
use super::fields::Field;
use super::now::Now;
use super::request::{Method, Request, Version};
use super::response::{Answer, Answered, Body, FETCHED_BYTES_MAX, Gather, Persistence, Produce};
use super::response::{Reading, Segment};
use super::status::Status;

/// Bytes to send: first from memory, then, if there is one, a part of a file.
#[derive(Clone, Debug)]
pub struct Chunk<'c> {
    /// Sent first. Empty only if a file follows.
    pub bytes: &'c [u8],
    /// Sent second. Its range is never empty.
    pub file: Option<(&'c File, Range<u64>)>,
    /// How that is to be read; never [`Reading::Fetched`] if there is a file.
    pub reading: Reading,
    /// The connection closes as soon as all of it is sent.
    pub is_last: bool,
}

/// What the framing of an answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framing {
    /// `None`: the request is invalid.
    pub(super) method: Option<Method>,
    pub(super) version: Version,
    pub(super) persistence: Persistence,
}

impl Framing {
    /// RFC 9112 §9.3: HTTP/1.1 persists unless the client says "close", 1.0 only if it says
    /// "keep-alive". We also close after CONNECT, which no RFC requires: the bytes that follow are
    /// for the tunnel (RFC 9110 §9.3.6).
    pub(super) fn of(request: &Request<'_>, draining: bool) -> Framing {
        let fields = request.fields;
        let persists = match request.version {
            _ if draining || fields.list_has(Field::Connection, "close") => false,
            // The client may have sent bytes for the tunnel without waiting for our answer. They
            // are not requests.
            _ if request.method == Method::Connect => false,
            Version::Http11 => true,
            Version::Http10 => fields.list_has(Field::Connection, "keep-alive"),
        };
        let persistence = if persists { Persistence::Persist } else { Persistence::Close };
        Framing { method: Some(request.method), version: request.version, persistence }
    }
}

/// Heads and small bodies in memory, and after them at most one body that is not all in memory.
#[derive(Debug)]
pub struct Outgoing<R> {
    bytes: Vec<u8>,
    /// How many of `bytes` have been sent.
    start: usize,
    rest: Rest,
    /// What the next segments are gathered from.
    source: Option<Box<dyn Gather>>,
    /// Where in `bytes` the head begins whose body is in files. `None` once that head has left
    /// `bytes`.
    file_head: Option<usize>,
    /// Of the last answer.
    framing: Option<Framing>,
    /// How the files of the last body are read.
    reading: Reading,
    /// The next part of its file is being fetched.
    is_fetching: bool,
    /// What the client had left when that began.
    pub(super) stall_milliseconds_left: u64,
    /// The last answer replaces one whose file could not be read.
    is_remade: bool,
    /// All bytes queued so far, sent ones included.
    queued_bytes: u64,
    sent_bytes: u64,
    /// Answers with a record, in the order of their requests.
    pending: VecDeque<Pending<R>>,
}

/// The part of the last body that is not in memory.
#[derive(Debug, Default)]
enum Rest {
    #[default]
    None,
    /// A part of a file, and the segments after it.
    File(Arc<File>, Range<u64>, IntoIter<Segment>),
    Produced(Box<dyn Produce>),
}

/// An answer that has not been sent completely.
#[derive(Debug)]
struct Pending<R> {
    record: R,
    status: Status,
    /// Its content, as offsets into all bytes of this [`Outgoing`].
    content: Range<u64>,
}

/// Answers that a spare queue has room for.
const PENDING_KEPT_MAX: usize = 64;
/// Status-line, Date, Content-Length and Connection are shorter together.
const FRAMING_BYTES: usize = 192;

/// The last queue that became empty, for the next connection of the thread: a busy one would allocate
/// it for each request.
#[derive(Debug)]
pub struct SpareOutgoing<R>(Option<Box<Outgoing<R>>>);

impl<R> Default for SpareOutgoing<R> {
    fn default() -> SpareOutgoing<R> {
        SpareOutgoing(None)
    }
}

impl<R> SpareOutgoing<R> {
    /// Frees it.
    pub fn expire(&mut self) {
        self.0 = None;
    }

    /// An empty queue that writes into an empty buffer.
    pub(super) fn take(&mut self, bytes: Vec<u8>) -> Box<Outgoing<R>> {
        match self.0.take() {
            Some(mut outgoing) => {
                outgoing.bytes = bytes;
                outgoing
            }
            None => Box::new(Outgoing::new(bytes)),
        }
    }

    /// Takes back a queue of which everything is sent. Its buffer has been taken.
    pub(super) fn give(&mut self, mut outgoing: Box<Outgoing<R>>) {
        debug_assert!(outgoing.is_empty() && outgoing.pending.is_empty(), "not all is sent");
        let pending = std::mem::take(&mut outgoing.pending);
        *outgoing = Outgoing { pending, ..Outgoing::new(Vec::new()) };
        // After a long pipeline it is large.
        if outgoing.pending.capacity() <= PENDING_KEPT_MAX {
            self.0 = Some(outgoing);
        }
    }
}

impl<R> Outgoing<R> {
    /// `bytes`: an empty buffer.
    pub(super) fn new(bytes: Vec<u8>) -> Outgoing<R> {
        Outgoing {
            bytes,
            start: 0,
            rest: Rest::None,
            source: None,
            file_head: None,
            framing: None,
            reading: Reading::AtOnce,
            is_fetching: false,
            stall_milliseconds_left: 0,
            is_remade: false,
            queued_bytes: 0,
            sent_bytes: 0,
            pending: VecDeque::new(),
        }
    }

    /// Appends an answer. The bodies of those before it must be in memory.
    pub(super) fn push(
        &mut self,
        answer: Answer<R>,
        framing: Framing,
        now: &Now,
        buffers: &mut Buffers,
    ) {
        debug_assert!(!self.is_streaming(), "an answer after a body that is not in memory");
        let Answer { mut response, record } = answer;
        let before = self.bytes.len();
        let length = response.body.length().unwrap_or_default();
        self.bytes.reserve(response.fields_length() + response.body.memory_bytes() + FRAMING_BYTES);
        let (version, persistence) = (framing.version, framing.persistence);
        response.write_head(&mut self.bytes, version, persistence, now);
        self.queued_bytes += (self.bytes.len() - before) as u64;
        let content_start = self.queued_bytes;
        buffers.give(response.take_fields());
        let status = response.status;
        if response.sends_content(framing.method) {
            self.queued_bytes += length;
            match response.body {
                Body::Segments(segments) => {
                    self.reading = segments.reading;
                    let (first, rest) = segments.split();
                    self.append(first, rest, buffers);
                    if self.is_streaming() {
                        self.framing = Some(framing);
                        self.file_head = Some(before);
                    }
                }
                Body::Gathered(source) => self.source = Some(source),
                Body::Produced(source) => self.rest = Rest::Produced(source),
                Body::Unmade => debug_assert!(false, "content that nobody makes"),
            }
        }
        debug_assert!(
            framing.method != Some(Method::Head) || self.queued_bytes == content_start,
            "content for HEAD"
        );
        if let Some(record) = record {
            let content = content_start..self.queued_bytes;
            self.pending.push_back(Pending { record, status, content });
        }
    }

    /// Copies segments into memory, up to the first that is in a file.
    fn append(&mut self, first: Segment, mut rest: IntoIter<Segment>, buffers: &mut Buffers) {
        let mut next = Some(first);
        while let Some(segment) = next {
            match segment {
                Segment::Bytes(bytes) => {
                    self.bytes.extend_from_slice(&bytes);
                    buffers.give(bytes);
                }
                Segment::Shared(bytes) => self.bytes.extend_from_slice(&bytes),
                Segment::File(_, range) if range.is_empty() => {}
                Segment::File(file, range) => return self.rest = Rest::File(file, range, rest),
            }
            next = rest.next();
        }
        self.rest = Rest::None;
    }

    /// Whether a part of the last body is not in memory.
    pub(super) fn is_streaming(&self) -> bool {
        !matches!(self.rest, Rest::None) || self.source.is_some() || self.is_fetching
    }

    /// Bytes in memory, sent ones included.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Heap memory of the bytes.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the buffer, once everything is sent.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Whether a produced body ended before its length.
    pub(super) fn is_cut_short(&self) -> bool {
        matches!(self.rest, Rest::Produced(_)) && self.start == self.bytes.len()
    }

    /// Whether all queued bytes are sent.
    pub(super) fn is_empty(&self) -> bool {
        self.sent_bytes == self.queued_bytes
    }

    /// Whether the last answer replaces one whose file could not be read.
    pub(super) fn is_remade(&self) -> bool {
        self.is_remade
    }

    /// Appends an answer that replaces the one taken back.
    pub(super) fn push_again(
        &mut self,
        answer: Answer<R>,
        framing: Framing,
        now: &Now,
        buffers: &mut Buffers,
    ) {
        self.is_remade = true;
        self.push(answer, framing, now, buffers);
    }

    /// Removes the answer whose body is in files. Returns `false` if some of it has been sent.
    pub(super) fn take_back(&mut self) -> bool {
        let Some(head) = self.file_head.filter(|&head| self.start <= head) else {
            return false;
        };
        // Its content is not empty, so no earlier answer ends where it does.
        let end = self.queued_bytes;
        if self.pending.back().is_some_and(|last| last.content.end == end) {
            self.pending.pop_back();
        }
        self.rest = Rest::None;
        self.file_head = None;
        self.is_fetching = false;
        self.bytes.truncate(head);
        self.queued_bytes = self.sent_bytes + (head - self.start) as u64;
        true
    }

    /// `closing`: the connection closes once the queue is sent.
    pub(super) fn chunk(&self, closing: bool) -> Chunk<'_> {
        let (file, is_end) = match &self.rest {
            Rest::None => (None, !self.is_streaming()),
            // What may wait is never given out.
            Rest::File(_, range, _) if self.is_fetched() && !range.is_empty() => (None, false),
            Rest::File(file, range, rest) => {
                let part = (!range.is_empty()).then(|| (&**file, range.clone()));
                (part, rest.as_slice().is_empty())
            }
            Rest::Produced(_) => (None, false),
        };
        let bytes = self.sendable();
        debug_assert!(!bytes.is_empty() || file.is_some(), "nothing to send");
        Chunk { bytes, file, reading: self.reading, is_last: closing && is_end }
    }

    fn is_fetched(&self) -> bool {
        self.is_fetching || self.reading == Reading::Fetched
    }

    /// Bytes in memory that may leave now: while a part is being fetched, a head that is still here
    /// waits for it, because another may take its place.
    fn sendable(&self) -> &[u8] {
        let end = match self.file_head {
            Some(head) if self.is_fetching && self.start <= head => head,
            _ => self.bytes.len(),
        };
        self.bytes.get(self.start..end).unwrap_or_default()
    }

    /// Whether there is anything to send while a part is being fetched.
    pub(super) fn has_sendable(&self) -> bool {
        !self.sendable().is_empty()
    }

    /// The framing of the last answer with a file.
    pub(super) fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// Whether a part is being fetched.
    pub(super) fn is_fetching(&self) -> bool {
        self.is_fetching
    }

    /// Whether a part has to be fetched, or gathered, before there is anything to send.
    pub(super) fn has_to_fetch(&self) -> bool {
        let has_to = match &self.rest {
            Rest::File(_, range, _) => self.reading == Reading::Fetched && !range.is_empty(),
            Rest::None => self.source.is_some(),
            Rest::Produced(_) => false,
        };
        has_to && self.start == self.bytes.len()
    }

    /// What the next segments are to be gathered from. `None`: nothing, or there are others first.
    pub(super) fn begin_gathering(&mut self) -> Option<Box<dyn Gather>> {
        let source = self.source.take_if(|_| matches!(self.rest, Rest::None))?;
        self.is_fetching = true;
        Some(source)
    }

    /// The segments that were gathered.
    pub(super) fn gathered(
        &mut self,
        source: Box<dyn Gather>,
        segments: Vec<Segment>,
        buffers: &mut Buffers,
    ) {
        self.is_fetching = false;
        self.source = Some(source);
        self.reading = Reading::Tried;
        self.start = 0;
        self.bytes.clear();
        self.append(Segment::Bytes(Vec::new()), segments.into_iter(), buffers);
    }

    /// The part to fetch. `None`: none, or it is being fetched.
    pub(super) fn begin_fetching(&mut self) -> Option<(Arc<File>, Range<u64>)> {
        let Rest::File(file, range, _) = &self.rest else {
            return None;
        };
        let end = range.end.min(range.start + FETCHED_BYTES_MAX);
        let part = range.start..end;
        (!std::mem::replace(&mut self.is_fetching, true)).then(|| (Arc::clone(file), part))
    }

    /// The part that was fetched, or its beginning.
    pub(super) fn fetched(&mut self, part: Vec<u8>, buffers: &mut Buffers) {
        self.is_fetching = false;
        let Rest::File(_, range, _) = &mut self.rest else {
            return;
        };
        range.start += part.len() as u64;
        debug_assert!(range.start <= range.end, "more was fetched than the part of the file has");
        if self.start < self.bytes.len() {
            self.bytes.extend_from_slice(&part);
        } else {
            self.file_head = None;
            self.start = 0;
            buffers.give(std::mem::replace(&mut self.bytes, part));
        }
    }

    /// No part comes.
    pub(super) fn stop_fetching(&mut self) {
        self.is_fetching = false;
    }

    /// If all bytes in memory are sent, takes the next segments or produces the next piece.
    pub(super) fn refill(&mut self, buffers: &mut Buffers) {
        if self.start < self.bytes.len() {
            return;
        }
        match &mut self.rest {
            Rest::File(_, range, rest) if range.is_empty() => {
                let mut rest = std::mem::take(rest);
                self.file_head = None;
                self.start = 0;
                self.bytes.clear();
                match rest.next() {
                    Some(next) => self.append(next, rest, buffers),
                    None => self.rest = Rest::None,
                }
            }
            Rest::Produced(source) => {
                self.start = 0;
                self.bytes.clear();
                source.produce(&mut self.bytes);
                // The client would read bytes past the length as the start of the next answer.
                let owed = self.queued_bytes - self.sent_bytes;
                self.bytes.truncate(usize::try_from(owed).unwrap_or(usize::MAX));
            }
            _ => {}
        }
    }

    /// `bytes` more have been sent. Reports the answers that this completes.
    pub(super) fn sent(&mut self, bytes: u64, mut answered: impl FnMut(Answered<R>)) {
        self.sent_bytes += bytes;
        debug_assert!(self.sent_bytes <= self.queued_bytes, "more was sent than was queued");
        let from_memory =
            (self.bytes.len() - self.start).min(usize::try_from(bytes).unwrap_or(usize::MAX));
        self.start += from_memory;
        if let Rest::File(_, range, _) = &mut self.rest {
            range.start += bytes - from_memory as u64;
            debug_assert!(range.start <= range.end, "more was sent than the part of the file has");
        }
        while let Some(first) = self.pending.front() {
            if first.content.end > self.sent_bytes {
                break;
            }
            if let Some(answer) = self.pending.pop_front() {
                answered(answer.answered(self.sent_bytes));
            }
        }
    }

    /// Reports all remaining answers as they are: nothing more will be sent.
    pub(super) fn abandon(self, mut answered: impl FnMut(Answered<R>)) {
        for answer in self.pending {
            answered(answer.answered(self.sent_bytes));
        }
    }
}

impl<R> Pending<R> {
    fn answered(self, sent_bytes: u64) -> Answered<R> {
        let content_bytes =
            sent_bytes.clamp(self.content.start, self.content.end) - self.content.start;
        Answered { record: self.record, status: self.status, content_bytes }
    }
}
