//! What `sys/` promises, the same on each system: run by `cargo test` on this one, with epoll and with
//! poll, and under Wine by `scripts/check-systems`. Without a harness, since the main thread of a
//! process waits for its signals, and since cross-built libraries have none.

#![allow(clippy::indexing_slicing)]

// The rest of the support is for systems that have a shell.
#[allow(dead_code)]
#[path = "support/folder.rs"]
mod folder;
#[path = "contract/waiting.rs"]
mod waiting;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{self, Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use folder::Folder;
use ipv6_httpd::sys::{self, Directory, Failure, FileState, Interest, Poller, Sandbox};
use ipv6_httpd::sys::{SendFileError, Signal, Signals, Symlinks};

/// Why a row has nothing to check on this system, if it has not.
type Ignored = Option<&'static str>;

/// Longer than all rows together take, also under Wine.
const LIFETIME_MAX: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    if let Some(part) = std::env::var_os(PART) {
        // Before anything else is opened.
        run_part(&part.to_string_lossy());
        return ExitCode::SUCCESS;
    }
    // Before any other thread: see `Signals::block`.
    let signals = Signals::block().expect("signals");
    // Where a promise is broken, its row may wait for ever.
    thread::spawn(|| {
        thread::sleep(LIFETIME_MAX);
        eprintln!("the rows have not ended in {LIFETIME_MAX:?}");
        process::exit(1);
    });
    let checked = |check: &dyn Fn()| -> Ignored {
        check();
        None
    };
    let rows: [(&str, &dyn Fn() -> Ignored); 19] = [
        ("an alarm comes once, after its time, and 0 is never", &|| checked(&|| alarms(&signals))),
        ("a poller waits as long as it is told", &|| checked(&time_outs)),
        ("who waits takes no processor time", &|| checked(&|| idling(&signals))),
        ("what is ready is told, and what is not is not", &|| checked(&readiness)),
        ("room is told as long as there is some", &|| checked(&room)),
        ("an end is told", &|| checked(&ends)),
        ("what would wait is told from what is in memory", &|| checked(&waiting::all)),
        ("a wake signal is readable until it is cleared, or for good", &|| checked(&wake_signals)),
        ("an option is set, or there is none", &|| checked(&options)),
        ("listening ends for all descriptors", &|| checked(&listening_ends)),
        ("a file is sent, whole or in part, and not past its end", &sending),
        ("a file is read at a place, and not past its end", &|| checked(&reading)),
        ("a directory opens what is beneath it, and nothing else", &|| checked(&opening)),
        ("a directory lists names without dots, and what they are", &|| checked(&listing)),
        ("a failure has a meaning", &|| checked(&failures)),
        ("this machine has its own addresses, and names for them", &|| checked(&interfaces)),
        ("passed sockets are taken once, each as what it is", &passed_sockets),
        ("in the sandbox what is outside cannot be opened", &sandbox),
        ("limits are known", &|| checked(&limits)),
    ];
    let (mut passed, mut ignored) = (0, 0);
    for (name, check) in rows {
        // Before it is known, so that a row that panics has said its name.
        print!("test {name} ... ");
        match check() {
            None => {
                println!("ok");
                passed += 1;
            }
            Some(why) => {
                println!("ignored, {why}");
                ignored += 1;
            }
        }
    }
    // In the words of the harness: what runs the tests counts them.
    println!(
        "\ntest result: ok. {passed} passed; 0 failed; {ignored} ignored; 0 measured; 0 filtered out"
    );
    ExitCode::SUCCESS
}

/// The part of this program that a child process plays, and the folder for it.
const PART: &str = "IPV6_HTTPD_CONTRACT_PART";
const FOLDER: &str = "IPV6_HTTPD_CONTRACT_FOLDER";

fn run_part(part: &str) {
    match part {
        #[cfg(unix)]
        "passed sockets" => passed::take(),
        "sandbox" => sandboxed(Path::new(&std::env::var_os(FOLDER).expect("a folder"))),
        _ => panic!("there is no part {part}"),
    }
}

/// This program, or what starts it, in another part.
fn child(start: &[&str], part: &str) -> Command {
    let own = std::env::current_exe().expect("this program");
    let mut command = match start {
        [] => Command::new(own),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(own);
            command
        }
    };
    command.env(PART, part);
    command
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

fn idling(signals: &Signals) {
    let (waker, signal) = sys::wake_signal().expect("a wake signal");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let (near, _far) = pair();
    let mut poller = Poller::new().expect("a poller");
    poller.watch(&near, 1, Interest::Read).expect("watch");
    poller.watch_shared(&listener, 2).expect("watch");
    poller.watch(&signal, 3, Interest::Read).expect("watch");
    let before = processor_time();
    let waits = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut waits = 1;
            while told(&mut poller, None).is_empty() {
                waits += 1;
            }
            waits
        });
        Signals::alarm(1);
        assert_eq!(signals.wait(), Signal::Alarm);
        waker.wake_for_good();
        waiting.join().expect("no panic")
    });
    // Once or twice a second it may return with nothing, and take a twentieth of that second.
    assert!(waits <= 3, "{waits}");
    if let (Some(before), Some(after)) = (before, processor_time()) {
        assert!(after - before <= Duration::from_millis(50), "{:?}", after - before);
    }
}

/// Of all threads of this process, where /proc says it. Under Wine `scripts/check-systems` looks at
/// the server from outside.
fn processor_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok().filter(|_| cfg!(target_os = "linux"))?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>());
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    // USER_HZ is 100 on every machine there is.
    Some(Duration::from_millis((user + system) * 10))
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

fn wake_signals() {
    let (waker, signal) = sys::wake_signal().expect("a wake signal");
    let mut poller = Poller::new().expect("a poller");
    poller.watch(&signal, 1, Interest::Read).expect("watch");
    assert_eq!(told(&mut poller, Some(0)), []);
    for calls in [1, 2, 200] {
        (0..calls).for_each(|_| assert!(waker.wake()));
        assert_eq!(told(&mut poller, None), [1], "{calls}");
        signal.clear();
        assert_eq!(told(&mut poller, Some(0)), [], "{calls}");
    }
    // Waking never waits, even if nobody clears.
    (0..100_000).for_each(|_| assert!(waker.wake()));
    let (waker, signal) = sys::wake_signal().expect("a wake signal");
    waker.wake_for_good();
    // A poller that watches later sees it too.
    for _ in 0..2 {
        let mut late = Poller::new().expect("a poller");
        late.watch(&signal, 1, Interest::Read).expect("watch");
        assert_eq!(told(&mut late, None), [1]);
    }
}

fn options() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    sys::set_backlog(&listener, 1_000).expect("a backlog");
    sys::set_no_delay(&listener).expect("no delay");
    for outcome in
        [sys::set_unsent_bytes_max(&listener, 128 << 10), sys::set_accept_deferred(&listener, 1)]
    {
        let is_none = |error: io::Error| error.kind() == io::ErrorKind::Unsupported;
        assert!(outcome.map_or_else(is_none, |()| true));
    }
    let mut near =
        TcpStream::connect(listener.local_addr().expect("its address")).expect("connect");
    // An accepted connection may have to send something first.
    near.write_all(b"x").expect("sent");
    let (mut far, _) = listener.accept().expect("the other end");
    assert!(far.nodelay().expect("an option"), "inherited");
    far.read_exact(&mut [0]).expect("a byte");
    assert_eq!(sys::send_more(&far, b"head").expect("sent"), 4);
    far.write_all(b"body").expect("sent");
    drop(far);
    let mut bytes = Vec::new();
    near.read_to_end(&mut bytes).expect("bytes");
    assert_eq!(bytes, b"headbody");
}

fn listening_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    let other = listener.try_clone().expect("another descriptor");
    match sys::stop_listening(&listener) {
        Ok(()) => {
            assert!(TcpStream::connect(address).is_err());
            assert!(other.accept().is_err());
            TcpListener::bind(address).expect("the address is free");
        }
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
    }
}

/// Sends as much of a part of a file as the socket takes, waiting for room if `poller` may. Returns
/// how many bytes it took, and what stopped it before the end.
fn send(
    stream: &TcpStream,
    file: &File,
    (offset, count): (u64, usize),
    mut poller: Option<&mut Poller>,
) -> (usize, Option<SendFileError>) {
    let mut sent = 0;
    while sent < count {
        match (sys::send_file(stream, file, offset + sent as u64, count - sent), &mut poller) {
            (Ok(0), _) => break,
            (Ok(more), _) => sent += more,
            (Err(SendFileError::Blocked), Some(poller)) => assert_eq!(told(poller, None), [1]),
            (Err(error), _) => return (sent, Some(error)),
        }
        assert!(sent <= count, "{sent} of {count}");
    }
    (sent, None)
}

fn sending() -> Ignored {
    const LENGTH: usize = 3_000_000;
    let place = place();
    let content = &folder::pattern(0, LENGTH)[..];
    let file = File::open(place.write("root/big", content)).expect("a file");
    for (offset, count, expected) in [
        (0, LENGTH, content),
        (1_000, 5, &content[1_000..1_005]),
        (70_001, 1_500_000, &content[70_001..1_570_001]),
        (0, 0, b""),
        (LENGTH as u64 - 10, 100, &content[LENGTH - 10..]),
        (LENGTH as u64, 10, b""),
        (1 << 33, 10, b""),
    ] {
        let (near, mut far) = pair();
        let mut poller = Poller::new().expect("a poller");
        poller.watch(&near, 1, Interest::Write).expect("watch");
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes).expect("bytes");
            bytes
        });
        let (sent, stop) = send(&near, &file, (offset, count), Some(&mut poller));
        poller.closing(&near);
        drop(near);
        let arrived = reader.join().expect("no panic");
        assert_eq!(arrived.len(), sent, "{offset}");
        match stop {
            Some(SendFileError::Refused) => {
                assert_eq!(sent, 0);
                return Some("this system or this file system has no sendfile");
            }
            Some(error) => panic!("{offset}: {error:?}"),
            None => assert!(arrived == expected, "{offset}: {sent} bytes"),
        }
    }
    // Nobody reads: what has been taken has been counted, and does not come twice.
    let (near, mut far) = pair();
    let mut taken = 0;
    let stop = loop {
        let (sent, stop) = send(&near, &file, (0, LENGTH), None);
        taken += sent;
        if stop.is_some() {
            break stop;
        }
    };
    assert!(matches!(stop, Some(SendFileError::Blocked)), "{stop:?}");
    drop(near);
    assert_eq!(io::copy(&mut far, &mut io::sink()).expect("bytes"), taken as u64);
    // Nobody is there.
    let (near, far) = pair();
    drop(far);
    let stop = (0..100).find_map(|_| send(&near, &file, (0, LENGTH), None).1);
    assert!(matches!(stop, Some(SendFileError::Client(_))), "{stop:?}");
    None
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
        let found = FileState::of(&file).expect("its state");
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
    let absent = |name| sys::is_absent(&root.open_beneath(b"").expect("the root"), name);
    assert!(!absent(b"a.txt") && !absent(b"sub") && absent(b"b.txt") == cfg!(unix));
}

fn listing() {
    let place = place();
    let root = root_of(&place);
    let opened = root.open_beneath(b"").expect("the root");
    let mut found = Vec::new();
    let each = |entry: &sys::Entry<'_>| {
        let state = entry.state()?;
        found.push((entry.name().to_vec(), state.is_directory, state.is_file));
        Ok(())
    };
    root.entries(&opened, b"", each).expect("entries");
    found.sort();
    assert_eq!(found, [(b"a.txt".to_vec(), false, true), (b"sub".to_vec(), true, false)]);
}

fn failures() {
    let place = place();
    let root = root_of(&place);
    for (name, is_no_such_name) in [("b.txt", true), ("a.txt/b", false), ("a\0b", false)] {
        let error = root.open_beneath(name.as_bytes()).expect_err(name);
        assert_eq!(Failure::from(&error), Failure::Missing, "{name:?}: {error:?}");
        if is_no_such_name {
            assert!(sys::is_no_such_name(&error), "{name:?}: {error:?}");
        }
    }
}

fn interfaces() {
    let own = sys::addresses().expect("addresses");
    let found = |address: IpAddr| own.iter().find(|own| own.address == address);
    let loopback = found(Ipv4Addr::LOCALHOST.into()).expect("127.0.0.1");
    assert_eq!(loopback.prefix_bits, 8);
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        assert_eq!(found(Ipv6Addr::LOCALHOST.into()).expect("::1").prefix_bits, 128);
    }
    for own in &own {
        let bits = if own.address.is_ipv6() { 128 } else { 32 };
        assert!(own.prefix_bits <= bits, "{own:?}");
        let index = sys::interface_index(&own.interface).expect("its number");
        assert_eq!(sys::interface_name(index).as_ref(), Some(&own.interface));
        assert_eq!(sys::interface_called(&own.interface), Some(index));
        assert_eq!(sys::interface_called(&index.to_string()), Some(index));
        assert_eq!(sys::interface_called(&format!("0{index}")), None);
    }
    assert_eq!(sys::interface_index("no such interface"), None);
    assert_eq!(sys::interface_name(u32::MAX), None);
    let connected = sys::connected().expect("networks");
    assert!(connected.contains(&(Ipv4Addr::LOCALHOST.into(), 8)), "{connected:?}");
}

/// In a process of its own, in which nothing else has their numbers.
#[cfg(unix)]
fn passed_sockets() -> Ignored {
    passed::parent();
    None
}

#[cfg(not(unix))]
fn passed_sockets() -> Ignored {
    assert!(sys::take_passed_listeners(4).is_empty());
    Some("nothing passes sockets here")
}

#[cfg(unix)]
mod passed {
    use super::*;
    use ipv6_httpd::sys::Listener;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::Stdio;

    /// Descriptors 3 to 6: an address, a path, a file, nothing.
    pub fn parent() {
        let place = place();
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let path = place.join("socket");
        let unix = UnixListener::bind(&path).expect("a listener");
        let address = tcp.local_addr().expect("its address");
        // They wait in the queue until the child accepts them.
        let _waiting = TcpStream::connect(address).expect("a connection");
        let _waiting_too = UnixStream::connect(&path).expect("a connection");
        let script = "exec \"$0\" 3<&0 4<&1 5</dev/null 6<&- </dev/null >&2";
        let status = child(&["sh", "-c", script], "passed sockets")
            .stdin(Stdio::from(OwnedFd::from(tcp)))
            .stdout(Stdio::from(OwnedFd::from(unix)))
            .status()
            .expect("a shell");
        assert!(status.success(), "{status}");
    }

    pub fn take() {
        let found = sys::take_passed_listeners(4);
        assert!(sys::take_passed_listeners(4).is_empty(), "they are taken once");
        let [Ok(tcp), Ok(unix), Err(_), Err(_)] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(tcp.tcp().is_some() && unix.tcp().is_none());
        assert!(matches!((tcp, unix), (Listener::Tcp(_), Listener::Unix(_))), "{found:?}");
        for (listener, has_address) in [(tcp, true), (unix, false)] {
            listener.set_nonblocking().expect("it does not wait");
            let (_, address) = listener.accept().expect("a connection");
            assert_eq!(address.is_some(), has_address);
            let error = listener.accept().map(drop).expect_err("no other");
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }
}

/// The exit status of a child that can see nothing of the sandbox.
const NO_LANDLOCK: i32 = 77;

/// In a process of its own, since nothing takes a sandbox back.
fn sandbox() -> Ignored {
    let place = place();
    let status = child(&[], "sandbox").env(FOLDER, place.path()).status().expect("a child");
    if status.code() == Some(NO_LANDLOCK) {
        return Some("there is no Landlock here");
    }
    assert!(status.success(), "{status}");
    None
}

fn sandboxed(folder: &Path) {
    let root = Directory::open(&folder.join("root"), Symlinks::Inside).expect("the root");
    let open = || File::open(folder.join("outside.txt"));
    let mut before = open().expect("a file outside");
    let sandbox = Sandbox::enter(&[&root], &[]);
    assert!(root.open_beneath(b"a.txt").is_ok() && root.open_beneath(b"sub").is_ok());
    if sandbox.landlock.is_none() {
        assert!(open().is_ok(), "paths are not restricted");
        process::exit(NO_LANDLOCK);
    }
    let denied = |outcome: io::Result<()>, what: &str| {
        let error = outcome.expect_err(what);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{what}");
    };
    denied(open().map(drop), "opens outside");
    denied(fs::read_dir(folder).map(drop), "lists outside");
    denied(fs::write(folder.join("root/a.txt"), "x"), "writes");
    denied(fs::write(folder.join("root/new"), "x"), "creates");
    denied(fs::remove_file(folder.join("root/a.txt")), "removes");
    denied(child(&[], "sandbox").status().map(drop), "starts a program");
    // And a thread that is started now.
    let path = folder.join("outside.txt");
    let opened = thread::spawn(|| File::open(path).map(drop)).join().expect("no panic");
    denied(opened, "opens outside in another thread");
    let mut text = String::new();
    before.read_to_string(&mut text).expect("what is open stays open");
    assert_eq!(text, "outside");
}

fn limits() {
    assert!(sys::processors() >= 1);
    let most = sys::raise_open_files_max();
    assert!(most >= 64 && sys::raise_open_files_max() == most, "it stays as it was raised: {most}");
    let memory = sys::memory_bytes();
    let is_fine = memory.map_or(!cfg!(target_os = "linux"), |bytes| bytes > 1 << 20);
    assert!(is_fine && sys::memory_bytes() == memory, "{memory:?}");
}
