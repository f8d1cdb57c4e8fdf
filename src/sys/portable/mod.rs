//! What works on every system, through std or poll(2): taken where a system has nothing better. All of
//! it is built on each system, so that it does not rot.

mod accept;
mod connected;
mod entries;
mod medium;
mod memory;
mod network;
#[cfg(unix)]
mod openat2;
mod poll;
mod processors;
mod sandbox;
mod sendfile;
mod statx;
mod user;

pub use accept::accept;
pub use connected::connected;
pub use entries::{Entry, read_entries};
pub use medium::{medium, read_at_once};
pub use memory::memory_bytes;
pub use network::{network_of, own_network};
#[cfg(unix)]
pub use openat2::{Reach, open_at_once};
pub use poll::Poller;
pub use processors::processors;
pub use sandbox::enter_sandbox;
pub use sendfile::send_file;
#[cfg(unix)]
pub use statx::state_at;
pub use statx::state_of;
pub use user::{become_user, find_user, user_id};
