//! Clients that speak raw bytes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Once;

use ipv6_httpd::sys::raise_open_files_max;

use super::DEADLINE;

/// A client's connection. What the server sends is read as far as is asked for.
#[derive(Debug)]
pub struct Conversation<S = TcpStream> {
    stream: S,
    /// What has come and was not asked for yet.
    received: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// With its empty line.
    pub head: String,
    /// Exactly Content-Length bytes; none to HEAD.
    pub body: Vec<u8>,
}

impl Conversation {
    /// Connects.
    pub fn open(address: impl ToSocketAddrs) -> Conversation {
        Conversation::over(connect(address))
    }

    /// No more requests.
    pub fn shut_down_writing(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("half-closed");
    }
}

impl<S: Read + Write> Conversation<S> {
    /// Over a stream that is connected.
    pub fn over(stream: S) -> Conversation<S> {
        Conversation { stream, received: Vec::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("sent");
    }

    /// The same where the server may have closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends a GET.
    pub fn request(&mut self, path: &str) {
        self.send(get(path));
    }

    /// Sends a GET and reads the answer.
    pub fn get(&mut self, path: &str) -> Answer {
        self.request(path);
        self.answer()
    }

    /// Reads one answer, whole.
    pub fn answer(&mut self) -> Answer {
        let head = self.head();
        let length = content_length(&head);
        let body = self.take(length as usize);
        Answer { head, body }
    }

    /// Reads one answer to HEAD: what Content-Length promises does not follow.
    pub fn answer_to_head(&mut self) -> Answer {
        let head = self.head();
        Answer { head, body: Vec::new() }
    }

    /// Reads a head with its empty line.
    pub fn head(&mut self) -> String {
        loop {
            let end = self.received.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.received.drain(..end + 4).collect();
                return String::from_utf8(head).expect("an ASCII head");
            }
            self.more();
        }
    }

    /// Reads so many bytes.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.received);
        if bytes.len() > count {
            self.received = bytes.split_off(count);
        } else {
            let start = bytes.len();
            bytes.resize(count, 0);
            self.stream.read_exact(&mut bytes[start..]).expect("as many bytes as promised");
        }
        bytes
    }

    /// Reads until the server closes, and fails where it resets the connection instead.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.received);
        self.stream.read_to_end(&mut bytes).expect("an orderly end");
        bytes
    }

    /// Reads until the connection is closed or reset.
    pub fn rest_or_reset(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.received);
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => panic!("{error}"),
            _ => bytes,
        }
    }

    /// Fails unless the server closes now, having sent nothing more.
    pub fn expect_end(&mut self) {
        assert_eq!(String::from_utf8_lossy(&self.rest()), "");
    }

    fn more(&mut self) {
        let mut block = [0; 16 << 10];
        let count = loop {
            match self.stream.read(&mut block) {
                // A read with a time-out is not taken up again when the process was stopped.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.expect("bytes before the deadline"),
            }
        };
        let so_far = String::from_utf8_lossy(&self.received);
        assert_ne!(count, 0, "the connection ended after {so_far:?}");
        self.received.extend_from_slice(&block[..count]);
    }
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        let code = self.head.get(9..12).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("no status in {:?}", self.head))
    }

    /// The value of a field; the case of its name counts.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.split("\r\n");
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}

/// The request that most tests send.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Connects. Nothing that is read or written takes longer than the deadline.
pub fn connect(address: impl ToSocketAddrs) -> TcpStream {
    try_connect(address).expect("a connection")
}

/// The same where nobody may listen.
pub fn try_connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
    static FILES: Once = Once::new();
    // Tests that run at the same time have more connections than many a machine gives a process.
    FILES.call_once(|| _ = raise_open_files_max());
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Asks once, on a connection of its own.
pub fn fetch(address: impl ToSocketAddrs, path: &str) -> Answer {
    Conversation::open(address).get(path)
}

/// Sends a request that is the last of its connection, and reads until that is closed or reset.
pub fn exchange(address: impl ToSocketAddrs, request: impl AsRef<[u8]>) -> Vec<u8> {
    let mut client = Conversation::open(address);
    client.send(request);
    client.rest_or_reset()
}

/// What a head says its body has; 204 and 304 have none.
fn content_length(head: &str) -> u64 {
    let value = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
    match value {
        Some(value) => value.parse().expect("a number"),
        None => {
            let status = &head[9..12];
            assert!(matches!(status, "204" | "304"), "no Content-Length in {head:?}");
            0
        }
    }
}
