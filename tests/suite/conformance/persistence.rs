//! Content of requests, persistent connections, pipelining and expectations (RFC 9112 §6 to §9).

use crate::support::drive::{Client, End, NEXT, answer, bare, check, head, kept, last};

use ipv6_httpd::http::limits::Limits;

use super::{FIXED, MADE, TEXT, WORDS, check_fine, check_refused, ok, refused, small};

#[test]
fn request_content() {
    check_fine(&[
        ("9112 §6.2 Content-Length", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "/a"),
        ("9110 §9.3.1 content of GET", b"GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /", "/a"),
        ("9110 §8.6 a length of 0", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "/a"),
        ("9110 §8.6 zeros before it", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0005\r\n\r\nhello", "/a"),
        ("9112 §7.1 chunks", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "/a"),
        ("9112 §7.1 none but the last", b"POST /a HTTP/1.1\r\nHost: h\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n", "/a"),
        ("9112 §7.1.1 extensions, §7.1.2 trailers", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\nx\r\n0\r\nHost: g\r\nA:\r\n\r\n", "/a"),
        ("9110 §6.6.2 trailers that are announced", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: A, Host\r\n\r\n0\r\nA: b\r\n\r\n", "/a"),
        ("9112 §7.1.1 bad white space", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1 ; a = \"\\\"\" ;b\r\nx\r\n0\r\n\r\n", "/a"),
        ("9112 §6.1 empty elements", b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: , chunked ,\r\n\r\n0\r\n\r\n", "/a"),
    ]);
    let bad = "400 Bad Request";
    let both = "Both Transfer-Encoding and Content-Length are present.";
    let (number, several) =
        ("The Content-Length is not a number.", "There is more than one Content-Length.");
    let coding = "The last transfer coding is not chunked.";
    let only = "The only supported transfer coding is chunked.";
    let malformed = "The chunked content is malformed.";
    let frames = "A trailer must not be Content-Length or Transfer-Encoding.";
    check_refused(&[
        ("9112 §6.3 both, CL.TE", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, both),
        ("9112 §6.3 both, TE.CL", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", bad, both),
        ("9112 §6.3 both, and the coding unknown", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\nContent-Length: 5\r\n\r\nhello", bad, both),
        ("9112 §6.3 both, and the length 0", b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", bad, both),
        ("9112 §6.3 two different lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", bad, several),
        ("9112 §6.3 two equal lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", bad, several),
        ("9112 §6.3 a list of lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello", bad, number),
        ("9110 §8.6 no length", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", bad, number),
        ("9110 §8.6 a sign", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello", bad, number),
        ("9110 §8.6 a negative length", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", bad, number),
        ("9110 §8.6 hexadecimal", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello", bad, number),
        ("9110 §8.6 more than 64 bits", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\nhello", bad, number),
        ("9112 §6.1 chunked in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, "HTTP/1.0 has no Transfer-Encoding."),
        ("9112 §6.3 chunked is not the last", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", bad, coding),
        ("9112 §6.3 an unknown coding alone", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", bad, coding),
        ("9112 §6.3 identity is none any more", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", bad, coding),
        ("9112 §6.3 an empty field", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n", bad, coding),
        ("9112 §6.1 parameters of chunked", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;a\r\n\r\n0\r\n\r\n", bad, coding),
        ("9112 §6.1 chunked twice", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", bad, "\"chunked\" may be applied only once."),
        ("9112 §6.1 chunked twice, in two fields", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, "\"chunked\" may be applied only once."),
        ("9112 §6.1 a coding that is not known", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 Not Implemented", only),
        ("9112 §6.1 in two fields", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501 Not Implemented", only),
        ("9112 §7.1 a size that is none", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", bad, malformed),
        ("9112 §7.1 more than a chunk's size", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a bare LF", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 a bare CR in an extension", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;\rx\r\nx\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 words behind a size", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0 5\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 a quoted-string without end", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 an extension without a name", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.1 a control character", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;\x01\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1.2 a trailer without a colon", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx\r\n\r\n", bad, malformed),
        ("9112 §5.2 a trailer that goes on", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n X: y\r\n\r\n", bad, malformed),
        ("9112 §5.1 a space before a trailer's colon", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n", bad, malformed),
        ("9112 §7.1.2 a request in the trailers", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", bad, malformed),
        ("9112 §7.1.2 obs-fold in a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n z\r\n\r\n", bad, malformed),
        ("9110 §5.5 NUL in a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: \0\r\n\r\n", bad, malformed),
        ("9112 §2.2 a bare CR in a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\rb\r\n\r\n", bad, malformed),
        ("9112 §2.2 a bare LF behind a trailer", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\nGET / HTTP/1.1\r\n\r\n", bad, malformed),
        ("9110 §6.5.1 a length in the trailers", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n", bad, malformed),
        ("9110 §6.5.1 a coding in the trailers", b"HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\ntransfer-encoding: chunked\r\n\r\n", bad, malformed),
        ("9110 §6.6.2 a length announced", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: a, Content-length\r\n\r\n0\r\n\r\n", bad, frames),
        ("9112 §7.1 a space before CR LF", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a size that is empty", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 0x", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a sign", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9112 §7.1 a size that overflows", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", bad, malformed),
        ("9110 §9.3.2 malformed content of HEAD", b"HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", bad, malformed),
    ]);
}

/// Content is read to its end as long as that is cheap; else the answer comes at once, and closes.
#[test]
fn content_beyond_its_bound() {
    let fine = ok("/a");
    let rows: [(&str, &[u8], &[u8], End); 9] = [
        ("at the bound", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 16\r\n\r\n0123456789abcdef", &fine, End::Idle),
        ("beyond it", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 17\r\n\r\n0123456789abcdefg", &last(&fine), End::Lingers),
        ("beyond it, and nothing came", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 17\r\n\r\n", &last(&fine), End::Lingers),
        ("terabytes", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999\r\n\r\n", &last(&fine), End::Lingers),
        ("chunks at the bound", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n", &fine, End::Idle),
        ("chunks beyond it", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nabcdefg\r\n0\r\n\r\n", &last(&fine), End::Lingers),
        ("a chunk that never ends", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\nabcdefghijkl", &last(&fine), End::Lingers),
        ("a size of zeros that never ends", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000000000", &last(&fine), End::Lingers),
        ("what comes beyond it is not judged", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\nxx", &last(&fine), End::Lingers),
    ];
    for (rule, input, output, end) in rows {
        let rule = format!("9112 §9.3 content, {rule}");
        check(&FIXED, &small(), &rule, input, output, end);
    }
}

#[test]
fn persistence() {
    let fine = ok("/a");
    let rows: [(&str, &[u8], Vec<u8>, End); 16] = [
        ("9112 §9.3 1.1 persists", b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", fine.clone(), End::Idle),
        ("9112 §9.6 close", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 in any case", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 in a list", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: TE, close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 in a second field", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: TE\r\nConnection: close\r\n\r\n", last(&fine), End::Closed),
        ("9112 §9.3 close before keep-alive", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §7.6.1 a word that only begins so", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", fine.clone(), End::Idle),
        ("9112 §9.3 keep-alive in 1.1", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", fine.clone(), End::Idle),
        ("9110 §7.8 Upgrade is not followed", b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", fine.clone(), End::Idle),
        ("9112 §9.3 1.0 closes", b"GET /a HTTP/1.0\r\n\r\n", last(&fine), End::Closed),
        ("9112 §9.3 1.0 with a host", b"GET /a HTTP/1.0\r\nHost: h\r\n\r\n", last(&fine), End::Closed),
        ("9112 §C.2.2 1.0 with keep-alive", b"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", kept(&fine), End::Idle),
        ("9112 §C.2.2 1.0 with both", b"GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", last(&fine), End::Closed),
        ("9110 §9.3.2 HEAD in 1.0", b"HEAD /a HTTP/1.0\r\n\r\n", head(last(&fine)), End::Closed),
        ("9112 §9.3 1.0 with content", b"POST /a HTTP/1.0\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx", kept(&fine), End::Idle),
        ("9112 §9.3 close with content", b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", last(&fine), End::Closed),
    ];
    for (rule, input, output, end) in rows {
        check(&FIXED, &Limits::default(), rule, input, &output, end);
    }
}

#[test]
fn one_answer_after_the_other() {
    let a = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let not_found = answer("404 Not Found", TEXT, "nothing\n");
    let unsatisfied = answer("416 Range Not Satisfiable", "Content-Range: bytes */9\r\n", "");
    let range = answer(
        "206 Partial Content",
        "Content-Type: text/plain\r\nContent-Range: bytes 3-5/9\r\n",
        "345",
    );
    let not_modified = bare("304 Not Modified", "ETag: \"1\"\r\n");
    let made = answer("200 OK", "", MADE.concat());
    let post = "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nGET";
    let chunked =
        "POST /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let close = "GET /e HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let rows: [(&str, Vec<String>, Vec<Vec<u8>>, End); 12] = [
        ("GET and GET", vec![a.into(), get("/b")], vec![ok("/a"), ok("/b")], End::Idle),
        (
            "GET, HEAD, GET",
            vec![a.into(), a.replace("GET", "HEAD"), get("/b")],
            vec![ok("/a"), head(ok("/a")), ok("/b")],
            End::Idle,
        ),
        ("after 304", vec![get("/304"), a.into()], vec![not_modified, ok("/a")], End::Idle),
        (
            "after 204",
            vec![get("/204"), a.into()],
            vec![bare("204 No Content", ""), ok("/a")],
            End::Idle,
        ),
        ("after 404", vec![get("/404"), a.into()], vec![not_found, ok("/a")], End::Idle),
        ("after 416", vec![get("/416"), a.into()], vec![unsatisfied, ok("/a")], End::Idle),
        ("after a range", vec![get("/range"), a.into()], vec![range, ok("/a")], End::Idle),
        (
            "after nothing",
            vec![get("/empty"), a.into()],
            vec![answer("200 OK", "", ""), ok("/a")],
            End::Idle,
        ),
        (
            "after a body made in pieces",
            vec![a.into(), get("/made"), get("/made"), a.into()],
            vec![ok("/a"), made.clone(), made, ok("/a")],
            End::Idle,
        ),
        (
            "between content",
            vec![post.into(), a.into(), chunked.into(), post.into()],
            vec![ok("/c"), ok("/a"), ok("/d"), ok("/c")],
            End::Idle,
        ),
        ("up to close", vec![a.into(), close.into()], vec![ok("/a"), last(ok("/e"))], End::Closed),
        (
            "up to a refusal",
            vec![a.into(), "GET\r\n".into()],
            vec![ok("/a"), refused("400 Bad Request", WORDS)],
            End::Lingers,
        ),
    ];
    for (rule, input, output, end) in rows {
        let rule = format!("9112 §9.3.2 {rule}");
        let (input, output) = (input.concat(), output.concat());
        // In batches and one by one: what leaves is the same.
        for batch_bytes in [1, 150, 64 << 10] {
            let limits = Limits { batch_bytes, ..Limits::default() };
            check(&FIXED, &limits, &rule, input.as_bytes(), &output, end);
        }
    }
}

#[test]
fn a_pipelined_batch_leaves_in_one_write() {
    let mut client = Client::new(&FIXED, &Limits::default());
    client.receive(&NEXT.repeat(10));
    let chunk = client.chunk();
    assert_eq!(chunk.bytes, ok("/next").repeat(10));
    assert!(chunk.file.is_none());
}

#[test]
fn expectations() {
    let fine = ok("/a");
    let rows: [(&str, &[u8], Vec<u8>, End); 6] = [
        ("9110 §10.1.1 100-continue", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", last(&fine), End::Lingers),
        ("9110 §10.1.1 in any case, with chunks", b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n", last(&fine), End::Lingers),
        ("9110 §10.1.1 content that comes all the same", b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", last(&fine), End::Lingers),
        ("9110 §10.1.1 without content", b"GET /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", fine.clone(), End::Idle),
        ("9110 §10.1.1 ignored in 1.0", b"PUT /a HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", last(&fine), End::Closed),
        ("9110 §10.1.1 an unknown one ignored in 1.0", b"GET /a HTTP/1.0\r\nExpect: x\r\n\r\n", last(&fine), End::Closed),
    ];
    for (rule, input, output, end) in rows {
        check(&FIXED, &Limits::default(), rule, input, &output, end);
    }
    let (status, reason) =
        ("417 Expectation Failed", "The only supported expectation is 100-continue.");
    check_refused(&[
        (
            "9110 §15.5.18 another",
            b"GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n",
            status,
            reason,
        ),
        (
            "9110 §15.5.18 another beside it",
            b"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue, x=y\r\n\r\n",
            status,
            reason,
        ),
    ]);
}
