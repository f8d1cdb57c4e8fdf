//! Field lines and the field section (RFC 9110 §5, RFC 9112 §5): syntax and look-up. The meaning of
//! a field belongs in the module named after it; one that stands twice counts as absent
//! ([`Fields::one`]), unless its own module says otherwise.

use super::grammar::{is_field_content, is_token, list, split_once, trim_ows};
use super::status::Reject;

/// A validated field section: `name: value CRLF` lines. A look-up walks the lines and allocates
/// nothing.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'buf> {
    pub(super) lines: &'buf [u8],
    /// [`name_bit`] of every name. Most fields that we look up are absent, and this usually shows
    /// it without walking the lines.
    pub(super) names: u64,
}

/// One of 64 bits, from the length of a name and its first and last letter, whatever their case.
/// With these factors, the names we look up in every request differ from those browsers send.
pub(super) fn name_bit(name: &[u8]) -> u64 {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return 0;
    };
    let mixed = name.len() as u32 * 9 + u32::from(first | 0x20) * 7 + u32::from(last | 0x20) * 10;
    1 << (mixed % 64)
}

impl<'buf> Fields<'buf> {
    /// The values of all field lines called `name`, in order.
    pub fn all(self, name: &'static str) -> impl Iterator<Item = &'buf [u8]> {
        let is_absent = self.names & name_bit(name.as_bytes()) == 0;
        let mut rest = if is_absent { b"" } else { self.lines };
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (line, after) = split_once(rest, b'\n')?;
                rest = after;
                let Some((head, value)) = line.split_at_checked(name.len()) else {
                    continue;
                };
                if let (true, [b':', value @ ..]) =
                    (head.eq_ignore_ascii_case(name.as_bytes()), value)
                {
                    return Some(trim_ows(value.strip_suffix(b"\r").unwrap_or(value)));
                }
            }
            None
        })
    }

    /// The value of the only field line called `name`. `None` if there are several, too: a
    /// singleton field that is repeated counts as absent.
    pub fn one(self, name: &'static str) -> Option<&'buf [u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The elements of a list field, over all its field lines (RFC 9110 §5.3).
    pub fn list(self, name: &'static str) -> impl Iterator<Item = &'buf [u8]> {
        self.all(name).flat_map(list)
    }

    /// Whether a list field contains this element, whatever the case of its letters.
    pub fn list_has(self, name: &'static str, element: &str) -> bool {
        self.list(name).any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
    }
}

/// Checks one line of the field section (RFC 9112 §5) and returns its name.
pub(super) fn check_field_line(line: &[u8]) -> Result<&[u8], Reject> {
    if let [b' ' | b'\t', ..] = line {
        // §5.2 obs-fold; §2.2 white space before the first field line.
        return Err(Reject::bad("A field line must not begin with white space."));
    }
    let (name, value) = split_once(line, b':').ok_or(Reject::bad("A field line has no colon."))?;
    if !is_token(name) {
        // §5.1: white space before the colon has been used for request smuggling.
        return Err(Reject::bad("A field name is not a token."));
    }
    if !is_field_content(value) {
        return Err(Reject::bad("A field value contains a control character."));
    }
    Ok(name)
}
