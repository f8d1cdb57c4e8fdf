//! The protocol: HTTP/1.1 as an origin server speaks it (RFC 9110, 9112).
//! No sockets, no file operations, no clock, no globals: bytes and times are arguments.
//!
//! The files are layers. Each imports only files before it in this list (`tests/tidy.rs`):
//! grammar, limits, buffers, date, now, status, fields, path, target, request, head, content,
//! precondition, range, accept, authorization, forwarded, proxy_protocol, lease, response,
//! multipart, outgoing, responder, state, connection, connection/late.
#![forbid(unsafe_code)]

pub mod accept;
pub mod authorization;
pub mod buffers;
pub mod connection;
pub mod content;
pub mod date;
pub mod fields;
pub mod forwarded;
pub mod grammar;
pub mod head;
pub mod lease;
pub mod limits;
pub mod multipart;
pub mod now;
pub mod outgoing;
pub mod path;
pub mod precondition;
pub mod proxy_protocol;
pub mod range;
pub mod request;
pub mod responder;
pub mod response;
mod state;
pub mod status;
pub mod target;
