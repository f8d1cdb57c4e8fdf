//! Range requests (RFC 9110 §14): what a field selects, and what is sent for it, re-read by a
//! parser of multipart/byteranges that shares no line with the server's own code.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;

use crate::support::drive::{
    Answer, Client, End, Served, answer, check, head, read_answer, run, show,
};
use crate::support::folder::{Folder, OLD, OLD_DATE, date};
use crate::support::site::{error_page, file_fields};

use ipv6_httpd::http::connection::Step;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::range::{Selection, select};

/// Rows: rule, field value, length, and what it selects: `whole`, `none`, or ranges `a..b`.
#[test]
fn selections() {
    let rows: [(&str, &str, u64, &str); 91] = [
        // As in fs_test.go and range_test.go of Go's net/http, where it and we agree or not.
        ("§14.1.2 first and last", "bytes=0-4", 10, "0..5"),
        ("§14.1.2 to the end", "bytes=2-", 10, "2..10"),
        ("§14.1.2 a suffix", "bytes=-5", 10, "5..10"),
        ("§14.1.2 the middle", "bytes=3-7", 10, "3..8"),
        ("§14.1.2 two ranges", "bytes=0-0,-2", 10, "0..1 8..10"),
        ("§14.1.2 two ranges", "bytes=0-1,5-8", 10, "0..2 5..9"),
        ("§14.1.2 one to the end", "bytes=0-1,5-", 10, "0..2 5..10"),
        ("§14.1.2 clamped", "bytes=5-1000", 10, "5..10"),
        ("§14.2 many that overlap are one", "bytes=0-,1-,2-,3-,4-", 10, "0..10"),
        ("§14.1.2 all", "bytes=0-9", 10, "0..10"),
        ("§14.1.2 one more", "bytes=0-10", 10, "0..10"),
        ("§14.1.2 two more", "bytes=0-11", 10, "0..10"),
        ("§14.1.2 the last byte", "bytes=9-9", 10, "9..10"),
        ("§15.5.17 at the end", "bytes=10-", 10, "none"),
        ("§15.5.17 at the end, with a last", "bytes=10-11", 10, "none"),
        ("§15.5.17 beyond the end", "bytes=11-", 10, "none"),
        ("§15.5.17 beyond the end", "bytes=11-12", 10, "none"),
        ("§15.5.17 beyond the end", "bytes=12-12", 10, "none"),
        ("§15.5.17 far beyond the end", "bytes=100-1000", 10, "none"),
        ("§14.2 no unit", "", 10, "whole"),
        ("§14.2 no unit", "foo", 10, "whole"),
        ("§14.2 nothing", "bytes=", 10, "whole"),
        ("§14.1.1 no hyphen", "bytes=7", 10, "whole"),
        ("§14.1.1 no hyphen, spaces", "bytes= 7 ", 10, "whole"),
        ("§14.1.1 a hyphen alone", "bytes=-", 10, "whole"),
        ("§14.1.1 last before first", "bytes=5-4", 10, "whole"),
        ("§14.1.1 last before first, behind one", "bytes=0-2,5-4", 10, "whole"),
        ("§14.1.1 last before first, before one", "bytes=4-3,2-5", 10, "whole"),
        ("§14.1.1 signs", "bytes=--5,4--3", 10, "whole"),
        ("§14.1.1 letters", "bytes=A-", 10, "whole"),
        ("§14.1.1 letters", "bytes=A-Z", 10, "whole"),
        ("§14.1.1 letters", "bytes=-Z", 10, "whole"),
        ("§14.1.1 letters", "bytes=5-Z", 10, "whole"),
        ("§14.1.1 words", "bytes=Ran-dom, garbage", 10, "whole"),
        ("§14.1.1 hexadecimal", "bytes=0x01-0x02", 10, "whole"),
        ("§14.1.1 spaces alone", "bytes=         ", 10, "whole"),
        ("§5.6.1 empty elements alone", "bytes= , , ,   ", 10, "whole"),
        ("§14.1.2 order is kept", "bytes=7-9,0-5", 10, "7..10 0..6"),
        ("§5.6.3 spaces around commas", "bytes=0-0 ,\t2-2, 7-", 10, "0..1 2..3 7..10"),
        ("§5.6.1 empty elements", "bytes=,0-0,,2-2,", 10, "0..1 2..3"),
        ("§14.1.2 a suffix as long as all", "bytes=-10", 10, "0..10"),
        ("§14.1.2 a suffix longer than all", "bytes=-15", 10, "0..10"),
        // What users asked for.
        ("§14.1.2 Safari's first question", "bytes=0-1", 10, "0..2"),
        ("§14.1.2 the first byte", "bytes=0-0", 10, "0..1"),
        ("§14.1.2 the last byte as a suffix", "bytes=-1", 10, "9..10"),
        ("§14.1.2 a suffix of nothing", "bytes=-0", 10, "none"),
        ("§14.1.2 a suffix of nothing, beside one", "bytes=-0,0-0", 10, "0..1"),
        ("§14.1.2 an unsatisfiable one beside one", "bytes=20-,3-4", 10, "3..5"),
        ("§15.5.17 none of several", "bytes=20-,-0,30-40", 10, "none"),
        ("§14.2 an unknown unit", "items=0-5", 10, "whole"),
        ("§14.2 an unknown unit, more so", "seconds=0-", 10, "whole"),
        ("§14.1 units in any case", "Bytes=0-4", 10, "0..5"),
        ("§14.2 spaces around =", "bytes = 0-4", 10, "whole"),
        ("§5.6.3 a space behind =", "bytes= 0-4", 10, "0..5"),
        ("§14.1.1 spaces within", "bytes=0 - 4", 10, "whole"),
        ("§14.2 two units", "bytes=bytes=0-4", 10, "whole"),
        ("§14.2 no set", "bytes", 10, "whole"),
        ("§14.1.1 three numbers", "bytes=0-4-5", 10, "whole"),
        ("§14.1.1 a plus", "bytes=+0-4", 10, "whole"),
        ("§14.1.1 quotes", "bytes=\"0-4\"", 10, "whole"),
        ("§14.1.1 zeros before", "bytes=000-004", 10, "0..5"),
        // Joining.
        ("§14.2 overlapping", "bytes=0-5,3-8", 10, "0..9"),
        ("§14.2 one within another", "bytes=0-8,3-5", 10, "0..9"),
        ("§14.2 touching", "bytes=0-4,5-9", 10, "0..10"),
        ("§14.2 touching from below", "bytes=5-9,0-4", 10, "0..10"),
        ("§14.2 a gap of one", "bytes=0-3,5-9", 10, "0..4 5..10"),
        ("§14.2 equal", "bytes=2-3,2-3", 10, "2..4"),
        ("§14.2 one that joins two", "bytes=0-1,8-9,2-7", 10, "0..10"),
        ("§14.2 one that joins the first and third", "bytes=0-1,9-9,4-5,1-4", 10, "0..6 9..10"),
        ("§17.15 more than there is, in parts", "bytes=0-8,2-2,3-8,9-9,0-9", 10, "0..10"),
        ("§17.15 more than there is, and a gap", "bytes=0-6,0-6,8-9", 10, "whole"),
        // Nothing to take parts of.
        ("§14.2 of nothing, from 0", "bytes=0-", 0, "whole"),
        ("§14.2 of nothing, a byte", "bytes=0-0", 0, "whole"),
        ("§14.2 of nothing, a slice", "bytes=0-1048575", 0, "whole"),
        ("§14.2 of nothing, further on", "bytes=5-9", 0, "whole"),
        ("§14.2 of nothing, several", "bytes=0-0,5-,-1", 0, "whole"),
        ("§14.2 of nothing, no bytes at its end", "bytes=-0", 0, "whole"),
        ("§14.2 of nothing, a suffix", "bytes=-1", 0, "whole"),
        ("§14.1.2 of nothing, two suffixes", "bytes=-1,-2", 0, "whole"),
        // Large numbers.
        ("§14.1.2 2^31", "bytes=2147483648-", 10, "none"),
        ("§14.1.2 2^63", "bytes=9223372036854775808-", 10, "none"),
        ("§14.1.2 up to 2^63", "bytes=5-9223372036854775808", 10, "5..10"),
        ("§14.1.2 a suffix of 2^63", "bytes=-9223372036854775808", 10, "0..10"),
        ("§14.1.2 2^64 - 1", "bytes=18446744073709551615-", 10, "none"),
        ("§14.1.2 2^64 - 1 twice", "bytes=18446744073709551615-18446744073709551615", 10, "none"),
        ("§14.1.2 2^64", "bytes=18446744073709551616-18446744073709551617", 10, "none"),
        ("§14.1.2 up to 2^64", "bytes=5-18446744073709551616", 10, "5..10"),
        ("§14.1.2 a suffix of 2^64", "bytes=-18446744073709551616", 10, "0..10"),
        ("§14.1.1 last before first, beyond 2^64", "bytes=99999999999999999999-1", 10, "whole"),
        ("§14.1.2 5 GiB of 6", "bytes=5368709120-5368709123", 6 << 30, "5368709120..5368709124"),
        ("§14.1.2 a suffix of 6 GiB", "bytes=-3", 6 << 30, "6442450941..6442450944"),
    ];
    for (rule, value, length, expected) in rows {
        let found = match select(value.as_bytes(), length, 64) {
            Selection::Whole => "whole".to_owned(),
            Selection::Unsatisfiable => "none".to_owned(),
            Selection::One(range) => format!("{}..{}", range.start, range.end),
            Selection::Several(ranges) => {
                assert!(ranges.len() > 1, "{rule}");
                let ranges = ranges.iter().map(|range| format!("{}..{}", range.start, range.end));
                ranges.collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(found, expected, "{rule}: {value}");
    }
}

/// §14.2, §17.15: as many as the bound says, and not one more.
#[test]
fn many_ranges() {
    let set = |count: usize| {
        let specs: Vec<String> = (0..count).map(|n| format!("{}-{}", n * 2, n * 2)).collect();
        format!("bytes={}", specs.join(","))
    };
    let Selection::Several(ranges) = select(set(64).as_bytes(), 1_000, 64) else {
        panic!("64 are served");
    };
    assert_eq!(ranges.len(), 64);
    for count in [65, 200, 2_000] {
        assert_eq!(select(set(count).as_bytes(), 10_000, 64), Selection::Whole, "{count}");
    }
    // However few bytes they are together.
    let value = format!("bytes={}", "0-0,".repeat(65));
    assert_eq!(select(value.as_bytes(), 10, 64), Selection::Whole);
}

const CONTENT: &str = "0123456789";
const TAG: &str = "\"a-6553f100.0\"";
const TYPE: &str = "Content-Type: text/plain; charset=utf-8\r\n";

#[test]
fn single_ranges() {
    let folder = Folder::new();
    folder.file("a.txt", CONTENT);
    folder.file("empty.txt", "");
    folder.folder("sub");
    let fields = file_fields(TAG, OLD_DATE) + TYPE;
    let whole = answer("200 OK", &fields, CONTENT);
    let empty = answer("200 OK", &fields.replace("a-", "0-"), "");
    let part = |range: Range<usize>| {
        let place = format!("Content-Range: bytes {}-{}/10\r\n", range.start, range.end - 1);
        answer("206 Partial Content", &format!("{fields}{place}"), &CONTENT[range])
    };
    let unsatisfied = |length: u64| {
        error_page(
            "416 Range Not Satisfiable",
            "The range begins after the end of the file.",
            &format!("Vary: Accept-Encoding\r\nContent-Range: bytes */{length}\r\n"),
        )
    };
    let missing =
        error_page("404 Not Found", "Not found. Check the address, or go to the start page.", "");
    let rows: [(&str, &str, &str, Vec<u8>); 19] = [
        ("§15.3.7 a range", "GET /a.txt", "Range: bytes=3-5", part(3..6)),
        ("§14.2 of all", "GET /a.txt", "Range: bytes=0-", part(0..10)),
        ("§14.2 0-0", "GET /a.txt", "Range: bytes=0-0", part(0..1)),
        ("§14.2 a suffix", "GET /a.txt", "Range: bytes=-3", part(7..10)),
        ("§14.2 Title-Case or not", "GET /a.txt", "rAnGe:bytes=3-5", part(3..6)),
        ("§14.2 two that join", "GET /a.txt", "Range: bytes=0-1,2-3", part(0..4)),
        ("§14.2 one of two", "GET /a.txt", "Range: bytes=3-4,20-", part(3..5)),
        ("§14.2 an unknown unit", "GET /a.txt", "Range: lines=3-5", whole.clone()),
        ("§14.2 malformed", "GET /a.txt", "Range: bytes=5-3", whole.clone()),
        ("§14.2 garbage", "GET /a.txt", "Range: bytes=\u{e9}", whole.clone()),
        ("§14.2 two fields", "GET /a.txt", "Range: bytes=0-1\r\nRange: bytes=2-3", whole.clone()),
        ("§14.2 HEAD ignores it", "HEAD /a.txt", "Range: bytes=3-5", head(&whole)),
        ("§14.2 HEAD ignores what cannot be", "HEAD /a.txt", "Range: bytes=10-", head(&whole)),
        ("§15.5.17 beyond", "GET /a.txt", "Range: bytes=10-", unsatisfied(10)),
        ("§14.2 of nothing", "GET /empty.txt", "Range: bytes=0-0", empty.clone()),
        (
            "§14.2 of nothing, with its tag",
            "GET /empty.txt",
            "Range: bytes=0-\r\nIf-Range: \"0-6553f100.0\"",
            empty.clone(),
        ),
        ("§14.1.2 a suffix of nothing", "GET /empty.txt", "Range: bytes=-5", empty),
        ("§14.2 of what is not there", "GET /b.txt", "Range: bytes=0-0", missing),
        (
            "a word in the target is no field",
            "GET /a.txt?Range:%20bytes=3-5",
            "A: Range: bytes=0-1",
            whole,
        ),
    ];
    folder.serve(&[], |served| {
        for (rule, request, fields, output) in rows {
            let input = format!("{request} HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n");
            check(served, &Limits::default(), rule, input.as_bytes(), &output, End::Idle);
        }
        // Pages of the server's own are not taken apart.
        for target in ["/sub/", "/ip"] {
            let input = format!("GET {target} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0\r\n\r\n");
            let outcome = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX);
            assert_eq!(outcome.answered[0].status.code(), 200, "{target}");
        }
    });
}

/// Reads multipart/byteranges (§14.6, RFC 2046 §5.1.1): the media type, the range, the length of all
/// and the bytes of each part.
fn parts<'a>(answer: &Answer<'a>) -> Vec<(String, Range<u64>, u64, &'a [u8])> {
    let media_type = answer.field("Content-Type").expect("a Content-Type");
    let boundary = media_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap_or_else(|| panic!("{media_type}"));
    assert!((1..=70).contains(&boundary.len()), "RFC 2046 §5.1.1: {boundary}");
    assert!(
        boundary
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._'()+,/:=?".contains(&byte))
    );
    // §14.6, note 1: readers expect CR LF before the first delimiter as well.
    let delimiter = format!("\r\n--{boundary}\r\n");
    let mut rest = answer.content.strip_prefix(delimiter.as_bytes()).expect("the first delimiter");
    let mut found = Vec::new();
    loop {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("the head of a part");
        let head = std::str::from_utf8(&rest[..end]).expect("UTF-8");
        rest = &rest[end + 4..];
        let field = |name: &str| {
            let mut lines =
                head.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let value = lines.next().unwrap_or_else(|| panic!("{name}"));
            assert_eq!(lines.next(), None, "{name} twice");
            value.to_owned()
        };
        let place = field("Content-Range");
        let numbers: Vec<u64> = place
            .strip_prefix("bytes ")
            .expect("bytes")
            .split(['-', '/'])
            .map(|digits| digits.parse().expect("a number"))
            .collect();
        let [first, last, length] = numbers[..] else {
            panic!("{place}");
        };
        let (content, after) = rest.split_at((last - first + 1) as usize);
        found.push((field("Content-Type"), first..last + 1, length, content));
        let after = after.strip_prefix(b"\r\n--").expect("a delimiter behind a part");
        let after = after.strip_prefix(boundary.as_bytes()).expect("the boundary");
        if after == b"--\r\n" {
            return found;
        }
        rest = after.strip_prefix(b"\r\n").expect("a line break behind the delimiter");
    }
}

#[test]
fn several_ranges() {
    let folder = Folder::new();
    let content: Vec<u8> = (0..40_000_u32).map(|number| (number % 251) as u8).collect();
    folder.file("a.mp4", &content);
    folder.serve(&[], |served| {
        let rows: [(&str, &str, &[Range<usize>]); 7] = [
            ("§14.6 two", "bytes=0-0,2-3", &[0..1, 2..4]),
            ("§14.6 in their order", "bytes=100-199,0-9,50-59", &[100..200, 0..10, 50..60]),
            ("§14.6 with a suffix", "bytes=0-0,-1", &[0..1, 39_999..40_000]),
            ("§14.6 joined where they touch", "bytes=0-9,20-29,10-14", &[0..15, 20..30]),
            ("§14.6 without the unsatisfiable", "bytes=0-9,50000-,20-29", &[0..10, 20..30]),
            (
                "§14.6 larger than memory should be",
                "bytes=1-19000,19002-39990",
                &[1..19_001, 19_002..39_991],
            ),
            (
                "§14.6 eight segments",
                "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14",
                &[0..1, 2..3, 4..5, 6..7, 8..9, 10..11, 12..13, 14..15],
            ),
        ];
        for (rule, set, ranges) in rows {
            let input = format!("GET /a.mp4 HTTP/1.1\r\nHost: h\r\nRange: {set}\r\n\r\n");
            let whole = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX);
            let answer =
                read_answer(&whole.output, false).unwrap_or_else(|wrong| panic!("{rule}: {wrong}"));
            assert_eq!(answer.status, 206, "{rule}");
            assert_eq!(answer.field("Content-Range"), None, "§15.3.7.2: not on the whole");
            assert_eq!(answer.field("ETag"), Some("\"9c40-6553f100.0\""), "{rule}");
            let found = parts(&answer);
            assert_eq!(found.len(), ranges.len(), "{rule}");
            for ((media_type, place, length, bytes), range) in found.iter().zip(ranges) {
                assert_eq!(media_type, "video/mp4", "{rule}");
                assert_eq!(*place, range.start as u64..range.end as u64, "{rule}");
                assert_eq!(*length, 40_000, "{rule}");
                assert!(*bytes == &content[range.clone()], "{rule}");
            }
            check(served, &Limits::default(), rule, input.as_bytes(), &whole.output, End::Idle);
            // §14.2: HEAD knows no ranges.
            let input = input.replacen("GET", "HEAD", 1);
            let outcome = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX);
            assert_eq!(outcome.answered[0].status.code(), 200, "{rule}");
        }
    });
}

/// RFC 2046 §5.1.1: the delimiter must not be in the parts. It is not the same for every state.
#[test]
fn boundaries_differ() {
    let folder = Folder::new();
    let input = b"GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0,2-2\r\n\r\n";
    let boundary = |served: &Served<'_>| {
        let output = run(served, &Limits::default(), &[input], usize::MAX).output;
        let answer = read_answer(&output, false).unwrap_or_else(|wrong| panic!("{wrong}"));
        answer.field("Content-Type").expect("a type").to_owned()
    };
    folder.serve(&[], |served| {
        folder.dated("a.txt", CONTENT, OLD, 1);
        let first = boundary(served);
        folder.dated("a.txt", CONTENT, OLD, 2);
        assert_ne!(first, boundary(served));
    });
}

/// Beyond what 32 bits count: a sparse file of 5 GiB and 3 bytes.
#[test]
fn beyond_four_gigabytes() {
    const LENGTH: u64 = (5 << 30) + 3;
    let folder = Folder::new();
    let path = folder.path().join("disk.img");
    let mut file = File::create(&path).expect("a file");
    file.set_len(LENGTH).expect("a sparse file");
    for (place, bytes) in [((4 << 30) - 1, b"AB"), (5 << 30, b"xy")] {
        file.seek(SeekFrom::Start(place)).expect("seek");
        file.write_all(bytes).expect("write");
    }
    drop(file);
    date(&path, OLD, 0);
    folder.serve(&[], |served| {
        let ask = |set: &str| {
            let input = format!("GET /disk.img HTTP/1.1\r\nHost: h\r\nRange: {set}\r\n\r\n");
            run(served, &Limits::default(), &[input.as_bytes()], usize::MAX).output
        };
        let fields = file_fields("\"140000003-6553f100.0\"", OLD_DATE)
            + "Content-Type: application/octet-stream\r\n";
        for (set, place, bytes) in [
            ("bytes=5368709120-", "5368709120-5368709122", &b"xy\0"[..]),
            ("bytes=-3", "5368709120-5368709122", b"xy\0"),
            ("bytes=4294967295-4294967296", "4294967295-4294967296", b"AB"),
            ("bytes=5368709122-9999999999", "5368709122-5368709122", b"\0"),
        ] {
            let fields = format!("{fields}Content-Range: bytes {place}/{LENGTH}\r\n");
            let expected = answer("206 Partial Content", &fields, bytes);
            assert_eq!(show(&ask(set)), show(&expected), "{set}");
        }
        let output = ask("bytes=4294967295-4294967296,5368709120-5368709121");
        let several = read_answer(&output, false).unwrap_or_else(|wrong| panic!("{wrong}"));
        let found: Vec<&[u8]> = parts(&several).iter().map(|part| part.3).collect();
        assert_eq!(found, [&b"AB"[..], b"xy"]);
        let output = ask("bytes=5368709123-");
        let beyond = read_answer(&output, false).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(beyond.field("Content-Range"), Some("bytes */5368709123"));

        // All of it, of which only the size is looked at, in pieces of 1 GiB.
        let mut client = Client::new(served, &Limits::default());
        let request = b"GET /disk.img HTTP/1.1\r\nHost: h\r\n\r\n";
        client.receive(request);
        let (mut head, mut content_bytes) = (Vec::new(), 0);
        loop {
            let step = client.step();
            let count = match step {
                Step::Write => {
                    let chunk = client.connection.chunk();
                    if head.is_empty() {
                        // With the head comes the beginning, which whoever opened the file has read.
                        let end = chunk.bytes.windows(4).position(|four| four == b"\r\n\r\n");
                        let (first, rest) = chunk.bytes.split_at(end.expect("a head") + 4);
                        head.extend_from_slice(first);
                        content_bytes += rest.len() as u64;
                    }
                    let (_, range) = chunk.file.expect("the file");
                    assert_eq!(range.start, content_bytes);
                    let count = (range.end - range.start).min(1 << 30);
                    content_bytes += count;
                    chunk.bytes.len() + count as usize
                }
                Step::Read => break,
                step => panic!("{step:?}"),
            };
            client.sent(count);
        }
        assert_eq!(content_bytes, LENGTH);
        let length = format!("\r\nContent-Length: {LENGTH}\r\n");
        assert!(show(&head).contains(&length.replace("\r\n", "\n")));
        assert_eq!(client.responder.answered[0].content_bytes, LENGTH);
    });
}
