//! `--healthcheck`: asks a running server whether it answers. For containers that hold only this
//! program, and so no other client.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::Config;

/// The time-out of each step: connecting, sending, waiting for the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a URL, or else the server with these options. The error is one line that says what is
/// wrong.
pub fn ask(config: &Config, url: Option<&str>) -> Result<(), String> {
    let question = match url {
        Some(url) => Question::of_url(url)?,
        None => Question::of_options(config)?,
    };
    let mut failures = Vec::new();
    for &address in &question.addresses {
        match status(address, &question) {
            Ok(status) if status < question.bad_from => return Ok(()),
            Ok(status) => return Err(format!("{address} answers with status {status}")),
            Err(error) => failures.push(format!("no answer from {address}: {error}")),
        }
    }
    Err(failures.join("; "))
}

#[derive(Debug, PartialEq, Eq)]
struct Question {
    /// IPv6 first. The first address that answers decides.
    addresses: Vec<SocketAddr>,
    host: String,
    path: String,
    /// The lowest status that is a failure.
    bad_from: u16,
    /// Sent before the request.
    proxy_header: &'static str,
}

impl Question {
    /// `/` may be missing or need a password, so any status below 500 will do.
    fn of_options(config: &Config) -> Result<Question, String> {
        let loopback = |address: IpAddr| match address {
            IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            address => address,
        };
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for bind in &config.bind {
            let mut address = bind.socket_address(config.port());
            let is_any = address.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED);
            address.set_ip(loopback(address.ip()));
            // Without IPv6 there is no `::1`, but the socket of `::` still accepts IPv4.
            let ipv4 = is_any.then(|| (Ipv4Addr::LOCALHOST, address.port()).into());
            for address in [Some(address), ipv4].into_iter().flatten() {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        if addresses.is_empty() {
            addresses = localhost(config.port());
        }
        if addresses.iter().any(|address| address.port() == 0) {
            return Err("--healthcheck wants a URL or --port: 0 is any port".to_owned());
        }
        let (mut ordered, ipv4): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(SocketAddr::is_ipv6);
        ordered.extend(ipv4);
        Ok(Question {
            addresses: ordered,
            host: format!("localhost:{}", config.port()),
            path: "/".to_owned(),
            bad_from: 500,
            // A server that does not trust this machine answers too, with 400.
            proxy_header: match config.access.proxy_protocol {
                true => "PROXY UNKNOWN\r\n",
                false => "",
            },
        })
    }

    /// A path that is named must be there, so only a status below 400 will do.
    fn of_url(url: &str) -> Result<Question, String> {
        let wrong =
            || format!("--healthcheck wants http://localhost:PORT/PATH or an address, not '{url}'");
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(at).ok_or_else(wrong)?;
        let path = path.split('#').next().unwrap_or_default();
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || host.contains('@') {
            return Err(wrong());
        }
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => {
                (name, port.parse().map_err(|_| wrong())?)
            }
            _ => (host, 80),
        };
        let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        // No other names: with a resolver the program would be a tenth larger.
        let addresses = match literal {
            _ if name == "localhost" => localhost(port),
            Some(address) => vec![(address.parse::<Ipv6Addr>().map_err(|_| wrong())?, port).into()],
            None => vec![(name.parse::<Ipv4Addr>().map_err(|_| wrong())?, port).into()],
        };
        Ok(Question {
            addresses,
            host: host.to_owned(),
            path: match path.starts_with('/') {
                true => path.to_owned(),
                false => format!("/{path}"),
            },
            bad_from: 400,
            proxy_header: "",
        })
    }
}

/// RFC 6761 §6.3. A container may have no /etc/hosts.
fn localhost(port: u16) -> Vec<SocketAddr> {
    vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()]
}

/// The status code of the answer to HEAD.
fn status(address: SocketAddr, question: &Question) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let Question { host, path, proxy_header, .. } = question;
    let version = env!("CARGO_PKG_VERSION");
    let head = format!(
        "{proxy_header}HEAD {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ipv6-httpd/{version}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut start = [0; b"HTTP/1.1 200".len()];
    stream.read_exact(&mut start)?;
    let code = std::str::from_utf8(&start)
        .ok()
        .and_then(|start| start.strip_prefix("HTTP/1."))
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(_, code)| code.parse().ok());
    code.ok_or_else(|| io::Error::other("that is not HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Bind;

    fn question(addresses: &[&str], host: &str, path: &str, bad_from: u16) -> Question {
        Question {
            addresses: addresses
                .iter()
                .map(|address| address.parse().expect("an address"))
                .collect(),
            host: host.to_owned(),
            path: path.to_owned(),
            bad_from,
            proxy_header: "",
        }
    }

    #[test]
    fn urls() {
        let both = &["[::1]:8080", "127.0.0.1:8080"];
        let rows = [
            ("http://localhost:8080/a?b", question(both, "localhost:8080", "/a?b", 400)),
            ("http://localhost:8080", question(both, "localhost:8080", "/", 400)),
            ("http://[::1]", question(&["[::1]:80"], "[::1]", "/", 400)),
            ("http://[::1]:81?q#f", question(&["[::1]:81"], "[::1]:81", "/?q", 400)),
            ("http://127.0.0.1/x#y", question(&["127.0.0.1:80"], "127.0.0.1", "/x", 400)),
        ];
        for (url, wanted) in rows {
            assert_eq!(Question::of_url(url), Ok(wanted), "{url}");
        }
        for url in [
            "https://localhost/",
            "localhost",
            "http://",
            "http://:80/",
            "http://example.com/",
            "http://::1/",
            "http://[127.0.0.1]/",
            "http://localhost:x/",
            "http://localhost:65536/",
            "http://a@localhost/",
            "http://localhost/a b",
            "http://localhost/a\r\nb",
        ] {
            let wanted = format!(
                "--healthcheck wants http://localhost:PORT/PATH or an address, not '{url}'"
            );
            assert_eq!(Question::of_url(url), Err(wanted));
        }
    }

    #[test]
    fn options() {
        let mut config = Config { port: Some(81), ..Config::default() };
        let rows: [(&[&str], &[&str]); 6] = [
            (&[], &["[::1]:81", "127.0.0.1:81"]),
            (&["0.0.0.0"], &["127.0.0.1:81"]),
            (&["::"], &["[::1]:81", "127.0.0.1:81"]),
            (&["::", "0.0.0.0"], &["[::1]:81", "127.0.0.1:81"]),
            (&["192.0.2.1", "::"], &["[::1]:81", "192.0.2.1:81", "127.0.0.1:81"]),
            (&["2001:db8::1"], &["[2001:db8::1]:81"]),
        ];
        for (binds, wanted) in rows {
            config.bind = binds
                .iter()
                .map(|address| Bind {
                    address: address.parse().expect("an address"),
                    zone: 0,
                    port: None,
                })
                .collect();
            let wanted = question(wanted, "localhost:81", "/", 500);
            assert_eq!(Question::of_options(&config), Ok(wanted), "{binds:?}");
        }
        config.port = Some(0);
        assert_eq!(
            Question::of_options(&config),
            Err("--healthcheck wants a URL or --port: 0 is any port".to_owned())
        );
    }
}
