//! The selected representation of a file (RFC 9110 §3.2): its media type, its content coding, and
//! the validators of exactly that.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::SiteOptions;
use crate::http::accept::{AcceptEncoding, Coding};
use crate::http::date::HttpDate;
use crate::http::precondition::Validators;
use crate::http::request::Fields;
use crate::sys::Directory;

use super::media_type;
use super::resource::{OpenFile, find_file};

/// What will be sent, unless a precondition or a range says otherwise.
#[derive(Debug)]
pub struct Representation<'o> {
    /// The file that holds it.
    pub source: OpenFile,
    /// In bytes.
    pub length: u64,
    /// Of the original, whatever the coding.
    pub media_type: &'o str,
    /// The coding of the sibling that was chosen.
    pub coding: Option<Coding>,
    /// Of this representation, not of the original.
    pub validators: Validators,
}

/// Chooses between a file and its coded siblings: `name.br`, `name.zst`, `name.gz`. `None`: the
/// client refuses all there are. A sibling older than its original is a forgotten one.
pub fn select<'o>(
    root: &Directory,
    options: &'o SiteOptions,
    original: OpenFile,
    fields: Fields<'_>,
    now: HttpDate,
) -> Option<Representation<'o>> {
    let accept = AcceptEncoding::of(fields);
    let media_type = media_type::of(original.path.as_bytes(), &options.media_types);
    let newest = original.metadata.modified().ok();
    let sibling = accept.preferred().find_map(|coding| {
        let file = find_file(root, original.path.with_suffix(coding.suffix()))?;
        (file.metadata.modified().ok() >= newest).then_some((coding, file))
    });
    let (coding, source) = match sibling {
        Some((coding, file)) => (Some(coding), file),
        None if accept.accepts_identity() => (None, original),
        None => return None,
    };
    let length = source.metadata.len();
    let validators = validators(&source.metadata, coding, now);
    Some(Representation {
        source,
        length,
        media_type,
        coding,
        validators,
    })
}

/// Size and time of modification, never the inode: copies of a site on two machines must agree.
fn validators(metadata: &Metadata, coding: Option<Coding>, now: HttpDate) -> Validators {
    let Some((seconds, nanoseconds)) = modified(metadata) else {
        return Validators::default();
    };
    // Images of Nix and of containers date everything 0 or 1: no sign that nothing has changed.
    if (0..=1).contains(&seconds) {
        return Validators::default();
    }
    let mut tag = Vec::with_capacity(40);
    tag.push(b'"');
    write_hex(metadata.len(), &mut tag);
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

/// Seconds since 1970, rounded down, and the nanoseconds on top.
pub(super) fn modified(metadata: &Metadata) -> Option<(i64, u32)> {
    let time: SystemTime = metadata.modified().ok()?;
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Some((i64::try_from(since.as_secs()).ok()?, since.subsec_nanos())),
        Err(before) => {
            let before = before.duration();
            let seconds = -i64::try_from(before.as_secs()).ok()?;
            Some(match before.subsec_nanos() {
                0 => (seconds, 0),
                nanoseconds => (seconds - 1, 1_000_000_000 - nanoseconds),
            })
        }
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
