//! Who may log in: the users of the auth file, and how dear it is to guess their passwords. What
//! a right password costs is paid once; what wrong ones cost is bounded, for each client and for
//! all of them.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::http::authorization::Credentials;
use crate::sys;

use super::peer::{Household, Peer};
use super::sha256::{Digest, Sha256};
use super::sha256_crypt::{PasswordHash, is_same};

/// The users, and who has tried to be one of them.
#[derive(Debug)]
pub struct Accounts {
    /// In the order of their names.
    accounts: Vec<(String, Account)>,
    /// What the password of an unknown user is compared with: it must not be answered sooner.
    decoy: PasswordHash,
    /// Known to this process alone: what it remembers of passwords is of no use elsewhere.
    key: Digest,
    /// Passwords that may be hashed at the same time.
    hashing_max: usize,
    attempts: Mutex<Attempts>,
}

#[derive(Debug)]
struct Account {
    hash: PasswordHash,
    /// Of the right credentials, once they have been seen.
    proven: OnceLock<Digest>,
}

#[derive(Debug, Default)]
struct Attempts {
    /// Passwords that are being hashed.
    hashing: usize,
    /// Few enough to look through: that is nothing beside a hash.
    failures: Vec<(Household, Failures)>,
}

/// Passwords of one client that were wrong, or are still looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    last_milliseconds: u64,
}

/// What came of credentials.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// They are right; this is the user.
    User(&'a str),
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
/// Clients that are remembered, 40 bytes each. An attacker with more networks than that pays
/// for each entry that is pushed out with a password of its own.
const CLIENTS_MAX: usize = 1_024;
/// Longer ones, which nobody has, would take longer to hash.
const PASSWORD_BYTES_MAX: usize = 256;
/// Some ten thousand users.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl Accounts {
    /// Reads the auth file. The error is one line that says what to do.
    pub fn open(path: &Path, hashing_max: usize) -> Result<Accounts, String> {
        let name = path.display();
        let cannot = |error: io::Error| format!("cannot read the auth file '{name}': {error}");
        let file = File::open(path).map_err(cannot)?;
        check_permissions(&file, path)?;
        let mut text = Vec::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text);
        if read.map_err(cannot)? as u64 > FILE_BYTES_MAX {
            return Err(format!("the auth file '{name}' is larger than 1 MiB"));
        }
        Accounts::parse(&text, hashing_max)
            .map_err(|error| format!("the auth file '{name}': {error}"))
    }

    /// Reads lines of `user:$5$salt$digits`. Empty lines, and those that begin with `#`, are
    /// for people.
    pub fn parse(text: &[u8], hashing_max: usize) -> Result<Accounts, String> {
        let mut accounts: Vec<(String, Account)> = Vec::new();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let account = parse_line(line).and_then(|(user, account)| {
                match accounts.binary_search_by(|(other, _)| other.as_str().cmp(user)) {
                    Err(at) => {
                        accounts.insert(at, (user.to_owned(), account));
                        Ok(())
                    }
                    Ok(_) => Err(format!("there is a user '{user}' already")),
                }
            });
            account.map_err(|error| format!("line {}: {error}", number + 1))?;
        }
        let rounds = accounts.iter().map(|(_, account)| account.hash.rounds());
        let Some(rounds) = rounds.max() else {
            return Err("there is no line USER:HASH in it".to_owned());
        };
        Ok(Accounts {
            accounts,
            decoy: PasswordHash::decoy(rounds),
            key: random_key(),
            // As many as make a client wait could all be one client's, right but not known yet.
            hashing_max: hashing_max.clamp(1, FAILURES_FREE as usize - 1),
            attempts: Mutex::default(),
        })
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.accounts.len()
    }

    /// Finds out whether credentials are right. Takes the time of a hash, unless they have been
    /// right before or are not looked at.
    pub fn check(&self, sent: &Credentials, client: Peer, now_milliseconds: u64) -> Outcome<'_> {
        let client = client.household();
        let order = |(user, _): &(String, Account)| user.as_bytes().cmp(&sent.user);
        let account = self.accounts.binary_search_by(order).ok();
        let account = account.and_then(|at| self.accounts.get(at));
        let digest = self.digest(sent);
        let mut attempts = self.attempts();
        // Even right credentials wait, and those that were seen before: otherwise a client that
        // guesses would be told at once, and for nothing, when it has guessed right.
        if let Some(seconds) = attempts.wait_seconds(client, now_milliseconds) {
            return Outcome::Wait(seconds);
        }
        if let Some((user, account)) = account {
            let proven = account.proven.get();
            if proven.is_some_and(|proven| is_same(proven, &digest)) {
                return Outcome::User(user);
            }
        }
        if attempts.hashing >= self.hashing_max {
            return Outcome::Busy;
        }
        attempts.hashing += 1;
        // Before it is known, so that others at the same time do not come for free.
        let before = attempts.failed(client, now_milliseconds);
        drop(attempts);
        let password = sent.password.get(..PASSWORD_BYTES_MAX);
        let password = password.unwrap_or(&sent.password);
        let hash = account.map_or(&self.decoy, |(_, account)| &account.hash);
        let is_right = hash.fits(password) && sent.password.len() <= PASSWORD_BYTES_MAX;
        let mut attempts = self.attempts();
        attempts.hashing -= 1;
        match account {
            Some((user, account)) if is_right => {
                attempts.forgive(client, before);
                let _ = account.proven.set(digest);
                Outcome::User(user)
            }
            _ => Outcome::Wrong,
        }
    }

    /// What stands for credentials in memory.
    fn digest(&self, sent: &Credentials) -> Digest {
        let mut sha = Sha256::new();
        for part in [&self.key[..], &sent.user, b":", &sent.password] {
            sha.update(part);
        }
        sha.finish()
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempts {
    fn wait_seconds(&self, client: Household, now_milliseconds: u64) -> Option<u64> {
        let (_, failures) = self.failures.iter().find(|(other, _)| *other == client)?;
        let over = failures.count.checked_sub(FAILURES_FREE)?;
        let wait = WAIT_SECONDS_MIN << over.min(16);
        let end = failures.last_milliseconds + wait.min(WAIT_SECONDS_MAX) * 1_000;
        (now_milliseconds < end).then(|| (end - now_milliseconds).div_ceil(1_000))
    }

    /// Returns what was held against the client before.
    fn failed(&mut self, client: Household, now_milliseconds: u64) -> Failures {
        let is_forgotten = |failures: &Failures| {
            now_milliseconds >= failures.last_milliseconds + FORGOTTEN_MILLISECONDS
        };
        self.failures
            .retain(|(_, failures)| !is_forgotten(failures));
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
        failures.count = failures.count.saturating_add(1);
        failures.last_milliseconds = now_milliseconds;
        self.failures.push((client, failures));
        before
    }

    /// It was no failure. Earlier ones stay: whoever has one account may be guessing another.
    fn forgive(&mut self, client: Household, before: Failures) {
        for (_, failures) in self
            .failures
            .iter_mut()
            .filter(|(other, _)| *other == client)
        {
            failures.count = failures.count.saturating_sub(1);
            if failures.count == before.count {
                failures.last_milliseconds = before.last_milliseconds;
            }
        }
        self.failures.retain(|(_, failures)| failures.count > 0);
    }
}

fn parse_line(line: &[u8]) -> Result<(&str, Account), String> {
    let line = core::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let (user, hash) = line.split_once(':').ok_or("it must be USER:HASH")?;
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err("the user must have a name without control characters".to_owned());
    }
    let hash = PasswordHash::parse(hash)?;
    let proven = OnceLock::new();
    Ok((user, Account { hash, proven }))
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

/// The hashes are as good as the passwords for whoever has the time to try.
fn check_permissions(file: &File, path: &Path) -> Result<(), String> {
    let name = path.display();
    let metadata = file
        .metadata()
        .map_err(|error| format!("cannot read the auth file '{name}': {error}"))?;
    if !metadata.is_file() {
        return Err(format!("the auth file '{name}' is not a file"));
    }
    let mode = sys::mode_and_owner(&metadata).map_or(0, |(mode, ..)| mode);
    if mode & 0o077 != 0 {
        return Err(format!(
            "the auth file '{name}' is open to other users (mode {mode:o}): run 'chmod 600 {name}'"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    const FILE: &str = "# people\r\n\nana:$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC\n\
        bo b\u{e4}r:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\r\n";
    const ANA: (&str, &str) = ("ana", "the minimum number is still observed");
    const BO: (&str, &str) = ("bo b\u{e4}r", "Hello world!");

    fn accounts() -> Accounts {
        Accounts::parse(FILE.as_bytes(), 2).expect("an auth file")
    }

    fn credentials((user, password): (&str, &str)) -> Credentials {
        Credentials {
            user: user.into(),
            password: password.into(),
        }
    }

    fn client(text: &str) -> Peer {
        Peer::behind_proxy(text.parse().expect("an address"))
    }

    #[test]
    fn credentials_are_right_or_wrong() {
        let accounts = accounts();
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        let rows = [
            (ANA, Outcome::User("ana")),
            (BO, Outcome::User("bo b\u{e4}r")),
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
        assert_eq!(accounts.check(&ana, guesser, 0), Outcome::User("ana"));
        for _ in 0..FAILURES_FREE {
            assert_eq!(accounts.check(&wrong, guesser, 0), Outcome::Wrong);
        }
        // Whatever it sends, from anywhere in its /64, right or not.
        assert_eq!(accounts.check(&wrong, guesser, 0), Outcome::Wait(4));
        assert_eq!(
            accounts.check(&ana, client("2001:db8::ffff"), 3_001),
            Outcome::Wait(1)
        );
        // Others do not.
        assert_eq!(
            accounts.check(&ana, client("2001:db8:0:1::1"), 0),
            Outcome::User("ana")
        );
        // To wait is no failure.
        assert_eq!(accounts.check(&wrong, guesser, 4_000), Outcome::Wrong);
        assert_eq!(accounts.check(&wrong, guesser, 4_000), Outcome::Wait(8));
        // A right password is no failure either, and does not make good for those before it.
        assert_eq!(
            accounts.check(&credentials(BO), guesser, 12_000),
            Outcome::User(BO.0)
        );
        assert_eq!(accounts.check(&ana, guesser, 12_000), Outcome::User("ana"));
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
    fn a_bounded_number_of_clients_is_remembered() {
        let mut attempts = Attempts::default();
        let household = |number: u32| Household::V4(number.into());
        for number in 0..10_000_u32 {
            attempts.failed(household(number), u64::from(number));
            assert!(attempts.failures.len() <= CLIENTS_MAX);
        }
        // The latest are.
        let remembered: Vec<Household> = attempts
            .failures
            .iter()
            .map(|(client, _)| *client)
            .collect();
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
                    assert!(
                        matches!(found, Outcome::User(_) | Outcome::Busy),
                        "{found:?}"
                    );
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let attempts = accounts.attempts();
        assert_eq!((attempts.hashing, attempts.failures.len()), (0, 0));
    }

    #[test]
    fn only_so_many_are_hashed_at_a_time() {
        let accounts = accounts();
        accounts.attempts().hashing = 2;
        let (ana, client) = (credentials(ANA), client("192.0.2.1"));
        assert_eq!(accounts.check(&ana, client, 0), Outcome::Busy);
        accounts.attempts().hashing = 1;
        assert_eq!(accounts.check(&ana, client, 0), Outcome::User("ana"));
        // Whoever has been let in once does not stand in that queue.
        accounts.attempts().hashing = 2;
        assert_eq!(accounts.check(&ana, client, 0), Outcome::User("ana"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let hash = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
        let digits = "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
        let rows = [
            (String::new(), "there is no line USER:HASH in it"),
            ("# nobody\n".to_owned(), "there is no line USER:HASH in it"),
            ("ana\n".to_owned(), "line 1: it must be USER:HASH"),
            (
                format!("\n:{hash}"),
                "line 2: the user must have a name without control characters",
            ),
            (
                format!("a\tb:{hash}"),
                "line 1: the user must have a name without control characters",
            ),
            (
                format!("a:{hash}\nb:{hash}\na:{hash}"),
                "line 3: there is a user 'a' already",
            ),
            (
                "ana:secret".to_owned(),
                "line 1: the hash must begin with $5$: make it with 'openssl passwd -5'",
            ),
            (
                "ana:$6$salt$x".to_owned(),
                "line 1: the hash must begin with $5$: make it with 'openssl passwd -5'",
            ),
            (
                "ana:$5$salt".to_owned(),
                "line 1: the hash must be $5$SALT$DIGITS",
            ),
            (
                format!("ana:{hash}:x"),
                "line 1: behind the salt must be 43 of a-z A-Z 0-9 . /",
            ),
            (
                format!("ana: {hash}"),
                "line 1: the hash must begin with $5$: make it with 'openssl passwd -5'",
            ),
            (
                format!("ana:$5$${digits}"),
                "line 1: the salt must be 1 to 16 of a-z A-Z 0-9 . /",
            ),
            (
                format!("ana:$5$saltstringsaltstri${digits}"),
                "line 1: the salt must be 1 to 16 of a-z A-Z 0-9 . /",
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
