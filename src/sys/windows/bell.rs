//! A bell that every worker hears: a socket that becomes readable, and stays so.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::windows::io::{AsSocket, BorrowedSocket};

/// Readable once it has rung. Nobody reads it.
#[derive(Debug)]
pub struct Bell(UdpSocket);

/// What rings it.
#[derive(Debug)]
pub struct Rope(UdpSocket);

/// A bell that has not rung. Windows has no pairs of sockets; each end takes only what comes from
/// the other.
pub fn bell() -> io::Result<(Rope, Bell)> {
    let rope = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let bell = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    rope.connect(bell.local_addr()?)?;
    bell.connect(rope.local_addr()?)?;
    Ok((Rope(rope), Bell(bell)))
}

impl Rope {
    /// Rings, for good.
    pub fn ring(&self) {
        let _ = self.0.send(b"!");
    }
}

impl AsSocket for Bell {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}
