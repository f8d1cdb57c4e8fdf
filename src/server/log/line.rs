//! A line of the access log, in each format, and its time stamp.

use std::io::Write;

use crate::config::LogFormat;
use crate::http::date::Calendar;
use crate::http::grammar::write_decimal;
use crate::http::status::Status;
use crate::site::page::escape_json;

use super::escape::{
    CLIENT_BYTES_MAX, FIELD_BYTES_MAX, USER_BYTES_MAX, escape, escape_word, write_capped,
};
use super::record::Parts;

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub format: LogFormat,
    /// Whether the status has a colour.
    pub colours: bool,
}

/// What a line shows.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// As [`Style::write_time`] has written it.
    pub time: &'a [u8],
    /// The peer of the connection, as [`Style::write_client`] has written it.
    pub peer: &'a [u8],
    pub parts: Parts<'a>,
    pub status: Status,
    /// The bytes of content that were sent.
    pub content_bytes: u64,
}

impl Style {
    /// Writes a line with its line feed.
    pub fn write(self, line: &Line<'_>, out: &mut Vec<u8>) {
        match self.format {
            LogFormat::Off => {}
            LogFormat::Json => self.write_json(line, out),
            LogFormat::Simple | LogFormat::Common | LogFormat::Combined => {
                self.write_text(line, out);
            }
        }
    }

    fn write_json(self, line: &Line<'_>, out: &mut Vec<u8>) {
        let Parts { referer, user_agent, user, .. } = line.parts;
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(line.time);
        out.extend_from_slice(b"\",\"client\":\"");
        self.write_client_of(line, out);
        if !user.is_empty() {
            out.extend_from_slice(b"\",\"user\":\"");
            write_capped(USER_BYTES_MAX, user, escape_json, out);
        }
        out.extend_from_slice(b"\",\"request\":\"");
        write_request_line(&line.parts, escape_json, out);
        let (status, bytes) = (line.status.code(), line.content_bytes);
        // Writing to a vector cannot fail.
        let _ = write!(out, "\",\"status\":{status},\"bytes\":{bytes},\"referer\":\"");
        write_capped(FIELD_BYTES_MAX, referer, escape_json, out);
        out.extend_from_slice(b"\",\"user_agent\":\"");
        write_capped(FIELD_BYTES_MAX, user_agent, escape_json, out);
        out.extend_from_slice(b"\"}\n");
    }

    fn write_text(self, line: &Line<'_>, out: &mut Vec<u8>) {
        let or_hyphen = |part: &[u8], bytes_max, escape: fn(&[u8], &mut Vec<u8>), out: &mut _| {
            let part = if part.is_empty() { b"-" } else { part };
            write_capped(bytes_max, part, escape, out);
        };
        let Parts { referer, user_agent, user, .. } = line.parts;
        self.write_client_of(line, out);
        out.extend_from_slice(b" - ");
        or_hyphen(user, USER_BYTES_MAX, escape_word, out);
        out.extend_from_slice(b" [");
        out.extend_from_slice(line.time);
        out.extend_from_slice(b"] \"");
        write_request_line(&line.parts, escape, out);
        out.extend_from_slice(b"\" ");
        self.write_status(line.status, out);
        out.push(b' ');
        match line.content_bytes {
            0 => out.push(b'-'),
            bytes => write_decimal(bytes, out),
        }
        if self.format == LogFormat::Combined {
            for field in [referer, user_agent] {
                out.extend_from_slice(b" \"");
                or_hyphen(field, FIELD_BYTES_MAX, escape, out);
                out.push(b'"');
            }
        }
        out.push(b'\n');
    }

    fn write_client_of(self, line: &Line<'_>, out: &mut Vec<u8>) {
        match line.parts.client {
            b"" => out.extend_from_slice(line.peer),
            client => self.write_client(client, out),
        }
    }

    /// Writes the name of a client. The name of an interface may hold anything but a slash, a colon
    /// and white space.
    pub fn write_client(self, name: &[u8], out: &mut Vec<u8>) {
        match self.format {
            LogFormat::Off => {}
            LogFormat::Json => write_capped(CLIENT_BYTES_MAX, name, escape_json, out),
            LogFormat::Simple | LogFormat::Common | LogFormat::Combined => {
                write_capped(CLIENT_BYTES_MAX, name, escape_word, out);
            }
        }
    }

    /// The usual colours: green for success, cyan for redirects, yellow for errors of the client,
    /// red for errors of the server.
    fn write_status(self, status: Status, out: &mut Vec<u8>) {
        let colour: &[u8] = match status.code() / 100 {
            _ if !self.colours => b"",
            2 => b"\x1b[32m",
            3 => b"\x1b[36m",
            4 => b"\x1b[33m",
            _ => b"\x1b[31m",
        };
        out.extend_from_slice(colour);
        write_decimal(u64::from(status.code()), out);
        if self.colours {
            out.extend_from_slice(b"\x1b[0m");
        }
    }

    /// Writes the time stamp of a Unix time. `offset`: local time less UTC, in seconds.
    pub fn write_time(self, second: i64, offset: i32, out: &mut Vec<u8>) {
        let moment = Calendar::new(second + i64::from(offset));
        let (year, name, day) = (moment.year, moment.month_name(), moment.day);
        let (hour, minute, second) = (moment.hour, moment.minute, moment.second);
        let (zone_hour, zone_minute) = (offset.abs() / 3_600, offset.abs() / 60 % 60);
        let sign = if offset < 0 { '-' } else { '+' };
        // Writing to a vector cannot fail.
        let _ = match self.format {
            LogFormat::Off => return,
            LogFormat::Simple => write!(out, "{day:02}/{name}/{year:04} "),
            LogFormat::Common | LogFormat::Combined => write!(out, "{day:02}/{name}/{year:04}:"),
            LogFormat::Json => write!(out, "{year:04}-{:02}-{day:02}T", moment.month),
        };
        let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
        let _ = match self.format {
            LogFormat::Off | LogFormat::Simple => Ok(()),
            LogFormat::Common | LogFormat::Combined => {
                write!(out, " {sign}{zone_hour:02}{zone_minute:02}")
            }
            LogFormat::Json => write!(out, "{sign}{zone_hour:02}:{zone_minute:02}"),
        };
    }
}

fn write_request_line(
    parts: &Parts<'_>,
    escape: impl FnOnce(&[u8], &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    write_capped(FIELD_BYTES_MAX - parts.version.len(), parts.line, escape, out);
    out.extend_from_slice(parts.version);
}
