//! The bounds on what clients send and how long they take, each with its unit and its reason.

/// The bounds. The server uses `Limits::default()`; tests use smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// RFC 9112 §3 recommends at least 8,000. Longer: 414.
    pub request_line_bytes_max: usize,
    /// Browsers send 1 to 2 KiB, or 8 KiB with large cookies of other servers on the same host.
    /// Larger: 431. Less than [`FIELD_SECTION_BYTES_LIMIT`].
    pub field_section_bytes_max: usize,
    /// Clients send at most about thirty. More: 431.
    pub field_lines_max: usize,
    /// The server has no use for content. It reads up to this much, framing included, to keep the
    /// connection. If there is more, it answers at once and closes.
    pub content_discarded_bytes_max: u64,
    /// A Range with more parts is ignored, as RFC 9110 §14.2 advises (CVE-2011-3192). PDF viewers
    /// ask for a few at a time.
    pub ranges_max: usize,
    /// Answers to pipelined requests are written together, once they have this many bytes.
    pub batch_bytes: usize,
    /// From the first byte of a head to its last. Longer is a slow-header attack: 408.
    pub head_milliseconds: u64,
    /// For an idle connection. Browsers reuse connections for 60 s and more.
    pub idle_milliseconds: u64,
    /// While sending: the client has this long to accept `stall_bytes_min` more bytes.
    pub stall_milliseconds: u64,
    /// Less than this in `stall_milliseconds` is no progress: 4 KiB in 30 s is 136 B/s, a tenth of
    /// the slowest modem. A client that accepts one byte a second is an attack.
    pub stall_bytes_min: u64,
    /// For an answer that takes time, such as the page of a large folder. Longer is a disk that
    /// hangs: 503.
    pub await_milliseconds: u64,
    /// While the server is stopping: for the rest of a request, and for the client to read the end
    /// of its answer.
    pub drain_milliseconds: u64,
    /// After an error, the client has this long to read the answer (RFC 9112 §9.6).
    pub linger_milliseconds: u64,
    /// Meanwhile the server reads and drops up to this much.
    pub linger_bytes_max: u64,
}

/// Places in a field section have 16 bits.
pub const FIELD_SECTION_BYTES_LIMIT: usize = 60_000;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_line_bytes_max: 8 << 10,
            field_section_bytes_max: 32 << 10,
            field_lines_max: 100,
            content_discarded_bytes_max: 64 << 10,
            ranges_max: 64,
            batch_bytes: 16 << 10,
            head_milliseconds: 10_000,
            idle_milliseconds: 60_000,
            stall_milliseconds: 30_000,
            stall_bytes_min: 4 << 10,
            await_milliseconds: 30_000,
            drain_milliseconds: 1_000,
            linger_milliseconds: 10_000,
            linger_bytes_max: 1 << 20,
        }
    }
}
