//! Opening files beneath a directory, and never outside of it, whatever is renamed or linked
//! meanwhile. On Windows: a file is opened by its path, links and all, and then the system is asked
//! where the open file is. Only what lies beneath is given out.

use std::ffi::{OsString, c_void};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};

use crate::sys::system::read_entries;
use crate::sys::{Entry, FileState, Medium, Standing, Symlinks};

#[derive(Debug)]
pub struct Directory {
    /// Canonical, and so begins with `\\\\?\\`: behind that no name means a device, and neither dots nor
    /// slashes mean anything.
    path: PathBuf,
    symlinks: Symlinks,
}

impl Directory {
    pub fn open(path: &Path, symlinks: Symlinks) -> io::Result<Directory> {
        let path = path.canonicalize()?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Directory { path, symlinks })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Not known here.
    pub fn standing(&self) -> Standing {
        Standing::Unknown
    }

    pub fn symlinks(&self) -> Symlinks {
        self.symlinks
    }

    pub fn has_openat2(&self) -> bool {
        false
    }

    /// There is no openat2 here.
    pub fn without_openat2(self) -> Directory {
        self
    }

    pub fn open_beneath(&self, relative: &[u8]) -> io::Result<File> {
        const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000; // directories can be opened, too
        let path = self.join(relative)?;
        let file =
            OpenOptions::new().read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(&path)?;
        let is_allowed = match self.symlinks {
            Symlinks::Follow => true,
            Symlinks::Inside => final_path(&file)?.starts_with(&self.path),
            // Reached through a link it has another path; so has one in another case of letters,
            // which no link on a web page should have.
            Symlinks::Deny => final_path(&file)? == path,
        };
        match is_allowed {
            true => Ok(file),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Nothing says here whether it would wait.
    pub fn open_beneath_at_once(&self, relative: &[u8]) -> io::Result<File> {
        self.open_beneath(relative)
    }

    /// Mount points are not known here.
    pub fn open_beneath_here(&self, relative: &[u8]) -> io::Result<File> {
        self.open_beneath(relative)
    }

    pub fn medium(&self) -> Medium {
        Medium::Disk
    }

    /// Not known here.
    pub fn state(&self, _relative: &[u8]) -> Option<FileState> {
        None
    }

    /// Here it is opened to find out.
    pub fn is_missing(&self, _relative: &[u8]) -> bool {
        false
    }

    pub fn entries(
        &self,
        directory: &File,
        _relative: &[u8],
        each: impl FnMut(&Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        read_entries(directory, &final_path(directory)?, each)
    }

    /// Names that could mean anything but a file in a directory are those of no file.
    fn join(&self, relative: &[u8]) -> io::Result<PathBuf> {
        let relative = std::str::from_utf8(relative).map_err(|_| io::ErrorKind::NotFound)?;
        let mut path = self.path.clone();
        for name in relative.split('/').filter(|name| !matches!(*name, "" | ".")) {
            // A colon separates a file from its streams; a dot or space at the end is dropped by
            // half of Windows.
            let is_odd = |c: char| c.is_control() || "\\:*?\"<>|".contains(c);
            if name.contains(is_odd) || name.ends_with(['.', ' ']) {
                return Err(io::ErrorKind::NotFound.into());
            }
            path.push(name);
        }
        Ok(path)
    }
}

/// Not known here.
pub fn is_absent(_directory: &File, _name: &[u8]) -> bool {
    false
}

/// Where an open file is, as `canonicalize` would write it.
fn final_path(file: &File) -> io::Result<PathBuf> {
    let mut buffer = vec![0_u16; 1 << 10];
    loop {
        let room = buffer.len() as u32;
        let handle = file.as_raw_handle();
        // SAFETY: the system writes at most `room` units into the buffer, which has as many.
        let length = unsafe { GetFinalPathNameByHandleW(handle, buffer.as_mut_ptr(), room, 0) };
        match length {
            0 => return Err(io::Error::last_os_error()),
            // It wants so much room.
            length if length >= room => buffer = vec![0; length as usize + 1],
            length => {
                buffer.truncate(length as usize);
                return Ok(OsString::from_wide(&buffer).into());
            }
        }
    }
}

unsafe extern "system" {
    fn GetFinalPathNameByHandleW(file: *mut c_void, path: *mut u16, units: u32, flags: u32) -> u32;
}
