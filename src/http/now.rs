//! The time as an argument: the protocol has no clock.

use super::date::HttpDate;

const DATE_LINE_BYTES: usize = 39;

/// The current time, from two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// From a monotonic clock with any start: for deadlines.
    pub milliseconds: u64,
    /// From the wall clock: for the Date field and for comparing dates.
    pub date: HttpDate,
    /// With the ends of lines around it.
    date_line: [u8; DATE_LINE_BYTES],
}

impl Now {
    /// `milliseconds` is monotonic. Both times are of the same moment.
    pub fn new(milliseconds: u64, date: HttpDate) -> Now {
        let date_text = date.text().unwrap_or(*b"Thu, 01 Jan 1970 00:00:00 GMT");
        let mut date_line = *b"\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        for (place, byte) in date_line.iter_mut().skip(8).zip(date_text) {
            *place = byte;
        }
        Now { milliseconds, date, date_line }
    }

    /// Sets both times. Formats the date only when its second has changed.
    pub fn set(&mut self, milliseconds: u64, date: HttpDate) {
        if date == self.date {
            self.milliseconds = milliseconds;
        } else {
            *self = Now::new(milliseconds, date);
        }
    }

    /// The end of the status-line, and the field line after it.
    pub(super) fn date_line(&self) -> &[u8] {
        &self.date_line
    }
}
