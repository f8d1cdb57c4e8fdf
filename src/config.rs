//! What the operator decided, validated once at start-up. No rule is looked up twice, and no
//! default is hidden elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::access::AccessOptions;
use crate::http::limits::Limits;
use crate::sys::{self, Symlinks};

/// Everything that the command line says.
#[derive(Clone, Debug)]
pub struct Config {
    /// What to serve.
    pub root: PathBuf,
    /// Where an address of `bind` names none.
    pub port: u16,
    /// Where to listen; every address of the machine, of both families, if empty.
    pub bind: Vec<Bind>,
    /// Threads; `None`: the larger of 4 and the number of cores.
    pub workers: Option<NonZeroUsize>,
    /// Connections at a time; `None`: what the limit of open files and the memory allow.
    pub connections_max: Option<usize>,
    /// What is served, and how.
    pub site: SiteOptions,
    /// Who may ask.
    pub access: AccessOptions,
    /// The form of the log.
    pub log: LogFormat,
    /// Only answers that are errors are logged: SD cards wear out.
    pub log_only_errors: bool,
    /// The best URL is drawn at the start, for phones.
    pub qr: bool,
    /// Bounds of the protocol.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            root: PathBuf::from("."),
            port: 8080,
            bind: Vec::new(),
            workers: None,
            connections_max: None,
            site: SiteOptions::default(),
            access: AccessOptions::default(),
            log: LogFormat::Simple,
            log_only_errors: false,
            qr: false,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// How many threads serve.
    pub fn workers(&self) -> usize {
        // Four even on one core: a worker that waits for an SD card stalls only its own clients.
        // With few descriptors, only as many as leave some for clients.
        let default = || {
            let most = sys::processors().max(4);
            let left = usize::try_from(sys::raise_open_files_max()).unwrap_or(usize::MAX);
            let left = left.saturating_sub(DESCRIPTORS_TO_SERVE);
            (2..=most).take_while(|&count| descriptors_of(count) <= left).last().unwrap_or(1)
        };
        self.workers.map_or_else(default, NonZeroUsize::get)
    }
}

/// Descriptors that so many workers have before the first client comes: standard streams, root,
/// listeners and what else there is once; for each a poller, and a wake signal where there are several.
pub fn descriptors_of(workers: usize) -> usize {
    const ONCE: usize = 11;
    ONCE + workers * if workers > 1 { 3 } else { 1 }
}

/// What it takes to serve anybody: a connection, its file and its folder, and one that waits.
pub const DESCRIPTORS_TO_SERVE: usize = 4;

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The address.
    pub address: IpAddr,
    /// The interface of a link-local address; 0 for none.
    pub zone: u32,
    /// `None`: that of `--port`.
    pub port: Option<u16>,
}

impl Bind {
    /// The complete address.
    pub fn socket_address(&self, port: u16) -> SocketAddr {
        let port = self.port.unwrap_or(port);
        match self.address {
            IpAddr::V4(address) => (address, port).into(),
            IpAddr::V6(address) => std::net::SocketAddrV6::new(address, port, 0, self.zone).into(),
        }
    }
}

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// Names of files that stand for their directory; the first that is there.
    pub index: Vec<Vec<u8>>,
    /// A directory without index is listed.
    pub listing: bool,
    /// Names that begin with a dot are served.
    pub hidden: bool,
    /// What symbolic links may do.
    pub symlinks: Symlinks,
    /// `/about` also finds `about.html`.
    pub try_html: bool,
    /// The file, relative to the root, that is served for a path that is not there.
    pub fallback: Option<Vec<u8>>,
    /// Where every path that is not there is redirected to.
    pub redirect_all: Option<String>,
    /// Cache-Control of files and listings.
    pub cache_control: String,
    /// Field lines for every answer: names and values that cannot break its framing.
    pub headers: Vec<(String, String)>,
    /// Pages of other origins may read the answers.
    pub cors: bool,
    /// Media types by file extension (lower case), before those that are built in.
    pub media_types: Vec<(String, String)>,
    /// `/ip` tells clients their address.
    pub ip: bool,
}

impl Default for SiteOptions {
    fn default() -> SiteOptions {
        SiteOptions {
            index: vec![b"index.html".to_vec()],
            listing: true,
            hidden: false,
            symlinks: Symlinks::Inside,
            try_html: false,
            fallback: None,
            redirect_all: None,
            cache_control: "no-cache".to_owned(),
            headers: Vec::new(),
            cors: false,
            media_types: Vec::new(),
            ip: true,
        }
    }
}

/// The form of the lines of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As ipv6-httpd.py wrote it: local time, no zone.
    Simple,
    /// The Common Log Format of NCSA httpd and Apache.
    Common,
    /// The same with Referer and User-Agent.
    Combined,
    /// One JSON object a line.
    Json,
    /// None.
    Off,
}
