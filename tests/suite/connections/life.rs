//! Connections from the first byte to the last: pipelined, silent, slow, vanishing.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{iter, thread};

use crate::support::client::{Conversation, connect, fetch, get};
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command_behind};

use super::{MEBIBYTE, assert_answer, expect_pattern};

#[test]
fn a_connection_persists_until_either_side_says_close() {
    let site = Folder::with(&[("a.txt", "one\n"), ("b.txt", "two\n")]);
    let server = TestServer::start(&[], site.path());
    for address in server.addresses() {
        let mut client = Conversation::open(address);
        assert_answer(&client.get("/a.txt"), 200, "one\n");
        assert_eq!(client.get("/missing").status(), 404);
        client.send("HEAD /b.txt HTTP/1.1\r\nHost: h\r\n\r\n");
        let head = client.answer_to_head();
        assert_eq!((head.status(), head.field("Content-Length")), (200, Some("4")));
        client.send("PUT /b.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(client.answer().status(), 405);
        assert_answer(&client.get("/b.txt"), 200, "two\n");
        client.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let last = client.answer();
        assert_answer(&last, 200, "one\n");
        assert_eq!(last.field("Connection"), Some("close"));
        client.expect_end();

        let mut old = Conversation::open(address);
        old.send("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(old.answer().field("Connection"), Some("keep-alive"));
        old.send("GET /b.txt HTTP/1.0\r\n\r\n");
        assert_answer(&old.answer(), 200, "two\n");
        old.expect_end();
    }
}

#[test]
fn twenty_pipelined_requests_are_answered_in_order() {
    let site = Folder::new();
    // Small, and too large to be put together with others.
    let content = |number: usize| {
        let times = if number % 5 == 4 { 100_000 } else { 5 };
        format!("{number:03}").repeat(times)
    };
    for number in 0..20 {
        site.write(number.to_string(), content(number));
    }
    let server = TestServer::start(&["-w", "1"], site.path());
    for address in server.addresses() {
        let mut client = Conversation::open(address);
        client.send((0..20).map(|number| get(&format!("/{number}"))).collect::<String>());
        for number in 0..20 {
            assert_answer(&client.answer(), 200, &content(number));
        }
        assert_answer(&client.get("/1"), 200, &content(1));
    }
}

#[test]
fn pipelining_goes_on_behind_every_kind_of_answer() {
    let site = Folder::with(&[("a", "0123456789")]);
    site.write_pattern("large", 1 << 20, &[]);
    site.age("a");
    let server = TestServer::start(&[], site.path());
    let tag = fetch(server.address(), "/a").field("ETag").expect("a tag").to_owned();
    let first = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    // What is sent, its status, and its body where that is not for people.
    let rows = [
        (first("GET /a", ""), 200, Some("0123456789")),
        (first("HEAD /a", ""), 200, Some("")),
        (first("HEAD /large", ""), 200, Some("")),
        (first("GET /a", &format!("If-None-Match: {tag}\r\n")), 304, Some("")),
        (first("GET /a", "Range: bytes=2-4\r\n"), 206, Some("234")),
        (first("GET /missing", ""), 404, None),
        (first("GET /a", "Content-Length: 5\r\n") + "hello", 200, Some("0123456789")),
        (first("POST /a", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n", 405, None),
        (first("OPTIONS *", ""), 204, Some("")),
    ];
    let mut client = Conversation::open(server.address());
    let end = first("GET /a", "Range: bytes=9-\r\n");
    let all: String = rows.iter().map(|(request, ..)| format!("{request}{end}")).collect();
    client.send(all);
    for (request, status, body) in &rows {
        let answer = match request.starts_with("HEAD ") {
            true => client.answer_to_head(),
            false => client.answer(),
        };
        assert_answer(&answer, *status, body.unwrap_or(answer.text()));
        assert_answer(&client.answer(), 206, "9");
    }
}

#[test]
fn an_answer_does_not_wait_for_the_next_request() {
    let site = Folder::with(&[("a", "one"), ("b", "two")]);
    let server = TestServer::start(&[], site.path());
    for address in server.addresses() {
        let second = get("/b");
        for cut in [1, 5, second.len() - 1] {
            let mut client = Conversation::open(address);
            client.send(get("/a") + &second[..cut]);
            assert_answer(&client.answer(), 200, "one");
            client.send(&second[cut..]);
            assert_answer(&client.answer(), 200, "two");
        }
    }
}

#[test]
fn a_head_may_come_in_single_bytes() {
    let site = Folder::with(&[("a", "one")]);
    let server = TestServer::start(&[], site.path());
    for address in server.addresses() {
        let mut client = Conversation::open(address);
        for byte in get("/a").bytes() {
            client.send([byte]);
        }
        assert_answer(&client.answer(), 200, "one");
    }
}

#[test]
fn silent_clients_stop_nobody() {
    let site = Folder::with(&[("a", "one")]);
    for workers in ["4", "1"] {
        let server = TestServer::start(&["-w", workers], site.path());
        let addresses = server.addresses();
        let mut silent: Vec<Conversation> =
            (0..100).map(|at| Conversation::open(addresses[at % addresses.len()])).collect();
        // Those who have said nothing at all may be the kernel's still: the others are not.
        for client in silent.iter_mut().step_by(2) {
            client.send("\r\n");
        }
        let clients: Vec<_> = (0..4)
            .map(|at| {
                let address = addresses[at % addresses.len()];
                thread::spawn(move || {
                    for _ in 0..10 {
                        let mut client = Conversation::open(address);
                        for _ in 0..3 {
                            assert_answer(&client.get("/a"), 200, "one");
                        }
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().expect("served");
        }
        // They were silent; they are not forgotten.
        for mut client in silent {
            assert_answer(&client.get("/a"), 200, "one");
        }
    }
}

#[test]
fn a_slow_reader_stalls_nobody() {
    let site = Folder::with(&[("a", "one")]);
    let length = 48 * MEBIBYTE as u64;
    site.write_pattern("large", length, &[]);
    let server = TestServer::start(&["-w", "1"], site.path());
    for address in server.addresses() {
        let mut slow: Vec<Conversation> = (0..3).map(|_| Conversation::open(address)).collect();
        for client in &mut slow {
            client.request("/large");
        }
        for _ in 0..20 {
            assert_answer(&fetch(address, "/a"), 200, "one");
        }
        for client in &mut slow {
            client.head();
            expect_pattern(client, 0, length);
        }
    }
}

#[test]
fn a_client_that_has_closed_its_side_is_served_in_full() {
    let site = Folder::with(&[("a", "one")]);
    let length = 8 * MEBIBYTE as u64;
    site.write_pattern("large", length, &[]);
    let server = TestServer::start(&[], site.path());
    for address in server.addresses() {
        let mut client = Conversation::open(address);
        client.send(get("/a") + &get("/large") + &get("/a"));
        client.shut_down_writing();
        assert_answer(&client.answer(), 200, "one");
        client.head();
        expect_pattern(&mut client, 0, length);
        assert_answer(&client.answer(), 200, "one");
        client.expect_end();

        // Half a request is none.
        let mut client = Conversation::open(address);
        client.send(get("/a") + "GET /a HT");
        client.shut_down_writing();
        assert_answer(&client.answer(), 200, "one");
        client.expect_end();
    }
}

#[test]
fn a_client_that_goes_on_sending_can_read_the_error() {
    let site = Folder::with(&[("a", "one")]);
    let server = TestServer::start(&[], site.path());
    let rows = [
        ("nonsense\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
        ("GET /a HTTP/3.0\r\nHost: h\r\n\r\n", 505),
        ("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n", 405),
        ("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", 405),
    ];
    for address in server.addresses() {
        for (request, status) in rows {
            let mut client = Conversation::open(address);
            client.send(request);
            for _ in 0..14 {
                client.send([b'x'; 64 << 10]);
            }
            // Everything has been sent before the first byte is read.
            client.shut_down_writing();
            let answer = client.answer();
            assert_eq!(answer.status(), status, "{request}");
            assert_eq!(answer.field("Connection"), Some("close"));
            client.expect_end();
        }
    }
}

#[test]
fn an_unfinished_head_gets_408_after_ten_seconds() {
    let site = Folder::with(&[("a", "one")]);
    let server = TestServer::start(&["-w", "1"], site.path());
    let mut half = Conversation::open(server.address());
    half.send("GET /a HTTP/1.1\r\nHost:");
    // A byte now and then does not help.
    let slow = connect(server.address());
    let mut sender = slow.try_clone().expect("a descriptor");
    let is_answered = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = b"GET /a HTTP/1.1\r\nX: ".iter().chain(iter::repeat(&b'x'));
            // After the answer the server takes bytes for a while only, and then resets.
            while !is_answered.load(Ordering::Relaxed) {
                let byte = bytes.next().expect("without end");
                sender.write_all(&[*byte]).expect("the server waits");
                thread::sleep(Duration::from_millis(400));
            }
        });
        let timed_out = Conversation::over(&slow).answer();
        is_answered.store(true, Ordering::Relaxed);
        assert_eq!(timed_out.status(), 408);
    });
    let timed_out = half.answer();
    assert_eq!(timed_out.status(), 408);
    assert_eq!(timed_out.field("Connection"), Some("close"));
    half.expect_end();
    assert_answer(&fetch(server.address(), "/a"), 200, "one");
}

#[test]
fn many_connections_stay_open() {
    let site = Folder::with(&[("a", "one")]);
    let server = TestServer::start(&[], site.path());
    let addresses = server.addresses();
    let mut clients: Vec<Conversation> =
        (0..400).map(|at| Conversation::open(addresses[at % addresses.len()])).collect();
    for _ in 0..3 {
        for client in &mut clients {
            client.request("/a");
        }
        for client in &mut clients {
            assert_answer(&client.answer(), 200, "one");
        }
    }
}

#[test]
fn a_server_without_descriptors_serves_when_it_has_some() {
    let site = Folder::with(&[("a", "one")]);
    for workers in ["1", "3"] {
        let mut command = command_behind(&["sh", "-c", "ulimit -n 40 && exec \"$0\" \"$@\""]);
        // More than there are descriptors, so that these are what is short.
        command.args(["--port", "0", "--connections-max", "1000", "-w", workers]).arg(site.path());
        let server = TestServer::launch(command);
        let mut clients: Vec<Conversation> =
            (0..80).map(|_| Conversation::open(server.address())).collect();
        for client in &mut clients {
            client.request("/a");
        }
        for mut client in clients {
            // Gone as soon as it is answered, so that another one can be. The last descriptor may
            // be the client's, and none be left for the file.
            let answer = client.answer();
            let busy = answer.status() == 503 && answer.field("Retry-After") == Some("1");
            assert!(busy || answer.text() == "one", "{}", answer.head);
        }
        assert_answer(&fetch(server.address(), "/a"), 200, "one");
    }
}

/// What comes is told once: an end that is told together with the bytes before it counts too.
#[test]
fn an_end_right_behind_a_request_ends_the_connection() {
    let site = Folder::with(&[("a", "one")]);
    let server = TestServer::start(&[], site.path());
    for round in 0..100 {
        let start = Instant::now();
        let mut client = Conversation::open(server.address());
        if round % 2 == 0 {
            // So that the worker waits for this client already.
            client.request("/a");
            assert_answer(&client.answer(), 200, "one");
        }
        client.request("/a");
        client.shut_down_writing();
        assert_answer(&client.answer(), 200, "one");
        client.expect_end();
        // And not a minute later, as one that is idle.
        assert!(start.elapsed() < Duration::from_secs(30), "round {round}");
    }
}

#[test]
fn clients_that_vanish_are_no_trouble() {
    let site = Folder::with(&[("a", "one")]);
    site.write_pattern("large", 16 << 20, &[]);
    let server = TestServer::start(&["-w", "2"], site.path());
    for round in 0..60 {
        let mut client = Conversation::open(server.address());
        match round % 4 {
            0 => {}
            1 => client.request("/large"),
            2 => client.send("GET /la"),
            _ => {
                client.request("/large");
                client.head();
            }
        }
    }
    assert!(server.is_running());
    assert_answer(&fetch(server.address(), "/a"), 200, "one");
    assert_eq!(server.err.text(), "");
}
