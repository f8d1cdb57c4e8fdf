//! The networks that this machine is connected to, by the addresses of its interfaces: all that is
//! asked of systems whose routing tables nobody reads here.

use std::io;
use std::net::IpAddr;

pub fn connected() -> io::Result<Vec<(IpAddr, u8)>> {
    let found = crate::sys::addresses()?.into_iter();
    let networks = found.map(|found| (found.address, found.prefix_bits));
    Ok(networks.filter(|&(_, bits)| bits > 0).collect())
}
