//! Accept-Encoding: how welcome each content coding is (RFC 9110 §12.5.3). Accept: how welcome a
//! media type is (§12.5.1).

use super::fields::Fields;
use super::grammar::{decimal, list, split_once, trim_ows};

/// The content codings that files lie beside their originals in. The order is ours: the first
/// of those that a client likes best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Brotli, RFC 7932.
    Brotli,
    /// Zstandard, RFC 8878.
    Zstandard,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// All, in our order of preference: the smallest files first.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstandard, Coding::Gzip];

    /// As Content-Encoding names it.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstandard => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// The end of the name of a file that holds it.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstandard => ".zst",
            Coding::Gzip => ".gz",
        }
    }
}

/// What Accept-Encoding says: weights in thousandths, 0 for "not acceptable".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptEncoding {
    /// Of [`Coding::ALL`].
    weights: [u16; 3],
    identity: u16,
}

impl AcceptEncoding {
    /// Without the field every coding is acceptable, but only identity is sure to be understood.
    pub fn of(fields: Fields<'_>) -> AcceptEncoding {
        let mut found: [Option<u16>; 3] = [None; 3];
        let (mut identity, mut any) = (None, None);
        for element in fields.all("Accept-Encoding").flat_map(list) {
            let (name, weight) = weighted(element);
            let named = match name.to_ascii_lowercase().as_slice() {
                b"br" => found.get_mut(0),
                b"zstd" => found.get_mut(1),
                // §8.4.1.3: x-gzip is the same.
                b"gzip" | b"x-gzip" => found.get_mut(2),
                b"identity" => Some(&mut identity),
                b"*" => Some(&mut any),
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

    /// Codings that are welcome, the most welcome first. Identity comes before what is less
    /// welcome than identity, so those are left out.
    pub fn preferred(&self) -> impl Iterator<Item = Coding> {
        let mut weights = self.weights;
        let least = self.identity.max(1);
        std::iter::from_fn(move || {
            let most = weights.into_iter().max().filter(|&most| most >= least)?;
            // Among equals our own order counts.
            let mut all = weights.iter_mut().zip(Coding::ALL);
            let (weight, coding) = all.find(|(weight, _)| **weight == most)?;
            *weight = 0;
            Some(coding)
        })
    }

    /// Whether the content may come without a coding.
    pub fn accepts_identity(&self) -> bool {
        self.identity > 0
    }
}

/// How welcome a media type is that Accept names, in thousandths; 0 where it is not named. Ranges
/// (`*/*`) do not count: whoever sends them takes what there is.
pub fn media_type_weight(fields: Fields<'_>, media_type: &str) -> u16 {
    let elements = fields.all("Accept").flat_map(list).map(weighted);
    let named = elements.filter(|(name, _)| name.eq_ignore_ascii_case(media_type.as_bytes()));
    named.map(|(_, weight)| weight).max().unwrap_or(0)
}

/// `gzip;q=0.5` is ("gzip", 500). A weight that is none counts as 0: what was not asked for in
/// words that can be understood is not sent (RFC 9110 §12.4.2).
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
