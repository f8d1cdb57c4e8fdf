//! A thread renames and swaps links and folders without pause, while others ask for what they
//! lead to: not one byte may come from outside the root. Through `openat2` and through the walk,
//! with links that stay inside and with none, and with files that are kept open meanwhile.
//!
//! `RACE_REQUESTS` says how many requests; a million is what the README's claim was tried with.
//! `RACE_SEED` says in which order they come.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::support::folder::Folder;
use crate::support::random::{Random, number};
use crate::support::site::Unlimited;

use ipv6_httpd::config::SiteOptions;
use ipv6_httpd::http::buffers::Buffers;
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::head::HeadReader;
use ipv6_httpd::http::lease::Lease;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::responder::Patience;
use ipv6_httpd::http::response::{Body, Response, Segment};
use ipv6_httpd::http::status::Status;
use ipv6_httpd::peer::Peer;
use ipv6_httpd::site::files::{Known, OpenFiles};
use ipv6_httpd::site::ip_page::Client;
use ipv6_httpd::site::{Context, Site};
use ipv6_httpd::sys::{Directory, Symlinks};

const REQUESTS: u64 = 50_000;

/// What stands in every file outside, and in every name there that is not also one inside.
const OUTSIDE: &[u8] = b"OUTSIDE";
/// No file inside has such a length: it would show in a listing.
const OUTSIDE_BYTES: usize = 7_654;
const INSIDE: &[u8] = b"inside ";

/// A folder of which `root` is served, and everything else is not.
struct Place(Folder);

impl Place {
    fn new() -> Place {
        let place = Place(Folder::new());
        for folder in ["root/d/sub", "root/a/b/c", "root/x", "root/deep/1/2", "stage"] {
            fs::create_dir_all(place.path(folder)).expect("a folder");
        }
        let big = INSIDE.repeat(3_000);
        for file in ["root/d/f", "root/d/sub/f", "root/a/b/c/f", "root/deep/1/2/f", "root/d/f.gz"] {
            fs::write(place.path(file), INSIDE.repeat(5)).expect("a file");
        }
        fs::write(place.path("root/d/big"), big).expect("a file");
        // The same names outside, wherever a link or a `..` too many might lead.
        for folder in ["outside/sub", "outside/c", "outside/b/c", "outside/2", "d/sub", "b"] {
            fs::create_dir_all(place.path(folder)).expect("a folder");
        }
        let files = [
            "outside/f",
            "outside/f.gz",
            "outside/big",
            "outside/sub/f",
            "outside/c/f",
            "outside/b/c/f",
            "outside/2/f",
            "outside/up",
            "outside/OUTSIDE",
            "outside/index.html",
            "d/f",
            "d/big",
            "d/sub/f",
            "f",
            "big",
            "b/up",
            "up",
            "index.html",
        ];
        for file in files {
            let text = OUTSIDE.iter().copied().cycle().take(OUTSIDE_BYTES).collect::<Vec<u8>>();
            fs::write(place.path(file), text).expect("a file");
        }
        // Links that stay inside, as long as nobody moves anything.
        for (link, target) in [
            ("root/l", "d/f"),
            ("root/l2", "./l"),
            ("root/m", "d/sub/../f"),
            ("root/a/b/up", "../../d/f"),
            ("root/deep/1/2/up", "../../../d/big"),
        ] {
            symlink(target, place.path(link)).expect("a link");
        }
        symlink(place.path("root/d/f"), place.path("root/absolute")).expect("a link");
        place
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.join(relative)
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to))
            .unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
    }

    /// Makes a link elsewhere and moves it here: there is no moment without either.
    fn put_link(&self, target: &Path, at: &str) {
        let staged = self.path("stage/link");
        symlink(target, &staged).expect("a link");
        fs::rename(&staged, self.path(at)).expect("a link in the place of something");
    }

    fn put_file(&self, at: &str) {
        let staged = self.path("stage/file");
        fs::write(&staged, INSIDE.repeat(5)).expect("a file");
        fs::rename(&staged, self.path(at)).expect("a file in the place of something");
    }

    /// One of everything that could make a server look outside, and back.
    fn disturb(&self, absolute: bool) {
        let outside = |relative: &str, up: &str| match absolute {
            true => self.path("outside").join(relative),
            false => Path::new(up).join("outside").join(relative),
        };
        // A file becomes a link, and a file again.
        self.put_link(&outside("f", "../.."), "root/d/f");
        self.put_file("root/d/f");
        // Links lead elsewhere.
        for link in ["root/l", "root/absolute"] {
            self.put_link(&outside("f", ".."), link);
        }
        self.put_link(Path::new("d/f"), "root/l");
        self.put_link(&self.path("root/d/f"), "root/absolute");
        // A folder is moved out, and a link takes its place.
        self.rename("root/d", "stage/d");
        self.put_link(&outside("", ".."), "root/d");
        fs::remove_file(self.path("root/d")).expect("the link goes");
        self.rename("stage/d", "root/d");
        // The same one level deeper, in front of a `..`.
        self.rename("root/d/sub", "stage/sub");
        self.put_link(&outside("sub", "../.."), "root/d/sub");
        fs::remove_file(self.path("root/d/sub")).expect("the link goes");
        self.rename("stage/sub", "root/d/sub");
        // Folders that hold links with `..` move up: now those lead out.
        self.rename("root/a/b", "root/b");
        self.rename("root/b", "root/a/b");
        self.rename("root/deep/1/2", "root/x/2");
        self.rename("root/x/2", "root/2");
        self.rename("root/2", "root/deep/1/2");
        // Outside altogether, where their `..` end beside files of the same names.
        self.rename("root/a/b", "stage/b");
        self.put_link(&outside("b", "../.."), "root/a/b");
        fs::remove_file(self.path("root/a/b")).expect("the link goes");
        self.rename("stage/b", "root/a/b");
        self.rename("root/deep", "outside/deep");
        self.rename("outside/deep", "root/deep");
    }
}

const TARGETS: [&str; 20] = [
    "/d/f",
    "/d/big",
    "/d/sub/f",
    "/d/",
    "/d",
    "/l",
    "/l2",
    "/m",
    "/absolute",
    "/a/b/up",
    "/b/up",
    "/a/b/c/f",
    "/a/b/",
    "/deep/1/2/up",
    "/2/up",
    "/x/2/up",
    "/deep/1/2/f",
    "/deep/1/2/",
    "/",
    "/a/b/c/../up",
];

/// One who asks, with files that are kept open from one request to the next.
struct Asker {
    site: Site,
    open_files: OpenFiles,
    buffers: Buffers,
}

impl Asker {
    fn new(place: &Place, symlinks: Symlinks, openat2: bool) -> Asker {
        let root = Directory::open(&place.path("root"), symlinks).expect("the root");
        let root = if openat2 { root } else { root.without_openat2() };
        let options = SiteOptions { symlinks, ..SiteOptions::default() };
        Asker {
            site: Site::open(root, options, 16),
            open_files: OpenFiles::default(),
            buffers: Buffers::default(),
        }
    }

    /// The whole answer, as far as it is not the server's own.
    fn ask(&mut self, target: &str, fields: &str) -> (Status, Vec<u8>) {
        let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let head = HeadReader::default().read(head.as_bytes(), &Limits::default()).map(|head| {
            let name = || Peer::behind_proxy([127, 0, 0, 1].into()).name();
            let client = || Client { name: name(), server: None };
            let now = Now::new(0, HttpDate(1_795_435_200));
            let request = head.expect("a complete head").request;
            self.open_files.look_anew();
            let lease = |_| -> Box<dyn Lease> { Box::new(Unlimited) };
            let mut respond = |patience| {
                let (open_files, buffers) = (&mut self.open_files, &mut self.buffers);
                let (client, now, lease) = (&client, &now, &lease);
                let context = Context { client, open_files, buffers, now, lease, patience };
                self.site.respond(&request, context)
            };
            // As a worker does, and then a task thread.
            let answer = respond(Patience::None).or_else(|_| respond(Patience::Any));
            answer.expect("it may wait")
        });
        let response = head.expect("a valid request");
        (response.status, everything(response))
    }
}

/// Fields and content.
fn everything(response: Response) -> Vec<u8> {
    let mut bytes = response.fields();
    match response.body {
        Body::Segments(segments) => {
            for segment in segments {
                match segment {
                    Segment::Bytes(content) => bytes.extend_from_slice(&content),
                    Segment::Shared(content) => bytes.extend_from_slice(&content),
                    Segment::File(file, range) => {
                        let mut file = &*file;
                        file.seek(SeekFrom::Start(range.start)).expect("a file has places");
                        file.take(range.end - range.start).read_to_end(&mut bytes).expect("read");
                    }
                }
            }
        }
        Body::Gathered(_) => panic!("an archive"),
        Body::Produced(mut source) => {
            let end = bytes.len() as u64 + source.length();
            while (bytes.len() as u64) < end {
                source.produce(&mut bytes);
            }
        }
        Body::Unmade => {}
    }
    bytes
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn not_one_byte_from_outside() {
    let requests = number("RACE_REQUESTS").unwrap_or(REQUESTS);
    let seed = number("RACE_SEED").unwrap_or(1);
    let place = Place::new();
    let (over, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    let askers = [
        (Symlinks::Inside, true),
        (Symlinks::Inside, false),
        (Symlinks::Deny, true),
        (Symlinks::Deny, false),
    ];
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                place.disturb(rounds.fetch_add(1, Ordering::Relaxed) % 2 == 0);
            }
        });
        let work = |(symlinks, openat2)| {
            let mut asker = Asker::new(&place, symlinks, openat2);
            let (mut found, mut missing) = (0_u64, 0_u64);
            let mut random = Random::new(seed);
            for _ in 0..requests / askers.len() as u64 {
                let target = *random.of(&TARGETS);
                let fields = ["", "Accept-Encoding: gzip\r\n", "Accept: application/json\r\n"];
                let fields = *random.of(&fields);
                let (status, bytes) = asker.ask(target, fields);
                assert!(!holds(&bytes, OUTSIDE), "{symlinks:?}, openat2 {openat2}: {target}");
                let length = format!("\"size\":{OUTSIDE_BYTES},");
                assert!(
                    !holds(&bytes, length.as_bytes()),
                    "{symlinks:?}, openat2 {openat2}: {target} tells the length of a file outside"
                );
                match status {
                    Status::Ok => found += 1,
                    Status::NotFound | Status::MovedPermanently => missing += 1,
                    // Only what the system itself cannot do at the moment.
                    other => panic!("{} for {target}", other.text()),
                }
                // Some are found by their name again, some are opened anew.
                if random.one_in(64) {
                    asker.open_files.expire();
                }
            }
            (found, missing)
        };
        let threads = askers.map(|asker| scope.spawn(move || work(asker)));
        // Whoever may follow links does see what is outside, or there would be nothing to see.
        let mut control = Asker::new(&place, Symlinks::Follow, true);
        let mut random = Random::new(seed);
        let seen = (0..requests).any(|_| {
            let target = *random.of(&TARGETS);
            holds(&control.ask(target, "").1, OUTSIDE)
        });
        let counts = threads.map(|thread| thread.join());
        over.store(true, Ordering::Relaxed);
        assert!(seen, "nothing leads outside");
        for (asker, counts) in askers.iter().zip(counts) {
            let (found, missing) = counts.expect("see above");
            println!("{asker:?}: {found} found, {missing} not there");
            // Both happen, or nothing was tried.
            assert!(
                found * 20 > requests / 4 && missing > 0,
                "{asker:?}: {found} found, {missing} not"
            );
        }
    });
    let rounds = rounds.load(Ordering::Relaxed);
    println!("{requests} requests, {rounds} rounds of renaming, {:?}", begin.elapsed());
    assert!(rounds > 10, "nobody raced");
}

/// What is kept open is found by its name each time: whatever happens to the name counts, and not
/// what happens to the file.
#[test]
fn a_file_that_is_kept_open_is_not_sent_when_its_name_leads_elsewhere() {
    let steps: [(&str, fn(&Place), &str, Status); 7] = [
        ("nothing", |_| {}, "/d/f", Status::Ok),
        (
            "the file is replaced by a link",
            |place| place.put_link(&place.path("outside/f"), "root/d/f"),
            "/d/f",
            Status::NotFound,
        ),
        (
            "the file is moved out",
            |place| place.rename("root/d/f", "outside/moved"),
            "/d/f",
            Status::NotFound,
        ),
        (
            "its folder is moved out, and a link put in its place",
            |place| {
                place.rename("root/d", "outside/d");
                place.put_link(&place.path("outside/d"), "root/d");
            },
            "/d/f",
            Status::NotFound,
        ),
        (
            "the same, and what is outside is written to",
            |place| {
                place.rename("root/d", "outside/d");
                place.put_link(Path::new("../outside/d"), "root/d");
                fs::write(place.path("outside/d/f"), OUTSIDE.repeat(5)).expect("as long as before");
            },
            "/d/f",
            Status::NotFound,
        ),
        (
            "the folder above is replaced by a link",
            |place| {
                place.rename("root/a/b", "outside/b2");
                place.put_link(&place.path("outside/b2"), "root/a/b");
            },
            "/a/b/c/f",
            Status::NotFound,
        ),
        (
            "it is removed",
            |place| fs::remove_file(place.path("root/d/f")).expect("it was there"),
            "/d/f",
            Status::NotFound,
        ),
    ];
    for openat2 in [true, false] {
        for (what, step, target, expected) in steps {
            let place = Place::new();
            let mut asker = Asker::new(&place, Symlinks::Inside, openat2);
            for _ in 0..2 {
                assert_eq!(asker.ask(target, "").0, Status::Ok, "{what}: before");
            }
            step(&place);
            let (status, bytes) = asker.ask(target, "");
            assert_eq!(status, expected, "{what}, openat2 {openat2}");
            assert!(!holds(&bytes, OUTSIDE), "{what}");
        }
    }
}

/// What was missing is asked for by its name before it is opened, which would follow a link.
#[test]
fn a_name_that_leads_outside_is_not_remembered_as_missing() {
    let place = Place::new();
    let link = |target: &Path, name: &str| symlink(target, place.path(name)).expect("a link");
    link(&place.path("stage"), "root/far");
    link(Path::new("../stage"), "root/near");
    let rows = [
        // In another slot than 404.html.
        ("none", true),
        ("d/nothing", true),
        ("far", false),
        ("far/nothing", false),
        ("near", false),
        ("near/nothing", false),
    ];
    for symlinks in [Symlinks::Inside, Symlinks::Deny] {
        for openat2 in [true, false] {
            let mut asker = Asker::new(&place, symlinks, openat2);
            for (path, remembered) in rows {
                let (status, _) = asker.ask(&format!("/{path}"), "");
                assert_eq!(status, Status::NotFound, "{path}");
                let found = asker.open_files.find(asker.site.root(), path.as_bytes());
                let found = matches!(found, Known::Missing | Known::Missed);
                // Name by name, a mount point may be on the way.
                assert_eq!(found, remembered && openat2, "{path} {symlinks:?} {openat2}");
            }
        }
    }
}

/// One of ten thousand would only take the place of a file that is asked for again. What a task thread
/// had to find is kept at once.
#[test]
fn a_file_is_kept_open_from_its_second_request_on() {
    let place = Place::new();
    for (openat2, kept_first) in [(true, false), (false, true)] {
        let mut asker = Asker::new(&place, Symlinks::Inside, openat2);
        for (request, kept) in [(1, kept_first), (2, true), (3, true)] {
            assert_eq!(asker.ask("/d/f", "").0, Status::Ok);
            let found = asker.open_files.find(asker.site.root(), b"d/f");
            let found = matches!(found, Known::Open(_));
            // Without RESOLVE_CACHED a task thread finds every file.
            let is_asked = asker.site.root().open_beneath_at_once(b"d/f").is_ok();
            assert_eq!(found, kept || !is_asked, "request {request}, openat2 {openat2}");
        }
    }
}

/// One read serves all requests that were received before it, and no other.
#[test]
fn each_look_reads_anew() {
    let place = Place::new();
    let mut asker = Asker::new(&place, Symlinks::Inside, true);
    for _ in 0..2 {
        asker.ask("/d/f", "");
    }
    let Known::Open(file) = asker.open_files.find(asker.site.root(), b"d/f") else {
        panic!("it is not kept");
    };
    let mut read = |look: bool, range| {
        if look {
            asker.open_files.look_anew();
        }
        let read = asker.open_files.read(&file, range, Patience::Any);
        String::from_utf8(read.expect("a small part").to_vec()).expect("text")
    };
    let write = |text: &str| fs::write(place.path("root/d/f"), text).expect("a file");
    assert_eq!(read(true, 0..6), "inside");
    write("before");
    assert_eq!(read(false, 0..6), "inside");
    assert_eq!(read(false, 1..6), "efore");
    assert_eq!(read(true, 0..6), "before");
    write("after.");
    assert_eq!(read(true, 0..6), "after.");
    write("no");
    asker.open_files.look_anew();
    assert!(asker.open_files.read(&file, 0..6, Patience::Any).is_err());
    // What could not be read leaves nothing behind.
    write("longer");
    let read = asker.open_files.read(&file, 0..6, Patience::Any).expect("all of it");
    assert_eq!(**read, *b"longer");
}
