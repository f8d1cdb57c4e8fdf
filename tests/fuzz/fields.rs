//! The readers of targets and field values: paths, ranges, dates, content codings.

use std::collections::BTreeMap;

use crate::support::drive::NOW;

use ipv6_httpd::http::accept::{AcceptEncoding, media_type_weight};
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::path::SitePath;
use ipv6_httpd::http::range::{Selection, content_range, select};
use ipv6_httpd::http::target::is_host;

use super::{
    as_field_value, fuzz, fuzz_some, model_split, model_trim, mutate, mutated, with_fields,
};

/// Decodes and resolves as the RFC tells it, on a stack, without a thought for speed.
fn model_path(path: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut stack: Vec<Vec<u8>> = Vec::new();
    for segment in path.split(|&byte| byte == b'/') {
        let mut name = Vec::new();
        let mut at = 0;
        while at < segment.len() {
            if segment[at] == b'%' {
                let digits = std::str::from_utf8(segment.get(at + 1..at + 3)?).ok()?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                let byte = u8::from_str_radix(digits, 16).ok()?;
                if byte == 0 || byte == b'/' {
                    return None;
                }
                name.push(byte);
                at += 3;
            } else {
                name.push(segment[at]);
                at += 1;
            }
        }
        match &name[..] {
            b"" | b"." => {}
            b".." => drop(stack.pop()),
            _ => stack.push(name),
        }
    }
    Some(stack)
}

#[test]
fn paths() {
    let seeds: Vec<Vec<u8>> =
        ["/a/b/../c", "/%2e%2e/x", "//a//./b/", "/a%20b/%E4", "/..a/...", "/a/..%2f", "/%252e/"]
            .map(|path| path.as_bytes().to_vec())
            .to_vec();
    fuzz(50_000, |random, input| {
        input.extend_from_slice(random.of(&seeds).as_slice());
        for _ in 0..random.place(6) {
            mutate(random, input, &seeds);
        }
        // NUL does not get past the request-line.
        input.retain(|&byte| byte != 0);
        let found = SitePath::parse(input).ok();
        let model = model_path(input).map(|names| names.join(&b'/'));
        assert_eq!(found.as_ref().map(|path| path.as_bytes().to_vec()), model);
        let Some(path) = found else { return };
        let names = path.as_bytes().split(|&byte| byte == b'/');
        for name in names.filter(|_| !path.as_bytes().is_empty()) {
            assert!(!matches!(name, b"" | b"." | b".."));
        }
        // From a path without a slash at its end, Location leads to the same path with one.
        if !path.is_directory() {
            let reference = path.reference_with_slash(input);
            assert!(reference.iter().all(u8::is_ascii_graphic));
            assert!(!reference.starts_with(b"/") && !reference.contains(&b':'));
            let start = input.iter().rposition(|&byte| byte == b'/');
            let parent = start.map_or(&b""[..], |at| &input[..=at]);
            let found = SitePath::parse(&[parent, &reference].concat()).ok();
            let found = found.map(|found| (found.as_bytes().to_vec(), found.is_directory()));
            assert_eq!(found, Some((path.as_bytes().to_vec(), true)));
        }
        // A host is anything but a path.
        let _ = is_host(input);
    });
}

/// What a Range asks for, of a representation that is short enough to mark every byte.
fn model_selection(value: &[u8], length: usize, ranges_max: usize) -> Selection {
    if length == 0 {
        return Selection::Whole;
    }
    let Some(set) = String::from_utf8_lossy(value)
        .split_once('=')
        .filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"))
        .map(|(_, set)| set.to_owned())
    else {
        return Selection::Whole;
    };
    let specs: Vec<&str> = set
        .split(',')
        .map(|spec| spec.trim_matches([' ', '\t']))
        .filter(|spec| !spec.is_empty())
        .collect();
    if specs.is_empty() || specs.len() > ranges_max {
        return Selection::Whole;
    }
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    // Of each byte the first range that asks for it.
    let mut asked: Vec<Option<usize>> = vec![None; length];
    let mut sum = 0;
    let mut of_nothing = false;
    for (at, spec) in specs.iter().enumerate() {
        let wants = |byte: usize| -> Option<bool> {
            let byte = byte as u64;
            match spec.split_once('-')? {
                ("", last) => Some(length as u64 - byte <= number(last)?),
                (first, "") => Some(byte >= number(first)?),
                (first, last) if number(last)? < number(first)? => None,
                (first, last) => Some((number(first)?..=number(last)?).contains(&byte)),
            }
        };
        // Past the end nothing is wanted, but it is seen there too what is malformed.
        if wants(length).is_none() {
            return Selection::Whole;
        }
        of_nothing |= length == 0 && spec.starts_with('-') && number(&spec[1..]) != Some(0);
        for (byte, asked) in asked.iter_mut().enumerate() {
            if wants(byte) == Some(true) {
                sum += 1;
                asked.get_or_insert(at);
            }
        }
    }
    if of_nothing {
        return Selection::Whole;
    }
    // Runs of bytes, in the order of the ranges that first asked for a byte of them.
    let mut runs: BTreeMap<usize, std::ops::Range<u64>> = BTreeMap::new();
    let mut start = 0;
    while start < length {
        let end = (start..length).find(|&byte| asked[byte].is_none()).unwrap_or(length);
        if let Some(first) = asked[start..end].iter().flatten().min() {
            runs.insert(*first, start as u64..end as u64);
        }
        start = end + 1;
    }
    let mut runs: Vec<_> = runs.into_values().collect();
    match runs.len() {
        0 => Selection::Unsatisfiable,
        1 => Selection::One(runs.remove(0)),
        _ if sum > length => Selection::Whole,
        _ => Selection::Several(runs),
    }
}

#[test]
fn ranges() {
    let seeds: [&[u8]; 6] = [
        b"bytes=0-4,6-",
        b"bytes=-3",
        b"bytes=1-2,4-5,7-8",
        b"bytes=9-,0-0",
        b"bytes=3-3, ,2-2",
        b"bytes=5-6,0-1,3-3,9-9,1-2",
    ];
    fuzz_some(50_000, |random, input| {
        mutated(random, input, 4, &seeds);
        as_field_value(input);
        let length = *random.of(&[0_u64, 1, 2, 9, 30, u64::MAX]);
        let found = select(input, length, 8);
        if length <= 30 {
            assert_eq!(found, model_selection(input, length as usize, 8));
        }
        let selected = match found {
            Selection::Whole | Selection::Unsatisfiable => return false,
            Selection::One(range) => vec![range],
            Selection::Several(ranges) => ranges,
        };
        assert!(selected.len() <= 8);
        let sum: u64 = selected.iter().map(|range| range.end - range.start).sum();
        assert!(sum <= length);
        for (at, range) in selected.iter().enumerate() {
            assert!(range.start < range.end && range.end <= length);
            let apart =
                |other: &std::ops::Range<u64>| other.end < range.start || range.end < other.start;
            assert!(selected[..at].iter().all(apart), "{selected:?}");
            let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            assert_eq!(content_range(range, length), place.as_bytes());
        }
        true
    });
}

/// Days since 1970, year by year and month by month.
fn model_days(year: i64, month: usize, day: i64) -> Option<i64> {
    let leaps =
        |year: i64| i64::from(year % 400 == 0 || (year % 4 == 0 && !matches!(year % 100, 0)));
    let months = [31, 28 + leaps(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if day < 1 || day > months[month] {
        return None;
    }
    let years: i64 = if year < 1970 {
        -(year..1970).map(|year| 365 + leaps(year)).sum::<i64>()
    } else {
        (1970..year).map(|year| 365 + leaps(year)).sum()
    };
    Some(years + months[..month].iter().sum::<i64>() + day - 1)
}

/// Reads a date word by word, in the three forms of RFC 9110 §5.6.7.
fn model_date(text: &[u8]) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    // 1 January 1970 was a Thursday.
    const DAYS: [&str; 7] =
        ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    let number = |digits: &str, length: usize| -> Option<i64> {
        let is_number = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    let text = std::str::from_utf8(text).ok()?;
    let words: Vec<&str> = text.split(' ').collect();
    // (name of the day, is it long, day, month, year or its end, time)
    let (name, is_long, day, month, year, time) = match words[..] {
        [name, day, month, year, time, "GMT"] => {
            let day = number(day, 2)?;
            (name.strip_suffix(',')?, false, day, month, number(year, 4)?, time)
        }
        [name, date, time, "GMT"] => {
            let parts: Vec<&str> = date.split('-').collect();
            let [day, month, year] = parts[..] else {
                return None;
            };
            // NOW is in 2026.
            let year = number(year, 2)?;
            let year = if year > 76 { 1900 + year } else { 2000 + year };
            (name.strip_suffix(',')?, true, number(day, 2)?, month, year, time)
        }
        [name, month, "", day, time, year] => {
            (name, false, number(day, 1)?, month, number(year, 4)?, time)
        }
        [name, month, day, time, year] => {
            (name, false, number(day, 2)?, month, number(year, 4)?, time)
        }
        _ => return None,
    };
    let month = (0..12).find(|at| &MONTHS[at * 3..at * 3 + 3] == month)?;
    let days = model_days(year, month, day)?;
    let weekday = DAYS[days.rem_euclid(7) as usize];
    let fits = if is_long { DAYS.contains(&name) } else { name == &weekday[..3] };
    let parts: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = parts[..] else {
        return None;
    };
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let valid = fits && hour < 24 && minute < 60 && second <= 60;
    valid.then_some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[test]
fn dates() {
    let seeds: Vec<Vec<u8>> = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Thu, 29 Feb 2024 23:59:60 GMT",
        "Thu, 29 Feb 2024 23:59:61 GMT",
        "Sat Jan  1 00:00:00 0000",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    fuzz_some(50_000, |random, input| {
        // Any second up to the year 9999 comes back.
        let date = HttpDate((random.next() % 253_402_300_800) as i64);
        let text = date.text().expect("a date");
        assert_eq!(HttpDate::parse(&text, NOW), Some(date));
        assert_eq!(model_date(&text), Some(date.0));
        let words = String::from_utf8_lossy(&text).replace(',', "");
        let words: Vec<&str> = words.split(' ').collect();
        let [name, day, month, year, time, _] = words[..] else { panic!("{words:?}") };
        match random.place(4) {
            0 => input.extend_from_slice(&text),
            1 => {
                let day = day.strip_prefix('0').map_or(day.to_owned(), |day| format!(" {day}"));
                input.extend_from_slice(format!("{name} {month} {day} {time} {year}").as_bytes());
            }
            2 => {
                let rest = format!("{day}-{month}-{} {time} GMT", &year[2..]);
                let name = random.of(&["Sunday", "Wednesday", "Thursday", "Sun"]);
                input.extend_from_slice(format!("{name}, {rest}").as_bytes());
            }
            _ => input.extend_from_slice(random.of(&seeds).as_slice()),
        }
        for _ in 0..random.place(3) {
            mutate(random, input, &seeds);
        }
        let found = HttpDate::parse(input, NOW);
        assert_eq!(found.map(|date| date.0), model_date(input));
        found.is_some()
    });
}

/// The elements of a list field with their weights. No coding and no type of ours has a parameter
/// with a semicolon in quotes, so that need not be understood; a comma in quotes must be.
fn model_weights(value: &[u8], qvalues: &BTreeMap<String, u16>) -> Vec<(String, u16)> {
    let (elements, _) = model_split(value, b',');
    let elements = elements.iter().map(|element| model_trim(element));
    let weighted = |element: Vec<u8>| {
        let text = String::from_utf8_lossy(&element).into_owned();
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default().trim_matches([' ', '\t']);
        let q = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .rfind(|(name, _)| name.trim_matches([' ', '\t']).eq_ignore_ascii_case("q"));
        let q = q.map(|(_, value)| value.trim_end_matches([' ', '\t']));
        let weight = q.map_or(1_000, |q| qvalues.get(q).copied().unwrap_or(0));
        (name.to_ascii_lowercase(), weight)
    };
    elements.filter(|element| !element.is_empty()).map(weighted).collect()
}

/// Every spelling of every weight (RFC 9110 §12.4.2).
fn all_qvalues() -> BTreeMap<String, u16> {
    let mut qvalues = BTreeMap::new();
    for weight in 0..=1_000 {
        let long = format!("{}.{:03}", weight / 1_000, weight % 1_000);
        let mut text = long.as_str();
        loop {
            qvalues.insert(text.to_owned(), weight);
            match text.strip_suffix('0').or_else(|| text.strip_suffix('.')) {
                Some(shorter) if !shorter.is_empty() => text = shorter,
                _ => break,
            }
        }
    }
    qvalues
}

#[test]
fn accepted_codings() {
    let seeds: [&[u8]; 6] = [
        b"gzip, deflate, br;q=0.5, zstd",
        b"*;q=0, identity;q=0.5",
        b"x-gzip;q=1.000,,gzip;q=x",
        b"text/html;level=1;q=0.4, application/json, text/plain;q=0.",
        b"br;q=0.001 , gzip;q=0.010;q=0.1, \"gzip, br\"",
        b"zstd;q=1., *;q=0.25, identity;q=0",
    ];
    let qvalues = all_qvalues();
    fuzz_some(20_000, |random, input| {
        mutated(random, input, 4, &seeds);
        as_field_value(input);
        let lines = [
            [b"Accept-Encoding: ", input.as_slice()].concat(),
            [b"accept: ", input.as_slice()].concat(),
        ];
        let found = with_fields(&lines, |fields| {
            let accept = AcceptEncoding::of(fields);
            let preferred: Vec<&str> = accept.preferred().map(|coding| coding.name()).collect();
            let types = ["text/html", "application/json", "text/plain"];
            let types = types.map(|media_type| media_type_weight(fields, media_type));
            (preferred, accept.accepts_identity(), types)
        });
        let weights = model_weights(input, &qvalues);
        let named = |name: &str| {
            let of = weights.iter().filter(|(found, _)| found == name);
            of.map(|&(_, weight)| weight).max()
        };
        let any = named("*");
        let identity = named("identity").unwrap_or(if any == Some(0) { 0 } else { 1 });
        let codings = [
            ("br", named("br")),
            ("zstd", named("zstd")),
            ("gzip", named("gzip").max(named("x-gzip"))),
        ];
        let codings = codings.map(|(name, weight)| (name, weight.or(any).unwrap_or(0)));
        // From the greatest weight to the least that is no less than identity's.
        let weights = (identity.max(1)..=1_000).rev();
        let preferred: Vec<&str> = weights
            .flat_map(|weight| codings.iter().filter(move |coding| coding.1 == weight))
            .map(|&(name, _)| name)
            .collect();
        let types = ["text/html", "application/json", "text/plain"];
        let types = types.map(|name| named(name).unwrap_or(0));
        let is_understood = !preferred.is_empty();
        assert_eq!(found, Some((preferred, identity > 0, types)));
        is_understood
    });
}
