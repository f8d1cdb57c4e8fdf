//! What a connection waits for that is not the client: an answer, or a part of a file.

use crate::http::response::{Gather, Segment};

use super::{
    Answer, Connection, End, Framing, Persistence, Reject, Responder, State, Status, first_line,
};

impl<R> Connection<R> {
    /// Takes the answer to the request that it waits for. Drops an answer that comes too late.
    pub fn answer(&mut self, answer: Answer<R>, responder: &mut impl Responder<Record = R>) {
        let State::Awaiting { mut framing, end } = self.state else {
            return;
        };
        if self.draining {
            framing.persistence = Persistence::Close;
        }
        self.enter(State::Head, responder);
        self.queue(answer, framing, end, responder);
    }

    /// The deadline has passed. The next step closes the connection, or sends a 408 or a 503.
    pub fn expired(&mut self, responder: &mut impl Responder<Record = R>) {
        if self.is_fetching() {
            let framing = self.take_back();
            if let Some(framing) = framing {
                return self.give_up(framing, responder);
            }
        } else if self.outgoing.is_none() {
            if let State::Awaiting { framing, .. } = self.state {
                return self.give_up(framing, responder);
            }
            // An empty line alone is not a request. The client would take a 408 for the answer to
            // its next request.
            let line_bytes_max = responder.limits().request_line_bytes_max;
            let unfinished = matches!(self.state, State::Head | State::Content(_))
                && !first_line(self.unread(), line_bytes_max).is_empty();
            if unfinished && !self.draining {
                // RFC 9110 §15.5.9: only a part of the request has arrived.
                let timeout = Reject::new(Status::RequestTimeout, "The request took too long.");
                return self.refuse(timeout, responder);
            }
        }
        self.abandon(responder);
        self.enter(State::Closed, responder);
    }

    /// The answer takes too long: 503. Later requests on this connection would take as long.
    fn give_up(&mut self, framing: Framing, responder: &mut impl Responder<Record = R>) {
        let start = self.consumed.saturating_sub(self.last_head_bytes);
        let head = self.received.get(start..self.consumed).unwrap_or_default();
        let line = first_line(head, responder.limits().request_line_bytes_max);
        let answer = responder.reject(Reject::busy(), line);
        let framing = Framing { persistence: Persistence::Close, ..framing };
        self.state = State::Head;
        self.queue(answer, framing, End::Lingering, responder);
        self.restart_timeout(responder.limits(), responder.now());
    }

    /// Removes the answer whose file does not come, if none of it has been sent.
    fn take_back(&mut self) -> Option<Framing> {
        let framing = self.outgoing.as_ref().and_then(|outgoing| outgoing.framing());
        let is_taken = self.outgoing.as_mut().is_some_and(|outgoing| outgoing.take_back());
        framing.filter(|_| is_taken)
    }

    /// Whether a part of a file is being fetched.
    pub(super) fn is_fetching(&self) -> bool {
        self.outgoing.as_ref().is_some_and(|outgoing| outgoing.is_fetching())
    }

    /// Returns the buffer if all is sent.
    pub(super) fn drop_if_sent(&mut self, responder: &mut impl Responder<Record = R>) {
        if let Some(mut outgoing) = self.outgoing.take_if(|outgoing| outgoing.is_empty()) {
            responder.buffers().give(outgoing.take_buffer());
        }
    }

    /// The file of the last chunk is not in memory. Somebody else reads on.
    pub fn unready(&mut self, responder: &mut impl Responder<Record = R>) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        if let Some(source) = outgoing.begin_gathering() {
            responder.gather(source);
        } else if let Some((file, range)) = outgoing.begin_fetching() {
            responder.fetch(&file, range);
        } else {
            return;
        }
        // The disk's time is not the client's, which gets back what it had left.
        let now = responder.now().milliseconds;
        outgoing.stall_milliseconds_left = self.deadline_milliseconds.saturating_sub(now);
        self.deadline_milliseconds = now + responder.limits().await_milliseconds;
    }

    /// Takes the next segments of a body that is gathered, and what more will come from. `None`: they
    /// cannot be had. Drops what comes too late.
    pub fn gathered(
        &mut self,
        source: Box<dyn Gather>,
        segments: Option<Vec<Segment>>,
        responder: &mut impl Responder<Record = R>,
    ) {
        let Some(outgoing) = self.outgoing.as_mut().filter(|outgoing| outgoing.is_fetching())
        else {
            return;
        };
        let left = outgoing.stall_milliseconds_left;
        self.deadline_milliseconds = responder.now().milliseconds + left;
        match segments.filter(|all| all.iter().any(|segment| segment.length() > 0)) {
            Some(segments) => outgoing.gathered(source, segments, responder.buffers()),
            None => {
                // RFC 9112 §8: closing early tells the client that content is missing.
                self.abandon(responder);
                self.enter(State::Closed, responder);
            }
        }
    }

    /// Takes the part of a file that it waits for, at least one byte of it. Drops one that comes too
    /// late.
    pub fn fetched<S: Responder<Record = R>>(
        &mut self,
        part: Result<Vec<u8>, S::ReadError>,
        responder: &mut S,
    ) {
        let Some(outgoing) = self.outgoing.as_mut().filter(|outgoing| outgoing.is_fetching())
        else {
            return;
        };
        let left = outgoing.stall_milliseconds_left;
        self.deadline_milliseconds = responder.now().milliseconds + left;
        match part {
            Ok(bytes) => {
                debug_assert!(!bytes.is_empty(), "it would be asked for again");
                outgoing.fetched(bytes, responder.buffers());
            }
            Err(error) => {
                outgoing.stop_fetching();
                self.unreadable(error, responder);
            }
        }
    }
}
