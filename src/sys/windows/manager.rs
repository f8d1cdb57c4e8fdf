//! Windows has no service manager that passes sockets: listeners are those that were bound here.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::windows::io::{AsSocket, BorrowedSocket};

use crate::sys::system::accept;

#[derive(Debug)]
pub enum Listener {
    /// Of either family, or of both.
    Tcp(TcpListener),
}

impl Listener {
    pub fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let Listener::Tcp(listener) = self;
        let (stream, address) = accept(listener)?;
        Ok((stream, Some(address)))
    }

    pub fn tcp(&self) -> Option<&TcpListener> {
        let Listener::Tcp(listener) = self;
        Some(listener)
    }

    pub fn set_nonblocking(&self) -> io::Result<()> {
        let Listener::Tcp(listener) = self;
        listener.set_nonblocking(true)
    }
}

impl AsSocket for Listener {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        let Listener::Tcp(listener) = self;
        listener.as_socket()
    }
}

pub fn take_passed_listeners(_count: u8) -> Vec<io::Result<Listener>> {
    Vec::new()
}

/// There is no service manager that wants to know.
#[derive(Debug)]
pub struct Notifier(Infallible);

impl Notifier {
    pub fn connect(_name: &str) -> io::Result<Notifier> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn send(&self, _words: &str) -> io::Result<()> {
        match self.0 {}
    }
}
