//! What stands for a target: content codings (RFC 9110 §8.4, §12.5.3), and what the options of
//! the command line make of paths, fields and media types. Rows are cut at every byte.

mod codings;
mod options;

use crate::support::drive::{End, Served, check, head};

use ipv6_httpd::http::limits::Limits;

fn check_get(served: &Served<'_>, rule: &str, target: &str, fields: &str, output: &[u8]) {
    for method in ["GET", "HEAD"] {
        let input = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let output = if method == "GET" { output.to_vec() } else { head(output) };
        check(served, &Limits::default(), rule, input.as_bytes(), &output, End::Idle);
    }
}

const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\n";

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
