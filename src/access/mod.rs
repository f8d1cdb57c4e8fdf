//! Who may use the server: the client behind a proxy, the networks that are allowed, the users that
//! log in. Decides about a request before the site sees it; opens no sockets.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod auth_file;
pub mod list;
pub mod network;
pub mod sha256;
pub mod sha256_crypt;

use core::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::http::authorization;
use crate::http::fields::Field;
use crate::http::forwarded::{self, Source};
use crate::http::now::Now;
use crate::http::request::{Method, Request};
use crate::http::responder::{Patience, Unready};
use crate::http::status::Reject;
use crate::http::status::Status;
use crate::peer::Peer;

use accounts::{Accounts, Outcome};
use auth_file::AuthFile;
use list::{AccessList, Rule};
use network::Network;

/// The operator's options.
#[derive(Clone, Debug, Default)]
pub struct AccessOptions {
    /// Which clients are allowed; all, if there is no rule.
    pub rules: Vec<Rule>,
    /// Proxies that are believed when they name their client.
    pub trusted_proxies: Vec<Network>,
    /// Trusted proxies name it in a PROXY header, before everything else.
    pub proxy_protocol: bool,
    /// The file of users and their passwords.
    pub auth_file: Option<PathBuf>,
}

/// Decides about requests. Exists only if the operator has set such an option.
#[derive(Debug)]
pub struct Access {
    trusted_proxies: Vec<Network>,
    proxy_protocol: bool,
    list: Option<AccessList>,
    login: Option<(AuthFile, Accounts)>,
}

impl Access {
    /// Reads the auth file, which must belong to root or to `server_user`. `None`: every client is
    /// allowed, and none is a proxy. At most half of the `threads` that may wait check passwords at
    /// the same time. The error is one line for the operator.
    pub fn open(
        options: &AccessOptions,
        root: &Path,
        server_user: Option<u32>,
        threads: usize,
    ) -> Result<Option<Access>, String> {
        let AccessOptions { rules, trusted_proxies, proxy_protocol, auth_file } = options;
        if rules.is_empty() && trusted_proxies.is_empty() && auth_file.is_none() {
            return Ok(None);
        }
        let login = match auth_file {
            Some(path) => Some(AuthFile::open(path, root, server_user, threads / 2)?),
            None => None,
        };
        let list = (!rules.is_empty()).then(|| AccessList::new(rules));
        if let Some(list) = list.as_ref().filter(|list| list.names_local()) {
            list.look_up_local().map_err(|error| {
                let hint = if cfg!(target_os = "linux") {
                    "; it asks the kernel by AF_NETLINK, which RestrictAddressFamilies= may forbid"
                } else {
                    ""
                };
                format!("cannot find out which networks are local: {error}{hint}")
            })?;
        }
        Ok(Some(Access {
            trusted_proxies: trusted_proxies.clone(),
            proxy_protocol: *proxy_protocol,
            list,
            login,
        }))
    }

    /// Whether a rule names `local`.
    pub fn names_local(&self) -> bool {
        self.list.as_ref().is_some_and(AccessList::names_local)
    }

    /// Whether a client that reaches the machine at its address `own` may be allowed. `zone`: see
    /// [`AccessList::may_admit`]. A proxy may bring clients from anywhere.
    pub fn may_admit(&self, own: IpAddr, zone: u32) -> bool {
        let list = self.list.as_ref().filter(|_| self.trusted_proxies.is_empty());
        list.is_none_or(|list| list.may_admit(own, zone))
    }

    /// The folders that must stay readable while the server runs.
    pub fn folders(&self) -> Vec<PathBuf> {
        self.login.as_ref().map(|(file, _)| file.folders()).unwrap_or_default()
    }

    /// Reads the auth file again if it has changed, looking at most once a second. If the file is
    /// wrong, keeps the users and returns one line for the operator.
    pub fn refresh(&self, now: &Now, patience: Patience) -> Result<Option<String>, Unready> {
        let Some((file, accounts)) = &self.login else {
            return Ok(None);
        };
        if patience == Patience::None {
            return if file.claim(now) { Err(Unready) } else { Ok(None) };
        }
        Ok(file.refresh(accounts, now).map(|error| error + USERS_KEPT))
    }

    /// Reads the auth file again now. If it is wrong, the same.
    pub fn reload(&self) -> Option<String> {
        let (file, accounts) = self.login.as_ref()?;
        let error = file.reload(accounts)?;
        Some(error + USERS_KEPT)
    }

    /// What the options come to, in lines for the operator.
    pub fn summary(&self) -> Vec<String> {
        let list = self.list.as_ref().map(|list| format!("Clients: {list}"));
        let local = self.names_local().then(AccessList::local).and_then(Result::ok);
        let local = local.map(|networks| format!("Local now: {}", joined(&networks)));
        let users = self.login.as_ref().map(|(_, accounts)| accounts.count());
        let users = users.map(|count| format!("Users: {count}"));
        let proxies = &self.trusted_proxies;
        let proxies = (!proxies.is_empty()).then(|| {
            let header = if self.proxy_protocol { ", with a PROXY header" } else { "" };
            format!("Proxies: {}{header}", joined(proxies))
        });
        [list, local, users, proxies].into_iter().flatten().collect()
    }

    /// Whether a client at this address is a trusted proxy.
    fn trusts(&self, address: IpAddr, zone: u32) -> bool {
        let mut proxies = self.trusted_proxies.iter();
        proxies.any(|network| network.contains(address, zone))
    }

    /// Whether the other side of a connection is a trusted proxy.
    pub fn trusts_peer(&self, peer: Peer) -> bool {
        peer.address.is_some_and(|address| self.trusts(address, peer.zone))
    }

    /// Whether a PROXY header comes first. Clients that connect without a proxy send none; if they
    /// do, it is not a valid request.
    pub fn expects_proxy_header(&self, peer: Peer) -> bool {
        self.proxy_protocol && peer.is_proxy
    }

    /// The client that a PROXY header names.
    pub fn behind(&self, proxy: Peer, source: Source) -> Peer {
        match source {
            // No client has this address, so the header names none.
            Source::Client(address) if address.is_unspecified() => Peer::UNKNOWN,
            Source::Client(address) => {
                Peer { is_proxy: self.trusts(address, 0), ..Peer::behind_proxy(address) }
            }
            Source::Proxy => proxy,
            Source::Unknown => Peer::UNKNOWN,
        }
    }

    /// Decides about a request. Returns the client, and the name of the user if a login is
    /// required.
    pub fn admit(
        &self,
        peer: Peer,
        request: &Request<'_>,
        now: &Now,
        patience: Patience,
    ) -> Result<(Peer, Result<Option<Arc<str>>, Reject>), Unready> {
        let client = match self.client(peer, request) {
            Ok(client) => client,
            Err(reject) => return Ok((Peer::UNKNOWN, Err(reject))),
        };
        if let Err(reject) = self.admit_client(client, now) {
            return Ok((client, Err(reject)));
        }
        let user = match &self.login {
            Some((_, accounts)) if !is_preflight(request) => {
                log_in(accounts, client, request, now, patience)?.map(Some)
            }
            _ => Ok(None),
        };
        Ok((client, user))
    }

    fn client(&self, peer: Peer, request: &Request<'_>) -> Result<Peer, Reject> {
        if !peer.is_proxy {
            return Ok(peer);
        }
        let is_trusted = |address| self.trusts(address, 0);
        match forwarded::client(request.fields, is_trusted) {
            Ok(Source::Proxy) => Ok(peer),
            Ok(Source::Client(address)) => Ok(Peer::behind_proxy(address)),
            Ok(Source::Unknown) => Ok(Peer::UNKNOWN),
            Err(reject) => Err(reject),
        }
    }

    fn admit_client(&self, client: Peer, now: &Now) -> Result<(), Reject> {
        let Some(list) = &self.list else {
            return Ok(());
        };
        if list.allows(client, now.milliseconds) {
            return Ok(());
        }
        let reason = match client.address {
            Some(_) => "Your address is not allowed to use this server.",
            None => "The proxy did not say what your address is.",
        };
        Err(Reject::new(Status::Forbidden, reason))
    }
}

fn joined(networks: &[Network]) -> String {
    let networks: Vec<_> = networks.iter().map(Network::to_string).collect();
    networks.join(", ")
}

fn log_in(
    accounts: &Accounts,
    client: Peer,
    request: &Request<'_>,
    now: &Now,
    patience: Patience,
) -> Result<Result<Arc<str>, Reject>, Unready> {
    let outcome = match authorization::basic(request.fields) {
        Some(sent) => accounts.check(&sent, client, now.milliseconds, patience),
        None => Outcome::Wrong,
    };
    let (status, reason, field) = match outcome {
        Outcome::User(user) => return Ok(Ok(user)),
        Outcome::Unready => return Err(Unready),
        Outcome::Wrong => (
            Status::Unauthorized,
            "Log in with a user name and a password.",
            ("WWW-Authenticate", CHALLENGE.to_owned()),
        ),
        Outcome::Wait(seconds) => (
            Status::TooManyRequests,
            "Too many passwords were wrong. Wait a little.",
            ("Retry-After", seconds.to_string()),
        ),
        Outcome::Busy => (
            Status::ServiceUnavailable,
            "The server is busy checking passwords. Try again in a moment.",
            ("Retry-After", "1".to_owned()),
        ),
    };
    Ok(Err(Reject { status, reason, field: Some(field) }))
}

const USERS_KEPT: &str = "; the users stay as they were";

/// RFC 7617 §2 and §2.1.
const CHALLENGE: &str = "Basic realm=\"ipv6-httpd\", charset=\"UTF-8\"";

/// Whether a browser asks if a page of another origin may send a request. Such a question never
/// has credentials, and the answer is the same for every path.
fn is_preflight(request: &Request<'_>) -> bool {
    let asks = request.fields.one(Field::AccessControlRequestMethod);
    request.method == Method::Options && asks.is_some()
}
