//! Who may ask, over real sockets: networks, proxies, users. The tables of each rule are beside
//! the code; here is what comes of them together.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::DEADLINE;
use crate::support::client::{Conversation, connect};
use crate::support::drive::{Client, End, Served};
use crate::support::folder::Folder;
use crate::support::server::{TestServer, command, finish, run};

use ipv6_httpd::http::connection::Step;
use ipv6_httpd::http::forwarded::Source;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::responder::Answered;
use ipv6_httpd::http::response::Response;
use ipv6_httpd::http::status::Status;

/// `openssl passwd -5 -salt saltstring 'Hello world!'`
const HASH: &str = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";

/// A folder with a site in it, and room beside that for what is not to be served.
struct Place(Folder);

impl Place {
    fn new() -> Place {
        Place(Folder::with(&[("site/a.txt", "hello\n")]))
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }

    fn site(&self) -> String {
        self.path("site")
    }
}

struct Server {
    running: TestServer,
    lines_read: usize,
}

impl Server {
    fn start(site: &str, options: &[&str]) -> Server {
        Server { running: TestServer::start(options, site), lines_read: 0 }
    }

    fn connect(&self, host: &str) -> TcpStream {
        connect((host, self.running.port))
    }

    /// Everything that is answered to these bytes, but for the Date.
    fn answer(&self, host: &str, request: &[u8]) -> String {
        let mut client = Conversation::over(self.connect(host));
        client.send(request);
        client.shut_down_writing();
        let answer = client.rest_or_reset();
        let answer = String::from_utf8(answer).unwrap();
        let lines = answer.split_inclusive('\n');
        lines.filter(|line| !line.starts_with("Date: ")).collect()
    }

    /// The status and the content.
    fn get(&self, path: &str, fields: &str) -> (String, String) {
        self.get_behind(b"", path, fields)
    }

    fn get_behind(&self, header: &[u8], path: &str, fields: &str) -> (String, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let answer = self.answer("127.0.0.1", &[header, request.as_bytes()].concat());
        let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.get(9..12).unwrap_or("").to_owned();
        (status, content.to_owned())
    }

    /// The next line of the log without its time. Lines of two connections come in any order,
    /// for each has its worker: read the one before you ask for the other.
    fn log_line(&mut self) -> String {
        self.lines_read += 1;
        let lines = self.running.log_of(self.lines_read);
        let (start, rest) = lines[self.lines_read - 1].split_once('[').unwrap();
        let (_, end) = rest.split_once("] ").unwrap();
        format!("{start}{end}")
    }
}

/// Runs the program until it ends by itself, as it must with options like these.
fn refused(site: &str, options: &[&str]) -> (Option<i32>, String) {
    let (status, _, errors) = run(&[&["--port", "0"], options, &[site]].concat());
    (status, errors)
}

#[test]
fn who_is_denied_gets_403_and_one_line() {
    let folder = Place::new();
    let mut server = Server::start(&folder.site(), &["--deny", "127.0.0.0/8"]);
    let request = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    // An IPv4 client of the socket for both families is an IPv4 client.
    let denied = "HTTP/1.1 403 Forbidden\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        X-Content-Type-Options: nosniff\r\n\
        Cache-Control: no-cache\r\n\
        Vary: Accept\r\n\
        Content-Length: 62\r\n\r\n\
        403 Forbidden\nYour address is not allowed to use this server.\n";
    assert_eq!(server.answer("127.0.0.1", request), denied);
    assert_eq!(server.log_line(), "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 403 62");
    assert!(server.answer("::1", request).starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(server.log_line(), "::1 - - \"GET /a.txt HTTP/1.1\" 200 6");
    // Nothing that a client writes about itself is believed.
    let fields = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n";
    assert_eq!(server.get("/a.txt", fields).0, "403");
    assert_eq!(server.log_line(), "127.0.0.1 - - \"GET /a.txt HTTP/1.1\" 403 62");
}

#[test]
fn whoever_is_allowed_comes_in_and_nobody_else() {
    let folder = Place::new();
    let rows: [(&[&str], &str, &str); 6] = [
        (&["--allow", "local"], "200", "200"),
        (&["--deny", "local"], "403", "403"),
        (&["--allow", "::1"], "403", "200"),
        (&["--allow=127.0.0.1/32", "--deny=0.0.0.0/0"], "200", "403"),
        (&["--allow=0.0.0.0/0", "--allow=::/0", "--deny=::1"], "200", "403"),
        (&["--allow", "240.0.0.0/4"], "403", "403"),
    ];
    for (options, v4, v6) in rows {
        let server = Server::start(&folder.site(), options);
        for (host, expected) in [("127.0.0.1", v4), ("::1", v6)] {
            let answer = server.answer(host, b"GET /ip HTTP/1.1\r\nHost: h\r\n\r\n");
            assert_eq!(answer.get(9..12), Some(expected), "{host} with {options:?}");
        }
    }
}

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

#[test]
fn users_log_in() {
    let folder = Place::new();
    let file = folder.write("users", &format!("ana:{HASH}\nbo b\u{e4}r:{HASH}\n"), 0o600);
    let mut server =
        Server::start(&folder.site(), &["--auth-file", &file, "--log=common", "--cors"]);
    let challenge = "HTTP/1.1 401 Unauthorized\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        X-Content-Type-Options: nosniff\r\n\
        Cache-Control: no-cache\r\n\
        Vary: Accept\r\n\
        Access-Control-Allow-Origin: *\r\n\
        Access-Control-Expose-Headers: *\r\n\
        WWW-Authenticate: Basic realm=\"ipv6-httpd\", charset=\"UTF-8\"\r\n\
        Content-Length: 57\r\n\r\n\
        401 Unauthorized\nLog in with a user name and a password.\n";
    let answer = server.answer("::1", b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(answer, challenge);
    assert_eq!(server.log_line(), "::1 - - \"GET /a.txt HTTP/1.1\" 401 57");
    let ana = "Authorization: Basic YW5hOkhlbGxvIHdvcmxkIQ==\r\n";
    let bo = "Authorization: Basic Ym8gYsOkcjpIZWxsbyB3b3JsZCE=\r\n";
    let wrong = "Authorization: Basic YW5hOkhlbGxvIHdvcmxkPw==\r\n";
    let nobody = "Authorization: Basic eDpIZWxsbyB3b3JsZCE=\r\n";
    // (target, field lines, status, user in the log)
    let rows = [
        ("/a.txt", ana, "200", "ana"),
        ("/a.txt", ana, "200", "ana"),
        ("/", ana, "200", "ana"),
        ("/ip", bo, "200", "bo\\x20b\\xc3\\xa4r"),
        ("/nothing", bo, "404", "bo\\x20b\\xc3\\xa4r"),
        ("/", "", "401", "-"),
        ("/ip", "", "401", "-"),
        ("/nothing", "", "401", "-"),
        ("/a.txt", wrong, "401", "-"),
        ("/a.txt", nobody, "401", "-"),
        ("/a.txt", "Authorization: Basic !\r\n", "401", "-"),
    ];
    for (target, fields, status, user) in rows {
        assert_eq!(server.get(target, fields).0, status, "{target} {fields}");
        let line = server.log_line();
        let expected = format!("127.0.0.1 - {user} \"GET {target} HTTP/1.1\" {status} ");
        assert!(line.starts_with(&expected), "{line}");
    }
    // A browser asks this without a password, and no browser could ask otherwise.
    let preflight = b"OPTIONS /a.txt HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\n\
        Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n\r\n";
    assert!(server.answer("127.0.0.1", preflight).starts_with("HTTP/1.1 204 "));
    let options = b"OPTIONS /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(server.answer("127.0.0.1", options).starts_with("HTTP/1.1 401 "));
}

#[test]
fn who_guesses_passwords_waits() {
    let folder = Place::new();
    let file = folder.write("users", &format!("ana:{HASH}\n"), 0o600);
    let options = ["--auth-file", &file, "--trusted-proxy=127.0.0.1"];
    let server = Server::start(&folder.site(), &options);
    let ana = "Authorization: Basic YW5hOkhlbGxvIHdvcmxkIQ==\r\n";
    let wrong = "Authorization: Basic YW5hOkhlbGxvIHdvcmxkPw==\r\n";
    let from = |client: &str, fields: &str| format!("X-Forwarded-For: {client}\r\n{fields}");
    // A machine that takes four seconds from the fifth to the sixth sees 401 again, never 200.
    for _ in 0..5 {
        assert_eq!(server.get("/", &from("2001:db8::1", wrong)).0, "401");
    }
    let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", from("2001:db8::2", wrong));
    let waiting = server.answer("127.0.0.1", request.as_bytes());
    if waiting.starts_with("HTTP/1.1 429 Too Many Requests\r\n") {
        assert!(waiting.contains("\r\nRetry-After: "), "{waiting}");
        assert!(
            waiting.ends_with("\nToo many passwords were wrong. Wait a little.\n"),
            "{waiting}"
        );
    } else {
        assert!(waiting.starts_with("HTTP/1.1 401 "), "{waiting}");
    }
    // Others do not wait: neither another network nor the proxy itself.
    assert_eq!(server.get("/a.txt", &from("2001:db8:0:1::1", ana)).0, "200");
    assert_eq!(server.get("/a.txt", ana).0, "200");
}

#[test]
fn what_openssl_makes_is_understood() {
    let Ok(made) = Command::new("openssl").args(["passwd", "-5", "p\u{e4}ss:word"]).output() else {
        crate::support::skip("openssl is not here");
        return;
    };
    let hash = String::from_utf8(made.stdout).unwrap();
    let folder = Place::new();
    let file = folder.write("users", &format!("ana:{hash}"), 0o400);
    let server = Server::start(&folder.site(), &["--auth-file", &file]);
    // printf 'ana:päss:word' | base64
    let ana = "Authorization: Basic YW5hOnDDpHNzOndvcmQ=\r\n";
    assert_eq!(server.get("/a.txt", ana), ("200".to_owned(), "hello\n".to_owned()));
}

#[test]
fn an_auth_file_that_is_wrong_is_refused_at_the_start() {
    let folder = Place::new();
    let line = format!("ana:{HASH}\n");
    let rows = [
        (
            folder.write("a", &line, 0o640),
            "is open to other users (mode 640): run 'chmod 600 FILE'",
        ),
        (
            folder.write("b", &line, 0o604),
            "is open to other users (mode 604): run 'chmod 600 FILE'",
        ),
        (
            folder.write("c", &line, 0o620),
            "is open to other users (mode 620): run 'chmod 600 FILE'",
        ),
        (
            folder.write("d", "\nana:secret\n", 0o600),
            "line 2: the hash must begin with $5$: make it with 'openssl passwd -5'",
        ),
        (folder.write("e", "", 0o600), "there is no line USER:HASH in it"),
        (
            folder.write("site/f", &line, 0o600),
            "is in the directory that is served: move it elsewhere",
        ),
        (
            folder.write("site/.g", &line, 0o600),
            "is in the directory that is served: move it elsewhere",
        ),
        (folder.path(""), "is not a file"),
        (folder.path("missing"), "No such file or directory (os error 2)"),
    ];
    for (file, expected) in rows {
        let (status, error) = refused(&folder.site(), &["--auth-file", &file]);
        let expected = expected.replace("FILE", &file);
        assert_eq!(status, Some(1), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.starts_with("ipv6-httpd: ") && error.contains(&file), "{error}");
        assert!(error.trim_end().ends_with(&expected), "{error}");
    }
}

#[test]
fn the_auth_file_is_read_again() {
    let folder = Place::new();
    let ana = "Authorization: Basic YW5hOkhlbGxvIHdvcmxkIQ==\r\n";
    let bo = "Authorization: Basic Ym8gYsOkcjpIZWxsbyB3b3JsZCE=\r\n";
    let (ana_line, bo_line) = (format!("ana:{HASH}\n"), format!("bo b\u{e4}r:{HASH}\n"));
    let file = folder.write("users", &ana_line, 0o600);
    let server = Server::start(&folder.site(), &["--auth-file", &file, "-w", "2"]);
    assert_eq!(server.get("/a.txt", ana).0, "200");
    // Asks again and again, with a password that was right before: wrong ones would have to wait.
    let wait_for = |server: &Server, fields: &str, status: &str| {
        let started = Instant::now();
        while server.get("/a.txt", fields).0 != status {
            assert!(started.elapsed() < DEADLINE, "it is not read again");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let replace = |text: &str, mode: u32| {
        folder.write("users.new", text, mode);
        fs::rename(folder.path("users.new"), &file).unwrap();
    };
    // Replaced, and nobody says so: a user is gone, another has come.
    replace(&bo_line, 0o600);
    wait_for(&server, ana, "401");
    assert_eq!(server.get("/a.txt", bo).0, "200");
    // Written in place.
    folder.write("users", &ana_line, 0o600);
    wait_for(&server, bo, "401");
    assert_eq!(server.get("/a.txt", ana).0, "200");
    // With a signal, and without a request: what is wrong is said, and the users stay.
    let mut errors = String::new();
    let kept = "; the users stay as they were\n";
    for (text, mode, error) in [
        ("ana\n", 0o600, format!("the auth file '{file}': line 1: it must be USER:HASH")),
        (
            bo_line.as_str(),
            0o640,
            format!(
                "the auth file '{file}' is open to other users (mode 640): run 'chmod 600 {file}'"
            ),
        ),
    ] {
        replace(text, mode);
        server.running.signal("HUP");
        errors += &format!("ipv6-httpd: {error}{kept}");
        server.running.err.wait_until(|text| text.len() >= errors.len());
        // And not again, however often it is looked at.
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(600));
            assert_eq!(server.get("/a.txt", ana).0, "200");
        }
        assert_eq!(server.running.err.text(), errors);
    }
    // Gone altogether, which nobody says but the next request.
    fs::remove_file(&file).unwrap();
    errors += &format!(
        "ipv6-httpd: cannot read the auth file '{file}': No such file or directory (os error 2){kept}"
    );
    let started = Instant::now();
    while server.running.err.text() != errors {
        assert!(started.elapsed() < DEADLINE, "{}", server.running.err.text());
        assert_eq!(server.get("/a.txt", ana).0, "200");
        std::thread::sleep(Duration::from_millis(20));
    }
    replace(&bo_line, 0o600);
    server.running.signal("HUP");
    wait_for(&server, ana, "401");
    assert_eq!(server.get("/a.txt", bo).0, "200");
    assert_eq!(server.running.err.text(), errors);
    server.running.signal("TERM");
    assert_eq!(server.running.wait().code(), Some(0));
}

#[test]
fn who_has_logged_in_is_not_locked_out_by_neighbours() {
    let folder = Place::new();
    let file = folder.write("users", &format!("ana:{HASH}\n"), 0o600);
    let options = ["--auth-file", &file, "--trusted-proxy=127.0.0.1"];
    let server = Server::start(&folder.site(), &options);
    let ana = "Authorization: Basic YW5hOkhlbGxvIHdvcmxkIQ==\r\n";
    let wrong = "Authorization: Basic YW5hOkhlbGxvIHdvcmxkPw==\r\n";
    let get = |client: &str, fields: &str| {
        let fields = format!("X-Forwarded-For: {client}\r\n{fields}");
        server.get("/a.txt", &fields).0
    };
    assert_eq!(get("2001:db8::1", ana), "200");
    for _ in 0..5 {
        assert_eq!(get("2001:db8::2", wrong), "401");
    }
    // Whether the neighbours have to wait by now or not, she need not.
    for _ in 0..3 {
        assert!(["401", "429"].contains(&get("2001:db8::2", wrong).as_str()));
        assert_eq!(get("2001:db8::1", ana), "200");
    }
    // On a link each address is for itself.
    for _ in 0..5 {
        assert_eq!(get("fe80::2", wrong), "401");
    }
    assert_eq!(get("fe80::1", ana), "200");
}

#[test]
fn check_says_who_may_ask() {
    let folder = Place::new();
    let file = folder.write("users", &format!("ana:{HASH}\nbo:{HASH}\n"), 0o600);
    let options = [
        "--check",
        "--port=0",
        "--allow=local",
        "--deny=192.0.2.0/24",
        "--trusted-proxy=::1",
        "--trusted-proxy=127.0.0.0/8",
        "--proxy-protocol",
        "--auth-file",
        &file,
        &folder.site(),
    ];
    let (_, text, _) = run(&options);
    let local = text.lines().find_map(|line| line.strip_prefix("Local now: "));
    let always = "127.0.0.0/8, ::1/128, fe80::/10";
    assert!(local.is_some_and(|local| local.starts_with(always)), "{text}");
    let lines: Vec<_> = text
        .lines()
        .filter(|line| ["Clients:", "Users:", "Proxies:"].iter().any(|name| line.starts_with(name)))
        .collect();
    let expected = [
        "Clients: none, but local, not 192.0.2.0/24",
        "Users: 2",
        "Proxies: ::1/128, 127.0.0.0/8, with a PROXY header",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn options_that_are_wrong_say_what_they_want() {
    let folder = Place::new();
    let rows: [(&[&str], &str); 8] = [
        (&["--allow"], "--allow wants a network, or local"),
        (
            &["--allow", "192.0.2.1/24"],
            "--allow wants a network, or local, not '192.0.2.1/24': \
             it has bits set after the prefix: did you mean 192.0.2.0/24?",
        ),
        (
            &["--deny", "::ffff:192.0.2.0/120"],
            "--deny wants a network, or local, not '::ffff:192.0.2.0/120': \
             IPv4 clients have IPv4 addresses: write 192.0.2.0/24",
        ),
        (
            &["--deny", "fe80::/10%nope0"],
            "--deny wants a network, or local, not 'fe80::/10%nope0': there is no interface 'nope0'",
        ),
        (
            &["--trusted-proxy", "local"],
            "--trusted-proxy wants a network, not 'local': 'local' is not an IPv6 or IPv4 address",
        ),
        (&["--auth-file"], "--auth-file wants the name of a file"),
        (
            &["--proxy-protocol"],
            "--proxy-protocol needs --trusted-proxy: any other client could claim any address",
        ),
        (
            &["--header", "WWW-Authenticate: Basic"],
            "--header cannot set WWW-Authenticate: use --auth-file",
        ),
    ];
    for (options, expected) in rows {
        // An option without its value must be the last word.
        let site = if options.len() == 1 && !expected.contains("needs") {
            None
        } else {
            Some(folder.site())
        };
        let mut command = command();
        command.args(options).args(site);
        let (status, _, error) = finish(command);
        assert_eq!(error, format!("ipv6-httpd: {expected}\n"));
        assert_eq!(status, Some(2), "{error}");
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
        assert_eq!(client.desk.source, Some(source));
    }
}

#[test]
fn a_proxy_header_is_owed_at_once() {
    let limits = Limits::default();
    let (head, idle) = (limits.head_milliseconds, limits.idle_milliseconds);
    // Not one byte puts the deadline off.
    let mut client = Client::behind_proxy(&SERVED, &limits);
    let start = client.desk.now.milliseconds;
    for byte in &HEADER[..20] {
        assert_eq!(client.connection.deadline_milliseconds(), start + head);
        assert_eq!(client.wait(100), None);
        assert_eq!(client.send(&[*byte]), End::Partial);
    }
    assert_eq!(client.wait(start + head - client.desk.now.milliseconds), Some(End::Closed));
    assert_eq!(client.desk.answered, [], "without a word");
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
        client.desk.wants_source = is_wanted;
        client.receive(bytes);
        assert_eq!(client.end(), End::Closed);
        assert_eq!(client.output, b"", "without an answer");
        let expected = expected.map(|line| Answered {
            record: [b"refused: ", line].concat(),
            status: Status::BadRequest,
            content_bytes: 0,
        });
        assert_eq!(client.desk.answered, Vec::from_iter(expected));
    }
}
