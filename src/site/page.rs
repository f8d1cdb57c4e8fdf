//! What the server's own pages share: their format, their style, and escaping.

use crate::http::accept::media_type_weight;
use crate::http::fields::{Field, Fields};
use crate::http::response::{Body, Response};
use crate::http::status::Status;

/// The formats of the server's own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFormat {
    /// For browsers.
    Html,
    /// For programs that ask for it.
    Json,
    /// For people at a terminal.
    Text,
}

impl PageFormat {
    /// The format with the greatest weight in Accept; `otherwise` if Accept names none of them.
    pub fn wanted(fields: Fields<'_>, otherwise: PageFormat) -> PageFormat {
        if !fields.has(Field::Accept) {
            return otherwise;
        }
        let html = media_type_weight(fields, "text/html");
        let json = media_type_weight(fields, "application/json");
        let text = media_type_weight(fields, "text/plain");
        match (html, json, text) {
            (0, 0, 0) => otherwise,
            _ if html >= json && html >= text => PageFormat::Html,
            _ if json >= text => PageFormat::Json,
            _ => PageFormat::Text,
        }
    }

    /// The media type of a page in this format.
    pub fn media_type(self) -> &'static str {
        match self {
            PageFormat::Html => "text/html; charset=utf-8",
            PageFormat::Json => "application/json",
            PageFormat::Text => "text/plain; charset=utf-8",
        }
    }
}

/// An answer with one of the server's own pages. It varies with Accept, and caches must revalidate,
/// because an error may be gone a moment later.
pub fn respond(status: Status, format: PageFormat, page: Vec<u8>) -> Response {
    let mut response = Response::new(status);
    response.add("Content-Type", format.media_type());
    response.add_lines(
        b"X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\nVary: Accept\r\n",
    );
    secured(response, format).with_body(Body::bytes(page))
}

/// Adds a Content-Security-Policy to a page in HTML.
pub fn secured(response: Response, format: PageFormat) -> Response {
    match format {
        PageFormat::Html => response.with("Content-Security-Policy", POLICY),
        PageFormat::Json | PageFormat::Text => response,
    }
}

/// Allows no scripts, no requests except by the forms of listings, and only the style in the page, by
/// its SHA-256 (CSP Level 3 §2.3.1). A test below and `scripts/check-browser` check the hash.
const POLICY: &str = "default-src 'none'; \
     style-src 'sha256-pr0h8oSg4M6PEuLIH2XAcyUirmI6DiCbfu2POcMYd0Q='; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// An error page: the status and one sentence; in HTML also a link to the start page, if `home` leads
/// there.
pub fn error(status: Status, reason: &str, format: PageFormat, home: &str) -> Response {
    let mut page = Vec::with_capacity(128);
    match format {
        PageFormat::Html => {
            begin(status.text().as_bytes(), &mut page);
            page.extend_from_slice(b"<h1>");
            page.extend_from_slice(status.text().as_bytes());
            page.extend_from_slice(b"</h1>\n<p>");
            escape_html(reason.as_bytes(), &mut page);
            page.extend_from_slice(b"</p>\n");
            if !home.is_empty() {
                for part in ["<p><a href=\"", home, "\">Start page</a></p>\n"] {
                    page.extend_from_slice(part.as_bytes());
                }
            }
            page.extend_from_slice(END);
        }
        PageFormat::Json => {
            page.extend_from_slice(b"{\"status\":");
            page.extend_from_slice(status.text().get(..3).unwrap_or("500").as_bytes());
            page.extend_from_slice(b",\"reason\":");
            write_json(reason.as_bytes(), &mut page);
            page.extend_from_slice(b"}\n");
        }
        PageFormat::Text => {
            for part in [status.text(), "\n", reason, "\n"] {
                page.extend_from_slice(part.as_bytes());
            }
        }
    }
    respond(status, format, page)
}

/// Replaces the page of an error by the operator's own.
pub fn replace(mut response: Response, body: Body) -> Response {
    response.remove("Content-Security-Policy");
    response.remove("Content-Type");
    response.add("Content-Type", PageFormat::Html.media_type());
    response.with_body(body)
}

/// Begins an HTML page: everything before its content.
pub fn begin(title: &[u8], out: &mut Vec<u8>) {
    out.reserve(BEFORE_TITLE.len() + STYLE.len() + 1_024);
    out.extend_from_slice(BEFORE_TITLE);
    escape_html(title, out);
    out.extend_from_slice(b"</title>\n<style>");
    out.extend_from_slice(STYLE.as_bytes());
    out.extend_from_slice(b"</style>\n</head>\n<body>\n<main>\n");
}

/// Everything after the content of a page.
pub const END: &[u8] = b"</main>\n</body>\n</html>\n";

const BEFORE_TITLE: &[u8] = b"<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>";

/// Light and dark, for small and large screens, without fonts and pictures. On a narrow screen a row
/// of a listing becomes two lines: the name above, size and date below.
const STYLE: &str = "
:root{color-scheme:light dark;--page:#fff;--ink:#1c2024;--dim:#59626b;--link:#0a58b5;--line:#dde1e6;--row:#f3f5f7}
@media(prefers-color-scheme:dark){
:root{--page:#15181b;--ink:#e4e7ea;--dim:#9ba4ad;--link:#86bbff;--line:#30353b;--row:#1e2226}}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:58rem;margin:auto;padding:1.5rem 1rem 3rem}
h1{margin:0 0 1rem;font-size:1.375rem;line-height:1.5;font-weight:600}
p{max-width:40rem}
a,button{color:var(--link);text-decoration:none}
button{padding:0;border:0;background:none;font:inherit;text-align:inherit;overflow-wrap:inherit;cursor:pointer}
h1 a:first-child{display:inline-block;padding:0 .5rem;margin:0 -.2rem}
a:hover,a:focus-visible,button:hover,button:focus-visible{text-decoration:underline}
bdi{white-space:pre-wrap}
table{border-collapse:collapse;width:calc(100% + 1rem);margin:0 -.5rem}
th,td{padding:.3rem .5rem;text-align:start;border-bottom:1px solid var(--line);font-weight:400}
td a,td bdi{display:block;text-align:left}
th button{width:100%}
th:first-child,td:first-child{width:100%}
td a[href$='/']{font-weight:600}
[aria-sort] button{color:var(--ink);font-weight:600}
[aria-sort=ascending] button::after{content:' \\2191'}
[aria-sort=descending] button::after{content:' \\2193'}
tbody tr:hover{background:var(--row)}
td:nth-child(n+2),th:nth-child(n+2){white-space:nowrap;text-align:end;font-variant-numeric:tabular-nums}
td:nth-child(n+2),table+p,dt{color:var(--dim);font-size:.875rem}
dd{margin:0 0 1rem}
@media(max-width:34rem){
tr{display:flex;flex-wrap:wrap;justify-content:space-between;border-bottom:1px solid var(--line)}
th,td{border:0}
th:first-child{width:auto}
td:first-child{padding:.5rem .5rem 0}
td:empty{padding-bottom:.5rem}}
";

/// Writes text into a page. Bytes that are not UTF-8 and control characters become U+FFFD.
pub fn escape_html(text: &[u8], out: &mut Vec<u8>) {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || c.is_control();
    for_each_run(text, special, out, |character, out| {
        out.extend_from_slice(match character {
            '&' => b"&amp;",
            '<' => b"&lt;",
            '>' => b"&gt;",
            '"' => b"&quot;",
            '\'' => b"&#39;",
            _ => "\u{fffd}".as_bytes(),
        });
    });
}

/// Writes the name of an entry as the text of its link. Unlike [`escape_html`], it keeps quotes. Each
/// `&` except one at the start becomes a numeric reference, because Kodi decodes in two passes: see
/// the head of [`super::listing`].
pub fn escape_name(name: &[u8], out: &mut Vec<u8>) {
    let special = |c: char| matches!(c, '&' | '<' | '>') || c.is_control();
    let start = out.len();
    for_each_run(name, special, out, |character, out| {
        out.extend_from_slice(match character {
            '&' if out.len() == start => b"&amp;",
            '&' => b"&#38;",
            '<' => b"&lt;",
            '>' => b"&gt;",
            _ => "\u{fffd}".as_bytes(),
        });
    });
}

/// Writes a JSON string with its quotes (RFC 8259 §7). Bytes that are not UTF-8 become U+FFFD.
pub fn write_json(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape_json(text, out);
    out.push(b'"');
}

/// The same without the quotes.
pub fn escape_json(text: &[u8], out: &mut Vec<u8>) {
    let special = |c: char| matches!(c, '"' | '\\') || c.is_control();
    for_each_run(text, special, out, |character, out| match character {
        '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{fffd}' => out.extend_from_slice("\u{fffd}".as_bytes()),
        // Also escape the control characters of Latin-1, because terminals obey them.
        _ => {
            let hex = |nibble: u32| char::from_digit(nibble, 16).unwrap_or('0') as u8;
            let code = character as u32;
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(code >> 4), hex(code & 15)]);
        }
    });
}

/// Copies text, and passes `special` characters to `escape`. Bytes that are not UTF-8 are passed to
/// it as U+FFFD.
fn for_each_run(
    text: &[u8],
    special: impl Fn(char) -> bool,
    out: &mut Vec<u8>,
    escape: impl Fn(char, &mut Vec<u8>),
) {
    for part in text.utf8_chunks() {
        let mut rest = part.valid();
        while let Some(at) = rest.find(&special) {
            let (run, from) = rest.split_at(at);
            out.extend_from_slice(run.as_bytes());
            let mut after = from.chars();
            if let Some(character) = after.next() {
                escape(character, out);
            }
            rest = after.as_str();
        }
        out.extend_from_slice(rest.as_bytes());
        if !part.invalid().is_empty() {
            escape('\u{fffd}', out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::sha256::Sha256;

    #[test]
    fn the_policy_allows_the_style_and_no_other() {
        let hash = base64(&Sha256::of(STYLE.as_bytes()));
        let wanted = format!("style-src 'sha256-{hash}'; ");
        assert!(POLICY.contains(&wanted), "the style has another hash: {hash}");
        assert!(!STYLE.contains(['<', '&']), "in a page it would be read as something else");
    }

    /// RFC 4648 §4.
    fn base64(bytes: &[u8]) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|at| u32::from(*group.get(at).unwrap_or(&0)));
            let bits = a << 16 | b << 8 | c;
            for digit in 0..4 {
                text.push(match digit <= group.len() {
                    true => char::from(alphabet[(bits >> (18 - 6 * digit)) as usize & 63]),
                    false => '=',
                });
            }
        }
        text
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(bytes.as_bytes()), text, "{bytes:?}");
        }
    }
}
