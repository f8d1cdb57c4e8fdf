//! Whom the server runs as. Only root can see most of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use crate::support::folder::Folder;
use crate::support::server::{
    TestServer, command, command_of_any_user, finish, is_emulated, is_root, works,
};
use crate::support::skip;

/// `nobody` on most systems, and a user that no file has.
const NOBODY: u32 = 65_534;
const NUMBER: u32 = 54_321;

const IS_NOBODY: &str = "ipv6-httpd: running as nobody: choose another user with --user\n";

/// The harness says `--user root`, and the last word counts.
fn options<'a>(user: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["--user", user], rest].concat()
}

/// The four user ids, the four group ids and the groups of a process.
fn ids(pid: u32) -> [Vec<u32>; 3] {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    ["Uid:", "Gid:", "Groups:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.split_whitespace().map(|id| id.parse().expect("a number")).collect()
    })
}

fn can_change() -> bool {
    let can = is_root();
    if !can {
        skip("only root can become another user");
    }
    can
}

#[test]
fn root_becomes_the_user_of_its_choice_in_every_thread() {
    if !can_change() {
        return;
    }
    let site = Folder::with(&[("a", "one")]);
    let number = format!("{NUMBER}:7");
    for (user, id, group) in [
        ("root", 0, 0),
        ("65534:65534", NOBODY, NOBODY),
        ("54321", NUMBER, NUMBER),
        (&number, NUMBER, 7),
    ] {
        let server = TestServer::start(&options(user, &[]), site.path());
        assert!(server.try_ask("/a").ends_with(b"\r\n\r\none"), "{user}");
        if id != 0 {
            let wanted = [vec![id; 4], vec![group; 4], vec![group]];
            assert_eq!(ids(server.pid()), wanted, "{user}");
            if is_emulated() {
                // The emulator has a thread of its own, which is asked nothing.
                continue;
            }
            let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("threads");
            for thread in threads {
                let thread = thread.expect("a thread").file_name();
                let thread = thread.to_str().and_then(|id| id.parse().ok()).expect("a number");
                assert_eq!(ids(thread), wanted, "{user}");
            }
        }
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        assert_eq!(server.err.whole(), "", "{user}");
    }
}

#[test]
fn the_default_is_nobody_and_is_said() {
    if !can_change() {
        return;
    }
    let site = Folder::with(&[("a", "one"), ("private", "two")]);
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(site.join("private"), private).expect("its mode");
    let mut command = command_of_any_user(&[]);
    command.args(["--port", "0"]).arg(site.path());
    let server = TestServer::launch(command);
    assert_ne!(ids(server.pid())[0], [0; 4]);
    assert!(server.try_ask("/a").starts_with(b"HTTP/1.1 200 "));
    assert!(server.try_ask("/private").starts_with(b"HTTP/1.1 403 "));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.err.whole(), IS_NOBODY);
}

#[test]
fn root_that_may_become_nobody_else_says_so() {
    const STARTER: &[&str] = &["setpriv", "--bounding-set=-setuid,-setgid"];
    if !can_change() || !works(STARTER) {
        return;
    }
    let site = Folder::with(&[("a", "one")]);
    let start = |options: &[&str]| {
        let mut command = command_of_any_user(STARTER);
        command.args(options).args(["--port", "0"]).arg(site.path());
        command
    };
    let server = TestServer::launch(start(&[]));
    assert!(server.try_ask("/a").starts_with(b"HTTP/1.1 200 "));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let stays = "ipv6-httpd: running as root: the system does not let it become nobody\n";
    assert_eq!(server.err.whole(), stays);
    let refused = "ipv6-httpd: --user: not allowed to become 'nobody'\n".to_owned();
    assert_eq!(finish(start(&["--user", "nobody"])), (Some(1), String::new(), refused));
}

#[test]
fn a_user_that_cannot_serve_ends_the_start_in_one_line() {
    let site = Folder::with(&[("a", "one")]);
    let folder = site.path().to_str().expect("UTF-8").to_owned();
    let failed = |error: &str| (Some(1), String::new(), format!("ipv6-httpd: {error}\n"));
    let start = |user: &str| {
        let mut command = command();
        command.args(options(user, &["-p0", &folder]));
        finish(command)
    };
    let missing = "--user: there is no user 'no such user' in /etc/passwd";
    assert_eq!(start("no such user"), failed(missing));
    let missing = "--user: there is no user 'ana' in /etc/passwd; for a login use --auth-file";
    assert_eq!(start("ana:secret"), failed(missing));
    let missing =
        "--user: there is no group 'no such group' in /etc/group; for a login use --auth-file";
    assert_eq!(start("1:no such group"), failed(missing));
    for wrong in ["", ":", "a:", ":a", "a:b:c"] {
        let (status, _, error) = start(wrong);
        assert_eq!((status, error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains("--user"), "{error}");
    }
    if !can_change() {
        assert_eq!(start("0"), failed("--user: not allowed to become '0'"));
        return;
    }
    fs::set_permissions(site.path(), fs::Permissions::from_mode(0o700)).expect("its mode");
    assert_eq!(
        start("54321"),
        failed(&format!(
            "the user '54321' is not allowed to read the directory '{folder}': \
             allow it, or choose another user with --user"
        ))
    );
}

#[test]
fn an_auth_file_that_the_user_may_not_read_stays_as_it_was_read() {
    if !can_change() {
        return;
    }
    let folder = Folder::with(&[("site/a", "one"), ("users", "ana:$5$rounds=1000$a$b\n")]);
    let users = folder.join("users");
    let hash = "$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC";
    fs::write(&users, format!("ana:{hash}\n")).expect("a file");
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).expect("its mode");
    let name = users.to_str().expect("UTF-8");
    let start =
        || TestServer::start(&options("54321", &["--auth-file", name]), folder.join("site"));
    let errors = |server: TestServer| {
        assert!(server.try_ask("/a").starts_with(b"HTTP/1.1 401 "));
        assert!(server.try_ask("/a").starts_with(b"HTTP/1.1 401 "));
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        server.err.whole()
    };
    assert_eq!(
        errors(start()),
        format!(
            "ipv6-httpd: cannot read the auth file '{name}': Permission denied (os error 13); \
             the users stay as they were\n"
        )
    );
    chown(&users, Some(NUMBER), None).expect("its owner");
    assert_eq!(errors(start()), "");
}
