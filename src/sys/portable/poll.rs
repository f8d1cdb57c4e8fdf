//! `Poller` where there is no epoll: poll(2). A wait costs time in proportion to the number of
//! connections. Also built and tested on Linux, so that it does not rot.

use std::ffi::{c_int, c_short};
use std::io;
use std::time::Duration;

use crate::sys::constants::{NFds, POLLIN, POLLOUT};
use crate::sys::failure::cvt;
use crate::sys::system::{AsSocket, RawSocket, raw};
use crate::sys::{Interest, Ready};

#[derive(Debug)]
pub struct Poller {
    watched: Vec<PollFd>,
    /// One for each of `watched`.
    tokens: Vec<u64>,
}

impl Poller {
    pub fn new() -> io::Result<Poller> {
        Ok(Poller { watched: Vec::new(), tokens: Vec::new() })
    }

    pub fn watch(&mut self, fd: &impl AsSocket, token: u64, interest: Interest) -> io::Result<()> {
        let is_new = self.watched.iter().all(|watched| watched.fd != raw(fd));
        debug_assert!(is_new, "{} is watched twice", raw(fd));
        self.watched.push(PollFd { fd: raw(fd), events: bits(interest), revents: 0 });
        self.tokens.push(token);
        Ok(())
    }

    /// All pollers are woken, and one of them accepts.
    pub fn watch_shared(&mut self, fd: &impl AsSocket, token: u64) -> io::Result<()> {
        self.watch(fd, token, Interest::Read)
    }

    pub fn change(&mut self, fd: &impl AsSocket, token: u64, interest: Interest) -> io::Result<()> {
        self.unwatch(fd)?;
        self.watch(fd, token, interest)
    }

    pub fn unwatch(&mut self, fd: &impl AsSocket) -> io::Result<()> {
        let fd = raw(fd);
        let at = self.watched.iter().position(|watched| watched.fd == fd);
        let at = at.ok_or(io::ErrorKind::NotFound)?;
        debug_assert_eq!(self.watched.len(), self.tokens.len(), "a token for each");
        self.watched.swap_remove(at);
        self.tokens.swap_remove(at);
        Ok(())
    }

    pub fn closing(&mut self, fd: &impl AsSocket) {
        let _ = self.unwatch(fd);
    }

    pub fn wait(&mut self, ready: &mut Vec<Ready>, milliseconds: Option<u64>) -> io::Result<()> {
        ready.clear();
        if cfg!(windows) && self.watched.is_empty() {
            // WSAPoll takes no empty list. Nothing can come, so all there is to do is to wait.
            std::thread::sleep(milliseconds.map_or(Duration::MAX, Duration::from_millis));
            return Ok(());
        }
        let timeout = milliseconds.map_or(-1, |ms| c_int::try_from(ms).unwrap_or(c_int::MAX));
        // SAFETY: the kernel reads and writes exactly as many entries as the vector has.
        let count =
            cvt(unsafe { poll(self.watched.as_mut_ptr(), self.watched.len() as NFds, timeout) });
        match count {
            Ok(_) => {
                let all = self.watched.iter().zip(&self.tokens);
                let told = all.filter(|(watched, _)| watched.revents != 0);
                ready.extend(told.map(|(_, &token)| Ready {
                    token,
                    // poll tells it again.
                    ended: false,
                }));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn bits(interest: Interest) -> c_short {
    match interest {
        Interest::Read => POLLIN,
        Interest::Write => POLLOUT,
        // Is told uncalled for.
        Interest::End => 0,
    }
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct PollFd {
    fd: RawSocket,
    events: c_short,
    revents: c_short,
}

#[cfg_attr(windows, link(name = "ws2_32"))]
unsafe extern "system" {
    #[cfg_attr(windows, link_name = "WSAPoll")]
    fn poll(fds: *mut PollFd, count: NFds, timeout: c_int) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_ready_is_told() {
        let (mut near, mut far) = UnixStream::pair().expect("pair");
        let (other, _kept) = UnixStream::pair().expect("pair");
        let mut poller = Poller::new().expect("poller");
        let told = |poller: &mut Poller, milliseconds| {
            let mut ready = Vec::new();
            poller.wait(&mut ready, milliseconds).expect("wait");
            ready.iter().map(|ready| ready.token).collect::<Vec<_>>()
        };
        poller.watch(&near, 7, Interest::Read).expect("watch");
        poller.watch(&other, 8, Interest::Read).expect("watch");
        assert_eq!(told(&mut poller, Some(0)), []);
        far.write_all(b"x").expect("write");
        assert_eq!(told(&mut poller, None), [7]);
        near.read_exact(&mut [0]).expect("read");
        poller.change(&other, 9, Interest::Write).expect("change");
        assert_eq!(told(&mut poller, None), [9]);
        poller.unwatch(&other).expect("unwatch");
        drop(far);
        assert_eq!(told(&mut poller, None), [7], "the end is readable");
        poller.closing(&near);
        assert_eq!(told(&mut poller, Some(0)), []);
    }
}
