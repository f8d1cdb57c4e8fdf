//! What an answer takes while it is made and sent.

use std::fmt::Debug;

/// A part of a budget. Dropping it gives the memory back.
pub trait Lease: Debug + Send {
    /// Takes `bytes` in place of what it had. Returns `false`, and keeps what it had, if the budget
    /// has not as many left; fewer than before are always there.
    fn resize(&mut self, bytes: usize) -> bool;
    /// Another lease for the same client, which has nothing yet.
    fn another(&self) -> Box<dyn Lease>;
}

/// What is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// Bytes of memory.
    Memory,
    /// Archives that are being sent.
    Archives,
}
