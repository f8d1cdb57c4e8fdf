//! Accept-Encoding: the weight of each content coding (RFC 9110 §12.5.3). Accept: the weight of a
//! media type (§12.5.1).

use super::fields::{Field, Fields};
use super::grammar::{decimal, list, split_once, trim_ows};

/// The content codings of precompressed files. Among codings of equal weight, the earlier one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Brotli, RFC 7932.
    Brotli,
    /// Zstandard, RFC 8878.
    Zstandard,
    /// Gzip, RFC 1952.
    Gzip,
}

impl Coding {
    /// All, in our order of preference: the smallest files first.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstandard, Coding::Gzip];

    /// The name in Content-Encoding.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstandard => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// A bit for each coding.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The suffix of files in this coding.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstandard => ".zst",
            Coding::Gzip => ".gz",
        }
    }
}

/// The weights of Accept-Encoding in thousandths; 0 is "not acceptable".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptEncoding {
    /// In the order of [`Coding::ALL`].
    weights: [u16; 3],
    identity: u16,
}

impl AcceptEncoding {
    /// Reads the field. Without it the client accepts any coding (§12.5.3), but may not be able to
    /// decode it: only identity is safe.
    pub fn of(fields: Fields<'_>) -> AcceptEncoding {
        if !fields.has(Field::AcceptEncoding) {
            return AcceptEncoding { weights: [0; 3], identity: 1 };
        }
        let mut found: [Option<u16>; 3] = [None; 3];
        let (mut identity, mut any) = (None, None);
        for element in fields.all(Field::AcceptEncoding).flat_map(list) {
            let (name, weight) = weighted(element);
            let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
            let named = match name.len() {
                1 if is(b"*") => Some(&mut any),
                2 if is(b"br") => found.get_mut(0),
                4 if is(b"zstd") => found.get_mut(1),
                4 if is(b"gzip") => found.get_mut(2),
                // §8.4.1.3: the same.
                6 if is(b"x-gzip") => found.get_mut(2),
                8 if is(b"identity") => Some(&mut identity),
                _ => None,
            };
            if let Some(place) = named {
                *place = Some(place.unwrap_or(0).max(weight));
            }
        }
        AcceptEncoding {
            weights: found.map(|weight| weight.or(any).unwrap_or(0)),
            // Identity needs no mention; only `identity;q=0`, or `*;q=0` alone, rules it out.
            identity: identity.unwrap_or(if any == Some(0) { 0 } else { 1 }),
        }
    }

    /// The same codings as [`AcceptEncoding::preferred`], as bits.
    pub fn acceptable(&self) -> u8 {
        let least = self.identity.max(1);
        let weights = self.weights.iter().zip(Coding::ALL);
        let acceptable = weights.filter(|(weight, _)| **weight >= least);
        acceptable.fold(0, |bits, (_, coding)| bits | coding.bit())
    }

    /// Acceptable codings, those of the greatest weight first. Codings with a smaller weight than
    /// identity are left out.
    pub fn preferred(&self) -> impl Iterator<Item = Coding> {
        let mut weights = self.weights;
        let least = self.identity.max(1);
        std::iter::from_fn(move || {
            let most = weights.into_iter().max().filter(|&most| most >= least)?;
            // Of equal weights, the first in our order.
            let mut all = weights.iter_mut().zip(Coding::ALL);
            let (weight, coding) = all.find(|(weight, _)| **weight == most)?;
            *weight = 0;
            Some(coding)
        })
    }

    /// Whether the client accepts content without a coding.
    pub fn accepts_identity(&self) -> bool {
        self.identity > 0
    }
}

/// The weight of a media type in Accept, in thousandths; 0 if Accept does not name it. Ranges such
/// as `*/*` do not count: they express no preference.
pub fn media_type_weight(fields: Fields<'_>, media_type: &str) -> u16 {
    let elements = fields.all(Field::Accept).flat_map(list).map(weighted);
    let named = elements.filter(|(name, _)| name.eq_ignore_ascii_case(media_type.as_bytes()));
    named.map(|(_, weight)| weight).max().unwrap_or(0)
}

/// `gzip;q=0.5` is ("gzip", 500). An invalid weight (RFC 9110 §12.4.2) counts as 0: we do not send
/// what the client did not clearly accept.
fn weighted(element: &[u8]) -> (&[u8], u16) {
    let Some((name, parameters)) = split_once(element, b';') else {
        return (element, 1_000);
    };
    let mut weight = 1_000;
    for parameter in parameters.split(|&byte| byte == b';') {
        let (name, value) = split_once(parameter, b'=').unwrap_or((parameter, b""));
        if trim_ows(name).eq_ignore_ascii_case(b"q") {
            weight = thousandths(value.trim_ascii_end()).unwrap_or(0);
        }
    }
    (trim_ows(name), weight)
}

/// `qvalue`: 0, 1, or up to three digits after a point.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, digits) = split_once(value, b'.').unwrap_or((value, b""));
    if digits.len() > 3 {
        return None;
    }
    let fraction = if digits.is_empty() { 0 } else { decimal(digits)? };
    let scale = [1_000, 100, 10, 1].get(digits.len())?;
    match (whole, fraction * scale) {
        (b"0", fraction) => u16::try_from(fraction).ok(),
        (b"1", 0) => Some(1_000),
        _ => None,
    }
}
