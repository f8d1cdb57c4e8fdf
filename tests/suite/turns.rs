//! What other clients, the watchdog and the end of the server see of calls that take long. strace
//! makes them long: so all is counted, and no time is measured.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::client::{Conversation, connect, fetch, get, try_connect};
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command_behind, is_emulated, signal, works};
use crate::support::{DEADLINE, skip, wait_until};

/// A server in which a system call takes longer. `slow`: what strace is told of it; `delay`: so many
/// microseconds. `None`, and said, where nothing can be traced.
fn slowed(slow: &[&str], delay: &str, options: &[&str], site: &Folder) -> Option<Command> {
    if is_emulated() {
        // An emulator makes calls of its own, and not this one.
        skip("nothing can be delayed in an emulator");
        return None;
    }
    let call = slow[0];
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:delay_enter={delay}"));
    // The server is what is started here, not strace.
    let starter = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let starter = [&starter[..], &slow[1..]].concat();
    works(&starter).then(|| {
        let mut command = command_behind(&starter);
        command.args(["--port", "0"]).args(options).arg(site.path());
        command
    })
}

/// Opening the file `a`, and nothing else.
const OPENING_A: [&str; 3] = ["openat2", "-P", "a"];

/// So many microseconds that no test sees the end of them.
const FOR_EVER: &str = "200000000";

/// A server that strace holds: without strace it can end.
struct Slowed(TestServer);

impl Slowed {
    /// Ends strace, which does not let go of a thread in the middle of a delay, dead or alive.
    fn let_go(&self) {
        let tracer = self.0.status_of("TracerPid");
        if let Some(tracer) = tracer.and_then(|tracer| tracer.parse().ok()).filter(|&id| id > 0) {
            signal(tracer, "KILL");
        }
    }
}

impl Drop for Slowed {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Waits until so many threads of the server are in openat2(2), whose number is the same everywhere.
fn wait_until_opening(server: &TestServer, count: usize) {
    let threads = format!("/proc/{}/task", server.pid());
    let is_opening = |thread: &fs::DirEntry| {
        let call = fs::read_to_string(thread.path().join("syscall"));
        call.is_ok_and(|call| call.starts_with("437 "))
    };
    wait_until("a file is being opened", || {
        fs::read_dir(&threads).expect("its threads").flatten().filter(is_opening).count() >= count
    });
}

/// Whether something waits to be read.
fn has_come(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("an option");
    matches!(stream.peek(&mut [0]), Ok(1))
}

#[test]
fn others_are_answered_between_pipelined_requests_that_take_long() {
    const PIPELINED: usize = 200;
    const ASKED: usize = 5;
    let site = Folder::with(&[("a", "one")]);
    let Some(command) = slowed(&["openat2"], "20000", &["-w", "1"], &site) else { return };
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
    // One or two for each of the others' rounds, and what is answered while this test waits for a
    // processor.
    let between = answered.load(Ordering::Relaxed);
    assert!(between < PIPELINED * 3 / 4, "{between} of {PIPELINED}");
    reader.join().expect("all are answered");
    // It goes on, with new clients and old ones.
    assert_eq!(light.get("/a").text(), "one");
    assert_eq!(fetch(server.address(), "/a").text(), "one");
}

/// What a service manager hears.
struct Manager(UnixDatagram);

impl Manager {
    /// The next words; `None` if none come for so many seconds.
    fn told_within(&self, seconds: u64) -> Option<String> {
        self.0.set_read_timeout(Some(Duration::from_secs(seconds))).expect("an option");
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).ok()?;
        Some(String::from_utf8(message[..length].to_vec()).expect("words"))
    }

    fn told(&self) -> String {
        self.told_within(DEADLINE.as_secs()).expect("a message")
    }
}

#[test]
fn the_watchdog_is_told_nothing_while_a_worker_is_stuck() {
    // (workers, how many of them are stuck, the last that is said of them)
    let rows = [("1", 1, "worker 1 of 1"), ("2", 1, " of 2"), ("2", 2, "worker 1, 2 of 2")];
    for (workers, stuck, end) in rows {
        let site = Folder::with(&[("a", "one")]);
        let sockets = Folder::new();
        let path = sockets.join("notify");
        let manager = Manager(UnixDatagram::bind(&path).expect("a socket"));
        let Some(mut command) = slowed(&OPENING_A, FOR_EVER, &["-w", workers], &site) else {
            return;
        };
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000");
        let server = Slowed(TestServer::launch(command));
        let place = format!("STATUS=Listening on port:{}", server.0.port);
        assert_eq!(manager.told(), format!("READY=1\n{place}"));
        // One for the start, and one that workers have turned for, though they have nothing to do.
        for _ in 0..2 {
            assert_eq!(manager.told(), "WATCHDOG=1");
        }
        let mut clients = Vec::new();
        for count in 1..=stuck {
            let mut client = connect(server.0.address());
            client.write_all(get("/a").as_bytes()).expect("sent");
            clients.push(client);
            wait_until_opening(&server.0, count);
        }
        let mut message = manager.told();
        while message == "WATCHDOG=1" {
            message = manager.told();
        }
        // The second may have got stuck after a look at the first.
        while !message.ends_with(end) {
            assert!(message.starts_with("STATUS=stuck in a call: worker "), "{message}");
            message = manager.told();
        }
        assert!(message.starts_with("STATUS=stuck in a call: worker "), "{message}");
        // Whoever is slow here may seem stuck for a moment; the watchdog hears nothing.
        while let Some(message) = manager.told_within(3) {
            assert!(message.starts_with("STATUS=stuck in a call: worker "), "{message}");
        }
        assert!(!clients.iter().any(has_come), "it is answered");
        server.let_go();
        // The next word comes only after all have turned.
        let mut message = manager.told();
        while message.starts_with("STATUS=stuck in a call: worker ") {
            message = manager.told();
        }
        assert_eq!(message, "WATCHDOG=1");
        assert!(clients.iter().all(has_come), "it is not answered");
        assert_eq!(manager.told(), place);
        assert_eq!(manager.told(), "WATCHDOG=1");
        let said = server.0.err.text();
        assert!(said.contains("stuck in a call: worker "), "{said}");
    }
}

/// A worker with nothing to do turns only if it is called, which the kernel may refuse for want of
/// memory. It is called again, and the watchdog hears so once it has turned.
#[test]
fn a_call_that_was_refused_is_made_again() {
    if is_emulated() {
        return skip("nothing can be refused in an emulator");
    }
    let site = Folder::new();
    let other = Folder::new();
    let path = other.join("notify");
    let manager = Manager(UnixDatagram::bind(&path).expect("a socket"));
    // What std wakes by; it tells the manager by write(2).
    let inject = "inject=sendto:error=ENOBUFS";
    let starter =
        ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", inject];
    if !works(&starter) {
        return;
    }
    let mut command = command_behind(&starter);
    command.args(["--bind", "127.0.0.1:0", "-w", "2"]).arg(site.path());
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000");
    let server = Slowed(TestServer::launch(command));
    let mut turns = 0;
    while !manager.told().ends_with("stuck in a call: worker 1, 2 of 2") {
        turns += 1;
        if turns > 5 {
            return skip("the standard library wakes by another call than sendto(2)");
        }
    }
    server.let_go();
    let mut message = manager.told();
    while message.starts_with("STATUS=stuck") {
        message = manager.told();
    }
    assert_eq!(message, "WATCHDOG=1");
}

#[test]
fn the_port_is_free_whatever_hangs() {
    let site = Folder::with(&[("a", "one")]);
    site.write_pattern("large", 32 << 20, &[]);
    // A client that does not read, and a file that is never open.
    let mut rows = vec![(None, "/large")];
    rows.extend(slowed(&OPENING_A, FOR_EVER, &["-w", "2"], &site).map(|slow| (Some(slow), "/a")));
    for (slow, path) in rows {
        let is_slow = slow.is_some();
        let first = Slowed(match slow {
            Some(command) => TestServer::launch(command),
            None => TestServer::start(&["-w", "2"], site.path()),
        });
        let server = &first.0;
        let mut running = connect(server.address());
        running.write_all(get(path).as_bytes()).expect("sent");
        match is_slow {
            true => wait_until_opening(server, 1),
            false => running.read_exact(&mut [0; 1000]).expect("the beginning"),
        }
        server.signal("TERM");
        wait_until("no one listens", || try_connect(server.address()).is_err());
        let port = server.port.to_string();
        let second = TestServer::start(&["--port", &port], site.path());
        assert_eq!(fetch(second.address(), "/a").text(), "one");
        assert!(server.is_running());
        assert_eq!(has_come(&running), !is_slow);
        // At once, beside a thread that does not.
        server.signal("TERM");
        wait_until("it ends", || server.status_of("State").is_none_or(|it| it.starts_with('Z')));
        first.let_go();
        assert_eq!(server.wait().code(), Some(0));
    }
}

/// Folders are read, and passwords hashed, beside the loops: one worker answers others meanwhile.
#[test]
fn a_listing_and_a_hash_delay_nobody_else() {
    let site = Folder::with(&[("a", "one"), ("d/b", "two")]);
    let folder = site.join("d");
    let reading = ["getdents64", "-P", folder.to_str().expect("UTF-8")];
    let Some(command) = slowed(&reading, FOR_EVER, &["-w", "1"], &site) else { return };
    let slow = Slowed(TestServer::launch(command));
    let server = &slow.0;
    let mut listing = connect(server.address());
    listing.write_all(get("/d/").as_bytes()).expect("sent");
    let mut light = Conversation::open(server.address());
    for _ in 0..20 {
        assert_eq!(light.get("/a").text(), "one");
    }
    assert!(!has_come(&listing), "the folder is read at once");

    let users = Folder::new();
    // As long as a hash may take: some tenths of a second even in a fast build.
    let line = "ana:$5$rounds=100000$saltsaltsalt$0000000000000000000000000000000000000000000\n";
    users.write("users", line);
    let own = fs::Permissions::from_mode(0o600);
    fs::set_permissions(users.join("users"), own).expect("its mode");
    let path = users.join("users");
    let options = ["-w", "1", "--auth-file", path.to_str().expect("UTF-8")];
    let server = TestServer::start(&options, site.path());
    let guess = get("/a").replace("\r\n\r\n", "\r\nAuthorization: Basic YW5hOng=\r\n\r\n");
    // So many that the last is not hashed while the light client asks.
    let mut guessers: Vec<TcpStream> = (0..4).map(|_| connect(server.address())).collect();
    for guesser in &mut guessers {
        guesser.write_all(guess.as_bytes()).expect("sent");
    }
    let mut light = Conversation::open(server.address());
    for _ in 0..20 {
        assert_eq!(light.get("/a").status(), 401);
    }
    assert!(!guessers.iter().all(has_come), "passwords are hashed at once");
    for guesser in guessers {
        guesser.set_nonblocking(false).expect("an option");
        assert_eq!(Conversation::over(guesser).answer().status(), 401);
    }
}
