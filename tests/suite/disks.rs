//! Answers with files that turn out to be unreadable when they are to be sent. What real file
//! systems do is asked by `scripts/check-filesystems`; here it is the core alone, with a file taken
//! for unreadable after each number of bytes that can have been sent.

use std::cell::RefCell;
use std::fs::{self, File};
use std::process::Stdio;
use std::sync::Arc;

use crate::support::drive::{Client, DATE, End, Served, now, show};
use crate::support::folder::Folder;
use crate::support::server::TestServer;
use crate::support::wait_until;

use ipv6_httpd::http::connection::Step;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::request::Request;
use ipv6_httpd::http::response::{Body, Response, Segment};
use ipv6_httpd::http::status::{Reject, Status};
use ipv6_httpd::http::target::Target;

/// Nobody reads it: it is unreadable.
fn unreadable_file() -> Arc<File> {
    Arc::new(File::open(env!("CARGO_MANIFEST_DIR")).expect("a folder"))
}

/// `/file` and `/parts` are unreadable, all else is from memory.
fn respond(request: &Request<'_>, _now: &Now) -> Response {
    let Target::Path { path, .. } = request.target else {
        panic!("no path");
    };
    let response = Response::new(Status::Ok);
    let file = unreadable_file();
    match path {
        b"/file" => response.with_body(Body::file(file, 5..25)),
        b"/parts" => response.with_body(Body::several(vec![
            Segment::Bytes(b"first:".to_vec()),
            Segment::File(Arc::clone(&file), 0..5),
            Segment::Bytes(b"second:".to_vec()),
            Segment::File(file, 7..9),
            Segment::Bytes(b"end".to_vec()),
        ])),
        path => response.with_body(Body::bytes(path.to_vec())),
    }
}

fn reject(_reject: &Reject) -> Response {
    Response::new(Status::BadRequest)
}

fn ok(length: usize, close: &str, content: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nDate: {DATE}\r\nContent-Length: {length}\r\n{close}\r\n{content}")
}

fn failed(close: &str, content: &str) -> String {
    let length = content.len();
    format!(
        "HTTP/1.1 500 Internal Server Error\r\nDate: {DATE}\r\nContent-Length: {length}\r\n\
         {close}\r\n{content}"
    )
}

const CLOSE: &str = "Connection: close\r\n";

/// Sends `sent` bytes of what there is before the file, and says then that it cannot be read. What
/// came out, how often an answer was asked for, and what the connection did.
fn drive(
    input: &str,
    sent: usize,
    again: Option<&str>,
) -> (String, Vec<bool>, End, Vec<(u16, u64)>) {
    let served = Served { answer: &respond, refuse: &reject };
    let limits = Limits::default();
    let asked = RefCell::new(Vec::new());
    let another = |request: &Request<'_>, is_first: bool| {
        asked.borrow_mut().push(is_first);
        match again {
            // Another file, which is no better.
            Some(_) if is_first => respond(request, &now()),
            _ => Response::new(Status::InternalServerError)
                .with_body(Body::bytes(b"unreadable".to_vec())),
        }
    };
    let mut client = Client::new(&served, &limits);
    client.responder.again = Some(&another);
    client.receive(input.as_bytes());
    let mut left = sent;
    let end = loop {
        let mut output = Vec::new();
        let took = match client.step() {
            Step::Write => {
                let chunk = client.connection.chunk();
                let mut some = chunk.bytes.len();
                if chunk.file.is_some() {
                    some = left.min(some);
                    left -= some;
                }
                output.extend_from_slice(&chunk.bytes[..some]);
                some
            }
            Step::Read | Step::Await | Step::ShutDownWriting => break client.drive(),
            Step::Close => break End::Closed,
        };
        client.output.extend_from_slice(&output);
        if took > 0 {
            client.sent(took);
            continue;
        }
        client.connection.unreadable((), &mut client.responder);
    };
    let answered = client.responder.answered.iter();
    let answered = answered.map(|found| (found.status.code(), found.content_bytes));
    let output = String::from_utf8(client.output).expect("ASCII");
    (output, asked.take(), end, answered.collect())
}

fn request(target: &str, close: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n{close}\r\n")
}

/// RFC 9110 §15.6.1, RFC 9112 §8: until its head has begun to leave, an answer can be another.
#[test]
fn an_unreadable_file_is_an_error_until_its_head_has_left() {
    let before = ok(2, "", "/a");
    let after = ok(2, "", "/b");
    let last = ok(2, CLOSE, "/b");
    for (target, length, more) in [("/file", 20, ""), ("/parts", 6 + 5 + 7 + 2 + 3, "first:")] {
        for close in ["", CLOSE] {
            let end = if close.is_empty() { End::Idle } else { End::Closed };
            let file = ok(length, close, more);
            let error = failed(close, "unreadable");
            let alone = request(target, close);
            let behind = request("/a", "") + &alone;
            for sent in 0..=before.len() + file.len() {
                let row = format!("{target} {close:?}, {sent} bytes sent");
                for (input, first) in [(&alone, ""), (&behind, before.as_str())] {
                    if sent > first.len() + file.len() {
                        continue;
                    }
                    for again in [None, Some("again")] {
                        let (output, asked, found, answered) = drive(input, sent, again);
                        let is_in_time = sent <= first.len();
                        let wanted = match is_in_time {
                            true => first.to_owned() + &error,
                            false => (first.to_owned() + &file)[..sent].to_owned(),
                        };
                        assert_eq!(show(output.as_bytes()), show(wanted.as_bytes()), "{row}");
                        assert_eq!(found, if is_in_time { end } else { End::Closed }, "{row}");
                        let wanted_asked: &[bool] = match (is_in_time, again) {
                            (false, _) => &[],
                            (true, None) => &[true],
                            (true, Some(_)) => &[true, false],
                        };
                        assert_eq!(asked, wanted_asked, "{row}");
                        let (status, bytes) = if is_in_time { (500, 10) } else { (200, 0) };
                        let head = file.len() - more.len() + first.len();
                        let bytes =
                            if is_in_time { bytes } else { sent.saturating_sub(head) as u64 };
                        let mut records = vec![(status, bytes)];
                        if !first.is_empty() {
                            records.insert(0, (200, 2));
                        }
                        assert_eq!(answered, records, "{row}");
                    }
                }
            }
            // What was asked for behind it is answered, unless it was the last.
            let input = request("/a", "") + &alone + &request("/b", "") + &request("/b", CLOSE);
            let (output, _, _, _) = drive(&input, 0, None);
            let rest = if close.is_empty() { after.clone() + &last } else { String::new() };
            assert_eq!(output, before.clone() + &error + &rest, "{target} {close:?}");
        }
    }
}

/// A part of a file that is not in memory: the client waits for it, but not for ever, and its own time
/// does not go on meanwhile.
#[test]
fn a_body_waits_in_the_middle() {
    let served = Served { answer: &respond, refuse: &reject };
    let limits = Limits::default();
    let before = ok(2, "", "/a");
    let head = ok(20, "", "");
    let busy =
        format!("HTTP/1.1 400 Bad Request\r\nDate: {DATE}\r\nContent-Length: 0\r\n{CLOSE}\r\n");
    let part = b"0123456789abcdefghij";
    // How much leaves before the part is asked for; how much of it comes, if any; what has left then.
    let rows: [(usize, Option<usize>, String); 5] = [
        (0, None, before.clone() + &busy),
        (before.len(), None, before.clone() + &busy),
        (before.len() + 1, None, before.clone() + &head),
        (before.len() + head.len(), None, before.clone() + &head),
        (0, Some(20), before.clone() + &head + "0123456789abcdefghij"),
    ];
    for (sent, comes, wanted) in rows {
        let row = format!("{sent} sent, {comes:?}");
        let mut client = Client::new(&served, &limits);
        client.receive((request("/a", "") + &request("/file", "")).as_bytes());
        assert_eq!(client.step(), Step::Write);
        let first = client.connection.chunk().bytes[..sent].to_vec();
        client.output.extend_from_slice(&first);
        if sent > 0 {
            client.sent(sent);
            assert_eq!(client.step(), Step::Write);
        }
        // Somebody else has 29 s for it, after 29 of the client's 30.
        assert_eq!(client.wait(29_000), None);
        client.connection.unready(&mut client.responder);
        let (_, range) = client.responder.part.take().expect("a part to fetch");
        assert_eq!(range, 5..25, "{row}");
        // What does not belong to the answer leaves meanwhile.
        while client.step() == Step::Write {
            let chunk = client.connection.chunk();
            assert!(chunk.file.is_none() && !chunk.is_last, "{row}");
            let bytes = chunk.bytes.to_vec();
            client.output.extend_from_slice(&bytes);
            client.sent(bytes.len());
        }
        assert_eq!(client.step(), Step::Await, "{row}");
        assert_eq!(client.wait(29_000), None, "{row}");
        let end = match comes {
            None => client.wait(1_000).expect("its time is over"),
            Some(count) => {
                client.connection.fetched(Ok(part[..count].to_vec()), &mut client.responder);
                // The second that it had left.
                let left = client.connection.deadline_milliseconds() - 59_000;
                assert!((1..=30_000).contains(&left), "{row}: {left} ms");
                client.drive()
            }
        };
        let is_busy = wanted.ends_with(&busy);
        let wanted_end = match comes {
            Some(_) => End::Idle,
            None if is_busy => End::Lingers,
            None => End::Closed,
        };
        assert_eq!(end, wanted_end, "{row}");
        assert_eq!(show(&client.output), show(wanted.as_bytes()), "{row}");
        // Too late: it is dropped.
        client.connection.fetched(Ok(part.to_vec()), &mut client.responder);
        assert_eq!(client.output.len(), wanted.len(), "{row}");
    }
}

/// The head of a request whose content was discarded is still there as well.
#[test]
fn an_unreadable_file_behind_content() {
    let input = "GET /file HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\
                 Host: h\r\n\r\n";
    let (output, asked, end, _) = drive(input, 0, None);
    let wanted = failed("", "unreadable") + &ok(2, "", "/b");
    assert_eq!((output, asked, end), (wanted, vec![true], End::Idle));
}

/// A folder that has become another is said once, and so is its return.
#[test]
fn another_folder_at_the_path_is_said() {
    let place = Folder::with(&[("site/a.txt", "hello\n")]);
    let (name, away) = (place.join("site"), place.join("away"));
    let errors = File::create(place.join("errors")).expect("a file");
    let server = TestServer::start_unread("", &name, |command| {
        command.stdout(Stdio::null()).stderr(Stdio::from(errors));
    });
    let gone = format!("ipv6-httpd: the folder '{}' was removed or renamed\n", name.display());
    let another = format!(
        "ipv6-httpd: another folder is at '{}' now, mounted or renamed: restart to serve it\n",
        name.display()
    );
    let back = format!("ipv6-httpd: the folder '{}' is there again\n", name.display());
    let mut wanted = String::new();
    let mut next = |line: &str| {
        wanted += line;
        wait_until("it is said", || {
            assert!(server.try_ask("/nothing").starts_with(b"HTTP/1.1 404 "));
            place.text("errors") == wanted
        });
    };
    fs::rename(&name, &away).expect("renamed");
    next(&gone);
    // It is the old one that is served.
    assert!(server.try_ask("/a.txt").ends_with(b"hello\n"));
    fs::create_dir(&name).expect("another");
    next(&another);
    fs::remove_dir(&name).expect("removed");
    fs::rename(&away, &name).expect("renamed");
    next(&back);
}
