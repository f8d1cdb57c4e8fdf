//! Listings as programs read them. Each reader below follows the rules of one of them, written
//! anew from its source; `scripts/check-kodi` and `scripts/check-clients` ask the programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::client::Conversation;
use crate::support::folder::{Folder, odd_names};
use crate::support::server::TestServer;

/// A tree of odd names, a few levels deep: each name once as a file and once as a folder. Returns
/// the paths of all folders, with a slash at the end, and of all files.
fn tree(site: &Folder) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let (mut folders, mut files) = (BTreeSet::from([Vec::new()]), BTreeSet::new());
    for name in odd_names() {
        site.write(&name, vec![0; 5_000]);
        files.insert(name.clone());
    }
    for parent in ["deep/", "deep/er/"] {
        for name in odd_names() {
            let folder = [parent.as_bytes(), &name, b"/"].concat();
            let file = [&folder[..], b"in ", &name[..name.len().min(250)]].concat();
            site.write(&file, "");
            let inner = [&folder[..], b"a&b/"].concat();
            site.folder(&inner);
            folders.extend([folder, inner]);
            files.insert(file);
        }
        folders.insert(parent.as_bytes().to_vec());
    }
    for folder in ["empty/", "deep/empty/"] {
        site.folder(folder);
        folders.insert(folder.as_bytes().to_vec());
    }
    (folders, files)
}

/// What an element says at its start.
struct Tag<'p> {
    name: &'p str,
    attributes: Vec<(&'p str, &'p str)>,
}

/// All tags of a page. Text, comments and styles of our pages hold no `<`.
fn tags(page: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    for part in page.split('<').skip(1) {
        let (name, mut rest) = split_where(part, |c: char| c.is_ascii_whitespace() || c == '>');
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_ascii_start();
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let (attribute, after) =
                split_where(rest, |c: char| c.is_ascii_whitespace() || "=>".contains(c));
            (rest, attributes) = match after.strip_prefix('=') {
                None => (after, push(attributes, (attribute, ""))),
                Some(after) => {
                    let quote = after.chars().next().filter(|c| "\"'".contains(*c));
                    let (value, after) = match quote {
                        Some(quote) => after[1..].split_once(quote).expect("a closing quote"),
                        None => split_where(after, |c: char| c.is_ascii_whitespace() || c == '>'),
                    };
                    (after, push(attributes, (attribute, value)))
                }
            };
        }
        tags.push(Tag { name, attributes });
    }
    tags
}

fn push<T>(mut items: Vec<T>, item: T) -> Vec<T> {
    items.push(item);
    items
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'%');
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// One that Kodi shows.
#[derive(Debug, PartialEq)]
struct Item {
    name: String,
    is_folder: bool,
    bytes: f64,
    date: String,
}

/// Kodi 20 (xbmc/filesystem/HTTPDirectory.cpp): `<a href="LINK" ...>TEXT</a>METADATA` up to the
/// next `<a` or `</tr`, where TEXT, trimmed and decoded, is LINK without its last slash, decoded.
fn kodi(page: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for part in page.split("<a href=\"").skip(1) {
        let Some((link, rest)) = part.split_once('"') else {
            continue;
        };
        let (_, rest) = rest.split_once('>').expect("a whole tag");
        let Some((text, rest)) = rest.split_once("</a>") else {
            continue;
        };
        let metadata = rest.split("</tr").next().unwrap_or_default();
        let name = kodi_text(text.trim_ascii());
        let name = name.strip_suffix('/').unwrap_or(&name);
        let base = link.split(['?', '#']).next().unwrap_or_default();
        let base = kodi_text(base);
        let decoded = percent_decoded(&base.strip_suffix('/').unwrap_or(&base).replace('+', " "));
        if decoded != name.as_bytes() || name.is_empty() || name == ".." {
            continue;
        }
        items.push(Item {
            name: name.to_owned(),
            is_folder: link.ends_with('/'),
            bytes: kodi_size(metadata).unwrap_or(0.0),
            date: kodi_date(metadata).unwrap_or_default(),
        });
    }
    items
}

/// CHTMLUtil::ConvertHTMLToW: named references first, each kind in one pass, then numeric ones,
/// and of these none if the first is at the very beginning.
fn kodi_text(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, character) in [
        ("&amp;", "&"),
        ("&apos;", "'"),
        ("&eacute;", "\u{e9}"),
        ("&quot;", "\""),
        ("&gt;", ">"),
        ("&lt;", "<"),
        ("&nbsp;", "\u{a0}"),
    ] {
        text = text.replace(name, character);
    }
    let mut from = 0;
    while let Some(at) = text[from..].find("&#").map(|at| from + at) {
        if at == 0 || at + 4 >= text.len() {
            break;
        }
        let (digits, radix) = match text[at + 2..].strip_prefix('x') {
            Some(digits) => (digits, 16),
            None => (&text[at + 2..], 10),
        };
        let (digits, _) = split_where(digits, |c| !c.is_digit(radix));
        let code = u32::from_str_radix(digits, radix).unwrap_or(0);
        let sign = if radix == 16 { "&#x" } else { "&#" };
        let reference = format!("{sign}{digits};");
        let character = char::from_u32(code).unwrap_or('\u{fffd}').to_string();
        text = text.replace(&reference, &character);
        from = (at + 1..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    }
    text
}

/// `> *([0-9.]+) *(B|K|M|G| )(iB)?</td>`
fn kodi_size(metadata: &str) -> Option<f64> {
    metadata.match_indices('>').find_map(|(at, _)| {
        let text = metadata[at + 1..].trim_start_matches(' ');
        let (digits, rest) = split_where(text, |c| !c.is_ascii_digit() && c != '.');
        let rest = rest.trim_start_matches(' ');
        let unit = rest.chars().next().filter(|unit| "BKMG".contains(*unit))?;
        let rest = &rest[1..];
        rest.strip_prefix("iB").unwrap_or(rest).strip_prefix("</td>")?;
        let scale = "BKMG".find(unit)? as i32;
        Some((digits.parse::<f64>().ok()? * 1024_f64.powi(scale)).floor())
    })
}

/// `([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2})`
fn kodi_date(metadata: &str) -> Option<String> {
    let pattern = |text: &[u8]| {
        let matches = |(byte, wanted): (&u8, &u8)| match wanted {
            b'0' => byte.is_ascii_digit(),
            _ => byte == wanted,
        };
        text.iter().zip(b"0000-00-00 00:00").all(matches)
    };
    let at = metadata.as_bytes().windows(16).position(pattern)?;
    Some(metadata[at..at + 16].to_owned())
}

#[test]
fn kodi_sees_every_entry_with_its_size_and_date() {
    let site = Folder::new();
    let (mut expected, mut hard) = (Vec::new(), BTreeSet::new());
    for name in odd_names() {
        let path = site.write([b"files/".as_slice(), &name].concat(), vec![0; 5_000]);
        let file = File::options().write(true).open(path).expect("the file");
        let time = UNIX_EPOCH + Duration::from_secs(1_499_593_781);
        file.set_modified(time).expect("its time");
        site.folder([b"folders/".as_slice(), &name].concat());
        match String::from_utf8(name) {
            // No text in HTML says the others, or Kodi cannot read it.
            Ok(name)
                if !name.contains(char::is_control)
                    && !name.starts_with(' ')
                    && !name.starts_with("&lt;")
                    && !name.starts_with("&#65; &") =>
            {
                expected.push(name);
            }
            Ok(name) => drop(hard.insert(name)),
            Err(_) => {}
        }
    }
    assert!(expected.len() > 40 && hard.len() == 9, "{hard:?}");
    expected.sort();
    let server = TestServer::start(&["--hidden"], site.path());
    let mut client = Conversation::open(server.address());
    for (folder, is_folder, bytes) in [("/files/", false, 5_017.0), ("/folders/", true, 0.0)] {
        let answer = client.get(folder);
        let mut items = kodi(answer.text());
        items.sort_by(|a, b| a.name.cmp(&b.name));
        // A slash after it keeps the reader from the space at the end.
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, expected, "{folder}");
        for item in items {
            assert_eq!((item.is_folder, item.bytes), (is_folder, bytes), "{}", item.name);
            if !is_folder {
                assert_eq!(item.date, "2017-07-09 09:49", "{}", item.name);
            }
            assert_eq!(item.date.len(), 16, "{}", item.name);
        }
    }
    assert_eq!(kodi(client.get("/").text()).len(), 2);
}

#[test]
fn kodi_reads_every_size_up_to_a_tebibyte() {
    let site = Folder::new();
    let rows = [
        (0, 0.0),
        (999, 999.0),
        (1_000, 1_024.0),
        (10_241, 11_264.0),
        (1_024_000, 1_048_576.0),
        (5 << 20, 5_242_880.0),
        (3 << 30, 3_221_225_472.0),
        (900 << 30, 966_367_641_600.0),
    ];
    for (length, _) in rows {
        let file = File::create(site.join(format!("{length}"))).expect("a file");
        file.set_len(length).expect("a sparse file");
    }
    let server = TestServer::start(&[], site.path());
    let page = Conversation::open(server.address()).get("/");
    let items = kodi(page.text());
    for (length, bytes) in rows {
        let item = items.iter().find(|item| item.name == length.to_string());
        assert_eq!(item.map(|item| item.bytes), Some(bytes), "{length}");
    }
}

/// fsspec (implementations/http.py): every quoted `href` of an `a`, and, of the whole text,
/// whatever looks like a URL. What begins with `http` is kept beneath `url` alone; all else but
/// `..` and `../` is taken as it is.
fn fsspec(page: &str, url: &str) -> BTreeSet<String> {
    let mut links: Vec<&str> = Vec::new();
    for part in page.split("<a").skip(1).filter(|part| part.starts_with([' ', '\n'])) {
        let tag = part.split('>').next().unwrap_or_default();
        for (at, _) in tag.match_indices("href=") {
            let value = &part[at + 5..];
            if tag[..at].ends_with(char::is_whitespace) && value.starts_with(['"', '\'']) {
                links.push(value[1..].split(['"', '\'']).next().unwrap_or_default());
            }
        }
    }
    for (at, _) in page.match_indices("://") {
        let before = &page[..at];
        assert!(!before.ends_with("http") && !before.ends_with("https"), "a URL in the text");
    }
    let base = url.trim_end_matches('/');
    let mut found = BTreeSet::new();
    for link in links {
        let link = match link.strip_prefix('/') {
            Some(path) if !path.is_empty() => format!("http://localhost/{path}"),
            _ => link.to_owned(),
        };
        if link.starts_with("http") {
            if link.replace("https", "http").starts_with(&format!("{base}/")) {
                found.insert(link);
            }
        } else if link != ".." && link != "../" {
            found.insert(format!("{base}/{}", link.trim_start_matches('/')));
        }
    }
    found
}

/// What aiohttp makes of a relative Location (yarl/_url.py): the folders of `path` decoded, and
/// then the reference, as it is.
fn yarl_join(path: &str, reference: &str) -> String {
    let (folders, _) = path.rsplit_once('/').unwrap_or_default();
    let folders = String::from_utf8_lossy(&percent_decoded(folders)).into_owned();
    resolved(&format!("{folders}/"), reference).trim_start_matches('/').to_owned()
}

#[test]
fn fsspec_walks_the_tree_and_ends() {
    let site = Folder::new();
    let (folders, files) = tree(&site);
    let server = TestServer::start(&["--hidden"], site.path());
    let mut client = Conversation::open(server.address());
    let root = "http://localhost/";
    let (mut found_folders, mut found_files) = (BTreeSet::new(), BTreeSet::new());
    let mut ahead = vec![root.to_owned()];
    while let Some(url) = ahead.pop() {
        let path = url.strip_prefix(root).expect("nothing above");
        if let Some(path) = path.strip_suffix('/') {
            // It asks without the slash.
            let answer = client.get(&format!("/{path}"));
            assert_eq!(answer.status(), 301, "{path}");
            let location = answer.field("Location").expect("Location");
            let expected = format!("{path}/").replace("%68ttp", "http");
            assert_eq!(yarl_join(path, location).replace("%68ttp", "http"), expected);
        }
        assert!(found_folders.insert(percent_decoded(path)), "{url} twice");
        assert!(found_folders.len() <= folders.len(), "{url}");
        let page = client.get(&format!("/{path}"));
        for link in fsspec(page.text(), &url) {
            if link.ends_with('/') {
                ahead.push(link);
            } else {
                let path = link.strip_prefix(root).expect("nothing above");
                found_files.insert(percent_decoded(path));
            }
        }
    }
    assert_eq!(found_folders, folders);
    assert_eq!(found_files, files);
}

/// wget (html-url.c) and, with `formaction` and `action`, wget2 (html_url.c): attributes that
/// lead elsewhere, quoted or not.
const LINKS: [(&str, &str); 9] = [
    ("a", "href"),
    ("area", "href"),
    ("base", "href"),
    ("button", "formaction"),
    ("form", "action"),
    ("frame", "src"),
    ("img", "src"),
    ("input", "src"),
    ("link", "href"),
];

/// A relative reference of a listing against the path of its folder (RFC 3986 §5.2).
fn resolved(folder: &str, reference: &str) -> String {
    assert!(!reference.starts_with(['/', '?', '#']) && !reference.contains(':'), "{reference}");
    let mut segments: Vec<&str> = folder.split_inclusive('/').collect();
    for segment in reference.split_inclusive('/') {
        match segment {
            "./" | "." => {}
            "../" | ".." if segments.len() > 1 => drop(segments.pop()),
            "../" | ".." => {}
            _ => segments.push(segment),
        }
    }
    segments.concat()
}

#[test]
fn crawlers_fetch_everything_once() {
    let site = Folder::new();
    let (folders, files) = tree(&site);
    let server = TestServer::start(&["--hidden"], site.path());
    let mut client = Conversation::open(server.address());
    // From the root, and as `-np` does, from a folder within.
    for start in ["/", "/deep/er/"] {
        let mut fetched = BTreeMap::new();
        let mut ahead = vec![start.to_owned()];
        while let Some(path) = ahead.pop() {
            if fetched.contains_key(&path) || !path.starts_with(start) {
                continue;
            }
            let answer = client.get(&path);
            assert_eq!(answer.status(), 200, "{path}");
            let is_page = answer.field("Content-Type") == Some("text/html; charset=utf-8");
            if is_page {
                for tag in tags(answer.text()) {
                    for (attribute, value) in tag.attributes {
                        if LINKS.contains(&(tag.name, attribute)) {
                            ahead.push(resolved(&path, value));
                        }
                    }
                }
            }
            fetched.insert(path, is_page);
        }
        let paths = |are_pages: bool| -> Vec<Vec<u8>> {
            let paths = fetched.iter().filter(|(_, is_page)| **is_page == are_pages);
            let mut paths: Vec<Vec<u8>> =
                paths.map(|(path, _)| percent_decoded(&path[1..])).collect();
            paths.sort();
            paths
        };
        let beneath = |all: &BTreeSet<Vec<u8>>| -> Vec<Vec<u8>> {
            let start = &start.as_bytes()[1..];
            all.iter().filter(|path| path.starts_with(start)).cloned().collect()
        };
        assert_eq!(paths(true), beneath(&folders), "{start}");
        assert_eq!(paths(false), beneath(&files), "{start}");
    }
}

/// Whoever reads a page with a parser of HTML finds each entry once, and the folders above.
#[test]
fn the_links_are_the_entries_and_the_way_up() {
    let site = Folder::new();
    let (folders, files) = tree(&site);
    let server = TestServer::start(&["--hidden"], site.path());
    let mut client = Conversation::open(server.address());
    for query in ["", "?C=S&O=D", "?C=M&O=A"] {
        for folder in ["", "deep/", "deep/er/", "empty/", "deep/empty/"] {
            let page = client.get(&format!("/{folder}{query}"));
            let mut entries = Vec::new();
            for tag in tags(page.text()).iter().filter(|tag| tag.name == "a") {
                let [("href", link)] = tag.attributes[..] else {
                    panic!("another attribute in /{folder}");
                };
                if link.replace("../", "").is_empty() {
                    assert!(link.len() <= 3 * folder.matches('/').count(), "/{folder}: {link}");
                } else {
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%/".contains(&b);
                    assert!(link.bytes().all(plain) && !link.starts_with("http"), "{link}");
                    entries.push([folder.as_bytes(), &percent_decoded(link)].concat());
                }
            }
            entries.sort();
            let is_child = |path: &&Vec<u8>| {
                path.strip_prefix(folder.as_bytes()).is_some_and(|rest| {
                    let rest = rest.strip_suffix(b"/").unwrap_or(rest);
                    !rest.is_empty() && !rest.contains(&b'/')
                })
            };
            let expected = folders.union(&files).filter(is_child);
            assert_eq!(entries, expected.cloned().collect::<Vec<_>>(), "/{folder}{query}");
        }
    }
}
