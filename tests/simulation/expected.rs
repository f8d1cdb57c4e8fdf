//! An answer as it must be, byte for byte, and when its request had come.

use std::fs::File;
use std::ops::Range;

use crate::support::random::Random;

use ipv6_httpd::http::outgoing::Chunk;
use ipv6_httpd::http::status::Status;

use super::client::Reader;
use super::script::{Item, Script, Verdict};
use super::world::{Given, Kind, MISSING, PART_END, PART_HEAD, REFUSED, World, append, pieces};

/// When the bytes of a script come: at once, cut anywhere, or with pauses that nobody minds.
pub fn arrivals(
    random: &mut Random,
    script: &Script,
    start: u64,
    total: u64,
    reader: Reader,
) -> (Vec<(u64, u64)>, u64) {
    let mut arrivals = Vec::new();
    let mut moment = start;
    let mut at = 0;
    let style = random.below(4);
    // As long as may pass between the first byte of a request and its last.
    let mut patience = 8_000;
    let mut boundaries = script.items.iter().map(|item| item.bytes.end as u64).peekable();
    let stall =
        script.items.last().filter(|item| item.verdict == Verdict::Stalls && random.one_in(2));
    while at < total {
        if stall.is_some_and(|item| item.bytes.contains(&(at as usize))) {
            // Byte by byte, and never all of them: each one in time does not help.
            at += 1;
            arrivals.push((moment, at));
            // Empty lines alone are no request, and nobody would be told that it takes too long.
            let is_empty_line = b"\r\n".contains(&script.bytes[at as usize - 1]);
            if !is_empty_line {
                moment += random.between(100, 3_000);
            }
            continue;
        }
        let left = total - at;
        let piece = match style {
            0 => left,
            1 if total < 400 => 1,
            2 => random.between(1, left.min(200)),
            _ => random.between(1, left),
        };
        let next = boundaries.peek().copied().unwrap_or(total).max(at + 1);
        // Pauses between requests are long only where the server has nothing left to send.
        let end = if style == 3 && reader == Reader::Fast { next } else { at + piece };
        let end = end.min(total);
        arrivals.push((moment, end));
        while boundaries.next_if(|boundary| *boundary <= end).is_some() {
            if reader == Reader::Fast && boundaries.peek().is_some() {
                patience = 8_000;
            }
        }
        if style == 3 && reader == Reader::Fast {
            moment += random.below(2) * random.below(55_000);
        } else if !random.one_in(3) {
            let pause = random.below(patience.min(1_000) + 1);
            patience -= pause;
            moment += pause;
        }
        at = end;
    }
    (arrivals, moment)
}

/// Sends as `server::transport` does: from memory first, then from the file. `None`: it ended.
pub fn send(
    chunk: &Chunk<'_>,
    room: u64,
    world: &mut World<'_>,
    output: &mut Vec<u8>,
) -> Option<u64> {
    let from_memory = (chunk.bytes.len() as u64).min(room);
    let mut sent = from_memory;
    let bytes = &chunk.bytes[..from_memory as usize];
    if let Some((file, range)) = &chunk.file {
        assert!(range.start < range.end, "an empty part of a file");
        let (key, length) = world.handles.of(file);
        if length <= range.start {
            return None;
        }
        output.extend_from_slice(bytes);
        if from_memory == chunk.bytes.len() as u64 {
            let most = (range.end.min(length) - range.start).min(room - from_memory);
            let count = most.min(if chunk.bytes.is_empty() { 1 << 20 } else { 64 << 10 });
            append(key, range.start..range.start + count, output);
            sent += count;
        }
    } else {
        output.extend_from_slice(bytes);
    }
    Some(sent)
}

/// A part of a file as somebody else reads it. `None`: the file has become shorter.
pub fn part(file: &File, range: &Range<u64>, world: &mut World<'_>) -> Option<Vec<u8>> {
    let (key, length) = world.handles.of(file);
    let mut bytes = Vec::new();
    append(key, range.start..range.end.min(length).max(range.start), &mut bytes);
    (!bytes.is_empty()).then_some(bytes)
}

/// The bytes of an answer: its head, and what its content is made of.
pub fn wire_form(
    number: usize,
    item: &Item,
    given: &Given,
    closes: bool,
    is_head: bool,
) -> (Vec<u8>, Content) {
    let content = content_of(given);
    let bodiless = matches!(given.status, Status::NoContent | Status::NotModified);
    let date = given.date.text().expect("a date in this century");
    let mut head = format!("HTTP/1.1 {}\r\nDate: ", phrase(given.status)).into_bytes();
    head.extend_from_slice(&date);
    head.extend_from_slice(format!("\r\nX-Number: {number}\r\n").as_bytes());
    if !bodiless {
        // RFC 9110 §8.6: to HEAD the length that GET would have had.
        head.extend_from_slice(format!("Content-Length: {}\r\n", content.length()).as_bytes());
    }
    if closes {
        head.extend_from_slice(b"Connection: close\r\n");
    } else if item.http10 {
        // RFC 9112 §9.3: HTTP/1.0 has to be told that the connection persists.
        head.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let content = if is_head || bodiless { Content(Vec::new()) } else { content };
    (head, content)
}

fn content_of(given: &Given) -> Content {
    if given.reject.is_some() {
        return Content(vec![Source::Bytes(REFUSED)]);
    }
    Content(match given.kind {
        _ if given.status == Status::NoContent => Vec::new(),
        Kind::Missing => vec![Source::Bytes(MISSING)],
        Kind::Empty => Vec::new(),
        Kind::Small | Kind::NotModified | Kind::File | Kind::Produced => {
            vec![Source::Version(given.key, 0..given.length)]
        }
        Kind::Multipart => {
            let mut sources = Vec::new();
            for range in &given.parts {
                sources.push(Source::Bytes(PART_HEAD));
                sources.push(Source::Version(given.key, range.clone()));
            }
            sources.push(Source::Bytes(PART_END));
            sources
        }
    })
}

pub struct Content(Vec<Source>);

enum Source {
    Bytes(&'static [u8]),
    Version(u64, Range<u64>),
}

impl Content {
    fn length(&self) -> u64 {
        let length = |source: &Source| match source {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::Version(_, range) => range.end - range.start,
        };
        self.0.iter().map(length).sum()
    }

    pub fn pieces(&self) -> impl Iterator<Item = &'static [u8]> + '_ {
        self.0.iter().flat_map(|source| {
            let (bytes, key, range) = match source {
                Source::Bytes(bytes) => (*bytes, 0, 0..0),
                Source::Version(key, range) => (&b""[..], *key, range.clone()),
            };
            std::iter::once(bytes).chain(pieces(key, range))
        })
    }
}

/// Takes what is expected from the wire. `false`: the wire ends first.
pub fn take<'e>(wire: &mut &[u8], expected: impl Iterator<Item = &'e [u8]>, item: &Item) -> bool {
    for piece in expected {
        let most = piece.len().min(wire.len());
        let (found, rest) = wire.split_at(most);
        assert!(
            *found == piece[..most],
            "the answer to {item:?}\nshould be {:?}\nand was {:?}",
            piece[..most].escape_ascii().to_string(),
            found.escape_ascii().to_string()
        );
        *wire = rest;
        if most < piece.len() {
            return false;
        }
    }
    true
}

/// RFC 9110 §15.
fn phrase(status: Status) -> &'static str {
    match status.code() {
        200 => "200 OK",
        204 => "204 No Content",
        206 => "206 Partial Content",
        304 => "304 Not Modified",
        400 => "400 Bad Request",
        404 => "404 Not Found",
        405 => "405 Method Not Allowed",
        408 => "408 Request Timeout",
        414 => "414 URI Too Long",
        417 => "417 Expectation Failed",
        // RFC 6585 §5.
        431 => "431 Request Header Fields Too Large",
        501 => "501 Not Implemented",
        505 => "505 HTTP Version Not Supported",
        other => panic!("{other} is not expected here"),
    }
}
