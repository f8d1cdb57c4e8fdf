//! A temporary folder, and a `Site` over it.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::drive::{Served, answer};
use ipv6_httpd::cli::{self, Command};
use ipv6_httpd::config::Config;
use ipv6_httpd::http::buffers::Buffers;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::request::Request;
use ipv6_httpd::http::status::Reject;
use ipv6_httpd::peer::Peer;
use ipv6_httpd::site::Site;
use ipv6_httpd::site::ip_page::Client;
use ipv6_httpd::site::open_files::OpenFiles;
use ipv6_httpd::sys::Directory;

/// Removed when it is dropped.
pub struct Folder {
    path: PathBuf,
    borrowed: bool,
}

impl Folder {
    pub fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipv6-httpd-folder-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new folder");
        Folder { path, borrowed: false }
    }

    /// A folder within, to be served by itself. It lives as long as the outer one.
    #[allow(dead_code)] // tests/fuzz.rs alone serves one.
    pub fn beneath(&self, name: &str) -> Folder {
        Folder { path: self.path.join(name), borrowed: true }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, and dates it to a second that every row can rely on.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.dated(name, content, OLD, 0)
    }

    /// Writes a file with this time of modification.
    pub fn dated(
        &self,
        name: &str,
        content: impl AsRef<[u8]>,
        seconds: i64,
        nanoseconds: u32,
    ) -> PathBuf {
        let path = self.path.join(name);
        let parent = path.parent().expect("beneath the folder");
        fs::create_dir_all(parent).expect("its folder");
        fs::write(&path, content).expect("written");
        date(&path, seconds, nanoseconds);
        path
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(&path).expect("a folder");
        path
    }

    /// Drives what a command line with these options would serve.
    pub fn serve(&self, options: &[&str], drive: impl FnOnce(&Served<'_>)) {
        let site = self.site(options);
        // As a worker has them, for all of its connections.
        let shared = RefCell::new((OpenFiles::default(), Buffers::default()));
        let answer = |request: &Request<'_>, now: &Now| {
            let (open_files, buffers) = &mut *shared.borrow_mut();
            site.respond(request, &client, open_files, buffers, now)
        };
        let refuse = |reject: &Reject| site.reject(reject);
        drive(&Served { answer: &answer, refuse: &refuse });
    }

    /// What a command line with these options would serve.
    pub fn site(&self, options: &[&str]) -> Site {
        let config = config(options);
        let root = Directory::open(&self.path, config.site.symlinks).expect("the folder");
        Site::open(root, config.site, config.limits.ranges_max)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.borrowed {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Tue, 14 Nov 2023 22:13:20 GMT, 6553f100 in hexadecimal.
pub const OLD: i64 = 1_700_000_000;
pub const OLD_DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

pub fn date(path: &Path, seconds: i64, nanoseconds: u32) {
    let magnitude = Duration::from_secs(seconds.unsigned_abs());
    let whole: SystemTime =
        if seconds < 0 { UNIX_EPOCH - magnitude } else { UNIX_EPOCH + magnitude };
    let file = fs::File::options().write(true).open(path).expect("the file");
    file.set_modified(whole + Duration::from_nanos(nanoseconds.into())).expect("dated");
}

pub fn config(options: &[&str]) -> Config {
    match cli::parse(options.iter().map(OsString::from)) {
        Ok(Command::Serve(config)) => *config,
        other => panic!("{options:?}: {other:?}"),
    }
}

pub fn client() -> Client {
    let peer = Peer::behind_proxy("2001:db8::1".parse().expect("an address"));
    Client { name: peer.name(), server: None }
}

/// The fields of an answer with a file, up to its Content-Type.
pub fn file_fields(entity_tag: &str, modified: &str) -> String {
    format!(
        "{}Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n",
        validated_fields(entity_tag, modified)
    )
}

/// Those of them that a 304 has too.
pub fn validated_fields(entity_tag: &str, modified: &str) -> String {
    let mut fields = "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n".to_owned();
    for (name, value) in [("ETag", entity_tag), ("Last-Modified", modified)] {
        if !value.is_empty() {
            fields += &format!("{name}: {value}\r\n");
        }
    }
    fields
}

/// The server's own page, as it comes to who asks for no form; `fields`: those behind the usual ones.
pub fn error_page(status: &str, reason: &str, fields: &str) -> Vec<u8> {
    let fields = format!(
        "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
         Cache-Control: no-cache\r\nVary: Accept\r\n{fields}"
    );
    answer(status, &fields, format!("{status}\n{reason}\n"))
}
