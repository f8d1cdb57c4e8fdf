//! multipart/byteranges: several parts of a file in one body (RFC 9110 §14.6).

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::grammar::write_hex;
use super::now::Now;
use super::range::content_range;
use super::response::{Body, Segment};

/// The representation that the parts are from.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'w> {
    /// Its file.
    pub file: &'w Arc<File>,
    /// In bytes.
    pub length: u64,
    /// Its Content-Type as a field line, which each part repeats.
    pub type_line: &'w [u8],
}

/// The Content-Type of the answer.
pub fn media_type(boundary: &[u8]) -> Vec<u8> {
    [b"multipart/byteranges; boundary=", boundary].concat()
}

/// The body: each part with its Content-Type and Content-Range, and the delimiters.
pub fn body(whole: Whole<'_>, ranges: Vec<Range<u64>>, boundary: &[u8]) -> Body {
    let parts = parts(ranges, boundary, whole.length, whole.type_line).into_iter();
    let segments = parts.flat_map(|(head, range)| {
        [Segment::Bytes(head), Segment::File(Arc::clone(whole.file), range)]
    });
    Body::several(segments.collect())
}

/// What comes before each part, and the part. The last one is empty, after the end of all others.
pub fn parts(
    ranges: Vec<Range<u64>>,
    boundary: &[u8],
    length: u64,
    type_line: &[u8],
) -> Vec<(Vec<u8>, Range<u64>)> {
    debug_assert!(ranges.len() > 1, "one range has an answer of its own");
    let mut parts = Vec::with_capacity(ranges.len() + 1);
    for range in ranges {
        let mut head = Vec::with_capacity(160);
        // CR LF comes before the first delimiter, too (§14.6, note 1). Some readers drop everything
        // up to a line feed, and would miss that delimiter.
        for part in [b"\r\n--", boundary, b"\r\n", type_line, b"Content-Range: "] {
            head.extend_from_slice(part);
        }
        head.extend_from_slice(&content_range(&range, length));
        head.extend_from_slice(b"\r\n\r\n");
        parts.push((head, range));
    }
    parts.push(([b"\r\n--", boundary, b"--\r\n"].concat(), 0..0));
    parts
}

/// A boundary (RFC 2046 §5.1) that files are unlikely to contain: a hash of the time and the
/// entity-tag.
pub fn boundary(entity_tag: &[u8], now: &Now) -> Vec<u8> {
    let mut state = now.milliseconds ^ (now.date.0 as u64) << 20;
    for &byte in entity_tag {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut boundary = b"part-".to_vec();
    for _ in 0..2 {
        // splitmix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        write_hex(mixed ^ (mixed >> 31), &mut boundary);
    }
    boundary
}
