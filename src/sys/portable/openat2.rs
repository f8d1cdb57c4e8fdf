//! No openat2: a path is walked by name.

use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use crate::sys::Symlinks;

/// How far a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Through names that the kernel has in memory, and not beneath mount points: without waiting.
    Cache,
    /// Not beneath mount points.
    Mount,
    /// Wherever it leads.
    Everything,
}

pub fn open_at_once(
    _directory: RawFd,
    _name: &CStr,
    _flags: c_int,
    _symlinks: Symlinks,
    _reach: Reach,
) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
