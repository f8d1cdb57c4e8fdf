//! Standard output and standard error. A console takes text, not bytes: std does that.

use std::io::{self, Write};

use crate::sys::Standard;

/// Writes all of `bytes`.
pub fn write_standard(stream: Standard, bytes: &[u8]) -> io::Result<usize> {
    match stream {
        Standard::Output => io::stdout().write_all(bytes)?,
        Standard::Error => io::stderr().write_all(bytes)?,
    }
    Ok(bytes.len())
}

/// Asked only after a part of what was to be written, which there never is.
pub fn standard_length(_stream: Standard) -> Option<u64> {
    None
}

/// There are no such limits.
pub fn survive_limits() {}
