//! The service manager's side: sockets that are passed, what it is told, `--healthcheck`.
//! A shell stands between: the sockets are its standard streams, and it gives them the numbers.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of this test's own, with `site/index.html` in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("ipv6-httpd-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("site")).unwrap();
        fs::write(path.join("site/index.html"), "hello").unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The words that start the server: those of IPV6_HTTPD, an emulator and a binary say.
fn words() -> Vec<String> {
    match std::env::var("IPV6_HTTPD") {
        Ok(words) => words.split_whitespace().map(str::to_owned).collect(),
        Err(_) => vec![env!("CARGO_BIN_EXE_ipv6-httpd").to_owned()],
    }
}

/// The server with these options, to be run by a shell that has done `redirections` before.
/// What it prints goes to the files `out` and `err`.
fn command(folder: &Folder, script: &str, options: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{script} exec \"$@\" >\"$FOLDER/out\" 2>\"$FOLDER/err\"");
    command
        .args(["-c", &script, "sh"])
        .args(words())
        .args(options)
        .arg(folder.path("site"))
        .env("FOLDER", &folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for name in ["LISTEN_PID", "LISTEN_FDS", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        command.env_remove(name);
    }
    command
}

/// Ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        Running(command.spawn().unwrap())
    }

    /// SIGTERM, and the exit status.
    fn terminate(&mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(mut stream: impl Read + Write, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {content}", head.lines().next().unwrap())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn passed_sockets_of_three_kinds_are_served() {
    let folder = Folder::new("passed");
    // One socket for both families, one for IPv4 alone, and a path.
    let both = TcpListener::bind("[::]:0").unwrap();
    let ipv4 = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(folder.path("socket")).unwrap();
    let both_port = both.local_addr().unwrap().port();
    let ipv4_port = ipv4.local_addr().unwrap().port();
    let mut server = Running::start(
        command(
            &folder,
            "export LISTEN_PID=$$ LISTEN_FDS=3; exec 3<&0 4<&1 5<&2 </dev/null;",
            &["--log", "simple"],
        )
        .stdin(OwnedFd::from(both))
        .stdout(OwnedFd::from(ipv4))
        .stderr(OwnedFd::from(unix)),
    );
    let rows = [
        (([0, 0, 0, 0, 0, 0, 0, 1], both_port).into(), "::1"),
        (([127, 0, 0, 1], both_port).into(), "127.0.0.1"),
        (([127, 0, 0, 1], ipv4_port).into(), "127.0.0.1"),
    ];
    for (address, wanted) in rows {
        let wanted = format!("HTTP/1.1 200 OK Your IP address is {wanted}\n");
        assert_eq!(get(connect(address), "/ip"), wanted, "{address}");
        assert_eq!(get(connect(address), "/"), "HTTP/1.1 200 OK hello");
    }
    let unix = || {
        let stream = UnixStream::connect(folder.path("socket")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    assert_eq!(get(unix(), "/ip"), "HTTP/1.1 200 OK Your IP address is unix:\n");
    assert_eq!(get(unix(), "/"), "HTTP/1.1 200 OK hello");
    assert_eq!(server.terminate(), Some(0));
    let out = folder.text("out");
    let mut lines = out.lines();
    let first = format!("Listening on port:{both_port}");
    assert_eq!(lines.next(), Some(first.as_str()));
    // Of several workers, so in any order.
    let line = lines.find(|line| {
        line.ends_with("] \"GET / HTTP/1.1\" 200 5") && line.starts_with("unix: - - [")
    });
    assert!(line.is_some(), "{out}");
    assert_eq!(folder.text("err"), "");
}

#[test]
fn a_large_file_goes_through_a_unix_socket() {
    let folder = Folder::new("large");
    let content = vec![b'x'; 3 << 20];
    fs::write(folder.path("site/large"), &content).unwrap();
    let unix = UnixListener::bind(folder.path("socket")).unwrap();
    let mut server = Running::start(
        command(&folder, "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null;", &[])
            .stdin(OwnedFd::from(unix)),
    );
    let stream = UnixStream::connect(folder.path("socket")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let answer = get(stream, "/large");
    assert_eq!(answer.len(), "HTTP/1.1 200 OK ".len() + content.len());
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(folder.text("out").lines().next(), Some("Listening on a unix socket"));
}

#[test]
fn sockets_for_somebody_else_are_left_alone() {
    let folder = Folder::new("else");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let mut server = Running::start(
        command(
            &folder,
            "export LISTEN_PID=1 LISTEN_FDS=1; exec 3<&0 </dev/null;",
            &["--port", "0"],
        )
        .stdin(OwnedFd::from(other)),
    );
    until("the announcement", || {
        fs::read_to_string(folder.path("out")).is_ok_and(|text| text.ends_with("quit\n"))
    });
    let first = folder.text("out").lines().next().unwrap().to_owned();
    assert_ne!(first, format!("Listening on port:{port}"));
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn what_is_no_listening_socket_is_one_line() {
    let rows = [
        (
            "export LISTEN_PID=$$ LISTEN_FDS=many;",
            "LISTEN_FDS wants a number from 0 to 255, not 'many'",
        ),
        (
            "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3</dev/null;",
            "descriptor 3 is no listening stream socket: \
             Socket operation on non-socket (os error 88)",
        ),
        (
            "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&-;",
            "descriptor 3 is no listening stream socket: Bad file descriptor (os error 9)",
        ),
    ];
    for (script, wanted) in rows {
        let folder = Folder::new("wrong");
        let status = command(&folder, script, &[]).status().unwrap();
        assert_eq!(status.code(), Some(1), "{script}");
        // C libraries word these two differently.
        let said = folder.text("err").replace("Not a socket", "Socket operation on non-socket");
        assert_eq!(said, format!("ipv6-httpd: {wanted}\n"), "{script}");
    }
    let folder = Folder::new("datagram");
    let datagram = UnixDatagram::unbound().unwrap();
    let status = command(&folder, "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null;", &[])
        .stdin(OwnedFd::from(datagram))
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

/// A signal that has no handler may interrupt a call with a time-out all the same.
fn receive(manager: &UnixDatagram, message: &mut [u8]) -> usize {
    loop {
        match manager.recv(message) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.unwrap(),
        }
    }
}

/// What the manager is told, at a path and at an abstract name.
#[test]
fn the_manager_is_told() {
    let folder = Folder::new("told");
    let path = folder.path("notify");
    let name = format!("ipv6-httpd-test-{}", std::process::id());
    let abstract_address = UnixAddress::from_abstract_name(&name).unwrap();
    let rows = [
        (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
        (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}")),
    ];
    for (manager, address) in rows {
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let told = || {
            let mut message = [0; 4096];
            let length = receive(&manager, &mut message);
            String::from_utf8(message[..length].to_vec()).unwrap()
        };
        let mut server = Running::start(
            command(&folder, "export WATCHDOG_PID=$$;", &["--port", "0"])
                .env("NOTIFY_SOCKET", &address)
                .env("WATCHDOG_USEC", "2000000"),
        );
        let ready = told();
        // The log has a thread of its own, which may come later.
        until("the announcement", || folder.text("out").ends_with("quit\n"));
        let place = folder.text("out").lines().next().unwrap().to_owned();
        assert_eq!(ready, format!("READY=1\nSTATUS={place}"), "{address}");
        for _ in 0..3 {
            assert_eq!(told(), "WATCHDOG=1", "{address}");
        }
        assert_eq!(server.terminate(), Some(0));
        let rest: Vec<String> = std::iter::repeat_with(told)
            .take_while(|message| !message.starts_with("STOPPING=1"))
            .collect();
        assert!(rest.iter().all(|message| message == "WATCHDOG=1"));
    }
}

#[test]
fn a_watchdog_of_somebody_else_is_left_alone() {
    let folder = Folder::new("dog");
    let manager = UnixDatagram::bind(folder.path("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut server = Running::start(
        command(&folder, "export WATCHDOG_PID=1;", &["--port", "0"])
            .env("NOTIFY_SOCKET", folder.path("notify"))
            .env("WATCHDOG_USEC", "1"),
    );
    let mut message = [0; 4096];
    receive(&manager, &mut message);
    server.terminate();
    let length = receive(&manager, &mut message);
    assert_eq!(&message[..length], b"STOPPING=1\nSTATUS=Finishing what is running");
}

#[test]
fn a_manager_that_is_gone_is_no_reason_to_end() {
    let folder = Folder::new("gone");
    let mut server = Running::start(
        command(&folder, "", &["--port", "0"]).env("NOTIFY_SOCKET", "/nonexistent/notify"),
    );
    until("the announcement", || {
        fs::read_to_string(folder.path("out")).is_ok_and(|text| text.ends_with("quit\n"))
    });
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(
        folder.text("err"),
        "ipv6-httpd: cannot reach NOTIFY_SOCKET /nonexistent/notify: \
         No such file or directory (os error 2)\n"
    );
}

fn healthcheck(options: &[&str]) -> Output {
    let words = words();
    Command::new(&words[0]).args(&words[1..]).args(options).output().unwrap()
}

#[test]
fn healthcheck_asks_the_server() {
    let folder = Folder::new("health");
    let start = |options: &[&str]| {
        let _ = File::create(folder.path("out"));
        let server = Running::start(&mut command(&folder, "", options));
        let announced =
            || fs::read_to_string(folder.path("out")).is_ok_and(|text| text.ends_with("quit\n"));
        until("the announcement", announced);
        let out = folder.text("out");
        let port = out.lines().next().unwrap().rsplit(':').next().unwrap();
        (server, port.to_owned())
    };
    let (_both, both) = start(&["--port", "0"]);
    let (_proxied, proxied) = start(&["--port=0", "--proxy-protocol", "--trusted-proxy=::1"]);
    let (_ipv4, ipv4) = start(&["--bind", "127.0.0.1:0", "--index", "none", "--no-listing"]);
    let at = |port: &str, path: &str| format!("http://localhost:{port}{path}");
    // (options, exit status, standard error)
    let rows: [(&[&str], i32, String); 9] = [
        (&["--port", &both, "--healthcheck"], 0, String::new()),
        (&["--healthcheck", &at(&both, "/")], 0, String::new()),
        (&["--healthcheck", &at(&both, "/ip?x")], 0, String::new()),
        (
            &[&format!("--healthcheck={}", at(&both, "/gone"))],
            1,
            format!("ipv6-httpd: [::1]:{both} answers with status 404\n"),
        ),
        (
            &["--healthcheck", "--proxy-protocol", "--trusted-proxy=::1", "-p", &proxied],
            0,
            String::new(),
        ),
        // IPv4 alone, and nothing at / : it lives.
        (&["--healthcheck", "--port", &ipv4], 0, String::new()),
        (
            &["--healthcheck", &at(&ipv4, "/")],
            1,
            format!("ipv6-httpd: 127.0.0.1:{ipv4} answers with status 404\n"),
        ),
        (
            &["--healthcheck=gopher://localhost"],
            1,
            "ipv6-httpd: --healthcheck wants http://localhost:PORT/PATH or an address, not 'gopher://localhost'\n"
                .to_owned(),
        ),
        (
            &["--healthcheck", "-b", "127.0.0.1:1"],
            1,
            "ipv6-httpd: no answer from 127.0.0.1:1: Connection refused (os error 111)\n"
                .to_owned(),
        ),
    ];
    for (options, status, said) in rows {
        let output = healthcheck(options);
        assert_eq!(String::from_utf8_lossy(&output.stderr), said, "{options:?}");
        assert_eq!(output.status.code(), Some(status), "{options:?}");
        assert_eq!(output.stdout, b"", "{options:?}");
    }
    assert!(Path::new(&folder.path("site")).is_dir());
}
