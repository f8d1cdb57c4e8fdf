//! Numbers of OpenBSD. Type-checked here, not run.

use std::ffi::{c_int, c_short, c_uint};

/// The type of poll's count.
pub type NFds = c_uint;
/// The type of the number of groups.
pub type NGroups = c_int;
pub const POLLIN: c_short = 1;
pub const POLLOUT: c_short = 4;
/// A sockaddr begins with its length.
pub const FAMILY_AT: usize = 1;
pub const AF_INET6: u8 = 24;
/// Whether the system keeps the zone of a link-local address in its second group.
pub const ZONE_IN_ADDRESS: bool = true;
/// SIGUSR1 and SIGUSR2.
pub const SIGUSR: [c_int; 2] = [30, 31];
pub const SIG_BLOCK: c_int = 1;
pub const TCP_NOTSENT_LOWAT: Option<c_int> = None;
pub const TCP_DEFER_ACCEPT: Option<c_int> = None;
pub const SEND_MORE: Option<c_int> = None;

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

pub const ELOOP: i32 = 62;
/// A file of this name cannot be had: ENXIO (a socket, or no such device), ENODEV, ENAMETOOLONG,
/// ELOOP.
pub const MISSING: [i32; 4] = [6, 19, 63, ELOOP];
/// ENOMEM, ENFILE, EMFILE, ENOBUFS.
pub const EXHAUSTED: [i32; 4] = [12, 23, 24, 55];
/// Asked for only where there is sendfile.
pub const UNREADABLE: [i32; 0] = [];
