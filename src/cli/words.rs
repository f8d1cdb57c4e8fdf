//! The words of a command line: options, their values, and other arguments. This file does not know
//! any option by name.

use std::ffi::{OsStr, OsString};

use crate::sys;

/// The words of a command line. A long option may have its value attached with `=`, a short one
/// directly; `--` ends the options.
pub(super) struct Words {
    rest: std::vec::IntoIter<OsString>,
    attached: Option<Attached>,
}

/// The rest of the last word.
enum Attached {
    /// The value of this long option.
    Value(String, OsString),
    /// `80` of `-p80`: a value, or more options.
    Letters(OsString),
    /// `--` has been seen.
    OnlyValues,
}

pub(super) enum Word {
    /// With its dashes.
    Option(String),
    Value(OsString),
}

impl Words {
    pub(super) fn new(arguments: impl IntoIterator<Item = OsString>) -> Words {
        Words { rest: arguments.into_iter().collect::<Vec<_>>().into_iter(), attached: None }
    }

    pub(super) fn next(&mut self) -> Result<Option<Word>, String> {
        match self.attached.take() {
            Some(Attached::Value(name, value)) => {
                let value = value.to_string_lossy();
                return Err(format!("{name} takes no value, but '{value}' was given"));
            }
            Some(Attached::Letters(letters)) => return self.short(&letters).map(Some),
            Some(Attached::OnlyValues) => {
                self.attached = Some(Attached::OnlyValues);
                return Ok(self.rest.next().map(Word::Value));
            }
            None => {}
        }
        let Some(word) = self.rest.next() else {
            return Ok(None);
        };
        let bytes = word.as_encoded_bytes();
        if bytes == b"--" {
            self.attached = Some(Attached::OnlyValues);
            return self.next();
        }
        if bytes.starts_with(b"--") {
            let Some(at) = bytes.iter().position(|&byte| byte == b'=') else {
                return Ok(Some(Word::Option(word.to_string_lossy().into_owned())));
            };
            let (name, value) = split_os(&word, at);
            let name = name.to_string_lossy().into_owned();
            self.attached = Some(Attached::Value(name.clone(), split_os(&value, 1).1));
            return Ok(Some(Word::Option(name)));
        }
        match bytes {
            [b'-', _, ..] => self.short(&split_os(&word, 1).1).map(Some),
            _ => Ok(Some(Word::Value(word))),
        }
    }

    fn short(&mut self, letters: &OsStr) -> Result<Word, String> {
        let first = letters.as_encoded_bytes().first().copied().unwrap_or(b'-');
        if !first.is_ascii() {
            return Err(format!("there is no option -{}; see --help", letters.to_string_lossy()));
        }
        let rest = split_os(letters, 1).1;
        if !rest.is_empty() {
            self.attached = Some(Attached::Letters(rest));
        }
        Ok(Word::Option(format!("-{}", char::from(first))))
    }

    /// The value of the last option: attached, or the next word. `None` at the end of the line.
    pub(super) fn value(&mut self) -> Option<OsString> {
        match self.attached.take() {
            Some(Attached::Value(_, value)) => Some(value),
            Some(Attached::Letters(letters)) => {
                let text = letters.to_str().and_then(|text| text.strip_prefix('='));
                Some(text.map_or(letters.clone(), OsString::from))
            }
            Some(Attached::OnlyValues) | None => self.rest.next(),
        }
    }

    /// The value of an option that needs none: attached, or the next word if it looks like one.
    pub(super) fn optional_value(&mut self, is_value: impl Fn(&str) -> bool) -> Option<OsString> {
        if let Some(Attached::Value(..)) = self.attached {
            return self.value();
        }
        let next = self.rest.as_slice().first()?.to_str()?;
        if is_value(next) { self.rest.next() } else { None }
    }
}

/// Splits a word before the byte at `at`, which is ASCII or stands after one.
fn split_os(word: &OsStr, at: usize) -> (OsString, OsString) {
    let (start, end) = word.as_encoded_bytes().split_at_checked(at).unwrap_or_default();
    (sys::os_string(start), sys::os_string(end))
}
