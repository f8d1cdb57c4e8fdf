//! The entries of a directory as std reads them, by its path.

use std::ffi::OsString;
use std::fs::{DirEntry, File};
use std::io;
use std::path::Path;

use super::Identity;

/// What a directory holds, for as long as it is looked at.
#[derive(Debug)]
pub struct Entry<'e> {
    name: OsString,
    entry: &'e DirEntry,
}

impl Entry<'_> {
    /// Its name, in the system's own bytes.
    pub fn name(&self) -> &[u8] {
        self.name.as_encoded_bytes()
    }

    /// What it is at this moment, and be it a link. `None`: it is gone.
    pub fn identity(&self) -> Option<Identity> {
        Some(Identity::unknown(&self.entry.metadata().ok()?))
    }
}

/// Shows `each` the entries of the directory at `path`.
pub fn read(_directory: &File, path: &Path, mut each: impl FnMut(&Entry<'_>)) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = &entry?;
        let name = entry.file_name();
        each(&Entry { name, entry });
    }
    Ok(())
}
