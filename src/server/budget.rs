//! What of the memory is for connections, and what for listings; leases of the latter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::http::lease::Lease;
use crate::peer::{Household, Peer};

use super::by_client::{ByClient, holder};

/// How the memory that the process may use is divided, in bytes. Half of it and more is left: for
/// the system, for the kernel's buffers, and for what the allocator cannot use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// For connections.
    pub connections: u64,
    /// For listings that are read and sent.
    pub listings: u64,
}

impl Shares {
    /// Of as much memory as [`memory_bytes`](crate::sys::memory_bytes) knows of.
    pub fn of(memory: Option<u64>) -> Shares {
        // On 32 bits a process cannot have more, whatever the machine has.
        let memory = memory.unwrap_or(MEMORY_UNKNOWN_BYTES).min(isize::MAX as u64);
        Shares { connections: memory / 4, listings: (memory / 8).min(LISTINGS_BYTES_MAX) }
    }
}

/// Where nobody says how much memory there is: as much as any machine has.
const MEMORY_UNKNOWN_BYTES: u64 = 128 << 20;
/// Enough for a thousand clients that fetch 20,000 entries each.
const LISTINGS_BYTES_MAX: u64 = 512 << 20;
/// One client may hold one in this many bytes.
pub const CLIENT_PART: u64 = 4;
/// Archives that are sent at a time, one of them to each client.
pub const ARCHIVES_MAX: u64 = 64;

/// Bytes, or whatever else, that may be held at a time.
#[derive(Debug)]
pub struct Budget {
    bytes: u64,
    client_bytes: u64,
    held: AtomicU64,
    by_client: ByClient,
}

impl Budget {
    /// As many in all, and for one client.
    pub fn new(bytes: u64, client_bytes: u64) -> Budget {
        Budget { bytes, client_bytes, held: AtomicU64::new(0), by_client: ByClient::default() }
    }

    /// How many there are in all.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A lease for this client that has nothing yet.
    pub fn lease(self: &Arc<Self>, peer: Peer) -> BudgetLease {
        BudgetLease { budget: Arc::clone(self), holder: holder(peer), bytes: 0 }
    }

    /// Counts `after` bytes in place of `before`. `false`: nothing has changed.
    fn change(&self, holder: Option<Household>, before: u64, after: u64) -> bool {
        let count = |held: u64| {
            debug_assert!(before <= held, "given back once");
            let all = held - before + after;
            (after <= before || all <= self.bytes).then_some(all)
        };
        if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_err() {
            return false;
        }
        let is_counted = self.by_client.change(holder, before, after, self.client_bytes);
        if !is_counted {
            self.held.fetch_sub(after - before, Ordering::Relaxed);
        }
        is_counted
    }
}

/// A part of a [`Budget`].
#[derive(Debug)]
pub struct BudgetLease {
    budget: Arc<Budget>,
    holder: Option<Household>,
    bytes: u64,
}

impl Lease for BudgetLease {
    fn resize(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let is_held = self.budget.change(self.holder, self.bytes, bytes);
        if is_held {
            self.bytes = bytes;
        }
        is_held
    }

    fn another(&self) -> Box<dyn Lease> {
        Box::new(BudgetLease { budget: Arc::clone(&self.budget), holder: self.holder, bytes: 0 })
    }
}

impl Drop for BudgetLease {
    fn drop(&mut self) {
        let is_given_back = self.budget.change(self.holder, self.bytes, 0);
        debug_assert!(is_given_back, "less is always there");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (memory, connections, listings) in [
            (Some(64 << 20), 16 << 20, 8 << 20),
            (Some(1 << 30), 256 << 20, 128 << 20),
            (None, 32 << 20, 16 << 20),
            (Some(0), 0, 0),
        ] {
            assert_eq!(Shares::of(memory), Shares { connections, listings }, "{memory:?}");
        }
        assert_eq!(Shares::of(Some(u64::MAX)).connections, isize::MAX as u64 / 4);
        assert_eq!(Shares::of(Some(1 << 40)).listings, LISTINGS_BYTES_MAX.min(1 << 37));
    }

    #[test]
    fn nobody_holds_more_than_there_is_or_than_a_client_may() {
        let budget = Arc::new(Budget::new(800, 200));
        let mut leases: Vec<BudgetLease> =
            ["192.0.2.1", "192.0.2.1", "192.0.2.2", "::1", "2001:db8::1", "2001:db8::2"]
                .map(|text| budget.lease(Peer::behind_proxy(text.parse().expect("an address"))))
                .into();
        // (which lease, bytes in all, whether it gets them)
        let rows = [
            (0, 150, true),
            (1, 51, false),
            (1, 50, true),
            (0, 151, false),
            (0, 100, true),
            (1, 100, true),
            (2, 201, false),
            (2, 200, true),
            // A proxy may run on this machine.
            (3, 400, true),
            (4, 1, false),
            (3, 350, true),
            (4, 20, true),
            (5, 31, false),
            (5, 30, true),
            (3, 351, false),
            (2, 0, true),
            (4, 180, false),
            (4, 170, true),
        ];
        for (at, bytes, expected) in rows {
            assert_eq!(leases[at].resize(bytes), expected, "{at}: {bytes}");
        }
        leases.truncate(1);
        assert_eq!(budget.held.load(Ordering::Relaxed), 100);
        assert!(!budget.by_client.is_empty());
        drop(leases);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
        assert!(budget.by_client.is_empty());
    }
}
