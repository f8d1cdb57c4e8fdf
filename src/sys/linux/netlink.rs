//! A netlink socket of routing: asks the kernel for all links, addresses, rules or routes, and takes
//! its answers apart. Numbers are those of linux/netlink.h, the same on all machines.

use std::ffi::{c_int, c_void};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use crate::sys::failure::cvt_size;
use crate::sys::unix::descriptor::new_descriptor;

/// A socket for one dump after the other.
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub fn open() -> io::Result<Socket> {
        const AF_NETLINK: c_int = 16;
        const SOCK_RAW: c_int = 3;
        const SOCK_CLOEXEC: c_int = 0o2_000_000;
        const NETLINK_ROUTE: c_int = 0;
        // SAFETY: the call makes a descriptor.
        let fd =
            unsafe { new_descriptor(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE))? };
        Ok(Socket { fd, sequence: 0, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Shows `each` the messages that answer a question for all there are, without their headers.
    /// If they changed meanwhile, it is shown them once more.
    pub fn dump(&mut self, kind: u16, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            if self.dump_once(kind, each)? {
                break;
            }
        }
        Ok(())
    }

    /// `false`: they changed meanwhile.
    fn dump_once(&mut self, kind: u16, each: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        const NLMSG_ERROR: u16 = 2;
        const NLMSG_DONE: u16 = 3;
        const NLM_F_DUMP_INTR: u16 = 0x10;
        self.ask(kind)?;
        let (mut total, mut is_consistent) = (0, true);
        loop {
            let count = self.receive()?;
            total += count;
            let mut rest = self.buffer.get(..count).unwrap_or_default();
            // `struct nlmsghdr`: length (4), type (2), flags (2), sequence (4), sender (4).
            while let (Some(length), Some(&[_, _, _, _, t0, t1, f0, f1])) =
                (word(rest, 0), rest.first_chunk::<8>())
            {
                let length = length as usize;
                let Some(message) = rest.get(HEADER_BYTES..length) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                let is_ours = word(rest, 8) == Some(self.sequence);
                is_consistent &= u16::from_ne_bytes([f0, f1]) & NLM_F_DUMP_INTR == 0;
                match u16::from_ne_bytes([t0, t1]) {
                    _ if !is_ours => {}
                    NLMSG_DONE => return Ok(is_consistent),
                    NLMSG_ERROR => {
                        let error = word(message, 0).map_or(0, |code| code as i32);
                        return Err(io::Error::from_raw_os_error(error.wrapping_neg()));
                    }
                    _ => each(message),
                }
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
            if total > DUMP_BYTES_MAX {
                // The rest would still come, in place of the next answer.
                *self = Socket { sequence: self.sequence, ..Socket::open()? };
                return Ok(true);
            }
        }
    }

    /// A header, and the family: any.
    fn ask(&mut self, kind: u16) -> io::Result<()> {
        const NLM_F_REQUEST: u16 = 1;
        const NLM_F_DUMP: u16 = 0x300;
        /// As long as the longest of the structures in which the family comes first.
        const BODY_BYTES: usize = 16;
        self.sequence += 1;
        let length = (HEADER_BYTES + BODY_BYTES) as u32;
        let mut question = [0; HEADER_BYTES + BODY_BYTES];
        let parts = length
            .to_ne_bytes()
            .into_iter()
            .chain(kind.to_ne_bytes())
            .chain((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes())
            .chain(self.sequence.to_ne_bytes());
        for (to, byte) in question.iter_mut().zip(parts) {
            *to = byte;
        }
        // SAFETY: the kernel reads as many bytes as there are.
        cvt_size(unsafe {
            send(self.fd.as_raw_fd(), question.as_ptr().cast(), question.len(), 0)
        })?;
        Ok(())
    }

    fn receive(&mut self) -> io::Result<usize> {
        const MSG_TRUNC: c_int = 0x20;
        // The kernel answers within the call: there is nothing to wait for.
        const MSG_DONTWAIT: c_int = 0x40;
        let (pointer, size) = (self.buffer.as_mut_ptr().cast(), self.buffer.len());
        // SAFETY: the kernel writes at most `size` bytes into the buffer, which has as many.
        let count = unsafe { recv(self.fd.as_raw_fd(), pointer, size, MSG_TRUNC | MSG_DONTWAIT) };
        match cvt_size(count)? {
            // What did not fit is lost; nothing would be the end.
            count if count > size || count == 0 => Err(io::ErrorKind::InvalidData.into()),
            count => Ok(count),
        }
    }
}

const HEADER_BYTES: usize = 16;

/// The value of the first attribute of that name after `start` bytes: `struct rtattr`: length (2),
/// type (2).
pub fn attribute(message: &[u8], start: usize, name: u16) -> Option<&[u8]> {
    let mut rest = message.get(start..)?;
    while let Some(&[l0, l1, n0, n1]) = rest.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..length)?;
        // Two bits say how the value is written.
        if u16::from_ne_bytes([n0, n1]) & 0x3fff == name {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

pub fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
        _ => None,
    }
}

/// What the kernel is read of one table. A router of the Internet has more routes than that, and
/// those it is connected to by an address are known before.
const DUMP_BYTES_MAX: usize = 4 << 20;
/// The kernel fills as much at once, if there is so much.
const BUFFER_BYTES: usize = 32 << 10;
/// The tables change while they are read: so often they are read again.
const ATTEMPTS: usize = 3;

unsafe extern "C" {
    safe fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn send(fd: c_int, bytes: *const c_void, size: usize, flags: c_int) -> isize;
    fn recv(fd: c_int, bytes: *mut c_void, size: usize, flags: c_int) -> isize;
}
