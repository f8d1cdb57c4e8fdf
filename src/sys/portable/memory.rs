//! How much memory this process may use, where that is not known.

pub fn memory_bytes() -> Option<u64> {
    None
}
