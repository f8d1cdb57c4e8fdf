//! What is known of those who have logged in as one user: with which password, and from where.

use core::net::IpAddr;

use crate::access::sha256::Digest;
use crate::access::sha256_crypt::is_same;
use crate::peer::Peer;

use super::lockout::Failures;

/// An exact address, not a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    address: Option<IpAddr>,
    zone: u32,
}

impl Place {
    /// Where a client is.
    pub fn of(client: Peer) -> Place {
        Place { address: client.address, zone: client.zone }
    }
}

/// The logins of one user.
#[derive(Debug, Default)]
pub struct Logins {
    /// The digest of the correct credentials, once they have been seen.
    proven: Option<Digest>,
    /// Where they came from, and the failures there since. The latest is the last.
    places: Vec<(Place, Failures)>,
}

/// Places that are remembered of each user, 48 bytes each. Only a client that has the password can
/// push one out.
const PLACES_MAX: usize = 8;

impl Logins {
    /// Whether credentials with this digest have been correct before.
    pub fn are_proven_by(&self, digest: &Digest) -> bool {
        self.proven.as_ref().is_some_and(|proven| is_same(proven, digest))
    }

    /// Credentials with this digest are correct.
    pub fn prove(&mut self, digest: Digest) {
        self.proven = Some(digest);
    }

    /// Correct credentials came from there.
    pub fn remember(&mut self, place: Place) {
        let known = self.places.iter().position(|&(other, _)| other == place);
        let entry = match known {
            Some(at) if at + 1 == self.places.len() => return,
            Some(at) => self.places.remove(at),
            None => (place, Failures::default()),
        };
        if self.places.len() >= PLACES_MAX {
            self.places.remove(0);
        }
        self.places.push(entry);
    }

    /// Wrong credentials came from there. They count if correct ones have come from there before.
    pub fn failed(&mut self, place: Place, now_milliseconds: u64) {
        let mut places = self.places.iter_mut();
        if let Some((_, failures)) = places.find(|(other, _)| *other == place) {
            failures.add(now_milliseconds);
        }
    }

    /// Whether correct credentials from there have to wait when their household has to.
    pub fn have_to_wait(&self, place: Place, now_milliseconds: u64) -> bool {
        let known = self.places.iter().find(|(other, _)| *other == place);
        known.is_none_or(|(_, failures)| failures.wait_seconds(now_milliseconds).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_places_is_remembered() {
        let mut logins = Logins::default();
        let at = |number: u32| Place { address: Some(IpAddr::V4(number.into())), zone: 0 };
        for number in (1..=100).chain([96, 101]) {
            logins.remember(at(number));
        }
        let places: Vec<_> = logins.places.iter().map(|&(place, _)| place).collect();
        assert_eq!(places, [94, 95, 97, 98, 99, 100, 96, 101].map(at));
    }
}
