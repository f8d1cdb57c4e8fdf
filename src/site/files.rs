//! Open files, and the field lines that all answers about a file share.
//!
//! A file stays open for a second or two from its second request on, so that the next one need not
//! open it. No answer is stale: for each request the system has been asked whether the name still leads
//! to the same file in the same state, after the request was received. One such look serves all
//! requests that were received before it: a worker receives from several clients, and then answers
//! them. So does one read of a small file; larger ones are read for each answer.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::http::path::SitePath;
use crate::http::precondition::Validators;
use crate::http::responder::Patience;
use crate::http::response::{Reading, Response};
use crate::http::status::Status;
use crate::sys::{self, Directory, FileState, Medium};

/// A regular file.
#[derive(Debug)]
pub struct OpenFile {
    /// Open for reading.
    pub file: Arc<File>,
    /// The state of the open file, not of its name: so it belongs to the content that is sent.
    pub state: FileState,
    /// The path of the file. Its extension decides the media type.
    pub path: SitePath,
    /// What keeps it.
    pub medium: Medium,
    /// A request for this path, not encoded, is for this file.
    pub is_plain: bool,
    /// It is a single page, and somebody who may wait has read it: it is most likely in memory for as
    /// long as the file is kept open. Asked where the system cannot tell.
    pub is_read: AtomicBool,
    /// Made for the first answer and used for all later ones.
    pub description: OnceLock<Arc<Description>>,
}

impl OpenFile {
    /// Reads a small part in place of what `bytes` holds. Fails with
    /// [`io::ErrorKind::UnexpectedEof`] if the file has been shortened since it was opened, and
    /// without patience with [`io::ErrorKind::WouldBlock`] if it may not be in memory.
    pub fn read(
        &self,
        range: &Range<u64>,
        bytes: &mut Vec<u8>,
        patience: Patience,
    ) -> io::Result<()> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        bytes.resize(length, 0);
        let mut filled = 0;
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.read_once(room, range.start + filled as u64, patience) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if patience == Patience::Any && self.state.length <= PAGE_BYTES_MIN {
            self.is_read.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn read_once(&self, room: &mut [u8], offset: u64, patience: Patience) -> io::Result<usize> {
        if patience == Patience::Any || self.reading() == Reading::AtOnce {
            return sys::read_at(&self.file, room, offset);
        }
        match sys::read_at_once(&self.file, room, offset) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                match self.is_read.load(Ordering::Relaxed) {
                    true => sys::read_at(&self.file, room, offset),
                    false => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
            read => read,
        }
    }

    /// How its content is read while it is sent.
    pub fn reading(&self) -> Reading {
        match self.medium {
            Medium::Memory => Reading::AtOnce,
            // A task for each of a container's answers would cost more than the wait for the first
            // one, whose name was not in memory either: a task opens it and reads its beginning.
            Medium::Layers => Reading::AtOnce,
            Medium::Disk => Reading::Tried,
            Medium::Elsewhere => Reading::Fetched,
        }
    }
}

/// What all answers with a representation share.
#[derive(Debug)]
pub struct Description {
    /// The validators of the representation.
    pub validators: Validators,
    /// Field lines in this order: Cache-Control, Vary, ETag, Last-Modified; then Content-Encoding,
    /// Accept-Ranges, X-Content-Type-Options; then Content-Type; then Content-Length.
    pub(super) lines: Arc<[u8]>,
    pub(super) not_modified_bytes: usize,
    pub(super) untyped_bytes: usize,
    pub(super) unmeasured_bytes: usize,
}

impl Description {
    /// A 200 for the whole.
    pub fn whole(&self) -> Response {
        Response::with_length(Status::Ok, &self.lines, self.unmeasured_bytes)
    }

    /// A 206 for one part.
    pub fn part(&self) -> Response {
        Response::with_shared(Status::PartialContent, &self.lines, self.unmeasured_bytes)
    }

    /// A 304. Its field lines are those of the 200 about caching and validators (RFC 9110 §15.4.5).
    pub fn not_modified(&self) -> Response {
        Response::with_shared(Status::NotModified, &self.lines, self.not_modified_bytes)
    }

    /// A 206 without Content-Type, for a multipart answer.
    pub fn untyped(&self) -> Response {
        Response::with_shared(Status::PartialContent, &self.lines, self.untyped_bytes)
    }

    /// The Content-Type line: that of the original file, whatever the coding.
    pub fn type_line(&self) -> &[u8] {
        self.lines.get(self.untyped_bytes..self.unmeasured_bytes).unwrap_or_default()
    }
}

/// The files that one worker keeps open, and paths that were missing a moment ago.
#[derive(Debug, Default)]
pub struct OpenFiles {
    slots: Vec<Option<Slot>>,
    /// Paths that did not exist, each in its slot; empty where there is none.
    missed: Vec<Missed>,
    /// Paths of files that were opened once, each as a part of its hash in its place.
    opened: Option<Box<[u16; OPENED]>>,
    /// What was read last.
    content: Content,
    /// The current look: counts the times that something was received.
    look: u32,
}

/// A small part of a file.
#[derive(Debug, Default)]
struct Content {
    /// `None`: nothing was read.
    file: Option<Arc<OpenFile>>,
    range: Range<u64>,
    /// The look in which it was read.
    look: u32,
    bytes: Arc<Vec<u8>>,
}

/// A path that did not exist.
#[derive(Debug, Default)]
struct Missed {
    path: Vec<u8>,
    /// The look that has found that.
    look: u32,
}

/// What is known of a path.
#[derive(Debug)]
pub enum Known {
    /// It is open and unchanged.
    Open(Arc<OpenFile>),
    /// It does not exist, as the current look has found.
    Missing,
    /// It did not exist a moment ago. Ask the system whether that is still so, which
    /// does not take long.
    Missed,
    /// Nothing.
    Nothing,
}

#[derive(Debug)]
struct Slot {
    file: Arc<OpenFile>,
    /// Whether a request used it since the last [`OpenFiles::expire`].
    used: bool,
    /// The look that has found it unchanged.
    look: u32,
    /// The second in which its siblings were last asked for.
    siblings_second: i64,
    absent: Option<Absent>,
}

/// Siblings that a folder does not have, as long as it stays as it was before we asked for them.
#[derive(Debug)]
struct Absent {
    folder: FileState,
    /// As bits, each by `Coding::bit`.
    codings: u8,
    /// The look that has found the folder unchanged.
    look: u32,
}

/// No processor that we build for has smaller pages.
const PAGE_BYTES_MIN: u64 = 4 << 10;
/// A power of two. Enough for the files of a page, and it leaves descriptors for clients.
const SLOTS: usize = 64;
/// A power of two.
const OPENED: usize = 256;
/// Longer paths that are missing are not remembered.
const MISSED_BYTES_MAX: usize = 255;

impl OpenFiles {
    /// Something was received, or some time has passed: what was seen before is not to be relied on.
    pub fn look_anew(&mut self) {
        self.look = self.look.wrapping_add(1);
    }

    /// The file of this path, if it is open and unchanged. Closes it if it has changed.
    pub fn find(&mut self, root: &Directory, path: &[u8]) -> Known {
        if self.is_empty() {
            return Known::Nothing;
        }
        let place = place(path);
        if let Some(slot) = self.slots.get_mut(place) {
            if let Some(kept) = slot.as_mut().filter(|kept| kept.file.path.as_bytes() == path) {
                if kept.look == self.look || root.state(path) == Some(kept.file.state) {
                    kept.look = self.look;
                    kept.used = true;
                    return Known::Open(Arc::clone(&kept.file));
                }
                *slot = None;
            }
        }
        match self.missed.get(place) {
            Some(missed) if missed.path != path => Known::Nothing,
            Some(missed) if missed.look == self.look => Known::Missing,
            Some(_) => Known::Missed,
            None => Known::Nothing,
        }
    }

    /// A small part of a file, as it is after all requests of this look were received.
    pub fn read(
        &mut self,
        file: &Arc<OpenFile>,
        range: Range<u64>,
        patience: Patience,
    ) -> io::Result<Arc<Vec<u8>>> {
        let content = &mut self.content;
        let is_read = content.look == self.look
            && content.range == range
            && content.file.as_ref().is_some_and(|read| Arc::ptr_eq(read, file));
        if !is_read {
            content.file = None;
            if Arc::get_mut(&mut content.bytes).is_none() {
                content.bytes = Arc::default();
            }
            if let Some(bytes) = Arc::get_mut(&mut content.bytes) {
                file.read(&range, bytes, patience)?;
            }
            (content.look, content.range) = (self.look, range);
            // To close it may wait there.
            content.file = (file.medium != Medium::Elsewhere).then(|| Arc::clone(file));
        }
        Ok(Arc::clone(&content.bytes))
    }

    /// The same by the path of a target, which is not decoded: `None` where that would matter.
    pub fn find_plain(&mut self, root: &Directory, target: &[u8]) -> Option<Arc<OpenFile>> {
        let path = target.strip_prefix(b"/")?;
        match self.find(root, path) {
            Known::Open(file) => Some(file).filter(|file| file.is_plain),
            _ => None,
        }
    }

    fn slot(&mut self, path: &SitePath) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(place(path.as_bytes()))?.as_mut()?;
        (slot.file.path == *path).then_some(slot)
    }

    /// The codings, as bits, in which a file that was just found has no sibling for sure.
    pub fn absent_codings(&mut self, root: &Directory, path: &SitePath) -> u8 {
        let look = self.look;
        let Some(absent) = self.slot(path).and_then(|slot| slot.absent.as_mut()) else {
            return 0;
        };
        if absent.look != look && root.state(path.folder()) != Some(absent.folder) {
            return 0;
        }
        absent.look = look;
        absent.codings
    }

    /// Whether to look which siblings there are of a file that was just found: at most once a second,
    /// because folders may change all the time.
    pub fn may_note_absent(&mut self, path: &SitePath, second: i64) -> bool {
        let slot = self.slot(path);
        slot.is_some_and(|slot| std::mem::replace(&mut slot.siblings_second, second) != second)
    }

    /// Remembers the codings, as bits, in which a file has no sibling. `folder`: its state before
    /// they were looked for, from which each later change will differ.
    pub fn note_absent(&mut self, path: &SitePath, folder: FileState, codings: u8) {
        let look = self.look.wrapping_sub(1);
        if let Some(slot) = self.slot(path) {
            slot.absent = Some(Absent { folder, codings, look });
        }
    }

    /// Remembers a path that does not exist: browsers request the same missing icon, and coded
    /// siblings, repeatedly. Not beneath a mount point, where asking again may wait.
    pub fn miss(&mut self, path: &[u8]) {
        if path.is_empty() || path.len() > MISSED_BYTES_MAX {
            return;
        }
        if self.missed.is_empty() {
            self.missed.resize_with(SLOTS, Missed::default);
        }
        if let Some(missed) = self.missed.get_mut(place(path)) {
            missed.path.clear();
            missed.path.extend_from_slice(path);
            missed.look = self.look;
        }
    }

    /// Takes over what a task thread has found out. That was not after whatever was received last.
    pub fn absorb(&mut self, found: OpenFiles) {
        let look = self.look;
        self.look = look.wrapping_sub(1);
        for slot in found.slots.into_iter().flatten() {
            let Slot { file, absent, .. } = slot;
            self.keep(&file);
            if let (Some(slot), Some(absent)) = (self.slot(&file.path), absent) {
                slot.absent = Some(Absent { look: slot.look, ..absent });
            }
        }
        for missed in &found.missed {
            self.miss(&missed.path);
        }
        self.look = look;
    }

    /// Keeps a file open from its second request on: one of ten thousand is closed at once, and does
    /// not replace one that is asked for again.
    pub fn opened(&mut self, file: &Arc<OpenFile>) {
        let hash = hash(file.path.as_bytes());
        let opened = self.opened.get_or_insert_with(|| Box::new([0; OPENED]));
        let tag = (hash >> 16) as u16 | 1;
        let last = opened.get_mut(hash as usize % OPENED);
        if last.is_some_and(|last| std::mem::replace(last, tag) == tag) {
            self.keep(file);
        }
    }

    /// Keeps a file open. It may replace another one.
    pub fn keep(&mut self, file: &Arc<OpenFile>) {
        // Even to look whether it has changed may wait.
        if !file.state.is_known() || file.medium == Medium::Elsewhere {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        if let Some(slot) = self.slots.get_mut(place(file.path.as_bytes())) {
            *slot = Some(Slot {
                file: Arc::clone(file),
                used: true,
                look: self.look,
                siblings_second: i64::MIN,
                absent: None,
            });
        }
    }

    /// Closes files that were not used since the last call, so that deleted files free their space
    /// and a USB stick can be unmounted.
    pub fn expire(&mut self) {
        self.missed = Vec::new();
        self.opened = None;
        self.content = Content::default();
        let mut kept = false;
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|slot| !slot.used) {
                *slot = None;
            }
            if let Some(slot) = slot {
                slot.used = false;
                kept = true;
            }
        }
        if !kept {
            self.slots = Vec::new();
        }
    }

    /// Closes all files, to free descriptors or to look at every name again.
    pub fn clear(&mut self) {
        *self = OpenFiles { look: self.look.wrapping_add(1), ..OpenFiles::default() };
    }

    /// Whether there is nothing to expire.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
            && self.missed.is_empty()
            && self.opened.is_none()
            && self.content.file.is_none()
    }
}

/// The slot of a path.
fn place(path: &[u8]) -> usize {
    let hash = hash(path);
    (hash ^ hash >> 16) as usize % SLOTS
}

/// FNV-1a.
fn hash(path: &[u8]) -> u32 {
    path.iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
