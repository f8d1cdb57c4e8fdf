//! Starts that fail: one line says why.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::support::server::{
    Process, bound_by_modes, command, command_behind, finish, has_ipv6, run, works,
};

use super::small_site;

#[test]
fn a_start_that_fails_is_one_line_and_status_1() {
    let site = small_site();
    let failed = |error: String| (Some(1), String::new(), format!("ipv6-httpd: {error}\n"));
    let path = |name: &str| site.join(name).to_str().expect("UTF-8").to_owned();
    let folder = path("");
    let missing = path("missing");
    assert_eq!(run(&["-p0", &missing]), failed(format!("there is no directory '{missing}'")));
    let file = path("a");
    assert_eq!(
        run(&["-p0", &file]),
        failed(format!("'{file}' is not a directory: name the one that it is in"))
    );
    assert_eq!(
        run(&["8000"]),
        failed("there is no directory '8000': for a port use --port 8000".into())
    );
    assert_eq!(run(&["help"]), failed("there is no directory 'help'; see --help".into()));
    let below = path("a/b");
    assert_eq!(
        run(&["-p0", &below]),
        failed(format!("'{below}' is not a directory: name the one that it is in"))
    );
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
