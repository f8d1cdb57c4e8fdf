//! Options of sockets that std does not set.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::constants::TCP_NOTSENT_LOWAT;
use super::cvt;

/// How many connections may wait to be accepted: std asks for 128, which a burst overflows.
/// The kernel cuts it to its own bound (`net.core.somaxconn`).
pub fn set_backlog(listener: &impl AsFd, connections: u16) -> io::Result<()> {
    cvt(listen(
        listener.as_fd().as_raw_fd(),
        c_int::from(connections),
    ))?;
    Ok(())
}

/// How much the kernel buffers that has not been sent: a client that reads nothing holds 256 KiB
/// of kernel memory instead of 4 MiB. Sockets accepted from a listener inherit it.
pub fn set_unsent_bytes_max(socket: &impl AsFd, bytes: u32) -> io::Result<()> {
    const IPPROTO_TCP: c_int = 6;
    let name = TCP_NOTSENT_LOWAT.ok_or(io::ErrorKind::Unsupported)?;
    let value = bytes as c_int;
    let (pointer, size) = ((&raw const value).cast(), size_of::<c_int>() as u32);
    // SAFETY: the kernel reads `size` bytes of `value`, which lives until the call returns.
    cvt(unsafe { setsockopt(socket.as_fd().as_raw_fd(), IPPROTO_TCP, name, pointer, size) })?;
    Ok(())
}

unsafe extern "C" {
    safe fn listen(fd: c_int, backlog: c_int) -> c_int;
    fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, size: u32) -> c_int;
}
