//! No statx here: nothing is known about a file but what std says.

use std::fs::File;

use crate::sys::FileState;

/// Of an open file.
pub fn state_of(_file: &File) -> Option<FileState> {
    None
}

/// Of what is called `name` in a directory.
#[cfg(unix)]
pub fn state_at(_directory: std::os::fd::RawFd, _name: &std::ffi::CStr) -> Option<FileState> {
    None
}
