//! The bytes of an archive, or of some ranges of it, made while they are sent.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::vec::IntoIter;

use crate::http::lease::Lease;
use crate::http::response::{Gather, Segment};
use crate::sys::{self, Directory, FileState};

use super::header::{BLOCK_BYTES, Header};
use super::tree::{Item, Tree};

/// An archive, item by item.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) tree: Tree,
    /// What the folder is called in it.
    pub(super) name: Vec<u8>,
    /// `None`: the end of the archive.
    item: Option<Item>,
    /// Where the item begins in the archive.
    start: u64,
    /// What comes before its content.
    header: Vec<u8>,
    /// Where it ends, filled up to whole blocks.
    end: u64,
}

impl Archive {
    pub(super) fn new(tree: Tree, name: Vec<u8>) -> Archive {
        Archive { tree, name, item: None, start: 0, header: Vec::new(), end: 0 }
    }

    /// Goes through all of it, and back to the start. Returns its length.
    pub(super) fn measure(&mut self) -> io::Result<u64> {
        while self.advance(0)? {}
        let length = self.end;
        self.rewind();
        Ok(length)
    }

    fn rewind(&mut self) {
        self.tree.rewind();
        (self.start, self.end) = (0, 0);
    }

    /// Goes on to the next item, and after the last one to the end. `false`: it was there. Passes
    /// over folders that end before `wanted`, once it has been measured.
    fn advance(&mut self, wanted: u64) -> io::Result<bool> {
        if self.end > 0 && self.item.is_none() {
            return Ok(false);
        }
        self.start = self.end;
        self.header.clear();
        self.item = self.tree.next(&mut self.start, wanted)?;
        let mut size = 0;
        if let Some(item) = &self.item {
            size = item.size;
            let inside = item.path.as_bytes().get(self.tree.top().len()..).unwrap_or_default();
            let inside = inside.strip_prefix(b"/").unwrap_or(inside);
            let end: &[u8] = if item.is_directory && !inside.is_empty() { b"/" } else { b"" };
            let name = [&self.name, b"/".as_slice(), inside, end].concat();
            Header { name: &name, size, modified: item.modified }.write(&mut self.header);
        } else {
            self.header.resize(2 * BLOCK_BYTES, 0);
        }
        let block = BLOCK_BYTES as u64;
        let end = size.checked_next_multiple_of(block);
        let end = end.and_then(|bytes| bytes.checked_add(self.start + self.header.len() as u64));
        self.end = end.filter(|end| *end <= LENGTH_MAX).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(true)
    }

    /// Where the content of the item is in the archive.
    fn content(&self) -> Range<u64> {
        let start = self.start + self.header.len() as u64;
        start..start + self.item.as_ref().map_or(0, |item| item.size)
    }
}

/// As long as a file can be: clients keep lengths as signed numbers.
const LENGTH_MAX: u64 = i64::MAX as u64;

/// Parts of an archive that are being sent.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) root: Arc<Directory>,
    pub(super) archive: Archive,
    /// Of all parts together.
    pub(super) length: u64,
    /// What comes before each part, and where it is in the archive.
    pub(super) parts: IntoIter<(Vec<u8>, Range<u64>)>,
    /// What is still to be sent of the part that was begun.
    pub(super) range: Range<u64>,
    /// The file that is being sent, as it was before.
    pub(super) sent: Option<(Arc<File>, FileState)>,
    /// For one piece, and for one archive at a time.
    pub(super) _leases: [Box<dyn Lease>; 2],
}

/// About the length of a piece.
const PIECE_BYTES: usize = 64 << 10;
/// Files up to this size are read into a piece, larger ones leave from the file.
const READ_BYTES_MAX: u64 = 64 << 10;
/// The most that a piece takes.
pub(super) const PIECE_BYTES_MAX: usize = 256 << 10;

impl Gather for Stream {
    fn length(&self) -> u64 {
        self.length
    }

    fn gather(&mut self) -> Option<Vec<Segment>> {
        self.piece().ok()
    }
}

impl Stream {
    fn piece(&mut self) -> io::Result<Vec<Segment>> {
        if let Some((file, state)) = self.sent.take() {
            check(&file, &state)?;
        }
        let mut bytes = Vec::new();
        while bytes.len() < PIECE_BYTES {
            if self.range.is_empty() {
                let Some((head, range)) = self.parts.next() else { break };
                bytes.extend_from_slice(&head);
                if range.start < self.archive.start {
                    self.archive.rewind();
                }
                self.range = range;
                continue;
            }
            let archive = &mut self.archive;
            while archive.end <= self.range.start {
                if !archive.advance(self.range.start)? {
                    return Err(changed());
                }
            }
            let within = |whole: &Range<u64>| {
                let start = self.range.start.clamp(whole.start, whole.end) - whole.start;
                start..self.range.end.clamp(whole.start, whole.end) - whole.start
            };
            let content = archive.content();
            let header = within(&(archive.start..content.start));
            bytes.extend_from_slice(slice(&archive.header, &header));
            let (part, filled) = (within(&content), within(&(content.end..archive.end)));
            if let Some(item) = archive.item.as_ref().filter(|_| !part.is_empty()) {
                let (file, state) = open(&self.root, item)?;
                if part.end - part.start > READ_BYTES_MAX {
                    self.range.start = content.start + part.end;
                    self.sent = Some((Arc::clone(&file), state));
                    return Ok(vec![Segment::Bytes(bytes), Segment::File(file, part)]);
                }
                read(&file, &part, &mut bytes)?;
                check(&file, &state)?;
            }
            bytes.extend_from_slice(slice(&[0; BLOCK_BYTES], &filled));
            self.range.start = archive.end.min(self.range.end);
        }
        Ok(vec![Segment::Bytes(bytes)])
    }
}

fn slice<'b>(bytes: &'b [u8], range: &Range<u64>) -> &'b [u8] {
    bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
}

/// Opens the file of an item, which has to be as it was.
fn open(root: &Directory, item: &Item) -> io::Result<(Arc<File>, FileState)> {
    let file = root.open_beneath(item.path.as_bytes())?;
    let state = FileState::of(&file)?;
    let (modified, _) = state.modified.unwrap_or_default();
    let is_same = state.is_file && state.length == item.size && modified == item.modified;
    if is_same { Ok((Arc::new(file), state)) } else { Err(changed()) }
}

/// Whether the file is as it was.
fn check(file: &File, state: &FileState) -> io::Result<()> {
    if FileState::of(file)? == *state { Ok(()) } else { Err(changed()) }
}

fn read(file: &File, range: &Range<u64>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let start = bytes.len();
    bytes.resize(start + (range.end - range.start) as usize, 0);
    let mut at = range.start;
    while at < range.end {
        let room = bytes.get_mut(start + (at - range.start) as usize..).unwrap_or_default();
        match sys::read_at(file, room, at) {
            Ok(0) => return Err(changed()),
            Ok(count) => at += count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Something is not as it was when the archive was begun.
pub(super) fn changed() -> io::Error {
    io::ErrorKind::StaleNetworkFileHandle.into()
}
