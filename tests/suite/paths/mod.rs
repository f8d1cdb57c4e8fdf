//! From a path to a file: nothing outside the folder is ever served, and every name inside can be
//! reached by its link in the listing.

mod links;
mod names;
mod targets;

use crate::support::folder::Folder;

/// What nobody may ever be sent.
const SECRET: &str = "SECRET";

/// A root `x/a` and, beside it, `x/ab`, whose name begins like that of the root.
fn root_and_sibling() -> Folder {
    Folder::with(&[
        ("x/a/file", "file"),
        ("x/a/sub/deep", "deep"),
        ("x/a/sub/index.html", "index"),
        ("x/ab/secret", SECRET),
        ("x/secret", SECRET),
    ])
}

/// The links of a listing's rows, without that to the parent.
fn hrefs(page: &str) -> impl Iterator<Item = String> {
    let rows = page.split("<tr><td><bdi><a href=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap_or_default().to_owned())
}

/// The inverse of what the server does, written without it.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        (bytes, rest) = if *first == b'%' {
            let digits = std::str::from_utf8(&after[..2]).expect("two digits");
            let byte = u8::from_str_radix(digits, 16).expect("two digits");
            ([bytes, vec![byte]].concat(), &after[2..])
        } else {
            ([bytes, vec![*first]].concat(), after)
        };
    }
    bytes
}
