//! The command line: words -> [`Command`]. The help text is the contract: the README repeats it,
//! and a test keeps them and the options below the same.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use crate::access::list::{Rule, Verdict};
use crate::config::{Bind, Config, LogFormat};
use crate::http::grammar::{is_field_content, is_token};
use crate::sys::{self, Symlinks};

/// What `--help` prints.
pub const HELP: &str = "\
Serves a folder over HTTP/1.1, on IPv6 and IPv4 at once.

Usage: ipv6-httpd [OPTIONS] [DIRECTORY]    (the current directory if none)

Listen:
  -p, --port PORT           8080; 0 takes a free port and prints it
  -b, --bind ADDRESS        [::], 0.0.0.0; repeatable: [::1]:80, fe80::1%eth0
  -w, --workers N           threads; the larger of 4 and the number of cores
      --connections-max N   what the limit of open files and the memory allow

Serve:
      --index NAME          index.html; repeatable
      --no-listing          a directory without an index is 404
      --hidden              also names with a dot first (/.well-known/ always)
      --symlinks MODE       inside (where they stay in DIRECTORY), follow, deny
      --try-html            /about also finds about.html
      --fallback FILE       for a path that is not there (one-page applications)
      --redirect-all PATH   302 for a path that is not there (captive portals)
      --cache-control VALUE no-cache
      --header NAME:VALUE   a field of every answer; repeatable
      --cors                pages of other origins may read the answers
      --media-type EXT=TYPE repeatable
      --no-ip               switch off the virtual path /ip

Access:
      --allow NET           only these clients may ask; repeatable:
                            192.168.1.0/24, 2001:db8::/32, fe80::/10%eth0,
                            or local: the networks this machine is in now
      --deny NET            these may not; the longest prefix wins
      --auth-file FILE      who asks has to log in; lines of USER:HASH,
                            HASH as 'openssl passwd -5' makes it
      --trusted-proxy NET   believe its X-Forwarded-For and Forwarded;
                            repeatable
      --proxy-protocol      connections of trusted proxies begin with a
                            PROXY header, v1 or v2

Log:
      --log FORMAT          simple, common, combined, json or off
      --log-only-errors     spares the SD card

Other:
      --qr                  draw the best URL, for a phone
      --check               say what would be served, to whom, and end
      --healthcheck [URL]   exit status 0: a server with these options answers
  -h, --help                print this
  -V, --version             print the version

Examples:
  ipv6-httpd                         this folder, at port 8080
  ipv6-httpd -p 80 /srv/www          that folder, at port 80
  ipv6-httpd -b fe80::1%eth0 photos  to the neighbours on one cable only
";

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Serve.
    Serve(Box<Config>),
    /// Say what would be served, and end.
    Check(Box<Config>),
    /// Ask the server of these options, or the URL, whether it answers.
    Healthcheck(Box<Config>, Option<String>),
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// Reads the arguments, without the program's name. The error is one line that names the option
/// and says what it wants.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    read(arguments).map_err(|error| one_line(&error))
}

/// An error may repeat what was typed, or a name from the disk: line feeds and what terminals obey
/// are escaped.
pub fn one_line(error: &str) -> String {
    let mut line = String::with_capacity(error.len());
    for c in error.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut words =
        Words { rest: arguments.into_iter().collect::<Vec<_>>().into_iter(), attached: None };
    let mut config = Config::default();
    let mut root: Option<PathBuf> = None;
    let index = std::mem::take(&mut config.site.index);
    let mut check = false;
    let mut healthcheck: Option<Option<String>> = None;
    while let Some(word) = words.next()? {
        let (site, access) = (&mut config.site, &mut config.access);
        match word {
            Word::Option(name) => match name.as_str() {
                "-h" | "--help" => return Ok(Command::Help),
                "-V" | "--version" => return Ok(Command::Version),
                "-b" | "--bind" => config.bind.push(parse_bind(&words.value(&name, BIND_WANTED)?)?),
                "--no-listing" => site.listing = false,
                "--hidden" => site.hidden = true,
                "--try-html" => site.try_html = true,
                "--header" => site.headers.push(parse_header(&words.value(&name, HEADER_WANTED)?)?),
                "--cors" => site.cors = true,
                "--no-ip" => site.ip = false,
                "--allow" => access.rules.push(words.rule(&name, Verdict::Allow)?),
                "--deny" => access.rules.push(words.rule(&name, Verdict::Deny)?),
                "--trusted-proxy" => {
                    access.trusted_proxies.push(words.network(&name, "a network")?)
                }
                "--proxy-protocol" => access.proxy_protocol = true,
                "--healthcheck" => {
                    healthcheck = Some(words.optional(|text| text.starts_with("http://")));
                }
                "--log-only-errors" => config.log_only_errors = true,
                "--qr" => config.qr = true,
                "--check" => check = true,
                _ => {
                    let (wanted, set) = setting(&name).ok_or_else(|| unknown_option(&name))?;
                    let value = words.value(&name, wanted)?;
                    set(&mut config, &value).ok_or_else(|| not_wanted(&name, wanted, &value))?;
                }
            },
            Word::Value(value) => {
                if let Some(first) = &root {
                    let (first, second) = (first.display(), value.to_string_lossy());
                    return Err(format!(
                        "one directory can be served, not '{first}' and '{second}'"
                    ));
                }
                root = Some(value.into());
            }
        }
    }
    if config.access.proxy_protocol && config.access.trusted_proxies.is_empty() {
        return Err(
            "--proxy-protocol wants --trusted-proxy too: anybody else could claim any address"
                .to_owned(),
        );
    }
    config.root = root.unwrap_or(config.root);
    if config.site.index.is_empty() {
        config.site.index = index;
    }
    let config = Box::new(config);
    Ok(match healthcheck {
        Some(url) => Command::Healthcheck(config, url),
        None if check => Command::Check(config),
        None => Command::Serve(config),
    })
}

/// Takes a value over; `None` if it is not what is wanted.
type Set = fn(&mut Config, &OsStr) -> Option<()>;

/// What an option with a value wants, and where that goes.
fn setting(option: &str) -> Option<(&'static str, Set)> {
    Some(match option {
        "-p" | "--port" => ("a number from 0 to 65535", |config, value| {
            config.port = parse_number(value, 0..=65_535)? as u16;
            Some(())
        }),
        "-w" | "--workers" => ("a number from 1 to 1024", |config, value| {
            config.workers = Some(NonZeroUsize::new(parse_number(value, 1..=1_024)?)?);
            Some(())
        }),
        "--connections-max" => ("a number from 16 to 1000000", |config, value| {
            config.connections_max = Some(parse_number(value, 16..=1_000_000)?);
            Some(())
        }),
        "--index" => ("the name of a file", |config, value| {
            config.site.index.push(parse_file_name(value)?);
            Some(())
        }),
        "--symlinks" => ("inside, follow or deny", |config, value| {
            config.site.symlinks = parse_symlinks(value)?;
            Some(())
        }),
        "--fallback" => ("a file beneath DIRECTORY", |config, value| {
            config.site.fallback = Some(parse_relative(value)?);
            Some(())
        }),
        "--redirect-all" => ("a path that begins with /, or a URL", |config, value| {
            config.site.redirect_all = Some(parse_location(value)?);
            Some(())
        }),
        "--cache-control" => ("the value of a field", |config, value| {
            config.site.cache_control = parse_field_value(value)?;
            Some(())
        }),
        "--media-type" => ("EXT=TYPE, as in log=text/plain", |config, value| {
            config.site.media_types.push(parse_media_type(value)?);
            Some(())
        }),
        "--auth-file" => ("the name of a file", |config, value| {
            config.access.auth_file = Some(value.into());
            Some(())
        }),
        "--log" => ("simple, common, combined, json or off", |config, value| {
            config.log = parse_log(value)?;
            Some(())
        }),
        _ => return None,
    })
}

fn not_wanted(option: &str, wanted: &str, value: &OsStr) -> String {
    format!("{option} wants {wanted}, not '{}'", value.to_string_lossy())
}

/// The option that was meant, most likely: people forget and swap letters.
fn unknown_option(name: &str) -> String {
    let is_near =
        |option: &&str| distance(name, option) <= 2 || name.len() > 4 && option.starts_with(name);
    let near = options().filter(|_| name.starts_with("--")).filter(is_near);
    match near.min_by_key(|option| distance(name, option)) {
        Some(option) => format!("there is no option {name}; did you mean {option}?"),
        None => format!("there is no option {name}; see --help"),
    }
}

/// Every option that the help names, with its dashes.
pub fn options() -> impl Iterator<Item = &'static str> {
    let lines = HELP.lines().filter(|line| line.trim_start().starts_with('-'));
    lines.flat_map(|line| {
        let words = line.split([' ', ',']).filter(|word| !word.is_empty());
        words.take_while(|word| word.starts_with('-'))
    })
}

/// How many letters have to be put in, left out or changed to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (number, x) in (1..).zip(a.bytes()) {
        let mut left = number;
        let mut next = vec![left];
        for (pair, y) in row.windows(2).zip(b.bytes()) {
            if let [before, above] = *pair {
                left = (before + usize::from(x != y)).min(above + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The words of a command line. A long option may have its value attached with `=`, a short one
/// directly; `--` ends the options.
struct Words {
    rest: std::vec::IntoIter<OsString>,
    /// The value that came with the option, or the letters after a short one.
    attached: Option<Attached>,
}

enum Attached {
    /// Of this option.
    Value(String, OsString),
    /// `80` of `-p80`, or more options.
    Letters(OsString),
    /// `--` has been seen.
    OnlyValues,
}

enum Word {
    /// With its dashes.
    Option(String),
    Value(OsString),
}

impl Words {
    fn next(&mut self) -> Result<Option<Word>, String> {
        match self.attached.take() {
            Some(Attached::Value(name, value)) => {
                let value = value.to_string_lossy();
                return Err(format!("{name} takes no value, not even '{value}'"));
            }
            Some(Attached::Letters(letters)) => return self.short(&letters).map(Some),
            Some(Attached::OnlyValues) => {
                self.attached = Some(Attached::OnlyValues);
                return Ok(self.rest.next().map(Word::Value));
            }
            None => {}
        }
        let Some(word) = self.rest.next() else {
            return Ok(None);
        };
        let bytes = word.as_encoded_bytes();
        if bytes == b"--" {
            self.attached = Some(Attached::OnlyValues);
            return self.next();
        }
        if bytes.starts_with(b"--") {
            let Some(at) = bytes.iter().position(|&byte| byte == b'=') else {
                return Ok(Some(Word::Option(word.to_string_lossy().into_owned())));
            };
            let (name, value) = split_os(&word, at);
            let name = name.to_string_lossy().into_owned();
            self.attached = Some(Attached::Value(name.clone(), skip_byte(&value)));
            return Ok(Some(Word::Option(name)));
        }
        match bytes {
            [b'-', _, ..] => self.short(&split_os(&word, 1).1).map(Some),
            _ => Ok(Some(Word::Value(word))),
        }
    }

    fn short(&mut self, letters: &OsStr) -> Result<Word, String> {
        let first = letters.as_encoded_bytes().first().copied().unwrap_or(b'-');
        if !first.is_ascii() {
            return Err(format!("there is no option -{}; see --help", letters.to_string_lossy()));
        }
        let rest = split_os(letters, 1).1;
        if !rest.is_empty() {
            self.attached = Some(Attached::Letters(rest));
        }
        Ok(Word::Option(format!("-{}", char::from(first))))
    }

    /// The value of an option, which `wanted` describes.
    fn value(&mut self, name: &str, wanted: &str) -> Result<OsString, String> {
        match self.attached.take() {
            Some(Attached::Value(_, value)) => Ok(value),
            Some(Attached::Letters(letters)) => Ok(letters
                .to_str()
                .and_then(|text| text.strip_prefix('='))
                .map_or(letters.clone(), OsString::from)),
            Some(Attached::OnlyValues) | None => {
                self.rest.next().ok_or(format!("{name} wants {wanted}"))
            }
        }
    }

    /// A value whose error says what is wrong with it.
    fn network<T: FromStr<Err = String>>(&mut self, name: &str, wanted: &str) -> Result<T, String> {
        let value = self.value(name, wanted)?;
        let parsed: Result<T, String> = value.to_string_lossy().parse();
        parsed.map_err(|error| not_wanted(name, wanted, &value) + ": " + &error)
    }

    fn rule(&mut self, name: &str, verdict: Verdict) -> Result<Rule, String> {
        let place = self.network(name, "a network, or local")?;
        Ok(Rule { verdict, place })
    }

    /// The value of an option that needs none: attached, or the next word if it looks like one.
    fn optional(&mut self, is_value: impl Fn(&str) -> bool) -> Option<String> {
        if let Some(Attached::Value(_, value)) = &self.attached {
            let value = value.to_string_lossy().into_owned();
            self.attached = None;
            return Some(value);
        }
        let next = self.rest.as_slice().first()?.to_str()?.to_owned();
        is_value(&next).then(|| {
            self.rest.next();
            next
        })
    }
}

/// Splits a word before the byte at `at`, which is ASCII or stands after one.
fn split_os(word: &OsStr, at: usize) -> (OsString, OsString) {
    let (start, end) = word.as_encoded_bytes().split_at_checked(at).unwrap_or_default();
    (sys::os_string(start), sys::os_string(end))
}

fn skip_byte(word: &OsStr) -> OsString {
    split_os(word, 1).1
}

/// A number, in digits alone.
fn parse_number(value: &OsStr, range: RangeInclusive<usize>) -> Option<usize> {
    let text = value.to_str()?;
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok().filter(|number| range.contains(number))
}

fn parse_symlinks(value: &OsStr) -> Option<Symlinks> {
    match value.to_str()? {
        "inside" => Some(Symlinks::Inside),
        "follow" => Some(Symlinks::Follow),
        "deny" => Some(Symlinks::Deny),
        _ => None,
    }
}

fn parse_log(value: &OsStr) -> Option<LogFormat> {
    match value.to_str()? {
        "simple" => Some(LogFormat::Simple),
        "common" => Some(LogFormat::Common),
        "combined" => Some(LogFormat::Combined),
        "json" => Some(LogFormat::Json),
        "off" => Some(LogFormat::Off),
        _ => None,
    }
}

/// A name without slashes; any bytes.
fn parse_file_name(value: &OsStr) -> Option<Vec<u8>> {
    let bytes = value.as_encoded_bytes();
    (!bytes.is_empty() && !bytes.contains(&b'/') && bytes != b"." && bytes != b"..")
        .then(|| bytes.to_vec())
}

/// A path beneath the root, with or without a slash before it.
fn parse_relative(value: &OsStr) -> Option<Vec<u8>> {
    let bytes = value.as_encoded_bytes();
    let bytes = bytes.strip_prefix(b"/").unwrap_or(bytes);
    let names = bytes.split(|&byte| byte == b'/');
    names.clone().all(|name| !matches!(name, b"" | b"." | b"..")).then(|| bytes.to_vec())
}

/// RFC 9110 §10.2.2: what can stand in Location. `//host` would be another host.
fn parse_location(value: &OsStr) -> Option<String> {
    let text = value.to_str()?;
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    let is_uri = text.bytes().all(|byte| byte.is_ascii_graphic());
    ((is_path || is_url) && is_uri).then(|| text.to_owned())
}

fn parse_field_value(value: &OsStr) -> Option<String> {
    let text = value.to_str()?.trim();
    (!text.is_empty() && is_field_content(text.as_bytes())).then(|| text.to_owned())
}

fn parse_media_type(value: &OsStr) -> Option<(String, String)> {
    let (extension, media_type) = value.to_str()?.split_once('=')?;
    let extension = extension.strip_prefix('.').unwrap_or(extension);
    let (main, sub) = media_type.split(';').next()?.trim().split_once('/')?;
    let valid = !extension.is_empty()
        && !extension.contains(['/', '.'])
        && is_token(main.as_bytes())
        && is_token(sub.as_bytes())
        && is_field_content(media_type.as_bytes());
    valid.then(|| (extension.to_ascii_lowercase(), media_type.to_owned()))
}

const HEADER_WANTED: &str = "a field line, as in 'X-Frame-Options: DENY'";

/// What would break the framing of answers, or stand in them twice, is refused.
fn parse_header(value: &OsStr) -> Result<(String, String), String> {
    let wrong = || not_wanted("--header", HEADER_WANTED, value);
    let (name, text) = value.to_str().and_then(|text| text.split_once(':')).ok_or_else(wrong)?;
    let text = text.trim();
    if !is_token(name.as_bytes()) || !is_field_content(text.as_bytes()) {
        return Err(wrong());
    }
    match RESERVED.iter().find(|(reserved, _)| reserved.eq_ignore_ascii_case(name)) {
        Some((reserved, instead)) => Err(format!("--header cannot set {reserved}: {instead}")),
        None => Ok((name.to_owned(), text.to_owned())),
    }
}

const FRAMING: &str = "it frames the answers";
const OWN: &str = "the server sets it for each file";
const RESERVED: [(&str, &str); 22] = [
    ("Accept-Ranges", OWN),
    ("Allow", OWN),
    ("Cache-Control", "use --cache-control"),
    ("Connection", FRAMING),
    ("Content-Encoding", OWN),
    ("Content-Length", FRAMING),
    ("Content-Range", FRAMING),
    ("Content-Type", "use --media-type"),
    ("Date", OWN),
    ("ETag", OWN),
    ("Keep-Alive", FRAMING),
    ("Last-Modified", OWN),
    ("Location", OWN),
    ("Proxy-Connection", FRAMING),
    ("Retry-After", OWN),
    ("TE", FRAMING),
    ("Trailer", FRAMING),
    ("Transfer-Encoding", FRAMING),
    ("Upgrade", FRAMING),
    ("Vary", OWN),
    ("WWW-Authenticate", "use --auth-file"),
    ("X-Content-Type-Options", OWN),
];

const BIND_WANTED: &str = "ADDR, [ADDR]:PORT, :PORT or fe80::1%eth0";

/// Any way in which people write an address with or without port and zone.
fn parse_bind(value: &OsStr) -> Result<Bind, String> {
    let wrong = || not_wanted("--bind", BIND_WANTED, value);
    let text = value.to_str().ok_or_else(wrong)?;
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(Bind { address: Ipv6Addr::UNSPECIFIED.into(), zone: 0, port: Some(port) });
    }
    // `[::1]:80`, `[::1]`, `::1`, `192.0.2.1:80`, `192.0.2.1`.
    let (host, port) =
        match text.strip_prefix('[').map(|rest| rest.split_once(']').ok_or_else(wrong)) {
            Some(split) => match split? {
                (host, "") => (host, None),
                (host, port) => {
                    let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
                    (host, Some(port.ok_or_else(wrong)?))
                }
            },
            None => match text.parse::<SocketAddr>() {
                Ok(SocketAddr::V4(address)) => {
                    return Ok(Bind {
                        address: IpAddr::V4(*address.ip()),
                        zone: 0,
                        port: Some(address.port()),
                    });
                }
                _ => (text, None),
            },
        };
    let (host, zone) = match host.split_once('%') {
        Some((host, zone)) => (host, parse_zone(host, zone)?),
        None => (host, 0),
    };
    let address: IpAddr = host.parse().map_err(|_| wrong())?;
    if zone != 0 && address.is_ipv4() {
        return Err(wrong());
    }
    Ok(Bind {
        // `::ffff:192.0.2.1` is that IPv4 address.
        address: address.to_canonical(),
        zone,
        port,
    })
}

/// An interface by its name or its number.
fn parse_zone(host: &str, zone: &str) -> Result<u32, String> {
    if let Some(index) = sys::interface_called(zone) {
        return Ok(index);
    }
    let mut names: Vec<String> = Vec::new();
    for found in sys::addresses().unwrap_or_default() {
        if let Err(place) = names.binary_search(&found.interface) {
            names.insert(place, found.interface);
        }
    }
    Err(format!(
        "--bind {host}%{zone}: there is no interface '{zone}'; there are {}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(words: &[&str]) -> String {
        parse(words.iter().map(OsString::from)).expect_err("an error")
    }

    #[test]
    fn a_wrong_option_suggests_the_right_one() {
        for (wrong, expected) in [
            ("--indx", "there is no option --indx; did you mean --index?"),
            ("--indx=a", "there is no option --indx; did you mean --index?"),
            ("--prot", "there is no option --prot; did you mean --port?"),
            ("--no-list", "there is no option --no-list; did you mean --no-listing?"),
            ("--log-only", "there is no option --log-only; did you mean --log-only-errors?"),
            ("--help-me-out", "there is no option --help-me-out; see --help"),
            ("--ssl", "there is no option --ssl; see --help"),
            ("-x", "there is no option -x; see --help"),
            ("-\u{e4}", "there is no option -\u{e4}; see --help"),
        ] {
            assert_eq!(error(&[wrong]), expected);
        }
    }

    #[test]
    fn an_option_without_value_takes_none() {
        assert_eq!(error(&["--hidden=yes", "."]), "--hidden takes no value, not even 'yes'");
    }

    #[test]
    fn check_is_a_command_wherever_it_stands() {
        for words in [["--check", "-p80"], ["-p80", "--check"]] {
            let command = parse(words.iter().map(OsString::from));
            assert!(matches!(command, Ok(Command::Check(config)) if config.port == 80));
        }
    }
}
