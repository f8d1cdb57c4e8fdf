//! The only sockets and threads: binds, starts the workers, waits for a signal, drains.

pub mod budget;
mod by_client;
mod clients;
pub mod colours;
pub mod connection_limits;
mod exchange;
pub mod healthcheck;
pub mod listener;
pub mod local_time;
pub mod log;
mod responder;
mod root_watch;
mod shared;
mod systemd;
mod task_thread;
mod tasks;
mod token;
mod transport;
mod turn;
pub mod urls;
mod user;
mod worker;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::access::Access;
use crate::config::{Config, port_hint};
use crate::qr::{Ink, Symbol};
use crate::site::Site;
use crate::sys::{self, Directory, Listener, Sandbox, Signal, Signals, Symlinks, Waker};

use budget::{ARCHIVES_MAX, Budget, CLIENT_PART, Shares};
use colours::has_colours;
use connection_limits::ConnectionLimits;
use local_time::LocalTime;
use log::Log;
use root_watch::RootWatch;
use shared::{Mailbox, Shared, stuck_tasks};
use systemd::{Manager, Watch};
use tasks::{Chore, Tasks};
use urls::Reachable;
use user::Change;
use worker::Worker;

/// After a signal, downloads get this long to finish.
const DRAIN: Duration = Duration::from_secs(10);
/// The stack of a worker. Its deepest call reads a folder. The default of 2 MiB for each worker is
/// much of the address space of a 32-bit board.
const STACK_BYTES: usize = 256 << 10;

/// A server that is ready to run.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    /// They close once the workers have dropped them too: then no client is accepted any more.
    listeners: Arc<[Listener]>,
    /// They were passed by a service manager, whose they stay.
    are_passed: bool,
    /// Where it can be reached, as known at the start.
    urls: Vec<Reachable>,
    /// Whether to print the best URL as a QR code.
    qr: bool,
    signals: Signals,
    manager: Manager,
    sandbox: Sandbox,
    /// Tells the workers to stop.
    stop_sender: Waker,
}

impl Server {
    /// Opens the folder and the listeners. The error is one line for the operator.
    pub fn bind(config: &Config) -> Result<Server, String> {
        let cannot = |what: &str, error: io::Error| format!("cannot {what}: {error}");
        Signals::hold().map_err(|error| cannot("hold signals", error))?;
        // First, before anything else gets the numbers of these descriptors.
        let passed = systemd::passed_listeners()?;
        let root = open_root(config)?;
        let server_user = user::future(config)?;
        let access = Access::open(&config.access, &config.root, server_user, tasks::THREADS)?;
        if access.as_ref().is_some_and(Access::names_local) {
            systemd::check_network(&passed)?;
        }
        let are_passed = !passed.is_empty();
        let listeners = match are_passed {
            true => passed,
            false => listener::bind(&config.bind, config.port())?,
        };
        // Before any thread starts, so that the signals are blocked in all of them.
        let signals = Signals::block().map_err(|error| cannot("wait for signals", error))?;
        let (stop_sender, stop_signal) =
            sys::wake_signal().map_err(|error| cannot("make a socket pair", error))?;
        // From here to the sandbox: all that has to be read outside of it. No thread starts before
        // the sandbox, so that all of them are inside.
        let urls = urls::reachable(&listeners, access.as_ref());
        let local_time = LocalTime::of_system();
        let manager = Manager::find();
        let shares = Shares::of(sys::memory_bytes());
        let connection_limits = ConnectionLimits::new(config, shares)?;
        let mailboxes: io::Result<Vec<_>> = (0..config.workers()).map(|_| Mailbox::new()).collect();
        let mailboxes = mailboxes.map_err(|error| cannot("make a socket pair", error))?;
        let (change, sandbox) = give_up_rights(config, &root, access.as_ref())?;
        let log =
            Log::start(config, local_time).map_err(|error| cannot("start a thread", error))?;
        let login = access.as_ref().filter(|_| change != Change::None);
        warn(&log, config, &root, login, are_passed);
        if let Some(warning) = change.warning() {
            log.warn(warning);
        }
        let workers = config.workers();
        let shared = Shared {
            site: Site::open(root, config.site.clone(), config.limits.ranges_max),
            access,
            limits: config.limits,
            log,
            connection_limits,
            listings: Arc::new(Budget::new(shares.listings, shares.listings / CLIENT_PART)),
            archives: Arc::new(Budget::new(ARCHIVES_MAX, 1)),
            room_wanted: AtomicBool::new(false),
            mailboxes,
            tasks: Tasks::default(),
            stuck_tasks: AtomicUsize::new(0),
            root_watch: RootWatch::default(),
            workers,
            turns: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            running: AtomicUsize::new(workers),
            start: Instant::now(),
            stop_signal,
        };
        Ok(Server {
            shared: Arc::new(shared),
            listeners: listeners.into(),
            are_passed,
            urls,
            qr: config.qr,
            signals,
            manager,
            sandbox,
            stop_sender,
        })
    }

    /// The addresses at which it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(listener::address).collect()
    }

    /// What the kernel keeps it from.
    pub fn sandbox(&self) -> Sandbox {
        self.sandbox
    }

    /// Prints its URLs and serves. After the first signal it finishes running requests, after the
    /// second it ends at once, and the process with it: closing a file may wait for its disk.
    pub fn run(mut self) -> Result<Infallible, String> {
        // Before the first line of the log: clients may already wait at a socket that was passed.
        self.announce();
        // Make all of them before the first one runs: clients that already wait could take the
        // descriptors that the others need.
        let new = |number| {
            let (shared, listeners) = (Arc::clone(&self.shared), Arc::clone(&self.listeners));
            Worker::new(shared, listeners, number)
        };
        let workers: io::Result<Vec<Worker>> = (0..self.shared.workers).map(new).collect();
        for worker in workers.map_err(|error| format!("cannot poll: {error}"))? {
            let builder = thread::Builder::new().name("worker".to_owned()).stack_size(STACK_BYTES);
            builder
                .spawn(move || worker.run())
                .map_err(|error| format!("cannot start a thread: {error}"))?;
        }
        for thread in 0..tasks::THREADS {
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name("task".to_owned()).stack_size(STACK_BYTES);
            builder
                .spawn(move || task_thread::run(&shared, thread))
                .map_err(|error| format!("cannot start a thread: {error}"))?;
        }
        self.manager.tell(&format!("READY=1\nSTATUS={}", self.place()));
        let mut watch = Watch::default();
        self.look_after_threads(&mut watch);
        loop {
            match self.signals.wait() {
                Signal::Interrupt => {
                    self.shared.log.say("Caught SIGINT, dying\n");
                    break;
                }
                Signal::Terminate => break,
                Signal::Reload => self.shared.tasks.add_chore(Chore::ReadUsers),
                Signal::Alarm => self.look_after_threads(&mut watch),
            }
        }
        self.drain();
        self.shared.log.finish();
        sys::exit_now(0)
    }

    /// Tells the watchdog that the server is alive, if every worker has turned since it was told
    /// last. Otherwise it is told nothing, and ends the service in time. Tells the service manager
    /// which threads are stuck.
    fn look_after_threads(&self, watch: &mut Watch) {
        let seconds = self.manager.watchdog_seconds();
        let now = Instant::now();
        if seconds != 0 {
            self.shared.look_after_tasks(now);
        }
        if seconds != 0 && watch.is_due(now) {
            let was_stuck = watch.is_stuck();
            match watch.look(self.shared.turns()) {
                None => {
                    self.manager.alive();
                    self.shared.call();
                    watch.look_again(now, seconds);
                }
                Some(stuck) => {
                    if !was_stuck {
                        self.shared.log.warn(&stuck);
                    }
                    watch.status = Some(stuck);
                    // The call may have been lost, and it may be over soon.
                    self.shared.call();
                    watch.look_again(now, 1);
                }
            }
        }
        if !watch.is_stuck() {
            let stuck = self.shared.stuck_tasks.load(Ordering::Relaxed);
            watch.status = (stuck > 0).then(|| stuck_tasks(stuck));
        }
        if watch.status != watch.told {
            let status = watch.status.clone().unwrap_or_else(|| self.place());
            self.manager.tell(&format!("STATUS={status}"));
            watch.told.clone_from(&watch.status);
        }
    }

    /// Prints the words of `ipv6-httpd.py`, with the URLs between them.
    fn announce(&self) {
        let mut text = format!("{}\n", self.place());
        for url in &self.urls {
            text.push_str(&url.line());
            text.push('\n');
        }
        if self.qr {
            text.push_str(&drawing(&self.urls));
        }
        text.push_str("Press ^C to quit\n");
        self.shared.log.say(&text);
    }

    /// What this configuration comes to. It would start: [`Server::bind`] has succeeded.
    pub fn check(&self, config: &Config) -> String {
        let root = self.shared.site.root();
        let mut lines = vec![format!("Folder: {}", root.path().display())];
        lines.extend(std::fs::metadata(root.path()).map(|found| readers(&found)).ok());
        lines.extend(self.urls.iter().map(|url| format!("URL: {}", url.line())));
        lines.extend(self.shared.access.iter().flat_map(Access::summary));
        lines.push(format!("Connections: {} at most", self.shared.connection_limits.max()));
        lines.push(format!("Listings: {} bytes at most", self.shared.listings.bytes()));
        lines.push(format!(
            "Threads: {} for connections, {} for what takes time",
            config.workers(),
            tasks::THREADS
        ));
        lines.push(match (root.symlinks(), root.has_openat2()) {
            (Symlinks::Follow, _) => "Paths: symbolic links may lead out of the folder".to_owned(),
            (_, true) => "Paths: the kernel keeps them in the folder (openat2)".to_owned(),
            (_, false) => {
                "Paths: the server keeps them in the folder (no openat2 in this kernel)".to_owned()
            }
        });
        lines.push(format!("Sandbox: {}", self.sandbox));
        lines.push("All is well: it would start.\n".to_owned());
        lines.join("\n")
    }

    fn place(&self) -> String {
        match self.addresses().first() {
            Some(address) => format!("Listening on port:{}", address.port()),
            None => "Listening on a unix socket".to_owned(),
        }
    }

    /// Now, and not when the last worker lets go of the listeners: one may be stuck in a call.
    fn stop_listening(&mut self) {
        let listeners = std::mem::take(&mut self.listeners);
        if !self.are_passed {
            for listener in listeners.iter() {
                let _ = sys::stop_listening(listener);
            }
        }
    }

    fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN;
        self.manager.tell("STOPPING=1\nSTATUS=Finishing what is running");
        self.stop_sender.wake_for_good();
        self.stop_listening();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.shared.all_ended() || left.is_zero() {
                return;
            }
            self.manager.alive();
            // One alarm for both. Rounded up, because 0 seconds means never.
            let left_seconds = left.as_secs() as u32 + 1;
            Signals::alarm(match self.manager.watchdog_seconds() {
                0 => left_seconds,
                watchdog_seconds => left_seconds.min(watchdog_seconds),
            });
            match self.signals.wait() {
                Signal::Interrupt | Signal::Terminate => return,
                Signal::Reload | Signal::Alarm => {}
            }
        }
    }
}

/// Becomes another user if need be, and enters the sandbox.
fn give_up_rights(
    config: &Config,
    root: &Directory,
    access: Option<&Access>,
) -> Result<(Change, Sandbox), String> {
    let everything = Directory::open("/".as_ref(), Symlinks::Follow).ok();
    let readable = match config.site.symlinks {
        Symlinks::Follow => everything.as_ref().unwrap_or(root),
        Symlinks::Inside | Symlinks::Deny => root,
    };
    // To read an auth file that was replaced, its folder has to be readable.
    let folders = access.map(Access::folders).unwrap_or_default();
    let open = |path: &PathBuf| Directory::open(path, Symlinks::Follow).ok();
    let folders: Vec<Directory> = folders.iter().filter_map(open).collect();
    let change = user::change(config, root)?;
    Ok((change, Sandbox::enter(&[readable], &Vec::from_iter(&folders))))
}

/// Says what would go wrong later. `login` is there if another user has to read the auth file now.
fn warn(log: &Log, config: &Config, root: &Directory, login: Option<&Access>, are_passed: bool) {
    if are_passed && (config.port.is_some() || !config.bind.is_empty()) {
        log.warn("--port and --bind do not count: the service manager has opened the port");
    }
    if let Some(name) = &config.site.fallback {
        if root.open_beneath(name).is_err() {
            // The file may come later; if the name is mistyped, it will not.
            let name = String::from_utf8_lossy(name).replace(char::is_control, "?");
            log.warn(&format!("--fallback: there is no file '{name}' in the folder yet"));
        }
    }
    if let Some(error) = login.and_then(Access::reload) {
        log.warn(&error);
    }
}

fn open_root(config: &Config) -> Result<Directory, String> {
    let name = config.root.display();
    let hint = systemd::hint(&config.root);
    let root = Directory::open(&config.root, config.site.symlinks);
    let root = root.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let habit = match config.root.to_str().unwrap_or_default() {
                "help" => "; see --help".to_owned(),
                folder => port_hint(folder).unwrap_or_default(),
            };
            format!("there is no directory '{name}'{habit}{hint}")
        }
        io::ErrorKind::NotADirectory => {
            format!("'{name}' is not a directory: name the one that it is in")
        }
        io::ErrorKind::PermissionDenied => {
            format!("not allowed to read the directory '{name}'{hint}")
        }
        _ => format!("cannot open the directory '{name}': {error}"),
    })?;
    // If it cannot be read at all, say so now, not to every client.
    root.open_beneath(b"").map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("not allowed to read the directory '{name}'{hint}")
        }
        _ => format!("cannot read the directory '{name}': {error}"),
    })?;
    Ok(root)
}

/// Who may read a folder, by its mode. Clients of the server read it with the server's rights.
fn readers(folder: &std::fs::Metadata) -> String {
    let Some((mode, user, group)) = sys::mode_and_owner(folder) else {
        return "Readers: not known on this system".to_owned();
    };
    let who = match (mode & 0o040 != 0, mode & 0o004 != 0) {
        (_, true) => "everybody on this machine",
        (true, false) => "its owner and its group only",
        (false, false) => "its owner only",
    };
    format!(
        "Readers: {who} (mode {mode:04o}, user {user}, group {group}); \
         through this server everybody who can reach it"
    )
}

/// Tells the service manager why the server does not start, if there is one. It keeps the last lines
/// of such a short life apart from the service, and shows this one.
pub fn report_failure(error: &str) {
    systemd::report_failure(error);
}

/// The best URL for a phone.
fn drawing(reachable: &[Reachable]) -> String {
    let best = reachable.iter().find(|found| found.is_for_phones());
    match best.and_then(|best| Some((&best.url, Symbol::encode(&best.url)?))) {
        Some((url, symbol)) => {
            let ink = if has_colours() { Ink::Colours } else { Ink::Plain };
            symbol.draw(ink) + &format!("QR code: {url}\n")
        }
        None => "A phone cannot open any address of this machine.\n".to_owned(),
    }
}
