//! A directory without index, as an HTML page or as JSON. The page is made while it is sent; only
//! names, sizes and dates are kept.
//!
//! # What a page promises to programs that read it for links
//!
//! 1. Each entry is one link, `<a href="HREF">TEXT</a>`. HREF is the percent-encoded name, and TEXT
//!    is the name. A folder has a slash at the end of both. No other element is inside TEXT: Kodi
//!    takes a link for an entry only where TEXT is the decoded HREF.
//! 2. HREF is relative and has no colon and no quote. It never begins with `http`, which fsspec
//!    takes for the scheme of a URL: the `h` of such a name is `%68`.
//! 3. In TEXT only `&`, `<` and `>` are references. Kodi decodes named references first and then
//!    numeric ones, so `&` is `&#38;`, or a file named `&lt;` would become `<`. It leaves
//!    references at the start of a name alone if they are numeric: there it is `&amp;`. A space at
//!    the end of a file's name is `&#32;`, for Kodi trims what it reads.
//! 4. The other links lead to the folder above, as `../`, which crawlers have fetched and fsspec
//!    passes over. To sort, and to go further up, there are buttons of a form: no program takes a
//!    button for a link, so a crawler fetches a folder once.
//! 5. A row is one line. After the link follow the size, as `>4.9 KiB</td>` (Kodi's pattern), in
//!    bytes as `data-bytes`, and the date as `YYYY-MM-DD HH:MM`.
//!
//! Kodi still passes over names that begin with a space or a reference, and over those that no
//! text can hold: with control characters, or not UTF-8. Their HREF is right. It has no unit beyond
//! GiB, so it shows no size from 1000 GiB on.
//! `tests/suite/listing_readers.rs` reads pages by the rules of Kodi, fsspec and `wget -r`;
//! `scripts/check-kodi` and `scripts/check-clients` ask the programs themselves.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::config::SiteOptions;
use crate::http::date::{Calendar, two_digits};
use crate::http::grammar::{is_unreserved, write_decimal};
use crate::http::path::{SitePath, encode_path};
use crate::http::response::Produce;
use crate::sys::{Directory, Failure, Identity};

use super::page::{self, Form, escape_html, write_json};

/// What a listing is sorted by; folders come first in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Size,
    Modified,
}

/// The order, as `?C=N&O=A` says it: the words that Apache's listings made known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    column: Column,
    descending: bool,
}

impl Order {
    fn of(query: Option<&[u8]>) -> Order {
        let mut order = Order { column: Column::Name, descending: false };
        for pair in query.unwrap_or_default().split(|byte| matches!(byte, b'&' | b';')) {
            match pair {
                b"C=N" => order.column = Column::Name,
                b"C=S" => order.column = Column::Size,
                b"C=M" => order.column = Column::Modified,
                b"O=D" => order.descending = true,
                b"O=A" => order.descending = false,
                _ => {}
            }
        }
        order
    }
}

/// The form that a client wants: `?format=json` before Accept, HTML where nothing is said.
pub fn form(query: Option<&[u8]>, accepted: Form) -> Form {
    let words = query.unwrap_or_default().split(|byte| matches!(byte, b'&' | b';'));
    if words.into_iter().any(|word| word == b"format=json") || accepted == Form::Json {
        Form::Json
    } else {
        Form::Html
    }
}

/// One entry: 32 bytes, and its name.
#[derive(Clone, Copy, Debug)]
struct Entry {
    size: u64,
    modified: i64,
    /// What decides between most entries when they are sorted.
    key: u64,
    /// Where its name is among all names.
    name: u32,
    name_bytes: u16,
    is_directory: bool,
    /// Whether its name stands in a page as it is.
    is_plain: bool,
}

/// The size of a file that could not be looked at: its row has none.
const SIZE_UNKNOWN: u64 = u64::MAX;

/// What is known of an entry that can be fetched.
struct Found {
    is_directory: bool,
    size: u64,
    modified: i64,
}

impl Found {
    fn directory(found: &Identity) -> Found {
        Found {
            is_directory: true,
            size: 0,
            modified: found.modified.map_or(0, |(seconds, _)| seconds),
        }
    }

    fn file(found: &Identity) -> Found {
        Found { is_directory: false, size: found.length, ..Found::directory(found) }
    }
}

/// A listing on its way.
#[derive(Debug)]
pub struct Listing {
    names: Vec<u8>,
    entries: Vec<Entry>,
    form: Form,
    before: Vec<u8>,
    after: Vec<u8>,
    length: u64,
    /// What of it has been produced: 0 is `before`, then the entries, then `after`.
    next: usize,
}

/// A piece of a page that is being sent.
const PIECE_BYTES: usize = 16 << 10;

impl Listing {
    /// Reads a directory.
    pub fn read(
        root: &Directory,
        options: &SiteOptions,
        directory: &File,
        path: &SitePath,
        query: Option<&[u8]>,
        form: Form,
    ) -> io::Result<Listing> {
        let order = Order::of(query);
        let mut listing = Listing {
            names: Vec::new(),
            entries: Vec::new(),
            form,
            before: Vec::new(),
            after: Vec::new(),
            length: 0,
            next: 0,
        };
        root.entries(directory, path.as_bytes(), |entry| {
            let name = entry.name();
            if name.first() == Some(&b'.') && !options.hidden && path.join(name).is_hidden() {
                return Ok(());
            }
            let found = match entry.identity() {
                Ok(link) if link.is_symlink => {
                    let target = root.open_beneath(path.join(name).as_bytes());
                    target.and_then(|file| Identity::of(&file))
                }
                found => found,
            };
            let found = match found {
                Ok(found) if found.is_directory => Found::directory(&found),
                Ok(found) if found.is_file => Found::file(&found),
                // A fifo, a device: nothing that has an end.
                Ok(_) => return Ok(()),
                Err(error) => match Failure::from(&error) {
                    // What vanishes while it is read; a link that leads nowhere, or out. They are
                    // not there for a client.
                    Failure::Missing | Failure::Denied => return Ok(()),
                    // A listing that lacks what is there would be taken for all there is.
                    Failure::Exhausted => return Err(error),
                    // One bad place of the disk, or another disk that is mounted here and gone.
                    Failure::Broken => Found {
                        is_directory: entry.is_directory() == Some(true),
                        size: SIZE_UNKNOWN,
                        modified: 0,
                    },
                },
            };
            listing.add(name, &found);
            Ok(())
        })?;
        listing.sort(order);
        match form {
            Form::Json => {
                listing.before.extend_from_slice(b"[");
                listing.after.extend_from_slice(b"\n]\n");
            }
            Form::Html | Form::Text => {
                begin_page(path, &mut listing.before);
                if !listing.entries.is_empty() {
                    begin_table(path, order, &mut listing.before);
                    listing.after.extend_from_slice(b"</tbody>\n</table>\n");
                }
                end_page(&listing.entries, &mut listing.after);
            }
        }
        listing.length = listing.measure();
        Ok(listing)
    }

    fn add(&mut self, name: &[u8], found: &Found) {
        let (Ok(start), Ok(name_bytes)) =
            (u32::try_from(self.names.len()), u16::try_from(name.len()))
        else {
            return;
        };
        self.names.extend_from_slice(name);
        self.entries.push(Entry {
            size: if found.is_directory { 0 } else { found.size },
            modified: found.modified,
            key: 0,
            name: start,
            name_bytes,
            is_directory: found.is_directory,
            is_plain: name.iter().all(|&byte| is_unreserved(byte)) && !name.starts_with(b"http"),
        });
    }

    fn sort(&mut self, order: Order) {
        let names = &self.names;
        let start = alike(names, &self.entries);
        let flip = if order.descending { u64::MAX } else { 0 };
        for entry in &mut self.entries {
            entry.key = flip
                ^ match order.column {
                    Column::Name => natural_key(name_of(names, entry), start),
                    Column::Size => entry.size,
                    Column::Modified => (entry.modified as u64) ^ (1 << 63),
                };
        }
        // Equals keep the order of their names, whichever way another column runs.
        let reversed = order.descending && order.column == Column::Name;
        self.entries.sort_unstable_by(|a, b| {
            let by_name = || {
                let ordering = natural(name_of(names, a), name_of(names, b));
                if reversed { ordering.reverse() } else { ordering }
            };
            let folders_first = b.is_directory.cmp(&a.is_directory);
            folders_first.then(a.key.cmp(&b.key)).then_with(by_name)
        });
    }

    /// The Content-Length, without the page ever being whole: made once into a piece that is
    /// thrown away, row by row. A plain name, which stands in its row twice as it is, is as long
    /// there as any other, and so is a date: what is around them is made for empty ones.
    fn measure(&self) -> u64 {
        let mut row = Vec::new();
        let mut length = (self.before.len() + self.after.len()) as u64;
        for (at, entry) in self.entries.iter().enumerate() {
            row.clear();
            if entry.is_plain {
                self.write_entry(at, entry, b"", &NO_DATE, &mut row);
                length += 2 * u64::from(entry.name_bytes);
            } else {
                let name = name_of(&self.names, entry);
                self.write_entry(at, entry, name, &NO_DATE, &mut row);
            }
            length += row.len() as u64;
        }
        length
    }

    fn write_entry(&self, at: usize, entry: &Entry, name: &[u8], date: &Date, out: &mut Vec<u8>) {
        match self.form {
            Form::Json => write_json_entry(name, entry, date, at == 0, out),
            Form::Html | Form::Text => write_row(name, entry, date, out),
        }
    }
}

impl Produce for Listing {
    fn length(&self) -> u64 {
        self.length
    }

    fn produce(&mut self, out: &mut Vec<u8>) {
        if self.next == 0 {
            out.append(&mut self.before);
            self.next = 1;
        }
        while let Some(entry) = self.entries.get(self.next - 1) {
            if out.len() >= PIECE_BYTES {
                return;
            }
            let (name, date) = (name_of(&self.names, entry), date(entry.modified));
            self.write_entry(self.next - 1, entry, name, &date, out);
            self.next += 1;
        }
        if out.len() < PIECE_BYTES && self.next == self.entries.len() + 1 {
            out.append(&mut self.after);
            self.next += 1;
        }
    }
}

fn name_of<'n>(names: &'n [u8], entry: &Entry) -> &'n [u8] {
    let start = entry.name as usize;
    names.get(start..start + usize::from(entry.name_bytes)).unwrap_or_default()
}

/// Title and heading: the path, of which each folder leads to itself.
fn begin_page(path: &SitePath, out: &mut Vec<u8>) {
    let title = [b"Index of /", path.as_bytes()].concat();
    page::begin(&title, out);
    out.extend_from_slice(b"<form><h1>Index of ");
    write_breadcrumbs(path, out);
    out.extend_from_slice(b"</h1></form>\n");
}

/// The columns, whose titles are buttons that sort, and the way up.
fn begin_table(path: &SitePath, order: Order, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<table>\n<thead>\n<tr>");
    for (column, letter, title) in [
        (Column::Name, 'N', "Name"),
        (Column::Size, 'S', "Size"),
        (Column::Modified, 'M', "Modified (UTC)"),
    ] {
        let sorted = order.column == column;
        // Names are wanted from the first on, sizes and dates from the last.
        let descending = if sorted { !order.descending } else { column != Column::Name };
        let direction = if order.descending { "descending" } else { "ascending" };
        out.extend_from_slice(b"<th scope=\"col\"");
        if sorted {
            out.extend_from_slice(format!(" aria-sort=\"{direction}\"").as_bytes());
        }
        let letter_of_order = if descending { 'D' } else { 'A' };
        // A browser makes the query of it in this order: `?C=S&O=D`.
        let form = format!(
            "><form><button name=\"C\" value=\"{letter}\">{title}</button>\
             <input type=\"hidden\" name=\"O\" value=\"{letter_of_order}\"></form></th>"
        );
        out.extend_from_slice(form.as_bytes());
    }
    out.extend_from_slice(b"</tr>\n</thead>\n<tbody>\n");
    if !path.as_bytes().is_empty() {
        out.extend_from_slice(b"<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
}

/// What all of it comes to.
fn end_page(entries: &[Entry], out: &mut Vec<u8>) {
    let folders = entries.iter().filter(|entry| entry.is_directory).count();
    let files = entries.len() - folders;
    let bytes = entries
        .iter()
        .filter(|entry| entry.size != SIZE_UNKNOWN)
        .fold(0, |sum: u64, entry| sum.saturating_add(entry.size));
    let counted = |count: usize, name: &str| match count {
        0 => None,
        1 => Some(format!("1 {name}")),
        _ => Some(format!("{count} {name}s")),
    };
    let mut counts = [counted(folders, "folder"), counted(files, "file")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
        .into_bytes();
    if files > 0 {
        counts.extend_from_slice(b", ");
        write_size(bytes, &mut counts);
    }
    if entries.is_empty() {
        counts.extend_from_slice(b"This folder is empty.");
    }
    for part in [b"<p>", counts.as_slice(), b"</p>\n", page::END] {
        out.extend_from_slice(part);
    }
}

/// The folder above is a link, those above it are buttons, and the folder itself is text.
fn write_breadcrumbs(path: &SitePath, out: &mut Vec<u8>) {
    let names = path.as_bytes().split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let depth = names.clone().count();
    write_breadcrumb(depth, b"/", out);
    for (name, level) in names.zip((0..depth).rev()) {
        out.push(b' ');
        let mut text = b"<bdi>".to_vec();
        escape_html(name, &mut text);
        text.extend_from_slice(b"</bdi>");
        write_breadcrumb(level, &text, out);
        if level > 0 {
            out.extend_from_slice(b" /");
        }
    }
}

/// `text` leads as many levels up.
fn write_breadcrumb(levels: usize, text: &[u8], out: &mut Vec<u8>) {
    let up = "../".repeat(levels);
    let (start, end) = match levels {
        0 => (String::new(), ""),
        1 => (format!("<a href=\"{up}\">"), "</a>"),
        _ => (format!("<button formaction=\"{up}\">"), "</button>"),
    };
    for part in [start.as_bytes(), text, end.as_bytes()] {
        out.extend_from_slice(part);
    }
}

/// One entry, by the rule at the head of this module.
fn write_row(name: &[u8], entry: &Entry, date: &Date, out: &mut Vec<u8>) {
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
        out.extend_from_slice(b"/</a></bdi></td><td></td><td>");
    } else {
        out.extend_from_slice(b"</a></bdi></td><td data-bytes=\"");
        write_decimal(entry.size, out);
        out.extend_from_slice(b"\">");
        write_size(entry.size, out);
        out.extend_from_slice(b"</td><td>");
    }
    // Kodi reads no seconds, and people do not need them.
    let [date @ .., _, _, _] = date;
    out.extend_from_slice(date);
    out.extend_from_slice(b"</td></tr>\n");
}

/// The text of an entry's link.
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

fn write_json_entry(name: &[u8], entry: &Entry, date: &Date, first: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if first { b"\n{\"name\":" } else { b",\n{\"name\":" });
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

/// A link from the folder to what is in it.
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
type Date = [u8; 19];

/// As long as any.
const NO_DATE: Date = *b"0000-00-00 00:00:00";

fn date(seconds: i64) -> Date {
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

/// For people: `999 B`, `1.0 KiB`, `12 MiB`; rounded up, so that nothing is 0.
fn write_size(bytes: u64, out: &mut Vec<u8>) {
    let mut unit = 0_u32;
    while bytes >> (10 * unit) >= 1_000 && unit < 6 {
        unit += 1;
    }
    if unit == 0 {
        write_decimal(bytes, out);
        out.extend_from_slice(b" B");
        return;
    }
    // In tenths of the unit below 10, whole from there on.
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

/// The order of names that people expect: digits by their number, letters without their case.
fn natural(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    // Names in one folder often begin alike: nothing needs to be looked at twice but the digits
    // that the first difference may stand among.
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let digits = a.iter().take(same).rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut i, mut j) = (same - digits, same - digits);
    loop {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number_at(a, i), number_at(b, j));
                let (digits_x, digits_y) =
                    (a.get(x.clone()).unwrap_or_default(), b.get(y.clone()).unwrap_or_default());
                let ordering =
                    digits_x.len().cmp(&digits_y.len()).then_with(|| digits_x.cmp(digits_y));
                if ordering != Ordering::Equal {
                    return ordering;
                }
                (i, j) = (x.end, y.end);
            }
            (Some(x), Some(y)) => {
                let ordering = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
                if ordering != Ordering::Equal {
                    return ordering;
                }
                (i, j) = (i + 1, j + 1);
            }
            // Names that differ in case or in leading zeros only still have one order.
            (None, None) => return a.cmp(b),
            (x, y) => return x.is_some().cmp(&y.is_some()),
        }
    }
}

/// The digits from `at` on, without leading zeros.
fn number_at(name: &[u8], at: usize) -> Range<usize> {
    let mut start = at;
    while name.get(start) == Some(&b'0') {
        start += 1;
    }
    let mut end = start;
    while name.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    start..end
}

/// How far all names are alike: less the digits that the first difference may stand among.
fn alike(names: &[u8], entries: &[Entry]) -> usize {
    let mut names = entries.iter().map(|entry| name_of(names, entry));
    let mut same = names.next().unwrap_or_default();
    for name in names {
        let length = same.iter().zip(name).take_while(|(x, y)| x == y).count();
        same = same.get(..length).unwrap_or_default();
    }
    while let [before @ .., b'0'..=b'9'] = same {
        same = before;
    }
    same.len()
}

/// The beginning of a name from `start` on, as a number: of two that differ the smaller one
/// belongs to the name that is first in the natural order.
fn natural_key(name: &[u8], start: usize) -> u64 {
    let mut key = [0; 8];
    let mut places = key.iter_mut();
    let mut at = start;
    while let (Some(byte), Some(place)) = (name.get(at), places.next()) {
        if !byte.is_ascii_digit() {
            *place = byte.to_ascii_lowercase();
            at += 1;
            continue;
        }
        // A number: how long it is, in one digit, and then its digits.
        let number = number_at(name, at);
        at = number.end;
        let digits = name.get(number).unwrap_or_default();
        *place = b'0' + digits.len().min(9) as u8;
        if digits.len() >= 9 {
            break;
        }
        for (digit, place) in digits.iter().zip(places.by_ref()) {
            *place = *digit;
        }
    }
    u64::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        let sorted: [&[u8]; 10] =
            [b"", b"a", b"B", b"img1", b"img01", b"img2", b"img10", b"img10a", b"x", b"\xff"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                if (i, j) != (3, 4) && (i, j) != (4, 3) {
                    assert_eq!(
                        natural(a, b),
                        i.cmp(&j),
                        "{:?} {:?}",
                        a.escape_ascii(),
                        b.escape_ascii()
                    );
                }
            }
        }
        assert_ne!(natural(b"img1", b"img01"), std::cmp::Ordering::Equal);
    }

    /// A sample of the names of up to five bytes from a few that differ in what counts.
    #[test]
    fn keys_say_what_the_order_says_or_nothing() {
        let mut names = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..5 {
            let to = names.len();
            for at in from..to {
                for byte in *b"/019:aA\xff" {
                    names.push([&names[at], &[byte][..]].concat());
                }
            }
            from = to;
        }
        let long = [
            "12345678",
            "123456789",
            "123456780",
            "0123456789",
            "1234567890",
            "9999999999",
            "x12345678",
            "x1234567",
            "x123456789",
            "abcdefgh",
            "abcdefghi",
            "abcdefgH",
            "abcdef12",
            "abcdef123",
            "abcdef2",
        ];
        names = names.into_iter().step_by(37).collect();
        names.extend(long.map(|name| name.as_bytes().to_vec()));
        for a in &names {
            for b in &names {
                let by_key = natural_key(a, 0).cmp(&natural_key(b, 0));
                assert!(
                    by_key.is_eq() || by_key == natural(a, b),
                    "{:?} {:?}",
                    a.escape_ascii(),
                    b.escape_ascii()
                );
            }
        }
        assert!(natural_key(b"x19", 1) < natural_key(b"x20", 1));
        assert!(natural_key(b"a9", 0) < natural_key(b"A10", 0));
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
