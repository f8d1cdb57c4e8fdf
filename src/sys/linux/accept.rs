//! The next connection of a listener, in one call: accept4. That of std needs a second, so that the
//! socket does not block.

use std::ffi::{c_int, c_void};
use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use crate::sys::unix::descriptor::new_descriptor;

pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    unsafe extern "C" {
        fn accept4(socket: c_int, address: *mut c_void, bytes: *mut u32, flags: c_int) -> c_int;
    }
    // sockaddr_in6, of which sockaddr_in is shorter.
    let mut address = [0_u8; 28];
    let mut bytes = address.len() as u32;
    let place = address.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `bytes` bytes of the address, and how many there are; the
    // descriptor is new and nobody else's.
    let socket = unsafe {
        let socket = listener.as_raw_fd();
        new_descriptor(accept4(socket, place, &raw mut bytes, SOCK_NONBLOCK | SOCK_CLOEXEC))?
    };
    let address = socket_address(&address).ok_or(io::ErrorKind::InvalidData)?;
    Ok((TcpStream::from(socket), address))
}

/// `None`: of another family than those two.
fn socket_address(bytes: &[u8; 28]) -> Option<SocketAddr> {
    const AF_INET: u16 = 2;
    const AF_INET6: u16 = 10;
    let [f0, f1, p0, p1, i0, i1, i2, i3, rest @ ..] = *bytes;
    let port = u16::from_be_bytes([p0, p1]);
    match u16::from_ne_bytes([f0, f1]) {
        AF_INET => Some(SocketAddrV4::new([i0, i1, i2, i3].into(), port).into()),
        AF_INET6 => {
            let flow = u32::from_be_bytes([i0, i1, i2, i3]);
            let (address, zone) = rest.split_first_chunk::<16>()?;
            let zone = u32::from_ne_bytes(*zone.first_chunk()?);
            Some(SocketAddrV6::new((*address).into(), port, flow, zone).into())
        }
        _ => None,
    }
}

const SOCK_NONBLOCK: c_int = 0o4000;
const SOCK_CLOEXEC: c_int = 0o2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_std() {
        for (bind, connect) in
            [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("[::]:0", "127.0.0.1")]
        {
            let Ok(listener) = TcpListener::bind(bind) else { continue };
            let port = listener.local_addr().expect("an address").port();
            let client = TcpStream::connect((connect, port)).expect("a connection");
            let (stream, address) = accept(&listener).expect("a connection");
            assert_eq!(address, stream.peer_addr().expect("an address"));
            assert_eq!(stream.peek(&mut [0]).map_err(|e| e.kind()), Err(io::ErrorKind::WouldBlock));
            drop(client);
        }
        let mut zoned = [0; 28];
        zoned[..2].copy_from_slice(&10_u16.to_ne_bytes());
        zoned[3] = 80;
        zoned[8..10].copy_from_slice(&[0xfe, 0x80]);
        zoned[23] = 1;
        zoned[24..].copy_from_slice(&3_u32.to_ne_bytes());
        let found = socket_address(&zoned).expect("an address");
        assert_eq!(found.to_string(), "[fe80::1%3]:80");
        assert_eq!(socket_address(&[0; 28]), None);
    }
}
