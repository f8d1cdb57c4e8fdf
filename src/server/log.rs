//! Standard output and standard error: what the server says, and the access log, one line an
//! answer. All of it is written by a thread of its own, so that a terminal that is stopped or a
//! pipe that is full stops neither serving nor the end; what does not fit meanwhile is counted,
//! and said when it is over.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::access::Peer;
use crate::config::{Config, LogFormat};
use crate::http::connection::Answered;
use crate::http::date::Calendar;
use crate::http::request::Fields;
use crate::http::response::{Status, write_decimal};
use crate::site::page::write_json;

use super::local_time::LocalTime;

/// Lines that wait to be written, for all workers.
#[derive(Debug)]
pub struct Log {
    format: LogFormat,
    only_errors: bool,
    /// The status is coloured.
    colours: bool,
    local_time: LocalTime,
    queue: Mutex<Queue>,
    /// There is something to write, or nothing more will come.
    wanted: Condvar,
    /// Everything has been written, and nothing more will come.
    finished: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// For standard error.
    complaints: Vec<u8>,
    lost_lines: u64,
    writing: bool,
    /// Nothing more will come.
    ended: bool,
    /// The thread that writes has ended.
    finished: bool,
}

/// As much may wait; a stopped terminal must not take the memory of the machine.
const QUEUE_BYTES_MAX: usize = 256 << 10;
/// A pipe takes as much in one piece, without mixing it with what others write.
const WRITE_BYTES_MAX: usize = 4 << 10;

impl Log {
    /// Starts the thread that writes.
    pub fn start(config: &Config, local_time: LocalTime) -> io::Result<Arc<Log>> {
        let format = config.log;
        let log = Arc::new(Log {
            format,
            only_errors: config.log_only_errors,
            colours: format == LogFormat::Simple && super::has_colours(),
            local_time,
            queue: Mutex::default(),
            wanted: Condvar::new(),
            finished: Condvar::new(),
        });
        let writer = Arc::clone(&log);
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(64 << 10)
            .spawn(move || writer.write())?;
        Ok(log)
    }

    /// What to remember of a request until it is answered. `client`: who asks, if it is not the
    /// other side of the connection. `user`: who has logged in.
    pub fn note(
        &self,
        line: &[u8],
        fields: Option<Fields<'_>>,
        client: Option<&str>,
        user: Option<&str>,
    ) -> Vec<u8> {
        let value = |name| {
            fields
                .and_then(|fields| fields.all(name).next())
                .unwrap_or_default()
        };
        let (referer, user_agent) = match self.format {
            LogFormat::Off => return Vec::new(),
            LogFormat::Simple | LogFormat::Common => (&b""[..], &b""[..]),
            LogFormat::Combined | LogFormat::Json => (value("Referer"), value("User-Agent")),
        };
        let mut note = [line, b"\n", referer, b"\n", user_agent].concat();
        if client.is_some() || user.is_some() {
            for part in ["\n", client.unwrap_or(""), "\n", user.unwrap_or("")] {
                note.extend_from_slice(part.as_bytes());
            }
        }
        note
    }

    /// Green, cyan, yellow and red, as most logs have them: success, redirect, the client's error
    /// and the server's.
    fn write_status(&self, status: Status, out: &mut Vec<u8>) {
        let colour: &[u8] = match status.code() / 100 {
            _ if !self.colours => b"",
            2 => b"\x1b[32m",
            3 => b"\x1b[36m",
            4 => b"\x1b[33m",
            _ => b"\x1b[31m",
        };
        out.extend_from_slice(colour);
        write_decimal(u64::from(status.code()), out);
        if self.colours {
            out.extend_from_slice(b"\x1b[0m");
        }
    }

    /// Waits until everything is written, but not for long.
    pub fn finish(&self) {
        let mut queue = self.queue();
        queue.ended = true;
        self.wanted.notify_all();
        let _ = self
            .finished
            .wait_timeout_while(queue, Duration::from_secs(1), |queue| !queue.finished);
    }

    /// Writes lines of the server's own, whatever else waits. Nobody reading them is no reason to
    /// wait, or to end.
    pub fn say(&self, lines: &str) {
        let mut queue = self.queue();
        queue.lines.extend_from_slice(lines.as_bytes());
        self.wanted.notify_one();
    }

    /// A line for standard error.
    pub fn complain(&self, text: &str) {
        let mut queue = self.queue();
        if queue.complaints.len() < QUEUE_BYTES_MAX {
            // Writing to a vector cannot fail.
            let _ = writeln!(queue.complaints, "ipv6-httpd: {text}");
            self.wanted.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, lines: &[u8], count: u64) {
        let mut queue = self.queue();
        if queue.lines.len() + lines.len() > QUEUE_BYTES_MAX {
            queue.lost_lines += count;
            return;
        }
        queue.lines.extend_from_slice(lines);
        if !queue.writing {
            self.wanted.notify_one();
        }
    }

    /// The thread that writes.
    fn write(&self) {
        // Not written since standard output last took something, and whether that has been said.
        let (mut lost_lines, mut failing) = (0, false);
        let mut lines = Vec::new();
        let mut queue = self.queue();
        loop {
            queue.writing = false;
            if queue.ended && queue.lines.is_empty() && lost_lines > 0 {
                queue.complain_of_loss(std::mem::take(&mut lost_lines));
            }
            if queue.is_empty() {
                if queue.ended {
                    queue.finished = true;
                    return self.finished.notify_all();
                }
                let idle = |queue: &mut Queue| queue.is_empty() && !queue.ended;
                queue = self
                    .wanted
                    .wait_while(queue, idle)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.writing = true;
            std::mem::swap(&mut lines, &mut queue.lines);
            let complaints = std::mem::take(&mut queue.complaints);
            drop(queue);
            // Nobody reading what is wrong is no reason to end.
            let _ = io::stderr().write_all(&complaints);
            let outcome = write_lines(&lines);
            queue = self.queue();
            lost_lines += std::mem::take(&mut queue.lost_lines);
            match outcome {
                Ok(()) if lines.is_empty() => {}
                Ok(()) => {
                    if lost_lines > 0 {
                        queue.complain_of_loss(std::mem::take(&mut lost_lines));
                    }
                    failing = false;
                }
                // Whoever closed it wants to hear no more, and never will.
                Err((error, _)) if error.kind() == io::ErrorKind::BrokenPipe => lost_lines = 0,
                Err((error, failed_lines)) => {
                    lost_lines += failed_lines;
                    if !failing {
                        let text = "ipv6-httpd: cannot write to standard output";
                        let _ = writeln!(queue.complaints, "{text}: {error}");
                        failing = true;
                    }
                }
            }
            lines.clear();
            // After a rush the memory goes back.
            lines.shrink_to(WRITE_BYTES_MAX);
        }
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.complaints.is_empty()
    }

    fn complain_of_loss(&mut self, lines: u64) {
        let text = "lines of the log were lost: standard output was blocked";
        let _ = writeln!(self.complaints, "ipv6-httpd: {lines} {text}");
    }
}

/// Whole lines in each write. The error says how many lines could not be written.
fn write_lines(lines: &[u8]) -> Result<(), (io::Error, u64)> {
    let mut rest = lines;
    while !rest.is_empty() {
        let fitting = rest.get(..WRITE_BYTES_MAX.min(rest.len())).unwrap_or(rest);
        let end = fitting.iter().rposition(|&byte| byte == b'\n');
        let end = end
            .or_else(|| rest.iter().position(|&byte| byte == b'\n'))
            .map_or(rest.len(), |at| at + 1);
        let (now, later) = rest.split_at_checked(end).unwrap_or((rest, b""));
        if let Err(error) = io::stdout().write_all(now) {
            let lost = rest.iter().filter(|&&byte| byte == b'\n').count();
            return Err((error, lost as u64));
        }
        rest = later;
    }
    Ok(())
}

/// The lines of one worker's turn.
#[derive(Debug)]
pub struct Lines {
    log: Arc<Log>,
    lines: Vec<u8>,
    count: u64,
    /// The second that `time` is of.
    second: i64,
    time: Vec<u8>,
    /// Whose the last line was.
    peer: Option<Peer>,
    /// How it names them.
    client: Vec<u8>,
}

impl Lines {
    /// None yet.
    pub fn new(log: Arc<Log>) -> Lines {
        Lines {
            log,
            lines: Vec::new(),
            count: 0,
            second: i64::MIN,
            time: Vec::new(),
            peer: None,
            client: Vec::new(),
        }
    }

    /// The log that they are for.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Adds the line of an answer to `peer`, whom `name` names.
    pub fn add<N: Display>(
        &mut self,
        peer: Peer,
        name: impl FnOnce(Peer) -> N,
        answered: &Answered,
        second: i64,
    ) {
        if self.log.only_errors && !answered.status.is_error() {
            return;
        }
        if self.second != second {
            self.second = second;
            self.time.clear();
            let offset = self.log.local_time.offset(second);
            write_time(self.log.format, second, offset, &mut self.time);
            // The interface in a name may have been renamed.
            self.peer = None;
        }
        if self.peer != Some(peer) {
            self.peer = Some(peer);
            self.client.clear();
            // Writing to a vector cannot fail.
            let _ = write!(self.client, "{}", name(peer));
        }
        let mut note = answered.note.split(|&byte| byte == b'\n');
        let mut word = || note.next().unwrap_or_default();
        let (line, referer, user_agent) = (word(), word(), word());
        let (asker, user) = (word(), word());
        let out = &mut self.lines;
        let write_client = |out: &mut Vec<u8>| match asker {
            b"" => out.extend_from_slice(&self.client),
            asker => out.extend_from_slice(asker),
        };
        // Writing to a vector cannot fail.
        match self.log.format {
            LogFormat::Off => return,
            LogFormat::Json => {
                out.extend_from_slice(b"{\"time\":\"");
                out.extend_from_slice(&self.time);
                out.extend_from_slice(b"\",\"client\":\"");
                write_client(out);
                out.push(b'"');
                if !user.is_empty() {
                    out.extend_from_slice(b",\"user\":");
                    write_json(user, out);
                }
                out.extend_from_slice(b",\"request\":");
                write_json(line, out);
                let (status, bytes) = (answered.status.code(), answered.content_bytes);
                let _ = write!(out, ",\"status\":{status},\"bytes\":{bytes},\"referer\":");
                write_json(referer, out);
                out.extend_from_slice(b",\"user_agent\":");
                write_json(user_agent, out);
                out.extend_from_slice(b"}\n");
            }
            LogFormat::Simple | LogFormat::Common | LogFormat::Combined => {
                write_client(out);
                out.extend_from_slice(b" - ");
                escape_word(if user.is_empty() { b"-" } else { user }, out);
                out.extend_from_slice(b" [");
                out.extend_from_slice(&self.time);
                out.extend_from_slice(b"] \"");
                escape(line, out);
                out.extend_from_slice(b"\" ");
                self.log.write_status(answered.status, out);
                out.push(b' ');
                match answered.content_bytes {
                    0 => out.push(b'-'),
                    bytes => write_decimal(bytes, out),
                }
                if self.log.format == LogFormat::Combined {
                    for field in [referer, user_agent] {
                        out.extend_from_slice(b" \"");
                        escape(if field.is_empty() { b"-" } else { field }, out);
                        out.push(b'"');
                    }
                }
                out.push(b'\n');
            }
        }
        self.count += 1;
        if self.lines.len() >= WRITE_BYTES_MAX {
            self.flush();
        }
    }

    /// Hands them over, at the end of a turn.
    pub fn flush(&mut self) {
        if !self.lines.is_empty() {
            self.log.push(&self.lines, self.count);
            self.lines.clear();
            self.count = 0;
        }
    }
}

/// What a client sent, for a terminal and for programs that split at quotes: control bytes, what
/// is not ASCII, quote and backslash become `\xHH`, as Apache and nginx have it.
fn escape(mut bytes: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    loop {
        let special = bytes.iter().position(|&byte| !is_plain(byte));
        let (plain, rest) = bytes.split_at(special.unwrap_or(bytes.len()));
        out.extend_from_slice(plain);
        let [byte, rest @ ..] = rest else { return };
        let _ = write!(out, "\\x{byte:02x}");
        bytes = rest;
    }
}

/// The same for a field that ends at a space.
fn escape_word(bytes: &[u8], out: &mut Vec<u8>) {
    for part in bytes.split_inclusive(|&byte| byte == b' ') {
        let (word, space) = match part {
            [word @ .., b' '] => (word, "\\x20"),
            word => (word, ""),
        };
        escape(word, out);
        out.extend_from_slice(space.as_bytes());
    }
}

fn write_time(format: LogFormat, second: i64, offset: i32, out: &mut Vec<u8>) {
    let moment = Calendar::new(second + i64::from(offset));
    let (year, name, day) = (moment.year, moment.month_name(), moment.day);
    let (hour, minute, second) = (moment.hour, moment.minute, moment.second);
    let (zone_hour, zone_minute) = (offset.abs() / 3_600, offset.abs() / 60 % 60);
    let sign = if offset < 0 { '-' } else { '+' };
    // Writing to a vector cannot fail.
    let _ = match format {
        LogFormat::Off => return,
        LogFormat::Simple => write!(out, "{day:02}/{name}/{year:04} "),
        LogFormat::Common | LogFormat::Combined => write!(out, "{day:02}/{name}/{year:04}:"),
        LogFormat::Json => write!(out, "{year:04}-{:02}-{day:02}T", moment.month),
    };
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    let _ = match format {
        LogFormat::Off | LogFormat::Simple => Ok(()),
        LogFormat::Common | LogFormat::Combined => {
            write!(out, " {sign}{zone_hour:02}{zone_minute:02}")
        }
        LogFormat::Json => write!(out, "{sign}{zone_hour:02}:{zone_minute:02}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: LogFormat, note: &[u8], content_bytes: u64) -> String {
        line_of(format, note, content_bytes, Status::Ok, false, false)
    }

    fn line_of(
        format: LogFormat,
        note: &[u8],
        content_bytes: u64,
        status: Status,
        only_errors: bool,
        colours: bool,
    ) -> String {
        let mut lines = none(format, only_errors, colours);
        let answered = Answered {
            note: note.to_vec(),
            status,
            content_bytes,
        };
        lines.add(peer(1), name, &answered, SECOND);
        String::from_utf8(lines.lines).expect("ASCII")
    }

    /// 2017-07-09 11:49:41 in Berlin, wherever the test runs.
    const SECOND: i64 = 1_499_593_781;

    fn none(format: LogFormat, only_errors: bool, colours: bool) -> Lines {
        let local_time = LocalTime::of_system();
        let (queue, wanted, finished) = (Mutex::default(), Condvar::new(), Condvar::new());
        let mut lines = Lines::new(Arc::new(Log {
            format,
            only_errors,
            colours,
            local_time,
            queue,
            wanted,
            finished,
        }));
        lines.second = SECOND;
        write_time(format, SECOND, 7_200, &mut lines.time);
        lines
    }

    fn peer(zone: u32) -> Peer {
        Peer {
            address: Some("2001:db8::1".parse().expect("an address")),
            zone,
            is_proxy: false,
        }
    }

    fn name(peer: Peer) -> String {
        match peer.zone {
            1 => "2001:db8::1".to_owned(),
            zone => format!("2001:db8::1%{zone}"),
        }
    }

    #[test]
    fn each_line_names_its_own_client() {
        let mut lines = none(LogFormat::Simple, false, false);
        let answered = Answered {
            note: b"GET / HTTP/1.1".to_vec(),
            status: Status::Ok,
            content_bytes: 5,
        };
        for zone in [1, 1, 2, 1] {
            lines.add(peer(zone), name, &answered, SECOND);
        }
        // In the next second interfaces may have other names.
        let renamed = |_| "renamed";
        lines.add(peer(1), renamed, &answered, SECOND);
        lines.add(peer(1), renamed, &answered, SECOND + 1);
        let text = String::from_utf8(lines.lines).expect("ASCII");
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        let (one, two) = ("2001:db8::1", "2001:db8::1%2");
        assert_eq!(names, [one, one, two, one, one, "renamed"]);
    }

    #[test]
    fn formats() {
        let note = b"GET / HTTP/1.1\nhttp://h/\ncurl/8";
        let rows = [
            (
                LogFormat::Simple,
                "2001:db8::1 - - [09/Jul/2017 11:49:41] \"GET / HTTP/1.1\" 200 512\n",
            ),
            (
                LogFormat::Common,
                "2001:db8::1 - - [09/Jul/2017:11:49:41 +0200] \"GET / HTTP/1.1\" 200 512\n",
            ),
            (
                LogFormat::Combined,
                "2001:db8::1 - - [09/Jul/2017:11:49:41 +0200] \"GET / HTTP/1.1\" 200 512 \"http://h/\" \"curl/8\"\n",
            ),
            (
                LogFormat::Json,
                "{\"time\":\"2017-07-09T11:49:41+02:00\",\"client\":\"2001:db8::1\",\"request\":\"GET / HTTP/1.1\",\
                 \"status\":200,\"bytes\":512,\"referer\":\"http://h/\",\"user_agent\":\"curl/8\"}\n",
            ),
            (LogFormat::Off, ""),
        ];
        for (format, expected) in rows {
            assert_eq!(line(format, note, 512), expected);
        }
    }

    #[test]
    fn errors_only_and_colours() {
        let start = "2001:db8::1 - - [09/Jul/2017 11:49:41] \"GET / HTTP/1.1\"";
        for (status, only_errors, colours, end) in [
            (Status::Ok, true, false, None),
            (Status::NotModified, true, false, None),
            (Status::NotFound, true, false, Some("404 -")),
            (Status::NotFound, false, false, Some("404 -")),
            (
                Status::PartialContent,
                false,
                true,
                Some("\x1b[32m206\x1b[0m -"),
            ),
            (Status::Found, false, true, Some("\x1b[36m302\x1b[0m -")),
            (Status::NotFound, false, true, Some("\x1b[33m404\x1b[0m -")),
            (
                Status::ServiceUnavailable,
                true,
                true,
                Some("\x1b[31m503\x1b[0m -"),
            ),
        ] {
            let expected = end.map_or_else(String::new, |end| format!("{start} {end}\n"));
            let note = b"GET / HTTP/1.1";
            let line = line_of(LogFormat::Simple, note, 0, status, only_errors, colours);
            assert_eq!(line, expected, "{}", status.code());
        }
    }

    #[test]
    fn who_asks_may_be_somebody_else_and_may_have_a_name() {
        let rows = [
            (LogFormat::Simple, "\n\n192.0.2.7\nana", "192.0.2.7 - ana ["),
            (LogFormat::Common, "\n\n192.0.2.7\n", "192.0.2.7 - - ["),
            (LogFormat::Combined, "h\nc\n\nana", "2001:db8::1 - ana ["),
            (
                LogFormat::Simple,
                "\n\n\nb \"\u{e4}]",
                "2001:db8::1 - b\\x20\\x22\\xc3\\xa4] [",
            ),
        ];
        for (format, rest, expected) in rows {
            let line = line(format, format!("GET /\n{rest}").as_bytes(), 0);
            let start = line.split("09/Jul").next().expect("a start");
            assert_eq!(start, expected);
        }
        let json = line(LogFormat::Json, b"GET /\n\n\n192.0.2.7\nb \"\xc3\xa4", 0);
        let start = "{\"time\":\"2017-07-09T11:49:41+02:00\",\"client\":\"192.0.2.7\",\"user\":\"b \\\"\u{e4}\",\"request\":";
        assert!(json.starts_with(start), "{json}");
    }

    #[test]
    fn what_a_client_sent_stays_in_its_field() {
        let rows: [(&[u8], &str); 4] = [
            (b"GET /\x1b[31m", "GET /\\x1b[31m"),
            (b"GET /\" 200 5 \"", "GET /\\x22 200 5 \\x22"),
            (b"GET /\\x22", "GET /\\x5cx22"),
            (b"GET /\xc3\xa4\x7f\x9b", "GET /\\xc3\\xa4\\x7f\\x9b"),
        ];
        for (note, expected) in rows {
            let expected = format!("2001:db8::1 - - [09/Jul/2017 11:49:41] \"{expected}\" 200 -\n");
            assert_eq!(line(LogFormat::Simple, note, 0), expected);
        }
        let json = line(LogFormat::Json, b"GET /\"\\\x1b\xc3\xa4\xc2\x9b\xff\n\n", 0);
        assert!(
            json.contains("\"request\":\"GET /\\\"\\\\\\u001b\u{e4}\\u009b\u{fffd}\""),
            "{json}"
        );
        let combined = line(LogFormat::Combined, b"GET /\n\n", 0);
        assert!(
            combined.ends_with("\"GET /\" 200 - \"-\" \"-\"\n"),
            "{combined}"
        );
    }
}
