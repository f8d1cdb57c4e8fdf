//! The thread that writes to standard output and standard error. Only this thread waits for them.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sys::Standard;

use super::queue::{Lost, Queue, Waiting};
use super::whole_lines::{Unwritten, WRITE_BYTES_MAX, WholeLines};

/// Trouble with standard output is reported once in this time.
const BETWEEN_REPORTS: Duration = Duration::from_secs(60);
/// A line that is written in part is tried again after this time, even if no other line comes.
const BETWEEN_MENDS: Duration = Duration::from_secs(1);

/// What the thread knows.
#[derive(Debug)]
struct Writer {
    output: WholeLines<Standard>,
    errors: WholeLines<Standard>,
    /// The lines that are being written.
    lines: Vec<u8>,
    /// Lines lost since the last report.
    lost: Lost,
    /// Standard output accepted nothing the last time.
    failing: bool,
    /// When trouble was last reported.
    reported: Option<Instant>,
}

/// What is written at once, beside [`Writer::lines`].
#[derive(Debug)]
struct Batch {
    warnings: Vec<u8>,
    /// Nothing comes after it.
    is_last: bool,
}

/// Writes what comes until nothing more will come.
pub fn run(queue: &Arc<Queue>) {
    let mut writer = Writer {
        output: WholeLines::new(Standard::Output),
        errors: WholeLines::new(Standard::Error),
        lines: Vec::new(),
        lost: Lost::default(),
        failing: false,
        reported: None,
    };
    while let Some(batch) = writer.next(queue) {
        writer.write(queue, &batch);
    }
}

impl Writer {
    /// Waits for something to write. `None`: everything is written, and nothing more will come.
    fn next(&mut self, queue: &Queue) -> Option<Batch> {
        let mut waiting = queue.lock();
        loop {
            waiting.writing = false;
            waiting.end_overrun();
            self.report_lost(&mut waiting);
            let is_torn = self.output.is_torn();
            if waiting.is_empty() && !(waiting.ended && is_torn) {
                if waiting.ended {
                    queue.finished(waiting);
                    return None;
                }
                let pause = match () {
                    () if is_torn => Some(BETWEEN_MENDS),
                    () if !self.failing && !self.lost.is_empty() => Some(self.until_report()),
                    () => None,
                };
                waiting = queue.wait(waiting, pause);
                if pause.is_none() {
                    continue;
                }
            }
            waiting.writing = true;
            queue.take_lines(&mut waiting, &mut self.lines);
            let warnings = std::mem::take(&mut waiting.warnings);
            return Some(Batch { warnings, is_last: waiting.ended });
        }
    }

    /// Reports lost lines, if it is time to and somebody could read it.
    fn report_lost(&mut self, waiting: &mut Waiting) {
        self.lost.add(std::mem::take(&mut waiting.lost));
        let is_over = waiting.ended && waiting.lines.is_empty() && !self.output.is_torn();
        let is_time = !self.failing && self.until_report().is_zero();
        if !self.lost.is_empty() && (is_over || is_time) {
            self.lost.report(waiting);
            self.reported = Some(Instant::now());
        }
    }

    /// How long it is until trouble may be reported again.
    fn until_report(&self) -> Duration {
        let since = self.reported.map_or(BETWEEN_REPORTS, |reported| reported.elapsed());
        BETWEEN_REPORTS.saturating_sub(since)
    }

    fn write(&mut self, queue: &Queue, batch: &Batch) {
        let was_torn = self.output.is_torn();
        // Before the warnings: both may go to one file.
        if let Ok(true) = self.output.mend() {
            self.lost.failed += 1;
        }
        // The server goes on, even if nobody can read its warnings.
        let _ = self.errors.write(&batch.warnings, || ());
        match self.output.write(&self.lines, || queue.call()) {
            Ok(lost_lines) => {
                self.lost.failed += lost_lines;
                self.failing &= self.lines.is_empty() && !was_torn;
            }
            // The reader has closed the pipe, and will never read on.
            Err(Unwritten { error, .. }) if error.kind() == ErrorKind::BrokenPipe => {
                self.output.give_up();
                queue.lock().lost = Lost::default();
                self.lost = Lost::default();
            }
            Err(Unwritten { error, lines }) => {
                self.lost.failed += lines;
                self.lost.error = error.to_string();
                if batch.is_last {
                    self.lost.failed += self.output.give_up();
                }
                if !self.failing && self.until_report().is_zero() {
                    queue.lock().warn(&format!("cannot write to standard output: {error}"));
                    self.reported = Some(Instant::now());
                }
                self.failing = true;
            }
        }
        self.lines.clear();
        // After a rush, give the memory back.
        self.lines.shrink_to(WRITE_BYTES_MAX);
    }
}
