//! A directory without an index file, as an HTML page or as JSON. The page is produced while it is
//! sent: only names, sizes and dates are kept in memory.
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
//! 4. The other links lead to folders above, which crawlers have fetched already. Those of the
//!    heading have no quotes, `<a href=../../ >`: for Kodi and fsspec, which would take the folder two
//!    levels up for one in this folder, they are none. Buttons of a form sort the listing. No program
//!    takes a button for a link, so a crawler fetches a folder only once.
//! 5. A row is one line. After the link follow the size, as `>4.9 KiB</td>` (Kodi's pattern), in
//!    bytes as `data-bytes`, and the date as `YYYY-MM-DD HH:MM`.
//!
//! Kodi still ignores names that begin with a space or a reference, that contain control
//! characters, or that are not UTF-8. Their HREF is right. Kodi knows no unit above GiB, so it shows
//! no size from 1000 GiB on.
//! `tests/suite/listing_readers.rs` reads pages by the rules of Kodi, fsspec and `wget -r`;
//! `scripts/check-kodi` and `scripts/check-clients` ask the programs themselves.

pub(super) mod entries;
mod frame;
pub(super) mod order;
pub(super) mod row;

use std::fs::File;
use std::io;

use crate::config::{Order, SiteOptions};
use crate::http::grammar::is_unreserved;
use crate::http::lease::Lease;
use crate::http::path::SitePath;
use crate::http::response::Produce;
use crate::sys::{Directory, Failure, FileState};

use super::page::PageFormat;
use entries::Entries;
use frame::{begin_page, begin_table, end_page};
use row::{
    Date, Entry, NO_DATE, SIZE_UNKNOWN, date, plain_row_length, write_json_entry, write_row,
};

/// The format of a listing: JSON if the query has `format=json` or Accept prefers it, otherwise HTML.
pub fn page_format(query: Option<&[u8]>, accepted: PageFormat) -> PageFormat {
    let words = query.unwrap_or_default().split(|byte| matches!(byte, b'&' | b';'));
    if words.into_iter().any(|word| word == b"format=json") || accepted == PageFormat::Json {
        PageFormat::Json
    } else {
        PageFormat::Html
    }
}

/// The listing that the client wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// The path of the folder.
    pub path: &'w SitePath,
    /// The query, which may contain the order.
    pub query: Option<&'w [u8]>,
    /// See [`page_format`].
    pub format: PageFormat,
}

/// An entry that clients can fetch.
struct Found {
    is_directory: bool,
    size: u64,
    modified: i64,
}

impl Found {
    fn directory(found: &FileState) -> Found {
        Found {
            is_directory: true,
            size: 0,
            modified: found.modified.map_or(0, |(seconds, _)| seconds),
        }
    }

    fn file(found: &FileState) -> Found {
        Found { is_directory: false, size: found.length, ..Found::directory(found) }
    }

    fn entry(&self, name: &[u8]) -> Entry {
        Entry {
            size: if self.is_directory { 0 } else { self.size },
            modified: self.modified,
            is_directory: self.is_directory,
            is_plain: name.iter().all(|&byte| is_unreserved(byte)) && !name.starts_with(b"http"),
        }
    }
}

/// A listing that is being sent.
#[derive(Debug)]
pub struct Listing {
    entries: Entries,
    format: PageFormat,
    before: Vec<u8>,
    after: Vec<u8>,
    length: u64,
    /// The next part to produce: 0 is `before`, then the entries, then `after`.
    next: usize,
}

/// About the length of a piece.
const PIECE_BYTES: usize = 16 << 10;

impl Listing {
    /// Reads a directory. Fails if it has been removed, or if descriptors, memory or the budget of
    /// `lease` run out.
    pub fn read(
        directory: &File,
        wanted: &Wanted<'_>,
        root: &Directory,
        options: &SiteOptions,
        lease: Box<dyn Lease>,
    ) -> io::Result<Listing> {
        let Wanted { path, query, format } = *wanted;
        let order = order::of(query, options.order);
        let mut listing = Listing {
            entries: Entries::new(lease),
            format,
            before: Vec::new(),
            after: Vec::new(),
            length: 0,
            next: 0,
        };
        root.entries(directory, path.as_bytes(), |entry| {
            let name = entry.name();
            if !options.hidden && path.hides(name) {
                return Ok(());
            }
            let found = match entry.state() {
                Ok(link) if link.is_symlink => {
                    let target = root.open_beneath(path.join(name).as_bytes());
                    target.and_then(|file| FileState::of(&file))
                }
                found => found,
            };
            let found = match found {
                Ok(found) if found.is_directory => Found::directory(&found),
                Ok(found) if found.is_file => Found::file(&found),
                // A fifo or a device: its content has no end.
                Ok(_) => return Ok(()),
                Err(error) => match Failure::from(&error) {
                    // It has just been removed, or is a link that leads nowhere or outside. The
                    // client cannot fetch it.
                    Failure::Missing | Failure::Denied => return Ok(()),
                    // Clients would take an incomplete listing for a complete one.
                    Failure::Exhausted => return Err(error),
                    // A bad block, or the mount point of a disk that has failed.
                    Failure::Broken => Found {
                        is_directory: entry.is_directory() == Some(true),
                        size: SIZE_UNKNOWN,
                        modified: 0,
                    },
                },
            };
            listing.entries.add(name, &found.entry(name))
        })?;
        order::sort(&mut listing.entries, order)?;
        listing.frame(path, order, options);
        listing.entries.settle(listing.before.capacity() + listing.after.capacity())?;
        listing.length = listing.measure();
        Ok(listing)
    }

    /// Writes what is before and after the entries.
    fn frame(&mut self, path: &SitePath, order: Order, options: &SiteOptions) {
        let (before, after) = (&mut self.before, &mut self.after);
        match self.format {
            PageFormat::Json => {
                before.extend_from_slice(b"[");
                after.extend_from_slice(b"\n]\n");
            }
            PageFormat::Html | PageFormat::Text => {
                begin_page(path, before);
                // An empty folder has its way up.
                if !self.entries.is_empty() || !path.as_bytes().is_empty() {
                    begin_table(path, order, before);
                    after.extend_from_slice(b"</tbody>\n</table>\n");
                }
                end_page(self.entries.totals(), options, after);
            }
        }
    }

    /// The Content-Length. Writes what differs in length once into a buffer and drops it, so that
    /// the page is never all in memory. A plain name has the length that it is written with, twice,
    /// and all dates have the same length.
    fn measure(&self) -> u64 {
        let mut row = Vec::new();
        let mut length = (self.before.len() + self.after.len()) as u64;
        for at in 0..self.entries.len() {
            let Some((name, entry)) = self.entries.get(at) else {
                break;
            };
            if entry.is_plain && self.format != PageFormat::Json {
                length += plain_row_length(name, &entry, &mut row) as u64;
                continue;
            }
            let mut written = name;
            if entry.is_plain {
                length += 2 * name.len() as u64;
                written = b"";
            }
            row.clear();
            self.write_entry(at, &entry, written, &NO_DATE, &mut row);
            length += row.len() as u64;
        }
        length
    }

    fn write_entry(&self, at: usize, entry: &Entry, name: &[u8], date: &Date, out: &mut Vec<u8>) {
        match self.format {
            PageFormat::Json => {
                if at > 0 {
                    out.push(b',');
                }
                write_json_entry(name, entry, date, out);
            }
            PageFormat::Html | PageFormat::Text => write_row(name, entry, date, out),
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
        while let Some((name, entry)) = self.entries.get(self.next - 1) {
            if out.len() >= PIECE_BYTES {
                return;
            }
            self.write_entry(self.next - 1, &entry, name, &date(entry.modified), out);
            self.next += 1;
        }
        if out.len() < PIECE_BYTES && self.next == self.entries.len() + 1 {
            out.append(&mut self.after);
            self.next += 1;
        }
    }
}
