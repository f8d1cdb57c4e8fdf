//! HTTP-date: the server sends one format and reads three (RFC 9110 §5.6.7).

use super::grammar::decimal;

/// Seconds since 1970-01-01 00:00:00 UTC, without leap seconds, as HTTP counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate(pub i64);

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// The months as HTTP-date, RFC 5322 and every log line name them.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_SECONDS: i64 = 86_400;

/// A moment as fields of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// As in 1970.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
}

impl Calendar {
    /// Converts `seconds` since 1970-01-01 00:00:00.
    pub fn new(seconds: i64) -> Calendar {
        let days = seconds.div_euclid(DAY_SECONDS);
        // In 32 bits, because ARMv6 divides those much faster.
        let second_of_day = seconds.rem_euclid(DAY_SECONDS) as u32;
        // Years begin in March here, so that the leap day is the last of its year; an era is
        // the 400 years after which the calendar repeats.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097) as u32;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Calendar {
            year: i64::from(year_of_era) + era * 400 + i64::from(month <= 2),
            month: month as u8,
            day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8,
            hour: (second_of_day / 3_600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
        }
    }

    /// The English name of the month in three letters.
    pub fn month_name(&self) -> &'static str {
        MONTHS.get(usize::from(self.month) - 1).copied().unwrap_or("")
    }
}

/// Days from 1970-01-01 to the given day of the Gregorian calendar.
pub fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Days in a month of the Gregorian calendar; 0 unless `month` is from 1 to 12.
pub fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 0,
    }
}

impl HttpDate {
    /// IMF-fixdate, the format we send: `Sun, 06 Nov 1994 08:49:37 GMT`, always 29 bytes. `None`
    /// before 1970, and after 9999, because the year has four digits.
    pub fn text(self) -> Option<[u8; 29]> {
        if self.0 < 0 {
            return None;
        }
        let moment = Calendar::new(self.0);
        if moment.year > 9_999 {
            return None;
        }
        let mut text = *b"Sun, 00 Jan 0000 00:00:00 GMT";
        let weekday = DAYS.get(usize::from(moment.weekday)).map_or("Sun", |name| &name[..3]);
        put(&mut text, 0, weekday.as_bytes());
        put(&mut text, 5, &two_digits(moment.day));
        put(&mut text, 8, moment.month_name().as_bytes());
        put(&mut text, 12, &two_digits((moment.year / 100) as u8));
        put(&mut text, 14, &two_digits((moment.year % 100) as u8));
        put(&mut text, 17, &two_digits(moment.hour));
        put(&mut text, 20, &two_digits(moment.minute));
        put(&mut text, 23, &two_digits(moment.second));
        Some(text)
    }

    /// Reads any of the three formats of RFC 9110 §5.6.7; `None` for anything else, which the
    /// caller ignores. A two-digit year that seems more than 50 years after `now` is in the past.
    pub fn parse(text: &[u8], now: HttpDate) -> Option<HttpDate> {
        let space = text.iter().position(|&byte| byte == b' ')?;
        let (weekday, rest) = (text.get(..space)?, text.get(space + 1..)?);
        match weekday.strip_suffix(b",") {
            Some(name) if name.len() == 3 => imf_fixdate(weekday_number(name, 3)?, rest),
            Some(name) => rfc850_date(weekday_number(name, 9)?, rest, now),
            None => asctime_date(weekday_number(weekday, 3)?, rest),
        }
    }
}

/// Two decimal digits of a number below 100.
pub fn two_digits(number: u8) -> [u8; 2] {
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

fn put(text: &mut [u8], at: usize, part: &[u8]) {
    if let Some(place) = text.get_mut(at..at + part.len()) {
        place.copy_from_slice(part);
    }
}

/// The number of a day name, which is case-sensitive (RFC 9110 §5.6.7). `length`: letters of the
/// name, at most.
fn weekday_number(name: &[u8], length: usize) -> Option<i64> {
    let number = DAYS
        .iter()
        .position(|day| day.as_bytes().get(..length).unwrap_or(day.as_bytes()) == name)?;
    i64::try_from(number).ok()
}

/// `06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(weekday: i64, rest: &[u8]) -> Option<HttpDate> {
    let [d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', time @ .., b' ', b'G', b'M', b'T'] =
        rest
    else {
        return None;
    };
    moment(weekday, decimal(&[*y1, *y2, *y3, *y4])?, &[*m1, *m2, *m3], decimal(&[*d1, *d2])?, time)
}

/// `06-Nov-94 08:49:37 GMT`
fn rfc850_date(weekday: i64, rest: &[u8], now: HttpDate) -> Option<HttpDate> {
    let [d1, d2, b'-', m1, m2, m3, b'-', y1, y2, b' ', time @ .., b' ', b'G', b'M', b'T'] = rest
    else {
        return None;
    };
    let this_year = Calendar::new(now.0).year;
    let two = i64::try_from(decimal(&[*y1, *y2])?).ok()?;
    let mut year = this_year - this_year.rem_euclid(100) + two;
    if year > this_year + 50 {
        year -= 100;
    }
    // The name of the day must exist, but need not match the date: we guessed the century, and an
    // old client may mean another one.
    let _ = weekday;
    let days = civil_day(year, &[*m1, *m2, *m3], decimal(&[*d1, *d2])?)?;
    Some(HttpDate(days * DAY_SECONDS + seconds_of_day(time)?))
}

/// `Nov  6 08:49:37 1994`
fn asctime_date(weekday: i64, rest: &[u8]) -> Option<HttpDate> {
    let [m1, m2, m3, b' ', d1, d2, b' ', time @ .., b' ', y1, y2, y3, y4] = rest else {
        return None;
    };
    let day = if *d1 == b' ' { decimal(&[*d2])? } else { decimal(&[*d1, *d2])? };
    moment(weekday, decimal(&[*y1, *y2, *y3, *y4])?, &[*m1, *m2, *m3], day, time)
}

fn moment(weekday: i64, year: u64, month: &[u8], day: u64, time: &[u8]) -> Option<HttpDate> {
    let days = civil_day(i64::try_from(year).ok()?, month, day)?;
    // The name of the day contradicts the date.
    if (days + 4).rem_euclid(7) != weekday {
        return None;
    }
    Some(HttpDate(days * DAY_SECONDS + seconds_of_day(time)?))
}

fn civil_day(year: i64, month: &[u8], day: u64) -> Option<i64> {
    let month = MONTHS.iter().position(|name| name.as_bytes() == month)? as u8 + 1;
    let day = u8::try_from(day).ok()?;
    (1..=days_in_month(year, month)).contains(&day).then(|| days_from_civil(year, month, day))
}

/// `08:49:37`; a leap second counts as the first of the next minute.
fn seconds_of_day(time: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = time else {
        return None;
    };
    let (hour, minute, second) =
        (decimal(&[*h1, *h2])?, decimal(&[*m1, *m2])?, decimal(&[*s1, *s2])?);
    let valid = hour < 24 && minute < 60 && second < 61;
    valid.then(|| i64::try_from(hour * 3_600 + minute * 60 + second).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: HttpDate = HttpDate(1_795_392_000); // 2026-11-23

    #[test]
    fn the_rfcs_moment_in_three_forms() {
        let rows: [&[u8]; 3] = [
            b"Sun, 06 Nov 1994 08:49:37 GMT",
            b"Sunday, 06-Nov-94 08:49:37 GMT",
            b"Sun Nov  6 08:49:37 1994",
        ];
        for row in rows {
            assert_eq!(
                HttpDate::parse(row, NOW),
                Some(HttpDate(784_111_777)),
                "{:?}",
                row.escape_ascii()
            );
        }
        assert_eq!(HttpDate(784_111_777).text().as_ref(), Some(b"Sun, 06 Nov 1994 08:49:37 GMT"));
    }

    #[test]
    fn every_day_there_and_back() {
        let mut seconds = 0;
        while let Some(text) = HttpDate(seconds).text() {
            assert_eq!(HttpDate::parse(&text, NOW), Some(HttpDate(seconds)), "{seconds}");
            // This step reaches every time of day and every month, up to the year 9999.
            seconds += 27 * DAY_SECONDS + 12_345;
        }
        assert_eq!(
            HttpDate(253_402_300_799).text().as_ref(),
            Some(b"Fri, 31 Dec 9999 23:59:59 GMT")
        );
        assert_eq!(HttpDate(253_402_300_800).text(), None);
        assert_eq!(HttpDate(-1).text(), None);
    }

    #[test]
    fn two_digit_years_are_at_most_fifty_ahead() {
        let year = |text: &[u8]| HttpDate::parse(text, NOW).map(|date| Calendar::new(date.0).year);
        assert_eq!(year(b"Monday, 06-Nov-76 08:49:37 GMT"), Some(2076));
        assert_eq!(year(b"Monday, 06-Nov-77 08:49:37 GMT"), Some(1977));
        assert_eq!(year(b"Monday, 06-Nov-00 08:49:37 GMT"), Some(2000));
    }

    #[test]
    fn what_is_no_date() {
        let rows: [&[u8]; 16] = [
            b"",
            b"0",
            b"Sun, 06 Nov 1994 08:49:37",
            b"Sun, 06 Nov 1994 08:49:37 UTC",
            b"Sun, 06 Nov 1994 08:49:37 GMT ",
            b"sun, 06 nov 1994 08:49:37 gmt",
            b"Mon, 06 Nov 1994 08:49:37 GMT",
            b"Sun, 6 Nov 1994 08:49:37 GMT",
            b"Sun, 31 Feb 1994 08:49:37 GMT",
            b"Sun, 00 Nov 1994 08:49:37 GMT",
            b"Sun, 06 Nov 1994 24:49:37 GMT",
            b"Sun, 06 Nov 1994 08:60:37 GMT",
            b"Sun, 06 Nov 1994 08:49:61 GMT",
            b"Sun, 06 Nov 19x4 08:49:37 GMT",
            b"Sunday, 06-Nov-1994 08:49:37 GMT",
            b"Sun Nov 6 08:49:37 1994",
        ];
        for row in rows {
            assert_eq!(HttpDate::parse(row, NOW), None, "{:?}", row.escape_ascii());
        }
    }
}
