//! A bell that workers hear: a socket that becomes readable, for good or until it is answered.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::windows::io::{AsSocket, BorrowedSocket};

/// Readable once it has rung or has been called.
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
    rope.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    Ok((Rope(rope), Bell(bell)))
}

impl Rope {
    /// Rings, for good.
    pub fn ring(&self) {
        let _ = self.0.send(b"!");
    }

    /// Calls: the bell is readable until it is answered. Never waits; calls that nobody has answered
    /// yet are as good as one.
    pub fn call(&self) {
        let _ = self.0.send(b"!");
    }
}

impl Bell {
    /// Takes all calls there are.
    pub fn answer(&self) {
        while self.0.recv(&mut [0; 8]).is_ok() {}
    }
}

impl AsSocket for Bell {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}
