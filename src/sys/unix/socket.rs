//! Options of sockets that std does not set.

use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::net::TcpStream;
pub use std::os::fd::AsFd as AsSocket;
use std::os::fd::AsRawFd;
pub use std::os::fd::RawFd as RawSocket;

use crate::sys::constants::{SEND_MORE, TCP_DEFER_ACCEPT, TCP_NOTSENT_LOWAT};
use crate::sys::failure::{cvt, cvt_size};

/// The kernel cuts it to its own bound (`net.core.somaxconn`).
pub fn set_backlog(listener: &impl AsSocket, connections: u16) -> io::Result<()> {
    cvt(listen(raw(listener), c_int::from(connections)))?;
    Ok(())
}

pub fn set_unsent_bytes_max(socket: &impl AsSocket, bytes: u32) -> io::Result<()> {
    set_tcp_option(socket, TCP_NOTSENT_LOWAT, bytes as c_int)
}

pub fn set_accept_deferred(listener: &impl AsSocket, seconds: u16) -> io::Result<()> {
    set_tcp_option(listener, TCP_DEFER_ACCEPT, c_int::from(seconds))
}

fn set_tcp_option(socket: &impl AsSocket, name: Option<c_int>, value: c_int) -> io::Result<()> {
    const IPPROTO_TCP: c_int = 6;
    let name = name.ok_or(io::ErrorKind::Unsupported)?;
    let (pointer, size) = ((&raw const value).cast(), size_of::<c_int>() as u32);
    // SAFETY: the kernel reads `size` bytes of `value`, which lives until the call returns.
    cvt(unsafe { setsockopt(raw(socket), IPPROTO_TCP, name, pointer, size) })?;
    Ok(())
}

pub fn set_no_delay(listener: &impl AsSocket) -> io::Result<()> {
    const TCP_NODELAY: c_int = 1;
    set_tcp_option(listener, Some(TCP_NODELAY), 1)
}

/// The BSDs may know no such end of a listener, and say so.
pub fn stop_listening(listener: &impl AsSocket) -> io::Result<()> {
    const SHUT_RDWR: c_int = 2;
    cvt(shutdown(raw(listener), SHUT_RDWR)).map_err(|_| io::ErrorKind::Unsupported)?;
    Ok(())
}

pub fn send_more(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let Some(flags) = SEND_MORE else {
        return (&mut &*stream).write(bytes);
    };
    // SAFETY: the kernel reads as many bytes as there are.
    cvt_size(unsafe { send(raw(stream), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// A socket as the system knows it.
pub fn raw(socket: &impl AsSocket) -> RawSocket {
    socket.as_fd().as_raw_fd()
}

unsafe extern "C" {
    fn send(fd: c_int, bytes: *const c_void, size: usize, flags: c_int) -> isize;
    safe fn listen(fd: c_int, backlog: c_int) -> c_int;
    safe fn shutdown(fd: c_int, how: c_int) -> c_int;
    fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, size: u32) -> c_int;
}
