//! The network interfaces of this machine, their numbers and addresses. On Windows a zone is written
//! as its number (`fe80::1%12`), so that is what interfaces are called here.

use std::ffi::{c_ulong, c_void};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sys::InterfaceAddress;

pub fn addresses() -> io::Result<Vec<InterfaceAddress>> {
    const ERROR_BUFFER_OVERFLOW: c_ulong = 111;
    const IF_OPER_STATUS_UP: u32 = 1;
    // 8 bytes each, since there are pointers in it.
    let mut buffer = vec![0_u64; 2 << 10];
    loop {
        let mut bytes = (buffer.len() * 8) as c_ulong;
        // SAFETY: the system writes at most `bytes` bytes into the buffer, which has as many.
        let error = unsafe {
            GetAdaptersAddresses(
                0,
                SKIP_ALL_BUT_UNICAST,
                std::ptr::null(),
                buffer.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        match error {
            0 => break,
            ERROR_BUFFER_OVERFLOW if buffer.len() < 1 << 20 => {
                buffer = vec![0; bytes as usize / 8 + 1]
            }
            error => return Err(io::Error::from_raw_os_error(error as i32)),
        }
    }
    let mut found = Vec::new();
    let mut next: *const Adapter = buffer.as_ptr().cast();
    while !next.is_null() {
        // SAFETY: the system has made a list in the buffer, which nobody changes meanwhile.
        let adapter = unsafe { &*next };
        next = adapter.next;
        let mut next = adapter.unicast;
        while !next.is_null() {
            // SAFETY: the same; the list of an adapter's addresses lies in the buffer as well.
            let unicast = unsafe { &*next };
            next = unicast.next;
            // SAFETY: it points to a sockaddr, as long as its family's.
            let address = unsafe { ip_address(unicast.address.address) };
            if let (Some((address, index)), IF_OPER_STATUS_UP) = (address, adapter.oper_status) {
                let index = index.unwrap_or(adapter.index);
                let index = if index == 0 { adapter.ipv6_index } else { index };
                found.push(InterfaceAddress {
                    interface: index.to_string(),
                    address,
                    prefix_bits: unicast.prefix_bits,
                });
            }
        }
    }
    Ok(found)
}

pub fn interface_index(name: &str) -> Option<u32> {
    let index = name.parse().ok()?;
    (interface_name(index)? == name).then_some(index)
}

pub fn interface_name(index: u32) -> Option<String> {
    let name = index.to_string();
    let own = addresses().ok()?;
    own.iter().any(|own| own.interface == name).then_some(name)
}

/// An address, and the zone in it.
///
/// # Safety
/// `address` points to a sockaddr as long as its family's.
unsafe fn ip_address(address: *const u8) -> Option<(IpAddr, Option<u32>)> {
    const AF_INET: u16 = 2;
    const AF_INET6: u16 = 23;
    // SAFETY: every sockaddr begins with its family.
    match unsafe { address.cast::<u16>().read_unaligned() } {
        AF_INET => {
            // SAFETY: sockaddr_in: the address is at 4.
            let bytes = unsafe { address.add(4).cast::<[u8; 4]>().read() };
            Some((Ipv4Addr::from(bytes).into(), None))
        }
        AF_INET6 => {
            // SAFETY: sockaddr_in6: the address is at 8, the zone at 24.
            let (bytes, zone) = unsafe {
                (
                    address.add(8).cast::<[u8; 16]>().read(),
                    address.add(24).cast::<u32>().read_unaligned(),
                )
            };
            Some((Ipv6Addr::from(bytes).into(), Some(zone).filter(|&zone| zone != 0)))
        }
        _ => None,
    }
}

/// GAA_FLAG_SKIP_ANYCAST, _MULTICAST, _DNS_SERVER.
const SKIP_ALL_BUT_UNICAST: c_ulong = 0x2 | 0x4 | 0x8;

/// The start of `IP_ADAPTER_ADDRESSES`.
#[repr(C)]
struct Adapter {
    length: u32,
    index: u32,
    next: *const Adapter,
    name: *const c_void,
    unicast: *const Unicast,
    lists_and_names: [*const c_void; 6],
    physical_address: [u8; 8],
    physical_address_length: u32,
    flags: u32,
    mtu: u32,
    kind: u32,
    oper_status: u32,
    ipv6_index: u32,
}

/// The start of `IP_ADAPTER_UNICAST_ADDRESS`.
#[repr(C)]
struct Unicast {
    length: u32,
    flags: u32,
    next: *const Unicast,
    address: SocketAddress,
    origins_and_state: [i32; 3],
    lifetimes: [u32; 3],
    prefix_bits: u8,
}

/// `SOCKET_ADDRESS`. A structure of its own, since it ends in padding where pointers have 8 bytes.
#[repr(C)]
struct SocketAddress {
    address: *const u8,
    length: i32,
}

// As the C compiler lays them out.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(std::mem::offset_of!(Adapter, ipv6_index) == 108);
    assert!(std::mem::offset_of!(Unicast, prefix_bits) == 56);
};

#[link(name = "iphlpapi")]
unsafe extern "system" {
    fn GetAdaptersAddresses(
        family: c_ulong,
        flags: c_ulong,
        reserved: *const c_void,
        addresses: *mut Adapter,
        bytes: *mut c_ulong,
    ) -> c_ulong;
}
