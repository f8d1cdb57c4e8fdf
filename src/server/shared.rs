//! What all threads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use crate::access::Access;
use crate::http::limits::Limits;
use crate::site::Site;
use crate::sys::{Signals, WakeSignal, Waker};

use super::budget::Budget;
use super::connection_limits::ConnectionLimits;
use super::log::Log;
use super::root_watch::RootWatch;

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
    /// Asks each worker for room. Empty if there is only one worker.
    pub calls: Vec<(Waker, WakeSignal)>,
    pub root_watch: RootWatch,
    pub workers: usize,
    /// How many workers have not ended.
    pub running: AtomicUsize,
    pub start: Instant,
    /// Becomes readable for all workers when they have to stop.
    pub stop_signal: WakeSignal,
}

impl Shared {
    /// Asks all workers to close an idle connection: the worker that wants to accept has none.
    pub fn ask_for_room(&self) {
        self.room_wanted.store(true, Ordering::Relaxed);
        for (waker, _) in &self.calls {
            waker.wake();
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
