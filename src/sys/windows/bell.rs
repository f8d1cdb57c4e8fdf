//! A bell that workers hear: a socket that becomes readable, for good or until it is answered.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::windows::io::{AsSocket, BorrowedSocket};

#[derive(Debug)]
pub struct Bell(UdpSocket);

#[derive(Debug)]
pub struct Rope(UdpSocket);

/// Windows has no pairs of sockets; each end takes only what comes from the other.
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
    pub fn ring(&self) {
        let _ = self.0.send(b"!");
    }

    pub fn call(&self) {
        let _ = self.0.send(b"!");
    }
}

impl Bell {
    pub fn answer(&self) {
        while self.0.recv(&mut [0; 8]).is_ok() {}
    }
}

impl AsSocket for Bell {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}
