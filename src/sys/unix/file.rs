//! What std has of files under another name on each system.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::sys::PathState;

pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Whether a directory has any link, as far as its file system counts them.
pub fn is_linked(metadata: &Metadata) -> bool {
    metadata.nlink() != 0
}

pub fn has_other_names(metadata: &Metadata) -> bool {
    metadata.nlink() > 1
}

pub fn mode_and_owner(metadata: &Metadata) -> Option<(u32, u32, u32)> {
    Some((metadata.mode() & 0o7777, metadata.uid(), metadata.gid()))
}

pub fn path_state(metadata: &Metadata) -> PathState {
    PathState {
        place: (metadata.dev(), metadata.ino()),
        length: metadata.len(),
        modified_seconds: metadata.mtime(),
        changed_seconds: metadata.ctime(),
        nanoseconds: (metadata.mtime_nsec(), metadata.ctime_nsec()),
    }
}

pub fn exit_now(status: i32) -> ! {
    unsafe extern "C" {
        safe fn _exit(status: i32) -> !;
    }
    _exit(status)
}

pub fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}
