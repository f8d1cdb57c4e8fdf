//! A client's socket: receive, send, never wait.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;

use crate::http::outgoing::Chunk;
use crate::http::response::{FETCHED_BYTES_MAX, Reading};
use crate::sys::{self, SendFileError};

/// A socket that does not block.
#[derive(Debug)]
pub struct Transport {
    stream: TcpStream,
    /// How the rest of a file is sent, until the next file.
    way: Cell<Way>,
    /// As far as this offset, the file was in memory when we asked.
    in_memory_end: Cell<u64>,
}

/// How a file gets to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By sendfile.
    Direct,
    /// By sendfile, which has sent nothing the last time.
    Blocked,
    /// By read and write: sendfile was refused.
    Copied,
}

/// What became of a chunk.
#[derive(Debug)]
pub enum Sent {
    /// How many bytes of it were sent.
    Bytes(usize),
    /// None: there is no room for the moment.
    Blocked,
    /// None: its file cannot be read, or is shorter than it was.
    Unreadable(io::Error),
    /// None: its file is not in memory.
    Unready,
}

/// What came.
#[derive(Debug)]
pub enum Received {
    /// So many bytes at the start of the scratch buffer.
    Bytes(usize),
    /// The client will send no more.
    End,
    /// Nothing yet.
    Blocked,
}

/// What one client is sent before the others get their turn, and so at most in one call from a file.
/// With less there are more calls; more is no longer in the processor's cache when the client reads
/// it. Measured over loopback, 1 MiB, server and client together: 128 KiB 344 µs, 512 KiB 294, 2 MiB
/// 304.
pub const TURN_BYTES_MAX: usize = 512 << 10;

/// A file is in memory as far as the last byte of each piece of this size is.
const LOOKED_BYTES: u64 = 128 << 10;

impl Transport {
    /// Takes over a socket that does not block.
    pub fn new(stream: TcpStream) -> Transport {
        Transport { stream, way: Cell::new(Way::Direct), in_memory_end: Cell::new(0) }
    }

    /// The socket, for the poller.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads what is there, at most as much as the scratch buffer holds.
    pub fn receive(&self, scratch: &mut [u8]) -> io::Result<Received> {
        loop {
            return match (&self.stream).read(scratch) {
                Ok(0) => Ok(Received::End),
                Ok(count) => Ok(Received::Bytes(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Blocked),
                // What is there is not told again.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Sends as much of the chunk as goes. The head of an answer and the beginning of its file leave
    /// together: minimal clients want them in one segment, and a file that cannot be read is noticed
    /// while another head can still be sent. The rest goes from the file to the socket directly,
    /// where the file system can do that. A disk is never waited for. The error is the client's.
    pub fn send(&self, chunk: &Chunk<'_>, scratch: &mut [u8]) -> io::Result<Sent> {
        let Some((file, range)) = &chunk.file else {
            return or_blocked(self.write(chunk.bytes, chunk.is_last));
        };
        if !chunk.bytes.is_empty() {
            self.in_memory_end.set(0);
            // What one file system refuses another may do.
            self.way.set(Way::Direct);
            if chunk.bytes.len() as u64 >= FETCHED_BYTES_MAX {
                // The part before is among them.
                return or_blocked(self.write(chunk.bytes, false));
            }
        } else if self.way.get() != Way::Copied {
            let end = match chunk.reading {
                Reading::Tried => self.in_memory(file, range),
                Reading::AtOnce | Reading::Fetched => Some(range.end),
            };
            let Some(end) = end else {
                return Ok(Sent::Unready);
            };
            if let Some(sent) = self.send_directly(file, &(range.start..end))? {
                return Ok(sent);
            }
        }
        self.send_copied(chunk, file, range, scratch)
    }

    /// Where the part of the file ends that is in memory, as the last byte of each piece tells. `None`:
    /// it is not.
    fn in_memory(&self, file: &File, range: &Range<u64>) -> Option<u64> {
        let known = self.in_memory_end.get();
        if known > range.start {
            return Some(known.min(range.end));
        }
        let limit = range.end.min(range.start + TURN_BYTES_MAX as u64);
        let mut end = range.start;
        while end < limit {
            let next = limit.min(end + LOOKED_BYTES);
            match sys::read_at_once(file, &mut [0], next - 1) {
                Err(error) if may_wait(&error) => break,
                // Another error will be that of sending.
                _ => end = next,
            }
        }
        self.in_memory_end.set(end);
        (end > range.start).then_some(end)
    }

    /// From the file to the socket. `None`: not in this way.
    fn send_directly(&self, file: &File, range: &Range<u64>) -> io::Result<Option<Sent>> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let count = length.min(TURN_BYTES_MAX);
        match sys::send_file(&self.stream, file, range.start, count) {
            // The file ends here, or seems to.
            Ok(0) => Ok(None),
            Ok(count) => {
                self.way.set(Way::Direct);
                Ok(Some(Sent::Bytes(count)))
            }
            // Twice in a row it may be the file and not the socket: then this would never end.
            Err(SendFileError::Blocked) if self.way.get() == Way::Blocked => Ok(None),
            Err(SendFileError::Blocked) => {
                self.way.set(Way::Blocked);
                // It may take its time, and what is in memory now need not be then.
                self.in_memory_end.set(0);
                Ok(Some(Sent::Blocked))
            }
            Err(SendFileError::Client(error)) => Err(error),
            Err(SendFileError::File(error)) => Ok(Some(Sent::Unreadable(error))),
            Err(SendFileError::Exhausted) => Ok(None),
            Err(SendFileError::Refused) => {
                self.way.set(Way::Copied);
                Ok(None)
            }
        }
    }

    /// Through the scratch buffer: what there is in memory, and behind it as much of the file as
    /// there is room for.
    fn send_copied(
        &self,
        chunk: &Chunk<'_>,
        file: &File,
        range: &Range<u64>,
        scratch: &mut [u8],
    ) -> io::Result<Sent> {
        let Some((start, room)) = scratch.split_at_mut_checked(chunk.bytes.len()) else {
            return or_blocked((&self.stream).write(chunk.bytes));
        };
        start.copy_from_slice(chunk.bytes);
        let length = range.end - range.start;
        let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(room.len());
        let mut read = 0;
        let read_at = match chunk.reading {
            Reading::Tried => sys::read_at_once,
            Reading::AtOnce | Reading::Fetched => sys::read_at,
        };
        while let Some(rest) = room.get_mut(read..wanted).filter(|rest| !rest.is_empty()) {
            let error = match read_at(file, rest, range.start + read as u64) {
                // Nothing is ever made up in place of what a file no longer has.
                Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                Ok(count) => {
                    read += count;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if may_wait(&error) => match read {
                    0 => return Ok(Sent::Unready),
                    _ => break,
                },
                Err(error) => error,
            };
            // Behind a head that has left, what could be read is sent first.
            if !chunk.bytes.is_empty() || read == 0 {
                return Ok(Sent::Unreadable(error));
            }
            break;
        }
        let bytes = scratch.get(..chunk.bytes.len() + read).unwrap_or_default();
        or_blocked(self.write(bytes, chunk.is_last && read as u64 == length))
    }

    fn write(&self, bytes: &[u8], is_last: bool) -> io::Result<usize> {
        if !is_last {
            return (&self.stream).write(bytes);
        }
        let sent = sys::send_more(&self.stream, bytes)?;
        if sent == bytes.len() {
            // Here and not by closing: what has come unread meanwhile makes that a reset, which
            // drops what still waits. A client that is gone will be noticed at the close.
            let _ = self.shut_down_writing();
        }
        Ok(sent)
    }

    /// The client sees the end of what is sent, and can still send.
    pub fn shut_down_writing(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

/// Whether it is not in memory, or that is not known.
fn may_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Unsupported)
}

fn or_blocked(result: io::Result<usize>) -> io::Result<Sent> {
    match result {
        Ok(count) => Ok(Sent::Bytes(count)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
        {
            Ok(Sent::Blocked)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// RFC 9112 §9.6: a client that has sent more than was read gets the answer before the reset.
    #[test]
    fn the_last_answer_leaves_although_more_has_come() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let mut client = TcpStream::connect(address).expect("a connection");
        let (stream, _) = listener.accept().expect("the other end");
        client.write_all(b"\r\n").expect("two bytes");
        // They are there, and stay unread.
        assert_eq!(stream.peek(&mut [0; 1]).expect("bytes"), 1);
        let chunk =
            Chunk { bytes: b"the answer", file: None, reading: Reading::AtOnce, is_last: true };
        let transport = Transport::new(stream);
        let sent = transport.send(&chunk, &mut []).expect("a client");
        assert!(matches!(sent, Sent::Bytes(10)));
        drop(transport);
        let mut answer = Vec::new();
        // Ends, or is reset behind it.
        let _ = client.read_to_end(&mut answer);
        assert_eq!(answer, b"the answer");
    }
}
