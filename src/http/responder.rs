//! The interface between a connection and its user: bounds, time, buffers, and responses.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::buffers::Buffers;
use super::forwarded::Source;
use super::limits::Limits;
use super::now::Now;
use super::outgoing::SpareOutgoing;
use super::request::Request;
use super::response::Gather;
use super::status::Reject;

pub use super::response::{Answer, Answered};

/// Answers requests for one client.
pub trait Responder {
    /// What the log keeps about a request until its response has been sent.
    type Record;
    /// The error of reading a file while sending it.
    type ReadError;

    /// The bounds.
    fn limits(&self) -> &Limits;
    /// The time of this turn.
    fn now(&self) -> &Now;
    /// The buffers of this thread.
    fn buffers(&mut self) -> &mut Buffers;
    /// The queue that this thread keeps for the next answer, if it keeps one.
    fn spare(&mut self) -> Option<&mut SpareOutgoing<Self::Record>> {
        None
    }
    /// Answers a valid request. Its content, if any, has been read or will not be.
    fn respond(&mut self, request: &Request<'_>) -> Reply<Self::Record>;
    /// Answers the same request again: the file of the first answer is unreadable, and none of that
    /// answer has been sent.
    fn respond_again(
        &mut self,
        request: &Request<'_>,
        unreadable: Unreadable<Self::ReadError>,
    ) -> Reply<Self::Record>;
    /// Reads a part of a file that is being sent, and may take its time. The caller brings it by
    /// `Connection::fetched`.
    fn fetch(&mut self, file: &Arc<File>, range: Range<u64>);
    /// Gathers the next segments of a body, which may take its time. The caller brings them by
    /// `Connection::gathered`.
    fn gather(&mut self, _source: Box<dyn Gather>) {
        debug_assert!(false, "there are such bodies, and nobody gathers them");
    }
    /// Answers an invalid request. `line`: its first line, for the log.
    fn reject(&mut self, reject: Reject, line: &[u8]) -> Answer<Self::Record>;
    /// An answer has been sent, or sending it has ended early. Called for answers with a record.
    fn answered(&mut self, answered: Answered<Self::Record>);
    /// Asked between two answers: whether others are to get their turn now. What is answered so far
    /// is then sent first.
    fn is_turn_over(&mut self) -> bool {
        false
    }
    /// A PROXY header has named the client, before the first request. `false` closes the connection.
    fn proxied(&mut self, _source: Source) -> bool {
        false
    }
}

/// An answer, now or later.
#[derive(Debug)]
pub enum Reply<R> {
    /// The answer is here.
    Ready(Answer<R>),
    /// The caller will bring it by `Connection::answer`.
    Later,
}

/// Whether an answer may wait for a disk, a large folder or a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// No: other clients would wait too.
    None,
    /// Yes, as long as it takes.
    Any,
}

/// The answer needs patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unready;

/// The file of an answer is unreadable.
#[derive(Debug)]
pub struct Unreadable<E> {
    /// The error of reading it.
    pub error: E,
    /// This has not happened before for the same request.
    pub is_first: bool,
}
