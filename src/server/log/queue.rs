//! The lines that wait to be written, and what becomes of those that do not fit.
//!
//! Each worker may have a bounded number of bytes waiting. A worker with more waits for the thread
//! that writes, and so do its clients: no line of another worker is lost to it. But a worker waits
//! only for an output that accepts something. After half a second without room no worker waits, and
//! lines that do not fit are lost, until the output has accepted most of what waits.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What waits, for all workers and the thread that writes.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to write, or nothing more will come.
    wanted: Condvar,
    /// There is room.
    room: Condvar,
    /// Everything has been written, and nothing more will come.
    finished: Condvar,
    /// Counts the beginnings and the ends of calls that write to standard output: odd during one.
    calls: AtomicUsize,
}

/// What the mutex holds.
#[derive(Debug, Default)]
pub struct Waiting {
    /// For standard output.
    pub lines: Vec<u8>,
    /// For standard error.
    pub warnings: Vec<u8>,
    /// How often `lines` has been taken to be written.
    taken: u64,
    /// Workers that wait for room.
    workers: usize,
    /// Why lines that do not fit are lost, until few lines wait.
    overrun: Option<Overrun>,
    /// Lines that were lost since the thread that writes last looked.
    pub lost: Lost,
    /// The thread that writes is not waiting.
    pub writing: bool,
    /// Nothing more will come.
    pub ended: bool,
    /// The thread that writes has ended.
    finished: bool,
}

/// Why there was no room for lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overrun {
    /// A call that writes to standard output did not end.
    Blocked,
    /// Calls did end.
    Late,
}

/// Lines that were lost and not reported yet.
#[derive(Debug, Default)]
pub struct Lost {
    blocked: u64,
    late: u64,
    /// Lines that could not be written.
    pub failed: u64,
    /// The last error of those.
    pub error: String,
}

/// Of each worker this much may wait, and as much again may be on its way to the output: a stopped
/// terminal must not fill the memory.
const SHARE_BYTES_MAX: usize = 64 << 10;
const WARNINGS_BYTES_MAX: usize = 64 << 10;
/// How long a worker waits for room. A thread that is ready to run gets a processor sooner.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long the end of the server waits for the thread that writes.
const FINISH_PATIENCE: Duration = Duration::from_secs(1);

impl Queue {
    /// The queue, for a moment. No call that may wait while this is held.
    pub fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the lines of a worker, or counts them as lost.
    pub fn push(&self, lines: &[u8], count: u64, share: &mut Share) {
        let mut waiting = self.lock();
        if !share.has_room(&waiting, lines.len()) {
            let (after, overrun) = self.wait_for_room(waiting, share, lines.len());
            waiting = after;
            match overrun {
                Some(Overrun::Blocked) => return waiting.lost.blocked += count,
                Some(Overrun::Late) => return waiting.lost.late += count,
                None => {}
            }
        }
        share.waiting_bytes += lines.len();
        waiting.lines.extend_from_slice(lines);
        if !waiting.writing {
            self.wanted.notify_one();
        }
    }

    /// Returns when there is room, or why there is none.
    fn wait_for_room<'q>(
        &'q self,
        mut waiting: MutexGuard<'q, Waiting>,
        share: &mut Share,
        bytes: usize,
    ) -> (MutexGuard<'q, Waiting>, Option<Overrun>) {
        let begin = Instant::now();
        let calls = self.calls.load(Ordering::Relaxed);
        while !share.has_room(&waiting, bytes) {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            if waiting.overrun.is_none() && left.is_zero() {
                let now = self.calls.load(Ordering::Relaxed);
                waiting.overrun = Some(match calls == now && calls % 2 == 1 {
                    true => Overrun::Blocked,
                    false => Overrun::Late,
                });
                // The other workers need not wait to find out.
                self.room.notify_all();
            }
            if waiting.overrun.is_some() {
                let overrun = waiting.overrun;
                return (waiting, overrun);
            }
            waiting.workers += 1;
            let waited = self.room.wait_timeout(waiting, left);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            waiting.workers -= 1;
        }
        (waiting, None)
    }

    /// Adds lines of the server's own, whether there is room or not.
    pub fn say(&self, lines: &str) {
        self.lock().lines.extend_from_slice(lines.as_bytes());
        self.wanted.notify_one();
    }

    /// Adds a line for standard error.
    pub fn warn(&self, text: &str) {
        let mut waiting = self.lock();
        if waiting.warnings.len() < WARNINGS_BYTES_MAX {
            waiting.warn(text);
            self.wanted.notify_one();
        }
    }

    /// Nothing more will come. Waits until everything is written, for a second at most.
    pub fn finish(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        self.wanted.notify_all();
        let is_running = |waiting: &mut Waiting| !waiting.finished;
        let _ = self.finished.wait_timeout_while(waiting, FINISH_PATIENCE, is_running);
    }

    // What follows is for the thread that writes.

    /// Takes the lines that wait in exchange for `empty`, and makes room for others.
    pub fn take_lines(&self, waiting: &mut Waiting, empty: &mut Vec<u8>) {
        std::mem::swap(empty, &mut waiting.lines);
        waiting.taken += 1;
        if waiting.workers > 0 {
            self.room.notify_all();
        }
    }

    /// A call that writes to standard output begins or ends.
    pub fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until there is something to write, or nothing more will come; for `at_most` if it is
    /// given.
    pub fn wait<'q>(
        &'q self,
        waiting: MutexGuard<'q, Waiting>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'q, Waiting> {
        let is_idle = |waiting: &mut Waiting| waiting.is_empty() && !waiting.ended;
        match at_most {
            Some(at_most) => {
                let waited = self.wanted.wait_timeout_while(waiting, at_most, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.wanted.wait_while(waiting, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// The thread that writes ends.
    pub fn finished(&self, mut waiting: MutexGuard<'_, Waiting>) {
        waiting.finished = true;
        self.finished.notify_all();
    }
}

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.warnings.is_empty()
    }

    /// Adds a line for standard error.
    pub fn warn(&mut self, text: &str) {
        // Writing to a vector cannot fail.
        let _ = writeln!(self.warnings, "ipv6-httpd: {text}");
    }

    /// Ends an overrun once few lines wait.
    pub fn end_overrun(&mut self) {
        if self.lines.len() < SHARE_BYTES_MAX / 2 {
            self.overrun = None;
        }
    }
}

impl Lost {
    /// Adds the lines for which there was no room.
    pub fn add(&mut self, other: Lost) {
        self.blocked += other.blocked;
        self.late += other.late;
    }

    pub fn is_empty(&self) -> bool {
        self.blocked + self.late + self.failed == 0
    }

    /// One warning with each reason. Forgets the lines.
    pub fn report(&mut self, waiting: &mut Waiting) {
        let Lost { blocked, late, failed, error } = std::mem::take(self);
        let total = blocked + late + failed;
        let reasons = [
            (blocked, "standard output was blocked"),
            (late, "they came faster than they were written"),
            (failed, &error),
        ];
        let reasons = reasons.iter().filter(|(lines, _)| *lines > 0);
        let reasons = reasons.map(|(lines, reason)| match *lines < total {
            true => format!("{reason} ({lines})"),
            false => (*reason).to_owned(),
        });
        let reasons: Vec<String> = reasons.collect();
        if total > 0 {
            waiting.warn(&format!("{total} lines of the log were lost: {}", reasons.join("; ")));
        }
    }
}

/// How much of the queue belongs to a worker.
#[derive(Debug, Default)]
pub struct Share {
    /// When `waiting_bytes` was counted, as a number of [`Waiting::taken`].
    taken: u64,
    waiting_bytes: usize,
}

impl Share {
    fn has_room(&mut self, waiting: &Waiting, bytes: usize) -> bool {
        if self.taken != waiting.taken {
            self.taken = waiting.taken;
            self.waiting_bytes = 0;
        }
        self.waiting_bytes + bytes <= SHARE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn line() -> Vec<u8> {
        [&[b'x'; 1_023][..], b"\n"].concat()
    }

    fn warnings(lost: &mut Lost) -> String {
        let mut waiting = Waiting::default();
        lost.report(&mut waiting);
        String::from_utf8(waiting.warnings).expect("ASCII")
    }

    /// Nobody writes: the share of one worker fills, that of another does not, and the lines that
    /// are lost are counted.
    #[test]
    fn each_worker_has_a_share() {
        let queue = Queue::default();
        let (mut one, mut other) = (Share::default(), Share::default());
        let line = line();
        for _ in 0..64 {
            queue.push(&line, 1, &mut one);
        }
        // A call to write has begun, and does not end.
        queue.call();
        queue.push(&line.repeat(2), 2, &mut one);
        assert_eq!(queue.lock().overrun, Some(Overrun::Blocked));
        // Nobody waits any more.
        let begin = Instant::now();
        for _ in 0..1_000 {
            queue.push(&line, 1, &mut one);
        }
        assert!(begin.elapsed() < PATIENCE * 100);
        for _ in 0..64 {
            queue.push(&line, 1, &mut other);
        }
        let mut waiting = queue.lock();
        assert_eq!(waiting.lines.len(), 128 << 10);
        let expected = "ipv6-httpd: 1002 lines of the log were lost: standard output was blocked\n";
        assert_eq!(warnings(&mut waiting.lost), expected);
        assert!(waiting.lost.is_empty());
        // Once the lines are taken there is room again.
        queue.take_lines(&mut waiting, &mut Vec::new());
        drop(waiting);
        queue.push(&line, 1, &mut one);
        assert_eq!(queue.lock().lines.len(), 1_024);
    }

    /// A worker whose share is full goes on as soon as there is room.
    #[test]
    fn a_worker_waits_for_room() {
        let queue = Queue::default();
        let line = line();
        let mut taken_lines = 0;
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut share = Share::default();
                    for _ in 0..1_000 {
                        queue.push(&line, 1, &mut share);
                    }
                });
            }
            while taken_lines < 3_000 {
                let mut waiting = queue.lock();
                let mut lines = Vec::new();
                queue.take_lines(&mut waiting, &mut lines);
                taken_lines += lines.len() >> 10;
                assert!(waiting.lost.is_empty(), "{:?}", waiting.lost);
            }
        });
    }

    #[test]
    fn each_reason_is_reported() {
        let mut lost = Lost { blocked: 1, late: 2, failed: 3, error: "No space".to_owned() };
        let expected = "ipv6-httpd: 6 lines of the log were lost: standard output was blocked (1); \
                        they came faster than they were written (2); No space (3)\n";
        assert_eq!(warnings(&mut lost), expected);
        assert_eq!(warnings(&mut lost), "");
    }
}
