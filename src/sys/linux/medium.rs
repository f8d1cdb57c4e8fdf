//! On what a file system keeps its files: fstatfs. Whether reading a part of a file would wait:
//! preadv2 and cachestat.

use std::ffi::{c_int, c_long};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::numbers::{CACHESTAT, FSTATFS, PREADV2};
use super::syscall::syscall;
use crate::sys::Medium;
use crate::sys::failure::cvt_size;
use crate::sys::unix::read_at;

pub fn medium(file: &File) -> Medium {
    // On 32-bit ARM the kernel also wants to know the size of its structure.
    const ARM_BYTES: usize = 84;
    let mut found = [0_u64; 32];
    let Some(number) = FSTATFS else { return Medium::Disk };
    let (fd, place) = (file.as_raw_fd(), found.as_mut_ptr());
    // SAFETY: the kernel writes at most 120 bytes into the 256.
    let result = unsafe {
        match cfg!(target_arch = "arm") {
            true => syscall(number, fd, ARM_BYTES, place),
            false => syscall(number, fd, place),
        }
    };
    let [kind, ..] = found;
    // Its first word is the type, which has 32 bits.
    match (result, kind as u32) {
        (0, kind) if ELSEWHERE.contains(&kind) => Medium::Elsewhere,
        (0, TMPFS | RAMFS) => Medium::Memory,
        (0, OVERLAYFS) => Medium::Layers,
        _ => Medium::Disk,
    }
}

pub fn read_at_once(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[repr(C)]
    struct Part {
        start: *mut u8,
        bytes: usize,
    }
    let part = Part { start: buffer.as_mut_ptr(), bytes: buffer.len() };
    let number = PREADV2.ok_or(io::ErrorKind::Unsupported)?;
    // Two halves in two arguments, which a 64-bit kernel puts together again.
    let (low, high) = (offset as c_long, (offset >> 32) as c_long);
    let (fd, one) = (file.as_raw_fd(), 1_usize);
    // SAFETY: the kernel writes into the buffer alone, which lives until the call returns.
    let read = cvt_size(unsafe {
        syscall(number, fd, &raw const part, one, low, high, RWF_NOWAIT) as isize
    });
    match read {
        Err(error) if matches!(error.raw_os_error(), Some(EOPNOTSUPP | ENOSYS | EPERM)) => {
            match is_cached(file, offset, buffer.len()) {
                Some(true) => read_at(file, buffer, offset),
                Some(false) => Err(io::ErrorKind::WouldBlock.into()),
                None => Err(io::ErrorKind::Unsupported.into()),
            }
        }
        read => read,
    }
}

/// Whether all of it is in memory. `None`: not known. There is no cachestat before Linux 6.5, and later
/// ones refuse it for files that this user may not write.
fn is_cached(file: &File, offset: u64, bytes: usize) -> Option<bool> {
    #[repr(C)]
    struct Range {
        offset: u64,
        bytes: u64,
    }
    // Pages in memory, dirty, being written, evicted, evicted recently.
    let mut pages = [0_u64; 5];
    let range = Range { offset, bytes: bytes as u64 };
    let (fd, flags) = (file.as_raw_fd(), 0_usize);
    // SAFETY: the kernel reads the range and writes five numbers; both live until it returns.
    let result = unsafe { syscall(CACHESTAT, fd, &raw const range, pages.as_mut_ptr(), flags) };
    // On machines with larger pages there are fewer.
    let [cached, ..] = pages;
    let page = page_bytes();
    let end = offset.saturating_add(bytes as u64);
    (result == 0).then(|| cached >= end.div_ceil(page) - offset / page)
}

fn page_bytes() -> u64 {
    unsafe extern "C" {
        safe fn sysconf(name: c_int) -> c_long;
    }
    const SC_PAGESIZE: c_int = 30;
    u64::try_from(sysconf(SC_PAGESIZE)).map_or(4096, |bytes| bytes.max(1))
}

const RWF_NOWAIT: c_int = 8;
const EPERM: i32 = 1;
const ENOSYS: i32 = 38;
const EOPNOTSUPP: i32 = 95;

const TMPFS: u32 = 0x0102_1994;
const RAMFS: u32 = 0x8584_58f6;
const OVERLAYFS: u32 = 0x794c_7630;
/// FUSE and virtiofs, NFS, CIFS, SMB 2, SMB, 9p, AFS, kAFS, Coda, Ceph, NCP, Lustre, GFS2, OCFS2,
/// OrangeFS, autofs, VirtualBox, VMware, Parallels, GPFS, BeeGFS.
const ELSEWHERE: [u32; 21] = [
    0x6573_5546,
    0x6969,
    0xff53_4d42,
    0xfe53_4d42,
    0x517b,
    0x0102_1997,
    0x5346_414f,
    0x6b41_4653,
    0x7375_7245,
    0x00c3_6400,
    0x564c,
    0x0bd0_0bd0,
    0x0116_1970,
    0x7461_636f,
    0x2003_0528,
    0x0187,
    0x786f_4256,
    0xbacb_acbc,
    0x7c7c_6673,
    0x4750_4653,
    0x1983_0326,
];
