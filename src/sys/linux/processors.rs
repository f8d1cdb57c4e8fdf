//! How many processors this process may use.

use std::ffi::c_int;

/// By the mask of processors alone. std asks the control groups for their share of time too, in ten
/// thousand bytes of code, and the answer would only matter beyond four.
pub fn processors() -> usize {
    // As many as any kernel is built for.
    let mut set = [0_u8; 1024];
    // SAFETY: the kernel writes at most as many bytes as the array has; 0 is this thread.
    let found = unsafe { sched_getaffinity(0, set.len(), set.as_mut_ptr()) };
    let count = set.iter().map(|byte| byte.count_ones() as usize).sum();
    if found == 0 { count } else { 1 }
}

unsafe extern "C" {
    fn sched_getaffinity(process: c_int, size: usize, set: *mut u8) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_std_finds_or_more() {
        // A control group may allow fewer.
        let found = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        assert!(processors() >= found, "{} and {found}", processors());
    }
}
