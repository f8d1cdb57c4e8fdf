//! How much of something each client holds. A client is a [`Household`]: usually an IPv4 address or
//! an IPv6 /64.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::peer::{Household, Peer};

/// What clients hold. Who holds nothing takes no memory.
#[derive(Debug, Default)]
pub struct ByClient(Mutex<HashMap<Household, u64>>);

impl ByClient {
    /// Counts `after` in place of `before`. `false`: nothing has changed, for it is more than before
    /// and the client would hold more than `max`. Without a holder there is nothing to count.
    pub fn change(&self, holder: Option<Household>, before: u64, after: u64, max: u64) -> bool {
        let Some(holder) = holder else {
            return true;
        };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.get(&holder).copied().unwrap_or_default();
        debug_assert!(before <= own, "given back by whom it was taken for");
        let own = own - before + after;
        if after > before && own > max {
            return false;
        }
        match own {
            0 => held.remove(&holder),
            _ => held.insert(holder, own),
        };
        if held.is_empty() {
            held.shrink_to_fit();
        }
        true
    }

    /// Whether nobody holds anything.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Whose part of connections, memory and tasks `peer` takes. `None` for peers that speak for many clients:
/// proxies, and this machine, where one may run.
pub fn holder(peer: Peer) -> Option<Household> {
    let speaks_for_many = peer.is_proxy || peer.is_this_machine();
    (!speaks_for_many).then(|| peer.household())
}
