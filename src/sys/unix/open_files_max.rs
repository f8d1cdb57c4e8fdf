//! How many descriptors this process may have.

use std::ffi::c_int;

/// The limit as it is: raising it takes `struct rlimit`, whose size differs between C libraries.
pub fn raise_open_files_max() -> u64 {
    u64::try_from(getdtablesize()).unwrap_or(256)
}

unsafe extern "C" {
    safe fn getdtablesize() -> c_int;
}
