//! `send_file` where there is no such call, or where it has another form on each system.

use std::fs::File;
use std::net::TcpStream;

use crate::sys::SendFileError;

/// Here always [`SendFileError::Refused`].
pub fn send_file(
    _socket: &TcpStream,
    _file: &File,
    _offset: u64,
    _count: usize,
) -> Result<usize, SendFileError> {
    Err(SendFileError::Refused)
}
