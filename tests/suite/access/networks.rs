//! Networks that may ask, and those that may not.

use super::{Place, Server};

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
