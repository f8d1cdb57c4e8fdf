//! The selected representation of a file (RFC 9110 §3.2): its media type, its content coding, and
//! the validators of exactly that.

use std::sync::Arc;

use crate::config::SiteOptions;
use crate::http::accept::{AcceptEncoding, Coding};
use crate::http::date::HttpDate;
use crate::http::precondition::Validators;
use crate::http::request::Fields;
use crate::sys::Identity;

use super::media_type;
use super::resource::{Finder, OpenFile, find_file};

/// What will be sent, unless a precondition or a range says otherwise.
#[derive(Debug)]
pub struct Representation {
    /// The file that holds it.
    pub source: Arc<OpenFile>,
    /// In bytes.
    pub length: u64,
    /// Of this representation, where the file does not keep it.
    own: Option<Description>,
}

impl Representation {
    /// What its answers have in common.
    pub fn description(&self) -> &Description {
        const NONE: &Description = &Description {
            validators: Validators {
                entity_tag: None,
                last_modified: None,
            },
            lines: Vec::new(),
            not_modified_bytes: 0,
            untyped_bytes: 0,
        };
        self.own
            .as_ref()
            .or_else(|| self.source.description.get())
            .unwrap_or(NONE)
    }
}

/// What the answers of a representation have in common.
#[derive(Debug)]
pub struct Description {
    /// What tells its states apart.
    pub validators: Validators,
    /// As they go on the wire: Cache-Control, Vary, ETag and Last-Modified; Content-Encoding,
    /// Accept-Ranges and X-Content-Type-Options; Content-Type.
    lines: Vec<u8>,
    not_modified_bytes: usize,
    untyped_bytes: usize,
}

impl Description {
    /// What a 200 and a 206 say.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// RFC 9110 §15.4.5: what a 304 says, which the 200 would say of caching and of itself.
    pub fn not_modified_lines(&self) -> &[u8] {
        self.lines
            .get(..self.not_modified_bytes)
            .unwrap_or_default()
    }

    /// The same as [`Description::lines`] without the last: a multipart has another type.
    pub fn untyped_lines(&self) -> &[u8] {
        self.lines.get(..self.untyped_bytes).unwrap_or_default()
    }

    /// Content-Type: that of the original, whatever the coding.
    pub fn type_line(&self) -> &[u8] {
        self.lines.get(self.untyped_bytes..).unwrap_or_default()
    }
}

/// Chooses between a file and its coded siblings: `name.br`, `name.zst`, `name.gz`. `None`: the
/// client refuses all there are. A sibling older than its original is a forgotten one.
pub fn select(
    finder: &mut Finder<'_>,
    original: Arc<OpenFile>,
    fields: Fields<'_>,
    now: HttpDate,
) -> Option<Representation> {
    let accept = AcceptEncoding::of(fields);
    let sibling = accept.preferred().find_map(|coding| {
        let file = find_file(finder, &original.path.with_suffix(coding.suffix()))?;
        (file.identity.modified >= original.identity.modified).then_some((coding, file))
    });
    let (coding, source) = match sibling {
        Some((coding, file)) => (Some(coding), file),
        None if accept.accepts_identity() => (None, original),
        None => return None,
    };
    let length = source.identity.length;
    let own = describe(&source, coding, finder.options, now);
    Some(Representation {
        source,
        length,
        own,
    })
}

/// Kept with the file where it is the same for the next request: not for a file that lies beside
/// another, nor for one from the future, whose date will be told once it has come.
fn describe(
    source: &OpenFile,
    coding: Option<Coding>,
    options: &SiteOptions,
    now: HttpDate,
) -> Option<Description> {
    let make = || {
        let validators = validators(&source.identity, coding, now);
        let mut lines = Vec::with_capacity(320);
        let mut add = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), value, b"\r\n"] {
                lines.extend_from_slice(part);
            }
            lines.len()
        };
        add("Cache-Control: ", options.cache_control.as_bytes());
        // Whether or not there are siblings today: tomorrow there may be.
        let mut not_modified_bytes = add("Vary: ", b"Accept-Encoding");
        if let Some(tag) = &validators.entity_tag {
            not_modified_bytes = add("ETag: ", tag);
        }
        if let Some(text) = validators.last_modified.and_then(HttpDate::text) {
            not_modified_bytes = add("Last-Modified: ", &text);
        }
        if let Some(coding) = coding {
            add("Content-Encoding: ", coding.name().as_bytes());
        }
        add("Accept-Ranges: ", b"bytes");
        let untyped_bytes = add("X-Content-Type-Options: ", b"nosniff");
        // What it decodes to, and so without the suffix of its coding.
        let path = source.path.as_bytes();
        let suffix = coding.map_or("", Coding::suffix).as_bytes();
        let path = path.strip_suffix(suffix).unwrap_or(path);
        let media_type = media_type::of(path, &options.media_types);
        add("Content-Type: ", media_type.as_bytes());
        Description {
            validators,
            lines,
            not_modified_bytes,
            untyped_bytes,
        }
    };
    match (coding, source.identity.modified) {
        (None, Some((seconds, _))) if HttpDate(seconds) <= now => {
            source.description.get_or_init(make);
            None
        }
        _ => Some(make()),
    }
}

/// Size and time of modification, never the inode: copies of a site on two machines must agree.
fn validators(identity: &Identity, coding: Option<Coding>, now: HttpDate) -> Validators {
    let Some((seconds, nanoseconds)) = identity.modified else {
        return Validators::default();
    };
    // Images of Nix and of containers date everything 0 or 1: no sign that nothing has changed.
    if (0..=1).contains(&seconds) {
        return Validators::default();
    }
    let mut tag = Vec::with_capacity(40);
    tag.push(b'"');
    write_hex(identity.length, &mut tag);
    tag.push(b'-');
    write_hex(seconds as u64, &mut tag);
    tag.push(b'.');
    write_hex(u64::from(nanoseconds), &mut tag);
    if let Some(coding) = coding {
        tag.extend_from_slice(coding.suffix().as_bytes());
    }
    tag.push(b'"');
    // RFC 9110 §8.8.2.1: never later than the answer. A board without a clock meets such files.
    let last_modified = HttpDate(seconds);
    let last_modified = (last_modified <= now && seconds > 0).then_some(last_modified);
    Validators {
        entity_tag: Some(tag),
        last_modified,
    }
}

/// A number in hexadecimal, without the machinery of formatting.
pub(super) fn write_hex(number: u64, out: &mut Vec<u8>) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        let nibble = (number >> (digit * 4)) as u8 & 15;
        out.push(if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        });
    }
}
