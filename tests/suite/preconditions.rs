//! Validators and the preconditions that compare them (RFC 9110 §8.8, §13): rows over a file, each
//! with GET and HEAD, cut at every byte.

use crate::support::drive::{
    Client, DATE, End, NOW, Served, answer, bare, check, head, read_answer, run, show,
};
use crate::support::folder::{Folder, OLD, OLD_DATE, date};
use crate::support::site::{error_page, file_fields, validated_fields};

use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::limits::Limits;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// 200.
    Whole,
    /// 206: of `Range: bytes=1-2`.
    Part,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}
use Is::{Failed, NotModified, Part, Whole};

const TYPE: &str = "Content-Type: text/plain; charset=utf-8\r\n";

/// The answer for a file that holds `hello` and a line feed.
fn expected(is: Is, entity_tag: &str, modified: &str) -> Vec<u8> {
    let fields = file_fields(entity_tag, modified) + TYPE;
    match is {
        Whole => answer("200 OK", &fields, "hello\n"),
        Part => answer("206 Partial Content", &(fields + "Content-Range: bytes 1-2/6\r\n"), "el"),
        NotModified => bare("304 Not Modified", &validated_fields(entity_tag, modified)),
        Failed => error_page(
            "412 Precondition Failed",
            "The file has changed. Fetch it again.",
            "Vary: Accept-Encoding\r\n",
        ),
    }
}

fn check_row(served: &Served<'_>, rule: &str, fields: &str, is: Is, tag: &str, modified: &str) {
    let limits = Limits::default();
    let whole = expected(is, tag, modified);
    let get = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    check(served, &limits, rule, get.as_bytes(), &whole, End::Idle);
    if is != Part {
        let get = get.replacen("GET", "HEAD", 1);
        check(served, &limits, rule, get.as_bytes(), &head(whole), End::Idle);
    }
}

const TAG: &str = "\"6-6553f100.0\"";

/// `{T}` stands for the file's entity-tag, `{D}` for its date, `{E}` and `{L}` for a second earlier
/// and later.
fn check_rows(rows: &[(&str, &str, Is)]) {
    let folder = Folder::new();
    folder.file("a.txt", "hello\n");
    folder.serve(&[], |served| {
        for (rule, fields, is) in rows {
            let fields: String =
                fields.split_inclusive('\n').map(|line| line.replace('\n', "\r\n")).collect();
            let fields = fields
                .replace("{T}", TAG)
                .replace("{D}", OLD_DATE)
                .replace("{E}", "Tue, 14 Nov 2023 22:13:19 GMT")
                .replace("{L}", "Tue, 14 Nov 2023 22:13:21 GMT");
            check_row(served, rule, &fields, *is, TAG, OLD_DATE);
        }
    });
}

#[test]
fn entity_tags() {
    check_rows(&[
        ("§13.1.2 the same", "If-None-Match: {T}\n", NotModified),
        ("§13.1.2 another", "If-None-Match: \"x\"\n", Whole),
        ("§13.1.2 weak comparison", "If-None-Match: W/{T}\n", NotModified),
        ("§13.1.2 a list", "If-None-Match: \"x\", {T}\n", NotModified),
        ("§13.1.2 a list without spaces", "If-None-Match: W/\"x\",W/{T},\"y\"\n", NotModified),
        ("§13.1.2 a list of others", "If-None-Match: \"x\", W/\"y\"\n", Whole),
        ("§5.6.1 empty elements", "If-None-Match: , ,{T} ,\n", NotModified),
        ("§5.3 two fields", "If-None-Match: \"x\"\nIf-None-Match: {T}\n", NotModified),
        ("§13.1.2 any", "If-None-Match: *\n", NotModified),
        ("§8.8.3 a comma within", "If-None-Match: \"a,b\", {T}\n", NotModified),
        ("§8.8.3 a tag within a tag is none", "If-None-Match: \"a,6-6553f100.0,b\"\n", Whole),
        ("§8.8.3 a backslash escapes nothing", "If-None-Match: \"a\\\", {T}\n", NotModified),
        ("§8.8.3 without quotes", "If-None-Match: 6-6553f100.0\n", Whole),
        ("§8.8.3 a quote too few", "If-None-Match: \"6-6553f100.0\n", Whole),
        ("§8.8.3 w is not W", "If-None-Match: w/{T}\n", Whole),
        ("§8.8.3 obs-text", "If-None-Match: \"\u{e9}\", {T}\n", NotModified),
        ("§13.1.2 an empty field", "If-None-Match:\n", Whole),
        ("§13.1.1 the same", "If-Match: {T}\n", Whole),
        ("§13.1.1 another", "If-Match: \"x\"\n", Failed),
        ("§13.1.1 strong comparison", "If-Match: W/{T}\n", Failed),
        ("§13.1.1 a list", "If-Match: \"x\", {T}\n", Whole),
        ("§13.1.1 any", "If-Match: *\n", Whole),
        ("§13.1.1 an empty field", "If-Match:\n", Failed),
    ]);
}

#[test]
fn dates() {
    check_rows(&[
        ("§13.1.3 the same", "If-Modified-Since: {D}\n", NotModified),
        ("§13.1.3 earlier", "If-Modified-Since: {E}\n", Whole),
        ("§13.1.3 later", "If-Modified-Since: {L}\n", NotModified),
        ("§13.1.3 now", "If-Modified-Since: Mon, 23 Nov 2026 12:00:00 GMT\n", NotModified),
        ("§13.1.3 the future", "If-Modified-Since: Mon, 23 Nov 2026 12:00:01 GMT\n", Whole),
        ("§13.1.3 no date", "If-Modified-Since: yesterday\n", Whole),
        ("§13.1.3 seconds", "If-Modified-Since: 1700000000\n", Whole),
        ("§13.1.3 an empty field", "If-Modified-Since:\n", Whole),
        ("§13.1.3 two fields", "If-Modified-Since: {D}\nIf-Modified-Since: {D}\n", Whole),
        ("§5.6.7 rfc850-date", "If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT\n", NotModified),
        (
            "§5.6.7 rfc850-date, earlier",
            "If-Modified-Since: Tuesday, 14-Nov-23 22:13:19 GMT\n",
            Whole,
        ),
        ("§5.6.7 asctime-date", "If-Modified-Since: Tue Nov 14 22:13:20 2023\n", NotModified),
        ("§5.6.7 asctime-date, earlier", "If-Modified-Since: Tue Nov 14 22:13:19 2023\n", Whole),
        ("§5.6.7 another zone", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 CET\n", Whole),
        ("§5.6.7 the wrong day", "If-Modified-Since: Wed, 14 Nov 2023 22:13:20 GMT\n", Whole),
        ("§5.6.7 what IE 6 appended", "If-Modified-Since: {D}; length=6\n", Whole),
        ("§13.1.4 the same", "If-Unmodified-Since: {D}\n", Whole),
        ("§13.1.4 earlier", "If-Unmodified-Since: {E}\n", Failed),
        ("§13.1.4 later", "If-Unmodified-Since: {L}\n", Whole),
        ("§13.1.4 no date", "If-Unmodified-Since: x\n", Whole),
        (
            "§5.6.7 rfc850-date, unmodified",
            "If-Unmodified-Since: Tuesday, 14-Nov-23 22:13:19 GMT\n",
            Failed,
        ),
        (
            "§5.6.7 asctime-date, unmodified",
            "If-Unmodified-Since: Tue Nov 14 22:13:19 2023\n",
            Failed,
        ),
    ]);
}

#[test]
fn precedence() {
    check_rows(&[
        (
            "§13.2.2 1 If-Match holds, so no date",
            "If-Match: {T}\nIf-Unmodified-Since: {E}\n",
            Whole,
        ),
        (
            "§13.2.2 1 If-Match fails, whatever the date",
            "If-Match: \"x\"\nIf-Unmodified-Since: {L}\n",
            Failed,
        ),
        (
            "§13.2.2 3 If-None-Match fails, whatever the date",
            "If-None-Match: {T}\nIf-Modified-Since: {E}\n",
            NotModified,
        ),
        (
            "§13.2.2 3 If-None-Match holds, so no date",
            "If-None-Match: \"x\"\nIf-Modified-Since: {L}\n",
            Whole,
        ),
        ("§13.2.2 1 before 3", "If-None-Match: {T}\nIf-Match: \"x\"\n", Failed),
        ("§13.2.2 2 before 4", "If-Modified-Since: {L}\nIf-Unmodified-Since: {E}\n", Failed),
        ("§13.2.2 1 then 3", "If-Match: {T}\nIf-None-Match: {T}\n", NotModified),
        ("§13.2.2 2 then 3", "If-Unmodified-Since: {D}\nIf-None-Match: {T}\n", NotModified),
        ("§13.2.2 1 then 4", "If-Match: *\nIf-Modified-Since: {D}\n", NotModified),
        (
            "§13.2.2 all hold",
            "If-Match: {T}\nIf-Unmodified-Since: {D}\nIf-None-Match: \"x\"\nIf-Modified-Since: {E}\n",
            Whole,
        ),
        ("§13.2.2 5 Range comes last", "If-None-Match: {T}\nRange: bytes=1-2\n", NotModified),
        ("§13.2.2 5 Range, and 412", "If-Match: \"x\"\nRange: bytes=1-2\nIf-Range: {T}\n", Failed),
        (
            "§13.2.2 3 an unsatisfiable Range, too",
            "If-None-Match: {T}\nRange: bytes=9-\n",
            NotModified,
        ),
    ]);
}

#[test]
fn if_range() {
    let folder = Folder::new();
    folder.file("a.txt", "hello\n");
    folder.serve(&[], |served| {
        let rows: [(&str, &str, Is); 16] = [
            ("§13.1.5 none", "", Part),
            ("§13.1.5 the same tag", "If-Range: \"6-6553f100.0\"\r\n", Part),
            ("§13.1.5 another tag", "If-Range: \"x\"\r\n", Whole),
            ("§13.1.5 a weak tag", "If-Range: W/\"6-6553f100.0\"\r\n", Whole),
            ("§13.1.5 not a list", "If-Range: \"6-6553f100.0\", \"x\"\r\n", Whole),
            ("§13.1.5 not any", "If-Range: *\r\n", Whole),
            ("§13.1.5 the exact date", "If-Range: Tue, 14 Nov 2023 22:13:20 GMT\r\n", Part),
            ("§13.1.5 an earlier date", "If-Range: Tue, 14 Nov 2023 22:13:19 GMT\r\n", Whole),
            ("§13.1.5 a later date", "If-Range: Tue, 14 Nov 2023 22:13:21 GMT\r\n", Whole),
            ("§13.1.5 now", "If-Range: Mon, 23 Nov 2026 12:00:00 GMT\r\n", Whole),
            ("§5.6.7 rfc850-date", "If-Range: Tuesday, 14-Nov-23 22:13:20 GMT\r\n", Part),
            ("§5.6.7 asctime-date", "If-Range: Tue Nov 14 22:13:20 2023\r\n", Part),
            ("§13.1.5 no date", "If-Range: x\r\n", Whole),
            ("§13.1.5 an empty field", "If-Range:\r\n", Whole),
            (
                "§13.1.5 two fields",
                "If-Range: \"6-6553f100.0\"\r\nIf-Range: \"6-6553f100.0\"\r\n",
                Whole,
            ),
            (
                "§13.1.5 it says nothing of 304",
                "If-Range: \"x\"\r\nIf-None-Match: \"6-6553f100.0\"\r\n",
                NotModified,
            ),
        ];
        for (rule, fields, is) in rows {
            let fields = format!("{fields}Range: bytes=1-2\r\n");
            let get = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            let output = expected(is, TAG, OLD_DATE);
            check(served, &Limits::default(), rule, get.as_bytes(), &output, End::Idle);
        }
    });
    // §8.8.2.2: a file may be modified once more within the tick of its clock.
    let seconds = [
        (NOW.0, DATE, Whole),
        (NOW.0 - 2, "Mon, 23 Nov 2026 11:59:58 GMT", Whole),
        (NOW.0 - 3, "Mon, 23 Nov 2026 11:59:57 GMT", Part),
    ];
    for (modified, text, is) in seconds {
        let folder = Folder::new();
        folder.dated("a.txt", "hello\n", modified, 0);
        let (tag, date) = match is {
            Part => (format!("\"6-{modified:x}.0\""), text),
            _ => (String::new(), ""),
        };
        folder.serve(&[], |served| {
            let fields = format!("Range: bytes=1-2\r\nIf-Range: {text}\r\n");
            let get = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            let output = expected(is, &tag, date);
            check(served, &Limits::default(), "§8.8.2.2", get.as_bytes(), &output, End::Idle);
        });
    }
}

/// What the time of a file makes of its validators.
#[test]
fn validators() {
    let rows: [(&str, i64, u32, &str, &str); 25] = [
        ("§8.8.3 nanoseconds count", OLD, 255, "\"6-6553f100.ff\"", OLD_DATE),
        ("§8.8.2 fractions are cut off", OLD, 999_999_999, "\"6-6553f100.3b9ac9ff\"", OLD_DATE),
        ("images of Nix and containers: 0", 0, 0, "", ""),
        ("images of Nix and containers: 1", 1, 0, "", ""),
        ("images of Nix and containers: with a fraction", 1, 5, "", ""),
        ("the first second that is believed", 2, 0, "\"6-2.0\"", "Thu, 01 Jan 1970 00:00:02 GMT"),
        ("§5.6.7 before 1970", -5, 0, "\"6-fffffffffffffffb.0\"", ""),
        ("§5.6.7 before 1970, with a fraction", -5, 1, "\"6-fffffffffffffffb.1\"", ""),
        // A stamp may be shared by a later write until two ticks of its clock have passed. What it
        // shows of that clock: FAT has two seconds, ext4 with small inodes one, exFAT a hundredth.
        ("§8.8.1 now", NOW.0, 0, "", ""),
        ("§8.8.1 now, with a fraction", NOW.0, 5, "", ""),
        ("§8.8.1 an odd second, one ago", NOW.0 - 1, 0, "", ""),
        ("§8.8.1 an even second, two ago", NOW.0 - 2, 0, "", ""),
        (
            "§8.8.1 an odd second, three ago",
            NOW.0 - 3,
            0,
            "\"6-6b042abd.0\"",
            "Mon, 23 Nov 2026 11:59:57 GMT",
        ),
        (
            "§8.8.1 an even second, four ago",
            NOW.0 - 4,
            0,
            "\"6-6b042abc.0\"",
            "Mon, 23 Nov 2026 11:59:56 GMT",
        ),
        ("§8.8.1 tenths, one ago", NOW.0 - 1, 900_000_000, "", ""),
        ("§8.8.1 tenths, two ago", NOW.0 - 1, 800_000_000, "\"6-6b042abf.2faf0800\"", ""),
        ("§8.8.1 hundredths, one ago", NOW.0 - 1, 990_000_000, "", ""),
        ("§8.8.1 hundredths, two ago", NOW.0 - 1, 980_000_000, "\"6-6b042abf.3a699d00\"", ""),
        ("§8.8.1 finer than the kernel's clock", NOW.0 - 1, 980_000_001, "", ""),
        ("§8.8.1 old enough for that", NOW.0 - 1, 979_999_999, "\"6-6b042abf.3a699cff\"", ""),
        (
            "§8.8.2.2 the date has whole seconds",
            NOW.0 - 2,
            1,
            "\"6-6b042abe.1\"",
            "Mon, 23 Nov 2026 11:59:58 GMT",
        ),
        ("§8.8.1 a file server ahead of us", NOW.0 + 1, 0, "", ""),
        ("§8.8.1 a file server ahead by a day", NOW.0 + 86_400, 7, "", ""),
        ("§8.8.2.1 never later than now", NOW.0 + 86_401, 7, "\"6-6b057c41.7\"", ""),
        ("§8.8.2.1 a board without a clock meets 2099", 4_070_908_800, 0, "\"6-f2a52380.0\"", ""),
    ];
    for (rule, seconds, nanoseconds, tag, modified) in rows {
        let folder = Folder::new();
        folder.dated("a.txt", "hello\n", seconds, nanoseconds);
        folder.serve(&[], |served| {
            let same = if tag.is_empty() { Whole } else { NotModified };
            let dated = if modified.is_empty() { Whole } else { NotModified };
            for (fields, is) in [
                (String::new(), Whole),
                (format!("If-None-Match: {tag}\r\n"), same),
                ("If-None-Match: *\r\n".to_owned(), NotModified),
                (format!("If-Modified-Since: {DATE}\r\n"), dated),
                // Without a date nothing can be said to be newer.
                (
                    "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned(),
                    if modified.is_empty() { Whole } else { Failed },
                ),
                ("If-Match: \"\"\r\n".to_owned(), Failed),
            ] {
                check_row(served, rule, &fields, is, tag, modified);
            }
        });
    }
}

fn entity_tag(served: &Served<'_>, fields: &str) -> String {
    let input = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let output = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX).output;
    let answer = read_answer(&output, false).unwrap_or_else(|wrong| panic!("{wrong}"));
    answer.field("ETag").unwrap_or_else(|| panic!("{}", show(&output))).to_owned()
}

#[test]
fn entity_tags_tell_all_states_apart() {
    let folder = Folder::new();
    let path = folder.dated("a.txt", "hello\n", OLD, 1_000);
    folder.serve(&[], |served| {
        let first = entity_tag(served, "");
        // The same size within the same second.
        folder.dated("a.txt", "HELLO\n", OLD, 2_000);
        let second = entity_tag(served, "");
        assert_ne!(first, second);
        // The same time, another size.
        folder.dated("a.txt", "HELLO!\n", OLD, 2_000);
        assert_ne!(second, entity_tag(served, ""));
        // A copy elsewhere has the same: no inode in it.
        let copy = Folder::new();
        copy.dated("a.txt", "hello\n", OLD, 1_000);
        copy.serve(&[], |served| assert_eq!(first, entity_tag(served, "")));
        // As the file system dates it, without our hand.
        let before = entity_tag(served, "");
        for _ in 0..1_000 {
            std::fs::write(&path, "Hello!\n").expect("written");
            if entity_tag(served, "") != before {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("a rewritten file keeps its entity-tag");
    });
}

#[test]
fn each_coding_has_its_own() {
    let folder = Folder::new();
    for suffix in ["", ".br", ".zst", ".gz"] {
        // Of one size and one time.
        folder.file(&format!("a.txt{suffix}"), "hello\n");
    }
    folder.serve(&[], |served| {
        let asked =
            ["", "br", "zstd", "gzip"].map(|coding| format!("Accept-Encoding: {coding}\r\n"));
        let tags = asked.clone().map(|fields| entity_tag(served, &fields));
        let expected = ["", ".br", ".zst", ".gz"].map(|suffix| format!("\"6-6553f100.0{suffix}\""));
        assert_eq!(tags, expected);
        // §13.1.2: a client that has one has not the others.
        for (has, tag) in tags.iter().enumerate() {
            for (wants, fields) in asked.iter().enumerate() {
                let input = format!(
                    "GET /a.txt HTTP/1.1\r\nHost: h\r\n{fields}If-None-Match: {tag}\r\n\r\n"
                );
                let outcome = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX);
                let status = outcome.answered[0].status.code();
                assert_eq!(status, if has == wants { 304 } else { 200 }, "{has} {wants}");
            }
        }
        let input =
            b"GET /a.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nIf-None-Match: *\r\n\r\n";
        let output = bare("304 Not Modified", &validated_fields("\"6-6553f100.0.gz\"", OLD_DATE));
        check(served, &Limits::default(), "§15.4.5 of a coding", input, &output, End::Idle);
    });
}

/// §15.4.5: what the 200 would say of caching, and what the operator adds to every answer.
#[test]
fn not_modified_says_what_caches_need() {
    let folder = Folder::new();
    folder.file("a.txt", "hello\n");
    let options = ["--cache-control", "max-age=60", "--header", "X-A: b", "--cors"];
    folder.serve(&options, |served| {
        let fields = validated_fields(TAG, OLD_DATE).replace("no-cache", "max-age=60")
            + "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\nX-A: b\r\n";
        let input = b"GET /a.txt HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n";
        let output = bare("304 Not Modified", &fields);
        check(served, &Limits::default(), "§15.4.5", input, &output, End::Idle);
    });
    folder.serve(&["--cache-control", ".txt=max-age=60, immutable"], |served| {
        let fields = validated_fields(TAG, OLD_DATE).replace("no-cache", "max-age=60, immutable");
        let input = b"GET /a.txt HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n";
        let output = bare("304 Not Modified", &fields);
        check(served, &Limits::default(), "by name", input, &output, End::Idle);
    });
}

/// §13.2.1: they are ignored where the answer would be no success without them.
#[test]
fn nothing_to_be_compared() {
    let folder = Folder::new();
    folder.folder("sub");
    let every = "If-Match: \"x\"\r\nIf-None-Match: *\r\nIf-Modified-Since: Mon, 23 Nov 2026 12:00:00 GMT\r\n\
                 If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\nIf-Range: \"x\"\r\n";
    folder.serve(&[], |served| {
        for (request, status) in [
            ("GET /missing", 404),
            ("GET /sub", 301),
            ("GET /sub/", 200),
            ("GET /%00", 400),
            ("GET /ip", 200),
            ("OPTIONS /sub", 204),
            ("POST /sub", 405),
        ] {
            let input = format!("{request} HTTP/1.1\r\nHost: h\r\n{every}\r\n");
            let outcome = run(served, &Limits::default(), &[input.as_bytes()], usize::MAX);
            assert_eq!(outcome.answered[0].status.code(), status, "{request}");
        }
    });
}

/// The time of an open file is what counts, not that of its name a moment later.
#[test]
fn touched_files_are_new() {
    let folder = Folder::new();
    let path = folder.file("a.txt", "hello\n");
    folder.serve(&[], |served| {
        let before = entity_tag(served, "");
        date(&path, OLD + 1, 0);
        assert_ne!(before, entity_tag(served, ""));
    });
}

/// What a file system with whole seconds makes of two writes within one of them, the same length
/// each: whatever was given out for the first must not match the second, nor join both.
#[test]
fn writes_within_one_tick() {
    for (rule, ago, nanoseconds) in [
        ("ext4 with small inodes", 0, 0),
        ("ext4 with small inodes, a second ago", 1, 0),
        ("FAT, two seconds ago", 2, 0),
        ("hundredths", 1, 990_000_000),
    ] {
        let folder = Folder::new();
        let write = |text| folder.dated("a.txt", text, NOW.0 - ago, nanoseconds);
        write("first\n");
        folder.serve(&[], |served| {
            let get = |fields: &str, later: i64| {
                let input = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
                let mut client = Client::new(served, &Limits::default());
                client.responder.now.set(1_000, HttpDate(NOW.0 + later));
                client.send(input.as_bytes());
                client.output
            };
            let before = get("", 0);
            let before = read_answer(&before, false).expect("an answer");
            assert_eq!(before.content, b"first\n", "{rule}");
            write("other\n");
            // All that a client could ask with, now and when the stamp is old.
            for (given, asks) in [
                ("ETag", "If-None-Match"),
                ("Last-Modified", "If-Modified-Since"),
                ("ETag", "Range: bytes=3-\r\nIf-Range"),
                ("Last-Modified", "Range: bytes=3-\r\nIf-Range"),
            ] {
                let fields = before.field(given).map(|value| format!("{asks}: {value}\r\n"));
                for later in [0, 1, 2, 5, 100] {
                    let output = get(fields.as_deref().unwrap_or_default(), later);
                    let is_whole = output.starts_with(b"HTTP/1.1 200 OK\r\n")
                        && output.ends_with(b"\r\n\r\nother\n");
                    assert!(is_whole, "{rule}, {asks}, {later} s later: {}", show(&output));
                }
            }
        });
    }
}
