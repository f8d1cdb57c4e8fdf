//! `Poller` on Linux: epoll, level-triggered. The cost of a wait does not grow with the number of
//! connections that wait.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use super::{Interest, cvt};

/// Waits for many descriptors at once. Owned by one thread.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    ready: Vec<EpollEvent>,
}

impl Poller {
    /// Watches nothing yet.
    pub fn new() -> io::Result<Poller> {
        let fd = cvt(epoll_create1(EPOLL_CLOEXEC))?;
        // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Poller {
            epoll,
            ready: vec![
                EpollEvent {
                    events: 0,
                    token: 0
                };
                EVENTS_MAX
            ],
        })
    }

    /// Watches a descriptor until it is closed. `token` comes back from [`Poller::wait`].
    pub fn watch(&mut self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(EPOLL_CTL_ADD, fd, token, bits(interest))
    }

    /// Watches a listener that other pollers watch too: one of them is woken, not all.
    pub fn watch_shared(&mut self, fd: &impl AsFd, token: u64) -> io::Result<()> {
        self.control(EPOLL_CTL_ADD, fd, token, EPOLLIN | EPOLLEXCLUSIVE)
    }

    /// Waits for something else of a descriptor that is watched.
    pub fn change(&mut self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(EPOLL_CTL_MOD, fd, token, bits(interest))
    }

    /// Watches a descriptor no more. To be called before it is closed.
    pub fn unwatch(&mut self, fd: &impl AsFd) -> io::Result<()> {
        self.control(EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Forgets a descriptor that is closed right after: epoll does that by itself.
    pub fn closing(&mut self, _fd: &impl AsFd) {}

    /// Waits until something is ready, or `milliseconds` have passed, or a signal came, and puts
    /// the tokens of what is ready into `tokens`.
    pub fn wait(&mut self, tokens: &mut Vec<u64>, milliseconds: Option<u64>) -> io::Result<()> {
        tokens.clear();
        let timeout = milliseconds.map_or(-1, |ms| c_int::try_from(ms).unwrap_or(c_int::MAX));
        let room = c_int::try_from(self.ready.len()).unwrap_or(c_int::MAX);
        // SAFETY: the kernel writes at most `room` whole events into the vector, which has as many.
        let count = cvt(unsafe {
            epoll_wait(
                self.epoll.as_raw_fd(),
                self.ready.as_mut_ptr(),
                room,
                timeout,
            )
        });
        match count {
            Ok(count) => tokens.extend(
                self.ready
                    .iter()
                    .take(count as usize)
                    .map(|event| event.token),
            ),
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
            epoll_ctl(
                self.epoll.as_raw_fd(),
                operation,
                fd.as_fd().as_raw_fd(),
                &raw mut event,
            )
        })?;
        Ok(())
    }
}

fn bits(interest: Interest) -> u32 {
    match interest {
        Interest::Read => EPOLLIN,
        Interest::Write => EPOLLOUT,
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
const EPOLLEXCLUSIVE: u32 = 1 << 28;

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
