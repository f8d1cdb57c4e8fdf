//! The entries of a directory as std reads them, by its path.

use std::ffi::OsString;
use std::fs::{DirEntry, File};
use std::io;
use std::path::Path;

use super::socket::is_linked;
use super::{Identity, NO_SUCH_NAME};

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

    /// What it is at this moment, and be it a link.
    pub fn identity(&self) -> io::Result<Identity> {
        Ok(Identity::unknown(&self.entry.metadata()?))
    }

    /// Whether it is a directory, as the directory that it is in says: `None` if that does not know.
    pub fn is_directory(&self) -> Option<bool> {
        Some(self.entry.file_type().ok()?.is_dir())
    }
}

/// Shows `each` the entries of the directory at `path`. Fails with ENOENT, as the other one does,
/// for a directory that has been removed: the C library says of it that it is empty.
pub fn read(
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
