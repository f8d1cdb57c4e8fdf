//! Deterministic fuzzing: mutated requests through a `Connection` over real files, and each parser
//! by itself. The same seed gives the same rounds; a failure prints what to run it again with.
//!
//! `FUZZ_SEED` (a number), `FUZZ_ROUNDS` and `FUZZ_SECONDS` say what and how much; see `scripts/fuzz`.

#![allow(clippy::indexing_slicing)]

#[path = "support/drive.rs"]
mod drive;
#[path = "support/folder.rs"]
mod folder;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::{Duration, Instant};

use drive::{Client, End, NOW, Served, check_answers, run, show};
use folder::Folder;

use ipv6_httpd::cli::{self, Command};
use ipv6_httpd::http::accept::{AcceptEncoding, media_type_weight};
use ipv6_httpd::http::content::{ContentDecoder, ContentLength};
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::range::{Selection, select};
use ipv6_httpd::http::request::HeadReader;
use ipv6_httpd::http::target::{SitePath, is_host};

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `bound`; 0 if that is 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 32) as usize % bound.max(1)
    }

    fn of<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.below(among.len())]
    }
}

/// Prints how to come back to a round that fails.
struct Round {
    seed: u64,
    number: u64,
    input: Vec<u8>,
}

impl Drop for Round {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("FUZZ_SEED={} round {}", self.seed, self.number);
            eprintln!("input: b\"{}\"", self.input.escape_ascii());
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} wants a number, not {text}")),
    )
}

/// Calls `round` as often as is wanted; `rounds`: where nobody says how often.
fn fuzz(rounds: u64, mut round: impl FnMut(&mut Random, &mut Vec<u8>)) {
    let seed = number("FUZZ_SEED").unwrap_or(4_711);
    let until = number("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let rounds = match (until, number("FUZZ_ROUNDS")) {
        (_, Some(rounds)) => rounds,
        (Some(_), None) => u64::MAX,
        (None, None) => rounds,
    };
    for at in 0..rounds {
        if until.is_some_and(|until| at % 64 == 0 && Instant::now() >= until) {
            return;
        }
        // Each round by itself, so that one can be run alone.
        let mixed = seed.wrapping_add(at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut random = Random(mixed.max(1));
        random.next();
        let mut state = Round {
            seed,
            number: at,
            input: Vec::new(),
        };
        round(&mut random, &mut state.input);
    }
}

const ODD: &[u8] = b"\0\t\n\r :,;=\"\\%/.*-?#[]()@0129AZaz\x7f\x80\xff";

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = random.below(bytes.len() + 1);
    let length = 1 + random.below(8);
    let end = (at + length).min(bytes.len());
    match random.below(12) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = *random.of(ODD),
        2 => bytes.insert(at, *random.of(ODD)),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            let times = 1 + random.below(3);
            bytes.splice(at..at, piece.repeat(times));
        }
        5 => {
            // The beginning of one, the end of another.
            let other = random.of(seeds);
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        6 => {
            let mut lines: Vec<Vec<u8>> = bytes
                .split_inclusive(|&byte| byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            if lines.len() > 1 {
                let (a, b) = (random.below(lines.len()), random.below(lines.len()));
                match random.below(3) {
                    0 => lines.swap(a, b),
                    1 => lines.insert(a, lines[b].clone()),
                    _ => drop(lines.remove(a)),
                }
                *bytes = lines.concat();
            }
        }
        7 => {
            // Numbers grow.
            if let Some(digit) = bytes.iter().skip(at).position(u8::is_ascii_digit) {
                let (place, digit) = (at + digit, bytes[at + digit]);
                let times = *random.of(&[1, 2, 9, 18, 19, 20, 60]);
                bytes.splice(place..place, std::iter::repeat_n(digit, times));
            }
        }
        8 => {
            let words: [&[u8]; 24] = [
                b"..",
                b"/../",
                b"//",
                b"%2e%2e/",
                b"%2f",
                b"%00",
                b"\r\n",
                b"\r\n\r\n",
                b"\n",
                b"HTTP/1.0",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Length: 5\r\n",
                b"Connection: close\r\n",
                b"Range: bytes=0-1,3-\r\n",
                b"Accept-Encoding: gzip\r\n",
                b"If-None-Match: *\r\n",
                b"If-Range: \"x\"\r\n",
                b"0\r\n\r\n",
                b"HEAD",
                b"OPTIONS",
                b"Expect: 100-continue\r\n",
                b"Host: h\r\n",
                b"Accept: application/json\r\n",
                b"-18446744073709551615",
            ];
            bytes.splice(at..at, random.of(&words).iter().copied());
        }
        9 => bytes.truncate(at),
        10 => bytes
            .splice(
                at..at,
                std::iter::repeat_n(*random.of(ODD), 1 + random.below(300)),
            )
            .for_each(drop),
        _ => {
            // Upper case and lower.
            for byte in &mut bytes[at..end] {
                *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 };
            }
        }
    }
}

/// The inputs of the conformance table, as its source spells them.
fn conformance_inputs() -> Vec<Vec<u8>> {
    let source = include_bytes!("conformance.rs");
    let mut seeds = Vec::new();
    let mut rest = &source[..];
    while let Some(start) = rest.windows(2).position(|two| two == b"b\"") {
        rest = &rest[start + 2..];
        let mut literal = Vec::new();
        loop {
            let (byte, after) = match rest {
                [b'\\', b'r', after @ ..] => (b'\r', after),
                [b'\\', b'n', after @ ..] => (b'\n', after),
                [b'\\', b't', after @ ..] => (b'\t', after),
                [b'\\', b'0', after @ ..] => (0, after),
                [b'\\', b'x', a, b, after @ ..] => {
                    let digit = |byte: &u8| char::from(*byte).to_digit(16).expect("a digit") as u8;
                    (digit(a) << 4 | digit(b), after)
                }
                [b'\\', byte, after @ ..] => (*byte, after),
                [b'"', after @ ..] => {
                    rest = after;
                    break;
                }
                [byte, after @ ..] => (*byte, after),
                [] => panic!("a literal without end"),
            };
            literal.push(byte);
            rest = after;
        }
        if literal.contains(&b'\n') {
            seeds.push(literal);
        }
    }
    assert!(seeds.len() > 150, "{} literals", seeds.len());
    seeds
}

const TARGETS: [&str; 22] = [
    "/",
    "/a.txt",
    "/a.txt?q",
    "/sub",
    "/sub/",
    "/sub/?C=S&O=D",
    "/sub/b.html",
    "/sub/b",
    "/ip",
    "/missing",
    "/large.bin",
    "/inside",
    "/outside",
    "/up/secret",
    "/sibling/secret",
    "/loop",
    "/../secret",
    "/%2e%2e/secret",
    "/.hidden",
    "/sub/?format=json",
    "//a.txt",
    "/empty",
];

const FIELDS: [&str; 18] = [
    "Range: bytes=0-1",
    "Range: bytes=0-1,4-5,-1",
    "Range: bytes=9-",
    "If-Range: \"6-6553f100.0\"",
    "If-Range: Tue, 14 Nov 2023 22:13:20 GMT",
    "Accept-Encoding: br;q=0.5, gzip, identity;q=0",
    "Accept-Encoding: *",
    "If-None-Match: \"6-6553f100.0\", W/\"x\"",
    "If-None-Match: *",
    "If-Match: \"6-6553f100.0\"",
    "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
    "If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT",
    "Accept: text/html, application/json;q=0.5",
    "Access-Control-Request-Method: GET",
    "Access-Control-Request-Headers: range",
    "Connection: keep-alive",
    "Content-Length: 0",
    "Content-Length: 5",
];

/// A request that is mostly valid, and odd where files, conditions and ranges are chosen.
fn plausible(random: &mut Random, out: &mut Vec<u8>) {
    let odd = |random: &mut Random, text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..random.below(5).saturating_sub(2) {
            mutate(
                random,
                &mut bytes,
                &[b"0-1, 5-".to_vec(), b"%2e%2e/".to_vec()],
            );
        }
        bytes.retain(|&byte| byte >= b' ' && byte != 0x7f);
        bytes
    };
    let method = random.of(&["GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "get"]);
    let target: &&str = random.of(&TARGETS);
    let mut target = odd(random, target);
    target.retain(|&byte| !matches!(byte, b' ' | b'#'));
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b" /");
    out.extend_from_slice(target.strip_prefix(b"/").unwrap_or(&target));
    out.extend_from_slice(
        random
            .of(&[" HTTP/1.1\r\n", " HTTP/1.1\r\n", " HTTP/1.0\r\n"])
            .as_bytes(),
    );
    out.extend_from_slice(b"Host: h\r\n");
    let mut content = 0;
    for _ in 0..random.below(4) {
        let (name, value) = random.of(&FIELDS).split_once(": ").expect("a field");
        let length = name == "Content-Length";
        let value = if length {
            value.as_bytes().to_vec()
        } else {
            odd(random, value)
        };
        content = if length { value[0] - b'0' } else { content };
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(&value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&b"GET /"[..content.into()]);
}

const SECRET: &[u8] = b"TOP SECRET 4711";

/// A folder with a secret beside it, and everything that could lead to it.
fn guarded_folder() -> (Folder, &'static str) {
    let folder = Folder::new();
    folder.file("secret", SECRET);
    folder.file("root2/secret", SECRET);
    folder.file("root/a.txt", "hello\n");
    folder.file("root/a.txt.gz", "coded");
    folder.file("root/a.txt.br", "");
    folder.file("root/empty", "");
    folder.file("root/large.bin", vec![b'x'; 40_000]);
    folder.file("root/sub/b.html", "<p>");
    folder.file("root/sub/\u{e9} &\"<'", "named");
    folder.file("root/.hidden", SECRET);
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, folder.path().join("root").join(name)).expect("a link");
    };
    link("sub/b.html", "inside");
    link("../secret", "outside");
    link("..", "up");
    link("loop", "loop");
    link("../root2", "sibling");
    (folder, "root")
}

#[test]
fn connections() {
    let (guarded, root) = guarded_folder();
    let inner = guarded.beneath(root);
    let seeds = conformance_inputs();
    let small = Limits {
        request_line_bytes_max: 120,
        field_section_bytes_max: 300,
        field_lines_max: 6,
        content_discarded_bytes_max: 40,
        ranges_max: 4,
        batch_bytes: 500,
        linger_bytes_max: 200,
        ..Limits::default()
    };
    inner.serve(&["--try-html", "--header", "X-A: b"], |served| {
        fuzz(40_000, |random, input| {
            for _ in 0..1 + random.below(3) {
                match random.below(3) {
                    0 => input.extend_from_slice(random.of(&seeds).as_slice()),
                    _ => plausible(random, input),
                }
            }
            for _ in 0..random.below(6).saturating_sub(2) {
                mutate(random, input, &seeds);
            }
            let limits = if random.below(3) == 0 {
                small
            } else {
                Limits::default()
            };
            one_connection(random, served, &limits, input);
        });
    });
}

fn one_connection(random: &mut Random, served: &Served<'_>, limits: &Limits, input: &[u8]) {
    let whole = run(served, limits, &[input], usize::MAX);
    check_answers("fuzz", &whole.output, &whole.answered);
    let secret = whole
        .output
        .windows(SECRET.len())
        .any(|window| window == SECRET);
    assert!(
        !secret,
        "a byte from outside the root:\n{}",
        show(&whole.output)
    );
    let most = 2 * (input.len() + limits.batch_bytes) + (64 << 10);
    assert!(
        whole.held_bytes <= most,
        "{} of {most} bytes",
        whole.held_bytes
    );

    let mut pieces = Vec::new();
    let mut rest = input;
    let longest = *random.of(&[1, 3, 20, 200]);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + random.below(longest)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    let sends = *random.of(&[1_usize, 17, 1_000, 100_000]);
    let cut = run(served, limits, &pieces, sends.max(input.len() / 50));
    assert!(
        cut.output == whole.output,
        "cut:\n{}\n---\n{}",
        show(&whole.output),
        show(&cut.output)
    );
    assert_eq!(cut.answered, whole.answered);

    // It ends, when the client ends or when the time is up, and then it is over for good.
    let mut client = Client::new(served, limits);
    let mut end = client.send(input);
    if random.below(2) == 0 {
        end = client.end();
        assert_eq!(end, End::Closed);
        assert!(client.output == whole.output, "half-closed");
    }
    for _ in 0..3 {
        if end != End::Closed {
            end = client.wait(60_000).expect("a deadline within a minute");
        }
    }
    assert_eq!(end, End::Closed);
    check_answers("fuzz, in time", &client.output, &client.desk.answered);
    let written = client.output.len();
    assert_eq!(client.drive(), End::Closed);
    assert_eq!(client.output.len(), written, "written after the end");
}

#[test]
fn heads() {
    let seeds = conformance_inputs();
    let limits = Limits::default();
    fuzz(20_000, |random, input| {
        input.extend_from_slice(random.of(&seeds).as_slice());
        for _ in 0..1 + random.below(4) {
            mutate(random, input, &seeds);
        }
        let outcome = |reader: &mut HeadReader, bytes: &[u8]| match reader.read(bytes, &limits) {
            Ok(Some(head)) => Some(Ok((
                head.length,
                head.request.line.to_vec(),
                format!("{:?}", head.request),
            ))),
            Ok(None) => None,
            Err(reject) => Some(Err(reject)),
        };
        let whole = outcome(&mut HeadReader::default(), input);
        let mut reader = HeadReader::default();
        let growing = (0..=input.len()).find_map(|end| outcome(&mut reader, &input[..end]));
        match (&whole, &growing) {
            // The fields of a request borrow: what they print differs by nothing else.
            (Some(Ok(whole)), Some(Ok(growing))) => assert_eq!(whole, growing),
            (whole, growing) => assert_eq!(whole, growing),
        }
    });
}

#[test]
fn chunks() {
    let seeds = vec![
        b"5\r\nhello\r\n0\r\n\r\n".to_vec(),
        b"1;a=b\r\nx\r\n00\r\nA: b\r\n\r\n".to_vec(),
    ];
    fuzz(20_000, |random, input| {
        let mut data = 0;
        for _ in 0..random.below(4) {
            let size = 1 + random.below(40);
            data += size;
            let extension = random.of(&["", ";a", ";a=\"b\"", " ;x"]);
            input.extend_from_slice(format!("{size:x}{extension}\r\n").as_bytes());
            input.extend((0..size).map(|_| *random.of(ODD)));
            input.extend_from_slice(b"\r\n");
        }
        input.extend_from_slice(
            random
                .of(&["0\r\n\r\n", "000;x\r\n\r\n", "0\r\nA: b\r\n\r\n"])
                .as_bytes(),
        );
        let valid = input.len();
        input.extend_from_slice(b"GET / HTTP/1.1\r\n");
        let mutated = random.below(4) > 0;
        if mutated {
            mutate(random, input, &seeds);
        }
        let mut decoder = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
        let whole = decoder.take(input);
        if !mutated {
            assert_eq!(whole, Ok(valid), "{data} bytes of data");
            assert!(decoder.is_done());
        }
        let mut bytewise = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
        let mut taken = Ok(0);
        for byte in input.chunks(1) {
            match (taken, bytewise.take(byte)) {
                (Ok(sum), Ok(one)) => taken = Ok(sum + one),
                (_, Err(reject)) => taken = Err(reject),
                (Err(_), _) => break,
            }
        }
        assert_eq!(taken, whole);
    });
}

/// Decodes and resolves as the RFC tells it, on a stack, without a thought for speed.
fn model_path(path: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut stack: Vec<Vec<u8>> = Vec::new();
    for segment in path.split(|&byte| byte == b'/') {
        let mut name = Vec::new();
        let mut at = 0;
        while at < segment.len() {
            if segment[at] == b'%' {
                let digits = std::str::from_utf8(segment.get(at + 1..at + 3)?).ok()?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                let byte = u8::from_str_radix(digits, 16).ok()?;
                if byte == 0 || byte == b'/' {
                    return None;
                }
                name.push(byte);
                at += 3;
            } else {
                name.push(segment[at]);
                at += 1;
            }
        }
        match &name[..] {
            b"" | b"." => {}
            b".." => drop(stack.pop()),
            _ => stack.push(name),
        }
    }
    Some(stack)
}

#[test]
fn paths() {
    let seeds: Vec<Vec<u8>> = [
        "/a/b/../c",
        "/%2e%2e/x",
        "//a//./b/",
        "/a%20b/%E4",
        "/..a/...",
        "/a/..%2f",
        "/%252e/",
    ]
    .map(|path| path.as_bytes().to_vec())
    .to_vec();
    fuzz(50_000, |random, input| {
        input.extend_from_slice(random.of(&seeds).as_slice());
        for _ in 0..random.below(6) {
            mutate(random, input, &seeds);
        }
        // NUL does not get past the request-line.
        input.retain(|&byte| byte != 0);
        let found = SitePath::parse(input).ok();
        let model = model_path(input).map(|names| names.join(&b'/'));
        assert_eq!(found.as_ref().map(|path| path.as_bytes().to_vec()), model);
        let Some(path) = found else { return };
        let names = path.as_bytes().split(|&byte| byte == b'/');
        for name in names.filter(|_| !path.as_bytes().is_empty()) {
            assert!(!matches!(name, b"" | b"." | b".."));
        }
        let encoded = path.encoded();
        assert!(encoded.starts_with(b"/") && !encoded.starts_with(b"//"));
        assert!(encoded.iter().all(u8::is_ascii_graphic));
        assert_eq!(SitePath::parse(&encoded).ok().as_ref(), Some(&path));
        // A host is anything but a path.
        let _ = is_host(input);
    });
}

#[test]
fn ranges() {
    let seeds: Vec<Vec<u8>> = [
        "bytes=0-4,6-",
        "bytes=-3",
        "bytes=1-2,4-5,7-8",
        "bytes=9-,0-0",
        "bytes=3-3, ,2-2",
    ]
    .map(|value| value.as_bytes().to_vec())
    .to_vec();
    fuzz(50_000, |random, input| {
        input.extend_from_slice(random.of(&seeds).as_slice());
        for _ in 0..random.below(5) {
            mutate(random, input, &seeds);
        }
        let length = *random.of(&[0_u64, 1, 2, 9, 30, u64::MAX]);
        let selected = match select(input, length, 8) {
            Selection::Whole | Selection::Unsatisfiable => return,
            Selection::One(range) => vec![range],
            Selection::Several(ranges) => ranges,
        };
        assert!(selected.len() <= 8);
        let sum: u64 = selected.iter().map(|range| range.end - range.start).sum();
        assert!(sum <= length);
        for (at, range) in selected.iter().enumerate() {
            assert!(range.start < range.end && range.end <= length);
            let apart =
                |other: &std::ops::Range<u64>| other.end < range.start || range.end < other.start;
            assert!(selected[..at].iter().all(apart), "{selected:?}");
        }
        // Every byte that a plain reading asks for, and no other.
        if length > 30 {
            return;
        }
        let text = std::str::from_utf8(&input["bytes=".len()..]).expect("digits");
        let mut asked = vec![false; length as usize];
        for spec in text
            .split(',')
            .map(|spec| spec.trim_matches([' ', '\t']))
            .filter(|spec| !spec.is_empty())
        {
            let (first, last) = spec.split_once('-').expect("a hyphen");
            let number = |digits: &str| digits.parse::<u128>().unwrap_or(u128::MAX);
            let (start, end) = match (first, last) {
                ("", suffix) => (
                    u128::from(length).saturating_sub(number(suffix)),
                    u128::from(length),
                ),
                (first, "") => (number(first), u128::from(length)),
                (first, last) => (number(first), number(last).saturating_add(1)),
            };
            for (at, byte) in asked.iter_mut().enumerate() {
                *byte |= start <= at as u128 && (at as u128) < end;
            }
        }
        for (at, asked) in asked.iter().enumerate() {
            assert_eq!(
                selected.iter().any(|range| range.contains(&(at as u64))),
                *asked,
                "byte {at}"
            );
        }
    });
}

#[test]
fn dates() {
    let seeds: Vec<Vec<u8>> = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    fuzz(50_000, |random, input| {
        if random.below(2) == 0 {
            // Any second up to the year 9999 comes back.
            let date = HttpDate((random.next() % 253_402_300_800) as i64);
            let text = date.text().expect("a date");
            assert_eq!(HttpDate::parse(&text, NOW), Some(date));
            input.extend_from_slice(&text);
        } else {
            input.extend_from_slice(random.of(&seeds).as_slice());
        }
        for _ in 0..1 + random.below(3) {
            mutate(random, input, &seeds);
        }
        if let Some(date) = HttpDate::parse(input, NOW) {
            if let Some(text) = date.text() {
                assert_eq!(HttpDate::parse(&text, NOW), Some(date));
            }
        }
    });
}

#[test]
fn accepted_codings() {
    let seeds: Vec<Vec<u8>> = [
        "gzip, deflate, br;q=0.5, zstd",
        "*;q=0, identity;q=0.5",
        "x-gzip;q=1.000,,gzip;q=x",
        "text/html;level=1;q=0.4",
    ]
    .map(|value| value.as_bytes().to_vec())
    .to_vec();
    let limits = Limits::default();
    fuzz(20_000, |random, input| {
        let mut value = random.of(&seeds).clone();
        for _ in 0..random.below(5) {
            mutate(random, &mut value, &seeds);
        }
        value.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        input.extend_from_slice(b"GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: ");
        input.extend_from_slice(&value);
        input.extend_from_slice(b"\r\nAccept: ");
        input.extend_from_slice(&value);
        input.extend_from_slice(b"\r\n\r\n");
        let mut reader = HeadReader::default();
        let Ok(Some(head)) = reader.read(input, &limits) else {
            return;
        };
        let accept = AcceptEncoding::of(head.request.fields);
        let preferred: Vec<&str> = accept.preferred().map(|coding| coding.name()).collect();
        assert!(preferred.len() <= 3);
        let text = String::from_utf8_lossy(&value).to_ascii_lowercase();
        for coding in preferred {
            assert!(
                text.contains(coding) || text.contains('*'),
                "{coding} was not asked for"
            );
        }
        if !accept.accepts_identity() {
            assert!(text.contains("identity") || text.contains('*'));
        }
        assert!(media_type_weight(head.request.fields, "text/html") <= 1_000);
    });
}

/// All sequences of three odd words, and mutated ones.
#[test]
fn command_lines() {
    let vocabulary: [&[u8]; 57] = [
        b"",
        b"-",
        b"--",
        b"---",
        b"=",
        b"-=",
        b"--=",
        b"-p",
        b"-p=",
        b"-p80",
        b"-p=80",
        b"--port",
        b"--port=",
        b"--port=80",
        b"--port=99999",
        b"80",
        b"-1",
        b"-b",
        b"-b::",
        b"[::]:80",
        b"::1",
        b"127.0.0.1:",
        b":80",
        b"fe80::1%",
        b"[::1",
        b"-w",
        b"-w0",
        b"-w2",
        b"-h",
        b"-hV",
        b"-V",
        b"--help",
        b"--version",
        b"--check",
        b"--help=x",
        b"--index",
        b"a/b",
        b"..",
        b"--no-listing",
        b"--no-listing=x",
        b"--hidden",
        b"--symlinks",
        b"follow",
        b"--fallback",
        b"/x",
        b"--redirect-all",
        b"//x",
        b"--header",
        b"A: b",
        b"Content-Length: 5",
        b"A: b\r\nC: d",
        b"--media-type",
        b"x=a/b",
        b"--log",
        b"json",
        b"\xff\xfe",
        b"a\nb\x1b[31m",
    ];
    let check = |words: &[OsString]| match cli::parse(words.iter().cloned()) {
        Ok(Command::Help | Command::Version) => {}
        Ok(Command::Serve(config) | Command::Check(config) | Command::Healthcheck(config, _)) => {
            assert!(config.workers() > 0);
            assert!(!config.site.index.is_empty());
            for (name, value) in &config.site.headers {
                assert!(
                    !name.is_empty() && !value.contains(['\r', '\n', '\0']),
                    "{words:?}"
                );
                assert!(!name.eq_ignore_ascii_case("content-length"), "{words:?}");
            }
        }
        Err(line) => {
            assert!(
                !line.is_empty() && !line.contains(char::is_control),
                "{words:?}: {line:?}"
            );
        }
    };
    let words: Vec<OsString> = vocabulary
        .iter()
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    for a in &words {
        for b in &words {
            for c in &words {
                check(&[a.clone(), b.clone(), c.clone()]);
            }
        }
    }
    let seeds: Vec<Vec<u8>> = vocabulary.iter().map(|word| word.to_vec()).collect();
    fuzz(20_000, |random, input| {
        let mut line = Vec::new();
        for _ in 0..1 + random.below(5) {
            let mut word = random.of(&seeds).clone();
            if random.below(2) == 0 {
                mutate(random, &mut word, &seeds);
            }
            word.retain(|&byte| byte != 0);
            line.push(OsString::from_vec(word));
        }
        input.extend(
            line.iter()
                .flat_map(|word| [word.as_bytes(), b"\n"].concat()),
        );
        check(&line);
    });
}
