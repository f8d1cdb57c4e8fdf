//! What Windows does in its own way, and `portable/` for the rest.

mod beneath;
pub mod constants;
mod file;
mod interfaces;
mod manager;
mod open_files_max;
mod output;
mod signal;
mod socket;
mod waker;

pub use super::portable::*;
pub use beneath::{Directory, is_absent};
pub use file::{
    exit_now, has_other_names, is_linked, mode_and_owner, os_string, path_state, read_at,
};
pub use interfaces::{addresses, interface_index, interface_name};
pub use manager::{Listener, Notifier, take_passed_listeners};
pub use open_files_max::raise_open_files_max;
pub use output::{standard_length, survive_limits, write_standard};
pub use signal::Signals;
pub use socket::{
    AsSocket, RawSocket, raw, send_more, set_accept_deferred, set_backlog, set_no_delay,
    set_unsent_bytes_max, stop_listening,
};
pub use waker::{WakeSignal, Waker, wake_signal};
