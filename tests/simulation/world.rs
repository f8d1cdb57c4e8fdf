//! What clients share: resources that change, the clock, and what answers.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use crate::support::random::Random;

use ipv6_httpd::http::buffers::Buffers;
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::request::{Method, Request};
use ipv6_httpd::http::responder::{Answer, Answered, Reply, Responder, Unreadable};
use ipv6_httpd::http::response::{Body, Produce, Reading, Response, Segment};
use ipv6_httpd::http::status::{Reject, Status};
use ipv6_httpd::http::target::Target;

use super::client::Client;
use super::{CLIENTS, Tally};

/// All content is a piece of this, from a place that tells one version from another.
const PATTERN_BYTES: usize = 8_192;

fn pattern() -> &'static [u8; 2 * PATTERN_BYTES] {
    static PATTERN: std::sync::OnceLock<[u8; 2 * PATTERN_BYTES]> = std::sync::OnceLock::new();
    PATTERN.get_or_init(|| {
        let mut random = Random::new(7);
        let mut bytes = [0; 2 * PATTERN_BYTES];
        for at in 0..PATTERN_BYTES {
            bytes[at] = random.next() as u8;
            bytes[at + PATTERN_BYTES] = bytes[at];
        }
        bytes
    })
}

/// Bytes of a version, piece by piece.
pub fn pieces(key: u64, range: Range<u64>) -> impl Iterator<Item = &'static [u8]> {
    let mut offset = range.start;
    std::iter::from_fn(move || {
        let length = (range.end - offset).min(PATTERN_BYTES as u64) as usize;
        let start = (key.wrapping_mul(31).wrapping_add(offset) % PATTERN_BYTES as u64) as usize;
        offset += length as u64;
        (length > 0).then(|| &pattern()[start..start + length])
    })
}

pub fn append(key: u64, range: Range<u64>, out: &mut Vec<u8>) {
    for piece in pieces(key, range) {
        out.extend_from_slice(piece);
    }
}

/// Descriptors that stand for files: what one reads is decided here, not by a file system.
pub struct Handles {
    files: Vec<Arc<File>>,
    /// Of each: which version it is, and how long it is now.
    versions: Vec<(u64, u64)>,
    pub first: i32,
    by_descriptor: Vec<usize>,
}

impl Handles {
    pub fn new() -> Handles {
        let files: Vec<Arc<File>> =
            (0..192).map(|_| Arc::new(File::open("/dev/null").expect("/dev/null"))).collect();
        let descriptors = || files.iter().map(|file| file.as_raw_fd());
        let first = descriptors().min().expect("some");
        let last = descriptors().max().expect("some");
        let mut by_descriptor = vec![usize::MAX; (last - first + 1) as usize];
        for (at, descriptor) in descriptors().enumerate() {
            by_descriptor[(descriptor - first) as usize] = at;
        }
        Handles { versions: vec![(0, 0); files.len()], files, first, by_descriptor }
    }

    /// One that nothing refers to any more.
    fn free(&mut self) -> usize {
        let free = |file: &Arc<File>| Arc::strong_count(file) == 1;
        self.files.iter().position(free).expect("more handles than answers on their way")
    }

    pub fn of(&self, file: &File) -> (u64, u64) {
        self.versions[self.by_descriptor[(file.as_raw_fd() - self.first) as usize]]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Missing,
    Empty,
    Small,
    File,
    Multipart,
    Produced,
    NotModified,
}

/// What a name leads to at the moment.
#[derive(Debug)]
struct Resource {
    pub kind: Kind,
    pub key: u64,
    pub length: u64,
    /// Keeps the handle, as a site keeps a file open.
    pub file: Option<(usize, Arc<File>)>,
}

pub const NAMES: u64 = 12;

pub struct World<'h> {
    pub random: Random,
    pub handles: &'h mut Handles,
    /// As a worker has them, for all its connections.
    buffers: Buffers,
    resources: Vec<Resource>,
    pub now: Now,
    pub limits: Limits,
    pub tally: Tally,
}

impl<'h> World<'h> {
    /// From the first connection to the end of the last.
    pub fn run(seed: u64, handles: &'h mut Handles) -> Tally {
        let limits = Limits::default();
        let mut world = World {
            random: Random::new(seed ^ 0x5eed),
            handles,
            buffers: Buffers::default(),
            resources: Vec::new(),
            now: Now::new(1_000, HttpDate(1_795_435_200)),
            limits,
            tally: Tally::default(),
        };
        for _ in 0..NAMES {
            world.resources.push(Resource { kind: Kind::Missing, key: 0, length: 0, file: None });
        }
        for name in 0..NAMES as usize {
            world.change(name);
        }
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new(&mut world)).collect();
        // An operator stops some servers; a board that slept finds that hours have passed.
        let mut drain = world.random.one_in(12).then(|| world.random.between(1_000, 40_000));
        let mut jump = world.random.one_in(6).then(|| world.random.between(1_000, 60_000));
        let mut events = 0;
        while let Some(at) =
            clients.iter().enumerate().filter_map(|(at, client)| Some((client.wake?, at))).min()
        {
            let (mut moment, at) = at;
            events += 1;
            assert!(events < 2_000_000, "the world does not come to an end");
            moment = moment.max(world.now.milliseconds);
            if jump.is_some_and(|jump| jump <= moment) {
                jump = None;
                moment += 1 << world.random.between(10, 30);
                world.tally.jumps += 1;
                for client in &mut clients {
                    client.disturbed |= client.wake.is_some();
                }
            }
            world.set_time(moment);
            if drain.is_some_and(|drain| drain <= moment) {
                drain = None;
                for client in clients.iter_mut().filter(|client| client.started) {
                    client.drain(&mut world);
                }
                continue;
            }
            if world.random.one_in(4) {
                let name = world.random.below(NAMES) as usize;
                world.change(name);
            }
            clients[at].live(&mut world);
        }
        for client in &clients {
            client.check(&world.limits, &mut world.tally);
        }
        world.tally.connections += CLIENTS;
        world.tally
    }

    fn set_time(&mut self, milliseconds: u64) {
        let seconds = 1_795_435_200 + (milliseconds / 1_000) as i64;
        self.now.set(milliseconds, HttpDate(seconds));
    }

    /// A resource becomes another, or its file is changed in place.
    fn change(&mut self, name: usize) {
        let random = &mut self.random;
        if let (Some((handle, _)), true) = (&self.resources[name].file, random.one_in(3)) {
            let (_, length) = &mut self.handles.versions[*handle];
            *length = match random.below(4) {
                0 => 0,
                1 => *length / 2,
                2 => length.saturating_sub(1),
                _ => *length + random.below(100),
            };
            self.resources[name].length = *length;
            if *length < 2 {
                // Whoever looks now sees it: an empty file has no parts.
                self.resources[name].kind = Kind::File;
            }
            return;
        }
        let kinds = [
            Kind::Missing,
            Kind::Empty,
            Kind::Small,
            Kind::Small,
            Kind::File,
            Kind::File,
            Kind::File,
            Kind::Multipart,
            Kind::Produced,
            Kind::NotModified,
        ];
        let kind = *random.of(&kinds);
        let key = random.next();
        let length = match (kind, random.below(64)) {
            (Kind::Missing, _) => 10,
            (Kind::Empty, _) => 0,
            (Kind::Small | Kind::NotModified, _) => random.below(2_000),
            (Kind::File, 0) => random.below(3_000_000),
            (Kind::File, 1..=6) => random.below(200_000),
            (Kind::File, _) => random.below(9_000),
            (Kind::Multipart, _) => random.between(2, 50_000),
            (Kind::Produced, _) => random.between(1, 20_000),
        };
        let needs_file = matches!(kind, Kind::File | Kind::Multipart);
        // The old one first: its handle may be the last that is free.
        self.resources[name].file = None;
        let file = needs_file.then(|| {
            let handle = self.handles.free();
            self.handles.versions[handle] = (key, length);
            (handle, Arc::clone(&self.handles.files[handle]))
        });
        self.resources[name] = Resource { kind, key, length, file };
    }
}

/// A body that is made while it is sent.
#[derive(Debug)]
struct Pieces {
    pub key: u64,
    pub next: u64,
    pub length: u64,
    piece: u64,
}

impl Produce for Pieces {
    fn length(&self) -> u64 {
        self.length
    }

    fn produce(&mut self, out: &mut Vec<u8>) {
        let end = (self.next + self.piece).min(self.length);
        append(self.key, self.next..end, out);
        self.next = end;
    }
}

/// An answer as the world gave it: what must be on the wire follows from this and the request.
#[derive(Debug)]
pub struct Given {
    /// As the connection told it: the request-line, and the status of a reject.
    pub line: Vec<u8>,
    pub reject: Option<Status>,
    pub kind: Kind,
    pub key: u64,
    pub length: u64,
    pub parts: Vec<Range<u64>>,
    pub status: Status,
    pub has_record: bool,
    pub milliseconds: u64,
    pub date: HttpDate,
    /// So many bytes of the script had come.
    pub came: u64,
    /// When bytes of an earlier answer were last taken.
    pub last_sent: u64,
}

/// What comes later.
#[derive(Debug)]
pub enum Pending {
    Answer(Box<Given>, Body),
    Part(Arc<File>, Range<u64>),
}

pub const MISSING: &[u8] = b"not here\r\n";

pub const REFUSED: &[u8] = b"no\r\n";

pub const PART_HEAD: &[u8] = b"\r\n--part\r\n\r\n";

pub const PART_END: &[u8] = b"\r\n--part--\r\n";

/// What a connection asks, for one client.
pub struct TestResponder<'w, 'h> {
    pub world: &'w mut World<'h>,
    pub given: &'w mut Vec<Given>,
    /// What comes later, and when.
    pub pending: &'w mut Option<(u64, Pending)>,
    pub records: &'w mut Vec<Answered<Vec<u8>>>,
    pub came: u64,
    pub last_sent: u64,
}

impl Responder for TestResponder<'_, '_> {
    type Record = Vec<u8>;
    type ReadError = ();

    fn limits(&self) -> &Limits {
        &self.world.limits
    }

    fn now(&self) -> &Now {
        &self.world.now
    }

    fn buffers(&mut self) -> &mut Buffers {
        &mut self.world.buffers
    }

    fn is_turn_over(&mut self) -> bool {
        self.world.random.one_in(4)
    }

    fn respond_again(&mut self, _: &Request<'_>, _: Unreadable<()>) -> Reply<Vec<u8>> {
        panic!("a file that cannot be read is gone here")
    }

    fn fetch(&mut self, file: &Arc<File>, range: Range<u64>) {
        assert!(self.pending.is_none(), "asks before the part has come");
        assert!(!range.is_empty(), "asks for nothing");
        let moment = self.world.now.milliseconds + self.world.random.below(5_000);
        *self.pending = Some((moment, Pending::Part(Arc::clone(file), range)));
    }

    fn respond(&mut self, request: &Request<'_>) -> Reply<Vec<u8>> {
        let now = self.world.now;
        let world = &mut *self.world;
        let name = match request.target {
            Target::Path { path, .. } => name_of(path),
            Target::Asterisk | Target::Authority => 0,
        };
        let resource = &world.resources[name];
        let (kind, key, length) = (resource.kind, resource.key, resource.length);
        let mut parts = Vec::new();
        let (status, body) = match request.method {
            Method::Options => (Status::NoContent, Body::empty()),
            Method::Unknown => (Status::NotImplemented, Body::bytes(MISSING.to_vec())),
            Method::Get | Method::Head => match (kind, &resource.file) {
                (Kind::Empty, _) => (Status::Ok, Body::empty()),
                (Kind::Small | Kind::NotModified, _) => {
                    let mut bytes = Vec::new();
                    append(key, 0..length, &mut bytes);
                    let status = match kind {
                        Kind::Small => Status::Ok,
                        _ => Status::NotModified,
                    };
                    (status, Body::bytes(bytes))
                }
                (Kind::Produced, _) => {
                    let piece = world.random.between(1, 5_000);
                    let source = Pieces { key, next: 0, length, piece };
                    (Status::Ok, Body::Produced(Box::new(source)))
                }
                (Kind::File, Some((_, file))) => {
                    (Status::Ok, Body::file(Arc::clone(file), 0..length))
                }
                (Kind::Multipart, Some((_, file))) => {
                    for _ in 0..world.random.between(1, 4) {
                        let start = world.random.below(length);
                        parts.push(start..world.random.between(start + 1, length));
                    }
                    let part = |range: &Range<u64>| {
                        let head = Segment::Bytes(PART_HEAD.to_vec());
                        [head, Segment::File(Arc::clone(file), range.clone())]
                    };
                    let end = [Segment::Bytes(PART_END.to_vec())];
                    let segments = parts.iter().flat_map(part).chain(end).collect();
                    (Status::PartialContent, Body::several(segments))
                }
                _ => (Status::NotFound, Body::bytes(MISSING.to_vec())),
            },
            _ => (Status::MethodNotAllowed, Body::bytes(MISSING.to_vec())),
        };
        let reading = if world.random.one_in(4) { Reading::Fetched } else { Reading::Tried };
        let body = body.read_as(reading);
        let is_read = matches!(request.method, Method::Get | Method::Head);
        let given = Given {
            line: request.line.to_vec(),
            reject: None,
            kind: if is_read { kind } else { Kind::Missing },
            key,
            length,
            parts,
            status,
            has_record: !world.random.one_in(16),
            milliseconds: now.milliseconds,
            date: now.date,
            came: self.came,
            last_sent: self.last_sent,
        };
        if world.random.one_in(8) {
            assert!(self.pending.is_none(), "asks before the answer has come");
            let moment = now.milliseconds + world.random.below(5_000);
            *self.pending = Some((moment, Pending::Answer(Box::new(given), body)));
            return Reply::Later;
        }
        Reply::Ready(self.give(given, body))
    }

    fn reject(&mut self, reject: Reject, line: &[u8]) -> Answer<Vec<u8>> {
        let now = self.world.now;
        let given = Given {
            line: line.to_vec(),
            reject: Some(reject.status),
            kind: Kind::Missing,
            key: 0,
            length: 0,
            parts: Vec::new(),
            status: reject.status,
            has_record: true,
            milliseconds: now.milliseconds,
            date: now.date,
            came: self.came,
            last_sent: self.last_sent,
        };
        self.give(given, Body::bytes(REFUSED.to_vec()))
    }

    fn answered(&mut self, answered: Answered<Vec<u8>>) {
        self.records.push(answered);
    }
}

impl TestResponder<'_, '_> {
    /// What was to come later, if its time has come.
    pub fn take_pending(&mut self) -> Option<Pending> {
        let now = self.world.now;
        self.pending.take_if(|(due, _)| *due <= now.milliseconds).map(|(_, pending)| pending)
    }

    pub fn give(&mut self, given: Given, body: Body) -> Answer<Vec<u8>> {
        let number = self.given.len().to_string();
        let response = Response::new(given.status).with("X-Number", &number).with_body(body);
        let record = given.has_record.then(|| number.into_bytes());
        self.given.push(given);
        Answer { response, record }
    }
}

/// `/r7`, `/r7/x`: whatever stands behind the number.
fn name_of(path: &[u8]) -> usize {
    let digits = path.iter().skip(2).take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0, |number: u64, &byte| number * 10 + u64::from(byte - b'0'));
    (number % NAMES) as usize
}
