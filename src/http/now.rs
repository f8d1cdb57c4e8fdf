//! The time, as the core is told it.

use super::date::HttpDate;

/// The time, as the core is told it.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since some start, never going back: for deadlines.
    pub milliseconds: u64,
    /// For the Date field, and to compare dates with.
    pub date: HttpDate,
    date_text: [u8; 29],
}

impl Now {
    /// A moment.
    pub fn new(milliseconds: u64, date: HttpDate) -> Now {
        let date_text = date.text().unwrap_or(*b"Thu, 01 Jan 1970 00:00:00 GMT");
        Now { milliseconds, date, date_text }
    }

    /// The time goes on. The text of the date is made once a second.
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
