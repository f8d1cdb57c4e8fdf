//! The entries of a directory that is open already: getdents64, whose records are the same on
//! every machine, which those of readdir are not. std would open it once more by its name, and
//! allocate for every entry.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::numbers::GETDENTS64;
use super::statx::state_at;
use super::syscall::syscall;
use crate::sys::FileState;
use crate::sys::failure::cvt_size;

#[derive(Debug)]
pub struct Entry<'e> {
    name: &'e CStr,
    kind: u8,
    directory: RawFd,
    path: &'e Path,
}

impl Entry<'_> {
    pub fn name(&self) -> &[u8] {
        self.name.to_bytes()
    }

    pub fn state(&self) -> io::Result<FileState> {
        if let Some(state) = state_at(self.directory, self.name) {
            return Ok(state);
        }
        let error = io::Error::last_os_error();
        if !matches!(error.raw_os_error(), Some(EPERM | ENOSYS)) {
            return Err(error);
        }
        // An old kernel, an emulator, or a filter: std knows other ways, but asks by a path.
        let path = self.path.join(OsStr::from_bytes(self.name()));
        Ok(FileState::unknown(&path.symlink_metadata()?))
    }

    pub fn is_directory(&self) -> Option<bool> {
        const DT_DIR: u8 = 4;
        const DT_REG: u8 = 8;
        match self.kind {
            DT_DIR => Some(true),
            DT_REG => Some(false),
            _ => None,
        }
    }
}

/// Shows `each` the entries of `directory`, which has not been read yet. `path`: where it is.
pub fn read_entries(
    directory: &File,
    path: &Path,
    mut each: impl FnMut(&Entry<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let directory = directory.as_raw_fd();
    let mut records = vec![0; BATCH_BYTES];
    loop {
        let mut rest = match getdents64(directory, &mut records) {
            Ok([]) => return Ok(()),
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        while let Some((kind, name, after)) = split_record(rest) {
            rest = after;
            debug_assert!(!name.to_bytes().contains(&b'/'), "{name:?} is a path");
            if !matches!(name.to_bytes(), b"." | b"..") {
                each(&Entry { name, kind, directory, path })?;
            }
        }
    }
}

/// Kind and name in the first record, and the records after it: an inode of 8 bytes, a place of 8, the
/// record's length of 2, a type of 1, which not every file system knows, and the name with its NUL.
fn split_record(records: &[u8]) -> Option<(u8, &CStr, &[u8])> {
    let length = records.get(16..)?.first_chunk()?;
    let (record, after) = records.split_at_checked(usize::from(u16::from_ne_bytes(*length)))?;
    let (kind, name) = record.get(18..)?.split_first()?;
    Some((*kind, CStr::from_bytes_until_nul(name).ok()?, after))
}

fn getdents64(directory: RawFd, records: &mut [u8]) -> io::Result<&[u8]> {
    let number = GETDENTS64.ok_or(io::ErrorKind::Unsupported)?;
    // SAFETY: the kernel writes at most as many bytes as the slice has.
    let filled = unsafe { syscall(number, directory, records.as_mut_ptr(), records.len()) };
    let filled = cvt_size(filled as isize)?;
    Ok(records.get(..filled).unwrap_or_default())
}

const EPERM: i32 = 1;
const ENOSYS: i32 = 38;

/// As much as C libraries ask for at once; a record has at most 280 bytes.
const BATCH_BYTES: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let record = |name: &[u8], length: u16| {
            let mut record = vec![0xaa; 16];
            record.extend_from_slice(&length.to_ne_bytes());
            record.push(8);
            record.extend_from_slice(name);
            record.resize(record.len().max(usize::from(length)), 0xbb);
            record
        };
        let two = [record(b"one\0", 24), record(b"\xff\0", 32)].concat();
        let (kind, name, rest) = split_record(&two).expect("the first");
        assert_eq!((kind, name, rest.len()), (8, c"one", 32));
        let (kind, name, rest) = split_record(rest).expect("the second");
        assert_eq!((kind, name.to_bytes(), rest.len()), (8, &b"\xff"[..], 0));
        for (what, bytes) in [
            ("the end", vec![]),
            ("cut in the length", two[..17].to_vec()),
            ("longer than what there is", record(b"a\0", 24)[..23].to_vec()),
            ("of no length", record(b"a\0", 0)),
            ("without a name", record(b"", 19)),
            ("a name without its end", record(b"abcde", 24)),
        ] {
            assert_eq!(split_record(&bytes), None, "{what}");
        }
    }
}
