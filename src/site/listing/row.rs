//! One entry: what is known of it, and how it looks in a page and in JSON.

use crate::http::date::{Calendar, two_digits};
use crate::http::grammar::write_decimal;
use crate::http::path::encode_path;

use super::super::page::{self, write_json};

/// What is known of an entry, beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::site) struct Entry {
    pub(in crate::site) size: u64,
    pub(in crate::site) modified: i64,
    pub(in crate::site) is_directory: bool,
    /// Whether a page needs no escaping for its name.
    pub(in crate::site) is_plain: bool,
}

/// Stands for the size of an unreadable file. Its row has no size.
pub(super) const SIZE_UNKNOWN: u64 = u64::MAX;

/// Writes one entry by the rules at the head of [`listing`](super).
pub(super) fn write_row(name: &[u8], entry: &Entry, date: &Date, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<tr><td><bdi><a href=\"");
    match name.strip_prefix(b"h") {
        Some(rest) if name.starts_with(b"http") => {
            out.extend_from_slice(b"%68");
            write_href(rest, entry, out);
        }
        _ => write_href(name, entry, out),
    }
    out.extend_from_slice(b"\">");
    write_name(name, entry, out);
    if entry.is_directory {
        out.push(b'/');
    }
    write_sizes(entry, out);
    // Without seconds: Kodi does not read them, and people do not need them.
    let [date @ .., _, _, _] = date;
    out.extend_from_slice(date);
    out.extend_from_slice(b"</td></tr>\n");
}

/// Writes what stands between an entry's link and its date.
fn write_sizes(entry: &Entry, out: &mut Vec<u8>) {
    if entry.is_directory || entry.size == SIZE_UNKNOWN {
        out.extend_from_slice(b"</a></bdi></td><td></td><td>");
    } else {
        out.extend_from_slice(b"</a></bdi></td><td data-bytes=\"");
        write_decimal(entry.size, out);
        out.extend_from_slice(b"\">");
        write_size(entry.size, out);
        out.extend_from_slice(b"</td><td>");
    }
}

/// The length of a row whose name is plain. Writes only what differs in length into `scratch`.
pub(super) fn plain_row_length(name: &[u8], entry: &Entry, scratch: &mut Vec<u8>) -> usize {
    const FRAME: usize = b"<tr><td><bdi><a href=\"\">YYYY-MM-DD HH:MM</td></tr>\n".len();
    scratch.clear();
    write_sizes(entry, scratch);
    // A folder has a slash behind its name, twice as well.
    FRAME + 2 * (name.len() + usize::from(entry.is_directory)) + scratch.len()
}

/// Writes the text of an entry's link.
fn write_name(name: &[u8], entry: &Entry, out: &mut Vec<u8>) {
    if entry.is_plain {
        out.extend_from_slice(name);
        return;
    }
    let (name, end) = match name.strip_suffix(b" ") {
        Some(name) if !entry.is_directory => (name, &b"&#32;"[..]),
        _ => (name, &b""[..]),
    };
    page::escape_name(name, out);
    out.extend_from_slice(end);
}

pub(super) fn write_json_entry(name: &[u8], entry: &Entry, date: &Date, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\n{\"name\":");
    write_json(name, out);
    let kind: &[u8] = if entry.is_directory { b"directory" } else { b"file" };
    for part in [b",\"type\":\"", kind, b"\",\"size\":"] {
        out.extend_from_slice(part);
    }
    match entry.size {
        SIZE_UNKNOWN => out.extend_from_slice(b"null"),
        size => write_decimal(size, out),
    }
    let mut date = *date;
    date[10] = b'T';
    for part in [b",\"mtime\":\"", &date[..], b"Z\",\"href\":\""] {
        out.extend_from_slice(part);
    }
    write_href(name, entry, out);
    out.extend_from_slice(b"\"}");
}

/// Writes the link from the folder to an entry.
fn write_href(name: &[u8], entry: &Entry, out: &mut Vec<u8>) {
    if entry.is_plain {
        out.extend_from_slice(name);
    } else {
        encode_path(name, out);
    }
    if entry.is_directory {
        out.push(b'/');
    }
}

/// `2026-11-23 11:00:00`.
pub(super) type Date = [u8; 19];

/// As long as every other date.
pub(super) const NO_DATE: Date = *b"0000-00-00 00:00:00";

pub(super) fn date(seconds: i64) -> Date {
    let moment = Calendar::new(seconds);
    let year = moment.year.clamp(0, 9_999);
    let mut date = NO_DATE;
    let [c, d, rest @ ..] = &mut date;
    [*c, *d] = two_digits((year / 100) as u8);
    let numbers =
        [(year % 100) as u8, moment.month, moment.day, moment.hour, moment.minute, moment.second];
    for (place, number) in rest.chunks_mut(3).zip(numbers) {
        if let [tens, ones, ..] = place {
            [*tens, *ones] = two_digits(number);
        }
    }
    date
}

/// Writes a size for people: `999 B`, `1.0 KiB`, `12 MiB`. Rounds up, so that only 0 is shown as 0.
pub(super) fn write_size(bytes: u64, out: &mut Vec<u8>) {
    let mut unit = 0_u32;
    while bytes >> (10 * unit) >= 1_000 && unit < 6 {
        unit += 1;
    }
    if unit == 0 {
        write_decimal(bytes, out);
        out.extend_from_slice(b" B");
        return;
    }
    // With one decimal below 10, without from there on.
    let (whole, part) = (bytes >> (10 * unit), bytes & ((1 << (10 * unit)) - 1));
    let tenths = whole * 10 + (part * 10).div_ceil(1 << (10 * unit));
    if tenths < 100 {
        write_decimal(tenths / 10, out);
        out.push(b'.');
        write_decimal(tenths % 10, out);
    } else {
        write_decimal(tenths.div_ceil(10), out);
    }
    let name = [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"].get(unit as usize);
    out.extend_from_slice(name.copied().unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        for (size, is_directory, name, row) in [
            (0, true, "a", r#"href="a/">a/</a></bdi></td><td></td><td>"#),
            (SIZE_UNKNOWN, false, "a", r#"href="a">a</a></bdi></td><td></td><td>"#),
            (0, false, "", r#"href=""></a></bdi></td><td data-bytes="0">0 B</td><td>"#),
            (1, false, "a", r#"href="a">a</a></bdi></td><td data-bytes="1">1 B</td><td>"#),
            (
                1_025,
                false,
                "ab.c",
                r#"href="ab.c">ab.c</a></bdi></td><td data-bytes="1025">1.1 KiB</td><td>"#,
            ),
        ] {
            let entry = Entry { size, modified: 0, is_directory, is_plain: true };
            let row = format!("<tr><td><bdi><a {row}1970-01-01 00:00</td></tr>\n");
            let mut out = Vec::new();
            write_row(name.as_bytes(), &entry, &date(0), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), row);
            assert_eq!(plain_row_length(name.as_bytes(), &entry, &mut out), row.len(), "{row}");
        }
    }

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 KiB"),
            (1_024, "1.0 KiB"),
            (1_025, "1.1 KiB"),
            (10_240, "10 KiB"),
            (10_241, "11 KiB"),
            (1_023_999, "1000 KiB"),
            (1_024_000, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            let mut out = Vec::new();
            write_size(bytes, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text, "{bytes}");
        }
    }
}
