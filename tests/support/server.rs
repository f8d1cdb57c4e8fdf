//! The binary under test, as a process.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use std::{env, process, thread};

use super::client::{get, try_connect};
use super::{DEADLINE, LIFETIME_MAX, skip, wait_until};

/// The words that start the binary under test: that of this build, or the one whose path is in the
/// variable `IPV6_HTTPD`; behind the words of `IPV6_HTTPD_RUNNER`, which name an emulator.
fn words() -> Vec<String> {
    let runner = env::var("IPV6_HTTPD_RUNNER").unwrap_or_default();
    let mut words: Vec<String> = runner.split_whitespace().map(str::to_owned).collect();
    let named = env::var("IPV6_HTTPD").ok().filter(|path| !path.is_empty());
    words.push(named.unwrap_or_else(|| env!("CARGO_BIN_EXE_ipv6-httpd").to_owned()));
    words
}

/// Whether tests are run by root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Tests show what an option does to whoever starts the server, be it root: their folders and auth
/// files are theirs.
fn staying_root() -> &'static [&'static str] {
    if is_root() { &["--user", "root"] } else { &[] }
}

/// The binary under test.
pub fn command() -> Command {
    command_behind(&[])
}

/// The binary under test, behind another program that starts it.
pub fn command_behind(starter: &[&str]) -> Command {
    let mut command = command_of_any_user(starter);
    command.args(staying_root());
    command
}

/// The same, which becomes `nobody` if tests are run by root.
pub fn command_of_any_user(starter: &[&str]) -> Command {
    let words: Vec<String> = starter.iter().map(|&word| word.to_owned()).chain(words()).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    // What the tests expect must not depend on who runs them.
    let variables = [
        "TZ",
        "LISTEN_PID",
        "LISTEN_FDS",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "SYSTEMD_EXEC_PID",
        "CREDENTIALS_DIRECTORY",
    ];
    for name in variables {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The binary under test, in the place of a shell that has run a script.
pub fn command_in_shell(script: &str) -> Command {
    command_behind(&["sh", "-c", &format!("{script}\nexec \"$0\" \"$@\"")])
}

/// Whether the binary runs under emulation, where some of the machine cannot be seen.
pub fn is_emulated() -> bool {
    env::var("IPV6_HTTPD_RUNNER").is_ok_and(|runner| !runner.trim().is_empty())
}

/// Whether a program that starts another one, under conditions that a test needs, works here.
pub fn works(starter: &[&str]) -> bool {
    let status = Command::new(starter[0]).args(&starter[1..]).arg("true").output();
    let works = status.is_ok_and(|output| output.status.success());
    if !works {
        skip(&format!("no right to run {} {}", starter[0], starter[1]));
    }
    works
}

/// What to start the binary with, so that modes bind it, which do not bind root. `closed` is a
/// file or folder that nobody may read. `None`, and said, where there is no way.
pub fn bound_by_modes(closed: &Path) -> Option<&'static [&'static str]> {
    const STARTER: &[&str] = &["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    match File::open(closed) {
        Err(_) => Some(&[]),
        Ok(_) => works(STARTER).then_some(STARTER),
    }
}

/// A process. It is killed when this is dropped, and when it runs for longer than any test needs:
/// who waits for a byte or a line of it for ever waits for its end, and that comes.
#[derive(Debug)]
pub struct Process {
    id: u32,
    child: Arc<Mutex<Child>>,
    /// Its end calls the watch off.
    _watched: Sender<()>,
}

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Process {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (id, child) = (child.id(), Arc::new(Mutex::new(child)));
        let (watched, over) = channel::<()>();
        let watch = Arc::clone(&child);
        let test = thread::current().name().unwrap_or("a test").to_owned();
        thread::spawn(move || {
            if over.recv_timeout(LIFETIME_MAX) == Err(RecvTimeoutError::Timeout) {
                let seconds = LIFETIME_MAX.as_secs();
                eprintln!("{test}: its process {id} is killed: it has run for {seconds} s");
                let _ = lock(&watch).kill();
            }
        });
        Process { id, child, _watched: watched }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its standard output, once, if that is a pipe.
    pub fn stdout(&self) -> ChildStdout {
        lock(&self.child).stdout.take().expect("a pipe")
    }

    /// Its standard error, once, if that is a pipe.
    pub fn stderr(&self) -> ChildStderr {
        lock(&self.child).stderr.take().expect("a pipe")
    }

    /// Sends it a signal: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        signal(self.id, name);
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().expect("its state")
    }

    /// Waits for its end.
    pub fn wait(&self) -> ExitStatus {
        let mut ended = None;
        wait_until("it ends", || {
            ended = self.ended();
            ended.is_some()
        });
        ended.expect("see above")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A child is what it is, whatever a thread that held it was doing.
fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that is running.
#[derive(Debug)]
pub struct TestServer {
    pub process: Process,
    addresses: Vec<SocketAddr>,
    /// From `Listening on port:N`.
    pub port: u16,
    /// The lines between that one and `Press ^C to quit`.
    pub urls: Vec<String>,
    /// Standard output.
    pub out: Output,
    /// Standard error.
    pub err: Output,
}

impl TestServer {
    /// Starts a server of a folder, on a free port.
    pub fn start(options: &[&str], folder: impl AsRef<Path>) -> TestServer {
        let mut command = command();
        command.args(["--port", "0"]).args(options).arg(folder.as_ref());
        TestServer::launch(command)
    }

    /// Runs a command that ends up as a server, and waits until that is ready.
    pub fn launch(mut command: Command) -> TestServer {
        let process = Process::start(&mut command);
        let (out, err) = (Output::collect(process.stdout()), Output::collect(process.stderr()));
        let started = out.wait_until(|text| text.contains("Press ^C to quit\n"));
        assert!(started, "{command:?} said {:?}", err.text());
        let text = out.text();
        let mut lines = text.lines();
        let first = lines.next().expect("a line");
        let port = first.strip_prefix("Listening on port:").and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in {first:?}"));
        let urls = lines.take_while(|line| *line != "Press ^C to quit");
        let urls = urls.map(str::to_owned).collect();
        // IPv6 first, unless the machine has none.
        let mut addresses: Vec<SocketAddr> = vec![(Ipv4Addr::LOCALHOST, port).into()];
        if has_ipv6() {
            addresses.insert(0, (Ipv6Addr::LOCALHOST, port).into());
        }
        TestServer { process, addresses, port, urls, out, err }
    }

    /// Starts a server of a folder with `a.txt` in it, and waits until it sends that: its output is
    /// the caller's, and is not read here. `script`: what a shell does before it becomes the server.
    /// `prepare` gets the command, and may add options and say where its output goes.
    pub fn start_unread(
        script: &str,
        folder: impl AsRef<Path>,
        prepare: impl FnOnce(&mut Command),
    ) -> TestServer {
        let address = free_address();
        let mut command = command_in_shell(script);
        command.args(["--bind", &address.to_string()]);
        prepare(&mut command);
        let process = Process::start(command.arg(folder.as_ref()));
        let server = TestServer {
            process,
            addresses: vec![address],
            port: address.port(),
            urls: Vec::new(),
            out: Output::collect(io::empty()),
            err: Output::collect(io::empty()),
        };
        wait_until("it answers", || server.try_ask("/a.txt").starts_with(b"HTTP/1.1 200 OK\r\n"));
        server
    }

    /// Where a client finds it, over IPv6 where the machine has that.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where clients find it: `[::1]`, unless the machine has no IPv6, and `127.0.0.1`.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Asks once, on a connection of its own; nothing comes if there is no answer.
    pub fn try_ask(&self, target: &str) -> Vec<u8> {
        let mut answer = Vec::new();
        if let Ok(mut stream) = try_connect(self.address()) {
            let request = get(target).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read_to_end(&mut answer);
        }
        answer
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The lines of the log so far.
    pub fn log(&self) -> Vec<String> {
        let text = self.out.text();
        let lines = text.lines().skip_while(|line| *line != "Press ^C to quit");
        lines.skip(1).map(str::to_owned).collect()
    }

    /// The lines of the log, once there are so many.
    pub fn log_of(&self, count: usize) -> Vec<String> {
        let before = 2 + self.urls.len();
        self.out.wait_until(|text| text.matches('\n').count() >= before + count);
        self.log()
    }

    /// Whether it is still running.
    pub fn is_running(&self) -> bool {
        self.process.ended().is_none()
    }

    /// Sends it a signal: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits for its end.
    pub fn wait(&self) -> ExitStatus {
        self.process.wait()
    }

    /// Resident memory.
    pub fn resident_bytes(&self) -> u64 {
        let kibibytes = self.status_of("VmRSS");
        let kibibytes = kibibytes.and_then(|it| it.strip_suffix(" kB")?.trim().parse().ok());
        kibibytes.map_or(0, |kibibytes: u64| kibibytes << 10)
    }

    /// A line of the status that the kernel keeps of the process, if it is there.
    pub fn status_of(&self, name: &str) -> Option<String> {
        let status = self.proc("status");
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned);
        status.lines().find_map(value).map(|value| value.trim().to_owned())
    }

    /// How many descriptors are open.
    pub fn descriptors(&self) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        folder.map_or(0, Iterator::count)
    }

    /// The time it has run on a processor, in ticks, 100 a second.
    pub fn ticks(&self) -> u64 {
        let stat = self.proc("stat");
        let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
        let tick = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        tick(12).unwrap_or(0) + tick(13).unwrap_or(0)
    }

    fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).unwrap_or_default()
    }
}

/// An address for a server that cannot say where it is. A listener that is closed to free its port
/// may live on in the child that another test starts at this moment; and at an address of our own no
/// client of theirs is given the port meanwhile.
fn free_address() -> SocketAddr {
    static STARTED: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = process::id().to_be_bytes();
    let own = [127, STARTED.fetch_add(1, Ordering::Relaxed), high, low];
    UdpSocket::bind(SocketAddr::from((own, 0)))
        .or_else(|_| UdpSocket::bind("127.0.0.1:0"))
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
}

/// Sends a signal to a process of ours.
pub fn signal(pid: u32, name: &str) {
    let command = format!("kill -s {name} {pid}");
    let _ = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
}

/// Whether `[::1]` is there.
pub fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// How a command that is over by itself ended: its exit status, and what it said.
pub fn run(options: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command();
    command.args(options);
    finish(command)
}

/// The same for a command that is ready.
pub fn finish(mut command: Command) -> (Option<i32>, String, String) {
    let process = Process::start(&mut command);
    let (out, err) = (Output::collect(process.stdout()), Output::collect(process.stderr()));
    wait_until("it ends", || {
        let serves = out.text().contains("Press ^C to quit");
        assert!(!serves, "{command:?} does not end by itself");
        process.ended().is_some()
    });
    (process.wait().code(), out.whole(), err.whole())
}

/// Arguments that are no UTF-8 are fine too.
pub fn os(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

/// What a process says, collected by a thread while it runs, so that no pipe is ever full.
#[derive(Clone, Debug)]
pub struct Output {
    shared: Arc<(Mutex<Said>, Condvar)>,
}

#[derive(Debug, Default)]
struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

impl Output {
    /// Begins.
    pub fn collect(mut from: impl Read + Send + 'static) -> Output {
        let shared: Arc<(Mutex<Said>, Condvar)> = Arc::default();
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            let (said, changed) = &*own;
            let mut block = [0; 4096];
            loop {
                let count = from.read(&mut block).unwrap_or(0);
                let mut said = said.lock().expect("not poisoned");
                said.bytes.extend_from_slice(&block[..count]);
                said.ended |= count == 0;
                changed.notify_all();
                if said.ended {
                    return;
                }
            }
        });
        Output { shared }
    }

    /// All so far.
    pub fn text(&self) -> String {
        let said = self.shared.0.lock().expect("not poisoned");
        String::from_utf8_lossy(&said.bytes).into_owned()
    }

    /// All there will ever be.
    pub fn whole(&self) -> String {
        self.wait_until(|_| false);
        self.text()
    }

    /// Waits until something holds or the end; `false` if that came first.
    pub fn wait_until(&self, holds: impl Fn(&str) -> bool) -> bool {
        let (said, changed) = &*self.shared;
        let waiting =
            |said: &mut Said| !said.ended && !holds(&String::from_utf8_lossy(&said.bytes));
        let said = said.lock().expect("not poisoned");
        let (said, timeout) =
            changed.wait_timeout_while(said, DEADLINE, waiting).expect("not poisoned");
        let text = String::from_utf8_lossy(&said.bytes);
        assert!(!timeout.timed_out(), "nothing came after {text:?}");
        holds(&text)
    }
}
