//! Field lines and the field section (RFC 9110 §5, RFC 9112 §5): syntax and look-up. What a field
//! means is for the module named after it.

use super::grammar::{is_field_content, is_token, list, split_once, trim_ows};
use super::status::Reject;

/// A validated field section: `name: value CRLF` lines. Lookups walk it, nothing is allocated.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'buf> {
    pub(super) lines: &'buf [u8],
    /// [`name_bit`] of every name. Most fields that are asked for are not there, and most of
    /// those are found out without walking the lines.
    pub(super) names: u64,
}

/// One of 64 bits, the same for a name in any case of letters: from its length, its first and its
/// last letter. These factors tell what is looked for in every request from what browsers send.
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

    /// The value of the only field line called `name`. A field that may stand but once and
    /// stands twice is as good as absent.
    pub fn one(self, name: &'static str) -> Option<&'buf [u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The elements of a list field, over all its field lines (RFC 9110 §5.3).
    pub fn list(self, name: &'static str) -> impl Iterator<Item = &'buf [u8]> {
        self.all(name).flat_map(list)
    }

    /// Whether a list field holds this element, in any case of letters.
    pub fn list_has(self, name: &'static str, element: &str) -> bool {
        self.list(name).any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
    }
}

/// One line of the field section (RFC 9112 §5). Returns the name.
pub(super) fn check_field_line(line: &[u8]) -> Result<&[u8], Reject> {
    if let [b' ' | b'\t', ..] = line {
        // §5.2 obs-fold; §2.2 white space before the first field line.
        return Err(Reject::bad("A field line must not begin with white space."));
    }
    let (name, value) = split_once(line, b':').ok_or(Reject::bad("A field line has no colon."))?;
    if !is_token(name) {
        // §5.1: white space before the colon has been used to smuggle requests.
        return Err(Reject::bad("A field name is not a token."));
    }
    if !is_field_content(value) {
        return Err(Reject::bad("A field value holds a control character."));
    }
    Ok(name)
}
