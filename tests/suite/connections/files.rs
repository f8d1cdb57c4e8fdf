//! Files and folders that change, are large, or may not be read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

use crate::support::client::{Conversation, fetch};
use crate::support::folder::{Folder, pattern};
use crate::support::server::{TestServer, bound_by_modes, command_behind};
use crate::support::skip;

use super::{MEBIBYTE, assert_answer, expect_pattern};

#[test]
fn eight_clients_fetch_a_large_file_at_once() {
    let site = Folder::new();
    let length = 100 * MEBIBYTE as u64;
    let places: Vec<(u64, usize)> =
        (0..100).map(|at| (at * MEBIBYTE as u64 + at * 4099, 64 << 10)).collect();
    let path = site.write_pattern("large", length, &places);
    let server = TestServer::start(&[], site.path());
    let addresses = server.addresses();
    let clients: Vec<_> = (0..8)
        .map(|at| {
            let (address, path) = (addresses[at % addresses.len()], path.clone());
            thread::spawn(move || expect_file(address, "/large", &path))
        })
        .collect();
    for client in clients {
        client.join().expect("served");
    }
}

/// Fetches a file and compares it with the original, block by block.
fn expect_file(address: SocketAddr, path: &str, original: &std::path::Path) {
    let mut client = Conversation::open(address);
    client.request(path);
    client.head();
    let mut original = File::open(original).expect("the original");
    let mut block = vec![0; 256 << 10];
    loop {
        let count = original.read(&mut block).expect("read");
        if count == 0 {
            break;
        }
        assert!(client.take(count) == block[..count]);
    }
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    client.expect_end();
}

#[test]
fn ranges_reach_beyond_two_and_four_gibibytes() {
    let site = Folder::new();
    let (two, four) = (2_u64 << 30, 4_u64 << 30);
    let length = (5 << 30) + 10;
    let mebibyte = MEBIBYTE as u64;
    let places = [two - mebibyte, four - mebibyte, length - 2 * mebibyte];
    site.write_pattern("sparse", length, &places.map(|at| (at, 2 * MEBIBYTE)));
    let server = TestServer::start(&[], site.path());
    for address in server.addresses() {
        let mut client = Conversation::open(address);
        client.send("HEAD /sparse HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.answer_to_head().field("Content-Length"), Some("5368709130"));
        let rows = [
            (format!("{}-{}", two - 3, two + 3), two - 3, 7),
            (format!("{}-{}", four - 3, four + 3), four - 3, 7),
            (format!("{four}-{four}"), four, 1),
            // From below to above, in more than one piece.
            (format!("{}-{}", two - mebibyte, two + mebibyte - 1), two - mebibyte, 2 * mebibyte),
            (format!("{}-{}", four - mebibyte, four + mebibyte - 1), four - mebibyte, 2 * mebibyte),
            ("-5".to_owned(), length - 5, 5),
            (format!("{}-", length - 2 * mebibyte), length - 2 * mebibyte, 2 * mebibyte),
        ];
        for (range, start, count) in rows {
            let fields = format!("Range: bytes={range}\r\n");
            client.send(format!("GET /sparse HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
            let head = client.head();
            let end = start + count - 1;
            let expected = format!("\r\nContent-Range: bytes {start}-{end}/{length}\r\n");
            assert!(head.starts_with("HTTP/1.1 206 ") && head.contains(&expected), "{head}");
            expect_pattern(&mut client, start, count);
        }
        client.send(format!("GET /sparse HTTP/1.1\r\nHost: h\r\nRange: bytes={length}-\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(answer.status(), 416);
        assert_eq!(answer.field("Content-Range"), Some("bytes */5368709130"));
    }
}

/// A file that is too large for any buffer, and a client that has read its head and no more.
fn midway(server: &TestServer, site: &Folder) -> (Conversation, u64) {
    let length = 64 * MEBIBYTE as u64;
    site.write_pattern("large", length, &[]);
    let mut client = Conversation::open(server.address());
    client.request("/large");
    let head = client.head();
    assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{head}");
    (client, length)
}

#[test]
fn a_file_that_is_shortened_while_it_is_sent_ends_the_connection() {
    let site = Folder::with(&[("a", "one")]);
    let server = TestServer::start(&[], site.path());
    let (mut client, length) = midway(&server, &site);
    let file = OpenOptions::new().write(true).open(site.join("large")).expect("the file");
    file.set_len(MEBIBYTE as u64).expect("shorter");
    let body = client.rest_or_reset();
    assert!(body.len() >= 64 << 10 && (body.len() as u64) < length, "{} bytes", body.len());
    assert!(body == pattern(0, body.len()), "something was made up");
    assert_answer(&fetch(server.address(), "/a"), 200, "one");
    assert_eq!(fetch(server.address(), "/large").body.len(), MEBIBYTE);
}

#[test]
fn a_file_that_grows_while_it_is_sent_is_sent_as_long_as_it_was() {
    let site = Folder::with(&[("a", "one")]);
    let server = TestServer::start(&[], site.path());
    let (mut client, length) = midway(&server, &site);
    let mut file = OpenOptions::new().append(true).open(site.join("large")).expect("the file");
    file.write_all(&[b'+'; 100_000]).expect("longer");
    expect_pattern(&mut client, 0, length);
    assert_answer(&client.get("/a"), 200, "one");
    client.send("HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n");
    let longer = (length + 100_000).to_string();
    assert_eq!(client.answer_to_head().field("Content-Length"), Some(longer.as_str()));
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was() {
    let site = Folder::new();
    let server = TestServer::start(&[], site.path());
    let (mut client, length) = midway(&server, &site);
    site.write("new", "new");
    fs::rename(site.join("new"), site.join("large")).expect("renamed");
    assert_answer(&fetch(server.address(), "/large"), 200, "new");
    expect_pattern(&mut client, 0, length);
    assert_answer(&client.get("/large"), 200, "new");
}

#[test]
fn a_file_that_is_deleted_while_it_is_sent_is_sent_as_it_was() {
    let site = Folder::new();
    let server = TestServer::start(&[], site.path());
    let (mut client, length) = midway(&server, &site);
    fs::remove_file(site.join("large")).expect("deleted");
    assert_eq!(fetch(server.address(), "/large").status(), 404);
    expect_pattern(&mut client, 0, length);
    assert_eq!(client.get("/large").status(), 404);
}

#[test]
fn folders_that_are_removed_are_missing() {
    let site = Folder::with(&[("root/a", "one"), ("root/sub/b", "two")]);
    let server = TestServer::start(&[], site.join("root"));
    let mut client = Conversation::open(server.address());
    assert_answer(&client.get("/sub/b"), 200, "two");
    assert_eq!(client.get("/sub/").status(), 200);
    fs::remove_dir_all(site.join("root/sub")).expect("removed");
    for path in ["/sub/b", "/sub/", "/sub"] {
        assert_eq!(client.get(path).status(), 404, "{path}");
    }
    assert_answer(&client.get("/a"), 200, "one");
    fs::remove_dir_all(site.join("root")).expect("removed");
    for path in ["/a", "/sub/", "/"] {
        assert_eq!(client.get(path).status(), 404, "{path}");
    }
}

#[test]
fn what_comes_and_goes_is_there_and_missing_at_once() {
    let site = Folder::with(&[("sub/b", "two")]);
    let server = TestServer::start(&[], site.path());
    let mut client = Conversation::open(server.address());
    // By itself, as the index of its folder and of the root, as the error page of another.
    for (name, path) in
        [("a", "/a"), ("sub/index.html", "/sub/"), ("index.html", "/"), ("404.html", "/nothing")]
    {
        let before = client.get(path);
        for content in ["one", "three"] {
            let found = if name == "404.html" { 404 } else { 200 };
            for _ in 0..3 {
                let now = client.get(path);
                assert_eq!(now.status(), before.status(), "{path}");
                assert_eq!(now.text(), before.text(), "{path}");
            }
            let file = site.write(name, content);
            for _ in 0..3 {
                assert_answer(&client.get(path), found, content);
            }
            fs::remove_file(file).expect("removed");
        }
    }
    // Whose hash (FNV-1a of 32 bits) is that of the empty path, which is the root's.
    let file = site.write("a", "one");
    for _ in 0..3 {
        assert_eq!(client.get("/7hjzaxh").status(), 404);
        assert_eq!(client.get("/mwowb0n").status(), 404);
        assert_eq!(client.get("/").status(), 200);
        assert_answer(&client.get("/a"), 200, "one");
    }
    fs::remove_file(file).expect("removed");
}

#[test]
fn what_may_not_be_read_is_forbidden() {
    let site =
        Folder::with(&[("a", "one"), ("secret", "no"), ("closed/a", "no"), ("locked/a", "no")]);
    let set_mode = |name: &str, mode| {
        fs::set_permissions(site.join(name), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    set_mode("secret", 0o000);
    set_mode("closed", 0o000);
    // Its names may not be read, what has one may.
    set_mode("locked", 0o111);
    let Some(starter) = bound_by_modes(&site.join("secret")) else {
        return;
    };
    let mut command = command_behind(starter);
    command.args(["--port", "0"]).arg(site.path());
    let server = TestServer::launch(command);
    let mut client = Conversation::open(server.address());
    let rows = [
        ("/a", 200),
        ("/secret", 403),
        ("/closed/", 403),
        ("/closed/a", 403),
        ("/locked/", 403),
        ("/locked/a", 200),
    ];
    for (path, status) in rows {
        assert_eq!(client.get(path).status(), status, "{path}");
    }
    // Even if it was just sent.
    set_mode("a", 0o000);
    assert_eq!(client.get("/a").status(), 403);
    set_mode("closed", 0o755);
    set_mode("locked", 0o755);
}

#[test]
fn what_is_no_file_is_missing() {
    let site = Folder::with(&[("a", "one"), ("index/a", "one")]);
    site.fifo("fifo");
    site.fifo("index/index.html");
    let _socket = UnixListener::bind(site.join("socket")).expect("a socket");
    let device = Command::new("mknod").arg(site.join("device")).args(["c", "1", "5"]).status();
    if !device.is_ok_and(|status| status.success()) {
        skip("no right to make a device; the rest runs");
    }
    site.link("/dev/zero", "linked");
    for options in [["-w", "1"], ["--symlinks", "follow"]] {
        let server = TestServer::start(&options, site.path());
        let mut client = Conversation::open(server.address());
        for path in ["/fifo", "/fifo/", "/socket", "/device", "/linked", "/fifo.gz"] {
            assert_eq!(client.get(path).status(), 404, "{path}");
        }
        // A fifo is no index.
        assert!(client.get("/index/").text().contains("<a href=\"a\">"));
        let listing = client.get("/?format=json");
        let names: Vec<&str> = listing.text().split("\"name\":").skip(1).collect();
        assert_eq!(names.len(), 2, "{}", listing.text());
        assert_answer(&client.get("/a"), 200, "one");
    }
}
