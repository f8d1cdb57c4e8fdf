//! Files, siblings and folders are rewritten, replaced, removed, created and moved beside a full
//! load: no answer is older than its request. Each client notes what was done before it sends, and
//! whatever it receives has to be from then or later.
//!
//! `FRESHNESS_CHANGES` says how many changes, `FRESHNESS_PATHS` of how many paths, and
//! `FRESHNESS_SEED` in which order. A path that is left alone for seconds is one of which the server
//! remembers most, so long runs need thousands of them.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::{Answer, Conversation};
use crate::support::folder::{Folder, OLD, date};
use crate::support::random::{Random, number};
use crate::support::server::TestServer;
use crate::support::wait_until;

const CHANGES: u64 = 200;
const PATHS: u64 = 64;
/// Of these paths, half of the changes and of the requests.
const BUSY_PATHS: u64 = 6;
const LOAD_THREADS: u64 = 3;
/// Requests of a thread that are under way at the same time.
const CONNECTIONS: usize = 12;
/// Nothing is remembered of a folder that was changed more recently.
const SETTLED: Duration = Duration::from_millis(4_100);

/// What a path leads to, by the number of the change that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    plain: Option<usize>,
    coded: Option<usize>,
}

/// A representation, and the number of the change that wrote it. `None`: 404.
type Content = Option<(&'static str, usize)>;

/// A file that is being created.
const EMPTY: (&str, usize) = ("", 0);

impl State {
    fn content(self, accepts: bool) -> Content {
        let plain = self.plain.map(|number| ("plain", number))?;
        let coded = self.coded.map(|number| ("coded", number));
        Some(coded.filter(|_| accepts).unwrap_or(plain))
    }
}

/// A path, and all that was done to it. Change 0 has made it.
struct Target {
    /// Its folder, if that is its own.
    folder: Option<PathBuf>,
    file: PathBuf,
    sibling: PathBuf,
    target: String,
    /// Those before this number are complete.
    complete: AtomicUsize,
    /// What it leads to after each change, those that have begun included.
    states: Mutex<Vec<State>>,
}

impl Target {
    fn new(root: &Path, number: u64) -> Target {
        let own = (number % 4 != 0).then(|| format!("g{}/p{number}", number % 8));
        let name = match &own {
            Some(folder) => format!("{folder}/f.html"),
            None => format!("r{number}.html"),
        };
        let target = Target {
            folder: own.map(|folder| root.join(folder)),
            file: root.join(&name),
            sibling: root.join(name.clone() + ".gz"),
            target: format!("/{name}"),
            complete: AtomicUsize::new(1),
            states: Mutex::new(vec![State { plain: Some(0), coded: None }]),
        };
        fs::create_dir_all(target.file.parent().expect("a folder")).expect("folders");
        write(&target.file, "plain", 0);
        target
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, accepts: bool) -> String {
        let accept = if accepts { "Accept-Encoding: gzip, br\r\n" } else { "" };
        format!("GET {} HTTP/1.1\r\nHost: h\r\n{accept}\r\n", self.target)
    }

    /// Fails if the answer is of what the path led to before the last of the changes that were
    /// complete when the request was sent. `complete`: as many.
    fn check(&self, answer: &Answer, accepts: bool, complete: usize) {
        let content = content(answer);
        let states = self.states();
        let since = states.get(complete - 1..).expect("states of changes");
        let as_it_was = since.iter().any(|state| state.content(accepts) == content);
        // In the midst of a change there may be nothing yet, and a file without its sibling.
        let is_part = |state: &State| match content {
            None | Some(EMPTY) => true,
            Some((_, number)) => [state.plain, state.coded].contains(&Some(number)),
        };
        let in_between = since.len() > 1 && since.iter().any(is_part);
        assert!(
            as_it_was || in_between,
            "{} has {content:?} (coded: {accepts}) after {complete} of {} changes: {since:?}",
            self.target,
            states.len(),
        );
    }
}

fn content(answer: &Answer) -> Content {
    if answer.head.starts_with("HTTP/1.1 404 ") {
        return None;
    }
    assert!(answer.head.starts_with("HTTP/1.1 200 "), "{}", answer.head);
    if answer.body.is_empty() {
        return Some(EMPTY);
    }
    let text = String::from_utf8_lossy(&answer.body);
    let (kind, number) = text.split_once(' ').unwrap_or_else(|| panic!("{text:?}"));
    let kind = ["plain", "coded"].into_iter().find(|word| *word == kind).expect("a word");
    Some((kind, number.trim().parse().expect("a number")))
}

/// Always of the same length, and of the same time.
fn text(kind: &str, number: usize) -> String {
    format!("{kind} {number:<40}\n")
}

fn write(path: &Path, kind: &str, number: usize) {
    let mut file = File::create(path).expect("a file");
    file.write_all(text(kind, number).as_bytes()).expect("its content");
    date(path, OLD, 0);
}

/// Puts back the time as well: only the kernel's own time tells.
fn rewrite(path: &Path, kind: &str, number: usize) {
    let file = File::options().write(true).open(path).expect("a file");
    file.write_all_at(text(kind, number).as_bytes(), 0).expect("its content");
    date(path, OLD, 0);
}

/// Makes changes, one after the other.
struct Changer<'t> {
    stage: PathBuf,
    random: Random,
    targets: &'t [Target],
    /// The path that is being changed.
    current: &'t AtomicUsize,
}

impl Changer<'_> {
    fn rename(&self, from: &Path, to: &Path) {
        fs::rename(from, to).unwrap_or_else(|error| panic!("{from:?} to {to:?}: {error}"));
    }

    /// Makes a file elsewhere and moves it here.
    fn put(&self, path: &Path, kind: &str, number: usize) {
        let staged = self.stage.join("staged");
        write(&staged, kind, number);
        self.rename(&staged, path);
    }

    fn put_link(&self, path: &Path, number: usize) {
        let (staged, linked) = (self.stage.join("staged"), self.stage.join("linked"));
        write(&staged, "plain", number);
        fs::hard_link(&staged, &linked).expect("a second name");
        let _ = fs::remove_file(path);
        fs::hard_link(&linked, path).expect("a third");
        fs::remove_file(&staged).expect("the first");
        fs::remove_file(&linked).expect("the second");
    }

    fn put_symlink(&self, target: &Target, number: usize) {
        let real = target.file.with_extension(format!("real-{number}"));
        write(&real, "plain", number);
        let staged = self.stage.join("staged");
        symlink(real.file_name().expect("a name"), &staged).expect("a link");
        self.rename(&staged, &target.file);
    }

    /// Another folder takes the place of this one.
    fn put_folder(&self, target: &Target, folder: &Path, state: State) {
        let (new, old) = (self.stage.join("new"), self.stage.join("old"));
        fs::create_dir(&new).expect("a folder");
        let put = |path: &Path, kind, number| {
            write(&new.join(path.file_name().expect("a name")), kind, number);
        };
        if let Some(number) = state.plain {
            put(&target.file, "plain", number);
        }
        if let Some(number) = state.coded {
            put(&target.sibling, "coded", number);
        }
        self.rename(folder, &old);
        self.rename(&new, folder);
        fs::remove_dir_all(&old).expect("the one before");
    }

    /// Changes a path in one of all ways.
    fn change(&mut self, target: &Target) {
        let number = target.complete.load(Ordering::SeqCst);
        let before = *target.states().last().expect("a state");
        let way = self.random.below(10);
        let plain = Some(number);
        let state = match (way, before) {
            (0..=5, State { coded, .. }) => State { plain, coded },
            (6, State { plain: Some(_), coded }) => State { plain: None, coded },
            (7, State { plain, coded: Some(_) }) => State { plain, coded: None },
            (6..=8, State { plain, .. }) => State { plain, coded: Some(number) },
            _ => State { plain, coded: self.random.one_in(2).then_some(number) },
        };
        target.states().push(state);
        let (file, sibling) = (&target.file, &target.sibling);
        match (way, before) {
            (0 | 1, State { plain: Some(_), .. }) => rewrite(file, "plain", number),
            (0 | 1, _) => write(file, "plain", number),
            (2, _) => self.put(file, "plain", number),
            (3, _) => self.put_link(file, number),
            (4, _) => self.put_symlink(target, number),
            (5, State { plain: Some(_), .. }) => {
                let away = self.stage.join("away");
                self.rename(file, &away);
                self.put(file, "plain", number);
                fs::remove_file(away).expect("the one before");
            }
            (5, _) => self.put(file, "plain", number),
            (6, State { plain: Some(_), .. }) => fs::remove_file(file).expect("it was there"),
            (7, State { coded: Some(_), .. }) => fs::remove_file(sibling).expect("it was there"),
            (8, State { coded: Some(_), .. }) => rewrite(sibling, "coded", number),
            (6..=8, _) => self.put(sibling, "coded", number),
            _ => match &target.folder {
                Some(folder) => self.put_folder(target, folder, state),
                None => {
                    self.put(file, "plain", number);
                    match state.coded {
                        Some(number) => self.put(sibling, "coded", number),
                        None => _ = fs::remove_file(sibling),
                    }
                }
            },
        }
        target.complete.store(number + 1, Ordering::SeqCst);
    }

    /// Changes paths, and asks for each before and after.
    fn run(&mut self, address: SocketAddr, changes: u64) {
        let mut connection = Conversation::open(address);
        let mut ask = |target: &Target| {
            for accepts in [true, false, true] {
                let complete = target.complete.load(Ordering::SeqCst);
                connection.send(target.request(accepts));
                target.check(&connection.answer(), accepts, complete);
            }
        };
        for at in 0..changes {
            let count = self.targets.len() as u64;
            let chosen = match at % 2 {
                0 => self.random.below(BUSY_PATHS.min(count)),
                // In turn: each is left alone for as long as possible.
                _ => at / 2 % count,
            };
            self.current.store(chosen as usize, Ordering::SeqCst);
            let target = &self.targets[chosen as usize];
            ask(target);
            self.change(target);
            ask(target);
        }
    }
}

/// Asks without pause, mostly for what is being changed.
fn load(
    address: SocketAddr,
    targets: &[Target],
    current: &AtomicUsize,
    random: &mut Random,
    is_over: &AtomicBool,
) -> u64 {
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| Conversation::open(address)).collect();
    let mut asked = 0;
    while !is_over.load(Ordering::SeqCst) {
        let mut sent = Vec::new();
        for connection in &mut connections {
            let at = match random.one_in(4) {
                true => random.below(BUSY_PATHS.min(targets.len() as u64)) as usize,
                false => current.load(Ordering::SeqCst),
            };
            let (target, accepts) = (&targets[at], random.one_in(2));
            let complete = target.complete.load(Ordering::SeqCst);
            connection.send(target.request(accepts));
            sent.push((target, accepts, complete));
        }
        for (connection, (target, accepts, complete)) in connections.iter_mut().zip(sent) {
            target.check(&connection.answer(), accepts, complete);
            asked += 1;
        }
    }
    asked
}

fn no_answer_is_older_than_its_request(loops: &str) {
    let changes = number("FRESHNESS_CHANGES").unwrap_or(CHANGES);
    let paths = number("FRESHNESS_PATHS").unwrap_or(PATHS);
    let seed = number("FRESHNESS_SEED").unwrap_or(1);
    let folder = Folder::new();
    let (root, stage) = (folder.join("root"), folder.join("stage"));
    fs::create_dir(&stage).expect("a folder");
    let targets: Vec<_> = (0..paths).map(|number| Target::new(&root, number)).collect();
    let server = TestServer::start(&["-w", loops, "--log", "off"], &root);
    let address = server.address();
    let made = Instant::now();
    wait_until("folders that changed long ago", || made.elapsed() > SETTLED);
    let (current, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let asked: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..LOAD_THREADS)
            .map(|at| {
                let (targets, current, is_over) = (&targets, &current, &is_over);
                let mut random = Random::new(seed + 1 + at);
                scope.spawn(move || load(address, targets, current, &mut random, is_over))
            })
            .collect();
        /// Ends the load also where a change has found something wrong.
        struct End<'e>(&'e AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let end = End(&is_over);
        let (random, current) = (Random::new(seed), &current);
        Changer { stage, random, targets: &targets, current }.run(address, changes);
        drop(end);
        threads.into_iter().map(|thread| thread.join().expect("no stale answer")).sum()
    });
    assert!(asked > 0, "nobody else has asked");
    println!("{changes} changes of {paths} paths, {loops} loops: {asked} requests beside them");
}

#[test]
fn no_answer_of_one_loop_is_older_than_its_request() {
    no_answer_is_older_than_its_request("1");
}

#[test]
fn no_answer_of_four_loops_is_older_than_its_request() {
    no_answer_is_older_than_its_request("4");
}
