//! Values of options that need a reader: numbers, paths, addresses. Choices of words are in
//! `flags.rs`.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::config::{Bind, SiteOptions, UserName};
use crate::http::grammar::{is_field_content, is_token};
use crate::sys;

/// Why a value is refused.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is not what the option wants.
    Value,
    /// It is not what the option wants, for this reason.
    Because(String),
    /// A complete message, which names the option.
    Message(String),
}

/// A number: only digits.
pub(super) fn number(value: &OsStr, range: RangeInclusive<usize>) -> Result<usize, Wrong> {
    let text = value.to_str().filter(|text| !text.starts_with('+')).ok_or(Wrong::Value)?;
    text.parse().ok().filter(|number| range.contains(number)).ok_or(Wrong::Value)
}

/// A value whose parser explains the error.
pub(super) fn parsed<T: FromStr<Err = String>>(value: &OsStr) -> Result<T, Wrong> {
    value.to_string_lossy().parse().map_err(Wrong::Because)
}

/// `NAME[:GROUP]`. Whether there are such names is found out at the start.
pub(super) fn user(value: &OsStr) -> Result<UserName, Wrong> {
    let text = value.to_str().ok_or(Wrong::Value)?;
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let is_name = |name: &str| !name.is_empty() && !name.contains([':', '\n']);
    let valid = is_name(user) && group.is_none_or(is_name);
    let name = UserName { user: user.to_owned(), group: group.map(str::to_owned) };
    if valid { Ok(name) } else { Err(Wrong::Value) }
}

/// A name without slashes; any bytes.
pub(super) fn file_name(value: &OsStr) -> Result<Vec<u8>, Wrong> {
    let bytes = value.as_encoded_bytes();
    let valid = !matches!(bytes, b"" | b"." | b"..") && !bytes.contains(&b'/');
    if valid { Ok(bytes.to_vec()) } else { Err(Wrong::Value) }
}

/// A path beneath the root, with or without a slash before it.
pub(super) fn relative_path(value: &OsStr) -> Result<Vec<u8>, Wrong> {
    let bytes = value.as_encoded_bytes();
    let bytes = bytes.strip_prefix(b"/").unwrap_or(bytes);
    let mut names = bytes.split(|&byte| byte == b'/');
    let valid = names.all(|name| !matches!(name, b"" | b"." | b".."));
    if valid { Ok(bytes.to_vec()) } else { Err(Wrong::Value) }
}

/// A value for Location (RFC 9110 §10.2.2). `//host` is not a path: it would lead to another host.
pub(super) fn location(value: &OsStr) -> Result<String, Wrong> {
    let text = value.to_str().ok_or(Wrong::Value)?;
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    let is_uri = text.bytes().all(|byte| byte.is_ascii_graphic());
    if (is_path || is_url) && is_uri { Ok(text.to_owned()) } else { Err(Wrong::Value) }
}

/// `[.EXT,...=]VALUE`: a field value, of all files or of those whose names end so.
pub(super) fn cache_control(value: &OsStr, site: &mut SiteOptions) -> Result<(), Wrong> {
    let text = value.to_str().ok_or(Wrong::Value)?;
    let (ends, text) = match text.starts_with('.') {
        true => text.split_once('=').ok_or(Wrong::Value)?,
        false => ("", text),
    };
    let text = text.trim();
    if text.is_empty() || !is_field_content(text.as_bytes()) {
        return Err(Wrong::Value);
    }
    if ends.is_empty() {
        text.clone_into(&mut site.cache_control);
        return Ok(());
    }
    for end in ends.split(',').map(str::trim) {
        if end.len() < 2 || !end.starts_with('.') || end.contains('/') {
            return Err(Wrong::Value);
        }
        site.cache_control_by_name.push((end.to_owned(), text.to_owned()));
    }
    Ok(())
}

/// A file extension in lower case, and its media type.
pub(super) fn media_type(value: &OsStr) -> Result<(String, String), Wrong> {
    let split = || {
        let (extension, media_type) = value.to_str()?.split_once('=')?;
        let (main, sub) = media_type.split(';').next()?.trim().split_once('/')?;
        Some((extension, media_type, main, sub))
    };
    let (extension, media_type, main, sub) = split().ok_or(Wrong::Value)?;
    let extension = extension.strip_prefix('.').unwrap_or(extension);
    let valid = !extension.is_empty()
        && !extension.contains(['/', '.'])
        && is_token(main.as_bytes())
        && is_token(sub.as_bytes())
        && is_field_content(media_type.as_bytes());
    if !valid {
        return Err(Wrong::Value);
    }
    Ok((extension.to_ascii_lowercase(), media_type.to_owned()))
}

/// A field line for every answer. Fields that the server sets itself are errors.
pub(super) fn header(value: &OsStr) -> Result<(String, String), Wrong> {
    let (name, text) = value.to_str().and_then(|text| text.split_once(':')).ok_or(Wrong::Value)?;
    let text = text.trim();
    if !is_token(name.as_bytes()) || !is_field_content(text.as_bytes()) {
        return Err(Wrong::Value);
    }
    for (reserved, reason) in RESERVED {
        if let Some(name) = reserved.split(' ').find(|field| field.eq_ignore_ascii_case(name)) {
            return Err(Wrong::Message(format!("--header cannot set {name}: {reason}")));
        }
    }
    Ok((name.to_owned(), text.to_owned()))
}

/// Fields that `--header` cannot set, and why.
const RESERVED: [(&str, &str); 5] = [
    ("Cache-Control", "use --cache-control"),
    ("Content-Type", "use --media-type"),
    ("WWW-Authenticate", "use --auth-file"),
    (
        "Connection Content-Length Content-Range Keep-Alive Proxy-Connection TE Trailer \
         Transfer-Encoding Upgrade",
        "the server controls connections and lengths",
    ),
    (
        "Accept-Ranges Allow Content-Encoding Date ETag Last-Modified Location Retry-After Vary \
         X-Content-Type-Options",
        "the server sets it for each file",
    ),
];

/// An address in any common form, with or without port and zone.
pub(super) fn bind(value: &OsStr) -> Result<Bind, Wrong> {
    let text = value.to_str().ok_or(Wrong::Value)?;
    if text.starts_with("localhost") {
        return Err(Wrong::Because("use ::1 or 127.0.0.1, or both".to_owned()));
    }
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(Bind { address: Ipv6Addr::UNSPECIFIED.into(), zone: 0, port: Some(port) });
    }
    // `[::1]:80`, `[::1]`, `::1`, `192.0.2.1:80`, `192.0.2.1`.
    let (host, port) =
        match text.strip_prefix('[').map(|rest| rest.split_once(']').ok_or(Wrong::Value)) {
            Some(split) => match split? {
                (host, "") => (host, None),
                (host, port) => {
                    let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
                    (host, Some(port.ok_or(Wrong::Value)?))
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
        Some((host, zone)) => (host, zone_of(host, zone)?),
        None => (host, 0),
    };
    let address: IpAddr = host.parse().map_err(|_| Wrong::Value)?;
    if zone != 0 && address.is_ipv4() {
        return Err(Wrong::Value);
    }
    Ok(Bind {
        // `::ffff:192.0.2.1` is that IPv4 address.
        address: address.to_canonical(),
        zone,
        port,
    })
}

/// An interface by its name or its number.
fn zone_of(host: &str, zone: &str) -> Result<u32, Wrong> {
    if let Some(index) = sys::interface_called(zone) {
        return Ok(index);
    }
    let mut names: Vec<String> = Vec::new();
    for found in sys::addresses().unwrap_or_default() {
        if let Err(place) = names.binary_search(&found.interface) {
            names.insert(place, found.interface);
        }
    }
    let names = names.join(", ");
    let error = format!("--bind {host}%{zone}: there is no interface '{zone}'; there are {names}");
    Err(Wrong::Message(error))
}
