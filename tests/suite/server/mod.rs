//! The binary itself: options, exit status, what it says, signals, the log.

mod announcement;
mod command_line;
mod log;
mod options;
mod signals;
mod start;
mod user;

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::client::Conversation;
use crate::support::folder::Folder;
use crate::support::server::{TestServer, is_emulated};
use crate::support::skip;

fn small_site() -> Folder {
    Folder::with(&[("a", "one"), ("empty", ""), ("index.html", "<p>index</p>\n")])
}

/// Of a file that no buffers between server and client hold.
const LARGE: u64 = 64 << 20;

/// What it says at start.
fn announced(server: &TestServer) -> String {
    let text = server.out.text();
    let end = "Press ^C to quit\n";
    let length = text.find(end).expect("said") + end.len();
    text[..length].to_owned()
}

#[test]
fn an_idle_server_is_never_woken() {
    if is_emulated() {
        return skip("an emulator's own threads are woken");
    }
    let site = small_site();
    let server = TestServer::start(&[], site.path());
    let addresses = server.addresses();
    let mut idle: Vec<Conversation> =
        (0..20).map(|at| Conversation::open(addresses[at % addresses.len()])).collect();
    for client in &mut idle {
        assert_eq!(client.get("/a").text(), "one");
    }
    // Files that were just sent are closed after a while, so the first moments do not count.
    let quiet = (0..40).any(|_| {
        let before = switches(server.pid());
        thread::sleep(Duration::from_millis(1_500));
        switches(server.pid()) == before
    });
    assert!(quiet, "woken all the time");
    for client in &mut idle {
        assert_eq!(client.get("/a").text(), "one");
    }
}

/// How often the threads of a process have begun to wait.
fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let count = |task: fs::DirEntry| -> u64 {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse().ok()).expect("a number")
    };
    tasks.flatten().map(count).sum()
}
