//! Numbers of OpenBSD. Type-checked here, not run.

use std::ffi::{c_int, c_uint};

/// The type of poll's count.
pub type NFds = c_uint;
/// A sockaddr begins with its length.
pub const FAMILY_AT: usize = 1;
pub const AF_INET6: u8 = 24;
/// Whether the system keeps the zone of a link-local address in its second group.
pub const ZONE_IN_ADDRESS: bool = true;
pub const SIG_BLOCK: c_int = 1;
pub const TCP_NOTSENT_LOWAT: Option<c_int> = None;

pub const AT_FDCWD: c_int = -100;
pub const O_NOCTTY: c_int = 0x8000;
pub const O_NONBLOCK: c_int = 4;
pub const O_CLOEXEC: c_int = 0x1_0000;
/// There is none, or none that is old enough: directories are opened for reading.
pub const O_PATH: c_int = 0;
pub const O_DIRECTORY: c_int = 0x2_0000;
pub const O_NOFOLLOW: c_int = 0x100;
/// Files always are.
pub const O_LARGEFILE: c_int = 0;

pub const ENAMETOOLONG: i32 = 63;
pub const ELOOP: i32 = 62;
pub const ENOBUFS: i32 = 55;
