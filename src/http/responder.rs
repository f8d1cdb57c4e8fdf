//! What a connection needs of whoever drives it: bounds, time, buffers, and responses.

use super::buffers::Buffers;
use super::forwarded::Source;
use super::limits::Limits;
use super::now::Now;
use super::request::Request;
use super::response::Response;
use super::status::{Reject, Status};

/// Answers requests for one client.
pub trait Responder {
    /// What the log keeps of a request until its response has been sent.
    type Record;
    /// Why a file could not be read when it was to be sent.
    type ReadError;

    /// The bounds.
    fn limits(&self) -> &Limits;
    /// The time of this turn.
    fn now(&self) -> &Now;
    /// The buffers of this thread.
    fn buffers(&mut self) -> &mut Buffers;
    /// The answer to a valid request whose content, if any, has been read or is not wanted.
    fn respond(&mut self, request: &Request<'_>) -> Answer<Self::Record>;
    /// Another answer to the same request: nothing of the first has been sent, and its file cannot
    /// be read.
    fn respond_again(
        &mut self,
        request: &Request<'_>,
        unreadable: Unreadable<Self::ReadError>,
    ) -> Answer<Self::Record>;
    /// The answer to what is no valid request. `line`: what its first line looks like.
    fn reject(&mut self, reject: Reject, line: &[u8]) -> Answer<Self::Record>;
    /// An answer is complete, or will never be. Called for answers that have a record.
    fn answered(&mut self, answered: Answered<Self::Record>);
    /// A proxy has said for whom it speaks, before the first request. `false`: not wanted.
    fn proxied(&mut self, _source: Source) -> bool {
        false
    }
}

/// A response, and what is recorded of it.
#[derive(Debug)]
pub struct Answer<R> {
    /// What is sent.
    pub response: Response,
    /// Comes back in [`Answered`]. `None`: nothing is reported.
    pub record: Option<R>,
}

/// An answer that has been sent, or as much of it as could be.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered<R> {
    /// From the [`Answer`].
    pub record: R,
    /// Its status.
    pub status: Status,
    /// Bytes of content that were sent; 0 where none were to be.
    pub content_bytes: u64,
}

/// The file of an answer could not be read when it was to be sent.
#[derive(Debug)]
pub struct Unreadable<E> {
    /// Why.
    pub error: E,
    /// No answer to this request has met this before.
    pub is_first: bool,
}
