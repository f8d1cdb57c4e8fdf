//! What waits for a task thread: requests for what is not in memory, a large folder, a hash; parts of
//! files; chores. Workers hand them over and go on; the results come back to them.

use std::collections::VecDeque;
use std::fs::File;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::response::Gather;
use crate::peer::{Household, Peer};

use super::by_client::holder;
use super::token::Token;

/// What a worker could not do for a client without waiting.
#[derive(Debug)]
pub struct Task {
    /// The worker that waits for the result.
    pub worker: usize,
    /// Its client.
    pub token: Token,
    /// The other side of the connection.
    pub peer: Peer,
    /// What is to be done.
    pub work: Work,
    /// When the connection gives up, in the core's time: then nobody wants the result.
    pub deadline_milliseconds: u64,
}

/// What is to be done for a client.
#[derive(Debug)]
pub enum Work {
    /// Answer the request with this head. `server`: the server's own address, as the client knows it.
    Answer { server: Option<IpAddr>, head: Vec<u8> },
    /// Read a part of a file that is being sent.
    Read { file: Arc<File>, range: Range<u64> },
    /// Gather the next segments of a body. `None`: done.
    Gather(Option<Box<dyn Gather>>),
}

/// What is to be done for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Read the auth file again.
    ReadUsers,
    /// Look whether the folder is still where it was.
    LookAtRoot,
    /// Close files that have been sent, of a file system that may not answer to that either.
    CloseFiles,
}

/// What a task thread does.
#[derive(Debug)]
pub enum Job {
    Task(Task),
    Chore(Chore),
}

/// Requests, parts of files and chores that wait for a task thread.
#[derive(Debug, Default)]
pub struct Tasks {
    state: Mutex<State>,
    /// There is something to take, or room for one more of a household.
    wanted: Condvar,
    /// Whether any client's waits.
    has_waiting: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Task>,
    chores: VecDeque<Chore>,
    /// Files that workers send, held here as well: a worker must never be the one to close them.
    lent: Vec<Arc<File>>,
    /// What each of the threads does.
    running: [Option<Running>; THREADS],
}

/// What a thread does, and since when.
#[derive(Debug)]
struct Running {
    what: What,
    start: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    For(Household),
    Chore(Chore),
}

/// Task threads. Few cores, and a disk that serves one at a time: more would only take memory.
pub const THREADS: usize = 4;
/// Of them one household may have so many at a time.
const THREADS_A_HOUSEHOLD: usize = THREADS / 2;
/// Requests that wait at a time: as many clients may ask at once for what is in nobody's memory.
const WAITING_MAX: usize = 1024;
/// Bytes of their heads, of which one may have 40 KiB.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// Of both, one household may have one part in so many. Who speaks for many clients may have all.
const HOUSEHOLDS: usize = 4;
/// A thread that takes longer is stuck. A second less than clients wait: when one of them is told
/// that it has taken too long, so is the operator.
const STUCK: Duration = Duration::from_secs(29);

/// Requests that wait.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    count: usize,
    bytes: usize,
}

impl Waiting {
    /// Parts of what is being sent are bounded by the number of connections.
    fn of(task: &Task) -> Waiting {
        match &task.work {
            Work::Answer { head, .. } => Waiting { count: 1, bytes: head.len() },
            Work::Read { .. } | Work::Gather(_) => Waiting { count: 0, bytes: 0 },
        }
    }

    fn add(&mut self, other: Waiting) {
        self.count += other.count;
        self.bytes += other.bytes;
    }

    /// Whether they are at most one part in so many of what may wait.
    fn fit(self, parts: usize) -> bool {
        self.count <= WAITING_MAX / parts && self.bytes <= WAITING_BYTES_MAX / parts
    }
}

impl Tasks {
    /// Adds a request. `false`: there are too many, of this household or at all.
    pub fn add(&self, task: Task) -> bool {
        let mut state = self.state();
        let own = holder(task.peer);
        let (mut all, mut owned) = (Waiting::of(&task), Waiting::of(&task));
        for other in &state.waiting {
            let waiting = Waiting::of(other);
            all.add(waiting);
            if own.is_some() && holder(other.peer) == own {
                owned.add(waiting);
            }
        }
        if !all.fit(1) || own.is_some() && !owned.fit(HOUSEHOLDS) {
            return false;
        }
        self.push(&mut state, task);
        true
    }

    /// Adds a part of what is being sent. It takes little memory, and a connection waits for one at a time, so
    /// all of them find room.
    pub fn add_part(&self, task: Task) {
        debug_assert!(!matches!(task.work, Work::Answer { .. }), "only parts");
        self.push(&mut self.state(), task);
    }

    fn push(&self, state: &mut State, task: Task) {
        state.waiting.push_back(task);
        self.has_waiting.store(true, Ordering::Relaxed);
        self.wanted.notify_one();
    }

    /// Adds a chore, unless it waits already.
    pub fn add_chore(&self, chore: Chore) {
        let mut state = self.state();
        if !state.chores.contains(&chore) {
            state.chores.push_back(chore);
            self.wanted.notify_one();
        }
    }

    /// Sees to it that a task thread closes this file, after it has been sent.
    pub fn lend(&self, file: &Arc<File>) {
        let mut state = self.state();
        if !state.lent.iter().any(|lent| Arc::ptr_eq(lent, file)) {
            state.lent.push(Arc::clone(file));
        }
    }

    /// Files that have been sent are a chore.
    pub fn look_for_returned_files(&self) {
        if self.state().lent.iter().any(|file| Arc::strong_count(file) == 1) {
            self.add_chore(Chore::CloseFiles);
        }
    }

    /// The files that nobody sends any more.
    pub fn returned_files(&self) -> Vec<Arc<File>> {
        let mut state = self.state();
        let lent = std::mem::take(&mut state.lent);
        let (returned, lent) = lent.into_iter().partition(|file| Arc::strong_count(file) == 1);
        state.lent = lent;
        returned
    }

    /// The client has gone: nobody waits for what it asked for.
    pub fn forget(&self, worker: usize, token: Token) {
        // Each connection ends, and few have to wait.
        if !self.has_waiting.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        state.waiting.retain(|task| task.worker != worker || task.token != token);
    }

    /// Waits for something to do, and takes the first whose household has not too many running. Call
    /// [`Tasks::done`] after it. `thread`: from 0.
    pub fn take(&self, thread: usize) -> Job {
        let mut state = self.state();
        loop {
            if let Some((job, what)) = state.next() {
                if let Some(running) = state.running.get_mut(thread) {
                    debug_assert!(running.is_none(), "a thread does one thing at a time");
                    *running = Some(Running { what, start: Instant::now() });
                }
                return job;
            }
            state = self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// That thread has done what it took.
    pub fn done(&self, thread: usize) {
        let mut state = self.state();
        if let Some(running) = state.running.get_mut(thread) {
            debug_assert!(running.is_some(), "what is taken is done once");
            *running = None;
        }
        if state.waiting.is_empty() && state.chores.is_empty() {
            // After a rush the memory goes back.
            state.waiting = VecDeque::new();
            self.has_waiting.store(false, Ordering::Relaxed);
        } else {
            // One that waited for its household.
            self.wanted.notify_one();
        }
    }

    /// How many threads have been doing the same thing for too long.
    pub fn stuck(&self, now: Instant) -> usize {
        let state = self.state();
        let is_stuck = |running: &&Running| now.saturating_duration_since(running.start) >= STUCK;
        state.running.iter().flatten().filter(is_stuck).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<(Job, What)> {
        let State { waiting, chores, running, .. } = self;
        let count = |what| running.iter().flatten().filter(|other| other.what == what).count();
        // One that is stuck must not take a second thread.
        let is_free = |chore: &Chore| count(What::Chore(*chore)) == 0;
        if let Some(chore) = chores.iter().position(is_free).and_then(|at| chores.remove(at)) {
            return Some((Job::Chore(chore), What::Chore(chore)));
        }
        let of = |task: &Task| What::For(task.peer.household());
        let may_run = |task: &Task| count(of(task)) < THREADS_A_HOUSEHOLD;
        let task = waiting.iter().position(may_run).and_then(|at| waiting.remove(at))?;
        let what = of(&task);
        Some((Job::Task(task), what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(client: u8, number: u32) -> Task {
        Task {
            worker: 0,
            token: Token::Client { slot: number, generation: 0 },
            peer: Peer::behind_proxy([192, 0, 2, client].into()),
            work: Work::Answer { server: None, head: Vec::new() },
            deadline_milliseconds: 0,
        }
    }

    fn number(job: Job) -> u32 {
        match job {
            Job::Task(Task { token: Token::Client { slot, .. }, .. }) => slot,
            job => panic!("{job:?}"),
        }
    }

    #[test]
    fn one_household_leaves_threads_to_others() {
        let tasks = Tasks::default();
        for number in 0..10 {
            assert!(tasks.add(task(1, number)));
        }
        assert!(tasks.add(task(2, 100)));
        let taken: Vec<u32> = (0..3).map(|thread| number(tasks.take(thread))).collect();
        assert_eq!(taken, [0, 1, 100]);
        tasks.done(0);
        assert_eq!(number(tasks.take(0)), 2);
        // Nothing is left of those that have gone.
        for number in 3..9 {
            tasks.forget(0, task(1, number).token);
            tasks.forget(1, task(1, 9).token);
        }
        tasks.done(1);
        assert_eq!(number(tasks.take(1)), 9);
    }

    #[test]
    fn what_waits_is_bounded() {
        // (bytes of a head, how many one household may have of them, how many all together)
        for (bytes, own, all) in
            [(100, 256, 1024), (4 << 10, 256, 1024), (16 << 10, 64, 256), (40 << 10, 25, 102)]
        {
            let large = |peer, number| {
                let work = Work::Answer { server: None, head: vec![b'x'; bytes] };
                Task { peer, work, ..task(1, number) }
            };
            let tasks = Tasks::default();
            let mut added = 0;
            for client in 1..=10 {
                let peer = task(client, 0).peer;
                let count = (0..2_000).filter(|number| tasks.add(large(peer, *number))).count();
                assert!(count == own || client > 4, "{bytes}: {count}");
                added += count;
            }
            assert_eq!(added, all, "{bytes}");
            // Programs of this machine have no share of their own.
            let tasks = Tasks::default();
            let local = Peer::behind_proxy([127, 0, 0, 1].into());
            let count = (0..2_000).filter(|number| tasks.add(large(local, *number))).count();
            assert_eq!(count, all, "{bytes}");
        }
    }

    #[test]
    fn a_chore_waits_once_and_runs_once_and_comes_first() {
        let tasks = Tasks::default();
        assert!(tasks.add(task(1, 5)));
        for chore in [Chore::LookAtRoot, Chore::LookAtRoot, Chore::ReadUsers] {
            tasks.add_chore(chore);
        }
        assert!(matches!(tasks.take(0), Job::Chore(Chore::LookAtRoot)));
        // The one that runs may be stuck.
        tasks.add_chore(Chore::LookAtRoot);
        assert!(matches!(tasks.take(1), Job::Chore(Chore::ReadUsers)));
        assert_eq!(number(tasks.take(2)), 5);
        tasks.done(0);
        assert!(matches!(tasks.take(0), Job::Chore(Chore::LookAtRoot)));
    }

    #[test]
    fn files_that_are_lent_come_back() {
        let tasks = Tasks::default();
        let open = || Arc::new(File::open(env!("CARGO_MANIFEST_DIR")).expect("a folder"));
        let (sent, other) = (open(), open());
        for file in [&sent, &other, &sent] {
            tasks.lend(file);
        }
        assert_eq!(Arc::strong_count(&sent), 2);
        tasks.look_for_returned_files();
        assert!(tasks.returned_files().is_empty() && tasks.state().chores.is_empty());
        drop(sent);
        tasks.look_for_returned_files();
        assert!(matches!(tasks.take(0), Job::Chore(Chore::CloseFiles)));
        assert_eq!(tasks.returned_files().len(), 1);
        assert_eq!(Arc::strong_count(&other), 2);
    }

    #[test]
    fn what_takes_long_is_counted() {
        let tasks = Tasks::default();
        assert!(tasks.add(task(1, 1)) && tasks.add(task(2, 2)));
        let start = Instant::now();
        assert_eq!(tasks.stuck(start + STUCK * 9), 0);
        tasks.take(3);
        tasks.take(0);
        assert_eq!(tasks.stuck(start), 0);
        assert_eq!(tasks.stuck(Instant::now() + STUCK), 2);
        tasks.done(3);
        assert_eq!(tasks.stuck(Instant::now() + STUCK), 1);
    }
}
