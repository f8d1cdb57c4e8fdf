//! The protocol core (RFC 9112, and RFC 9110 where it speaks of messages): rows of bytes in and
//! bytes out, through a `Connection` without a socket or a clock. Each row runs whole, cut in two at
//! every byte, byte by byte, half-closed, and with bytes behind it.

use crate::support::drive::{
    Client, End, NEXT, Served, answer, bare, check, check_answers, head, head_length, kept, last,
    read_answer, run, show,
};
use crate::support::folder::{Folder, OLD_DATE};
use crate::support::site::{error_page, file_fields};

use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::request::Request;
use ipv6_httpd::http::responder::Answered;
use ipv6_httpd::http::response::{Body, Produce, Response};
use ipv6_httpd::http::status::{Reject, Status};
use ipv6_httpd::http::target::Target;

/// Answers every path with its own target, so that rows show what was understood.
const FIXED: Served<'static> = Served { answer: &fixed, refuse: &fixed_refusal };

const TEXT: &str = "Content-Type: text/plain\r\n";

fn fixed(request: &Request<'_>, _now: &Now) -> Response {
    let text = |status, content: Vec<u8>| {
        Response::new(status).with("Content-Type", "text/plain").with_body(Body::bytes(content))
    };
    match request.target {
        Target::Asterisk => text(Status::Ok, b"the asterisk".to_vec()),
        Target::Authority => text(Status::MethodNotAllowed, b"an authority".to_vec()),
        Target::Path { path, query } => match path {
            b"/204" => Response::new(Status::NoContent),
            b"/304" => Response::new(Status::NotModified).with("ETag", "\"1\""),
            b"/404" => text(Status::NotFound, b"nothing\n".to_vec()),
            b"/416" => {
                Response::new(Status::RangeNotSatisfiable).with("Content-Range", "bytes */9")
            }
            b"/empty" => Response::new(Status::Ok),
            b"/range" => {
                text(Status::PartialContent, b"345".to_vec()).with("Content-Range", "bytes 3-5/9")
            }
            b"/large" => text(Status::Ok, vec![b'x'; 100_000]),
            b"/made" => made(MADE_BYTES),
            b"/short" => made(MADE_BYTES + 1),
            b"/long" => made(MADE_BYTES - 1),
            _ => {
                let query = query.map(|query| [b"?", query].concat());
                text(Status::Ok, [path, &query.unwrap_or_default()].concat())
            }
        },
    }
}

/// A body that is made in three pieces, and said to be of this length.
#[derive(Debug)]
struct Made {
    length: u64,
    pieces: std::slice::Iter<'static, &'static str>,
}

const MADE: [&str; 3] = ["made ", "piece ", "by piece"];
const MADE_BYTES: u64 = 19;

impl Produce for Made {
    fn length(&self) -> u64 {
        self.length
    }

    fn produce(&mut self, out: &mut Vec<u8>) {
        let piece = self.pieces.next().copied().unwrap_or_default();
        out.extend_from_slice(piece.as_bytes());
    }
}

fn made(length: u64) -> Response {
    let pieces = MADE.iter();
    Response::new(Status::Ok).with_body(Body::Produced(Box::new(Made { length, pieces })))
}

fn fixed_refusal(reject: &Reject) -> Response {
    Response::new(reject.status)
        .with("Content-Type", "text/plain")
        .with_body(Body::bytes(reject.reason.into()))
}

fn ok(content: &str) -> Vec<u8> {
    answer("200 OK", TEXT, content)
}

fn refused(status: &str, reason: &str) -> Vec<u8> {
    last(answer(status, TEXT, reason))
}

/// Bounds that a row can reach.
fn small() -> Limits {
    Limits {
        request_line_bytes_max: 80,
        field_section_bytes_max: 64,
        field_lines_max: 4,
        content_discarded_bytes_max: 16,
        batch_bytes: 200,
        linger_bytes_max: 100,
        ..Limits::default()
    }
}

/// Rows that are answered 200 with this content, after which the connection goes on.
fn check_fine(rows: &[(&str, &[u8], &str)]) {
    for (rule, input, content) in rows {
        check(&FIXED, &Limits::default(), rule, input, &ok(content), End::Idle);
    }
}

/// Rows that are refused, after which the connection ends.
fn check_refused(rows: &[(&str, &[u8], &str, &str)]) {
    for (rule, input, status, reason) in rows {
        let output = match input.strip_prefix(b"HEAD ") {
            Some(_) => head(refused(status, reason)),
            None => refused(status, reason),
        };
        check(&FIXED, &Limits::default(), rule, input, &output, End::Lingers);
    }
}

const WORDS: &str = "A request-line is a method, a target and a version.";
const CRLF: &str = "A line must end in CR LF.";
const VERSION: &str = "The version is not HTTP/1.1 or HTTP/1.0.";
const SPEAKS: &str = "This server speaks HTTP/1.1.";
const CHARACTER: &str = "The target holds a character that no target may hold.";

#[test]
fn request_lines() {
    check_fine(&[
        ("9112 §3 a request", b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9112 §2.2 an empty line before", b"\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9112 §2.2 two of them", b"\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9110 §2.5 a later minor version", b"GET /a HTTP/1.9\r\nHost: h\r\n\r\n", "/a"),
        ("9110 §9.1 a method is a token", b"M-SEARCH /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
    ]);
    let bad = "400 Bad Request";
    check_refused(&[
        ("9112 §3 no words", b" \r\n", bad, WORDS),
        ("9112 §3 one word", b"GET\r\n", bad, WORDS),
        ("9112 §3 two words: HTTP/0.9", b"GET /\r\n", bad, WORDS),
        ("9112 §3 four words", b"GET / b HTTP/1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §3 two spaces", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §3 a tab", b"GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", bad, WORDS),
        (
            "9112 §3 a space before",
            b" GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "The method is not a token.",
        ),
        ("9112 §3 a space behind", b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", bad, VERSION),
        (
            "9112 §3 no method",
            b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "The method is not a token.",
        ),
        ("9112 §2.2 a bare LF", b"GET / HTTP/1.1\nHost: h\r\n\r\n", bad, CRLF),
        ("9112 §2.2 an empty line of a bare LF", b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", bad, CRLF),
        ("9112 §2.2 a bare CR", b"GET /\r HTTP/1.1\r\nHost: h\r\n\r\n", bad, CHARACTER),
        ("9112 §2.2 a bare CR at the end", b"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", bad, VERSION),
        (
            "9112 §2.2 a bare CR before",
            b"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "The method is not a token.",
        ),
        ("9112 §3.2 NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", bad, CHARACTER),
        ("9112 §2.3 case", b"GET / http/1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 two digits", b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 one digit", b"GET / HTTP/1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 no digit", b"GET / HTTP/1.x\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 a sign", b"GET / HTTP/+1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 another protocol", b"OPTIONS sip:a SIP/2.0\r\n\r\n", bad, VERSION),
        (
            "9110 §15.6.6 HTTP/2.0",
            b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
        (
            "9110 §15.6.6 HTTP/0.9",
            b"GET / HTTP/0.9\r\nHost: h\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
        (
            "9113 §3.4 the preface of HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
        ("8446 a TLS client", b"\x16\x03\x01\x02\x00\x01\n", bad, CRLF),
        (
            "9110 §9.3.2 HEAD gets no content",
            b"HEAD / HTTP/1.1\r\n\r\n",
            bad,
            "The Host field is missing.",
        ),
        (
            "9110 §9.3.2 even when its version is unknown",
            b"HEAD / HTTP/3.0\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
    ]);
}

#[test]
fn targets() {
    check_fine(&[
        ("9112 §3.2.1 origin-form", b"GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n", "/a?b"),
        ("9112 §3.2.1 an empty query", b"GET /a? HTTP/1.1\r\nHost: h\r\n\r\n", "/a?"),
        ("9112 §3.2.1 two question marks", b"GET /a?b?c HTTP/1.1\r\nHost: h\r\n\r\n", "/a?b?c"),
        (
            "9112 §3.2.1 two slashes are no authority",
            b"GET //x/a HTTP/1.1\r\nHost: h\r\n\r\n",
            "//x/a",
        ),
        ("9112 §3.2.2 absolute-form", b"GET http://x/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "/a?b"),
        ("9112 §3.2.2 an empty path", b"GET http://x HTTP/1.1\r\nHost: h\r\n\r\n", "/"),
        (
            "9112 §3.2.2 an empty path with a query",
            b"GET http://x?q HTTP/1.1\r\nHost: h\r\n\r\n",
            "/?q",
        ),
        (
            "9112 §3.2.2 a scheme of any case",
            b"GET HTTPS://x:1/a HTTP/1.1\r\nHost: h\r\n\r\n",
            "/a",
        ),
        ("9844 §6 a zone", b"GET http://[fe80::1%25eth0]:8080/a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9112 §3.2.4 asterisk-form", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "the asterisk"),
        (
            "bytes beyond ASCII, as a user typed them",
            b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n",
            "/\u{e9}",
        ),
    ]);
    let authority = last(answer("405 Method Not Allowed", TEXT, "an authority"));
    for (rule, input) in [
        (
            "9112 §3.2.3 authority-form",
            &b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"[..],
        ),
        (
            "9110 §9.3.6 what follows belongs in the tunnel",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        (
            "9110 §9.3.6 with content",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nContent-Length: 1\r\n\r\nx",
        ),
        (
            "9110 §9.3.6 it has no content, and none is waited for",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nContent-Length: 1\r\n\r\n",
        ),
        (
            "9110 §9.3.6 what follows is no chunk either",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ),
        (
            "9110 §9.3.6 no 100 is waited for",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nExpect: 100-continue\r\n\r\nx",
        ),
        (
            "9110 §9.3.6 HTTP/1.0",
            b"CONNECT h:80 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /a HTTP/1.0\r\n\r\n",
        ),
        (
            "9112 §9.6 the client closes, too",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n\r\n\x16\x03\x01",
        ),
    ] {
        check(&FIXED, &Limits::default(), rule, input, &authority, End::Lingers);
    }
    // RFC 9110 §7.8: an Upgrade is ignored. What follows is the next request, whatever the client
    // takes it for. RFC 9931 asks for the end of the connection after CONNECT alone, and says that
    // it is inappropriate after a rejected Upgrade: no protocol with a token of its own begins with
    // what could be a request. A frame of WebSocket has a first byte that no method has, and so has
    // a record of TLS; HTTP/2 has a preface.
    let ignored = answer("200 OK", TEXT, "/a");
    for (rule, behind, reject) in [
        (
            "9110 §7.8 a frame",
            &b"\x81\x85abcd\r\n"[..],
            "A request-line is a method, a target and a version.",
        ),
        (
            "9931 §6.1 a TLS client",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
            "A request-line is a method, a target and a version.",
        ),
        (
            "9113 §3.4 a preface",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "This server speaks HTTP/1.1.",
        ),
    ] {
        let head = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
        let status = if behind.starts_with(b"PRI") {
            "505 HTTP Version Not Supported"
        } else {
            "400 Bad Request"
        };
        let refused = last(answer(status, TEXT, reject));
        check(
            &FIXED,
            &Limits::default(),
            rule,
            &[&head[..], behind].concat(),
            &[&ignored[..], &refused].concat(),
            End::Lingers,
        );
    }
    let (bad, neither) = ("400 Bad Request", "The target is neither a path nor a URI.");
    let host = "The authority of the target is not a host.";
    let tunnel = "The target of CONNECT is a host and a port.";
    check_refused(&[
        ("9112 §3.2.3 for CONNECT alone", b"GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", bad, neither),
        ("9112 §3.2.3 not for POST either", b"POST h:80 HTTP/1.1\r\nHost: h\r\n\r\n", bad, neither),
        ("9112 §3.2.3 with its port", b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", bad, tunnel),
        ("9112 §3.2.3 CONNECT to a path", b"CONNECT /a HTTP/1.1\r\nHost: h\r\n\r\n", bad, tunnel),
        (
            "9112 §3.2.4 for OPTIONS alone",
            b"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "Only OPTIONS may be asked of *.",
        ),
        ("9112 §3.2.1 a relative path", b"GET a HTTP/1.1\r\nHost: h\r\n\r\n", bad, neither),
        ("9112 §3.2 a fragment", b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", bad, CHARACTER),
        ("9112 §3.2.2 no host", b"GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n", bad, host),
        (
            "9110 §4.2.4 user information",
            b"GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            host,
        ),
        (
            "9112 §3.2.2 an unknown scheme",
            b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            neither,
        ),
        ("3986 §3.2.2 an open bracket", b"GET http://[::1/ HTTP/1.1\r\nHost: h\r\n\r\n", bad, host),
    ]);
}

#[test]
fn hosts() {
    check_fine(&[
        ("9112 §3.2 a host", b"GET /a HTTP/1.1\r\nHost: raspberrypi.local:8080\r\n\r\n", "/a"),
        ("9110 §7.2 an empty one", b"GET /a HTTP/1.1\r\nHost:\r\n\r\n", "/a"),
        ("9110 §5.6.3 white space around it", b"GET /a HTTP/1.1\r\nHost: \t h \t\r\n\r\n", "/a"),
        ("9110 §5.1 a name of any case", b"GET /a HTTP/1.1\r\nhOST:h\r\n\r\n", "/a"),
        ("3986 §3.2.2 an IPv6 literal", b"GET /a HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "/a"),
        ("9844 §6 a zone, as it is", b"GET /a HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", "/a"),
        ("6874 a zone, encoded", b"GET /a HTTP/1.1\r\nHost: [fe80::1%25eth0]:8080\r\n\r\n", "/a"),
        (
            "9112 §3.2.2 absolute-form wins over it",
            b"GET http://x/a HTTP/1.1\r\nHost: y\r\n\r\n",
            "/a",
        ),
    ]);
    let bad = "400 Bad Request";
    let (missing, wrong) = ("The Host field is missing.", "The Host field is not a host.");
    check_refused(&[
        ("9112 §3.2 none", b"GET / HTTP/1.1\r\n\r\n", bad, missing),
        ("9112 §3.2 none, with absolute-form", b"GET http://h/ HTTP/1.1\r\n\r\n", bad, missing),
        (
            "9112 §3.2 none, and its name elsewhere",
            b"GET / HTTP/1.1\r\nA: Host: h\r\n\r\n",
            bad,
            missing,
        ),
        (
            "9112 §3.2 none, and its name within another",
            b"GET / HTTP/1.1\r\nX-Host: h\r\n\r\n",
            bad,
            missing,
        ),
        (
            "9112 §3.2 two",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            bad,
            "There is more than one Host field.",
        ),
        (
            "9112 §3.2 two equal ones",
            b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
            bad,
            "There is more than one Host field.",
        ),
        (
            "9112 §3.2 two in HTTP/1.0",
            b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
            bad,
            "There is more than one Host field.",
        ),
        ("9112 §3.2 a list", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", bad, wrong),
        ("9110 §7.2 a path", b"GET / HTTP/1.1\r\nHost: h/\r\n\r\n", bad, wrong),
        ("9110 §7.2 user information", b"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", bad, wrong),
        ("9110 §7.2 a port that is none", b"GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", bad, wrong),
        ("9110 §7.2 no brackets", b"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", bad, wrong),
        ("9110 §7.2 an open bracket", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", bad, wrong),
    ]);
}

#[test]
fn field_lines() {
    check_fine(&[
        ("9110 §5.5 an empty value", b"GET /a HTTP/1.1\r\nHost: h\r\nA:\r\n\r\n", "/a"),
        ("9110 §5.5 a tab in a value", b"GET /a HTTP/1.1\r\nHost: h\r\nA: b\tc\r\n\r\n", "/a"),
        ("9110 §5.5 obs-text", b"GET /a HTTP/1.1\r\nHost: h\r\nA: \x80\xff\r\n\r\n", "/a"),
        (
            "9110 §5.1 any token is a name",
            b"GET /a HTTP/1.1\r\nHost: h\r\n!#$%&'*+-.^_`|~9: x\r\n\r\n",
            "/a",
        ),
        ("9110 §5.5 colons in a value", b"GET /a HTTP/1.1\r\nHost: h\r\nA::b:c\r\n\r\n", "/a"),
    ]);
    let bad = "400 Bad Request";
    let (token, control) =
        ("A field name is not a token.", "A field value holds a control character.");
    let space = "A field line must not begin with white space.";
    check_refused(&[
        ("9112 §5.1 a space before the colon", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", bad, token),
        (
            "9112 §5.1 a tab before the colon",
            b"GET / HTTP/1.1\r\nHost: h\r\nA\t: b\r\n\r\n",
            bad,
            token,
        ),
        ("9112 §5.1 no name", b"GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", bad, token),
        (
            "9112 §5.1 no colon",
            b"GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n",
            bad,
            "A field line has no colon.",
        ),
        (
            "9110 §5.1 a name beyond ASCII",
            b"GET / HTTP/1.1\r\nHost: h\r\n\xe9: b\r\n\r\n",
            bad,
            token,
        ),
        ("9112 §5.2 obs-fold", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", bad, space),
        (
            "9112 §5.2 obs-fold with a tab",
            b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n",
            bad,
            space,
        ),
        (
            "9112 §2.2 a space before the first field",
            b"GET / HTTP/1.1\r\n Host: h\r\n\r\n",
            bad,
            space,
        ),
        ("9110 §5.5 NUL in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", bad, control),
        ("9110 §5.5 DEL in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: \x7f\r\n\r\n", bad, control),
        (
            "9110 §5.5 a vertical tab in a value",
            b"GET / HTTP/1.1\r\nHost: h\r\nA: \x0bb\r\n\r\n",
            bad,
            control,
        ),
        (
            "9112 §2.2 a bare CR in a value",
            b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rB: c\r\n\r\n",
            bad,
            control,
        ),
        (
            "9112 §2.2 a bare LF behind a field",
            b"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n",
            bad,
            CRLF,
        ),
        (
            "9112 §2.2 a bare LF behind the fields",
            b"GET / HTTP/1.1\r\nHost: h\r\n\nGET / HTTP/1.1\r\n",
            bad,
            CRLF,
        ),
        (
            "9112 §2.2 a bare CR before the end",
            b"GET / HTTP/1.1\r\nHost: h\r\n\r\r\n\r\n",
            bad,
            "A field line has no colon.",
        ),
    ]);
}

#[test]
fn request_content() {
    check_fine(&[
        ("9112 §6.2 Content-Length", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "/a"),
        ("9110 §9.3.1 content of GET", b"GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /", "/a"),
        ("9110 §8.6 a length of 0", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "/a"),
        ("9110 §8.6 zeros before it", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0005\r\n\r\nhello", "/a"),
        ("9112 §7.1 chunks", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "/a"),
        ("9112 §7.1 none but the last", b"POST /a HTTP/1.1\r\nHost: h\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n", "/a"),
        ("9112 §7.1.1 extensions, §7.1.2 trailers", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\nx\r\n0\r\nHost: g\r\nA:\r\n\r\n", "/a"),
        ("9110 §6.6.2 trailers that are announced", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: A, Host\r\n\r\n0\r\nA: b\r\n\r\n", "/a"),
        ("9112 §7.1.1 bad white space", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1 ; a = \"\\\"\" ;b\r\nx\r\n0\r\n\r\n", "/a"),
        ("9112 §6.1 empty elements", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: , chunked ,\r\n\r\n0\r\n\r\n", "/a"),
    ]);
    let bad = "400 Bad Request";
    let both = "Both Transfer-Encoding and Content-Length are present.";
    let (number, several) =
        ("The Content-Length is not a number.", "There is more than one Content-Length.");
    let coding = "The last transfer coding is not chunked.";
    let only = "The only transfer coding here is chunked.";
    let malformed = "The chunked content is malformed.";
    let frames = "A trailer must not frame the request.";
    check_refused(&[
        ("9112 §6.3 both, CL.TE", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, both),
        ("9112 §6.3 both, TE.CL", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", bad, both),
        ("9112 §6.3 both, and the coding unknown", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\nContent-Length: 5\r\n\r\nhello", bad, both),
        ("9112 §6.3 both, and the length 0", b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", bad, both),
        ("9112 §6.3 two different lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", bad, several),
        ("9112 §6.3 two equal lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", bad, several),
        ("9112 §6.3 a list of lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello", bad, number),
        ("9110 §8.6 no length", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", bad, number),
        ("9110 §8.6 a sign", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello", bad, number),
        ("9110 §8.6 a negative length", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", bad, number),
        ("9110 §8.6 hexadecimal", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello", bad, number),
        ("9110 §8.6 more than 64 bits", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\nhello", bad, number),
        ("9112 §6.1 chunked in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, "HTTP/1.0 has no Transfer-Encoding."),
        ("9112 §6.3 chunked is not the last", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", bad, coding),
        ("9112 §6.3 an unknown coding alone", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", bad, coding),
        ("9112 §6.3 identity is none any more", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", bad, coding),
        ("9112 §6.3 an empty field", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n", bad, coding),
        ("9112 §6.1 parameters of chunked", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;a\r\n\r\n0\r\n\r\n", bad, coding),
        ("9112 §7.1 chunked twice", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", bad, "Chunked may be applied but once."),
        ("9112 §7.1 chunked twice, in two fields", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, "Chunked may be applied but once."),
        ("9112 §6.1 a coding that is not known", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 Not Implemented", only),
        ("9112 §6.1 in two fields", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501 Not Implemented", only),
        ("9112 §7.1 a size that is none", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", bad, malformed),
        ("9112 §7.1 more than a chunk's size", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a bare LF", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 a bare CR in an extension", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;\rx\r\nx\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 words behind a size", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0 5\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 a quoted-string without end", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 an extension without a name", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 a control character", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;\x01\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.2 a trailer without a colon", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx\r\n\r\n", bad, malformed),
        ("9112 §5.2 a trailer that goes on", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n X: y\r\n\r\n", bad, malformed),
        ("9112 §5.1 a space before a trailer's colon", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n", bad, malformed),
        ("9112 §7.1.2 a request in the trailers", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", bad, malformed),
        ("9112 §7.1.2 obs-fold in a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n z\r\n\r\n", bad, malformed),
        ("9110 §5.5 NUL in a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: \0\r\n\r\n", bad, malformed),
        ("9112 §2.2 a bare CR in a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\rb\r\n\r\n", bad, malformed),
        ("9112 §2.2 a bare LF behind a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\nGET / HTTP/1.1\r\n\r\n", bad, malformed),
        ("9110 §6.5.1 a length in the trailers", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n", bad, malformed),
        ("9110 §6.5.1 a coding in the trailers", b"HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\ntransfer-encoding: chunked\r\n\r\n", bad, malformed),
        ("9110 §6.6.2 a length announced", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: a, Content-length\r\n\r\n0\r\n\r\n", bad, frames),
        ("9112 §7.1 a space before CR LF", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a size that is empty", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 0x", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a sign", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a size that overflows", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9110 §9.3.2 malformed content of HEAD", b"HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", bad, malformed),
    ]);
}

/// Content is read to its end as long as that is cheap; else the answer comes at once, and closes.
#[test]
fn content_beyond_its_bound() {
    let fine = ok("/a");
    let rows: [(&str, &[u8], &[u8], End); 9] = [
        ("at the bound", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 16\r\n\r\n0123456789abcdef", &fine, End::Idle),
        ("beyond it", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 17\r\n\r\n0123456789abcdefg", &last(&fine), End::Lingers),
        ("beyond it, and nothing came", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 17\r\n\r\n", &last(&fine), End::Lingers),
        ("terabytes", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999\r\n\r\n", &last(&fine), End::Lingers),
        ("chunks at the bound", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n", &fine, End::Idle),
        ("chunks beyond it", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nabcdefg\r\n0\r\n\r\n", &last(&fine), End::Lingers),
        ("a chunk that never ends", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\nabcdefghijkl", &last(&fine), End::Lingers),
        ("a size of zeros that never ends", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000000000", &last(&fine), End::Lingers),
        ("what comes beyond it is not judged", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\nxx", &last(&fine), End::Lingers),
    ];
    for (rule, input, output, end) in rows {
        let rule = format!("9112 §9.3 content, {rule}");
        check(&FIXED, &small(), &rule, input, output, end);
    }
}

#[test]
fn persistence() {
    let fine = ok("/a");
    let rows: [(&str, &[u8], Vec<u8>, End); 16] = [
        ("9112 §9.3 1.1 persists", b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", fine.clone(), End::Idle),
        ("9112 §9.6 close", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 in any case", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 in a list", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: TE, close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 in a second field", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: TE\r\nConnection: close\r\n\r\n", last(&fine), End::Closed),
        ("9112 §9.3 close before keep-alive", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 a word that only begins so", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", fine.clone(), End::Idle),
        ("9112 §9.3 keep-alive in 1.1", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", fine.clone(), End::Idle),
        ("9110 §7.8 Upgrade is not followed", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", fine.clone(), End::Idle),
        ("9112 §9.3 1.0 closes", b"GET /a HTTP/1.0\r\n\r\n", last(&fine), End::Closed),
        ("9112 §9.3 1.0 with a host", b"GET /a HTTP/1.0\r\nHost: h\r\n\r\n", last(&fine), End::Closed),
        ("9112 §C.2.2 1.0 with keep-alive", b"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", kept(&fine), End::Idle),
        ("9112 §C.2.2 1.0 with both", b"GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §9.3.2 HEAD in 1.0", b"HEAD /a HTTP/1.0\r\n\r\n", head(last(&fine)), End::Closed),
        ("9112 §9.3 1.0 with content", b"POST /a HTTP/1.0\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx", kept(&fine), End::Idle),
        ("9112 §9.3 close with content", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", last(&fine), End::Closed),
    ];
    for (rule, input, output, end) in rows {
        check(&FIXED, &Limits::default(), rule, input, &output, end);
    }
}

#[test]
fn one_answer_after_the_other() {
    let a = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let not_found = answer("404 Not Found", TEXT, "nothing\n");
    let unsatisfied = answer("416 Range Not Satisfiable", "Content-Range: bytes */9\r\n", "");
    let range = answer(
        "206 Partial Content",
        "Content-Type: text/plain\r\nContent-Range: bytes 3-5/9\r\n",
        "345",
    );
    let not_modified = bare("304 Not Modified", "ETag: \"1\"\r\n");
    let made = answer("200 OK", "", MADE.concat());
    let post = "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nGET";
    let chunked =
        "POST /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let close = "GET /e HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let rows: [(&str, Vec<String>, Vec<Vec<u8>>, End); 12] = [
        ("GET and GET", vec![a.into(), get("/b")], vec![ok("/a"), ok("/b")], End::Idle),
        (
            "GET, HEAD, GET",
            vec![a.into(), a.replace("GET", "HEAD"), get("/b")],
            vec![ok("/a"), head(ok("/a")), ok("/b")],
            End::Idle,
        ),
        ("after 304", vec![get("/304"), a.into()], vec![not_modified, ok("/a")], End::Idle),
        (
            "after 204",
            vec![get("/204"), a.into()],
            vec![bare("204 No Content", ""), ok("/a")],
            End::Idle,
        ),
        ("after 404", vec![get("/404"), a.into()], vec![not_found, ok("/a")], End::Idle),
        ("after 416", vec![get("/416"), a.into()], vec![unsatisfied, ok("/a")], End::Idle),
        ("after a range", vec![get("/range"), a.into()], vec![range, ok("/a")], End::Idle),
        (
            "after nothing",
            vec![get("/empty"), a.into()],
            vec![answer("200 OK", "", ""), ok("/a")],
            End::Idle,
        ),
        (
            "after a body made in pieces",
            vec![a.into(), get("/made"), get("/made"), a.into()],
            vec![ok("/a"), made.clone(), made, ok("/a")],
            End::Idle,
        ),
        (
            "between content",
            vec![post.into(), a.into(), chunked.into(), post.into()],
            vec![ok("/c"), ok("/a"), ok("/d"), ok("/c")],
            End::Idle,
        ),
        ("up to close", vec![a.into(), close.into()], vec![ok("/a"), last(ok("/e"))], End::Closed),
        (
            "up to a refusal",
            vec![a.into(), "GET\r\n".into()],
            vec![ok("/a"), refused("400 Bad Request", WORDS)],
            End::Lingers,
        ),
    ];
    for (rule, input, output, end) in rows {
        let rule = format!("9112 §9.3.2 {rule}");
        let (input, output) = (input.concat(), output.concat());
        // In batches and one by one: what leaves is the same.
        for batch_bytes in [1, 150, 64 << 10] {
            let limits = Limits { batch_bytes, ..Limits::default() };
            check(&FIXED, &limits, &rule, input.as_bytes(), &output, end);
        }
    }
}

#[test]
fn a_pipelined_batch_leaves_in_one_write() {
    let mut client = Client::new(&FIXED, &Limits::default());
    client.receive(&NEXT.repeat(10));
    let chunk = client.chunk();
    assert_eq!(chunk.bytes, ok("/next").repeat(10));
    assert!(chunk.file.is_none());
}

#[test]
fn expectations() {
    let fine = ok("/a");
    let rows: [(&str, &[u8], Vec<u8>, End); 6] = [
        ("9110 §10.1.1 100-continue", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", last(&fine), End::Lingers),
        ("9110 §10.1.1 in any case, with chunks", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n", last(&fine), End::Lingers),
        ("9110 §10.1.1 content that comes all the same", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", last(&fine), End::Lingers),
        ("9110 §10.1.1 without content", b"GET /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", fine.clone(), End::Idle),
        ("9110 §10.1.1 ignored in 1.0", b"PUT /a HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", last(&fine), End::Closed),
        ("9110 §10.1.1 an unknown one ignored in 1.0", b"GET /a HTTP/1.0\r\nExpect: x\r\n\r\n", last(&fine), End::Closed),
    ];
    for (rule, input, output, end) in rows {
        check(&FIXED, &Limits::default(), rule, input, &output, end);
    }
    let (status, reason) = ("417 Expectation Failed", "The only expectation is 100-continue.");
    check_refused(&[
        (
            "9110 §15.5.18 another",
            b"GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n",
            status,
            reason,
        ),
        (
            "9110 §15.5.18 another beside it",
            b"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue, x=y\r\n\r\n",
            status,
            reason,
        ),
    ]);
}

/// Each bound exactly, and one byte or line beyond it.
#[test]
fn bounds_of_a_head() {
    let line = |bytes: usize| {
        let target = "x".repeat(bytes - "GET / HTTP/1.1\r\n".len());
        (format!("GET /{target} HTTP/1.1\r\nHost: h\r\n\r\n"), format!("/{target}"))
    };
    // With its last, empty line.
    let section = |bytes: usize| {
        let value = "x".repeat(bytes - "Host: h\r\nA: \r\n\r\n".len());
        format!("GET /a HTTP/1.1\r\nHost: h\r\nA: {value}\r\n\r\n")
    };
    let lines = |count: usize| {
        format!("GET /a HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(count - 1))
    };
    let long = refused("414 URI Too Long", "The request-line is too long.");
    let method = refused("501 Not Implemented", "No method is that long.");
    let large = refused("431 Request Header Fields Too Large", "The field section is too large.");
    let many = refused("431 Request Header Fields Too Large", "There are too many field lines.");
    let endless = |byte: &str| byte.repeat(90);
    let (fine, a) = (End::Idle, ok("/a"));
    let rows: [(&str, String, Vec<u8>, End); 10] = [
        ("9112 §3 a request-line at its bound", line(80).0, ok(&line(80).1), fine),
        ("9112 §3 a request-line beyond it", line(81).0, long.clone(), End::Lingers),
        (
            "9112 §3 a request-line without end",
            format!("GET /{}", endless("x")),
            long.clone(),
            End::Lingers,
        ),
        ("9112 §3 a method without end", endless("x"), method, End::Lingers),
        ("9112 §2.2 empty lines without end", endless("\r\n"), long, End::Lingers),
        ("9110 §5.4 a field section at its bound", section(64), a.clone(), fine),
        ("6585 §5 a field section beyond it", section(65), large.clone(), End::Lingers),
        (
            "6585 §5 a field line without end",
            format!("GET / HTTP/1.1\r\nA: {}", endless("x")),
            large,
            End::Lingers,
        ),
        ("9110 §5.4 field lines at their bound", lines(4), a, fine),
        ("6585 §5 field lines beyond it", lines(5), many, End::Lingers),
    ];
    for (rule, input, output, end) in rows {
        check(&FIXED, &small(), rule, input.as_bytes(), &output, end);
    }
}

/// The bounds that the server runs with are those that it promises.
#[test]
fn default_bounds() {
    let limits = Limits::default();
    let line =
        |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(bytes - 16));
    let section = |bytes: usize| {
        format!("GET /a HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "x".repeat(bytes - 16))
    };
    let lines = |count: usize| {
        format!("GET /a HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(count - 1))
    };
    for (input, status) in [
        (line(8 << 10), "200"),
        (line((8 << 10) + 1), "414"),
        (section(32 << 10), "200"),
        (section((32 << 10) + 1), "431"),
        (lines(100), "200"),
        (lines(101), "431"),
    ] {
        let input = input.as_bytes();
        let whole = run(&FIXED, &limits, &[input], usize::MAX);
        assert_eq!(show(&whole.output)[9..12], *status);
        for cut in (1..input.len()).step_by(509) {
            let (first, second) = input.split_at(cut);
            let found = run(&FIXED, &limits, &[first, second], usize::MAX);
            assert_eq!(found.output, whole.output);
            assert!(found.held_bytes < 128 << 10, "{}", found.held_bytes);
        }
    }
}

#[test]
fn heads_that_take_too_long() {
    let timeout = refused("408 Request Timeout", "The request took too long.");
    let rows: [(&str, &[u8]); 5] = [
        ("9110 §15.5.9 half a request-line", b"GET / HT"),
        ("9110 §15.5.9 half a field section", b"GET / HTTP/1.1\r\nHost: h\r\n"),
        (
            "9110 §15.5.9 half the content",
            b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel",
        ),
        (
            "9110 §15.5.9 half the chunks",
            b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        ),
        ("9110 §15.5.9 behind an empty line", b"\r\nGET / HT"),
    ];
    for (rule, input) in rows {
        for before in [&b""[..], NEXT] {
            let mut client = Client::new(&FIXED, &Limits::default());
            assert_eq!(client.send(&[before, input].concat()), End::Partial, "{rule}");
            let earlier = client.output.len();
            assert_eq!(client.wait(9_999), None, "{rule}");
            assert_eq!(client.wait(1), Some(End::Lingers), "{rule}");
            assert_eq!(show(&client.output[earlier..]), show(&timeout), "{rule}");
            check_answers(rule, &client.output, &client.desk.answered);
        }
    }
    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(b"HEAD / HTTP/1.1\r\nHost");
    assert_eq!(client.wait(10_000), Some(End::Lingers));
    assert_eq!(client.output, head(&timeout), "9110 §9.3.2 no content for HEAD");

    // The time runs from the first byte: one byte after the other does not put it off.
    let mut client = Client::new(&FIXED, &Limits::default());
    for byte in b"GET / HTT".chunks(1) {
        assert_eq!(client.send(byte), End::Partial);
        assert_eq!(client.wait(1_100), None);
    }
    assert_eq!(client.wait(100), Some(End::Lingers));

    // A head that came behind another gets its own time, from when the answer had left.
    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(b"GET /a HTTP/1.1\r\n");
    client.wait(9_000);
    client.send(b"Host: h\r\n\r\nGET");
    assert_eq!(client.wait(9_999), None);
    assert_eq!(client.wait(1), Some(End::Lingers));
}

/// RFC 9112 §9.5: nobody is told when nothing was asked.
#[test]
fn idle_connections_end_without_a_word() {
    let mut client = Client::new(&FIXED, &Limits::default());
    assert_eq!(client.drive(), End::Idle);
    assert_eq!(client.wait(59_999), None);
    assert_eq!(client.wait(1), Some(End::Closed));
    assert_eq!(show(&client.output), "");

    let mut client = Client::new(&FIXED, &Limits::default());
    client.wait(50_000);
    assert_eq!(client.send(NEXT), End::Idle);
    assert_eq!(client.wait(59_999), None);
    assert_eq!(client.wait(1), Some(End::Closed));
    assert_eq!(client.output, ok("/next"));

    // An empty line is no request, so no 408, which a client would take for its next answer.
    let mut client = Client::new(&FIXED, &Limits::default());
    assert_eq!(client.send(&[NEXT, b"\r\n"].concat()), End::Partial);
    assert_eq!(client.wait(10_000), Some(End::Closed));
    assert_eq!(client.output, ok("/next"));
    assert_eq!(client.desk.answered.len(), 1);
}

/// Sends nothing by itself: the steps are taken one by one.
fn half_sent(request: &[u8], bytes: usize) -> Client<'static> {
    let mut client = Client::new(&FIXED, &Limits::default());
    client.receive(request);
    let sent = client.chunk().bytes[..bytes].to_vec();
    client.output.extend_from_slice(&sent);
    client.sent(bytes);
    client
}

const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn clients_that_do_not_read() {
    // Nothing is taken: 30 s.
    let mut client = half_sent(LARGE, 1_000);
    assert!(client.connection.deadline_milliseconds() == client.desk.now.milliseconds + 30_000);
    client.desk.now.set(31_000, client.desk.now.date);
    client.connection.expired(&mut client.desk);
    assert_eq!(client.drive(), End::Closed);
    let head = head_length(&ok(&"x".repeat(100_000))) as u64;
    let aborted = Answered {
        record: b"GET /large HTTP/1.1".to_vec(),
        status: Status::Ok,
        content_bytes: 1_000 - head,
    };
    assert_eq!(client.desk.answered, [aborted]);

    // A few bytes now and then are no progress; 4 KiB are.
    let mut client = half_sent(LARGE, 1_000);
    for _ in 0..30 {
        client.desk.now.set(client.desk.now.milliseconds + 900, client.desk.now.date);
        client.sent(100);
    }
    assert_eq!(client.connection.deadline_milliseconds(), 31_000);
    client.sent(96);
    assert_eq!(client.connection.deadline_milliseconds(), client.desk.now.milliseconds + 30_000);
}

#[test]
fn lingering() {
    // RFC 9112 §9.6: the client can read the answer, for so long, and send so much.
    let mut client = Client::new(&FIXED, &small());
    assert_eq!(client.send(b"GET\r\n"), End::Lingers);
    assert_eq!(client.wait(9_999), None);
    assert_eq!(client.wait(1), Some(End::Closed));

    let mut client = Client::new(&FIXED, &small());
    assert_eq!(client.send(b"GET\r\n"), End::Lingers);
    assert_eq!(client.send(&[b'x'; 99]), End::Lingers);
    assert_eq!(client.send(b"x"), End::Closed);
    assert_eq!(client.connection.held_bytes(), 0);

    let mut client = Client::new(&FIXED, &small());
    assert_eq!(client.send(b"GET\r\n"), End::Lingers);
    assert_eq!(client.end(), End::Closed);
}

#[test]
fn draining() {
    // Idle: at once. Half a head: it is answered, as the last.
    let mut client = Client::new(&FIXED, &Limits::default());
    client.drive();
    assert_eq!(client.drain(), End::Closed);

    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(&NEXT[..9]);
    assert_eq!(client.drain(), End::Partial);
    assert_eq!(client.send(&NEXT[9..]), End::Closed);
    assert_eq!(client.output, last(ok("/next")));

    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    assert_eq!(client.drain(), End::Partial);
    assert_eq!(client.send(b"llo"), End::Closed);
    assert_eq!(client.output, last(ok("/a")));

    // What is being sent is sent to its end; of two requests that wait, the first is answered.
    let mut client = half_sent(&[LARGE, NEXT, NEXT].concat(), 1_000);
    assert_eq!(client.drain(), End::Lingers);
    let large = ok(&"x".repeat(100_000));
    assert_eq!(client.output, [&large[..], &last(ok("/next"))].concat());
}

/// What a client owes when the server is told to stop is waited for a second, and no longer: half
/// a head, half of its content, the end of what it sends after the last answer.
#[test]
fn draining_gives_up_what_is_not_complete() {
    let limits = Limits::default();
    let content = b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe";
    let refused: &[u8] = b"GET /a HTTP/1.1\r\n\r\n";
    for (what, input, waits) in [
        ("half a head", &NEXT[..9], End::Partial),
        ("an empty line", b"\r\n", End::Partial),
        ("half of the content", content, End::Partial),
        ("a last answer that is read", refused, End::Lingers),
    ] {
        let mut client = Client::new(&FIXED, &limits);
        client.send(input);
        let answered = client.output.len();
        assert_eq!(client.drain(), waits, "{what}");
        assert_eq!(client.wait(limits.drain_milliseconds - 1), None, "{what}");
        assert_eq!(client.wait(1), Some(End::Closed), "{what}");
        // Nobody is told 408: the request was fine, as far as it had come.
        assert_eq!(client.output.len(), answered, "{what}");
    }
    // What comes after the signal gets no more time than what came before.
    let mut client = half_sent(&[LARGE, &NEXT[..9]].concat(), 1_000);
    assert_eq!(client.drain(), End::Partial);
    assert_eq!(client.wait(limits.drain_milliseconds), Some(End::Closed));
}

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
    assert_eq!(client.desk.answered, expected);

    // Gone in the middle of the second: its record says how far it came, and the third's nothing.
    let first = ok("/next").len();
    let head = head_length(&ok("/next"));
    for (bytes, sent) in [(first, 0), (first + head, 0), (first + head + 2, 2)] {
        let mut client = half_sent(&NEXT.repeat(3), bytes);
        assert_eq!(client.desk.answered.len(), 1);
        client.connection.abandon(&mut client.desk);
        let counts: Vec<u64> =
            client.desk.answered.iter().map(|answered| answered.content_bytes).collect();
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

/// RFC 9110 §8.6: GET and HEAD say the same, for whatever there is.
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
                let end = head_length(&get);
                assert_eq!(show(&head), show(&get[..end]), "{target} {fields}");
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
