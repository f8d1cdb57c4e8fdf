//! Standard output that takes nothing: a pipe that nobody reads, or that is closed; a disk that
//! is full. Serving goes on, what is lost is counted and said, and the server can be ended. As long
//! as standard output takes what comes, nothing is lost.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::ops::Range;
use std::process::{ChildStdout, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::support::client::connect;
use crate::support::folder::Folder;
use crate::support::server::TestServer;
use crate::support::wait_until;

/// Their lines are of a bit more than 1 KiB. A pipe and the shares of the workers take no more than
/// some hundred of them.
const LONG: usize = 7_000;
const REQUESTS: usize = 600;
const WORKERS: [&str; 2] = ["--workers", "2"];

fn ask_much(server: &TestServer) {
    let target = format!("/{}", "x".repeat(LONG));
    for _ in 0..REQUESTS {
        let answer = server.try_ask(&target);
        assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    }
    assert!(server.try_ask("/a.txt").ends_with(b"\r\n\r\nhello\n"));
}

/// Requests on connections that persist, without waiting for one answer before the next request.
fn flood(server: &TestServer, name: &str, fields: &str, requests: usize) {
    let mut stream = connect(server.address());
    let request = format!("GET /{name} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let mut sender = stream.try_clone().expect("a descriptor");
    let sending = thread::spawn(move || {
        for _ in 0..requests {
            sender.write_all(request.as_bytes()).expect("a server");
        }
        sender.shutdown(Shutdown::Write).expect("a server");
    });
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).expect("answers");
    sending.join().expect("sent");
    let answered = answers.windows(12).filter(|window| *window == b"HTTP/1.1 404").count();
    assert_eq!(answered, requests);
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("ASCII");
        text
    })
}

/// A line, and no byte behind it.
fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a line");
        line.extend_from_slice(&byte);
    }
    String::from_utf8(line).expect("ASCII")
}

fn blocked(folder: &Folder, script: &str) -> (TestServer, ChildStdout, JoinHandle<String>) {
    let server = TestServer::start_unread(script, folder.path(), |command| {
        command.args(WORKERS);
    });
    let errors = collect(server.process.stderr());
    let output = server.process.stdout();
    (server, output, errors)
}

fn hello() -> Folder {
    Folder::with(&[("a.txt", "hello\n")])
}

/// The number in `ipv6-httpd: N lines of the log were lost: REASON`, of all such lines.
fn lost_lines(errors: &str, reason: &str) -> usize {
    let lost = |line: &str| {
        let line = line.strip_prefix("ipv6-httpd: ")?;
        let number = line.strip_suffix(&format!(" lines of the log were lost: {reason}"))?;
        number.parse::<usize>().ok()
    };
    errors.lines().filter_map(lost).sum()
}

const BLOCKED: &str = "standard output was blocked";

#[test]
fn a_pipe_that_nobody_reads_loses_lines_and_says_how_many() {
    let folder = hello();
    let (server, output, errors) = blocked(&folder, "");
    ask_much(&server);
    let output = collect(output);
    // Ends with the lines that waited, and says what did not fit.
    server.signal("INT");
    assert!(server.wait().success());
    let (output, errors) = (output.join().expect("text"), errors.join().expect("text"));
    let logged = output.lines().filter(|line| line.contains("\" 404 ")).count();
    let others = output.lines().filter(|line| line.contains("\"GET /a.txt ")).count();
    let lost = lost_lines(&errors, BLOCKED);
    assert!(lost > 0 && logged > 0, "{logged} lines and {lost}: {errors}");
    // One line for each: the first asks whether it is there, and may do so more than once.
    assert!(logged + others + lost > REQUESTS, "{logged} and {others} lines, {lost} lost");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    // The line of an answer that was just sent may come after it.
    let said = output.lines().filter(|line| *line == "Caught SIGINT, dying");
    assert_eq!(said.count(), 1);
}

#[test]
fn a_pipe_that_nobody_reads_does_not_keep_the_server_from_ending() {
    // Standard error goes the same way.
    let folder = hello();
    let (server, output, _errors) = blocked(&folder, "exec 2>&1");
    ask_much(&server);
    server.signal("INT");
    assert!(server.wait().success());
    drop(output);
}

#[test]
fn a_pipe_that_is_closed_does_not_end_the_server() {
    let folder = hello();
    let (server, output, errors) = blocked(&folder, "");
    drop(output);
    ask_much(&server);
    server.signal("INT");
    assert!(server.wait().success());
    let errors = errors.join().expect("text");
    assert_eq!(errors, "", "whoever closed it wants to hear no more");
}

#[test]
fn a_full_disk_does_not_end_the_server() {
    let folder = hello();
    let server = TestServer::start_unread("", folder.path(), |command| {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        command.stdout(full);
    });
    let errors = collect(server.process.stderr());
    ask_much(&server);
    server.signal("INT");
    assert!(server.wait().success());
    let errors = errors.join().expect("text");
    let first =
        "ipv6-httpd: cannot write to standard output: No space left on device (os error 28)\n";
    assert!(errors.starts_with(first), "{errors}");
    assert_eq!(errors.lines().count(), 2, "said once, and counted at the end: {errors}");
    let reason = "No space left on device (os error 28)";
    assert!(lost_lines(&errors, reason) > REQUESTS, "{errors}");
}

/// The lines of requests for `/NUMBER`, in a log that holds no other line that is not whole.
fn numbers(log: &str) -> Vec<usize> {
    let mut found = Vec::new();
    assert!(log.is_empty() || log.ends_with('\n'), "{log}");
    for line in log.lines() {
        let is_other = ["Listening on ", "Press ^C ", "http://", "Caught SIGINT, dying"]
            .iter()
            .any(|start| line.trim_start().starts_with(start));
        if is_other || line.is_empty() {
            continue;
        }
        let rest = line.strip_prefix("127.").unwrap_or_else(|| panic!("{line:?} in {log}"));
        let (_, rest) = rest.split_once(" - - [").unwrap_or_else(|| panic!("{line:?}"));
        let (_, rest) = rest.split_once("] \"GET /").unwrap_or_else(|| panic!("{line:?}"));
        let (target, rest) = rest.split_once(' ').expect("a target");
        assert!(
            rest.starts_with("HTTP/1.1\" ") && rest.ends_with(|byte: char| byte.is_ascii_digit())
        );
        if let Ok(number) = target.parse() {
            found.push(number);
        }
    }
    found
}

/// A file that may grow to so many bytes, and then to more: as a disk that has room again.
fn a_file_with_a_limit(empties: bool) {
    if Command::new("prlimit").arg("--version").output().is_err() {
        return println!("skipped: there is no prlimit");
    }
    let place = Folder::with(&[("site/a.txt", "hello\n")]);
    let path = place.join("log");
    let server = TestServer::start_unread("", place.join("site"), |command| {
        let file = File::options().append(true).create(true).open(&path).expect("a file");
        command.args(WORKERS).stdout(file);
    });
    let mut errors = server.process.stderr();
    let limit = |bytes: &str| {
        let id = server.pid().to_string();
        let limit = format!("--fsize={bytes}");
        let done = Command::new("prlimit").args(["--pid", &id, &limit]).status();
        assert!(done.expect("prlimit").success());
    };
    let ask = |numbers: Range<usize>| {
        for number in numbers {
            server.try_ask(&format!("/{number}"));
        }
    };
    let read = || place.text("log");
    // In the middle of a line, wherever it began.
    limit("4000:unlimited");
    ask(0..200);
    wait_until("it is full", || read().len() == 4_000);
    // Until it has been told so the server may be in between the two halves of a line.
    let first = read_line(&mut errors);
    let errors = collect(errors);
    if empties {
        File::options().write(true).open(&path).and_then(|file| file.set_len(0)).expect("a file");
    }
    limit("unlimited:unlimited");
    ask(200..300);
    server.signal("INT");
    assert!(server.wait().success());
    let (log, errors) = (read(), first + &errors.join().expect("text"));
    // The lines of two workers may change places.
    let mut found = numbers(&log);
    found.sort_unstable();
    assert!(found.is_sorted_by(|one, other| one < other), "{found:?}");
    let later: Vec<usize> = (200..300).collect();
    assert!(found.ends_with(&later), "{found:?}");
    let reason = "File too large (os error 27)";
    let first = format!("ipv6-httpd: cannot write to standard output: {reason}\n");
    assert!(errors.starts_with(&first), "{errors}");
    assert_eq!(errors.lines().count(), 2, "{errors}");
    let lost = lost_lines(&errors, reason);
    match empties {
        false => assert_eq!(found.len() + lost, 300, "{errors}\n{log}"),
        // Those that still waited when there was room again are written.
        true => assert!((1..=200).contains(&lost), "{errors}"),
    }
}

#[test]
fn a_line_that_was_cut_by_a_full_disk_is_completed() {
    a_file_with_a_limit(false);
}

#[test]
fn a_log_that_was_full_and_is_emptied_begins_with_a_whole_line() {
    a_file_with_a_limit(true);
}

/// A reader that takes a tenth of what comes: each line is written or counted, and that is said at
/// once, and for the rest at the end; not before a minute is over in between.
#[test]
fn a_slow_reader_is_spoken_of_once() {
    let begin = Instant::now();
    let folder = hello();
    let server = TestServer::start_unread("", folder.path(), |command| {
        command.args(["--workers", "4", "--log", "common"]);
    });
    let mut errors = server.process.stderr();
    let mut output = server.process.stdout();
    let is_read = Arc::new(AtomicBool::new(false));
    // One KiB after a hundred answers, whose lines are some seven: slow by count, not by time, or a
    // slow machine would lose nothing. Without senders it reads all there is.
    let (answered, answers) = channel::<()>();
    let reading = {
        let is_read = Arc::clone(&is_read);
        thread::spawn(move || {
            let mut log = Vec::new();
            let mut buffer = [0; 1_024];
            loop {
                let is_over = answers.recv().is_err();
                let count = output.read(&mut buffer).expect("a pipe");
                if count == 0 {
                    return String::from_utf8(log).expect("ASCII");
                }
                log.extend_from_slice(&buffer[..count]);
                if is_over {
                    let end = log.len().saturating_sub(8_192);
                    let has_end = log[end..].windows(5).any(|window| window == b"/end ");
                    is_read.fetch_or(has_end, Ordering::Relaxed);
                }
            }
        })
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            let answered = answered.clone();
            let server = &server;
            scope.spawn(move || {
                for _ in 0..100 {
                    flood(server, "flood", "", 100);
                    answered.send(()).expect("a reader");
                }
            });
        }
    });
    drop(answered);
    let first = read_line(&mut errors);
    let ends = Cell::new(0);
    wait_until("the reader has caught up", || {
        server.try_ask("/end");
        ends.set(ends.get() + 1);
        is_read.load(Ordering::Relaxed)
    });
    server.signal("INT");
    assert!(server.wait().success());
    let log = reading.join().expect("read");
    let errors = first + &collect(errors).join().expect("text");
    let spoken_of_at_most = 2 + begin.elapsed().as_secs() / 60;
    assert!(errors.lines().count() as u64 <= spoken_of_at_most, "{errors}");
    let lost: usize = errors.lines().map(lines_lost).sum();
    let logged = log
        .lines()
        .filter(|line| line.contains("\"GET /flood ") || line.contains("\"GET /end "))
        .count();
    assert_eq!(logged + lost, 30_000 + ends.get(), "{errors}");
}

/// Clients that flood the log with the longest lines hide nobody else's. A busy machine may give
/// this test no processor for half a second: then standard output takes nothing, and lines are lost,
/// but not each time.
#[test]
fn a_flood_loses_nothing_where_standard_output_takes_it() {
    const TRIES: usize = 20;
    for format in ["simple", "common", "combined", "json"] {
        let is_whole = (0..TRIES).any(|_| lost_in_a_flood(format) == 0);
        assert!(is_whole, "{format}: lines were lost in each of {TRIES} floods");
    }
}

/// How many lines were lost, all of which the server has counted.
fn lost_in_a_flood(format: &str) -> usize {
    let folder = hello();
    let server = TestServer::start_unread("", folder.path(), |command| {
        command.args(["--workers", "4", "--log", format]);
    });
    let errors = collect(server.process.stderr());
    let output = collect(server.process.stdout());
    let field = "\u{ff}".repeat(5_000);
    let fields = format!("User-Agent: {field}\r\nReferer: {field}\r\n");
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| flood(&server, "flood", &fields, 2_000));
        }
        scope.spawn(|| flood(&server, "other", "", 2_000));
        scope.spawn(|| flood(&server, "short", "", 20_000));
    });
    server.signal("INT");
    assert!(server.wait().success());
    let (output, errors) = (output.join().expect("text"), errors.join().expect("text"));
    let lost = errors.lines().map(lines_lost).sum();
    let mut logged = 0;
    for (name, requests) in [("flood", 6_000), ("other", 2_000), ("short", 20_000)] {
        let request = format!("\"GET /{name} HTTP/1.1\"");
        let lines = output.lines().filter(|line| line.contains(&request)).count();
        assert!(lines == requests || lines < requests && lost > 0, "{name}, {format}: {lines}");
        logged += lines;
    }
    assert_eq!(logged + lost, 28_000, "{format}: {errors}");
    let longest = output.lines().map(str::len).max();
    assert!(longest < Some(4_096), "{longest:?} bytes");
    lost
}

/// The number in what the server says of lines that were lost.
fn lines_lost(said: &str) -> usize {
    let (number, _) = said
        .strip_prefix("ipv6-httpd: ")
        .and_then(|said| said.split_once(" lines of the log were lost: "))
        .unwrap_or_else(|| panic!("{said}"));
    number.parse().expect("a number")
}

#[test]
fn without_standard_output_it_serves() {
    let folder = hello();
    let server = TestServer::start_unread("exec >&- 2>&-", folder.path(), |_| {});
    ask_much(&server);
    server.signal("INT");
    assert!(server.wait().success());
}
