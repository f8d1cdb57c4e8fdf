//! The configuration, validated once at the start. All defaults are here.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::access::AccessOptions;
use crate::http::limits::Limits;
use crate::sys::{self, Symlinks};

/// All settings of the command line.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder to serve.
    pub root: PathBuf,
    /// The port for addresses in `bind` that have none. `None`: see [`Config::port`].
    pub port: Option<u16>,
    /// The addresses to listen on. Empty: all addresses of both families.
    pub bind: Vec<Bind>,
    /// Threads. `None`: see [`Config::workers`].
    pub workers: Option<NonZeroUsize>,
    /// Connections at the same time. `None`: as memory and open files allow.
    pub connections_max: Option<usize>,
    /// What is served, and how.
    pub site: SiteOptions,
    /// Which clients are allowed.
    pub access: AccessOptions,
    /// The format of the log.
    pub log: LogFormat,
    /// Log only errors, because writing wears out SD cards.
    pub log_only_errors: bool,
    /// Print the best URL as a QR code at the start.
    pub qr: bool,
    /// Whom the server becomes; `None`: `nobody` if root starts it, else who starts it.
    pub user: Option<UserName>,
    /// The bounds of the protocol.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            root: PathBuf::from("."),
            port: None,
            bind: Vec::new(),
            workers: None,
            connections_max: None,
            site: SiteOptions::default(),
            access: AccessOptions::default(),
            log: LogFormat::Simple,
            log_only_errors: false,
            qr: false,
            user: None,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// The port for addresses in `bind` that have none: by default that of `ipv6-httpd.py`.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(8080)
    }

    /// The number of threads: by default one per core, at least 4, fewer if descriptors are scarce.
    pub fn workers(&self) -> usize {
        // Four even on one core: a worker that waits for an SD card stalls only its own clients.
        // If descriptors are scarce, leave some for clients.
        let default = || {
            let most = sys::processors().max(4);
            let left = usize::try_from(sys::raise_open_files_max()).unwrap_or(usize::MAX);
            let left = left.saturating_sub(DESCRIPTORS_TO_SERVE);
            (2..=most).take_while(|&count| descriptors_of(count) <= left).last().unwrap_or(1)
        };
        self.workers.map_or_else(default, NonZeroUsize::get)
    }
}

/// The end of an error about a folder that looks like a port: other servers take one there.
pub fn port_hint(folder: &str) -> Option<String> {
    folder.parse::<u16>().is_ok().then(|| format!(": for a port use --port {folder}"))
}

/// Descriptors in use before the first client. Once: standard streams, root, listeners and others.
/// For each worker: a poller and, if there are several workers, a wake signal.
pub fn descriptors_of(workers: usize) -> usize {
    const ONCE: usize = 11;
    ONCE + workers * if workers > 1 { 3 } else { 1 }
}

/// The least for serving clients: one connection, its file, its folder, and one waiting connection.
pub const DESCRIPTORS_TO_SERVE: usize = 4;

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The address without its zone.
    pub address: IpAddr,
    /// The index of the interface of a link-local address; 0 for none.
    pub zone: u32,
    /// `None`: the port of `--port`.
    pub port: Option<u16>,
}

impl Bind {
    /// The address to listen on. `port`: used if the address has none.
    pub fn socket_address(&self, port: u16) -> SocketAddr {
        let port = self.port.unwrap_or(port);
        match self.address {
            IpAddr::V4(address) => (address, port).into(),
            IpAddr::V6(address) => std::net::SocketAddrV6::new(address, port, 0, self.zone).into(),
        }
    }
}

/// A user and maybe a group, each by name or number: `NAME[:GROUP]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName {
    /// The user.
    pub user: String,
    /// `None`: the groups of that user.
    pub group: Option<String>,
}

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// Names of index files. The first that exists in a directory is served for it.
    pub index: Vec<Vec<u8>>,
    /// List directories without an index file.
    pub listing: bool,
    /// `?archive` gives a folder that is listed as one file.
    pub archive: bool,
    /// The order of listings, unless the query of a request says another.
    pub order: Order,
    /// Serve names that begin with a dot.
    pub hidden: bool,
    /// What symbolic links may do.
    pub symlinks: Symlinks,
    /// `/about` also finds `about.html`.
    pub try_html: bool,
    /// The file, relative to the root, that is served for a path that does not exist.
    pub fallback: Option<Vec<u8>>,
    /// The target of redirects from paths that do not exist.
    pub redirect_all: Option<String>,
    /// Cache-Control of listings, and of files that none of `cache_control_by_name` names.
    pub cache_control: String,
    /// Ends of names, such as `.css`, and the Cache-Control of these files. The last one that fits
    /// counts.
    pub cache_control_by_name: Vec<(String, String)>,
    /// Field lines for every answer. Names and values are valid, and none is about framing.
    pub headers: Vec<(String, String)>,
    /// Let pages of other origins read the answers.
    pub cors: bool,
    /// Media types by file extension (lower case). They override the built-in ones.
    pub media_types: Vec<(String, String)>,
    /// `/ip` tells clients their address.
    pub ip: bool,
}

impl Default for SiteOptions {
    fn default() -> SiteOptions {
        SiteOptions {
            index: vec![b"index.html".to_vec()],
            listing: true,
            archive: false,
            order: Order { column: Column::Name, descending: false },
            hidden: false,
            symlinks: Symlinks::Inside,
            try_html: false,
            fallback: None,
            redirect_all: None,
            cache_control: "no-cache".to_owned(),
            cache_control_by_name: Vec::new(),
            headers: Vec::new(),
            cors: false,
            media_types: Vec::new(),
            ip: true,
        }
    }
}

/// The order of a listing. Folders always come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The column that sorts it.
    pub column: Column,
    /// The last first.
    pub descending: bool,
}

/// A column of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The name, with numbers in their order.
    Name,
    /// In bytes.
    Size,
    /// When it was modified.
    Date,
}

/// The format of lines in the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As ipv6-httpd.py wrote it: local time, no zone.
    Simple,
    /// The Common Log Format of NCSA httpd and Apache.
    Common,
    /// Common, with Referer and User-Agent.
    Combined,
    /// One JSON object a line.
    Json,
    /// No access log.
    Off,
}
