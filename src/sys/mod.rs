//! What the system offers and std does not: waiting for many sockets, sendfile, opening beneath a
//! directory, signals, a few socket options. The only unsafe code of the project, behind a safe
//! API.
//!
//! This file states what each name promises, on every system. The folders keep the promise, and
//! their own comments say only how:
//!
//! - `linux/`: what only Linux has;
//! - `unix/`: what Linux, macOS and the BSDs share;
//! - `windows/`: what Windows does in its own way;
//! - `portable/`: what works everywhere, for systems that have nothing better.
//!
//! `linux/` takes what it has not from `unix/`, and `unix/` and `windows/` from `portable/`.
//!
//! Nothing here puts `off_t`, `time_t`, `stat` or `rlimit` into a foreign signature: their sizes
//! differ between C libraries on 32-bit ARM.
//!
//! `tests/contract.rs` holds each promise, in rows, and runs here, with epoll and with poll, and
//! under Wine (`scripts/check-systems`). A new name gets a row there.
#![allow(unsafe_code)]

mod failure;
mod file_state;
#[cfg(target_os = "linux")]
#[allow(missing_docs)] // This file has them, here and below.
mod linux;
#[allow(missing_docs)]
#[allow(dead_code, unused_imports)] // Built all the same where the system has something better.
mod portable;
#[cfg(unix)]
#[allow(missing_docs)]
mod unix;
#[cfg(windows)]
#[allow(missing_docs)]
mod windows;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(all(unix, not(target_os = "linux")))]
use unix as system;
#[cfg(windows)]
use windows as system;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

pub use failure::{Failure, SendFileError, is_no_such_name};
pub use file_state::FileState;
use system::constants;

// Sockets

/// What has a socket: `AsFd` of std on Unix, `AsSocket` on Windows.
pub use system::AsSocket;

/// Asks for a queue of that many connections that wait to be accepted: std asks for 128, which a
/// burst overflows. The system may cut it to a bound of its own.
pub use system::set_backlog;

/// Has the kernel buffer at most about that many bytes that it has not sent: a client that reads
/// nothing holds 256 KiB of kernel memory instead of 4 MiB. Sockets accepted from a listener
/// inherit it. [`io::ErrorKind::Unsupported`] where the system has no such option.
pub use system::set_unsent_bytes_max;

/// Leaves a connection in the kernel until its client has sent something, for that many seconds at
/// most: the listener wakes once for a client, and there is something to read. What a client waits
/// before it speaks, the kernel takes for the delay of the network until it knows better.
/// [`io::ErrorKind::Unsupported`] where the system has no such option.
pub use system::set_accept_deferred;

/// Has the sockets accepted from a listener send at once, without waiting for more to put into a
/// segment. std offers it for streams only.
pub use system::set_no_delay;

/// Sends bytes that something follows at once: a file, or the end of the connection. Where there is
/// room they leave in the same segment, which saves a packet. Returns how many bytes the socket took,
/// and fails as [`io::Write::write`] does.
pub use system::send_more;

/// Sends up to `count` bytes of a file from `offset` on, without a copy through this process, and
/// returns how many the socket took. 0: the file ends there. Moves the file's cursor, so nobody else
/// may use that. Where it fails with [`SendFileError::Refused`], as it always does on systems without
/// such a call, reading and writing may work.
pub use system::send_file;

/// Waits for many sockets at once. One thread owns it.
///
/// - `new()` watches nothing.
/// - `watch(socket, token, interest)` watches a socket until [`Poller::unwatch`] or
///   [`Poller::closing`]. What came before is reported too. A socket is watched once.
/// - `watch_shared(listener, token)` watches a listener that other pollers watch too. At least one
///   of them is woken for a connection.
/// - `change(socket, token, interest)` replaces token and interest of a watched socket.
/// - `unwatch(socket)` ends that, and is called before the socket is closed.
/// - `closing(socket)` is the same for a socket that is closed right after, and cannot fail.
/// - `wait(ready, milliseconds)` empties `ready`, waits until something is ready or the time is over,
///   and fills it. `None` waits for ever, 0 does not wait. It may return early, with nothing. While
///   it waits it takes no processor time.
pub use system::Poller;

/// Makes a pair: the waker makes the signal readable for every poller that watches it.
pub use system::wake_signal;

/// The end that pollers watch. `clear()` makes it unreadable until the next `wake()`. It cannot undo
/// [`Waker::wake_for_good`].
pub use system::WakeSignal;

/// The end that wakes, from any thread. It never waits.
///
/// - `wake_for_good()` makes the signal readable for ever.
/// - `wake()` makes it readable until it is cleared. Several calls before that are as good as one.
///   `false`: the system has no memory for it at the moment.
pub use system::Waker;

/// Ends listening for good, in each thread: new clients are refused, whoever waits to be accepted is
/// reset, and another process can listen at the same address, although descriptors of the listener
/// are still open. [`io::ErrorKind::Unsupported`] where only closing them all does that.
pub use system::stop_listening;

// What a service manager passes and is told

/// A socket that waits for connections, of an address or of a path.
///
/// - `accept()` returns the next connection, which does not block, and the client's address, `None`
///   for a path. Reading from a stream and writing to it is the same for both, so one type does.
/// - `tcp()` is the socket, if it is one of an address.
/// - `set_nonblocking()` has `accept` fail with [`io::ErrorKind::WouldBlock`] where it would wait.
pub use system::Listener;

/// The sockets that a service manager passed: `count` descriptors from 3 on (sd_listen_fds(3)). Each
/// that is not a listener is an error in its place. Called before anything else is opened: what has
/// those numbers later is not from the manager. A second call returns none, as every call does on
/// Windows.
pub use system::take_passed_listeners;

/// Where a service manager listens for a few words (sd_notify(3)).
///
/// - `connect(name)` takes a path, or after `@` an abstract name, which only Linux has. It connects
///   at once, while the sandbox is still open.
/// - `send(words)` never waits: a manager that hangs must not take this service with it.
pub use system::Notifier;

/// Whether systemd itself has started this process, as a service. Its other variables go on to what
/// a service starts, such as a shell.
pub fn is_service() -> bool {
    let started = std::env::var("SYSTEMD_EXEC_PID");
    started.is_ok_and(|id| id == std::process::id().to_string())
}

/// The network, as the kernel counts them, that this process sees, or that of a socket: a service
/// manager may pass one of another network. `None` where that is not known.
pub use system::{network_of, own_network};

/// Where a service manager puts files that only this service may read.
pub fn credentials_directory() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    folder.filter(|folder| folder.is_absolute())
}

// Interfaces and networks

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// `eth0`; `12` on Windows, where zones are written as numbers.
    pub interface: String,
    /// Without its zone.
    pub address: IpAddr,
    /// How many of its bits name the network.
    pub prefix_bits: u8,
}

/// All addresses of interfaces that are up, as they are now, those of the loopback interface among
/// them.
pub use system::addresses;

/// The number of the interface of that name, which is what a zone is to the system.
pub use system::interface_index;

/// The name of the interface of that number.
pub use system::interface_name;

/// The number of an interface that is called by its name or by its number (RFC 4007 §11.2), which
/// is written in one way alone.
pub fn interface_called(text: &str) -> Option<u32> {
    let by_number = || {
        let index: u32 = text.parse().ok()?;
        (index.to_string() == text && interface_name(index).is_some()).then_some(index)
    };
    interface_index(text).or_else(by_number)
}

/// The networks that this machine is connected to, each with the number of bits that count: those of
/// the addresses of interfaces that are up. On Linux also the peers of such addresses, and whatever
/// a route in use reaches without a gateway. What a default route reaches is not among them.
pub use system::connected;

// Files

/// A directory, beneath which files are opened, and never outside of it, whatever is renamed or
/// linked meanwhile. Paths are relative, of bytes, and separated by `/`.
///
/// - `open(path, symlinks)` opens the directory itself, through any links.
/// - `path()` is its canonical path. `symlinks()` is as it was opened with.
/// - `standing()` looks at what is at the path now by which the directory was opened.
/// - `open_beneath(relative)` opens a file or directory for reading, the directory itself if
///   `relative` is empty. It does not wait for the other end of a fifo. It fails with
///   [`io::ErrorKind::NotFound`] for what lies outside, as for what is not there.
/// - `open_beneath_at_once(relative)` is the same without waiting for a disk or a file server: it fails
///   with [`io::ErrorKind::WouldBlock`] where it would have to, or where it cannot tell. Beneath a
///   mount point inside the directory it cannot, nor on Linux before 5.12. Other systems do not tell:
///   there it is [`Directory::open_beneath`].
/// - `open_beneath_here(relative)` may wait, but does not cross mount points either: it fails with
///   [`io::ErrorKind::CrossesDevices`] there, and where it cannot tell.
/// - `medium()` is that of all files but those beneath mount points.
/// - `state(relative)` is the state of what it names now, without opening it, that of the directory
///   itself if `relative` is empty. `None` where that is not known,
///   or where a link is on the way.
/// - `is_missing(relative)` is true only if it is sure that nothing has that name. Links are followed,
///   outside as well: not for a name that a client has chosen, unless [`Directory::open_beneath`] has
///   just found nothing of that name.
/// - `entries(directory, relative, each)` shows `each` the entries, without `.` and `..`, of a
///   directory that [`Directory::open_beneath`] has just opened as `relative`, and ends with the first
///   error. It fails for a directory that has been removed.
/// - `has_openat2()` says whether the kernel keeps every path beneath the directory itself.
///   `without_openat2()` is the same directory, as on a system that has none.
pub use system::Directory;

/// True only if it is sure that this directory, which is open, has no entry of that name. A link is
/// an entry, wherever it leads.
pub use system::is_absent;

/// What a directory holds, for as long as it is looked at.
///
/// - `name()` is its name, in the system's own bytes.
/// - `state()` is the state of the entry now. Symbolic links are not followed.
/// - `is_directory()` is what the directory that holds it says. `None` if that does not know, or if it
///   is a link.
pub use system::Entry;

/// Reads bytes of a file from an offset on, and returns how many: 0 at its end and after it. The
/// file's cursor is not used; Windows moves it.
pub use system::read_at;

/// What keeps the files of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Memory: nothing waits.
    Memory,
    /// A disk: what is not in memory is waited for. The same where the system does not say.
    Disk,
    /// Other file systems (overlayfs), and nothing says whether a part of a file is in memory.
    Layers,
    /// Another machine or another process, which any call may wait for.
    Elsewhere,
}

/// What keeps this file. Asks its file system, and so may wait.
pub use system::medium;

/// [`read_at`] without waiting: fails with [`io::ErrorKind::WouldBlock`] where none of it is in
/// memory, and with [`io::ErrorKind::Unsupported`] where that is not known. Systems other than Linux
/// never tell: there it is [`read_at`].
pub use system::read_at_once;

/// The permission bits of a file, its user and its group. `None` on Windows, which has lists instead.
pub use system::mode_and_owner;

/// Whether a file that is not a directory has more than one name, as far as the system tells.
pub use system::has_other_names;

/// What std says of the state of a file.
pub use system::path_state;

/// A string of the system's from what `as_encoded_bytes` gave, or a part of it that was cut at an
/// ASCII character. On Windows, what is not Unicode is lost.
pub use system::os_string;

/// What tells one state of a file from another, of a file that is known by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathState {
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

/// What to wait for. Never several: the state of a connection knows which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes, an end, or a new connection. What has been reported may not be reported again: whoever
    /// waits reads until there is nothing, or less than there was room for and no end in sight.
    Read,
    /// Room for bytes, reported as long as there is some.
    Write,
    /// Neither: only that the connection is broken, or that both sides have ended, which is reported as
    /// long as it is so.
    End,
}

/// A socket for which something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Under which it is watched.
    pub token: u64,
    /// The other side has ended or the connection is broken, which may be reported only this once.
    pub ended: bool,
}

// The process

/// The signals that are waited for. They come without a handler: they are blocked in every thread,
/// and the main thread waits for them, so that no system call of a worker is ever interrupted.
///
/// - `block()` blocks them in this thread and in all that it starts from now on. Called first.
/// - `hold()` blocks in the same way those that never end the server, for the time until it can wait:
///   they are found then.
/// - `wait(&self)` waits for the next of them.
/// - `alarm(seconds)` sends [`Signal::Alarm`] after that many seconds, or never for 0. There is one
///   such timer: each call replaces the one before.
/// - `wake()` sends [`Signal::Alarm`] now, from any thread.
pub use system::Signals;

/// What the main thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// ^C: SIGINT.
    Interrupt,
    /// The service manager: SIGTERM. On Windows ^Break, the window was closed, the user logs off, or
    /// the machine is shut down.
    Terminate,
    /// What was read at the start may be read again: SIGHUP. Nothing sends it on Windows.
    Reload,
    /// Time is over, or a worker has called [`Signals::wake`]: SIGALRM.
    Alarm,
}

/// Ends the process at once, whatever its threads wait for: nothing is closed and nothing is run.
pub use system::exit_now;

/// Raises the limit of open descriptors to what the system allows without any right, and returns
/// what it is now.
pub use system::raise_open_files_max;

/// How much memory this process may use, in bytes: the smallest of what the machine has, what its
/// control groups allow and the limits of the process. `None`: unknown, as on systems other than
/// Linux. Called before [`Sandbox::enter`], which keeps it from reading the control groups.
pub use system::memory_bytes;

/// How many processors this process may run on, at least 1.
pub use system::processors;

/// Where what the server says goes, without a buffer: what a full disk has taken of a line is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
}

impl Standard {
    /// Writes the beginning of `bytes`, in one call, and returns how many bytes that were.
    pub fn write(self, bytes: &[u8]) -> io::Result<usize> {
        system::write_standard(self, bytes)
    }

    /// The length of the file that it is. `None`: it is not a file that has one.
    pub fn length(self) -> Option<u64> {
        system::standard_length(self)
    }

    /// A file that is as long as the process may make one (RLIMIT_FSIZE) is an error of
    /// [`Standard::write`] from now on, and does not end the process.
    pub fn survive_limits() {
        system::survive_limits();
    }
}

/// A user of this machine, by numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub id: u32,
    /// The group that new files would get.
    pub group: u32,
    /// All groups, that one among them.
    pub groups: Vec<u32>,
}

/// The user whose rights this process has. `None` on Windows.
pub use system::user_id;

/// Finds a user by name or number, in the files of this machine. A number needs no entry there, and
/// neither do `root` and `nobody`. Without a group, the user has those of the files; a number without
/// an entry has the group of that number. The error says what is missing.
pub use system::find_user;

/// Makes this process that user, for good. Only root can. Called before any thread starts.
pub use system::become_user;

/// What the kernel keeps this process from, from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Landlock, in this version of its interface. `None`: there is none, or it may not be used.
    pub landlock: Option<u32>,
    /// A filter of system calls. `false`: there is none, or it may not be used.
    pub seccomp: bool,
}

impl Sandbox {
    /// Restricts this thread and all that it starts from now on. What is open stays open.
    ///
    /// Landlock lets it open nothing but files and directories beneath `readable` and files beneath
    /// `files`, and those only to read; start no program; from version 4 on neither connect nor
    /// listen by TCP; from version 6 on send no signals to others, and connect to no abstract sockets.
    /// The filter refuses calls that no server of files makes, whatever their paths: it starts no
    /// process, connects nowhere, and changes neither files nor the machine.
    pub fn enter(readable: &[&Directory], files: &[&Directory]) -> Sandbox {
        system::enter_sandbox(readable, files)
    }
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let landlock = match self.landlock {
            Some(1..=3) => "Landlock (files)",
            Some(4 | 5) => "Landlock (files and TCP)",
            Some(_) => "Landlock (files, TCP, signals and abstract sockets)",
            None => "no Landlock in this kernel",
        };
        let seccomp = if self.seccomp { "seccomp" } else { "no seccomp filter" };
        write!(f, "{landlock}, {seccomp}")
    }
}
