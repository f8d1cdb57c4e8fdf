//! Who may log in: the users of the auth file, and how dear it is to guess their passwords. What
//! a right password costs is paid once; what wrong ones cost is bounded, for each client and for
//! all of them.
//!
//! # What a client can learn
//!
//! - *By time.* An unknown user is hashed like one of the known ones, whom a secret chooses by the
//!   name: always the same one for a name. So the costs of unknown names are spread like those of
//!   known ones, whatever salts and rounds the file has.
//! - *By waiting.* Too many wrong passwords make a whole household wait, and what it sends is not
//!   looked at, right or wrong: otherwise a client that guesses would be told at once, and for
//!   nothing, when it has guessed right.
//! - *By not waiting.* A user who has logged in from this very address is let in nevertheless, or
//!   a neighbour could lock them out. A client that shares the address could guess in this way, so
//!   the user has a count of their own for the address: wrong passwords for that user add to it,
//!   looked at or not, and when it is full the right one waits as well. All other answers are those
//!   that the household gets, so nobody is told by them who is a user.

use core::net::IpAddr;
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::authorization::Credentials;
use crate::peer::{Household, Peer};

use super::sha256::{Digest, Sha256};
use super::sha256_crypt::{PasswordHash, is_same};

/// The users, and who has tried to be one of them.
#[derive(Debug)]
pub struct Accounts {
    /// Known to this process alone: what it remembers of passwords is of no use elsewhere.
    key: Digest,
    /// As secret as the file, and the same as long as that is: a restart does not show which names
    /// are unknown by giving them other costs.
    decoy_key: Digest,
    /// Passwords that may be hashed at the same time.
    hashing_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    users: Users,
    /// Passwords that are being hashed.
    hashing: usize,
    /// Few enough to look through: that is nothing beside a hash.
    failures: Vec<(Household, Failures)>,
}

/// What the auth file says.
#[derive(Debug)]
struct Users {
    /// In the order of their names. At least one.
    accounts: Vec<Account>,
    /// In the order of their points: an unknown name is hashed like the account after its own.
    /// When a user comes or goes, few unknown names change their cost.
    points: Vec<(u64, usize)>,
}

#[derive(Debug)]
struct Account {
    user: Arc<str>,
    hash: PasswordHash,
    /// Of the right credentials, once they have been seen.
    proven: Option<Digest>,
    /// Where they came from, and what was wrong there since. The latest is the last.
    places: Vec<(Place, Failures)>,
}

/// An exact address, and its zone.
type Place = (Option<IpAddr>, u32);

/// Passwords that were wrong, or are still looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    last_milliseconds: u64,
}

/// What came of credentials.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are right; this is the user.
    User(Arc<str>),
    /// They are wrong.
    Wrong,
    /// They were not looked at: the client has to wait, so many seconds.
    Wait(u64),
    /// They were not looked at: too many others' are.
    Busy,
}

/// Everybody mistypes a password now and then.
const FAILURES_FREE: u32 = 5;
/// The next one waits this long, and twice as long each time,
const WAIT_SECONDS_MIN: u64 = 4;
/// until it waits this long: four minutes for each guess.
const WAIT_SECONDS_MAX: u64 = 256;
/// After so long without a wrong password nothing is held against a client.
const FORGOTTEN_MILLISECONDS: u64 = 600_000;
/// Clients that are remembered, 48 bytes each. An attacker with more networks than that pays
/// for each entry that is pushed out with a password of its own.
const CLIENTS_MAX: usize = 1_024;
/// Addresses that are remembered of each user, 48 bytes each: only who has the password can push
/// one out.
const PLACES_MAX: usize = 8;
/// Nobody has a longer one. It is not hashed: the empty one is in its place.
const PASSWORD_BYTES_MAX: usize = 256;

impl Accounts {
    /// Reads lines of `user:$5$salt$digits`. Empty lines, and those that begin with `#`, are
    /// for people. The error is one line that says what is wrong.
    pub fn parse(text: &[u8], hashing_max: usize) -> Result<Accounts, String> {
        let decoy_key = digest_of(&[b"decoys", text]);
        Ok(Accounts {
            key: random_key(),
            decoy_key,
            // As many as make a client wait could all be one client's, right but not known yet.
            hashing_max: hashing_max.clamp(1, FAILURES_FREE as usize - 1),
            state: Mutex::new(State {
                users: Users::parse(text, &decoy_key)?,
                hashing: 0,
                failures: Vec::new(),
            }),
        })
    }

    /// Takes another text instead. Who has logged in stays so where the user has the same hash;
    /// who is no longer there is out. After an error nothing has changed.
    pub fn replace(&self, text: &[u8]) -> Result<(), String> {
        let mut users = Users::parse(text, &self.decoy_key)?;
        let mut state = self.state();
        for account in &mut users.accounts {
            let old = state.users.find(account.user.as_bytes());
            if let Some(old) = old.filter(|old| old.hash == account.hash) {
                account.proven = old.proven;
                account.places = std::mem::take(&mut old.places);
            }
        }
        state.users = users;
        Ok(())
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.state().users.accounts.len()
    }

    /// Finds out whether credentials are right. Takes the time of a hash, unless they have been
    /// right before or are not looked at.
    pub fn check(&self, sent: &Credentials, client: Peer, now_milliseconds: u64) -> Outcome {
        let household = client.household();
        let place = (client.address, client.zone);
        let is_possible = sent.password.len() <= PASSWORD_BYTES_MAX;
        let password: &[u8] = if is_possible { &sent.password } else { b"" };
        let digest = digest_of(&[&self.key, &sent.user, b":", password]);
        let mut state = self.state();
        let State { users, hashing, failures } = &mut *state;
        let account = users.find(&sent.user);
        let is_proven = |account: &Account| {
            let proven = account.proven.as_ref();
            is_possible && proven.is_some_and(|proven| is_same(proven, &digest))
        };
        let wait = wait_seconds(failures, household, now_milliseconds);
        let hash = match (account, wait) {
            (Some(account), None) if is_proven(account) => {
                account.remember(place);
                return Outcome::User(Arc::clone(&account.user));
            }
            (Some(account), Some(_))
                if is_proven(account) && !account.waits(place, now_milliseconds) =>
            {
                return Outcome::User(Arc::clone(&account.user));
            }
            (account, Some(seconds)) => {
                if let Some(account) = account.filter(|account| !is_proven(account)) {
                    account.failed(place, now_milliseconds);
                }
                return Outcome::Wait(seconds);
            }
            _ if *hashing >= self.hashing_max => return Outcome::Busy,
            (account, None) => {
                // For a known name too: it must not be the cheaper one by that.
                let point = black_box(point(&self.decoy_key, &sent.user));
                match account {
                    Some(account) => account.hash.clone(),
                    None => users.decoy(point),
                }
            }
        };
        *hashing += 1;
        // Before it is known, so that others at the same time do not come for free.
        let before = state.failed(household, now_milliseconds);
        drop(state);
        let is_right = hash.fits(password) && is_possible;
        let mut state = self.state();
        state.hashing -= 1;
        let account = state.users.find(&sent.user);
        // The file may have changed meanwhile.
        let Some(account) = account.filter(|account| account.hash == hash) else {
            return Outcome::Wrong;
        };
        if !is_right {
            account.failed(place, now_milliseconds);
            return Outcome::Wrong;
        }
        account.proven = Some(digest);
        account.remember(place);
        let user = Arc::clone(&account.user);
        state.forgive(household, before);
        Outcome::User(user)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users {
    fn parse(text: &[u8], decoy_key: &Digest) -> Result<Users, String> {
        let mut accounts: Vec<Account> = Vec::new();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let account = parse_line(line).and_then(|account| {
                match accounts.binary_search_by(|other| other.user.cmp(&account.user)) {
                    Err(at) => {
                        accounts.insert(at, account);
                        Ok(())
                    }
                    Ok(_) => Err(format!("there is a user '{}' already", account.user)),
                }
            });
            account.map_err(|error| format!("line {}: {error}", number + 1))?;
        }
        if accounts.is_empty() {
            return Err("there is no line USER:HASH in it".to_owned());
        }
        let points = accounts.iter().enumerate();
        let points = points.map(|(at, account)| (point(decoy_key, account.user.as_bytes()), at));
        let mut points: Vec<_> = points.collect();
        points.sort_unstable();
        Ok(Users { accounts, points })
    }

    fn find(&mut self, user: &[u8]) -> Option<&mut Account> {
        let order = |account: &Account| account.user.as_bytes().cmp(user);
        let at = self.accounts.binary_search_by(order).ok()?;
        self.accounts.get_mut(at)
    }

    /// What the password of an unknown user is compared with.
    fn decoy(&self, point: u64) -> PasswordHash {
        let after = self.points.partition_point(|&(other, _)| other < point);
        let after = self.points.get(after).or(self.points.first());
        let account = after.and_then(|&(_, at)| self.accounts.get(at));
        account.map_or_else(PasswordHash::nobody, |account| account.hash.clone())
    }
}

impl Account {
    /// Right credentials came from there.
    fn remember(&mut self, place: Place) {
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

    /// Wrong ones came from there. It counts where right ones have come from before.
    fn failed(&mut self, place: Place, now_milliseconds: u64) {
        let mut places = self.places.iter_mut();
        if let Some((_, failures)) = places.find(|(other, _)| *other == place) {
            failures.add(now_milliseconds);
        }
    }

    /// Whether right credentials from there have to wait as others do.
    fn waits(&self, place: Place, now_milliseconds: u64) -> bool {
        let known = self.places.iter().find(|(other, _)| *other == place);
        known.is_none_or(|(_, failures)| failures.wait_seconds(now_milliseconds).is_some())
    }
}

impl Failures {
    fn is_forgotten(&self, now_milliseconds: u64) -> bool {
        now_milliseconds >= self.last_milliseconds + FORGOTTEN_MILLISECONDS
    }

    fn add(&mut self, now_milliseconds: u64) {
        if self.is_forgotten(now_milliseconds) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last_milliseconds = now_milliseconds;
    }

    fn wait_seconds(&self, now_milliseconds: u64) -> Option<u64> {
        let over = self.count.checked_sub(FAILURES_FREE)?;
        let wait = WAIT_SECONDS_MIN << over.min(16);
        let end = self.last_milliseconds + wait.min(WAIT_SECONDS_MAX) * 1_000;
        (now_milliseconds < end).then(|| (end - now_milliseconds).div_ceil(1_000))
    }
}

fn wait_seconds(
    failures: &[(Household, Failures)],
    client: Household,
    now_milliseconds: u64,
) -> Option<u64> {
    let (_, failures) = failures.iter().find(|(other, _)| *other == client)?;
    failures.wait_seconds(now_milliseconds)
}

impl State {
    /// Returns what was held against the client before.
    fn failed(&mut self, client: Household, now_milliseconds: u64) -> Failures {
        self.failures.retain(|(_, failures)| !failures.is_forgotten(now_milliseconds));
        let known = self.failures.iter().position(|(other, _)| *other == client);
        // The latest is the last, and the first has to make room.
        let (_, mut failures) = match known {
            Some(at) => self.failures.remove(at),
            None => (client, Failures::default()),
        };
        if self.failures.len() >= CLIENTS_MAX {
            self.failures.remove(0);
        }
        let before = failures;
        failures.add(now_milliseconds);
        self.failures.push((client, failures));
        before
    }

    /// It was no failure. Earlier ones stay: whoever has one account may be guessing another.
    fn forgive(&mut self, client: Household, before: Failures) {
        for (_, failures) in self.failures.iter_mut().filter(|(other, _)| *other == client) {
            failures.count = failures.count.saturating_sub(1);
            if failures.count == before.count {
                failures.last_milliseconds = before.last_milliseconds;
            }
        }
        self.failures.retain(|(_, failures)| failures.count > 0);
    }
}

/// Where a name lies among the accounts when it comes to decoys.
fn point(decoy_key: &Digest, user: &[u8]) -> u64 {
    let digest = digest_of(&[decoy_key, user]);
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    sha.finish()
}

fn parse_line(line: &[u8]) -> Result<Account, String> {
    let line = core::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let (user, hash) = line.split_once(':').ok_or("it must be USER:HASH")?;
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err("the user must have a name without control characters".to_owned());
    }
    Ok(Account {
        user: user.into(),
        hash: PasswordHash::parse(hash)?,
        proven: None,
        places: Vec::new(),
    })
}

/// std has no random bytes to give, but the hashers of its maps are keyed with some, which they
/// do not reveal.
fn random_key() -> Digest {
    let mut sha = Sha256::new();
    for number in 0..8_u8 {
        sha.update(&RandomState::new().hash_one(number).to_ne_bytes());
    }
    sha.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::sha256::compressions;
    use std::sync::Arc;
    use std::thread;

    const FILE: &str = "# people\r\n\nana:$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC\n\
        bo b\u{e4}r:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\r\n";
    const ANA: (&str, &str) = ("ana", "the minimum number is still observed");
    const BO: (&str, &str) = ("bo b\u{e4}r", "Hello world!");

    fn user(name: &str) -> Outcome {
        Outcome::User(name.into())
    }

    fn accounts() -> Accounts {
        Accounts::parse(FILE.as_bytes(), 2).expect("an auth file")
    }

    fn credentials((user, password): (&str, &str)) -> Credentials {
        Credentials { user: user.into(), password: password.into() }
    }

    fn client(text: &str) -> Peer {
        Peer::behind_proxy(text.parse().expect("an address"))
    }

    #[test]
    fn credentials_are_right_or_wrong() {
        let accounts = accounts();
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        let rows = [
            (ANA, user("ana")),
            (BO, user("bo b\u{e4}r")),
            (("ana", BO.1), Outcome::Wrong),
            (("ANA", ANA.1), Outcome::Wrong),
            (("ana ", ANA.1), Outcome::Wrong),
            (("ana", ""), Outcome::Wrong),
            (("", ""), Outcome::Wrong),
            (("nobody", ANA.1), Outcome::Wrong),
            (("ana", &long), Outcome::Wrong),
        ];
        // Before any was right, and after.
        for turn in 0..2_u32 {
            for (number, (sent, expected)) in rows.iter().enumerate() {
                let client = client(&format!("192.0.2.{}", number as u32 + 100 * turn));
                let found = accounts.check(&credentials(*sent), client, 0);
                assert_eq!(found, *expected, "{sent:?}");
            }
        }
    }

    #[test]
    fn who_guesses_waits() {
        let accounts = accounts();
        let ana = credentials(ANA);
        let wrong = credentials(("ana", "guess"));
        let guesser = client("2001:db8::1");
        assert_eq!(accounts.check(&ana, guesser, 0), user("ana"));
        for _ in 0..FAILURES_FREE {
            assert_eq!(accounts.check(&wrong, guesser, 0), Outcome::Wrong);
        }
        // Whatever it sends, from anywhere in its /64, right or not.
        assert_eq!(accounts.check(&wrong, guesser, 0), Outcome::Wait(4));
        assert_eq!(accounts.check(&ana, client("2001:db8::ffff"), 3_001), Outcome::Wait(1));
        // Others do not.
        assert_eq!(accounts.check(&ana, client("2001:db8:0:1::1"), 0), user("ana"));
        // To wait is no failure.
        assert_eq!(accounts.check(&wrong, guesser, 4_000), Outcome::Wrong);
        assert_eq!(accounts.check(&wrong, guesser, 4_000), Outcome::Wait(8));
        // A right password is no failure either, and does not make good for those before it.
        assert_eq!(accounts.check(&credentials(BO), guesser, 12_000), user(BO.0));
        assert_eq!(accounts.check(&ana, guesser, 12_000), user("ana"));
        assert_eq!(accounts.check(&wrong, guesser, 12_000), Outcome::Wrong);
        assert_eq!(accounts.check(&ana, guesser, 12_000), Outcome::Wait(16));
        let mut now = 12_000;
        for wait in [16, 32, 64, 128, 256, 256, 256] {
            assert_eq!(accounts.check(&wrong, guesser, now), Outcome::Wait(wait));
            now += wait * 1_000;
            assert_eq!(accounts.check(&wrong, guesser, now), Outcome::Wrong);
        }
        now += FORGOTTEN_MILLISECONDS;
        for _ in 0..FAILURES_FREE {
            assert_eq!(accounts.check(&wrong, guesser, now), Outcome::Wrong);
        }
        assert_eq!(accounts.check(&wrong, guesser, now), Outcome::Wait(4));
    }

    #[test]
    fn who_has_logged_in_is_not_locked_out_by_neighbours() {
        let accounts = accounts();
        let (ana, bo) = (credentials(ANA), credentials(BO));
        let wrong = |user: &str| credentials((user, "guess"));
        let (home, neighbour) = (client("2001:db8::1"), client("2001:db8::2"));
        assert_eq!(accounts.check(&ana, home, 0), user("ana"));
        for _ in 0..FAILURES_FREE {
            assert_eq!(accounts.check(&wrong("ana"), neighbour, 0), Outcome::Wrong);
        }
        // (who asks, from where, what comes of it)
        let rows = [
            (&ana, home, user("ana")),
            (&ana, neighbour, Outcome::Wait(4)),
            (&ana, client("2001:db8::3"), Outcome::Wait(4)),
            // Never logged in from there.
            (&bo, home, Outcome::Wait(4)),
            (&ana, Peer { zone: 7, ..home }, Outcome::Wait(4)),
            (&ana, home, user("ana")),
        ];
        for (sent, from, expected) in rows {
            let found = accounts.check(sent, from, 0);
            assert_eq!(found, expected, "{:?} from {from:?}", sent.user);
        }
        // A client at the very address may guess this user's password as often as anybody else may.
        // Nothing but the right one is answered otherwise than an unknown name.
        for _ in 0..FAILURES_FREE {
            for name in ["ana", "nobody"] {
                let found = accounts.check(&wrong(name), home, 1_000);
                assert_eq!(found, Outcome::Wait(3), "{name}");
            }
        }
        assert_eq!(accounts.check(&ana, home, 1_000), Outcome::Wait(3));
        assert_eq!(accounts.check(&ana, home, 4_000), user("ana"));
        // The household waits again, and for the user nothing is forgotten.
        assert_eq!(accounts.check(&wrong("nobody"), neighbour, 4_000), Outcome::Wrong);
        assert_eq!(accounts.check(&ana, home, 4_999), Outcome::Wait(8));
        assert_eq!(accounts.check(&ana, home, 5_000), user("ana"));
        assert_eq!(accounts.check(&wrong("ana"), home, 5_000), Outcome::Wait(7));
        assert_eq!(accounts.check(&ana, home, 5_000), Outcome::Wait(7));
    }

    #[test]
    fn own_wrong_passwords_count_where_one_has_logged_in() {
        let accounts = accounts();
        let (ana, home) = (credentials(ANA), client("192.0.2.1"));
        assert_eq!(accounts.check(&ana, home, 0), user("ana"));
        for name in ["nobody", "bo", "x", "y", "z"] {
            let guess = credentials((name, "guess"));
            assert_eq!(accounts.check(&guess, home, 0), Outcome::Wrong);
        }
        // Not her own.
        assert_eq!(accounts.check(&ana, home, 0), user("ana"));
        for _ in 0..FAILURES_FREE {
            let guess = credentials(("ana", "guess"));
            assert_eq!(accounts.check(&guess, home, 0), Outcome::Wait(4));
        }
        assert_eq!(accounts.check(&ana, home, 0), Outcome::Wait(4));
    }

    #[test]
    fn neighbours_on_a_link_do_not_wait_for_each_other() {
        let accounts = accounts();
        let wrong = credentials(("ana", "guess"));
        let on = |address: &str, zone| Peer { zone, ..client(address) };
        for _ in 0..FAILURES_FREE {
            assert_eq!(accounts.check(&wrong, on("fe80::1", 2), 0), Outcome::Wrong);
        }
        assert_eq!(accounts.check(&wrong, on("fe80::1", 2), 0), Outcome::Wait(4));
        for other in [on("fe80::2", 2), on("fe80::1", 3), Peer::UNKNOWN] {
            assert_eq!(accounts.check(&wrong, other, 0), Outcome::Wrong, "{other:?}");
        }
    }

    #[test]
    fn a_bounded_number_of_addresses_is_remembered_of_a_user() {
        let accounts = accounts();
        let ana = credentials(ANA);
        let at = |number: u64| client(&format!("2001:db8::{number:x}"));
        for number in (1..=100).chain([96]) {
            assert_eq!(accounts.check(&ana, at(number), 0), user("ana"));
        }
        assert_eq!(accounts.check(&ana, at(101), 0), user("ana"));
        let mut state = accounts.state();
        let account = state.users.find(b"ana").expect("ana");
        let places: Vec<_> = account.places.iter().map(|&((place, _), _)| place).collect();
        let latest = [94, 95, 97, 98, 99, 100, 96, 101].map(|number| at(number).address);
        assert_eq!(places, latest);
    }

    /// An auth file of users whom no password fits.
    fn file(users: &[(&str, u32, usize)]) -> String {
        let line = |&(user, rounds, salt): &(&str, u32, usize)| {
            let (salt, digits) = ("s".repeat(salt), ".".repeat(43));
            format!("{user}:$5$rounds={rounds}${salt}${digits}\n")
        };
        users.iter().map(line).collect()
    }

    /// What a wrong password costs, from a client that need not wait.
    fn cost(accounts: &Accounts, user: &str, password_bytes: usize) -> u64 {
        accounts.state().failures.clear();
        let sent = credentials((user, &"x".repeat(password_bytes)));
        compressions(|| {
            let outcome = accounts.check(&sent, client("192.0.2.1"), 0);
            assert_eq!(outcome, Outcome::Wrong);
        })
    }

    #[test]
    fn an_unknown_name_costs_what_a_known_one_costs() {
        let edges = [0, 1, 8, 31, 32, 33, 55, 56, 63, 64, 65, 119, 120, 255, 256];
        for salt in 0..=16 {
            let accounts = Accounts::parse(file(&[("ana", 1_000, salt)]).as_bytes(), 2);
            let accounts = accounts.expect("an auth file");
            for password in edges {
                let (known, unknown) =
                    (cost(&accounts, "ana", password), cost(&accounts, "eve", password));
                assert!(known >= 1_000);
                assert_eq!(known, unknown, "salt {salt}, password {password}");
            }
        }
        for (rounds, salt) in [(1_001, 0), (5_000, 16), (100_000, 8)] {
            let accounts = Accounts::parse(file(&[("ana", rounds, salt)]).as_bytes(), 2);
            let accounts = accounts.expect("an auth file");
            let (known, unknown) = (cost(&accounts, "ana", 12), cost(&accounts, "eve", 12));
            assert_eq!(known, unknown, "{rounds} rounds");
        }
    }

    #[test]
    fn every_length_of_a_password_costs_the_same_for_every_name() {
        let accounts = Accounts::parse(file(&[("ana", 1_000, 16)]).as_bytes(), 2);
        let accounts = accounts.expect("an auth file");
        for password in 0..=PASSWORD_BYTES_MAX {
            let (known, unknown) =
                (cost(&accounts, "ana", password), cost(&accounts, "eve", password));
            assert_eq!(known, unknown, "{password}");
        }
        // One that is too long costs what the shortest costs.
        let shortest = cost(&accounts, "ana", 0);
        for password in [257, 258, 1_000, 10_000, 100_000] {
            for name in ["ana", "eve"] {
                assert_eq!(cost(&accounts, name, password), shortest, "{password}");
            }
        }
    }

    #[test]
    fn a_password_that_is_too_long_is_never_the_empty_one() {
        // crypt("", "$5$saltstring$")
        let text = "ana:$5$saltstring$FdNfA4gXqvCeO6iZs7G/.wwwoywYZqo0l1pwmfWaBA7\n";
        let accounts = Accounts::parse(text.as_bytes(), 2).expect("an auth file");
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        for _ in 0..2 {
            let found = accounts.check(&credentials(("ana", &long)), client("192.0.2.1"), 0);
            assert_eq!(found, Outcome::Wrong);
            let found = accounts.check(&credentials(("ana", "")), client("192.0.2.1"), 0);
            assert_eq!(found, user("ana"));
        }
    }

    #[test]
    fn with_mixed_rounds_an_unknown_name_costs_what_some_known_one_costs() {
        let users = [("abc", 1_000, 16), ("bcd", 1_000, 0), ("cde", 2_000, 8), ("def", 4_000, 16)];
        let text = file(&users);
        let accounts = Accounts::parse(text.as_bytes(), 2).expect("an auth file");
        let known = users.map(|(name, ..)| cost(&accounts, name, 40));
        let names: Vec<String> = (100..200_u32).map(|number| number.to_string()).collect();
        let costs = |accounts: &Accounts| -> Vec<u64> {
            names.iter().map(|name| cost(accounts, name, 40)).collect()
        };
        let first = costs(&accounts);
        assert!(first.iter().all(|cost| known.contains(cost)), "{first:?} {known:?}");
        let spread = known.iter().filter(|cost| first.contains(cost)).count();
        assert!(spread > 1, "{first:?}");
        // Again, and after a restart.
        assert_eq!(costs(&accounts), first);
        let restarted = Accounts::parse(text.as_bytes(), 2).expect("an auth file");
        assert_eq!(costs(&restarted), first);
        // A user more: who costs something else now costs what that user costs.
        let more = text + &file(&[("efg", 3_000, 16)]);
        accounts.replace(more.as_bytes()).expect("an auth file");
        let new = cost(&accounts, "efg", 40);
        for (old, found) in first.iter().zip(costs(&accounts)) {
            assert!(found == *old || found == new);
        }
    }

    #[test]
    fn another_file_counts_at_once() {
        let accounts = accounts();
        let (ana, bo) = (credentials(ANA), credentials(BO));
        let home = client("192.0.2.1");
        assert_eq!(accounts.check(&ana, home, 0), user("ana"));
        assert_eq!(accounts.check(&bo, home, 0), user("bo b\u{e4}r"));
        // Nothing is hashed from here on: who has logged in stays so while the hash is the same.
        accounts.state().hashing = 2;
        let line = |name: &str| {
            let line = FILE.lines().find(|line| line.starts_with(name));
            line.expect("a user").to_owned()
        };
        let other = format!("eve{}", &line("bo")["bo b\u{e4}r".len()..]);
        let wrong = Err("line 2: it must be USER:HASH".to_owned());
        assert_eq!(accounts.replace(b"\nana\n"), wrong);
        for _ in 0..2 {
            assert_eq!(accounts.check(&ana, home, 0), user("ana"));
            assert_eq!(accounts.check(&bo, home, 0), user("bo b\u{e4}r"));
            assert_eq!(accounts.replace(FILE.as_bytes()), Ok(()));
        }
        let text = [line("ana"), other].join("\n");
        assert_eq!(accounts.replace(text.as_bytes()), Ok(()));
        assert_eq!(accounts.count(), 2);
        assert_eq!(accounts.check(&ana, home, 0), user("ana"));
        assert_eq!(accounts.check(&bo, home, 0), Outcome::Busy);
        let eve = credentials(("eve", BO.1));
        assert_eq!(accounts.check(&eve, home, 0), Outcome::Busy);
        accounts.state().hashing = 0;
        assert_eq!(accounts.check(&eve, home, 0), user("eve"));
        assert_eq!(accounts.check(&bo, home, 0), Outcome::Wrong);
        // The same user with another password, and with the old one again.
        let changed = text.replace(&line("ana"), &line("bo").replace("bo b\u{e4}r", "ana"));
        assert_eq!(accounts.replace(changed.as_bytes()), Ok(()));
        assert_eq!(accounts.check(&ana, home, 0), Outcome::Wrong);
        assert_eq!(accounts.check(&credentials(("ana", BO.1)), home, 0), user("ana"));
        assert_eq!(accounts.replace(FILE.as_bytes()), Ok(()));
        assert_eq!(accounts.check(&credentials(("ana", BO.1)), home, 0), Outcome::Wrong);
        assert_eq!(accounts.check(&ana, home, 0), user("ana"));
    }

    #[test]
    fn a_bounded_number_of_clients_is_remembered() {
        let accounts = accounts();
        let mut attempts = accounts.state();
        let household = |number: u32| Household::V4(number.into());
        for number in 0..10_000_u32 {
            attempts.failed(household(number), u64::from(number));
            assert!(attempts.failures.len() <= CLIENTS_MAX);
        }
        // The latest are.
        let remembered: Vec<Household> =
            attempts.failures.iter().map(|(client, _)| *client).collect();
        let latest = 10_000 - CLIENTS_MAX as u32..10_000;
        let latest: Vec<_> = latest.map(household).collect();
        assert_eq!(remembered, latest);
    }

    #[test]
    fn right_credentials_are_never_held_against_a_client_however_many_come_at_once() {
        let accounts = Arc::new(Accounts::parse(FILE.as_bytes(), 100).expect("an auth file"));
        let threads: Vec<_> = (0..32)
            .map(|_| {
                let accounts = Arc::clone(&accounts);
                thread::spawn(move || {
                    let found = accounts.check(&credentials(BO), client("192.0.2.1"), 0);
                    assert!(matches!(found, Outcome::User(_) | Outcome::Busy), "{found:?}");
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let attempts = accounts.state();
        assert_eq!((attempts.hashing, attempts.failures.len()), (0, 0));
    }

    #[test]
    fn only_so_many_are_hashed_at_a_time() {
        let accounts = accounts();
        accounts.state().hashing = 2;
        let (ana, client) = (credentials(ANA), client("192.0.2.1"));
        assert_eq!(accounts.check(&ana, client, 0), Outcome::Busy);
        accounts.state().hashing = 1;
        assert_eq!(accounts.check(&ana, client, 0), user("ana"));
        // Whoever has been let in once does not stand in that queue.
        accounts.state().hashing = 2;
        assert_eq!(accounts.check(&ana, client, 0), user("ana"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let hash = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
        let digits = "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
        let rows = [
            (String::new(), "there is no line USER:HASH in it"),
            ("# nobody\n".to_owned(), "there is no line USER:HASH in it"),
            ("ana\n".to_owned(), "line 1: it must be USER:HASH"),
            (format!("\n:{hash}"), "line 2: the user must have a name without control characters"),
            (
                format!("a\tb:{hash}"),
                "line 1: the user must have a name without control characters",
            ),
            (format!("a:{hash}\nb:{hash}\na:{hash}"), "line 3: there is a user 'a' already"),
            (
                "ana:secret".to_owned(),
                "line 1: the hash must begin with $5$: make it with 'openssl passwd -5'",
            ),
            (
                "ana:$6$salt$x".to_owned(),
                "line 1: the hash must begin with $5$: make it with 'openssl passwd -5'",
            ),
            ("ana:$5$salt".to_owned(), "line 1: the hash must be $5$SALT$DIGITS"),
            (format!("ana:{hash}:x"), "line 1: behind the salt must be 43 of a-z A-Z 0-9 . /"),
            (
                format!("ana: {hash}"),
                "line 1: the hash must begin with $5$: make it with 'openssl passwd -5'",
            ),
            (
                format!("ana:$5$sa-lt${digits}"),
                "line 1: the salt must be up to 16 of a-z A-Z 0-9 . /",
            ),
            (
                format!("ana:$5$saltstringsaltstri${digits}"),
                "line 1: the salt must be up to 16 of a-z A-Z 0-9 . /",
            ),
            (
                format!("ana:$5$rounds=999$s${digits}"),
                "line 1: rounds must be a number from 1000 to 100000",
            ),
            (
                format!("ana:$5$rounds=100001$s${digits}"),
                "line 1: rounds must be a number from 1000 to 100000",
            ),
            (
                format!("ana:$5$rounds=$s${digits}"),
                "line 1: rounds must be a number from 1000 to 100000",
            ),
            (
                format!("ana:$5$s$salt${digits}"),
                "line 1: behind the salt must be 43 of a-z A-Z 0-9 . /",
            ),
        ];
        for (text, expected) in rows {
            let found = Accounts::parse(text.as_bytes(), 2).map(|_| ());
            assert_eq!(found, Err(expected.to_owned()), "{text}");
        }
        let found = Accounts::parse(b"ana:\xff", 2).map(|_| ());
        assert_eq!(found, Err("line 1: it is not UTF-8".to_owned()));
    }
}
