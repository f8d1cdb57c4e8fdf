//! Requests that wait for a task thread, because their answers may take time: a large folder, a hash.
//! Fairly: how many one household may have, waiting and running.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::peer::{Household, Peer};

use super::by_client::holder;
use super::token::Token;

/// A request that a worker could not answer without waiting.
#[derive(Debug)]
pub struct Task {
    /// The worker that waits for the answer.
    pub worker: usize,
    /// Its client.
    pub token: Token,
    /// The other side of the connection.
    pub peer: Peer,
    /// The server's own address, as the client knows it.
    pub server: Option<IpAddr>,
    /// The head of the request.
    pub head: Vec<u8>,
    /// When the connection gives up, in the core's time: then nobody wants the answer.
    pub deadline_milliseconds: u64,
}

/// Requests that wait for a task thread.
#[derive(Debug, Default)]
pub struct Tasks {
    state: Mutex<State>,
    /// There is a task to take, or room for one more of a household.
    wanted: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Task>,
    /// Whose tasks are being done.
    running: Vec<Household>,
}

/// Task threads. Few cores, and a disk that serves one at a time: more would only take memory.
pub const THREADS: usize = 4;
/// Of them one household may have so many at a time.
const THREADS_A_HOUSEHOLD: usize = THREADS / 2;
/// Heads of some KiB each, of at most 40.
const WAITING_MAX: usize = 128;
/// Of them one household may have so many. Who speaks for many clients may have all.
const WAITING_A_HOUSEHOLD: usize = WAITING_MAX / 4;

impl Tasks {
    /// Adds a task. `false`: there are too many, of this household or at all.
    pub fn add(&self, task: Task) -> bool {
        let mut state = self.state();
        let own = holder(task.peer).map_or(0, |own| {
            state.waiting.iter().filter(|other| holder(other.peer) == Some(own)).count()
        });
        if state.waiting.len() >= WAITING_MAX || own >= WAITING_A_HOUSEHOLD {
            return false;
        }
        state.waiting.push_back(task);
        self.wanted.notify_one();
        true
    }

    /// Waits for a task, and takes the first one whose household has not too many running. Call
    /// [`Tasks::done`] after it.
    pub fn take(&self) -> Task {
        let mut state = self.state();
        loop {
            let State { waiting, running } = &mut *state;
            let may_run = |task: &Task| {
                let household = task.peer.household();
                running.iter().filter(|other| **other == household).count() < THREADS_A_HOUSEHOLD
            };
            if let Some(task) = waiting.iter().position(may_run).and_then(|at| waiting.remove(at)) {
                running.push(task.peer.household());
                return task;
            }
            state = self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A task of this peer is done.
    pub fn done(&self, peer: Peer) {
        let household = peer.household();
        let mut state = self.state();
        let place = state.running.iter().position(|other| *other == household);
        debug_assert!(place.is_some(), "a task is done once");
        if let Some(place) = place {
            state.running.swap_remove(place);
        }
        if state.waiting.is_empty() {
            // After a rush the memory goes back.
            state.waiting = VecDeque::new();
        } else {
            // One that waited for its household.
            self.wanted.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            server: None,
            head: Vec::new(),
            deadline_milliseconds: 0,
        }
    }

    fn number(task: &Task) -> u32 {
        match task.token {
            Token::Client { slot, .. } => slot,
            token => panic!("{token:?}"),
        }
    }

    #[test]
    fn one_household_leaves_threads_to_others() {
        let tasks = Tasks::default();
        for number in 0..10 {
            assert!(tasks.add(task(1, number)));
        }
        assert!(tasks.add(task(2, 100)));
        let taken: Vec<u32> = (0..3).map(|_| number(&tasks.take())).collect();
        assert_eq!(taken, [0, 1, 100]);
        tasks.done(task(1, 0).peer);
        assert_eq!(number(&tasks.take()), 2);
    }

    #[test]
    fn what_waits_is_bounded() {
        let tasks = Tasks::default();
        let mut added = 0;
        for client in 1..=10 {
            let own = (0..100).filter(|number| tasks.add(task(client, *number))).count();
            assert!(own <= WAITING_A_HOUSEHOLD, "{own}");
            added += own;
        }
        assert_eq!(added, WAITING_MAX);
        // Programs of this machine have no share of their own.
        let tasks = Tasks::default();
        let local =
            |number| Task { peer: Peer::behind_proxy([127, 0, 0, 1].into()), ..task(1, number) };
        let own = (0..200).filter(|number| tasks.add(local(*number))).count();
        assert_eq!(own, WAITING_MAX);
    }
}
