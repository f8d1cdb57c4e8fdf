//! Deterministic fuzzing: mutated requests through a `Connection` over real files, and each parser
//! by itself, most of them beside a second reading that is slow and plain. The same seed gives the
//! same rounds; a failure prints the command that runs its round again.
//!
//! `FUZZ_SEED` (a number), `FUZZ_ROUNDS` and `FUZZ_SECONDS` say what and how much; see `scripts/fuzz`.

#![allow(clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::{Duration, Instant};

use support::drive::{Client, End, NOW, Served, check_answers, run, show};
use support::folder::Folder;
use support::random::{Random, number, seed_of_run};

use ipv6_httpd::access::accounts::Accounts;
use ipv6_httpd::access::list::{AccessList, Place, Rule, Verdict};
use ipv6_httpd::access::network::Network;
use ipv6_httpd::cli::{self, Command};
use ipv6_httpd::http::accept::{AcceptEncoding, media_type_weight};
use ipv6_httpd::http::authorization;
use ipv6_httpd::http::content::{ContentDecoder, ContentLength};
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::fields::Fields;
use ipv6_httpd::http::forwarded::{self, Source};
use ipv6_httpd::http::grammar::is_tchar;
use ipv6_httpd::http::head::HeadReader;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::path::SitePath;
use ipv6_httpd::http::proxy_protocol;
use ipv6_httpd::http::range::{Selection, content_range, select};
use ipv6_httpd::http::response::{Body, Segment};
use ipv6_httpd::http::target::is_host;
use ipv6_httpd::peer::{Name, Peer};
use ipv6_httpd::site::ip_page;
use ipv6_httpd::sys;

/// Prints how to come back to a round that fails.
struct Round {
    seed: u64,
    input: Vec<u8>,
}

impl Drop for Round {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            let seed = self.seed;
            eprintln!("again: FUZZ_SEED={seed} FUZZ_ROUNDS=1 cargo test --test fuzz {test}");
            eprintln!("input: b\"{}\"", self.input.escape_ascii());
        }
    }
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
        // Each round by itself: it is the first one of its own seed.
        let seed = seed_of_run(seed, at);
        let mut random = Random::new(seed);
        let input = Vec::new();
        let mut state = Round { seed, input };
        round(&mut random, &mut state.input);
    }
}

/// The same with rounds that tell whether their input was understood: were it nearly always, or
/// hardly ever, they would test little.
fn fuzz_some(rounds: u64, mut round: impl FnMut(&mut Random, &mut Vec<u8>) -> bool) {
    let (mut all, mut understood) = (0_u64, 0_u64);
    fuzz(rounds, |random, input| {
        all += 1;
        understood += u64::from(round(random, input));
    });
    let mixed = understood * 20 > all && (all - understood) * 20 > all;
    assert!(mixed || all < 1_000, "{understood} of {all} understood");
}

/// Puts one of these into `input`, and changes it up to `changes_max` times.
fn mutated(random: &mut Random, input: &mut Vec<u8>, changes_max: usize, seeds: &[&[u8]]) {
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    input.extend_from_slice(random.of(&seeds).as_slice());
    for _ in 0..random.place(changes_max + 1) {
        mutate(random, input, &seeds);
    }
}

/// What a request with these field lines says, if there can be one. `None`: there cannot.
fn with_fields<T>(lines: &[Vec<u8>], look: impl FnOnce(Fields<'_>) -> T) -> Option<T> {
    let mut head = b"GET / HTTP/1.0\r\n".to_vec();
    for line in lines {
        head.extend_from_slice(line);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let mut reader = HeadReader::default();
    let head = reader.read(&head, &Limits::default()).ok()??;
    Some(look(head.request.fields))
}

/// What may stand in a field line.
fn as_field_value(bytes: &mut Vec<u8>) {
    bytes.retain(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
}

const ODD: &[u8] = b"\0\t\n\r :,;=\"\\%/.*-?#[]()@0129AZaz\x7f\x80\xff";

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = random.place(bytes.len() + 1);
    let length = 1 + random.place(8);
    let end = (at + length).min(bytes.len());
    match random.place(12) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.place(8),
        1 if at < bytes.len() => bytes[at] = *random.of(ODD),
        2 => bytes.insert(at, *random.of(ODD)),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            let times = 1 + random.place(3);
            bytes.splice(at..at, piece.repeat(times));
        }
        5 => {
            // The beginning of one, the end of another.
            let other = random.of(seeds);
            let from = random.place(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        6 => {
            let mut lines: Vec<Vec<u8>> =
                bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            if lines.len() > 1 {
                let (a, b) = (random.place(lines.len()), random.place(lines.len()));
                match random.place(3) {
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
            .splice(at..at, std::iter::repeat_n(*random.of(ODD), 1 + random.place(300)))
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
    let source = include_bytes!("suite/conformance.rs");
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
        for _ in 0..random.place(5).saturating_sub(2) {
            mutate(random, &mut bytes, &[b"0-1, 5-".to_vec(), b"%2e%2e/".to_vec()]);
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
        random.of(&[" HTTP/1.1\r\n", " HTTP/1.1\r\n", " HTTP/1.0\r\n"]).as_bytes(),
    );
    out.extend_from_slice(b"Host: h\r\n");
    let mut content = 0;
    for _ in 0..random.place(4) {
        let (name, value) = random.of(&FIELDS).split_once(": ").expect("a field");
        let length = name == "Content-Length";
        let value = if length { value.as_bytes().to_vec() } else { odd(random, value) };
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
            for _ in 0..1 + random.place(3) {
                match random.place(3) {
                    0 => input.extend_from_slice(random.of(&seeds).as_slice()),
                    _ => plausible(random, input),
                }
            }
            for _ in 0..random.place(6).saturating_sub(2) {
                mutate(random, input, &seeds);
            }
            let limits = if random.place(3) == 0 { small } else { Limits::default() };
            one_connection(random, served, &limits, input);
        });
    });
}

fn one_connection(random: &mut Random, served: &Served<'_>, limits: &Limits, input: &[u8]) {
    let whole = run(served, limits, &[input], usize::MAX);
    check_answers("fuzz", &whole.output, &whole.answered);
    let secret = whole.output.windows(SECRET.len()).any(|window| window == SECRET);
    assert!(!secret, "a byte from outside the root:\n{}", show(&whole.output));
    let most = 2 * (input.len() + limits.batch_bytes) + (64 << 10);
    assert!(whole.held_bytes <= most, "{} of {most} bytes", whole.held_bytes);

    let mut pieces = Vec::new();
    let mut rest = input;
    let longest = *random.of(&[1, 3, 20, 200]);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + random.place(longest)).min(rest.len()));
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
    if random.place(2) == 0 {
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
        for _ in 0..1 + random.place(4) {
            mutate(random, input, &seeds);
        }
        let outcome = |reader: &mut HeadReader, bytes: &[u8]| match reader.read(bytes, &limits) {
            Ok(Some(head)) => {
                Some(Ok((head.length, head.request.line.to_vec(), format!("{:?}", head.request))))
            }
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
        b"1 ; a = \"b\\\"\" ;c\r\nx\r\n0;d=e\r\nA: b\r\nC:\r\n\r\n".to_vec(),
        b"0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n".to_vec(),
        b"7fffffffffffffdf\r\n000000000000000f;".to_vec(),
    ];
    fuzz(20_000, |random, input| {
        let mut data = 0;
        for _ in 0..random.place(4) {
            let size = 1 + random.place(40);
            data += size;
            let extension = random.of(&["", ";a", ";a=\"b\"", " ;x"]);
            input.extend_from_slice(format!("{size:x}{extension}\r\n").as_bytes());
            input.extend((0..size).map(|_| *random.of(ODD)));
            input.extend_from_slice(b"\r\n");
        }
        input.extend_from_slice(
            random.of(&["0\r\n\r\n", "000;x\r\n\r\n", "0\r\nA: b\r\n\r\n"]).as_bytes(),
        );
        let valid = input.len();
        input.extend_from_slice(b"GET / HTTP/1.1\r\n");
        let mutated = random.place(4) > 0;
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
            let Ok(sum) = taken else { break };
            taken = bytewise.take(byte).map(|one| sum + one);
        }
        assert_eq!(taken, whole);
        let found = whole.ok().filter(|_| decoder.is_done());
        assert_eq!(found, model_chunked(input), "{}", input.escape_ascii());
    });
}

/// How many bytes of chunked content there are, line by line (RFC 9112 §7.1); `None` where they
/// are malformed or not complete.
fn model_chunked(bytes: &[u8]) -> Option<usize> {
    let line = |from: usize| {
        let rest = bytes.get(from..)?;
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        Some(&rest[..end])
    };
    let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let mut at = 0;
    let mut overhead = 0;
    loop {
        let first = line(at)?;
        at += first.len() + 2;
        let digits = first.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&first[..digits]).expect("ASCII");
        let size = u64::from_str_radix(size, 16).ok()?;
        // The last sizes that other servers take.
        if digits > 16 || size > 0x7fff_ffff_ffff_ffdf || first.len() + 2 > 1_023 {
            return None;
        }
        if !model_extensions(&first[digits..]) {
            return None;
        }
        let zeros = first.iter().take_while(|&&byte| byte == b'0').count();
        overhead += first.len() - digits + zeros.min(digits - 1);
        if overhead > 16 << 10 {
            return None;
        }
        if size == 0 {
            break;
        }
        at = at.checked_add(usize::try_from(size).ok()?)?.checked_add(2)?;
        if bytes.get(at - 2..at)? != b"\r\n" {
            return None;
        }
    }
    let trailers = at;
    loop {
        let trailer = line(at)?;
        at += trailer.len() + 2;
        let bytes = at - trailers;
        if bytes > 4 << 10 || overhead + bytes > 16 << 10 {
            return None;
        }
        if trailer.is_empty() {
            return Some(at);
        }
        let colon = trailer.iter().position(|&byte| byte == b':')?;
        let (name, value) = trailer.split_at(colon);
        if name.is_empty() || !name.iter().all(|&byte| is_tchar(byte)) || !value.iter().all(is_text)
        {
            return None;
        }
        let name = name.to_ascii_lowercase();
        if name == b"content-length" || name == b"transfer-encoding" {
            return None;
        }
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`, as §7.1.1 spells it.
fn model_extensions(text: &[u8]) -> bool {
    fn skip(text: &[u8], of: impl Fn(u8) -> bool) -> &[u8] {
        let count = text.iter().take_while(|&&byte| of(byte)).count();
        &text[count..]
    }
    let is_space = |byte| byte == b' ' || byte == b'\t';
    let mut rest = text;
    while !rest.is_empty() {
        let [b';', after @ ..] = skip(rest, is_space) else {
            return false;
        };
        let name = skip(after, is_space);
        rest = skip(name, is_tchar);
        if rest.len() == name.len() {
            return false;
        }
        let [b'=', after @ ..] = skip(rest, is_space) else {
            continue;
        };
        let value = skip(after, is_space);
        rest = match value {
            [b'"', quoted @ ..] => {
                let mut left = quoted;
                loop {
                    left = match left {
                        [b'"', after @ ..] => break after,
                        [b'\\', byte, after @ ..] | [byte, after @ ..]
                            if *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f) =>
                        {
                            after
                        }
                        _ => return false,
                    };
                }
            }
            _ => skip(value, is_tchar),
        };
        if rest.len() == value.len() {
            return false;
        }
    }
    true
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
    let seeds: Vec<Vec<u8>> =
        ["/a/b/../c", "/%2e%2e/x", "//a//./b/", "/a%20b/%E4", "/..a/...", "/a/..%2f", "/%252e/"]
            .map(|path| path.as_bytes().to_vec())
            .to_vec();
    fuzz(50_000, |random, input| {
        input.extend_from_slice(random.of(&seeds).as_slice());
        for _ in 0..random.place(6) {
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
        // From a path without a slash at its end, Location leads to the same path with one.
        if !path.is_directory() {
            let reference = path.reference_with_slash(input);
            assert!(reference.iter().all(u8::is_ascii_graphic));
            assert!(!reference.starts_with(b"/") && !reference.contains(&b':'));
            let start = input.iter().rposition(|&byte| byte == b'/');
            let parent = start.map_or(&b""[..], |at| &input[..=at]);
            let found = SitePath::parse(&[parent, &reference].concat()).ok();
            let found = found.map(|found| (found.as_bytes().to_vec(), found.is_directory()));
            assert_eq!(found, Some((path.as_bytes().to_vec(), true)));
        }
        // A host is anything but a path.
        let _ = is_host(input);
    });
}

/// What a Range asks for, of a representation that is short enough to mark every byte.
fn model_selection(value: &[u8], length: usize, ranges_max: usize) -> Selection {
    if length == 0 {
        return Selection::Whole;
    }
    let Some(set) = String::from_utf8_lossy(value)
        .split_once('=')
        .filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"))
        .map(|(_, set)| set.to_owned())
    else {
        return Selection::Whole;
    };
    let specs: Vec<&str> = set
        .split(',')
        .map(|spec| spec.trim_matches([' ', '\t']))
        .filter(|spec| !spec.is_empty())
        .collect();
    if specs.is_empty() || specs.len() > ranges_max {
        return Selection::Whole;
    }
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    // Of each byte the first range that asks for it.
    let mut asked: Vec<Option<usize>> = vec![None; length];
    let mut sum = 0;
    let mut of_nothing = false;
    for (at, spec) in specs.iter().enumerate() {
        let wants = |byte: usize| -> Option<bool> {
            let byte = byte as u64;
            match spec.split_once('-')? {
                ("", last) => Some(length as u64 - byte <= number(last)?),
                (first, "") => Some(byte >= number(first)?),
                (first, last) if number(last)? < number(first)? => None,
                (first, last) => Some((number(first)?..=number(last)?).contains(&byte)),
            }
        };
        // Past the end nothing is wanted, but it is seen there too what is malformed.
        if wants(length).is_none() {
            return Selection::Whole;
        }
        of_nothing |= length == 0 && spec.starts_with('-') && number(&spec[1..]) != Some(0);
        for (byte, asked) in asked.iter_mut().enumerate() {
            if wants(byte) == Some(true) {
                sum += 1;
                asked.get_or_insert(at);
            }
        }
    }
    if of_nothing {
        return Selection::Whole;
    }
    // Runs of bytes, in the order of the ranges that first asked for a byte of them.
    let mut runs: BTreeMap<usize, std::ops::Range<u64>> = BTreeMap::new();
    let mut start = 0;
    while start < length {
        let end = (start..length).find(|&byte| asked[byte].is_none()).unwrap_or(length);
        if let Some(first) = asked[start..end].iter().flatten().min() {
            runs.insert(*first, start as u64..end as u64);
        }
        start = end + 1;
    }
    let mut runs: Vec<_> = runs.into_values().collect();
    match runs.len() {
        0 => Selection::Unsatisfiable,
        1 => Selection::One(runs.remove(0)),
        _ if sum > length => Selection::Whole,
        _ => Selection::Several(runs),
    }
}

#[test]
fn ranges() {
    let seeds: [&[u8]; 6] = [
        b"bytes=0-4,6-",
        b"bytes=-3",
        b"bytes=1-2,4-5,7-8",
        b"bytes=9-,0-0",
        b"bytes=3-3, ,2-2",
        b"bytes=5-6,0-1,3-3,9-9,1-2",
    ];
    fuzz_some(50_000, |random, input| {
        mutated(random, input, 4, &seeds);
        as_field_value(input);
        let length = *random.of(&[0_u64, 1, 2, 9, 30, u64::MAX]);
        let found = select(input, length, 8);
        if length <= 30 {
            assert_eq!(found, model_selection(input, length as usize, 8));
        }
        let selected = match found {
            Selection::Whole | Selection::Unsatisfiable => return false,
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
            let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            assert_eq!(content_range(range, length), place.as_bytes());
        }
        true
    });
}

/// Days since 1970, year by year and month by month.
fn model_days(year: i64, month: usize, day: i64) -> Option<i64> {
    let leaps =
        |year: i64| i64::from(year % 400 == 0 || (year % 4 == 0 && !matches!(year % 100, 0)));
    let months = [31, 28 + leaps(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if day < 1 || day > months[month] {
        return None;
    }
    let years: i64 = if year < 1970 {
        -(year..1970).map(|year| 365 + leaps(year)).sum::<i64>()
    } else {
        (1970..year).map(|year| 365 + leaps(year)).sum()
    };
    Some(years + months[..month].iter().sum::<i64>() + day - 1)
}

/// Reads a date word by word, in the three forms of RFC 9110 §5.6.7.
fn model_date(text: &[u8]) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    // 1 January 1970 was a Thursday.
    const DAYS: [&str; 7] =
        ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    let number = |digits: &str, length: usize| -> Option<i64> {
        let is_number = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    let text = std::str::from_utf8(text).ok()?;
    let words: Vec<&str> = text.split(' ').collect();
    // (name of the day, is it long, day, month, year or its end, time)
    let (name, is_long, day, month, year, time) = match words[..] {
        [name, day, month, year, time, "GMT"] => {
            let day = number(day, 2)?;
            (name.strip_suffix(',')?, false, day, month, number(year, 4)?, time)
        }
        [name, date, time, "GMT"] => {
            let parts: Vec<&str> = date.split('-').collect();
            let [day, month, year] = parts[..] else {
                return None;
            };
            // NOW is in 2026.
            let year = number(year, 2)?;
            let year = if year > 76 { 1900 + year } else { 2000 + year };
            (name.strip_suffix(',')?, true, number(day, 2)?, month, year, time)
        }
        [name, month, "", day, time, year] => {
            (name, false, number(day, 1)?, month, number(year, 4)?, time)
        }
        [name, month, day, time, year] => {
            (name, false, number(day, 2)?, month, number(year, 4)?, time)
        }
        _ => return None,
    };
    let month = (0..12).find(|at| &MONTHS[at * 3..at * 3 + 3] == month)?;
    let days = model_days(year, month, day)?;
    let weekday = DAYS[days.rem_euclid(7) as usize];
    let fits = if is_long { DAYS.contains(&name) } else { name == &weekday[..3] };
    let parts: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = parts[..] else {
        return None;
    };
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let valid = fits && hour < 24 && minute < 60 && second <= 60;
    valid.then_some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[test]
fn dates() {
    let seeds: Vec<Vec<u8>> = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Thu, 29 Feb 2024 23:59:60 GMT",
        "Thu, 29 Feb 2024 23:59:61 GMT",
        "Sat Jan  1 00:00:00 0000",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    fuzz_some(50_000, |random, input| {
        // Any second up to the year 9999 comes back.
        let date = HttpDate((random.next() % 253_402_300_800) as i64);
        let text = date.text().expect("a date");
        assert_eq!(HttpDate::parse(&text, NOW), Some(date));
        assert_eq!(model_date(&text), Some(date.0));
        let words = String::from_utf8_lossy(&text).replace(',', "");
        let words: Vec<&str> = words.split(' ').collect();
        let [name, day, month, year, time, _] = words[..] else { panic!("{words:?}") };
        match random.place(4) {
            0 => input.extend_from_slice(&text),
            1 => {
                let day = day.strip_prefix('0').map_or(day.to_owned(), |day| format!(" {day}"));
                input.extend_from_slice(format!("{name} {month} {day} {time} {year}").as_bytes());
            }
            2 => {
                let rest = format!("{day}-{month}-{} {time} GMT", &year[2..]);
                let name = random.of(&["Sunday", "Wednesday", "Thursday", "Sun"]);
                input.extend_from_slice(format!("{name}, {rest}").as_bytes());
            }
            _ => input.extend_from_slice(random.of(&seeds).as_slice()),
        }
        for _ in 0..random.place(3) {
            mutate(random, input, &seeds);
        }
        let found = HttpDate::parse(input, NOW);
        assert_eq!(found.map(|date| date.0), model_date(input));
        found.is_some()
    });
}

/// Splits where a separator stands outside of quoted-strings. The second: is one left open?
fn model_split(text: &[u8], separator: u8) -> (Vec<Vec<u8>>, bool) {
    let mut pieces = vec![Vec::new()];
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        if byte == separator {
            pieces.push(Vec::new());
            continue;
        }
        let piece = pieces.last_mut().expect("a piece");
        piece.push(byte);
        if byte != b'"' {
            continue;
        }
        loop {
            match bytes.next() {
                None => return (pieces, true),
                Some(b'"') => break,
                Some(b'\\') => {
                    piece.push(b'\\');
                    match bytes.next() {
                        None => return (pieces, true),
                        Some(&escaped) => piece.push(escaped),
                    }
                }
                Some(&within) => piece.push(within),
            }
        }
        piece.push(b'"');
    }
    (pieces, false)
}

fn model_trim(text: &[u8]) -> Vec<u8> {
    let is_content = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = text.iter().position(is_content) else {
        return Vec::new();
    };
    let end = text.iter().rposition(is_content).expect("there is one");
    text[start..=end].to_vec()
}

/// The elements of a list field with their weights. No coding and no type of ours has a parameter
/// with a semicolon in quotes, so that need not be understood; a comma in quotes must be.
fn model_weights(value: &[u8], qvalues: &BTreeMap<String, u16>) -> Vec<(String, u16)> {
    let (elements, _) = model_split(value, b',');
    let elements = elements.iter().map(|element| model_trim(element));
    let weighted = |element: Vec<u8>| {
        let text = String::from_utf8_lossy(&element).into_owned();
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default().trim_matches([' ', '\t']);
        let q = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .rfind(|(name, _)| name.trim_matches([' ', '\t']).eq_ignore_ascii_case("q"));
        let q = q.map(|(_, value)| value.trim_end_matches([' ', '\t']));
        let weight = q.map_or(1_000, |q| qvalues.get(q).copied().unwrap_or(0));
        (name.to_ascii_lowercase(), weight)
    };
    elements.filter(|element| !element.is_empty()).map(weighted).collect()
}

/// Every spelling of every weight (RFC 9110 §12.4.2).
fn all_qvalues() -> BTreeMap<String, u16> {
    let mut qvalues = BTreeMap::new();
    for weight in 0..=1_000 {
        let long = format!("{}.{:03}", weight / 1_000, weight % 1_000);
        let mut text = long.as_str();
        loop {
            qvalues.insert(text.to_owned(), weight);
            match text.strip_suffix('0').or_else(|| text.strip_suffix('.')) {
                Some(shorter) if !shorter.is_empty() => text = shorter,
                _ => break,
            }
        }
    }
    qvalues
}

#[test]
fn accepted_codings() {
    let seeds: [&[u8]; 6] = [
        b"gzip, deflate, br;q=0.5, zstd",
        b"*;q=0, identity;q=0.5",
        b"x-gzip;q=1.000,,gzip;q=x",
        b"text/html;level=1;q=0.4, application/json, text/plain;q=0.",
        b"br;q=0.001 , gzip;q=0.010;q=0.1, \"gzip, br\"",
        b"zstd;q=1., *;q=0.25, identity;q=0",
    ];
    let qvalues = all_qvalues();
    fuzz_some(20_000, |random, input| {
        mutated(random, input, 4, &seeds);
        as_field_value(input);
        let lines = [
            [b"Accept-Encoding: ", input.as_slice()].concat(),
            [b"accept: ", input.as_slice()].concat(),
        ];
        let found = with_fields(&lines, |fields| {
            let accept = AcceptEncoding::of(fields);
            let preferred: Vec<&str> = accept.preferred().map(|coding| coding.name()).collect();
            let types = ["text/html", "application/json", "text/plain"];
            let types = types.map(|media_type| media_type_weight(fields, media_type));
            (preferred, accept.accepts_identity(), types)
        });
        let weights = model_weights(input, &qvalues);
        let named = |name: &str| {
            let of = weights.iter().filter(|(found, _)| found == name);
            of.map(|&(_, weight)| weight).max()
        };
        let any = named("*");
        let identity = named("identity").unwrap_or(if any == Some(0) { 0 } else { 1 });
        let codings = [
            ("br", named("br")),
            ("zstd", named("zstd")),
            ("gzip", named("gzip").max(named("x-gzip"))),
        ];
        let codings = codings.map(|(name, weight)| (name, weight.or(any).unwrap_or(0)));
        // From the greatest weight to the least that is no less than identity's.
        let weights = (identity.max(1)..=1_000).rev();
        let preferred: Vec<&str> = weights
            .flat_map(|weight| codings.iter().filter(move |coding| coding.1 == weight))
            .map(|&(name, _)| name)
            .collect();
        let types = ["text/html", "application/json", "text/plain"];
        let types = types.map(|name| named(name).unwrap_or(0));
        let is_understood = !preferred.is_empty();
        assert_eq!(found, Some((preferred, identity > 0, types)));
        is_understood
    });
}

/// All sequences of three odd words, and mutated ones.
#[test]
fn command_lines() {
    let vocabulary: [&[u8]; 58] = [
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
        b"--options-for-scripts",
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
        Ok(Command::Print(text)) => assert!(text.ends_with('\n')),
        Ok(Command::Serve(config) | Command::Check(config) | Command::Healthcheck(config, _)) => {
            assert!(config.workers() > 0);
            assert!(!config.site.index.is_empty());
            for (name, value) in &config.site.headers {
                assert!(!name.is_empty() && !value.contains(['\r', '\n', '\0']), "{words:?}");
                assert!(!name.eq_ignore_ascii_case("content-length"), "{words:?}");
            }
        }
        Err(line) => {
            assert!(!line.is_empty() && !line.contains(char::is_control), "{words:?}: {line:?}");
        }
    };
    let words: Vec<OsString> =
        vocabulary.iter().map(|word| OsString::from_vec(word.to_vec())).collect();
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
        for _ in 0..1 + random.place(5) {
            let mut word = random.of(&seeds).clone();
            if random.place(2) == 0 {
                mutate(random, &mut word, &seeds);
            }
            word.retain(|&byte| byte != 0);
            line.push(OsString::from_vec(word));
        }
        input.extend(line.iter().flat_map(|word| [word.as_bytes(), b"\n"].concat()));
        check(&line);
    });
}

/// Addresses of all kinds, with what is particular in its first and last bits.
fn any_address(random: &mut Random) -> IpAddr {
    let starts = [
        "192.0.2.0",
        "10.0.0.0",
        "127.0.0.1",
        "::",
        "::1",
        "::ffff:192.0.2.1",
        "64:ff9b::192.0.2.1",
        "2001:db8::",
        "2002:c000:201::",
        "fd00::1",
        "fe80::",
        "fe80::1",
    ];
    let start: IpAddr = random.of(&starts).parse().expect("an address");
    let mut bits = bits_of(start);
    for _ in 0..*random.of(&[0, 1, 2, 40]) {
        let at = random.place(bits.len());
        bits[at] = !bits[at];
    }
    address_of(&bits)
}

fn bits_of(address: IpAddr) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bits = |octet: u8| (0..8).rev().map(move |bit| octet >> bit & 1 == 1);
    octets.into_iter().flat_map(bits).collect()
}

fn address_of(bits: &[bool]) -> IpAddr {
    let octet = |bits: &[bool]| bits.iter().fold(0, |octet, &bit| octet << 1 | u8::from(bit));
    let octets: Vec<u8> = bits.chunks(8).map(octet).collect();
    match <[u8; 4]>::try_from(octets.as_slice()) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(octets).expect("either").into(),
    }
}

/// IPv4 in IPv6 is IPv4.
fn model_canonical(address: IpAddr) -> IpAddr {
    match (address.to_string().strip_prefix("::ffff:"), address) {
        (Some(text), IpAddr::V6(_)) => text.parse().unwrap_or(address),
        _ => address,
    }
}

/// What a PROXY header says, where enough bytes have come for the longest of them.
fn model_proxy_header(bytes: &[u8]) -> Option<(usize, Source)> {
    let client = |address: IpAddr| Source::Client(model_canonical(address));
    if let Some(binary) = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        let length = usize::from(binary[2]) * 256 + usize::from(binary[3]);
        let block = binary[4..].get(..length).filter(|_| length <= 4096)?;
        let source = match (binary[0], binary[1]) {
            (0x20, _) => Source::Proxy,
            (0x21, 0x11) => client(<[u8; 4]>::try_from(block.get(..12)?.get(..4)?).ok()?.into()),
            (0x21, 0x21) => client(<[u8; 16]>::try_from(block.get(..36)?.get(..16)?).ok()?.into()),
            (0x21, 0x00) => Source::Unknown,
            (0x21, 0x31) => block.get(..216).map(|_| Source::Unknown)?,
            _ => return None,
        };
        return Some((16 + length, source));
    }
    let line = bytes[..107].split_inclusive(|&byte| byte == b'\n').next()?;
    let words: Vec<&[u8]> = line.strip_suffix(b"\r\n")?.split(|&byte| byte == b' ').collect();
    if words[..2.min(words.len())] == [&b"PROXY"[..], b"UNKNOWN"] {
        return Some((line.len(), Source::Unknown));
    }
    let words: Vec<&str> =
        words.into_iter().map(std::str::from_utf8).collect::<Result<_, _>>().ok()?;
    let ["PROXY", family, from, to, from_port, to_port] = words[..] else {
        return None;
    };
    for port in [from_port, to_port] {
        port.parse::<u16>().ok().filter(|number| number.to_string() == port)?;
    }
    let source: IpAddr = match family {
        "TCP4" => (from.parse::<Ipv4Addr>().ok()?, to.parse::<Ipv4Addr>().ok()?).0.into(),
        "TCP6" => (from.parse::<Ipv6Addr>().ok()?, to.parse::<Ipv6Addr>().ok()?).0.into(),
        _ => return None,
    };
    Some((line.len(), client(source)))
}

fn any_proxy_header(random: &mut Random, out: &mut Vec<u8>) {
    let (from, to) = (any_address(random), any_address(random));
    match random.place(4) {
        0 => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            let to = if random.place(8) == 0 { to } else { from };
            let ports = random.of(&["1 2", "0 65535", "443 65536", "080 1", "1 2 3"]);
            out.extend_from_slice(format!("PROXY {family} {from} {to} {ports}\r\n").as_bytes());
        }
        1 => {
            let rest = random.of(&["", " ", " ffff:f...f:ffff 1", "X"]);
            out.extend_from_slice(format!("PROXY UNKNOWN{rest}\r\n").as_bytes());
        }
        _ => {
            out.extend_from_slice(b"\r\n\r\n\0\r\nQUIT\n");
            let families: &[(u8, usize)] =
                &[(0x11, 12), (0x21, 36), (0, 0), (0x31, 216), (0x12, 12)];
            let &(family, least) = random.of(families);
            let more = *random.of(&[0, 0, 3, 300, 4096 - least, 4097 - least]);
            let length = (least + more - random.place(least.min(1) + 1)) as u16;
            out.extend_from_slice(&[*random.of(&[0x20, 0x21, 0x21, 0x21, 0x22]), family]);
            out.extend_from_slice(&length.to_be_bytes());
            let start = out.len();
            for address in [from, to] {
                out.extend(
                    bits_of(address)
                        .chunks(8)
                        .map(|bits| bits.iter().fold(0, |octet, &bit| octet << 1 | u8::from(bit))),
                );
            }
            out.resize(start + usize::from(length), 7);
        }
    }
}

#[test]
fn proxy_headers() {
    fuzz_some(20_000, |random, input| {
        any_proxy_header(random, input);
        for _ in 0..random.place(6).saturating_sub(3) {
            mutate(random, input, &[b"PROXY TCP4 ::1 1.2.3.4 1 2\r\n".to_vec()]);
        }
        // With so much behind it no header is incomplete.
        let bytes = [input.as_slice(), &[b'x'; 16 + 4096]].concat();
        let whole = proxy_protocol::read(&bytes);
        assert_ne!(whole, Ok(None));
        let found = whole.as_ref().ok().and_then(|header| header.as_ref());
        let found = found.map(|header| (header.length, header.source));
        assert_eq!(found, model_proxy_header(&bytes));
        let length = found.map_or(0, |(length, _)| length);
        let mut cuts: BTreeSet<usize> = (0..=120).collect();
        cuts.extend((0..20).map(|_| random.place(bytes.len())));
        cuts.extend([length.saturating_sub(1), length, length + 1, bytes.len()]);
        let mut decided = None;
        for cut in cuts {
            match proxy_protocol::read(&bytes[..cut]) {
                Ok(None) => assert_eq!(decided, None, "undecided again at {cut}"),
                outcome => {
                    assert_eq!(outcome, whole, "cut at {cut}");
                    decided.get_or_insert(cut);
                }
            }
        }
        assert!(found.is_none() || decided == Some(length));
        found.is_some()
    });
}

/// The bits that count of a network, its family and its zone, character by character.
fn model_network(text: &str) -> Option<(Vec<bool>, bool, u32)> {
    let (mut parts, mut at) = ([Some(String::new()), None, None], 0);
    for character in text.chars() {
        match ['/', '%'].iter().position(|&mark| mark == character) {
            Some(mark) if parts[mark + 1].is_some() => return None,
            Some(mark) => {
                at = mark + 1;
                parts[at] = Some(String::new());
            }
            None => parts[at].get_or_insert_default().push(character),
        }
    }
    let [address, bits, zone] = parts;
    let address: IpAddr = address?.parse().ok()?;
    let mut all = bits_of(address);
    let count = match bits {
        None => all.len(),
        Some(bits) => (0..=all.len()).find(|count| count.to_string() == bits)?,
    };
    if model_canonical(address) != address || all[count..].contains(&true) {
        return None;
    }
    let zone = match zone {
        None => 0,
        Some(zone) => {
            let is_link_local = all.len() == 128 && count >= 10;
            let start = [true; 7].into_iter().chain([false, true, false]);
            if !is_link_local || !start.eq(all[..10].iter().copied()) {
                return None;
            }
            let by_number = zone.parse().ok().filter(|index: &u32| index.to_string() == zone);
            let by_number = by_number.filter(|&index| sys::interface_name(index).is_some());
            sys::interface_index(&zone).or(by_number)?
        }
    };
    all.truncate(count);
    Some((all, address.is_ipv6(), zone))
}

#[test]
fn networks() {
    let seeds: [&[u8]; 9] = [
        b"192.0.2.0/24",
        b"192.0.2.1",
        b"2001:db8::/32",
        b"::/0",
        b"fe80::/10%1",
        b"fe80::%1/64",
        b"fe80::1%+1",
        b"::ffff:1.2.3.4/96",
        b"128.0.0.0/1",
    ];
    fuzz_some(50_000, |random, input| {
        mutated(random, input, 3, &seeds);
        let text = String::from_utf8_lossy(input).into_owned();
        let found = text.parse::<Network>();
        let model = model_network(&text);
        assert_eq!(found.is_ok(), model.is_some(), "{found:?}");
        let (Ok(network), Some((bits, is_ipv6, zone))) = (found, model) else {
            return false;
        };
        assert_eq!(network.to_string().parse(), Ok(network));
        assert_eq!(network.precision(), (bits.len() as u8, zone != 0));
        // An address in it, and the same with any bit turned over.
        let mut inside = bits.clone();
        inside.resize_with(if is_ipv6 { 128 } else { 32 }, || random.place(2) == 0);
        assert!(network.contains(address_of(&inside), zone));
        let at = random.place(inside.len());
        inside[at] = !inside[at];
        let is_inside = inside.starts_with(&bits);
        assert_eq!(network.contains(address_of(&inside), zone), is_inside);
        assert_eq!(network.contains(address_of(&inside), zone + 1), is_inside && zone == 0);
        let other = if is_ipv6 { "192.0.2.1" } else { "::" };
        assert!(!network.contains(other.parse().expect("an address"), zone));
        true
    });
}

#[test]
fn access_lists() {
    fuzz_some(20_000, |random, input| {
        // Rules around one address, as they overlap most.
        let near = any_address(random);
        let mut rules = Vec::new();
        let mut plain = Vec::new();
        for _ in 0..random.place(8) {
            let other = any_address(random);
            let mut bits = bits_of(if random.place(6) == 0 { other } else { near });
            let all = bits.len();
            // Often as long as another one's.
            let any = random.place(129);
            let count = *random.of(&[0, 8, 10, 31, 32, 64, 128, any]);
            let count = count.min(all);
            bits[count..].fill(false);
            let zone = if all == 128 && random.place(2) == 0 { "%1" } else { "" };
            let text = format!("{}/{count}{zone}", address_of(&bits));
            let Ok(place) = text.parse::<Place>() else {
                assert!(model_network(&text).is_none(), "{text}");
                continue;
            };
            let denies = random.place(2) == 0;
            input
                .extend_from_slice(format!("{}{text} ", if denies { '-' } else { '+' }).as_bytes());
            let verdict = if denies { Verdict::Deny } else { Verdict::Allow };
            rules.push(Rule { verdict, place });
            plain.push((model_network(&text).expect("a network"), denies));
        }
        let mut bits = bits_of(near);
        for _ in 0..random.place(2) {
            let at = random.place(bits.len());
            bits[at] = !bits[at];
        }
        let (address, zone) = (address_of(&bits), *random.of(&[0, 1, 2]));
        input.extend_from_slice(format!("{address}%{zone}").as_bytes());

        // From the longest prefix to the shortest, one interface before all; who denies is first.
        let mut verdict = plain.iter().all(|&(_, denies)| denies);
        'found: for length in (0..=bits.len()).rev() {
            for (has_zone, denies) in [(true, true), (true, false), (false, true), (false, false)] {
                let holds = |(network, denies_too): &((Vec<bool>, bool, u32), bool)| {
                    let (start, is_ipv6, in_zone) = network;
                    start.len() == length
                        && *denies_too == denies
                        && (*in_zone != 0) == has_zone
                        // On an interface that is not known it may be the one that is denied.
                        && (*in_zone == 0 || *in_zone == zone || (*denies_too && zone == 0))
                        && *is_ipv6 == address.is_ipv6()
                        && bits.starts_with(start)
                };
                if plain.iter().any(holds) {
                    verdict = !denies;
                    break 'found;
                }
            }
        }
        let list = AccessList::new(&rules);
        let client = Peer { zone, ..Peer::behind_proxy(address) };
        assert_eq!(list.allows(client, 0), verdict);
        assert!(!list.allows(Peer::UNKNOWN, 0));
        verdict
    });
}

/// An address as proxies write it: every way is tried.
fn model_node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let is_port = |port: &str| match port.strip_prefix('_') {
        Some(name) => !name.is_empty(),
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    };
    let v6 = |text: &str| match text.find('%') {
        None => text.parse::<Ipv6Addr>().ok(),
        Some(at) => {
            let (address, zone) = (&text[..at], &text[at + 1..]);
            let is_zone = !zone.is_empty() && zone.chars().all(|c| ('!'..='~').contains(&c));
            address.parse().ok().filter(|_| is_zone)
        }
    };
    let in_brackets = |text: &str| {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        v6(inner).filter(|_| !inner.contains(']'))
    };
    let v4 = |text: &str| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    let v6_of = |found: Option<Ipv6Addr>| found.map(IpAddr::V6);
    let alone = v4(text).or(v6_of(v6(text))).or(v6_of(in_brackets(text)));
    let mut colons = text.match_indices(':');
    let with_port = colons.find_map(|(at, _)| {
        let (address, port) = (&text[..at], &text[at + 1..]);
        let known = v4(address).or(v6_of(in_brackets(address)));
        known.filter(|_| is_port(port))
    });
    let nobody = ["::", "0.0.0.0"].map(|text| text.parse::<IpAddr>().expect("an address"));
    let found = alone.or(with_port).map(model_canonical);
    found.filter(|address| !nobody.contains(address))
}

/// From the right: whoever the last proxy that is trusted saw, known or not.
fn model_rightmost(
    nodes: &[Option<IpAddr>],
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let is_client = |node: &&Option<IpAddr>| !node.is_some_and(&is_trusted);
    let client = nodes.iter().rev().find(is_client).or(nodes.first());
    client.copied().flatten()
}

/// The `for` of one element (RFC 7239 §4).
fn model_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = Vec::new();
    for pair in model_split(element, b';').0 {
        let pair = model_trim(&pair);
        if pair.is_empty() {
            continue;
        }
        let at = pair.iter().position(|&byte| byte == b'=')?;
        if pair[..at].eq_ignore_ascii_case(b"for") {
            found.push(pair[at + 1..].to_vec());
        }
    }
    let [value] = &found[..] else { return None };
    if value.first() != Some(&b'"') {
        return model_node(value);
    }
    let (mut text, mut at) = (Vec::new(), 1);
    while *value.get(at)? != b'"' {
        at += usize::from(value[at] == b'\\');
        text.push(*value.get(at)?);
        at += 1;
    }
    (at + 1 == value.len()).then(|| model_node(&text)).flatten()
}

/// The client, as both fields tell it; an error where they do not agree or cannot be read.
/// `None`: nobody can tell.
fn model_client(
    lines: &[Vec<u8>],
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, ()> {
    let values = |name: &str| -> Vec<Vec<u8>> {
        let line = |line: &Vec<u8>| {
            let at = line.iter().position(|&byte| byte == b':').expect("a field line");
            let (found, value) = line.split_at(at);
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| model_trim(&value[1..]))
        };
        lines.iter().filter_map(line).collect()
    };
    let (old, new) = (values("X-Forwarded-For"), values("Forwarded"));
    let elements = old.iter().flat_map(|value| value.split(|&byte| byte == b','));
    let elements = elements.map(model_trim);
    let nodes: Vec<_> = elements.map(|element| model_node(&element)).collect();
    let by_old = model_rightmost(&nodes, &is_trusted);
    if new.is_empty() {
        return Ok(by_old);
    }
    let mut nodes = Vec::new();
    for value in &new {
        let (elements, is_open) = model_split(value, b',');
        if is_open {
            return Err(());
        }
        let elements = elements.iter().map(|element| model_trim(element));
        let elements = elements.filter(|element| !element.is_empty());
        nodes.extend(elements.map(|element| model_for(&element)));
    }
    let by_new = model_rightmost(&nodes, &is_trusted);
    if old.is_empty() || by_old == by_new { Ok(by_new) } else { Err(()) }
}

#[test]
fn forwarded_fields() {
    let old: [&[u8]; 5] = [
        b"fe80::1%eth0, [fe80::1%25eth0]:80,",
        b"192.0.2.1, [2001:db8::1]:4711, 10.0.0.1",
        b"192.0.2.1:80,10.0.0.1 ,, 10.0.0.2",
        b"unknown, ::ffff:10.0.0.1, [::ffff:192.0.2.1]:_x",
        b"2001:db8::1",
    ];
    let new: [&[u8]; 6] = [
        b"for=\"[2001:db8::1]:4711\";proto=http, for=192.0.2.1",
        b"for=unknown;by=_x, For=\"_a\\\"b\"",
        b"proto=https ; for=\"192.0.2.\\1\";;by=\"a;b,for=::1\", for=10.0.0.1;",
        b"for=\"[2001:db8::1]\"",
        b"for=192.0.2.1, for=10.0.0.1;by=10.0.0.2",
        b"for=192.0.2.1;for=192.0.2.1",
    ];
    let is_trusted = |address: IpAddr| address.to_string().starts_with("10.");
    fuzz_some(30_000, |random, input| {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let first = random.place(2);
        for at in first..first + 1 + random.place(3) {
            let (name, seeds): (&[u8], &[&[u8]]) = match at % 2 {
                0 => (b"X-Forwarded-For: ", &old),
                _ => (b"forwarded:", &new),
            };
            let mut value = Vec::new();
            mutated(random, &mut value, 3, seeds);
            as_field_value(&mut value);
            lines.push([name, &value].concat());
        }
        input.extend_from_slice(&lines.join(&b'\n'));
        let found =
            with_fields(&lines, |fields| forwarded::client(fields, is_trusted).map_err(|_| ()));
        let found = found.expect("what stands in a field line is all allowed");
        // At least one of the fields is there, so the proxy speaks for somebody.
        let expected = model_client(&lines, is_trusted)
            .map(|client| client.map_or(Source::Unknown, Source::Client));
        assert_eq!(found, expected);
        matches!(found, Ok(Source::Client(_)))
    });
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 §4, bit by bit.
fn model_base64(bytes: &[u8]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    for byte in bytes {
        bits.extend((0..8).rev().map(|bit| byte >> bit & 1 == 1));
    }
    let digit = |bits: &[bool]| {
        let at = (0..6).fold(0, |at, bit| at << 1 | usize::from(bits.get(bit) == Some(&true)));
        BASE64[at]
    };
    let mut text: Vec<u8> = bits.chunks(6).map(digit).collect();
    text.resize(text.len().next_multiple_of(4), b'=');
    text
}

#[test]
fn credentials() {
    fuzz_some(30_000, |random, input| {
        let length = random.place(12);
        let mut pair: Vec<u8> = (0..length).map(|_| *random.of(b":ab\0\xff\x80 ~")).collect();
        if random.place(4) > 0 {
            pair.insert(random.place(length), b':');
        }
        input.extend_from_slice(random.of(&["Basic ", "bAsIc  ", "Basic", "Bearer "]).as_bytes());
        input.extend_from_slice(&model_base64(&pair));
        for _ in 0..random.place(5).saturating_sub(2) {
            mutate(random, input, &[b"YTpi".to_vec(), b"==".to_vec(), b"Basic \t".to_vec()]);
        }
        as_field_value(input);
        let line = [b"Authorization:", input.as_slice()].concat();
        let found = with_fields(&[line], authorization::basic).flatten();
        let found = found.map(|found| {
            assert!(!found.user.contains(&b':'));
            [found.user, found.password].join(&b':')
        });
        let value = model_trim(input);
        let token = value
            .get(..5)
            .filter(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
            .map(|_| &value[5..]);
        let spaces = |token: &&[u8]| token.iter().take_while(|&&byte| byte == b' ').count();
        let token = token.filter(|token| spaces(token) > 0).map(|token| &token[spaces(&token)..]);
        // What a token says is what gives it again. Its bits, cut into bytes:
        let said = token.and_then(|token| {
            let digits = token.iter().filter(|&&byte| byte != b'=');
            let mut bits = Vec::new();
            for digit in digits {
                let at = BASE64.iter().position(|other| other == digit)?;
                bits.extend((0..6).rev().map(|bit| at >> bit & 1 == 1));
            }
            let octets = bits.chunks_exact(8);
            let octet =
                |bits: &[bool]| bits.iter().fold(0, |octet, &bit| octet << 1 | u8::from(bit));
            let said: Vec<u8> = octets.map(octet).collect();
            (model_base64(&said) == token && said.contains(&b':')).then_some(said)
        });
        assert_eq!(found, said);
        found.is_some()
    });
}

#[test]
fn auth_files() {
    let files: [&[u8]; 3] = [
        b"ana:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\n",
        b"bo:$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1\n",
        b"# people\r\n\r\nc d:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    ];
    fuzz_some(20_000, |random, input| {
        mutated(random, input, 3, &files);
        match Accounts::parse(input, 1) {
            Ok(accounts) => {
                // What is for people need not be UTF-8.
                let text = String::from_utf8_lossy(input);
                let lines = text
                    .split('\n')
                    .map(|line| line.strip_suffix('\r').unwrap_or(line))
                    .filter(|line| !line.is_empty() && !line.starts_with('#'));
                let names: BTreeSet<&str> =
                    lines.clone().map(|line| line.split_once(":$5$").expect("a line").0).collect();
                assert_eq!(names.len(), accounts.count());
                assert_eq!(names.len(), lines.count(), "a user twice");
                assert!(!names.contains(""));
                true
            }
            Err(error) => {
                assert!(!error.is_empty() && !error.contains(char::is_control), "{error:?}");
                false
            }
        }
    });
}

/// What addresses are for, as the registries list it; the longest prefix counts.
const KINDS: &str = "0.0.0.0/0 global, 127.0.0.0/8 loopback, 10.0.0.0/8 private, \
    172.16.0.0/12 private, 192.168.0.0/16 private, 100.64.0.0/10 shared, \
    169.254.0.0/16 link-local, 192.0.2.0/24 documentation, 198.51.100.0/24 documentation, \
    203.0.113.0/24 documentation, 0.0.0.0/8 reserved, 224.0.0.0/3 reserved, \
    192.0.0.0/24 reserved, 198.18.0.0/15 reserved, ::/0 reserved, ::1/128 loopback, \
    64:ff9b::/96 nat64, 64:ff9b:1::/48 nat64, 2000::/3 global, 2001::/23 reserved, \
    2001::/32 teredo, 2001:db8::/32 documentation, 3fff::/20 documentation, 2002::/16 6to4, \
    fc00::/7 unique-local, fe80::/10 link-local";

/// A text between two others, with HTML's or JSON's escapes undone.
fn between(page: &str, before: &str, after: &str) -> String {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("{page}"));
    let (text, _) = rest.split_once(after).unwrap_or_else(|| panic!("{page}"));
    let escapes = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("\\\"", "\""),
        ("\\\\", "\\"),
        ("&amp;", "&"),
    ];
    let undo = |text: String, (escape, character): &(&str, &str)| text.replace(escape, character);
    escapes.iter().fold(text.to_owned(), undo)
}

#[test]
fn addresses_of_clients() {
    let kinds: Vec<_> = KINDS
        .split(", ")
        .map(|row| {
            let (network, kind) = row.split_once(' ').expect("a row");
            (model_network(network).expect("a network"), kind)
        })
        .collect();
    fuzz(20_000, |random, input| {
        // Within some row, or at the other side of its end.
        let ((start, is_ipv6, _), _) = random.of(&kinds);
        let mut bits = start.clone();
        bits.resize_with(if *is_ipv6 { 128 } else { 32 }, || random.place(2) == 0);
        for _ in 0..random.place(2) {
            let at = random.place(bits.len());
            bits[at] = !bits[at];
        }
        let address = model_canonical(address_of(&bits));
        let zone = *random.of(&["", "", "eth0", "wlan-1.2", "<b>&\"'"]);
        input.extend_from_slice(format!("{address}%{zone}").as_bytes());
        if address == Peer::UNIX {
            return;
        }
        let zone_name = (!zone.is_empty()).then(|| zone.to_owned());
        let name = Name { address: Some(address), zone: zone_name };
        let text = name.to_string();
        let client = ip_page::Client { name, server: None };
        let (plain, found_zone) = text.split_once('%').unwrap_or((&text, ""));
        assert_eq!((plain.parse(), found_zone), (Ok(address), zone));
        let page = |accept: &str| {
            let line = format!("Accept: {accept}").into_bytes();
            let answer = with_fields(&[line], |fields| ip_page::respond(&client, fields));
            match answer.expect("a request").body {
                Body::Segments(segments) => {
                    let page = segments.into_iter().flat_map(|segment| match segment {
                        Segment::Bytes(bytes) => bytes,
                        other => panic!("{other:?}"),
                    });
                    String::from_utf8(page.collect()).expect("UTF-8")
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(page("*/*"), format!("Your IP address is {text}\n"));
        let html = page("text/html");
        assert_eq!(between(&html, "<h1>Your IP address is ", "</h1>"), text);
        let json = page("application/json");
        assert_eq!(between(&json, "{\"address\":\"", "\",\"family\":\""), text);
        let family = between(&json, "\",\"family\":\"", "\",\"kind\":\"");
        assert_eq!(family, if address.is_ipv6() { "IPv6" } else { "IPv4" });
        let bits = bits_of(address);
        let rows = kinds.iter().filter(|((start, is_ipv6, _), _)| {
            *is_ipv6 == address.is_ipv6() && bits.starts_with(start)
        });
        let kind = rows.max_by_key(|((start, ..), _)| start.len()).expect("a row").1;
        assert_eq!(between(&json, "\",\"kind\":\"", "\"}\n"), kind);
        // The two ends of a tunnel stand in the address itself.
        let words = between(&html, "<dt>Kind</dt><dd>", "</dd>");
        let embedded = |bits: &[bool]| address_of(bits).to_string();
        let turned: Vec<bool> = bits.iter().map(|bit| !bit).collect();
        let ends = match (kind, bits.len()) {
            ("6to4", _) => vec![embedded(&bits[16..48])],
            ("teredo", _) => vec![embedded(&bits[32..64]), embedded(&turned[96..])],
            ("nat64", _) if plain.contains('.') => vec![embedded(&bits[96..])],
            _ => Vec::new(),
        };
        for end in ends {
            assert!(words.contains(&end), "{end} is not in: {words}");
        }
    });
}
