//! What the options say, and what is wrong with them.

use crate::support::server::{command, finish, run};

use super::{HASH, Place};

#[test]
fn check_says_who_may_ask() {
    let folder = Place::new();
    let file = folder.write("users", &format!("ana:{HASH}\nbo:{HASH}\n"), 0o600);
    let options = [
        "--check",
        "--port=0",
        "--allow=local",
        "--deny=192.0.2.0/24",
        "--trusted-proxy=::1",
        "--trusted-proxy=127.0.0.0/8",
        "--proxy-protocol",
        "--auth-file",
        &file,
        &folder.site(),
    ];
    let (_, text, _) = run(&options);
    let local = text.lines().find_map(|line| line.strip_prefix("Local now: "));
    let always = "127.0.0.0/8, ::1/128, fe80::/10";
    assert!(local.is_some_and(|local| local.starts_with(always)), "{text}");
    let lines: Vec<_> = text
        .lines()
        .filter(|line| ["Clients:", "Users:", "Proxies:"].iter().any(|name| line.starts_with(name)))
        .collect();
    let expected = [
        "Clients: none, but local, not 192.0.2.0/24",
        "Users: 2",
        "Proxies: ::1/128, 127.0.0.0/8, with a PROXY header",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn options_that_are_wrong_say_what_they_want() {
    let folder = Place::new();
    let rows: [(&[&str], &str); 8] = [
        (&["--allow"], "--allow wants a network, or local"),
        (
            &["--allow", "192.0.2.1/24"],
            "--allow wants a network, or local, not '192.0.2.1/24': \
             it has bits set after the prefix: did you mean 192.0.2.0/24?",
        ),
        (
            &["--deny", "::ffff:192.0.2.0/120"],
            "--deny wants a network, or local, not '::ffff:192.0.2.0/120': \
             IPv4 clients have IPv4 addresses: write 192.0.2.0/24",
        ),
        (
            &["--deny", "fe80::/10%nope0"],
            "--deny wants a network, or local, not 'fe80::/10%nope0': there is no interface 'nope0'",
        ),
        (
            &["--trusted-proxy", "local"],
            "--trusted-proxy wants a network, not 'local': 'local' is not an IPv6 or IPv4 address",
        ),
        (&["--auth-file"], "--auth-file wants the name of a file"),
        (
            &["--proxy-protocol"],
            "--proxy-protocol needs --trusted-proxy: any other client could claim any address",
        ),
        (
            &["--header", "WWW-Authenticate: Basic"],
            "--header cannot set WWW-Authenticate: use --auth-file",
        ),
    ];
    for (options, expected) in rows {
        // An option without its value must be the last word.
        let site = if options.len() == 1 && !expected.contains("needs") {
            None
        } else {
            Some(folder.site())
        };
        let mut command = command();
        command.args(options).args(site);
        let (status, _, error) = finish(command);
        assert_eq!(error, format!("ipv6-httpd: {expected}\n"));
        assert_eq!(status, Some(2), "{error}");
    }
}
