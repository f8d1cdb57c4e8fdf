//! The request-line, its target, Host and the field lines (RFC 9112 §2 to §5, RFC 9110 §7.2).

use crate::support::drive::{End, answer, check, last};

use ipv6_httpd::http::limits::Limits;

use super::{FIXED, TEXT, WORDS, check_fine, check_refused};

const CRLF: &str = "A line must end in CR LF.";

const VERSION: &str = "The version is not HTTP/1.1 or HTTP/1.0.";

const SPEAKS: &str = "This server speaks HTTP/1.1.";

const CHARACTER: &str = "The target contains a character that is not allowed.";

#[test]
fn request_lines() {
    check_fine(&[
        ("9112 §3 a request", b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9112 §2.2 an empty line before", b"\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9112 §2.2 two of them", b"\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9110 §2.5 a later minor version", b"GET /a HTTP/1.9\r\nHost: h\r\n\r\n", "/a"),
        ("9110 §9.1 a method is a token", b"M-SEARCH /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
    ]);
    let bad = "400 Bad Request";
    check_refused(&[
        ("9112 §3 no words", b" \r\n", bad, WORDS),
        ("9112 §3 one word", b"GET\r\n", bad, WORDS),
        ("9112 §3 two words: HTTP/0.9", b"GET /\r\n", bad, WORDS),
        ("9112 §3 four words", b"GET / b HTTP/1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §3 two spaces", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §3 a tab", b"GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", bad, WORDS),
        (
            "9112 §3 a space before",
            b" GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "The method is not a token.",
        ),
        ("9112 §3 a space behind", b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", bad, VERSION),
        (
            "9112 §3 no method",
            b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "The method is not a token.",
        ),
        ("9112 §2.2 a bare LF", b"GET / HTTP/1.1\nHost: h\r\n\r\n", bad, CRLF),
        ("9112 §2.2 an empty line of a bare LF", b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", bad, CRLF),
        ("9112 §2.2 a bare CR", b"GET /\r HTTP/1.1\r\nHost: h\r\n\r\n", bad, CHARACTER),
        ("9112 §2.2 a bare CR at the end", b"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", bad, VERSION),
        (
            "9112 §2.2 a bare CR before",
            b"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "The method is not a token.",
        ),
        ("9112 §3.2 NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", bad, CHARACTER),
        ("9112 §2.3 case", b"GET / http/1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 two digits", b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 one digit", b"GET / HTTP/1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 no digit", b"GET / HTTP/1.x\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 a sign", b"GET / HTTP/+1.1\r\nHost: h\r\n\r\n", bad, VERSION),
        ("9112 §2.3 another protocol", b"OPTIONS sip:a SIP/2.0\r\n\r\n", bad, VERSION),
        (
            "9110 §15.6.6 HTTP/2.0",
            b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
        (
            "9110 §15.6.6 HTTP/0.9",
            b"GET / HTTP/0.9\r\nHost: h\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
        (
            "9113 §3.4 the preface of HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
        ("8446 a TLS client", b"\x16\x03\x01\x02\x00\x01\n", bad, CRLF),
        (
            "9110 §9.3.2 HEAD gets no content",
            b"HEAD / HTTP/1.1\r\n\r\n",
            bad,
            "The Host field is missing.",
        ),
        (
            "9110 §9.3.2 even when its version is unknown",
            b"HEAD / HTTP/3.0\r\n\r\n",
            "505 HTTP Version Not Supported",
            SPEAKS,
        ),
    ]);
}

#[test]
fn targets() {
    check_fine(&[
        ("9112 §3.2.1 origin-form", b"GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n", "/a?b"),
        ("9112 §3.2.1 an empty query", b"GET /a? HTTP/1.1\r\nHost: h\r\n\r\n", "/a?"),
        ("9112 §3.2.1 two question marks", b"GET /a?b?c HTTP/1.1\r\nHost: h\r\n\r\n", "/a?b?c"),
        (
            "9112 §3.2.1 two slashes are no authority",
            b"GET //x/a HTTP/1.1\r\nHost: h\r\n\r\n",
            "//x/a",
        ),
        ("9112 §3.2.2 absolute-form", b"GET http://x/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "/a?b"),
        ("9112 §3.2.2 an empty path", b"GET http://x HTTP/1.1\r\nHost: h\r\n\r\n", "/"),
        (
            "9112 §3.2.2 an empty path with a query",
            b"GET http://x?q HTTP/1.1\r\nHost: h\r\n\r\n",
            "/?q",
        ),
        (
            "9112 §3.2.2 a scheme of any case",
            b"GET HTTPS://x:1/a HTTP/1.1\r\nHost: h\r\n\r\n",
            "/a",
        ),
        ("9844 §6 a zone", b"GET http://[fe80::1%25eth0]:8080/a HTTP/1.1\r\nHost: h\r\n\r\n", "/a"),
        ("9112 §3.2.4 asterisk-form", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "the asterisk"),
        (
            "bytes beyond ASCII, as a user typed them",
            b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n",
            "/\u{e9}",
        ),
    ]);
    let authority = last(answer("405 Method Not Allowed", TEXT, "an authority"));
    for (rule, input) in [
        (
            "9112 §3.2.3 authority-form",
            &b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"[..],
        ),
        (
            "9110 §9.3.6 what follows belongs in the tunnel",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        (
            "9110 §9.3.6 with content",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nContent-Length: 1\r\n\r\nx",
        ),
        (
            "9110 §9.3.6 it has no content, and none is waited for",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nContent-Length: 1\r\n\r\n",
        ),
        (
            "9110 §9.3.6 what follows is no chunk either",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ),
        (
            "9110 §9.3.6 no 100 is waited for",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nExpect: 100-continue\r\n\r\nx",
        ),
        (
            "9110 §9.3.6 HTTP/1.0",
            b"CONNECT h:80 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /a HTTP/1.0\r\n\r\n",
        ),
        (
            "9112 §9.6 the client closes, too",
            b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n\r\n\x16\x03\x01",
        ),
    ] {
        check(&FIXED, &Limits::default(), rule, input, &authority, End::Lingers);
    }
    // RFC 9110 §7.8: an Upgrade is ignored. What follows is the next request, whatever the client
    // takes it for. RFC 9931 asks for the end of the connection after CONNECT alone, and says that
    // it is inappropriate after a rejected Upgrade: no protocol with a token of its own begins with
    // what could be a request. A frame of WebSocket has a first byte that no method has, and so has
    // a record of TLS; HTTP/2 has a preface.
    let ignored = answer("200 OK", TEXT, "/a");
    for (rule, behind, reject) in [
        (
            "9110 §7.8 a frame",
            &b"\x81\x85abcd\r\n"[..],
            "A request-line is a method, a target and a version.",
        ),
        (
            "9931 §6.1 a TLS client",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
            "A request-line is a method, a target and a version.",
        ),
        (
            "9113 §3.4 a preface",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "This server speaks HTTP/1.1.",
        ),
    ] {
        let head = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
        let status = if behind.starts_with(b"PRI") {
            "505 HTTP Version Not Supported"
        } else {
            "400 Bad Request"
        };
        let refused = last(answer(status, TEXT, reject));
        check(
            &FIXED,
            &Limits::default(),
            rule,
            &[&head[..], behind].concat(),
            &[&ignored[..], &refused].concat(),
            End::Lingers,
        );
    }
    let (bad, neither) = ("400 Bad Request", "The target is neither a path nor a URI.");
    let host = "The authority of the target is not a host.";
    let tunnel = "The target of CONNECT is a host and a port.";
    check_refused(&[
        ("9112 §3.2.3 for CONNECT alone", b"GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", bad, neither),
        ("9112 §3.2.3 not for POST either", b"POST h:80 HTTP/1.1\r\nHost: h\r\n\r\n", bad, neither),
        ("9112 §3.2.3 with its port", b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", bad, tunnel),
        ("9112 §3.2.3 CONNECT to a path", b"CONNECT /a HTTP/1.1\r\nHost: h\r\n\r\n", bad, tunnel),
        (
            "9112 §3.2.4 for OPTIONS alone",
            b"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            "Only OPTIONS may have the target *.",
        ),
        ("9112 §3.2.1 a relative path", b"GET a HTTP/1.1\r\nHost: h\r\n\r\n", bad, neither),
        ("9112 §3.2 a fragment", b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", bad, CHARACTER),
        ("9112 §3.2.2 no host", b"GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n", bad, host),
        (
            "9110 §4.2.4 user information",
            b"GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            host,
        ),
        (
            "9112 §3.2.2 an unknown scheme",
            b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            bad,
            neither,
        ),
        ("3986 §3.2.2 an open bracket", b"GET http://[::1/ HTTP/1.1\r\nHost: h\r\n\r\n", bad, host),
    ]);
}

#[test]
fn hosts() {
    check_fine(&[
        ("9112 §3.2 a host", b"GET /a HTTP/1.1\r\nHost: raspberrypi.local:8080\r\n\r\n", "/a"),
        ("9110 §7.2 an empty one", b"GET /a HTTP/1.1\r\nHost:\r\n\r\n", "/a"),
        ("9110 §5.6.3 white space around it", b"GET /a HTTP/1.1\r\nHost: \t h \t\r\n\r\n", "/a"),
        ("9110 §5.1 a name of any case", b"GET /a HTTP/1.1\r\nhOST:h\r\n\r\n", "/a"),
        ("3986 §3.2.2 an IPv6 literal", b"GET /a HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "/a"),
        ("9844 §6 a zone, as it is", b"GET /a HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", "/a"),
        ("6874 a zone, encoded", b"GET /a HTTP/1.1\r\nHost: [fe80::1%25eth0]:8080\r\n\r\n", "/a"),
        (
            "9112 §3.2.2 absolute-form wins over it",
            b"GET http://x/a HTTP/1.1\r\nHost: y\r\n\r\n",
            "/a",
        ),
    ]);
    let bad = "400 Bad Request";
    let (missing, wrong) = ("The Host field is missing.", "The Host field is not a host.");
    check_refused(&[
        ("9112 §3.2 none", b"GET / HTTP/1.1\r\n\r\n", bad, missing),
        ("9112 §3.2 none, with absolute-form", b"GET http://h/ HTTP/1.1\r\n\r\n", bad, missing),
        (
            "9112 §3.2 none, and its name elsewhere",
            b"GET / HTTP/1.1\r\nA: Host: h\r\n\r\n",
            bad,
            missing,
        ),
        (
            "9112 §3.2 none, and its name within another",
            b"GET / HTTP/1.1\r\nX-Host: h\r\n\r\n",
            bad,
            missing,
        ),
        (
            "9112 §3.2 two",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            bad,
            "There is more than one Host field.",
        ),
        (
            "9112 §3.2 two equal ones",
            b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
            bad,
            "There is more than one Host field.",
        ),
        (
            "9112 §3.2 two in HTTP/1.0",
            b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
            bad,
            "There is more than one Host field.",
        ),
        ("9112 §3.2 a list", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", bad, wrong),
        ("9110 §7.2 a path", b"GET / HTTP/1.1\r\nHost: h/\r\n\r\n", bad, wrong),
        ("9110 §7.2 user information", b"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", bad, wrong),
        ("9110 §7.2 a port that is none", b"GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", bad, wrong),
        ("9110 §7.2 no brackets", b"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", bad, wrong),
        ("9110 §7.2 an open bracket", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", bad, wrong),
    ]);
}

#[test]
fn field_lines() {
    check_fine(&[
        ("9110 §5.5 an empty value", b"GET /a HTTP/1.1\r\nHost: h\r\nA:\r\n\r\n", "/a"),
        ("9110 §5.5 a tab in a value", b"GET /a HTTP/1.1\r\nHost: h\r\nA: b\tc\r\n\r\n", "/a"),
        ("9110 §5.5 obs-text", b"GET /a HTTP/1.1\r\nHost: h\r\nA: \x80\xff\r\n\r\n", "/a"),
        (
            "9110 §5.1 any token is a name",
            b"GET /a HTTP/1.1\r\nHost: h\r\n!#$%&'*+-.^_`|~9: x\r\n\r\n",
            "/a",
        ),
        ("9110 §5.5 colons in a value", b"GET /a HTTP/1.1\r\nHost: h\r\nA::b:c\r\n\r\n", "/a"),
    ]);
    let bad = "400 Bad Request";
    let (token, control) =
        ("A field name is not a token.", "A field value contains a control character.");
    let space = "A field line must not begin with white space.";
    check_refused(&[
        ("9112 §5.1 a space before the colon", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", bad, token),
        // With the bit that makes letters small, CR is a hyphen.
        (
            "9110 §5.1 CR for the hyphen of a length",
            b"GET / HTTP/1.1\r\nHost: h\r\nContent\rLength: 5\r\n\r\nGET /",
            bad,
            token,
        ),
        (
            "9110 §5.1 CR for the hyphen of a coding",
            b"GET / HTTP/1.1\r\nHost: h\r\nTransfer\rEncoding: chunked\r\n\r\n0\r\n\r\n",
            bad,
            token,
        ),
        ("9110 §5.1 a bit less", b"GET / HTTP/1.1\r\nHost: h\r\nIf\rMatch: *\r\n\r\n", bad, token),
        (
            "9112 §5.1 a tab before the colon",
            b"GET / HTTP/1.1\r\nHost: h\r\nA\t: b\r\n\r\n",
            bad,
            token,
        ),
        ("9112 §5.1 no name", b"GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", bad, token),
        (
            "9112 §5.1 no colon",
            b"GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n",
            bad,
            "A field line has no colon.",
        ),
        (
            "9110 §5.1 a name beyond ASCII",
            b"GET / HTTP/1.1\r\nHost: h\r\n\xe9: b\r\n\r\n",
            bad,
            token,
        ),
        ("9112 §5.2 obs-fold", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", bad, space),
        (
            "9112 §5.2 obs-fold with a tab",
            b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n",
            bad,
            space,
        ),
        (
            "9112 §2.2 a space before the first field",
            b"GET / HTTP/1.1\r\n Host: h\r\n\r\n",
            bad,
            space,
        ),
        ("9110 §5.5 NUL in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", bad, control),
        ("9110 §5.5 DEL in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: \x7f\r\n\r\n", bad, control),
        (
            "9110 §5.5 a vertical tab in a value",
            b"GET / HTTP/1.1\r\nHost: h\r\nA: \x0bb\r\n\r\n",
            bad,
            control,
        ),
        (
            "9112 §2.2 a bare CR in a value",
            b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rB: c\r\n\r\n",
            bad,
            control,
        ),
        (
            "9112 §2.2 a bare LF behind a field",
            b"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n",
            bad,
            CRLF,
        ),
        (
            "9112 §2.2 a bare LF behind the fields",
            b"GET / HTTP/1.1\r\nHost: h\r\n\nGET / HTTP/1.1\r\n",
            bad,
            CRLF,
        ),
        (
            "9112 §2.2 a bare CR before the end",
            b"GET / HTTP/1.1\r\nHost: h\r\n\r\r\n\r\n",
            bad,
            "A field line has no colon.",
        ),
    ]);
}
