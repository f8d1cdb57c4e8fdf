//! Numbers of Linux, the same for glibc and musl.

use std::ffi::{c_int, c_short, c_ulong};

/// The type of poll's count.
pub type NFds = c_ulong;
/// The type of the number of groups.
pub type NGroups = usize;
pub const POLLIN: c_short = 1;
pub const POLLOUT: c_short = 4;
/// `sa_family` is a number of 16 bits, small enough for the lower of its bytes.
pub const FAMILY_AT: usize = if cfg!(target_endian = "big") { 1 } else { 0 };
pub const AF_INET6: u8 = 10;
/// Whether the system keeps the zone of a link-local address in its second group.
pub const ZONE_IN_ADDRESS: bool = false;
/// SIGUSR1 and SIGUSR2.
pub const SIGUSR: [c_int; 2] = [10, 12];
pub const SIG_BLOCK: c_int = 0;
pub const TCP_NOTSENT_LOWAT: Option<c_int> = Some(25);
pub const TCP_DEFER_ACCEPT: Option<c_int> = Some(9);
/// MSG_NOSIGNAL and MSG_MORE.
pub const SEND_MORE: Option<c_int> = Some(0xc000);

pub const AT_FDCWD: c_int = -100;
pub const O_NOCTTY: c_int = 0o400;
pub const O_NONBLOCK: c_int = 0o4_000;
pub const O_CLOEXEC: c_int = 0o2_000_000;
/// Not for reading, only to open beneath it.
pub const O_PATH: c_int = 0o10_000_000;
// These differ between architectures.
pub const O_DIRECTORY: c_int = if ARM_FLAGS { 0o40_000 } else { 0o200_000 };
pub const O_NOFOLLOW: c_int = if ARM_FLAGS { 0o100_000 } else { 0o400_000 };
pub const O_LARGEFILE: c_int = if ARM_FLAGS { 0o400_000 } else { 0o100_000 };
const ARM_FLAGS: bool =
    cfg!(any(target_arch = "arm", target_arch = "aarch64", target_arch = "powerpc64"));

pub const ELOOP: i32 = 40;
/// A file of this name cannot be had: ENXIO (a socket, or no such device), ENODEV, ENAMETOOLONG,
/// ELOOP.
pub const MISSING: [i32; 4] = [6, 19, 36, ELOOP];
/// ENOMEM, ENFILE, EMFILE, ENOBUFS.
pub const EXHAUSTED: [i32; 4] = [12, 23, 24, 105];
/// The device or the server behind a file has failed: EIO, ENXIO, ENODATA, ENOLINK, EBADMSG,
/// ENOTCONN, ETIMEDOUT, ESTALE, EUCLEAN, EREMOTEIO, ENOMEDIUM.
pub const UNREADABLE: [i32; 11] = [5, 6, 61, 67, 74, 107, 110, 116, 117, 121, 123];
