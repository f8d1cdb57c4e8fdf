//! openat2(2), from Linux 5.6 on: one call that keeps a path beneath a directory.

use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use super::numbers::OPENAT2;
use super::syscall::{made_descriptor, syscall};
use crate::sys::Symlinks;
use crate::sys::unix::Reach;

/// Opens what `name` names beneath `directory`. Fails with ENOSYS or EPERM where there is no such
/// call, with EXDEV where a link leads out or is absolute, and with EAGAIN where something was
/// renamed meanwhile, so that `..` in a link was not safe. `reach`: EAGAIN and EXDEV, too, where it
/// does not reach.
pub fn open_at_once(
    directory: RawFd,
    name: &CStr,
    flags: c_int,
    symlinks: Symlinks,
    reach: Reach,
) -> io::Result<OwnedFd> {
    let resolve = match symlinks {
        Symlinks::Follow => 0,
        Symlinks::Inside => RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        Symlinks::Deny => RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };
    let resolve = resolve
        | match reach {
            Reach::Everything => 0,
            Reach::Mount => RESOLVE_NO_XDEV,
            Reach::Cache => RESOLVE_NO_XDEV | RESOLVE_CACHED,
        };
    let how = OpenHow { flags: flags as u64, mode: 0, resolve };
    // SAFETY: name and how live until the call returns, and the size is that of how; it makes a
    // descriptor.
    unsafe {
        let size = size_of::<OpenHow>();
        made_descriptor(syscall(OPENAT2, directory, name.as_ptr(), &raw const how, size))
    }
}

const RESOLVE_NO_XDEV: u64 = 1;
const RESOLVE_NO_MAGICLINKS: u64 = 2;
const RESOLVE_NO_SYMLINKS: u64 = 4;
const RESOLVE_BENEATH: u64 = 8;
/// From Linux 5.12 on; EINVAL before.
const RESOLVE_CACHED: u64 = 0x20;

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}
