//! Addresses as text: what is printed (RFC 5952), and what is understood in `--bind`, in Host and
//! in the absolute-form (RFC 3986 §3.2.2, with the zones of RFC 4007 §11, 6874 and 9844).

use std::ffi::OsString;

use crate::support::client::exchange;
use crate::support::folder::Folder;
use crate::support::server::TestServer;

use ipv6_httpd::cli;
use ipv6_httpd::config::Bind;
use ipv6_httpd::peer::Name;

#[test]
fn what_is_printed() {
    // (address, zone, text)
    let rows = [
        ("192.0.2.1", None, "192.0.2.1"),
        // RFC 5952 §4: lower case, no leading zeros, the first of the longest runs of zeros.
        ("2001:DB8:0000:0:1:0:0:0AB1", None, "2001:db8::1:0:0:ab1"),
        ("2001:db8:0:1:1:1:1:1", None, "2001:db8:0:1:1:1:1:1"),
        ("fe80::1", Some("eth0"), "fe80::1%eth0"),
        // §5: mixed notation after a prefix that says so (RFC 6052 §2.1).
        ("64:ff9b::c000:201", None, "64:ff9b::192.0.2.1"),
        // RFC 8215: a network's own prefix does not say where the IPv4 address is.
        ("64:ff9b:1::c000:201", None, "64:ff9b:1::c000:201"),
        ("2002:c000:201:1::5", None, "2002:c000:201:1::5"),
    ];
    for (address, zone, text) in rows {
        let address = Some(address.parse().expect("an address"));
        let name = Name { address, zone: zone.map(str::to_owned) };
        assert_eq!(name.to_string(), text);
    }
}

#[test]
fn binds() {
    let wanted =
        |text: &str| format!("--bind wants ADDR, [ADDR]:PORT, :PORT or fe80::1%eth0, not '{text}'");
    let at = |address: &str, port| {
        Ok(Bind { address: address.parse().expect("an address"), zone: 0, port })
    };
    let rows: [(&str, Result<Bind, String>); 25] = [
        ("::", at("::", None)),
        ("[::]", at("::", None)),
        ("[::]:80", at("::", Some(80))),
        (":80", at("::", Some(80))),
        ("0.0.0.0", at("0.0.0.0", None)),
        ("192.0.2.1:80", at("192.0.2.1", Some(80))),
        ("2001:DB8:0:0::01", at("2001:db8::1", None)),
        // Eight groups are no port.
        ("1:2:3:4:5:6:7:80", at("1:2:3:4:5:6:7:80", None)),
        ("[64:ff9b::192.0.2.1]:0", at("64:ff9b::c000:201", Some(0))),
        ("::ffff:192.0.2.1", at("192.0.2.1", None)),
        ("", Err(wanted(""))),
        (":", Err(wanted(":"))),
        (":65536", Err(wanted(":65536"))),
        ("80", Err(wanted("80"))),
        ("localhost", Err(wanted("localhost") + ": use ::1 or 127.0.0.1, or both")),
        ("[::1", Err(wanted("[::1"))),
        ("[::1]80", Err(wanted("[::1]80"))),
        ("[::1]:", Err(wanted("[::1]:"))),
        ("[::1]:x", Err(wanted("[::1]:x"))),
        ("::g", Err(wanted("::g"))),
        ("1:2:3:4:5:6:7:8:80", Err(wanted("1:2:3:4:5:6:7:8:80"))),
        ("192.0.2.1/24", Err(wanted("192.0.2.1/24"))),
        ("127.0.0.1%lo", Err(wanted("127.0.0.1%lo"))),
        ("http://[::1]/", Err(wanted("http://[::1]/"))),
        ("192.0.2", Err(wanted("192.0.2"))),
    ];
    for (text, expected) in rows {
        let words = ["--bind", text].map(OsString::from);
        let found = cli::parse(words).map(|command| match command {
            cli::Command::Serve(config) => config.bind[0],
            command => panic!("{command:?}"),
        });
        assert_eq!(found, expected, "--bind '{text}'");
    }
}

#[test]
fn hosts_and_absolute_forms() {
    let root = Folder::new();
    root.folder("folder");
    let server = TestServer::start(&["--log", "off", "--bind", "127.0.0.1"], root.path());
    // (authority, whether it is valid). Each is sent as Host, in an absolute-form, and in both.
    let rows = [
        ("[2001:db8::1]", true),
        ("[2001:db8::1]:8080", true),
        ("[2001:DB8:0:0:0:0:0:1]", true),
        ("[::ffff:192.0.2.1]", true),
        ("[64:ff9b::192.0.2.1]", true),
        ("[::]:0", true),
        ("[::1]:", true),
        ("[fe80::1%zone9]", true),
        ("[fe80::1%zone9]:8080", true),
        ("[fe80::1%25zone9]", true),
        ("[fe80::1%25zone9]:8080", true),
        ("[fe80::1%2]", true),
        ("[fe80::1%25%7Azone9]", true),
        ("192.0.2.1:8080", true),
        ("::1", false),
        ("2001:db8::1", false),
        ("[]", false),
        ("[::1", false),
        ("::1]", false),
        ("[[::1]]", false),
        ("[::1]8080", false),
        ("[::1]:65536", false),
        ("[::1]:80:80", false),
        ("[1:2:3:4:5:6:7]", false),
        ("[1:2:3:4:5:6:7:8:9]", false),
        ("[1::2::3]", false),
        ("[12345::]", false),
        ("[::192.0.2.256]", false),
        ("[192.0.2.1]", false),
        ("[fe80::1%]", false),
        ("[fe80::1%25%]", false),
        ("[fe80::1%zone9/]", false),
        ("[fe80::1%zone%209", false),
        ("[::1]@[::2]", false),
    ];
    for (authority, valid) in rows {
        let forms = [
            format!("GET /folder HTTP/1.1\r\nHost: {authority}\r\n"),
            format!("GET http://{authority}/folder HTTP/1.1\r\nHost: h\r\n"),
            format!("GET http://{authority}/folder HTTP/1.1\r\nHost: {authority}\r\n"),
        ];
        for form in forms {
            let answer =
                exchange(("127.0.0.1", server.port), format!("{form}Connection: close\r\n\r\n"));
            let answer = String::from_utf8(answer).expect("UTF-8");
            let status = answer.lines().next().unwrap_or_default();
            if valid {
                // The redirect is where an authority would be echoed.
                assert_eq!(status, "HTTP/1.1 301 Moved Permanently", "{form}");
                assert!(answer.contains("\r\nLocation: folder/\r\n"), "{answer}");
            } else {
                assert_eq!(status, "HTTP/1.1 400 Bad Request", "{form}");
            }
            assert!(!answer.contains("zone9"), "{form} is echoed: {answer}");
        }
    }
}
