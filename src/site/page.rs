//! What the server's own pages have in common: the form that a client wants them in, their
//! style, and how text gets into them.

use crate::http::accept::media_type_weight;
use crate::http::request::Fields;
use crate::http::response::{Body, Response, Status};

/// The forms of the server's own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For browsers.
    Html,
    /// For programs that ask for it.
    Json,
    /// For people at a terminal.
    Text,
}

impl Form {
    /// What Accept names with the greatest weight; `otherwise` where it names neither.
    pub fn wanted(fields: Fields<'_>, otherwise: Form) -> Form {
        let html = media_type_weight(fields, "text/html");
        let json = media_type_weight(fields, "application/json");
        let text = media_type_weight(fields, "text/plain");
        match (html, json, text) {
            (0, 0, 0) => otherwise,
            _ if html >= json && html >= text => Form::Html,
            _ if json >= text => Form::Json,
            _ => Form::Text,
        }
    }

    /// The media type of a page in this form.
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Html => "text/html; charset=utf-8",
            Form::Json => "application/json",
            Form::Text => "text/plain; charset=utf-8",
        }
    }
}

/// An answer with a page of the server's own. Which form it takes depends on Accept, and an error
/// may be gone a moment later, so caches must ask again.
pub fn respond(status: Status, form: Form, page: Vec<u8>) -> Response {
    let response = Response::new(status)
        .with("Content-Type", form.media_type())
        .with("X-Content-Type-Options", "nosniff")
        .with("Cache-Control", "no-cache")
        .with("Vary", "Accept");
    secured(response, form).with_body(Body::Bytes(page))
}

/// Adds what keeps a page from doing anything but being read.
pub fn secured(response: Response, form: Form) -> Response {
    match form {
        Form::Html => response.with("Content-Security-Policy", POLICY),
        Form::Json | Form::Text => response,
    }
}

/// No script, no request of any kind; the style is in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page of an error: the status, and one sentence.
pub fn error(status: Status, reason: &str, form: Form) -> Response {
    let mut page = Vec::new();
    match form {
        Form::Html => {
            begin(status.text(), &mut page);
            page.extend_from_slice(b"<h1>");
            page.extend_from_slice(status.text().as_bytes());
            page.extend_from_slice(b"</h1>\n<p>");
            escape_html(reason.as_bytes(), &mut page);
            page.extend_from_slice(b"</p>\n</main>\n</body>\n</html>\n");
        }
        Form::Json => {
            page.extend_from_slice(b"{\"status\":");
            page.extend_from_slice(status.text().get(..3).unwrap_or("500").as_bytes());
            page.extend_from_slice(b",\"reason\":");
            write_json(reason.as_bytes(), &mut page);
            page.extend_from_slice(b"}\n");
        }
        Form::Text => {
            for part in [status.text(), "\n", reason, "\n"] {
                page.extend_from_slice(part.as_bytes());
            }
        }
    }
    respond(status, form, page)
}

/// Everything up to the content of a page.
pub fn begin(title: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(BEFORE_TITLE);
    escape_html(title.as_bytes(), out);
    out.extend_from_slice(b"</title>\n<style>");
    out.extend_from_slice(STYLE.as_bytes());
    out.extend_from_slice(b"</style>\n</head>\n<body>\n<main>\n");
}

const BEFORE_TITLE: &[u8] = b"<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>";

/// Light and dark, from a phone to a wall; no font, no picture.
const STYLE: &str = "
:root{color-scheme:light dark}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.25rem;font-weight:600}
a{color:light-dark(#0645ad,#8ab4f8)}
table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .5rem;text-align:start;vertical-align:baseline}
th{border-bottom:1px solid GrayText}
td{border-bottom:1px solid color-mix(in srgb,GrayText 30%,transparent)}
td:nth-child(n+2),th:nth-child(n+2){white-space:nowrap;text-align:end;font-variant-numeric:tabular-nums}
@media(max-width:30rem){td:nth-child(3),th:nth-child(3){display:none}}
";

/// Puts text into a page: bytes that are no UTF-8 and control characters become U+FFFD.
pub fn escape_html(text: &[u8], out: &mut Vec<u8>) {
    for_each_char(text, |character| match character {
        '&' => out.extend_from_slice(b"&amp;"),
        '<' => out.extend_from_slice(b"&lt;"),
        '>' => out.extend_from_slice(b"&gt;"),
        '"' => out.extend_from_slice(b"&quot;"),
        '\'' => out.extend_from_slice(b"&#39;"),
        _ if character.is_control() => out.extend_from_slice("\u{fffd}".as_bytes()),
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    });
}

/// A JSON string with its quotes (RFC 8259 §7); bytes that are no UTF-8 become U+FFFD.
pub fn write_json(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for_each_char(text, |character| match character {
        '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        // Terminals take the controls of Latin-1 for their own, so they are escaped as well.
        _ if character.is_control() => {
            let hex = |nibble: u32| char::from_digit(nibble, 16).unwrap_or('0') as u8;
            let code = character as u32;
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(code >> 4), hex(code & 15)]);
        }
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    });
    out.push(b'"');
}

fn for_each_char(text: &[u8], mut each: impl FnMut(char)) {
    for part in text.utf8_chunks() {
        part.valid().chars().for_each(&mut each);
        if !part.invalid().is_empty() {
            each('\u{fffd}');
        }
    }
}
