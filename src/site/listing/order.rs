//! The order of the entries in a listing.

use std::io;
use std::ops::Range;

use crate::config::{Column, Order};

use super::entries::{Entries, SortKey};

/// The order from a query such as `?C=N&O=A`, as in Apache's listings; `default` for what it does
/// not say.
pub(super) fn of(query: Option<&[u8]>, default: Order) -> Order {
    let (mut column, mut descending) = (None, None);
    for pair in query.unwrap_or_default().split(|byte| matches!(byte, b'&' | b';')) {
        match pair {
            b"C=N" => column = Some(Column::Name),
            b"C=S" => column = Some(Column::Size),
            b"C=M" => column = Some(Column::Date),
            b"O=D" => descending = Some(true),
            b"O=A" => descending = Some(false),
            _ => {}
        }
    }
    Order {
        column: column.unwrap_or(default.column),
        // The direction of the default is that of its own column.
        descending: descending.unwrap_or(column.is_none() && default.descending),
    }
}

/// Sorts entries, folders first. Fails with [`io::ErrorKind::OutOfMemory`].
pub(in crate::site) fn sort(entries: &mut Entries, order: Order) -> io::Result<()> {
    let mut keys = entries.sort_keys()?;
    let start = alike(entries, &keys);
    let flip = if order.descending { u64::MAX } else { 0 };
    for key in &mut keys {
        key.key = flip
            ^ match order.column {
                Column::Name => natural_key(entries.name(key.place), start),
                Column::Size => entries.at(key.place).1.size,
                Column::Date => (entries.at(key.place).1.modified as u64) ^ (1 << 63),
            };
    }
    // Entries with equal sizes or dates are always in ascending order of their names.
    let reversed = order.descending && order.column == Column::Name;
    keys.sort_unstable_by(|a, b| {
        let by_name = || {
            let ordering = natural(entries.name(a.place), entries.name(b.place));
            if reversed { ordering.reverse() } else { ordering }
        };
        let folders_first = b.is_directory.cmp(&a.is_directory);
        folders_first.then(a.key.cmp(&b.key)).then_with(by_name)
    });
    entries.set_order(keys);
    Ok(())
}

/// The order of names that people expect: digits as numbers, and letters without their case.
fn natural(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    // Names in one folder often begin alike. Skip the common start, except for its last digits: the
    // first difference may be in the same number.
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let digits = a.iter().take(same).rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut i, mut j) = (same - digits, same - digits);
    loop {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number_at(a, i), number_at(b, j));
                let (digits_x, digits_y) =
                    (a.get(x.clone()).unwrap_or_default(), b.get(y.clone()).unwrap_or_default());
                let ordering =
                    digits_x.len().cmp(&digits_y.len()).then_with(|| digits_x.cmp(digits_y));
                if ordering != Ordering::Equal {
                    return ordering;
                }
                (i, j) = (x.end, y.end);
            }
            (Some(x), Some(y)) => {
                let ordering = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
                if ordering != Ordering::Equal {
                    return ordering;
                }
                (i, j) = (i + 1, j + 1);
            }
            // Names that differ only in case or in leading zeros need an order, too.
            (None, None) => return a.cmp(b),
            (x, y) => return x.is_some().cmp(&y.is_some()),
        }
    }
}

/// The digits from `at` on, without leading zeros.
fn number_at(name: &[u8], at: usize) -> Range<usize> {
    let mut start = at;
    while name.get(start) == Some(&b'0') {
        start += 1;
    }
    let mut end = start;
    while name.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    start..end
}

/// The length of the common start of all names, without its last digits.
fn alike(entries: &Entries, keys: &[SortKey]) -> usize {
    let mut names = keys.iter().map(|key| entries.name(key.place));
    let mut same = names.next().unwrap_or_default();
    for name in names {
        let length = same.iter().zip(name).take_while(|(x, y)| x == y).count();
        same = same.get(..length).unwrap_or_default();
    }
    while let [before @ .., b'0'..=b'9'] = same {
        same = before;
    }
    same.len()
}

/// The beginning of a name from `start` on, as a number. Of two different keys, the smaller one
/// belongs to the first name in the natural order.
fn natural_key(name: &[u8], start: usize) -> u64 {
    let mut key = [0; 8];
    let mut places = key.iter_mut();
    let mut at = start;
    while let (Some(byte), Some(place)) = (name.get(at), places.next()) {
        if !byte.is_ascii_digit() {
            *place = byte.to_ascii_lowercase();
            at += 1;
            continue;
        }
        // A number: its length in one byte, and then its digits.
        let number = number_at(name, at);
        at = number.end;
        let digits = name.get(number).unwrap_or_default();
        *place = b'0' + digits.len().min(9) as u8;
        if digits.len() >= 9 {
            break;
        }
        for (digit, place) in digits.iter().zip(places.by_ref()) {
            *place = *digit;
        }
    }
    u64::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        let sorted: [&[u8]; 10] =
            [b"", b"a", b"B", b"img1", b"img01", b"img2", b"img10", b"img10a", b"x", b"\xff"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                if (i, j) != (3, 4) && (i, j) != (4, 3) {
                    assert_eq!(
                        natural(a, b),
                        i.cmp(&j),
                        "{:?} {:?}",
                        a.escape_ascii(),
                        b.escape_ascii()
                    );
                }
            }
        }
        assert_ne!(natural(b"img1", b"img01"), std::cmp::Ordering::Equal);
    }

    /// Tries a sample of names of up to five bytes, made of a few bytes of each kind.
    #[test]
    fn keys_say_what_the_order_says_or_nothing() {
        let mut names = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..5 {
            let to = names.len();
            for at in from..to {
                for byte in *b"/019:aA\xff" {
                    names.push([&names[at], &[byte][..]].concat());
                }
            }
            from = to;
        }
        let long = [
            "12345678",
            "123456789",
            "123456780",
            "0123456789",
            "1234567890",
            "9999999999",
            "x12345678",
            "x1234567",
            "x123456789",
            "abcdefgh",
            "abcdefghi",
            "abcdefgH",
            "abcdef12",
            "abcdef123",
            "abcdef2",
        ];
        names = names.into_iter().step_by(37).collect();
        names.extend(long.map(|name| name.as_bytes().to_vec()));
        for a in &names {
            for b in &names {
                let by_key = natural_key(a, 0).cmp(&natural_key(b, 0));
                assert!(
                    by_key.is_eq() || by_key == natural(a, b),
                    "{:?} {:?}",
                    a.escape_ascii(),
                    b.escape_ascii()
                );
            }
        }
        assert!(natural_key(b"x19", 1) < natural_key(b"x20", 1));
        assert!(natural_key(b"a9", 0) < natural_key(b"A10", 0));
    }
}
