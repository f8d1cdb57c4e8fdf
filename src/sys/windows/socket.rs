//! Options of sockets that std does not set, and what std calls otherwise on other systems.

use std::ffi::{OsString, c_int};
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::windows::fs::{FileExt, MetadataExt};
use std::os::windows::io::{AsRawSocket, OwnedSocket};
pub use std::os::windows::io::{AsSocket, RawSocket};

use crate::sys::{FileState, cvt};

/// How many connections may wait to be accepted: std asks for 128, which a burst overflows.
pub fn set_backlog(listener: &impl AsSocket, connections: u16) -> io::Result<()> {
    cvt(listen(raw(listener), c_int::from(connections)))?;
    Ok(())
}

/// Windows adapts its buffers, and cannot be told.
pub fn set_unsent_bytes_max(_socket: &impl AsSocket, _bytes: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Windows hands a connection over at once.
pub fn set_accept_deferred(_listener: &impl AsSocket, _seconds: u16) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nothing waits to be put together with what may follow. std has it for streams only; sockets
/// accepted from a listener inherit it.
pub fn set_no_delay(listener: &TcpListener) -> io::Result<()> {
    TcpStream::from(OwnedSocket::from(listener.try_clone()?)).set_nodelay(true)
}

/// Sends what something follows at once.
pub fn send_more(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    (&mut &*stream).write(bytes)
}

/// Reads at a place. Moves the file's cursor, which nobody uses.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Whether a directory still has a name: while it is open it cannot lose it.
pub fn is_linked(_metadata: &Metadata) -> bool {
    true
}

/// The permission bits of a file, its user and its group: Windows has lists instead.
pub fn mode_and_owner(_metadata: &Metadata) -> Option<(u32, u32, u32)> {
    None
}

/// What std says of the state of a file: the times are hundreds of nanoseconds since 1601.
pub fn file_state(metadata: &Metadata) -> FileState {
    let split = |time: u64| {
        let since_1970 = time as i64 - 116_444_736_000_000_000;
        let (second, rest) = (10_000_000, since_1970.rem_euclid(10_000_000));
        (since_1970.div_euclid(second), rest * 100)
    };
    let (modified_seconds, modified_rest) = split(metadata.last_write_time());
    let (changed_seconds, changed_rest) = split(metadata.creation_time());
    FileState {
        place: (0, 0),
        length: metadata.len(),
        modified_seconds,
        changed_seconds,
        nanoseconds: (modified_rest, changed_rest),
    }
}

/// From what `as_encoded_bytes` gave, or a part of it. An argument that is no Unicode, which
/// hardly any is, loses what is none.
pub fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// A socket as the system knows it.
pub fn raw(socket: &impl AsSocket) -> RawSocket {
    socket.as_socket().as_raw_socket()
}

#[link(name = "ws2_32")]
unsafe extern "system" {
    safe fn listen(socket: RawSocket, backlog: c_int) -> c_int;
}
