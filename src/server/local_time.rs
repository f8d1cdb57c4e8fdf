//! Local time for the log, from the TZ variable or `/etc/localtime` (RFC 8536), read once at the
//! start. std has no local time, and the C library's has `time_t` in its signatures.

use std::env;
use std::fs;
use std::path::Path;

use crate::http::date::{days_from_civil, days_in_month};

/// The offset of local time from UTC, at any moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The changes of the offset: the Unix time, and the seconds east of UTC from then on. Sorted.
    changes: Vec<(i64, i32)>,
    /// The offset before the first of them.
    first: i32,
    /// What holds after the last of them.
    rule: Option<Rule>,
}

impl LocalTime {
    /// The system's local time; UTC if it is not set or cannot be read.
    pub fn of_system() -> LocalTime {
        let variable = env::var("TZ").ok();
        let named = variable.as_deref().map(|name| name.strip_prefix(':').unwrap_or(name));
        let found = match named {
            Some("") => None,
            Some(name) => match Rule::parse(name) {
                Some(rule) => {
                    Some(LocalTime { changes: Vec::new(), first: rule.standard, rule: Some(rule) })
                }
                // `join` leaves an absolute path as it is.
                None => LocalTime::read(&Path::new("/usr/share/zoneinfo").join(name)),
            },
            None => LocalTime::read(Path::new("/etc/localtime")),
        };
        found.unwrap_or(LocalTime { changes: Vec::new(), first: 0, rule: None })
    }

    fn read(path: &Path) -> Option<LocalTime> {
        LocalTime::parse(&fs::read(path).ok()?)
    }

    /// Seconds east of UTC at a Unix time.
    pub fn offset(&self, seconds: i64) -> i32 {
        let passed = self.changes.partition_point(|&(moment, _)| moment <= seconds);
        match (&self.rule, passed.checked_sub(1).and_then(|last| self.changes.get(last))) {
            (Some(rule), _) if passed == self.changes.len() => rule.offset(seconds),
            (_, Some(&(_, offset))) => offset,
            (_, None) => self.first,
        }
    }

    /// Reads a TZif file: the 64-bit block, or else the 32-bit one (RFC 8536 §3).
    fn parse(file: &[u8]) -> Option<LocalTime> {
        let header = Header::parse(file)?;
        if header.version == 0 {
            return LocalTime::parse_block(&header, file.get(44..)?, 4, b"");
        }
        let second = file.get(44 + header.block_bytes(4)..)?;
        let header = Header::parse(second)?;
        let block = second.get(44..)?;
        let footer = block.get(header.block_bytes(8)..)?;
        LocalTime::parse_block(&header, block, 8, footer)
    }

    fn parse_block(
        header: &Header,
        block: &[u8],
        time_bytes: usize,
        footer: &[u8],
    ) -> Option<LocalTime> {
        let (times, rest) = block.split_at_checked(header.times * time_bytes)?;
        let (indices, rest) = rest.split_at_checked(header.times)?;
        let types = rest.get(..header.types * 6)?;
        let offset_of = |index: usize| {
            let bytes: [u8; 4] = types.get(index * 6..index * 6 + 4)?.try_into().ok()?;
            Some(i32::from_be_bytes(bytes))
        };
        let mut changes = Vec::new();
        for (time, &index) in times.chunks_exact(time_bytes).zip(indices) {
            let moment = match time_bytes {
                4 => i64::from(i32::from_be_bytes(time.try_into().ok()?)),
                _ => i64::from_be_bytes(time.try_into().ok()?),
            };
            changes.push((moment, offset_of(usize::from(index))?));
        }
        let text =
            footer.strip_prefix(b"\n").and_then(|text| text.split(|&byte| byte == b'\n').next());
        let rule = text.and_then(|text| Rule::parse(std::str::from_utf8(text).ok()?));
        Some(LocalTime { changes, first: offset_of(0)?, rule })
    }
}

struct Header {
    version: u8,
    /// Counts, in the order of the file (RFC 8536 §3.1).
    ut: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    types: usize,
    characters: usize,
}

impl Header {
    fn parse(file: &[u8]) -> Option<Header> {
        let file = file.strip_prefix(b"TZif")?;
        let count = |at: usize| {
            let bytes: [u8; 4] = file.get(16 + at * 4..20 + at * 4)?.try_into().ok()?;
            // Real files have a few hundred at most.
            usize::try_from(u32::from_be_bytes(bytes)).ok().filter(|&count| count < 65_536)
        };
        Some(Header {
            version: *file.first()?,
            ut: count(0)?,
            standard: count(1)?,
            leaps: count(2)?,
            times: count(3)?,
            types: count(4)?,
            characters: count(5)?,
        })
    }

    fn block_bytes(&self, time_bytes: usize) -> usize {
        self.times * (time_bytes + 1)
            + self.types * 6
            + self.characters
            + self.leaps * (time_bytes + 4)
            + self.standard
            + self.ut
    }
}

/// A POSIX TZ string: `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// Seconds east of UTC.
    standard: i32,
    daylight: Option<Daylight>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Daylight {
    offset: i32,
    begin: Change,
    end: Change,
}

/// A day of the year, and the second of it in local time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    day: Day,
    seconds: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    /// 1 to 365, without February 29.
    Julian(i32),
    /// 0 to 365.
    OfYear(i32),
    /// The nth weekday of a month; 5 is the last one.
    OfMonth { month: u8, week: i32, weekday: i32 },
}

impl Rule {
    fn parse(text: &str) -> Option<Rule> {
        let mut words = Words(text.as_bytes());
        words.name()?;
        let standard = -words.time()?;
        if words.0.is_empty() {
            return Some(Rule { standard, daylight: None });
        }
        words.name()?;
        let offset = if matches!(words.0.first(), Some(b',') | None) {
            standard + 3_600
        } else {
            -words.time()?
        };
        // Without a rule, the C library takes that of the United States.
        let mut words = if words.0.is_empty() { Words(b",M3.2.0,M11.1.0") } else { words };
        let begin = words.change()?;
        let end = words.change()?;
        words
            .0
            .is_empty()
            .then_some(Rule { standard, daylight: Some(Daylight { offset, begin, end }) })
    }

    fn offset(&self, seconds: i64) -> i32 {
        let Some(daylight) = &self.daylight else {
            return self.standard;
        };
        let year = crate::http::date::Calendar::new(seconds + i64::from(self.standard)).year;
        let begin = daylight.begin.moment(year) - i64::from(self.standard);
        let end = daylight.end.moment(year) - i64::from(daylight.offset);
        let is_daylight = if begin <= end {
            (begin..end).contains(&seconds)
        } else {
            // In the south, summer includes the new year.
            !(end..begin).contains(&seconds)
        };
        if is_daylight { daylight.offset } else { self.standard }
    }
}

impl Change {
    /// The local time of the change, as if it were UTC.
    fn moment(&self, year: i64) -> i64 {
        let first = days_from_civil(year, 1, 1);
        let day = match self.day {
            Day::OfYear(day) => first + i64::from(day),
            Day::Julian(day) => {
                let leap = days_in_month(year, 2) == 29 && day >= 60;
                first + i64::from(day) - 1 + i64::from(leap)
            }
            Day::OfMonth { month, week, weekday } => {
                let first = days_from_civil(year, month, 1);
                let until = (i64::from(weekday) - (first + 4)).rem_euclid(7);
                let mut day = until + 7 * (i64::from(week) - 1);
                if day >= i64::from(days_in_month(year, month)) {
                    day -= 7;
                }
                first + day
            }
        };
        day * 86_400 + i64::from(self.seconds)
    }
}

/// The rest of a TZ string.
struct Words<'t>(&'t [u8]);

impl Words<'_> {
    fn eat(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// `CET` or `<+03>`.
    fn name(&mut self) -> Option<()> {
        let length = if self.0.first() == Some(&b'<') {
            self.0.iter().position(|&byte| byte == b'>')? + 1
        } else {
            self.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
        };
        self.0 = self.0.get(length..)?;
        (length >= 3).then_some(())
    }

    fn number(&mut self) -> Option<i32> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        std::str::from_utf8(number).ok()?.parse().ok().filter(|&number| number <= 366)
    }

    /// `[+-]hh[:mm[:ss]]`, in seconds.
    fn time(&mut self) -> Option<i32> {
        let sign = match self.0.first() {
            Some(b'-') => -1,
            _ => 1,
        };
        if matches!(self.0.first(), Some(b'+' | b'-')) {
            self.0 = self.0.get(1..)?;
        }
        let mut seconds = self.number()? * 3_600;
        for unit in [60, 1] {
            if self.eat(b':').is_none() {
                break;
            }
            seconds += self.number()? * unit;
        }
        Some(sign * seconds)
    }

    /// `,M3.5.0/2`, `,J60`, `,59/1:30`.
    fn change(&mut self) -> Option<Change> {
        self.eat(b',')?;
        let day = if self.eat(b'J').is_some() {
            Day::Julian(self.number()?)
        } else if self.eat(b'M').is_some() {
            let month =
                u8::try_from(self.number()?).ok().filter(|month| (1..=12).contains(month))?;
            self.eat(b'.')?;
            let week = self.number().filter(|week| (1..=5).contains(week))?;
            self.eat(b'.')?;
            Day::OfMonth { month, week, weekday: self.number().filter(|&day| day <= 6)? }
        } else {
            Day::OfYear(self.number()?)
        };
        let seconds = if self.eat(b'/').is_some() { self.time()? } else { 7_200 };
        Some(Change { day, seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> LocalTime {
        let rule = Rule::parse(text).expect(text);
        LocalTime { changes: Vec::new(), first: rule.standard, rule: Some(rule) }
    }

    #[test]
    fn rules() {
        // The moments are those at which the clocks of these places are known to have changed.
        let rows = [
            ("UTC0", 0, 0),
            ("<+03>-3", 0, 10_800),
            ("IST-5:30", 0, 19_800),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_774_745_999, 3_600), // 2026-03-29 00:59:59 UTC
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_774_746_000, 7_200),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_792_889_999, 7_200), // 2026-10-25 00:59:59 UTC
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_792_890_000, 3_600),
            ("EST5EDT", 1_772_953_199, -18_000), // 2026-03-08 06:59:59 UTC
            ("EST5EDT", 1_772_953_200, -14_400),
            ("NZST-12NZDT,M9.5.0,M4.1.0/3", 1_767_225_600, 46_800), // 2026-01-01
            ("NZST-12NZDT,M9.5.0,M4.1.0/3", 1_782_864_000, 43_200), // 2026-07-01
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_774_745_999, -7_200),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_774_746_000, -3_600),
            ("AAA0BBB,J60,J300", 1_709_164_800, 0), // 2024-02-29: J60 is March 1
            ("AAA0BBB,59,300", 1_709_172_000, 3_600), // 2024-02-29 02:00: day 59 is that day
        ];
        for (text, moment, offset) in rows {
            assert_eq!(rule(text).offset(moment), offset, "{text} at {moment}");
        }
        for wrong in [
            "",
            "A",
            "Europe/Berlin",
            "CET",
            "CET-1CEST,M13.1.0,M1.1.0",
            "CET-1CEST,M3.5.0",
            "UTC0x",
        ] {
            assert_eq!(Rule::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn files() {
        let mut file = b"TZif2".to_vec();
        file.extend([0; 15]);
        file.extend([0; 24]);
        let mut second = b"TZif2".to_vec();
        second.extend([0; 15]);
        for count in [0_u32, 0, 0, 2, 2, 8] {
            second.extend(count.to_be_bytes());
        }
        for moment in [1_000_i64, 2_000] {
            second.extend(moment.to_be_bytes());
        }
        second.extend([1, 0]);
        for offset in [3_600_i32, 7_200] {
            second.extend(offset.to_be_bytes());
            second.extend([0, 0]);
        }
        second.extend(b"CET\0CST\0");
        second.extend(b"\nCET-1\n");
        file.extend(second);
        let time = LocalTime::parse(&file).expect("a file");
        for (moment, offset) in
            [(0, 3_600), (1_000, 7_200), (1_999, 7_200), (2_000, 3_600), (9_999_999, 3_600)]
        {
            assert_eq!(time.offset(moment), offset, "{moment}");
        }
        for cut in 0..file.len() {
            // A file that was cut off is no file, or loses its last rule; nothing worse.
            let _ = LocalTime::parse(file.get(..cut).expect("shorter"));
        }
    }
}
