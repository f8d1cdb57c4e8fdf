//! What the log keeps of a request until it is answered.

use super::escape::{CLIENT_BYTES_MAX, FIELD_BYTES_MAX, USER_BYTES_MAX};

/// The parts of a request that its line will show, in one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The parts, one after the other.
    text: Vec<u8>,
    /// Where each part ends. The last one ends with the text.
    ends: [u16; PARTS - 1],
}

/// The parts of a [`Record`], as the client sent them. Empty: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The request-line without its version.
    pub line: &'a [u8],
    /// The version with the space before it, ` HTTP/1.1`. Nothing in it needs to be escaped.
    pub version: &'a [u8],
    /// The field `Referer`.
    pub referer: &'a [u8],
    /// The field `User-Agent`.
    pub user_agent: &'a [u8],
    /// The client, if it is not the peer of the connection.
    pub client: &'a [u8],
    /// The user that has logged in.
    pub user: &'a [u8],
}

const PARTS: usize = 6;

impl<'a> Parts<'a> {
    /// The parts that every format shows. Programs that read logs count the words of a
    /// request-line, so the version stays where the line is cut.
    pub fn of_line(line: &'a [u8]) -> Parts<'a> {
        let (line, version) = match line.split_last_chunk() {
            Some((
                before,
                version @ [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'],
            )) => (before, &version[..]),
            _ => (line, &b""[..]),
        };
        Parts { line, version, ..Parts::default() }
    }
}

impl Record {
    /// Keeps as much of each part as a line can show.
    pub fn new(parts: &Parts<'_>) -> Record {
        // Escaping makes no part shorter, and one byte more shows that it has to be cut.
        let cut = |part, bytes_max| -> &[u8] { <[u8]>::get(part, ..=bytes_max).unwrap_or(part) };
        let parts: [&[u8]; PARTS] = [
            cut(parts.line, FIELD_BYTES_MAX),
            parts.version,
            cut(parts.referer, FIELD_BYTES_MAX),
            cut(parts.user_agent, FIELD_BYTES_MAX),
            cut(parts.client, CLIENT_BYTES_MAX),
            cut(parts.user, USER_BYTES_MAX),
        ];
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let mut text = Vec::with_capacity(bytes);
        let mut ends = [0; PARTS - 1];
        for (at, part) in parts.into_iter().enumerate() {
            text.extend_from_slice(part);
            if let Some(end) = ends.get_mut(at) {
                // All parts together have less than 4 KiB.
                *end = text.len() as u16;
            }
        }
        Record { text, ends }
    }

    /// The parts again.
    pub fn parts(&self) -> Parts<'_> {
        let mut start = 0;
        let mut next = |end: usize| {
            let part = self.text.get(start..end).unwrap_or_default();
            start = end;
            part
        };
        let [line, version, referer, user_agent, client] = self.ends;
        Parts {
            line: next(line.into()),
            version: next(version.into()),
            referer: next(referer.into()),
            user_agent: next(user_agent.into()),
            client: next(client.into()),
            user: next(self.text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let long = vec![b'x'; 5_000];
        for parts in [
            Parts::default(),
            Parts::of_line(b"GET / HTTP/1.1"),
            Parts { referer: b"r\n", client: b"192.0.2.1", ..Parts::of_line(b"GET /\nx HTTP/1.0") },
            Parts { user_agent: b"a", user: b"ana", ..Parts::of_line(b"") },
        ] {
            let record = Record::new(&parts);
            assert_eq!(record.parts(), parts);
        }
        let parts = Parts {
            line: &long,
            version: b" HTTP/1.1",
            referer: &long,
            user_agent: &long,
            client: &long,
            user: &long,
        };
        let record = Record::new(&parts);
        let found = record.parts();
        let lengths = [found.line, found.referer, found.user_agent, found.client, found.user];
        assert_eq!(lengths.map(<[u8]>::len), [1_025, 1_025, 1_025, 257, 513]);
        assert_eq!(found.version, b" HTTP/1.1");
    }

    #[test]
    fn versions() {
        let rows: [(&[u8], &[u8], &[u8]); 5] = [
            (b"GET / HTTP/1.1", b"GET /", b" HTTP/1.1"),
            (b"GET / HTTP/1.9", b"GET /", b" HTTP/1.9"),
            (b"GET / HTTP/1.\"", b"GET / HTTP/1.\"", b""),
            (b"GET /HTTP/1.1", b"GET /HTTP/1.1", b""),
            (b"", b"", b""),
        ];
        for (line, before, version) in rows {
            let parts = Parts::of_line(line);
            assert_eq!((parts.line, parts.version), (before, version));
        }
    }
}
