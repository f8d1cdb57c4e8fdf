//! Whole requests through a `Connection`, and the readers of its parts by themselves.

use crate::support::drive::{Client, End, Served, check_answers, run, show};
use crate::support::folder::Folder;
use crate::support::random::Random;

use ipv6_httpd::http::content::{ContentDecoder, ContentLength};
use ipv6_httpd::http::grammar::is_tchar;
use ipv6_httpd::http::head::HeadReader;
use ipv6_httpd::http::limits::Limits;

use super::{ODD, fuzz, mutate};

/// The inputs of the conformance table, as its source spells them.
fn conformance_inputs() -> Vec<Vec<u8>> {
    let sources: [&[u8]; 4] = [
        include_bytes!("../suite/conformance/requests.rs"),
        include_bytes!("../suite/conformance/persistence.rs"),
        include_bytes!("../suite/conformance/bounds.rs"),
        include_bytes!("../suite/conformance/responses.rs"),
    ];
    let source = sources.concat();
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
    check_answers("fuzz, in time", &client.output, &client.responder.answered);
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
