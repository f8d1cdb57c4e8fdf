//! How many descriptors this process may have.

/// Windows has no such limit that a server would meet: memory is.
pub fn raise_open_files_max() -> u64 {
    16 << 10
}
