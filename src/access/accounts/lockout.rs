//! Who has to wait after too many wrong passwords, and how long.

use crate::peer::Household;

/// Wrong passwords, and passwords that are being checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    count: u32,
    last_milliseconds: u64,
}

/// Everybody mistypes a password now and then: so many are free.
pub const FAILURES_FREE: u32 = 5;
/// The next one has to wait this long, and each one after it twice as long,
const WAIT_SECONDS_MIN: u64 = 4;
/// up to this: four minutes for each guess.
const WAIT_SECONDS_MAX: u64 = 256;
/// After this time without a wrong password earlier ones do not count.
pub const FORGOTTEN_MILLISECONDS: u64 = 600_000;
/// Households that are remembered, 48 bytes each. To push one out, an attacker with more networks
/// pays with a guess of its own.
const HOUSEHOLDS_MAX: usize = 1_024;

impl Failures {
    fn is_forgotten(&self, now_milliseconds: u64) -> bool {
        now_milliseconds >= self.last_milliseconds + FORGOTTEN_MILLISECONDS
    }

    /// Counts a wrong password.
    pub fn add(&mut self, now_milliseconds: u64) {
        if self.is_forgotten(now_milliseconds) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last_milliseconds = now_milliseconds;
    }

    /// How long the next password has to wait from now on.
    pub fn wait_seconds(&self, now_milliseconds: u64) -> Option<u64> {
        let over = self.count.checked_sub(FAILURES_FREE)?;
        let wait = WAIT_SECONDS_MIN << over.min(16);
        let end = self.last_milliseconds + wait.min(WAIT_SECONDS_MAX) * 1_000;
        (now_milliseconds < end).then(|| (end - now_milliseconds).div_ceil(1_000))
    }
}

/// The failures of each household. The latest is the last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lockout {
    /// Few enough to search one by one: that costs nothing beside a hash.
    households: Vec<(Household, Failures)>,
}

impl Lockout {
    /// How long a household has to wait from now on.
    pub fn wait_seconds(&self, household: Household, now_milliseconds: u64) -> Option<u64> {
        let (_, failures) = self.households.iter().find(|(other, _)| *other == household)?;
        failures.wait_seconds(now_milliseconds)
    }

    /// Counts a wrong password. Returns what was held against the household before.
    pub fn failed(&mut self, household: Household, now_milliseconds: u64) -> Failures {
        self.households.retain(|(_, failures)| !failures.is_forgotten(now_milliseconds));
        let known = self.households.iter().position(|(other, _)| *other == household);
        let (_, mut failures) = match known {
            Some(at) => self.households.remove(at),
            None => (household, Failures::default()),
        };
        if self.households.len() >= HOUSEHOLDS_MAX {
            self.households.remove(0);
        }
        let before = failures;
        failures.add(now_milliseconds);
        self.households.push((household, failures));
        before
    }

    /// Takes one back: the password was correct. Earlier ones stay, because a client that has one
    /// account may be guessing the password of another.
    pub fn forgive(&mut self, household: Household, before: Failures) {
        for (_, failures) in self.households.iter_mut().filter(|(other, _)| *other == household) {
            failures.count = failures.count.saturating_sub(1);
            if failures.count == before.count {
                failures.last_milliseconds = before.last_milliseconds;
            }
        }
        self.households.retain(|(_, failures)| failures.count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_households_is_remembered() {
        let mut lockout = Lockout::default();
        let household = |number: u32| Household::V4(number.into());
        for number in 0..10_000_u32 {
            lockout.failed(household(number), u64::from(number));
            assert!(lockout.households.len() <= HOUSEHOLDS_MAX);
        }
        let remembered: Vec<_> = lockout.households.iter().map(|(client, _)| *client).collect();
        let latest = 10_000 - HOUSEHOLDS_MAX as u32..10_000;
        let latest: Vec<_> = latest.map(household).collect();
        assert_eq!(remembered, latest);
    }
}
