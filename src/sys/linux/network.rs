//! Which network (name space) this process sees, and a socket is in. Linux 5.14.

use std::ffi::{c_int, c_void};
use std::os::unix::net::UnixDatagram;

use crate::sys::unix::{AsSocket, raw};

/// Netlink sockets answer for this network. A socket of any family is in it.
pub fn own_network() -> Option<u64> {
    network_of(&UnixDatagram::unbound().ok()?)
}

pub fn network_of(socket: &impl AsSocket) -> Option<u64> {
    const SOL_SOCKET: c_int = 1;
    const SO_NETNS_COOKIE: c_int = 71;
    let (mut cookie, mut size) = (0_u64, size_of::<u64>() as u32);
    let pointer = (&raw mut cookie).cast();
    // SAFETY: the kernel writes at most `size` bytes to `cookie`, and how many to `size`.
    let status =
        unsafe { getsockopt(raw(socket), SOL_SOCKET, SO_NETNS_COOKIE, pointer, &raw mut size) };
    (status == 0).then_some(cookie)
}

unsafe extern "C" {
    fn getsockopt(
        fd: c_int,
        level: c_int,
        name: c_int,
        value: *mut c_void,
        size: *mut u32,
    ) -> c_int;
}
