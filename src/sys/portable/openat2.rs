//! No openat2: a path is walked by name.

use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use crate::sys::Symlinks;

pub fn open_at_once(
    _directory: RawFd,
    _name: &CStr,
    _flags: c_int,
    _symlinks: Symlinks,
) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
