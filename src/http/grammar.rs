//! The common parts of the grammar: tokens, white space, lists, numbers (RFC 9110 §5.6). The
//! meaning of fields does not belong here.

/// `tchar`: the characters of methods and field names (RFC 9110 §5.6.2).
pub fn is_tchar(byte: u8) -> bool {
    let (word, bit) = (byte >> 5, byte & 31);
    TCHARS.get(usize::from(word)).is_some_and(|bits| bits >> bit & 1 == 1)
}

/// One bit per byte. A table, because we look up every byte of every name.
static TCHARS: [u32; 4] = {
    let mut words = [0; 4];
    let mut rest: &mut [u32] = &mut words;
    let mut byte = 0_u8;
    while let [word, after @ ..] = rest {
        let mut bit = 0;
        while bit < 32 {
            let is_tchar = matches!(
                byte,
                b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'z' | b'|' | b'~' | b'0'..=b'9' | b'A'..=b'Z'
            );
            *word |= (is_tchar as u32) << bit;
            (byte, bit) = (byte + 1, bit + 1);
        }
        rest = after;
    }
    words
};

/// Whether `bytes` are a token: one or more `tchar` (RFC 9110 §5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    let all = |word: &[u8; 8]| {
        are_letters(u64::from_le_bytes(*word)) || word.iter().all(|&byte| is_tchar(byte))
    };
    match bytes.last_chunk() {
        Some(last) => all_words(bytes, all) && all(last),
        None => !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte)),
    }
}

/// Whether it holds for all words of eight bytes. What remains, the caller has in the last eight.
fn all_words(bytes: &[u8], holds: impl Fn(&[u8; 8]) -> bool) -> bool {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        if !holds(word) {
            return false;
        }
        rest = after;
    }
    true
}

/// Whether a field value may contain these bytes: visible ones, space, tab and obs-text
/// (RFC 9110 §5.5).
pub fn is_field_content(bytes: &[u8]) -> bool {
    let is_content = |&byte: &u8| byte == b'\t' || !is_control(byte);
    let all =
        |word: &[u8; 8]| controls(u64::from_le_bytes(*word)) == 0 || word.iter().all(is_content);
    match bytes.last_chunk() {
        Some(last) => all_words(bytes, all) && all(last),
        None => bytes.iter().all(is_content),
    }
}

/// How many bytes stand before the first CR LF, if all of them are field content. `None`: they are not,
/// or there is no CR LF.
pub(super) fn clean_line(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    loop {
        rest = rest.get(first_control(rest)?..)?;
        match rest {
            [b'\r', b'\n', ..] => return Some(bytes.len() - rest.len()),
            [b'\t', after @ ..] => rest = after,
            _ => return None,
        }
    }
}

fn first_control(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        let found = controls(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = after;
    }
    let start = bytes.len() - rest.len();
    rest.iter().position(|&byte| is_control(byte)).map(|at| start + at)
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// The high bit of the first of eight bytes that is a control character, and maybe of others behind it.
fn controls(bytes: u64) -> u64 {
    let below_space = bytes.wrapping_sub(ONES * u64::from(b' '));
    let delete = (bytes & !HIGHS) + ONES;
    (below_space | delete) & !bytes & HIGHS
}

/// `bytes` without the optional white space around it (RFC 9110 §5.6.3).
pub fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a `#list`, trimmed, without empty ones (RFC 9110 §5.6.1.2).
/// A comma inside a quoted-string does not end an element.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_quoted = position(value, b'"').is_some();
    List { rest: Some(value), is_quoted }.filter(|element| !element.is_empty())
}

struct List<'v> {
    rest: Option<&'v [u8]>,
    /// There may be commas in quotes.
    is_quoted: bool,
}

impl<'v> Iterator for List<'v> {
    type Item = &'v [u8];

    fn next(&mut self) -> Option<&'v [u8]> {
        let rest = self.rest?;
        let mut quotes = Quotes::default();
        let comma = match self.is_quoted {
            true => rest.iter().position(|&byte| quotes.pass(byte) && byte == b','),
            false => position(rest, b','),
        };
        let (element, rest) = match comma {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(trim_ows(element))
    }
}

/// Tracks, byte by byte, whether a text is inside a quoted-string (RFC 9110 §5.6.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    /// Reads the next byte. Returns `true` if it is outside of quoted-strings.
    pub fn pass(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'"' {
            self.open = !self.open;
        } else if byte == b'\\' {
            self.escaped = self.open;
        } else {
            return !self.open;
        }
        false
    }

    /// Whether a quoted-string is not closed.
    pub fn are_open(self) -> bool {
        self.open
    }
}

/// Reads `1*DIGIT`. Larger values become [`u64::MAX`]; every caller has a smaller bound.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(value.saturating_mul(10).saturating_add(digit))
    })
}

/// The value of a hexadecimal digit in upper or lower case.
pub fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

// These search eight bytes at a time, because every byte of every head passes through them. Loops
// over single bytes took a quarter of the time of a browser's request.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Sets the high bit of the first of eight bytes that equals `wanted`, and maybe bits above it.
fn equal_to(wanted: u8, bytes: u64) -> u64 {
    // A matching byte becomes zero, and the subtraction borrows from its high bit.
    let differences = bytes ^ (ONES * u64::from(wanted));
    differences.wrapping_sub(ONES) & !differences & HIGHS
}

/// Whether there are only ASCII letters, digits, `-` and `.`, as in most names of hosts and addresses.
/// `false`, too, if there are fewer than eight.
pub(super) fn are_labels(bytes: &[u8]) -> bool {
    let all = |word: &[u8; 8]| {
        let bytes = u64::from_le_bytes(*word);
        let plain = bytes & !HIGHS;
        // From `-` to `9` there is one other: `/`.
        let low = between(b'-', b'9', plain) & ((plain ^ (ONES * u64::from(b'/'))) + ONES * 0x7f);
        let letter = between(b'a', b'z', (bytes | (ONES * 0x20)) & !HIGHS);
        (letter | low) & !bytes & HIGHS == HIGHS
    };
    bytes.last_chunk().is_some_and(|last| all_words(bytes, all) && all(last))
}

/// The high bits of those of eight ASCII bytes that are from `first` to `last`; of other bits nothing.
fn between(first: u8, last: u8, bytes: u64) -> u64 {
    // Bytes below 0x80 do not carry into their neighbours.
    let at_least = bytes + ONES * u64::from(0x80 - first);
    let beyond = bytes + ONES * u64::from(0x7f - last);
    at_least & !beyond
}

/// Whether eight bytes are ASCII letters or `-`, as those of most names are.
fn are_letters(bytes: u64) -> bool {
    let letter = between(b'a', b'z', (bytes | (ONES * 0x20)) & !HIGHS);
    let not_hyphen = ((bytes & !HIGHS) ^ (ONES * u64::from(b'-'))) + ONES * 0x7f;
    (letter | !not_hyphen) & !bytes & HIGHS == HIGHS
}

/// The index of the first `wanted`.
pub fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        let found = equal_to(wanted, u64::from_le_bytes(*word));
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = after;
    }
    let start = bytes.len() - rest.len();
    rest.iter().position(|&byte| byte == wanted).map(|at| start + at)
}

/// Splits at the first `byte`, which is in neither part.
pub fn split_once(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = position(bytes, byte)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Whether a byte is `unreserved` in URIs (RFC 3986 §2.3).
#[inline]
pub fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a byte is one of `sub-delims` (RFC 3986 §2.2).
pub(super) fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// Appends a number in decimal. Smaller and faster than `format!`.
pub fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        // A 32-bit processor divides 32 bits in one instruction, and 64 bits in a hundred.
        let last = match u32::try_from(number) {
            Ok(small) => {
                number = u64::from(small / 10);
                small % 10
            }
            Err(_) => {
                let last = number % 10;
                number /= 10;
                last as u32
            }
        };
        *digit = b'0' + last as u8;
        length += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - length..).unwrap_or_default());
}

/// Appends a number in hexadecimal. Smaller and faster than `format!`.
pub fn write_hex(number: u64, out: &mut Vec<u8>) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        let nibble = (number >> (digit * 4)) as u8 & 15;
        out.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_rfcs() {
        let tchars: Vec<u8> = (0..=255).filter(|&byte| is_tchar(byte)).collect();
        let mut expected = b"!#$%&'*+-.^_`|~".to_vec();
        expected.extend((b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z'));
        expected.sort_unstable();
        assert_eq!(tchars, expected);
    }

    #[test]
    fn every_byte_of_a_token_counts() {
        for length in 1..20 {
            for at in 0..length {
                for byte in 0..=255 {
                    for others in [b'a', b'-', b'Z', b'!'] {
                        let mut bytes = vec![others; length];
                        bytes[at] = byte;
                        assert_eq!(is_token(&bytes), is_tchar(byte), "{byte} {at} {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_is_clean_up_to_its_end() {
        for length in 0..20 {
            for at in 0..=length {
                for byte in 0..=255 {
                    let mut line = vec![b'a'; length];
                    if let Some(place) = line.get_mut(at) {
                        *place = byte;
                    }
                    let expected = is_field_content(&line).then_some(length);
                    for after in [&b"\r\n"[..], b"\r\n\r\n", b"\r\nHost: example\r\n"] {
                        let found = clean_line(&[&line, after].concat());
                        assert_eq!(found, expected, "{byte} {at} {length}");
                    }
                    assert_eq!(clean_line(&[&line, &b"\r"[..]].concat()), None);
                    assert_eq!(clean_line(&[&line, &b"a\n"[..]].concat()), None);
                }
            }
        }
    }

    #[test]
    fn every_byte_of_a_label_counts() {
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        for length in 8..20 {
            for at in 0..length {
                for byte in 0..=255 {
                    for others in [b'a', b'-', b'Z', b'.', b'9', b'0'] {
                        let mut bytes = vec![others; length];
                        bytes[at] = byte;
                        assert_eq!(are_labels(&bytes), is_label(byte), "{byte} {at} {length}");
                    }
                }
            }
        }
        assert!(!are_labels(b"a"));
    }

    #[test]
    fn field_content_is_the_rfcs() {
        for length in 1..20 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'a'; length];
                    bytes[0] = b'\t';
                    bytes[length - 1] = 0x80;
                    bytes[at] = byte;
                    let expected = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
                    assert_eq!(is_field_content(&bytes), expected, "{byte} {at} {length}");
                }
            }
        }
    }

    #[test]
    fn lists_leave_out_empty_elements_and_respect_quotes() {
        let rows: [(&[u8], &[&[u8]]); 6] = [
            (b"", &[]),
            (b" , ,", &[]),
            (b"a", &[b"a"]),
            (b" a ,,\tb ", &[b"a", b"b"]),
            (b"\"a,b\", c", &[b"\"a,b\"", b"c"]),
            (b"\"a\\\",b\",c", &[b"\"a\\\",b\"", b"c"]),
        ];
        for (value, expected) in rows {
            assert_eq!(list(value).collect::<Vec<_>>(), expected, "{:?}", value.escape_ascii());
        }
    }

    #[test]
    fn the_first_is_found() {
        for length in 0..40 {
            for at in 0..length {
                for others in [0_u8, b'a' ^ 1, b'a' ^ 0x80, 0xff] {
                    let mut bytes = vec![others; length];
                    assert_eq!(position(&bytes, b'a'), None);
                    bytes[at] = b'a';
                    bytes[length - 1] = b'a';
                    assert_eq!(position(&bytes, b'a'), Some(at), "{length} {at} {others}");
                }
            }
        }
    }

    #[test]
    fn numbers_saturate() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"99999999999999999999999"), Some(u64::MAX));
        for wrong in [&b""[..], b"+1", b"-1", b"1 ", b"0x1", b"1_0"] {
            assert_eq!(decimal(wrong), None);
        }
    }
}
