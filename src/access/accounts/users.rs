//! The users of an auth file and their hashes, and the hash that stands in for an unknown user's.

use std::sync::Arc;

use crate::access::sha256::{Digest, digest_of};
use crate::access::sha256_crypt::PasswordHash;

use super::logins::Logins;

/// What an auth file says.
#[derive(Debug)]
pub struct Users {
    /// In the order of their names. At least one.
    accounts: Vec<Account>,
    /// Points of the accounts, in their order, and which account each is of. An unknown name is
    /// hashed like the account whose point comes after its own. When a user comes or goes, only a
    /// few unknown names change their cost.
    points: Vec<(u64, usize)>,
}

/// A user.
#[derive(Debug)]
pub struct Account {
    /// The name.
    pub user: Arc<str>,
    pub hash: PasswordHash,
    pub logins: Logins,
}

impl Users {
    /// Reads lines of `user:hash`. The error names the line.
    pub fn parse(text: &[u8], decoy_key: &Digest) -> Result<Users, String> {
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

    /// How many there are.
    pub fn count(&self) -> usize {
        self.accounts.len()
    }

    /// The account of a user.
    pub fn find(&mut self, user: &[u8]) -> Option<&mut Account> {
        let order = |account: &Account| account.user.as_bytes().cmp(user);
        let at = self.accounts.binary_search_by(order).ok()?;
        self.accounts.get_mut(at)
    }

    /// Takes over the logins of users that have the same hash as before.
    pub fn take_logins(&mut self, old: &mut Users) {
        for account in &mut self.accounts {
            let old = old.find(account.user.as_bytes());
            if let Some(old) = old.filter(|old| old.hash == account.hash) {
                account.logins = std::mem::take(&mut old.logins);
            }
        }
    }

    /// The hash that an unknown user's password is compared with.
    pub fn decoy(&self, point: u64) -> PasswordHash {
        let after = self.points.partition_point(|&(other, _)| other < point);
        let after = self.points.get(after).or(self.points.first());
        let account = after.and_then(|&(_, at)| self.accounts.get(at));
        account.map_or_else(PasswordHash::nobody, |account| account.hash.clone())
    }
}

/// Where a name lies among the points of the accounts.
pub fn point(decoy_key: &Digest, user: &[u8]) -> u64 {
    let digest = digest_of(&[decoy_key, user]);
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn parse_line(line: &[u8]) -> Result<Account, String> {
    let line = core::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let (user, hash) = line.split_once(':').ok_or("it must be USER:HASH")?;
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err("the user must have a name without control characters".to_owned());
    }
    Ok(Account { user: user.into(), hash: PasswordHash::parse(hash)?, logins: Logins::default() })
}
