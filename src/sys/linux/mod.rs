//! What Linux has and others have not, in place of what `unix/` has of the same name.

pub mod constants;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64"
))]
mod entries;
#[cfg(not(force_poll))]
mod epoll;
mod netlink;
mod open_files_max;
mod processors;
mod sandbox;
mod sendfile;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64"
))]
mod statx;
mod thread_name;

pub use super::unix::*;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64"
))]
pub use entries::{Entry, read_entries};
#[cfg(not(force_poll))]
pub use epoll::Poller;
pub use netlink::connected;
pub use open_files_max::raise_open_files_max;
pub use processors::processors;
pub use sandbox::{enter_sandbox, offered_sandbox};
pub use sendfile::send_file;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64"
))]
pub use statx::{state_at, state_of};
