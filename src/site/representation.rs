//! The selected representation of a file (RFC 9110 §3.2): its media type, content coding and
//! validators.

use std::sync::Arc;

use crate::config::SiteOptions;
use crate::http::accept::{AcceptEncoding, Coding};
use crate::http::date::HttpDate;
use crate::http::fields::{Field, Fields};
use crate::http::grammar::write_hex;
use crate::http::path::SitePath;
use crate::http::precondition::{self, Validators};
use crate::http::range::{self, Selection};
use crate::http::request::{Method, Request};
use crate::http::responder::{Patience, Unready};
use crate::http::response::write_length_line;
use crate::sys::{self, FileState, Medium};

use super::files::{Description, OpenFile};
use super::media_type;
use super::resource::{Finder, find_file};

/// The selected representation, before preconditions and ranges.
#[derive(Debug)]
pub struct Representation {
    /// The file that holds it.
    pub source: Arc<OpenFile>,
    /// In bytes.
    pub length: u64,
    /// What all its answers share.
    pub description: Arc<Description>,
}

/// Why none is selected.
#[derive(Debug)]
pub enum Unselected {
    /// The client accepts none of the representations (RFC 9110 §15.5.7).
    NotAcceptable,
    /// There is no patience to look for all of them.
    Unready,
}

impl From<Unready> for Unselected {
    fn from(_: Unready) -> Unselected {
        Unselected::Unready
    }
}

/// Chooses between a file and its siblings, one for each [`Coding`]. It ignores a
/// sibling that is older than its original: it is out of date.
///
/// A range is of one particular representation. If the client has a part of it, it names the
/// entity-tag. If it names none, it most likely expects bytes of the original. So for a range we
/// select first by the tag, then identity, and only then by preference. Vary does not name Range:
/// caches combine parts by strong validators (RFC 9110 §15.3.7.3), which differ between codings.
pub fn select(
    finder: &mut Finder<'_>,
    original: Arc<OpenFile>,
    request: &Request<'_>,
) -> Result<Representation, Unselected> {
    let accept = AcceptEncoding::of(request.fields);
    let sibling = match accept.acceptable() {
        0 => None,
        _ => find_sibling(finder, &original, request, accept)?,
    };
    let (coding, source) = match sibling {
        Some((coding, file)) => (Some(coding), file),
        None if accept.accepts_identity() => (None, original),
        None => return Err(Unselected::NotAcceptable),
    };
    let length = source.state.length;
    let description = describe(&source, coding, finder);
    Ok(Representation { source, length, description })
}

/// The sibling that the client prefers to the original, if there is one.
fn find_sibling(
    finder: &mut Finder<'_>,
    original: &Arc<OpenFile>,
    request: &Request<'_>,
    accept: AcceptEncoding,
) -> Result<Option<(Coding, Arc<OpenFile>)>, Unready> {
    if !finder.finds_siblings {
        return Ok(None);
    }
    let (now, ranges_max) = (finder.now.date, finder.ranges_max);
    let absent = finder.open_files.absent_codings(finder.root, &original.path);
    if accept.acceptable() & !absent == 0 {
        return Ok(None);
    }
    let codings = accept.preferred().filter(|coding| absent & coding.bit() == 0);
    let mut siblings = codings.filter_map(|coding| {
        let path = original.path.with_suffix(coding.suffix());
        let found = find_file(finder, &path).transpose()?;
        let is_current = |file: &Arc<OpenFile>| file.state.modified >= original.state.modified;
        let is_wanted = found.as_ref().map_or(true, is_current);
        is_wanted.then(|| found.map(|file| (coding, file)))
    });
    let sibling = match siblings.next().transpose()? {
        Some(first) if asks_for_range(request, ranges_max) => {
            let all: Result<Vec<_>, Unready> = std::iter::once(Ok(first)).chain(siblings).collect();
            of_range(all?, original, request.fields, accept, now)
        }
        first => first,
    };
    if absent == 0 && finder.open_files.may_note_absent(&original.path, now.0) {
        note_absent(finder, &original.path);
    }
    Ok(sibling)
}

/// Whether the request has a Range that we understand. Only GET can (RFC 9110 §14.2).
fn asks_for_range(request: &Request<'_>, ranges_max: usize) -> bool {
    let is_understood = |value| range::select(value, u64::MAX, ranges_max) != Selection::Whole;
    request.method == Method::Get && request.fields.one(Field::Range).is_some_and(is_understood)
}

/// The sibling to take a range from; `None` for identity. `siblings` is not empty.
fn of_range(
    mut siblings: Vec<(Coding, Arc<OpenFile>)>,
    original: &OpenFile,
    fields: Fields<'_>,
    accept: AcceptEncoding,
    now: HttpDate,
) -> Option<(Coding, Arc<OpenFile>)> {
    let is_named = |file: &OpenFile, coding| {
        let tag = validators(&file.state, coding, now).entity_tag;
        tag.is_some_and(|tag| precondition::names_for_range(fields, &tag))
    };
    if accept.accepts_identity() && is_named(original, None) {
        return None;
    }
    // If-Range names an unknown tag, or a date, which siblings often share. Then the answer is the
    // whole of the preferred representation.
    let is_conditional = fields.has(Field::IfRange);
    match siblings.iter().position(|(coding, file)| is_named(file, Some(*coding))) {
        None if accept.accepts_identity() && !is_conditional => None,
        named => Some(siblings.swap_remove(named.unwrap_or(0))),
    }
}

/// Describes a representation. Keeps the description with the file if it will be the same for the
/// next request. It may differ for a coded sibling, and for a file that was changed just now or has
/// a date in the future.
fn describe(
    source: &OpenFile,
    coding: Option<Coding>,
    finder: &mut Finder<'_>,
) -> Arc<Description> {
    let (options, buffers, now) = (finder.options, &mut *finder.buffers, finder.now.date);
    let mut make = || {
        let validators = validators(&source.state, coding, now);
        let mut lines = buffers.take();
        let mut add = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), value, b"\r\n"] {
                lines.extend_from_slice(part);
            }
            lines.len()
        };
        // The name of the decoded content, so without the suffix of the coding.
        let path = source.path.as_bytes();
        let suffix = coding.map_or("", Coding::suffix).as_bytes();
        let path = path.strip_suffix(suffix).unwrap_or(path);
        add("Cache-Control: ", cache_control(path, options).as_bytes());
        // Also without siblings: there may be some tomorrow.
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
        let media_type = media_type::of(path, &options.media_types);
        let unmeasured_bytes = add("Content-Type: ", media_type.as_bytes());
        write_length_line(source.state.length, &mut lines);
        let shared = Arc::from(&*lines);
        buffers.give(lines);
        Arc::new(Description {
            validators,
            lines: shared,
            not_modified_bytes,
            untyped_bytes,
            unmeasured_bytes,
        })
    };
    match source.state.modified {
        Some(modified) if coding.is_none() && age(modified, now) == Age::Settled => {
            Arc::clone(source.description.get_or_init(make))
        }
        _ => make(),
    }
}

/// Cache-Control of the file at this path.
fn cache_control<'o>(path: &[u8], options: &'o SiteOptions) -> &'o str {
    let ends = |end: &str| {
        let at = path.len().checked_sub(end.len());
        at.and_then(|at| path.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    };
    let named = options.cache_control_by_name.iter().rev().find(|(end, _)| ends(end));
    named.map_or(&options.cache_control, |(_, value)| value)
}

/// Whether size and time of modification tell this state of a file from all others.
pub(super) fn is_tagged(state: &FileState, now: HttpDate) -> bool {
    validators(state, None, now).entity_tag.is_some()
}

/// Made from size and time of modification. Not from the inode: copies of a site on two machines
/// must have the same validators.
fn validators(state: &FileState, coding: Option<Coding>, now: HttpDate) -> Validators {
    let Some((seconds, nanoseconds)) = state.modified else {
        return Validators::default();
    };
    // Images of Nix and of containers date all files 0 or 1, so the date tells nothing.
    if (0..=1).contains(&seconds) {
        return Validators::default();
    }
    let age = age((seconds, nanoseconds), now);
    if age == Age::Fresh {
        return Validators::default();
    }
    let mut tag = Vec::with_capacity(40);
    tag.push(b'"');
    write_hex(state.length, &mut tag);
    tag.push(b'-');
    write_hex(seconds as u64, &mut tag);
    tag.push(b'.');
    write_hex(u64::from(nanoseconds), &mut tag);
    if let Some(coding) = coding {
        tag.extend_from_slice(coding.suffix().as_bytes());
    }
    tag.push(b'"');
    // Last-Modified has whole seconds, so it needs an older file than the entity-tag.
    let is_settled = age == Age::Settled && seconds > 0;
    Validators {
        entity_tag: Some(tag),
        last_modified: is_settled.then_some(HttpDate(seconds)),
        // A coded sibling often has the date of its original.
        date_is_strong: coding.is_none(),
    }
}

/// Looks which siblings a file has not, and remembers them until its folder changes. A folder that
/// was changed just now may change again without showing it, so nothing is remembered of it.
fn note_absent(finder: &mut Finder<'_>, path: &SitePath) {
    // By its descriptor: all names are looked up in the folder that had this state before.
    let opened = match finder.patience {
        Patience::None => finder.root.open_beneath_at_once(path.folder()),
        Patience::Any => finder.root.open_beneath(path.folder()),
    };
    let Ok(opened) = opened else { return };
    if finder.patience == Patience::Any && sys::medium(&opened) == Medium::Elsewhere {
        // Even to look whether it has changed may wait.
        return;
    }
    let Ok(folder) = FileState::of(&opened) else { return };
    let is_settled = |time| age(time, finder.now.date) == Age::Settled;
    let times = [Some(folder.changed()), folder.modified];
    if !folder.is_known() || !times.into_iter().all(|time| time.is_some_and(is_settled)) {
        return;
    }
    let is_absent = |coding: &Coding| {
        let name = [path.name(), coding.suffix().as_bytes()].concat();
        sys::is_absent(&opened, &name)
    };
    let absent = Coding::ALL.into_iter().filter(is_absent);
    let codings = absent.fold(0, |bits, coding| bits | coding.bit());
    finder.open_files.note_absent(path, folder, codings);
}

/// Which validators a time of modification is good enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    /// None. Another write may still get the same time, with other content (RFC 9110 §8.8.1,
    /// §8.8.2.2).
    Fresh,
    /// An entity-tag, which has the exact time, but not Last-Modified, which has whole seconds. Also
    /// for files from the future, which boards without a clock have: Last-Modified must not be later
    /// than the answer (§8.8.2.1).
    Tagged,
    /// Both.
    Settled,
}

/// The age of a time of modification, in ticks of the clock that made it. We know that clock only by
/// the time stamp, so we assume the coarsest clock that could have made it. A whole second may be
/// from ext4 with small inodes, and an even one from FAT. Two ticks must have passed.
fn age((seconds, nanoseconds): (i64, u32), now: HttpDate) -> Age {
    // The clock of a file server may be ahead of ours, but not by a day.
    const AHEAD_SECONDS_MAX: i64 = 86_400;
    if seconds - now.0 > AHEAD_SECONDS_MAX {
        return Age::Tagged;
    }
    let tick_seconds = if nanoseconds == 0 && seconds % 2 == 0 { 2 } else { 1 };
    let tick_nanoseconds = match nanoseconds {
        0 => tick_seconds * NANOSECONDS,
        _ => {
            let mut tick = 1;
            while i64::from(nanoseconds) % (tick * 10) == 0 {
                tick *= 10;
            }
            // Linux takes time stamps from a clock that ticks with the scheduler, at 100 Hz or
            // faster, however fine they are.
            tick.max(NANOSECONDS / 100)
        }
    };
    // `now` is rounded down, so at least this much time has passed.
    let passed = now.0.saturating_sub(seconds).saturating_mul(NANOSECONDS) - i64::from(nanoseconds);
    if passed < 2 * tick_nanoseconds {
        Age::Fresh
    } else if now.0 - seconds < 2 * tick_seconds {
        Age::Tagged
    } else {
        Age::Settled
    }
}

const NANOSECONDS: i64 = 1_000_000_000;
