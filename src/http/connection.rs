//! One connection as a state machine: bytes in, steps out (RFC 9112 §9). It has no socket, no clock
//! and no file operations: the caller carries out each [`Step`] and reports the result.
//!
//! ```text
//!                 header read           a head whose content is to be read
//!  ProxyHeader ────────────────> Head ───────────────────────────────────────> Content
//!       │                        │ ^ ^    content read: answered                │ │ │
//!       │                        └─┘ ├──────────────────────────────────────────┘ │ │
//!       │       head read: answered  │                                            │ │
//!       │                         │  └── the answer ── Awaiting <─────────────────┘ │
//!       │                         │ answer comes later ──^ │                        │
//!       │ not one                 │                        │ too late: 503          │
//!       │                         │ the last answer: rejected, Connection: close    │
//!       │                         v                        v                        │
//!       │                      Closing <────────────────────────────────────────────┘
//!       │                         │   all is sent, and the client may be sending
//!       v                         ├─────────────────────────────────────────────> Lingering
//!    Closed <─────────────────────┴───────────── it has ended, or sent too much ─────┘
//! ```
//!
//! | event | ProxyHeader | Head, Content | Awaiting | Closing | Lingering |
//! |---|---|---|---|---|---|
//! | bytes | header | head, content | not read | ignored | counted, dropped |
//! | the client ends | Closed | Closed once all is sent | the answer first | no lingering | Closed |
//! | all is sent | – | reads on | – | Lingering or Closed | – |
//! | the answer comes | – | – | Head or Closing | dropped | dropped |
//! | a part of a file comes (c) | – | is sent | is sent | is sent | – |
//! | a file is unreadable | – | another answer, or Closed | – | the same | – |
//! | the time is over | Closed | 408 (a) or Closed | 503 | Closed | Closed |
//! | the server stops | Closed | Closed if idle (b) | the last answer | as before | a second more |
//!
//! (a) if a request has begun, nothing is being sent, and the server does not stop.
//! (c) it is not in memory, so that somebody else reads it. One that does not come in time is another
//! answer, 503, or Closed once its head has left.
//! (b) otherwise the next answer is the last, or Closed if the request is not complete in a second.

mod late;

use super::content::{ContentDecoder, ContentLength};
use super::head::{HeadReader, first_line};
use super::limits::Limits;
use super::now::Now;
use super::outgoing::{Chunk, Framing, Outgoing};
use super::proxy_protocol;
use super::request::{Method, Version};
use super::responder::{Answer, Answered, Reply, Responder, Unreadable};
use super::response::{Persistence, Reading};
use super::state::{Content, End, State};
use super::status::{Reject, Status};

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Receive, then call `received` or `ended`.
    Read,
    /// Send as much of [`Connection::chunk`] as possible, then call `sent`.
    Write,
    /// Wait for the answer, then call [`Connection::answer`], or for a part of a file, then call
    /// [`Connection::fetched`]. Do not read meanwhile.
    Await,
    /// Close the sending side, so that the client sees the end of the answer.
    ShutDownWriting,
    /// Close the connection.
    Close,
}

/// A client's connection. Between requests it owns no heap memory. `R`: see
/// [`Responder::Record`].
#[derive(Debug)]
pub struct Connection<R> {
    /// Bytes received and not yet consumed. Between requests it is empty and owns no memory.
    received: Vec<u8>,
    /// How many of them have been consumed.
    consumed: usize,
    head: HeadReader,
    /// The length of the head that was read last: it ends at `consumed` once it is answered.
    last_head_bytes: usize,
    state: State,
    outgoing: Option<Box<Outgoing<R>>>,
    /// On the clock of [`Now`].
    deadline_milliseconds: u64,
    /// Bytes sent since the deadline was last extended.
    sent_bytes: u32,
    /// The client has closed its sending side.
    ended: bool,
    /// The server is stopping: the next answer is the last.
    draining: bool,
}

/// The log has at most this many bytes of an invalid PROXY header.
const PROXY_LINE_BYTES_MAX: usize = 107;

impl<R> Connection<R> {
    /// A connection that has just been accepted.
    pub fn new(limits: &Limits, now: &Now) -> Connection<R> {
        Connection::begin(State::Head, limits, now)
    }

    /// The same, from a proxy that must send a PROXY header at once.
    pub fn behind_proxy(limits: &Limits, now: &Now) -> Connection<R> {
        Connection::begin(State::ProxyHeader, limits, now)
    }

    fn begin(state: State, limits: &Limits, now: &Now) -> Connection<R> {
        let mut connection = Connection {
            received: Vec::new(),
            consumed: 0,
            head: HeadReader::default(),
            last_head_bytes: 0,
            state,
            outgoing: None,
            deadline_milliseconds: 0,
            sent_bytes: 0,
            ended: false,
            draining: false,
        };
        connection.restart_timeout(limits, now);
        connection
    }

    /// Changes the state and restarts the time-out, unless an answer is being sent: that has its
    /// own time-out.
    fn enter(&mut self, state: State, responder: &impl Responder<Record = R>) {
        self.state = state;
        if self.outgoing.is_none() {
            self.restart_timeout(responder.limits(), responder.now());
        }
    }

    /// How long the client has for the next thing that we expect of it, in milliseconds.
    fn timeout(&self, limits: &Limits) -> u64 {
        let milliseconds = match self.state {
            _ if self.outgoing.is_some() => return limits.stall_milliseconds,
            State::Head if self.unread().is_empty() => limits.idle_milliseconds,
            State::ProxyHeader | State::Head | State::Content(_) => limits.head_milliseconds,
            // A server that stops gives it as much.
            State::Awaiting { .. } => return limits.await_milliseconds,
            State::Closing(_) | State::Lingering { .. } | State::Closed => {
                limits.linger_milliseconds
            }
        };
        match self.draining {
            true => milliseconds.min(limits.drain_milliseconds),
            false => milliseconds,
        }
    }

    fn restart_timeout(&mut self, limits: &Limits, now: &Now) {
        self.deadline_milliseconds = now.milliseconds + self.timeout(limits);
    }

    /// When to call [`Connection::expired`], in milliseconds on the clock of [`Now`].
    pub fn deadline_milliseconds(&self) -> u64 {
        self.deadline_milliseconds
    }

    /// Whether it is idle: nothing of a next request has arrived. The server may close it any time.
    pub fn is_idle(&self) -> bool {
        let is_idle = matches!(self.state, State::Head | State::ProxyHeader)
            && self.received.is_empty()
            && self.outgoing.is_none();
        debug_assert!(!is_idle || self.received.capacity() == 0, "idle, and holds memory");
        is_idle
    }

    /// Since when it is idle, if it is, in the milliseconds of [`Now`].
    pub fn idle_since_milliseconds(&self, limits: &Limits) -> u64 {
        self.deadline_milliseconds.saturating_sub(self.timeout(limits))
    }

    /// Bytes of heap memory in its buffers now.
    pub fn held_bytes(&self) -> usize {
        let outgoing = self.outgoing.as_ref();
        self.received.capacity() + outgoing.map_or(0, |outgoing| outgoing.capacity())
    }

    /// Whether the next step is to read.
    pub fn reads(&self) -> bool {
        let reads =
            matches!(self.state, State::ProxyHeader | State::Head | State::Lingering { .. });
        reads && self.received.is_empty() && self.outgoing.is_none() && !self.ended
    }

    /// The bytes to send for [`Step::Write`].
    pub fn chunk(&self) -> Chunk<'_> {
        let closing = matches!(self.state, State::Closing(End::AtOnce));
        match &self.outgoing {
            Some(outgoing) => outgoing.chunk(closing),
            None => Chunk { bytes: b"", file: None, reading: Reading::AtOnce, is_last: closing },
        }
    }

    /// The client has closed its sending side. We still answer the requests that it has sent.
    pub fn ended(&mut self) {
        self.ended = true;
    }

    /// Bytes have been received.
    pub fn received(&mut self, bytes: &[u8], responder: &mut impl Responder<Record = R>) {
        if let State::Lingering { left } = &mut self.state {
            *left = left.saturating_sub(bytes.len() as u64);
            return;
        }
        let is_first = self.received.is_empty();
        if is_first {
            self.received = responder.buffers().take();
        }
        self.received.extend_from_slice(bytes);
        // The time for a PROXY header began with the connection.
        if is_first && !matches!(self.state, State::ProxyHeader) {
            self.restart_timeout(responder.limits(), responder.now());
        }
    }

    /// The caller has sent `bytes` bytes of the last [`Chunk`].
    pub fn sent(&mut self, bytes: usize, responder: &mut impl Responder<Record = R>) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        outgoing.sent(bytes as u64, |answered| responder.answered(answered));
        self.sent_bytes = self.sent_bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if outgoing.is_empty() {
            responder.buffers().give(outgoing.take_buffer());
            if let (Some(outgoing), Some(spare)) = (self.outgoing.take(), responder.spare()) {
                spare.give(outgoing);
            }
        } else if u64::from(self.sent_bytes) < responder.limits().stall_bytes_min {
            return;
        }
        self.sent_bytes = 0;
        match &mut self.outgoing {
            Some(outgoing) if outgoing.is_fetching() => {
                outgoing.stall_milliseconds_left = responder.limits().stall_milliseconds;
            }
            _ => self.restart_timeout(responder.limits(), responder.now()),
        }
    }

    /// The file of the last [`Chunk`] is unreadable. If none of the answer has been sent, the same
    /// request gets another answer. Otherwise the connection closes, so that the client knows that
    /// content is missing (RFC 9112 §8).
    pub fn unreadable<S: Responder<Record = R>>(&mut self, error: S::ReadError, responder: &mut S) {
        let start = self.consumed.checked_sub(self.last_head_bytes);
        let head = start.and_then(|start| self.received.get(start..self.consumed));
        let outgoing =
            self.outgoing.as_mut().and_then(|outgoing| outgoing.take_back().then_some(outgoing));
        // The head has been parsed before, so it is valid.
        let parsed = head.map(|head| HeadReader::default().read(head, responder.limits()));
        let (Some(outgoing), Some(Ok(Some(parsed)))) = (outgoing, parsed) else {
            self.abandon(responder);
            return self.enter(State::Closed, responder);
        };
        let unreadable = Unreadable { error, is_first: !outgoing.is_remade() };
        let reply = responder.respond_again(&parsed.request, unreadable);
        let mut framing = Framing::of(&parsed.request, self.draining);
        let mut end = End::AtOnce;
        match self.state {
            State::Closing(before) => {
                framing.persistence = Persistence::Close;
                end = before;
            }
            // The server was told to stop in between.
            _ if framing.persistence == Persistence::Close => self.state = State::Closing(end),
            _ => {}
        }
        match reply {
            Reply::Ready(answer) => {
                let now = *responder.now();
                outgoing.push_again(answer, framing, &now, responder.buffers());
            }
            Reply::Later => {
                self.drop_if_sent(responder);
                self.enter(State::Awaiting { framing, end }, responder);
            }
        }
    }

    /// The server is stopping. The connection finishes running answers and begins no others. It
    /// soon gives up on an incomplete request.
    pub fn drain(&mut self, responder: &impl Responder<Record = R>) {
        self.draining = true;
        if self.is_idle() {
            self.enter(State::Closed, responder);
        } else if self.outgoing.is_none() && !matches!(self.state, State::Awaiting { .. }) {
            let soon = responder.now().milliseconds + responder.limits().drain_milliseconds;
            self.deadline_milliseconds = self.deadline_milliseconds.min(soon);
        }
    }

    /// The connection is lost: reports unfinished answers and returns its buffer.
    pub fn abandon(&mut self, responder: &mut impl Responder<Record = R>) {
        responder.buffers().give(std::mem::take(&mut self.received));
        self.consumed = 0;
        if let Some(outgoing) = self.outgoing.take() {
            outgoing.abandon(|answered| responder.answered(answered));
        }
    }

    /// Returns what to do next. Answers all complete requests in order (RFC 9112 §9.3.2), and
    /// collects answers in memory, so that one write sends a pipelined batch.
    pub fn next_step(&mut self, responder: &mut impl Responder<Record = R>) -> Step {
        loop {
            if let Some(outgoing) = &mut self.outgoing {
                outgoing.refill(responder.buffers());
                if outgoing.has_to_fetch() {
                    self.unready(responder);
                }
            }
            if let Some(outgoing) = &mut self.outgoing {
                if outgoing.is_fetching() {
                    return if outgoing.has_sendable() { Step::Write } else { Step::Await };
                }
                if outgoing.is_cut_short() {
                    // RFC 9112 §8: closing early tells the client that content is missing.
                    self.abandon(responder);
                    self.enter(State::Closed, responder);
                } else if outgoing.is_streaming()
                    || outgoing.memory_bytes() >= responder.limits().batch_bytes
                    || (self.consumed < self.received.len() && responder.is_turn_over())
                {
                    return Step::Write;
                }
            }
            let step = match self.state {
                State::ProxyHeader => self.read_proxy_header(responder),
                State::Head => self.read_head(responder),
                State::Content(_) => self.read_content(responder),
                State::Awaiting { .. } | State::Closing(_) if self.outgoing.is_some() => {
                    Some(Step::Write)
                }
                State::Awaiting { .. } => Some(Step::Await),
                State::Closing(End::Lingering) if !self.ended => {
                    self.received = Vec::new();
                    self.consumed = 0;
                    let left = responder.limits().linger_bytes_max;
                    self.enter(State::Lingering { left }, responder);
                    Some(Step::ShutDownWriting)
                }
                State::Lingering { left } if left > 0 && !self.ended => Some(Step::Read),
                State::Closing(_) | State::Lingering { .. } => {
                    self.enter(State::Closed, responder);
                    None
                }
                State::Closed => {
                    self.abandon(responder);
                    Some(Step::Close)
                }
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn unread(&self) -> &[u8] {
        debug_assert!(self.consumed <= self.received.len(), "more is consumed than was received");
        self.received.get(self.consumed..).unwrap_or_default()
    }

    /// Removes consumed bytes. Returns the buffer if no others are left.
    fn forget_consumed(&mut self, responder: &mut impl Responder<Record = R>) {
        if self.consumed == self.received.len() {
            responder.buffers().give(std::mem::take(&mut self.received));
        } else {
            self.received.drain(..self.consumed);
        }
        self.consumed = 0;
    }

    /// Returns `None`, as the functions below, if the state has changed or has more to do.
    fn read_proxy_header(&mut self, responder: &mut impl Responder<Record = R>) -> Option<Step> {
        match proxy_protocol::read(&self.received) {
            Ok(None) if self.ended || self.draining => self.enter(State::Closed, responder),
            Ok(None) => return Some(Step::Read),
            Ok(Some(header)) => {
                self.consumed = header.length;
                let is_wanted = responder.proxied(header.source);
                let next = if is_wanted { State::Head } else { State::Closed };
                self.enter(next, responder);
            }
            Err(reject) => {
                // This peer expects no answer. We log it all the same, to help the operator of a
                // proxy that is set up wrongly.
                let line = first_line(&self.received, PROXY_LINE_BYTES_MAX);
                let Answer { response, record } = responder.reject(reject, line);
                if let Some(record) = record {
                    let status = response.status;
                    responder.answered(Answered { record, status, content_bytes: 0 });
                }
                self.enter(State::Closed, responder);
            }
        }
        None
    }

    fn read_head(&mut self, responder: &mut impl Responder<Record = R>) -> Option<Step> {
        match self.answer_head(responder) {
            Ok(true) => {}
            Err(reject) => self.refuse(reject, responder),
            Ok(false) if self.outgoing.is_some() => return Some(Step::Write),
            Ok(false) if self.ended || (self.draining && self.unread().is_empty()) => {
                self.enter(State::Closed, responder);
            }
            Ok(false) => {
                self.forget_consumed(responder);
                return Some(Step::Read);
            }
        }
        None
    }

    fn read_content(&mut self, responder: &mut impl Responder<Record = R>) -> Option<Step> {
        let State::Content(content) = &mut self.state else {
            return None;
        };
        let start = self.consumed + content.head;
        let came = self.received.get(start..).unwrap_or_default();
        let most = usize::try_from(content.bearable).unwrap_or(usize::MAX);
        match content.decoder.take(came.get(..most).unwrap_or(came)) {
            Err(reject) => self.refuse(reject, responder),
            Ok(taken) => {
                self.received.drain(start..start + taken);
                content.bearable -= taken as u64;
                if content.decoder.is_done() || content.bearable == 0 {
                    self.answer_behind_content(responder);
                } else if self.outgoing.is_some() {
                    return Some(Step::Write);
                } else if self.ended {
                    self.enter(State::Closed, responder);
                } else {
                    return Some(Step::Read);
                }
            }
        }
        None
    }

    /// Reads a head and answers it, unless its content must be read first. Returns `false` if the
    /// head is incomplete.
    fn answer_head(&mut self, responder: &mut impl Responder<Record = R>) -> Result<bool, Reject> {
        let unread = self.received.get(self.consumed..).unwrap_or_default();
        if unread.is_empty() {
            return Ok(false);
        }
        let Some(head) = self.head.read(unread, responder.limits())? else {
            return Ok(false);
        };
        let (request, length) = (head.request, head.length);
        self.head = HeadReader::default();
        self.last_head_bytes = length;
        let content = match ContentLength::of(request.version, request.fields)? {
            // RFC 9110 §9.3.6: CONNECT has no content, whatever its fields say. The bytes that
            // follow are for a tunnel, so we do not wait for them.
            _ if request.method == Method::Connect => ContentLength::None,
            content => content,
        };
        let expects = request.expects_continue()?;
        let content_bytes_max = responder.limits().content_discarded_bytes_max;
        let bearable = match content {
            ContentLength::Known(length) => length <= content_bytes_max,
            ContentLength::Chunked | ContentLength::None => true,
        };
        let mut framing = Framing::of(&request, self.draining);
        let decoder = ContentDecoder::new(content);
        let has_content = decoder.is_some();
        if let Some(decoder) = decoder.filter(|_| bearable && !expects) {
            // First read the content: the next request begins after it.
            let content = Content { decoder, head: length, bearable: content_bytes_max };
            self.enter(State::Content(Box::new(content)), responder);
            return Ok(true);
        }
        if has_content {
            // RFC 9110 §10.1.1: a final answer at once, in place of 100. The client may send the
            // content or not, so we cannot tell where the next request begins.
            framing.persistence = Persistence::Close;
        }
        let reply = responder.respond(&request);
        self.consumed += length;
        let end = if has_content { End::Lingering } else { End::AtOnce };
        self.settle(reply, framing, end, responder);
        Ok(true)
    }

    /// Answers after the content has been read. If it is too long to read, this answer is the last.
    fn answer_behind_content(&mut self, responder: &mut impl Responder<Record = R>) {
        let State::Content(content) = std::mem::replace(&mut self.state, State::Head) else {
            return;
        };
        let end = self.consumed + content.head;
        let head = self.received.get(self.consumed..end).unwrap_or_default();
        // The head has been parsed before, so it is valid.
        let Ok(Some(parsed)) = HeadReader::default().read(head, responder.limits()) else {
            return self.enter(State::Closed, responder);
        };
        let reply = responder.respond(&parsed.request);
        let mut framing = Framing::of(&parsed.request, self.draining);
        let is_read = content.decoder.is_done();
        if !is_read {
            framing.persistence = Persistence::Close;
        }
        self.consumed = end;
        let end = if is_read { End::AtOnce } else { End::Lingering };
        self.settle(reply, framing, end, responder);
    }

    /// Sends the answer, or waits for it.
    fn settle(
        &mut self,
        reply: Reply<R>,
        framing: Framing,
        end: End,
        responder: &mut impl Responder<Record = R>,
    ) {
        match reply {
            Reply::Ready(answer) => self.queue(answer, framing, end, responder),
            Reply::Later => self.enter(State::Awaiting { framing, end }, responder),
        }
    }

    /// Queues an answer. `end`: how the connection closes, if this is the last answer.
    fn queue(
        &mut self,
        answer: Answer<R>,
        framing: Framing,
        end: End,
        responder: &mut impl Responder<Record = R>,
    ) {
        let is_first = self.outgoing.is_none();
        let outgoing = self.outgoing.get_or_insert_with(|| {
            let bytes = responder.buffers().take();
            match responder.spare() {
                Some(spare) => spare.take(bytes),
                None => Box::new(Outgoing::new(bytes)),
            }
        });
        let now = *responder.now();
        outgoing.push(answer, framing, &now, responder.buffers());
        if is_first {
            self.sent_bytes = 0;
            self.restart_timeout(responder.limits(), responder.now());
        }
        if framing.persistence == Persistence::Close {
            // Bytes for the tunnel may still arrive.
            let is_tunnel = framing.method == Some(Method::Connect);
            let lingers = is_tunnel || !self.unread().is_empty();
            let end = if lingers { End::Lingering } else { end };
            self.enter(State::Closing(end), responder);
        }
    }

    /// Rejects an invalid request. It is the last: we cannot tell where the next one would begin.
    fn refuse(&mut self, reject: Reject, responder: &mut impl Responder<Record = R>) {
        let line = first_line(self.unread(), responder.limits().request_line_bytes_max);
        let answer = responder.reject(reject, line);
        let framing = Framing {
            // RFC 9110 §9.3.2: an answer to HEAD has no content, even to an invalid one.
            method: line.starts_with(b"HEAD ").then_some(Method::Head),
            version: Version::Http11,
            persistence: Persistence::Close,
        };
        self.queue(answer, framing, End::Lingering, responder);
    }
}
