//! Writes lines whole or not at all. When a full disk has accepted a part of a line, the rest of it
//! is written first once there is room again.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

use crate::sys::Standard;

/// Where lines go.
pub trait Sink {
    /// Writes the beginning of `bytes`. Returns how many bytes were written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// The length of the file, if it is one.
    fn length(&self) -> Option<u64>;
}

impl Sink for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Standard::write(*self, bytes)
    }

    fn length(&self) -> Option<u64> {
        Standard::length(*self)
    }
}

/// A sink, and the line that has been written in part.
#[derive(Debug)]
pub struct WholeLines<S> {
    sink: S,
    /// The rest of that line, with its line feed. Empty: there is no such line.
    rest: Vec<u8>,
    /// The length of the file at that time. If the file is shorter now, it has been emptied.
    length: Option<u64>,
}

/// Lines that could not be written.
#[derive(Debug)]
pub struct Unwritten {
    /// The error of the call that failed.
    pub error: io::Error,
    /// How many lines. A line that has been written in part is not counted.
    pub lines: u64,
}

/// A pipe accepts this much in one piece, not mixed with the output of other processes. No line of
/// the log is longer.
pub const WRITE_BYTES_MAX: usize = 4 << 10;
/// How long we wait for a full terminal or pipe that was set not to block.
const RETRY: Duration = Duration::from_millis(10);

impl<S: Sink> WholeLines<S> {
    /// Nothing has been written yet.
    pub fn new(sink: S) -> WholeLines<S> {
        let (rest, length) = (Vec::new(), None);
        WholeLines { sink, rest, length }
    }

    /// Whether a line has been written in part.
    pub fn is_torn(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Completes the line that has been written in part. `Ok(true)`: its file has been emptied, and
    /// the line is lost.
    pub fn mend(&mut self) -> io::Result<bool> {
        if !self.is_torn() {
            return Ok(false);
        }
        if self.sink.length() < self.length {
            self.rest.clear();
            return Ok(true);
        }
        while !self.rest.is_empty() {
            match write(&mut self.sink, &self.rest) {
                Ok(count) => drop(self.rest.drain(..count)),
                Err(error) => {
                    self.length = self.sink.length();
                    return Err(error);
                }
            }
        }
        Ok(false)
    }

    /// Writes lines, only whole ones in each call of the sink. Calls `progress` before and after
    /// each. Returns how many earlier lines were lost after all: at most one.
    pub fn write(&mut self, lines: &[u8], mut progress: impl FnMut()) -> Result<u64, Unwritten> {
        let mended = if self.is_torn() {
            progress();
            let mended = self.mend();
            progress();
            mended
        } else {
            Ok(false)
        };
        let unwritten = |error, rest| {
            let lines = count(rest);
            Unwritten { error, lines }
        };
        let lost = match mended {
            Ok(is_lost) => u64::from(is_lost),
            Err(error) => return Err(unwritten(error, lines)),
        };
        let mut rest = lines;
        while !rest.is_empty() {
            let fitting = rest.get(..WRITE_BYTES_MAX.min(rest.len())).unwrap_or(rest);
            let end = fitting.iter().rposition(|&byte| byte == b'\n');
            let end = end.map_or(fitting.len(), |at| at + 1);
            let (mut piece, later) = rest.split_at_checked(end).unwrap_or((rest, b""));
            let mut is_begun = false;
            while !piece.is_empty() {
                progress();
                let written = write(&mut self.sink, piece);
                progress();
                match written {
                    Ok(taken) => {
                        is_begun = piece.get(..taken).is_some_and(|part| !part.ends_with(b"\n"));
                        piece = piece.get(taken..).unwrap_or_default();
                    }
                    Err(error) => {
                        let whole = rest.get(end - piece.len()..).unwrap_or_default();
                        let end = whole.iter().position(|&byte| byte == b'\n');
                        let end = end.map_or(whole.len(), |at| at + 1);
                        let (torn, behind) = whole.split_at_checked(end).unwrap_or((whole, b""));
                        if !is_begun {
                            return Err(unwritten(error, whole));
                        }
                        self.rest = torn.to_vec();
                        self.length = self.sink.length();
                        return Err(unwritten(error, behind));
                    }
                }
            }
            rest = later;
        }
        Ok(lost)
    }

    /// Forgets the line that has been written in part. Returns how many lines that are: at most one.
    pub fn give_up(&mut self) -> u64 {
        let is_torn = self.is_torn();
        self.rest.clear();
        u64::from(is_torn)
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// One call that writes something or fails.
fn write(sink: &mut impl Sink, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match sink.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for `room` bytes.
    struct Disk {
        file: Vec<u8>,
        room: usize,
        /// The most that one call writes.
        most: usize,
    }

    impl Sink for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room).min(self.most);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= count;
            self.file.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn length(&self) -> Option<u64> {
            Some(self.file.len() as u64)
        }
    }

    fn disk(room: usize, most: usize) -> WholeLines<Disk> {
        let file = Vec::new();
        WholeLines::new(Disk { file, room, most })
    }

    /// The disk is full after any number of bytes, and has room again after any number of lines.
    #[test]
    fn lines_are_whole_however_full_the_disk_was() {
        const LINES: [&str; 4] = ["one\n", "two two\n", "\n", "four\n"];
        let all = LINES.concat();
        for most in [1, 3, 100] {
            for room in 0..=all.len() {
                for more in 0..=LINES.len() {
                    let mut output = disk(room, most);
                    let mut lost = 0;
                    for (at, line) in LINES.iter().enumerate() {
                        if at == more {
                            output.sink.room = 100;
                        }
                        match output.write(line.as_bytes(), || ()) {
                            Ok(lines) => assert_eq!(lines, 0),
                            Err(unwritten) => {
                                assert_eq!(unwritten.error.kind(), ErrorKind::StorageFull);
                                lost += unwritten.lines;
                            }
                        }
                    }
                    output.sink.room = 100;
                    assert!(!output.mend().expect("room"));
                    let file = String::from_utf8(output.sink.file).expect("text");
                    let found = file.split_inclusive('\n');
                    let mut written = 0;
                    // The file holds some of the lines, in their order.
                    let mut lines = LINES.iter();
                    for line in found {
                        assert!(lines.any(|other| *other == line), "{file:?}");
                        written += 1;
                    }
                    assert_eq!(written + lost, 4, "{room} bytes, room again at {more}");
                }
            }
        }
    }

    #[test]
    fn in_one_call_the_same() {
        let all = "one\ntwo two\n\nfour\n";
        for most in [1, 3, 100] {
            for room in 0..all.len() {
                let mut output = disk(room, most);
                let unwritten = output.write(all.as_bytes(), || ()).expect_err("full");
                let whole = count(&output.sink.file);
                let is_torn = !output.sink.file.is_empty() && !output.sink.file.ends_with(b"\n");
                assert_eq!(output.is_torn(), is_torn);
                assert_eq!(whole + u64::from(is_torn) + unwritten.lines, 4);
                output.sink.room = 100;
                assert_eq!(output.write(b"new\n", || ()).expect("room"), 0);
                let expected = (whole + u64::from(is_torn)) as usize;
                let expected: String = all.split_inclusive('\n').take(expected).collect();
                let file = String::from_utf8(output.sink.file).expect("text");
                assert_eq!(file, expected + "new\n", "{room} bytes");
            }
        }
    }

    #[test]
    fn a_file_that_was_emptied_begins_with_a_whole_line() {
        let mut output = disk(6, 100);
        assert!(output.write(b"one\ntwo\n", || ()).is_err());
        assert!(output.is_torn());
        output.sink.file.clear();
        output.sink.room = 100;
        assert_eq!(output.write(b"three\n", || ()).expect("room"), 1);
        assert_eq!(output.sink.file, b"three\n");
        assert_eq!(output.give_up(), 0);
    }

    #[test]
    fn calls_end_at_line_ends() {
        let mut output = disk(1 << 20, usize::MAX);
        let line = [&vec![b'x'; 1_500][..], b"\n"].concat();
        let mut calls = 0;
        output.write(&line.repeat(5), || calls += 1).expect("room");
        // Before and after each of three.
        assert_eq!(calls, 2 * 3);
        assert_eq!(output.sink.file, line.repeat(5));
    }
}
