//! Calls that the kernel refuses for good: the server says so, neither spins nor ends, and ends when
//! it is told to. strace refuses them. `scripts/check-faults` refuses every call, with every error.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::client::connect;
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command_behind, is_emulated, works};
use crate::support::skip;

/// Of all threads together. One that spins makes ten times as many, also under strace.
const CALLS_A_SECOND_MAX: f64 = 500.0;

#[test]
fn a_call_that_is_always_refused_is_said_once_and_makes_nothing_spin() {
    if is_emulated() {
        return skip("nothing can be refused in an emulator");
    }
    let cannot_accept = "not accepting connections for now: ";
    // (calls, error, what is said, in words that are musl's as well)
    let rows: [(&str, &str, Option<(&str, &str)>); 4] = [
        ("accept4", "EPERM", Some((cannot_accept, "Operation not permitted (os error 1)"))),
        ("accept4", "ENETUNREACH", Some((cannot_accept, "unreachable (os error 101)"))),
        (
            "?epoll_wait,?epoll_pwait",
            "EBADF",
            Some(("cannot wait for clients: ", "Bad file descriptor (os error 9)")),
        ),
        ("rt_sigtimedwait", "EINVAL", None),
    ];
    for (calls, error, said) in rows {
        if cfg!(force_poll) && calls.contains("epoll") {
            continue;
        }
        let folder = Folder::with(&[("a.txt", "hello\n")]);
        let other = Folder::new();
        let trace = other.join("trace");
        let inject = format!("inject={calls}:error={error}");
        let starter = ["strace", "-D", "-f", "-qq", "-s", "0", "-e", &inject, "-o"];
        let starter = [&starter[..], &[trace.to_str().expect("a name")]].concat();
        if !works(&starter) {
            return;
        }
        let mut command = command_behind(&starter);
        command.args(["--port", "0", "--workers", "1", "--log", "off"]).arg(folder.path());
        let server = TestServer::launch(command);
        let client = connect(server.address());
        let expected = usize::from(said.is_some());
        server.err.wait_until(|text| text.lines().count() >= expected);
        let count = || fs::read_to_string(&trace).map_or(0, |text| text.lines().count());
        let (before, begin) = (count(), Instant::now());
        sleep(Duration::from_secs(1));
        let a_second = (count() - before) as f64 / begin.elapsed().as_secs_f64();
        assert!(a_second < CALLS_A_SECOND_MAX, "{calls} {error}: {a_second} calls a second");
        let text = server.err.text();
        for line in text.lines() {
            let (start, end) = said.expect("a line");
            let own = line.strip_prefix("ipv6-httpd: ").expect("whose line it is");
            assert!(own.starts_with(start) && own.ends_with(end), "{calls} {error}: {line}");
        }
        assert_eq!(text.lines().count(), expected, "{calls} {error}: {text}");
        assert!(server.is_running(), "{calls} {error}");
        drop(client);
    }
}
