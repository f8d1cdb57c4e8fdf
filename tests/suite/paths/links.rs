//! Symbolic links, through `openat2` and through the walk.

use std::fs;
use std::io::Read;
use std::thread;

use crate::support::client::Conversation;
use crate::support::folder::Folder;
use crate::support::server::TestServer;
use ipv6_httpd::sys::{Directory, Failure, Symlinks};

use super::{SECRET, hrefs, root_and_sibling};

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
