//! Files that are open, what their answers have in common, and those that stay open for a while.
//!
//! Files that were just sent stay open for a second or two, so that the next request for one of
//! them finds it by a look at its name. Nothing is ever answered stale: each request asks the
//! system whether the name still leads to the same file in the same state, and content is read
//! from the file each time. What was missing the last time is asked for before it is opened.

use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};

use crate::http::path::SitePath;
use crate::http::precondition::Validators;
use crate::sys::{self, Directory, FileState};

/// A regular file.
#[derive(Debug)]
pub struct OpenFile {
    /// Open for reading.
    pub file: Arc<File>,
    /// Taken from the open file, so that it is of the same as what is sent.
    pub state: FileState,
    /// Where it was found; its extension decides the media type.
    pub path: SitePath,
    /// Made for the first answer, and the same for all that follow.
    pub description: OnceLock<Arc<Description>>,
}

impl OpenFile {
    /// Reads a part that is small enough to be sent from memory. `None`: the file has been
    /// shortened since it was opened. `bytes`: a buffer for it.
    pub fn read(
        &self,
        offset: u64,
        length: usize,
        mut bytes: Vec<u8>,
    ) -> io::Result<Option<Vec<u8>>> {
        // Not by `resize`, which sets one byte after the other in a build for size.
        while let Some(missing) = length.checked_sub(bytes.len()).filter(|&count| count > 0) {
            let zeros = [0; 256];
            bytes.extend_from_slice(zeros.get(..missing).unwrap_or(&zeros));
        }
        let mut filled = 0;
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match sys::read_at(&self.file, room, offset + filled as u64) {
                Ok(0) => return Ok(None),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(bytes))
    }
}

/// What the answers of a representation have in common.
#[derive(Debug)]
pub struct Description {
    /// What tells its states apart.
    pub validators: Validators,
    /// As they go on the wire: Cache-Control, Vary, ETag and Last-Modified; Content-Encoding,
    /// Accept-Ranges and X-Content-Type-Options; Content-Type.
    pub(super) lines: Vec<u8>,
    pub(super) not_modified_bytes: usize,
    pub(super) untyped_bytes: usize,
}

impl Description {
    /// What a 200 and a 206 say.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// RFC 9110 §15.4.5: what a 304 says, which the 200 would say of caching and of itself.
    pub fn not_modified_lines(&self) -> &[u8] {
        self.lines.get(..self.not_modified_bytes).unwrap_or_default()
    }

    /// The same as [`Description::lines`] without the last: a multipart has another type.
    pub fn untyped_lines(&self) -> &[u8] {
        self.lines.get(..self.untyped_bytes).unwrap_or_default()
    }

    /// Content-Type: that of the original, whatever the coding.
    pub fn type_line(&self) -> &[u8] {
        self.lines.get(self.untyped_bytes..).unwrap_or_default()
    }
}

/// The files that one worker keeps open, and what it missed.
#[derive(Debug, Default)]
pub struct OpenFiles {
    slots: Vec<Option<Slot>>,
    /// The path of which there was nothing the last time.
    missed: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Slot {
    file: Arc<OpenFile>,
    /// Since the last [`OpenFiles::expire`].
    used: bool,
}

/// A power of two. What a page consists of fits; descriptors are for clients.
const SLOTS: usize = 64;

impl OpenFiles {
    /// The file of this path, if it is here and unchanged.
    pub fn find(&mut self, root: &Directory, path: &[u8]) -> Option<Arc<OpenFile>> {
        let slot = self.slots.get_mut(place(path))?;
        let kept = slot.as_mut().filter(|kept| kept.file.path.as_bytes() == path)?;
        if root.state(path) == Some(kept.file.state) {
            kept.used = true;
            return Some(Arc::clone(&kept.file));
        }
        *slot = None;
        None
    }

    /// Remembers that there was nothing of this path: browsers ask for one icon again and again.
    pub fn miss(&mut self, path: &[u8]) {
        let missed = self.missed.get_or_insert_default();
        missed.clear();
        missed.extend_from_slice(path);
    }

    /// Whether there was nothing of this path the last time.
    pub fn was_missing(&self, path: &[u8]) -> bool {
        self.missed.as_deref() == Some(path)
    }

    /// Keeps a file, in the place of another.
    pub fn keep(&mut self, file: &Arc<OpenFile>) {
        if !file.state.is_known() {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        if let Some(slot) = self.slots.get_mut(place(file.path.as_bytes())) {
            *slot = Some(Slot { file: Arc::clone(file), used: true });
        }
    }

    /// Closes what has not been used since the last call: a file that was deleted must give its
    /// place on the disk back, and a stick must be free to be pulled out.
    pub fn expire(&mut self) {
        self.missed = None;
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

    /// Closes all of them: there are no descriptors left for what is more important.
    pub fn clear(&mut self) {
        *self = OpenFiles::default();
    }

    /// Whether none is open, and nothing was missed.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.missed.is_none()
    }
}

/// FNV-1a of a path, as the number of a slot.
fn place(path: &[u8]) -> usize {
    let hash = path
        .iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 16) as usize % SLOTS
}
