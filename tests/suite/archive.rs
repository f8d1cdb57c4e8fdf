//! A folder as one tar file: what programs extract from it, its ranges, what is left out of it, and
//! what happens if something changes meanwhile.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::client::{Answer, Conversation, fetch};
use crate::support::folder::{Folder, OLD, date, odd_names, pattern};
use crate::support::random::Random;
use crate::support::server::TestServer;
use crate::support::wait_until;

fn server(options: &[&str], folder: &Folder) -> TestServer {
    TestServer::start(&[&["--archive"], options].concat(), folder.path())
}

fn ask(server: &TestServer, method: &str, target: &str, lines: &str) -> Answer {
    let mut client = Conversation::open(server.address());
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
    if method == "HEAD" { client.answer_to_head() } else { client.answer() }
}

/// Each path beneath a folder: the content of a file, and when it was modified.
fn tree(folder: &Path) -> BTreeMap<Vec<u8>, (Option<Vec<u8>>, i64)> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let content = metadata.is_file().then(|| fs::read(&path).unwrap());
        if content.is_none() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let name = path.strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec();
        found.insert(name, (content, metadata.mtime()));
    }
    found
}

/// Dates all folders back, the innermost first.
fn date_folders(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            date_folders(&entry.path());
        }
    }
    date_folder(folder, OLD as u64);
}

fn date_folder(folder: &Path, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(folder).unwrap().set_modified(time).unwrap();
}

const PROGRAMS: [&[&str]; 4] = [
    &["tar", "-xf"],
    &["bsdtar", "-xf"],
    &["busybox", "tar", "-xf"],
    &["python3", "-c", "import sys, tarfile; tarfile.open(sys.argv[1]).extractall()"],
];

#[test]
fn programs_extract_what_is_there() {
    let folder = Folder::new();
    let long = |letter: &str, count| letter.repeat(count);
    let mut names: Vec<Vec<u8>> = vec![
        long("n", 100).into(),
        long("m", 101).into(),
        long("o", 255).into(),
        [long("p", 155), long("q", 100)].join("/").into(),
        [long("r", 156), long("s", 100)].join("/").into(),
        [long("t", 250), long("u", 250), long("v", 250)].join("/").into(),
        "\u{e4}\u{f6} \u{20ac}".into(),
        [&[0xff; 120][..], b"/", &[0xe4; 120]].concat(),
    ];
    names.extend(odd_names().into_iter().filter(|name| !name.starts_with(b".")));
    for name in &names {
        date(&folder.write([b"site/", &name[..]].concat(), name), OLD, 5);
    }
    for length in [0, 1, 511, 512, 513, 65_536, 65_537, 300_000] {
        let name = format!("site/sizes/{length}");
        folder.dated(&name, pattern(0, length), OLD - length as i64, 0);
    }
    folder.dated("site/old", "before 1970", -5, 0);
    folder.folder("site/empty/within");
    date_folders(folder.path());
    let server = server(&[], &folder);
    let archive = fetch(server.address(), "/site/?archive").body;
    let file = folder.write("site.tar", &archive);
    let expected = tree(&folder.join("site"));
    let mut extracted = 0;
    for program in PROGRAMS {
        let into = folder.folder(program[0]);
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(&file).current_dir(&into).env("LC_ALL", "C.UTF-8");
        let Ok(output) = command.output() else { continue };
        // Some of them warn of odd names.
        assert!(into.join("site").is_dir(), "{program:?}: {output:?}");
        let mut found = tree(&into.join("site"));
        if program[0] == "busybox" {
            // It dates no folders, and reads no records of times.
            found.get_mut(&b"old"[..]).unwrap().1 = -5;
            found.values_mut().filter(|(content, _)| content.is_none()).for_each(|entry| {
                entry.1 = OLD;
            });
        }
        let others = found.keys().filter(|name| !expected.contains_key(*name));
        let others: Vec<String> = others.map(|name| name.escape_ascii().to_string()).collect();
        assert!(others.is_empty(), "{program:?}: {output:?}: {others:?}");
        for (name, entry) in &expected {
            assert_eq!(found.get(name), Some(entry), "{program:?}: {}", name.escape_ascii());
        }
        extracted += 1;
    }
    assert!(extracted > 0, "no program that reads archives");
}

/// A folder with a file, in a folder.
fn small() -> Folder {
    let folder = Folder::new();
    folder.file("sub/a b.txt", "hello\n");
    date_folders(folder.path());
    folder
}

const FIELDS: &str = "Content-Disposition: attachment; filename=\"sub.tar\"; filename*=UTF-8''sub.tar\r\n\
                      Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n";

#[test]
fn answers() {
    let folder = small();
    let server = server(&["--cache-control", "max-age=5"], &folder);
    let whole = ask(&server, "GET", "/sub/?archive", "");
    // Two headers, a block of content, and two of zeros.
    assert_eq!((whole.status(), whole.body.len()), (200, 5 * 512));
    let tag = whole.field("ETag").unwrap().to_owned();
    let start = format!("Cache-Control: max-age=5\r\nETag: {tag}\r\n");
    let said = |answer: &Answer| {
        let (_, fields) = answer.head.split_once("GMT\r\n").unwrap();
        fields.trim_end_matches("\r\n").to_owned() + "\r\n"
    };
    let tar = "Content-Type: application/x-tar\r\n";
    let all = format!("{start}{FIELDS}{tar}Content-Length: 2560\r\n");
    assert_eq!(said(&whole), all);
    for (target, method) in [
        ("/sub/?archive=", "GET"),
        ("/sub/?C=N&archive", "GET"),
        ("/sub/?archive;format=json", "GET"),
        ("/sub/?archive", "HEAD"),
    ] {
        let answer = ask(&server, method, target, "");
        assert_eq!((answer.status(), said(&answer)), (200, all.clone()), "{target}");
        let expected = if method == "HEAD" { &[][..] } else { &whole.body };
        assert_eq!(answer.body, expected, "{target}");
    }
    let unmodified = ask(&server, "GET", "/sub/?archive", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((unmodified.status(), said(&unmodified)), (304, start.clone()));
    let other = "If-Match: \"other\"\r\n";
    assert_eq!(ask(&server, "GET", "/sub/?archive", other).status(), 412);
    let one = format!("Range: bytes=512-518\r\nIf-Range: {tag}\r\n");
    let one = ask(&server, "GET", "/sub/?archive", &one);
    assert_eq!((one.status(), &one.body[..]), (206, &b"sub/a b"[..]));
    let range = "Content-Range: bytes 512-518/2560\r\n";
    assert_eq!(said(&one), format!("{start}{FIELDS}{range}{tar}Content-Length: 7\r\n"));
    let changed = "Range: bytes=512-518\r\nIf-Range: \"other\"\r\n";
    assert_eq!(said(&ask(&server, "GET", "/sub/?archive", changed)), all);
    let after = ask(&server, "GET", "/sub/?archive", "Range: bytes=2560-\r\n");
    assert_eq!((after.status(), after.field("Content-Range")), (416, Some("bytes */2560")));
    let several = ask(&server, "GET", "/sub/?archive", "Range: bytes=1024-1029,0-3,2559-\r\n");
    let media_type = several.field("Content-Type").unwrap();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |range: &str, content: &str| {
        format!("\r\n--{boundary}\r\n{tar}Content-Range: bytes {range}/2560\r\n\r\n{content}")
    };
    let parts = [part("1024-1029", "hello\n"), part("0-3", "sub/"), part("2559-2559", "\0")];
    assert_eq!(
        (several.status(), several.text()),
        (206, &*(parts.concat() + &format!("\r\n--{boundary}--\r\n")))
    );
    // The root has no name that clients may know.
    let root = ask(&server, "GET", "/?archive", "Range: bytes=0-5\r\n");
    assert_eq!(root.text(), "files/");
    let name = "attachment; filename=\"files.tar\"; filename*=UTF-8''files.tar";
    assert_eq!(root.field("Content-Disposition"), Some(name));
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let folder = Folder::new();
    for number in 0..40 {
        let name = format!("site/{}/{}/{number}", number % 7, number % 3);
        folder.file(&name, pattern(number, number as usize * 97));
    }
    folder.file("site/large", pattern(0, 200_000));
    let server = server(&[], &folder);
    let whole = fetch(server.address(), "/site/?archive");
    let tag = whole.field("ETag").unwrap();
    let mut client = Conversation::open(server.address());
    let mut random = Random::new(1);
    for _ in 0..200 {
        let place = random.below(whole.body.len() as u64) as usize;
        client.send(format!(
            "GET /site/?archive HTTP/1.1\r\nHost: h\r\nRange: bytes={place}-\r\nIf-Range: {tag}\r\n\r\n"
        ));
        let rest = client.answer();
        assert_eq!(rest.status(), 206);
        assert!(rest.body == whole.body[place..], "from {place}");
    }
    // Backwards as well, in one answer.
    for _ in 0..20 {
        let places = [(); 4].map(|()| random.below(whole.body.len() as u64 - 9) as usize);
        let ranges = places.map(|place| format!("{place}-{}", place + 8)).join(",");
        client.send(format!(
            "GET /site/?archive HTTP/1.1\r\nHost: h\r\nRange: bytes={ranges}\r\n\r\n"
        ));
        let parts = client.answer();
        assert_eq!(parts.status(), 206, "{ranges}");
        let mut body = parts.body.as_slice();
        for place in places {
            let part = &whole.body[place..=place + 8];
            let at = body.windows(9).position(|window| window == part);
            body = &body[at.unwrap_or_else(|| panic!("{ranges}: no {place}"))..];
        }
    }
}

#[test]
fn the_tag_is_that_of_names_sizes_and_times() {
    let folder = small();
    folder.file("sub/z", "z");
    let server = server(&[], &folder);
    let tag = || ask(&server, "HEAD", "/sub/?archive", "").field("ETag").map(str::to_owned);
    let mut tags = vec![tag()];
    date_folders(folder.path());
    tags.push(tag());
    date(&folder.join("sub/z"), OLD, 1);
    tags.push(tag());
    fs::rename(folder.join("sub/z"), folder.join("sub/y")).unwrap();
    date_folders(folder.path());
    tags.push(tag());
    folder.dated("sub/y", "yy", OLD, 1);
    tags.push(tag());
    date_folder(&folder.join("sub"), OLD as u64 + 1);
    tags.push(tag());
    folder.link("y", "sub/x");
    date_folder(&folder.join("sub"), OLD as u64 + 1);
    tags.push(tag());
    assert!(tags.iter().all(Option::is_some));
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 7);
    // It may change again before the clock ticks.
    folder.write("sub/y", "now");
    assert_eq!(tag(), None);
}

/// The names in an archive that has no others than short ones.
fn names(archive: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = archive;
    while rest.first().is_some_and(|&byte| byte > 0) {
        let text = |field: &[u8]| {
            String::from_utf8(field.split(|&byte| byte == 0).next().unwrap().to_vec()).unwrap()
        };
        names.push(text(&rest[..100]));
        let size = usize::from_str_radix(&text(&rest[124..136]), 8).unwrap();
        rest = &rest[512 + size.next_multiple_of(512)..];
    }
    names
}

#[test]
fn what_clients_cannot_fetch_is_left_out() {
    let folder = Folder::new();
    folder.write("outside", "secret");
    folder.write("site/a", "a");
    folder.write("site/.hidden", "h");
    folder.write("site/.git/x", "x");
    folder.write("site/.well-known/w", "w");
    folder.write("site/d/b", "b");
    folder.fifo("site/fifo");
    for (target, name) in [
        ("a", "to-a"),
        ("d", "to-d"),
        ("..", "d/up"),
        (".", "here"),
        ("../outside", "out"),
        ("nothing", "dangling"),
        ("fifo", "to-fifo"),
        (".hidden", "to-hidden"),
    ] {
        folder.link(target, format!("site/{name}"));
    }
    let site = folder.beneath("site");
    let plain = ["files/", ".well-known/", ".well-known/w", "d/", "d/b", "a"];
    let inside = [
        "files/",
        ".well-known/",
        ".well-known/w",
        "d/",
        "d/b",
        "to-d/",
        "to-d/b",
        "a",
        "to-a",
        "to-hidden",
    ];
    let hidden =
        ["files/", ".git/", ".git/x", ".well-known/", ".well-known/w", "d/", "d/b", ".hidden", "a"];
    let deny = ["--symlinks", "deny"];
    let rows: [(&[&str], &[&str]); 3] =
        [(&[], &inside), (&deny, &plain), (&["--symlinks", "deny", "--hidden"], &hidden)];
    for (options, expected) in rows {
        let server = server(options, &site);
        let found = names(&fetch(server.address(), "/?archive").body);
        let expected: Vec<String> = expected
            .iter()
            .map(
                |name| if *name == "files/" { (*name).to_owned() } else { format!("files/{name}") },
            )
            .collect();
        assert_eq!(found, expected, "{options:?}");
    }
    let server = server(&["--symlinks", "follow"], &site);
    let found = names(&fetch(server.address(), "/?archive").body);
    assert!(found.contains(&"files/out".to_owned()), "{found:?}");
    assert!(!found.iter().any(|name| name.contains("up/") || name.contains("here")), "{found:?}");
}

#[test]
fn folders_that_give_none() {
    let folder = Folder::new();
    folder.write("index/index.html", "index");
    folder.write("plain/file", "file");
    folder.folder("deep/".to_owned() + &"d/".repeat(64));
    let page = |answer: &Answer| answer.field("Content-Type").map(str::to_owned);
    let html = Some("text/html; charset=utf-8".to_owned());
    let with = server(&[], &folder);
    for (target, status) in [("/index/?archive", 200), ("/plain/?archives", 200), ("/plain/", 200)]
    {
        let answer = fetch(with.address(), target);
        assert_eq!((answer.status(), page(&answer)), (status, html.clone()), "{target}");
    }
    assert_eq!(fetch(with.address(), "/plain?archive").field("Location"), Some("plain/?archive"));
    assert_eq!(fetch(with.address(), "/plain/file?archive").text(), "file");
    assert_eq!(fetch(with.address(), "/nothing/?archive").status(), 404);
    let deep = fetch(with.address(), "/deep/?archive");
    let said =
        "403 Forbidden\nThis folder is too deep to be sent as one file. Fetch its folders.\n";
    assert_eq!((deep.status(), deep.text()), (403, said));
    assert_eq!(fetch(with.address(), "/deep/d/?archive").status(), 200);
    let without = TestServer::start(&[], folder.path());
    let answer = fetch(without.address(), "/plain/?archive");
    assert_eq!((answer.status(), page(&answer)), (200, html));
}

const LARGE_BYTES: u64 = 64 << 20;

/// A folder with a file larger than what may wait in sockets, and one after it.
fn large() -> Folder {
    let folder = Folder::new();
    fs::File::create(folder.join("a")).unwrap().set_len(LARGE_BYTES).unwrap();
    date(&folder.join("a"), OLD, 0);
    folder.file("b", "b");
    folder
}

#[test]
fn what_changes_meanwhile_ends_the_connection() {
    let changes: [fn(&Folder); 5] = [
        |folder| drop(folder.write("b", "c")),
        |folder| drop(folder.write("b", "longer")),
        |folder| fs::remove_file(folder.join("b")).unwrap(),
        |folder| {
            fs::File::options()
                .write(true)
                .open(folder.join("a"))
                .unwrap()
                .set_len(LARGE_BYTES - 1)
                .unwrap()
        },
        |folder| drop(folder.write("a", "replaced")),
    ];
    for (row, change) in changes.iter().enumerate() {
        let folder = large();
        let server = server(&[], &folder);
        let mut client = Conversation::open(server.address());
        client.request("/?archive");
        let head = client.head();
        let length = format!("Content-Length: {}\r\n", 512 + 512 + LARGE_BYTES + 1_024 + 1_024);
        assert!(head.contains(&length), "{head}");
        change(&folder);
        let rest = client.rest_or_reset();
        assert!((rest.len() as u64) < LARGE_BYTES + 2_048, "{row}: {}", rest.len());
    }
}

#[test]
fn one_at_a_time_for_each_client() {
    let folder = large();
    let server = server(&["--trusted-proxy", "127.0.0.1", "--bind", "127.0.0.1"], &folder);
    let request = |client: &str| {
        format!("GET /?archive HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\n\r\n")
    };
    let open = |client| {
        let mut conversation = Conversation::open(("127.0.0.1", server.port));
        conversation.send(request(client));
        (conversation.head(), conversation)
    };
    let (first, conversation) = open("192.0.2.1");
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    let (second, _) = open("192.0.2.1");
    assert!(second.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{second}");
    assert!(second.contains("\r\nRetry-After: 30\r\n"), "{second}");
    let (other, _) = open("192.0.2.2");
    assert!(other.starts_with("HTTP/1.1 200 OK\r\n"), "{other}");
    drop(conversation);
    // The server sees some time later that it has gone.
    wait_until("there is room", || open("192.0.2.1").0.starts_with("HTTP/1.1 200 OK\r\n"));
}
