//! What std has of files under another name on each system.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::windows::fs::{FileExt, MetadataExt};

use crate::sys::PathState;

pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Whether a directory still has a name: while it is open it cannot lose it.
pub fn is_linked(_metadata: &Metadata) -> bool {
    true
}

pub fn has_other_names(_metadata: &Metadata) -> bool {
    false
}

pub fn mode_and_owner(_metadata: &Metadata) -> Option<(u32, u32, u32)> {
    None
}

/// Its times are hundreds of nanoseconds since 1601.
pub fn path_state(metadata: &Metadata) -> PathState {
    let split = |time: u64| {
        let since_1970 = time as i64 - 116_444_736_000_000_000;
        let (second, rest) = (10_000_000, since_1970.rem_euclid(10_000_000));
        (since_1970.div_euclid(second), rest * 100)
    };
    let (modified_seconds, modified_rest) = split(metadata.last_write_time());
    let (changed_seconds, changed_rest) = split(metadata.creation_time());
    PathState {
        place: (0, 0),
        length: metadata.len(),
        modified_seconds,
        changed_seconds,
        nanoseconds: (modified_rest, changed_rest),
    }
}

/// Windows ends threads before it runs anything.
pub fn exit_now(status: i32) -> ! {
    std::process::exit(status)
}

pub fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
