//! How many processors this process may use, as std finds them.

/// One, if the system does not say.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
