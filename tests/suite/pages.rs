//! What people see, byte by byte, from the binary itself: listings, error pages, /ip, --check.

use std::path::Path;

use crate::support::client::exchange;
use crate::support::folder::Folder;
use crate::support::server::{TestServer, run};

/// Writes a file modified at 2017-07-09 09:49:41 and so many seconds.
fn file(folder: &Folder, name: &str, length: usize, seconds: i64) {
    folder.dated(name, vec![0; length], 1_499_593_781 + seconds, 0);
}

struct Server(TestServer);

impl Server {
    fn start(root: &Path) -> Server {
        Server::with(&[], root)
    }

    fn with(options: &[&str], root: &Path) -> Server {
        let options = [&["--bind", "127.0.0.1", "--log", "off"], options].concat();
        Server(TestServer::start(&options, root))
    }

    /// Head and content of the answer.
    fn get(&self, target: &str, lines: &str) -> (String, String) {
        let request = format!("GET {target} HTTP/1.0\r\n{lines}\r\n");
        let answer = exchange(("127.0.0.1", self.0.port), request);
        let answer = String::from_utf8(answer).unwrap();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        let length = format!("\r\nContent-Length: {}", content.len());
        assert!(head.contains(&length), "{head}");
        (head.to_owned(), content.to_owned())
    }

    /// What stands in the body of a page.
    fn page(&self, target: &str) -> String {
        let (_, page) = self.get(target, "Accept: text/html\r\n");
        let content = page.split_once("<main>\n").unwrap().1;
        let content = content.strip_suffix("</main>\n</body>\n</html>\n");
        content.unwrap().to_owned()
    }

    /// The names of a listing in their order.
    fn names(&self, target: &str) -> Vec<String> {
        let page = self.page(target);
        let names = page.split("<tr><td><bdi><a href=\"").skip(1);
        names.map(|row| row.split('"').next().unwrap().to_owned()).collect()
    }
}

#[test]
fn listings() {
    let folder = Folder::new();
    file(&folder, "a & b/c/x.txt", 1_025, 60);
    file(&folder, "a & b/y.txt", 0, 0);
    folder.folder("empty");
    let server = Server::start(folder.path());

    let sort = "<th scope=\"col\" aria-sort=\"ascending\"><form>\
                <button name=\"C\" value=\"N\">Name</button>\
                <input type=\"hidden\" name=\"O\" value=\"D\"></form></th>\
                <th scope=\"col\"><form><button name=\"C\" value=\"S\">Size</button>\
                <input type=\"hidden\" name=\"O\" value=\"D\"></form></th>\
                <th scope=\"col\"><form><button name=\"C\" value=\"M\">Modified (UTC)</button>\
                <input type=\"hidden\" name=\"O\" value=\"D\"></form></th>";
    assert_eq!(
        server.page("/a%20%26%20b/c/"),
        format!(
            "<h1>Index of <a href=../../ >/</a> \
             <a href=../ ><bdi>a &amp; b</bdi></a>\u{a0}/ <bdi>c</bdi></h1>\n\
             <table>\n<thead>\n<tr>{sort}</tr>\n</thead>\n<tbody>\n\
             <tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n\
             <tr><td><bdi><a href=\"x.txt\">x.txt</a></bdi></td>\
             <td data-bytes=\"1025\">1.1 KiB</td><td>2017-07-09 09:50</td></tr>\n\
             </tbody>\n</table>\n<p>1 file, 1.1 KiB</p>\n"
        )
    );
    assert_eq!(
        server.page("/empty/"),
        format!(
            "<h1>Index of <a href=../ >/</a> <bdi>empty</bdi></h1>\n\
             <table>\n<thead>\n<tr>{sort}</tr>\n</thead>\n<tbody>\n\
             <tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n\
             </tbody>\n</table>\n<p>This folder is empty.</p>\n"
        )
    );
    assert!(server.page("/").starts_with("<h1>Index of /</h1>\n<table>\n"));
    let json = "[\n{\"name\":\"x.txt\",\"type\":\"file\",\"size\":1025,\
                \"mtime\":\"2017-07-09T09:50:41Z\",\"href\":\"x.txt\"}\n]\n";
    let accept = "Accept: application/json\r\n";
    assert_eq!(server.get("/a%20%26%20b/c/", accept).1, json);
    assert_eq!(server.get("/a%20%26%20b/c/?format=json", "").1, json);
    assert_eq!(server.get("/empty/", accept).1, "[\n]\n");
    // Folders first in any order.
    let (head, page) = server.get("/", "");
    assert!(page.split("<tbody>").next().unwrap().len() < 3_000);
    assert!(head.contains("\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-"));
}

#[test]
fn orders() {
    let folder = Folder::new();
    file(&folder, "img10", 1, 300);
    file(&folder, "img2", 2, 200);
    file(&folder, "Img1", 3, 100);
    file(&folder, "img3", 2, 200);
    file(&folder, "z/x", 0, 0);
    let server = Server::start(folder.path());
    for (query, expected) in [
        ("", ["z/", "Img1", "img2", "img3", "img10"]),
        ("?C=N&O=A", ["z/", "Img1", "img2", "img3", "img10"]),
        ("?C=N&O=D", ["z/", "img10", "img3", "img2", "Img1"]),
        ("?C=N;O=D", ["z/", "img10", "img3", "img2", "Img1"]),
        ("?C=S&O=A", ["z/", "img10", "img2", "img3", "Img1"]),
        ("?C=S&O=D", ["z/", "Img1", "img2", "img3", "img10"]),
        ("?C=M&O=A", ["z/", "Img1", "img2", "img3", "img10"]),
        ("?C=M&O=D", ["z/", "img10", "img2", "img3", "Img1"]),
        ("?C=X&O=Y&n", ["z/", "Img1", "img2", "img3", "img10"]),
    ] {
        assert_eq!(server.names(&format!("/{query}")), expected, "{query}");
    }
    let by_name = ["z/", "Img1", "img2", "img3", "img10"];
    let by_size = ["z/", "img10", "img2", "img3", "Img1"];
    let latest = ["z/", "img10", "img2", "img3", "Img1"];
    // (the option, the query, the names, the heading that says so)
    for (sort, query, expected, column, direction) in [
        ("name", "", by_name, "N", "ascending"),
        ("-name", "", ["z/", "img10", "img3", "img2", "Img1"], "N", "descending"),
        ("size", "", by_size, "S", "ascending"),
        ("-size", "", by_name, "S", "descending"),
        ("date", "", by_name, "M", "ascending"),
        ("-date", "", latest, "M", "descending"),
        ("-date", "?O=A", by_name, "M", "ascending"),
        ("-date", "?C=M", by_name, "M", "ascending"),
        ("-date", "?C=S", by_size, "S", "ascending"),
        ("-date", "?O=D&C=S", by_name, "S", "descending"),
        ("-date", "?C=X", latest, "M", "descending"),
        ("date", "?O=D", latest, "M", "descending"),
    ] {
        let server = Server::with(&["--sort", sort], folder.path());
        let target = format!("/{query}");
        assert_eq!(server.names(&target), expected, "{sort} {query}");
        let sorted =
            format!("aria-sort=\"{direction}\"><form><button name=\"C\" value=\"{column}\">");
        let page = server.page(&target);
        assert!(page.contains(&sorted) && page.matches("aria-sort").count() == 1, "{page}");
        let json = server.get(&target, "Accept: application/json\r\n").1;
        let hrefs = json.split("\"href\":\"").skip(1);
        let hrefs: Vec<&str> = hrefs.map(|row| row.split('"').next().unwrap()).collect();
        assert_eq!(hrefs, expected, "{sort} {query}");
    }
}

#[test]
fn a_listing_of_many_pieces_is_as_long_as_it_says() {
    let folder = Folder::new();
    for number in 0..2_000 {
        file(&folder, &format!("file-{number}"), number, 0);
    }
    let server = Server::start(folder.path());
    let names = server.names("/");
    assert_eq!(names.len(), 2_000);
    assert_eq!(names[1_999], "file-1999");
}

#[test]
fn error_pages() {
    let folder = Folder::new();
    file(&folder, "file", 3, 0);
    let server = Server::start(folder.path());
    let page = server.page("/nothing");
    assert_eq!(
        page,
        "<h1>404 Not Found</h1>\n\
         <p>Not found. Check the address, or go to the start page.</p>\n\
         <p><a href=\"./\">Start page</a></p>\n"
    );
    for (target, home) in
        [("/a/b?c=/d", "./../"), ("/a/", "./../"), ("//a/../b/c", "./../../../../")]
    {
        let page = server.page(target);
        assert!(page.ends_with(&format!("<p><a href=\"{home}\">Start page</a></p>\n")), "{page}");
    }
    assert!(!server.page(&"/a".repeat(33)).contains("Start page"));
    let rows = [
        (
            "",
            "text/plain; charset=utf-8",
            "404 Not Found\nNot found. Check the address, or go to the start page.\n",
        ),
        (
            "Accept: application/json\r\n",
            "application/json",
            "{\"status\":404,\"reason\":\"Not found. Check the address, or go to the start page.\"}\n",
        ),
    ];
    for (lines, media_type, expected) in rows {
        let (head, content) = server.get("/nothing", lines);
        assert!(head.contains(&format!("\r\nContent-Type: {media_type}\r\n")), "{head}");
        assert_eq!(content, expected);
    }

    // The operator's own pages: for every status, and not where JSON or text was asked for.
    for status in ["404", "416"] {
        folder.write(format!("{status}.html"), format!("own {status}"));
    }
    let range = "Range: bytes=9-\r\n";
    let rows = [
        ("/nothing", "", "404 Not Found", "own 404"),
        ("/nothing", "Accept: */*\r\n", "404 Not Found", "own 404"),
        ("/nothing", "Accept: text/html\r\n", "404 Not Found", "own 404"),
        ("/nothing", "Accept: application/json\r\n", "404 Not Found", rows[1].2),
        ("/nothing", "Accept: text/plain\r\n", "404 Not Found", rows[0].2),
        ("/file", range, "416 Range Not Satisfiable", "own 416"),
        ("/404.html", "", "200 OK", "own 404"),
    ];
    for (target, lines, status, expected) in rows {
        let (head, content) = server.get(target, lines);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
        assert_eq!(content, expected, "{target} {lines}");
        let own = expected.starts_with("own");
        let html = head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n");
        assert_eq!(own, html, "{head}");
        // What holds for the server's own pages would break the operator's.
        assert!(!head.contains("Content-Security-Policy"), "{head}");
    }
    assert!(server.get("/file", range).0.contains("\r\nContent-Range: bytes */3\r\n"));
}

#[test]
fn the_address_of_the_client() {
    let folder = Folder::new();
    let server = Server::start(folder.path());
    let rows = [
        ("", "Your IP address is 127.0.0.1\n"),
        (
            "Accept: application/json\r\n",
            "{\"address\":\"127.0.0.1\",\"family\":\"IPv4\",\"kind\":\"loopback\",\
             \"server\":\"127.0.0.1\"}\n",
        ),
    ];
    for (lines, expected) in rows {
        assert_eq!(server.get("/ip", lines).1, expected);
    }
    assert_eq!(
        server.page("/ip"),
        "<h1>Your IP address is 127.0.0.1</h1>\n<dl>\n\
         <dt>Family</dt><dd>IPv4</dd>\n\
         <dt>Kind</dt><dd>Loopback: you are on the server itself.</dd>\n\
         <dt>Address of this server</dt><dd>127.0.0.1</dd>\n</dl>\n"
    );
}

#[test]
fn check_says_what_would_be_and_ends() {
    let folder = Folder::new();
    let root = folder.path().to_str().unwrap();
    let check = |words: &[&str]| run(&[words, &["--check", root]].concat());
    let (status, text, errors) = check(&["--bind", "127.0.0.1", "--port", "0"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let labels: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(
        labels,
        [
            "Folder:",
            "Readers:",
            "URL:",
            "Connections:",
            "Listings:",
            "Threads:",
            "Paths:",
            "Sandbox:",
            "All"
        ]
    );
    assert!(text.starts_with(&format!("Folder: {root}\n")), "{text}");
    // What would keep it from starting.
    let server = Server::start(folder.path());
    let port = server.0.port.to_string();
    let (status, text, errors) = check(&["--bind", "127.0.0.1", "--port", &port]);
    assert_eq!((status, text.as_str()), (Some(1), ""));
    let taken = format!("ipv6-httpd: port {port} is already in use (on 127.0.0.1)");
    assert!(errors.starts_with(&taken), "{errors}");
}
