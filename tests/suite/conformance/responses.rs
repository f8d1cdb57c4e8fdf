//! What is sent: records, bodies, methods (RFC 9110 §9).

use crate::support::drive::{
    Client, End, NEXT, answer, bare, check, check_answers, head, head_length, last, read_answer,
    run, show,
};
use crate::support::folder::{Folder, OLD_DATE};
use crate::support::site::{error_page, file_fields};

use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::responder::Answered;
use ipv6_httpd::http::status::Status;

use super::{FIXED, WORDS, half_sent, ok};

#[test]
fn records_tell_what_was_sent() {
    // A batch: one record for each, in order, as soon as its last byte has left.
    let mut client = Client::new(&FIXED, &Limits::default());
    let input = [
        b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /204 HTTP/1.1\r\nHost: h\r\n\r\n".as_slice(),
        b"GET /abc HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\r\nGET /\r\n",
    ]
    .concat();
    client.sends = 1;
    assert_eq!(client.send(&input), End::Lingers);
    let record =
        |line: &str, status, content_bytes| Answered { record: line.into(), status, content_bytes };
    let refusal = WORDS.len() as u64;
    let expected = [
        record("HEAD /a HTTP/1.1", Status::Ok, 0),
        record("GET /204 HTTP/1.1", Status::NoContent, 0),
        record("GET /abc HTTP/1.1", Status::Ok, 4),
        record("refused: GET /", Status::BadRequest, refusal),
    ];
    assert_eq!(client.responder.answered, expected);

    // Gone in the middle of the second: its record says how far it came, and the third's nothing.
    let first = ok("/next").len();
    let head = head_length(&ok("/next"));
    for (bytes, sent) in [(first, 0), (first + head, 0), (first + head + 2, 2)] {
        let mut client = half_sent(&NEXT.repeat(3), bytes);
        assert_eq!(client.responder.answered.len(), 1);
        client.connection.abandon(&mut client.responder);
        let counts: Vec<u64> =
            client.responder.answered.iter().map(|answered| answered.content_bytes).collect();
        assert_eq!(counts, [5, sent, 0]);
    }

    // A line that is too long is not kept as a whole.
    let input = format!("GET /{} HTTP/1.1\r\n", "x".repeat(100_000));
    let outcome = run(&FIXED, &Limits::default(), &[input.as_bytes()], usize::MAX);
    assert_eq!(outcome.answered[0].record.len(), "refused: ".len() + (8 << 10));
}

/// A body that ends before its length ends the connection, or the client would wait for the rest;
/// past its length nothing comes, or the client would take it for the next answer.
#[test]
fn bodies_are_as_long_as_was_said_or_the_last() {
    let mut short = answer("200 OK", "", "made piece by piece?");
    short.pop();
    let next = ok("/next");
    let long = [answer("200 OK", "", "made piece by piec"), next.clone()].concat();
    let none = [head(answer("200 OK", "", "made piece by piece?")), next].concat();
    let rows: [(&str, &str, Vec<u8>, End, &[u64]); 3] = [
        ("RFC 9112 §8 too short", "GET /short", short, End::Closed, &[19]),
        ("§6.3 too long", "GET /long", long, End::Idle, &[18, 5]),
        ("§6.3 too short, and not sent", "HEAD /short", none, End::Idle, &[0, 5]),
    ];
    for (rule, request, output, end, content_bytes) in rows {
        let input = [format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes(), NEXT].concat();
        for sends in [usize::MAX, 1, 7] {
            let found = run(&FIXED, &Limits::default(), &[&input], sends);
            assert_eq!(show(&found.output), show(&output), "{rule}");
            assert_eq!(found.end, end, "{rule}");
            let counts: Vec<u64> =
                found.answered.iter().map(|answered| answered.content_bytes).collect();
            assert_eq!(counts, content_bytes, "{rule}");
        }
    }
}

/// The methods, over files.
#[test]
fn methods() {
    let folder = Folder::new();
    folder.file("a.txt", "hello\n");
    folder.file("empty.txt", "");
    folder.folder("sub");
    let fields =
        file_fields("\"6-6553f100.0\"", OLD_DATE) + "Content-Type: text/plain; charset=utf-8\r\n";
    let file = answer("200 OK", &fields, "hello\n");
    let empty = answer("200 OK", &fields.replace("6-", "0-"), "");
    let allow = "Allow: GET, HEAD, OPTIONS\r\n";
    let options = bare("204 No Content", allow);
    let refused =
        error_page("405 Method Not Allowed", "This server only serves files. Use GET.", allow);
    let unknown =
        error_page("501 Not Implemented", "This server does not know this method. Use GET.", "");
    let missing =
        error_page("404 Not Found", "Not found. Check the address, or go to the start page.", "");
    let ip = answer(
        "200 OK",
        "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nVary: Accept\r\n",
        "Your IP address is 2001:db8::1\n",
    );
    let rows: [(&str, &str, &str, Vec<u8>); 24] = [
        ("§9.3.1 GET", "GET", "/a.txt", file.clone()),
        ("§9.3.1 GET of nothing", "GET", "/empty.txt", empty.clone()),
        ("§9.3.1 GET of what is not there", "GET", "/b.txt", missing.clone()),
        ("§9.3.1 a file is no folder", "GET", "/a.txt/", missing.clone()),
        ("§9.3.2 HEAD", "HEAD", "/a.txt", head(&file)),
        ("§9.3.2 HEAD of nothing", "HEAD", "/empty.txt", head(&empty)),
        ("§9.3.2 HEAD of what is not there", "HEAD", "/b.txt", head(&missing)),
        ("§9.3.7 OPTIONS", "OPTIONS", "/a.txt", options.clone()),
        ("§9.3.7 OPTIONS *", "OPTIONS", "*", options.clone()),
        ("§9.3.7 OPTIONS of what is not there", "OPTIONS", "/b", options),
        ("§15.5.6 POST", "POST", "/a.txt", refused.clone()),
        ("§15.5.6 PUT", "PUT", "/a.txt", refused.clone()),
        ("§15.5.6 DELETE", "DELETE", "/b.txt", refused.clone()),
        ("§15.5.6 TRACE", "TRACE", "/a.txt", refused.clone()),
        ("§15.5.6 PATCH", "PATCH", "/a.txt", refused.clone()),
        ("§15.5.6 CONNECT", "CONNECT", "h:80", last(refused)),
        ("§15.6.2 an unknown method", "PROPFIND", "/a.txt", unknown.clone()),
        ("§9.1 methods are case-sensitive", "get", "/a.txt", unknown),
        ("3986 §2.1 decoded once", "GET", "/%61.t%78t", file.clone()),
        ("3986 §5.2.4 dot segments", "GET", "/sub/./../a.txt", file.clone()),
        ("two slashes are one", "GET", "//a.txt", file),
        ("the client's address", "GET", "/ip", ip.clone()),
        ("the client's address, with a query", "GET", "/ip?x", ip.clone()),
        ("the client's address, HEAD", "HEAD", "/ip", head(ip)),
    ];
    folder.serve(&[], |served| {
        for (rule, method, target, output) in rows {
            let input = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n");
            let end = if method == "CONNECT" { End::Lingers } else { End::Idle };
            check(served, &Limits::default(), rule, input.as_bytes(), &output, end);
        }
        // One after the other, over files: GET, HEAD, GET; after a 304, a 404, a 416, a range.
        let get = |method: &str, target: &str, fields: &str| {
            format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
        };
        let input = [
            get("GET", "/a.txt", ""),
            get("HEAD", "/a.txt", ""),
            get("GET", "/a.txt", "If-None-Match: *\r\n"),
            get("GET", "/b.txt", ""),
            get("GET", "/a.txt", "Range: bytes=9-\r\n"),
            get("GET", "/a.txt", "Range: bytes=1-2\r\n"),
            get("GET", "/sub/", ""),
            get("GET", "/a.txt", ""),
        ]
        .concat();
        let whole = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX);
        let statuses: Vec<u16> =
            whole.answered.iter().map(|answered| answered.status.code()).collect();
        assert_eq!(statuses, [200, 200, 304, 404, 416, 206, 200, 200]);
        check(
            served,
            &Limits::default(),
            "9112 §9.3.2 over files",
            input.as_bytes(),
            &whole.output,
            End::Idle,
        );
    });
}

/// RFC 9110 §9.3.2: GET and HEAD say the same, for whatever there is; but for a listing HEAD leaves
/// out the Content-Length, which only the content would tell.
#[test]
fn head_is_get_without_content() {
    let folder = Folder::new();
    folder.file("a.txt", "hello\n");
    folder.file("a.txt.gz", "coded");
    folder.file("large.bin", vec![7; 100_000]);
    folder.file("sub/b", "");
    folder.file("indexed/index.html", "<p>");
    folder.serve(&[], |served| {
        for target in
            ["/", "/a.txt", "/large.bin", "/sub", "/sub/", "/indexed/", "/missing", "/%00", "/ip"]
        {
            for fields in [
                "",
                "Accept-Encoding: gzip\r\n",
                "Accept-Encoding: identity;q=0\r\n",
                "Accept: application/json\r\n",
                "Accept: text/html\r\n",
                "If-None-Match: *\r\n",
                "If-Match: \"x\"\r\n",
            ] {
                let ask = |method: &str| {
                    let input = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
                    run(served, &Limits::default(), &[input.as_bytes()], usize::MAX).output
                };
                let (get, head) = (ask("GET"), ask("HEAD"));
                let mut expected = show(&get[..head_length(&get)]);
                if matches!(target, "/" | "/sub/") && expected.starts_with("HTTP/1.1 200") {
                    let is_said = |line: &&str| !line.starts_with("Content-Length: ");
                    expected = expected.split_inclusive('\n').filter(is_said).collect();
                }
                assert_eq!(show(&head), expected, "{target} {fields}");
                let answer = read_answer(&get, false).unwrap_or_else(|wrong| panic!("{wrong}"));
                assert_eq!(answer.bytes, get.len());
            }
        }
    });
}

/// A body that is a file, one that is made, one of several parts: whatever the socket takes at a time.
#[test]
fn bodies_in_pieces() {
    let folder = Folder::new();
    let content: Vec<u8> = (0..50_000_u32).map(|number| (number % 251) as u8).collect();
    folder.file("large.bin", &content);
    for number in 0..400 {
        folder.file(&format!("sub/{number}"), "");
    }
    folder.serve(&[], |served| {
        for request in [
            "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /large.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=5-40000\r\n\r\n",
            "GET /large.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=5-20,30-40,60-40000,-1\r\n\r\n",
            "GET /sub/ HTTP/1.1\r\nHost: h\r\n\r\n",
        ] {
            let input = request.repeat(2);
            let whole = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX);
            check_answers(request, &whole.output, &whole.answered);
            assert!(whole.held_bytes < 128 << 10, "{request}: {}", whole.held_bytes);
            for sends in [1, 13, 1_000, 65_536] {
                let found = run(served, &Limits::default(), &[input.as_bytes()], sends);
                assert!(found.output == whole.output, "{request}: {sends} at a time");
                assert_eq!(found.answered, whole.answered);
            }
        }
    });
}
