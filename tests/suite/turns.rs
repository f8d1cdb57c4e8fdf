//! What other clients, the watchdog and the end of the server see of calls that take long. strace
//! makes them long: so all is counted, and no time is measured.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::client::{Conversation, connect, fetch, get, try_connect};
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command_behind, is_emulated, works};
use crate::support::{DEADLINE, skip, wait_until};

/// A server in which the calls that open a file take longer. `delay`: how many microseconds, and
/// which calls of each thread. `None`, and said, where nothing can be traced.
fn slow(delay: &str, options: &[&str], site: &Folder) -> Option<Command> {
    if is_emulated() {
        // An emulator makes calls of its own, and not this one.
        skip("nothing can be delayed in an emulator");
        return None;
    }
    let inject = format!("inject=openat2:delay_enter={delay}");
    // The server is what is started here, not strace.
    let starter = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2"];
    let starter = [&starter[..], &["-e", &inject]].concat();
    works(&starter).then(|| {
        let mut command = command_behind(&starter);
        command.args(["--port", "0"]).args(options).arg(site.path());
        command
    })
}

/// Three seconds for the first call of each thread: once at the start, and then each worker can be
/// stuck once.
const STUCK_ONCE: &str = "3000000:when=1";

/// Whether something waits to be read.
fn has_come(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("an option");
    matches!(stream.peek(&mut [0]), Ok(1))
}

#[test]
fn others_are_answered_between_pipelined_requests_that_take_long() {
    const PIPELINED: usize = 200;
    const ASKED: usize = 10;
    let site = Folder::with(&[("a", "one")]);
    let Some(command) = slow("5000", &["-w", "1"], &site) else { return };
    let server = TestServer::launch(command);
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

#[test]
fn the_watchdog_is_told_nothing_while_a_worker_is_stuck() {
    for workers in ["1", "2"] {
        let site = Folder::with(&[("a", "one")]);
        let sockets = Folder::new();
        let path = sockets.join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        manager.set_read_timeout(Some(DEADLINE)).expect("an option");
        let told = || {
            let mut message = [0; 4096];
            let length = manager.recv(&mut message).expect("a message");
            String::from_utf8(message[..length].to_vec()).expect("words")
        };
        let Some(mut command) = slow(STUCK_ONCE, &["-w", workers], &site) else { return };
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000");
        let server = TestServer::launch(command);
        let place = format!("STATUS=Listening on port:{}", server.port);
        assert_eq!(told(), format!("READY=1\n{place}"));
        // One for the start, and one that workers have turned for, though they have nothing to do.
        for _ in 0..2 {
            assert_eq!(told(), "WATCHDOG=1");
        }
        let mut client = connect(server.address());
        client.write_all(get("/a").as_bytes()).expect("sent");
        let stuck = loop {
            let message = told();
            if message != "WATCHDOG=1" {
                break message;
            }
        };
        assert!(!has_come(&client), "it is answered");
        let (start, end) = ("STATUS=stuck in a call: worker ", format!(" of {workers}"));
        assert!(stuck.starts_with(start) && stuck.ends_with(&end), "{stuck}");
        // The next word comes only after it has turned, and so has answered.
        assert_eq!(told(), "WATCHDOG=1");
        assert!(has_come(&client), "it is not answered");
        assert_eq!(told(), place);
        assert_eq!(told(), "WATCHDOG=1");
        assert!(server.err.text().contains(&stuck["STATUS=".len()..]), "{}", server.err.text());
    }
}

#[test]
fn the_port_is_free_whatever_hangs() {
    let site = Folder::with(&[("a", "one")]);
    site.write_pattern("large", 32 << 20, &[]);
    let mut rows = vec![None];
    rows.extend(slow(STUCK_ONCE, &["-w", "2"], &site).map(Some));
    for slow in rows {
        let is_slow = slow.is_some();
        let first = match slow {
            Some(command) => TestServer::launch(command),
            None => TestServer::start(&["-w", "2"], site.path()),
        };
        let mut running = connect(first.address());
        running.write_all(get("/large").as_bytes()).expect("sent");
        if !is_slow {
            running.read_exact(&mut [0; 1000]).expect("the beginning");
        }
        first.signal("TERM");
        wait_until("no one listens", || try_connect(first.address()).is_err());
        let port = first.port.to_string();
        let second = TestServer::start(&["--port", &port], site.path());
        assert_eq!(fetch(second.address(), "/a").text(), "one");
        assert!(first.is_running());
        assert_eq!(has_come(&running), !is_slow);
        // At once, beside a thread that does not.
        first.signal("TERM");
        assert_eq!(first.wait().code(), Some(0));
    }
}
