//! `flags.rs` as the program contains it: one text with a line per option, and the setters. Both are
//! made at compile time. The table itself would need 7 kB, most of it for relocations.

#![expect(clippy::indexing_slicing, reason = "only at compile time: a wrong index does not build")]

use std::str;

use super::flags::{
    DIRECTORY, EXAMPLES, Flag, GROUPS, Group, NAMES, SUMMARY, Set, Takes, USAGE, Wants,
};

/// The rows, as `--options-for-scripts` prints them: columns are separated by
/// tabs. Rows without a long name are not options.
pub(super) const ROWS: &str = match str::from_utf8(&TEXT) {
    Ok(rows) => rows,
    Err(_) => panic!("whole strings are UTF-8"),
};
const TEXT: [u8; LENGTH] = write_rows::<LENGTH>().0;
const LENGTH: usize = write_rows::<0>().1;

/// The setter of each option, in the order of the rows.
static SETTERS: [Set; COUNT] = setters();
const COUNT: usize = {
    let (mut count, mut groups) = (0, GROUPS);
    while let [group, rest @ ..] = groups {
        count += group.flags.len();
        groups = rest;
    }
    count
};

/// A row by its columns.
pub(super) struct Row {
    pub(super) heading: &'static str,
    /// With its dash, or empty.
    pub(super) short: &'static str,
    /// With its dashes, or empty.
    pub(super) long: &'static str,
    /// The name of the value in the help. Empty: no value. All in brackets: the value is optional.
    pub(super) value: &'static str,
    /// What the value has to be: the end of an error.
    pub(super) wants: &'static str,
    pub(super) help: &'static str,
}

pub(super) fn rows() -> impl Iterator<Item = Row> {
    ROWS.lines().map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (heading, short, long, value) = (next(), next(), next(), next());
        let _completed_by = next();
        Row { heading, short, long, value, help: next(), wants: next() }
    })
}

/// The option of this name, which has its dashes.
pub(super) fn option_called(name: &str) -> Option<(Row, Set)> {
    let options = rows().filter(|row| !row.long.is_empty());
    options.zip(SETTERS.iter().copied()).find(|(row, _)| row.long == name || row.short == name)
}

const fn setters() -> [Set; COUNT] {
    let mut setters: [Set; COUNT] = [GROUPS[0].flags[0].set; COUNT];
    let (mut index, mut groups) = (0, GROUPS);
    while let [Group { flags, .. }, rest @ ..] = groups {
        let mut flags = *flags;
        while let [flag, rest @ ..] = flags {
            setters[index] = flag.set;
            index += 1;
            flags = rest;
        }
        groups = rest;
    }
    setters
}

const fn write_rows<const N: usize>() -> ([u8; N], usize) {
    let mut writer = Writer { bytes: [0; N], length: 0 };
    writer.row(&["Usage", "", "", USAGE, "", SUMMARY, ""]);
    writer.row(&["Arguments", "", "", "DIRECTORY", "directory", DIRECTORY, ""]);
    let mut groups = GROUPS;
    while let [Group { heading, flags }, rest @ ..] = groups {
        let mut flags = *flags;
        while let [flag, rest @ ..] = flags {
            writer.flag(heading, flag);
            flags = rest;
        }
        groups = rest;
    }
    writer.rows("Names", NAMES);
    writer.rows("Examples", EXAMPLES);
    (writer.bytes, writer.length)
}

/// Writes bytes at compile time. If there is not enough room, it only counts them.
struct Writer<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Writer<N> {
    const fn flag(&mut self, heading: &str, flag: &Flag) {
        let short = match flag.short {
            Some(short) => short,
            None => "",
        };
        let (value, completed_by, wants): (&str, &[&str], &[&str]) = match &flag.takes {
            Takes::Nothing => ("", &[], &[]),
            Takes::Value(value, Wants::Text(text)) => (value, &[], &[text]),
            Takes::Value(value, Wants::File(text)) => (value, &["file"], &[text]),
            Takes::Value(value, Wants::OneOf(words)) => (value, words, words),
            Takes::OptionalUrl => ("[URL]", &[], &["a URL or no value"]),
        };
        self.list(&[heading, short, flag.long, value, ""], "\t", "\t");
        self.list(completed_by, "|", "|");
        self.list(&["", flag.help, ""], "\t", "\t");
        self.list(wants, ", ", " or ");
        self.text("\n");
    }

    const fn rows(&mut self, heading: &str, mut rows: &[(&str, &str)]) {
        while let [(what, help), rest @ ..] = rows {
            self.row(&[heading, "", "", what, "", help, ""]);
            rows = rest;
        }
    }

    const fn row(&mut self, columns: &[&str]) {
        self.list(columns, "\t", "\t");
        self.text("\n");
    }

    const fn list(&mut self, mut words: &[&str], between: &str, before_the_last: &str) {
        while let [word, rest @ ..] = words {
            self.text(word);
            match rest {
                [] => {}
                [_] => self.text(before_the_last),
                _ => self.text(between),
            }
            words = rest;
        }
    }

    const fn text(&mut self, text: &str) {
        let mut bytes = text.as_bytes();
        while let [byte, rest @ ..] = bytes {
            if self.length < N {
                self.bytes[self.length] = *byte;
            }
            self.length += 1;
            bytes = rest;
        }
    }
}
