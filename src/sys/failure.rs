//! What a failed call means to the server. The numbers differ by system, the meanings do not.

use std::ffi::c_int;
use std::io;

use super::constants::{EXHAUSTED, MISSING, UNREADABLE};

/// Failure as the C library reports it: -1, and the reason in errno.
pub(super) fn cvt(result: c_int) -> io::Result<c_int> {
    debug_assert!(result >= -1, "{result}: this call does not report failure by -1");
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The same for counts of bytes.
#[cfg(unix)]
pub(super) fn cvt_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Whether the system itself has said that there is no such name. It is the same number for all of
/// them: ENOENT, ERROR_FILE_NOT_FOUND.
pub fn is_no_such_name(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_SUCH_NAME)
}

pub(super) const NO_SUCH_NAME: i32 = 2;

/// Why a file could not be opened, as far as a client may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is nothing of that name, or nothing that could be sent.
    Missing,
    /// The process may not read it.
    Denied,
    /// The process or the system has no descriptor or memory left: it may work a little later.
    Exhausted,
    /// The disk, most likely.
    Broken,
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Failure {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _) => Failure::Missing,
            (_, Some(code)) if MISSING.contains(&code) => Failure::Missing,
            (io::ErrorKind::PermissionDenied, _) => Failure::Denied,
            (io::ErrorKind::OutOfMemory, _) => Failure::Exhausted,
            (_, Some(code)) if EXHAUSTED.contains(&code) => Failure::Exhausted,
            // A name with a NUL: there is no such file.
            (io::ErrorKind::InvalidInput, None) => Failure::Missing,
            _ => Failure::Broken,
        }
    }
}

/// Why [`send_file`](super::send_file) sent nothing.
#[derive(Debug)]
pub enum SendFileError {
    /// The socket takes nothing at the moment. A file system may say the same of the file.
    Blocked,
    /// The client is gone.
    Client(io::Error),
    /// The file cannot be read, and to ask again would be to wait for the same disk again.
    File(io::Error),
    /// Not enough memory for this way.
    Exhausted,
    /// Not in this way: reading and writing may work. The file system has no sendfile, or a filter
    /// of system calls refuses it, with whatever number it was given.
    Refused,
}

impl From<io::Error> for SendFileError {
    fn from(error: io::Error) -> SendFileError {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, Interrupted, WouldBlock};
        match (error.kind(), error.raw_os_error()) {
            (WouldBlock | Interrupted, _) => SendFileError::Blocked,
            (BrokenPipe | ConnectionReset, _) => SendFileError::Client(error),
            (_, Some(code)) if UNREADABLE.contains(&code) => SendFileError::File(error),
            (_, Some(code)) if EXHAUSTED.contains(&code) => SendFileError::Exhausted,
            _ => SendFileError::Refused,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Numbers that a file system, a filter or a device may give, and whose fault each is.
    #[test]
    fn what_is_refused_may_go_another_way() {
        let rows: [(&str, &[i32]); 5] = [
            ("blocked", &[4, 11]),
            ("client", &[32, 104]),
            ("file", &[5, 6, 61, 67, 74, 107, 110, 116, 117, 121, 123]),
            ("exhausted", &[12, 23, 24, 105]),
            // EPERM, EBADF, EACCES, EFAULT, EXDEV, EINVAL, ENOTTY, ESPIPE, ENOSYS, EOVERFLOW,
            // EOPNOTSUPP, and ENOTSUPP, which is the kernel's own.
            ("refused", &[1, 9, 13, 14, 18, 22, 25, 29, 38, 75, 95, 524]),
        ];
        for (wanted, codes) in rows {
            for &code in codes {
                let error = SendFileError::from(io::Error::from_raw_os_error(code));
                let found = match error {
                    SendFileError::Blocked => "blocked",
                    SendFileError::Client(_) => "client",
                    SendFileError::File(_) => "file",
                    SendFileError::Exhausted => "exhausted",
                    SendFileError::Refused => "refused",
                };
                assert_eq!(found, wanted, "{code}");
            }
        }
    }
}
