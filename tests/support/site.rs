//! Folders of files that are there as long as a test runs.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// A temporary folder; it goes when this is dropped.
#[derive(Debug)]
pub struct TempSite {
    path: PathBuf,
}

impl TempSite {
    /// An empty one.
    pub fn new() -> TempSite {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Canonical, so that absolute links into it are recognised as such.
        let parent = env::temp_dir().canonicalize().expect("a temporary folder");
        let path = parent.join(format!("ipv6-httpd-test-{}-{count}", process::id()));
        fs::create_dir(&path).expect("a folder of one's own");
        TempSite { path }
    }

    /// One with these files, and the folders that they are in.
    pub fn with(files: &[(&str, &str)]) -> TempSite {
        let site = TempSite::new();
        for (name, content) in files {
            site.write(name, content);
        }
        site
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where something in it is; any bytes but NUL.
    pub fn join(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.path.join(OsStr::from_bytes(name.as_ref()))
    }

    /// Writes a file, and makes the folders that it is in.
    pub fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, content).expect("a file");
        path
    }

    /// Dates a file back: of one that was written just now there are no validators.
    pub fn age(&self, name: impl AsRef<[u8]>) {
        let file = File::options().write(true).open(self.join(name));
        let file = file.expect("the file");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000))
            .expect("dated");
    }

    /// Makes a folder and those that it is in.
    pub fn folder(&self, name: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).expect("folders");
        path
    }

    /// Makes a symbolic link.
    pub fn link(&self, target: impl AsRef<Path>, name: impl AsRef<[u8]>) {
        std::os::unix::fs::symlink(target, self.join(name)).expect("a link");
    }

    /// Makes a fifo that nobody writes to.
    pub fn fifo(&self, name: impl AsRef<[u8]>) {
        let made = Command::new("mkfifo").arg(self.join(name)).status();
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

impl Drop for TempSite {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Bytes of which each eight say where in a file they are.
pub fn pattern(offset: u64, count: usize) -> Vec<u8> {
    let skipped = (offset % 8) as usize;
    let words = (offset / 8)..=((offset + count as u64) / 8);
    let word = |word: u64| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let bytes: Vec<u8> = words.flat_map(word).collect();
    bytes[skipped..skipped + count].to_vec()
}
