//! What ends the server, and the main thread's timer. Windows has no signals: it starts a thread
//! that calls the handler.

use std::ffi::{c_int, c_uint};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::Signal;
use crate::sys::failure::cvt;

#[derive(Debug)]
pub struct Signals(());

static CAUGHT: Mutex<Caught> = Mutex::new(Caught { signals: Vec::new(), alarm: None });
static WANTED: Condvar = Condvar::new();

/// What has come, and when the timer is over.
struct Caught {
    signals: Vec<Signal>,
    alarm: Option<Instant>,
}

impl Signals {
    pub fn block() -> io::Result<Signals> {
        // SAFETY: the handler is a function that is there as long as the process.
        match unsafe { SetConsoleCtrlHandler(handle, 1) } {
            0 => cvt(-1).map(|_| Signals(())),
            _ => Ok(Signals(())),
        }
    }

    /// There are none that would have to be held.
    pub fn hold() -> io::Result<()> {
        Ok(())
    }

    pub fn wait(&self) -> Signal {
        let mut caught = caught();
        loop {
            if !caught.signals.is_empty() {
                return caught.signals.remove(0);
            }
            let left = caught.alarm.map(|end| end.saturating_duration_since(Instant::now()));
            caught = match left {
                Some(Duration::ZERO) => {
                    caught.alarm = None;
                    return Signal::Alarm;
                }
                Some(left) => {
                    let waited = WANTED.wait_timeout(caught, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => WANTED.wait(caught).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    pub fn alarm(seconds: u32) {
        let end = Instant::now() + Duration::from_secs(seconds.into());
        caught().alarm = (seconds > 0).then_some(end);
        WANTED.notify_one();
    }

    pub fn wake() {
        put(Signal::Alarm);
    }
}

fn caught() -> MutexGuard<'static, Caught> {
    CAUGHT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(signal: Signal) {
    caught().signals.push(signal);
    WANTED.notify_one();
}

extern "system" fn handle(event: c_uint) -> c_int {
    const CTRL_C_EVENT: c_uint = 0;
    const CTRL_BREAK_EVENT: c_uint = 1;
    put(if event == CTRL_C_EVENT { Signal::Interrupt } else { Signal::Terminate });
    if event > CTRL_BREAK_EVENT {
        // The process ends when this returns, or when Windows is tired of waiting.
        thread::sleep(Duration::from_secs(10));
    }
    1
}

unsafe extern "system" {
    fn SetConsoleCtrlHandler(handler: extern "system" fn(c_uint) -> c_int, add: c_int) -> c_int;
}
