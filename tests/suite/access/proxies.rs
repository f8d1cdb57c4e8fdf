//! Proxies: whom they speak for, in a field or in a header before the first request.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown};
use std::time::Duration;

use crate::support::drive::{Client, End, Served};

use ipv6_httpd::http::connection::Step;
use ipv6_httpd::http::forwarded::Source;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::responder::Answered;
use ipv6_httpd::http::response::Response;
use ipv6_httpd::http::status::Status;

use super::{HASH, Place, Server};

#[test]
fn behind_a_proxy_the_client_is_whom_it_names() {
    let folder = Place::new();
    let options = [
        "--trusted-proxy=127.0.0.1",
        "--trusted-proxy=10.0.0.0/8",
        "--deny=203.0.113.0/24",
        "--deny=fe80::2",
    ];
    let mut server = Server::start(&folder.site(), &options);
    let unknown = "403 Forbidden\nThe proxy did not say what your address is.\n";
    let differ = "400 Bad Request\nForwarded and X-Forwarded-For do not name the same client.\n";
    let denied = "403 Forbidden\nYour address is not allowed to use this server.\n";
    // (field lines, status, what a client that is not let in is told, who the client is)
    let rows = [
        ("", "200", "", "127.0.0.1"),
        ("X-Forwarded-For: 198.51.100.7\r\n", "200", "", "198.51.100.7"),
        ("X-Forwarded-For: 203.0.113.1, 2001:db8::7, 10.1.2.3\r\n", "200", "", "2001:db8::7"),
        (
            "Forwarded: for=127.0.0.1, for=\"[2001:db8::8]:4711\";proto=https\r\n",
            "200",
            "",
            "2001:db8::8",
        ),
        // Nobody knows who these are, so no rule can let them in.
        ("X-Forwarded-For: unknown\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For: _hidden\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For:\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For: ,\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For: 2001:db8::7, junk\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For: unknown, 10.1.2.3\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For: 198.51.100.07\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For: [2001:db8::7\r\n", "403", unknown, "unknown"),
        ("X-Forwarded-For: ::\r\n", "403", unknown, "unknown"),
        ("Forwarded: for=unknown\r\n", "403", unknown, "unknown"),
        ("Forwarded: proto=https\r\n", "403", unknown, "unknown"),
        ("Forwarded:\r\n", "403", unknown, "unknown"),
        // A zone is a name on the proxy's machine.
        ("X-Forwarded-For: fe80::1%eth0\r\n", "200", "", "fe80::1"),
        ("X-Forwarded-For: fe80::2%eth0\r\n", "403", denied, "fe80::2"),
        ("Forwarded: for=\"[fe80::2%25eth0]:80\"\r\n", "403", denied, "fe80::2"),
        // Only proxies that are trusted: the first of them asks.
        ("X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n", "200", "", "10.0.0.1"),
        ("X-Forwarded-For: 203.0.113.1\r\n", "403", denied, "203.0.113.1"),
        ("Forwarded: for=198.51.100.7\r\nX-Forwarded-For: 127.0.0.1\r\n", "400", differ, "unknown"),
    ];
    for (fields, status, expected, client) in rows {
        let (found, content) = server.get("/ip", fields);
        assert_eq!(found, status, "{fields}");
        let expected = match status {
            "200" => format!("Your IP address is {client}\n"),
            _ => expected.to_owned(),
        };
        assert_eq!(content, expected, "{fields}");
        // Before the next request: another worker may take that, and log it first.
        let line = server.log_line();
        assert_eq!(line.split(' ').next(), Some(client), "{line}");
    }
    // One that is not trusted is who it is. It comes from ::1.
    let request = b"GET /ip HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n";
    assert!(server.answer("::1", request).ends_with("\r\n\r\nYour IP address is ::1\n"));
}

#[test]
fn a_client_that_nobody_names_is_unknown_everywhere() {
    let folder = Place::new();
    let file = folder.write("users", &format!("ana:{HASH}\n"), 0o600);
    let fields = "X-Forwarded-For: unknown\r\n";
    // Where there is no rule it may ask, in each format of the log.
    for (format, start) in [
        ("simple", "unknown - - ["),
        ("common", "unknown - - ["),
        ("combined", "unknown - - ["),
        ("json", "{\"time\":\""),
    ] {
        let log = format!("--log={format}");
        let options = ["--trusted-proxy=127.0.0.1", &log];
        let mut server = Server::start(&folder.site(), &options);
        let (status, content) = server.get("/ip", fields);
        assert_eq!((status.as_str(), content.as_str()), ("200", "Your IP address is unknown\n"));
        server.lines_read += 1;
        let line = server.running.log_of(1).remove(0);
        assert!(line.starts_with(start), "{line}");
        if format == "json" {
            assert!(line.contains("\"client\":\"unknown\",\"request\":"), "{line}");
        }
        let json = server.get("/ip", &format!("{fields}Accept: application/json\r\n"));
        assert_eq!(json.1, "{\"address\":\"unknown\",\"family\":\"unknown\"}\n");
        // A request that cannot be read does not say either for whom the proxy speaks.
        if format == "simple" {
            let mut server = Server::start(&folder.site(), &options);
            server.answer("127.0.0.1", b"GET / HTTP/1.1\r\nX-Forwarded-For : 192.0.2.1\r\n\r\n");
            let line = server.log_line();
            assert!(line.starts_with("unknown - - \"GET / HTTP/1.1\" 400 "), "{line}");
        }
    }
    // Wherever there is a rule it is not let in, be it the only one, whatever it says.
    for rule in [
        "--allow=::/0",
        "--allow=0.0.0.0/0",
        "--allow=127.0.0.1",
        "--allow=local",
        "--deny=192.0.2.1",
        "--deny=local",
    ] {
        let server = Server::start(&folder.site(), &["--trusted-proxy=127.0.0.1", rule]);
        assert_eq!(server.get("/a.txt", fields).0, "403", "{rule}");
    }
    // After wrong passwords it waits, and neither the proxy nor anybody who is known does.
    let options = ["--trusted-proxy=127.0.0.1", "--auth-file", &file];
    let server = Server::start(&folder.site(), &options);
    let wrong = format!("{fields}Authorization: Basic YW5hOkhlbGxvIHdvcmxkPw==\r\n");
    for _ in 0..5 {
        assert_eq!(server.get("/", &wrong).0, "401");
    }
    for other in ["", "X-Forwarded-For: 192.0.2.1\r\n"] {
        let wrong = format!("{other}Authorization: Basic YW5hOkhlbGxvIHdvcmxkPw==\r\n");
        assert_eq!(server.get("/", &wrong).0, "401", "{other}");
    }
}

#[test]
fn every_request_of_a_proxys_connection_has_its_own_client() {
    let folder = Place::new();
    let mut server =
        Server::start(&folder.site(), &["--trusted-proxy=127.0.0.1", "--deny=203.0.113.1"]);
    let request =
        |client: &str| format!("GET /ip HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\n\r\n");
    let requests = ["198.51.100.1", "203.0.113.1", "198.51.100.2"].map(request).concat();
    let answers = server.answer("127.0.0.1", requests.as_bytes());
    let statuses: Vec<_> = answers.matches("HTTP/1.1 ").collect();
    assert_eq!(statuses.len(), 3, "{answers}");
    for (client, status) in [("198.51.100.1", 200), ("203.0.113.1", 403), ("198.51.100.2", 200)] {
        let line = server.log_line();
        assert!(
            line.starts_with(&format!("{client} - - \"GET /ip HTTP/1.1\" {status} ")),
            "{line}"
        );
    }
}

#[test]
fn proxy_headers_come_before_everything() {
    let folder = Place::new();
    let options = ["--trusted-proxy=127.0.0.1", "--proxy-protocol", "--deny=203.0.113.0/24"];
    let mut server = Server::start(&folder.site(), &options);
    let unknown = "403 Forbidden\nThe proxy did not say what your address is.\n";
    let v2 = |command: u8, family: u8, rest: &[u8]| {
        let start = b"\r\n\r\n\0\r\nQUIT\n";
        [start, &[command, family, 0, rest.len() as u8][..], rest].concat()
    };
    let v4 = [198, 51, 100, 9, 192, 0, 2, 1, 1, 0, 0, 80];
    // (header, field lines, status, client)
    let rows: [(&[u8], &str, &str, &str); 16] = [
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\n", "", "200", "198.51.100.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "", "200", "2001:db8::7"),
        (&v2(0x21, 0x11, &v4), "", "200", "198.51.100.9"),
        (&v2(0x20, 0, &[]), "", "200", "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n", "", "403", "unknown"),
        (&v2(0x21, 0, &[]), "", "403", "unknown"),
        (&v2(0x21, 0x31, &[b'/'; 216]), "", "403", "unknown"),
        (b"PROXY TCP6 :: 2001:db8::1 1 2\r\n", "", "403", "unknown"),
        (b"PROXY TCP4 0.0.0.0 192.0.2.1 1 2\r\n", "", "403", "unknown"),
        (b"PROXY TCP4 203.0.113.1 192.0.2.1 4711 80\r\n", "", "403", "203.0.113.1"),
        // Neither a client behind the proxy nor an unknown one is believed what it says of others,
        (
            b"PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\n",
            "X-Forwarded-For: ::2\r\n",
            "200",
            "198.51.100.7",
        ),
        (b"PROXY UNKNOWN\r\n", "X-Forwarded-For: ::2\r\n", "403", "unknown"),
        // a proxy in front of the proxy is.
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "X-Forwarded-For: ::2\r\n", "200", "::2"),
        (
            b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
            "X-Forwarded-For: ::2, junk\r\n",
            "403",
            "unknown",
        ),
        // No header, and a broken one: no answer, and a line that says what came.
        (b"", "", "", "127.0.0.1"),
        (b"PROXY TCP4 198.51.100.07 192.0.2.1 1 2\r\n", "", "", "127.0.0.1"),
    ];
    for (header, fields, status, client) in rows {
        let name = header.escape_ascii().to_string();
        let (found, content) = server.get_behind(header, "/ip", fields);
        assert_eq!(found, status, "{name}");
        match status {
            "200" => assert_eq!(content, format!("Your IP address is {client}\n"), "{name}"),
            "403" if client == "unknown" => assert_eq!(content, unknown, "{name}"),
            "403" => {
                assert_eq!(
                    content,
                    "403 Forbidden\nYour address is not allowed to use this server.\n"
                )
            }
            _ => assert_eq!(content, "", "{name}"),
        }
        let line = server.log_line();
        let expected = match (status, header) {
            ("200" | "403", _) => format!("{client} - - \"GET /ip HTTP/1.1\" {status} "),
            (_, b"") => "127.0.0.1 - - \"GET /ip HTTP/1.1\" 400 -".to_owned(),
            _ => "127.0.0.1 - - \"PROXY TCP4 198.51.100.07 192.0.2.1 1 2\" 400 -".to_owned(),
        };
        assert!(line.starts_with(&expected), "{name}: {line}");
    }
    // Whoever is no trusted proxy needs no header, and cannot use one.
    let direct = server.answer("::1", b"GET /ip HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(direct.ends_with("\r\n\r\nYour IP address is ::1\n"), "{direct}");
    let spoofed = b"PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\nGET /ip HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(server.answer("::1", spoofed).starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

#[test]
fn a_proxy_header_may_come_in_pieces() {
    let folder = Place::new();
    let server = Server::start(&folder.site(), &["--trusted-proxy=127.0.0.1", "--proxy-protocol"]);
    let bytes = b"PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\nGET /ip HTTP/1.1\r\nHost: h\r\n\r\n";
    for cut in [1, 5, 6, 20, 38, 39, 40, bytes.len() - 1] {
        let mut stream = server.connect("127.0.0.1");
        stream.set_nodelay(true).unwrap();
        stream.write_all(&bytes[..cut]).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        stream.write_all(&bytes[cut..]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.ends_with("\r\n\r\nYour IP address is 198.51.100.7\n"),
            "cut at {cut}: {answer}"
        );
    }
}

/// Answers everything with 204.
const SERVED: Served<'static> = Served {
    answer: &|_, _| Response::new(Status::NoContent),
    refuse: &|reject| Response::new(reject.status),
};

const HEADER: &[u8] = b"PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\n";

#[test]
fn a_connection_behind_a_proxy_is_the_same_at_every_cut() {
    let bytes = [HEADER, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
    for cut in 0..bytes.len() {
        let mut client = Client::behind_proxy(&SERVED, &Limits::default());
        for part in [&bytes[..cut], &bytes[cut..]] {
            assert_eq!(client.step(), Step::Read, "cut at {cut}");
            client.receive(part);
        }
        assert_eq!(client.drive(), End::Idle, "cut at {cut}");
        assert!(client.output.starts_with(b"HTTP/1.1 204 "), "cut at {cut}");
        let source = Source::Client(IpAddr::from([198, 51, 100, 7]));
        assert_eq!(client.responder.source, Some(source));
    }
}

#[test]
fn a_proxy_header_is_owed_at_once() {
    let limits = Limits::default();
    let (head, idle) = (limits.head_milliseconds, limits.idle_milliseconds);
    // Not one byte puts the deadline off.
    let mut client = Client::behind_proxy(&SERVED, &limits);
    let start = client.responder.now.milliseconds;
    for byte in &HEADER[..20] {
        assert_eq!(client.connection.deadline_milliseconds(), start + head);
        assert_eq!(client.wait(100), None);
        assert_eq!(client.send(&[*byte]), End::Partial);
    }
    assert_eq!(client.wait(start + head - client.responder.now.milliseconds), Some(End::Closed));
    assert_eq!(client.responder.answered, [], "without a word");
    // With the header, the connection is as any other: idle, or in a head.
    for (bytes, end, expected) in
        [(HEADER.to_vec(), End::Idle, idle), ([HEADER, b"G"].concat(), End::Partial, head)]
    {
        let mut client = Client::behind_proxy(&SERVED, &limits);
        assert_eq!(client.wait(9), None);
        assert_eq!(client.send(&bytes), end);
        assert_eq!(client.connection.deadline_milliseconds(), start + 9 + expected);
    }
}

#[test]
fn a_proxy_header_that_is_broken_ends_the_connection() {
    let long = [b"GET /".as_slice(), &[b'x'; 5_000]].concat();
    // (what comes, whether the client is wanted, what is written down)
    let rows: [(&[u8], bool, Option<&[u8]>); 5] = [
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true, Some(b"GET / HTTP/1.1")),
        (b"PROXY TCP4 1 2 3 4\r\n", true, Some(b"PROXY TCP4 1 2 3 4")),
        (&long, true, Some(&long[..107])),
        (b"", true, None),
        // A client that has its share of connections already.
        (HEADER, false, None),
    ];
    for (bytes, is_wanted, expected) in rows {
        let mut client = Client::behind_proxy(&SERVED, &Limits::default());
        client.responder.wants_source = is_wanted;
        client.receive(bytes);
        assert_eq!(client.end(), End::Closed);
        assert_eq!(client.output, b"", "without an answer");
        let expected = expected.map(|line| Answered {
            record: [b"refused: ", line].concat(),
            status: Status::BadRequest,
            content_bytes: 0,
        });
        assert_eq!(client.responder.answered, Vec::from_iter(expected));
    }
}
