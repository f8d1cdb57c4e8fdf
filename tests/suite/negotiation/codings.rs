//! Content codings: which sibling is sent, and what errors and ranges make of that.

use crate::support::drive::{End, answer, bare, check, head, read_answer};
use crate::support::folder::{Folder, OLD, OLD_DATE};
use crate::support::site::{error_page, file_fields, validated_fields};

use ipv6_httpd::http::limits::Limits;

use super::{HTML, TEXT, check_get};

const SCRIPT: &str = "Content-Type: text/javascript; charset=utf-8\r\n";

/// The answer with `a.js` in this coding; its siblings hold their own names.
fn script(suffix: &str, coding: &str) -> Vec<u8> {
    let content = if suffix.is_empty() { "plain" } else { suffix };
    let tag = format!("\"{:x}-6553f100.0{suffix}\"", content.len());
    let fields = match coding {
        "" => file_fields(&tag, OLD_DATE),
        coding => file_fields(&tag, OLD_DATE)
            .replace("Accept-Ranges", &format!("Content-Encoding: {coding}\r\nAccept-Ranges")),
    };
    answer("200 OK", &(fields + SCRIPT), content)
}

fn not_acceptable() -> Vec<u8> {
    error_page(
        "406 Not Acceptable",
        "This file is not available in an encoding you accept. Allow identity as well.",
        "Vary: Accept-Encoding\r\n",
    )
}

/// A folder with `a.js` and these siblings.
fn scripts(suffixes: &[&str]) -> Folder {
    let folder = Folder::new();
    folder.file("a.js", "plain");
    for suffix in suffixes {
        folder.file(&format!("a.js{suffix}"), suffix);
    }
    folder
}

#[test]
fn codings() {
    let folder = scripts(&[".br", ".zst", ".gz"]);
    let rows: [(&str, &str, &str); 41] = [
        ("§12.5.3 an empty field", "", ""),
        ("§12.5.3 gzip", "gzip", "gzip"),
        ("§12.5.3 br", "br", "br"),
        ("§12.5.3 zstd", "zstd", "zstd"),
        ("§8.4.1.3 x-gzip", "x-gzip", "gzip"),
        ("§8.4.1 in any case", "GZip", "gzip"),
        ("§12.5.3 what browsers send", "gzip, deflate, br, zstd", "br"),
        ("§12.5.3 what curl sends", "deflate, gzip", "gzip"),
        ("§12.5.3 others alone", "deflate, compress", ""),
        ("§12.5.3 any", "*", "br"),
        ("§12.5.3 any but one", "*, br;q=0", "zstd"),
        ("§12.5.3 identity", "identity", ""),
        ("§12.5.3 identity as well", "identity, gzip", "gzip"),
        ("§12.5.3 identity more", "identity, gzip;q=0.5", ""),
        ("§12.5.3 identity less", "identity;q=0.5, gzip", "gzip"),
        ("§12.5.3 identity as much", "identity;q=0.5, gzip;q=0.5", "gzip"),
        ("§12.5.3 weights decide", "br;q=0.1, zstd;q=0.2, gzip;q=0.3", "gzip"),
        ("§12.5.3 thousandths", "br;q=0.998, gzip;q=0.999", "gzip"),
        ("§12.5.3 our order among equals", "gzip;q=0.5, zstd;q=0.5", "zstd"),
        ("§12.4.2 q=0", "gzip;q=0", ""),
        ("§12.4.2 q=0.000", "gzip;q=0.000", ""),
        ("§12.4.2 q=1.000", "gzip;q=1.000", "gzip"),
        ("§12.4.2 q=0.001", "gzip;q=0.001", "gzip"),
        ("§12.4.2 Q", "gzip;Q=0", ""),
        ("§5.6.3 spaces", "gzip ; q=0.5 , br\t;\tq=0.4", "gzip"),
        ("§12.4.2 q above 1", "gzip;q=1.001", ""),
        ("§12.4.2 q of four digits", "gzip;q=0.5000", ""),
        ("§12.4.2 q that is none", "gzip;q=x", ""),
        ("§12.4.2 an empty q", "gzip;q=", ""),
        ("§12.4.2 a negative q", "gzip;q=-1", ""),
        ("§12.4.2 spaces within", "gzip;q =0", ""),
        ("§12.4.2 spaces within, behind =", "gzip;q= 0", ""),
        ("§12.5.3 any with q=0", "*;q=0, gzip", "gzip"),
        ("§12.5.3 identity;q=0", "identity;q=0, gzip", "gzip"),
        ("§12.5.3 identity;q=0 alone", "identity;q=0", "406"),
        ("§12.5.3 *;q=0 alone", "*;q=0", "406"),
        ("§12.5.3 *;q=0 with identity", "*;q=0, identity", ""),
        ("§12.5.3 *;q=0 with what there is not", "*;q=0, deflate", "406"),
        ("§5.6.1 empty elements", ",, gzip ,", "gzip"),
        ("§12.5.3 no part of a word", "gzipped, xgzip, brotli", ""),
        ("§5.6.4 quotes", "\"gzip\"", ""),
    ];
    folder.serve(&[], |served| {
        check_get(served, "§12.5.3 no field", "/a.js", "", &script("", ""));
        for (rule, accept, coding) in rows {
            let output = match coding {
                "406" => not_acceptable(),
                "br" => script(".br", "br"),
                "zstd" => script(".zst", "zstd"),
                "gzip" => script(".gz", "gzip"),
                _ => script("", ""),
            };
            let fields = format!("Accept-Encoding: {accept}\r\n");
            check_get(served, rule, "/a.js", &fields, &output);
        }
        let two = "Accept-Encoding: gzip\r\nAccept-Encoding: br;q=0.1\r\n";
        check_get(served, "§5.3 two fields", "/a.js", two, &script(".gz", "gzip"));
    });
}

#[test]
fn siblings() {
    // Of what a client likes best, what there is.
    scripts(&[".gz"]).serve(&[], |served| {
        let fields = "Accept-Encoding: br, gzip;q=0.1\r\n";
        check_get(served, "§12.5.3 what there is", "/a.js", fields, &script(".gz", "gzip"));
        let fields = "Accept-Encoding: br, identity;q=0\r\n";
        check_get(served, "§12.5.3 nothing of it", "/a.js", fields, &not_acceptable());
        // §12.5.5: tomorrow there may be more; what varies says so today.
        check_get(served, "§12.5.5 Vary", "/a.js", "", &script("", ""));
    });
    // A sibling that is older than its original is forgotten there.
    let old = scripts(&[".br", ".gz"]);
    old.dated("a.js.br", ".br", OLD - 1, 999_999_999);
    old.serve(&[], |served| {
        let fields = "Accept-Encoding: br, gzip\r\n";
        check_get(served, "an older sibling", "/a.js", fields, &script(".gz", "gzip"));
        let fields = "Accept-Encoding: br, identity;q=0\r\n";
        check_get(served, "an older sibling alone", "/a.js", fields, &not_acceptable());
    });
    // What is no file is no sibling.
    let odd = scripts(&[]);
    odd.folder("a.js.br");
    std::os::unix::fs::symlink("/etc/hostname", odd.path().join("a.js.gz")).expect("a link");
    odd.serve(&[], |served| {
        let fields = "Accept-Encoding: br, gzip\r\n";
        check_get(served, "a folder, a link that leads out", "/a.js", fields, &script("", ""));
    });
    // An index has siblings too.
    let index = Folder::new();
    index.file("index.html", "<p>");
    index.file("index.html.gz", "gz");
    index.serve(&[], |served| {
        let fields = file_fields("\"2-6553f100.0.gz\"", OLD_DATE)
            .replace("Accept-Ranges", "Content-Encoding: gzip\r\nAccept-Ranges");
        let output = answer("200 OK", &(fields + HTML), "gz");
        check_get(served, "§8.4 an index", "/", "Accept-Encoding: gzip\r\n", &output);
    });
}

/// §8.4: a file that is compressed by itself has no content coding, whatever is accepted.
#[test]
fn archives_have_no_coding() {
    let folder = Folder::new();
    folder.file("x.tar.gz", "archive");
    folder.file("x.js.br", "br");
    folder.serve(&[], |served| {
        let fields = file_fields("\"7-6553f100.0\"", OLD_DATE);
        let output = answer("200 OK", &(fields + "Content-Type: application/gzip\r\n"), "archive");
        for accept in ["", "Accept-Encoding: gzip\r\n", "Accept-Encoding: *\r\n"] {
            check_get(served, "§8.4", "/x.tar.gz", accept, &output);
        }
        let missing = error_page(
            "404 Not Found",
            "Not found. Check the address, or go to the start page.",
            "",
        );
        check_get(
            served,
            "a sibling without original",
            "/x.js",
            "Accept-Encoding: br\r\n",
            &missing,
        );
    });
}

/// §12.5.5: an error that is about one coding is another for a client that gets another coding.
#[test]
fn errors_vary_as_what_they_are_about() {
    let page = |status: &str, reason: &str, form: &str, fields: &str| {
        let (media_type, content) = match form {
            "" => (TEXT, format!("{status}\n{reason}\n")),
            _ => (
                "Content-Type: application/json\r\n",
                format!("{{\"status\":{},\"reason\":\"{reason}\"}}\n", &status[..3]),
            ),
        };
        let fields = format!(
            "{media_type}X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n\
             Vary: Accept\r\nVary: Accept-Encoding\r\n{fields}"
        );
        answer(status, &fields, content)
    };
    let beyond = |form: &str, length: &str| {
        let reason = "The range begins after the end of the file.";
        let fields = format!("Content-Range: bytes */{length}\r\n");
        page("416 Range Not Satisfiable", reason, form, &fields)
    };
    let reason = "The file has changed. Fetch it again.";
    let failed = |form: &str| page("412 Precondition Failed", reason, form, "");
    let reason = "This file is not available in an encoding you accept. Allow identity as well.";
    let unacceptable = |form: &str| page("406 Not Acceptable", reason, form, "");
    let (plain, coded) = ("\"5-6553f100.0\"", "\"3-6553f100.0.gz\"");
    // (rule, codings, condition or range, what comes of it in the form of a page)
    type Row<'r> = (&'r str, &'r str, String, &'r dyn Fn(&str) -> Vec<u8>);
    let rows: [Row<'_>; 9] = [
        ("§14.2 past the end, plain", "", "Range: bytes=5-".to_owned(), &|form| beyond(form, "5")),
        (
            "§14.2 past the end, coded",
            "gzip, identity;q=0",
            "Range: bytes=3-".to_owned(),
            &|form| beyond(form, "3"),
        ),
        ("§14.2 the same range, plain", "", "Range: bytes=3-".to_owned(), &|_| {
            let fields = file_fields(plain, OLD_DATE) + SCRIPT;
            let fields = fields + "Content-Range: bytes 3-4/5\r\n";
            answer("206 Partial Content", &fields, "in")
        }),
        ("§13.1.1 the tag of the coded, plain", "", format!("If-Match: {coded}"), &failed),
        ("§13.1.1 the same tag, coded", "gzip", format!("If-Match: {coded}"), &|_| {
            script(".gz", "gzip")
        }),
        ("§13.1.1 the tag of the plain, coded", "gzip", format!("If-Match: {plain}"), &failed),
        (
            "§13.1.4 modified since",
            "gzip",
            "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT".to_owned(),
            &failed,
        ),
        ("§12.5.3 none", "br, identity;q=0", "X: y".to_owned(), &unacceptable),
        (
            "§12.5.3 none, whatever the condition",
            "br, identity;q=0",
            format!("If-Match: {coded}"),
            &unacceptable,
        ),
    ];
    scripts(&[".gz"]).serve(&[], |served| {
        for (rule, codings, field, output) in &rows {
            for form in ["", "application/json"] {
                let input = format!(
                    "GET /a.js HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {codings}\r\n\
                     Accept: {form}\r\n{field}\r\n\r\n"
                );
                let limits = Limits::default();
                let input = input.as_bytes();
                check(served, &limits, rule, input, &output(form), End::Idle);
            }
        }
    });
    // A page of the operator's own is no less about one coding.
    let folder = scripts(&[".gz"]);
    folder.file("412.html", "own");
    folder.serve(&[], |served| {
        let fields = format!(
            "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n\
             Vary: Accept\r\nVary: Accept-Encoding\r\n{HTML}"
        );
        let output = answer("412 Precondition Failed", &fields, "own");
        let fields = "Accept-Encoding: gzip\r\nIf-Match: \"x\"\r\n";
        check_get(served, "own page", "/a.js", fields, &output);
    });
}

/// §14: ranges are of the selected representation, as it is coded.
#[test]
fn ranges_of_codings() {
    let folder = scripts(&[".gz"]);
    folder.serve(&[], |served| {
        let part = |whole: Vec<u8>, place: &str, content: &str| {
            let fields = read_answer(&whole, false).expect("an answer");
            let lines = fields
                .fields
                .iter()
                .filter(|(name, _)| !matches!(*name, "Date" | "Content-Length"));
            let lines: String = lines
                .map(|(name, value)| format!("{name}: {}\r\n", String::from_utf8_lossy(value)))
                .collect();
            answer(
                "206 Partial Content",
                &format!("{lines}Content-Range: bytes {place}\r\n"),
                content,
            )
        };
        let rows = [
            ("§14.2 plain", "", part(script("", ""), "1-4/5", "lain")),
            (
                "§14.2 coded, and no condition says which",
                "Accept-Encoding: gzip\r\n",
                part(script("", ""), "1-4/5", "lain"),
            ),
            (
                "§14.2 coded, where the client likes it better",
                "Accept-Encoding: gzip, identity;q=0.1\r\n",
                part(script("", ""), "1-4/5", "lain"),
            ),
            (
                "§12.5.3 coded, where identity is refused",
                "Accept-Encoding: gzip, identity;q=0\r\n",
                part(script(".gz", "gzip"), "1-2/3", "gz"),
            ),
            (
                "§13.1.5 of the plain tag, where identity is refused",
                "Accept-Encoding: gzip, identity;q=0\r\nIf-Range: \"5-6553f100.0\"\r\n",
                script(".gz", "gzip"),
            ),
            (
                "§13.1.5 the tag of a coding that is not accepted",
                "If-Range: \"3-6553f100.0.gz\"\r\n",
                script("", ""),
            ),
            (
                "§13.1.5 a tag of nothing there is",
                "Accept-Encoding: gzip\r\nIf-Range: \"x\"\r\n",
                script(".gz", "gzip"),
            ),
            (
                "§13.1.5 a date that both have",
                "Accept-Encoding: gzip\r\nIf-Range: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
                script(".gz", "gzip"),
            ),
            (
                "§13.1.5 a date, and no coding accepted",
                "If-Range: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
                part(script("", ""), "1-4/5", "lain"),
            ),
            (
                "§13.1.1 If-Match names the coding",
                "Accept-Encoding: gzip\r\nIf-Match: \"x\", \"3-6553f100.0.gz\"\r\n",
                part(script(".gz", "gzip"), "1-2/3", "gz"),
            ),
            (
                "§13.1.1 If-Match names the plain",
                "Accept-Encoding: gzip\r\nIf-Match: \"5-6553f100.0\"\r\n",
                part(script("", ""), "1-4/5", "lain"),
            ),
            (
                "§13.1.2 If-None-Match names the coding",
                "Accept-Encoding: gzip\r\nIf-None-Match: \"3-6553f100.0.gz\"\r\n",
                part(script("", ""), "1-4/5", "lain"),
            ),
            (
                "§13.1.2 If-None-Match names the plain",
                "Accept-Encoding: gzip\r\nIf-None-Match: \"5-6553f100.0\"\r\n",
                bare("304 Not Modified", &validated_fields("\"5-6553f100.0\"", OLD_DATE)),
            ),
            (
                "§13.1.5 of its own tag",
                "Accept-Encoding: gzip\r\nIf-Range: \"3-6553f100.0.gz\"\r\n",
                part(script(".gz", "gzip"), "1-2/3", "gz"),
            ),
            (
                "§13.1.5 of the other's tag",
                "Accept-Encoding: gzip\r\nIf-Range: \"5-6553f100.0\"\r\n",
                part(script("", ""), "1-4/5", "lain"),
            ),
        ];
        for (rule, fields, output) in rows {
            let input =
                format!("GET /a.js HTTP/1.1\r\nHost: h\r\n{fields}Range: bytes=1-9\r\n\r\n");
            check(served, &Limits::default(), rule, input.as_bytes(), &output, End::Idle);
        }
        // What is not understood as a range is none, and chooses nothing.
        for (rule, range) in [
            ("§14.2 an unknown unit", "lines=1-2"),
            ("§14.2 malformed", "bytes=5-1"),
            ("§14.2 two fields", "bytes=0-1\r\nRange: bytes=2-3"),
        ] {
            let fields = format!("Accept-Encoding: gzip\r\nRange: {range}\r\n");
            check_get(served, rule, "/a.js", &fields, &script(".gz", "gzip"));
        }
        let fields = "Accept-Encoding: gzip\r\nRange: bytes=1-9\r\n";
        let input = format!("HEAD /a.js HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let output = head(script(".gz", "gzip"));
        let limits = Limits::default();
        check(served, &limits, "§14.2 HEAD", input.as_bytes(), &output, End::Idle);
        let input = b"GET /a.js HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n";
        let output = bare("304 Not Modified", &validated_fields("\"5-6553f100.0\"", OLD_DATE));
        check(served, &Limits::default(), "§15.4.5 Vary", input, &output, End::Idle);
    });
}
