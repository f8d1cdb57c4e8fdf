//! No sandbox: the system has none, or none that this server knows.

use crate::sys::{Directory, Sandbox};

pub fn enter_sandbox(_readable: &[&Directory], _files_in: &[&Directory]) -> Sandbox {
    Sandbox { landlock: None, seccomp: false }
}
