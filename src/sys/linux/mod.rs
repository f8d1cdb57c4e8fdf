//! What Linux has and others have not, in place of what `unix/` has of the same name.

mod accept;
mod connected;
pub mod constants;
#[allow(dead_code)] // See below.
mod entries;
#[cfg(not(force_poll))]
mod epoll;
mod medium;
mod memory;
mod netlink;
mod network;
mod numbers;
mod open_files_max;
mod openat2;
mod processors;
mod sandbox;
mod seccomp;
mod sendfile;
mod statx;
mod syscall;
mod thread_name;

pub use super::unix::*;
pub use accept::accept;
pub use connected::connected;
// Where `numbers.rs` knows the call.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64"
))]
pub use entries::{Entry, read_entries};
#[cfg(not(force_poll))]
pub use epoll::Poller;
pub use medium::{medium, read_at_once};
pub use memory::memory_bytes;
pub use network::{network_of, own_network};
pub use open_files_max::raise_open_files_max;
pub use openat2::open_at_once;
pub use processors::processors;
pub use sandbox::enter_sandbox;
pub use sendfile::send_file;
pub use statx::{state_at, state_of};
