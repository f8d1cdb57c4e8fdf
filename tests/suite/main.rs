//! Every test that needs no process of its own, in one program: a module is what one part of the
//! server promises. `cargo test --test suite ranges::` runs one of them.
//!
//! `IPV6_HTTPD` names the binary that the end-to-end tests start, in place of the one that cargo has
//! built, and `IPV6_HTTPD_RUNNER` the words before it: `qemu-aarch64-static -cpu cortex-a53`.

// A test that indexes or unwraps what is not there has failed, as it should.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

mod access;
mod addresses;
mod archive;
mod blocked_output;
mod conformance;
mod connections;
mod disks;
mod faults;
mod firmware;
mod freshness;
mod listing_readers;
mod memory;
mod negotiation;
mod pages;
mod paths;
mod preconditions;
mod race;
mod ranges;
mod sandbox;
mod server;
mod systemd;
mod turns;

#[path = "../support/mod.rs"]
mod support;
