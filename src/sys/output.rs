//! Standard output and standard error, written without a buffer: what a full disk has taken of a
//! line is known.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Where what the server says goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
}

impl Standard {
    /// Writes the beginning of `bytes`, in one call, and returns how many bytes that were.
    pub fn write(self, bytes: &[u8]) -> io::Result<usize> {
        let descriptor = match self {
            Standard::Output => 1,
            Standard::Error => 2,
        };
        // SAFETY: the bytes are there until the call returns, and it only reads them.
        let written = unsafe { write(descriptor, bytes.as_ptr(), bytes.len()) };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }

    /// The length of the file that it is. `None`: it is no file that has one.
    pub fn length(self) -> Option<u64> {
        let (output, error) = (io::stdout(), io::stderr());
        let descriptor: BorrowedFd<'_> = match self {
            Standard::Output => output.as_fd(),
            Standard::Error => error.as_fd(),
        };
        let file = std::fs::File::from(descriptor.try_clone_to_owned().ok()?);
        let metadata = file.metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// A file that is as long as the process may make one (RLIMIT_FSIZE) is an error of `write`
    /// from now on, and does not end the process.
    pub fn survive_limits() {
        signal(SIGXFSZ, SIG_IGN);
    }
}

const SIGXFSZ: c_int =
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 31 } else { 25 };
const SIG_IGN: usize = 1;

unsafe extern "C" {
    fn write(descriptor: c_int, bytes: *const u8, count: usize) -> isize;
    safe fn signal(signal: c_int, handler: usize) -> usize;
}
