//! The service manager's side: sockets that are passed, what it is told, `--healthcheck`.
//! A shell stands between: the sockets are its standard streams, and it gives them the numbers.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{self, Command, Stdio};

use crate::support::client::{Conversation, connect};
use crate::support::folder::Folder;
use crate::support::server::{Process, command_in_shell, is_emulated, is_root, run, works};
use crate::support::{DEADLINE, wait_until};

/// A folder of this test's own, with `site/index.html` in it.
fn folder() -> Folder {
    Folder::with(&[("site/index.html", "hello")])
}

/// The server with these options, in the place of a shell that has run `script`.
/// What it prints goes to the files `out` and `err`.
fn server(folder: &Folder, script: &str, options: &[&str]) -> Command {
    let script = format!("{script} exec >\"$FOLDER/out\" 2>\"$FOLDER/err\"");
    let mut command = command_in_shell(&script);
    command.args(options).arg(folder.join("site")).env("FOLDER", folder.path());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// SIGTERM, and the exit status.
fn terminate(server: &Process) -> Option<i32> {
    server.signal("TERM");
    server.wait().code()
}

/// The end of one that does not serve.
fn status(command: &mut Command) -> Option<i32> {
    Process::start(command).wait().code()
}

fn get(stream: impl Read + Write, path: &str) -> String {
    let answer = Conversation::over(stream).get(path);
    format!("{} {}", answer.head.lines().next().unwrap(), answer.text())
}

fn connect_unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn wait_for_announcement(folder: &Folder) {
    wait_until("it is announced", || {
        fs::read_to_string(folder.join("out")).is_ok_and(|text| text.ends_with("quit\n"))
    });
}

#[test]
fn passed_sockets_of_three_kinds_are_served() {
    let folder = folder();
    // One socket for both families, one for IPv4 alone, and a path.
    let both = TcpListener::bind("[::]:0").unwrap();
    let ipv4 = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(folder.join("socket")).unwrap();
    let both_port = both.local_addr().unwrap().port();
    let ipv4_port = ipv4.local_addr().unwrap().port();
    let server = Process::start(
        server(
            &folder,
            "export LISTEN_PID=$$ LISTEN_FDS=3; exec 3<&0 4<&1 5<&2 </dev/null;",
            &["--log", "simple"],
        )
        .stdin(OwnedFd::from(both))
        .stdout(OwnedFd::from(ipv4))
        .stderr(OwnedFd::from(unix)),
    );
    let rows = [
        (SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], both_port)), "::1"),
        (([127, 0, 0, 1], both_port).into(), "127.0.0.1"),
        (([127, 0, 0, 1], ipv4_port).into(), "127.0.0.1"),
    ];
    for (address, wanted) in rows {
        let wanted = format!("HTTP/1.1 200 OK Your IP address is {wanted}\n");
        assert_eq!(get(connect(address), "/ip"), wanted, "{address}");
        assert_eq!(get(connect(address), "/"), "HTTP/1.1 200 OK hello");
    }
    let unix = || connect_unix(&folder.join("socket"));
    assert_eq!(get(unix(), "/ip"), "HTTP/1.1 200 OK Your IP address is unix:\n");
    assert_eq!(get(unix(), "/"), "HTTP/1.1 200 OK hello");
    assert_eq!(terminate(&server), Some(0));
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
    let folder = folder();
    let content = vec![b'x'; 3 << 20];
    fs::write(folder.join("site/large"), &content).unwrap();
    let unix = UnixListener::bind(folder.join("socket")).unwrap();
    let server = Process::start(
        server(&folder, "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null;", &[])
            .stdin(OwnedFd::from(unix)),
    );
    let answer = get(connect_unix(&folder.join("socket")), "/large");
    assert_eq!(answer.len(), "HTTP/1.1 200 OK ".len() + content.len());
    assert_eq!(terminate(&server), Some(0));
    assert_eq!(folder.text("out").lines().next(), Some("Listening on a unix socket"));
}

/// The port is the manager's, whatever the options say; one line says so.
#[test]
fn options_for_ports_do_not_count_beside_passed_sockets() {
    let line =
        "ipv6-httpd: --port and --bind do not count: the service manager has opened the port";
    for (options, expected) in [
        (&[][..], None),
        (&["--port", "8081"], Some(line)),
        (&["--bind", "127.0.0.1:8081"], Some(line)),
        (&["--port", "8080"], Some(line)),
    ] {
        let folder = folder();
        let passed = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = passed.local_addr().unwrap();
        let script = "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null;";
        let server = Process::start(server(&folder, script, options).stdin(OwnedFd::from(passed)));
        assert!(get(TcpStream::connect(address).unwrap(), "/a.txt").starts_with("HTTP/1.1 "));
        assert_eq!(terminate(&server), Some(0));
        let said = folder.text("err");
        assert_eq!(said.lines().find(|line| line.contains("--port")), expected, "{options:?}");
    }
}

#[test]
fn sockets_for_somebody_else_are_left_alone() {
    let folder = folder();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let server = Process::start(
        server(
            &folder,
            "export LISTEN_PID=1 LISTEN_FDS=1; exec 3<&0 </dev/null;",
            &["--port", "0"],
        )
        .stdin(OwnedFd::from(other)),
    );
    wait_for_announcement(&folder);
    let first = folder.text("out").lines().next().unwrap().to_owned();
    assert_ne!(first, format!("Listening on port:{port}"));
    assert_eq!(terminate(&server), Some(0));
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
            "descriptor 3 is not a listening stream socket: \
             Socket operation on non-socket (os error 88)",
        ),
        (
            "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&-;",
            "descriptor 3 is not a listening stream socket: Bad file descriptor (os error 9)",
        ),
    ];
    for (script, wanted) in rows {
        let folder = folder();
        let status = status(&mut server(&folder, script, &[]));
        assert_eq!(status, Some(1), "{script}");
        // C libraries word these two differently.
        let said = folder.text("err").replace("Not a socket", "Socket operation on non-socket");
        assert_eq!(said, format!("ipv6-httpd: {wanted}\n"), "{script}");
    }
    let folder = folder();
    let datagram = UnixDatagram::unbound().unwrap();
    let mut command =
        server(&folder, "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null;", &[]);
    assert_eq!(status(command.stdin(OwnedFd::from(datagram))), Some(1));
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
    let folder = folder();
    let path = folder.join("notify");
    let name = format!("ipv6-httpd-test-{}", process::id());
    let abstract_address = UnixAddress::from_abstract_name(&name).unwrap();
    let rows = [
        (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
        (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}")),
    ];
    for (manager, address) in rows {
        manager.set_read_timeout(Some(DEADLINE)).unwrap();
        let told = || {
            let mut message = [0; 4096];
            let length = receive(&manager, &mut message);
            String::from_utf8(message[..length].to_vec()).unwrap()
        };
        let server = Process::start(
            server(&folder, "export WATCHDOG_PID=$$;", &["--port", "0"])
                .env("NOTIFY_SOCKET", &address)
                .env("WATCHDOG_USEC", "2000000"),
        );
        let ready = told();
        // The log has a thread of its own, which may come later.
        wait_for_announcement(&folder);
        let place = folder.text("out").lines().next().unwrap().to_owned();
        assert_eq!(ready, format!("READY=1\nSTATUS={place}"), "{address}");
        for _ in 0..3 {
            assert_eq!(told(), "WATCHDOG=1", "{address}");
        }
        assert_eq!(terminate(&server), Some(0));
        let rest: Vec<String> = std::iter::repeat_with(told)
            .take_while(|message| !message.starts_with("STOPPING=1"))
            .collect();
        assert!(rest.iter().all(|message| message == "WATCHDOG=1"));
    }
}

#[test]
fn a_watchdog_of_somebody_else_is_left_alone() {
    let folder = folder();
    let manager = UnixDatagram::bind(folder.join("notify")).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let server = Process::start(
        server(&folder, "export WATCHDOG_PID=1;", &["--port", "0"])
            .env("NOTIFY_SOCKET", folder.join("notify"))
            .env("WATCHDOG_USEC", "1"),
    );
    let mut message = [0; 4096];
    receive(&manager, &mut message);
    terminate(&server);
    let length = receive(&manager, &mut message);
    assert_eq!(&message[..length], b"STOPPING=1\nSTATUS=Finishing what is running");
}

#[test]
fn a_manager_that_is_gone_is_no_reason_to_end() {
    let folder = folder();
    let server = Process::start(
        server(&folder, "", &["--port", "0"]).env("NOTIFY_SOCKET", "/nonexistent/notify"),
    );
    wait_for_announcement(&folder);
    assert_eq!(terminate(&server), Some(0));
    assert_eq!(
        folder.text("err"),
        "ipv6-httpd: cannot reach NOTIFY_SOCKET /nonexistent/notify: \
         No such file or directory (os error 2)\n"
    );
}

/// Its last words may be lost to the journal: it is shown them as the state of the service.
#[test]
fn the_manager_is_told_why_it_does_not_start() {
    let folder = folder();
    let manager = UnixDatagram::bind(folder.join("notify")).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let gone = folder.join("gone").display().to_string();
    let hidden = |path: &str| {
        let hint = "; systemd may hide it from the service: folder.conf shows it";
        format!("there is no directory '{path}'{hint}")
    };
    // (what has started it, the last words, exit status, what is wrong)
    let started = "export SYSTEMD_EXEC_PID=$$;";
    let other = "export SYSTEMD_EXEC_PID=1;";
    let rows: [(&str, &[&str], i32, String); 5] = [
        (started, &["--wrong"], 2, "there is no option --wrong; see --help".to_owned()),
        ("", &["--index", "none", "/none"], 1, "there is no directory '/none'".to_owned()),
        (started, &["/none"], 1, "there is no directory '/none'".to_owned()),
        (started, &["/home/nobody/none"], 1, hidden("/home/nobody/none")),
        (other, &["/home/nobody/none"], 1, "there is no directory '/home/nobody/none'".to_owned()),
    ];
    for (script, words, wanted, error) in rows {
        let mut command = command_in_shell(&format!("{script} exec 2>\"$FOLDER/err\""));
        command.args(words).env("FOLDER", folder.path());
        command.env("NOTIFY_SOCKET", folder.join("notify"));
        assert_eq!(status(&mut command), Some(wanted), "{words:?}");
        assert_eq!(folder.text("err"), format!("ipv6-httpd: {error}\n"), "{words:?}");
        let mut message = [0; 4096];
        let length = receive(&manager, &mut message);
        assert_eq!(message[..length], *format!("STATUS={error}").as_bytes(), "{words:?}");
    }
    // Who only asks is not the service.
    for words in [["--check", &gone], ["--healthcheck", "http://[::1]:1"]] {
        let mut command = command_in_shell("exec 2>/dev/null");
        command.args(words).env("NOTIFY_SOCKET", folder.join("notify"));
        assert_eq!(status(&mut command), Some(1), "{words:?}");
    }
    manager.set_nonblocking(true).unwrap();
    assert_eq!(manager.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// The kernel would name the networks of another machine, so to speak, and nobody would be let in.
#[test]
fn local_wants_the_network_of_the_sockets() {
    let starter = if is_root() { ["unshare", "--net"] } else { ["unshare", "-rn"] };
    if is_emulated() || !works(&starter) {
        return;
    }
    let folder = folder();
    let start = |starter: &str, words: &[&str]| {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let script = format!(
            "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; \
             exec {starter} sh -c 'exec \"$0\" \"$@\" >\"$FOLDER/out\" 2>\"$FOLDER/err\"' \"$0\" \"$@\""
        );
        let mut command = command_in_shell(&script);
        command.args(words).arg(folder.join("site")).env("FOLDER", folder.path());
        command.stdin(OwnedFd::from(listener));
        Process::start(&mut command)
    };
    let other = start(&starter.join(" "), &["--allow", "local"]);
    assert_eq!(other.wait().code(), Some(1));
    let error = "cannot find out which networks are local: \
                 this process has a network of its own (PrivateNetwork=)";
    assert_eq!(folder.text("err"), format!("ipv6-httpd: {error}\n"));
    for (starter, words) in [("", ["--allow", "local"]), (&starter.join(" "), ["--allow", "::1"])] {
        let _ = File::create(folder.join("out"));
        let server = start(starter, &words);
        wait_for_announcement(&folder);
        assert_eq!(terminate(&server), Some(0));
        assert_eq!(folder.text("err"), "", "{starter} {words:?}");
    }
}

#[test]
fn healthcheck_asks_the_server() {
    let folder = folder();
    let start = |options: &[&str]| {
        let _ = File::create(folder.join("out"));
        let server = Process::start(&mut server(&folder, "", options));
        wait_for_announcement(&folder);
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
        assert_eq!(run(options), (Some(status), String::new(), said), "{options:?}");
    }
}
