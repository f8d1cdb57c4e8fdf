//! Hashes of passwords, as `openssl passwd -5` and crypt(3) make them: `$5$salt$...`, many rounds
//! of SHA-256 (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512").

use std::ops::RangeInclusive;

use super::sha256::{Digest, Sha256};

/// The rounds of a text that does not name them.
const ROUNDS: u32 = 5_000;
/// The definition allows no fewer. More would keep a small board busy for most of a second, for
/// each password that any client sends.
const ROUNDS_ALLOWED: RangeInclusive<u32> = 1_000..=100_000;
const SALT_BYTES_MAX: usize = 16;
/// 256 bits in digits of 6.
const DIGITS: usize = 43;

/// The hash of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash {
    rounds: u32,
    salt: Vec<u8>,
    digits: [u8; DIGITS],
}

impl PasswordHash {
    /// Reads `$5$salt$digits` or `$5$rounds=N$salt$digits`. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<PasswordHash, String> {
        let rest = text.strip_prefix("$5$").ok_or_else(|| {
            "the hash must begin with $5$: make it with 'openssl passwd -5'".to_owned()
        })?;
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            None => (ROUNDS, rest),
            Some(rest) => {
                let (number, rest) = rest.split_once('$').unwrap_or((rest, ""));
                let rounds = number.parse().ok().filter(|rounds| ROUNDS_ALLOWED.contains(rounds));
                let (min, max) = (ROUNDS_ALLOWED.start(), ROUNDS_ALLOWED.end());
                let rounds =
                    rounds.ok_or_else(|| format!("rounds must be a number from {min} to {max}"))?;
                (rounds, rest)
            }
        };
        let (salt, digits) = rest.split_once('$').ok_or("the hash must be $5$SALT$DIGITS")?;
        if salt.len() > SALT_BYTES_MAX || !salt.bytes().all(is_digit) {
            return Err(format!("the salt must be up to {SALT_BYTES_MAX} of a-z A-Z 0-9 . /"));
        }
        let digits = <[u8; DIGITS]>::try_from(digits.as_bytes())
            .ok()
            .filter(|digits| digits.iter().all(|&byte| is_digit(byte)))
            .ok_or_else(|| format!("after the salt there must be {DIGITS} of a-z A-Z 0-9 . /"))?;
        Ok(PasswordHash { rounds, salt: salt.into(), digits })
    }

    /// A hash that no password fits.
    pub fn nobody() -> PasswordHash {
        PasswordHash { rounds: ROUNDS, salt: Vec::new(), digits: [b' '; DIGITS] }
    }

    /// Whether it is the hash of this password. Takes the same time for correct and wrong ones.
    pub fn fits(&self, password: &[u8]) -> bool {
        let digits = crypt(password, &self.salt, self.rounds);
        is_same(&digits, &self.digits)
    }
}

/// Compares in a time that does not depend on where the difference is.
pub fn is_same<const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    let difference = one
        .iter()
        .zip(other)
        .fold(0, |difference, (one, other)| std::hint::black_box(difference | (one ^ other)));
    difference == 0
}

/// The numbered steps are those of the definition.
fn crypt(password: &[u8], salt: &[u8], rounds: u32) -> [u8; DIGITS] {
    // 4-8
    let mut sha = Sha256::new();
    for part in [password, salt, password] {
        sha.update(part);
    }
    let b = sha.finish();
    // 1-3, 9-12
    let mut sha = Sha256::new();
    sha.update(password);
    sha.update(salt);
    sha.update(&repeated(&b, password.len()));
    let mut length = password.len();
    while length > 0 {
        sha.update(if length & 1 == 1 { &b } else { password });
        length >>= 1;
    }
    let mut last = sha.finish();
    // 13-16
    let mut sha = Sha256::new();
    for _ in 0..password.len() {
        sha.update(password);
    }
    let p = repeated(&sha.finish(), password.len());
    // 17-20
    let mut sha = Sha256::new();
    let [first, ..] = last;
    for _ in 0..16 + usize::from(first) {
        sha.update(salt);
    }
    let s = repeated(&sha.finish(), salt.len());
    // 21
    for round in 0..rounds {
        let is_odd = round % 2 == 1;
        let mut sha = Sha256::new();
        sha.update(if is_odd { &p } else { &last });
        if round % 3 != 0 {
            sha.update(&s);
        }
        if round % 7 != 0 {
            sha.update(&p);
        }
        sha.update(if is_odd { &last } else { &p });
        last = sha.finish();
    }
    encode(&last)
}

/// The digest, repeated and cut to `length` bytes.
fn repeated(digest: &Digest, length: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(length).collect()
}

/// 22: groups of three bytes in an order of their own, each as four digits, the lowest first.
fn encode(digest: &Digest) -> [u8; DIGITS] {
    let byte = |at: usize| digest.get(at).copied().map_or(0, u32::from);
    let mut out = [0; DIGITS];
    let (mut high, mut middle, mut low) = (0, 10, 20);
    for (group, digits) in out.chunks_mut(4).enumerate() {
        let mut bits = if group < 10 {
            byte(high) << 16 | byte(middle) << 8 | byte(low)
        } else {
            byte(31) << 8 | byte(30)
        };
        for digit in digits {
            *digit = ALPHABET.get(bits as usize & 63).copied().unwrap_or(b'.');
            bits >>= 6;
        }
        (high, middle, low) = ((middle + 11) % 30, (low + 11) % 30, (high + 11) % 30);
    }
    out
}

fn is_digit(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_may_be_empty() {
        // crypt("Hello world!", "$5$$") of glibc.
        let hash = PasswordHash::parse("$5$$mAwMsDaqjtxAtGqstEIf7OBR15rgcx.jSKGM94IKRj/");
        let hash = hash.expect("a hash");
        assert!(hash.fits(b"Hello world!"));
        assert!(!hash.fits(b"Hello world"));
    }

    #[test]
    fn hashes_are_those_that_were_published_with_the_definition() {
        let long =
            "a very much longer text to encrypt.  This one even stretches over morethan one line.";
        // (salt cut to its maximum, rounds within their bounds, password, digits)
        let rows = [
            ("saltstring", 5000, "Hello world!", "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
            (
                "saltstringsaltst",
                10000,
                "Hello world!",
                "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
            ),
            (
                "toolongsaltstrin",
                5000,
                "This is just a test",
                "Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
            ),
            ("anotherlongsalts", 1400, long, "Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1"),
            (
                "short",
                77777,
                "we have a short salt string but not a short password",
                "JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/",
            ),
            (
                "asaltof16chars..",
                123456,
                "a short string",
                "gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD",
            ),
            (
                "roundstoolow",
                1000,
                "the minimum number is still observed",
                "yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC",
            ),
        ];
        for (salt, rounds, password, digits) in rows {
            let found = crypt(password.as_bytes(), salt.as_bytes(), rounds);
            assert_eq!(core::str::from_utf8(&found), Ok(digits), "{salt}");
        }
    }
}
