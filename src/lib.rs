//! A server of files over HTTP/1.1, on IPv6 and IPv4 at once, from `std` alone.
//!
//! # The map
//!
//! | module | what | may import |
//! |---|---|---|
//! | `main` | arguments, exit status | `cli`, `server` |
//! | [`cli`] | words -> [`config::Config`]; the help text | `config`, `access`, `http::grammar`, `sys` |
//! | [`config`] | what the operator decided | `access`, `http::limits`, `sys` |
//! | [`http`] | the protocol: no sockets, no file operations, no clock | nothing |
//! | [`peer`] | who sends a request: address, household, name | `sys` |
//! | [`qr`] | a URL as a drawing for phones | nothing |
//! | [`site`] | what a target names: opens files, knows no sockets | `http`, `config`, `peer`, `sys` |
//! | [`access`] | who may ask: proxies, networks, users; knows no sockets | `http`, `peer`, `sys` |
//! | [`server`] | the only sockets and threads | all of the above but `cli` |
//! | [`sys`] | what the system offers and std does not: the only unsafe code | nothing |
//!
//! `tests/tidy.rs` reads the source and fails on anything else.
//!
//! # The way of one request
//!
//! `server::worker` accepts a connection and reads what comes through `server::transport`. The
//! bytes go to [`http::connection`], which finds a head with [`http::head`], its target with
//! [`http::target`], the length of its content with [`http::content`], and asks for an answer.
//! [`access::Access`], if there is one, says who asks, and whether they may.
//! [`site::Site`] finds the file with [`site::resource`] (through [`sys::Directory`], which never
//! leaves the folder), chooses between it and its coded siblings in [`site::representation`], and
//! lets [`http::precondition`] and [`http::range`] say how much of it is wanted. The connection
//! adds the framing ([`http::response`]) and hands out pieces to send; `server::transport` sends
//! them, files by `sendfile`. When the last byte has left, `server::log` writes the line.

pub mod access;
pub mod cli;
pub mod config;
pub mod http;
pub mod peer;
pub mod qr;
pub mod server;
pub mod site;
pub mod sys;
