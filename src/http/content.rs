//! How long the content of a request is (RFC 9112 §6.3), and how it is framed (§7.1).
//! Nothing here keeps content: it means nothing to a server of files, and is discarded.

use super::grammar::{decimal, hex_digit, list};
use super::request::{Fields, Reject, Version};
use super::response::Status;

/// The length of a request's content, decided once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// There is no content.
    None,
    /// So many bytes follow the head, at least one.
    Known(u64),
    /// Chunks follow.
    Chunked,
}

impl ContentLength {
    /// RFC 9112 §6.3, for requests. Where the RFC lets a server repair a message, this one
    /// rejects it: another reader in front may have repaired it differently.
    pub fn of(version: Version, fields: Fields<'_>) -> Result<ContentLength, Reject> {
        let length = content_length(fields)?;
        let mut codings = fields.all("Transfer-Encoding").flat_map(list);
        let first = codings.next();
        if fields.all("Transfer-Encoding").next().is_none() {
            return Ok(match length {
                None | Some(0) => ContentLength::None,
                Some(length) => ContentLength::Known(length),
            });
        }
        if length.is_some() {
            // §6.3 step 3: both present is how smuggling starts, so we close.
            return Err(Reject::bad(
                "Both Transfer-Encoding and Content-Length are present.",
            ));
        }
        if version == Version::Http10 {
            // §6.1: the framing is faulty.
            return Err(Reject::bad("HTTP/1.0 has no Transfer-Encoding."));
        }
        match (first, codings.last()) {
            (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => {
                Ok(ContentLength::Chunked)
            }
            (Some(first), Some(last))
                if first.eq_ignore_ascii_case(b"chunked")
                    && last.eq_ignore_ascii_case(b"chunked") =>
            {
                // §7.1: a sender must not apply it more than once.
                Err(Reject::bad("Chunked may be applied but once."))
            }
            // §6.3 step 4: without chunked at the end the length cannot be known.
            (Some(_), Some(last)) if last.eq_ignore_ascii_case(b"chunked") => Err(Reject {
                status: Status::NotImplemented,
                reason: "The only transfer coding here is chunked.",
            }),
            _ => Err(Reject::bad("The last transfer coding is not chunked.")),
        }
    }
}

/// §6.3 step 5. Several equal lengths may be taken for one; we take no chances.
fn content_length(fields: Fields<'_>) -> Result<Option<u64>, Reject> {
    let mut values = fields.all("Content-Length");
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
    /// Of the length of chunk extensions and trailers, which nobody here reads.
    overhead: usize,
}

#[derive(Clone, Copy, Debug)]
enum DecoderState {
    /// Before the first digit of a chunk size.
    SizeStart,
    Size(u64),
    Extension(u64),
    SizeEnd(u64),
    /// So many bytes of chunk, or of content without chunks, are left.
    Data {
        left: u64,
        chunked: bool,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

/// Chunk extensions and trailers together.
const OVERHEAD_BYTES_MAX: usize = 16 << 10;

impl ContentDecoder {
    /// For content of this length; `None` where there is none.
    pub fn new(length: ContentLength) -> Option<ContentDecoder> {
        let state = match length {
            ContentLength::None => return None,
            ContentLength::Known(left) => DecoderState::Data {
                left,
                chunked: false,
            },
            ContentLength::Chunked => DecoderState::SizeStart,
        };
        Some(ContentDecoder { state, overhead: 0 })
    }

    /// Whether the content has ended.
    pub fn is_done(&self) -> bool {
        matches!(self.state, DecoderState::Done)
    }

    /// Takes bytes of content, and returns how many: all, unless the content ends before.
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

    /// One byte outside of chunk data (RFC 9112 §7.1). Every line ends in CR LF exactly.
    fn framing(&mut self, byte: u8) -> Result<DecoderState, Reject> {
        const MALFORMED: Reject = Reject::bad("The chunked content is malformed.");
        use DecoderState as S;
        if matches!(self.state, S::Extension(_) | S::Trailer | S::TrailerStart) {
            self.overhead += 1;
            if self.overhead > OVERHEAD_BYTES_MAX {
                return Err(MALFORMED);
            }
        }
        Ok(match (self.state, byte) {
            (S::SizeStart, _) => S::Size(u64::from(hex_digit(byte).ok_or(MALFORMED)?)),
            (S::Size(size) | S::Extension(size), b'\r') => S::SizeEnd(size),
            (S::Size(size), b';' | b' ' | b'\t') => S::Extension(size),
            (S::Size(size), _) => {
                let digit = u64::from(hex_digit(byte).ok_or(MALFORMED)?);
                if size >> 56 != 0 {
                    // §7.1: a recipient must expect sizes that overflow its integers.
                    return Err(MALFORMED);
                }
                S::Size(size << 4 | digit)
            }
            (S::Extension(_), b'\n' | 0) => return Err(MALFORMED),
            (S::Extension(size), _) => S::Extension(size),
            (S::SizeEnd(0), b'\n') => S::TrailerStart,
            (S::SizeEnd(left), b'\n') => S::Data {
                left,
                chunked: true,
            },
            (S::DataCr, b'\r') => S::DataLf,
            (S::DataLf, b'\n') => S::SizeStart,
            (S::TrailerStart, b'\r') => S::EndLf,
            (S::Trailer, b'\r') => S::TrailerLf,
            (S::TrailerStart | S::Trailer, b'\n' | 0) => return Err(MALFORMED),
            (S::TrailerStart | S::Trailer, _) => S::Trailer,
            (S::TrailerLf, b'\n') => S::TrailerStart,
            (S::EndLf, b'\n') => S::Done,
            (S::SizeEnd(_) | S::DataCr | S::DataLf | S::TrailerLf | S::EndLf, _) => {
                return Err(MALFORMED);
            }
            (S::Data { .. } | S::Done, _) => self.state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: section and rule, bytes, and how many the content takes; `None`: malformed.
    #[test]
    fn chunked() {
        let rows: [(&str, &[u8], Option<usize>); 18] = [
            ("§7.1 last-chunk alone", b"0\r\n\r\n", Some(5)),
            ("§7.1 one chunk", b"3\r\nabc\r\n0\r\n\r\n", Some(13)),
            (
                "§7.1 hexadecimal of both cases",
                b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
                Some(35),
            ),
            (
                "§7.1 zeros before a size",
                b"003\r\nabc\r\n000\r\n\r\n",
                Some(17),
            ),
            (
                "§7.1.1 extensions are ignored",
                b"3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n",
                Some(25),
            ),
            (
                "§7.1.2 trailers are ignored",
                b"0\r\nA: b\r\nC: d\r\n\r\n",
                Some(17),
            ),
            ("§7.1 a size is not empty", b"\r\n", None),
            ("§7.1 a size is hexadecimal", b"g\r\n", None),
            ("§7.1 no sign", b"-1\r\n", None),
            ("§7.1 no 0x", b"0x3\r\nabc\r\n", None),
            ("§7.1 no space before", b" 3\r\nabc\r\n", None),
            (
                "§7.1 chunk data has the length it says",
                b"3\r\nabcd\r\n",
                None,
            ),
            ("§7.1 sizes that overflow", b"fffffffffffffffff\r\n", None),
            ("§7.1 a lone LF ends nothing", b"3\nabc\r\n", None),
            ("§7.1 a lone CR ends nothing", b"3\rabc\r\n", None),
            ("§7.1 a lone LF after data", b"3\r\nabc\n0\r\n\r\n", None),
            ("§7.1.1 a lone LF in an extension", b"3;a\nabc\r\n", None),
            ("§7.1.2 a lone LF in a trailer", b"0\r\nA: b\n\r\n", None),
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
                    Ok(taken
                        + if taken < cut {
                            0
                        } else {
                            decoder.take(second)?
                        })
                });
                assert_eq!(taken.ok(), expected, "{rule}, cut at {cut}");
                assert_eq!(
                    decoder.is_done(),
                    expected.is_some(),
                    "{rule}, cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn overhead_is_bounded() {
        let mut decoder = ContentDecoder::new(ContentLength::Chunked).expect("chunked");
        assert!(decoder.take(b"1;").is_ok());
        assert!(decoder.take(&[b'a'; OVERHEAD_BYTES_MAX]).is_ok());
        assert!(decoder.take(b"a").is_err());
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
