//! The sandbox from inside: a process enters the live configuration, by [`Server::bind`], and tries what
//! SECURITY.md says it cannot do. Run by root it stays root, so that nothing is refused for want of a right.

#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int, c_long, c_ulong, c_void};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Error};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::PathBuf;
use std::process::{Command, id};
use std::{env, ptr, thread};

use ipv6_httpd::cli;
use ipv6_httpd::server::Server;
use ipv6_httpd::sys::{self, Sandbox};

use crate::support::folder::Folder;
use crate::support::server::is_root;

/// The folder of the child, and the address of a listener of its parent.
const FOLDER: &str = "IPV6_HTTPD_SANDBOX_FOLDER";
const ADDRESS: &str = "IPV6_HTTPD_SANDBOX_ADDRESS";
/// Its parent listens at this abstract name, behind which comes the parent's number.
const ABSTRACT: &str = "ipv6-httpd-sandbox-";

/// Nothing takes a sandbox back: what enters it is another process, which runs the test below.
#[test]
fn what_is_promised_is_refused() {
    let folder = Folder::with(&[("site/a", "one"), ("outside", "two"), ("empty/b", "three")]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let path = UnixListener::bind(folder.join("socket")).expect("a listener");
    let datagrams = UnixDatagram::bind(folder.join("datagrams")).expect("a socket");
    let name = UnixAddress::from_abstract_name(format!("{ABSTRACT}{}", id())).expect("a name");
    let named = UnixListener::bind_addr(&name).expect("a listener");
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "--ignored", "--nocapture", "sandbox::inside"])
        .env(FOLDER, folder.path())
        .env(ADDRESS, listener.local_addr().expect("its address").to_string())
        .env_remove("NOTIFY_SOCKET")
        .output()
        .expect("a child");
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{}: {out}{err}", output.status);
    assert!(out.contains("1 passed"), "{out}{err}");
    println!("{out}");
    drop((path, datagrams, named));
}

/// Who refuses it. Landlock does from this version on, and the filter of system calls before that.
#[derive(Clone, Copy)]
enum By {
    Seccomp,
    Landlock(u32),
    Both(u32),
}

/// What comes of an attempt: `Err` if it is not refused, or not by the one that should.
fn outcome(
    sandbox: Sandbox,
    by: By,
    attempt: &dyn Fn() -> io::Result<()>,
) -> Result<String, String> {
    let (by_seccomp, by_landlock) = match by {
        By::Seccomp => (true, None),
        By::Landlock(from) => (false, Some(from)),
        By::Both(from) => (true, Some(from)),
    };
    let (who, wanted): (_, &[i32]) = if by_seccomp && sandbox.seccomp {
        ("seccomp", &[EPERM])
    } else if by_landlock.is_some_and(|from| sandbox.landlock >= Some(from)) {
        ("Landlock", &[EPERM, EACCES])
    } else {
        return Ok(format!("skipped: not refused here ({sandbox})"));
    };
    match attempt() {
        Err(error) if error.raw_os_error().is_some_and(|code| wanted.contains(&code)) => {
            Ok(format!("refused by {who}"))
        }
        outcome => Err(format!("{who} should refuse it: {outcome:?}")),
    }
}

const EPERM: i32 = 1;
const EACCES: i32 = 13;

#[test]
#[ignore = "a part of the test above, for a process of its own"]
fn inside() {
    let folder = PathBuf::from(env::var_os(FOLDER).expect("started by the test above"));
    let address: SocketAddr = env::var(ADDRESS).expect("an address").parse().expect("an address");
    let abstract_name = format!("{ABSTRACT}{}", parent_id());
    let abstract_name = UnixAddress::from_abstract_name(abstract_name).expect("a name");
    let site = folder.join("site");
    let stay: &[&str] = if is_root() { &["--user", "root"] } else { &[] };
    let words = [stay, &["--bind", "127.0.0.1:0", site.to_str().expect("UTF-8")]].concat();
    let Ok(cli::Command::Serve(config)) = cli::parse(words.into_iter().map(Into::into)) else {
        panic!("a command line");
    };
    let datagrams = UnixDatagram::unbound().expect("a socket");
    let server = Server::bind(&config).expect("a server");
    let sandbox = server.sandbox();
    let (a, outside, new) = (site.join("a"), folder.join("outside"), site.join("new"));
    let name = CString::new(a.as_os_str().as_bytes()).expect("a path");
    let rows: [(&str, By, &dyn Fn() -> io::Result<()>); 32] = [
        ("open a file outside", By::Landlock(1), &|| File::open(&outside).map(drop)),
        ("list a folder outside", By::Landlock(1), &|| {
            fs::read_dir(folder.join("empty")).map(drop)
        }),
        ("read /proc of another process", By::Landlock(1), &|| {
            File::open("/proc/1/status").map(drop)
        }),
        ("read /proc of its own", By::Landlock(1), &|| File::open("/proc/self/environ").map(drop)),
        ("open to write", By::Both(1), &|| OpenOptions::new().write(true).open(&a).map(drop)),
        ("open to append", By::Both(1), &|| OpenOptions::new().append(true).open(&a).map(drop)),
        ("create", By::Both(1), &|| File::create_new(&new).map(drop)),
        ("make a folder", By::Both(1), &|| fs::create_dir(&new)),
        ("link", By::Both(1), &|| fs::hard_link(&a, &new)),
        ("link by a name", By::Both(1), &|| std::os::unix::fs::symlink(&a, &new)),
        ("rename", By::Both(1), &|| fs::rename(&a, &new)),
        ("remove", By::Both(1), &|| fs::remove_file(&a)),
        ("truncate", By::Both(3), &|| returned(truncate(name.as_ptr(), 0).into())),
        ("chmod", By::Seccomp, &|| fs::set_permissions(&outside, Permissions::from_mode(0o666))),
        ("chown", By::Seccomp, &|| chown(&outside, None, None)),
        ("set times", By::Seccomp, &|| File::open(&a)?.set_modified(std::time::UNIX_EPOCH)),
        ("exec", By::Both(1), &|| Err(Command::new("/bin/sh").exec())),
        ("start a shell", By::Both(1), &|| Command::new("/bin/sh").status().map(drop)),
        ("fork", By::Seccomp, &|| returned(fork_and_end())),
        ("ptrace", By::Both(1), &|| returned(ptrace(PTRACE_SEIZE, parent(), 0, 0))),
        ("kill", By::Both(6), &|| returned(kill(parent(), 0).into())),
        ("kill all", By::Both(6), &|| returned(kill(-1, 0).into())),
        ("connect by TCP", By::Both(4), &|| TcpStream::connect(address).map(drop)),
        ("listen by TCP", By::Both(4), &|| TcpListener::bind("127.0.0.1:0").map(drop)),
        ("send by UDP", By::Seccomp, &|| {
            UdpSocket::bind("127.0.0.1:0")?.send_to(b"a", address).map(drop)
        }),
        ("connect to a path", By::Seccomp, &|| {
            UnixStream::connect(folder.join("socket")).map(drop)
        }),
        ("send to a path", By::Seccomp, &|| {
            datagrams.send_to(b"a", folder.join("datagrams")).map(drop)
        }),
        ("connect to an abstract name", By::Both(6), &|| {
            UnixStream::connect_addr(&abstract_name).map(drop)
        }),
        ("sethostname", By::Seccomp, &|| returned(sethostname(ptr::null(), 1).into())),
        ("mount", By::Seccomp, &|| {
            returned(mount(ptr::null(), c"/".as_ptr(), ptr::null(), 0, ptr::null()).into())
        }),
        ("chroot", By::Seccomp, &|| returned(chroot(c"/".as_ptr()).into())),
        ("make a user namespace", By::Seccomp, &|| returned(unshare(0x1000_0000).into())),
    ];
    let mut wrong = Vec::new();
    for (name, by, attempt) in rows {
        match outcome(sandbox, by, attempt) {
            Ok(said) => println!("{name}: {said}"),
            Err(said) => wrong.push(format!("{name}: {said}")),
        }
    }
    assert!(wrong.is_empty(), "{sandbox}:\n{}", wrong.join("\n"));
    // What it needs goes on.
    assert!(File::open(&a).is_ok(), "a file beneath the folder");
    assert!(sys::connected().is_ok(), "the networks of this machine");
    assert!((1..100).any(|index| sys::interface_name(index).is_some()), "the name of an interface");
    assert!(thread::spawn(|| true).join().is_ok_and(|ran| ran), "a thread");
}

/// What a call of the C library returned.
fn returned(result: c_long) -> io::Result<()> {
    if result == -1 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn parent() -> c_int {
    parent_id() as c_int
}

/// A child that is not refused ends at once.
fn fork_and_end() -> c_long {
    match fork() {
        0 => _exit(0),
        result => result.into(),
    }
}

const PTRACE_SEIZE: c_long = 0x4206;

// Safe as they are called here: a null is refused by the kernel, if not by the sandbox.
unsafe extern "C" {
    safe fn fork() -> c_int;
    safe fn _exit(status: c_int) -> !;
    safe fn kill(pid: c_int, signal: c_int) -> c_int;
    safe fn ptrace(request: c_long, pid: c_int, address: usize, data: usize) -> c_long;
    safe fn chroot(path: *const c_char) -> c_int;
    safe fn unshare(flags: c_int) -> c_int;
    safe fn sethostname(name: *const c_char, length: usize) -> c_int;
    safe fn truncate(path: *const c_char, length: c_long) -> c_int;
    safe fn mount(
        from: *const c_char,
        to: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
}
