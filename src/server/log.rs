//! Standard output and standard error: what the server says, and the access log, one line an
//! answer. All of it is written by a thread of its own, so that a terminal that is stopped or a
//! pipe that is full stops neither serving nor the end; what does not fit meanwhile is counted,
//! and said when it is over.
//!
//! Each worker may have so many bytes waiting. One that floods the log has to wait for the thread
//! that writes, and so do its clients, for the lines of others must not be lost for it. But that
//! is for an output that takes something: after half a second without room nobody waits again, and
//! what does not fit is lost, until the output has taken most of what waits.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{Config, LogFormat};
use crate::http::connection::Answered;
use crate::http::date::Calendar;
use crate::http::fields::Fields;
use crate::http::grammar::write_decimal;
use crate::http::status::Status;
use crate::peer::Peer;
use crate::site::page::escape_json;
use crate::sys::Standard;

use super::local_time::LocalTime;
use super::whole_lines::{Unwritten, WRITE_BYTES_MAX, WholeLines};

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
    /// There is room in the queue.
    room: Condvar,
    /// Everything has been written, and nothing more will come.
    finished: Condvar,
    /// Counts the calls that write to standard output, when they begin and when they end: odd
    /// while there is one.
    calls: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// Counts how often `lines` has been taken to be written.
    taken: u64,
    /// For standard error.
    warnings: Vec<u8>,
    /// Workers that wait for room.
    waiting: usize,
    /// Why lines that do not fit are lost, until little waits.
    overrun: Option<Overrun>,
    lost: Lost,
    writing: bool,
    /// Nothing more will come.
    ended: bool,
    /// The thread that writes has ended.
    finished: bool,
}

/// Why there was no room for lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overrun {
    /// A call that writes to standard output did not end.
    Blocked,
    /// Calls did end.
    Late,
}

/// Lines that were lost and have not been spoken of.
#[derive(Debug, Default)]
struct Lost {
    blocked: u64,
    late: u64,
    failed: u64,
    /// What the last of those failed with.
    error: String,
}

/// For each worker, as much may wait, and as much again may be on its way: a stopped terminal must
/// not take the memory of the machine.
const SHARE_BYTES_MAX: usize = 64 << 10;
const WARNINGS_BYTES_MAX: usize = 64 << 10;
/// How long a worker waits for room. A thread that is ready to run gets a processor sooner.
const PATIENCE: Duration = Duration::from_millis(500);
/// Of lines that were lost it is spoken so often.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);
/// A line that is written in part is tried again so often, even if no other comes.
const BETWEEN_MENDS: Duration = Duration::from_secs(1);

impl Log {
    /// Starts the thread that writes.
    pub fn start(config: &Config, local_time: LocalTime) -> io::Result<Arc<Log>> {
        let format = config.log;
        let colours = format == LogFormat::Simple && super::has_colours();
        let log = Log::new(format, config.log_only_errors, colours, local_time);
        let log = Arc::new(log);
        Standard::survive_limits();
        let writer = Arc::clone(&log);
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(64 << 10)
            .spawn(move || writer.write())?;
        Ok(log)
    }

    fn new(format: LogFormat, only_errors: bool, colours: bool, local_time: LocalTime) -> Log {
        Log {
            format,
            only_errors,
            colours,
            local_time,
            queue: Mutex::default(),
            wanted: Condvar::new(),
            room: Condvar::new(),
            finished: Condvar::new(),
            calls: AtomicUsize::new(0),
        }
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
        let value = |name| fields.and_then(|fields| fields.all(name).next()).unwrap_or_default();
        let (referer, user_agent) = match self.format {
            LogFormat::Off => return Vec::new(),
            LogFormat::Simple | LogFormat::Common => (&b""[..], &b""[..]),
            LogFormat::Combined | LogFormat::Json => (value("Referer"), value("User-Agent")),
        };
        let (line, version) = split_version(line);
        let [line, referer, user_agent] = [line, referer, user_agent].map(shorten);
        let mut note = [line, version, b"\n", referer, b"\n", user_agent].concat();
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
    pub fn warn(&self, text: &str) {
        let mut queue = self.queue();
        if queue.warnings.len() < WARNINGS_BYTES_MAX {
            // Writing to a vector cannot fail.
            let _ = writeln!(queue.warnings, "ipv6-httpd: {text}");
            self.wanted.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds lines to those that wait, or counts them as lost.
    fn push(&self, lines: &[u8], count: u64, share: &mut Share) {
        let mut queue = self.queue();
        if !share.has_room(&queue, lines.len()) {
            let begin = Instant::now();
            let calls = self.calls.load(Ordering::Relaxed);
            while !share.has_room(&queue, lines.len()) {
                let left = PATIENCE.saturating_sub(begin.elapsed());
                if queue.overrun.is_none() && left.is_zero() {
                    let now = self.calls.load(Ordering::Relaxed);
                    queue.overrun = Some(match calls == now && calls % 2 == 1 {
                        true => Overrun::Blocked,
                        false => Overrun::Late,
                    });
                    // Nobody else need wait to find out.
                    self.room.notify_all();
                }
                match queue.overrun {
                    Some(Overrun::Blocked) => return queue.lost.blocked += count,
                    Some(Overrun::Late) => return queue.lost.late += count,
                    None => {}
                }
                queue.waiting += 1;
                let waited = self.room.wait_timeout(queue, left);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                queue.waiting -= 1;
            }
        }
        share.waiting_bytes += lines.len();
        queue.lines.extend_from_slice(lines);
        if !queue.writing {
            self.wanted.notify_one();
        }
    }

    /// The thread that writes.
    fn write(&self) {
        let mut output = WholeLines::new(Standard::Output);
        let mut errors = WholeLines::new(Standard::Error);
        let mut lost = Lost::default();
        // Whether standard output took nothing the last time; when trouble was spoken of last, and
        // how long it is until it may be again.
        let mut failing = false;
        let mut told: Option<Instant> = None;
        let wait_to_tell = |told: Option<Instant>| {
            let since = told.map_or(BETWEEN_WARNINGS, |told| told.elapsed());
            BETWEEN_WARNINGS.saturating_sub(since)
        };
        let mut lines = Vec::new();
        let mut queue = self.queue();
        loop {
            queue.writing = false;
            lost.add(std::mem::take(&mut queue.lost));
            if queue.lines.len() < SHARE_BYTES_MAX / 2 {
                queue.overrun = None;
            }
            let is_over = queue.ended && queue.lines.is_empty() && !output.is_torn();
            if !lost.is_empty() && (is_over || (!failing && wait_to_tell(told).is_zero())) {
                lost.tell(&mut queue.warnings);
                told = Some(Instant::now());
            }
            if queue.is_empty() && !(queue.ended && output.is_torn()) {
                if queue.ended {
                    queue.finished = true;
                    return self.finished.notify_all();
                }
                let again = match () {
                    () if output.is_torn() => Some(BETWEEN_MENDS),
                    () if !failing && !lost.is_empty() => Some(wait_to_tell(told)),
                    () => None,
                };
                let idle = |queue: &mut Queue| queue.is_empty() && !queue.ended;
                match again {
                    Some(again) => {
                        let waited = self.wanted.wait_timeout_while(queue, again, idle);
                        queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                    }
                    None => {
                        let waited = self.wanted.wait_while(queue, idle);
                        queue = waited.unwrap_or_else(PoisonError::into_inner);
                        continue;
                    }
                }
            }
            queue.writing = true;
            std::mem::swap(&mut lines, &mut queue.lines);
            queue.taken += 1;
            if queue.waiting > 0 {
                self.room.notify_all();
            }
            let warnings = std::mem::take(&mut queue.warnings);
            let is_last = queue.ended;
            drop(queue);
            let was_torn = output.is_torn();
            // Both may go to one file.
            if let Ok(true) = output.mend() {
                lost.failed += 1;
            }
            // Nobody reading what is wrong is no reason to end.
            let _ = errors.write(&warnings, || ());
            let outcome = output.write(&lines, || {
                self.calls.fetch_add(1, Ordering::Relaxed);
            });
            queue = self.queue();
            match outcome {
                Ok(lost_lines) => {
                    lost.failed += lost_lines;
                    failing &= lines.is_empty() && !was_torn;
                }
                // Whoever closed it wants to hear no more, and never will.
                Err(Unwritten { error, .. }) if error.kind() == io::ErrorKind::BrokenPipe => {
                    output.give_up();
                    queue.lost = Lost::default();
                    lost = Lost::default();
                }
                Err(Unwritten { error, lines }) => {
                    lost.failed += lines;
                    lost.error = error.to_string();
                    if is_last {
                        lost.failed += output.give_up();
                    }
                    if !failing && wait_to_tell(told).is_zero() {
                        let text = "ipv6-httpd: cannot write to standard output";
                        let _ = writeln!(queue.warnings, "{text}: {error}");
                        told = Some(Instant::now());
                    }
                    failing = true;
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
        self.lines.is_empty() && self.warnings.is_empty()
    }
}

impl Lost {
    fn add(&mut self, other: Lost) {
        self.blocked += other.blocked;
        self.late += other.late;
    }

    fn is_empty(&self) -> bool {
        self.blocked + self.late + self.failed == 0
    }

    /// A line with each reason, and nothing is left of them.
    fn tell(&mut self, warnings: &mut Vec<u8>) {
        let Lost { blocked, late, failed, error } = std::mem::take(self);
        let total = blocked + late + failed;
        let reasons = [
            (blocked, "standard output was blocked"),
            (late, "they came faster than they were written"),
            (failed, &error),
        ];
        let reasons = reasons.iter().filter(|(lines, _)| *lines > 0);
        for (at, (lines, reason)) in reasons.enumerate() {
            // Writing to a vector cannot fail.
            let _ = match at {
                0 => write!(warnings, "ipv6-httpd: {total} lines of the log were lost: {reason}"),
                _ => write!(warnings, "; {reason}"),
            };
            if *lines < total {
                let _ = write!(warnings, " ({lines})");
            }
        }
        if total > 0 {
            warnings.push(b'\n');
        }
    }
}

/// How much of the queue is a worker's.
#[derive(Debug, Default)]
struct Share {
    /// When `waiting_bytes` was counted, as [`Queue::taken`] tells it.
    taken: u64,
    waiting_bytes: usize,
}

impl Share {
    fn has_room(&mut self, queue: &Queue, bytes: usize) -> bool {
        if self.taken != queue.taken {
            self.taken = queue.taken;
            self.waiting_bytes = 0;
        }
        self.waiting_bytes + bytes <= SHARE_BYTES_MAX
    }
}

/// The lines of one worker's turn.
#[derive(Debug)]
pub struct Lines {
    log: Arc<Log>,
    lines: Vec<u8>,
    count: u64,
    share: Share,
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
            share: Share::default(),
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
            let name = name(peer).to_string();
            write_client(self.log.format, name.as_bytes(), &mut self.client);
        }
        let mut note = answered.note.split(|&byte| byte == b'\n');
        let mut word = || note.next().unwrap_or_default();
        let (line, referer, user_agent) = (word(), word(), word());
        let (asker, user) = (word(), word());
        let format = self.log.format;
        let out = &mut self.lines;
        let write_client = |out: &mut Vec<u8>| match asker {
            b"" => out.extend_from_slice(&self.client),
            asker => write_client(format, asker, out),
        };
        match format {
            LogFormat::Off => return,
            LogFormat::Json => {
                out.extend_from_slice(b"{\"time\":\"");
                out.extend_from_slice(&self.time);
                out.extend_from_slice(b"\",\"client\":\"");
                write_client(out);
                if !user.is_empty() {
                    out.extend_from_slice(b"\",\"user\":\"");
                    write_capped(USER_BYTES_MAX, user, escape_json, out);
                }
                out.extend_from_slice(b"\",\"request\":\"");
                write_line(line, escape_json, out);
                let (status, bytes) = (answered.status.code(), answered.content_bytes);
                // Writing to a vector cannot fail.
                let _ = write!(out, "\",\"status\":{status},\"bytes\":{bytes},\"referer\":\"");
                write_capped(FIELD_BYTES_MAX, referer, escape_json, out);
                out.extend_from_slice(b"\",\"user_agent\":\"");
                write_capped(FIELD_BYTES_MAX, user_agent, escape_json, out);
                out.extend_from_slice(b"\"}\n");
            }
            LogFormat::Simple | LogFormat::Common | LogFormat::Combined => {
                write_client(out);
                out.extend_from_slice(b" - ");
                let user = if user.is_empty() { b"-" } else { user };
                write_capped(USER_BYTES_MAX, user, escape_word, out);
                out.extend_from_slice(b" [");
                out.extend_from_slice(&self.time);
                out.extend_from_slice(b"] \"");
                write_line(line, escape, out);
                out.extend_from_slice(b"\" ");
                self.log.write_status(answered.status, out);
                out.push(b' ');
                match answered.content_bytes {
                    0 => out.push(b'-'),
                    bytes => write_decimal(bytes, out),
                }
                if format == LogFormat::Combined {
                    for field in [referer, user_agent] {
                        out.extend_from_slice(b" \"");
                        let field = if field.is_empty() { b"-" } else { field };
                        write_capped(FIELD_BYTES_MAX, field, escape, out);
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
            self.log.push(&self.lines, self.count, &mut self.share);
            self.lines.clear();
            self.count = 0;
        }
    }
}

/// Of the request-line, the referrer and the client's name for itself, as the log has them: with
/// these bounds no line is longer than [`WRITE_BYTES_MAX`], and a pipe takes it in one piece.
const FIELD_BYTES_MAX: usize = 1 << 10;
const USER_BYTES_MAX: usize = 512;
/// An address with the name of an interface takes less than half of it.
const CLIENT_BYTES_MAX: usize = 256;
/// Stands at the end of what was too long.
const MARK: &[u8] = b"...";

/// What has to be remembered of a field: escaping makes it no shorter.
fn shorten(field: &[u8]) -> &[u8] {
    field.get(..=FIELD_BYTES_MAX).unwrap_or(field)
}

/// A field as `escape` has it. One that is longer than so many bytes is cut and marked, where no
/// character and no escape sequence is cut in two.
fn write_capped(
    bytes_max: usize,
    field: &[u8],
    escape: impl FnOnce(&[u8], &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let start = out.len();
    escape(field.get(..=bytes_max).unwrap_or(field), out);
    let mut rest = out.get(start..).unwrap_or_default();
    if rest.len() <= bytes_max {
        return;
    }
    let mut end = 0;
    while let Some(after) = rest.get(unit_bytes(rest)..) {
        let next = out.len() - start - after.len();
        if next + MARK.len() > bytes_max {
            break;
        }
        (rest, end) = (after, next);
    }
    out.truncate(start + end);
    out.extend_from_slice(MARK);
}

/// A request-line as `escape` has it. Programs that read logs count its words, so that its version
/// stays where its target is cut.
fn write_line(line: &[u8], escape: impl FnOnce(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) {
    let (line, version) = split_version(line);
    write_capped(FIELD_BYTES_MAX - version.len(), line, escape, out);
    out.extend_from_slice(version);
}

/// What comes before the version of a request-line, and the version, which nothing in it needs to
/// be escaped for; empty if there is none.
fn split_version(line: &[u8]) -> (&[u8], &[u8]) {
    match line.split_last_chunk() {
        Some((before, version @ [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'])) => {
            (before, version)
        }
        _ => (line, b""),
    }
}

/// How long the escape sequence or the character is with which this begins.
fn unit_bytes(escaped: &[u8]) -> usize {
    match escaped {
        [b'\\', b'x', ..] => 4,
        [b'\\', b'u', ..] => 6,
        [b'\\', ..] | [0xc0..0xe0, ..] => 2,
        [0xe0..0xf0, ..] => 3,
        [0xf0..=0xff, ..] => 4,
        _ => 1,
    }
}

fn write_client(format: LogFormat, name: &[u8], out: &mut Vec<u8>) {
    match format {
        LogFormat::Off => {}
        LogFormat::Json => write_capped(CLIENT_BYTES_MAX, name, escape_json, out),
        LogFormat::Simple | LogFormat::Common | LogFormat::Combined => {
            write_capped(CLIENT_BYTES_MAX, name, escape_word, out);
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
        let answered = Answered { note: note.to_vec(), status, content_bytes };
        lines.add(peer(1), name, &answered, SECOND);
        String::from_utf8(lines.lines).expect("ASCII")
    }

    /// 2017-07-09 11:49:41 in Berlin, wherever the test runs.
    const SECOND: i64 = 1_499_593_781;

    fn none(format: LogFormat, only_errors: bool, colours: bool) -> Lines {
        let local_time = LocalTime::of_system();
        let log = Log::new(format, only_errors, colours, local_time);
        let mut lines = Lines::new(Arc::new(log));
        lines.second = SECOND;
        write_time(format, SECOND, 7_200, &mut lines.time);
        lines
    }

    fn peer(zone: u32) -> Peer {
        Peer { address: Some("2001:db8::1".parse().expect("an address")), zone, is_proxy: false }
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
        let answered =
            Answered { note: b"GET / HTTP/1.1".to_vec(), status: Status::Ok, content_bytes: 5 };
        for zone in [1, 1, 2, 1] {
            lines.add(peer(zone), name, &answered, SECOND);
        }
        // In the next second interfaces may have other names.
        let renamed = |_| "renamed";
        lines.add(peer(1), renamed, &answered, SECOND);
        lines.add(peer(1), renamed, &answered, SECOND + 1);
        let text = String::from_utf8(lines.lines).expect("ASCII");
        let names: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
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
            (Status::PartialContent, false, true, Some("\x1b[32m206\x1b[0m -")),
            (Status::Found, false, true, Some("\x1b[36m302\x1b[0m -")),
            (Status::NotFound, false, true, Some("\x1b[33m404\x1b[0m -")),
            (Status::ServiceUnavailable, true, true, Some("\x1b[31m503\x1b[0m -")),
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
            (LogFormat::Simple, "\n\n\nb \"\u{e4}]", "2001:db8::1 - b\\x20\\x22\\xc3\\xa4] ["),
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

    /// The longest of everything, of plain and of odd bytes, in every format.
    #[test]
    fn no_line_is_longer_than_a_pipe_takes_in_one_piece() {
        let formats = [
            (LogFormat::Simple, 1),
            (LogFormat::Common, 1),
            (LogFormat::Combined, 3),
            (LogFormat::Json, 3),
            (LogFormat::Off, 0),
        ];
        let zone =
            |_| format!("2001:db8:1111:2222:3333:4444:255.255.255.255%{}", "\x01".repeat(15));
        for (format, fields) in formats {
            for unit in ["x", "\u{ff}", "\u{20ac}", "\u{1f600}", "\u{1}", "\"", "\\", "\u{9b}"] {
                let field = unit.repeat(40_000 / unit.len());
                for asker in ["", &field] {
                    let text = [&field, &field, &field, asker, &field]
                        .map(|part: &str| part.to_owned())
                        .join("\n");
                    let mut lines = none(format, false, true);
                    let answered = Answered {
                        note: text.into_bytes(),
                        status: Status::ServiceUnavailable,
                        content_bytes: u64::MAX,
                    };
                    lines.add(peer(7), zone, &answered, SECOND);
                    let line = String::from_utf8(lines.lines).expect("UTF-8");
                    assert!(line.len() <= WRITE_BYTES_MAX, "{} bytes: {line}", line.len());
                    let marks = line.matches("...").count();
                    // The user's name is one more.
                    let expected = match fields {
                        0 => 0,
                        fields => fields + 1 + usize::from(!asker.is_empty()),
                    };
                    assert_eq!(marks, expected, "{line}");
                    assert_eq!(line.matches('\n').count(), usize::from(fields > 0));
                }
            }
        }
    }

    /// Rows: what stands before and after so many of the same, and what is left of it.
    #[test]
    fn fields_are_cut_between_characters() {
        let plain = |count: usize| "x".repeat(count);
        // The format, the field, the field in the log.
        let rows = [
            (LogFormat::Common, plain(1_024), plain(1_024)),
            (LogFormat::Common, plain(1_025), plain(1_021) + "..."),
            (LogFormat::Json, plain(1_024), plain(1_024)),
            (LogFormat::Json, plain(1_025), plain(1_021) + "..."),
            // An escape sequence that ends at the bound, and one that does not.
            (LogFormat::Common, plain(1_020) + "\"", plain(1_020) + "\\x22"),
            (LogFormat::Common, plain(1_021) + "\"", plain(1_021) + "..."),
            (LogFormat::Common, plain(1_017) + "\"xxxx", plain(1_017) + "\\x22..."),
            (LogFormat::Common, plain(1_018) + "\"xxxx", plain(1_018) + "..."),
            (LogFormat::Json, plain(1_019) + "\"xxxx", plain(1_019) + "\\\"..."),
            (LogFormat::Json, plain(1_020) + "\"xxxx", plain(1_020) + "..."),
            (LogFormat::Json, plain(1_019) + "\\xxxx", plain(1_019) + "\\\\..."),
            (LogFormat::Json, plain(1_015) + "\u{1}xxxx", plain(1_015) + "\\u0001..."),
            (LogFormat::Json, plain(1_016) + "\u{1}xxxx", plain(1_016) + "..."),
            (LogFormat::Json, plain(1_017) + "\u{1f600}xxxx", plain(1_017) + "\u{1f600}..."),
            (LogFormat::Json, plain(1_018) + "\u{1f600}xxxx", plain(1_018) + "..."),
            (LogFormat::Json, plain(1_019) + "\u{20ac}xxxx", plain(1_019) + "..."),
            (LogFormat::Json, plain(1_019) + "\u{e4}xxxx", plain(1_019) + "\u{e4}..."),
            // The words of a request-line stay three.
            (LogFormat::Json, plain(1_015) + " HTTP/1.1", plain(1_015) + " HTTP/1.1"),
            (LogFormat::Common, plain(1_016) + " HTTP/1.1", plain(1_012) + "... HTTP/1.1"),
            (LogFormat::Json, plain(9_000) + " HTTP/1.0", plain(1_012) + "... HTTP/1.0"),
            (LogFormat::Common, plain(9_000) + " HTTP/1.9", plain(1_012) + "... HTTP/1.9"),
            (LogFormat::Common, plain(9_000) + " HTTP/1.\"", plain(1_021) + "..."),
            (LogFormat::Common, plain(9_000) + "HTTP/1.1", plain(1_021) + "..."),
        ];
        for (format, field, expected) in rows {
            let log = none(format, false, false).log;
            let (before, after) = match format {
                LogFormat::Json => ("\"request\":\"", "\",\"status\":"),
                _ => ("] \"", "\" 200 "),
            };
            let note = log.note(field.as_bytes(), None, None, None);
            for note in [note, field.into_bytes()] {
                let line = line(format, &note, 0);
                let found = line.split(before).nth(1).and_then(|rest| rest.split(after).next());
                assert_eq!(found, Some(&expected[..]), "{format:?}");
            }
        }
    }

    /// The name of an interface may hold anything but a slash, a colon and white space.
    #[test]
    fn the_client_is_escaped_like_the_rest() {
        let name = |_| "fe80::1%\"\\\u{1}\u{e4} x";
        for (format, start) in [
            (LogFormat::Simple, "fe80::1%\\x22\\x5c\\x01\\xc3\\xa4\\x20x - - ["),
            (LogFormat::Common, "fe80::1%\\x22\\x5c\\x01\\xc3\\xa4\\x20x - - ["),
            (LogFormat::Combined, "fe80::1%\\x22\\x5c\\x01\\xc3\\xa4\\x20x - - ["),
            (
                LogFormat::Json,
                "{\"time\":\"2017-07-09T11:49:41+02:00\",\"client\":\"fe80::1%\\\"\\\\\\u0001\u{e4} x\",\"request\":",
            ),
        ] {
            let mut lines = none(format, false, false);
            let answered =
                Answered { note: b"GET /".to_vec(), status: Status::Ok, content_bytes: 0 };
            lines.add(peer(9), name, &answered, SECOND);
            let line = String::from_utf8(lines.lines).expect("UTF-8");
            assert!(line.starts_with(start), "{line}");
            // The same where a proxy has named the client.
            let mut lines = none(format, false, false);
            let note = format!("GET /\n\n\n{}\n", name(peer(9))).into_bytes();
            lines.add(peer(1), |_| "::1", &Answered { note, ..answered }, SECOND);
            let line = String::from_utf8(lines.lines).expect("UTF-8");
            assert!(line.starts_with(start), "{line}");
        }
    }

    /// Nobody writes: a share fills, the other one does not, and it is said how many were lost.
    #[test]
    fn each_worker_has_a_share() {
        let log = Log::new(LogFormat::Common, false, false, LocalTime::of_system());
        let (mut one, mut other) = (Share::default(), Share::default());
        let line = [&[b'x'; 1_023][..], b"\n"].concat();
        for _ in 0..64 {
            log.push(&line, 1, &mut one);
        }
        // A call to write has begun, and does not end.
        log.calls.fetch_add(1, Ordering::Relaxed);
        log.push(&line.repeat(2), 2, &mut one);
        assert_eq!(log.queue().overrun, Some(Overrun::Blocked));
        // Nobody waits any more.
        let begin = Instant::now();
        for _ in 0..1_000 {
            log.push(&line, 1, &mut one);
        }
        assert!(begin.elapsed() < PATIENCE * 100);
        for _ in 0..64 {
            log.push(&line, 1, &mut other);
        }
        let mut queue = log.queue();
        assert_eq!(queue.lines.len(), 128 << 10);
        let mut warnings = Vec::new();
        queue.lost.tell(&mut warnings);
        let expected = "ipv6-httpd: 1002 lines of the log were lost: standard output was blocked\n";
        assert_eq!(String::from_utf8(warnings).expect("ASCII"), expected);
        assert!(queue.lost.is_empty());
        // What waited is taken: there is room again.
        queue.lines.clear();
        queue.taken += 1;
        drop(queue);
        log.push(&line, 1, &mut one);
        assert_eq!(log.queue().lines.len(), 1_024);
    }

    /// A worker whose share is full goes on as soon as there is room.
    #[test]
    fn a_worker_waits_for_room() {
        let log = Log::new(LogFormat::Common, false, false, LocalTime::of_system());
        let line = [&[b'x'; 1_023][..], b"\n"].concat();
        let mut taken_lines = 0;
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut share = Share::default();
                    for _ in 0..1_000 {
                        log.push(&line, 1, &mut share);
                    }
                });
            }
            while taken_lines < 3_000 {
                let mut queue = log.queue();
                taken_lines += queue.lines.len() >> 10;
                queue.lines.clear();
                queue.taken += 1;
                log.room.notify_all();
                assert!(queue.lost.is_empty(), "{:?}", queue.lost);
            }
        });
    }

    #[test]
    fn each_reason_is_told() {
        let mut lost = Lost { blocked: 1, late: 2, failed: 3, error: "No space".to_owned() };
        let mut warnings = Vec::new();
        lost.tell(&mut warnings);
        let expected = "ipv6-httpd: 6 lines of the log were lost: standard output was blocked (1); \
                        they came faster than they were written (2); No space (3)\n";
        assert_eq!(String::from_utf8(warnings).expect("ASCII"), expected);
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
        assert!(combined.ends_with("\"GET /\" 200 - \"-\" \"-\"\n"), "{combined}");
    }
}
