//! Buffers that the connections of a thread share, one after the other. Without them a busy
//! connection allocates six times per request, and musl returns memory to the system each time.

/// Empty buffers with capacity.
#[derive(Debug, Default)]
pub struct Buffers {
    free: Vec<Vec<u8>>,
}

/// What is received from the clients of a batch, and what their answers use.
const BUFFERS_MAX: usize = 24;
/// Bytes: the head of an answer fits. A smaller buffer would have to grow each time.
pub(super) const CAPACITY_MIN: usize = 512;
/// Bytes: a head, or a small file with its head. Larger buffers are freed.
const CAPACITY_MAX: usize = 20 << 10;

impl Buffers {
    /// Returns an empty buffer with room for the head of an answer.
    pub fn take(&mut self) -> Vec<u8> {
        let new = || Vec::with_capacity(CAPACITY_MIN);
        let buffer = self.free.pop().unwrap_or_else(new);
        debug_assert!(buffer.is_empty(), "a buffer with somebody else's bytes");
        buffer
    }

    /// Takes a buffer back. Frees it if it is too small or too large, or if there are enough.
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        let is_useful = (CAPACITY_MIN..=CAPACITY_MAX).contains(&buffer.capacity());
        if is_useful && self.free.len() < BUFFERS_MAX {
            buffer.clear();
            self.free.push(buffer);
        }
    }

    /// Frees all buffers. Called when the thread has been idle for a while.
    pub fn expire(&mut self) {
        self.free = Vec::new();
    }

    /// Whether there is nothing to free.
    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }
}
