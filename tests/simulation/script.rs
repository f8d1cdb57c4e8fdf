//! What a client sends, and what must be answered.

use std::ops::Range;

use crate::support::random::Random;

use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::status::Status;

use super::world::NAMES;

/// One request of a script, and what the RFC says of it.
pub struct Item {
    /// Where it begins and ends in the script.
    pub bytes: Range<usize>,
    /// The request-line.
    pub line: Vec<u8>,
    /// HEAD: the answer has no content, whatever it is (RFC 9110 §9.3.2).
    pub head: bool,
    pub http10: bool,
    pub verdict: Verdict,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = self.line.escape_ascii();
        write!(f, "{:?} \"{line:.200}\" at {:?}", self.verdict, self.bytes)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
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
pub struct Script {
    pub bytes: Vec<u8>,
    pub items: Vec<Item>,
    /// So many bytes more that mean nothing.
    pub garbage: u64,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#?}, {} bytes", self.items, self.bytes.len())
    }
}

impl Script {
    pub fn new(random: &mut Random) -> Script {
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
