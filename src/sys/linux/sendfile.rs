//! `send_file` by sendfile(2). `io::copy` does not do it: std avoids sendfile for sockets, and loses
//! count when it would block.

use std::ffi::c_int;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use super::numbers::SENDFILE;
use super::syscall::syscall;
use crate::sys::SendFileError;
use crate::sys::failure::cvt_size;

pub fn send_file(
    socket: &TcpStream,
    file: &File,
    offset: u64,
    count: usize,
) -> Result<usize, SendFileError> {
    let (out, input) = (socket.as_raw_fd(), file.as_raw_fd());
    if let Some(number) = SENDFILE {
        let mut offset = offset;
        // SAFETY: both descriptors are open as long as their owners are borrowed; the kernel reads and
        // writes 64 bits at the offset, which lives until the call returns.
        let sent = unsafe { syscall(number, out, input, &raw mut offset, count) };
        return Ok(cvt_size(sent as isize)?);
    }
    let mut cursor = file;
    cursor.seek(SeekFrom::Start(offset))?;
    // SAFETY: both descriptors are open as long as their owners are borrowed; no memory is passed.
    let sent = cvt_size(unsafe { sendfile(out, input, null_mut(), count) })?;
    debug_assert!(sent <= count, "{sent} of {count} bytes");
    Ok(sent)
}

unsafe extern "C" {
    // The type of the third is off_t, whose size differs; it is always null here, so that the
    // file's own 64-bit cursor is used.
    fn sendfile(out: c_int, input: c_int, offset: *mut u8, count: usize) -> isize;
}
