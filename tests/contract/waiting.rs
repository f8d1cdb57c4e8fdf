//! What may wait for a disk is told from what is in memory.

use std::fs::File;
use std::io;

use ipv6_httpd::sys::{self, Directory, Interest, Medium, Poller, Symlinks};

use super::{pair, place, root_of, told};

pub fn all() {
    reading_at_once();
    opening_at_once();
    broken_connections();
}

fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

/// What was just written is in memory, but for file systems that do not tell.
fn reading_at_once() {
    let place = place();
    let file = File::open(place.join("root/a.txt")).expect("a file");
    let mut bytes = [0; 4];
    match sys::read_at_once(&file, &mut bytes, 8) {
        Ok(count) => assert_eq!(&bytes[..count], b"89"),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
    }
    // Not past the end, and no other bytes than those of `read_at`.
    assert!(matches!(sys::read_at_once(&file, &mut bytes, 10), Ok(0) | Err(_)));
    if cfg!(target_os = "linux") {
        let there = Directory::open("/proc".as_ref(), Symlinks::Inside).expect("/proc");
        assert_eq!(there.medium(), Medium::Disk, "of no kind that is known");
        if let Ok(memory) = Directory::open("/dev/shm".as_ref(), Symlinks::Inside) {
            assert_ne!(memory.medium(), Medium::Elsewhere);
        }
    }
    assert_eq!(sys::medium(&file), root_of(&place).medium());
}

/// A name that has just been opened is in memory; what leads out or is missing is the same for all.
fn opening_at_once() {
    let place = place();
    for root in [root_of(&place), root_of(&place).without_openat2()] {
        let missing = Some(io::ErrorKind::NotFound);
        for (name, wanted) in [("a.txt", None), ("sub/b.txt", None), ("", None), ("none", missing)]
        {
            assert_eq!(kind(root.open_beneath(name.as_bytes())), wanted, "{name}");
            let found = kind(root.open_beneath_at_once(name.as_bytes()));
            let waits = found == Some(io::ErrorKind::WouldBlock);
            assert!(waits || found == wanted, "{name}: {found:?}");
            let found = kind(root.open_beneath_here(name.as_bytes()));
            let crosses = found == Some(io::ErrorKind::CrossesDevices);
            assert!(crosses || found == wanted, "{name}: {found:?}");
        }
    }
}

/// Neither bytes nor room are told to whoever waits for the end alone.
fn broken_connections() {
    let (near, far) = pair();
    let mut poller = Poller::new().expect("a poller");
    poller.watch(&near, 7, Interest::End).expect("watched");
    io::Write::write_all(&mut &far, b"x").expect("sent");
    assert!(told(&mut poller, Some(0)).is_empty());
    // What came was not read: closing resets the connection.
    io::Write::write_all(&mut &near, b"y").expect("sent");
    let mut peeked = [0];
    assert_eq!(far.peek(&mut peeked).expect("a byte"), 1);
    drop(far);
    assert_eq!(told(&mut poller, None), [7]);
}
