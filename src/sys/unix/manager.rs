//! What a service manager passes and is told: sockets that are open already, of which some may be
//! paths, and a socket for a few words (sd_listen_fds(3), sd_notify(3)).

use std::ffi::c_int;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::atomic::{AtomicBool, Ordering};

use super::descriptor::close_on_exec;
use crate::sys::system::accept;

#[derive(Debug)]
pub enum Listener {
    /// Of either family, or of both.
    Tcp(TcpListener),
    /// A path. Only the service manager passes these; a proxy on this machine connects to them.
    Unix(UnixListener),
}

impl Listener {
    pub fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = accept(listener)?;
                Ok((stream, Some(address)))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((TcpStream::from(OwnedFd::from(stream)), None))
            }
        }
    }

    pub fn tcp(&self) -> Option<&TcpListener> {
        match self {
            Listener::Tcp(listener) => Some(listener),
            Listener::Unix(_) => None,
        }
    }

    pub fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => listener.set_nonblocking(true),
            Listener::Unix(listener) => listener.set_nonblocking(true),
        }
    }

    /// Finds out what a socket is that somebody else has opened and bound.
    fn adopt(socket: OwnedFd) -> io::Result<Listener> {
        let listener = TcpListener::from(socket);
        if listener.local_addr().is_ok() {
            return Ok(Listener::Tcp(listener));
        }
        let listener = UnixListener::from(OwnedFd::from(listener));
        listener.local_addr()?;
        Ok(Listener::Unix(listener))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener) => listener.as_fd(),
        }
    }
}

pub fn take_passed_listeners(count: u8) -> Vec<io::Result<Listener>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let take = |fd: c_int| {
        close_on_exec(fd)?;
        // SAFETY: it is open, as the call above has shown; it was opened by whoever started this
        // process, and it is given away here only once.
        Listener::adopt(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    (FIRST_PASSED..).take(count.into()).map(take).collect()
}

/// 0, 1 and 2 are standard input, output and error.
const FIRST_PASSED: c_int = 3;

#[derive(Debug)]
pub struct Notifier(UnixDatagram);

impl Notifier {
    pub fn connect(name: &str) -> io::Result<Notifier> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        match name.strip_prefix('@') {
            Some(name) => connect_abstract(&socket, name)?,
            None => socket.connect(name)?,
        }
        Ok(Notifier(socket))
    }

    pub fn send(&self, words: &str) -> io::Result<()> {
        self.0.send(words.as_bytes()).map(drop)
    }
}

#[cfg(target_os = "linux")]
fn connect_abstract(socket: &UnixDatagram, name: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    socket.connect_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(not(target_os = "linux"))]
fn connect_abstract(_socket: &UnixDatagram, _name: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
