//! What `sys/` promises, the same on each system: run by `cargo test` on this one, with epoll and with
//! poll, and under Wine by `scripts/check-systems`. Without a harness, since the main thread of a
//! process waits for its signals, and since cross-built libraries have none.

#![allow(clippy::indexing_slicing)]

// The rest of the support is for systems that have a shell.
#[allow(dead_code)]
#[path = "support/folder.rs"]
mod folder;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use folder::Folder;
use ipv6_httpd::sys::{self, Directory, Identity, Interest, Poller, Signal, Signals, Symlinks};

fn main() -> ExitCode {
    // Before any other thread: see `Signals::block`.
    let signals = Signals::block().expect("signals");
    let mut passed = 0;
    let rows: [(&str, &dyn Fn()); 9] = [
        ("an alarm comes once, after its time, and 0 is never", &|| alarms(&signals)),
        ("a poller waits as long as it is told", &time_outs),
        ("what is ready is told, and what is not is not", &readiness),
        ("room is told as long as there is some", &room),
        ("an end is told", &ends),
        ("a bell is readable until it is answered, or for good", &bells),
        ("a file is read at a place, and not past its end", &reading),
        ("a directory opens what is beneath it, and nothing else", &opening),
        ("a directory lists names without dots, and what they are", &listing),
    ];
    for (name, check) in rows {
        check();
        println!("test {name} ... ok");
        passed += 1;
    }
    // In the words of the harness: what runs the tests counts them.
    println!("\ntest result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
    ExitCode::SUCCESS
}

fn alarms(signals: &Signals) {
    for earlier in [0, 1] {
        // There is one timer: the last call counts, and the 0 comes neither now nor later.
        Signals::alarm(earlier);
        Signals::alarm(0);
        let began = Instant::now();
        Signals::alarm(1);
        assert_eq!(signals.wait(), Signal::Alarm);
        assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    }
    Signals::alarm(0);
    Signals::wake();
    assert_eq!(signals.wait(), Signal::Alarm);
    // Had the 0 come too, this would be over at once.
    let began = Instant::now();
    Signals::alarm(1);
    assert_eq!(signals.wait(), Signal::Alarm);
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    let near = TcpStream::connect(address).expect("a connection");
    let (far, _) = listener.accept().expect("the other end");
    near.set_nonblocking(true).expect("it does not wait");
    (near, far)
}

/// The tokens of what is ready. Without a time, there is something, or this hangs.
fn told(poller: &mut Poller, milliseconds: Option<u64>) -> Vec<u64> {
    let mut ready = Vec::new();
    poller.wait(&mut ready, milliseconds).expect("wait");
    ready.iter().map(|ready| ready.token).collect()
}

fn time_outs() {
    let mut poller = Poller::new().expect("a poller");
    let (near, _far) = pair();
    poller.watch(&near, 1, Interest::Read).expect("watch");
    for milliseconds in [0, 1, 60] {
        let began = Instant::now();
        assert_eq!(told(&mut poller, Some(milliseconds)), []);
        let least = Duration::from_millis(milliseconds.saturating_sub(1));
        assert!(began.elapsed() >= least, "{:?}", began.elapsed());
    }
}

fn readiness() {
    let mut poller = Poller::new().expect("a poller");
    let ((near, mut far), (other, mut other_far)) = (pair(), pair());
    far.write_all(b"before").expect("sent");
    poller.watch(&near, 7, Interest::Read).expect("watch");
    poller.watch(&other, 8, Interest::Read).expect("watch");
    // What came before it was watched is told as well.
    assert_eq!(told(&mut poller, None), [7]);
    assert_eq!((&near).read(&mut [0; 64]).expect("bytes"), 6);
    assert_eq!(told(&mut poller, Some(0)), []);
    other_far.write_all(b"x").expect("sent");
    assert_eq!(told(&mut poller, None), [8]);
    assert_eq!((&other).read(&mut [0; 64]).expect("a byte"), 1);
    poller.unwatch(&other).expect("unwatch");
    other_far.write_all(b"x").expect("sent");
    assert_eq!(told(&mut poller, Some(0)), []);
    far.write_all(b"x").expect("sent");
    assert_eq!(told(&mut poller, None), [7]);
    // Forgotten before it is closed: its number may be another's soon.
    poller.closing(&near);
    drop(near);
    assert_eq!(told(&mut poller, Some(0)), []);
}

fn room() {
    let mut poller = Poller::new().expect("a poller");
    let (near, _far) = pair();
    poller.watch(&near, 1, Interest::Read).expect("watch");
    assert_eq!(told(&mut poller, Some(0)), []);
    poller.change(&near, 2, Interest::Write).expect("change");
    for _ in 0..3 {
        assert_eq!(told(&mut poller, None), [2]);
    }
    poller.change(&near, 3, Interest::Read).expect("change");
    assert_eq!(told(&mut poller, Some(0)), []);
}

fn ends() {
    let mut poller = Poller::new().expect("a poller");
    let (near, far) = pair();
    poller.watch(&near, 1, Interest::Read).expect("watch");
    drop(far);
    assert_eq!(told(&mut poller, None), [1]);
    assert_eq!((&near).read(&mut [0; 1]).expect("the end"), 0);
}

fn bells() {
    let (rope, bell) = sys::bell().expect("a bell");
    let mut poller = Poller::new().expect("a poller");
    poller.watch(&bell, 1, Interest::Read).expect("watch");
    assert_eq!(told(&mut poller, Some(0)), []);
    for calls in [1, 2, 200] {
        (0..calls).for_each(|_| rope.call());
        assert_eq!(told(&mut poller, None), [1], "{calls}");
        bell.answer();
        assert_eq!(told(&mut poller, Some(0)), [], "{calls}");
    }
    // Nobody waits where nobody answers.
    (0..100_000).for_each(|_| rope.call());
    let (rope, bell) = sys::bell().expect("a bell");
    rope.ring();
    // Who begins to listen after it has rung hears it too.
    for _ in 0..2 {
        let mut late = Poller::new().expect("a poller");
        late.watch(&bell, 1, Interest::Read).expect("watch");
        assert_eq!(told(&mut late, None), [1]);
    }
}

/// A folder whose `root` is opened, and something beside it.
fn place() -> Folder {
    let files = [("root/a.txt", "0123456789"), ("root/sub/b.txt", ""), ("outside.txt", "outside")];
    Folder::with(&files)
}

fn root_of(place: &Folder) -> Directory {
    Directory::open(&place.join("root"), Symlinks::Inside).expect("the root")
}

fn reading() {
    let place = place();
    let file = File::open(place.join("root/a.txt")).expect("a file");
    for (offset, room, expected) in [
        (0, 4, &b"0123"[..]),
        (8, 4, b"89"),
        (3, 0, b""),
        (10, 4, b""),
        (1 << 33, 4, b""),
        (0, 10, b"0123456789"),
    ] {
        let mut bytes = vec![0; room];
        let count = sys::read_at(&file, &mut bytes, offset).expect("read");
        assert_eq!(&bytes[..count], expected, "{offset}");
    }
}

fn opening() {
    let place = place();
    let root = root_of(&place);
    let state = |relative: &[u8]| {
        let file = root.open_beneath(relative).ok()?;
        let found = Identity::of(&file).expect("its state");
        Some((found.is_file, found.is_directory, if found.is_file { found.length } else { 0 }))
    };
    let (file, directory) = (Some((true, false, 10)), Some((false, true, 0)));
    assert_eq!(state(b""), directory);
    assert_eq!(state(b"a.txt"), file);
    assert_eq!(state(b"sub"), directory);
    assert_eq!(state(b"sub/b.txt"), Some((true, false, 0)));
    for none in ["b.txt", "a.txt/b", "sub/b", "../outside.txt", "sub/../../outside.txt"] {
        assert_eq!(state(none.as_bytes()), None, "{none}");
    }
}

fn listing() {
    let place = place();
    let root = root_of(&place);
    let opened = root.open_beneath(b"").expect("the root");
    let mut found = Vec::new();
    let each = |entry: &sys::Entry<'_>| {
        let state = entry.identity()?;
        found.push((entry.name().to_vec(), state.is_directory, state.is_file));
        Ok(())
    };
    root.entries(&opened, b"", each).expect("entries");
    found.sort();
    assert_eq!(found, [(b"a.txt".to_vec(), false, true), (b"sub".to_vec(), true, false)]);
}
