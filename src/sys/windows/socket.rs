//! Options of sockets that std does not set.

use std::ffi::c_int;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::windows::io::{AsRawSocket, OwnedSocket};
pub use std::os::windows::io::{AsSocket, RawSocket};

use crate::sys::failure::cvt;

pub fn set_backlog(listener: &impl AsSocket, connections: u16) -> io::Result<()> {
    cvt(listen(raw(listener), c_int::from(connections)))?;
    Ok(())
}

/// Windows adapts its buffers, and cannot be told.
pub fn set_unsent_bytes_max(_socket: &impl AsSocket, _bytes: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Windows hands a connection over at once.
pub fn set_accept_deferred(_listener: &impl AsSocket, _seconds: u16) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub fn set_no_delay(listener: &TcpListener) -> io::Result<()> {
    TcpStream::from(OwnedSocket::from(listener.try_clone()?)).set_nodelay(true)
}

/// What listens cannot be shut down here.
pub fn stop_listening(_listener: &impl AsSocket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub fn send_more(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    (&mut &*stream).write(bytes)
}

/// A socket as the system knows it.
pub fn raw(socket: &impl AsSocket) -> RawSocket {
    socket.as_socket().as_raw_socket()
}

#[link(name = "ws2_32")]
unsafe extern "system" {
    safe fn listen(socket: RawSocket, backlog: c_int) -> c_int;
}
