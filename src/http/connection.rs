//! One connection as a state machine: bytes in, steps out (RFC 9112 §9). No socket, no clock, no
//! file: whoever drives it does what [`Step`] says, and tells it what came of it.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::buffers::Buffers;
use super::content::{ContentDecoder, ContentLength};
use super::forwarded::Source;
use super::head::{HeadReader, first_line};
use super::limits::Limits;
use super::now::Now;
use super::proxy_protocol;
use super::request::{Method, Request, Version};
use super::response::{Body, Part, Produce, Response, Then};
use super::status::{Reject, Status};

/// What answers requests.
pub trait Respond {
    /// The answer to a valid request whose content, if any, has been read or is not wanted.
    fn respond(&mut self, request: &Request<'_>, now: &Now) -> Response;
    /// The answer to what is no valid request. `line`: what its first line looks like.
    fn reject(&mut self, reject: &Reject, line: &[u8], now: &Now) -> Response;
    /// An answer is complete, or will never be. Called for answers that have a note.
    fn answered(&mut self, answered: Answered);
    /// The buffers of this thread.
    fn buffers(&mut self) -> &mut Buffers;
    /// A proxy has said for whom it speaks, before the first request. `false`: not wanted.
    fn proxied(&mut self, _source: Source) -> bool {
        false
    }
}

/// An answer that has been sent, or as much of it as could be.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// From the [`Response`].
    pub note: Vec<u8>,
    /// Its status.
    pub status: Status,
    /// Bytes of content that were sent; 0 where none were to be.
    pub content_bytes: u64,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step<'c> {
    /// Receive, then call `received` or `ended`.
    Read,
    /// Send, as much as goes, then call `sent`.
    Write(Chunk<'c>),
    /// Close the sending side, so that the client sees the end and can read the answer.
    ShutDownWriting,
    /// Close.
    Close,
}

/// Bytes to send: some from memory, and then, if there is one, a part of a file.
#[derive(Clone, Debug)]
pub struct Chunk<'c> {
    /// Comes first; empty only where a file follows.
    pub bytes: &'c [u8],
    /// Comes second; its range is never empty.
    pub file: Option<(&'c File, Range<u64>)>,
    /// After all of it the connection is closed at once.
    pub is_last: bool,
}

/// A client's connection. Between requests it owns no heap memory.
#[derive(Debug, Default)]
pub struct Connection {
    /// What has come and is not dealt with. Empty between requests, and then without capacity.
    received: Vec<u8>,
    /// So many of the first of those bytes are dealt with.
    consumed: usize,
    head: HeadReader,
    /// The length of the head that was answered last: it ends where `consumed` says.
    answered_head_bytes: usize,
    input: Input,
    outgoing: Option<Box<Outgoing>>,
    /// In the milliseconds of [`Now`].
    deadline_milliseconds: u64,
    /// Sent since the deadline was last put off.
    sent_bytes: u32,
    /// The client has closed its sending side.
    ended: bool,
    /// The server is stopping: the next answer is the last.
    draining: bool,
}

/// What the next bytes from the client are.
#[derive(Debug, Default)]
enum Input {
    /// What a proxy says before the first request.
    ProxyHeader,
    /// A request head.
    #[default]
    Head,
    /// Content of a request, behind its head, which waits for it.
    Content(Box<Content>),
    /// Nothing that will be looked at. After what is queued the connection ends; if `true` the
    /// client may still be sending, and must not lose the answer for that.
    Closing(bool),
    /// Discarded until the client ends too; so many bytes more are borne.
    Lingering(u64),
    /// Nothing at all.
    Closed,
}

/// Of what should have been a PROXY header, so much is written to the log.
const PROXY_LINE_BYTES_MAX: usize = 107;

/// Content that is being discarded.
#[derive(Debug)]
struct Content {
    decoder: ContentDecoder,
    /// So many of the bytes that are not dealt with are the head of its request.
    head: usize,
    /// So many more are read before the answer comes without waiting for the end.
    bearable: u64,
}

enum Plan {
    Read,
    Write,
    ShutDownWriting,
    Close,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(limits: &Limits, now: &Now) -> Connection {
        Connection {
            deadline_milliseconds: now.milliseconds + limits.idle_milliseconds,
            ..Connection::default()
        }
    }

    /// The same for one that a proxy begins with a PROXY header, which is owed at once.
    pub fn behind_proxy(limits: &Limits, now: &Now) -> Connection {
        Connection {
            input: Input::ProxyHeader,
            deadline_milliseconds: now.milliseconds + limits.head_milliseconds,
            ..Connection::default()
        }
    }

    /// Bytes have come.
    pub fn received(&mut self, bytes: &[u8], limits: &Limits, now: &Now, site: &mut impl Respond) {
        if let Input::Lingering(left) = &mut self.input {
            *left = left.saturating_sub(bytes.len() as u64);
            return;
        }
        if self.received.is_empty() {
            // A PROXY header has been owed since the connection began.
            if !matches!(self.input, Input::ProxyHeader) {
                let patience = self.patience(limits.head_milliseconds, limits);
                self.deadline_milliseconds = now.milliseconds + patience;
            }
            self.received = site.buffers().take();
        }
        self.received.extend_from_slice(bytes);
    }

    /// The client will send nothing more. What it has sent is answered all the same.
    pub fn ended(&mut self) {
        self.ended = true;
    }

    /// So many bytes of the last [`Chunk`] have been sent.
    pub fn sent(&mut self, bytes: usize, limits: &Limits, now: &Now, site: &mut impl Respond) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        outgoing.sent(bytes as u64, site);
        self.sent_bytes = self.sent_bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if outgoing.is_empty() {
            site.buffers().give(std::mem::take(&mut outgoing.bytes));
            self.outgoing = None;
            self.sent_bytes = 0;
            let next = if self.unread().is_empty() {
                limits.idle_milliseconds
            } else {
                limits.head_milliseconds
            };
            self.deadline_milliseconds = now.milliseconds + self.patience(next, limits);
        } else if u64::from(self.sent_bytes) >= limits.stall_bytes_min {
            self.sent_bytes = 0;
            self.deadline_milliseconds = now.milliseconds + limits.stall_milliseconds;
        }
    }

    /// The file of the last [`Chunk`] cannot be read. As long as nothing of its head has been sent,
    /// `answer` makes another answer to the same request, and is told whether it does so for the
    /// first time; after the head only the end of the connection can say it (RFC 9112 §8).
    pub fn unreadable<R: Respond>(
        &mut self,
        limits: &Limits,
        now: &Now,
        site: &mut R,
        answer: impl FnOnce(&mut R, &Request<'_>, bool) -> Response,
    ) {
        let start = self.consumed.checked_sub(self.answered_head_bytes);
        let head = start.and_then(|start| self.received.get(start..self.consumed));
        let outgoing =
            self.outgoing.as_mut().and_then(|outgoing| outgoing.take_back().then_some(outgoing));
        // It was valid when it came.
        let parsed = head.map(|head| HeadReader::default().read(head, limits));
        let (Some(outgoing), Some(Ok(Some(parsed)))) = (outgoing, parsed) else {
            self.input = Input::Closed;
            return self.abandon(site);
        };
        let response = answer(site, &parsed.request, !outgoing.is_remade);
        let framing = Framing {
            then: match self.input {
                Input::Closing(_) => Then::Close,
                _ => Then::Persist,
            },
            ..Framing::of(&parsed.request, self.draining)
        };
        outgoing.is_remade = true;
        outgoing.push(response, framing, now, site.buffers());
    }

    /// When [`Connection::expired`] is to be called, in the milliseconds of [`Now`].
    pub fn deadline_milliseconds(&self) -> u64 {
        self.deadline_milliseconds
    }

    /// Whether it waits for a request of which nothing has come: what can be closed at any time.
    pub fn is_idle(&self) -> bool {
        matches!(self.input, Input::Head | Input::ProxyHeader)
            && self.received.is_empty()
            && self.outgoing.is_none()
    }

    /// Heap memory that it holds at the moment, itself and boxes of fixed size left out.
    pub fn held_bytes(&self) -> usize {
        let outgoing = self.outgoing.as_ref();
        self.received.capacity() + outgoing.map_or(0, |outgoing| outgoing.bytes.capacity())
    }

    /// The deadline has passed. The next step tells what to do.
    pub fn expired(&mut self, limits: &Limits, now: &Now, site: &mut impl Respond) {
        // An empty line alone is no request: an answer would be taken for that to the next one.
        let unfinished = matches!(self.input, Input::Head | Input::Content(..))
            && !first_line(self.unread(), limits.request_line_bytes_max).is_empty();
        if self.outgoing.is_none() && unfinished && !self.draining {
            // RFC 9110 §15.5.9. The first bytes of a head have come, the rest has not.
            let timeout = Reject::new(Status::RequestTimeout, "The request took too long.");
            self.refuse(timeout, limits, now, site);
        } else {
            self.input = Input::Closed;
            self.abandon(site);
        }
    }

    /// The server is stopping: what is being answered is finished, and nothing more is begun. A
    /// request that is not complete soon is given up.
    pub fn drain(&mut self, limits: &Limits, now: &Now) {
        self.draining = true;
        if self.is_idle() {
            self.input = Input::Closed;
        } else if self.outgoing.is_none() {
            let soon = now.milliseconds + limits.drain_milliseconds;
            self.deadline_milliseconds = self.deadline_milliseconds.min(soon);
        }
    }

    /// How long to wait for a client that owes something, unless the server is stopping.
    fn patience(&self, milliseconds: u64, limits: &Limits) -> u64 {
        match self.draining {
            true => milliseconds.min(limits.drain_milliseconds),
            false => milliseconds,
        }
    }

    /// The connection is gone: reports answers that were not sent to their end, and gives its buffer
    /// back.
    pub fn abandon(&mut self, site: &mut impl Respond) {
        site.buffers().give(std::mem::take(&mut self.received));
        if let Some(outgoing) = self.outgoing.take() {
            outgoing.abandon(site);
        }
    }

    /// What to do next. Answers whatever has been received, in order (RFC 9112 §9.3.2), and
    /// puts answers from memory together, so that a pipelined batch leaves in one write.
    pub fn next_step<'c>(
        &'c mut self,
        limits: &Limits,
        now: &Now,
        site: &mut impl Respond,
    ) -> Step<'c> {
        match self.plan(limits, now, site) {
            Plan::Read => Step::Read,
            Plan::Write => match &self.outgoing {
                Some(outgoing) => {
                    let closing = matches!(self.input, Input::Closing(false));
                    Step::Write(outgoing.chunk(closing))
                }
                None => Step::Close,
            },
            Plan::ShutDownWriting => Step::ShutDownWriting,
            Plan::Close => Step::Close,
        }
    }

    fn plan(&mut self, limits: &Limits, now: &Now, site: &mut impl Respond) -> Plan {
        loop {
            if let Some(outgoing) = &mut self.outgoing {
                outgoing.refill();
                if outgoing.is_cut_short() {
                    // RFC 9112 §8: the end of the connection alone says that content is missing.
                    self.input = Input::Closed;
                    self.abandon(site);
                } else if outgoing.is_streaming() || outgoing.bytes.len() >= limits.batch_bytes {
                    return Plan::Write;
                }
            }
            let waiting = if self.outgoing.is_some() { Plan::Write } else { Plan::Read };
            match &mut self.input {
                Input::ProxyHeader => match self.read_proxy_header(limits, now, site) {
                    Some(input) => self.input = input,
                    None if self.ended || self.draining => self.input = Input::Closed,
                    None => return waiting,
                },
                Input::Head => match self.answer_head(limits, now, site) {
                    Ok(true) => {}
                    Ok(false) if matches!(waiting, Plan::Write) => return waiting,
                    Ok(false) if self.ended || (self.draining && self.unread().is_empty()) => {
                        self.input = Input::Closed;
                    }
                    Ok(false) => {
                        self.forget_consumed(site);
                        return waiting;
                    }
                    Err(reject) => self.refuse(reject, limits, now, site),
                },
                Input::Content(content) => {
                    let start = self.consumed + content.head;
                    let came = self.received.get(start..).unwrap_or_default();
                    let most = usize::try_from(content.bearable).unwrap_or(usize::MAX);
                    match content.decoder.take(came.get(..most).unwrap_or(came)) {
                        Err(reject) => self.refuse(reject, limits, now, site),
                        Ok(taken) => {
                            self.received.drain(start..start + taken);
                            content.bearable -= taken as u64;
                            if content.decoder.is_done() || content.bearable == 0 {
                                self.answer_behind_content(limits, now, site);
                            } else if matches!(waiting, Plan::Write) {
                                return waiting;
                            } else if self.ended {
                                self.input = Input::Closed;
                            } else {
                                return waiting;
                            }
                        }
                    }
                }
                Input::Closing(_) if self.outgoing.is_some() => return Plan::Write,
                Input::Closing(linger) => {
                    self.input = if *linger && !self.ended {
                        self.received = Vec::new();
                        let patience = self.patience(limits.linger_milliseconds, limits);
                        self.deadline_milliseconds = now.milliseconds + patience;
                        Input::Lingering(limits.linger_bytes_max)
                    } else {
                        Input::Closed
                    };
                    if matches!(self.input, Input::Lingering(_)) {
                        return Plan::ShutDownWriting;
                    }
                }
                Input::Lingering(left) if *left > 0 && !self.ended => return Plan::Read,
                Input::Lingering(_) => self.input = Input::Closed,
                Input::Closed => {
                    self.abandon(site);
                    return Plan::Close;
                }
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.received.get(self.consumed..).unwrap_or_default()
    }

    /// Gives back what is dealt with. Nothing is left of it between requests.
    fn forget_consumed(&mut self, site: &mut impl Respond) {
        if self.consumed == self.received.len() {
            site.buffers().give(std::mem::take(&mut self.received));
        } else {
            self.received.drain(..self.consumed);
        }
        self.consumed = 0;
    }

    /// Reads a PROXY header; what comes after it, or `None` while it is incomplete.
    fn read_proxy_header(
        &mut self,
        limits: &Limits,
        now: &Now,
        site: &mut impl Respond,
    ) -> Option<Input> {
        match proxy_protocol::read(&self.received) {
            Ok(None) => None,
            Ok(Some(header)) => {
                self.consumed = header.length;
                self.deadline_milliseconds = now.milliseconds
                    + match self.unread() {
                        [] => limits.idle_milliseconds,
                        _ => limits.head_milliseconds,
                    };
                let is_wanted = site.proxied(header.source);
                Some(if is_wanted { Input::Head } else { Input::Closed })
            }
            Err(reject) => {
                // Whoever this is does not expect an answer. It is written down all the same:
                // a proxy that was set up otherwise would be a riddle.
                let line = first_line(&self.received, PROXY_LINE_BYTES_MAX);
                let response = site.reject(&reject, line, now);
                if !response.note.is_empty() {
                    site.answered(Answered {
                        note: response.note,
                        status: response.status,
                        content_bytes: 0,
                    });
                }
                Some(Input::Closed)
            }
        }
    }

    /// Reads a head, and answers it unless its content has to be awaited. `false`: incomplete.
    fn answer_head(
        &mut self,
        limits: &Limits,
        now: &Now,
        site: &mut impl Respond,
    ) -> Result<bool, Reject> {
        let unread = self.received.get(self.consumed..).unwrap_or_default();
        if unread.is_empty() {
            return Ok(false);
        }
        let Some(head) = self.head.read(unread, limits)? else {
            return Ok(false);
        };
        let (request, length) = (head.request, head.length);
        self.head = HeadReader::default();
        self.answered_head_bytes = length;
        let content = match ContentLength::of(request.version, request.fields)? {
            // RFC 9110 §9.3.6: CONNECT has no content. What follows belongs in the tunnel that
            // there is not, whatever length its fields give, and is not waited for.
            _ if request.method == Method::Connect => ContentLength::None,
            content => content,
        };
        let expects = expectation(&request)?;
        let bearable = match content {
            ContentLength::Known(length) => length <= limits.content_discarded_bytes_max,
            ContentLength::Chunked | ContentLength::None => true,
        };
        if let Some(decoder) = ContentDecoder::new(content) {
            if bearable && !expects {
                // The answer waits for the content, so that answers and requests stay in step.
                self.input = Input::Content(Box::new(Content {
                    decoder,
                    head: length,
                    bearable: limits.content_discarded_bytes_max,
                }));
                if self.outgoing.is_none() {
                    // While answers are being sent, their time-out is the one that counts.
                    let patience = self.patience(limits.head_milliseconds, limits);
                    self.deadline_milliseconds = now.milliseconds + patience;
                }
                return Ok(true);
            }
            // RFC 9110 §10.1.1: a final answer at once, in place of 100. The client may be
            // sending the content nevertheless, so nothing after it can be understood.
            let response = site.respond(&request, now);
            let framing = Framing {
                method: Some(request.method),
                version: request.version,
                then: Then::Close,
            };
            self.consumed += length;
            self.queue(response, framing, limits, now, true, site);
            return Ok(true);
        }
        let response = site.respond(&request, now);
        let framing = Framing::of(&request, self.draining);
        self.consumed += length;
        self.queue(response, framing, limits, now, false, site);
        Ok(true)
    }

    /// The content has come to its end, or has become too much: then this answer is the last.
    fn answer_behind_content(&mut self, limits: &Limits, now: &Now, site: &mut impl Respond) {
        let Input::Content(content) = std::mem::take(&mut self.input) else {
            return;
        };
        let end = self.consumed + content.head;
        let head = self.received.get(self.consumed..end).unwrap_or_default();
        // It was valid when it came.
        let Ok(Some(parsed)) = HeadReader::default().read(head, limits) else {
            self.input = Input::Closed;
            return;
        };
        let response = site.respond(&parsed.request, now);
        let mut framing = Framing::of(&parsed.request, self.draining);
        let ended = content.decoder.is_done();
        if !ended {
            framing.then = Then::Close;
        }
        self.consumed = end;
        self.queue(response, framing, limits, now, !ended, site);
    }

    fn queue(
        &mut self,
        response: Response,
        framing: Framing,
        limits: &Limits,
        now: &Now,
        linger: bool,
        site: &mut impl Respond,
    ) {
        if self.outgoing.is_none() {
            self.sent_bytes = 0;
            self.deadline_milliseconds = now.milliseconds + limits.stall_milliseconds;
        }
        let buffers = site.buffers();
        let outgoing = self.outgoing.get_or_insert_with(|| {
            let bytes = buffers.take();
            Box::new(Outgoing { bytes, ..Outgoing::default() })
        });
        outgoing.push(response, framing, now, buffers);
        if framing.then == Then::Close {
            // RFC 9112 §9.6: after a close a client must not send; if it has, closing at once
            // would reset the connection, and the answer with it.
            // What belongs in a tunnel may still be on its way.
            let is_tunnel = framing.method == Some(Method::Connect);
            self.input = Input::Closing(linger || is_tunnel || !self.unread().is_empty());
        }
    }

    /// What came is no request, and where the next one would begin is not known.
    fn refuse(&mut self, reject: Reject, limits: &Limits, now: &Now, site: &mut impl Respond) {
        let line = first_line(self.unread(), limits.request_line_bytes_max);
        let response = site.reject(&reject, line, now);
        let framing = Framing {
            // RFC 9110 §9.3.2: whatever else is wrong with it.
            method: line.starts_with(b"HEAD ").then_some(Method::Head),
            version: Version::Http11,
            then: Then::Close,
        };
        self.queue(response, framing, limits, now, true, site);
    }
}

/// What of a request decides how its answer is framed.
#[derive(Clone, Copy, Debug)]
struct Framing {
    method: Option<Method>,
    version: Version,
    then: Then,
}

impl Framing {
    /// RFC 9112 §9.3: HTTP/1.1 persists unless told otherwise, 1.0 only when asked to.
    /// After CONNECT it ends, which no RFC asks for: what follows belongs in the tunnel (RFC 9110 §9.3.6).
    fn of(request: &Request<'_>, draining: bool) -> Framing {
        let fields = request.fields;
        let persists = match request.version {
            _ if draining || fields.list_has("Connection", "close") => false,
            // Who asked for a tunnel may have sent what belongs in it already, without
            // waiting for an answer. None of that is a request.
            _ if request.method == Method::Connect => false,
            Version::Http11 => true,
            Version::Http10 => fields.list_has("Connection", "keep-alive"),
        };
        let then = if persists { Then::Persist } else { Then::Close };
        Framing { method: Some(request.method), version: request.version, then }
    }
}

/// Whether the client waits for a 100 before it sends content (RFC 9110 §10.1.1). HTTP/1.0 knows
/// no Expect, and there it is ignored.
fn expectation(request: &Request<'_>) -> Result<bool, Reject> {
    if request.version == Version::Http10 {
        return Ok(false);
    }
    let mut waits = false;
    for member in request.fields.list("Expect") {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            return Err(Reject::new(
                Status::ExpectationFailed,
                "The only expectation is 100-continue.",
            ));
        }
        waits = true;
    }
    Ok(waits)
}

/// Answers on their way: bytes of heads and small bodies, and at most one body at their end that
/// is not in memory as a whole.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Vec<u8>,
    /// So many of `bytes` have been sent.
    start: usize,
    stream: Stream,
    /// Where in `bytes` the head of the answer begins that has the stream, as long as it is there.
    stream_head: Option<usize>,
    /// That answer stands in for one whose file could not be read.
    is_remade: bool,
    /// All that will have been sent when this is empty.
    queued_bytes: u64,
    sent_bytes: u64,
    /// Answers that have a note, in their order.
    pending: VecDeque<Pending>,
}

/// The rest of a body that is larger than memory should be.
#[derive(Debug, Default)]
enum Stream {
    #[default]
    None,
    File(Arc<File>, Range<u64>),
    Multipart {
        file: Arc<File>,
        range: Range<u64>,
        rest: std::vec::IntoIter<Part>,
        end: Vec<u8>,
    },
    Produced(Box<dyn Produce>),
}

/// An answer whose end has not been sent.
#[derive(Debug)]
struct Pending {
    note: Vec<u8>,
    status: Status,
    /// Where its content begins and ends among all the bytes of this [`Outgoing`].
    content: Range<u64>,
}

/// Status-line, Date, Content-Length and Connection take less.
const FRAMING_BYTES: usize = 192;

impl Outgoing {
    fn push(&mut self, mut response: Response, framing: Framing, now: &Now, buffers: &mut Buffers) {
        let before = self.bytes.len();
        let in_memory = match &response.body {
            Body::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        self.bytes.reserve(response.fields().len() + in_memory + FRAMING_BYTES);
        response.write_head(&mut self.bytes, framing.version, framing.then, now);
        self.queued_bytes += (self.bytes.len() - before) as u64;
        let content_start = self.queued_bytes;
        buffers.give(response.take_fields());
        if response.sends_content(framing.method) {
            self.queued_bytes += response.body.length();
            match response.body {
                Body::Empty => {}
                Body::Bytes(bytes) => {
                    self.bytes.extend_from_slice(&bytes);
                    buffers.give(bytes);
                }
                Body::File(_, range) if range.is_empty() => {}
                Body::File(file, range) => {
                    self.stream_head = Some(before);
                    self.stream = Stream::File(file, range);
                }
                Body::Multipart { file, parts, end } => {
                    self.stream_head = Some(before);
                    let mut rest = parts.into_iter();
                    // The first part leaves with the head, so that both are sent or neither.
                    let mut range = 0..0;
                    if let Some(first) = rest.next() {
                        self.bytes.extend_from_slice(&first.head);
                        range = first.range;
                    }
                    self.stream = Stream::Multipart { file, range, rest, end };
                }
                Body::Produced(source) => self.stream = Stream::Produced(source),
            }
        }
        if !response.note.is_empty() {
            let content = content_start..self.queued_bytes;
            self.pending.push_back(Pending {
                note: response.note,
                status: response.status,
                content,
            });
        }
    }

    fn is_streaming(&self) -> bool {
        !matches!(self.stream, Stream::None)
    }

    /// Whether a body that is made has come to its end before its length.
    fn is_cut_short(&self) -> bool {
        matches!(self.stream, Stream::Produced(_)) && self.start == self.bytes.len()
    }

    fn is_empty(&self) -> bool {
        self.sent_bytes == self.queued_bytes
    }

    /// Takes the answer back that has the stream, if nothing of it has been sent.
    fn take_back(&mut self) -> bool {
        let Some(head) = self.stream_head.filter(|&head| self.start <= head) else {
            return false;
        };
        // Its content is the last, and not empty.
        let end = self.queued_bytes;
        if self.pending.back().is_some_and(|last| last.content.end == end) {
            self.pending.pop_back();
        }
        self.stream = Stream::None;
        self.stream_head = None;
        self.bytes.truncate(head);
        self.queued_bytes = self.sent_bytes + (head - self.start) as u64;
        true
    }

    /// `closing`: at once after what is queued.
    fn chunk(&self, closing: bool) -> Chunk<'_> {
        let file = match &self.stream {
            Stream::File(file, range) | Stream::Multipart { file, range, .. }
                if !range.is_empty() =>
            {
                Some((&**file, range.clone()))
            }
            _ => None,
        };
        Chunk {
            bytes: self.bytes.get(self.start..).unwrap_or_default(),
            file,
            is_last: closing && matches!(self.stream, Stream::None | Stream::File(..)),
        }
    }

    /// Makes the next bytes of a body that is made piece by piece, once the last are sent.
    fn refill(&mut self) {
        match &mut self.stream {
            Stream::Multipart { range, rest, end, .. }
                if range.is_empty() && self.start == self.bytes.len() =>
            {
                self.stream_head = None;
                self.start = 0;
                self.bytes.clear();
                match rest.next() {
                    Some(part) => (self.bytes, *range) = (part.head, part.range),
                    None => {
                        self.bytes = std::mem::take(end);
                        self.stream = Stream::None;
                    }
                }
            }
            Stream::Produced(source) if self.start == self.bytes.len() => {
                self.start = 0;
                self.bytes.clear();
                source.produce(&mut self.bytes);
                // Bytes past the end of an answer would be taken for the beginning of the next.
                let owed = self.queued_bytes - self.sent_bytes;
                self.bytes.truncate(usize::try_from(owed).unwrap_or(usize::MAX));
            }
            _ => {}
        }
    }

    fn sent(&mut self, bytes: u64, site: &mut impl Respond) {
        self.sent_bytes += bytes;
        debug_assert!(self.sent_bytes <= self.queued_bytes);
        let from_memory =
            (self.bytes.len() - self.start).min(usize::try_from(bytes).unwrap_or(usize::MAX));
        self.start += from_memory;
        if let Stream::File(_, range) | Stream::Multipart { range, .. } = &mut self.stream {
            range.start += bytes - from_memory as u64;
        }
        while let Some(first) = self.pending.front() {
            if first.content.end > self.sent_bytes {
                break;
            }
            if let Some(answer) = self.pending.pop_front() {
                site.answered(answer.answered(self.sent_bytes));
            }
        }
    }

    fn abandon(self, site: &mut impl Respond) {
        for answer in self.pending {
            site.answered(answer.answered(self.sent_bytes));
        }
    }
}

impl Pending {
    fn answered(self, sent_bytes: u64) -> Answered {
        let content_bytes =
            sent_bytes.clamp(self.content.start, self.content.end) - self.content.start;
        Answered { note: self.note, status: self.status, content_bytes }
    }
}
