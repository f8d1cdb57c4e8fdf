//! Wakes workers: a socket that becomes readable, once or for good.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::windows::io::{AsSocket, BorrowedSocket};

#[derive(Debug)]
pub struct WakeSignal(UdpSocket);

#[derive(Debug)]
pub struct Waker(UdpSocket);

/// Windows has no pairs of sockets; each end takes only what comes from the other.
pub fn wake_signal() -> io::Result<(Waker, WakeSignal)> {
    let waker = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let signal = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    waker.connect(signal.local_addr()?)?;
    signal.connect(waker.local_addr()?)?;
    waker.set_nonblocking(true)?;
    signal.set_nonblocking(true)?;
    Ok((Waker(waker), WakeSignal(signal)))
}

impl Waker {
    pub fn wake_for_good(&self) {
        let _ = self.0.send(b"!");
    }

    pub fn wake(&self) -> bool {
        match self.0.send(b"!") {
            Ok(_) => true,
            // There are calls enough that the worker has not heard yet.
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

impl WakeSignal {
    pub fn clear(&self) {
        while self.0.recv(&mut [0; 8]).is_ok() {}
    }
}

impl AsSocket for WakeSignal {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}
