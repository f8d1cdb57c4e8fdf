//! Lines as they are written, from what clients send.

use std::sync::Arc;

use crate::http::status::Status;

use super::*;

/// 2017-07-09 11:49:41 in Berlin, wherever the test runs.
const SECOND: i64 = 1_499_593_781;

fn lines(style: Style, only_errors: bool) -> Lines {
    let (local_time, queue) = (LocalTime::of_system(), Arc::default());
    let log = Log { style, only_errors, local_time, queue };
    let mut lines = Lines::new(Arc::new(log));
    lines.second = SECOND;
    style.write_time(SECOND, 7_200, &mut lines.time);
    lines
}

fn peer(zone: u32) -> Peer {
    Peer { zone, ..Peer::behind_proxy("2001:db8::1".parse().expect("an address")) }
}

fn answered(parts: &Parts<'_>, status: Status, content_bytes: u64) -> Answered<Record> {
    Answered { record: Record::new(parts), status, content_bytes }
}

fn line(format: LogFormat, parts: &Parts<'_>, content_bytes: u64) -> String {
    let mut lines = lines(Style { format, colours: false }, false);
    lines.add(peer(0), answered(parts, Status::Ok, content_bytes), SECOND);
    String::from_utf8(lines.lines).expect("UTF-8")
}

#[test]
fn each_line_names_its_own_client() {
    let mut lines = lines(Style { format: LogFormat::Simple, colours: false }, false);
    let answered = || answered(&Parts::of_line(b"GET / HTTP/1.1"), Status::Ok, 5);
    let other = 4_000_000_000;
    for zone in [0, 0, other, 0] {
        lines.add(peer(zone), answered(), SECOND);
    }
    // A name is kept for a second: then its interface may have another name.
    lines.name = b"old".to_vec();
    lines.add(peer(0), answered(), SECOND);
    lines.add(peer(0), answered(), SECOND + 1);
    let text = String::from_utf8(lines.lines).expect("ASCII");
    let names: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let (one, two) = ("2001:db8::1", "2001:db8::1%4000000000");
    assert_eq!(names, [one, one, two, one, "old", one]);
}

#[test]
fn formats() {
    let start = Parts::of_line(b"GET / HTTP/1.1");
    let parts = Parts { referer: b"http://h/", user_agent: b"curl/8", ..start };
    let rows = [
        (LogFormat::Simple, "2001:db8::1 - - [09/Jul/2017 11:49:41] \"GET / HTTP/1.1\" 200 512\n"),
        (
            LogFormat::Common,
            "2001:db8::1 - - [09/Jul/2017:11:49:41 +0200] \"GET / HTTP/1.1\" 200 512\n",
        ),
        (
            LogFormat::Combined,
            "2001:db8::1 - - [09/Jul/2017:11:49:41 +0200] \"GET / HTTP/1.1\" 200 512 \
             \"http://h/\" \"curl/8\"\n",
        ),
        (
            LogFormat::Json,
            "{\"time\":\"2017-07-09T11:49:41+02:00\",\"client\":\"2001:db8::1\",\
             \"request\":\"GET / HTTP/1.1\",\"status\":200,\"bytes\":512,\
             \"referer\":\"http://h/\",\"user_agent\":\"curl/8\"}\n",
        ),
        (LogFormat::Off, ""),
    ];
    for (format, expected) in rows {
        assert_eq!(line(format, &parts, 512), expected);
    }
}

#[test]
fn errors_only_and_colours() {
    let start = "2001:db8::1 - - [09/Jul/2017 11:49:41] \"GET / HTTP/1.1\"";
    for (status, only_errors, colours, end) in [
        (Status::Ok, true, false, None),
        (Status::NotModified, true, false, None),
        (Status::NotFound, true, false, Some("404 -")),
        (Status::NotFound, false, false, Some("404 -")),
        (Status::PartialContent, false, true, Some("\x1b[32m206\x1b[0m -")),
        (Status::Found, false, true, Some("\x1b[36m302\x1b[0m -")),
        (Status::NotFound, false, true, Some("\x1b[33m404\x1b[0m -")),
        (Status::ServiceUnavailable, true, true, Some("\x1b[31m503\x1b[0m -")),
    ] {
        let expected = end.map_or_else(String::new, |end| format!("{start} {end}\n"));
        let mut lines = lines(Style { format: LogFormat::Simple, colours }, only_errors);
        let parts = Parts::of_line(b"GET / HTTP/1.1");
        lines.add(peer(0), answered(&parts, status, 0), SECOND);
        let line = String::from_utf8(lines.lines).expect("ASCII");
        assert_eq!(line, expected, "{}", status.code());
    }
}

#[test]
fn the_client_may_be_another_and_may_have_logged_in() {
    let start = Parts::of_line(b"GET /");
    let (client, user) = (&b"192.0.2.7"[..], &b"ana"[..]);
    let rows = [
        (LogFormat::Simple, Parts { client, user, ..start }, "192.0.2.7 - ana ["),
        (LogFormat::Common, Parts { client, ..start }, "192.0.2.7 - - ["),
        (LogFormat::Combined, Parts { user, ..start }, "2001:db8::1 - ana ["),
        (
            LogFormat::Simple,
            Parts { user: "b \"\u{e4}]".as_bytes(), ..start },
            "2001:db8::1 - b\\x20\\x22\\xc3\\xa4] [",
        ),
    ];
    for (format, parts, expected) in rows {
        let line = line(format, &parts, 0);
        let start = line.split("09/Jul").next().expect("a start");
        assert_eq!(start, expected);
    }
    let parts = Parts { client, user: b"b \"\xc3\xa4", ..start };
    let json = line(LogFormat::Json, &parts, 0);
    let start = "{\"time\":\"2017-07-09T11:49:41+02:00\",\"client\":\"192.0.2.7\",\
                 \"user\":\"b \\\"\u{e4}\",\"request\":";
    assert!(json.starts_with(start), "{json}");
}

/// The longest of everything, of plain and of odd bytes, in every format.
#[test]
fn no_line_is_longer_than_a_pipe_takes_in_one_piece() {
    let formats = [
        (LogFormat::Simple, 1),
        (LogFormat::Common, 1),
        (LogFormat::Combined, 3),
        (LogFormat::Json, 3),
        (LogFormat::Off, 0),
    ];
    let name = format!("2001:db8:1111:2222:3333:4444:255.255.255.255%{}", "\x01".repeat(15));
    for (format, fields) in formats {
        for unit in ["x", "\u{ff}", "\u{20ac}", "\u{1f600}", "\u{1}", "\"", "\\", "\u{9b}"] {
            let field = unit.repeat(40_000 / unit.len());
            let field = field.as_bytes();
            for client in [b"", field] {
                let parts = Parts { line: field, referer: field, user_agent: field, ..REST };
                let parts = Parts { client, user: field, ..parts };
                let style = Style { format, colours: true };
                let mut lines = lines(style, false);
                lines.peer = Some(peer(7));
                style.write_client(name.as_bytes(), &mut lines.name);
                let answered = answered(&parts, Status::ServiceUnavailable, u64::MAX);
                lines.add(peer(7), answered, SECOND);
                let line = String::from_utf8(lines.lines).expect("UTF-8");
                assert!(line.len() <= WRITE_BYTES_MAX, "{} bytes: {line}", line.len());
                let marks = line.matches("...").count();
                // The user's name is one more.
                let expected = match fields {
                    0 => 0,
                    fields => fields + 1 + usize::from(!client.is_empty()),
                };
                assert_eq!(marks, expected, "{line}");
                assert_eq!(line.matches('\n').count(), usize::from(fields > 0));
            }
        }
    }
}

const REST: Parts<'_> = Parts {
    line: b"",
    version: b" HTTP/1.1",
    referer: b"",
    user_agent: b"",
    client: b"",
    user: b"",
};

/// Rows: a request-line, and what is left of it.
#[test]
fn fields_are_cut_between_characters() {
    let plain = |count: usize| "x".repeat(count);
    // The format, the field, the field in the log.
    let rows = [
        (LogFormat::Common, plain(1_024), plain(1_024)),
        (LogFormat::Common, plain(1_025), plain(1_021) + "..."),
        (LogFormat::Json, plain(1_024), plain(1_024)),
        (LogFormat::Json, plain(1_025), plain(1_021) + "..."),
        // An escape sequence that ends at the bound, and one that does not.
        (LogFormat::Common, plain(1_020) + "\"", plain(1_020) + "\\x22"),
        (LogFormat::Common, plain(1_021) + "\"", plain(1_021) + "..."),
        (LogFormat::Common, plain(1_017) + "\"xxxx", plain(1_017) + "\\x22..."),
        (LogFormat::Common, plain(1_018) + "\"xxxx", plain(1_018) + "..."),
        (LogFormat::Json, plain(1_019) + "\"xxxx", plain(1_019) + "\\\"..."),
        (LogFormat::Json, plain(1_020) + "\"xxxx", plain(1_020) + "..."),
        (LogFormat::Json, plain(1_019) + "\\xxxx", plain(1_019) + "\\\\..."),
        (LogFormat::Json, plain(1_015) + "\u{1}xxxx", plain(1_015) + "\\u0001..."),
        (LogFormat::Json, plain(1_016) + "\u{1}xxxx", plain(1_016) + "..."),
        (LogFormat::Json, plain(1_017) + "\u{1f600}xxxx", plain(1_017) + "\u{1f600}..."),
        (LogFormat::Json, plain(1_018) + "\u{1f600}xxxx", plain(1_018) + "..."),
        (LogFormat::Json, plain(1_019) + "\u{20ac}xxxx", plain(1_019) + "..."),
        (LogFormat::Json, plain(1_019) + "\u{e4}xxxx", plain(1_019) + "\u{e4}..."),
        // The words of a request-line stay three.
        (LogFormat::Json, plain(1_015) + " HTTP/1.1", plain(1_015) + " HTTP/1.1"),
        (LogFormat::Common, plain(1_016) + " HTTP/1.1", plain(1_012) + "... HTTP/1.1"),
        (LogFormat::Json, plain(9_000) + " HTTP/1.0", plain(1_012) + "... HTTP/1.0"),
        (LogFormat::Common, plain(9_000) + " HTTP/1.9", plain(1_012) + "... HTTP/1.9"),
        (LogFormat::Common, plain(9_000) + " HTTP/1.\"", plain(1_021) + "..."),
        (LogFormat::Common, plain(9_000) + "HTTP/1.1", plain(1_021) + "..."),
    ];
    for (format, field, expected) in rows {
        let (before, after) = match format {
            LogFormat::Json => ("\"request\":\"", "\",\"status\":"),
            _ => ("] \"", "\" 200 "),
        };
        let line = line(format, &Parts::of_line(field.as_bytes()), 0);
        let found = line.split(before).nth(1).and_then(|rest| rest.split(after).next());
        assert_eq!(found, Some(&expected[..]), "{format:?}");
    }
}

/// The name of an interface may hold anything but a slash, a colon and white space.
#[test]
fn the_client_is_escaped_like_the_rest() {
    let client = "fe80::1%\"\\\u{1}\u{e4} x".as_bytes();
    for (format, start) in [
        (LogFormat::Simple, "fe80::1%\\x22\\x5c\\x01\\xc3\\xa4\\x20x - - ["),
        (LogFormat::Common, "fe80::1%\\x22\\x5c\\x01\\xc3\\xa4\\x20x - - ["),
        (LogFormat::Combined, "fe80::1%\\x22\\x5c\\x01\\xc3\\xa4\\x20x - - ["),
        (
            LogFormat::Json,
            "{\"time\":\"2017-07-09T11:49:41+02:00\",\
             \"client\":\"fe80::1%\\\"\\\\\\u0001\u{e4} x\",\"request\":",
        ),
    ] {
        let line = line(format, &Parts { client, ..Parts::of_line(b"GET /") }, 0);
        assert!(line.starts_with(start), "{line}");
        // The same for the peer of the connection.
        let style = Style { format, colours: false };
        let mut name = Vec::new();
        style.write_client(client, &mut name);
        let (_, expected) = start.split_at(start.find("fe80").expect("the client"));
        let name = String::from_utf8(name).expect("UTF-8");
        assert!(expected.starts_with(&name), "{name}");
    }
}

#[test]
fn what_a_client_sent_stays_in_its_field() {
    let rows: [(&[u8], &str); 5] = [
        (b"GET /\x1b[31m", "GET /\\x1b[31m"),
        (b"GET /\" 200 5 \"", "GET /\\x22 200 5 \\x22"),
        (b"GET /\\x22", "GET /\\x5cx22"),
        (b"GET /\xc3\xa4\x7f\x9b", "GET /\\xc3\\xa4\\x7f\\x9b"),
        (b"GET /\na", "GET /\\x0aa"),
    ];
    for (sent, expected) in rows {
        let expected = format!("2001:db8::1 - - [09/Jul/2017 11:49:41] \"{expected}\" 200 -\n");
        assert_eq!(line(LogFormat::Simple, &Parts::of_line(sent), 0), expected);
    }
    let sent = b"GET /\"\\\x1b\xc3\xa4\xc2\x9b\xff";
    let json = line(LogFormat::Json, &Parts::of_line(sent), 0);
    assert!(json.contains("\"request\":\"GET /\\\"\\\\\\u001b\u{e4}\\u009b\u{fffd}\""), "{json}");
    let combined = line(LogFormat::Combined, &Parts::of_line(b"GET /"), 0);
    assert!(combined.ends_with("\"GET /\" 200 - \"-\" \"-\"\n"), "{combined}");
}

/// `--log off` keeps nothing; only some formats show fields.
#[test]
fn a_record_holds_what_its_format_shows() {
    let line = b"GET / HTTP/1.1";
    for format in [LogFormat::Off, LogFormat::Simple, LogFormat::Combined] {
        let lines = lines(Style { format, colours: false }, false);
        let record = lines.log().record(line, None, Some("192.0.2.7"), Some("ana"));
        let expected = Parts { client: b"192.0.2.7", user: b"ana", ..Parts::of_line(line) };
        let expected = (format != LogFormat::Off).then_some(expected);
        assert_eq!(record.as_ref().map(Record::parts), expected);
    }
}
