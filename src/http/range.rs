//! Range: which bytes of a representation the client wants (RFC 9110 §14). And Content-Range.

use std::ops::Range;

use super::grammar::{decimal, list, split_once, write_decimal};

/// What a Range field selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Ignore the field: 200.
    Whole,
    /// 206 with Content-Range.
    One(Range<u64>),
    /// 206 as multipart/byteranges.
    Several(Vec<Range<u64>>),
    /// 416.
    Unsatisfiable,
}

/// Reads a Range field for a representation of `length` bytes.
///
/// It ignores unknown units and malformed sets (§14.2), more than `ranges_max` ranges, and sets
/// that ask for more bytes than there are (§17.15). It ignores every set for an empty
/// representation: caches that fetch slices (nginx) would pass on the 416 as the answer to a plain
/// GET. It joins ranges that overlap or touch, and keeps the order of the others.
pub fn select(value: &[u8], length: u64, ranges_max: usize) -> Selection {
    let Some((unit, set)) = split_once(value, b'=') else {
        return Selection::Whole;
    };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Selection::Whole;
    }
    if length == 0 {
        return Selection::Whole;
    }
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut specs = 0;
    let mut asked: u64 = 0;
    for spec in list(set) {
        let Some(range) = resolve(spec, length) else {
            return Selection::Whole;
        };
        specs += 1;
        if specs > ranges_max {
            return Selection::Whole;
        }
        if let Some(range) = range {
            asked = asked.saturating_add(range.end - range.start);
            coalesce(&mut ranges, range);
        }
    }
    // One range, or ranges joined into one, cannot ask for more than the length.
    if asked > length && specs > 1 && ranges.len() > 1 {
        return Selection::Whole;
    }
    debug_assert!(
        ranges.iter().all(|range| range.start < range.end && range.end <= length),
        "a range that is empty or ends behind the file"
    );
    match (specs, ranges.len(), ranges.pop()) {
        (0, ..) => Selection::Whole,
        (_, 1, Some(range)) => Selection::One(range),
        (.., Some(last)) => {
            ranges.push(last);
            Selection::Several(ranges)
        }
        (.., None) => Selection::Unsatisfiable,
    }
}

/// One range-spec (§14.1.1). `None`: malformed; `Some(None)`: not satisfiable.
fn resolve(spec: &[u8], length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = split_once(spec, b'-')?;
    if first.is_empty() {
        let suffix = decimal(last)?;
        return Some((suffix > 0).then(|| length.saturating_sub(suffix)..length));
    }
    let first = decimal(first)?;
    let last = if last.is_empty() { u64::MAX } else { decimal(last)? };
    if last < first {
        // §14.1.1: the set is invalid if a last position is below its first.
        return None;
    }
    Some((first < length).then(|| first..last.saturating_add(1).min(length)))
}

/// Adds a range, joined with all ranges that it overlaps or touches.
fn coalesce(ranges: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let touches = |other: &Range<u64>, range: &Range<u64>| {
        other.start <= range.end && range.start <= other.end
    };
    let Some(first) = ranges.iter().position(|other| touches(other, &range)) else {
        ranges.push(range);
        return;
    };
    // The joined range may touch others. It takes the place of the first.
    while let Some(at) = ranges.iter().position(|other| touches(other, &range)) {
        let other = ranges.remove(at);
        range = range.start.min(other.start)..range.end.max(other.end);
    }
    ranges.insert(first.min(ranges.len()), range);
}

/// The value of Content-Range: `bytes 0-499/1234` (§14.4).
pub fn content_range(range: &Range<u64>, length: u64) -> Vec<u8> {
    let mut value = Vec::with_capacity(64);
    value.extend_from_slice(b"bytes ");
    write_decimal(range.start, &mut value);
    value.push(b'-');
    write_decimal(range.end - 1, &mut value);
    value.push(b'/');
    write_decimal(length, &mut value);
    value
}

/// The value of Content-Range in a 416: `bytes */1234` (§15.5.17).
pub fn unsatisfied_range(length: u64) -> Vec<u8> {
    let mut value = b"bytes */".to_vec();
    write_decimal(length, &mut value);
    value
}
