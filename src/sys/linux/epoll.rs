//! `Poller` on Linux: epoll. The cost of a wait does not grow with the number of connections that
//! wait. Bytes that come are told once (edge-triggered): what is told until it is read is looked at
//! once more by the kernel after each request. Room for bytes is told as long as there is some.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::sys::failure::cvt;
use crate::sys::unix::descriptor::new_descriptor;
use crate::sys::{Interest, Ready};

#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<EpollEvent>,
}

impl Poller {
    pub fn new() -> io::Result<Poller> {
        // SAFETY: the call makes a descriptor.
        let epoll = unsafe { new_descriptor(epoll_create1(EPOLL_CLOEXEC))? };
        Ok(Poller { epoll, events: vec![EpollEvent { events: 0, token: 0 }; EVENTS_MAX] })
    }

    pub fn watch(&mut self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(EPOLL_CTL_ADD, fd, token, bits(interest))
    }

    /// One poller is woken, not all.
    pub fn watch_shared(&mut self, fd: &impl AsFd, token: u64) -> io::Result<()> {
        self.control(EPOLL_CTL_ADD, fd, token, EPOLLIN | EPOLLEXCLUSIVE)
    }

    pub fn change(&mut self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(EPOLL_CTL_MOD, fd, token, bits(interest))
    }

    pub fn unwatch(&mut self, fd: &impl AsFd) -> io::Result<()> {
        self.control(EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// epoll forgets it by itself.
    pub fn closing(&mut self, _fd: &impl AsFd) {}

    pub fn wait(&mut self, ready: &mut Vec<Ready>, milliseconds: Option<u64>) -> io::Result<()> {
        ready.clear();
        let timeout = milliseconds.map_or(-1, |ms| c_int::try_from(ms).unwrap_or(c_int::MAX));
        let room = c_int::try_from(self.events.len()).unwrap_or(c_int::MAX);
        // SAFETY: the kernel writes at most `room` whole events into the vector, which has as many.
        let count = cvt(unsafe {
            epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), room, timeout)
        });
        match count {
            Ok(count) => {
                let told = self.events.iter().take(count as usize);
                ready.extend(told.map(|event| Ready {
                    token: event.token,
                    ended: event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) != 0,
                }));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn control(
        &mut self,
        operation: c_int,
        fd: &impl AsFd,
        token: u64,
        events: u32,
    ) -> io::Result<()> {
        let mut event = EpollEvent { events, token };
        // SAFETY: the event lives until the call returns, and the kernel only reads it.
        cvt(unsafe {
            epoll_ctl(self.epoll.as_raw_fd(), operation, fd.as_fd().as_raw_fd(), &raw mut event)
        })?;
        Ok(())
    }
}

fn bits(interest: Interest) -> u32 {
    match interest {
        Interest::Read => EPOLLIN | EPOLLRDHUP | EPOLLET,
        Interest::Write => EPOLLOUT,
        // Is told uncalled for.
        Interest::End => 0,
    }
}

/// As many are taken in one turn; more wait for the next.
const EVENTS_MAX: usize = 128;

const EPOLL_CLOEXEC: c_int = 0o2_000_000;
const EPOLL_CTL_ADD: c_int = 1;
const EPOLL_CTL_DEL: c_int = 2;
const EPOLL_CTL_MOD: c_int = 3;
const EPOLLIN: u32 = 1;
const EPOLLOUT: u32 = 4;
const EPOLLERR: u32 = 8;
const EPOLLHUP: u32 = 0x10;
const EPOLLRDHUP: u32 = 0x2000;
const EPOLLEXCLUSIVE: u32 = 1 << 28;
const EPOLLET: u32 = 1 << 31;

/// The kernel packs it on x86-64, for the sake of 32-bit programs there, and nowhere else.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
struct EpollEvent {
    events: u32,
    token: u64,
}

unsafe extern "C" {
    safe fn epoll_create1(flags: c_int) -> c_int;
    fn epoll_ctl(epoll: c_int, operation: c_int, fd: c_int, event: *mut EpollEvent) -> c_int;
    fn epoll_wait(
        epoll: c_int,
        events: *mut EpollEvent,
        events_max: c_int,
        timeout: c_int,
    ) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn told(poller: &mut Poller, milliseconds: Option<u64>) -> Vec<(u64, bool)> {
        let mut ready = Vec::new();
        poller.wait(&mut ready, milliseconds).expect("wait");
        let pair = |ready: &Ready| (ready.token, ready.ended);
        ready.iter().map(pair).collect()
    }

    #[test]
    fn what_comes_is_told_once_and_room_as_long_as_it_lasts() {
        let (mut near, mut far) = UnixStream::pair().expect("pair");
        let mut poller = Poller::new().expect("poller");
        poller.watch(&near, 7, Interest::Read).expect("watch");
        assert_eq!(told(&mut poller, Some(0)), []);
        far.write_all(b"xy").expect("write");
        assert_eq!(told(&mut poller, None), [(7, false)]);
        near.read_exact(&mut [0]).expect("read");
        assert_eq!(told(&mut poller, Some(0)), [], "the rest was told as well");
        far.write_all(b"z").expect("write");
        assert_eq!(told(&mut poller, None), [(7, false)]);
        poller.change(&near, 8, Interest::Write).expect("change");
        assert_eq!(told(&mut poller, None), [(8, false)]);
        assert_eq!(told(&mut poller, None), [(8, false)]);
        // Waiting for something else begins anew: what has come meanwhile is told.
        poller.change(&near, 9, Interest::Read).expect("change");
        assert_eq!(told(&mut poller, None), [(9, false)]);
        drop(far);
        assert_eq!(told(&mut poller, None), [(9, true)]);
        poller.unwatch(&near).expect("unwatch");
        assert_eq!(told(&mut poller, Some(0)), []);
    }

    #[test]
    fn an_end_right_behind_bytes_is_told_with_them() {
        let (near, mut far) = UnixStream::pair().expect("pair");
        let mut poller = Poller::new().expect("poller");
        far.write_all(b"x").expect("write");
        far.shutdown(std::net::Shutdown::Write).expect("shutdown");
        poller.watch(&near, 7, Interest::Read).expect("watch");
        assert_eq!(told(&mut poller, None), [(7, true)]);
    }
}
