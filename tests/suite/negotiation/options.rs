//! What options make of paths, fields and media types.

use crate::support::drive::{End, answer, bare, check, head, last, read_answer, run};
use crate::support::folder::{Folder, OLD_DATE};
use crate::support::site::{error_page, file_fields, validated_fields};

use ipv6_httpd::http::limits::Limits;

use super::{HTML, TEXT, check_get};

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
        for (rule, target, fields) in [
            ("by its query", "/sub/?format=json", ""),
            ("§12.5.1 by Accept", "/sub/", "Accept: application/json\r\n"),
        ] {
            let get = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            check(served, &Limits::default(), rule, get.as_bytes(), &output, End::Idle);
            // §8.6: not made for HEAD, and so of no length that is known.
            let lines = String::from_utf8(head(&output)).expect("ASCII");
            let is_said = |line: &&str| !line.starts_with("Content-Length: ");
            let expected: String = lines.split_inclusive('\n').filter(is_said).collect();
            let input = get.replacen("GET", "HEAD", 1);
            let limits = Limits::default();
            check(served, &limits, rule, input.as_bytes(), expected.as_bytes(), End::Idle);
        }
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
            ("/%00", error_page("400 Bad Request", "The path contains an encoded NUL.", "")),
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
fn cache_control_by_name() {
    let folder = names(&["a.txt", "b.TXT", "c.css", "txt", "d.tar.gz", "e.gz"]);
    // (what `--cache-control` is, in this order; the Cache-Control of each file)
    let rows: [(&[&str], [&str; 6]); 6] = [
        (&[".txt=a"], ["a", "a", "no-cache", "no-cache", "no-cache", "no-cache"]),
        (&[".txt,.css=a, b=1", "c"], ["a, b=1", "a, b=1", "a, b=1", "c", "c", "c"]),
        (&["c", ".txt , .CSS = a", "d"], ["a", "a", "a", "d", "d", "d"]),
        (&[".txt=a", ".txt=b"], ["b", "b", "no-cache", "no-cache", "no-cache", "no-cache"]),
        (&[".gz=a", ".tar.gz=b"], ["no-cache", "no-cache", "no-cache", "no-cache", "b", "a"]),
        (&[".tar.gz=b", ".gz=a"], ["no-cache", "no-cache", "no-cache", "no-cache", "a", "a"]),
    ];
    for (values, expected) in rows {
        let options: Vec<&str> =
            values.iter().flat_map(|value| ["--cache-control", value]).collect();
        folder.serve(&options, |served| {
            for (name, expected) in
                ["a.txt", "b.TXT", "c.css", "txt", "d.tar.gz", "e.gz"].iter().zip(expected)
            {
                let media_type = match *name {
                    "a.txt" | "b.TXT" => TEXT,
                    "c.css" => "Content-Type: text/css; charset=utf-8\r\n",
                    "txt" => "Content-Type: application/octet-stream\r\n",
                    _ => "Content-Type: application/gzip\r\n",
                };
                let output = String::from_utf8(named(name, media_type)).expect("UTF-8");
                let output = output.replace("no-cache", expected).into_bytes();
                check_get(served, &format!("{values:?}"), &format!("/{name}"), "", &output);
            }
        });
    }
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
