//! Users and their passwords.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::DEADLINE;
use crate::support::server::run;

use super::{HASH, Place, Server};

/// Runs the program until it ends by itself, as it must with options like these.
fn refused(site: &str, options: &[&str]) -> (Option<i32>, String) {
    let (status, _, errors) = run(&[&["--port", "0"], options, &[site]].concat());
    (status, errors)
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
