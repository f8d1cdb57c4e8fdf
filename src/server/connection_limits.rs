//! How many connections there may be, and how many of them one client may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::{Config, DESCRIPTORS_TO_SERVE, descriptors_of};
use crate::peer::Peer;
use crate::sys;

use super::budget::Shares;
use super::by_client::{ByClient, holder};

/// The most that a connection costs in this process, in bytes: an incomplete head, pipelined
/// requests after it, and answers that the client does not read. Times `max` it bounds the memory.
/// `tests/suite/memory.rs` holds the server to it.
pub const CONNECTION_BYTES_MAX: u64 = 112 << 10;

/// Counts the connections of all workers.
#[derive(Debug)]
pub struct ConnectionLimits {
    max: usize,
    count: AtomicUsize,
    by_client: ByClient,
}

/// One client may hold one in this many connections. That is enough for a household behind one
/// address, and leaves some for others.
const CLIENT_PART: usize = 4;
/// The default is at most this: the kernel takes 4 KiB and more for each connection.
const DEFAULT_MAX: usize = 16_384;
/// With less, however little memory there is, a browser or two would take all of them.
const BY_MEMORY_MIN: usize = 32;
/// Descriptors for other things: listeners, pollers, the log, a folder being read.
const OTHER_DESCRIPTORS: usize = 64;

impl ConnectionLimits {
    /// Raises the limit of open files. The number of connections follows from it and from the
    /// memory, unless `--connections-max` sets it. The error is one line: there are too few
    /// descriptors to serve anybody.
    pub fn new(config: &Config, shares: Shares) -> Result<ConnectionLimits, String> {
        let descriptors = usize::try_from(sys::raise_open_files_max()).unwrap_or(usize::MAX);
        // A connection needs one, and a second while a file is sent: one in three at a time. Each
        // worker keeps some files open.
        let kept = config.workers() * 64 + OTHER_DESCRIPTORS;
        let workers = config.workers();
        let own = descriptors_of(workers);
        let least = own + DESCRIPTORS_TO_SERVE;
        if descriptors < least {
            return Err(format!(
                "the limit of open files is {descriptors}, and {workers} workers need {least}: \
                 raise it with 'ulimit -n'"
            ));
        }
        // With few descriptors, every second one is for a file.
        let by_descriptors =
            (descriptors.saturating_sub(kept) / 4 * 3).max((descriptors - own) / 2);
        // Each worker opens at most three files for a request: keep descriptors for them.
        let most = (descriptors - own).saturating_sub(3 * workers).max(1);
        let by_memory = usize::try_from(shares.connections / CONNECTION_BYTES_MAX);
        let by_memory = by_memory.unwrap_or(usize::MAX).max(BY_MEMORY_MIN);
        let by_default = || by_descriptors.min(by_memory).min(DEFAULT_MAX);
        let max = config.connections_max.unwrap_or_else(by_default).min(most);
        Ok(ConnectionLimits { max, count: AtomicUsize::new(0), by_client: ByClient::default() })
    }

    /// How many connections there may be.
    pub fn max(&self) -> usize {
        self.max
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there are as many as there may be.
    pub fn is_full(&self) -> bool {
        self.count() >= self.max
    }

    /// Counts a connection. `false`: it was not counted, for the client has as many as it may.
    pub fn take(&self, peer: Peer) -> bool {
        let most = (self.max / CLIENT_PART).max(1) as u64;
        let is_counted = self.by_client.change(holder(peer), 0, 1, most);
        if is_counted {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        is_counted
    }

    /// Ends the count of a connection that was taken.
    pub fn give_back(&self, peer: Peer) {
        let before = self.count.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "a connection is given back once");
        self.by_client.change(holder(peer), 1, 0, 0);
    }

    /// From now on the connection counts for another client. `false`: nothing has changed, for that
    /// client has as many as it may.
    pub fn pass_on(&self, from: Peer, to: Peer) -> bool {
        let is_taken = self.take(to);
        if is_taken {
            self.give_back(from);
        }
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_64() {
        let limits =
            ConnectionLimits { max: 8, count: AtomicUsize::new(0), by_client: ByClient::default() };
        let rows = [
            ("2001:db8:0:1::1", true),
            ("2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::3", false),
            ("2001:db8:0:2::1", true),
            ("192.0.2.1", true),
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("192.0.2.2", true),
            ("::1", true),
            ("192.0.2.1 proxy", true),
            ("fe80::1", true),
            ("fe80::1", true),
            ("fe80::1", false),
            ("fe80::2", true),
            // Clients that no proxy has named count as one.
            ("unknown", true),
            ("unknown", true),
            ("unknown", false),
        ];
        let peer = |text: &str| {
            let address = text.trim_end_matches(" proxy").parse();
            let is_proxy = text.ends_with(" proxy");
            address
                .map_or(Peer::UNKNOWN, |address| Peer { is_proxy, ..Peer::behind_proxy(address) })
        };
        for (address, expected) in rows {
            assert_eq!(limits.take(peer(address)), expected, "{address}");
        }
        assert!(limits.is_full());
        for (address, counted) in rows {
            if counted {
                limits.give_back(peer(address));
            }
        }
        assert!(!limits.is_full());
        assert_eq!(limits.count.load(Ordering::Relaxed), 0);
        assert!(limits.by_client.is_empty());
    }
}
