//! Who may log in, and what it costs to guess a password. A correct password is hashed only the
//! first time. The hashes of wrong ones are bounded, for each client and for all of them.
//!
//! # What a client can learn
//!
//! - *From the time of an answer:* nothing. An unknown user's password is hashed like that of a
//!   known one. A secret chooses by the name which one, always the same for a name. So the costs
//!   of unknown names are spread like those of known ones, whatever salts and rounds the file has.
//! - *From having to wait:* nothing. After too many wrong passwords the whole household has to
//!   wait, and its passwords are not checked. Otherwise a client that guesses would learn at once,
//!   and for nothing, that a guess is correct.
//! - *From not having to wait:* little. A user who has logged in from this exact address is let in
//!   all the same, or a neighbour could lock them out. Another client of that address could guess
//!   this way. So wrong passwords for the user from there are counted too, checked or not, and
//!   after too many the correct one has to wait as well. All other answers are those that the
//!   household gets, so they do not show who is a user.

mod lockout;
mod logins;
mod users;

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::authorization::Credentials;
use crate::http::responder::Patience;
use crate::peer::{Household, Peer};

use super::sha256::{Digest, Sha256, digest_of};
use super::sha256_crypt::PasswordHash;

use lockout::{FAILURES_FREE, Failures, Lockout};
use logins::Place;
use users::{Account, Users};

/// The users, and the clients that have tried to log in.
#[derive(Debug)]
pub struct Accounts {
    /// Only this process knows it: digests of passwords are of no use to others.
    key: Digest,
    /// Made from the file, and kept when the file changes: after a restart unknown names have the
    /// same costs as before, so that these do not show which names are unknown.
    decoy_key: Digest,
    /// How many passwords may be hashed at the same time.
    hashing_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    users: Users,
    /// How many passwords are being hashed.
    hashing: usize,
    lockout: Lockout,
}

/// What came of credentials.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are correct; this is the user.
    User(Arc<str>),
    /// They are wrong.
    Wrong,
    /// They were not checked: the client has to wait, this many seconds.
    Wait(u64),
    /// They were not checked: too many others are being checked.
    Busy,
    /// It takes a hash, for which there was no patience.
    Unready,
}

/// Longer passwords are wrong. The empty one is hashed in their place.
const PASSWORD_BYTES_MAX: usize = 256;

/// Credentials, and who sent them when.
#[derive(Debug)]
struct Attempt<'a> {
    user: &'a [u8],
    password: &'a [u8],
    /// The password is not too long.
    is_possible: bool,
    /// Of both, with the key of this process.
    digest: Digest,
    household: Household,
    place: Place,
    now_milliseconds: u64,
}

impl Accounts {
    /// Reads lines of `user:$5$salt$digits`. Empty lines, and those that begin with `#`, are
    /// for people. The error is one line that says what is wrong.
    pub fn parse(text: &[u8], hashing_max: usize) -> Result<Accounts, String> {
        let decoy_key = digest_of(&[b"decoys", text]);
        Ok(Accounts {
            key: random_key(),
            decoy_key,
            // All of them could be of one client, correct but new: it must not have to wait then.
            hashing_max: hashing_max.clamp(1, FAILURES_FREE as usize - 1),
            state: Mutex::new(State {
                users: Users::parse(text, &decoy_key)?,
                hashing: 0,
                lockout: Lockout::default(),
            }),
        })
    }

    /// Takes another text instead. A user with the same hash stays logged in; a user that is gone
    /// is out. After an error nothing has changed.
    pub fn replace(&self, text: &[u8]) -> Result<(), String> {
        let mut users = Users::parse(text, &self.decoy_key)?;
        let mut state = self.state();
        users.take_logins(&mut state.users);
        state.users = users;
        Ok(())
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.state().users.count()
    }

    /// Checks credentials. Takes the time of a hash, unless they have been correct before or are
    /// not checked. Without patience nothing is hashed, and nothing counted.
    pub fn check(
        &self,
        sent: &Credentials,
        client: Peer,
        now_milliseconds: u64,
        patience: Patience,
    ) -> Outcome {
        let is_possible = sent.password.len() <= PASSWORD_BYTES_MAX;
        let password: &[u8] = if is_possible { &sent.password } else { b"" };
        let attempt = Attempt {
            user: &sent.user,
            password,
            is_possible,
            digest: digest_of(&[&self.key, &sent.user, b":", password]),
            household: client.household(),
            place: Place::of(client),
            now_milliseconds,
        };
        let (hash, before) = match self.begin(&attempt, patience) {
            Ok(begun) => begun,
            Err(outcome) => return outcome,
        };
        let is_correct = hash.fits(attempt.password) && attempt.is_possible;
        self.end(&attempt, &hash, is_correct.then_some(before))
    }

    /// The hash that the password is to be compared with, and what was held against the household
    /// before; or the outcome, if it does not take a hash.
    fn begin(
        &self,
        attempt: &Attempt<'_>,
        patience: Patience,
    ) -> Result<(PasswordHash, Failures), Outcome> {
        let &Attempt { household, place, now_milliseconds, .. } = attempt;
        let mut state = self.state();
        let State { users, hashing, lockout } = &mut *state;
        let wait = lockout.wait_seconds(household, now_milliseconds);
        let account = users.find(attempt.user);
        let is_proven = |account: &Account| {
            attempt.is_possible && account.logins.are_proven_by(&attempt.digest)
        };
        let hash = match (account, wait) {
            (Some(account), None) if is_proven(account) => {
                account.logins.remember(place);
                return Err(Outcome::User(Arc::clone(&account.user)));
            }
            (Some(account), Some(_))
                if is_proven(account) && !account.logins.have_to_wait(place, now_milliseconds) =>
            {
                return Err(Outcome::User(Arc::clone(&account.user)));
            }
            (account, Some(seconds)) => {
                if let Some(account) = account.filter(|account| !is_proven(account)) {
                    account.logins.failed(place, now_milliseconds);
                }
                return Err(Outcome::Wait(seconds));
            }
            _ if patience == Patience::None => return Err(Outcome::Unready),
            _ if *hashing >= self.hashing_max => return Err(Outcome::Busy),
            (account, None) => {
                // For known names too, or they would be cheaper by this.
                let point = black_box(users::point(&self.decoy_key, attempt.user));
                match account {
                    Some(account) => account.hash.clone(),
                    None => users.decoy(point),
                }
            }
        };
        *hashing += 1;
        // Counted before the outcome is known: attempts at the same time are not free.
        Ok((hash, lockout.failed(household, now_milliseconds)))
    }

    /// `correct`: what was held against the household before this correct password. `None`: the
    /// password was wrong.
    fn end(
        &self,
        attempt: &Attempt<'_>,
        hash: &PasswordHash,
        correct: Option<Failures>,
    ) -> Outcome {
        let mut state = self.state();
        state.hashing -= 1;
        let account = state.users.find(attempt.user);
        // The file may have changed meanwhile.
        let Some(account) = account.filter(|account| account.hash == *hash) else {
            return Outcome::Wrong;
        };
        let Some(before) = correct else {
            account.logins.failed(attempt.place, attempt.now_milliseconds);
            return Outcome::Wrong;
        };
        account.logins.prove(attempt.digest);
        account.logins.remember(attempt.place);
        let user = Arc::clone(&account.user);
        state.lockout.forgive(attempt.household, before);
        Outcome::User(user)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// std has no random bytes to give, but the hashers of its maps have random keys, which they do not
/// reveal.
fn random_key() -> Digest {
    let mut sha = Sha256::new();
    for number in 0..8_u8 {
        sha.update(&RandomState::new().hash_one(number).to_ne_bytes());
    }
    sha.finish()
}
