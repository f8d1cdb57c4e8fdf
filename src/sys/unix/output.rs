//! Standard output and standard error, written without a buffer: what a full disk has taken of a
//! line is known.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::sys::Standard;
use crate::sys::failure::cvt_size;

pub fn write_standard(stream: Standard, bytes: &[u8]) -> io::Result<usize> {
    let descriptor = match stream {
        Standard::Output => 1,
        Standard::Error => 2,
    };
    // SAFETY: the bytes are there until the call returns, and it only reads them.
    let written = cvt_size(unsafe { write(descriptor, bytes.as_ptr(), bytes.len()) })?;
    debug_assert!(written <= bytes.len(), "{written} of {} bytes", bytes.len());
    Ok(written)
}

pub fn standard_length(stream: Standard) -> Option<u64> {
    let (output, error) = (io::stdout(), io::stderr());
    let descriptor: BorrowedFd<'_> = match stream {
        Standard::Output => output.as_fd(),
        Standard::Error => error.as_fd(),
    };
    let file = std::fs::File::from(descriptor.try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// By ignoring SIGXFSZ: `write` then fails with EFBIG.
pub fn survive_limits() {
    signal(SIGXFSZ, SIG_IGN);
}

const SIGXFSZ: c_int =
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 31 } else { 25 };
const SIG_IGN: usize = 1;

unsafe extern "C" {
    fn write(descriptor: c_int, bytes: *const u8, count: usize) -> isize;
    safe fn signal(signal: c_int, handler: usize) -> usize;
}
