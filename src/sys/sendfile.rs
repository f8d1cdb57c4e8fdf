//! `send_file`: from a file to a socket without a copy through this process.
//! `io::copy` does not do it: std avoids sendfile for sockets, and loses count when it would block.

use std::fs::File;
use std::io;
use std::net::TcpStream;

/// Sends up to `count` bytes of `file` from `offset` on, and returns how many. It moves the file's
/// cursor, so nobody else may use it. 0: there is no more, or not in this way.
#[cfg(target_os = "linux")]
pub fn send_file(
    socket: &TcpStream,
    file: &File,
    offset: u64,
    count: usize,
) -> Result<usize, SendFileError> {
    use std::ffi::c_int;
    use std::io::{Seek, SeekFrom};
    use std::os::fd::AsRawFd;
    use std::ptr::null_mut;

    unsafe extern "C" {
        // The type of the third is off_t, whose size differs; it is always null here, so that the
        // file's own 64-bit cursor is used: right beyond 2 GiB on 32-bit ARM.
        fn sendfile(out: c_int, input: c_int, offset: *mut u8, count: usize) -> isize;
    }

    let mut cursor = file;
    cursor.seek(SeekFrom::Start(offset))?;
    let (out, input) = (socket.as_raw_fd(), file.as_raw_fd());
    // SAFETY: both descriptors are open as long as their owners are borrowed; no memory is passed.
    Ok(super::cvt_size(unsafe { sendfile(out, input, null_mut(), count) })?)
}

/// There is no such call here, or it has another form on each system.
#[cfg(not(target_os = "linux"))]
pub fn send_file(
    _socket: &TcpStream,
    _file: &File,
    _offset: u64,
    _count: usize,
) -> Result<usize, SendFileError> {
    Err(SendFileError::Refused)
}

/// Why [`send_file`] sent nothing.
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
            (_, Some(code)) if super::constants::UNREADABLE.contains(&code) => {
                SendFileError::File(error)
            }
            (_, Some(code)) if super::constants::EXHAUSTED.contains(&code) => {
                SendFileError::Exhausted
            }
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
