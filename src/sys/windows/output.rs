//! Standard output and standard error. A console takes text, not bytes: std does that.

use std::io::{self, Write};

/// Where what the server says goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Standard {
    /// Writes `bytes`, and returns how many bytes that were: all.
    pub fn write(self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Standard::Output => io::stdout().write_all(bytes)?,
            Standard::Error => io::stderr().write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    /// Asked only after a part of what was to be written.
    pub fn length(self) -> Option<u64> {
        None
    }

    /// There are no such limits.
    pub fn survive_limits() {}
}
