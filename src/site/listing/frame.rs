//! The parts of a page around its rows: breadcrumbs, the head of the table, the total.

use crate::config::{Column, Order, SiteOptions};
use crate::http::path::SitePath;

use super::super::page::{self, escape_html};
use super::entries::Totals;
use super::row::write_size;

/// Writes title and heading: the path, with a link for each folder above.
pub(super) fn begin_page(path: &SitePath, out: &mut Vec<u8>) {
    let title = [b"Index of /", path.as_bytes()].concat();
    page::begin(&title, out);
    out.extend_from_slice(b"<h1>Index of ");
    write_breadcrumbs(path, out);
    out.extend_from_slice(b"</h1>\n");
}

/// Writes the head of the table, with buttons that sort, and the link to the folder above.
pub(super) fn begin_table(path: &SitePath, order: Order, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<table>\n<thead>\n<tr>");
    for (column, letter, title) in [
        (Column::Name, 'N', "Name"),
        (Column::Size, 'S', "Size"),
        (Column::Date, 'M', "Modified (UTC)"),
    ] {
        let sorted = order.column == column;
        // People want the first name first, but the largest size and the latest date.
        let descending = if sorted { !order.descending } else { column != Column::Name };
        let direction = if order.descending { "descending" } else { "ascending" };
        out.extend_from_slice(b"<th scope=\"col\"");
        if sorted {
            out.extend_from_slice(format!(" aria-sort=\"{direction}\"").as_bytes());
        }
        let letter_of_order = if descending { 'D' } else { 'A' };
        // A browser makes this query of it: `?C=S&O=D`.
        let form = format!(
            "><form><button name=\"C\" value=\"{letter}\">{title}</button>\
             <input type=\"hidden\" name=\"O\" value=\"{letter_of_order}\"></form></th>"
        );
        out.extend_from_slice(form.as_bytes());
    }
    out.extend_from_slice(b"</tr>\n</thead>\n<tbody>\n");
    if !path.as_bytes().is_empty() {
        out.extend_from_slice(b"<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
}

/// Writes the number of folders and files, their size, and a button for all of it.
pub(super) fn end_page(totals: Totals, options: &SiteOptions, out: &mut Vec<u8>) {
    let Totals { folders, files, bytes } = totals;
    let counted = |count: usize, name: &str| match count {
        0 => None,
        1 => Some(format!("1 {name}")),
        _ => Some(format!("{count} {name}s")),
    };
    let mut counts = [counted(folders, "folder"), counted(files, "file")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
        .into_bytes();
    if files > 0 {
        counts.extend_from_slice(b", ");
        write_size(bytes, &mut counts);
    }
    if folders + files == 0 {
        counts.extend_from_slice(b"This folder is empty.");
    }
    let archive: &[u8] = match options.archive && folders + files > 0 {
        true => b"<form><button name=\"archive\">Download all</button></form>\n",
        false => b"",
    };
    for part in [b"<p>", counts.as_slice(), b"</p>\n", archive, page::END] {
        out.extend_from_slice(part);
    }
}

/// The folders above are links, and the folder itself is text. A slash stays with the name before it.
fn write_breadcrumbs(path: &SitePath, out: &mut Vec<u8>) {
    let names = path.as_bytes().split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let depth = names.clone().count();
    write_breadcrumb(depth, b"/", out);
    for (name, level) in names.zip((0..depth).rev()) {
        out.push(b' ');
        let mut text = b"<bdi>".to_vec();
        escape_html(name, &mut text);
        text.extend_from_slice(b"</bdi>");
        write_breadcrumb(level, &text, out);
        if level > 0 {
            out.extend_from_slice("\u{a0}/".as_bytes());
        }
    }
}

/// Writes `text` as a link that leads this many levels up. Without quotes, as the head of
/// [`super`] promises; wget2 takes all up to a space for the value.
fn write_breadcrumb(levels: usize, text: &[u8], out: &mut Vec<u8>) {
    let up = "../".repeat(levels);
    let (start, end) = match levels {
        0 => (String::new(), ""),
        _ => (format!("<a href={up} >"), "</a>"),
    };
    for part in [start.as_bytes(), text, end.as_bytes()] {
        out.extend_from_slice(part);
    }
}
