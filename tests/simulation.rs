//! Whole lives of connections, many at a time, against [`Connection`] alone: bytes and time are
//! its arguments, so that nothing here waits for anything, and a seed decides all that happens.
//!
//! Clients send what a [`Script`] says, cut anywhere, early or late; read fast, slowly, a byte a
//! second or never; half-close, reset, or stay. Files change, vanish and shrink meanwhile, and the
//! clock jumps. What must be answered is known where a script is written, from the RFC; what was
//! answered is compared to the byte, and so is every record for the log. A connection that waits
//! must have a deadline, and whatever has one must come to an end.
//!
//! `SIMULATION_SEED` and `SIMULATION_CONNECTIONS` choose another run, or one of them again.

// Out of bounds is a failure like any other.
#![allow(clippy::indexing_slicing)]

mod support;

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use support::random::{Random, number};

use ipv6_httpd::http::buffers::Buffers;
use ipv6_httpd::http::connection::{Connection, Step};
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::outgoing::Chunk;
use ipv6_httpd::http::request::{Method, Request};
use ipv6_httpd::http::responder::{Answer, Answered, Responder, Unreadable};
use ipv6_httpd::http::response::{Body, Produce, Response, Segment};
use ipv6_httpd::http::status::{Reject, Status};
use ipv6_httpd::http::target::Target;

/// Clients that live at the same time, in one world.
const CLIENTS: u64 = 16;
const CONNECTIONS: u64 = 100_000;

#[test]
fn lives_of_connections() {
    let seed: u64 = number("SIMULATION_SEED").unwrap_or(1);
    let connections: u64 = number("SIMULATION_CONNECTIONS").unwrap_or(CONNECTIONS);
    let worlds = connections.div_ceil(CLIENTS);
    let next = AtomicU64::new(0);
    let total = thread::scope(|scope| {
        let work = || {
            let mut handles = Handles::new();
            let mut total = Tally::default();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= worlds {
                    return total;
                }
                let replay = Replay(seed.wrapping_add(at));
                total.add(&World::run(replay.0, &mut handles));
            }
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores.min(8)).map(|_| scope.spawn(work)).collect();
        let mut total = Tally::default();
        for thread in threads {
            total.add(&thread.join().expect("the simulation failed; the seed is above"));
        }
        total
    });
    println!("seed {seed}, {} connections: {total:?}", worlds * CLIENTS);
    assert_eq!(total.connections, worlds * CLIENTS);
    // A simulation that avoids what it is for proves nothing.
    if connections >= 10_000 {
        let rare = [
            ("whole lives", total.exact),
            ("answers", total.answers),
            ("rejects", total.rejects),
            ("time-outs", total.timeouts),
            ("lingering", total.lingered),
            ("broken off", total.broken_off),
            ("shrunk files", total.shrunk),
            ("clock jumps", total.jumps),
            ("drains", total.drained),
            ("starving readers", total.starved),
        ];
        for (what, count) in rare {
            assert!(count * 2_000 >= connections, "too few {what}: {count}");
        }
    }
}

/// Says how to see a failure again.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "to replay: SIMULATION_SEED={} SIMULATION_CONNECTIONS={CLIENTS} \
                 cargo test --test simulation",
                self.0
            );
        }
    }
}

/// What happened, to see that everything does.
#[derive(Debug, Default)]
struct Tally {
    connections: u64,
    exact: u64,
    answers: u64,
    content_bytes: u64,
    rejects: u64,
    timeouts: u64,
    lingered: u64,
    broken_off: u64,
    shrunk: u64,
    jumps: u64,
    drained: u64,
    starved: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.connections += other.connections;
        self.exact += other.exact;
        self.answers += other.answers;
        self.content_bytes += other.content_bytes;
        self.rejects += other.rejects;
        self.timeouts += other.timeouts;
        self.lingered += other.lingered;
        self.broken_off += other.broken_off;
        self.shrunk += other.shrunk;
        self.jumps += other.jumps;
        self.drained += other.drained;
        self.starved += other.starved;
    }
}

// ---------------------------------------------------------------- random and content

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
fn pieces(key: u64, range: Range<u64>) -> impl Iterator<Item = &'static [u8]> {
    let mut offset = range.start;
    std::iter::from_fn(move || {
        let length = (range.end - offset).min(PATTERN_BYTES as u64) as usize;
        let start = (key.wrapping_mul(31).wrapping_add(offset) % PATTERN_BYTES as u64) as usize;
        offset += length as u64;
        (length > 0).then(|| &pattern()[start..start + length])
    })
}

fn append(key: u64, range: Range<u64>, out: &mut Vec<u8>) {
    for piece in pieces(key, range) {
        out.extend_from_slice(piece);
    }
}

// ---------------------------------------------------------------- the world

/// Descriptors that stand for files: what one reads is decided here, not by a file system.
struct Handles {
    files: Vec<Arc<File>>,
    /// Of each: which version it is, and how long it is now.
    versions: Vec<(u64, u64)>,
    first: i32,
    by_descriptor: Vec<usize>,
}

impl Handles {
    fn new() -> Handles {
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

    fn of(&self, file: &File) -> (u64, u64) {
        self.versions[self.by_descriptor[(file.as_raw_fd() - self.first) as usize]]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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
    kind: Kind,
    key: u64,
    length: u64,
    /// Keeps the handle, as a site keeps a file open.
    file: Option<(usize, Arc<File>)>,
}

const NAMES: u64 = 12;

struct World<'h> {
    random: Random,
    handles: &'h mut Handles,
    /// As a worker has them, for all its connections.
    buffers: Buffers,
    resources: Vec<Resource>,
    now: Now,
    limits: Limits,
    tally: Tally,
}

impl<'h> World<'h> {
    /// From the first connection to the end of the last.
    fn run(seed: u64, handles: &'h mut Handles) -> Tally {
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
    key: u64,
    next: u64,
    length: u64,
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
struct Given {
    /// As the connection told it: the request-line, and the status of a reject.
    line: Vec<u8>,
    reject: Option<Status>,
    kind: Kind,
    key: u64,
    length: u64,
    parts: Vec<Range<u64>>,
    status: Status,
    has_record: bool,
    milliseconds: u64,
    date: HttpDate,
    /// So many bytes of the script had come.
    came: u64,
    /// When bytes of an earlier answer were last taken.
    last_sent: u64,
}

const MISSING: &[u8] = b"not here\r\n";
const REFUSED: &[u8] = b"no\r\n";
const PART_HEAD: &[u8] = b"\r\n--part\r\n\r\n";
const PART_END: &[u8] = b"\r\n--part--\r\n";

/// What a connection asks, for one client.
struct Desk<'w, 'h> {
    world: &'w mut World<'h>,
    given: &'w mut Vec<Given>,
    records: &'w mut Vec<Answered<Vec<u8>>>,
    came: u64,
    last_sent: u64,
}

impl Responder for Desk<'_, '_> {
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

    fn respond_again(&mut self, _: &Request<'_>, _: Unreadable<()>) -> Answer<Vec<u8>> {
        panic!("a file that cannot be read is gone here")
    }

    fn respond(&mut self, request: &Request<'_>) -> Answer<Vec<u8>> {
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
        self.give(given, body)
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

impl Desk<'_, '_> {
    fn give(&mut self, given: Given, body: Body) -> Answer<Vec<u8>> {
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

// ---------------------------------------------------------------- what must be answered

/// One request of a script, and what the RFC says of it.
struct Item {
    /// Where it begins and ends in the script.
    bytes: Range<usize>,
    /// The request-line.
    line: Vec<u8>,
    /// HEAD: the answer has no content, whatever it is (RFC 9110 §9.3.2).
    head: bool,
    http10: bool,
    verdict: Verdict,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = self.line.escape_ascii();
        write!(f, "{:?} \"{line:.200}\" at {:?}", self.verdict, self.bytes)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Answered, and the connection goes on.
    Persists,
    /// Answered, and the connection is closed.
    Closes,
    /// Answered with this, and closed: what follows cannot be understood.
    Refused(Status),
    /// It never ends: 408 when it has taken too long, or nothing if the client has gone.
    Stalls,
    /// Nothing that could be answered.
    Silent,
}

#[derive(Default)]
struct Script {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// So many bytes more that mean nothing.
    garbage: u64,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#?}, {} bytes", self.items, self.bytes.len())
    }
}

impl Script {
    fn new(random: &mut Random) -> Script {
        let mut script = Script::default();
        let count = match random.below(16) {
            0 => 0,
            1..=5 => 1,
            6..=13 => random.between(2, 5),
            14 => random.between(6, 20),
            _ => random.between(20, 60),
        };
        for _ in 0..count {
            script.add_request(random, true);
            if script.items.last().is_some_and(|item| item.verdict != Verdict::Persists) {
                script.add_rest(random);
                return script;
            }
        }
        match random.below(8) {
            0 | 1 => {
                script.add_malformed(random);
                script.add_rest(random);
            }
            2 => script.add_stall(random),
            3 if random.one_in(4) => {
                let start = script.bytes.len();
                script.bytes.extend_from_slice(b"\r\n");
                script.end(start, b"", Verdict::Silent);
            }
            _ => {}
        }
        script
    }

    fn end(&mut self, start: usize, line: &[u8], verdict: Verdict) {
        self.items.push(Item {
            bytes: start..self.bytes.len(),
            line: line.to_vec(),
            head: line.starts_with(b"HEAD "),
            http10: line.ends_with(b"HTTP/1.0"),
            verdict,
        });
    }

    /// A valid request with whatever may be in one.
    fn add_request(&mut self, random: &mut Random, may_close: bool) {
        let start = self.bytes.len();
        if random.one_in(16) {
            // RFC 9112 §2.2: empty lines before a request are ignored.
            let lines: &[u8] = b"\r\n\r\n";
            self.bytes.extend_from_slice(&lines[..random.between(1, 2) as usize * 2]);
        }
        let methods = [
            "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD",
            "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "PATCH", "BREW", "get",
        ];
        // RFC 9110 §9.3.6: what follows belongs in a tunnel, its own content included.
        let tunnels = may_close && random.one_in(40);
        let method = match tunnels {
            true => "CONNECT",
            false => *random.of(&methods),
        };
        let http10 = random.one_in(8);
        let version = match (http10, random.below(16)) {
            (true, _) => "HTTP/1.0",
            (false, 0) => "HTTP/1.7",
            (false, _) => "HTTP/1.1",
        };
        let name = random.below(NAMES);
        let target = match random.below(12) {
            _ if tunnels => "[::1]:443".to_owned(),
            0 => format!("http://h.example/r{name}"),
            1 => format!("/r{name}?{}", random.next()),
            2 => format!("HTTP://[fe80::1%25eth0]:80/r{name}?"),
            3 => format!("/r{name}/%20%ff/..//"),
            4 if method == "OPTIONS" => "*".to_owned(),
            5 if random.one_in(40) => {
                format!("/r{name}/{}", "x".repeat(random.below(7_000) as usize))
            }
            _ => format!("/r{name}"),
        };
        let line = format!("{method} {target} {version}");
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
        if !http10 || random.one_in(2) {
            let hosts =
                ["h", "", "[::1]:8080", "[fe80::1%eth0]", "xn--bcher-kva.example:80", "192.0.2.1"];
            self.field("Host", random.of(&hosts).as_bytes());
        }
        for _ in 0..random.below(4) {
            let fields: [(&str, &[u8]); 6] = [
                ("Accept", b"*/*"),
                ("User-Agent", b" \t x (\xc3\xa4; \"q\\\"\") \t"),
                ("X-Empty", b""),
                ("cookie", b"a=b; connection: close"),
                ("!#$%&'*+-.^_`|~0", b"\t"),
                ("X-Connection", b"close"),
            ];
            let (name, value) = *random.of(&fields);
            self.field(name, value);
        }
        if random.one_in(100) {
            for _ in 0..random.between(50, 90) {
                self.field("X-Many", &vec![b'v'; random.below(300) as usize]);
            }
        }
        // RFC 9112 §9.3, in its order.
        let mut closes = http10;
        match random.below(12) {
            0 if may_close => {
                let values: [&[u8]; 4] = [b"close", b"CLOSE", b"x, close", b"close, keep-alive"];
                self.field("Connection", values[random.place(values.len())]);
                closes = true;
            }
            1 | 2 => {
                let values: [&[u8]; 3] = [b"keep-alive", b"Keep-Alive", b"x ,keep-alive"];
                self.field("connection", values[random.place(values.len())]);
                closes = false;
            }
            _ if http10 && !may_close => {
                self.field("Connection", b"keep-alive");
                closes = false;
            }
            _ => {}
        }
        closes |= self.add_content(random, http10, may_close) || tunnels;
        let verdict = if closes { Verdict::Closes } else { Verdict::Persists };
        self.end(start, line.as_bytes(), verdict);
    }

    /// Ends the field section, and adds content. `true`: it is not waited for.
    fn add_content(&mut self, random: &mut Random, http10: bool, may_close: bool) -> bool {
        let bearable = Limits::default().content_discarded_bytes_max;
        // RFC 9110 §10.1.1: a final answer at once in place of 100; HTTP/1.0 knows no Expect.
        let expects = may_close && random.one_in(24);
        if expects {
            self.field("Expect", b"100-Continue");
        }
        let mut length = match random.below(24) {
            0 | 1 => random.between(1, 300),
            2 if random.one_in(10) => random.between(bearable - 2, bearable + 2),
            _ => 0,
        };
        if !may_close {
            length = length.min(bearable);
        }
        match random.below(12) {
            0 if length < bearable / 2 && !http10 => {
                self.field("Transfer-Encoding", b"Chunked");
                self.bytes.extend_from_slice(b"\r\n");
                self.add_chunks(random, length);
                expects
            }
            1 if length > 0 && may_close && random.one_in(8) && !http10 => {
                // Framing included, as much as is borne, or a byte more.
                let more = random.below(2);
                self.field("Transfer-Encoding", b"chunked");
                self.bytes.extend_from_slice(b"\r\n");
                let size = bearable - "ffff\r\n\r\n0\r\n\r\n".len() as u64 + more;
                self.add_chunk(&format!("{size:x}"), size);
                self.bytes.extend_from_slice(b"0\r\n\r\n");
                expects || more > 0
            }
            1 | 2 if may_close && random.one_in(20) && !http10 => {
                // More than is borne, framing included.
                self.field("Transfer-Encoding", b"chunked");
                self.bytes.extend_from_slice(b"\r\n");
                let before = self.bytes.len();
                while (self.bytes.len() - before) as u64 <= bearable {
                    self.bytes.extend_from_slice(b"1000\r\n");
                    let end = self.bytes.len() + 0x1000;
                    self.bytes.resize(end, b'x');
                    self.bytes.extend_from_slice(b"\r\n");
                }
                self.bytes.extend_from_slice(b"0\r\n\r\n");
                true
            }
            _ => {
                if length > 0 || random.one_in(16) {
                    self.field("Content-Length", format!("{length}").as_bytes());
                }
                self.bytes.extend_from_slice(b"\r\n");
                let end = self.bytes.len() + length as usize;
                self.bytes.resize(end, b'G');
                length > bearable || (expects && length > 0 && !http10)
            }
        }
    }

    /// RFC 9112 §7.1, with zeros before sizes, extensions and trailers.
    fn add_chunks(&mut self, random: &mut Random, length: u64) {
        let mut left = length;
        while left > 0 {
            let size = random.between(1, left);
            left -= size;
            let head = match random.below(6) {
                0 => format!("{size:x}"),
                1 => format!("{size:X}"),
                2 => format!("{size:x};a;b=c ;\td"),
                3 => format!("{size:x}\t;\ta =\t\"\\\"\u{e4};\" ; b= c"),
                4 => format!("000{size:x};a=\"b\""),
                _ => format!("{size:x} ; x"),
            };
            self.add_chunk(&head, size);
        }
        self.bytes.extend_from_slice(b"0\r\n");
        if random.one_in(4) {
            self.bytes.extend_from_slice(b"Trailer: x\r\nHost: g\r\nA:\r\n");
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn add_chunk(&mut self, head: &str, size: u64) {
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
        let end = self.bytes.len() + size as usize;
        self.bytes.resize(end, b'\n');
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.bytes.extend_from_slice(part);
        }
    }

    fn add_malformed(&mut self, random: &mut Random) {
        let start = self.bytes.len();
        let status = if random.one_in(6) {
            let limits = Limits::default();
            let (bytes, status) = match random.below(5) {
                0 => {
                    let target = "x".repeat(limits.request_line_bytes_max);
                    (format!("GET /{target} HTTP/1.1\r\n"), Status::UriTooLong)
                }
                1 => {
                    let method = "X".repeat(limits.request_line_bytes_max);
                    (format!("{method} / HTTP/1.1\r\n"), Status::NotImplemented)
                }
                2 => {
                    let value = "x".repeat(limits.field_section_bytes_max);
                    let text = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n");
                    (text, Status::RequestHeaderFieldsTooLarge)
                }
                3 => {
                    let lines = "X: y\r\n".repeat(limits.field_lines_max);
                    let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
                    (text, Status::RequestHeaderFieldsTooLarge)
                }
                _ => {
                    // A field section that never ends a line.
                    let value = "x".repeat(limits.field_section_bytes_max + 10);
                    let text = format!("GET / HTTP/1.1\r\nHost: h\r\nX{value}");
                    (text, Status::RequestHeaderFieldsTooLarge)
                }
            };
            self.bytes.extend_from_slice(bytes.as_bytes());
            status
        } else {
            let (_, bytes, status) = *random.of(MALFORMED);
            self.bytes.extend_from_slice(bytes);
            status
        };
        let line: Vec<u8> =
            self.bytes[start..].split(|&byte| byte == b'\n').next().unwrap_or_default().to_vec();
        let line = line.strip_suffix(b"\r").unwrap_or(&line).to_vec();
        self.end(start, &line, Verdict::Refused(status));
    }

    /// The beginning of a request.
    fn add_stall(&mut self, random: &mut Random) {
        self.add_request(random, false);
        let Some(item) = self.items.pop() else { return };
        let start = item.bytes.start;
        // At least a letter of the request-line: empty lines are no request.
        let empty = self.bytes[start..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let length = random.between(empty as u64 + 1, item.bytes.len() as u64 - 1);
        self.bytes.truncate(start + length as usize);
        let line = &self.bytes[start + empty..];
        let line = line.split(|&byte| byte == b'\r').next().unwrap_or_default().to_vec();
        self.end(start, &line, Verdict::Stalls);
        if let Some(item) = self.items.last_mut() {
            // Until its line is there, nothing is known of it.
            item.http10 = false;
        }
    }

    /// What a client may still be sending when it is too late.
    fn add_rest(&mut self, random: &mut Random) {
        match random.below(4) {
            0 => self.bytes.extend_from_slice(b"GET /r1 HTTP/1.1\r\nHost: h\r\n\r\n"),
            1 => self.garbage = random.below(3_000),
            2 if random.one_in(64) => self.garbage = 1_500_000,
            _ => {}
        }
    }
}

/// Rule, bytes, status.
const MALFORMED: &[(&str, &[u8], Status)] = &[
    ("9112 §2.2 a lone LF", b"GET / HTTP/1.1\nHost: h\n\n", Status::BadRequest),
    ("9112 §2.2 a lone CR", b"GET / HTTP/1.1\r\nX: a\rb\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §2.2 space before the first field", b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", Status::BadRequest),
    ("9112 §2.3 version", b"GET / http/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §2.3 version", b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §2.3 version", b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9110 §15.6.6 major version", b"GET / HTTP/2.0\r\n\r\n", Status::HttpVersionNotSupported),
    ("9113 §3.4 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Status::HttpVersionNotSupported),
    ("9112 §3 two words", b"GET /\r\n", Status::BadRequest),
    ("9112 §3 four words", b"GET / / HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3 two spaces", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3 space before", b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3.1 method", b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3.2 target", b"GET r1 HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3.2 fragment", b"GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3.2.4 asterisk", b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9110 §4.2.4 user information", b"GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3.2 no Host", b"GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
    ("9112 §3.2 no Host, HEAD", b"HEAD / HTTP/1.1\r\n\r\n", Status::BadRequest),
    ("9112 §3.2 two Hosts", b"GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", Status::BadRequest),
    ("9112 §3.2 a bad Host", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Status::BadRequest),
    ("9112 §3.2 a bad Host in 1.0", b"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", Status::BadRequest),
    ("9112 §5.1 space before the colon", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", Status::BadRequest),
    ("9112 §5.1 no name", b"GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", Status::BadRequest),
    ("9112 §5 no colon", b"GET / HTTP/1.1\r\nHost: h\r\nx\r\n\r\n", Status::BadRequest),
    ("9112 §5.2 obs-fold", b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", Status::BadRequest),
    ("9110 §5.5 NUL", b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", Status::BadRequest),
    (
        "9112 §6.1 both lengths",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §6.1 in HTTP/1.0",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §6.1 a coding that is not known",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Status::NotImplemented,
    ),
    (
        "9112 §6.3 chunked is not the last",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §6.1 chunked twice",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §6.3 two lengths",
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        Status::BadRequest,
    ),
    ("9110 §8.6 a sign", b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", Status::BadRequest),
    (
        "9110 §8.6 too large",
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §7.1 chunk size",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §7.1 chunk size overflows",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §7.1 chunk is longer than it says",
        b"HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §7.1.1 an extension without a name",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;\r\na\r\n0\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §7.1.1 a quoted-string without end",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\r\na\r\n0\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9112 §7.1.2 a request in the trailers",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9110 §6.5.1 a length in the trailers",
        b"HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
        Status::BadRequest,
    ),
    (
        "9110 §10.1.1 another expectation",
        b"GET / HTTP/1.1\r\nHost: h\r\nExpect: a-miracle\r\n\r\n",
        Status::ExpectationFailed,
    ),
    ("8446 §5.1 a TLS client", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", Status::BadRequest),
];

// ---------------------------------------------------------------- clients

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// Takes everything at once.
    Fast,
    /// Takes some bytes at a time, and lets the server wait between them, but not long.
    Short,
    /// As slowly as may be.
    Slow,
    /// More slowly than may be.
    Starving,
    /// Nothing at all.
    Never,
}

#[derive(Debug)]
struct Client {
    random: Random,
    connection: Connection<Vec<u8>>,
    script: Script,
    /// Until when how much of the script and the garbage has arrived, in order.
    arrivals: Vec<(u64, u64)>,
    arrived: usize,
    taken: u64,
    /// Taken after the sending side was shut down.
    lingered_bytes: u64,
    half_close: Option<u64>,
    told_end: bool,
    reset: Option<u64>,
    reader: Reader,
    /// When it takes something again.
    reads_at: u64,
    room: u64,

    /// When something happens to it next; `None`: it is gone.
    wake: Option<u64>,
    started: bool,
    /// Deadlines are looked at once a second, as a worker does, or exactly.
    sweeps: bool,
    expirations: u32,
    shut_down: Option<u64>,
    closed: bool,
    ended_at: u64,
    last_activity: u64,
    /// While something is to be sent: since when, and how much has been taken since then.
    sending: Option<(u64, u64)>,
    /// So many answers had been given then: to come to the next one is progress too.
    sending_answers: usize,
    given: Vec<Given>,
    records: Vec<Answered<Vec<u8>>>,
    output: Vec<u8>,
    /// Something happened for which answers may be missing at the end.
    disturbed: bool,
    drained_at: Option<usize>,
    shrunk: bool,
}

impl Client {
    fn new(world: &mut World<'_>) -> Client {
        let mut random = Random::new(world.random.next());
        let script = Script::new(&mut random);
        let start = world.now.milliseconds + random.below(20_000);
        let total = script.bytes.len() as u64 + script.garbage;
        let reader = match random.below(32) {
            0 => Reader::Never,
            1 => Reader::Starving,
            2 | 3 => Reader::Slow,
            4..=12 => Reader::Short,
            _ => Reader::Fast,
        };
        let (arrivals, arrived_at) = arrivals(&mut random, &script, start, total, reader);
        let stalls = script.items.last().is_some_and(|item| item.verdict == Verdict::Stalls);
        let half_close = random
            .one_in(if stalls { 6 } else { 3 })
            .then(|| arrived_at + random.below(2) * random.below(3_000));
        let reset = random.one_in(10).then(|| start + random.below(12_000));
        Client {
            connection: Connection::new(&Limits::default(), &Now::new(0, HttpDate(0))),
            script,
            arrivals,
            arrived: 0,
            taken: 0,
            lingered_bytes: 0,
            half_close,
            told_end: false,
            reset,
            reader,
            reads_at: 0,
            room: 0,
            wake: Some(start),
            started: false,
            sweeps: random.one_in(2),
            expirations: 0,
            shut_down: None,
            closed: false,
            ended_at: 0,
            last_activity: start,
            sending: None,
            sending_answers: 0,
            given: Vec::new(),
            records: Vec::new(),
            output: Vec::new(),
            disturbed: false,
            drained_at: None,
            shrunk: false,
            random,
        }
    }

    /// Its time has come: whatever is due happens, and then all steps until it has to wait.
    fn live(&mut self, world: &mut World<'_>) {
        let now = world.now.milliseconds;
        if !self.started {
            self.started = true;
            self.connection = Connection::new(&world.limits, &world.now);
            self.last_activity = now;
            assert!(self.connection.is_idle(), "a new connection is idle");
        }
        if self.reset.is_some_and(|reset| reset <= now) {
            // The socket fails: the driver tells, and forgets the connection.
            self.disturbed = true;
            return self.gone(world);
        }
        if self.deadline() <= now {
            let now = world.now;
            self.expirations += 1;
            assert!(self.expirations <= 2, "time-outs without end");
            if self.sending.is_some() {
                assert!(
                    self.disturbed || matches!(self.reader, Reader::Starving | Reader::Never),
                    "a client that reads fast enough is given up: {:?}",
                    self.script
                );
                self.disturbed = true;
                world.tally.starved += 1;
            }
            let mut desk = Desk {
                world,
                given: &mut self.given,
                records: &mut self.records,
                came: self.taken,
                last_sent: self.last_activity,
            };
            self.connection.expired(&mut desk);
            let before = self.connection.deadline_milliseconds();
            self.advance(world);
            let waits = self.wake.is_some();
            assert!(
                !waits || self.connection.deadline_milliseconds() > before.min(now.milliseconds),
                "nothing came of a deadline"
            );
            return;
        }
        self.advance(world);
    }

    /// When the driver will look at the deadline.
    fn deadline(&self) -> u64 {
        let deadline = self.connection.deadline_milliseconds();
        if self.sweeps { (deadline / 1_000 + 1) * 1_000 } else { deadline }
    }

    /// The driver's loop, as in `server::worker`.
    fn advance(&mut self, world: &mut World<'_>) {
        for _ in 0..1_000_000 {
            let now = world.now;
            let mut desk = Desk {
                world,
                given: &mut self.given,
                records: &mut self.records,
                came: self.taken,
                last_sent: self.last_activity,
            };
            match self.connection.next_step(&mut desk) {
                Step::Read => {
                    self.sending = None;
                    if !self.read(world) {
                        return self.wait(world);
                    }
                }
                Step::Write => {
                    let chunk = self.connection.chunk();
                    assert!(self.shut_down.is_none(), "bytes after the end of the sending side");
                    assert!(
                        !chunk.bytes.is_empty() || chunk.file.is_some(),
                        "nothing is to be sent"
                    );
                    if self.sending_answers != self.given.len() {
                        self.sending_answers = self.given.len();
                        self.sending = None;
                    }
                    let since = self.sending.get_or_insert((now.milliseconds, 0));
                    let room = self.room;
                    if room == 0 {
                        return self.wait(world);
                    }
                    let Some(count) = send(&chunk, room, world, &mut self.output) else {
                        // The file has become shorter than was promised.
                        self.disturbed = true;
                        self.shrunk = true;
                        world.tally.shrunk += 1;
                        return self.gone(world);
                    };
                    assert!(count > 0);
                    since.1 += count;
                    self.room -= count;
                    self.last_activity = now.milliseconds;
                    let mut desk = Desk {
                        world,
                        given: &mut self.given,
                        records: &mut self.records,
                        came: self.taken,
                        last_sent: self.last_activity,
                    };
                    self.connection.sent(count as usize, &mut desk);
                }
                Step::ShutDownWriting => {
                    assert!(self.shut_down.is_none(), "the sending side is closed but once");
                    self.shut_down = Some(now.milliseconds);
                    self.sending = None;
                    world.tally.lingered += 1;
                }
                Step::Close => {
                    self.closed = true;
                    self.check_nothing_follows(world);
                    return self.gone(world);
                }
            }
        }
        panic!("the connection does not come to rest");
    }

    /// Gives the connection the next bytes. `false`: nothing is there.
    fn read(&mut self, world: &mut World<'_>) -> bool {
        let now = world.now;
        while self.arrivals.get(self.arrived).is_some_and(|(_, until)| *until <= self.taken) {
            self.arrived += 1;
        }
        match self.arrivals.get(self.arrived) {
            Some(&(moment, until)) if moment <= now.milliseconds => {
                // A driver may have more room, or less.
                let most = [16 << 10, 16 << 10, 1_000, 7][self.random.below(4) as usize];
                let end = until.min(self.taken + most);
                let script = self.script.bytes.len() as u64;
                let bytes: Vec<u8>;
                let came = if self.taken < script {
                    let end = end.min(script);
                    &self.script.bytes[self.taken as usize..end as usize]
                } else {
                    bytes = vec![b'x'; (end - self.taken) as usize];
                    &bytes
                };
                self.taken += came.len() as u64;
                if self.shut_down.is_some() {
                    self.lingered_bytes += came.len() as u64;
                    assert!(
                        self.lingered_bytes <= world.limits.linger_bytes_max + (16 << 10),
                        "lingers for too many bytes"
                    );
                }
                let mut desk = Desk {
                    world,
                    given: &mut self.given,
                    records: &mut self.records,
                    came: self.taken,
                    last_sent: self.last_activity,
                };
                self.connection.received(came, &mut desk);
                true
            }
            None if !self.told_end
                && self.half_close.is_some_and(|end| end <= now.milliseconds) =>
            {
                self.told_end = true;
                self.connection.ended();
                true
            }
            _ => {
                assert!(!self.told_end, "reads after the end");
                false
            }
        }
    }

    /// Nothing can be done now: something must be able to end that.
    fn wait(&mut self, world: &mut World<'_>) {
        let now = world.now.milliseconds;
        let deadline = self.connection.deadline_milliseconds();
        assert!(deadline <= now + 60_000, "waits for {} ms", deadline - now);
        let mut wake = self.deadline().max(now + 1);
        if let Some((since, taken)) = self.sending {
            // One byte a second is no progress: the limits' own figures, twice as long.
            if now - since >= 2 * world.limits.stall_milliseconds + 2_000 {
                let least = world.limits.stall_bytes_min;
                assert!(
                    taken >= least || self.disturbed,
                    "sends {taken} bytes in {} ms",
                    now - since
                );
                self.sending = Some((now, 0));
            }
            if self.reader != Reader::Never {
                if self.reads_at <= now {
                    self.take_up(now);
                }
                wake = wake.min(self.reads_at.max(now + 1));
            }
        } else {
            if let Some((moment, _)) = self.arrivals.get(self.arrived) {
                wake = wake.min((*moment).max(now + 1));
            } else if let Some(end) = self.half_close {
                wake = wake.min(end.max(now + 1));
            }
            if self.connection.is_idle() {
                assert_eq!(self.connection.held_bytes(), 0, "an idle connection holds memory");
                let noted = self.given.iter().filter(|given| given.has_record).count();
                assert_eq!(self.records.len(), noted, "idle, and an answer is not recorded");
            }
        }
        if let Some(reset) = self.reset {
            wake = wake.min(reset.max(now + 1));
        }
        self.wake = Some(wake);
    }

    /// Makes room for the server's next bytes, and says when that will be.
    fn take_up(&mut self, now: u64) {
        let (delay, room) = match self.reader {
            Reader::Fast => (0, u64::MAX / 4),
            Reader::Short => (self.random.below(40), self.random.between(1, 60_000)),
            Reader::Slow => {
                (self.random.between(5_000, 25_000), self.random.between(4_096, 500_000))
            }
            Reader::Starving => (1_000, self.random.between(1, 100)),
            Reader::Never => (u64::MAX / 2, 0),
        };
        self.reads_at = now + delay;
        self.room = room;
    }

    /// The server is told to stop.
    fn drain(&mut self, world: &mut World<'_>) {
        if self.wake.is_none() {
            return;
        }
        world.tally.drained += 1;
        self.drained_at = Some(self.given.len());
        self.disturbed = true;
        let desk = Desk {
            world,
            given: &mut self.given,
            records: &mut self.records,
            came: self.taken,
            last_sent: self.last_activity,
        };
        self.connection.drain(&desk);
        self.advance(world);
    }

    fn gone(&mut self, world: &mut World<'_>) {
        let mut desk = Desk {
            world,
            given: &mut self.given,
            records: &mut self.records,
            came: self.taken,
            last_sent: self.last_activity,
        };
        self.connection.abandon(&mut desk);
        self.ended_at = world.now.milliseconds;
        self.wake = None;
        if self.disturbed {
            world.tally.broken_off += 1;
        }
        // Files that it was sending go back.
        self.connection = Connection::new(&world.limits, &world.now);
    }

    fn check_nothing_follows(&mut self, world: &mut World<'_>) {
        let answers = self.given.len();
        for _ in 0..2 {
            let mut desk = Desk {
                world,
                given: &mut self.given,
                records: &mut self.records,
                came: self.taken,
                last_sent: self.last_activity,
            };
            let request = b"GET /r1 HTTP/1.1\r\nHost: h\r\n\r\n";
            self.connection.received(request, &mut desk);
            let step = self.connection.next_step(&mut desk);
            assert!(matches!(step, Step::Close), "after Close comes nothing");
        }
        assert_eq!(self.given.len(), answers, "answers after Close");
    }

    // ------------------------------------------------------------ the comparison

    /// Compares a whole life with what must have been.
    fn check(&self, limits: &Limits, tally: &mut Tally) {
        let exact = !self.disturbed;
        let mut wire = self.output.as_slice();
        let mut records = self.records.iter();
        let mut complete = true;
        for (number, given) in self.given.iter().enumerate() {
            let item = self.script.items.get(number);
            let item = item.unwrap_or_else(|| panic!("answers what was not asked: {given:?}"));
            let closes = self.check_verdict(number, item, given, limits);
            let last = number + 1 == self.given.len();
            assert!(!closes || last, "answers after an answer that closes: {item:?}");
            let (head, content) = wire_form(number, item, given, closes, self.is_head(item, given));
            let start = wire.len();
            let sent = take(&mut wire, [head.as_slice()].into_iter(), item);
            let before = wire.len();
            let whole = sent && take(&mut wire, content.pieces(), item);
            assert!(whole || wire.is_empty(), "number {number} is not as it should be: {item:?}");
            assert!(complete || start == 0, "an answer after one that was broken off");
            complete &= whole;
            if given.has_record {
                let record = records.next().expect("every answer is recorded");
                let expected = Answered {
                    record: number.to_string().into_bytes(),
                    status: given.status,
                    content_bytes: (before - wire.len()) as u64,
                };
                assert_eq!(*record, expected, "the record of {item:?}");
            }
            tally.answers += u64::from(whole);
            tally.content_bytes += (before - wire.len()) as u64;
            match given.reject {
                Some(Status::RequestTimeout) => tally.timeouts += 1,
                Some(_) => tally.rejects += 1,
                None => {}
            }
        }
        assert!(wire.is_empty(), "bytes that nobody asked for: {:?}", wire.escape_ascii());
        assert_eq!(records.next(), None, "a record of nothing");
        if let Some(before) = self.drained_at {
            assert!(self.given.len() <= before + 1, "a server that stops begins but one answer");
        }
        if exact {
            tally.exact += 1;
            assert!(complete, "an answer was broken off");
            self.check_end(limits);
        }
    }

    /// Whether this is the answer to this request. `true`: it must say that it is the last.
    fn check_verdict(&self, number: usize, item: &Item, given: &Given, limits: &Limits) -> bool {
        let draining = self.drained_at.is_some_and(|before| number >= before);
        if given.reject == Some(Status::RequestTimeout) {
            // Whatever it was, it did not come in time. Exactly then only where it stalls.
            assert!(self.disturbed || item.verdict == Verdict::Stalls, "408 for {item:?}");
            let began = self.arrival_of(item.bytes.start);
            assert!(
                given.milliseconds >= began + limits.head_milliseconds,
                "408 too early: {} ms after {item:?}",
                given.milliseconds - began
            );
            if !self.disturbed {
                // From when it could be read: not before the answers ahead of it were taken.
                let read = began.max(given.last_sent);
                assert!(
                    given.milliseconds
                        <= read
                            + limits.head_milliseconds
                            + 2_000
                            + self.content_grace(item, limits),
                    "408 too late: {} ms after {item:?}",
                    given.milliseconds - read
                );
            }
            assert!(
                item.line.starts_with(&given.line),
                "{item:?}: {:?}",
                given.line.escape_ascii()
            );
            return true;
        }
        match (item.verdict, given.reject) {
            (Verdict::Persists, None) => {
                assert_eq!(given.line, item.line, "the request-line");
                draining
            }
            (Verdict::Closes, None) => {
                assert_eq!(given.line, item.line, "the request-line");
                true
            }
            (Verdict::Refused(status), Some(found)) => {
                assert_eq!(found, status, "{item:?}");
                let most = given.line.len().min(item.line.len());
                assert_eq!(given.line[..most], item.line[..most], "the line that was refused");
                true
            }
            _ => panic!("{item:?} was answered with {given:?}"),
        }
    }

    /// Of what is not complete, as much as had come must say so.
    fn is_head(&self, item: &Item, given: &Given) -> bool {
        let end = given.came.min(item.bytes.end as u64) as usize;
        let came = &self.script.bytes[item.bytes.start..end];
        let line = came.iter().skip_while(|byte| b"\r\n".contains(byte));
        item.head && (given.reject.is_none() || line.take(5).eq(b"HEAD "))
    }

    /// Content has a time of its own, from the end of its head on.
    fn content_grace(&self, item: &Item, limits: &Limits) -> u64 {
        let bytes = &self.script.bytes[item.bytes.clone()];
        let has_content = bytes.windows(4).any(|window| window == b"\r\n\r\n");
        if has_content { limits.head_milliseconds } else { 0 }
    }

    fn arrival_of(&self, at: usize) -> u64 {
        let arrival = self.arrivals.iter().find(|(_, until)| *until > at as u64);
        arrival.map_or(0, |(moment, _)| *moment)
    }

    /// How an undisturbed life must have ended.
    fn check_end(&self, limits: &Limits) {
        let last = self.script.items.last();
        let asked = self.script.items.iter().filter(|item| match item.verdict {
            Verdict::Persists | Verdict::Closes | Verdict::Refused(_) => true,
            Verdict::Stalls => self.half_close.is_none(),
            Verdict::Silent => false,
        });
        let asked = asked.count();
        // A client that half-closes long after a stalled head gets its 408 before that.
        let timed_out =
            self.given.last().is_some_and(|given| given.reject == Some(Status::RequestTimeout));
        let late =
            last.is_some_and(|item| item.verdict == Verdict::Stalls) && self.half_close.is_some();
        assert!(
            self.given.len() == asked || (late && timed_out && self.given.len() == asked + 1),
            "{} of {asked} answers: {:?}",
            self.given.len(),
            self.script
        );
        assert!(self.closed, "a connection ends with Close");
        if let Some(moment) = self.shut_down {
            assert!(
                self.ended_at <= moment + limits.linger_milliseconds + 1_001,
                "lingers too long"
            );
        } else if self.half_close.is_none()
            && last.is_none_or(|item| item.verdict == Verdict::Persists)
        {
            let idle = self.ended_at - self.last_activity;
            let expected = limits.idle_milliseconds..=limits.idle_milliseconds + 1_001;
            assert!(expected.contains(&idle), "idle for {idle} ms");
        }
    }
}

/// When the bytes of a script come: at once, cut anywhere, or with pauses that nobody minds.
fn arrivals(
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
fn send(chunk: &Chunk<'_>, room: u64, world: &mut World<'_>, output: &mut Vec<u8>) -> Option<u64> {
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

/// The bytes of an answer: its head, and what its content is made of.
fn wire_form(
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

struct Content(Vec<Source>);

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

    fn pieces(&self) -> impl Iterator<Item = &'static [u8]> + '_ {
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
fn take<'e>(wire: &mut &[u8], expected: impl Iterator<Item = &'e [u8]>, item: &Item) -> bool {
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
