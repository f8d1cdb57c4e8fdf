//! Wakes workers: a socket that becomes readable, once or for good.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

#[derive(Debug)]
pub struct WakeSignal(UnixStream);

#[derive(Debug)]
pub struct Waker(UnixStream);

pub fn wake_signal() -> io::Result<(Waker, WakeSignal)> {
    let (waker, signal) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    signal.set_nonblocking(true)?;
    Ok((Waker(waker), WakeSignal(signal)))
}

impl Waker {
    pub fn wake_for_good(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }

    pub fn wake(&self) -> bool {
        loop {
            match (&self.0).write(b"!").map_err(|error| error.kind()) {
                Err(ErrorKind::Interrupted) => {}
                // There are calls enough that the worker has not heard yet.
                Ok(_) | Err(ErrorKind::WouldBlock) => return true,
                Err(_) => return false,
            }
        }
    }
}

impl WakeSignal {
    pub fn clear(&self) {
        let mut calls = [0; 64];
        while let Ok(64) = (&self.0).read(&mut calls) {}
    }
}

impl AsFd for WakeSignal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
