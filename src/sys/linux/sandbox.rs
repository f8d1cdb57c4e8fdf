//! Landlock and the filter of `seccomp.rs`, best effort: after the start the process can read beneath
//! the root, and do nothing else to any file, start nothing, and connect nowhere, whatever an error in
//! it might be used for. Raspberry Pi OS has no Landlock in its kernels; Debian and Ubuntu have.

use std::ffi::{c_int, c_ulong, c_void};
use std::os::fd::AsRawFd;

use super::numbers::{LANDLOCK_ADD_RULE, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF};
use super::seccomp::enter_filter;
use super::syscall::{made_descriptor, syscall};
use crate::sys::{Directory, Sandbox};

const CREATE_RULESET_VERSION: c_ulong = 1;
const RULE_PATH_BENEATH: c_int = 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const PR_SET_NO_NEW_PRIVS: c_int = 38;

#[repr(C)]
struct Ruleset {
    files: u64,
    net: u64,
    scoped: u64,
}

/// Packed in the kernel as well.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    directory: c_int,
}

unsafe extern "C" {
    fn prctl(option: c_int, ...) -> c_int;
}

pub fn enter_sandbox(readable: &[&Directory], files_in: &[&Directory]) -> Sandbox {
    let landlock = restrict(readable, files_in);
    Sandbox { landlock, seccomp: give_up_new_rights() && enter_filter() }
}

/// Without this, only root may restrict itself.
fn give_up_new_rights() -> bool {
    // SAFETY: no pointer is passed.
    unsafe {
        prctl(PR_SET_NO_NEW_PRIVS, 1 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) == 0
    }
}

fn version() -> Option<u32> {
    let none = std::ptr::null::<c_void>();
    // SAFETY: with this flag the kernel reads nothing.
    let version =
        unsafe { syscall(LANDLOCK_CREATE_RULESET, none, 0 as c_ulong, CREATE_RULESET_VERSION) };
    u32::try_from(version).ok().filter(|&version| version > 0)
}

fn restrict(readable: &[&Directory], files_in: &[&Directory]) -> Option<u32> {
    let version = version()?;
    // Everything that this version can forbid is forbidden, but for what the rules allow.
    let files = match version {
        1 => (1 << 13) - 1,
        2 => (1 << 14) - 1,
        3 | 4 => (1 << 15) - 1,
        _ => (1 << 16) - 1,
    };
    let net = if version < 4 { 0 } else { 0b11 };
    // Abstract sockets and signals.
    let scoped = if version < 6 { 0 } else { 0b11 };
    let size: c_ulong = match version {
        1..=3 => 8,
        4 | 5 => 16,
        _ => 24,
    };
    let ruleset = Ruleset { files, net, scoped };
    // SAFETY: the kernel reads `size` bytes of the ruleset, which has as many, and makes a descriptor.
    let rules = unsafe {
        made_descriptor(syscall(LANDLOCK_CREATE_RULESET, &raw const ruleset, size, 0 as c_ulong))
    };
    let rules = rules.ok()?;
    let readable = readable.iter().map(|directory| (directory, READ_FILE | READ_DIR));
    let files_in = files_in.iter().map(|directory| (directory, READ_FILE));
    for (directory, allowed) in readable.chain(files_in) {
        let rule = PathBeneath { allowed, directory: directory.as_raw_fd() };
        // SAFETY: the kernel reads one rule, which lives until the call returns.
        let added = unsafe {
            syscall(
                LANDLOCK_ADD_RULE,
                rules.as_raw_fd(),
                RULE_PATH_BENEATH,
                &raw const rule,
                0 as c_ulong,
            )
        };
        if added != 0 {
            return None;
        }
    }
    // SAFETY: no pointer is passed.
    let restricts = || unsafe { syscall(LANDLOCK_RESTRICT_SELF, rules.as_raw_fd(), 0 as c_ulong) };
    (give_up_new_rights() && restricts() == 0).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Symlinks;
    use std::fs::File;
    use std::net::{TcpListener, TcpStream};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    use std::path::Path;
    use std::process::Command;
    use std::thread;

    unsafe extern "C" {
        safe fn getppid() -> c_int;
        safe fn kill(pid: c_int, signal: c_int) -> c_int;
    }

    /// Landlock alone, in a thread of its own, which is all that is restricted.
    /// `tests/suite/sandbox.rs` has both.
    #[test]
    fn inside_landlock_nothing_else_can_be_done() {
        let Some(version) = version() else {
            println!("skipped: no Landlock here");
            return;
        };
        let root = std::env::temp_dir().join(format!("ipv6-httpd-sandbox-{}", std::process::id()));
        std::fs::create_dir_all(&root).expect("a folder");
        std::fs::write(root.join("a"), "a").expect("a file");
        let beside = root.with_extension("beside");
        std::fs::create_dir_all(&beside).expect("a folder");
        std::fs::write(beside.join("b"), "b").expect("a file");
        let listener = TcpListener::bind("[::1]:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let name = format!("ipv6-httpd-landlock-{}", std::process::id());
        let name = SocketAddr::from_abstract_name(name).expect("a name");
        let named = UnixListener::bind_addr(&name).expect("a listener");
        let inner = root.clone();
        let restricted = thread::spawn(move || {
            let directory = Directory::open(&inner, Symlinks::Inside).expect("the folder");
            let beside = Directory::open(&inner.with_extension("beside"), Symlinks::Follow)
                .expect("a folder beside it");
            assert_eq!(restrict(&[&directory], &[&beside]), Some(version));
            let file = beside.path().join("b");
            assert!(File::open(&file).is_ok(), "a file beside it");
            assert!(directory.open_beneath(b"a").is_ok(), "a file beneath the root");
            let folder = directory.open_beneath(b"").expect("the root itself");
            let mut names = Vec::new();
            directory
                .entries(&folder, b"", |entry| {
                    assert_eq!(entry.state()?.length, 1);
                    names.push(entry.name().to_vec());
                    Ok(())
                })
                .expect("its entries");
            assert_eq!(names, [b"a"]);
            let denied = |result: std::io::Result<()>, what: &str| {
                let error = result.expect_err(what);
                assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{what}");
            };
            denied(File::open("/etc/passwd").map(drop), "reads outside");
            denied(std::fs::read_dir(beside.path()).map(drop), "reads what is beside it");
            denied(std::fs::write(&file, "c"), "writes beside it");
            denied(File::open(Path::new("/proc/self/environ")).map(drop), "reads itself");
            denied(std::fs::write(inner.join("a"), "b"), "writes");
            denied(std::fs::write(inner.join("b"), "b"), "creates");
            denied(std::fs::remove_file(inner.join("a")), "removes");
            denied(Command::new("/bin/true").status().map(drop), "starts a program");
            if version >= 4 {
                denied(TcpStream::connect(address).map(drop), "connects");
                denied(TcpListener::bind("[::1]:0").map(drop), "listens");
            }
            if version >= 6 {
                assert_eq!(kill(getppid(), 0), -1, "sends a signal");
                denied(UnixStream::connect_addr(&name).map(drop), "connects to an abstract name");
            }
            assert!(listener.local_addr().is_ok(), "what is open stays open");
            assert!(crate::sys::connected().is_ok(), "asks for its networks");
            let mut names = (1..100).map(crate::sys::interface_name);
            assert!(names.any(|name| name.is_some()), "asks for the name of an interface");
            assert!(thread::spawn(|| true).join().is_ok_and(|ran| ran), "starts a thread");
        });
        restricted.join().expect("restricted as it should be");
        drop(named);
        std::fs::remove_dir_all(&root).expect("removed");
        std::fs::remove_dir_all(&beside).expect("removed");
    }
}
