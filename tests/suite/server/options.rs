//! What options do.

use std::fs;
use std::net::IpAddr;

use crate::support::client::{Conversation, fetch};
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command, os};

use super::small_site;

#[test]
fn options_may_be_written_as_people_do() {
    let site = small_site();
    site.write("-dir/a", "dash");
    let odd = site.join(b"\xff\xfe dir");
    fs::create_dir(&odd).expect("a folder");
    fs::write(odd.join("a"), "odd").expect("a file");
    let rows: [(&[&[u8]], &str); 6] = [
        (&[b"-p0", b"-w1"], "one"),
        (&[b"-p=0", b"--workers=2"], "one"),
        (&[b"--port=0", b"."], "one"),
        (&[b".", b"--port", b"0"], "one"),
        (&[b"-p0", b"--", b"-dir"], "dash"),
        (&[b"-p0", b"\xff\xfe dir"], "odd"),
    ];
    for (words, content) in rows {
        let mut command = command();
        command.args(words.iter().map(|word| os(word))).current_dir(site.path());
        let server = TestServer::launch(command);
        assert_eq!(fetch(server.address(), "/a").text(), content, "{words:?}");
    }
    let mut command = command();
    command.args(["--port", "0", "--index"]).arg(os(b"\xff")).arg(site.path());
    site.write(b"\xff", "index of bytes");
    let server = TestServer::launch(command);
    assert_eq!(fetch(server.address(), "/").text(), "index of bytes");
}

#[test]
fn options_do_what_they_say() {
    let site = small_site();
    site.write("about.html", "about");
    site.write("x.log", "log");
    site.write("sub/y", "y");
    let rows: [(&[&str], &str, u16, &str, Option<&str>); 14] = [
        (&[], "/about", 404, "Content-Type", Some("text/plain; charset=utf-8")),
        (&["--try-html"], "/about", 200, "Content-Type", Some("text/html; charset=utf-8")),
        (
            &["--fallback", "index.html"],
            "/no/such",
            200,
            "Content-Type",
            Some("text/html; charset=utf-8"),
        ),
        (&["--fallback", "/a"], "/no/such", 200, "Content-Length", Some("3")),
        (&["--redirect-all", "/a"], "/no/such", 302, "Location", Some("/a")),
        (&["--redirect-all", "/a"], "/a", 200, "Location", None),
        (&["--redirect-all", "/missing"], "/missing", 404, "Location", None),
        (&[], "/a", 200, "Cache-Control", Some("no-cache")),
        (&["--cache-control", "max-age=60"], "/a", 200, "Cache-Control", Some("max-age=60")),
        (&["--header", "X-One: 1", "--header", "X-Two:  2"], "/a", 200, "X-Two", Some("2")),
        (&["--header", "X-One: 1"], "/missing", 404, "X-One", Some("1")),
        (&["--cors"], "/a", 200, "Access-Control-Allow-Origin", Some("*")),
        (&["--media-type", "log=text/x-log"], "/x.log", 200, "Content-Type", Some("text/x-log")),
        (&["--no-listing"], "/sub/", 404, "Location", None),
    ];
    for (options, path, status, field, value) in rows {
        let server = TestServer::start(options, site.path());
        let answer = fetch(server.address(), path);
        assert_eq!((answer.status(), answer.field(field)), (status, value), "{options:?} {path}");
    }
}

#[test]
fn a_fallback_that_is_not_there_is_said() {
    let site = Folder::new();
    let server = TestServer::start(&["--fallback", "indx.html"], site.path());
    let said = "ipv6-httpd: --fallback: there is no file 'indx.html' in the folder yet\n";
    assert!(server.err.wait_until(|errors| errors == said), "{}", server.err.text());
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn ip_tells_clients_their_address() {
    let site = small_site();
    let server = TestServer::start(&[], site.path());
    for address in server.addresses() {
        let (ip, family) = match address.ip() {
            IpAddr::V4(ip) => (ip.to_string(), "IPv4"),
            IpAddr::V6(ip) => (ip.to_string(), "IPv6"),
        };
        let mut client = Conversation::open(address);
        let text = client.get("/ip");
        assert_eq!(text.text(), format!("Your IP address is {ip}\n"));
        assert_eq!(text.field("Content-Type"), Some("text/plain; charset=utf-8"));
        assert_eq!(text.field("Cache-Control"), Some("no-store"));
        client.send("GET /ip HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
        let json = client.answer();
        let start = format!("{{\"address\":\"{ip}\",\"family\":\"{family}\"");
        assert!(json.text().starts_with(&start), "{}", json.text());
        assert_eq!(json.field("Content-Type"), Some("application/json"));
        assert_eq!(json.field("Cache-Control"), Some("no-store"));
    }
    let server = TestServer::start(&["--no-ip"], site.path());
    assert_eq!(fetch(server.address(), "/ip").status(), 404);
    site.write("ip", "a file of that name");
    assert_eq!(fetch(server.address(), "/ip").text(), "a file of that name");
}
