//! What other clients, the watchdog and the end of the server see of calls that take long. strace
//! makes them long: so all is counted, and no time is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::client::{Conversation, fetch};
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command_behind, works};

/// A server with one worker, in which each call that opens a file takes so many microseconds
/// longer. `None`, and said, where nothing can be traced.
fn slow_server(microseconds: u32, site: &Folder) -> Option<TestServer> {
    let inject = format!("inject=openat2:delay_enter={microseconds}");
    // The server is what is started here, not strace.
    let starter = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2"];
    let starter = [&starter[..], &["-e", &inject]].concat();
    works(&starter).then(|| {
        let mut command = command_behind(&starter);
        command.args(["--port", "0", "-w", "1"]).arg(site.path());
        TestServer::launch(command)
    })
}

#[test]
fn others_are_answered_between_pipelined_requests_that_take_long() {
    const PIPELINED: usize = 200;
    const ASKED: usize = 10;
    let site = Folder::with(&[("a", "one")]);
    let Some(server) = slow_server(5_000, &site) else { return };
    let mut light = Conversation::open(server.address());
    assert_eq!(light.get("/a").text(), "one");
    // Each name is looked for, and all answers are small enough to leave together.
    let head = |number| format!("HEAD /missing-{number} HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut heavy = Conversation::open(server.address());
    heavy.send((0..PIPELINED).map(head).collect::<String>());
    let answered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&answered);
    let reader = thread::spawn(move || {
        for _ in 0..PIPELINED {
            assert_eq!(heavy.answer_to_head().status(), 404);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    while answered.load(Ordering::Relaxed) == 0 {
        thread::yield_now();
    }
    for _ in 0..ASKED {
        assert_eq!(light.get("/a").text(), "one");
    }
    // One or two for each of the others' rounds, were no time lost between them.
    let between = answered.load(Ordering::Relaxed);
    assert!(between < PIPELINED / 2, "{between} of {PIPELINED}");
    reader.join().expect("all are answered");
    // It goes on, with new clients and old ones.
    assert_eq!(light.get("/a").text(), "one");
    assert_eq!(fetch(server.address(), "/a").text(), "one");
}
