//! The time as an argument: the protocol has no clock.

use super::date::HttpDate;

/// The current time, from two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// From a monotonic clock with any start: for deadlines.
    pub milliseconds: u64,
    /// From the wall clock: for the Date field and for comparing dates.
    pub date: HttpDate,
    date_text: [u8; 29],
}

impl Now {
    /// `milliseconds` is monotonic. Both times are of the same moment.
    pub fn new(milliseconds: u64, date: HttpDate) -> Now {
        let date_text = date.text().unwrap_or(*b"Thu, 01 Jan 1970 00:00:00 GMT");
        Now { milliseconds, date, date_text }
    }

    /// Sets both times. Formats the date only when its second has changed.
    pub fn set(&mut self, milliseconds: u64, date: HttpDate) {
        if date == self.date {
            self.milliseconds = milliseconds;
        } else {
            *self = Now::new(milliseconds, date);
        }
    }

    pub(super) fn date_text(&self) -> &[u8] {
        &self.date_text
    }
}
