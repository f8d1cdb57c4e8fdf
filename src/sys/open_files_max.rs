//! How many descriptors this process may have.

use std::ffi::{c_int, c_long};

/// Raises the limit to what the system allows without any right, and returns it. `struct rlimit`
/// has no size that one could rely on; the kernel's own has two numbers of 64 bits.
pub fn raise_open_files_max() -> u64 {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    const SYS_PRLIMIT64: Option<c_long> = Some(302);
    #[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "riscv64")))]
    const SYS_PRLIMIT64: Option<c_long> = Some(261);
    #[cfg(all(target_os = "linux", target_arch = "arm"))]
    const SYS_PRLIMIT64: Option<c_long> = Some(369);
    #[cfg(not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "arm"
        )
    )))]
    const SYS_PRLIMIT64: Option<c_long> = None;
    const RLIMIT_NOFILE: c_int = 7;
    unsafe extern "C" {
        fn syscall(number: c_long, ...) -> c_long;
        safe fn getdtablesize() -> c_int;
    }

    if let Some(number) = SYS_PRLIMIT64 {
        let none = std::ptr::null::<[u64; 2]>();
        let mut limit = [0_u64; 2];
        // SAFETY: 0 is this process; the kernel writes two numbers, and reads none.
        let asked = unsafe { syscall(number, 0 as c_int, RLIMIT_NOFILE, none, limit.as_mut_ptr()) };
        let [_, hard] = limit;
        let raised = [hard, hard];
        // SAFETY: the kernel reads two numbers, and writes none.
        let set = asked == 0
            && unsafe {
                syscall(
                    number,
                    0 as c_int,
                    RLIMIT_NOFILE,
                    raised.as_ptr(),
                    std::ptr::null_mut::<[u64; 2]>(),
                )
            } == 0;
        if set {
            return hard;
        }
    }
    u64::try_from(getdtablesize()).unwrap_or(256)
}
