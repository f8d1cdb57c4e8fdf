//! Validators, and the preconditions that compare them (RFC 9110 §8.8, §13).

use super::date::HttpDate;
use super::fields::{Field, Fields};
use super::grammar::trim_ows;
use super::request::Method;

/// The validators of a representation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// A strong entity-tag with its quotes.
    pub entity_tag: Option<Vec<u8>>,
    /// Never later than the answer, and never so recent that another change may have the same date.
    pub last_modified: Option<HttpDate>,
    /// No other representation of the resource has the same date.
    pub date_is_strong: bool,
}

/// The result of the preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answer as if there were none.
    Proceed,
    /// 304: the client has this representation.
    NotModified,
    /// 412.
    Failed,
}

/// The result of one precondition. An absent one is neither true nor false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Absent,
    Holds,
    Fails,
}

impl Condition {
    fn from(holds: bool) -> Condition {
        if holds { Condition::Holds } else { Condition::Fails }
    }
}

/// Evaluates the preconditions in the order of RFC 9110 §13.2.2. Call it only if the answer without
/// them would be a success (§13.2.1). For If-Range, see [`range_applies`].
pub fn evaluate(
    method: Method,
    fields: Fields<'_>,
    validators: &Validators,
    now: HttpDate,
) -> Outcome {
    if !fields.has_any(&ALL) {
        return Outcome::Proceed;
    }
    // Steps 1 and 2.
    let unchanged = match if_match(fields, validators) {
        Condition::Absent => if_unmodified_since(fields, validators, now),
        condition => condition,
    };
    if unchanged == Condition::Fails {
        return Outcome::Failed;
    }
    // Steps 3 and 4.
    let changed = match if_none_match(fields, validators) {
        Condition::Absent => if_modified_since(fields, validators, now),
        condition => condition,
    };
    match (changed, method) {
        (Condition::Absent | Condition::Holds, _) => Outcome::Proceed,
        (Condition::Fails, Method::Get | Method::Head) => Outcome::NotModified,
        (Condition::Fails, _) => Outcome::Failed,
    }
}

/// All but If-Range.
const ALL: [Field; 4] =
    [Field::IfMatch, Field::IfUnmodifiedSince, Field::IfNoneMatch, Field::IfModifiedSince];

/// Whether If-Range lets a Range apply (RFC 9110 §13.1.5): it is absent, or has a strong validator
/// of the selected representation.
pub fn range_applies(fields: Fields<'_>, validators: &Validators, now: HttpDate) -> bool {
    let mut values = fields.all(Field::IfRange);
    let Some(value) = values.next() else {
        return true;
    };
    if values.next().is_some() {
        return false;
    }
    if value.starts_with(b"\"") || value.starts_with(b"W/") {
        return validators.entity_tag.as_deref() == Some(value);
    }
    // A date is a strong validator (§8.8.2.2) if no other representation of the file has it. We
    // send no date for a file that may change again within the same second.
    match (HttpDate::parse(value, now), validators.last_modified) {
        (Some(date), Some(modified)) => date == modified && validators.date_is_strong,
        _ => false,
    }
}

/// Whether the client wants a range of the representation with this entity-tag: If-Range names it
/// or, without If-Range, If-Match does.
pub fn names_for_range(fields: Fields<'_>, entity_tag: &[u8]) -> bool {
    match fields.all(Field::IfRange).next() {
        Some(_) => fields.one(Field::IfRange) == Some(entity_tag),
        None => {
            let mut tags = fields.all(Field::IfMatch).flat_map(entity_tags);
            tags.any(|tag| tag == entity_tag)
        }
    }
}

/// §13.1.1: strong comparison. `*` is true, because there is a representation.
fn if_match(fields: Fields<'_>, validators: &Validators) -> Condition {
    if !fields.has(Field::IfMatch) {
        return Condition::Absent;
    }
    Condition::from(any_tag(fields, Field::IfMatch, |tag| {
        Some(tag) == validators.entity_tag.as_deref()
    }))
}

/// §13.1.2: weak comparison.
fn if_none_match(fields: Fields<'_>, validators: &Validators) -> Condition {
    if !fields.has(Field::IfNoneMatch) {
        return Condition::Absent;
    }
    Condition::from(!any_tag(fields, Field::IfNoneMatch, |tag| {
        Some(tag.strip_prefix(b"W/").unwrap_or(tag)) == validators.entity_tag.as_deref()
    }))
}

fn any_tag(fields: Fields<'_>, field: Field, matches: impl Fn(&[u8]) -> bool) -> bool {
    let mut tags = fields.all(field).flat_map(entity_tags);
    tags.any(|tag| tag == b"*" || matches(tag))
}

/// The entity-tags of a list (§8.8.3). They are not quoted-strings: a backslash escapes nothing.
fn entity_tags(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        let opening = match rest {
            [] => return None,
            [b'"', ..] => 1,
            [b'W', b'/', b'"', ..] => 3,
            // `*`, or something malformed.
            _ => 0,
        };
        let ends = |&byte: &u8| byte == if opening > 0 { b'"' } else { b',' };
        let found = rest.iter().skip(opening).position(ends);
        let end = found.map_or(rest.len(), |at| opening + at + opening.min(1));
        let (tag, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(trim_ows(tag))
    })
}

/// §13.1.4: ignored if it is not a date, or if there is no date to compare it with.
fn if_unmodified_since(fields: Fields<'_>, validators: &Validators, now: HttpDate) -> Condition {
    let since = fields.one(Field::IfUnmodifiedSince).and_then(|value| HttpDate::parse(value, now));
    match (since, validators.last_modified) {
        (Some(since), Some(modified)) => Condition::from(modified <= since),
        _ => Condition::Absent,
    }
}

/// §13.1.3: ignored if it is not a date, or if there is no date to compare it with. We also ignore a
/// date in the future, as RFC 2616 §14.25 required and RFC 9110 no longer does. Otherwise a board
/// whose clock was ahead, or is behind now, would answer 304 although files have changed.
fn if_modified_since(fields: Fields<'_>, validators: &Validators, now: HttpDate) -> Condition {
    let since = fields.one(Field::IfModifiedSince).and_then(|value| HttpDate::parse(value, now));
    match (since, validators.last_modified) {
        (Some(since), Some(modified)) if since <= now => Condition::from(modified > since),
        _ => Condition::Absent,
    }
}
