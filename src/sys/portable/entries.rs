//! The entries of a directory as std reads them, by its path.

use std::ffi::OsString;
use std::fs::{DirEntry, File};
use std::io;
use std::path::Path;

use crate::sys::FileState;
use crate::sys::failure::NO_SUCH_NAME;
use crate::sys::system::is_linked;

#[derive(Debug)]
pub struct Entry<'e> {
    name: OsString,
    entry: &'e DirEntry,
}

impl Entry<'_> {
    pub fn name(&self) -> &[u8] {
        self.name.as_encoded_bytes()
    }

    pub fn state(&self) -> io::Result<FileState> {
        Ok(FileState::unknown(&self.entry.metadata()?))
    }

    pub fn is_directory(&self) -> Option<bool> {
        Some(self.entry.file_type().ok()?.is_dir())
    }
}

/// Shows `each` the entries of the directory at `path`. Fails with ENOENT, as the other one does,
/// for a directory that has been removed: the C library says of it that it is empty.
pub fn read_entries(
    directory: &File,
    path: &Path,
    mut each: impl FnMut(&Entry<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut is_empty = true;
    for entry in std::fs::read_dir(path)? {
        let entry = &entry?;
        let name = entry.file_name();
        each(&Entry { name, entry })?;
        is_empty = false;
    }
    if is_empty && !is_linked(&directory.metadata()?) {
        return Err(io::Error::from_raw_os_error(NO_SUCH_NAME));
    }
    Ok(())
}
