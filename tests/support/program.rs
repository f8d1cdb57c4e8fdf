//! The program itself, as an operator starts it, with a folder of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything takes that works, on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs. It is killed, and its folder removed, when it is dropped.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
    pub folder: PathBuf,
}

impl Program {
    /// `prepare` gets the command, and may add options and say where its output goes. `shell`:
    /// what a shell does before it becomes the program.
    pub fn start(name: &str, shell: &str, prepare: impl FnOnce(&mut Command)) -> Program {
        let folder = std::env::temp_dir().join(format!("ipv6-httpd-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("a.txt"), "hello\n").expect("a file");
        fs::write(folder.join("big.bin"), vec![b'b'; 4 << 20]).expect("a file");
        // The port has to be known where standard output cannot be read. A listener that is closed
        // to free it may live on in the child that another test starts at this moment; and at an
        // address of our own no client of theirs is given the port meanwhile.
        static STARTED: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        let own = [127, STARTED.fetch_add(1, Ordering::Relaxed), high, low];
        let address = UdpSocket::bind(SocketAddr::from((own, 0)))
            .or_else(|_| UdpSocket::bind("127.0.0.1:0"))
            .and_then(|socket| socket.local_addr())
            .expect("a free port");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")]);
        command.arg(env!("CARGO_BIN_EXE_ipv6-httpd"));
        command.args(["--bind", &address.to_string()]);
        prepare(&mut command);
        let child = command.arg(&folder).spawn().expect("a shell");
        let program = Program { child, address, folder };
        program.wait_until("it answers", || program.ask("/a.txt").ends_with(b"hello\n"));
        program
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream
    }

    /// One request on a connection of its own; nothing if there is no answer.
    pub fn ask(&self, target: &str) -> Vec<u8> {
        let mut answer = Vec::new();
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.read_to_end(&mut answer);
        }
        answer
    }

    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !holds() {
            assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
            sleep(Duration::from_millis(20));
        }
    }

    /// SIGINT.
    pub fn interrupt(&self) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-INT", &id]).status();
        assert!(done.expect("kill").success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(20));
        }
    }

    fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap_or_default()
    }

    /// Resident memory.
    pub fn resident_bytes(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        kibibytes.map_or(0, |kibibytes: u64| kibibytes << 10)
    }

    pub fn descriptors(&self) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        folder.map_or(0, Iterator::count)
    }

    /// Ticks of the processor, 100 a second.
    pub fn ticks(&self) -> u64 {
        let stat = self.proc("stat");
        let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
        let tick = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        tick(12).unwrap_or(0) + tick(13).unwrap_or(0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
