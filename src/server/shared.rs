//! What all threads share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::access::Access;
use crate::http::date::HttpDate;
use crate::http::limits::Limits;
use crate::http::now::Now;
use crate::http::responder::Answer;
use crate::site::Site;
use crate::sys::{self, Signals, WakeSignal, Waker};

use super::budget::Budget;
use super::connection_limits::ConnectionLimits;
use super::log::Log;
use super::log::record::Record;
use super::root_watch::RootWatch;
use super::tasks::Tasks;
use super::token::Token;

/// What all threads share.
#[derive(Debug)]
pub struct Shared {
    pub site: Site,
    /// `None`: every client is allowed, and none is a proxy.
    pub access: Option<Access>,
    pub limits: Limits,
    pub log: Arc<Log>,
    pub connection_limits: ConnectionLimits,
    /// Memory for listings that are read and sent.
    pub listings: Arc<Budget>,
    /// A client waits to be accepted, and no worker has made room yet.
    pub room_wanted: AtomicBool,
    /// For each worker.
    pub mailboxes: Vec<Mailbox>,
    /// Requests that may wait.
    pub tasks: Tasks,
    pub root_watch: RootWatch,
    pub workers: usize,
    /// How often each worker has looked for what has come.
    pub turns: Vec<AtomicUsize>,
    /// How many workers have not ended.
    pub running: AtomicUsize,
    pub start: Instant,
    /// Becomes readable for all workers when they have to stop.
    pub stop_signal: WakeSignal,
}

impl Shared {
    /// Asks all workers to close an idle connection: the worker that wants to accept has none.
    pub fn ask_for_room(&self) {
        if self.workers > 1 {
            self.room_wanted.store(true, Ordering::Relaxed);
            self.call();
        }
    }

    /// Has each worker turn, unless it is stuck.
    pub fn call(&self) {
        for mailbox in &self.mailboxes {
            mailbox.waker.wake();
        }
    }

    /// That worker, which alone calls this for itself, has turned.
    pub fn turned(&self, worker: usize) {
        if let Some(turns) = self.turns.get(worker) {
            turns.store(turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// How often each worker has turned.
    pub fn turns(&self) -> Vec<usize> {
        self.turns.iter().map(|turns| turns.load(Ordering::Relaxed)).collect()
    }

    /// The time. The monotonic clock is for deadlines, the other for dates: that one may be set at
    /// any moment.
    pub fn clock(&self, now: Instant) -> (u64, HttpDate) {
        let elapsed = now.saturating_duration_since(self.start);
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (milliseconds, HttpDate(i64::try_from(since.as_secs()).unwrap_or(0)))
    }

    /// The same, as the core takes it.
    pub fn now(&self) -> Now {
        let (milliseconds, date) = self.clock(Instant::now());
        Now::new(milliseconds, date)
    }

    /// A worker has ended.
    pub fn worker_ended(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            Signals::wake();
        }
    }

    /// Whether all workers have ended.
    pub fn all_ended(&self) -> bool {
        self.running.load(Ordering::Acquire) == 0
    }
}

/// How other threads reach a worker.
#[derive(Debug)]
pub struct Mailbox {
    waker: Waker,
    /// Becomes readable when there is something to do: room to make, answers to send.
    pub signal: WakeSignal,
    answers: Mutex<Vec<(Token, Answer<Record>)>>,
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> io::Result<Mailbox> {
        let (waker, signal) = sys::wake_signal()?;
        Ok(Mailbox { waker, signal, answers: Mutex::default() })
    }

    /// Puts an answer in, and wakes the worker.
    pub fn put(&self, token: Token, answer: Answer<Record>) {
        self.answers().push((token, answer));
        self.waker.wake();
    }

    /// All answers that are here.
    pub fn take(&self) -> Vec<(Token, Answer<Record>)> {
        std::mem::take(&mut self.answers())
    }

    fn answers(&self) -> MutexGuard<'_, Vec<(Token, Answer<Record>)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
