//! What the system offers and std does not: waiting for many sockets, sendfile, opening beneath a
//! directory, signals, a few socket options. The only unsafe code of the project, behind a safe
//! API. Each platform difference is a file, chosen here.
//!
//! Nothing here puts `off_t`, `time_t`, `stat` or `rlimit` into a foreign signature: their sizes
//! differ between C libraries on 32-bit ARM.
//!
//! What a name promises holds on every system: `tests/contract.rs` states it in rows, and runs here,
//! with epoll and with poll, and under Wine (`scripts/check-systems`). A new name gets a row there.
#![allow(unsafe_code)]

#[cfg_attr(windows, path = "windows/bell.rs")]
mod bell;
#[cfg_attr(windows, path = "windows/beneath.rs")]
mod beneath;
#[cfg_attr(target_os = "linux", path = "netlink.rs")]
mod connected;
#[cfg_attr(target_os = "linux", path = "constants/linux.rs")]
#[cfg_attr(target_vendor = "apple", path = "constants/apple.rs")]
#[cfg_attr(target_os = "freebsd", path = "constants/freebsd.rs")]
#[cfg_attr(target_os = "openbsd", path = "constants/openbsd.rs")]
#[cfg_attr(windows, path = "constants/windows.rs")]
mod constants;
#[cfg_attr(
    not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "arm",
            target_arch = "riscv64"
        )
    )),
    path = "no_entries.rs"
)]
mod entries;
#[cfg(all(target_os = "linux", not(force_poll)))]
mod epoll;
mod identity;
#[cfg_attr(windows, path = "windows/interfaces.rs")]
mod interfaces;
#[cfg_attr(windows, path = "windows/manager.rs")]
mod manager;
#[cfg_attr(windows, path = "windows/open_files_max.rs")]
mod open_files_max;
#[cfg_attr(windows, path = "windows/output.rs")]
mod output;
#[cfg(any(not(target_os = "linux"), force_poll, test))]
#[cfg_attr(not(force_poll), allow(dead_code))]
mod poll;
mod processors;
mod sandbox;
mod sendfile;
#[cfg_attr(windows, path = "windows/signal.rs")]
mod signal;
#[cfg_attr(windows, path = "windows/socket.rs")]
mod socket;
#[cfg_attr(
    not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "arm",
            target_arch = "riscv64"
        )
    )),
    path = "no_statx.rs"
)]
mod statx;
mod thread_name;

pub use bell::{Bell, Rope, bell};
pub use beneath::Directory;
pub use connected::connected;
pub use entries::Entry;
#[cfg(all(target_os = "linux", not(force_poll)))]
pub use epoll::Poller;
pub use identity::Identity;
pub use interfaces::{InterfaceAddress, addresses, interface_index, interface_name};
pub use manager::{Listener, Notifier, take_passed_listeners};
pub use open_files_max::raise_open_files_max;
pub use output::Standard;
#[cfg(any(not(target_os = "linux"), force_poll))]
pub use poll::Poller;
pub use processors::processors;
pub use sandbox::Sandbox;
pub use sendfile::{SendFileError, send_file};
pub use signal::{Signal, Signals};
pub use socket::{
    AsSocket, file_state, mode_and_owner, os_string, read_at, send_more, set_accept_deferred,
    set_backlog, set_no_delay, set_unsent_bytes_max,
};

use std::ffi::c_int;
use std::io;
use std::path::PathBuf;

use constants::{EXHAUSTED, MISSING};

/// What tells one state of a file from another, of a file that is known by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    place: (u64, u64),
    length: u64,
    /// Seconds since 1970 when its content was written.
    pub modified_seconds: i64,
    /// The same for anything about it, where the system keeps that.
    pub changed_seconds: i64,
    nanoseconds: (i64, i64),
}

/// What symbolic links may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// Lead to what is beneath the directory too. An absolute link may do that as well.
    #[default]
    Inside,
    /// Lead anywhere.
    Follow,
    /// Nothing.
    Deny,
}

/// What is at the path of a directory that is open.
#[derive(Debug)]
pub enum Standing {
    /// The directory.
    Same,
    /// Another file.
    Another,
    /// Nothing.
    Gone,
    /// What cannot be looked at: the device or the server behind it has failed.
    Unreadable(io::Error),
    /// The system does not say.
    Unknown,
}

/// What to wait for. Never both: the state of a connection knows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes, an end, or a new connection. What has been told may not be told again: whoever waits
    /// reads until there is nothing, or less than there was room for and no end in sight.
    Read,
    /// Room for bytes, told as long as there is some.
    Write,
}

/// A descriptor for which something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Under which it is watched.
    pub token: u64,
    /// The other side has ended or the connection is broken, which may be told only this once.
    pub ended: bool,
}

/// The number of an interface that is called by its name or by its number (RFC 4007 §11.2), which
/// is written in one way alone.
pub fn interface_called(text: &str) -> Option<u32> {
    let by_number = || {
        let index: u32 = text.parse().ok()?;
        (index.to_string() == text && interface_name(index).is_some()).then_some(index)
    };
    interface_index(text).or_else(by_number)
}

/// Where a service manager puts files that only this service may read.
pub fn credentials_directory() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    folder.filter(|folder| folder.is_absolute())
}

/// Failure as the C library tells it: -1, and the reason in errno.
fn cvt(result: c_int) -> io::Result<c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The same for counts of bytes.
#[cfg(unix)]
fn cvt_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Whether the system itself has said that there is no such name. It is the same number for all of
/// them: ENOENT, ERROR_FILE_NOT_FOUND.
pub fn is_no_such_name(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_SUCH_NAME)
}

const NO_SUCH_NAME: i32 = 2;

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
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _) => Failure::Missing,
            (_, Some(code)) if MISSING.contains(&code) => Failure::Missing,
            (io::ErrorKind::PermissionDenied, _) => Failure::Denied,
            (_, Some(code)) if EXHAUSTED.contains(&code) => Failure::Exhausted,
            // A name with a NUL: there is no such file.
            (io::ErrorKind::InvalidInput, None) => Failure::Missing,
            _ => Failure::Broken,
        }
    }
}
