//! Signals, and how the server ends.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::client::{Conversation, fetch, try_connect};
use crate::support::server::{TestServer, command_behind, signal, works};
use crate::support::{skip, wait_until};

use super::{LARGE, announced, small_site};

#[test]
fn sigint_says_so_and_ends_with_0() {
    let site = small_site();
    for log in ["simple", "off"] {
        let server = TestServer::start(&["--log", log], site.path());
        let idle = Conversation::open(server.address());
        assert_eq!(fetch(server.address(), "/a").status(), 200);
        server.signal("INT");
        assert_eq!(server.wait().code(), Some(0));
        drop(idle);
        let text = server.out.whole();
        let after = text.strip_prefix(&announced(&server)).expect("first");
        // The line of the last answer may come before it or after it.
        let lines: Vec<&str> = after.lines().collect();
        assert_eq!(lines.len(), if log == "off" { 1 } else { 2 }, "{text}");
        assert!(lines.contains(&"Caught SIGINT, dying"), "{text}");
        assert!(text.ends_with('\n'));
        assert_eq!(server.err.whole(), "");
    }
}

#[test]
fn sigterm_lets_downloads_finish_and_begins_nothing_new() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    for name in ["TERM", "INT"] {
        let server = TestServer::start(&["-w", "2"], site.path());
        let address = server.address();
        let mut idle = Conversation::open(address);
        assert_eq!(idle.get("/a").text(), "one");
        let mut silent = Conversation::open(address);
        let mut running = Conversation::open(address);
        running.request("/large");
        running.head();
        // A silent connection may be the kernel's still, which says that nobody is there once
        // the client speaks; a served one is not.
        assert_eq!(fetch(address, "/a").text(), "one");
        server.signal(name);
        idle.expect_end();
        refused(address);
        let _ = silent.try_send("GET /a HTTP/1.1\r\n");
        assert_eq!(silent.rest_or_reset(), b"");
        assert!(server.is_running());
        let mut left = LARGE as usize;
        while left > 0 {
            left -= running.take(left.min(1 << 20)).len();
        }
        running.expect_end();
        assert_eq!(server.wait().code(), Some(0));
        let text = server.out.whole();
        let line = format!("\"GET /large HTTP/1.1\" 200 {LARGE}\n");
        assert!(text.contains(&line), "{text}");
        assert_eq!(text.contains("Caught SIGINT, dying\n"), name == "INT", "{text}");
    }
}

#[test]
fn some_signals_do_not_end_it() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    let server = TestServer::start(&["-w", "2"], site.path());
    let address = server.address();
    let mut running = Conversation::open(address);
    running.request("/large");
    running.head();
    let all = ["HUP", "USR1", "USR2", "HUP"];
    for name in all {
        server.signal(name);
        assert_eq!(fetch(address, "/a").text(), "one", "{name}");
    }
    // Nor hurry it at its end, as a second SIGTERM does.
    server.signal("TERM");
    refused(address);
    for name in all {
        server.signal(name);
    }
    let mut left = LARGE as usize;
    while left > 0 {
        left -= running.take(left.min(1 << 20)).len();
    }
    running.expect_end();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.err.whole(), "");
}

/// Waits until nobody listens any more.
fn refused(address: std::net::SocketAddr) {
    wait_until("nobody accepts", || try_connect(address).is_err());
}

#[test]
fn a_second_signal_ends_at_once() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    for names in [["TERM", "TERM"], ["INT", "INT"], ["TERM", "INT"]] {
        let server = TestServer::start(&[], site.path());
        let mut running = Conversation::open(server.address());
        running.request("/large");
        running.head();
        server.signal(names[0]);
        refused(server.address());
        assert!(server.is_running());
        server.signal(names[1]);
        assert_eq!(server.wait().code(), Some(0));
        assert!((running.rest_or_reset().len() as u64) < LARGE);
    }
}

#[test]
fn a_client_that_takes_nothing_delays_the_end_by_ten_seconds() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    let server = TestServer::start(&[], site.path());
    let mut stalled = Conversation::open(server.address());
    stalled.request("/large");
    stalled.head();
    let mut half = Conversation::open(server.address());
    half.send("GET / HT");
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(started.elapsed() >= Duration::from_secs(9), "{:?}", started.elapsed());
}

#[test]
fn the_first_process_of_a_container_can_be_stopped() {
    let starter = ["unshare", "--pid", "--fork", "--kill-child"];
    if !works(&starter) {
        return;
    }
    let site = small_site();
    for name in ["TERM", "INT"] {
        let mut command = command_behind(&starter);
        command.args(["--port", "0"]).arg(site.path());
        let server = TestServer::launch(command);
        assert_eq!(fetch(server.address(), "/a").text(), "one");
        let children = format!("/proc/{0}/task/{0}/children", server.pid());
        let Ok(children) = fs::read_to_string(children) else {
            return skip("this kernel does not tell children");
        };
        signal(children.trim().parse().expect("one child"), name);
        assert_eq!(server.wait().code(), Some(0));
        let said = server.out.whole().contains("\nCaught SIGINT, dying\n");
        assert_eq!(said, name == "INT");
    }
}
