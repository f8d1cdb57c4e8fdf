//! Signals without a handler: they are blocked in every thread, and the main thread waits for
//! them. So no system call of a worker is ever interrupted, and the timer of the main thread is a
//! signal too. SIGUSR1 and SIGUSR2, which would end the process, do nothing.

use std::ffi::{c_int, c_uint};
use std::io;
use std::time::Duration;

use crate::sys::Signal;
use crate::sys::constants::{SIG_BLOCK, SIGUSR};
use crate::sys::failure::cvt;

#[derive(Debug)]
pub struct Signals {
    set: SigSet,
}

impl Signals {
    pub fn block() -> io::Result<Signals> {
        Ok(Signals { set: block(&[SIGINT, SIGTERM, SIGALRM, SIGHUP, SIGUSR[0], SIGUSR[1]])? })
    }

    pub fn hold() -> io::Result<()> {
        block(&[SIGHUP, SIGUSR[0], SIGUSR[1]]).map(drop)
    }

    pub fn wait(&self) -> Signal {
        loop {
            let mut signal = 0;
            // SAFETY: the set was filled by `block`; the C library writes one number to `signal`.
            match unsafe { sigwait(&raw const self.set, &raw mut signal) } {
                0 if signal == SIGINT => return Signal::Interrupt,
                0 if signal == SIGTERM => return Signal::Terminate,
                0 if signal == SIGHUP => return Signal::Reload,
                0 if signal == SIGALRM => return Signal::Alarm,
                0 => {}
                // Not for any reason that is known. Not to spin is all that can be done.
                _ => std::thread::sleep(PAUSE),
            }
        }
    }

    pub fn alarm(seconds: u32) {
        alarm(seconds);
    }

    pub fn wake() {
        kill(getpid(), SIGALRM);
    }
}

fn block(signals: &[c_int]) -> io::Result<SigSet> {
    let mut set = SigSet([0; 128]);
    // SAFETY: the set is as large as any C library's here, and lives until the calls return.
    unsafe {
        cvt(sigemptyset(&raw mut set))?;
        for &signal in signals {
            cvt(sigaddset(&raw mut set, signal))?;
        }
        match pthread_sigmask(SIG_BLOCK, &raw const set, std::ptr::null_mut()) {
            0 => Ok(set),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Between two attempts to wait, if that is refused.
const PAUSE: Duration = Duration::from_millis(100);

const SIGHUP: c_int = 1;
const SIGINT: c_int = 2;
const SIGALRM: c_int = 14;
const SIGTERM: c_int = 15;

/// `sigset_t`: 128 bytes on Linux, fewer elsewhere.
#[derive(Debug)]
#[repr(C, align(8))]
struct SigSet([u8; 128]);

unsafe extern "C" {
    fn sigemptyset(set: *mut SigSet) -> c_int;
    fn sigaddset(set: *mut SigSet, signal: c_int) -> c_int;
    fn pthread_sigmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    fn sigwait(set: *const SigSet, signal: *mut c_int) -> c_int;
    safe fn alarm(seconds: c_uint) -> c_uint;
    safe fn getpid() -> c_int;
    safe fn kill(pid: c_int, signal: c_int) -> c_int;
}
