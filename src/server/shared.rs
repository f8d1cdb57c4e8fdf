//! What all threads share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::access::Access;
use crate::http::date::HttpDate;
use crate::http::limits::Limits;
use crate::http::now::Now;
use crate::http::responder::Answer;
use crate::http::response::{Gather, Segment};
use crate::site::Site;
use crate::site::files::OpenFiles;
use crate::sys::{self, Signals, WakeSignal, Waker};

use super::budget::Budget;
use super::connection_limits::ConnectionLimits;
use super::log::Log;
use super::log::record::Record;
use super::root_watch::RootWatch;
use super::tasks::{THREADS, Tasks};
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
    /// Memory for listings and archives that are read and sent.
    pub listings: Arc<Budget>,
    /// Archives that are sent at a time.
    pub archives: Arc<Budget>,
    /// A client waits to be accepted, and no worker has made room yet.
    pub room_wanted: AtomicBool,
    /// For each worker.
    pub mailboxes: Vec<Mailbox>,
    /// Requests that may wait.
    pub tasks: Tasks,
    /// How many task threads are known to be stuck.
    pub stuck_tasks: AtomicUsize,
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

    /// Looks for task threads that are stuck, and says each once. The main thread tells the service
    /// manager.
    pub fn look_after_tasks(&self, now: Instant) {
        let stuck = self.tasks.stuck(now);
        let before = self.stuck_tasks.swap(stuck, Ordering::Relaxed);
        if stuck > before {
            self.log.warn(&stuck_tasks(stuck));
        }
        if stuck != before {
            Signals::wake();
        }
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

/// What is said of task threads that are stuck.
pub fn stuck_tasks(count: usize) -> String {
    format!("a disk or a file server does not answer: {count} of {THREADS} task threads are stuck")
}

/// A worker that is not woken leaves its client without the answer: a task thread tries so often.
const WAKES_MAX: usize = 100;
const BETWEEN_WAKES: Duration = Duration::from_millis(100);

/// How other threads reach a worker.
#[derive(Debug)]
pub struct Mailbox {
    waker: Waker,
    /// Becomes readable when there is something to do: room to make, answers to send.
    pub signal: WakeSignal,
    deliveries: Mutex<Vec<(Token, Delivery)>>,
}

/// What a task thread brings a worker.
#[derive(Debug)]
pub enum Delivery {
    /// The answer to a request, and the files that were opened for it.
    Answer(Answer<Record>, Box<OpenFiles>),
    /// A part of a file, or why it cannot be read.
    Part(io::Result<Vec<u8>>),
    /// The next segments of a body, if they could be had, and what more will come from.
    Gathered(Box<dyn Gather>, Option<Vec<Segment>>),
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> io::Result<Mailbox> {
        let (waker, signal) = sys::wake_signal()?;
        Ok(Mailbox { waker, signal, deliveries: Mutex::default() })
    }

    /// Puts something in for a client, and wakes the worker.
    pub fn put(&self, token: Token, delivery: Delivery) {
        self.deliveries().push((token, delivery));
        for _ in 0..WAKES_MAX {
            if self.waker.wake() {
                return;
            }
            thread::sleep(BETWEEN_WAKES);
        }
    }

    /// All that is here.
    pub fn take(&self) -> Vec<(Token, Delivery)> {
        std::mem::take(&mut self.deliveries())
    }

    fn deliveries(&self) -> MutexGuard<'_, Vec<(Token, Delivery)>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
