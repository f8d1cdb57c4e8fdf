//! How many descriptors this process may have, by prlimit64: its structure is two numbers of 64 bits
//! on every machine.

use std::ffi::c_int;

use super::numbers::PRLIMIT64;
use super::syscall::syscall;
use crate::sys::unix;

/// Where the system call is not known or refused, the limit stays as it is.
pub fn raise_open_files_max() -> u64 {
    hard_limit().unwrap_or_else(unix::raise_open_files_max)
}

fn hard_limit() -> Option<u64> {
    const RLIMIT_NOFILE: c_int = 7;

    let [_, hard] = limit(RLIMIT_NOFILE)?;
    let (raised, none) = ([hard, hard], std::ptr::null_mut::<[u64; 2]>());
    // SAFETY: 0 is this process; the kernel reads two numbers, and writes none.
    let set = unsafe { syscall(PRLIMIT64?, 0 as c_int, RLIMIT_NOFILE, raised.as_ptr(), none) };
    (set == 0).then_some(hard)
}

/// The soft and the hard limit of a resource of this process.
pub fn limit(resource: c_int) -> Option<[u64; 2]> {
    let none = std::ptr::null_mut::<[u64; 2]>();
    let mut limit = [0_u64; 2];
    // SAFETY: 0 is this process; the kernel writes two numbers, and reads none.
    let asked = unsafe { syscall(PRLIMIT64?, 0 as c_int, resource, none, limit.as_mut_ptr()) };
    let [soft, hard] = limit;
    debug_assert!(asked != 0 || soft <= hard, "{soft} of {hard}");
    (asked == 0).then_some(limit)
}
