//! The options: one row each. The help, the hints, the manual page and the completions come from
//! these rows, so an option is added here and nowhere else in this folder.
//!
//! All of it is constant. The program contains it in the form that `rows.rs` makes.

use std::ffi::OsStr;
use std::num::NonZeroUsize;

use crate::access::list::{Rule, Verdict};
use crate::config::{Column, Config, LogFormat, Order};
use crate::sys::Symlinks;

use super::values::{self, Wrong};

use Takes::{Nothing, OptionalUrl, Value};
use Wants::{File, OneOf, Text};

/// Options under one heading of the help.
pub struct Group {
    /// The heading.
    pub heading: &'static str,
    /// Its options, in the order of the help.
    pub flags: &'static [Flag],
}

/// An option.
pub struct Flag {
    /// The name of one letter, with its dash.
    pub short: Option<&'static str>,
    /// The name, with its two dashes.
    pub long: &'static str,
    /// What may or must follow it.
    pub takes: Takes,
    /// An option without a value gets an empty one.
    pub(super) set: Set,
    /// The description, without line breaks. Defaults come last: `[default: 8080]`.
    pub help: &'static str,
}

/// Applies an option and its value.
pub(super) type Set = fn(&mut Draft, &OsStr) -> Result<(), Wrong>;

/// What may or must follow an option.
pub enum Takes {
    /// No value.
    Nothing,
    /// A value, and its name in the help.
    Value(&'static str, Wants),
    /// A URL, or nothing.
    OptionalUrl,
}

/// What a value must be. The text is the end of an error: "--port wants a number".
pub enum Wants {
    /// Text.
    Text(&'static str),
    /// The name of a file: shells complete it.
    File(&'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// What the options have set so far.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    /// Names of index files. If there are any, they replace the default.
    pub(super) index: Vec<Vec<u8>>,
    pub(super) check: bool,
    /// `Some(None)`: ask the server that these options describe.
    pub(super) healthcheck: Option<Option<String>>,
    /// Print this and exit, whatever the other options say.
    pub(super) print: Option<Print>,
}

/// What can be printed without a server.
#[derive(Clone, Copy)]
pub(super) enum Print {
    Help,
    Version,
}

/// What the program does.
pub(super) const SUMMARY: &str = "Serves a folder over HTTP/1.1, on IPv6 and IPv4 at once.";
/// What may follow the program's name.
pub(super) const USAGE: &str = "[OPTIONS] [DIRECTORY]";
/// The only argument that is not an option.
pub(super) const DIRECTORY: &str = "the folder to serve [default: the current one]";
/// Names in the folder and queries that do something, and what.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("404.html", "in DIRECTORY: the page for status 404; so are 403.html and the like"),
    ("NAME.gz", "beside NAME, as .br and .zst: sent to clients that accept it"),
    ("?C=M&O=D", "listings by date, newest first; C=N by name, C=S by size"),
    ("?format=json", "listings as JSON"),
    ("?archive", "with --archive: the folder as a tar file"),
];
/// The options that the short form of the help has.
pub(super) const BRIEF: &[&str] = &[
    "--port",
    "--bind",
    "--sort",
    "--archive",
    "--hidden",
    "--allow",
    "--auth-file",
    "--log",
    "--qr",
    "--check",
    "--help",
    "--version",
];
/// Command lines, and what they do.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("ipv6-httpd", "serve this folder on port 8080"),
    ("ipv6-httpd -p 80 /srv/www", "serve another folder on port 80"),
    ("ipv6-httpd -b fe80::1%eth0 photos", "serve the neighbours on one cable only"),
];

/// Every option but the hidden one.
pub const GROUPS: &[Group] = &[
    Group { heading: "Listen", flags: LISTEN },
    Group { heading: "Serve", flags: SERVE },
    Group { heading: "Access", flags: ACCESS },
    Group { heading: "Log", flags: LOG },
    Group { heading: "Other", flags: OTHER },
];

impl Draft {
    fn change(&mut self, change: fn(&mut Config)) -> Result<(), Wrong> {
        change(&mut self.config);
        Ok(())
    }

    fn rule(&mut self, verdict: Verdict, value: &OsStr) -> Result<(), Wrong> {
        self.config.access.rules.push(Rule { verdict, place: values::parsed(value)? });
        Ok(())
    }

    fn print(&mut self, print: Print) -> Result<(), Wrong> {
        self.print = Some(print);
        Ok(())
    }
}

const LISTEN: &[Flag] = &[
    Flag {
        short: Some("-p"),
        long: "--port",
        takes: Value("PORT", Text("a number from 0 to 65535")),
        set: |draft, value| {
            draft.config.port = Some(values::number(value, 0..=65_535)? as u16);
            Ok(())
        },
        help: "port to listen on; 0 takes a free one and prints it [default: 8080]",
    },
    Flag {
        short: Some("-b"),
        long: "--bind",
        takes: Value("ADDRESS", Text("ADDR, [ADDR]:PORT, :PORT or fe80::1%eth0")),
        set: |draft, value| values::bind(value).map(|bind| draft.config.bind.push(bind)),
        help: "address to listen on, as in [::1]:80 or fe80::1%eth0; repeatable \
               [default: [::] and 0.0.0.0]",
    },
    Flag {
        short: Some("-w"),
        long: "--workers",
        takes: Value("N", Text("a number from 1 to 1024")),
        set: |draft, value| {
            draft.config.workers = NonZeroUsize::new(values::number(value, 1..=1_024)?);
            Ok(())
        },
        help: "threads [default: one per core, at least 4]",
    },
    Flag {
        short: None,
        long: "--connections-max",
        takes: Value("N", Text("a number from 16 to 1000000")),
        set: |draft, value| {
            draft.config.connections_max = Some(values::number(value, 16..=1_000_000)?);
            Ok(())
        },
        help: "at most this many connections at the same time [default: as memory and open files allow]",
    },
];

const SERVE: &[Flag] = &[
    Flag {
        short: None,
        long: "--index",
        takes: Value("NAME", Text("the name of a file")),
        set: |draft, value| values::file_name(value).map(|name| draft.index.push(name)),
        help: "file that is served for its directory; repeatable [default: index.html]",
    },
    Flag {
        short: None,
        long: "--no-listing",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.site.listing = false),
        help: "answer 404 for a directory without an index",
    },
    Flag {
        short: None,
        long: "--sort",
        takes: Value("COLUMN", OneOf(&["name", "size", "date", "-name", "-size", "-date"])),
        set: |draft, value| {
            let text = value.to_str().unwrap_or_default();
            let ascending = text.strip_prefix('-');
            let column = match ascending.unwrap_or(text) {
                "name" => Column::Name,
                "size" => Column::Size,
                "date" => Column::Date,
                _ => return Err(Wrong::Value),
            };
            draft.config.site.order = Order { column, descending: ascending.is_some() };
            Ok(())
        },
        help: "sort listings by name, size or date; -date: the newest first [default: name]",
    },
    Flag {
        short: None,
        long: "--archive",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.site.archive = true),
        help: "offer each listed folder as one download, a tar file that can be resumed",
    },
    Flag {
        short: None,
        long: "--hidden",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.site.hidden = true),
        help: "also serve names that begin with a dot (/.well-known/ is always served)",
    },
    Flag {
        short: None,
        long: "--symlinks",
        takes: Value("MODE", OneOf(&["inside", "follow", "deny"])),
        set: |draft, value| {
            draft.config.site.symlinks = match value.to_str() {
                Some("inside") => Symlinks::Inside,
                Some("follow") => Symlinks::Follow,
                Some("deny") => Symlinks::Deny,
                _ => return Err(Wrong::Value),
            };
            Ok(())
        },
        help: "inside: follow links that stay in DIRECTORY; follow: all; deny: none \
               [default: inside]",
    },
    Flag {
        short: None,
        long: "--try-html",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.site.try_html = true),
        help: "/about also finds about.html",
    },
    Flag {
        short: None,
        long: "--fallback",
        takes: Value("FILE", File("a file beneath DIRECTORY")),
        set: |draft, value| {
            draft.config.site.fallback = Some(values::relative_path(value)?);
            Ok(())
        },
        help: "serve FILE for a path that does not exist (one-page applications)",
    },
    Flag {
        short: None,
        long: "--redirect-all",
        takes: Value("PATH", Text("a path that begins with /, or a URL")),
        set: |draft, value| {
            draft.config.site.redirect_all = Some(values::location(value)?);
            Ok(())
        },
        help: "answer 302 to PATH for a path that does not exist (captive portals)",
    },
    Flag {
        short: None,
        long: "--cache-control",
        takes: Value(
            "[.EXT,...=]VALUE",
            Text("a field value, as in max-age=60 or .css,.js=max-age=60"),
        ),
        set: |draft, value| values::cache_control(value, &mut draft.config.site),
        help: "Cache-Control of files that end in .EXT, or of all others and of listings; \
               repeatable [default: no-cache]",
    },
    Flag {
        short: None,
        long: "--header",
        takes: Value("NAME:VALUE", Text("a field line, as in 'X-Frame-Options: DENY'")),
        set: |draft, value| values::header(value).map(|line| draft.config.site.headers.push(line)),
        help: "add a field to every answer; repeatable",
    },
    Flag {
        short: None,
        long: "--cors",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.site.cors = true),
        help: "let pages of other origins read the answers",
    },
    Flag {
        short: None,
        long: "--media-type",
        takes: Value("EXT=TYPE", Text("EXT=TYPE, as in log=text/plain")),
        set: |draft, value| {
            draft.config.site.media_types.push(values::media_type(value)?);
            Ok(())
        },
        help: "Content-Type of names that end in .EXT; repeatable",
    },
    Flag {
        short: None,
        long: "--no-ip",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.site.ip = false),
        help: "switch off the virtual path /ip",
    },
];

const ACCESS: &[Flag] = &[
    Flag {
        short: None,
        long: "--allow",
        takes: Value("NET", Text("a network, or local")),
        set: |draft, value| draft.rule(Verdict::Allow, value),
        help: "allow only clients in this network; repeatable: 192.168.1.0/24, \
               2001:db8::/32, fe80::/10%eth0, or local: the networks this machine is in now",
    },
    Flag {
        short: None,
        long: "--deny",
        takes: Value("NET", Text("a network, or local")),
        set: |draft, value| draft.rule(Verdict::Deny, value),
        help: "refuse clients in this network; repeatable. The most specific network wins; \
               on a tie, --deny wins",
    },
    Flag {
        short: None,
        long: "--auth-file",
        takes: Value("FILE", File("the name of a file")),
        set: |draft, value| {
            draft.config.access.auth_file = Some(value.into());
            Ok(())
        },
        help: "require a login; FILE has a line USER:HASH per user (hash: openssl passwd -5)",
    },
    Flag {
        short: None,
        long: "--trusted-proxy",
        takes: Value("NET", Text("a network")),
        set: |draft, value| {
            draft.config.access.trusted_proxies.push(values::parsed(value)?);
            Ok(())
        },
        help: "believe X-Forwarded-For and Forwarded from this network; repeatable",
    },
    Flag {
        short: None,
        long: "--proxy-protocol",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.access.proxy_protocol = true),
        help: "expect a PROXY header, v1 or v2, at the start of connections from trusted proxies",
    },
];

const LOG: &[Flag] = &[
    Flag {
        short: None,
        long: "--log",
        takes: Value("FORMAT", OneOf(&["simple", "common", "combined", "json", "off"])),
        set: |draft, value| {
            draft.config.log = match value.to_str() {
                Some("simple") => LogFormat::Simple,
                Some("common") => LogFormat::Common,
                Some("combined") => LogFormat::Combined,
                Some("json") => LogFormat::Json,
                Some("off") => LogFormat::Off,
                _ => return Err(Wrong::Value),
            };
            Ok(())
        },
        help: "format: simple, common, combined, json or off [default: simple]",
    },
    Flag {
        short: None,
        long: "--log-only-errors",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.log_only_errors = true),
        help: "log only answers of status 400 and above",
    },
];

const OTHER: &[Flag] = &[
    Flag {
        short: None,
        long: "--user",
        takes: Value("NAME[:GROUP]", Text("a name or a number, as in www-data or 1000:100")),
        set: |draft, value| {
            draft.config.user = Some(values::user(value)?);
            Ok(())
        },
        help: "started as root, become this user once the ports are open; root keeps root \
               [default: nobody]",
    },
    Flag {
        short: None,
        long: "--qr",
        takes: Nothing,
        set: |draft, _| draft.change(|config| config.qr = true),
        help: "print the best URL as a QR code",
    },
    Flag {
        short: None,
        long: "--check",
        takes: Nothing,
        set: |draft, _| {
            draft.check = true;
            Ok(())
        },
        help: "check the options, print what would be served, exit",
    },
    Flag {
        short: None,
        long: "--healthcheck",
        takes: OptionalUrl,
        set: |draft, value| {
            let url = value.to_string_lossy().into_owned();
            draft.healthcheck = Some(Some(url).filter(|url| !url.is_empty()));
            Ok(())
        },
        help: "ask a running server, at URL or with these options; exit 0 if it answers",
    },
    Flag {
        short: Some("-h"),
        long: "--help",
        takes: Nothing,
        set: |draft, _| draft.print(Print::Help),
        help: "print all of this; -h: the short form",
    },
    Flag {
        short: Some("-V"),
        long: "--version",
        takes: Nothing,
        set: |draft, _| draft.print(Print::Version),
        help: "print the version",
    },
];
