//! The binary itself: options, exit status, what it says, signals, the log.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::client::{Conversation, fetch, get, try_connect};
use crate::support::folder::Folder;
use crate::support::server::{
    Output, Process, TestServer, bound_by_modes, command, command_behind, finish, has_ipv6,
    is_emulated, os, run, signal, works,
};
use crate::support::{skip, wait_until};
use ipv6_httpd::cli::{self, GROUPS, Takes};
use ipv6_httpd::http::date::Calendar;

fn small_site() -> Folder {
    Folder::with(&[("a", "one"), ("empty", ""), ("index.html", "<p>index</p>\n")])
}

/// Of a file that no buffers between server and client hold.
const LARGE: u64 = 64 << 20;

#[test]
fn help_and_version() {
    let version = concat!("ipv6-httpd ", env!("CARGO_PKG_VERSION"), "\n");
    let help = cli::help();
    for (option, expected) in
        [("-h", &*help), ("--help", &*help), ("-V", version), ("--version", version)]
    {
        let said = (Some(0), expected.to_owned(), String::new());
        assert_eq!(run(&[option]), said, "{option}");
        assert_eq!(run(&["--no-ip", option, "--nonsense"]), said, "{option}");
    }
    assert_eq!(run(&["-hV"]).1, help);
    assert_eq!(run(&["-Vh"]).1, version);
}

#[test]
fn every_option_of_the_help_wants_what_it_says() {
    for flag in GROUPS.iter().flat_map(|group| group.flags) {
        for name in flag.short.iter().chain([&flag.long]) {
            match flag.takes {
                // Prints something and ends, whatever else stands there.
                Takes::Nothing if matches!(flag.long, "--help" | "--version") => {}
                Takes::Nothing if name.starts_with("--") => {
                    let error = format!("ipv6-httpd: {name} takes no value, but 'x' was given\n");
                    let said = (Some(2), String::new(), error);
                    assert_eq!(run(&[&format!("{name}=x")]), said);
                }
                Takes::Nothing | Takes::OptionalUrl => {}
                Takes::Value(..) => {
                    let (status, out, error) = run(&[name]);
                    assert_eq!((status, out.as_str()), (Some(2), ""), "{name}");
                    assert!(error.starts_with(&format!("ipv6-httpd: {name} wants ")), "{error}");
                    assert!(error.ends_with('\n') && error.lines().count() == 1, "{error}");
                }
            }
        }
    }
}

/// What `scripts/manual` reads: a row for each option of the help, and none for itself.
#[test]
fn scripts_get_the_options_as_rows() {
    let (status, rows, errors) = run(&["--options-for-scripts"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let names: Vec<&str> = rows.lines().filter_map(|row| row.split('\t').nth(2)).collect();
    for flag in GROUPS.iter().flat_map(|group| group.flags) {
        assert!(names.contains(&flag.long), "{}", flag.long);
    }
    assert!(!rows.contains("--options-for-scripts") && !cli::help().contains("for-scripts"));
}

#[test]
fn a_wrong_command_line_is_one_line_and_status_2() {
    let port = "wants a number from 0 to 65535";
    let workers = "wants a number from 1 to 1024";
    let bind = "--bind wants ADDR, [ADDR]:PORT, :PORT or fe80::1%eth0";
    let rows: [(&[&str], String); 41] = [
        (&["--nonsense"], "there is no option --nonsense; see --help".into()),
        (&["--nonsense=1"], "there is no option --nonsense; see --help".into()),
        (&["-x"], "there is no option -x; see --help".into()),
        (&["-p0x"], format!("-p {port}, not '0x'")),
        (&["-p"], format!("-p {port}")),
        (&["--port"], format!("--port {port}")),
        (&["--port="], format!("--port {port}, not ''")),
        (&["--port", "http"], format!("--port {port}, not 'http'")),
        (&["--port", "+80"], format!("--port {port}, not '+80'")),
        (&["--port", "65536"], format!("--port {port}, not '65536'")),
        (&["--port=-1"], format!("--port {port}, not '-1'")),
        (&["-w", "0"], format!("-w {workers}, not '0'")),
        (&["-w", "1025"], format!("-w {workers}, not '1025'")),
        (&["--workers=many"], format!("--workers {workers}, not 'many'")),
        (&["--symlinks", "some"], "--symlinks wants inside, follow or deny, not 'some'".into()),
        (&["--log", "xml"], "--log wants simple, common, combined, json or off, not 'xml'".into()),
        (&["--hidden=yes"], "--hidden takes no value, but 'yes' was given".into()),
        (&["--no-ip="], "--no-ip takes no value, but '' was given".into()),
        (&["--index", "a/b"], "--index wants the name of a file, not 'a/b'".into()),
        (&["--index", ".."], "--index wants the name of a file, not '..'".into()),
        (&["--fallback", "../x"], "--fallback wants a file beneath DIRECTORY, not '../x'".into()),
        (
            &["--redirect-all", "//h"],
            "--redirect-all wants a path that begins with /, or a URL, not '//h'".into(),
        ),
        (
            &["--cache-control", "a\nb"],
            "--cache-control wants a field value, as in max-age=60, not 'a\\nb'".into(),
        ),
        (
            &["--media-type", "log"],
            "--media-type wants EXT=TYPE, as in log=text/plain, not 'log'".into(),
        ),
        (
            &["--media-type", "a=b"],
            "--media-type wants EXT=TYPE, as in log=text/plain, not 'a=b'".into(),
        ),
        (
            &["--header", "X"],
            "--header wants a field line, as in 'X-Frame-Options: DENY', not 'X'".into(),
        ),
        (
            &["--header", "X: a\r\nY: b"],
            "--header wants a field line, as in 'X-Frame-Options: DENY', not 'X: a\\r\\nY: b'"
                .into(),
        ),
        (
            &["--header", "content-length: 1"],
            "--header cannot set Content-Length: the server controls connections and lengths"
                .into(),
        ),
        (
            &["--header", "ETag: x"],
            "--header cannot set ETag: the server sets it for each file".into(),
        ),
        (
            &["--header", "Cache-Control: x"],
            "--header cannot set Cache-Control: use --cache-control".into(),
        ),
        (&["--bind", "nonsense"], format!("{bind}, not 'nonsense'")),
        (&["--bind", ""], format!("{bind}, not ''")),
        (&["-b", "x"], "-b wants ADDR, [ADDR]:PORT, :PORT or fe80::1%eth0, not 'x'".into()),
        (&["--healthcheck="], "--healthcheck wants a URL or no value, not ''".into()),
        (&["--bind", "[::1"], format!("{bind}, not '[::1'")),
        (&["--bind", "[::1]80"], format!("{bind}, not '[::1]80'")),
        (&["--bind", "[::1]:x"], format!("{bind}, not '[::1]:x'")),
        (&["--bind", "192.0.2.256"], format!("{bind}, not '192.0.2.256'")),
        (&["--bind", "192.0.2.1:99999"], format!("{bind}, not '192.0.2.1:99999'")),
        (&["a", "b"], "only one directory can be served, not both 'a' and 'b'".into()),
        (&["--", "a", "-x"], "only one directory can be served, not both 'a' and '-x'".into()),
    ];
    for (words, error) in rows {
        let error = format!("ipv6-httpd: {error}\n");
        assert_eq!(run(words), (Some(2), String::new(), error), "{words:?}");
    }
    for zone in ["not-there", "+1", "01"] {
        let (status, out, error) = run(&["--bind", &format!("fe80::1%{zone}")]);
        let start = format!(
            "ipv6-httpd: --bind fe80::1%{zone}: there is no interface '{zone}'; there are "
        );
        assert_eq!((status, out.as_str()), (Some(2), ""));
        let names = error.strip_prefix(&start).and_then(|rest| rest.strip_suffix('\n'));
        assert!(names.is_some_and(|names| names.split(", ").any(|name| name == "lo")), "{error}");
    }
    // Bytes that are no UTF-8 are shown as well as can be.
    let mut command = command();
    command.arg(os(b"--p\xff"));
    let error = "ipv6-httpd: there is no option --p\u{fffd}; see --help\n".to_owned();
    assert_eq!(finish(command), (Some(2), String::new(), error));
}

#[test]
fn a_start_that_fails_is_one_line_and_status_1() {
    let site = small_site();
    let failed = |error: String| (Some(1), String::new(), format!("ipv6-httpd: {error}\n"));
    let path = |name: &str| site.join(name).to_str().expect("UTF-8").to_owned();
    let folder = path("");
    let missing = path("missing");
    assert_eq!(run(&["-p0", &missing]), failed(format!("there is no directory '{missing}'")));
    let file = path("a");
    assert_eq!(run(&["-p0", &file]), failed(format!("'{file}' is not a directory")));
    let below = path("a/b");
    assert_eq!(run(&["-p0", &below]), failed(format!("'{below}' is not a directory")));
    assert_eq!(run(&["-p0", ""]), failed("there is no directory ''".to_owned()));
    // An address that is nobody's (RFC 3849, RFC 5737).
    let (v4, v6) = ("192.0.2.1", "2001:db8::1");
    assert_eq!(first_complaint(&["-b", v4, &folder]), waiting_for(v4));
    if has_ipv6() {
        assert_eq!(first_complaint(&["-b", v6, &folder]), waiting_for(v6));
        let (status, out, error) = run(&["-b", "fe80::1", &folder]);
        assert_eq!((status, out.as_str()), (Some(1), ""));
        assert!(error.starts_with("ipv6-httpd: fe80::1 is link-local and needs a zone"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

/// It may still come; scripts/check-networks sees what happens then, and if it does not.
fn waiting_for(address: &str) -> String {
    format!("ipv6-httpd: waiting up to 30 s for {address} to become an address of this machine\n")
}

/// Of a server that goes on after it, and is ended.
fn first_complaint(options: &[&str]) -> String {
    let process = Process::start(command().args(options).stdout(Stdio::null()));
    let mut line = String::new();
    BufReader::new(process.stderr()).read_line(&mut line).expect("a line");
    line
}

#[test]
fn a_taken_port_is_named() {
    let site = small_site();
    let mut taken = vec![("127.0.0.1", TcpListener::bind("127.0.0.1:0"))];
    if has_ipv6() {
        taken.push(("::1", TcpListener::bind("[::1]:0")));
        taken.push(("::", TcpListener::bind("[::]:0")));
    }
    for (address, listener) in taken {
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("its address").port().to_string();
        let error = format!(
            "ipv6-httpd: port {port} is already in use (on {address}): choose another with --port\n"
        );
        let folder = site.path().to_str().expect("UTF-8");
        let said = run(&["-p", &port, "-b", address, folder]);
        assert_eq!(said, (Some(1), String::new(), error));
        // Half a server would surprise more than none.
        let (status, out, error) = run(&["-p", &port, folder]);
        assert_eq!((status, out.as_str()), (Some(1), ""));
        assert!(
            error.starts_with(&format!("ipv6-httpd: port {port} is already in use (on ")),
            "{error}"
        );
    }
}

#[test]
fn a_port_below_1024_without_the_right_says_what_to_do() {
    // A network of its own, where the bound is 1024 whatever this machine says.
    let starter = ["unshare", "-n", "setpriv", "--bounding-set=-net_bind_service"];
    if !works(&starter) {
        return;
    }
    let site = small_site();
    let mut command = command_behind(&starter);
    command.args(["-p", "80"]).arg(site.path());
    let error = "ipv6-httpd: port 80 needs root: use --port 8080, or install the service \
                 (scripts/install)\n";
    assert_eq!(finish(command), (Some(1), String::new(), error.to_owned()));
}

#[test]
fn a_folder_that_may_not_be_read_is_named() {
    let site = small_site();
    let folder = site.folder("closed");
    let inner = site.folder("closed/inner");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).expect("a mode");
    let Some(starter) = bound_by_modes(&folder) else {
        return;
    };
    for path in [&folder, &inner] {
        let mut command = command_behind(starter);
        command.args(["-p", "0"]).arg(path);
        let error = format!("ipv6-httpd: not allowed to read the directory '{}'\n", path.display());
        assert_eq!(finish(command), (Some(1), String::new(), error));
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// What it says at start.
fn announced(server: &TestServer) -> String {
    let text = server.out.text();
    let end = "Press ^C to quit\n";
    let length = text.find(end).expect("said") + end.len();
    text[..length].to_owned()
}

#[test]
fn it_says_where_it_is() {
    let site = small_site();
    let v4 = |port: u16| format!("http://127.0.0.1:{port}/\n");
    let v6 = |port: u16| format!("http://[::1]:{port}/\n");
    let expected =
        |port: u16, urls: &str| format!("Listening on port:{port}\n{urls}Press ^C to quit\n");
    let server = TestServer::start(&["-b", "127.0.0.1"], site.path());
    assert_eq!(announced(&server), expected(server.port, &v4(server.port)));
    // Another address of this machine, which no interface is said to have.
    let server = TestServer::start(&["-b", "127.0.0.2"], site.path());
    let url = format!("http://127.0.0.2:{}/\n", server.port);
    assert_eq!(announced(&server), expected(server.port, &url));
    if !has_ipv6() {
        return skip("no IPv6");
    }
    let server = TestServer::start(&["-b", "::1"], site.path());
    assert_eq!(announced(&server), expected(server.port, &v6(server.port)));
    assert_eq!(fetch(server.address(), "/a").text(), "one");
    // One port for all, also where the system chose it.
    for bind in [["-b", "::1", "-b", "127.0.0.1"], ["-b", "127.0.0.1", "-b", "[::1]"]] {
        let server = TestServer::start(&bind, site.path());
        let urls = v6(server.port) + &v4(server.port);
        let said: Vec<String> = announced(&server).lines().map(str::to_owned).collect();
        let mut said = said[1..3].to_vec();
        said.sort();
        let mut urls: Vec<&str> = urls.lines().collect();
        urls.sort_unstable();
        assert_eq!(said, urls, "{bind:?}");
        for address in server.addresses() {
            assert_eq!(fetch(address, "/a").text(), "one");
        }
    }
    // Two, where two are named.
    let server = TestServer::start(&["-b", "[::1]:0", "-b", "127.0.0.1:0"], site.path());
    assert_eq!(server.urls.len(), 2);
}

#[test]
fn every_way_to_listen_everywhere_is_the_same() {
    let site = small_site();
    if !has_ipv6() {
        return skip("no IPv6");
    }
    let rows: [&[&str]; 9] = [
        &[],
        &["-b", "::"],
        &["-b", ":0"],
        &["-b", "[::]:0"],
        &["-b", "::", "-b", "0.0.0.0"],
        &["-b", "0.0.0.0", "-b", "::"],
        &["-b", "127.0.0.1", "-b", "::"],
        &["-b", "::1", "-b", "::", "-b", "0.0.0.0", "-b", "127.0.0.1"],
        &["-b", "::", "-b", "::"],
    ];
    let mut expected = None;
    for bind in rows {
        let server = TestServer::start(bind, site.path());
        for address in server.addresses() {
            assert_eq!(fetch(address, "/a").text(), "one", "{bind:?}");
        }
        let said = announced(&server).replace(&server.port.to_string(), "PORT");
        for url in ["http://[::1]:PORT/\n", "http://127.0.0.1:PORT/\n"] {
            assert!(said.contains(url), "{bind:?}: {said}");
        }
        assert_eq!(&said, expected.get_or_insert(said.clone()), "{bind:?}");
    }
}

#[test]
fn an_address_of_one_family_leaves_the_other_alone() {
    let site = small_site();
    if !has_ipv6() {
        return skip("no IPv6");
    }
    let server = TestServer::start(&["-b", "0.0.0.0"], site.path());
    assert!(server.urls.iter().all(|url| !url.contains('[')), "{:?}", server.urls);
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, server.port)).is_err());
    assert_eq!(fetch((Ipv4Addr::LOCALHOST, server.port), "/a").text(), "one");
}

/// In a network of its own, with an interface whose addresses are known.
fn in_a_network(before: &str) -> Vec<String> {
    let script = format!(
        "set -e; s=/proc/sys/net/ipv6; echo 0 >$s/bindv6only; {before}
         ip link set lo up
         ip link add net0 index 7 type veth peer name net1
         for i in net0 net1; do ip link set $i addrgenmode none up; done
         ip address add 192.0.2.1/24 dev net0
         for a in 2001:db8::1 fd00::1 fe80::ff:fe00:1; do
             ip address add $a/64 dev net0 nodad || true
         done
         ip link add docker0 type veth peer name net2
         ip address add 198.51.100.1/24 dev docker0
         # The system takes a moment to make an address valid.
         for i in $(seq 600); do ip address | grep -q tentative || break; sleep 0.1; done
         exec \"$0\" \"$@\""
    );
    vec!["unshare".into(), "-n".into(), "sh".into(), "-c".into(), script]
}

const LINK_LOCAL: &str =
    "http://[fe80::ff:fe00:1%25net0]:8080/ (link-local: works with curl, not in browsers)";

#[test]
fn urls_stand_in_the_order_in_which_they_are_useful() {
    let both = [
        "http://[2001:db8::1]:8080/",
        "http://192.0.2.1:8080/",
        "http://[fd00::1]:8080/",
        LINK_LOCAL,
        "http://127.0.0.1:8080/",
        "http://[::1]:8080/",
    ];
    let ipv4 = ["http://192.0.2.1:8080/", "http://127.0.0.1:8080/"];
    let rows: [(&str, &[&str]); 3] = [
        ("", &both),
        // Two sockets, and the same to see from outside.
        ("echo 1 >$s/bindv6only;", &both),
        // No address of that family anywhere.
        ("for c in all default; do echo 1 >$s/conf/$c/disable_ipv6; done;", &ipv4),
    ];
    let site = small_site();
    for (before, urls) in rows {
        let starter = in_a_network(before);
        let starter: Vec<&str> = starter.iter().map(String::as_str).collect();
        if !works(&starter) {
            return;
        }
        let mut command = command_behind(&starter);
        command.arg(site.path());
        let server = TestServer::launch(command);
        assert_eq!(server.port, 8080);
        // Those of this machine itself have the same rank; a name may be announced.
        let mut said: Vec<&str> = server.urls.iter().map(String::as_str).collect();
        said.retain(|url| !url.contains(".local:"));
        let loopback = said.len().min(urls.len() - urls.len() / 3);
        said[loopback..].sort_unstable();
        assert_eq!(said, urls, "{before}");
        if urls.len() == ipv4.len() {
            continue;
        }
        // Both families are served, and named as they are.
        let namespace = format!("--net=/proc/{}/ns/net", server.pid());
        let curl = [
            "curl",
            "-s",
            "http://127.0.0.1:8080/ip",
            "http://[::1]:8080/ip",
            "http://[fe80::ff:fe00:1%25net0]:8080/ip",
        ];
        let output = Command::new("nsenter").arg(namespace).args(curl).output();
        match output {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let expected = "Your IP address is 127.0.0.1\nYour IP address is ::1\n\
                                Your IP address is fe80::ff:fe00:1%net0\n";
                assert_eq!(text, expected);
            }
            other => skip(&format!("no nsenter or no curl: {other:?}")),
        }
    }
}

#[test]
fn a_zone_is_a_name_or_a_number() {
    let site = small_site();
    let starter = in_a_network("");
    let starter: Vec<&str> = starter.iter().map(String::as_str).collect();
    if !works(&starter) {
        return;
    }
    for zone in ["%net0", "%7"] {
        for form in [format!("fe80::ff:fe00:1{zone}"), format!("[fe80::ff:fe00:1{zone}]:8080")] {
            let mut command = command_behind(&starter);
            command.args(["-b", &form]).arg(site.path());
            let server = TestServer::launch(command);
            assert_eq!(server.urls, [LINK_LOCAL], "{form}");
        }
    }
    let mut command = command_behind(&starter);
    command.args(["-b", "fe80::ff:fe00:1"]).arg(site.path());
    let error =
        "ipv6-httpd: fe80::ff:fe00:1 is link-local and needs a zone: fe80::ff:fe00:1%net0\n";
    assert_eq!(finish(command), (Some(1), String::new(), error.to_owned()));
    let mut command = command_behind(&starter);
    command.args(["-b", "fe80::ff:fe00:1%9"]).arg(site.path());
    let error = "ipv6-httpd: --bind fe80::ff:fe00:1%9: there is no interface '9'; \
                 there are lo, net0\n";
    assert_eq!(finish(command), (Some(2), String::new(), error.to_owned()));
}

#[test]
fn options_may_be_written_as_people_do() {
    let site = small_site();
    site.write("-dir/a", "dash");
    let odd = site.join(b"\xff\xfe dir");
    fs::create_dir(&odd).expect("a folder");
    fs::write(odd.join("a"), "odd").expect("a file");
    let rows: [(&[&[u8]], &str); 6] = [
        (&[b"-p0", b"-w1"], "one"),
        (&[b"-p=0", b"--workers=2"], "one"),
        (&[b"--port=0", b"."], "one"),
        (&[b".", b"--port", b"0"], "one"),
        (&[b"-p0", b"--", b"-dir"], "dash"),
        (&[b"-p0", b"\xff\xfe dir"], "odd"),
    ];
    for (words, content) in rows {
        let mut command = command();
        command.args(words.iter().map(|word| os(word))).current_dir(site.path());
        let server = TestServer::launch(command);
        assert_eq!(fetch(server.address(), "/a").text(), content, "{words:?}");
    }
    let mut command = command();
    command.args(["--port", "0", "--index"]).arg(os(b"\xff")).arg(site.path());
    site.write(b"\xff", "index of bytes");
    let server = TestServer::launch(command);
    assert_eq!(fetch(server.address(), "/").text(), "index of bytes");
}

#[test]
fn options_do_what_they_say() {
    let site = small_site();
    site.write("about.html", "about");
    site.write("x.log", "log");
    site.write("sub/y", "y");
    let rows: [(&[&str], &str, u16, &str, Option<&str>); 14] = [
        (&[], "/about", 404, "Content-Type", Some("text/plain; charset=utf-8")),
        (&["--try-html"], "/about", 200, "Content-Type", Some("text/html; charset=utf-8")),
        (
            &["--fallback", "index.html"],
            "/no/such",
            200,
            "Content-Type",
            Some("text/html; charset=utf-8"),
        ),
        (&["--fallback", "/a"], "/no/such", 200, "Content-Length", Some("3")),
        (&["--redirect-all", "/a"], "/no/such", 302, "Location", Some("/a")),
        (&["--redirect-all", "/a"], "/a", 200, "Location", None),
        (&["--redirect-all", "/missing"], "/missing", 404, "Location", None),
        (&[], "/a", 200, "Cache-Control", Some("no-cache")),
        (&["--cache-control", "max-age=60"], "/a", 200, "Cache-Control", Some("max-age=60")),
        (&["--header", "X-One: 1", "--header", "X-Two:  2"], "/a", 200, "X-Two", Some("2")),
        (&["--header", "X-One: 1"], "/missing", 404, "X-One", Some("1")),
        (&["--cors"], "/a", 200, "Access-Control-Allow-Origin", Some("*")),
        (&["--media-type", "log=text/x-log"], "/x.log", 200, "Content-Type", Some("text/x-log")),
        (&["--no-listing"], "/sub/", 404, "Location", None),
    ];
    for (options, path, status, field, value) in rows {
        let server = TestServer::start(options, site.path());
        let answer = fetch(server.address(), path);
        assert_eq!((answer.status(), answer.field(field)), (status, value), "{options:?} {path}");
    }
}

#[test]
fn a_fallback_that_is_not_there_is_said() {
    let site = Folder::new();
    let server = TestServer::start(&["--fallback", "indx.html"], site.path());
    let said = "ipv6-httpd: --fallback: there is no file 'indx.html' in the folder yet\n";
    assert!(server.err.wait_until(|errors| errors == said), "{}", server.err.text());
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn ip_tells_clients_their_address() {
    let site = small_site();
    let server = TestServer::start(&[], site.path());
    for address in server.addresses() {
        let (ip, family) = match address.ip() {
            IpAddr::V4(ip) => (ip.to_string(), "IPv4"),
            IpAddr::V6(ip) => (ip.to_string(), "IPv6"),
        };
        let mut client = Conversation::open(address);
        let text = client.get("/ip");
        assert_eq!(text.text(), format!("Your IP address is {ip}\n"));
        assert_eq!(text.field("Content-Type"), Some("text/plain; charset=utf-8"));
        assert_eq!(text.field("Cache-Control"), Some("no-store"));
        client.send("GET /ip HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
        let json = client.answer();
        let start = format!("{{\"address\":\"{ip}\",\"family\":\"{family}\"");
        assert!(json.text().starts_with(&start), "{}", json.text());
        assert_eq!(json.field("Content-Type"), Some("application/json"));
        assert_eq!(json.field("Cache-Control"), Some("no-store"));
    }
    let server = TestServer::start(&["--no-ip"], site.path());
    assert_eq!(fetch(server.address(), "/ip").status(), 404);
    site.write("ip", "a file of that name");
    assert_eq!(fetch(server.address(), "/ip").text(), "a file of that name");
}

#[test]
fn sigint_says_so_and_ends_with_0() {
    let site = small_site();
    for log in ["simple", "off"] {
        let server = TestServer::start(&["--log", log], site.path());
        let idle = Conversation::open(server.address());
        assert_eq!(fetch(server.address(), "/a").status(), 200);
        server.signal("INT");
        assert_eq!(server.wait().code(), Some(0));
        drop(idle);
        let text = server.out.whole();
        let after = text.strip_prefix(&announced(&server)).expect("first");
        // The line of the last answer may come before it or after it.
        let lines: Vec<&str> = after.lines().collect();
        assert_eq!(lines.len(), if log == "off" { 1 } else { 2 }, "{text}");
        assert!(lines.contains(&"Caught SIGINT, dying"), "{text}");
        assert!(text.ends_with('\n'));
        assert_eq!(server.err.whole(), "");
    }
}

#[test]
fn sigterm_lets_downloads_finish_and_begins_nothing_new() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    for name in ["TERM", "INT"] {
        let server = TestServer::start(&["-w", "2"], site.path());
        let address = server.address();
        let mut idle = Conversation::open(address);
        assert_eq!(idle.get("/a").text(), "one");
        let mut silent = Conversation::open(address);
        let mut running = Conversation::open(address);
        running.request("/large");
        running.head();
        // A silent connection may be the kernel's still, which says that nobody is there once
        // the client speaks; a served one is not.
        assert_eq!(fetch(address, "/a").text(), "one");
        server.signal(name);
        idle.expect_end();
        refused(address);
        let _ = silent.try_send("GET /a HTTP/1.1\r\n");
        assert_eq!(silent.rest_or_reset(), b"");
        assert!(server.is_running());
        let mut left = LARGE as usize;
        while left > 0 {
            left -= running.take(left.min(1 << 20)).len();
        }
        running.expect_end();
        assert_eq!(server.wait().code(), Some(0));
        let text = server.out.whole();
        let line = format!("\"GET /large HTTP/1.1\" 200 {LARGE}\n");
        assert!(text.contains(&line), "{text}");
        assert_eq!(text.contains("Caught SIGINT, dying\n"), name == "INT", "{text}");
    }
}

#[test]
fn some_signals_do_not_end_it() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    let server = TestServer::start(&["-w", "2"], site.path());
    let address = server.address();
    let mut running = Conversation::open(address);
    running.request("/large");
    running.head();
    let all = ["HUP", "USR1", "USR2", "HUP"];
    for name in all {
        server.signal(name);
        assert_eq!(fetch(address, "/a").text(), "one", "{name}");
    }
    // Nor hurry it at its end, as a second SIGTERM does.
    server.signal("TERM");
    refused(address);
    for name in all {
        server.signal(name);
    }
    let mut left = LARGE as usize;
    while left > 0 {
        left -= running.take(left.min(1 << 20)).len();
    }
    running.expect_end();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.err.whole(), "");
}

/// Waits until nobody listens any more.
fn refused(address: std::net::SocketAddr) {
    wait_until("nobody accepts", || try_connect(address).is_err());
}

#[test]
fn a_second_signal_ends_at_once() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    for names in [["TERM", "TERM"], ["INT", "INT"], ["TERM", "INT"]] {
        let server = TestServer::start(&[], site.path());
        let mut running = Conversation::open(server.address());
        running.request("/large");
        running.head();
        server.signal(names[0]);
        refused(server.address());
        assert!(server.is_running());
        server.signal(names[1]);
        assert_eq!(server.wait().code(), Some(0));
        assert!((running.rest_or_reset().len() as u64) < LARGE);
    }
}

#[test]
fn a_client_that_takes_nothing_delays_the_end_by_ten_seconds() {
    let site = small_site();
    site.write_pattern("large", LARGE, &[]);
    let server = TestServer::start(&[], site.path());
    let mut stalled = Conversation::open(server.address());
    stalled.request("/large");
    stalled.head();
    let mut half = Conversation::open(server.address());
    half.send("GET / HT");
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(started.elapsed() >= Duration::from_secs(9), "{:?}", started.elapsed());
}

#[test]
fn the_first_process_of_a_container_can_be_stopped() {
    let starter = ["unshare", "--pid", "--fork", "--kill-child"];
    if !works(&starter) {
        return;
    }
    let site = small_site();
    for name in ["TERM", "INT"] {
        let mut command = command_behind(&starter);
        command.args(["--port", "0"]).arg(site.path());
        let server = TestServer::launch(command);
        assert_eq!(fetch(server.address(), "/a").text(), "one");
        let children = format!("/proc/{0}/task/{0}/children", server.pid());
        let Ok(children) = fs::read_to_string(children) else {
            return skip("this kernel does not tell children");
        };
        signal(children.trim().parse().expect("one child"), name);
        assert_eq!(server.wait().code(), Some(0));
        let said = server.out.whole().contains("\nCaught SIGINT, dying\n");
        assert_eq!(said, name == "INT");
    }
}

/// The times that a line may have that was written between two moments.
fn times(before: u64, offset: i64, form: fn(&Calendar) -> String) -> Vec<String> {
    let moments = before..=now();
    moments.map(|second| form(&Calendar::new(second as i64 + offset))).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn lines_of_the_log_are_exact() {
    let site = small_site();
    // Half an hour off, so that no offset in whole hours passes.
    let zone = ("ABC-05:30", 19_800);
    let simple = |c: &Calendar| {
        let month = c.month_name();
        format!("{:02}/{month}/{:04} {:02}:{:02}:{:02}", c.day, c.year, c.hour, c.minute, c.second)
    };
    let common = |c: &Calendar| {
        let month = c.month_name();
        format!(
            "{:02}/{month}/{:04}:{:02}:{:02}:{:02} +0530",
            c.day, c.year, c.hour, c.minute, c.second
        )
    };
    let json = |c: &Calendar| {
        let (year, month, day) = (c.year, c.month, c.day);
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}+05:30", c.hour, c.minute, c.second)
    };
    let fields = "Referer: http://h/?\"q\"\r\nUser-Agent: x\\y\r\n";
    let request = format!("GET /a?\"\x1b[31m\\ HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
        .replace("\x1b", "\u{9b}");
    type Row<'r> = (&'r str, fn(&Calendar) -> String, &'r str);
    let rows: [Row<'_>; 4] = [
        ("simple", simple, "CLIENT - - [TIME] \"GET /a?\\x22\\xc2\\x9b[31m\\x5c HTTP/1.1\" 200 3"),
        ("common", common, "CLIENT - - [TIME] \"GET /a?\\x22\\xc2\\x9b[31m\\x5c HTTP/1.1\" 200 3"),
        (
            "combined",
            common,
            "CLIENT - - [TIME] \"GET /a?\\x22\\xc2\\x9b[31m\\x5c HTTP/1.1\" 200 3 \
             \"http://h/?\\x22q\\x22\" \"x\\x5cy\"",
        ),
        (
            "json",
            json,
            "{\"time\":\"TIME\",\"client\":\"CLIENT\",\"request\":\"GET /a?\\\"\\u009b[31m\\\\ HTTP/1.1\",\
             \"status\":200,\"bytes\":3,\"referer\":\"http://h/?\\\"q\\\"\",\"user_agent\":\"x\\\\y\"}",
        ),
    ];
    for (format, form, expected) in rows {
        let mut command = command();
        command.env("TZ", zone.0).args(["--port", "0", "--log", format]).arg(site.path());
        let server = TestServer::launch(command);
        for (at, address) in server.addresses().iter().enumerate() {
            let before = now();
            let mut client = Conversation::open(address);
            client.send(&request);
            assert_eq!(client.answer().text(), "one");
            let line = server.log_of(at + 1).pop().expect("a line");
            let expected = expected.replace("CLIENT", &address.ip().to_string());
            let times = times(before, zone.1, form);
            assert!(times.iter().any(|time| line == expected.replace("TIME", time)), "{line}");
        }
    }
    let server = TestServer::start(&["--log", "off"], site.path());
    assert_eq!(fetch(server.address(), "/a").status(), 200);
    assert_eq!(server.log(), Vec::<String>::new());
}

/// A line without its time, which begins with a bracket.
fn without_time(line: &str) -> String {
    let (before, rest) = line.split_once('[').expect("a time");
    let (time, after) = rest.split_once(']').expect("its end");
    assert_eq!(time.len(), "09/Jul/2017 11:49:41".len(), "{line}");
    format!("{before}{after}")
}

#[test]
fn the_log_says_what_was_sent() {
    let site = small_site();
    site.folder("sub");
    site.write_pattern("large", LARGE, &[]);
    site.age("a");
    let server = TestServer::start(&["-w", "1"], site.path());
    let address = (Ipv4Addr::LOCALHOST, server.port);
    let tag = fetch(address, "/a").field("ETag").expect("a tag").to_owned();
    let head = |line: &str| format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
    let with = |line: &str, field: &str| format!("{line} HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n");
    // What is sent, and the line's part from the request on.
    let rows = [
        (head("GET /a"), "\"GET /a HTTP/1.1\" 200 3"),
        (head("GET /"), "\"GET / HTTP/1.1\" 200 13"),
        (head("HEAD /a"), "\"HEAD /a HTTP/1.1\" 200 -"),
        (head("GET /empty"), "\"GET /empty HTTP/1.1\" 200 -"),
        (with("GET /a", &format!("If-None-Match: {tag}")), "\"GET /a HTTP/1.1\" 304 -"),
        (with("GET /a", "Range: bytes=1-"), "\"GET /a HTTP/1.1\" 206 2"),
        (with("GET /large", "Range: bytes=0-99999"), "\"GET /large HTTP/1.1\" 206 100000"),
        (head("GET /sub"), "\"GET /sub HTTP/1.1\" 301 SENT"),
        (head("GET /x"), "\"GET /x HTTP/1.1\" 404 SENT"),
        (head("DELETE /a"), "\"DELETE /a HTTP/1.1\" 405 SENT"),
        (head("OPTIONS *"), "\"OPTIONS * HTTP/1.1\" 204 -"),
        (head("GET http://h/a"), "\"GET http://h/a HTTP/1.1\" 200 3"),
        ("GET /a HTTP/1.0\r\n\r\n".into(), "\"GET /a HTTP/1.0\" 200 3"),
        ("\r\nGET /a HTTP/1.0\r\n\r\n".into(), "\"GET /a HTTP/1.0\" 200 3"),
        (head("GET /\x1b[2J"), "\"GET /\\x1b[2J HTTP/1.1\" 400 SENT"),
        (head("GET /\"\\'\u{e4}"), "\"GET /\\x22\\x5c'\\xc3\\xa4 HTTP/1.1\" 404 SENT"),
        ("\x16\x03\x01\x02\r\n\r\n".into(), "\"\\x16\\x03\\x01\\x02\" 400 SENT"),
        ("nonsense\r\n\r\n".into(), "\"nonsense\" 400 SENT"),
    ];
    for (at, (request, expected)) in rows.iter().enumerate() {
        let mut client = Conversation::open(address);
        client.send(request);
        client.shut_down_writing();
        let answer = client.rest();
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let sent = answer.len() - head.expect("a head") - 4;
        let line = server.log_of(at + 2).pop().expect("a line");
        let expected = format!("127.0.0.1 - -  {expected}").replace("SENT", &sent.to_string());
        assert_eq!(without_time(&line), expected);
    }
    // Pipelined answers have their lines in their order.
    let before = server.log().len();
    let mut client = Conversation::open(address);
    client.send((0..20).map(|at| get(&format!("/{at}"))).collect::<String>());
    client.shut_down_writing();
    client.rest();
    let lines = server.log_of(before + 20);
    for (at, line) in lines[before..].iter().enumerate() {
        let start = format!("127.0.0.1 - -  \"GET /{at} HTTP/1.1\" 404 ");
        assert!(without_time(line).starts_with(&start), "{line}");
    }
    // What a client did not take was not sent.
    let mut client = Conversation::open(address);
    client.request("/large");
    client.take(100_000);
    drop(client);
    let line = without_time(&server.log_of(before + 21).pop().expect("a line"));
    let sent = line.strip_prefix("127.0.0.1 - -  \"GET /large HTTP/1.1\" 200 ");
    let sent: u64 = sent.and_then(|sent| sent.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    assert!((90_000..LARGE).contains(&sent), "{line}");
}

#[test]
fn nobody_has_to_read_the_log() {
    let site = small_site();
    let long = "x".repeat(4_000);
    // Its reader goes away, as `head -1` does, or stops reading, or goes on reading late.
    for (reader, name) in [
        ("gone", "TERM"),
        ("gone", "INT"),
        ("stopped", "TERM"),
        ("stopped", "INT"),
        ("late", "TERM"),
    ] {
        let mut command = command();
        command.args(["--port", "0", "-w", "2"]).arg(site.path());
        let process = Process::start(&mut command);
        let mut out = process.stdout();
        let err = Output::collect(process.stderr());
        let mut first = Vec::new();
        while !first.ends_with(b"\n") {
            let mut byte = [0];
            out.read_exact(&mut byte).expect("a line");
            first.extend_from_slice(&byte);
        }
        let first = String::from_utf8(first).expect("UTF-8");
        let port = first.trim().strip_prefix("Listening on port:");
        let port: u16 = port.and_then(|port| port.parse().ok()).expect("its port");
        let mut out = (reader != "gone").then_some(out);
        let mut client = Conversation::open((Ipv4Addr::LOCALHOST, port));
        // More than pipe and queue together hold; or else less than the queue does, so that
        // nothing is lost before it is known that nobody reads.
        let rounds = if reader == "gone" { 20 } else { 400 };
        for _ in 0..rounds {
            assert_eq!(client.get(&format!("/{long}")).status(), 404);
            assert_eq!(client.get("/a").text(), "one");
        }
        let late = out.take_if(|_| reader == "late").map(Output::collect);
        if late.is_some() {
            err.wait_until(|text| text.contains('\n'));
            assert_eq!(client.get("/a").text(), "one");
        }
        process.signal(name);
        assert_eq!(process.wait().code(), Some(0), "{reader}, {name}");
        let error = err.whole();
        match late {
            None => assert_eq!(error, "", "{reader}, {name}"),
            // Each line was written, or counted.
            Some(late) => {
                let said = error.strip_prefix("ipv6-httpd: ").and_then(|rest| {
                    rest.strip_suffix(" lines of the log were lost: standard output was blocked\n")
                });
                let lost: usize = said.and_then(|lost| lost.parse().ok()).expect("a number");
                let written = late.whole().matches("HTTP/1.1").count();
                assert_eq!(lost + written, 2 * rounds + 1);
            }
        }
    }
}

#[test]
fn an_idle_server_is_never_woken() {
    if is_emulated() {
        return skip("an emulator's own threads are woken");
    }
    let site = small_site();
    let server = TestServer::start(&[], site.path());
    let addresses = server.addresses();
    let mut idle: Vec<Conversation> =
        (0..20).map(|at| Conversation::open(addresses[at % addresses.len()])).collect();
    for client in &mut idle {
        assert_eq!(client.get("/a").text(), "one");
    }
    // Files that were just sent are closed after a while, so the first moments do not count.
    let quiet = (0..40).any(|_| {
        let before = switches(server.pid());
        thread::sleep(Duration::from_millis(1_500));
        switches(server.pid()) == before
    });
    assert!(quiet, "woken all the time");
    for client in &mut idle {
        assert_eq!(client.get("/a").text(), "one");
    }
}

/// How often the threads of a process have begun to wait.
fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let count = |task: fs::DirEntry| -> u64 {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse().ok()).expect("a number")
    };
    tasks.flatten().map(count).sum()
}
