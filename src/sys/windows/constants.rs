//! Numbers of Windows. Type-checked, and run under Wine.

use std::ffi::{c_short, c_ulong};

/// The type of poll's count.
pub type NFds = c_ulong;
/// POLLRDNORM and POLLRDBAND.
pub const POLLIN: c_short = 0x300;
pub const POLLOUT: c_short = 0x10;

/// A file of this name cannot be had: ERROR_INVALID_NAME, ERROR_BAD_PATHNAME,
/// ERROR_FILENAME_EXCED_RANGE, ERROR_CANT_RESOLVE_FILENAME.
pub const MISSING: [i32; 4] = [123, 161, 206, 1921];
/// ERROR_TOO_MANY_OPEN_FILES, ERROR_NOT_ENOUGH_MEMORY, WSAEMFILE, WSAENOBUFS.
pub const EXHAUSTED: [i32; 4] = [4, 8, 10_024, 10_055];
/// Asked for only where there is sendfile.
pub const UNREADABLE: [i32; 0] = [];
