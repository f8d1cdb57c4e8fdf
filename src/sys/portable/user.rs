//! No users that a process could become.

use std::io;

use crate::sys::User;

pub fn user_id() -> Option<u32> {
    None
}

pub fn find_user(_user: &str, _group: Option<&str>) -> Result<User, String> {
    Err("a server cannot become another user on this system".to_owned())
}

pub fn become_user(_user: &User) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
