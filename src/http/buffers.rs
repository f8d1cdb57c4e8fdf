//! Buffers that a thread's connections use one after the other. A busy connection would otherwise
//! ask the allocator six times a request, and musl's gives memory back to the system each time.

/// Empty buffers with room in them.
#[derive(Debug, Default)]
pub struct Buffers {
    free: Vec<Vec<u8>>,
}

/// As many as one request uses at a time.
const BUFFERS_MAX: usize = 8;
/// The head of an answer. What is smaller would have to grow each time.
pub(super) const CAPACITY_MIN: usize = 512;
/// A head, or a small file with its head. What is larger goes back to the system.
const CAPACITY_MAX: usize = 20 << 10;

impl Buffers {
    /// An empty buffer with room.
    pub fn take(&mut self) -> Vec<u8> {
        let new = || Vec::with_capacity(CAPACITY_MIN);
        let buffer = self.free.pop().unwrap_or_else(new);
        debug_assert!(buffer.is_empty(), "a buffer with somebody else's bytes");
        buffer
    }

    /// A buffer that nobody needs any more.
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        let is_useful = (CAPACITY_MIN..=CAPACITY_MAX).contains(&buffer.capacity());
        if is_useful && self.free.len() < BUFFERS_MAX {
            buffer.clear();
            self.free.push(buffer);
        }
    }

    /// Gives all memory back: nobody was busy for a while.
    pub fn expire(&mut self) {
        self.free = Vec::new();
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }
}
