//! What clients sent, made safe for terminals and for programs that read logs, and cut where it is
//! too long.

use std::io::Write;

/// Bounds of the request-line, `Referer` and `User-Agent`, of a user's name and of a client's, as
/// they stand in a line. With these no line is longer than
/// [`WRITE_BYTES_MAX`](super::whole_lines::WRITE_BYTES_MAX).
pub const FIELD_BYTES_MAX: usize = 1 << 10;
pub const USER_BYTES_MAX: usize = 512;
/// An address with the name of an interface takes less than half of it.
pub const CLIENT_BYTES_MAX: usize = 256;
/// Stands at the end of a part that was cut.
const MARK: &[u8] = b"...";

/// Writes a part through `escape`. A result of more than `bytes_max` bytes is cut and marked,
/// between two characters or escape sequences.
pub fn write_capped(
    bytes_max: usize,
    part: &[u8],
    escape: impl FnOnce(&[u8], &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let start = out.len();
    escape(part.get(..=bytes_max).unwrap_or(part), out);
    let mut rest = out.get(start..).unwrap_or_default();
    if rest.len() <= bytes_max {
        return;
    }
    let mut end = 0;
    while let Some(after) = rest.get(unit_bytes(rest)..) {
        let next = out.len() - start - after.len();
        if next + MARK.len() > bytes_max {
            break;
        }
        (rest, end) = (after, next);
    }
    out.truncate(start + end);
    out.extend_from_slice(MARK);
}

/// The length of the escape sequence or character at the start.
fn unit_bytes(escaped: &[u8]) -> usize {
    match escaped {
        [b'\\', b'x', ..] => 4,
        [b'\\', b'u', ..] => 6,
        [b'\\', ..] | [0xc0..0xe0, ..] => 2,
        [0xe0..0xf0, ..] => 3,
        [0xf0..=0xff, ..] => 4,
        _ => 1,
    }
}

/// For a terminal and for programs that split at quotes: control bytes, bytes that are not ASCII,
/// quotes and backslashes become `\xHH`, as in Apache and nginx.
pub fn escape(mut bytes: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    loop {
        let special = bytes.iter().position(|&byte| !is_plain(byte));
        let (plain, rest) = bytes.split_at(special.unwrap_or(bytes.len()));
        out.extend_from_slice(plain);
        let [byte, rest @ ..] = rest else { return };
        // Writing to a vector cannot fail.
        let _ = write!(out, "\\x{byte:02x}");
        bytes = rest;
    }
}

/// The same for a field that ends at a space.
pub fn escape_word(bytes: &[u8], out: &mut Vec<u8>) {
    for part in bytes.split_inclusive(|&byte| byte == b' ') {
        let (word, space) = match part {
            [word @ .., b' '] => (word, "\\x20"),
            word => (word, ""),
        };
        escape(word, out);
        out.extend_from_slice(space.as_bytes());
    }
}
