//! statx: the kernel's answer in a structure that is the same on every machine.

use std::ffi::{CStr, c_int};
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

use super::numbers::STATX;
use super::syscall::syscall;
use crate::sys::FileState;

/// Of an open file. `None`: an old kernel, or an emulator.
pub fn state_of(file: &File) -> Option<FileState> {
    statx(file.as_raw_fd(), c"", AT_EMPTY_PATH)
}

/// Of what is called `name` in a directory, and be it a link. `None`: nothing, or not known.
pub fn state_at(directory: RawFd, name: &CStr) -> Option<FileState> {
    statx(directory, name, AT_SYMLINK_NOFOLLOW)
}

const AT_SYMLINK_NOFOLLOW: c_int = 0x100;
const AT_EMPTY_PATH: c_int = 0x1000;

fn statx(directory: RawFd, name: &CStr, flags: c_int) -> Option<FileState> {
    const STATX_BASIC_STATS: u32 = 0x7ff;
    const S_IFMT: u16 = 0o170_000;
    const S_IFREG: u16 = 0o100_000;
    const S_IFDIR: u16 = 0o40_000;
    const S_IFLNK: u16 = 0o120_000;

    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Time {
        seconds: i64,
        nanoseconds: u32,
        reserved: i32,
    }
    #[repr(C)]
    struct Statx {
        before_owners: [u32; 5],
        owners: [u32; 2],
        mode: u16,
        padding: u16,
        inode: u64,
        size: u64,
        before_times: [u64; 2],
        accessed: Time,
        created: Time,
        changed: Time,
        modified: Time,
        represented_device: [u32; 2],
        device: [u32; 2],
        reserved: [u64; 14],
    }
    let number = STATX?;
    let mut found = std::mem::MaybeUninit::<Statx>::uninit();
    const { assert!(size_of::<Statx>() == 256) };
    // SAFETY: the name ends in NUL; the kernel writes one structure of 256 bytes, all of them.
    let found = unsafe {
        let mask = STATX_BASIC_STATS;
        match syscall(number, directory, name.as_ptr(), flags, mask, found.as_mut_ptr()) {
            0 => found.assume_init(),
            _ => return None,
        }
    };
    let [major, minor] = found.device;
    Some(FileState {
        is_file: found.mode & S_IFMT == S_IFREG,
        is_directory: found.mode & S_IFMT == S_IFDIR,
        is_symlink: found.mode & S_IFMT == S_IFLNK,
        length: found.size,
        modified: Some((found.modified.seconds, found.modified.nanoseconds)),
        changed: (found.changed.seconds, found.changed.nanoseconds),
        device: (major, minor),
        inode: found.inode,
    })
}
