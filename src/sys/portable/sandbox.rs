//! No sandbox: the system has none, or none that this server knows.

use crate::sys::{Directory, Sandbox};

pub fn offered_sandbox() -> Sandbox {
    Sandbox::None
}

pub fn enter_sandbox(_readable: &[&Directory], _files_in: &[&Directory]) -> Sandbox {
    Sandbox::None
}
