//! The protocol: HTTP/1.1 as an origin server speaks it (RFC 9110, 9112).
//! No sockets, no file operations, no clock, no globals: bytes and times come in as arguments.
#![forbid(unsafe_code)]

pub mod accept;
pub mod authorization;
pub mod buffers;
pub mod connection;
pub mod content;
pub mod date;
pub mod forwarded;
pub mod grammar;
pub mod limits;
pub mod precondition;
pub mod proxy_protocol;
pub mod range;
pub mod request;
pub mod response;
pub mod target;
