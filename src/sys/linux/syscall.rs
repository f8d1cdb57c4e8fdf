//! System calls by number: for what C libraries lack, or put into structures that differ between them.

use std::ffi::{c_int, c_long};
use std::io;
use std::os::fd::OwnedFd;

use crate::sys::unix::descriptor::new_descriptor;

unsafe extern "C" {
    /// Returns -1 on failure, with the reason in errno.
    ///
    /// # Safety
    ///
    /// The arguments are those of the call of this number, in its order: `c_int`, words and pointers.
    /// What a pointer leads to is as large as the call takes it to be.
    pub fn syscall(number: c_long, ...) -> c_long;
}

/// The descriptor that a system call has made.
///
/// # Safety
///
/// `result` is what a call returned that makes a descriptor, and nobody else has taken that.
pub unsafe fn made_descriptor(result: c_long) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for it.
    unsafe { new_descriptor(c_int::try_from(result).unwrap_or(-1)) }
}
