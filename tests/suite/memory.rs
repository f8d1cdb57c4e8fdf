//! What connections cost at their worst, and what is left of it when they are gone; and what
//! happens when there are no more descriptors, or as many connections as there may be.
//! With the server itself, since what counts is what the system sees.
#![cfg(target_os = "linux")]
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::client::connect;
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command_in_shell, finish, is_emulated};
use crate::support::{skip, wait_until};

use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::server::connection_limits::CONNECTION_BYTES_MAX;

const CONNECTIONS: usize = 500;
/// What the threads, the log and the allocator need once, whatever the connections do.
const ONCE_BYTES: u64 = 8 << 20;

/// With room for all connections of a test, whatever this machine's own limit.
fn quiet(folder: &Folder, options: &[&str]) -> TestServer {
    start(folder, "ulimit -n 4096 2>/dev/null || ulimit -n $(ulimit -H -n)", options)
}

/// A server of which nobody hears a word.
fn start(folder: &Folder, script: &str, options: &[&str]) -> TestServer {
    TestServer::start_unread(script, folder.path(), |command| {
        command.args(options).stdout(Stdio::null()).stderr(Stdio::null());
        // In one heap for all threads. In several, glibc has pieces that fit nothing in each, and
        // more of them from round to round.
        command.env("MALLOC_ARENA_MAX", "1");
    })
}

fn hello() -> Folder {
    Folder::with(&[("a.txt", "hello\n")])
}

/// Sends as much of `bytes` on each connection as the server takes.
fn push(streams: &mut [TcpStream], bytes: &[u8]) {
    let mut sent = vec![0; streams.len()];
    let mut quiet_passes = 0;
    while quiet_passes < 3 {
        let mut progress = false;
        for (stream, sent) in streams.iter_mut().zip(&mut sent) {
            while *sent < bytes.len() {
                match stream.write(&bytes[*sent..]) {
                    Ok(count) => *sent += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("the server has closed: {error}"),
                }
                progress = true;
            }
        }
        quiet_passes = if progress { 0 } else { quiet_passes + 1 };
        sleep(Duration::from_millis(50));
    }
}

/// A request that is as long as it may be, but for its end.
fn partial_head() -> Vec<u8> {
    let limits = Limits::default();
    let mut head =
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n", "x".repeat(limits.request_line_bytes_max - 20));
    let section = limits.field_section_bytes_max;
    let mut left = section - 200;
    while left > 0 {
        let value = left.min(1_000);
        head.push_str(&format!("X: {}\r\n", "v".repeat(value.saturating_sub(5))));
        left -= value;
    }
    head.into_bytes()
}

#[test]
fn connections_at_their_worst_cost_no_more_than_is_said() {
    let request = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let (a, big) = (request.repeat(4_000), request.replace("a.txt", "big.bin"));
    let ranges = "Range: bytes=0-1,1000000-1000001,2000000-2999999,3500000-3600000\r\n\r\n";
    let several = big.replacen("\r\n\r\n", &format!("\r\n{ranges}"), 1);
    let listing = request.replace("a.txt", "many/");
    let partial = partial_head();
    let rows: [(&str, Vec<u8>); 6] = [
        ("a head that is not complete", partial.clone()),
        (
            "content that is not complete",
            [partial.as_slice(), b"Content-Length: 65536\r\n\r\n", &[b'x'; 60_000]].concat(),
        ),
        ("small answers that are not taken", a.clone().into_bytes()),
        ("a large file, and requests behind it", [big.as_bytes(), a.as_bytes()].concat()),
        ("several ranges, and a head behind them", [several.as_bytes(), &partial].concat()),
        ("a listing, and a head behind it", [listing.as_bytes(), &partial].concat()),
    ];
    let folder = hello();
    folder.write("big.bin", vec![b'b'; 4 << 20]);
    for number in 0..100 {
        folder.write(format!("many/{number}-{}", "n".repeat(200)), "x");
    }
    let server = quiet(&folder, &["--log", "off"]);
    let (resident, descriptors) = (server.resident_bytes(), server.descriptors());
    let mut after = Vec::new();
    for round in 0..3 {
        // What glibc keeps of an earlier round, in pieces that fit nothing, is no connection's.
        let resident = after.last().map_or(resident, |after: &u64| resident.max(*after));
        for (what, bytes) in &rows {
            let mut streams: Vec<TcpStream> =
                (0..CONNECTIONS).map(|_| connect(server.address())).collect();
            for stream in &streams {
                stream.set_nonblocking(true).expect("a stream that does not wait");
            }
            push(&mut streams, bytes);
            assert!(server.try_ask("/a.txt").ends_with(b"hello\n"), "{what}");
            let grown = server.resident_bytes().saturating_sub(resident);
            println!("{what}: {} bytes a connection", grown / CONNECTIONS as u64);
            let most = CONNECTIONS as u64 * CONNECTION_BYTES_MAX;
            assert!(grown < most + ONCE_BYTES, "{what}, round {round}: {grown} bytes");
            drop(streams);
            wait_until("the descriptors are given back", || {
                server.descriptors() < descriptors + 80
            });
        }
        // Buffers that were used go back within seconds.
        sleep(Duration::from_millis(2_500));
        if let [_, before] = after[..] {
            // What leaks grows in each round. A server that has no processor is late.
            wait_until("it is no larger than before", || {
                server.resident_bytes() < before + ONCE_BYTES
            });
        }
        after.push(server.resident_bytes());
        println!(
            "after that: {} bytes more than at the start",
            after[round].saturating_sub(resident)
        );
    }
    // glibc keeps what it once had; musl, which the releases are made with, does not.
    if cfg!(target_env = "musl") {
        assert!(after[0] < resident + ONCE_BYTES, "{after:?} bytes, {resident} before");
    }
}

/// The longest pause that is no spinning, and the shortest spinning that is no pause: a thread
/// that spins has 100 ticks a second.
fn ticks_in_two_seconds(server: &TestServer) -> u64 {
    let before = server.ticks();
    sleep(Duration::from_secs(2));
    server.ticks() - before
}

#[test]
fn without_descriptors_it_neither_spins_nor_ends() {
    let folder = hello();
    // More than there are descriptors.
    let options = ["--connections-max", "1000", "--workers", "2"];
    let server = start(&folder, "ulimit -n 64", &options);
    // Not idle, so that they cannot be closed to make room.
    let busy = || {
        let mut stream = connect(server.address());
        stream.write_all(b"GET / HTTP/1.1\r\n").expect("a beginning");
        stream
    };
    let busy: Vec<TcpStream> = (0..100).map(|_| busy()).collect();
    wait_until("all descriptors are taken", || server.descriptors() >= 52);
    let ticks = ticks_in_two_seconds(&server);
    assert!(ticks < 50, "{ticks} ticks in two seconds");
    drop(busy);
    wait_until("it is well again", || server.try_ask("/a.txt").ends_with(b"hello\n"));
    wait_until("they are given back", || server.descriptors() < 40);
}

#[test]
fn files_that_are_kept_open_leave_room_for_connections() {
    let folder = hello();
    for number in 0..200 {
        folder.write(number.to_string(), "hello\n");
    }
    let options = ["--connections-max", "1000", "--workers", "1"];
    let server = start(&folder, "ulimit -n 64", &options);
    for round in 0..3 {
        for number in 0..200 {
            let answer = server.try_ask(&format!("/{number}"));
            assert!(answer.ends_with(b"\r\n\r\nhello\n"), "{round}: {}", answer.escape_ascii());
        }
    }
}

#[test]
fn there_are_never_more_connections_than_may_be() {
    const MOST: usize = 32;
    let folder = hello();
    let server = quiet(&folder, &["--connections-max", "32", "--workers", "4"]);
    let before = server.descriptors();
    // Idle ones make room for others.
    let idle: Vec<TcpStream> = (0..100).map(|_| connect(server.address())).collect();
    wait_until("there is room", || server.try_ask("/a.txt").ends_with(b"hello\n"));
    drop(idle);
    // Busy ones do not: whoever comes now has to wait.
    let busy: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = connect(server.address());
            stream.write_all(b"GET / HTTP/1.1\r\n").expect("a beginning");
            stream
        })
        .collect();
    sleep(Duration::from_secs(2));
    let held = server.descriptors() - before;
    // Each worker may be about to accept one.
    assert!(held <= MOST + 4 + 4, "{held} connections");
    let ticks = ticks_in_two_seconds(&server);
    assert!(ticks < 50, "{ticks} ticks in two seconds");
    drop(busy);
    wait_until("it is well again", || server.try_ask("/a.txt").ends_with(b"hello\n"));
}

#[test]
fn limits_of_a_shell_are_what_they_seem() {
    // The other tests rest on this.
    let output =
        Command::new("sh").args(["-c", "ulimit -n 64; ulimit -H -n"]).output().expect("sh");
    let mut text = String::new();
    output.stdout.as_slice().read_to_string(&mut text).expect("ASCII");
    assert_eq!(text, "64\n");
}

/// A client that speaks is answered while others say nothing, whichever worker is woken: at the
/// limit of connections, and without descriptors. Before, the worker that was woken might have had
/// no idle connection of its own to close.
#[test]
fn who_speaks_is_answered_while_others_are_silent() {
    // (limit of open files, options, silent connections)
    let rows: [(&str, &[&str], usize); 8] = [
        ("4096", &["-w", "1", "--connections-max", "16"], 16),
        ("4096", &["-w", "2", "--connections-max", "16"], 16),
        ("4096", &["-w", "4", "--connections-max", "16"], 16),
        ("64", &["-w", "2", "--connections-max", "1000"], 60),
        ("64", &["-w", "4", "--connections-max", "1000"], 60),
        ("20", &[], 12),
        ("21", &["-w", "2"], 12),
        ("27", &["-w", "4"], 20),
    ];
    let folder = hello();
    for (files, options, count) in rows {
        let what = format!("{files} files, {options:?}");
        let server = start(&folder, &format!("ulimit -n {files}"), options);
        let silent: Vec<TcpStream> = (0..count).map(|_| connect(server.address())).collect();
        // The kernel keeps a silent connection to itself for a second. A machine that takes longer
        // than this tries less, and never something else.
        sleep(Duration::from_millis(1_300));
        for _ in 0..10 {
            let mut stream = connect(server.address());
            // Before the silent ones are closed for being idle for a minute.
            stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
            let head = b"GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
            stream.write_all(head).expect("sent");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{what}: {error}"));
            let text = String::from_utf8_lossy(&answer);
            assert!(text.ends_with("\r\n\r\nhello\n"), "{what}: {text}");
        }
        drop(silent);
    }
}

/// A limit with which nobody could be served is refused at the start, in one line.
#[test]
fn a_limit_of_open_files_that_cannot_work_is_refused() {
    let rows: [(&str, &[&str], u32, u32); 3] =
        [("12", &[], 1, 16), ("20", &["-w", "2"], 2, 21), ("26", &["-w", "4"], 4, 27)];
    for (files, options, workers, least) in rows {
        let mut command = command_in_shell(&format!("ulimit -n {files}"));
        command.args(["--port", "0"]).args(options).arg(".");
        let (status, _, said) = finish(command);
        let expected = format!(
            "ipv6-httpd: the limit of open files is {files}, and {workers} workers need {least}: \
             raise it with 'ulimit -n'\n"
        );
        assert_eq!((status, said), (Some(1), expected));
    }
}

/// What `--check` says that listings may take, with the limits of this script.
fn listings_bytes(script: &str) -> u64 {
    let mut command = command_in_shell(script);
    command.args(["--check", "--bind", "127.0.0.1", "--port", "0", "."]);
    let (_, said, _) = finish(command);
    let line = said.lines().find_map(|line| line.strip_prefix("Listings: ")).expect("a line");
    line.trim_end_matches(" bytes at most").parse().expect("a number of bytes")
}

/// Clients ask for a folder of `entries` and read nothing. The server lives and serves others, takes
/// no more memory for listings than it says, and tells each client that it has none left for it.
fn check_unread_listings(entries: usize, clients: usize) -> usize {
    /// In KiB, as `ulimit -v` counts.
    const ADDRESS_SPACE: u64 = 600_000;
    let folder = hello();
    for number in 0..entries {
        folder.write(format!("many/{number}-{}", "n".repeat(200)), "");
    }
    let script = format!("ulimit -n 4096 2>/dev/null; ulimit -v {ADDRESS_SPACE}");
    let most = listings_bytes(&script);
    assert!(most <= ADDRESS_SPACE << 10 >> 3, "{most} bytes for listings");
    let server = start(&folder, &script, &["--log", "off"]);
    let resident = server.resident_bytes();
    let mut streams: Vec<TcpStream> = Vec::new();
    let (mut served, begin) = (0, Instant::now());
    // One after the other: more at a time than may wait for a task are told 503 as well.
    for _ in 0..clients {
        let mut stream = connect(server.address());
        stream.write_all(b"GET /many/ HTTP/1.1\r\nHost: h\r\n\r\n").expect("sent");
        let mut head = [0; 1_024];
        let mut peeked = stream.peek(&mut head);
        while peeked.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
            peeked = stream.peek(&mut head);
        }
        let head = String::from_utf8_lossy(&head[..peeked.expect("an answer")]);
        if head.starts_with("HTTP/1.1 200 OK\r\n") {
            served += 1;
        } else {
            assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
            assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
            assert!(head.ends_with("The server is busy. Try again in a moment.\n"), "{head}");
        }
        streams.push(stream);
    }
    assert!(served > 0, "nobody was served");
    assert!(server.try_ask("/a.txt").ends_with(b"hello\n"), "others are served");
    let grown = server.resident_bytes().saturating_sub(resident);
    println!("{entries} entries: {served} of {clients} served, {} bytes each", grown / served);
    let connections = clients as u64 * CONNECTION_BYTES_MAX;
    // glibc leaves holes between buffers that grow at the same time.
    let most_resident = most + most / 4 + connections + ONCE_BYTES;
    assert!(grown < most_resident, "{grown} bytes, {most} for listings");
    // An entry takes its name, which has 200 letters and a number, and little more. Whoever has read
    // nothing for so long is cut off, and then there is room for others.
    if begin.elapsed() < Duration::from_millis(Limits::default().stall_milliseconds) {
        assert!(served * (entries as u64 * 200) <= most, "{served} listings in {most} bytes");
    }
    drop(streams);
    wait_until("the memory is given back", || {
        server.try_ask("/many/").starts_with(b"HTTP/1.1 200 OK\r\n")
    });
    served as usize
}

#[test]
fn listings_that_nobody_reads_stay_within_their_budget() {
    if is_emulated() {
        return skip("an emulator needs more address space than the test leaves");
    }
    for (entries, clients, all) in [(100, 100, true), (5_000, 100, false), (20_000, 40, false)] {
        let served = check_unread_listings(entries, clients);
        assert_eq!(served == clients, all, "{entries} entries");
    }
}

#[test]
#[ignore = "it makes 200,000 files"]
fn the_largest_listings_stay_within_their_budget() {
    // Each takes the server the reading of half of the folder at least.
    check_unread_listings(200_000, 60);
}
