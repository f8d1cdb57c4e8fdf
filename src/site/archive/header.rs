//! The headers of a tar archive: ustar, and pax where that has no room · POSIX.1-2024, pax

use crate::http::grammar::write_decimal;

/// A header is one block, and everything else is filled up to whole ones.
pub(super) const BLOCK_BYTES: usize = 512;

/// What the header of a file or a folder says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'h> {
    /// The path in the archive. That of a folder ends in a slash.
    pub(super) name: &'h [u8],
    pub(super) size: u64,
    /// In seconds since 1970.
    pub(super) modified: i64,
}

impl Header<'_> {
    /// Writes the blocks before the content. Owner and mode are the same on every machine.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Header { name, size, modified } = *self;
        let mut records = Vec::new();
        let split = split(name);
        // A name in a ustar header may be in any character set, one in a record is UTF-8: but then
        // bsdtar composes letters with marks such as U+0301, which leads to another file.
        let has_marks = name.iter().any(|byte| matches!(byte, 0xcc | 0xcd));
        let is_text = !has_marks && std::str::from_utf8(name).is_ok();
        if split.is_none() || is_text && !name.is_ascii() {
            if !is_text {
                record("hdrcharset", b"BINARY", &mut records);
            }
            record("path", name, &mut records);
        }
        let mut number = |keyword, number: i64| {
            if !(0..=NUMBER_MAX).contains(&number) {
                record(keyword, number.to_string().as_bytes(), &mut records);
            }
        };
        number("size", size as i64);
        number("mtime", modified);
        if !records.is_empty() {
            block(b"", b"././@PaxHeader", b'x', [records.len() as i64, 0], out);
            out.extend_from_slice(&records);
            fill(out);
        }
        let (prefix, last) = split.unwrap_or((b"", name));
        let kind = if name.ends_with(b"/") { b'5' } else { b'0' };
        block(prefix, last, kind, [size as i64, modified], out);
    }
}

/// Fills the last block with zeros.
fn fill(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(BLOCK_BYTES), 0);
}

/// The largest number in eleven octal digits: 8 GiB, or the year 2242.
const NUMBER_MAX: i64 = (1 << 33) - 1;
const NAME_BYTES: usize = 100;
const PREFIX_BYTES: usize = 155;

/// Splits a path into the prefix and the name of a ustar header. `None`: it has no room for it.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME_BYTES {
        return Some((b"", name));
    }
    // The slash between both is in neither of them, and the one at the end of a folder in the name.
    let from = name.len() - NAME_BYTES - 1;
    let inner = name.get(from..name.len() - 1)?;
    let slash = from + inner.iter().position(|&byte| byte == b'/')?;
    let (prefix, rest) = name.split_at_checked(slash)?;
    (prefix.len() <= PREFIX_BYTES).then_some((prefix, rest.get(1..)?))
}

/// Writes one header block. What does not fit is cut: a record before says it.
fn block(prefix: &[u8], name: &[u8], kind: u8, numbers: [i64; 2], out: &mut Vec<u8>) {
    let start = out.len();
    let [whole, _] = numbers;
    let [size, modified] = numbers.map(|number| number.clamp(0, NUMBER_MAX));
    let mode = if kind == b'5' { "0000755" } else { "0000644" };
    let numbers = format!("{mode}\x000000000\x000000000\0{size:011o}\0{modified:011o}\0        ");
    let mut field = |bytes: &[u8], length: usize| {
        let end = out.len() + length;
        out.extend_from_slice(bytes.get(..length).unwrap_or(bytes));
        out.resize(end, 0);
    };
    field(name, NAME_BYTES);
    field(numbers.as_bytes(), 56);
    field(&[kind], 101);
    field(b"ustar\x0000", 88);
    field(prefix, PREFIX_BYTES + 12);
    // Busybox reads no records of sizes. It knows GNU's way for them, as all do.
    if let Some(place) = out.get_mut(start + 124..start + 136).filter(|_| size < whole) {
        let [_, _, _, _, number @ ..] = (1_u128 << 95 | whole as u128).to_be_bytes();
        place.copy_from_slice(&number);
    }
    let sum: u32 = out.iter().skip(start).map(|&byte| u32::from(byte)).sum();
    if let Some(place) = out.get_mut(start + 148..start + 155) {
        place.copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}

/// Writes a record of a pax header: its own length, which counts its own digits, and `keyword=value`.
fn record(keyword: &str, value: &[u8], out: &mut Vec<u8>) {
    let rest = keyword.len() + value.len() + 3;
    let digits = |number: usize| number.to_string().len();
    let mut length = rest + digits(rest);
    if rest + digits(length) > length {
        length += 1;
    }
    write_decimal(length as u64, out);
    for part in [b" ", keyword.as_bytes(), b"=", value, b"\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_itself() {
        for length in 0..1_100 {
            let mut out = Vec::new();
            record("path", &vec![b'x'; length], &mut out);
            let text = String::from_utf8(out).expect("ASCII");
            let (number, _) = text.split_once(' ').expect("a number");
            assert_eq!(number.parse(), Ok(text.len()), "{length}");
        }
    }

    #[test]
    fn names_are_split_at_a_slash_or_not_at_all() {
        let x = |count: usize| "x".repeat(count);
        // (the path; the prefix and the name)
        for (path, expected) in [
            (x(100), Some((String::new(), x(100)))),
            (x(101), None),
            (format!("a/{}", x(99)), Some(("a".into(), x(99)))),
            (format!("a/{}", x(100)), Some(("a".into(), x(100)))),
            (format!("a/{}", x(101)), None),
            (format!("{}/{}", x(155), x(100)), Some((x(155), x(100)))),
            (format!("{}/{}", x(156), x(100)), None),
            (format!("{}/{}/", x(155), x(99)), Some((x(155), x(99) + "/"))),
            (format!("{}/", x(100)), None),
            (format!("{}/", x(99)), Some((String::new(), x(99) + "/"))),
            (format!("a/b/c/{}", x(97)), Some(("a/b".into(), "c/".to_owned() + &x(97)))),
        ] {
            let expected = expected.as_ref().map(|(a, b)| (a.as_bytes(), b.as_bytes()));
            assert_eq!(split(path.as_bytes()), expected, "{path}");
        }
    }

    /// Blocks are read by programs in `tests/suite/archive.rs`; here is one, byte by byte.
    #[test]
    fn blocks() {
        let mut out = Vec::new();
        Header { name: b"a/b", size: 5, modified: 1_000_000_000 }.write(&mut out);
        let mut expected = b"a/b".to_vec();
        expected.resize(100, 0);
        expected.extend_from_slice(
            b"0000644\x000000000\x000000000\x0000000000005\x0007346545000\x00006366\x00 0",
        );
        expected.resize(257, 0);
        expected.extend_from_slice(b"ustar\x0000");
        expected.resize(512, 0);
        assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}
