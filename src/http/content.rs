//! The length of a request's content (RFC 9112 §6.3) and its framing (§7.1). A file server has no
//! use for content, so it is read and discarded.

use super::fields::{Field, Fields};
use super::grammar::{decimal, hex_digit, is_field_content, is_tchar};
use super::request::Version;
use super::status::{Reject, Status};

/// The length of a request's content, decided once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// There is no content.
    None,
    /// Bytes after the head; not 0.
    Known(u64),
    /// The content is in chunks.
    Chunked,
}

impl ContentLength {
    /// Decides by RFC 9112 §6.3. Where the RFC allows a server to repair a message, this one
    /// rejects it: a proxy may have repaired it differently.
    pub fn of(version: Version, fields: Fields<'_>) -> Result<ContentLength, Reject> {
        let length = content_length(fields)?;
        if !fields.has(Field::TransferEncoding) {
            return Ok(match length {
                None | Some(0) => ContentLength::None,
                Some(length) => ContentLength::Known(length),
            });
        }
        if length.is_some() {
            // §6.3 step 3: this may be request smuggling, so we close.
            return Err(Reject::bad("Both Transfer-Encoding and Content-Length are present."));
        }
        if version == Version::Http10 {
            // §6.1: a server must treat this as faulty framing.
            return Err(Reject::bad("HTTP/1.0 has no Transfer-Encoding."));
        }
        let mut codings = fields.list(Field::TransferEncoding);
        match (codings.next(), codings.last()) {
            (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => {
                // RFC 9110 §6.6.2: Trailer announces these trailer fields. Go rejects them, too.
                let frames = FRAMING_FIELDS.iter().chain(&["trailer"]);
                if frames.into_iter().any(|name| fields.list_has(Field::Trailer, name)) {
                    return Err(TRAILER_FRAMES);
                }
                Ok(ContentLength::Chunked)
            }
            (Some(first), Some(last))
                if first.eq_ignore_ascii_case(b"chunked")
                    && last.eq_ignore_ascii_case(b"chunked") =>
            {
                // §6.1: a sender must not apply it more than once.
                Err(Reject::bad("\"chunked\" may be applied only once."))
            }
            // §6.3 step 4: unless chunked is last, the length is unknown.
            (Some(_), Some(last)) if last.eq_ignore_ascii_case(b"chunked") => Err(Reject::new(
                Status::NotImplemented,
                "The only supported transfer coding is chunked.",
            )),
            _ => Err(Reject::bad("The last transfer coding is not chunked.")),
        }
    }
}

/// §6.3 step 5. The RFC allows several equal lengths; we reject them to be safe.
fn content_length(fields: Fields<'_>) -> Result<Option<u64>, Reject> {
    let mut values = fields.all(Field::ContentLength);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match decimal(value) {
            None | Some(u64::MAX) => Err(Reject::bad("The Content-Length is not a number.")),
            length => Ok(length),
        },
        (Some(_), Some(_)) => Err(Reject::bad("There is more than one Content-Length.")),
    }
}

/// Finds the end of content that arrives in pieces.
#[derive(Debug)]
pub struct ContentDecoder {
    state: DecoderState,
    /// Bytes of chunk extensions and trailers so far.
    overhead_bytes: usize,
    /// Bytes of the current chunk line or of the trailer section so far.
    section_bytes: usize,
    /// The name of the current trailer line, in lower case.
    trailer_name: TrailerName,
}

/// The start of a name, as long as the longest of [`FRAMING_FIELDS`].
#[derive(Debug, Default)]
struct TrailerName {
    bytes: [u8; FRAMING_FIELDS[1].len()],
    length: usize,
}

/// RFC 9110 §6.5.1: a sender must not send these as trailers. A proxy that applied them to the
/// request would see another end than we do, so we reject them, as llhttp does. No other name
/// matters: we discard trailers and never merge them with the fields of the head.
const FRAMING_FIELDS: [&str; 2] = ["content-length", "transfer-encoding"];

impl TrailerName {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte.to_ascii_lowercase();
        }
        self.length += 1;
    }

    fn is_framing(&self) -> bool {
        let name = self.bytes.get(..self.length).unwrap_or_default();
        FRAMING_FIELDS.iter().any(|field| field.as_bytes() == name)
    }
}

#[derive(Clone, Copy, Debug)]
enum DecoderState {
    /// In a chunk line. `size`: from the digits so far.
    Line {
        size: u64,
        place: Place,
    },
    /// In the data of a chunk, or in content without chunks. `left`: bytes.
    Data {
        left: u64,
        chunked: bool,
    },
    /// After chunk data.
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

/// The place in a chunk line (RFC 9112 §7.1, §7.1.1):
/// `chunk-size *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) CRLF`.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Before the first digit.
    Start,
    Size {
        digits: u8,
    },
    /// After white space, before `;`.
    Semicolon,
    NameStart,
    Name,
    /// After a name and white space, before `;` or `=`.
    NameEnd,
    ValueStart,
    Token,
    Quoted,
    /// After a backslash in a quoted-string.
    Escaped,
    QuotedEnd,
    Lf,
}

/// Of all chunk extensions and trailers together.
const OVERHEAD_BYTES_MAX: usize = 16 << 10;
/// Of a chunk line with its CR LF (§7.1.1: a server should limit extensions). lighttpd rejects
/// longer ones, Go those of 4,096 bytes or more.
const LINE_BYTES_MAX: usize = 1_023;
/// Of the trailer section with the empty line at its end. Go rejects longer ones.
const TRAILERS_BYTES_MAX: usize = 4 << 10;
/// As many as 64 bits need. Leading zeros count: Go rejects more.
const SIZE_DIGITS_MAX: u8 = 16;
/// A size up to this may have another digit. lighttpd rejects sizes that do not fit its `off_t`.
const SIZE_BEFORE_DIGIT_MAX: u64 = (1 << 59) - 3;

const MALFORMED: Reject = Reject::bad("The chunked content is malformed.");
const TRAILER_FRAMES: Reject =
    Reject::bad("A trailer must not be Content-Length or Transfer-Encoding.");

impl ContentDecoder {
    /// `None` if there is no content.
    pub fn new(length: ContentLength) -> Option<ContentDecoder> {
        let state = match length {
            ContentLength::None => return None,
            ContentLength::Known(left) => DecoderState::Data { left, chunked: false },
            ContentLength::Chunked => CHUNK_START,
        };
        Some(ContentDecoder {
            state,
            overhead_bytes: 0,
            section_bytes: 0,
            trailer_name: TrailerName::default(),
        })
    }

    /// Whether the content has ended.
    pub fn is_done(&self) -> bool {
        matches!(self.state, DecoderState::Done)
    }

    /// Consumes content and returns how many bytes: all, unless the content ends earlier.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Reject> {
        let mut rest = bytes;
        while !self.is_done() {
            if let DecoderState::Data { left, chunked } = self.state {
                let taken = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                rest = rest.get(taken..).unwrap_or_default();
                self.state = match (left - taken as u64, chunked) {
                    (0, true) => DecoderState::DataCr,
                    (0, false) => DecoderState::Done,
                    (left, chunked) => DecoderState::Data { left, chunked },
                };
                if rest.is_empty() {
                    break;
                }
                continue;
            }
            let [byte, after @ ..] = rest else { break };
            self.state = self.framing(*byte)?;
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    /// Reads one byte outside of chunk data (RFC 9112 §7.1). Every line must end in CR LF.
    fn framing(&mut self, byte: u8) -> Result<DecoderState, Reject> {
        use DecoderState as S;
        self.count(byte)?;
        Ok(match (self.state, byte) {
            (S::Line { size, place }, _) => line(size, place, byte)?,
            (S::DataCr, b'\r') => S::DataLf,
            (S::DataLf, b'\n') => CHUNK_START,
            // §7.1.2: trailers are field lines, by the same rules as `fields::read_field_line`; a
            // test compares the two.
            (S::TrailerStart, b'\r') => S::EndLf,
            (S::TrailerStart | S::TrailerName, _) if is_tchar(byte) => {
                self.trailer_name.push(byte);
                S::TrailerName
            }
            (S::TrailerName, b':') => {
                if std::mem::take(&mut self.trailer_name).is_framing() {
                    return Err(MALFORMED);
                }
                S::TrailerValue
            }
            (S::TrailerValue, b'\r') => S::TrailerLf,
            (S::TrailerValue, _) if is_field_content(&[byte]) => S::TrailerValue,
            (S::TrailerLf, b'\n') => S::TrailerStart,
            (S::EndLf, b'\n') => S::Done,
            (S::Data { .. } | S::Done, _) => self.state,
            (
                S::DataCr
                | S::DataLf
                | S::TrailerStart
                | S::TrailerName
                | S::TrailerValue
                | S::TrailerLf
                | S::EndLf,
                _,
            ) => return Err(MALFORMED),
        })
    }

    /// Counts a byte of framing against its bounds.
    fn count(&mut self, byte: u8) -> Result<(), Reject> {
        match self.state {
            DecoderState::Line { size, place } => {
                self.section_bytes += 1;
                // Leading zeros of a size are overhead, too.
                let is_needed = match place {
                    Place::Start | Place::Lf => true,
                    Place::Size { .. } if size != 0 && byte.is_ascii_hexdigit() => true,
                    _ => byte == b'\r',
                };
                self.overhead_bytes += usize::from(!is_needed);
                let line_bytes = self.section_bytes;
                if line_bytes > LINE_BYTES_MAX || self.overhead_bytes > OVERHEAD_BYTES_MAX {
                    return Err(MALFORMED);
                }
                if matches!((place, byte), (Place::Lf, b'\n')) {
                    self.section_bytes = 0;
                }
            }
            DecoderState::TrailerStart
            | DecoderState::TrailerName
            | DecoderState::TrailerValue
            | DecoderState::TrailerLf
            | DecoderState::EndLf => {
                self.section_bytes += 1;
                self.overhead_bytes += 1;
                let trailers_bytes = self.section_bytes;
                if trailers_bytes > TRAILERS_BYTES_MAX || self.overhead_bytes > OVERHEAD_BYTES_MAX {
                    return Err(MALFORMED);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

const CHUNK_START: DecoderState = DecoderState::Line { size: 0, place: Place::Start };

/// Reads one byte of a chunk line. White space may stand only where §7.1.1 has BWS, which a
/// recipient must parse (RFC 9110 §5.6.3): beside `;` and `=`, never before CR LF.
fn line(size: u64, place: Place, byte: u8) -> Result<DecoderState, Reject> {
    use Place as P;
    let mut next_size = size;
    let place = match (place, byte) {
        (P::Start, _) if hex_digit(byte).is_some() => {
            next_size = u64::from(hex_digit(byte).unwrap_or(0));
            P::Size { digits: 1 }
        }
        (P::Size { digits }, _) if hex_digit(byte).is_some() => {
            if digits == SIZE_DIGITS_MAX || size > SIZE_BEFORE_DIGIT_MAX {
                // §7.1: a recipient must guard against sizes that overflow its integers.
                return Err(MALFORMED);
            }
            next_size = size << 4 | u64::from(hex_digit(byte).unwrap_or(0));
            P::Size { digits: digits + 1 }
        }
        (P::Size { .. } | P::Name | P::Token | P::QuotedEnd, b'\r') => P::Lf,
        (P::Lf, b'\n') if size == 0 => return Ok(DecoderState::TrailerStart),
        (P::Lf, b'\n') => {
            return Ok(DecoderState::Data { left: size, chunked: true });
        }
        (P::Size { .. } | P::Semicolon | P::Name | P::NameEnd | P::Token | P::QuotedEnd, b';') => {
            P::NameStart
        }
        (P::Size { .. } | P::Semicolon | P::Token | P::QuotedEnd, b' ' | b'\t') => P::Semicolon,
        (P::NameStart, b' ' | b'\t') => P::NameStart,
        (P::Name | P::NameEnd, b' ' | b'\t') => P::NameEnd,
        (P::Name | P::NameEnd, b'=') => P::ValueStart,
        (P::ValueStart, b' ' | b'\t') => P::ValueStart,
        (P::ValueStart, b'"') => P::Quoted,
        (P::NameStart | P::Name, _) if is_tchar(byte) => P::Name,
        (P::ValueStart | P::Token, _) if is_tchar(byte) => P::Token,
        // RFC 9110 §5.6.4: a quoted-pair may contain the same bytes as a field value.
        (P::Quoted, b'"') => P::QuotedEnd,
        (P::Quoted, b'\\') => P::Escaped,
        (P::Quoted | P::Escaped, _) if is_field_content(&[byte]) => P::Quoted,
        _ => return Err(MALFORMED),
    };
    Ok(DecoderState::Line { size: next_size, place })
}

#[cfg(test)]
mod tests {
    use super::super::fields::read_field_line;
    use super::*;

    /// Rows: section and rule, bytes, and the length of the content; `None`: malformed.
    #[test]
    fn chunked() {
        let rows: [(&str, &[u8], Option<usize>); 32] = [
            ("§7.1 last-chunk alone", b"0\r\n\r\n", Some(5)),
            ("§7.1 one chunk", b"3\r\nabc\r\n0\r\n\r\n", Some(13)),
            (
                "§7.1 hexadecimal of both cases",
                b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
                Some(35),
            ),
            ("§7.1 zeros before a size", b"003\r\nabc\r\n000\r\n\r\n", Some(17)),
            ("§7.1.1 extensions are ignored", b"3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", Some(25)),
            ("§7.1.2 trailers are ignored", b"0\r\nA: b\r\nC: d\r\n\r\n", Some(17)),
            ("§7.1 a size is not empty", b"\r\n", None),
            ("§7.1 a size is hexadecimal", b"g\r\n", None),
            ("§7.1 no sign", b"-1\r\n", None),
            ("§7.1 no 0x", b"0x3\r\nabc\r\n", None),
            ("§7.1 no space before", b" 3\r\nabc\r\n", None),
            ("§7.1 chunk data has the length it says", b"3\r\nabcd\r\n", None),
            ("§7.1 sizes that overflow", b"fffffffffffffffff\r\n", None),
            ("§7.1 a lone LF ends nothing", b"3\nabc\r\n", None),
            ("§7.1 a lone CR ends nothing", b"3\rabc\r\n", None),
            ("§7.1 a lone LF after data", b"3\r\nabc\n0\r\n\r\n", None),
            ("§7.1.1 a lone LF in an extension", b"3;a\nabc\r\n", None),
            ("§7.1.2 a lone LF in a trailer", b"0\r\nA: b\n\r\n", None),
            (
                "§7.1.1 white space beside ; and =",
                b"3 ; a = b\t;c= \"d\\\"\" ;e\r\nabc\r\n0\r\n\r\n",
                Some(34),
            ),
            ("§7.1.1 no white space before CR LF", b"3 \r\nabc\r\n", None),
            ("§7.1.1 a size and words", b"0 5\r\n\r\n", None),
            ("§7.1.1 a quoted-string ends", b"5;a=\"\r\nabcde\r\n", None),
            ("§7.1.1 a name is not empty", b"5;\r\nabcde\r\n", None),
            ("§7.1.1 a value is not empty", b"5;a=\r\nabcde\r\n", None),
            ("§7.1.1 no control characters", b"5;\x01\r\nabcde\r\n", None),
            ("§7.1.1 nothing after a quoted-string", b"5;a=\"b\"c\r\n", None),
            ("§7.1.2 a trailer has a colon", b"0\r\nx\r\n\r\n", None),
            ("§7.1.2 no white space before a trailer", b"0\r\n X: y\r\n\r\n", None),
            ("§7.1.2 none before the colon", b"0\r\nX : y\r\n\r\n", None),
            ("§7.1.2 a name is not empty", b"0\r\n: y\r\n\r\n", None),
            ("§7.1.2 no line goes on", b"0\r\nX: y\r\n z\r\n\r\n", None),
            ("§7.1.2 a request is no trailer", b"0\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", None),
        ];
        for (rule, bytes, expected) in rows {
            for cut in 0..=bytes.len() {
                let mut trailing = bytes.to_vec();
                if expected.is_some() {
                    trailing.extend_from_slice(b"GET / HTTP/1.1\r\n");
                }
                let (first, second) = trailing.split_at(cut);
                let mut decoder = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
                let taken = decoder.take(first).and_then(|taken| {
                    Ok(taken + if taken < cut { 0 } else { decoder.take(second)? })
                });
                assert_eq!(taken.ok(), expected, "{rule}, cut at {cut}");
                assert_eq!(decoder.is_done(), expected.is_some(), "{rule}, cut at {cut}");
            }
        }
    }

    /// Tries every byte in every place of the grammar of §7.1. The lists of allowed bytes are
    /// written by hand from the grammar. llhttp (strict), Go's net/http and lighttpd accept all of
    /// them, except for white space beside `;` and `=`. RFC 9112 §7.1.1 has BWS there, which a
    /// recipient must parse (RFC 9110 §5.6.3); llhttp rejects all of it, and Go rejects it before
    /// the first `;`. The grammar has no white space before CR LF: Go and lighttpd accept it, llhttp
    /// and we do not.
    #[test]
    fn every_byte_in_every_place() {
        const DIGITS: &str = "0123456789abcdefABCDEF";
        const TCHARS: &str = "!#$%&'*+-.^_`|~0123456789\
            ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let with = |text: &str, more: &[u8]| [text.as_bytes(), more].concat();
        let text = || (0..=255_u8).filter(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f);
        let text_but = |but: &[u8]| text().filter(|byte| !but.contains(byte)).collect::<Vec<_>>();
        // (place, bytes before it, bytes that complete the content after most allowed bytes,
        // allowed bytes)
        let rows: [(&str, &[u8], &[u8], Vec<u8>); 22] = [
            ("the first of a size", b"", b"\r\n", with("123456789abcdefABCDEF0", b"")),
            ("after a size", b"0", b"", with(DIGITS, b"; \t\r")),
            ("after white space", b"0 ", b"a\r\n\r\n", with("", b"; \t")),
            ("the first of a name", b"0;", b"\r\n\r\n", with(TCHARS, b" \t")),
            ("after white space and ;", b"0 ; ", b"\r\n\r\n", with(TCHARS, b" \t")),
            ("in a name", b"0;a", b"\r\n\r\n", with(TCHARS, b"=; \t\r")),
            ("after a name", b"0;a ", b"x\r\n\r\n", with("", b"=; \t")),
            ("after =", b"0;a=", b"\r\n\r\n", with(TCHARS, b" \t\"")),
            ("after = and white space", b"0;a = ", b"\r\n\r\n", with(TCHARS, b" \t\"")),
            ("in a token", b"0;a=b", b"\r\n\r\n", with(TCHARS, b"; \t\r")),
            ("in a quoted-string", b"0;a=\"", b"\"\r\n\r\n", text_but(b"")),
            ("after a backslash", b"0;a=\"\\", b"\"\r\n\r\n", text_but(b"")),
            ("after a quoted-string", b"0;a=\"b\"", b"x\r\n\r\n", with("", b"; \t\r")),
            ("after white space behind a value", b"0;a=b ", b"x\r\n\r\n", with("", b"; \t")),
            ("the LF of the line", b"0\r", b"\r\n", with("", b"\n")),
            ("the CR after data", b"1\r\nx", b"\n0\r\n\r\n", with("", b"\r")),
            ("the LF after data", b"1\r\nx\r", b"0\r\n\r\n", with("", b"\n")),
            ("the first of a trailer", b"0\r\n", b":\r\n\r\n", with(TCHARS, b"\r")),
            ("in the name of a trailer", b"0\r\nA", b":\r\n\r\n", with(TCHARS, b":")),
            (
                "in the value of a trailer",
                b"0\r\nA:",
                b"\r\n\r\n",
                text_but(b"").into_iter().chain(*b"\r").collect(),
            ),
            ("the LF of a trailer", b"0\r\nA:\r", b"\r\n", with("", b"\n")),
            ("the last LF", b"0\r\n\r", b"", with("", b"\n")),
        ];
        for (place, before, after, may_stand) in rows {
            for byte in 0..=255_u8 {
                let mut decoder = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
                assert_eq!(decoder.take(before), Ok(before.len()), "before {place}");
                let taken = decoder.take(&[byte]);
                assert_eq!(taken.is_ok(), may_stand.contains(&byte), "{place}: {byte:#04x}");
                // After an ordinary byte the content can be completed.
                if may_stand.first() == Some(&byte) {
                    let rest = decoder.take(after);
                    let whole = [before, &[byte], after].concat();
                    assert!(rest.is_ok(), "{place}: {}", whole.escape_ascii());
                }
            }
        }
    }

    /// The same rules hold for field lines in heads and in trailer sections.
    #[test]
    fn trailers_are_the_field_lines_of_heads() {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for byte in 0..=255_u8 {
            for (before, after) in [
                ("", ""),
                ("", "A: b"),
                ("", ": b"),
                ("A", ": b"),
                ("A", "b"),
                ("A:", "b"),
                ("A: b", ""),
                ("A: b", "c"),
                // Names that are known have a way of their own.
                ("If", "Match: b"),
                ("Range", ": b"),
            ] {
                lines.push([before.as_bytes(), &[byte], after.as_bytes()].concat());
            }
        }
        for line in lines {
            // These end the line or start its end.
            if line.contains(&b'\n') || line.is_empty() || line == b"\r" {
                continue;
            }
            let mut decoder = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
            let found = decoder.take(&[b"0\r\n", &line[..], b"\r\n\r\n"].concat());
            let expected = read_field_line(&line, false).is_ok();
            assert_eq!(found.is_ok(), expected, "{}", line.escape_ascii());
        }
    }

    /// RFC 9110 §6.5.1.
    #[test]
    fn trailers_do_not_frame() {
        for (name, is_taken) in [
            ("Content-Length", false),
            ("CONTENT-length", false),
            ("transfer-encoding", false),
            ("Transfer-Encoding", false),
            ("Content-Lengt", true),
            ("Content-Length2", true),
            ("Transfer-Encodin", true),
            ("Transfer-Encoding2", true),
            ("X-Content-Length", true),
            ("Host", true),
            ("Connection", true),
            ("Trailer", true),
        ] {
            for before in ["", "A: b\r\n", "Content: c\r\n"] {
                let bytes = format!("0\r\n{before}{name}: 5\r\n\r\n");
                let mut decoder = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
                let taken = decoder.take(bytes.as_bytes());
                assert_eq!(taken.is_ok(), is_taken, "{bytes:?}");
            }
        }
    }

    #[test]
    fn lines_extensions_and_trailers_are_bounded() {
        let takes = |parts: &[&[u8]]| {
            let mut decoder = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
            parts.iter().all(|part| decoder.take(part).is_ok())
        };
        // A line of `bytes` bytes, CR LF included.
        let line = |bytes: usize| [b"0;", &vec![b'a'; bytes - 4][..], b"\r\n"].concat();
        assert!(takes(&[&line(LINE_BYTES_MAX)]));
        assert!(!takes(&[&line(LINE_BYTES_MAX + 1)]));
        // Extensions of many chunks, and leading zeros of sizes.
        let chunk = [b"00001;", &[b'a'; 1_000][..], b"\r\nx\r\n"].concat();
        let overhead = 4 + 1 + 1_000;
        let most = OVERHEAD_BYTES_MAX / overhead;
        assert!(takes(&[&chunk.repeat(most)]));
        assert!(!takes(&[&chunk.repeat(most + 1)]));
        // Trailers: one line, and many.
        let trailers =
            |bytes: usize| [b"0\r\nA:", &vec![b'a'; bytes - 6][..], b"\r\n\r\n"].concat();
        assert!(takes(&[&trailers(TRAILERS_BYTES_MAX)]));
        assert!(!takes(&[&trailers(TRAILERS_BYTES_MAX + 1)]));
        assert!(takes(&[b"0\r\n", &b"A:\r\n".repeat(1_023), b"\r\n"]));
        assert!(!takes(&[b"0\r\n", &b"A:\r\n".repeat(1_024), b"\r"]));
        // §7.1: as many digits as 64 bits need, whatever their value.
        assert!(takes(&[b"0000000000000003\r\nabc\r\n0\r\n\r\n"]));
        assert!(takes(&[b"7fffffffffffffdf\r\n"]));
        assert!(!takes(&[b"7fffffffffffffe0"]));
        assert!(!takes(&[b"ffffffffffffffff"]));
        assert!(!takes(&[b"00000000000000003\r\n"]));
        assert!(!takes(&[b"10000000000000005\r\n"]));
    }

    #[test]
    fn known_lengths_end_where_they_say() {
        let mut decoder = ContentDecoder::new(ContentLength::Known(5)).expect("known");
        assert_eq!(decoder.take(b"abc"), Ok(3));
        assert!(!decoder.is_done());
        assert_eq!(decoder.take(b"deGET"), Ok(2));
        assert!(decoder.is_done());
        assert_eq!(decoder.take(b"GET"), Ok(0));
    }
}
