//! Folders of files that are there as long as a test runs.
//!
//! It needs nothing else of the support: `tests/contract.rs` includes it alone, on each system.

use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A temporary folder. It is removed when it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    is_borrowed: bool,
}

impl Folder {
    /// An empty one.
    pub fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Canonical, so that absolute links into it are recognised as such.
        let parent = env::temp_dir().canonicalize().expect("a temporary folder");
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("ipv6-httpd-test-{}-{count}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Folder { path, is_borrowed: false },
                // Of an earlier process of this number, which was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    /// One with these files, and the folders that they are in.
    pub fn with(files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new();
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    /// A folder within, to be served by itself. It lives as long as the outer one.
    pub fn beneath(&self, name: &str) -> Folder {
        Folder { path: self.join(name), is_borrowed: true }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where something in it is; any bytes but NUL.
    pub fn join(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.path.join(relative(name.as_ref()))
    }

    /// Writes a file as of now, and makes the folders that it is in.
    pub fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, content).expect("a file");
        path
    }

    /// Writes a file, and dates it to [`OLD`], a second that every row can rely on.
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
        let path = self.write(name, content);
        date(&path, seconds, nanoseconds);
        path
    }

    /// Dates a file back: of one that was written just now there are no validators.
    pub fn age(&self, name: impl AsRef<[u8]>) {
        date(&self.join(name), 1_600_000_000, 0);
    }

    /// What a text file holds.
    pub fn text(&self, name: impl AsRef<[u8]>) -> String {
        fs::read_to_string(self.join(name)).expect("text")
    }

    /// Makes a folder and those that it is in.
    pub fn folder(&self, name: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).expect("folders");
        path
    }

    /// Makes a symbolic link.
    #[cfg(unix)]
    pub fn link(&self, target: impl AsRef<Path>, name: impl AsRef<[u8]>) {
        std::os::unix::fs::symlink(target, self.join(name)).expect("a link");
    }

    /// Makes a fifo that nobody writes to.
    #[cfg(unix)]
    pub fn fifo(&self, name: impl AsRef<[u8]>) {
        let made = process::Command::new("mkfifo").arg(self.join(name)).status();
        assert!(made.expect("mkfifo").success());
    }

    /// Writes a file of [`pattern`]; sparse, with that only at `places`, where those are named.
    pub fn write_pattern(&self, name: &str, length: u64, places: &[(u64, usize)]) -> PathBuf {
        let path = self.join(name);
        let mut file = File::create(&path).expect("a file");
        if places.is_empty() {
            let mut at = 0;
            while at < length {
                let count = (length - at).min(1 << 20) as usize;
                file.write_all(&pattern(at, count)).expect("room");
                at += count as u64;
            }
        } else {
            file.set_len(length).expect("a sparse file");
            for &(at, count) in places {
                file.seek(SeekFrom::Start(at)).expect("seek");
                file.write_all(&pattern(at, count)).expect("room");
            }
        }
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_borrowed {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A name in a folder.
fn relative(name: &[u8]) -> PathBuf {
    #[cfg(unix)]
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(name);
    #[cfg(not(unix))]
    let name = std::str::from_utf8(name).expect("UTF-8");
    PathBuf::from(name)
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

/// Bytes of which each eight say where in a file they are.
pub fn pattern(offset: u64, count: usize) -> Vec<u8> {
    let skipped = (offset % 8) as usize;
    let words = (offset / 8)..=((offset + count as u64) / 8);
    let word = |word: u64| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let bytes: Vec<u8> = words.flat_map(word).collect();
    bytes[skipped..skipped + count].to_vec()
}

/// Names of files that a listing, a URL or a client may trip over.
pub fn odd_names() -> Vec<Vec<u8>> {
    let (long, long_wide, long_bytes) = ([b'n'; 255], "\u{20ac}".repeat(85), [0xff; 255]);
    let names: [&[u8]; 59] = [
        b" ",
        b" leading and trailing ",
        b"trailing ",
        b"two  spaces  ",
        b"#?%&<>\"'\\",
        b"#",
        b"?",
        b"%",
        b"%41",
        b"%2e%2e",
        b"%zz",
        b"&",
        b"&amp;",
        b"AT&T",
        b"a&lt;b",
        b"a&#65;b",
        b"&lt;first",
        b"&#65; & more",
        b"'quoted'",
        b"\"quoted\"",
        b"<script>alert(1)<script>",
        b"new\nline",
        b"carriage\rreturn",
        b"tab\tand\x1b[31mred",
        b"\x01\x7f",
        b"\xff",
        b"a\xffb\xc3",
        b"..foo",
        b"...",
        b"..>",
        b"..;",
        b"-x",
        b"--help",
        b"a:b",
        b"javascript:alert(1)",
        b"http:",
        b"http",
        b"httpd.conf",
        b"https:x",
        b"h",
        b"HTTP",
        b"C=S&O=D",
        b"?C=S&O=D",
        b"+",
        b"a+b",
        b"=;,@$!*()[]{}|^`~_",
        b"back\\slash",
        b"nothing.",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}.txt".as_bytes(),
        "\u{202e}txt.exe".as_bytes(),
        "\u{1f600}".as_bytes(),
        // Composed and combining are two names.
        "\u{e9}".as_bytes(),
        "e\u{301}".as_bytes(),
        "\u{200b}\u{feff}".as_bytes(),
        "\u{fffd}".as_bytes(),
        "\u{85}\u{2028}".as_bytes(),
        &long,
        long_wide.as_bytes(),
        &long_bytes,
    ];
    names.map(<[u8]>::to_vec).to_vec()
}
