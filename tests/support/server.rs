//! The binary under test, as a process.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{DEADLINE, skip};

/// The binary under test, behind another program that starts it: that of this build, or what
/// the variable `IPV6_HTTPD` says (`qemu-arm-static -cpu cortex-a7 path/to/ipv6-httpd`).
pub fn command_behind(starter: &[&str]) -> Command {
    let own = env!("CARGO_BIN_EXE_ipv6-httpd");
    let named = env::var("IPV6_HTTPD").unwrap_or_default();
    let mut words: Vec<&str> = starter.to_vec();
    words.extend(named.split_ascii_whitespace());
    if named.is_empty() {
        words.push(own);
    }
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    // What the tests expect of dates must not depend on who runs them.
    command.env_remove("TZ");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The binary under test.
pub fn command() -> Command {
    command_behind(&[])
}

/// Whether the binary runs under emulation, where some of the machine cannot be seen.
pub fn is_emulated() -> bool {
    env::var("IPV6_HTTPD").is_ok_and(|named| named.contains("qemu"))
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

/// A server that is running. It is stopped when this is dropped.
#[derive(Debug)]
pub struct TestServer {
    child: Child,
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
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = Output::collect(child.stdout.take().expect("its output"));
        let err = Output::collect(child.stderr.take().expect("its errors"));
        let mut server = TestServer { child, port: 0, urls: Vec::new(), out, err };
        let started = server.out.wait_until(|text| text.contains("Press ^C to quit\n"));
        assert!(started, "{command:?} said {:?}", server.err.text());
        let text = server.out.text();
        let mut lines = text.lines();
        let first = lines.next().expect("a line");
        let port = first.strip_prefix("Listening on port:").and_then(|port| port.parse().ok());
        server.port = port.unwrap_or_else(|| panic!("no port in {first:?}"));
        let urls = lines.take_while(|line| *line != "Press ^C to quit");
        server.urls = urls.map(str::to_owned).collect();
        server
    }

    /// Where a client finds it, over IPv6 where the machine has that.
    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    /// Where clients find it: `[::1]`, unless the machine has no IPv6, and `127.0.0.1`.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut found: Vec<SocketAddr> = vec![(Ipv4Addr::LOCALHOST, self.port).into()];
        if has_ipv6() {
            found.insert(0, (Ipv6Addr::LOCALHOST, self.port).into());
        }
        found
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
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
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Sends it a signal: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(started.elapsed() < DEADLINE, "it does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The second signal, where the first has to wait for somebody, ends it at once.
        let started = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if started.elapsed() > DEADLINE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            signal(self.child.id(), "TERM");
            thread::sleep(Duration::from_millis(10));
        }
    }
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
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let out = Output::collect(child.stdout.take().expect("its output"));
    let err = Output::collect(child.stderr.take().expect("its errors"));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its state") {
            break status;
        }
        if started.elapsed() > DEADLINE || out.text().contains("Press ^C to quit") {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} does not end by itself");
        }
        thread::sleep(Duration::from_millis(2));
    };
    (status.code(), out.whole(), err.whole())
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
