//! A client's socket: receive, send, never wait.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;

use crate::http::connection::Chunk;
use crate::sys;

/// A socket that does not block.
#[derive(Debug)]
pub struct Transport {
    stream: TcpStream,
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

/// What one client is sent before the others get their turn, and so in one call from a file. What
/// fits into a receiver's buffer is handled while it is still in the processor's cache: a MiB at a
/// time costs twice the processor time, at both ends.
pub const TURN_BYTES_MAX: usize = 128 << 10;

/// Files up to this size go from their pages right behind the head. Of a larger one the first block
/// is copied behind it: on loopback 100 KiB cost a quarter more otherwise.
const UNCOPIED_BYTES_MAX: u64 = 16 << 10;

impl Transport {
    /// Takes over a socket that was just accepted.
    pub fn new(stream: TcpStream) -> io::Result<Transport> {
        stream.set_nonblocking(true)?;
        Ok(Transport { stream })
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

    /// Sends as much of the chunk as goes; `None` if nothing does. The head of an answer and the
    /// beginning of its file leave together: minimal clients want them in one segment. The rest
    /// goes from the file to the socket directly.
    pub fn send(&self, chunk: &Chunk<'_>, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        let Some((file, range)) = &chunk.file else {
            return or_blocked(self.write(chunk.bytes, chunk.is_last));
        };
        let length = range.end - range.start;
        if chunk.bytes.is_empty() {
            return self.send_file(file, range);
        }
        if length <= UNCOPIED_BYTES_MAX {
            let sent = or_blocked(sys::send_more(&self.stream, chunk.bytes))?;
            if sent != Some(chunk.bytes.len()) {
                return Ok(sent);
            }
            let more = self.send_file(file, range)?;
            return Ok(sent.map(|sent| sent + more.unwrap_or(0)));
        }
        let Some((start, room)) = scratch.split_at_mut_checked(chunk.bytes.len()) else {
            return or_blocked((&self.stream).write(chunk.bytes));
        };
        start.copy_from_slice(chunk.bytes);
        let wanted = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(room.len());
        let read = match room.get_mut(..wanted) {
            Some(room) if !room.is_empty() => not_shorter(sys::read_at(file, room, range.start)?)?,
            _ => 0,
        };
        let bytes = scratch.get(..chunk.bytes.len() + read).unwrap_or_default();
        or_blocked(self.write(bytes, chunk.is_last && read as u64 == length))
    }

    fn send_file(&self, file: &File, range: &Range<u64>) -> io::Result<Option<usize>> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let count = length.min(TURN_BYTES_MAX);
        or_blocked(sys::send_file(&self.stream, file, range.start, count).and_then(not_shorter))
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

fn or_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A file that ends before what was promised: the connection has to be closed, since nothing else
/// tells the client. Nothing is ever made up.
fn not_shorter(count: usize) -> io::Result<usize> {
    if count == 0 {
        Err(io::ErrorKind::UnexpectedEof.into())
    } else {
        Ok(count)
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
        let chunk = Chunk {
            bytes: b"the answer",
            file: None,
            is_last: true,
        };
        let transport = Transport::new(stream).expect("a socket");
        let sent = transport.send(&chunk, &mut []).expect("a client");
        assert_eq!(sent, Some(10));
        drop(transport);
        let mut answer = Vec::new();
        // Ends, or is reset behind it.
        let _ = client.read_to_end(&mut answer);
        assert_eq!(answer, b"the answer");
    }
}
