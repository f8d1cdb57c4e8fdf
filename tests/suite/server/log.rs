//! The log: its lines, and readers that do not read.

use std::io::Read;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::client::{Conversation, fetch, get};
use crate::support::server::{Output, Process, TestServer, command};
use ipv6_httpd::http::date::Calendar;

use super::{LARGE, small_site};

/// The times that a line may have that was written between two moments.
fn times(before: u64, offset: i64, form: fn(&Calendar) -> String) -> Vec<String> {
    let moments = before..=now();
    moments.map(|second| form(&Calendar::new(second as i64 + offset))).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn lines_of_the_log_are_exact() {
    let site = small_site();
    // Half an hour off, so that no offset in whole hours passes.
    let zone = ("ABC-05:30", 19_800);
    let simple = |c: &Calendar| {
        let month = c.month_name();
        format!("{:02}/{month}/{:04} {:02}:{:02}:{:02}", c.day, c.year, c.hour, c.minute, c.second)
    };
    let common = |c: &Calendar| {
        let month = c.month_name();
        format!(
            "{:02}/{month}/{:04}:{:02}:{:02}:{:02} +0530",
            c.day, c.year, c.hour, c.minute, c.second
        )
    };
    let json = |c: &Calendar| {
        let (year, month, day) = (c.year, c.month, c.day);
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}+05:30", c.hour, c.minute, c.second)
    };
    let fields = "Referer: http://h/?\"q\"\r\nUser-Agent: x\\y\r\n";
    let request = format!("GET /a?\"\x1b[31m\\ HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
        .replace("\x1b", "\u{9b}");
    type Row<'r> = (&'r str, fn(&Calendar) -> String, &'r str);
    let rows: [Row<'_>; 4] = [
        ("simple", simple, "CLIENT - - [TIME] \"GET /a?\\x22\\xc2\\x9b[31m\\x5c HTTP/1.1\" 200 3"),
        ("common", common, "CLIENT - - [TIME] \"GET /a?\\x22\\xc2\\x9b[31m\\x5c HTTP/1.1\" 200 3"),
        (
            "combined",
            common,
            "CLIENT - - [TIME] \"GET /a?\\x22\\xc2\\x9b[31m\\x5c HTTP/1.1\" 200 3 \
             \"http://h/?\\x22q\\x22\" \"x\\x5cy\"",
        ),
        (
            "json",
            json,
            "{\"time\":\"TIME\",\"client\":\"CLIENT\",\"request\":\"GET /a?\\\"\\u009b[31m\\\\ HTTP/1.1\",\
             \"status\":200,\"bytes\":3,\"referer\":\"http://h/?\\\"q\\\"\",\"user_agent\":\"x\\\\y\"}",
        ),
    ];
    for (format, form, expected) in rows {
        let mut command = command();
        command.env("TZ", zone.0).args(["--port", "0", "--log", format]).arg(site.path());
        let server = TestServer::launch(command);
        for (at, address) in server.addresses().iter().enumerate() {
            let before = now();
            let mut client = Conversation::open(address);
            client.send(&request);
            assert_eq!(client.answer().text(), "one");
            let line = server.log_of(at + 1).pop().expect("a line");
            let expected = expected.replace("CLIENT", &address.ip().to_string());
            let times = times(before, zone.1, form);
            assert!(times.iter().any(|time| line == expected.replace("TIME", time)), "{line}");
        }
    }
    let server = TestServer::start(&["--log", "off"], site.path());
    assert_eq!(fetch(server.address(), "/a").status(), 200);
    assert_eq!(server.log(), Vec::<String>::new());
}

/// A line without its time, which begins with a bracket.
fn without_time(line: &str) -> String {
    let (before, rest) = line.split_once('[').expect("a time");
    let (time, after) = rest.split_once(']').expect("its end");
    assert_eq!(time.len(), "09/Jul/2017 11:49:41".len(), "{line}");
    format!("{before}{after}")
}

#[test]
fn the_log_says_what_was_sent() {
    let site = small_site();
    site.folder("sub");
    site.write_pattern("large", LARGE, &[]);
    site.age("a");
    let server = TestServer::start(&["-w", "1"], site.path());
    let address = (Ipv4Addr::LOCALHOST, server.port);
    let tag = fetch(address, "/a").field("ETag").expect("a tag").to_owned();
    let head = |line: &str| format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
    let with = |line: &str, field: &str| format!("{line} HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n");
    // What is sent, and the line's part from the request on.
    let rows = [
        (head("GET /a"), "\"GET /a HTTP/1.1\" 200 3"),
        (head("GET /"), "\"GET / HTTP/1.1\" 200 13"),
        (head("HEAD /a"), "\"HEAD /a HTTP/1.1\" 200 -"),
        (head("GET /empty"), "\"GET /empty HTTP/1.1\" 200 -"),
        (with("GET /a", &format!("If-None-Match: {tag}")), "\"GET /a HTTP/1.1\" 304 -"),
        (with("GET /a", "Range: bytes=1-"), "\"GET /a HTTP/1.1\" 206 2"),
        (with("GET /large", "Range: bytes=0-99999"), "\"GET /large HTTP/1.1\" 206 100000"),
        (head("GET /sub"), "\"GET /sub HTTP/1.1\" 301 SENT"),
        (head("GET /x"), "\"GET /x HTTP/1.1\" 404 SENT"),
        (head("DELETE /a"), "\"DELETE /a HTTP/1.1\" 405 SENT"),
        (head("OPTIONS *"), "\"OPTIONS * HTTP/1.1\" 204 -"),
        (head("GET http://h/a"), "\"GET http://h/a HTTP/1.1\" 200 3"),
        ("GET /a HTTP/1.0\r\n\r\n".into(), "\"GET /a HTTP/1.0\" 200 3"),
        ("\r\nGET /a HTTP/1.0\r\n\r\n".into(), "\"GET /a HTTP/1.0\" 200 3"),
        (head("GET /\x1b[2J"), "\"GET /\\x1b[2J HTTP/1.1\" 400 SENT"),
        (head("GET /\"\\'\u{e4}"), "\"GET /\\x22\\x5c'\\xc3\\xa4 HTTP/1.1\" 404 SENT"),
        ("\x16\x03\x01\x02\r\n\r\n".into(), "\"\\x16\\x03\\x01\\x02\" 400 SENT"),
        ("nonsense\r\n\r\n".into(), "\"nonsense\" 400 SENT"),
    ];
    for (at, (request, expected)) in rows.iter().enumerate() {
        let mut client = Conversation::open(address);
        client.send(request);
        client.shut_down_writing();
        let answer = client.rest();
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let sent = answer.len() - head.expect("a head") - 4;
        let line = server.log_of(at + 2).pop().expect("a line");
        let expected = format!("127.0.0.1 - -  {expected}").replace("SENT", &sent.to_string());
        assert_eq!(without_time(&line), expected);
    }
    // Pipelined answers have their lines in their order.
    let before = server.log().len();
    let mut client = Conversation::open(address);
    client.send((0..20).map(|at| get(&format!("/{at}"))).collect::<String>());
    client.shut_down_writing();
    client.rest();
    let lines = server.log_of(before + 20);
    for (at, line) in lines[before..].iter().enumerate() {
        let start = format!("127.0.0.1 - -  \"GET /{at} HTTP/1.1\" 404 ");
        assert!(without_time(line).starts_with(&start), "{line}");
    }
    // What a client did not take was not sent.
    let mut client = Conversation::open(address);
    client.request("/large");
    client.take(100_000);
    drop(client);
    let line = without_time(&server.log_of(before + 21).pop().expect("a line"));
    let sent = line.strip_prefix("127.0.0.1 - -  \"GET /large HTTP/1.1\" 200 ");
    let sent: u64 = sent.and_then(|sent| sent.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    assert!((90_000..LARGE).contains(&sent), "{line}");
}

#[test]
fn nobody_has_to_read_the_log() {
    let site = small_site();
    let long = "x".repeat(4_000);
    // Its reader goes away, as `head -1` does, or stops reading, or goes on reading late.
    for (reader, name) in [
        ("gone", "TERM"),
        ("gone", "INT"),
        ("stopped", "TERM"),
        ("stopped", "INT"),
        ("late", "TERM"),
    ] {
        let mut command = command();
        command.args(["--port", "0", "-w", "2"]).arg(site.path());
        let process = Process::start(&mut command);
        let mut out = process.stdout();
        let err = Output::collect(process.stderr());
        let mut first = Vec::new();
        while !first.ends_with(b"\n") {
            let mut byte = [0];
            out.read_exact(&mut byte).expect("a line");
            first.extend_from_slice(&byte);
        }
        let first = String::from_utf8(first).expect("UTF-8");
        let port = first.trim().strip_prefix("Listening on port:");
        let port: u16 = port.and_then(|port| port.parse().ok()).expect("its port");
        let mut out = (reader != "gone").then_some(out);
        let mut client = Conversation::open((Ipv4Addr::LOCALHOST, port));
        // More than pipe and queue together hold; or else less than the queue does, so that
        // nothing is lost before it is known that nobody reads.
        let rounds = if reader == "gone" { 20 } else { 400 };
        for _ in 0..rounds {
            assert_eq!(client.get(&format!("/{long}")).status(), 404);
            assert_eq!(client.get("/a").text(), "one");
        }
        let late = out.take_if(|_| reader == "late").map(Output::collect);
        if late.is_some() {
            err.wait_until(|text| text.contains('\n'));
            assert_eq!(client.get("/a").text(), "one");
        }
        process.signal(name);
        assert_eq!(process.wait().code(), Some(0), "{reader}, {name}");
        let error = err.whole();
        match late {
            None => assert_eq!(error, "", "{reader}, {name}"),
            // Each line was written, or counted.
            Some(late) => {
                let said = error.strip_prefix("ipv6-httpd: ").and_then(|rest| {
                    rest.strip_suffix(" lines of the log were lost: standard output was blocked\n")
                });
                let lost: usize = said.and_then(|lost| lost.parse().ok()).expect("a number");
                let written = late.whole().matches("HTTP/1.1").count();
                assert_eq!(lost + written, 2 * rounds + 1);
            }
        }
    }
}
