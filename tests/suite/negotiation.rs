//! What stands for a target: content codings (RFC 9110 §8.4, §12.5.3), and what the options of
//! the command line make of paths, fields and media types. Rows are cut at every byte.

use crate::support::drive::{End, Served, answer, bare, check, head, last, read_answer, run};
use crate::support::folder::{Folder, OLD, OLD_DATE};
use crate::support::site::{error_page, file_fields, validated_fields};

use ipv6_httpd::http::limits::Limits;

fn check_get(served: &Served<'_>, rule: &str, target: &str, fields: &str, output: &[u8]) {
    for method in ["GET", "HEAD"] {
        let input = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let output = if method == "GET" { output.to_vec() } else { head(output) };
        check(served, &Limits::default(), rule, input.as_bytes(), &output, End::Idle);
    }
}

const SCRIPT: &str = "Content-Type: text/javascript; charset=utf-8\r\n";
const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\n";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

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

fn missing() -> Vec<u8> {
    error_page("404 Not Found", "Not found. Check the address, or go to the start page.", "")
}

/// A file that holds its own name, of this media type.
fn named(name: &str, media_type: &str) -> Vec<u8> {
    let tag = format!("\"{:x}-6553f100.0\"", name.len());
    answer("200 OK", &(file_fields(&tag, OLD_DATE) + media_type), name)
}

fn names(names: &[&str]) -> Folder {
    let folder = Folder::new();
    for name in names {
        folder.file(name, name);
    }
    folder
}

/// Rows of options, target, and output.
fn check_options(folder: &Folder, options: &[&str], rows: &[(&str, Vec<u8>)]) {
    folder.serve(options, |served| {
        for (target, output) in rows {
            check_get(served, &format!("{options:?} {target}"), target, "", output);
        }
    });
}

fn moved(location: &str) -> Vec<u8> {
    let location = format!("Location: {location}\r\n");
    error_page("301 Moved Permanently", "The address of a folder ends in a slash.", &location)
}

/// RFC 9110 §10.2.2: a relative reference with the query; paths.rs has all kinds of targets.
#[test]
fn folders_are_redirected_to_their_slash() {
    let folder = names(&["sub/a.txt", "a b/c.txt", "deep/er/x", "%2e/x"]);
    check_options(
        &folder,
        &[],
        &[
            ("/sub", moved("sub/")),
            ("/sub?a=b&c", moved("sub/?a=b&c")),
            ("/sub?", moved("sub/?")),
            ("/sub?//evil.example", moved("sub/?//evil.example")),
            ("/a%20b", moved("a%20b/")),
            ("/deep/er", moved("er/")),
            ("//sub", moved("sub/")),
            ("///deep//er", moved("er/")),
            ("//evil.example/%2e%2e/sub", moved("sub/")),
            ("//evil.example/..//sub", moved("sub/")),
            ("/%5cevil.example/%2e%2e/sub", moved("sub/")),
            ("http://evil.example/sub", moved("sub/")),
            ("http://evil.example//sub", moved("sub/")),
            ("/%252e", moved("%252e/")),
            ("/sub/a.txt", named("sub/a.txt", TEXT)),
            ("/sub/a.txt/", missing()),
            ("/sub/../sub/./a.txt", named("sub/a.txt", TEXT)),
        ],
    );
}

#[test]
fn indexes() {
    let folder =
        names(&["both/index.html", "both/home.txt", "one/home.txt", "none/x", "index.html"]);
    folder.folder("odd/index.html");
    let empty = "[\n{\"name\":\"index.html\",\"type\":\"directory\",\"size\":0,";
    check_options(
        &folder,
        &[],
        &[
            ("/", named("index.html", HTML)),
            ("/both/", named("both/index.html", HTML)),
            ("/both/?C=N", named("both/index.html", HTML)),
        ],
    );
    check_options(
        &folder,
        &["--index", "home.txt", "--index", "index.html"],
        &[
            ("/both/", named("both/home.txt", TEXT)),
            ("/one/", named("one/home.txt", TEXT)),
            ("/", named("index.html", HTML)),
        ],
    );
    check_options(
        &folder,
        &["--no-listing"],
        &[
            ("/both/", named("both/index.html", HTML)),
            ("/one/", missing()),
            ("/none/", missing()),
            ("/none", moved("none/")),
            ("/odd/", missing()),
        ],
    );
    folder.serve(&[], |served| {
        // A folder of that name is no index: the listing comes.
        let input = b"GET /odd/?format=json HTTP/1.1\r\nHost: h\r\n\r\n";
        let output = run(served, &Limits::default(), &[input], usize::MAX).output;
        let answer = read_answer(&output, false).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(answer.content.starts_with(empty.as_bytes()));
    });
}

#[test]
fn listings_in_json() {
    let folder = names(&["sub/b.txt", "sub/10", "sub/9", "sub/.hidden", "sub/a b&c"]);
    let entry = |name: &str, size: usize, href: &str| {
        format!(
            "{{\"name\":\"{name}\",\"type\":\"file\",\"size\":{size},\"mtime\":\"2023-11-14T22:13:20Z\",\"href\":\"{href}\"}}"
        )
    };
    let rows = [
        entry("9", 5, "9"),
        entry("10", 6, "10"),
        entry("a b&c", 9, "a%20b%26c"),
        entry("b.txt", 9, "b.txt"),
    ];
    let content = format!("[\n{}\n]\n", rows.join(",\n"));
    let output = answer(
        "200 OK",
        "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\nVary: Accept\r\n",
        content,
    );
    folder.serve(&[], |served| {
        check_get(served, "by its query", "/sub/?format=json", "", &output);
        check_get(served, "§12.5.1 by Accept", "/sub/", "Accept: application/json\r\n", &output);
    });
}

#[test]
fn pages_for_what_is_not_there() {
    let folder =
        names(&["about.html", "a.txt", "app.html", "both", "both.html", "dir/x", "dir.html"]);
    let app = named("app.html", HTML);
    check_options(&folder, &[], &[("/about", missing()), ("/x", missing())]);
    check_options(
        &folder,
        &["--try-html"],
        &[
            ("/about", named("about.html", HTML)),
            ("/about.html", named("about.html", HTML)),
            ("/about/", missing()),
            ("/both", named("both", "Content-Type: application/octet-stream\r\n")),
            ("/dir", moved("dir/")),
            ("/x", missing()),
            ("/a.txt", named("a.txt", TEXT)),
        ],
    );
    check_options(
        &folder,
        &["--fallback", "app.html"],
        &[
            ("/x", app.clone()),
            ("/x/y?z", app.clone()),
            ("/a.txt", named("a.txt", TEXT)),
            ("/about/", app.clone()),
            ("/.env", app.clone()),
            ("/%00", error_page("400 Bad Request", "The path holds an encoded NUL.", "")),
        ],
    );
    // Missing itself: 404. With a slash before it, as a path is written.
    check_options(&folder, &["--fallback", "gone.html"], &[("/x", missing())]);
    check_options(
        &folder,
        &["--fallback", "/app.html", "--try-html"],
        &[("/x", app), ("/about", named("about.html", HTML))],
    );
}

/// `404.html` of the root, with the status of what it says.
#[test]
fn own_page_for_404() {
    let folder = names(&["404.html", "a.txt", "sub/x"]);
    let fields = format!(
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\nVary: Accept\r\n{HTML}"
    );
    let own = answer("404 Not Found", &fields, "404.html");
    check_options(
        &folder,
        &["--no-listing"],
        &[
            ("/x", own.clone()),
            ("/sub/y", own.clone()),
            ("/sub/", own.clone()),
            ("/.git/config", own.clone()),
            ("/404.html", named("404.html", HTML)),
            ("/a.txt", named("a.txt", TEXT)),
        ],
    );
    // Conditions and ranges are of success.
    folder.serve(&[], |served| {
        let fields = "Range: bytes=0-1\r\nIf-None-Match: *\r\n";
        check_get(served, "§13.2.1", "/x", fields, &own);
    });
}

#[test]
fn captive_portals() {
    let folder = names(&["portal.html", "sub/x"]);
    let to = |location: &str| {
        error_page("302 Found", "Go on to this address.", &format!("Location: {location}\r\n"))
    };
    let there = to("/portal.html");
    check_options(
        &folder,
        &["--redirect-all", "/portal.html", "--no-listing"],
        &[
            ("/generate_204", there.clone()),
            ("/hotspot-detect.html?x", there.clone()),
            ("/sub/", there.clone()),
            ("/.hidden", there),
            ("/portal.html", named("portal.html", HTML)),
            ("/portal.html?x", named("portal.html", HTML)),
            ("/sub/x", named("sub/x", "Content-Type: application/octet-stream\r\n")),
        ],
    );
    // Where the page itself is missing there is no circle.
    let lost = to("/gone.html?from=all#top");
    check_options(
        &folder,
        &["--redirect-all", "/gone.html?from=all#top"],
        &[
            ("/x", lost.clone()),
            ("/gone.html", missing()),
            ("/gone.html?from=all", missing()),
            ("//gone.html", missing()),
            ("/%67one.html", missing()),
            ("/gone.html/", missing()),
        ],
    );
    check_options(
        &folder,
        &["--redirect-all", "/sub", "--no-listing"],
        &[("/x", to("/sub")), ("/sub", moved("sub/")), ("/sub/", missing())],
    );
    // A URL of this very host, as Host tells it; another host is another page.
    check_options(
        &folder,
        &["--redirect-all", "http://h/gone.html"],
        &[("/x", to("http://h/gone.html")), ("/gone.html", missing())],
    );
    check_options(
        &folder,
        &["--redirect-all", "http://h", "--no-listing"],
        &[("/x", to("http://h")), ("/", missing())],
    );
    check_options(
        &folder,
        &["--redirect-all", "http://other/gone.html"],
        &[("/gone.html", to("http://other/gone.html"))],
    );
}

#[test]
fn hidden_names() {
    let folder = names(&[
        ".env",
        ".git/config",
        "sub/.x",
        ".well-known/acme",
        ".well-known/.x",
        "sub/.well-known/x",
        "..a",
    ]);
    let octets = "Content-Type: application/octet-stream\r\n";
    check_options(
        &folder,
        &[],
        &[
            ("/.env", missing()),
            ("/%2eenv", missing()),
            ("/.git", missing()),
            ("/.git/", missing()),
            ("/.git/config", missing()),
            ("/sub/.x", missing()),
            ("/x/../.env", missing()),
            ("/..a", missing()),
            ("/.well-known/acme", named(".well-known/acme", octets)),
            ("/.well-known", moved(".well-known/")),
            ("/.well-known/.x", missing()),
            ("/sub/.well-known/x", missing()),
        ],
    );
    check_options(
        &folder,
        &["--hidden"],
        &[
            ("/.env", named(".env", octets)),
            ("/.git", moved(".git/")),
            ("/.git/config", named(".git/config", octets)),
            ("/..a", named("..a", octets)),
        ],
    );
}

#[test]
fn media_types() {
    let folder = names(&["a.log", "b.LOG", "c.tar.gz", "d", "e.wasm", "f.HTML", "g.unknown"]);
    let octets = "Content-Type: application/octet-stream\r\n";
    check_options(
        &folder,
        &[],
        &[
            ("/c.tar.gz", named("c.tar.gz", "Content-Type: application/gzip\r\n")),
            ("/d", named("d", octets)),
            ("/e.wasm", named("e.wasm", "Content-Type: application/wasm\r\n")),
            ("/f.HTML", named("f.HTML", HTML)),
            ("/g.unknown", named("g.unknown", octets)),
        ],
    );
    let own = [
        "--media-type",
        ".log=text/x-log; charset=utf-8",
        "--media-type",
        "wasm=a/b",
        "--media-type=wasm=c/d",
    ];
    check_options(
        &folder,
        &own,
        &[
            ("/a.log", named("a.log", "Content-Type: text/x-log; charset=utf-8\r\n")),
            ("/b.LOG", named("b.LOG", "Content-Type: text/x-log; charset=utf-8\r\n")),
            ("/e.wasm", named("e.wasm", "Content-Type: a/b\r\n")),
        ],
    );
}

/// `output` with these field lines before its Content-Length, or at the end of its head.
fn with_lines(output: &[u8], lines: &str) -> Vec<u8> {
    let text = String::from_utf8(output.to_vec()).expect("UTF-8");
    match text.find("Content-Length:") {
        Some(at) => [&text[..at], lines, &text[at..]].concat().into(),
        None => text.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n"), 1).into(),
    }
}

#[test]
fn fields_of_every_answer() {
    let folder = names(&["a.txt", "sub/x"]);
    let options = [
        "--header",
        "X-Frame-Options:DENY",
        "--header=X-Frame-Options:  SAMEORIGIN ",
        "--header",
        "X-Empty:",
        "--cors",
    ];
    let lines = "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n\
                 X-Frame-Options: DENY\r\nX-Frame-Options: SAMEORIGIN\r\nX-Empty: \r\n";
    let file = named("a.txt", TEXT);
    let not_modified = bare("304 Not Modified", &validated_fields("\"5-6553f100.0\"", OLD_DATE));
    let options_answer = bare("204 No Content", "Allow: GET, HEAD, OPTIONS\r\n");
    let post = error_page(
        "405 Method Not Allowed",
        "This server only serves files. Use GET.",
        "Allow: GET, HEAD, OPTIONS\r\n",
    );
    folder.serve(&options, |served| {
        let with = |output: &[u8]| with_lines(output, lines);
        check_get(served, "200", "/a.txt", "", &with(&file));
        check_get(served, "301", "/sub", "", &with(&moved("sub/")));
        check_get(served, "304", "/a.txt", "If-None-Match: *\r\n", &with(&not_modified));
        check_get(served, "404", "/x", "", &with(&missing()));
        let limits = Limits::default();
        let input = b"OPTIONS /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
        check(served, &limits, "204", input, &with(&options_answer), End::Idle);
        let input = b"POST /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
        check(served, &limits, "405", input, &with(&post), End::Idle);
        let refused = error_page("400 Bad Request", "The Host field is missing.", "");
        let input = b"GET / HTTP/1.1\r\n\r\n";
        check(served, &limits, "400", input, &last(with(&refused)), End::Lingers);
    });
}

#[test]
fn preflights() {
    let folder = names(&["a.txt"]);
    let input = |fields: &str| {
        format!("OPTIONS /a.txt HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\n{fields}\r\n")
    };
    let asked =
        "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: range, x-a\r\n";
    let allow = "Allow: GET, HEAD, OPTIONS\r\n";
    let cors = "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n";
    let methods = "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\nAccess-Control-Max-Age: 86400\r\n\
                   Vary: Access-Control-Request-Headers\r\n";
    let names = "Access-Control-Allow-Headers: range, x-a\r\n";
    let limits = Limits::default();
    folder.serve(&["--cors"], |served| {
        let output = bare("204 No Content", &[allow, methods, names, cors].concat());
        check(served, &limits, "a preflight", input(asked).as_bytes(), &output, End::Idle);
        let output = bare("204 No Content", &[allow, methods, cors].concat());
        let fields = "Access-Control-Request-Method: GET\r\n";
        check(served, &limits, "without names", input(fields).as_bytes(), &output, End::Idle);
        let output = bare("204 No Content", &[allow, cors].concat());
        check(served, &limits, "no preflight", input("").as_bytes(), &output, End::Idle);
    });
    folder.serve(&[], |served| {
        let output = bare("204 No Content", allow);
        check(served, &limits, "without --cors", input(asked).as_bytes(), &output, End::Idle);
    });
}

#[test]
fn cache_control() {
    let folder = names(&["a.txt"]);
    let own = |output: Vec<u8>| {
        let text = String::from_utf8(output).expect("UTF-8");
        text.replace("no-cache", "public, max-age=600").into_bytes()
    };
    let options = ["--cache-control", "public, max-age=600"];
    // Errors and redirects are gone a moment later, whatever files are.
    check_options(&folder, &options, &[("/a.txt", own(named("a.txt", TEXT))), ("/x", missing())]);
}

#[test]
fn ip_page() {
    let folder = names(&["ip"]);
    let octets = named("ip", "Content-Type: application/octet-stream\r\n");
    let fields = |media_type: &str| {
        format!(
            "Content-Type: {media_type}\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nVary: Accept\r\n"
        )
    };
    let text =
        answer("200 OK", &fields("text/plain; charset=utf-8"), "Your IP address is 2001:db8::1\n");
    let json = answer(
        "200 OK",
        &fields("application/json"),
        "{\"address\":\"2001:db8::1\",\"family\":\"IPv6\",\"kind\":\"documentation\"}\n",
    );
    folder.serve(&[], |served| {
        for (target, accept, output) in [
            ("/ip", "", &text),
            ("/ip?format", "Accept: */*\r\n", &text),
            ("/ip", "Accept: application/json\r\n", &json),
            ("/ip", "Accept: application/json;q=0\r\n", &text),
            ("/ip", "Accept: text/plain, application/json;q=0.5\r\n", &text),
        ] {
            check_get(served, &format!("/ip {accept}"), target, accept, output);
        }
        check_get(served, "not a folder", "/ip/", "", &missing());
    });
    // As it was sent: `//ip` is a file, if there is one.
    check_options(&folder, &[], &[("//ip", octets.clone())]);
    check_options(&folder, &["--no-ip"], &[("/ip", octets)]);
}
