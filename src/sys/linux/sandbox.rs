//! Landlock, best effort: after start the process can read beneath the root, and do nothing else
//! to any file, start nothing, and connect nowhere, whatever an error in it might be used for.
//! Raspberry Pi OS has no Landlock in its kernels; Debian and Ubuntu have.

use std::ffi::{c_int, c_ulong, c_void};
use std::os::fd::AsRawFd;

use super::numbers::{LANDLOCK_ADD_RULE, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF};
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

pub fn offered_sandbox() -> Sandbox {
    version().map_or(Sandbox::None, Sandbox::Landlock)
}

pub fn enter_sandbox(readable: &[&Directory], files_in: &[&Directory]) -> Sandbox {
    restrict(readable, files_in).map_or(Sandbox::None, Sandbox::Landlock)
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
    let size: c_ulong = if version < 4 { 8 } else { 16 };
    let ruleset = Ruleset { files, net, scoped: 0 };
    // SAFETY: the kernel reads `size` bytes of the ruleset, which has more, and makes a descriptor.
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
    let restricted = unsafe {
        prctl(PR_SET_NO_NEW_PRIVS, 1 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) == 0
            && syscall(LANDLOCK_RESTRICT_SELF, rules.as_raw_fd(), 0 as c_ulong) == 0
    };
    restricted.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Symlinks;
    use std::fs::File;
    use std::net::{TcpListener, TcpStream};
    use std::path::Path;
    use std::process::Command;
    use std::thread;

    /// In a thread of its own, which is all that is restricted.
    #[test]
    fn inside_nothing_else_can_be_done() {
        let Sandbox::Landlock(version) = Sandbox::offered() else {
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
        let inner = root.clone();
        let restricted = thread::spawn(move || {
            let directory = Directory::open(&inner, Symlinks::Inside).expect("the folder");
            let beside = Directory::open(&inner.with_extension("beside"), Symlinks::Follow)
                .expect("a folder beside it");
            assert_eq!(Sandbox::enter(&[&directory], &[&beside]), Sandbox::Landlock(version));
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
            assert!(listener.local_addr().is_ok(), "what is open stays open");
            assert!(crate::sys::connected().is_ok(), "asks for its networks");
        });
        restricted.join().expect("restricted as it should be");
        std::fs::remove_dir_all(&root).expect("removed");
        std::fs::remove_dir_all(&beside).expect("removed");
    }
}
