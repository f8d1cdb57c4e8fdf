//! A bell that every worker hears: a socket that becomes readable, and stays so.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Readable once it has rung. Nobody reads it.
#[derive(Debug)]
pub struct Bell(UnixStream);

/// What rings it.
#[derive(Debug)]
pub struct Rope(UnixStream);

/// A bell that has not rung.
pub fn bell() -> io::Result<(Rope, Bell)> {
    let (rope, bell) = UnixStream::pair()?;
    Ok((Rope(rope), Bell(bell)))
}

impl Rope {
    /// Rings, for good.
    pub fn ring(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
