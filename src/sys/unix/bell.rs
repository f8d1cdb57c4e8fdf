//! A bell that workers hear: a socket that becomes readable, for good or until it is answered.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

#[derive(Debug)]
pub struct Bell(UnixStream);

#[derive(Debug)]
pub struct Rope(UnixStream);

pub fn bell() -> io::Result<(Rope, Bell)> {
    let (rope, bell) = UnixStream::pair()?;
    rope.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    Ok((Rope(rope), Bell(bell)))
}

impl Rope {
    pub fn ring(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }

    pub fn call(&self) {
        let _ = (&self.0).write(b"!");
    }
}

impl Bell {
    pub fn answer(&self) {
        let mut calls = [0; 64];
        while let Ok(64) = (&self.0).read(&mut calls) {}
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
