//! Field lines and the field section (RFC 9110 §5, RFC 9112 §5): syntax and look-up. The meaning of
//! a field belongs in the module named after it; one that stands twice counts as absent
//! ([`Fields::one`]), unless its own module says otherwise.

use super::grammar::{is_field_content, is_token, list, split_once, trim_ows};
use super::limits::FIELD_SECTION_BYTES_LIMIT;
use super::status::Reject;

/// The fields that the server reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is called as in the registry")]
pub enum Field {
    Accept,
    AcceptEncoding,
    AccessControlRequestHeaders,
    AccessControlRequestMethod,
    Authorization,
    Connection,
    ContentLength,
    Expect,
    Forwarded,
    Host,
    IfMatch,
    IfModifiedSince,
    IfNoneMatch,
    IfRange,
    IfUnmodifiedSince,
    Range,
    Referer,
    Trailer,
    TransferEncoding,
    UserAgent,
    XForwardedFor,
}

impl Field {
    /// How many there are.
    const COUNT: usize = 21;

    /// Its name in lower case.
    const fn name(self) -> &'static [u8] {
        match self {
            Field::Accept => b"accept",
            Field::AcceptEncoding => b"accept-encoding",
            Field::AccessControlRequestHeaders => b"access-control-request-headers",
            Field::AccessControlRequestMethod => b"access-control-request-method",
            Field::Authorization => b"authorization",
            Field::Connection => b"connection",
            Field::ContentLength => b"content-length",
            Field::Expect => b"expect",
            Field::Forwarded => b"forwarded",
            Field::Host => b"host",
            Field::IfMatch => b"if-match",
            Field::IfModifiedSince => b"if-modified-since",
            Field::IfNoneMatch => b"if-none-match",
            Field::IfRange => b"if-range",
            Field::IfUnmodifiedSince => b"if-unmodified-since",
            Field::Range => b"range",
            Field::Referer => b"referer",
            Field::Trailer => b"trailer",
            Field::TransferEncoding => b"transfer-encoding",
            Field::UserAgent => b"user-agent",
            Field::XForwardedFor => b"x-forwarded-for",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The field of that name, in any case. Length, first and last letter leave one to compare with.
    fn called(name: &[u8]) -> Option<Field> {
        let (first, last) = (name.first()? | 0x20, name.last()? | 0x20);
        let field = match (name.len(), first, last) {
            (4, b'h', _) => Field::Host,
            (5, b'r', _) => Field::Range,
            (6, b'a', _) => Field::Accept,
            (6, b'e', _) => Field::Expect,
            (7, b'r', _) => Field::Referer,
            (7, b't', _) => Field::Trailer,
            (8, b'i', b'e') => Field::IfRange,
            (8, b'i', b'h') => Field::IfMatch,
            (9, b'f', _) => Field::Forwarded,
            (10, b'c', _) => Field::Connection,
            (10, b'u', _) => Field::UserAgent,
            (13, b'a', _) => Field::Authorization,
            (13, b'i', _) => Field::IfNoneMatch,
            (14, b'c', _) => Field::ContentLength,
            (15, b'a', b'g') => Field::AcceptEncoding,
            (15, b'x', _) => Field::XForwardedFor,
            (17, b'i', _) => Field::IfModifiedSince,
            (17, b't', _) => Field::TransferEncoding,
            (19, b'i', _) => Field::IfUnmodifiedSince,
            (29, b'a', _) => Field::AccessControlRequestMethod,
            (30, b'a', _) => Field::AccessControlRequestHeaders,
            _ => return None,
        };
        is_in_any_case(name, field.name()).then_some(field)
    }
}

/// Whether `name` is `other`, which is as long and in small letters and hyphens, in any case.
fn is_in_any_case(name: &[u8], other: &[u8]) -> bool {
    // Only where `other` has a letter, the case of `name` does not count: CR with the bit that makes
    // letters small is a hyphen. Letters have the bit 0x40, hyphens do not.
    const LETTERS: u64 = u64::from_ne_bytes([0x40; 8]);
    let is_same = |name: &[u8; 8], other: &[u8; 8]| {
        let other = u64::from_ne_bytes(*other);
        u64::from_ne_bytes(*name) | (other & LETTERS) >> 1 == other
    };
    let mut words = name.chunks_exact(8).zip(other.chunks_exact(8));
    let mut are_words = || {
        words.all(|(name, other)| {
            let word = name.first_chunk().zip(other.first_chunk());
            word.is_some_and(|(name, other)| is_same(name, other))
        })
    };
    match name.last_chunk().zip(other.last_chunk()) {
        Some((name, other)) => is_same(name, other) && are_words(),
        None => name.eq_ignore_ascii_case(other),
    }
}

/// Where the lines of each [`Field`] are in a field section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// Where the value of its first line begins, if there is one.
    first: [u16; Field::COUNT],
    /// One bit each: there is a line of it.
    present: u32,
    /// One bit each: there are more lines of it.
    repeated: u32,
}

impl Places {
    pub(super) const NONE: Places = Places { first: [0; Field::COUNT], present: 0, repeated: 0 };

    /// Notes that the value of a field begins at `at`.
    pub(super) fn note(&mut self, field: Field, at: usize) {
        debug_assert!(at <= FIELD_SECTION_BYTES_LIMIT, "a place beyond the field section");
        if let Some(first) = self.first.get_mut(field as usize) {
            self.repeated |= self.present & field.bit();
            if self.present & field.bit() == 0 {
                self.present |= field.bit();
                *first = at as u16;
            }
        }
    }

    /// The places of a section whose lines are valid.
    pub(super) fn of(lines: &[u8]) -> Places {
        let mut places = Places::NONE;
        let mut rest = lines;
        while let Some((line, after)) = split_once(rest, b'\n') {
            let name = split_once(line, b':').map(|(name, _)| name);
            if let Some((name, field)) = name.and_then(|name| Some((name, Field::called(name)?))) {
                places.note(field, lines.len() - rest.len() + name.len() + 1);
            }
            rest = after;
        }
        places
    }
}

/// A validated field section: `name: value CRLF` lines. The fields that the server reads have their
/// places, so that a look-up walks no lines, unless a field is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'buf> {
    pub(super) lines: &'buf [u8],
    pub(super) places: Places,
}

impl<'buf> Fields<'buf> {
    /// Where the first value of a field begins.
    fn first(&self, field: Field) -> Option<usize> {
        let first = self.places.first.get(field as usize).filter(|_| self.has(field))?;
        Some(usize::from(*first))
    }

    /// Whether there is a line of this field.
    pub fn has(&self, field: Field) -> bool {
        self.places.present & field.bit() != 0
    }

    /// Whether there is a line of any of these fields.
    pub fn has_any(&self, fields: &[Field]) -> bool {
        let bits = fields.iter().fold(0, |bits, field| bits | field.bit());
        self.places.present & bits != 0
    }

    pub(super) fn is_repeated(&self, field: Field) -> bool {
        self.places.repeated & field.bit() != 0
    }

    /// The value that begins at `at`, and the lines after it.
    fn value(&self, at: usize) -> Option<(&'buf [u8], &'buf [u8])> {
        let (value, rest) = split_once(self.lines.get(at..)?, b'\n')?;
        Some((trim_ows(value.strip_suffix(b"\r").unwrap_or(value)), rest))
    }

    /// The values of all lines of a field, in order.
    pub fn all(self, field: Field) -> impl Iterator<Item = &'buf [u8]> {
        let mut next = self.first(field);
        std::iter::from_fn(move || {
            let (value, mut rest) = self.value(next?)?;
            next = None;
            while self.is_repeated(field) {
                let Some((line, after)) = split_once(rest, b'\n') else { break };
                if let Some((name, _)) = split_once(line, b':') {
                    if Field::called(name) == Some(field) {
                        next = Some(self.lines.len() - rest.len() + name.len() + 1);
                        break;
                    }
                }
                rest = after;
            }
            Some(value)
        })
    }

    /// The value of the only line of a field. `None` if there are several, too: a singleton field
    /// that is repeated counts as absent.
    pub fn one(self, field: Field) -> Option<&'buf [u8]> {
        let (value, _) = self.value(self.first(field)?)?;
        (!self.is_repeated(field)).then_some(value)
    }

    /// The elements of a list field, over all its lines (RFC 9110 §5.3).
    pub fn list(self, field: Field) -> impl Iterator<Item = &'buf [u8]> {
        self.all(field).flat_map(list)
    }

    /// Whether a list field contains this element, whatever the case of its letters.
    pub fn list_has(self, field: Field, element: &str) -> bool {
        self.has(field)
            && self.list(field).any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
    }
}

/// One line of the field section.
pub(super) struct FieldLine<'l> {
    /// With the white space around it.
    pub(super) value: &'l [u8],
    /// `None`: one that nobody asks for.
    pub(super) field: Option<Field>,
}

/// Checks one line of the field section (RFC 9112 §5). `is_content`: it has been seen to be field
/// content as a whole.
pub(super) fn read_field_line(line: &[u8], is_content: bool) -> Result<FieldLine<'_>, Reject> {
    if let [b' ' | b'\t', ..] = line {
        // §5.2 obs-fold; §2.2 white space before the first field line.
        return Err(Reject::bad("A field line must not begin with white space."));
    }
    let (name, value) = split_once(line, b':').ok_or(Reject::bad("A field line has no colon."))?;
    let field = Field::called(name);
    if field.is_none() && !is_token(name) {
        // §5.1: white space before the colon has been used for request smuggling.
        return Err(Reject::bad("A field name is not a token."));
    }
    if !is_content && !is_field_content(value) {
        return Err(Reject::bad("A field value contains a control character."));
    }
    Ok(FieldLine { value, field })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(lines: &[u8], field: Field) -> Vec<&[u8]> {
        Fields { lines, places: Places::of(lines) }.all(field).collect()
    }

    #[test]
    fn each_field_is_found_by_its_name_alone() {
        // The compiler counts them: the last has the highest number.
        assert_eq!(Field::XForwardedFor as usize + 1, Field::COUNT);
        let names: Vec<&[u8]> = ALL.iter().map(|field| field.name()).collect();
        for (field, name) in ALL.into_iter().zip(&names) {
            for name in [name.to_vec(), name.to_ascii_uppercase()] {
                assert_eq!(Field::called(&name), Some(field), "{}", name.escape_ascii());
                for (at, byte) in
                    (0..name.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte)))
                {
                    let mut other = name.clone();
                    other[at] = byte;
                    let found = Field::called(&other) == Some(field);
                    assert_eq!(
                        found,
                        other.eq_ignore_ascii_case(&name),
                        "{}",
                        other.escape_ascii()
                    );
                }
                assert_eq!(Field::called(&name[1..]), None);
                assert_eq!(Field::called(&[&name[..], b"s"].concat()), None);
            }
        }
        assert_eq!(Field::called(b""), None);
    }

    const ALL: [Field; Field::COUNT] = [
        Field::Accept,
        Field::AcceptEncoding,
        Field::AccessControlRequestHeaders,
        Field::AccessControlRequestMethod,
        Field::Authorization,
        Field::Connection,
        Field::ContentLength,
        Field::Expect,
        Field::Forwarded,
        Field::Host,
        Field::IfMatch,
        Field::IfModifiedSince,
        Field::IfNoneMatch,
        Field::IfRange,
        Field::IfUnmodifiedSince,
        Field::Range,
        Field::Referer,
        Field::Trailer,
        Field::TransferEncoding,
        Field::UserAgent,
        Field::XForwardedFor,
    ];

    #[test]
    fn lines_of_a_field_are_in_order() {
        let lines =
            b"A: b\r\nRange:1\r\nX: Range: 7\r\nrange: \t2 \r\nRanges: 8\r\nRANGE:\r\nRange: 3\r\n";
        assert_eq!(values(lines, Field::Range), [&b"1"[..], b"2", b"", b"3"]);
        assert_eq!(values(lines, Field::Host), [&b""[..]; 0]);
        assert_eq!(values(b"Host: h\r\n", Field::Host), [b"h"]);
        let fields = Fields { lines, places: Places::of(lines) };
        assert_eq!(fields.one(Field::Range), None);
        assert!(fields.has(Field::Range) && !fields.has(Field::Host));
        assert!(fields.list_has(Field::Range, "3") && !fields.list_has(Field::Range, "8"));
    }
}
