//! Targets of all kinds: no way out, and redirects that hold wherever they are read.

use crate::support::client::Conversation;
use crate::support::folder::Folder;
use crate::support::server::TestServer;

use super::{SECRET, percent_decoded, root_and_sibling};

#[test]
fn no_target_leads_out() {
    let site = root_and_sibling();
    site.write("x/a/%2e%2e", "a name");
    site.write("x/a/b\\c", "backslash");
    let server = TestServer::start(&["--hidden"], site.join("x/a"));
    let mut client = Conversation::open(server.address());
    // The target, its status, and the body of a 200.
    let rows = [
        // RFC 3986 §5.2.4: above the root is the root.
        ("/../ab/secret", 404, ""),
        ("/../../../../etc/passwd", 404, ""),
        ("/sub/../../ab/secret", 404, ""),
        ("/%2e%2e/ab/secret", 404, ""),
        ("/%2E%2e/secret", 404, ""),
        ("/.%2e/secret", 404, ""),
        ("/sub/%2e%2e/%2e%2e/secret", 404, ""),
        ("//../secret", 404, ""),
        ("/..//secret", 404, ""),
        ("/....//....//secret", 404, ""),
        ("/.../secret", 404, ""),
        ("/../a/file", 404, ""),
        ("/../file", 200, "file"),
        ("/../../file", 200, "file"),
        ("/sub/../file", 200, "file"),
        ("/sub/%2e%2e/file", 200, "file"),
        ("/./file", 200, "file"),
        ("/%2e/file", 200, "file"),
        ("/sub/./deep", 200, "deep"),
        ("//file", 200, "file"),
        ("//sub///deep", 200, "deep"),
        ("/missing/../file", 200, "file"),
        ("http://h/../file", 200, "file"),
        ("http://h/../ab/secret", 404, ""),
        ("http://h/..%2fab/secret", 400, ""),
        // Decoded once.
        ("/%252e%252e/ab/secret", 404, ""),
        ("/%252e%252e", 200, "a name"),
        ("/%25%32%65%25%32%65/secret", 404, ""),
        // An encoded slash is no slash, and part of no name.
        ("/..%2fab%2fsecret", 400, ""),
        ("/sub%2fdeep", 400, ""),
        ("/%2fetc/passwd", 400, ""),
        // A backslash is part of a name.
        ("/..\\ab\\secret", 404, ""),
        ("/..%5cab%5csecret", 404, ""),
        ("/sub\\deep", 404, ""),
        ("/b%5cc", 200, "backslash"),
        ("/b\\c", 200, "backslash"),
        // Overlong UTF-8 is not decoded to anything.
        ("/%c0%ae%c0%ae/secret", 404, ""),
        ("/%c0%afetc", 404, ""),
        ("/%u002e%u002e/secret", 400, ""),
        ("/file%00", 400, ""),
        ("/file%00.html", 400, ""),
        ("/%zz", 400, ""),
        ("/file%", 400, ""),
        ("/file%2", 400, ""),
        ("/file/", 404, ""),
        ("/file/.", 404, ""),
        ("/file/x", 404, ""),
        ("/file/../file", 200, "file"),
        ("/etc/passwd", 404, ""),
        ("/~root", 404, ""),
        ("/file?../../secret", 200, "file"),
        ("/sub/", 200, "index"),
        ("/sub/x/..", 200, "index"),
        ("/sub/.", 200, "index"),
        ("/sub", 301, ""),
        ("/sub/..", 200, ""),
    ];
    for (target, status, body) in rows {
        let answer = client.get(target);
        assert_eq!(answer.status(), status, "{target}");
        assert!(!answer.text().contains(SECRET) && !answer.text().contains("root:"), "{target}");
        if status == 200 && !body.is_empty() {
            assert_eq!(answer.text(), body, "{target}");
        }
        if status == 400 {
            // Understood, and refused: the connection goes on.
            assert_eq!(answer.field("Connection"), None, "{target}");
        }
    }
}

/// RFC 9110 §10.2.2, RFC 3986 §5: what a client makes of Location is the URL that it asked for
/// with a slash at the end of its path, on the same host, beneath the same prefix of a proxy.
#[test]
fn redirects_to_folders_hold_wherever_they_are_read() {
    let site = Folder::new();
    for folder in [
        "deep",
        "a:b",
        "http:",
        "..;",
        "..x",
        "p%2fx",
        "q?x",
        "h#x",
        "p%",
        "x;v=1",
        "a b",
        "a+b",
        "back\\slash",
        "\u{e9}",
        "@",
        "*",
        "...",
        "%2e%2e",
        "~",
        "\u{202e}x",
        "index.html",
        "deep/er/x",
        "a b/p%/r",
        "evil.example/x",
        "page.html",
    ] {
        site.folder(folder);
        site.write(format!("{folder}/inside"), folder);
    }
    let server = TestServer::start(&["--hidden", "--try-html"], site.path());
    let mut client = Conversation::open(server.address());
    // The target, and Location.
    let rows = [
        ("/deep", "deep/"),
        ("//deep", "deep/"),
        ("////deep", "deep/"),
        ("/deep/er", "er/"),
        ("/deep//er", "er/"),
        ("/deep/./er", "er/"),
        ("/deep/er/../../deep", "deep/"),
        ("/nothing/../deep", "deep/"),
        ("/../../deep", "deep/"),
        ("/%2e%2e//deep", "deep/"),
        ("/nothing/%2e%2e/deep", "deep/"),
        ("//evil.example/../deep", "deep/"),
        ("//evil.example/%2e%2e/deep", "deep/"),
        ("//evil.example/x", "x/"),
        ("/..;/../deep", "deep/"),
        ("/..;", "..%3B/"),
        ("/..x", "..x/"),
        ("/...", ".../"),
        ("/%252e%252e", "%252e%252e/"),
        ("/a:b", "a%3Ab/"),
        ("/a%3Ab", "a%3Ab/"),
        ("/http:", "http%3A/"),
        ("/%68ttp%3a", "http%3A/"),
        ("/p%252fx", "p%252fx/"),
        ("/q%3Fx", "q%3Fx/"),
        ("/q%3Fx?y?z", "q%3Fx/?y?z"),
        ("/h%23x", "h%23x/"),
        ("/p%25", "p%25/"),
        ("/x;v=1", "x%3Bv%3D1/"),
        ("/a%20b", "a%20b/"),
        ("/a+b", "a%2Bb/"),
        ("/back\\slash", "back%5Cslash/"),
        ("/back%5cslash", "back%5Cslash/"),
        ("/\u{e9}", "%C3%A9/"),
        ("/%c3%a9", "%C3%A9/"),
        ("/@", "%40/"),
        ("/*", "%2A/"),
        ("/~", "~/"),
        ("/%7e", "~/"),
        ("/\u{202e}x", "%E2%80%AEx/"),
        ("/index.html", "index.html/"),
        ("/page.html", "page.html/"),
        // The encoding of folders above is not left to the client.
        ("/a%20b/p%25/r", "../../a%20b/p%25/r/"),
        ("/a%20b/p%25", "../a%20b/p%25/"),
        ("/deep/%65r/x", "../er/x/"),
        ("/deep/er/%78", "x/"),
        ("//a%20b/p%25", "p%25/"),
        ("/deep/../a%20b/p%25", "p%25/"),
        ("/a%20b/p%25?", "../a%20b/p%25/?"),
        ("http://elsewhere/a%20b/p%25", "../a%20b/p%25/"),
        ("/deep?", "deep/?"),
        ("/deep?C=S&O=D", "deep/?C=S&O=D"),
        ("/deep?a=/../b", "deep/?a=/../b"),
        ("/deep?//evil.example/", "deep/?//evil.example/"),
        ("/deep?x=%23%0d%0a&y=:@", "deep/?x=%23%0d%0a&y=:@"),
        ("/deep?\u{e9}", "deep/?%C3%A9"),
        ("http://elsewhere/deep?", "deep/?"),
        ("HTTP://elsewhere:80//deep", "deep/"),
        ("https://elsewhere/deep/er", "er/"),
    ];
    for (target, location) in rows {
        let answer = client.get(target);
        assert_eq!(answer.status(), 301, "{target}");
        assert_eq!(answer.field("Location"), Some(location), "{target}");
        // A URL by which a client may see us; the authority of an absolute-form is its own.
        let path = target
            .find("://")
            .map_or(target, |at| &target[at + 3 + target[at + 3..].find('/').expect("a path")..]);
        for prefix in ["http://h", "https://[2001:db8::1]:8443/files", "http://h/a/b;c/d"] {
            let found = resolve(&format!("{prefix}{path}"), location);
            let (path, query) = split_query(path);
            let expected = without_dots(&format!("{}{path}/", &prefix[found.origin.len()..]));
            // The same names, which may be written otherwise.
            let (found_names, names) = (percent_decoded(&found.path), percent_decoded(&expected));
            assert_eq!(found_names, names, "{prefix}{path}: {}", found.path);
            assert!(found.path.ends_with('/'), "{prefix}{path}: {}", found.path);
            assert_eq!(found.query.is_some(), query.is_some(), "{prefix}{path}");
            assert!(prefix.starts_with(&found.origin), "{prefix}{path}");
        }
        // And it is there.
        let found = resolve(&format!("http://h{path}"), location);
        let query = found.query.map_or(String::new(), |query| format!("?{query}"));
        let answer = client.get(&format!("{}{query}", found.path));
        assert_eq!(answer.status(), 200, "{target}");
    }
    // Nothing to add.
    for (target, status) in [
        ("/deep/", 200),
        ("/deep//", 200),
        ("/deep/.", 200),
        ("/deep/er/..", 200),
        ("/deep/%2e", 200),
        ("//", 200),
        ("/deep%2Fer", 400),
        ("/%2fdeep", 400),
        ("/deep/inside", 200),
        // The folder `page.html` is no page.
        ("/page", 404),
    ] {
        let answer = client.get(target);
        assert_eq!(answer.field("Location"), None, "{target}");
        assert_eq!(answer.status(), status, "{target}");
    }
}

/// A URL taken apart: what it is all relative to, its path, its query.
#[derive(Debug)]
struct Resolved {
    origin: String,
    path: String,
    query: Option<String>,
}

/// RFC 3986 §5.2.2, for a reference without fragment. Written without the server.
fn resolve(base: &str, reference: &str) -> Resolved {
    let authority_end = |url: &str, start: usize| {
        let rest = &url[start..];
        start + rest.find(['/', '?']).unwrap_or(rest.len())
    };
    // A scheme is what stands before a colon that comes before any slash (§4.2).
    let colon = reference.find(':').filter(|&at| !reference[..at].contains(['/', '?']));
    assert_eq!(colon, None, "{reference} has a scheme");
    assert!(!reference.starts_with("//"), "{reference} has an authority");
    let start = base.find("://").expect("a scheme") + 3;
    let (origin, rest) = base.split_at(authority_end(base, start));
    let (base_path, _) = split_query(rest);
    let (path, query) = split_query(reference);
    let merged = match path.starts_with('/') {
        true => path.to_owned(),
        // §5.2.3.
        false => {
            let folder = base_path.rfind('/').map_or("/", |at| &base_path[..=at]);
            format!("{folder}{path}")
        }
    };
    Resolved {
        origin: origin.to_owned(),
        path: without_dots(&merged),
        query: query.map(str::to_owned),
    }
}

/// RFC 3986 §5.2.4, for an absolute path.
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
        if segments.peek().is_none() && matches!(segment, "." | "..") {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

/// README's recipe for network boot: installers read names with a dot first.
#[test]
fn an_install_tree_is_served_as_readme_says() {
    let site = Folder::with(&[
        (".treeinfo", "[general]"),
        (".disk/info", "Debian"),
        ("images/pxeboot/vmlinuz", "kernel"),
    ]);
    let readme = include_str!("../../../README.md");
    let recipe = readme.split_once("\n| network boot ").expect("a recipe").1;
    let command =
        recipe.split_once("`ipv6-httpd -p 80 ").and_then(|it| it.1.split_once(" /srv/boot`"));
    let options: Vec<&str> = command.expect("a command").0.split(' ').collect();
    for (options, status) in [(options.as_slice(), 200), (&["--no-listing"], 404)] {
        let server = TestServer::start(options, site.path());
        let mut client = Conversation::open(server.address());
        for (target, content) in [("/.treeinfo", "[general]"), ("/.disk/info", "Debian")] {
            let answer = client.get(target);
            assert_eq!(answer.status(), status, "{options:?} {target}");
            assert_eq!(answer.text() == content, status == 200, "{options:?} {target}");
        }
        let answer = client.get("/images/pxeboot/vmlinuz");
        assert_eq!((answer.status(), answer.text()), (200, "kernel"));
    }
}
