//! The network interfaces of this machine, their names, numbers and addresses.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sys::InterfaceAddress;
use crate::sys::constants::{AF_INET6, FAMILY_AT, ZONE_IN_ADDRESS};
use crate::sys::failure::cvt;

pub fn addresses() -> io::Result<Vec<InterfaceAddress>> {
    const IFF_UP: c_uint = 1;
    let mut first = std::ptr::null_mut();
    // SAFETY: the C library puts a pointer to a list of its own into `first`.
    cvt(unsafe { getifaddrs(&raw mut first) })?;
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: `next` points to an entry of the list, which nobody changes before freeifaddrs.
        let entry = unsafe { &*next };
        next = entry.next;
        // SAFETY: address and netmask are null or point to a sockaddr of their family.
        let (address, netmask) = unsafe { (ip_address(entry.address), ip_address(entry.netmask)) };
        if let (Some(address), Some(netmask)) = (address, netmask) {
            if entry.flags & IFF_UP != 0 {
                // SAFETY: every entry has a name, which ends in NUL.
                let name = unsafe { CStr::from_ptr(entry.name) };
                found.push(InterfaceAddress {
                    interface: name.to_string_lossy().into_owned(),
                    address,
                    prefix_bits: match netmask {
                        IpAddr::V4(mask) => mask.to_bits().leading_ones() as u8,
                        IpAddr::V6(mask) => mask.to_bits().leading_ones() as u8,
                    },
                });
            }
        }
    }
    // SAFETY: the list came from getifaddrs, and no reference to it is left.
    unsafe { freeifaddrs(first) };
    Ok(found)
}

pub fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name ends in NUL and lives until the call returns.
    match unsafe { if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

pub fn interface_name(index: u32) -> Option<String> {
    let mut name = [0; 256];
    // SAFETY: the C library writes at most IF_NAMESIZE bytes, 16 to 256 by system.
    let written = unsafe { if_indextoname(index, name.as_mut_ptr().cast()) };
    if written.is_null() {
        return None;
    }
    CStr::from_bytes_until_nul(&name).ok().map(|name| name.to_string_lossy().into_owned())
}

/// # Safety
/// `address` is null, or points to a sockaddr as long as its family's.
unsafe fn ip_address(address: *const u8) -> Option<IpAddr> {
    const AF_INET: u8 = 2;
    if address.is_null() {
        return None;
    }
    // SAFETY: every sockaddr has two bytes.
    let family = unsafe { *address.add(FAMILY_AT) };
    if family == AF_INET {
        // SAFETY: sockaddr_in: the address is at 4.
        let bytes = unsafe { address.add(4).cast::<[u8; 4]>().read() };
        Some(Ipv4Addr::from(bytes).into())
    } else if family == AF_INET6 {
        // SAFETY: sockaddr_in6: the address is at 8.
        let bytes = unsafe { address.add(8).cast::<[u8; 16]>().read() };
        let address = Ipv6Addr::from(bytes);
        if ZONE_IN_ADDRESS && address.is_unicast_link_local() {
            let [first, _zone, rest @ ..] = address.segments();
            let [c, d, e, f, g, h] = rest;
            return Some(Ipv6Addr::new(first, 0, c, d, e, f, g, h).into());
        }
        Some(address.into())
    } else {
        None
    }
}

/// `struct ifaddrs`, as far as it is the same everywhere.
#[repr(C)]
struct IfAddrs {
    next: *mut IfAddrs,
    name: *const c_char,
    flags: c_uint,
    address: *const u8,
    netmask: *const u8,
    destination: *const u8,
    data: *const c_void,
}

unsafe extern "C" {
    fn getifaddrs(first: *mut *mut IfAddrs) -> c_int;
    fn freeifaddrs(first: *mut IfAddrs);
    fn if_nametoindex(name: *const c_char) -> c_uint;
    fn if_indextoname(index: c_uint, name: *mut c_char) -> *mut c_char;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there() {
        let found = addresses().expect("addresses");
        let loopback = found.iter().find(|found| found.address == Ipv4Addr::LOCALHOST);
        let loopback = loopback.expect("127.0.0.1");
        assert_eq!(loopback.prefix_bits, 8);
        let index = interface_index(&loopback.interface).expect("its number");
        assert_eq!(interface_name(index).as_ref(), Some(&loopback.interface));
        assert_eq!(interface_index("no such interface"), None);
        assert_eq!(interface_name(u32::MAX), None);
    }
}
