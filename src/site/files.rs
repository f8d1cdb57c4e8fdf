//! Open files, and the field lines that all answers about a file share.
//!
//! A file stays open for a second or two after it was sent, so that the next request need not open
//! it. No answer is stale: each request asks the system whether the name still leads to the same
//! file in the same state, and reads the content from the file.

use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};

use crate::http::path::SitePath;
use crate::http::precondition::Validators;
use crate::http::responder::Patience;
use crate::http::response::Reading;
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
    /// Made for the first answer and used for all later ones.
    pub description: OnceLock<Arc<Description>>,
}

impl OpenFile {
    /// Reads a small part into `bytes`, an empty buffer. Fails with
    /// [`io::ErrorKind::UnexpectedEof`] if the file has been shortened since it was opened, and
    /// without patience with [`io::ErrorKind::WouldBlock`] if it is not in memory.
    pub fn read(
        &self,
        offset: u64,
        length: usize,
        mut bytes: Vec<u8>,
        patience: Patience,
    ) -> io::Result<Vec<u8>> {
        let read = match self.reading() {
            Reading::AtOnce => sys::read_at,
            _ if patience == Patience::Any => sys::read_at,
            _ => sys::read_at_once,
        };
        // `resize` would set single bytes in a build for size.
        while let Some(missing) = length.checked_sub(bytes.len()).filter(|&count| count > 0) {
            let zeros = [0; 256];
            bytes.extend_from_slice(zeros.get(..missing).unwrap_or(&zeros));
        }
        let mut filled = 0;
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match read(&self.file, room, offset + filled as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
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
    /// Accept-Ranges, X-Content-Type-Options; then Content-Type.
    pub(super) lines: Vec<u8>,
    pub(super) not_modified_bytes: usize,
    pub(super) untyped_bytes: usize,
}

impl Description {
    /// The field lines of a 200 or 206.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The field lines of a 304: those of the 200 about caching and validators (RFC 9110 §15.4.5).
    pub fn not_modified_lines(&self) -> &[u8] {
        self.lines.get(..self.not_modified_bytes).unwrap_or_default()
    }

    /// [`Description::lines`] without Content-Type, for a multipart answer.
    pub fn untyped_lines(&self) -> &[u8] {
        self.lines.get(..self.untyped_bytes).unwrap_or_default()
    }

    /// The Content-Type line: that of the original file, whatever the coding.
    pub fn type_line(&self) -> &[u8] {
        self.lines.get(self.untyped_bytes..).unwrap_or_default()
    }
}

/// The files that one worker keeps open, and paths that were missing a moment ago.
#[derive(Debug, Default)]
pub struct OpenFiles {
    slots: Vec<Option<Slot>>,
    /// Paths that did not exist, each in its slot; empty where there is none.
    missed: Vec<Vec<u8>>,
}

/// What is known of a path.
#[derive(Debug)]
pub enum Known {
    /// It is open and unchanged.
    Open(Arc<OpenFile>),
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
}

/// A power of two. Enough for the files of a page, and it leaves descriptors for clients.
const SLOTS: usize = 64;
/// Longer paths that are missing are not remembered.
const MISSED_BYTES_MAX: usize = 255;

impl OpenFiles {
    /// The file of this path, if it is open and unchanged. Closes it if it has changed.
    pub fn find(&mut self, root: &Directory, path: &[u8]) -> Known {
        if self.is_empty() {
            return Known::Nothing;
        }
        let place = place(path);
        if let Some(slot) = self.slots.get_mut(place) {
            if let Some(kept) = slot.as_mut().filter(|kept| kept.file.path.as_bytes() == path) {
                if root.state(path) == Some(kept.file.state) {
                    kept.used = true;
                    return Known::Open(Arc::clone(&kept.file));
                }
                *slot = None;
            }
        }
        match self.missed.get(place) {
            Some(missed) if missed == path => Known::Missed,
            _ => Known::Nothing,
        }
    }

    /// Remembers a path that does not exist: browsers request the same missing icon, and coded
    /// siblings, repeatedly. Not beneath a mount point, where asking again may wait.
    pub fn miss(&mut self, path: &[u8]) {
        if path.is_empty() || path.len() > MISSED_BYTES_MAX {
            return;
        }
        if self.missed.is_empty() {
            self.missed.resize_with(SLOTS, Vec::new);
        }
        if let Some(missed) = self.missed.get_mut(place(path)) {
            missed.clear();
            missed.extend_from_slice(path);
        }
    }

    /// Takes over what a task thread has found out.
    pub fn absorb(&mut self, found: OpenFiles) {
        for slot in found.slots.into_iter().flatten() {
            self.keep(&slot.file);
        }
        for missed in &found.missed {
            self.miss(missed);
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
            *slot = Some(Slot { file: Arc::clone(file), used: true });
        }
    }

    /// Closes files that were not used since the last call, so that deleted files free their space
    /// and a USB stick can be unmounted.
    pub fn expire(&mut self) {
        self.missed = Vec::new();
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
        *self = OpenFiles::default();
    }

    /// Whether there is nothing to expire.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.missed.is_empty()
    }
}

/// The slot of a path, by FNV-1a.
fn place(path: &[u8]) -> usize {
    let hash = path
        .iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 16) as usize % SLOTS
}
