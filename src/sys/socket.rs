//! Options of sockets that std does not set, and what std calls otherwise on other systems.

use std::ffi::{OsString, c_int, c_void};
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::net::TcpStream;
pub use std::os::fd::AsFd as AsSocket;
use std::os::fd::AsRawFd;
#[cfg_attr(all(target_os = "linux", not(force_poll)), allow(unused_imports))]
pub use std::os::fd::RawFd as RawSocket;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::constants::{SEND_MORE, TCP_DEFER_ACCEPT, TCP_NOTSENT_LOWAT};
use super::{FileState, cvt, cvt_size};

/// How many connections may wait to be accepted: std asks for 128, which a burst overflows.
/// The kernel cuts it to its own bound (`net.core.somaxconn`).
pub fn set_backlog(listener: &impl AsSocket, connections: u16) -> io::Result<()> {
    cvt(listen(raw(listener), c_int::from(connections)))?;
    Ok(())
}

/// How much the kernel buffers that has not been sent: a client that reads nothing holds 256 KiB
/// of kernel memory instead of 4 MiB. Sockets accepted from a listener inherit it.
pub fn set_unsent_bytes_max(socket: &impl AsSocket, bytes: u32) -> io::Result<()> {
    set_tcp_option(socket, TCP_NOTSENT_LOWAT, bytes as c_int)
}

/// A connection stays in the kernel until its client has sent something, for some seconds at most:
/// so the listener wakes once for a client, and what is to be read is there. What a client waits
/// before it speaks the kernel takes for the delay of the network, until it knows better.
pub fn set_accept_deferred(listener: &impl AsSocket, seconds: u16) -> io::Result<()> {
    set_tcp_option(listener, TCP_DEFER_ACCEPT, c_int::from(seconds))
}

fn set_tcp_option(socket: &impl AsSocket, name: Option<c_int>, value: c_int) -> io::Result<()> {
    const IPPROTO_TCP: c_int = 6;
    let name = name.ok_or(io::ErrorKind::Unsupported)?;
    let (pointer, size) = ((&raw const value).cast(), size_of::<c_int>() as u32);
    // SAFETY: the kernel reads `size` bytes of `value`, which lives until the call returns.
    cvt(unsafe { setsockopt(raw(socket), IPPROTO_TCP, name, pointer, size) })?;
    Ok(())
}

/// Nothing waits to be put together with what may follow. std has it for streams only; sockets
/// accepted from a listener inherit it.
pub fn set_no_delay(listener: &impl AsSocket) -> io::Result<()> {
    const TCP_NODELAY: c_int = 1;
    set_tcp_option(listener, Some(TCP_NODELAY), 1)
}

/// Sends what something follows at once: a file, or the end of the connection. Where there is room
/// they leave in the same segment, which saves the sender and the receiver a packet.
pub fn send_more(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let Some(flags) = SEND_MORE else {
        return (&mut &*stream).write(bytes);
    };
    // SAFETY: the kernel reads as many bytes as there are.
    cvt_size(unsafe { send(raw(stream), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Reads at a place.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Whether a directory has any link, as far as its file system counts them.
#[allow(dead_code)] // Where getdents64 can be asked, it says more.
pub fn is_linked(metadata: &Metadata) -> bool {
    metadata.nlink() != 0
}

/// The permission bits of a file, its user and its group.
pub fn mode_and_owner(metadata: &Metadata) -> Option<(u32, u32, u32)> {
    Some((metadata.mode() & 0o7777, metadata.uid(), metadata.gid()))
}

/// What std says of the state of a file.
pub fn file_state(metadata: &Metadata) -> FileState {
    FileState {
        place: (metadata.dev(), metadata.ino()),
        length: metadata.len(),
        modified_seconds: metadata.mtime(),
        changed_seconds: metadata.ctime(),
        nanoseconds: (metadata.mtime_nsec(), metadata.ctime_nsec()),
    }
}

/// From what `as_encoded_bytes` gave, or a part of it.
pub fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

/// A socket as the system knows it.
pub fn raw(socket: &impl AsSocket) -> RawSocket {
    socket.as_fd().as_raw_fd()
}

unsafe extern "C" {
    fn send(fd: c_int, bytes: *const c_void, size: usize, flags: c_int) -> isize;
    safe fn listen(fd: c_int, backlog: c_int) -> c_int;
    fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, size: u32) -> c_int;
}
