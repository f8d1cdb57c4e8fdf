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

    let number = PRLIMIT64?;
    let none = std::ptr::null_mut::<[u64; 2]>();
    let mut limit = [0_u64; 2];
    // SAFETY: 0 is this process; the kernel writes two numbers, and reads none.
    let asked = unsafe { syscall(number, 0 as c_int, RLIMIT_NOFILE, none, limit.as_mut_ptr()) };
    let [soft, hard] = limit;
    debug_assert!(asked != 0 || soft <= hard, "{soft} of {hard}");
    let raised = [hard, hard];
    // SAFETY: the kernel reads two numbers, and writes none.
    let set = asked == 0
        && unsafe { syscall(number, 0 as c_int, RLIMIT_NOFILE, raised.as_ptr(), none) } == 0;
    set.then_some(hard)
}
