//! The protocol core (RFC 9112, and RFC 9110 where it speaks of messages): rows of bytes in and
//! bytes out, through a `Connection` without a socket or a clock. Each row runs whole, cut in two at
//! every byte, byte by byte, half-closed, and with bytes behind it.

mod bounds;
mod persistence;
mod requests;
mod responses;

use crate::support::drive::{Client, End, Served, answer, check, head, last};

use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::request::Request;
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

/// Sends nothing by itself: the steps are taken one by one.
fn half_sent(request: &[u8], bytes: usize) -> Client<'static> {
    let mut client = Client::new(&FIXED, &Limits::default());
    client.receive(request);
    let sent = client.chunk().bytes[..bytes].to_vec();
    client.output.extend_from_slice(&sent);
    client.sent(bytes);
    client
}
