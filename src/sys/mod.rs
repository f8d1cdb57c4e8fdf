//! What the system offers and std does not: waiting for many sockets, sendfile, opening beneath a
//! directory, signals, a few socket options. The only unsafe code of the project, behind a safe
//! API. Each platform difference is a file, chosen here.
//!
//! Nothing here puts `off_t`, `time_t`, `stat` or `rlimit` into a foreign signature: their sizes
//! differ between C libraries on 32-bit ARM.
#![allow(unsafe_code)]

mod beneath;
#[cfg_attr(target_os = "linux", path = "constants/linux.rs")]
#[cfg_attr(target_vendor = "apple", path = "constants/apple.rs")]
#[cfg_attr(target_os = "freebsd", path = "constants/freebsd.rs")]
#[cfg_attr(target_os = "openbsd", path = "constants/openbsd.rs")]
mod constants;
#[cfg(all(target_os = "linux", not(force_poll)))]
mod epoll;
mod identity;
mod interfaces;
mod open_files_max;
#[cfg(any(not(target_os = "linux"), force_poll, test))]
#[cfg_attr(not(force_poll), allow(dead_code))]
mod poll;
mod sandbox;
mod sendfile;
mod signal;
mod socket;

pub use beneath::{Directory, Symlinks};
#[cfg(all(target_os = "linux", not(force_poll)))]
pub use epoll::Poller;
pub use identity::{Identity, modified};
pub use interfaces::{InterfaceAddress, addresses, interface_index, interface_name};
pub use open_files_max::raise_open_files_max;
#[cfg(any(not(target_os = "linux"), force_poll))]
pub use poll::Poller;
pub use sandbox::Sandbox;
pub use sendfile::send_file;
pub use signal::{Signal, Signals};
pub use socket::{set_backlog, set_unsent_bytes_max};

use std::ffi::c_int;
use std::io;

use constants::{ELOOP, ENAMETOOLONG, ENOBUFS};

/// What to wait for. Never both: the state of a connection knows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes, or a new connection.
    Read,
    /// Room for bytes.
    Write,
}

/// Failure as the C library tells it: -1, and the reason in errno.
fn cvt(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The same for counts of bytes.
fn cvt_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Why a file could not be opened, as far as a client may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is nothing of that name, or nothing that could be sent.
    Missing,
    /// The process may not read it.
    Denied,
    /// The process or the system has no descriptor or memory left: it may work a little later.
    Exhausted,
    /// The disk, most likely.
    Broken,
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Failure {
        const ENXIO: i32 = 6; // a socket, or a device that is not there
        const ENOMEM: i32 = 12;
        const ENODEV: i32 = 19;
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _)
            | (_, Some(ENXIO | ENODEV | ENAMETOOLONG | ELOOP)) => Failure::Missing,
            (io::ErrorKind::PermissionDenied, _) => Failure::Denied,
            (_, Some(ENOMEM | ENFILE | EMFILE | ENOBUFS)) => Failure::Exhausted,
            // A name with a NUL: there is no such file.
            (io::ErrorKind::InvalidInput, None) => Failure::Missing,
            _ => Failure::Broken,
        }
    }
}
