//! Standard output and standard error: what the server says, and the access log, one line for each
//! answer. One thread writes all of it, so that a stopped terminal or a full pipe stops neither the
//! server nor its end. Lines that do not fit meanwhile are counted, and reported afterwards.

mod escape;
mod line;
mod queue;
pub mod record;
mod whole_lines;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::thread;

use crate::config::{Config, LogFormat};
use crate::http::fields::{Field, Fields};
use crate::http::responder::Answered;
use crate::peer::Peer;
use crate::sys::Standard;

use super::colours::has_colours;
use super::local_time::LocalTime;
use line::{Line, Style};
use queue::{Queue, Share};
use record::{Parts, Record};
use whole_lines::WRITE_BYTES_MAX;

/// The log, for all threads.
#[derive(Debug)]
pub struct Log {
    style: Style,
    only_errors: bool,
    local_time: LocalTime,
    queue: Arc<Queue>,
}

impl Log {
    /// Starts the thread that writes.
    pub fn start(config: &Config, local_time: LocalTime) -> io::Result<Arc<Log>> {
        let format = config.log;
        let colours = format == LogFormat::Simple && has_colours();
        let queue = Arc::new(Queue::default());
        let only_errors = config.log_only_errors;
        let style = Style { format, colours };
        let log = Log { style, only_errors, local_time, queue: Arc::clone(&queue) };
        Standard::survive_limits();
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(64 << 10)
            .spawn(move || writer::run(&queue))?;
        Ok(Arc::new(log))
    }

    /// What to keep of a request until it is answered. `None`: nothing is logged. `line`: what came
    /// as the request-line. `client`: the client, if it is not the peer of the connection.
    pub fn record(
        &self,
        line: &[u8],
        fields: Option<Fields<'_>>,
        client: Option<&str>,
        user: Option<&str>,
    ) -> Option<Record> {
        let value = |field| fields.and_then(|fields| fields.all(field).next()).unwrap_or_default();
        let (referer, user_agent) = match self.style.format {
            LogFormat::Off => return None,
            LogFormat::Simple | LogFormat::Common => (&b""[..], &b""[..]),
            LogFormat::Combined | LogFormat::Json => {
                (value(Field::Referer), value(Field::UserAgent))
            }
        };
        let client = client.unwrap_or_default().as_bytes();
        let user = user.unwrap_or_default().as_bytes();
        let parts = Parts { referer, user_agent, client, user, ..Parts::of_line(line) };
        Some(Record::new(&parts))
    }

    /// Writes lines of the server's own, whatever else waits.
    pub fn say(&self, lines: &str) {
        self.queue.say(lines);
    }

    /// Writes a line to standard error.
    pub fn warn(&self, text: &str) {
        self.queue.warn(text);
    }

    /// Waits until everything is written, for a second at most.
    pub fn finish(&self) {
        self.queue.finish();
    }
}

/// The lines of one worker's turn.
#[derive(Debug)]
pub struct Lines {
    log: Arc<Log>,
    lines: Vec<u8>,
    count: u64,
    share: Share,
    /// The second of `time`.
    second: i64,
    /// The time stamp of the last line.
    time: Vec<u8>,
    /// The peer of the last line.
    peer: Option<Peer>,
    /// Its name, as lines show it.
    name: Vec<u8>,
}

impl Lines {
    /// No lines yet.
    pub fn new(log: Arc<Log>) -> Lines {
        Lines {
            log,
            lines: Vec::new(),
            count: 0,
            share: Share::default(),
            second: i64::MIN,
            time: Vec::new(),
            peer: None,
            name: Vec::new(),
        }
    }

    /// The log of these lines.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Adds the line of an answer to `peer` at a Unix time.
    pub fn add(&mut self, peer: Peer, answered: Answered<Record>, second: i64) {
        let Answered { record, status, content_bytes } = answered;
        if self.log.only_errors && !status.is_error() {
            return;
        }
        let style = self.log.style;
        if self.second != second {
            self.second = second;
            self.time.clear();
            let offset = self.log.local_time.offset(second);
            style.write_time(second, offset, &mut self.time);
            // The interface in its name may have been renamed.
            self.peer = None;
        }
        if self.peer != Some(peer) {
            self.peer = Some(peer);
            self.name.clear();
            style.write_client(peer.name().to_string().as_bytes(), &mut self.name);
        }
        let (time, peer, parts) = (&self.time, &self.name, record.parts());
        style.write(&Line { time, peer, parts, status, content_bytes }, &mut self.lines);
        self.count += 1;
        if self.lines.len() >= WRITE_BYTES_MAX {
            self.flush();
        }
    }

    /// Hands the lines over, at the end of a turn.
    pub fn flush(&mut self) {
        if !self.lines.is_empty() {
            self.log.queue.push(&self.lines, self.count, &mut self.share);
            self.lines.clear();
            self.count = 0;
        }
    }
}
