//! The next connection of a listener, in two calls.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, address) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, address))
}
