//! Descriptors that a call has just made, and what becomes of them when a program is started.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::sys::failure::cvt;

/// The descriptor that a call has made, or why it has not.
///
/// # Safety
///
/// `result` is what a call returned that makes a descriptor, and nobody else has taken that.
pub unsafe fn new_descriptor(result: c_int) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for it: it is open, and nobody else closes it.
    let made = unsafe { OwnedFd::from_raw_fd(cvt(result)?) };
    debug_assert!(is_closed_on_exec(&made), "a program that is started would have {made:?}");
    Ok(made)
}

/// Has a descriptor closed when another program is started. An error if there is no such descriptor.
pub fn close_on_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: no pointer is passed; of a descriptor that is not open the call only says so.
    cvt(unsafe { fcntl(fd, F_SETFD, FD_CLOEXEC) })?;
    Ok(())
}

fn is_closed_on_exec(fd: &OwnedFd) -> bool {
    // SAFETY: no pointer is passed.
    cvt(unsafe { fcntl(fd.as_raw_fd(), F_GETFD) }).is_ok_and(|flags| flags & FD_CLOEXEC != 0)
}

const F_GETFD: c_int = 1;
const F_SETFD: c_int = 2;
const FD_CLOEXEC: c_int = 1;

unsafe extern "C" {
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
}
