//! Whole lives of connections, many at a time, against [`Connection`] alone: bytes and time are
//! its arguments, so that nothing here waits for anything, and a seed decides all that happens.
//!
//! Clients send what a [`Script`] says, cut anywhere, early or late; read fast, slowly, a byte a
//! second or never; half-close, reset, or stay. Files change, vanish and shrink meanwhile, and the
//! clock jumps. What must be answered is known where a script is written, from the RFC; what was
//! answered is compared to the byte, and so is every record for the log. A connection that waits
//! must have a deadline, and whatever has one must come to an end.
//!
//! `SIMULATION_SEED` and `SIMULATION_CONNECTIONS` choose another run, or one of them again.

#![allow(clippy::indexing_slicing)]

mod client;
mod expected;
mod script;
mod world;

#[path = "../support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use support::random::number;

use world::{Handles, World};

/// Clients that live at the same time, in one world.
const CLIENTS: u64 = 16;

const CONNECTIONS: u64 = 100_000;

#[test]
fn lives_of_connections() {
    let seed: u64 = number("SIMULATION_SEED").unwrap_or(1);
    let connections: u64 = number("SIMULATION_CONNECTIONS").unwrap_or(CONNECTIONS);
    let worlds = connections.div_ceil(CLIENTS);
    let next = AtomicU64::new(0);
    let total = thread::scope(|scope| {
        let work = || {
            let mut handles = Handles::new();
            let mut total = Tally::default();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= worlds {
                    return total;
                }
                let replay = Replay(seed.wrapping_add(at));
                total.add(&World::run(replay.0, &mut handles));
            }
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores.min(8)).map(|_| scope.spawn(work)).collect();
        let mut total = Tally::default();
        for thread in threads {
            total.add(&thread.join().expect("the simulation failed; the seed is above"));
        }
        total
    });
    println!("seed {seed}, {} connections: {total:?}", worlds * CLIENTS);
    assert_eq!(total.connections, worlds * CLIENTS);
    // A simulation that avoids what it is for proves nothing.
    if connections >= 10_000 {
        let rare = [
            ("whole lives", total.exact),
            ("answers", total.answers),
            ("rejects", total.rejects),
            ("time-outs", total.timeouts),
            ("lingering", total.lingered),
            ("answers that come later", total.late),
            ("parts of files that come later", total.late_parts),
            ("broken off", total.broken_off),
            ("shrunk files", total.shrunk),
            ("clock jumps", total.jumps),
            ("drains", total.drained),
            ("starving readers", total.starved),
        ];
        for (what, count) in rare {
            assert!(count * 2_000 >= connections, "too few {what}: {count}");
        }
    }
}

/// Says how to see a failure again.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "to replay: SIMULATION_SEED={} SIMULATION_CONNECTIONS={CLIENTS} \
                 cargo test --test simulation",
                self.0
            );
        }
    }
}

/// What happened, to see that everything does.
#[derive(Debug, Default)]
struct Tally {
    connections: u64,
    exact: u64,
    answers: u64,
    content_bytes: u64,
    rejects: u64,
    timeouts: u64,
    lingered: u64,
    late: u64,
    late_parts: u64,
    broken_off: u64,
    shrunk: u64,
    jumps: u64,
    drained: u64,
    starved: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.connections += other.connections;
        self.exact += other.exact;
        self.answers += other.answers;
        self.content_bytes += other.content_bytes;
        self.rejects += other.rejects;
        self.timeouts += other.timeouts;
        self.lingered += other.lingered;
        self.late += other.late;
        self.late_parts += other.late_parts;
        self.broken_off += other.broken_off;
        self.shrunk += other.shrunk;
        self.jumps += other.jumps;
        self.drained += other.drained;
        self.starved += other.starved;
    }
}
