//! Deterministic fuzzing: mutated requests through a `Connection` over real files, and each parser
//! by itself, most of them beside a second reading that is slow and plain. The same seed gives the
//! same rounds; a failure prints the command that runs its round again.
//!
//! `FUZZ_SEED` (a number), `FUZZ_ROUNDS` and `FUZZ_SECONDS` say what and how much; see `scripts/fuzz`.

#![allow(clippy::indexing_slicing)]

mod clients;
mod command_line;
mod connection;
mod fields;
mod passwords;

#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use support::random::{Random, number, seed_of_run};

use ipv6_httpd::http::fields::Fields;
use ipv6_httpd::http::head::HeadReader;
use ipv6_httpd::http::limits::Limits;

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
