//! Names of all kinds, hidden and odd, and the listings that lead to them.

use std::collections::BTreeMap;

use crate::support::client::{Conversation, fetch};
use crate::support::folder::{Folder, odd_names};
use crate::support::server::TestServer;

use super::{hrefs, percent_decoded};

#[test]
fn names_that_begin_with_a_dot_are_hidden() {
    let site = Folder::with(&[
        (".git/config", "git"),
        (".hidden", "hidden"),
        ("..foo", "dots"),
        ("sub/.env", "env"),
        ("sub/.d/x", "x"),
        (".well-known/acme", "acme"),
        (".well-known/.x", "x"),
        ("sub/.well-known/x", "x"),
        ("seen", "seen"),
    ]);
    let rows = [
        ("/seen", 200),
        ("/.well-known/acme", 200),
        ("/.well-known/", 200),
        ("/.hidden", 404),
        ("/%2ehidden", 404),
        ("/.git/config", 404),
        ("/.git/", 404),
        ("/.git", 404),
        ("/x/../.git/config", 404),
        ("/..foo", 404),
        ("/sub/.env", 404),
        ("/sub/.d/x", 404),
        ("/.well-known/.x", 404),
        ("/sub/.well-known/x", 404),
    ];
    for (options, all) in [(&[][..], false), (&["--hidden"], true)] {
        let server = TestServer::start(options, site.path());
        let mut client = Conversation::open(server.address());
        for (path, status) in rows {
            let status = match (all, path) {
                (true, "/.git") => 301,
                (true, _) => 200,
                (false, _) => status,
            };
            assert_eq!(client.get(path).status(), status, "{path} {all}");
        }
        let listed: Vec<String> = hrefs(client.get("/").text()).collect();
        let expected: &[&str] = match all {
            true => &[".git/", ".well-known/", "sub/", "..foo", ".hidden", "seen"],
            false => &[".well-known/", "sub/", "seen"],
        };
        assert_eq!(listed, expected);
    }
}

#[test]
fn every_name_can_be_fetched_by_its_link() {
    let names = odd_names();
    let site = Folder::new();
    let mut expected = BTreeMap::new();
    for name in &names {
        for folder in [&b""[..], b"folder "] {
            // A folder of that name would be too long with `folder ` before it.
            if !folder.is_empty() && name.len() > 240 {
                continue;
            }
            let path = if folder.is_empty() {
                name.clone()
            } else {
                [b"folder ", name.as_slice(), b"/inner ", name].concat()
            };
            site.write(&path, &path);
            expected.insert(path.clone(), path);
        }
    }
    // A name with a colon and no encoding would be another scheme; no link may begin with one.
    let server = TestServer::start(&["--hidden"], site.path());
    let mut client = Conversation::open(server.address());
    for format in ["", "?format=json"] {
        let mut found = BTreeMap::new();
        let mut folders = vec![String::from("/")];
        while let Some(folder) = folders.pop() {
            let listing = client.get(&format!("{folder}{format}"));
            assert_eq!(listing.status(), 200, "{folder}");
            let links: Vec<String> = match format {
                "" => hrefs(listing.text()).collect(),
                _ => json_hrefs(listing.text()).collect(),
            };
            for link in links {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte);
                assert!(link.bytes().all(plain), "{link}");
                let path = format!("{folder}{link}");
                if link.ends_with('/') {
                    folders.push(path);
                } else {
                    let answer = client.get(&path);
                    assert_eq!(answer.status(), 200, "{path}");
                    found.insert(percent_decoded(&path[1..]), answer.body);
                }
            }
        }
        assert_eq!(found, expected);
    }
}

#[test]
fn names_do_not_break_the_page_that_lists_them() {
    let site = Folder::new();
    let odd: &[u8] = b"<b>&\"'\x1b\n\xff";
    site.write([b"x".as_slice(), odd].concat(), "");
    site.folder(odd);
    let server = TestServer::start(&[], site.path());
    let mut client = Conversation::open(server.address());
    let shown = "&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}\u{fffd}";
    // What Kodi decodes rightly: the head of src/site/listing/mod.rs says why.
    let name = "&lt;b&gt;&#38;\"'\u{fffd}\u{fffd}\u{fffd}";
    let link = "%3Cb%3E%26%22%27%1B%0A%FF";
    let listing = client.get("/");
    let text = listing.text();
    assert!(text.contains(&format!("<bdi><a href=\"{link}/\">{name}/</a></bdi>")), "{text}");
    assert!(text.contains(&format!("<bdi><a href=\"x{link}\">x{name}</a></bdi>")), "{text}");
    let inner = client.get(&format!("/{link}/"));
    assert!(inner.text().contains(&format!("/{shown}</title>")), "{}", inner.text());
    assert!(inner.text().contains(&format!("<bdi>{shown}</bdi>")), "{}", inner.text());
    let json = client.get("/?format=json");
    let name = "\"name\":\"<b>&\\\"'\\u001b\\n\u{fffd}\"";
    assert!(json.text().contains(name), "{}", json.text());
}

#[test]
fn hundreds_of_entries_are_listed_and_sorted() {
    let site = Folder::new();
    let count = 700;
    for number in 0..count {
        // Every second one is a folder; sizes and names run against each other.
        if number % 2 == 0 {
            site.folder(format!("many/folder {number}"));
        } else {
            site.write(format!("many/file {number}"), "x".repeat(count - number));
        }
    }
    site.folder("empty");
    let server = TestServer::start(&[], site.path());
    let mut client = Conversation::open(server.address());
    let names = |order: &str, client: &mut Conversation| -> Vec<usize> {
        let listing = client.get(&format!("/many/{order}"));
        assert_eq!(listing.status(), 200);
        let number = |href: String| href.trim_end_matches('/').rsplit("%20").next()?.parse().ok();
        hrefs(listing.text()).map(|href| number(href).expect("a number")).collect()
    };
    let folders: Vec<usize> = (0..count).step_by(2).collect();
    let files: Vec<usize> = (1..count).step_by(2).collect();
    let reversed = |numbers: &[usize]| numbers.iter().rev().copied().collect::<Vec<usize>>();
    // Folders have no size, and stand in the order of their names.
    let rows = [
        ("", folders.clone(), files.clone()),
        ("?C=N&O=A", folders.clone(), files.clone()),
        ("?C=N;O=A", folders.clone(), files.clone()),
        ("?C=N&O=D", reversed(&folders), reversed(&files)),
        ("?C=S&O=A", folders.clone(), reversed(&files)),
        ("?C=S&O=D", folders.clone(), files.clone()),
        ("?C=X&O=Y", folders.clone(), files.clone()),
    ];
    for (order, folders, files) in rows {
        assert_eq!(names(order, &mut client), [folders, files].concat(), "{order}");
    }
    // The buttons in the head of the table lead there.
    let button = |column: char, order: char| {
        format!("<button name=\"C\" value=\"{column}\">")
            + match column {
                'N' => "Name",
                'S' => "Size",
                _ => "Modified (UTC)",
            }
            + &format!("</button><input type=\"hidden\" name=\"O\" value=\"{order}\"></form>")
    };
    let listing = client.get("/many/");
    for column in ['N', 'S', 'M'] {
        assert!(listing.text().contains(&button(column, 'D')), "{column}");
    }
    let listing = client.get("/many/?C=S&O=D");
    assert!(listing.text().contains(&button('S', 'A')));
    // RFC 9110 §8.6: HEAD does not say how long it is, for it would have to be made.
    client.send("HEAD /many/ HTTP/1.1\r\nHost: h\r\n\r\n");
    let head = client.answer_to_head();
    assert_eq!((head.status(), head.field("Content-Length")), (200, None));
    assert_eq!(head.field("Content-Type"), client.get("/many/").field("Content-Type"));
    let empty = client.get("/empty/");
    assert_eq!(empty.status(), 200);
    assert!(empty.text().contains("This folder is empty."));
    assert_eq!(hrefs(empty.text()).count(), 0);
    assert_eq!(client.get("/empty/?format=json").text(), "[\n]\n");
}

#[test]
fn a_folder_without_listing_or_with_an_index() {
    let site = Folder::with(&[
        ("a/index.html", "index"),
        ("b/index.htm", "htm"),
        ("b/home.html", "home"),
        ("c/x", "x"),
        ("d/index.html/x", "a folder"),
    ]);
    let status = |options: &[&str], path: &str| {
        let server = TestServer::start(options, site.path());
        let answer = fetch(server.address(), path);
        (answer.status(), answer.text().lines().next().unwrap_or_default().to_owned())
    };
    let doctype = "<!doctype html>";
    let named = ["--index", "home.html", "--index", "index.htm"];
    let rows: [(&[&str], &str, u16, &str); 9] = [
        (&[], "/a/", 200, "index"),
        (&[], "/b/", 200, doctype),
        (&[], "/c/", 200, doctype),
        (&[], "/d/", 200, doctype),
        (&["--no-listing"], "/a/", 200, "index"),
        (&["--no-listing"], "/c/", 404, "404 Not Found"),
        (&["--no-listing"], "/c", 301, "301 Moved Permanently"),
        (&named, "/b/", 200, "home"),
        (&named, "/a/", 200, doctype),
    ];
    for (options, path, code, first_line) in rows {
        assert_eq!(status(options, path), (code, first_line.to_owned()), "{options:?} {path}");
    }
}

fn json_hrefs(page: &str) -> impl Iterator<Item = String> {
    let rows = page.split("\"href\":\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap_or_default().to_owned())
}
