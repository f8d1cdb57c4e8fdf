//! Where it listens, and what it says of that.

use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::process::Command;

use crate::support::client::fetch;
use crate::support::server::{TestServer, command_behind, finish, has_ipv6, works};
use crate::support::skip;

use super::{announced, small_site};

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
