//! Every bound that the protocol core enforces, with its unit and its reason.

/// The bounds. `Limits::default()` is what the server runs with; tests make them smaller.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// RFC 9112 §3 asks for at least 8,000; longer targets are answered 414.
    pub request_line_bytes_max: usize,
    /// Browsers send 1 to 2 KiB, 8 with large cookies of other servers on the same host; 431 beyond.
    pub field_section_bytes_max: usize,
    /// No client sends more than some thirty; 431 beyond.
    pub field_lines_max: usize,
    /// Content means nothing to this server. It reads this much of it, framing included,
    /// to keep the connection; with more it answers at once and closes.
    pub content_discarded_bytes_max: u64,
    /// A Range of more parts is ignored, as RFC 9110 §14.2 advises (CVE-2011-3192).
    /// PDF viewers ask for a few at a time.
    pub ranges_max: usize,
    /// Answers of pipelined requests are put together up to this many bytes, then written.
    pub batch_bytes: usize,
    /// From the first byte of a head to its last: longer is a slow-header attack. 408.
    pub head_milliseconds: u64,
    /// A persistent connection without a request. Browsers reuse for 60 s and more.
    pub idle_milliseconds: u64,
    /// While sending: as long may pass until `stall_bytes_min` more have been taken.
    pub stall_milliseconds: u64,
    /// Less than this in `stall_milliseconds` is no progress: 4 KiB in 30 s is 136 B/s,
    /// a tenth of the slowest modem. A client that takes one byte a second is an attack.
    pub stall_bytes_min: u64,
    /// Once the server is stopping: for the rest of a request that has begun, and for a client to
    /// read the end of its answer.
    pub drain_milliseconds: u64,
    /// After an error the client gets this long to read the answer (RFC 9112 §9.6).
    pub linger_milliseconds: u64,
    /// And may send this much meanwhile.
    pub linger_bytes_max: u64,
}

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
            drain_milliseconds: 1_000,
            linger_milliseconds: 10_000,
            linger_bytes_max: 1 << 20,
        }
    }
}
