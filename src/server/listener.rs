//! Where the server listens: at the addresses of `--bind`, or else at `[::]`. If that is IPv6 only,
//! also at `0.0.0.0`; if there is no IPv6, at `0.0.0.0` only.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::Bind;
use crate::sys::{self, Listener};

/// How many connections may wait to be accepted. std would allow 128.
const BACKLOG: u16 = 4_096;
/// How much the kernel buffers of an answer that the client does not read.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// After this time a connection is accepted even if the client has sent nothing.
const SILENCE_SECONDS: u16 = 1;

/// How long we wait for an address of `--bind`. Duplicate address detection needs a second or two,
/// DHCP up to ten; systemd gives a unit 90. There is no option for it: an operator who mistyped the
/// address reads at once what we wait for, and can stop the server.
const WAIT: Duration = Duration::from_secs(30);
/// The time between two attempts.
const LOOK: Duration = Duration::from_millis(100);

/// A free port of one address may be in use on another. So many ports are tried.
const FREE_PORTS_TRIED: u32 = 16;

/// Opens the listeners. The error is one line that names the address and what to do.
pub fn bind(binds: &[Bind], port: u16) -> Result<Vec<Listener>, String> {
    let mut left = if port == 0 { FREE_PORTS_TRIED } else { 1 };
    let listeners = loop {
        left -= 1;
        let opened = if binds.is_empty() { bind_everything(port) } else { bind_each(binds, port) };
        match opened {
            Ok(listeners) => break listeners,
            Err((_, error)) if left > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err((address, error)) => return Err(describe(address, &error)),
        }
    };
    if binds.is_empty() && !has_ipv6(&listeners) {
        warn("there is no IPv6 on this machine: serving IPv4 only");
    }
    let listeners: Vec<Listener> = listeners.into_iter().map(Listener::Tcp).collect();
    for listener in &listeners {
        prepare(listener).map_err(|error| format!("cannot prepare the listener: {error}"))?;
    }
    Ok(listeners)
}

/// Both families on one port. std binds before `IPV6_V6ONLY` can be set, so we look afterwards
/// what the system has set.
fn bind_everything(port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match TcpListener::bind(any) {
        Ok(first) if is_v6_only(&first) => {
            let port = first.local_addr().map_or(port, |address| address.port());
            let second = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            match TcpListener::bind(second) {
                Ok(second) => Ok(vec![first, second]),
                // Another program has the IPv4 port. Half a server would surprise more than none.
                Err(error) => Err((second, error)),
            }
        }
        Ok(first) => Ok(vec![first]),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
            ) =>
        {
            Err((any, error))
        }
        // No IPv6: EAFNOSUPPORT, whose number differs between systems, or EADDRNOTAVAIL.
        Err(_) => {
            let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            TcpListener::bind(any).map(|listener| vec![listener]).map_err(|error| (any, error))
        }
    }
}

/// Whether clients can connect over IPv6. Where it is disabled, `[::]` can still be bound, but no
/// interface has an IPv6 address, not even the loopback.
fn has_ipv6(listeners: &[TcpListener]) -> bool {
    let is_ipv6 = |listener: &TcpListener| matches!(listener.local_addr(), Ok(SocketAddr::V6(_)));
    let has_address =
        || sys::addresses().map_or(true, |own| own.iter().any(|own| own.address.is_ipv6()));
    listeners.iter().any(is_ipv6) && has_address()
}

fn bind_each(binds: &[Bind], port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    // `--bind 127.0.0.1 --bind ::`: addresses that a dual-stack socket covers must come after it.
    let rank = |bind: &Bind| match bind.address {
        address if !address.is_unspecified() => 2,
        address => u8::from(address.is_ipv4()),
    };
    let binds = (0..=2).flat_map(|now| binds.iter().filter(move |bind| rank(bind) == now));
    let mut listeners: Vec<TcpListener> = Vec::new();
    // Once the system has chosen a port, all use it.
    let mut port = port;
    let deadline = Instant::now() + WAIT;
    for bind in binds {
        let address = bind.socket_address(port);
        match bind_when_there(address, deadline) {
            Ok(listener) => {
                if bind.port.is_none() {
                    port = listener.local_addr().map_or(port, |address| address.port());
                }
                listeners.push(listener);
            }
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && covers(&listeners, address) => {}
            Err(error) => return Err((address, error)),
        }
    }
    Ok(listeners)
}

/// At boot an address may be missing or tentative (RFC 4862 §5.4), so we wait for it. SIGTERM and
/// SIGINT still end the process.
fn bind_when_there(address: SocketAddr, deadline: Instant) -> io::Result<TcpListener> {
    if needs_zone(address) {
        // The BSDs report a missing address, and we would wait for it.
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut is_reported = false;
    loop {
        match TcpListener::bind(address) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrNotAvailable
                    // This one will not come from a network.
                    && !address.ip().is_loopback()
                    && Instant::now() < deadline => {}
            result => return result,
        }
        if !is_reported {
            is_reported = true;
            let hint = if io::stderr().is_terminal() { "; ^C ends that" } else { "" };
            warn(&format!(
                "waiting up to {} s for {} to become an address of this machine{hint}",
                WAIT.as_secs(),
                address.ip()
            ));
        }
        thread::sleep(LOOK);
    }
}

/// Whether one of the listeners already answers at this address.
fn covers(listeners: &[TcpListener], address: SocketAddr) -> bool {
    listeners.iter().any(|listener| {
        let Ok(own) = listener.local_addr() else {
            return false;
        };
        let same_family = own.is_ipv4() == address.is_ipv4();
        let answers_family = same_family || (own.is_ipv6() && !is_v6_only(listener));
        own == address
            || own.ip().is_unspecified() && own.port() == address.port() && answers_family
    })
}

/// The call is deprecated because it cannot be set once the socket is bound. Reading it works.
#[allow(deprecated)]
fn is_v6_only(listener: &TcpListener) -> bool {
    listener.only_v6().unwrap_or(false)
}

/// Whether a listener with an IPv6 address answers IPv4 clients too.
pub fn is_dual_stack(listener: &Listener) -> bool {
    let is_v6 = |tcp: &TcpListener| matches!(tcp.local_addr(), Ok(SocketAddr::V6(_)));
    listener.tcp().is_some_and(|tcp| is_v6(tcp) && !is_v6_only(tcp))
}

/// The address of a listener; `None` for a unix socket.
pub fn address(listener: &Listener) -> Option<SocketAddr> {
    listener.tcp()?.local_addr().ok()
}

/// Sets what a listener needs, opened here or passed by a service manager, and what its connections
/// inherit. `IPV6_V6ONLY` stays as it is.
pub fn prepare(listener: &Listener) -> io::Result<()> {
    listener.set_nonblocking()?;
    sys::set_backlog(listener, BACKLOG)?;
    let Some(tcp) = listener.tcp() else {
        return Ok(());
    };
    // Where these options are missing, clients only cost more memory and time: a connection is
    // then accepted before the client has sent its request.
    let _ = sys::set_unsent_bytes_max(tcp, UNSENT_BYTES_MAX);
    let _ = sys::set_accept_deferred(tcp, SILENCE_SECONDS);
    sys::set_no_delay(tcp)
}

/// A line on standard error, before the log is there.
pub fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "ipv6-httpd: {text}");
}

fn describe(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "port {port} is already in use (on {}): choose another with --port",
                address.ip()
            )
        }
        io::ErrorKind::PermissionDenied => format!(
            "port {port} needs root: use --port 8080, or install the service (scripts/install)"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is not an address of this machine", address.ip())
        }
        io::ErrorKind::InvalidInput if needs_zone(address) => describe_zones(address),
        _ => format!("cannot listen on {address}: {error}"),
    }
}

fn needs_zone(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.ip().is_unicast_link_local() && address.scope_id() == 0)
}

/// The error names the zones that have the address, or else all that could.
fn describe_zones(address: SocketAddr) -> String {
    let own = sys::addresses().unwrap_or_default();
    let zones = |fits: &dyn Fn(Ipv6Addr) -> bool| {
        let matching =
            (own.iter()).filter(|own| matches!(own.address, IpAddr::V6(address) if fits(address)));
        let mut zones: Vec<String> =
            matching.map(|own| format!("{}%{}", address.ip(), own.interface)).collect();
        zones.dedup();
        zones
    };
    let mut found = zones(&|own| own == address.ip());
    if found.is_empty() {
        found = zones(&|own| own.is_unicast_link_local());
    }
    if found.is_empty() {
        found.push(format!("{}%INTERFACE", address.ip()));
    }
    format!("{} is link-local and needs a zone: {}", address.ip(), found.join(" or "))
}
