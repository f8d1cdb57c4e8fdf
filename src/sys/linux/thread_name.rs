//! The names of threads, as `ps` and a debugger show them.

/// What std names a thread by, in place of musl's, which can name any thread, through /proc, and
/// brings printf for that: ten thousand bytes of code. std names only the thread that calls.
///
/// # Safety
///
/// The name ends with a zero byte.
#[cfg(all(target_os = "linux", target_env = "musl"))]
// SAFETY: it has the signature of musl's, and means the same for the thread that calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setname_np(
    _thread: *const std::ffi::c_void,
    name: *const std::ffi::c_char,
) -> std::ffi::c_int {
    use std::ffi::c_int;
    unsafe extern "C" {
        fn prctl(option: c_int, ...) -> c_int;
    }
    const PR_SET_NAME: c_int = 15;
    // SAFETY: the kernel reads up to the zero byte, and 16 bytes at most.
    unsafe { prctl(PR_SET_NAME, name) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_thread_has_the_name_that_it_was_given() {
        let name = || std::fs::read_to_string("/proc/thread-self/comm");
        for (given, kept) in [("log", "log\n"), ("a name of twenty one", "a name of twent\n")] {
            let builder = std::thread::Builder::new().name(given.to_owned());
            let thread = builder.spawn(name).expect("a thread");
            let found = thread.join().expect("no panic").expect("/proc");
            assert_eq!(found, kept);
        }
    }
}
