//! Drives a `Connection` as a worker does, but without a socket or a clock, and reads what comes
//! out of it with a reader that shares no line with the server's own code.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use ipv6_httpd::http::buffers::Buffers;
use ipv6_httpd::http::connection::{Connection, Step};
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::forwarded::Source;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::outgoing::Chunk;
use ipv6_httpd::http::request::Request;
use ipv6_httpd::http::responder::{self, Answered, Reply, Responder, Unreadable};
use ipv6_httpd::http::response::{Body, Reading, Response};
use ipv6_httpd::http::status::Reject;

/// The moment of every test, as a number and as it stands in every answer.
pub const NOW: HttpDate = HttpDate(1_795_435_200);
pub const DATE: &str = "Mon, 23 Nov 2026 12:00:00 GMT";

pub fn now() -> Now {
    Now::new(1_000, NOW)
}

/// What answers: a site of whatever kind, and the records of what was sent.
pub struct TestResponder<'s> {
    pub answer: &'s dyn Fn(&Request<'_>, &Now) -> Response,
    pub refuse: &'s dyn Fn(&Reject) -> Response,
    /// The answer where a file is unreadable; is told whether that is for the first time.
    pub again: Option<&'s dyn Fn(&Request<'_>, bool) -> Response>,
    pub answered: Vec<Answered<Vec<u8>>>,
    /// For whom a proxy has spoken.
    pub source: Option<Source>,
    /// Whether that client may come in.
    pub wants_source: bool,
    pub limits: Limits,
    pub now: Now,
    /// Every answer comes when the connection waits for it.
    pub answers_later: bool,
    pub pending: Option<responder::Answer<Vec<u8>>>,
    /// A part of a file that it waits for.
    pub part: Option<(Arc<File>, Range<u64>)>,
    buffers: Buffers,
}

fn recorded(response: Response, record: Vec<u8>) -> responder::Answer<Vec<u8>> {
    responder::Answer { response, record: Some(record) }
}

impl Responder for TestResponder<'_> {
    type Record = Vec<u8>;
    type ReadError = ();

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn now(&self) -> &Now {
        &self.now
    }

    fn buffers(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    fn respond(&mut self, request: &Request<'_>) -> Reply<Vec<u8>> {
        let mut answer = recorded((self.answer)(request, &self.now), request.line.to_vec());
        if !self.answers_later {
            return Reply::Ready(answer);
        }
        let body = std::mem::replace(&mut answer.response.body, Body::empty());
        answer.response.body = body.read_as(Reading::Fetched);
        assert!(self.pending.is_none(), "asks before the answer has come");
        self.pending = Some(answer);
        Reply::Later
    }

    fn respond_again(
        &mut self,
        request: &Request<'_>,
        unreadable: Unreadable<()>,
    ) -> Reply<Vec<u8>> {
        let again = self.again.expect("an answer in place of an unreadable file");
        Reply::Ready(recorded(again(request, unreadable.is_first), request.line.to_vec()))
    }

    fn fetch(&mut self, file: &Arc<File>, range: Range<u64>) {
        assert!(self.part.is_none(), "asks before the part has come");
        assert!(!range.is_empty(), "asks for nothing");
        self.part = Some((Arc::clone(file), range));
    }

    fn reject(&mut self, reject: Reject, line: &[u8]) -> responder::Answer<Vec<u8>> {
        recorded((self.refuse)(&reject), [b"refused: ", line].concat())
    }

    fn answered(&mut self, answered: Answered<Vec<u8>>) {
        self.answered.push(answered);
    }

    fn proxied(&mut self, source: Source) -> bool {
        self.source = Some(source);
        self.wants_source
    }
}

/// A site that can be driven.
#[derive(Clone, Copy)]
pub struct Served<'s> {
    pub answer: &'s dyn Fn(&Request<'_>, &Now) -> Response,
    pub refuse: &'s dyn Fn(&Reject) -> Response,
}

impl Served<'_> {
    pub fn responder(&self, limits: &Limits) -> TestResponder<'_> {
        TestResponder {
            answer: self.answer,
            refuse: self.refuse,
            again: None,
            answered: Vec::new(),
            source: None,
            wants_source: true,
            limits: *limits,
            now: now(),
            answers_later: false,
            pending: None,
            part: None,
            buffers: Buffers::default(),
        }
    }
}

/// What the connection did when all bytes had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It waits for the next request, and holds no heap memory.
    Idle,
    /// It waits for the rest of a request.
    Partial,
    /// It closed its sending side and discards what comes.
    Lingers,
    /// It closed.
    Closed,
}

/// What came of an input.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub answered: Vec<Answered<Vec<u8>>>,
    pub end: End,
    /// The most heap memory that the connection held.
    pub held_bytes: usize,
}

/// A connection with all that drives it.
pub struct Client<'s> {
    pub connection: Connection<Vec<u8>>,
    pub responder: TestResponder<'s>,
    pub output: Vec<u8>,
    /// Bytes that go at a time.
    pub sends: usize,
    pub held_bytes: usize,
    shut: bool,
}

impl<'s> Client<'s> {
    pub fn new(served: &'s Served<'s>, limits: &Limits) -> Client<'s> {
        Client {
            connection: Connection::new(limits, &now()),
            responder: served.responder(limits),
            output: Vec::new(),
            sends: usize::MAX,
            held_bytes: 0,
            shut: false,
        }
    }

    /// One whose connection a proxy has opened.
    pub fn behind_proxy(served: &'s Served<'s>, limits: &Limits) -> Client<'s> {
        let connection = Connection::behind_proxy(limits, &now());
        Client { connection, ..Client::new(served, limits) }
    }

    /// Bytes come from the client.
    pub fn send(&mut self, bytes: &[u8]) -> End {
        self.receive(bytes);
        self.held_bytes = self.held_bytes.max(self.connection.held_bytes());
        self.drive()
    }

    /// The same, without doing anything about them yet.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.connection.received(bytes, &mut self.responder);
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        self.connection.next_step(&mut self.responder)
    }

    /// What the next step is to write.
    pub fn chunk(&mut self) -> Chunk<'_> {
        assert_eq!(self.step(), Step::Write);
        self.connection.chunk()
    }

    /// So many bytes of the last step have been taken.
    pub fn sent(&mut self, bytes: usize) {
        self.connection.sent(bytes, &mut self.responder);
    }

    /// The server is told to stop.
    pub fn drain(&mut self) -> End {
        self.connection.drain(&self.responder);
        self.drive()
    }

    /// The client closes its sending side.
    pub fn end(&mut self) -> End {
        self.connection.ended();
        self.drive()
    }

    /// Does what the steps say until nothing more can be done.
    pub fn drive(&mut self) -> End {
        // Every step makes progress, or this would never end.
        let mut steps = 0;
        loop {
            let step = self.step();
            let sent = match step {
                Step::Write => take(&self.connection.chunk(), self.sends, &mut self.output),
                Step::Read if self.shut => return End::Lingers,
                Step::Read => break,
                Step::Await => {
                    self.bring();
                    continue;
                }
                Step::ShutDownWriting => {
                    assert!(!self.shut, "the sending side was closed twice");
                    self.shut = true;
                    continue;
                }
                Step::Close => return End::Closed,
            };
            assert!(!self.shut, "written after the sending side was closed");
            assert!(sent > 0, "nothing to write");
            self.held_bytes = self.held_bytes.max(self.connection.held_bytes());
            self.sent(sent);
            steps += 1;
            assert!(steps < 10_000_000, "the connection spins");
        }
        if !self.connection.is_idle() {
            return End::Partial;
        }
        assert_eq!(self.connection.held_bytes(), 0, "idle, yet it holds memory");
        End::Idle
    }

    /// Brings what it waits for.
    fn bring(&mut self) {
        if let Some((file, range)) = self.responder.part.take() {
            let mut part = Vec::new();
            read(&file, &range, u64::MAX, &mut part);
            self.connection.fetched(Ok(part), &mut self.responder);
        } else {
            let answer = self.responder.pending.take().expect("something to wait for");
            self.connection.answer(answer, &mut self.responder);
        }
        self.held_bytes = self.held_bytes.max(self.connection.held_bytes());
    }

    /// Time passes, and the deadline with it if that is due.
    pub fn wait(&mut self, milliseconds: u64) -> Option<End> {
        let then = self.responder.now.milliseconds + milliseconds;
        self.responder.now.set(then, self.responder.now.date);
        (self.connection.deadline_milliseconds() <= then).then(|| {
            self.connection.expired(&mut self.responder);
            self.drive()
        })
    }
}

/// Takes at most `most` bytes of a chunk, as a socket would.
fn take(chunk: &Chunk<'_>, most: usize, output: &mut Vec<u8>) -> usize {
    let bytes = &chunk.bytes[..chunk.bytes.len().min(most)];
    output.extend_from_slice(bytes);
    let Some((file, range)) = &chunk.file else {
        return bytes.len();
    };
    bytes.len() + read(file, range, (most - bytes.len()) as u64, output)
}

fn read(mut file: &File, range: &Range<u64>, most: u64, output: &mut Vec<u8>) -> usize {
    assert!(!range.is_empty(), "an empty part of a file");
    let count = (range.end - range.start).min(most);
    file.seek(SeekFrom::Start(range.start)).expect("seek");
    let read = file.take(count).read_to_end(output).expect("read");
    assert_eq!(read as u64, count, "the file is shorter than was said");
    read
}

/// Runs an input that comes in these pieces.
pub fn run(served: &Served<'_>, limits: &Limits, pieces: &[&[u8]], sends: usize) -> Outcome {
    let mut client = Client::new(served, limits);
    client.sends = sends;
    run_client(client, pieces)
}

fn run_client(mut client: Client<'_>, pieces: &[&[u8]]) -> Outcome {
    let mut end = client.drive();
    for piece in pieces {
        if end == End::Closed {
            break;
        }
        end = client.send(piece);
    }
    client.connection.abandon(&mut client.responder);
    Outcome {
        output: client.output,
        answered: client.responder.answered,
        end,
        held_bytes: client.held_bytes,
    }
}

/// What stands in rows: bytes out as they must be, whatever the cut, and what comes after.
pub fn check(
    served: &Served<'_>,
    limits: &Limits,
    rule: &str,
    input: &[u8],
    output: &[u8],
    end: End,
) {
    let compare = |how: &str, outcome: &Outcome, output: &[u8], ends: &[End]| {
        assert!(
            outcome.output == output,
            "{rule}, {how}\n--- in\n{}\n--- expected\n{}\n--- found\n{}\n",
            show(input),
            show(output),
            show(&outcome.output),
        );
        assert!(
            ends.contains(&outcome.end),
            "{rule}, {how}: {:?} in place of {ends:?}\n--- in\n{}",
            outcome.end,
            show(input)
        );
        check_answers(rule, &outcome.output, &outcome.answered);
    };
    let whole = run(served, limits, &[input], usize::MAX);
    compare("whole", &whole, output, &[end]);
    let middle = input.split_at(input.len() / 2);
    for pieces in [&[input][..], &[middle.0, middle.1][..]] {
        // The same, if no answer is there at once.
        let mut client = Client::new(served, limits);
        client.responder.answers_later = true;
        let found = run_client(client, pieces);
        compare("answered later", &found, output, &[end]);
        assert_eq!(found.answered, whole.answered, "{rule}, answered later");
    }
    for cut in 1..input.len() {
        let (first, second) = input.split_at(cut);
        let found = run(served, limits, &[first, second], usize::MAX);
        compare(&format!("cut at {cut}"), &found, output, &[end]);
        assert_eq!(found.answered, whole.answered, "{rule}, cut at {cut}");
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    let found = run(served, limits, &bytes, 7);
    compare("byte by byte", &found, output, &[end]);
    assert_eq!(found.answered, whole.answered, "{rule}, byte by byte");
    half_closed(served, limits, rule, input, output, end);
    match end {
        End::Idle => {
            // What follows is answered, in order, and nothing before it changes.
            let input = [input, NEXT].concat();
            let next = run(served, limits, &[NEXT], usize::MAX);
            let output = [output, &next.output].concat();
            for pieces in [
                vec![&input[..]],
                vec![&input[..input.len() - NEXT.len()], NEXT],
                input.chunks(1).collect(),
            ] {
                let found = run(served, limits, &pieces, usize::MAX);
                compare("with a request behind it", &found, &output, &[next.end]);
            }
        }
        End::Lingers | End::Closed => {
            let ends = [End::Lingers, End::Closed];
            let input = [input, NEXT].concat();
            for pieces in [vec![&input[..]], input.chunks(1).collect()] {
                let found = run(served, limits, &pieces, usize::MAX);
                compare("with bytes behind it", &found, output, &ends);
            }
        }
        End::Partial => {}
    }
}

/// A client that sends, closes its sending side, and then reads, gets all of it.
fn half_closed(
    served: &Served<'_>,
    limits: &Limits,
    rule: &str,
    input: &[u8],
    output: &[u8],
    end: End,
) {
    let mut client = Client::new(served, limits);
    client.send(input);
    assert_eq!(client.end(), End::Closed, "{rule}, half-closed");
    assert!(client.output == output, "{rule}, half-closed");
    if end == End::Closed {
        return;
    }
    // The end may be seen before the answer has left.
    let mut client = Client::new(served, limits);
    client.receive(input);
    client.connection.ended();
    assert_eq!(client.drive(), End::Closed, "{rule}, half-closed at once");
    assert!(client.output == output, "{rule}, half-closed at once");
}

pub const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

/// An answer with content.
pub fn answer(status: &str, fields: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = content.len();
    let head =
        format!("HTTP/1.1 {status}\r\nDate: {DATE}\r\n{fields}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), content].concat()
}

/// An answer that must not have content: 204, 304.
pub fn bare(status: &str, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nDate: {DATE}\r\n{fields}\r\n").into_bytes()
}

/// The same answer with a Connection field.
fn with_connection(answer: &[u8], option: &str) -> Vec<u8> {
    let end = head_length(answer) - 2;
    let line = format!("Connection: {option}\r\n");
    [&answer[..end], line.as_bytes(), &answer[end..]].concat()
}

/// The same answer, as the last one.
pub fn last(answer: impl AsRef<[u8]>) -> Vec<u8> {
    with_connection(answer.as_ref(), "close")
}

/// The same answer, to a client of HTTP/1.0 that wants to go on.
pub fn kept(answer: impl AsRef<[u8]>) -> Vec<u8> {
    with_connection(answer.as_ref(), "keep-alive")
}

/// The same answer, to HEAD.
pub fn head(answer: impl AsRef<[u8]>) -> Vec<u8> {
    let answer = answer.as_ref();
    answer[..head_length(answer)].to_vec()
}

/// The end of the first head.
pub fn head_length(answer: &[u8]) -> usize {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    end.expect("a head") + 4
}

/// Bytes for people, without their control characters.
pub fn show(bytes: &[u8]) -> String {
    let shown: String =
        bytes[..bytes.len().min(4_000)].escape_ascii().to_string().replace("\\r\\n", "\n");
    shown
}

/// One answer, as an independent reader sees it.
#[derive(Debug)]
pub struct Answer<'a> {
    pub status: u16,
    pub fields: Vec<(&'a str, &'a [u8])>,
    pub content: &'a [u8],
    pub bytes: usize,
}

impl Answer<'_> {
    /// The values of all fields of this name.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = self.fields.iter().filter(|(found, _)| *found == name);
        named.map(|&(_, value)| value).collect()
    }

    /// The value of the only one.
    pub fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} stands twice");
        let value = values.first()?;
        Some(std::str::from_utf8(value).expect("UTF-8"))
    }
}

/// Reads one answer. `is_head`: of a request that was HEAD. `Err` says what is wrong with it.
pub fn read_answer(bytes: &[u8], is_head: bool) -> Result<Answer<'_>, String> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no end of the head")?;
    let mut lines = bytes[..end].split(|&byte| byte == b'\n');
    let line = |line: Option<&[u8]>| -> Option<String> {
        let line = line?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let plain = line.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        plain.then(|| String::from_utf8_lossy(line).into_owned())
    };
    let first = line(lines.next()).ok_or("a control character in the status-line")?;
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse::<u16>().ok())
        .ok_or_else(|| format!("no status-line: {first}"))?;
    if first.as_bytes().get(12) != Some(&b' ') || first.len() < 14 {
        return Err(format!("no reason phrase: {first}"));
    }
    let mut fields = Vec::new();
    for raw in lines {
        line(Some(raw)).ok_or("a control character in a field")?;
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let colon = raw.iter().position(|&byte| byte == b':');
        let (name, value) = raw.split_at(colon.ok_or("a field line without a colon")?);
        let name = std::str::from_utf8(name).map_err(|_| "a name that is no UTF-8")?;
        let value = value.strip_prefix(b": ").ok_or("no space after a colon")?;
        if !is_title_case(name) {
            return Err(format!("{name} is not in Title-Case"));
        }
        fields.push((name, value));
    }
    let mut answer = Answer { status, fields, content: b"", bytes: end + 4 };
    if answer.all("Date") != [DATE.as_bytes()] {
        return Err("there must be exactly one Date".to_owned());
    }
    if !answer.all("Transfer-Encoding").is_empty() {
        return Err("Transfer-Encoding is never sent".to_owned());
    }
    let lengths = answer.all("Content-Length");
    if matches!(status, 204 | 304) {
        return if lengths.is_empty() {
            Ok(answer)
        } else {
            Err("no Content-Length with 204 and 304".to_owned())
        };
    }
    // RFC 9110 §8.6: the length of a listing is not known before it is made, which HEAD does not do.
    let is_file = !answer.all("Accept-Ranges").is_empty();
    if is_head && status == 200 && !is_file && lengths.is_empty() {
        return Ok(answer);
    }
    let [length] = lengths[..] else {
        return Err("there must be exactly one Content-Length".to_owned());
    };
    let length: usize = std::str::from_utf8(length)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or("Content-Length is no number")?;
    if !is_head {
        answer.content =
            bytes.get(end + 4..end + 4 + length).ok_or("the content is shorter than its length")?;
        answer.bytes += length;
    }
    Ok(answer)
}

/// GRUB and microcontrollers compare names to the letter.
fn is_title_case(name: &str) -> bool {
    // RFC 9110 spells these two so.
    matches!(name, "ETag" | "WWW-Authenticate")
        || (!name.is_empty()
            && name.split('-').all(|word| {
                let mut letters = word.bytes();
                letters.next().is_some_and(|first| first.is_ascii_uppercase())
                    && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
            }))
}

/// The output is answers and nothing else, one for each record, and each record says the truth.
pub fn check_answers(rule: &str, output: &[u8], answered: &[Answered<Vec<u8>>]) {
    let mut rest = output;
    for (number, record) in answered.iter().enumerate() {
        let line = record.record.strip_prefix(b"refused: ").unwrap_or(&record.record);
        let answer = read_answer(rest, line.starts_with(b"HEAD "))
            .unwrap_or_else(|wrong| panic!("{rule}: {wrong}\n{}", show(rest)));
        assert_eq!(answer.status, record.status.code(), "{rule}: the record");
        assert_eq!(answer.content.len() as u64, record.content_bytes, "{rule}: the record");
        let closes = answer.field("Connection") == Some("close");
        assert!(!closes || number + 1 == answered.len(), "{rule}: something after the last answer");
        rest = &rest[answer.bytes..];
    }
    assert!(rest.is_empty(), "{rule}: left over:\n{}", show(rest));
}
