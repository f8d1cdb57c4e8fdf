//! Credentials as clients send them, and what comes of them.

use std::thread;

use crate::access::sha256::compressions;
use crate::http::responder::Patience;

use super::lockout::FORGOTTEN_MILLISECONDS;
use super::*;

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
            let found = accounts.check(&credentials(*sent), client, 0, Patience::Any);
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
    assert_eq!(accounts.check(&ana, guesser, 0, Patience::Any), user("ana"));
    for _ in 0..FAILURES_FREE {
        assert_eq!(accounts.check(&wrong, guesser, 0, Patience::Any), Outcome::Wrong);
    }
    // Whatever it sends, from anywhere in its /64, right or not.
    assert_eq!(accounts.check(&wrong, guesser, 0, Patience::Any), Outcome::Wait(4));
    assert_eq!(
        accounts.check(&ana, client("2001:db8::ffff"), 3_001, Patience::Any),
        Outcome::Wait(1)
    );
    // Others do not.
    assert_eq!(accounts.check(&ana, client("2001:db8:0:1::1"), 0, Patience::Any), user("ana"));
    // To wait is no failure.
    assert_eq!(accounts.check(&wrong, guesser, 4_000, Patience::Any), Outcome::Wrong);
    assert_eq!(accounts.check(&wrong, guesser, 4_000, Patience::Any), Outcome::Wait(8));
    // A right password is no failure either, and does not make good for those before it.
    assert_eq!(accounts.check(&credentials(BO), guesser, 12_000, Patience::Any), user(BO.0));
    assert_eq!(accounts.check(&ana, guesser, 12_000, Patience::Any), user("ana"));
    assert_eq!(accounts.check(&wrong, guesser, 12_000, Patience::Any), Outcome::Wrong);
    assert_eq!(accounts.check(&ana, guesser, 12_000, Patience::Any), Outcome::Wait(16));
    let mut now = 12_000;
    for wait in [16, 32, 64, 128, 256, 256, 256] {
        assert_eq!(accounts.check(&wrong, guesser, now, Patience::Any), Outcome::Wait(wait));
        now += wait * 1_000;
        assert_eq!(accounts.check(&wrong, guesser, now, Patience::Any), Outcome::Wrong);
    }
    now += FORGOTTEN_MILLISECONDS;
    for _ in 0..FAILURES_FREE {
        assert_eq!(accounts.check(&wrong, guesser, now, Patience::Any), Outcome::Wrong);
    }
    assert_eq!(accounts.check(&wrong, guesser, now, Patience::Any), Outcome::Wait(4));
}

#[test]
fn who_has_logged_in_is_not_locked_out_by_neighbours() {
    let accounts = accounts();
    let (ana, bo) = (credentials(ANA), credentials(BO));
    let wrong = |user: &str| credentials((user, "guess"));
    let (home, neighbour) = (client("2001:db8::1"), client("2001:db8::2"));
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), user("ana"));
    for _ in 0..FAILURES_FREE {
        assert_eq!(accounts.check(&wrong("ana"), neighbour, 0, Patience::Any), Outcome::Wrong);
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
        let found = accounts.check(sent, from, 0, Patience::Any);
        assert_eq!(found, expected, "{:?} from {from:?}", sent.user);
    }
    // A client at the very address may guess this user's password as often as anybody else may.
    // Nothing but the right one is answered otherwise than an unknown name.
    for _ in 0..FAILURES_FREE {
        for name in ["ana", "nobody"] {
            let found = accounts.check(&wrong(name), home, 1_000, Patience::Any);
            assert_eq!(found, Outcome::Wait(3), "{name}");
        }
    }
    assert_eq!(accounts.check(&ana, home, 1_000, Patience::Any), Outcome::Wait(3));
    assert_eq!(accounts.check(&ana, home, 4_000, Patience::Any), user("ana"));
    // The household waits again, and for the user nothing is forgotten.
    assert_eq!(accounts.check(&wrong("nobody"), neighbour, 4_000, Patience::Any), Outcome::Wrong);
    assert_eq!(accounts.check(&ana, home, 4_999, Patience::Any), Outcome::Wait(8));
    assert_eq!(accounts.check(&ana, home, 5_000, Patience::Any), user("ana"));
    assert_eq!(accounts.check(&wrong("ana"), home, 5_000, Patience::Any), Outcome::Wait(7));
    assert_eq!(accounts.check(&ana, home, 5_000, Patience::Any), Outcome::Wait(7));
}

#[test]
fn own_wrong_passwords_count_where_one_has_logged_in() {
    let accounts = accounts();
    let (ana, home) = (credentials(ANA), client("192.0.2.1"));
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), user("ana"));
    for name in ["nobody", "bo", "x", "y", "z"] {
        let guess = credentials((name, "guess"));
        assert_eq!(accounts.check(&guess, home, 0, Patience::Any), Outcome::Wrong);
    }
    // Not her own.
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), user("ana"));
    for _ in 0..FAILURES_FREE {
        let guess = credentials(("ana", "guess"));
        assert_eq!(accounts.check(&guess, home, 0, Patience::Any), Outcome::Wait(4));
    }
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), Outcome::Wait(4));
}

#[test]
fn neighbours_on_a_link_do_not_wait_for_each_other() {
    let accounts = accounts();
    let wrong = credentials(("ana", "guess"));
    let on = |address: &str, zone| Peer { zone, ..client(address) };
    for _ in 0..FAILURES_FREE {
        assert_eq!(accounts.check(&wrong, on("fe80::1", 2), 0, Patience::Any), Outcome::Wrong);
    }
    assert_eq!(accounts.check(&wrong, on("fe80::1", 2), 0, Patience::Any), Outcome::Wait(4));
    for other in [on("fe80::2", 2), on("fe80::1", 3), Peer::UNKNOWN] {
        assert_eq!(accounts.check(&wrong, other, 0, Patience::Any), Outcome::Wrong, "{other:?}");
    }
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
    accounts.state().lockout = Lockout::default();
    let sent = credentials((user, &"x".repeat(password_bytes)));
    compressions(|| {
        let outcome = accounts.check(&sent, client("192.0.2.1"), 0, Patience::Any);
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
        let (known, unknown) = (cost(&accounts, "ana", password), cost(&accounts, "eve", password));
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
        let found =
            accounts.check(&credentials(("ana", &long)), client("192.0.2.1"), 0, Patience::Any);
        assert_eq!(found, Outcome::Wrong);
        let found =
            accounts.check(&credentials(("ana", "")), client("192.0.2.1"), 0, Patience::Any);
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
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), user("ana"));
    assert_eq!(accounts.check(&bo, home, 0, Patience::Any), user("bo b\u{e4}r"));
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
        assert_eq!(accounts.check(&ana, home, 0, Patience::Any), user("ana"));
        assert_eq!(accounts.check(&bo, home, 0, Patience::Any), user("bo b\u{e4}r"));
        assert_eq!(accounts.replace(FILE.as_bytes()), Ok(()));
    }
    let text = [line("ana"), other].join("\n");
    assert_eq!(accounts.replace(text.as_bytes()), Ok(()));
    assert_eq!(accounts.count(), 2);
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), user("ana"));
    assert_eq!(accounts.check(&bo, home, 0, Patience::Any), Outcome::Busy);
    let eve = credentials(("eve", BO.1));
    assert_eq!(accounts.check(&eve, home, 0, Patience::Any), Outcome::Busy);
    accounts.state().hashing = 0;
    assert_eq!(accounts.check(&eve, home, 0, Patience::Any), user("eve"));
    assert_eq!(accounts.check(&bo, home, 0, Patience::Any), Outcome::Wrong);
    // The same user with another password, and with the old one again.
    let changed = text.replace(&line("ana"), &line("bo").replace("bo b\u{e4}r", "ana"));
    assert_eq!(accounts.replace(changed.as_bytes()), Ok(()));
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), Outcome::Wrong);
    assert_eq!(accounts.check(&credentials(("ana", BO.1)), home, 0, Patience::Any), user("ana"));
    assert_eq!(accounts.replace(FILE.as_bytes()), Ok(()));
    assert_eq!(accounts.check(&credentials(("ana", BO.1)), home, 0, Patience::Any), Outcome::Wrong);
    assert_eq!(accounts.check(&ana, home, 0, Patience::Any), user("ana"));
}

#[test]
fn right_credentials_are_never_held_against_a_client_however_many_come_at_once() {
    let accounts = Arc::new(Accounts::parse(FILE.as_bytes(), 100).expect("an auth file"));
    let threads: Vec<_> = (0..32)
        .map(|_| {
            let accounts = Arc::clone(&accounts);
            thread::spawn(move || {
                let found = accounts.check(&credentials(BO), client("192.0.2.1"), 0, Patience::Any);
                assert!(matches!(found, Outcome::User(_) | Outcome::Busy), "{found:?}");
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    let state = accounts.state();
    assert_eq!((state.hashing, &state.lockout), (0, &Lockout::default()));
}

#[test]
fn only_so_many_are_hashed_at_a_time() {
    let accounts = accounts();
    accounts.state().hashing = 2;
    let (ana, client) = (credentials(ANA), client("192.0.2.1"));
    assert_eq!(accounts.check(&ana, client, 0, Patience::Any), Outcome::Busy);
    accounts.state().hashing = 1;
    assert_eq!(accounts.check(&ana, client, 0, Patience::Any), user("ana"));
    // Whoever has been let in once does not stand in that queue.
    accounts.state().hashing = 2;
    assert_eq!(accounts.check(&ana, client, 0, Patience::Any), user("ana"));
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
        (format!("a\tb:{hash}"), "line 1: the user must have a name without control characters"),
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
        (format!("ana:{hash}:x"), "line 1: after the salt there must be 43 of a-z A-Z 0-9 . /"),
        (
            format!("ana: {hash}"),
            "line 1: the hash must begin with $5$: make it with 'openssl passwd -5'",
        ),
        (format!("ana:$5$sa-lt${digits}"), "line 1: the salt must be up to 16 of a-z A-Z 0-9 . /"),
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
            "line 1: after the salt there must be 43 of a-z A-Z 0-9 . /",
        ),
    ];
    for (text, expected) in rows {
        let found = Accounts::parse(text.as_bytes(), 2).map(|_| ());
        assert_eq!(found, Err(expected.to_owned()), "{text}");
    }
    let found = Accounts::parse(b"ana:\xff", 2).map(|_| ());
    assert_eq!(found, Err("line 1: it is not UTF-8".to_owned()));
}
