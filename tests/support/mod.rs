//! What tests have in common: folders, the server as a process, clients of it, a driver of the core
//! without sockets, and random numbers.
//!
//! Nothing here depends on timing: every wait ends when what it waits for is there, and fails
//! after [`DEADLINE`], which is generous enough for a binary that runs under emulation. A server
//! that outlives [`LIFETIME_MAX`] is killed, which ends every wait for it that has no deadline.

// Each program of tests uses a part of it.
#![allow(dead_code)]

pub mod client;
pub mod drive;
pub mod folder;
pub mod random;
pub mod server;
pub mod site;

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes that works.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Longer than any test needs its server.
pub const LIFETIME_MAX: Duration = Duration::from_secs(300);

/// A test that cannot run here says why, and counts as passed.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Waits until something holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < DEADLINE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
