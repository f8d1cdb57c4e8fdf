//! What the tests over real sockets have in common: a folder of files, the server that serves it,
//! and clients that speak raw bytes.
//!
//! Nothing here depends on timing: every wait ends when what it waits for is there, and fails
//! after [`DEADLINE`], which is generous enough for a binary that runs under emulation.

pub mod conversation;
pub mod drive;
pub mod folder;
pub mod program;
pub mod server;
pub mod site;

use std::time::Duration;

/// Longer than anything takes that works.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A test that cannot run here says why, and counts as passed.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
