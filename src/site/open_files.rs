//! Files that were just sent stay open for a second or two, so that the next request for one of
//! them finds it by a look at its name. Nothing is ever answered stale: each request asks the
//! system whether the name still leads to the same file in the same state, and content is read
//! from the file each time. What was missing the last time is asked for before it is opened.

use std::sync::Arc;

use crate::sys::Directory;

use super::resource::OpenFile;

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
        if root.identify(path) == Some(kept.file.identity) {
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
        if !file.identity.is_known() {
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
