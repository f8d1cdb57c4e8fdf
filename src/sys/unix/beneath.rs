//! Opening files beneath a directory, and never outside of it, whatever is renamed or linked
//! meanwhile. Linux 5.6 does it in one call (openat2); elsewhere the path is walked by name.

use std::borrow::Cow;
use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::fs::{File, Metadata};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::descriptor::new_descriptor;
use crate::sys::constants::{
    AT_FDCWD, ELOOP, O_CLOEXEC, O_DIRECTORY, O_LARGEFILE, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH,
};
use crate::sys::failure::{cvt, cvt_size};
use crate::sys::system::{Reach, medium, open_at_once, read_entries, state_at};
use crate::sys::{Entry, Failure, FileState, Medium, Standing, Symlinks, is_no_such_name};

#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    /// Canonical, to recognise absolute links that lead back into it.
    path: PathBuf,
    /// As it was given: a link may lead elsewhere tomorrow.
    name: PathBuf,
    /// Device and inode.
    place: Option<(u64, u64)>,
    symlinks: Symlinks,
    medium: Medium,
    /// How far openat2 works here: asked once. `None`: not at all.
    openat2: Option<Reach>,
}

impl Directory {
    pub fn open(path: &Path, symlinks: Symlinks) -> io::Result<Directory> {
        let given = path.to_owned();
        let path = path.canonicalize()?;
        debug_assert!(path.is_absolute(), "absolute links are compared with {path:?}");
        let name = CString::new(path.as_os_str().as_bytes())?;
        let file = File::from(openat(AT_FDCWD, &name, O_PATH | O_DIRECTORY | O_CLOEXEC)?);
        let mut directory = Directory {
            place: file.metadata().ok().as_ref().map(place),
            medium: medium(&file),
            fd: OwnedFd::from(file),
            path,
            name: given,
            symlinks,
            openat2: None,
        };
        // Any error is a no: ENOSYS from old kernels and emulators, EPERM from old containers.
        let fd = directory.fd.as_raw_fd();
        let reaches = |reach: &Reach| open_at_once(fd, c".", READ_FLAGS, symlinks, *reach).is_ok();
        // Linux before 5.12 does not know what is in memory: EINVAL.
        directory.openat2 = [Reach::Cache, Reach::Everything].into_iter().find(reaches);
        Ok(directory)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn standing(&self) -> Standing {
        let Some(own) = self.place else {
            return Standing::Unknown;
        };
        match std::fs::metadata(&self.name) {
            Ok(there) if place(&there) == own => Standing::Same,
            Ok(_) => Standing::Another,
            Err(error) => match Failure::from(&error) {
                Failure::Missing => Standing::Gone,
                Failure::Broken => Standing::Unreadable(error),
                Failure::Denied | Failure::Exhausted => Standing::Unknown,
            },
        }
    }

    /// The directory's own descriptor, for the sandbox.
    #[cfg(target_os = "linux")]
    pub(in crate::sys) fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub fn symlinks(&self) -> Symlinks {
        self.symlinks
    }

    pub fn medium(&self) -> Medium {
        self.medium
    }

    pub fn has_openat2(&self) -> bool {
        self.openat2.is_some()
    }

    pub fn without_openat2(mut self) -> Directory {
        self.openat2 = None;
        self
    }

    pub fn open_beneath(&self, relative: &[u8]) -> io::Result<File> {
        let relative = or_itself(relative);
        let mut place = NO_NAME;
        if self.symlinks == Symlinks::Follow {
            let name = c_str(relative, &mut place)?;
            return Ok(File::from(openat(self.fd.as_raw_fd(), &name, READ_FLAGS)?));
        }
        if self.openat2.is_none() {
            return self.walk(relative);
        }
        match self.open_within(relative, Reach::Everything) {
            // EXDEV: a link leads out, or is absolute and may lead back in: only a walk can tell.
            // EAGAIN: something was renamed meanwhile, so that `..` in a link was not safe.
            Err(error) if matches!(error.raw_os_error(), Some(EXDEV | EAGAIN)) => {
                self.walk(relative)
            }
            opened => opened,
        }
    }

    pub fn open_beneath_at_once(&self, relative: &[u8]) -> io::Result<File> {
        let reach = match (self.medium, self.openat2) {
            (Medium::Elsewhere, _) => return Err(io::ErrorKind::WouldBlock.into()),
            // Names that are in memory alone are not kept in a cache.
            (Medium::Memory, Some(_)) => Reach::Mount,
            (_, Some(Reach::Cache)) => Reach::Cache,
            // A task costs some 20 µs and a name that is read from a disk milliseconds.
            _ if cfg!(target_os = "linux") => return Err(io::ErrorKind::WouldBlock.into()),
            _ => return self.open_beneath(relative),
        };
        self.open_within(relative, reach).map_err(|error| match error.raw_os_error() {
            Some(EXDEV | EAGAIN) => io::ErrorKind::WouldBlock.into(),
            _ => error,
        })
    }

    pub fn open_beneath_here(&self, relative: &[u8]) -> io::Result<File> {
        match self.openat2 {
            None => Err(io::ErrorKind::CrossesDevices.into()),
            Some(_) => self.open_within(relative, Reach::Mount),
        }
    }

    fn open_within(&self, relative: &[u8], reach: Reach) -> io::Result<File> {
        let mut place = NO_NAME;
        let name = c_str(or_itself(relative), &mut place)?;
        let fd = self.fd.as_raw_fd();
        open_at_once(fd, &name, READ_FLAGS, self.symlinks, reach).map(File::from)
    }

    /// Each name before the last has to be a directory itself, so that what is found is beneath this
    /// one, and there may be only a few of them.
    pub fn state(&self, relative: &[u8]) -> Option<FileState> {
        let at = |name: &[u8]| {
            let mut place = NO_NAME;
            let name = c_str(name, &mut place).ok()?;
            state_at(self.fd.as_raw_fd(), &name)
        };
        let mut depth = 0;
        for (slash, _) in relative.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            depth += 1;
            if depth > IDENTIFY_DEPTH_MAX || !at(relative.get(..slash)?)?.is_directory {
                return None;
            }
        }
        at(or_itself(relative))
    }

    /// To ask takes half as long as to fail to open it.
    pub fn is_missing(&self, relative: &[u8]) -> bool {
        unsafe extern "C" {
            fn faccessat(directory: c_int, name: *const c_char, mode: c_int, flags: c_int)
            -> c_int;
        }
        const F_OK: c_int = 0;
        let mut place = NO_NAME;
        let Ok(name) = c_str(or_itself(relative), &mut place) else {
            return false;
        };
        // SAFETY: the name ends in NUL and lives until the call returns.
        let result = cvt(unsafe { faccessat(self.fd.as_raw_fd(), name.as_ptr(), F_OK, 0) });
        result.is_err_and(|error| is_no_such_name(&error))
    }

    pub fn entries(
        &self,
        directory: &File,
        relative: &[u8],
        each: impl FnMut(&Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let path = if cfg!(target_os = "linux") {
            // The descriptor by its name: a path might have come to lead elsewhere.
            PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
        } else {
            self.path.join(OsStr::from_bytes(relative))
        };
        read_entries(directory, &path, each)
    }

    /// Opens one name after the other, each without following a link; links are read and their
    /// words put in front of what is left. `..` goes back to a descriptor that is still held, so
    /// that no renaming can move it.
    fn walk(&self, relative: &[u8]) -> io::Result<File> {
        let mut parents: Vec<OwnedFd> = Vec::new();
        let mut rest: Vec<Vec<u8>> = Vec::new();
        push_names(relative, &mut rest);
        let mut links = 0;
        let mut is_directory = relative.ends_with(b"/");
        loop {
            let here = parents.last().map_or(self.fd.as_raw_fd(), AsRawFd::as_raw_fd);
            let Some(name) = rest.pop() else {
                return Ok(File::from(openat(here, c".", READ_FLAGS)?));
            };
            if name == b".." {
                // Above the directory there is nothing.
                parents.pop().ok_or(io::ErrorKind::NotFound)?;
                continue;
            }
            let name = CString::new(name)?;
            let last = rest.is_empty() && !is_directory;
            let flags = if last { READ_FLAGS } else { O_PATH | O_DIRECTORY | O_CLOEXEC };
            match openat(here, &name, flags | O_NOFOLLOW) {
                Ok(fd) if last => return Ok(File::from(fd)),
                Ok(fd) => parents.push(fd),
                Err(error) if is_no_such_name(&error) => return Err(error),
                Err(error) => {
                    let Ok(target) = read_link_at(here, &name) else {
                        return Err(error);
                    };
                    links += 1;
                    if links > LINKS_MAX || self.symlinks == Symlinks::Deny {
                        return Err(io::Error::from_raw_os_error(ELOOP));
                    }
                    is_directory |= rest.is_empty() && target.ends_with(b"/");
                    if target.starts_with(b"/") {
                        let target = Path::new(OsStr::from_bytes(&target));
                        let inside =
                            target.strip_prefix(&self.path).map_err(|_| io::ErrorKind::NotFound)?;
                        parents.clear();
                        push_names(inside.as_os_str().as_bytes(), &mut rest);
                    } else {
                        push_names(&target, &mut rest);
                    }
                }
            }
        }
    }
}

/// A link is asked for its words, which takes no structure that differs between machines.
pub fn is_absent(directory: &File, name: &[u8]) -> bool {
    let mut place = NO_NAME;
    let Ok(name) = c_str(name, &mut place) else {
        return false;
    };
    let mut target = [0];
    let found = read_link_into(directory.as_raw_fd(), &name, &mut target);
    found.is_err_and(|error| is_no_such_name(&error))
}

/// What tells a directory from all others as long as it is open.
fn place(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The system has no name for where it is but this.
fn or_itself(relative: &[u8]) -> &[u8] {
    if relative.is_empty() { b"." } else { relative }
}

/// Where a short name gets its NUL.
type NamePlace = [MaybeUninit<u8>; 256];
const NO_NAME: NamePlace = [const { MaybeUninit::uninit() }; 256];

/// A name with a NUL at its end, in `place` if it is short.
fn c_str<'p>(name: &[u8], place: &'p mut NamePlace) -> io::Result<Cow<'p, CStr>> {
    let length = name.len();
    if length >= place.len() {
        return Ok(Cow::Owned(CString::new(name)?));
    }
    if name.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let start = place.as_mut_ptr().cast::<u8>();
    // SAFETY: the place has room for the name and a NUL, which are written here, and no other part
    // of it is read; the only NUL is the last byte.
    unsafe {
        start.copy_from_nonoverlapping(name.as_ptr(), length);
        start.add(length).write(0);
        let text = std::slice::from_raw_parts(start, length + 1);
        Ok(Cow::Borrowed(CStr::from_bytes_with_nul_unchecked(text)))
    }
}

/// Puts the names of a path on a stack, the first on top.
fn push_names(path: &[u8], stack: &mut Vec<Vec<u8>>) {
    let names = path.split(|&byte| byte == b'/').rev();
    stack.extend(names.filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec));
}

fn openat(directory: RawFd, name: &CStr, flags: c_int) -> io::Result<OwnedFd> {
    unsafe extern "C" {
        fn openat(directory: c_int, name: *const c_char, flags: c_int, ...) -> c_int;
    }
    // SAFETY: the name ends in NUL and lives until the call returns; without O_CREAT there is no
    // fourth argument; it makes a descriptor.
    unsafe { new_descriptor(openat(directory, name.as_ptr(), flags)) }
}

fn read_link_at(directory: RawFd, name: &CStr) -> io::Result<Vec<u8>> {
    let mut target = vec![0; 4096];
    let length = read_link_into(directory, name, &mut target)?;
    target.truncate(length);
    Ok(target)
}

fn read_link_into(directory: RawFd, name: &CStr, target: &mut [u8]) -> io::Result<usize> {
    unsafe extern "C" {
        fn readlinkat(directory: c_int, name: *const c_char, target: *mut u8, size: usize)
        -> isize;
    }
    // SAFETY: the name ends in NUL; the kernel writes at most as many bytes as the slice has.
    cvt_size(unsafe { readlinkat(directory, name.as_ptr(), target.as_mut_ptr(), target.len()) })
}

/// To look at more names costs more than to open the file.
const IDENTIFY_DEPTH_MAX: usize = 3;
/// As many as Linux follows.
const LINKS_MAX: u32 = 40;
const EAGAIN: i32 = 11;
const EXDEV: i32 = 18;

/// Not to wait for a fifo's writer; not to be given a terminal; not to be inherited.
const READ_FLAGS: c_int = O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_LARGEFILE;
