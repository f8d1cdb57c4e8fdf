//! From a path to a file: nothing outside the folder is ever served, and every name inside can be
//! reached by its link in the listing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::thread;

use crate::support::client::{Conversation, fetch};
use crate::support::folder::{Folder, odd_names};
use crate::support::server::TestServer;
use ipv6_httpd::sys::{Directory, Failure, Symlinks};

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
    let readme = include_str!("../../README.md");
    let recipe = readme.split_once("\nNetwork boot ").expect("a recipe").1;
    let command = recipe.lines().find_map(|line| line.strip_prefix("    ipv6-httpd -p 80 "));
    let options = command.and_then(|command| command.strip_suffix(" /srv/boot"));
    let options: Vec<&str> = options.expect("a command").split(' ').collect();
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

/// A path, and what it gives where links may lead inside, anywhere, nowhere.
type LinkRow = (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);

fn links() -> (Folder, Vec<LinkRow>) {
    let site = root_and_sibling();
    let root = site.join("x/a");
    let absolute = |rest: &str| format!("{}{rest}", root.display());
    site.fifo("x/a/fifo");
    let links = [
        ("to-file", "file".to_owned()),
        ("to-sub", "sub".to_owned()),
        ("to-sub-slash", "sub/".to_owned()),
        ("to-root", ".".to_owned()),
        ("sub/up", "../file".to_owned()),
        ("sub/up-twice", "../../secret".to_owned()),
        ("sub/to-root", "..".to_owned()),
        ("absolute", absolute("/file")),
        ("absolute-sub", absolute("/sub")),
        ("absolute-root", absolute("")),
        ("absolute-dots", absolute("/sub/../file")),
        ("absolute-out", absolute("/sub/../../ab/secret")),
        ("chain", "chain-2".to_owned()),
        ("chain-2", absolute("/chain-3")),
        ("chain-3", "to-sub/deep".to_owned()),
        ("file-slash", "file/".to_owned()),
        ("passwd", "/etc/passwd".to_owned()),
        ("slash", "/".to_owned()),
        ("sibling", "../ab".to_owned()),
        // What a comparison of strings takes for the inside.
        ("sibling-absolute", absolute("b/secret")),
        ("out-and-in", "../a/file".to_owned()),
        ("parent", "..".to_owned()),
        ("magic", "/proc/self/root/etc/passwd".to_owned()),
        ("magic-cwd", "/proc/self/cwd".to_owned()),
        ("loop", "loop".to_owned()),
        ("loop-a", "loop-b".to_owned()),
        ("loop-b", "loop-a".to_owned()),
        ("loop-deep", "loop-deep/x".to_owned()),
        ("dangling", "nothing".to_owned()),
        ("to-fifo", "fifo".to_owned()),
    ];
    for (name, target) in links {
        site.link(target, format!("x/a/{name}"));
    }
    let (file, deep, secret) = (Some("file"), Some("deep"), Some(SECRET));
    let rows = vec![
        ("file", file, file, file),
        ("sub/deep", deep, deep, deep),
        ("to-file", file, file, None),
        ("to-sub/deep", deep, deep, None),
        ("to-sub-slash/deep", deep, deep, None),
        ("to-root/to-root/to-sub/deep", deep, deep, None),
        ("sub/up", file, file, None),
        ("to-sub/up", file, file, None),
        ("sub/to-root/file", file, file, None),
        ("sub/up-twice", None, secret, None),
        ("absolute", file, file, None),
        ("absolute-sub/deep", deep, deep, None),
        ("absolute-sub/up", file, file, None),
        ("absolute-root/file", file, file, None),
        ("absolute-dots", file, file, None),
        ("absolute-out", None, secret, None),
        ("chain", deep, deep, None),
        ("file-slash", None, None, None),
        ("sibling/secret", None, secret, None),
        ("sibling-absolute", None, secret, None),
        ("out-and-in", None, file, None),
        ("parent/secret", None, secret, None),
        ("parent/a/file", None, file, None),
        ("slash/etc/hostname-that-is-not-there", None, None, None),
        ("loop", None, None, None),
        ("loop/x", None, None, None),
        ("loop-a", None, None, None),
        ("loop-deep", None, None, None),
        ("dangling", None, None, None),
        ("dangling/x", None, None, None),
        ("to-file/x", None, None, None),
        ("file/x", None, None, None),
        ("nothing", None, None, None),
    ];
    (site, rows)
}

#[test]
fn links_lead_where_the_operator_lets_them() {
    let (site, rows) = links();
    for (at, mode) in ["inside", "follow", "deny"].into_iter().enumerate() {
        let server = TestServer::start(&["--symlinks", mode], site.join("x/a"));
        let mut client = Conversation::open(server.address());
        for (path, inside, follow, deny) in &rows {
            let expected = [inside, follow, deny][at];
            // Again, when the file may still be open.
            for _ in 0..2 {
                let answer = client.get(&format!("/{path}"));
                let (status, text) = (answer.status(), answer.text());
                match expected {
                    Some(content) => assert_eq!((status, text), (200, *content), "{mode} {path}"),
                    None => assert_eq!(status, 404, "{mode} {path}"),
                }
            }
        }
        let passwd = client.get("/passwd");
        assert_eq!(passwd.status(), if mode == "follow" { 200 } else { 404 });
        assert_eq!(client.get("/magic").status(), passwd.status());
        assert_eq!(client.get("/to-fifo").status(), 404);
        assert_eq!(client.get("/magic-cwd/").status(), passwd.status());
        // Only what can be fetched is listed.
        let listing = client.get("/");
        let listed: Vec<String> = hrefs(listing.text()).collect();
        for href in &listed {
            assert_eq!(client.get(&format!("/{href}")).status(), 200, "{mode} {href}");
        }
        assert_eq!(listed.iter().any(|href| href == "sibling/"), mode == "follow");
        assert_eq!(listed.iter().any(|href| href == "to-sub/"), mode != "deny");
        assert!(!listed.iter().any(|href| href.contains("loop") || href.contains("fifo")));
        // The redirect of a link to a folder names the link.
        let redirect = client.get("/to-sub");
        let location = (mode != "deny").then_some("to-sub/");
        assert_eq!(redirect.field("Location"), location);
    }
}

#[test]
fn the_walk_agrees_with_openat2() {
    let (site, rows) = links();
    let modes = [Symlinks::Inside, Symlinks::Follow, Symlinks::Deny];
    for (at, mode) in modes.into_iter().enumerate() {
        let open = || Directory::open(&site.join("x/a"), mode).expect("the root");
        for directory in [open(), open().without_openat2()] {
            for (path, inside, follow, deny) in &rows {
                let mut text = String::new();
                let opened = directory.open_beneath(path.as_bytes());
                let read = opened.and_then(|mut file| file.read_to_string(&mut text));
                match [inside, follow, deny][at] {
                    Some(content) => assert_eq!(text, *content, "{mode:?} {path}: {read:?}"),
                    None => {
                        let error = read.expect_err(path);
                        assert_eq!(Failure::from(&error), Failure::Missing, "{mode:?} {path}");
                    }
                }
            }
            for name in ["", "sub", "file"] {
                let found = directory.open_beneath(name.as_bytes()).expect("there");
                assert_eq!(found.metadata().expect("metadata").is_dir(), name != "file");
            }
            // Opened without waiting for a writer; no link to it where there are none.
            let fifo = directory.open_beneath(b"to-fifo");
            assert_eq!(fifo.is_ok(), mode != Symlinks::Deny);
            for name in [&b"nul\0"[..], b"file\0", &[b'x'; 256], &[b'y'; 5000]] {
                let error = directory.open_beneath(name).expect_err("no such name");
                assert_eq!(Failure::from(&error), Failure::Missing);
            }
        }
    }
}

#[test]
fn a_link_that_changes_while_it_is_followed_never_leads_out() {
    let site = root_and_sibling();
    let root = site.join("x/a");
    site.write("x/a/real/secret", "public");
    site.link("../ab", "x/a/leading-out");
    let open = || Directory::open(&root, Symlinks::Inside).expect("the root");
    let directories = [open(), open().without_openat2()];
    let server = TestServer::start(&[], &root);
    thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            // In turn a folder and a link to one outside, by the same name.
            for _ in 0..20_000 {
                for name in ["real", "leading-out"] {
                    fs::rename(root.join(name), root.join("swapped")).expect("renamed");
                    fs::rename(root.join("swapped"), root.join(name)).expect("renamed");
                }
            }
        });
        let mut client = Conversation::open(server.address());
        while !swapping.is_finished() {
            for directory in &directories {
                if let Ok(mut file) = directory.open_beneath(b"swapped/secret") {
                    let mut text = String::new();
                    file.read_to_string(&mut text).expect("read");
                    assert_eq!(text, "public");
                }
            }
            let answer = client.get("/swapped/secret");
            let (status, text) = (answer.status(), answer.text());
            assert!(status == 404 || (status, text) == (200, "public"), "{status} {text}");
        }
    });
}

#[test]
fn a_file_that_was_just_sent_is_not_sent_once_it_may_not_be() {
    let site = root_and_sibling();
    site.write("x/a/sub/secret", "public");
    let server = TestServer::start(&["-w", "1"], site.join("x/a"));
    let mut client = Conversation::open(server.address());
    assert_eq!(client.get("/sub/secret").text(), "public");
    // The file's own name leads out.
    site.write("x/a/sub/kept", "kept");
    assert_eq!(client.get("/sub/kept").text(), "kept");
    fs::remove_file(site.join("x/a/sub/kept")).expect("removed");
    site.link("../../secret", "x/a/sub/kept");
    assert_eq!(client.get("/sub/kept").status(), 404);
    // A folder on the way to it does.
    fs::rename(site.join("x/a/sub"), site.join("x/a/away")).expect("renamed");
    site.link("../ab", "x/a/sub");
    assert_eq!(client.get("/sub/secret").status(), 404);
    assert_eq!(client.get("/away/secret").text(), "public");
    // It is replaced by another of the same size, which keeps its date.
    let modified =
        fs::metadata(site.join("x/a/file")).expect("metadata").modified().expect("a date");
    assert_eq!(client.get("/file").text(), "file");
    let path = site.write("x/a/new", "FILE");
    let new = fs::File::options().write(true).open(&path).expect("open");
    new.set_modified(modified).expect("the same date");
    fs::rename(&path, site.join("x/a/file")).expect("renamed");
    assert_eq!(client.get("/file").text(), "FILE");
}

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
    // What Kodi decodes rightly: the head of src/site/listing.rs says why.
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
    // HEAD says how long it is without making it.
    client.send("HEAD /many/ HTTP/1.1\r\nHost: h\r\n\r\n");
    let head = client.answer_to_head();
    let length = client.get("/many/").body.len().to_string();
    assert_eq!(head.field("Content-Length"), Some(length.as_str()));
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

/// The links of a listing's rows, without that to the parent.
fn hrefs(page: &str) -> impl Iterator<Item = String> {
    let rows = page.split("<tr><td><bdi><a href=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap_or_default().to_owned())
}

fn json_hrefs(page: &str) -> impl Iterator<Item = String> {
    let rows = page.split("\"href\":\"").skip(1);
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
