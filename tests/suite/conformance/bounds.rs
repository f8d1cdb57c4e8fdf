//! Bounds of bytes and of time: what ends a connection, and how.

use crate::support::drive::{
    Client, End, NEXT, check, check_answers, head, head_length, last, now, run, show,
};

use ipv6_httpd::http::connection::Step;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::responder::Answered;
use ipv6_httpd::http::status::{Reject, Status};

use super::{FIXED, half_sent, ok, refused, small};

/// Each bound exactly, and one byte or line beyond it.
#[test]
fn bounds_of_a_head() {
    let line = |bytes: usize| {
        let target = "x".repeat(bytes - "GET / HTTP/1.1\r\n".len());
        (format!("GET /{target} HTTP/1.1\r\nHost: h\r\n\r\n"), format!("/{target}"))
    };
    // With its last, empty line.
    let section = |bytes: usize| {
        let value = "x".repeat(bytes - "Host: h\r\nA: \r\n\r\n".len());
        format!("GET /a HTTP/1.1\r\nHost: h\r\nA: {value}\r\n\r\n")
    };
    let lines = |count: usize| {
        format!("GET /a HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(count - 1))
    };
    let long = refused("414 URI Too Long", "The request-line is too long.");
    let method = refused("501 Not Implemented", "The method is too long.");
    let large = refused("431 Request Header Fields Too Large", "The field section is too large.");
    let many = refused("431 Request Header Fields Too Large", "There are too many field lines.");
    let endless = |byte: &str| byte.repeat(90);
    let (fine, a) = (End::Idle, ok("/a"));
    let rows: [(&str, String, Vec<u8>, End); 10] = [
        ("9112 §3 a request-line at its bound", line(80).0, ok(&line(80).1), fine),
        ("9112 §3 a request-line beyond it", line(81).0, long.clone(), End::Lingers),
        (
            "9112 §3 a request-line without end",
            format!("GET /{}", endless("x")),
            long.clone(),
            End::Lingers,
        ),
        ("9112 §3 a method without end", endless("x"), method, End::Lingers),
        ("9112 §2.2 empty lines without end", endless("\r\n"), long, End::Lingers),
        ("9110 §5.4 a field section at its bound", section(64), a.clone(), fine),
        ("6585 §5 a field section beyond it", section(65), large.clone(), End::Lingers),
        (
            "6585 §5 a field line without end",
            format!("GET / HTTP/1.1\r\nA: {}", endless("x")),
            large,
            End::Lingers,
        ),
        ("9110 §5.4 field lines at their bound", lines(4), a, fine),
        ("6585 §5 field lines beyond it", lines(5), many, End::Lingers),
    ];
    for (rule, input, output, end) in rows {
        check(&FIXED, &small(), rule, input.as_bytes(), &output, end);
    }
}

/// The bounds that the server runs with are those that it promises.
#[test]
fn default_bounds() {
    let limits = Limits::default();
    let line =
        |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(bytes - 16));
    let section = |bytes: usize| {
        format!("GET /a HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "x".repeat(bytes - 16))
    };
    let lines = |count: usize| {
        format!("GET /a HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(count - 1))
    };
    for (input, status) in [
        (line(8 << 10), "200"),
        (line((8 << 10) + 1), "414"),
        (section(32 << 10), "200"),
        (section((32 << 10) + 1), "431"),
        (lines(100), "200"),
        (lines(101), "431"),
    ] {
        let input = input.as_bytes();
        let whole = run(&FIXED, &limits, &[input], usize::MAX);
        assert_eq!(show(&whole.output)[9..12], *status);
        for cut in (1..input.len()).step_by(509) {
            let (first, second) = input.split_at(cut);
            let found = run(&FIXED, &limits, &[first, second], usize::MAX);
            assert_eq!(found.output, whole.output);
            assert!(found.held_bytes < 128 << 10, "{}", found.held_bytes);
        }
    }
}

/// The server closes those first that have been idle for longest.
#[test]
fn idle_connections_know_since_when() {
    let limits = Limits::default();
    let mut client = Client::new(&FIXED, &limits);
    let start = now().milliseconds;
    // From its beginning, and then from when its last answer had left, whatever came in between.
    assert_eq!(client.connection.idle_since_milliseconds(&limits), start);
    assert_eq!(client.wait(5_000), None);
    client.send(b"GET / HT");
    assert!(!client.connection.is_idle());
    assert_eq!(client.wait(2_000), None);
    client.send(b"TP/1.1\r\nHost: h\r\n\r\n");
    assert!(client.connection.is_idle());
    assert_eq!(client.wait(1_000), None);
    assert_eq!(client.connection.idle_since_milliseconds(&limits), start + 7_000);
}

#[test]
fn heads_that_take_too_long() {
    let timeout = refused("408 Request Timeout", "The request took too long.");
    let rows: [(&str, &[u8]); 5] = [
        ("9110 §15.5.9 half a request-line", b"GET / HT"),
        ("9110 §15.5.9 half a field section", b"GET / HTTP/1.1\r\nHost: h\r\n"),
        (
            "9110 §15.5.9 half the content",
            b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel",
        ),
        (
            "9110 §15.5.9 half the chunks",
            b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        ),
        ("9110 §15.5.9 behind an empty line", b"\r\nGET / HT"),
    ];
    for (rule, input) in rows {
        for before in [&b""[..], NEXT] {
            let mut client = Client::new(&FIXED, &Limits::default());
            assert_eq!(client.send(&[before, input].concat()), End::Partial, "{rule}");
            let earlier = client.output.len();
            assert_eq!(client.wait(9_999), None, "{rule}");
            assert_eq!(client.wait(1), Some(End::Lingers), "{rule}");
            assert_eq!(show(&client.output[earlier..]), show(&timeout), "{rule}");
            check_answers(rule, &client.output, &client.responder.answered);
        }
    }
    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(b"HEAD / HTTP/1.1\r\nHost");
    assert_eq!(client.wait(10_000), Some(End::Lingers));
    assert_eq!(client.output, head(&timeout), "9110 §9.3.2 no content for HEAD");

    // The time runs from the first byte: one byte after the other does not put it off.
    let mut client = Client::new(&FIXED, &Limits::default());
    for byte in b"GET / HTT".chunks(1) {
        assert_eq!(client.send(byte), End::Partial);
        assert_eq!(client.wait(1_100), None);
    }
    assert_eq!(client.wait(100), Some(End::Lingers));

    // A head that came behind another gets its own time, from when the answer had left.
    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(b"GET /a HTTP/1.1\r\n");
    client.wait(9_000);
    client.send(b"Host: h\r\n\r\nGET");
    assert_eq!(client.wait(9_999), None);
    assert_eq!(client.wait(1), Some(End::Lingers));
}

/// RFC 9112 §9.5: nobody is told when nothing was asked.
#[test]
fn idle_connections_end_without_a_word() {
    let mut client = Client::new(&FIXED, &Limits::default());
    assert_eq!(client.drive(), End::Idle);
    assert_eq!(client.wait(59_999), None);
    assert_eq!(client.wait(1), Some(End::Closed));
    assert_eq!(show(&client.output), "");

    let mut client = Client::new(&FIXED, &Limits::default());
    client.wait(50_000);
    assert_eq!(client.send(NEXT), End::Idle);
    assert_eq!(client.wait(59_999), None);
    assert_eq!(client.wait(1), Some(End::Closed));
    assert_eq!(client.output, ok("/next"));

    // An empty line is no request, so no 408, which a client would take for its next answer.
    let mut client = Client::new(&FIXED, &Limits::default());
    assert_eq!(client.send(&[NEXT, b"\r\n"].concat()), End::Partial);
    assert_eq!(client.wait(10_000), Some(End::Closed));
    assert_eq!(client.output, ok("/next"));
    assert_eq!(client.responder.answered.len(), 1);
}

const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn clients_that_do_not_read() {
    // Nothing is taken: 30 s.
    let mut client = half_sent(LARGE, 1_000);
    assert!(
        client.connection.deadline_milliseconds() == client.responder.now.milliseconds + 30_000
    );
    client.responder.now.set(31_000, client.responder.now.date);
    client.connection.expired(&mut client.responder);
    assert_eq!(client.drive(), End::Closed);
    let head = head_length(&ok(&"x".repeat(100_000))) as u64;
    let aborted = Answered {
        record: b"GET /large HTTP/1.1".to_vec(),
        status: Status::Ok,
        content_bytes: 1_000 - head,
    };
    assert_eq!(client.responder.answered, [aborted]);

    // A few bytes now and then are no progress; 4 KiB are.
    let mut client = half_sent(LARGE, 1_000);
    for _ in 0..30 {
        client
            .responder
            .now
            .set(client.responder.now.milliseconds + 900, client.responder.now.date);
        client.sent(100);
    }
    assert_eq!(client.connection.deadline_milliseconds(), 31_000);
    client.sent(96);
    assert_eq!(
        client.connection.deadline_milliseconds(),
        client.responder.now.milliseconds + 30_000
    );
}

#[test]
fn lingering() {
    // RFC 9112 §9.6: the client can read the answer, for so long, and send so much.
    let mut client = Client::new(&FIXED, &small());
    assert_eq!(client.send(b"GET\r\n"), End::Lingers);
    assert_eq!(client.wait(9_999), None);
    assert_eq!(client.wait(1), Some(End::Closed));

    let mut client = Client::new(&FIXED, &small());
    assert_eq!(client.send(b"GET\r\n"), End::Lingers);
    assert_eq!(client.send(&[b'x'; 99]), End::Lingers);
    assert_eq!(client.send(b"x"), End::Closed);
    assert_eq!(client.connection.held_bytes(), 0);

    let mut client = Client::new(&FIXED, &small());
    assert_eq!(client.send(b"GET\r\n"), End::Lingers);
    assert_eq!(client.end(), End::Closed);
}

#[test]
fn draining() {
    // Idle: at once. Half a head: it is answered, as the last.
    let mut client = Client::new(&FIXED, &Limits::default());
    client.drive();
    assert_eq!(client.drain(), End::Closed);

    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(&NEXT[..9]);
    assert_eq!(client.drain(), End::Partial);
    assert_eq!(client.send(&NEXT[9..]), End::Closed);
    assert_eq!(client.output, last(ok("/next")));

    let mut client = Client::new(&FIXED, &Limits::default());
    client.send(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    assert_eq!(client.drain(), End::Partial);
    assert_eq!(client.send(b"llo"), End::Closed);
    assert_eq!(client.output, last(ok("/a")));

    // What is being sent is sent to its end; of two requests that wait, the first is answered.
    let mut client = half_sent(&[LARGE, NEXT, NEXT].concat(), 1_000);
    assert_eq!(client.drain(), End::Lingers);
    let large = ok(&"x".repeat(100_000));
    assert_eq!(client.output, [&large[..], &last(ok("/next"))].concat());
}

/// What a client owes when the server is told to stop is waited for a second, and no longer: half
/// a head, half of its content, the end of what it sends after the last answer.
#[test]
fn draining_gives_up_what_is_not_complete() {
    let limits = Limits::default();
    let content = b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe";
    let refused: &[u8] = b"GET /a HTTP/1.1\r\n\r\n";
    for (what, input, waits) in [
        ("half a head", &NEXT[..9], End::Partial),
        ("an empty line", b"\r\n", End::Partial),
        ("half of the content", content, End::Partial),
        ("a last answer that is read", refused, End::Lingers),
    ] {
        let mut client = Client::new(&FIXED, &limits);
        client.send(input);
        let answered = client.output.len();
        assert_eq!(client.drain(), waits, "{what}");
        assert_eq!(client.wait(limits.drain_milliseconds - 1), None, "{what}");
        assert_eq!(client.wait(1), Some(End::Closed), "{what}");
        // Nobody is told 408: the request was fine, as far as it had come.
        assert_eq!(client.output.len(), answered, "{what}");
    }
    // What comes after the signal gets no more time than what came before.
    let mut client = half_sent(&[LARGE, &NEXT[..9]].concat(), 1_000);
    assert_eq!(client.drain(), End::Partial);
    assert_eq!(client.wait(limits.drain_milliseconds), Some(End::Closed));
}

/// An answer that comes later comes in its order. One that does not come is 503, and what comes for
/// it then is dropped.
#[test]
fn answers_that_take_their_time() {
    let mut client = Client::new(&FIXED, &Limits::default());
    client.responder.answers_later = true;
    client.receive(&NEXT.repeat(2));
    assert_eq!(client.step(), Step::Await);
    // Not read meanwhile, and not forgotten: the answer comes after 29 s, the next one then.
    client.responder.now.set(29_999, client.responder.now.date);
    assert!(client.connection.deadline_milliseconds() > 29_999);
    assert_eq!(client.drive(), End::Idle);
    assert_eq!(client.output, ok("/next").repeat(2));

    let mut client = Client::new(&FIXED, &Limits::default());
    client.responder.answers_later = true;
    client.receive(&NEXT.repeat(2));
    assert_eq!(client.step(), Step::Await);
    let late = client.responder.pending.take().expect("an answer");
    assert_eq!(client.wait(29_000), None);
    assert_eq!(client.wait(1_000), Some(End::Lingers));
    let busy = Reject::busy();
    assert_eq!(client.output, refused("503 Service Unavailable", busy.reason));
    client.connection.answer(late, &mut client.responder);
    assert_eq!(client.drive(), End::Lingers);
    assert_eq!(client.responder.answered.len(), 1, "one record, of the 503");
}

/// A server that stops waits for the answer, and it is the last.
#[test]
fn a_server_that_stops_waits_for_an_answer() {
    let mut client = Client::new(&FIXED, &Limits::default());
    client.responder.answers_later = true;
    client.receive(&NEXT.repeat(2));
    assert_eq!(client.step(), Step::Await);
    client.connection.drain(&client.responder);
    let then = client.responder.now.milliseconds + 5_000;
    assert!(client.connection.deadline_milliseconds() > then);
    assert_eq!(client.drive(), End::Lingers);
    assert_eq!(client.output, last(ok("/next")));
}
