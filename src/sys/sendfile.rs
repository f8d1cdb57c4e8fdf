//! `send_file`: from a file to a socket without a copy through this process.
//! `io::copy` does not do it: std avoids sendfile for sockets, and loses count when it would block.

use std::fs::File;
use std::io;
use std::net::TcpStream;

/// Sends up to `count` bytes of `file` from `offset` on; returns how many. 0: the file ends there.
/// Moves the file's cursor, of which nobody else may think anything.
#[cfg(target_os = "linux")]
pub fn send_file(socket: &TcpStream, file: &File, offset: u64, count: usize) -> io::Result<usize> {
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
    super::cvt_size(unsafe { sendfile(out, input, null_mut(), count) })
}

/// Sends up to `count` bytes of `file` from `offset` on, through this process; returns how many.
#[cfg(not(target_os = "linux"))]
pub fn send_file(socket: &TcpStream, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    use std::io::Write;

    let mut block = [0; 16 << 10];
    let room = block.len().min(count);
    let length = super::read_at(file, &mut block[..room], offset)?;
    let mut socket = socket;
    socket.write(&block[..length])
}
