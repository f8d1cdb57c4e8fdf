//! The states of a connection. The head of `connection.rs` shows what leads from one to another.

use super::content::ContentDecoder;
use super::outgoing::Framing;

/// What the connection expects next from the client.
#[derive(Debug)]
pub(super) enum State {
    /// A PROXY header, before the first request.
    ProxyHeader,
    /// A request head.
    Head,
    /// Content. The answer to its head waits until it has been read.
    Content(Box<Content>),
    /// Nothing yet: the answer to the last request comes first.
    Awaiting {
        /// Of that answer.
        framing: Framing,
        /// How the connection closes, if it does after that answer.
        end: End,
    },
    /// Nothing: ignores input and closes once the queue is sent.
    Closing(End),
    /// The end of the client. Drops input until then.
    Lingering {
        /// How many more bytes it drops before it closes.
        left: u64,
    },
    /// The caller must close the connection.
    Closed,
}

/// How a connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    AtOnce,
    /// The client may still be sending. A reset would make it lose the answer (RFC 9112 §9.6).
    Lingering,
}

/// Content that is being discarded.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) decoder: ContentDecoder,
    /// The length of its head, which is the first of the unconsumed bytes.
    pub(super) head: usize,
    /// How many more bytes we read. After that we answer without waiting for the end.
    pub(super) bearable: u64,
}
