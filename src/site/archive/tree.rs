//! The files and folders beneath a folder, one after the other, in an order that depends on their
//! names alone. Memory holds the entries of the folders on the way to the last one, and three
//! numbers for each folder.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::sync::Arc;

use crate::config::{Column, Order};
use crate::http::date::HttpDate;
use crate::http::lease::Lease;
use crate::http::path::SitePath;
use crate::sys::{Directory, Entry, Failure, FileState};

use super::super::listing::entries::Entries;
use super::super::listing::order;
use super::super::listing::row;
use super::super::representation::is_tagged;

/// The tree beneath a folder. [`Tree::rewind`] goes through it again, and fails where it has changed.
/// The second time it can pass over folders without reading them.
#[derive(Debug)]
pub(super) struct Tree {
    root: Arc<Directory>,
    hidden: bool,
    now: HttpDate,
    lease: Box<dyn Lease>,
    top: SitePath,
    /// The folders that the last entry is in.
    levels: Vec<Level>,
    /// In order.
    folders: Vec<Folder>,
    /// How many folders this pass has read or passed over.
    read: usize,
    /// Another pass has read all of them.
    is_known: bool,
    /// Sizes and times tell the files from what they may become.
    is_tagged: bool,
}

/// What one pass tells the next about a folder.
#[derive(Debug)]
struct Folder {
    /// Of what is in it.
    hash: u64,
    /// Where all that is beneath it ends in the archive.
    end: u64,
    /// The number of the folder that comes after those beneath it.
    next: usize,
}

/// A folder that is being gone through.
#[derive(Debug)]
struct Level {
    number: usize,
    path: SitePath,
    state: FileState,
    entries: Entries,
    next: usize,
}

/// A file or a folder of the tree.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) path: SitePath,
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) is_directory: bool,
}

/// Deeper trees have no archive. A link to a folder above is left out, so no tree is endless.
const DEPTH_MAX: usize = 64;

impl Tree {
    pub(super) fn new(
        root: Arc<Directory>,
        hidden: bool,
        now: HttpDate,
        top: &SitePath,
        lease: Box<dyn Lease>,
    ) -> Tree {
        Tree {
            root,
            hidden,
            now,
            lease,
            top: top.clone(),
            levels: Vec::new(),
            folders: Vec::new(),
            read: 0,
            is_known: false,
            is_tagged: true,
        }
    }

    /// Goes back to the start.
    pub(super) fn rewind(&mut self) {
        self.levels.clear();
        self.read = 0;
        self.is_known = true;
    }

    /// The path of the folder.
    pub(super) fn top(&self) -> &[u8] {
        self.top.as_bytes()
    }

    /// A hash of all folders, once all have been read. `None`: it would not tell whether anything
    /// changes.
    pub(super) fn hash(&self) -> Option<u64> {
        if !self.is_tagged {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        for folder in &self.folders {
            hasher.write(&folder.hash.to_le_bytes());
        }
        Some(hasher.finish())
    }

    /// The next file or folder: a folder comes before what is in it. `None` after the last one. Fails
    /// with [`io::ErrorKind::InvalidInput`] if the tree is too deep. `at`: where it begins in the
    /// archive. From the second pass on, what ends before `wanted` is passed over with its folder.
    pub(super) fn next(&mut self, at: &mut u64, wanted: u64) -> io::Result<Option<Item>> {
        if self.read == 0 {
            return self.enter(self.top.clone()).map(Some);
        }
        while let Some(level) = self.levels.last_mut() {
            let Some((name, entry)) = level.entries.get(level.next) else {
                if let Some(folder) = self.folders.get_mut(level.number) {
                    (folder.end, folder.next) = (*at, self.read);
                }
                self.levels.pop();
                continue;
            };
            level.next += 1;
            if entry.is_directory {
                let known = self.folders.get(self.read).filter(|_| self.is_known);
                if let Some(folder) = known.filter(|folder| folder.end <= wanted) {
                    (*at, self.read) = (folder.end, folder.next);
                    continue;
                }
                let path = level.path.join(name);
                return self.enter(path).map(Some);
            }
            let path = level.path.join(name);
            let (size, modified) = (entry.size, entry.modified);
            return Ok(Some(Item { path, size, modified, is_directory: false }));
        }
        Ok(None)
    }

    /// Opens and reads a folder.
    fn enter(&mut self, path: SitePath) -> io::Result<Item> {
        if self.levels.len() >= DEPTH_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let directory = self.root.open_beneath(path.as_bytes())?;
        let state = FileState::of(&directory)?;
        let mut hash = hash_of(b"", &state);
        let mut entries = Entries::new(self.lease.another());
        self.root.entries(&directory, path.as_bytes(), |entry| {
            let name = entry.name();
            let path = path.join(name);
            if !self.hidden && path.is_hidden() {
                return Ok(());
            }
            let Some(found) = fetchable(&self.root, &path, entry)? else {
                return Ok(());
            };
            // A link to where we are. Its entries would be its own.
            let is_above = |level: &Level| level.state.is_same_file(&found);
            if found.is_directory
                && (state.is_same_file(&found) || self.levels.iter().any(is_above))
            {
                return Ok(());
            }
            self.is_tagged &= found.is_directory || is_tagged(&found, self.now);
            // Whatever the order, the sum is the same.
            hash = hash.wrapping_add(hash_of(name, &found));
            let is_directory = found.is_directory;
            let size = if is_directory { 0 } else { found.length };
            let (modified, _) = found.modified.unwrap_or_default();
            entries.add(name, &row::Entry { size, modified, is_directory, is_plain: false })
        })?;
        let by_name = Order { column: Column::Name, descending: false };
        order::sort(&mut entries, by_name)?;
        entries.settle(0)?;
        let number = self.read;
        self.check(hash)?;
        let (modified, _) = state.modified.unwrap_or_default();
        self.levels.push(Level { number, path: path.clone(), state, entries, next: 0 });
        Ok(Item { path, size: 0, modified, is_directory: true })
    }

    /// Keeps the hash of the folder that was read, or compares it with that of another pass.
    fn check(&mut self, hash: u64) -> io::Result<()> {
        if self.is_known {
            let is_same = self.folders.get(self.read).is_some_and(|folder| folder.hash == hash);
            self.read += 1;
            return if is_same {
                Ok(())
            } else {
                Err(io::ErrorKind::StaleNetworkFileHandle.into())
            };
        }
        self.read += 1;
        if self.folders.len() == self.folders.capacity() {
            let capacity = self.folders.len() + (self.folders.len() / 4).max(64);
            if !self.lease.resize(capacity * size_of::<Folder>()) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.folders.try_reserve_exact(capacity - self.folders.len())?;
        }
        self.folders.push(Folder { hash, end: 0, next: 0 });
        Ok(())
    }
}

/// The state of an entry that clients can fetch.
fn fetchable(
    root: &Directory,
    path: &SitePath,
    entry: &Entry<'_>,
) -> io::Result<Option<FileState>> {
    let is_special = |state: &FileState| !(state.is_file || state.is_directory || state.is_symlink);
    // To open a device may wake it.
    if entry.state().is_ok_and(|state| is_special(&state)) {
        return Ok(None);
    }
    let opened = root.open_beneath(path.as_bytes());
    match opened.and_then(|file| FileState::of(&file)) {
        Ok(state) => Ok(Some(state).filter(|state| !is_special(state))),
        Err(error) => match Failure::from(&error) {
            Failure::Missing | Failure::Denied => Ok(None),
            Failure::Exhausted | Failure::Broken => Err(error),
        },
    }
}

/// Of what tells one state of an entry from another. The same on every machine.
fn hash_of(name: &[u8], state: &FileState) -> u64 {
    let mut hasher = DefaultHasher::new();
    let (seconds, nanoseconds) = state.modified.unwrap_or_default();
    let size = if state.is_directory { u64::MAX } else { state.length };
    for number in [size, seconds as u64, u64::from(nanoseconds)] {
        hasher.write(&number.to_le_bytes());
    }
    hasher.write(name);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Symlinks;
    use std::fs;

    #[derive(Debug)]
    struct Unbounded;

    impl Lease for Unbounded {
        fn resize(&mut self, _: usize) -> bool {
            true
        }

        fn another(&self) -> Box<dyn Lease> {
            Box::new(Unbounded)
        }
    }

    #[test]
    fn folders_before_what_is_wanted_are_not_read_again() {
        let root = std::env::temp_dir().join(format!("ipv6-httpd-tree-{}", std::process::id()));
        for folder in ["a/b/d", "c"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        for file in ["a/1", "a/b/d/2", "c/3", "c/4"] {
            fs::write(root.join(file), "").expect("a file");
        }
        let directory = Directory::open(&root, Symlinks::Inside).expect("the folder");
        let top = SitePath::parse(b"/").expect("a path");
        let now = HttpDate(0);
        let mut tree = Tree::new(Arc::new(directory), false, now, &top, Box::new(Unbounded));
        let pass = |tree: &mut Tree, wanted| {
            let (mut at, mut found) = (0, Vec::new());
            while let Some(item) = tree.next(&mut at, wanted)? {
                found.push((String::from_utf8_lossy(item.path.as_bytes()).into_owned(), at));
                at += 100;
            }
            io::Result::Ok(found)
        };
        let all = pass(&mut tree, 0).expect("the tree");
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["", "a", "a/b", "a/b/d", "a/b/d/2", "a/1", "c", "c/3", "c/4"]);
        // Whoever reads that folder again finds it changed.
        fs::remove_file(root.join("a/b/d/2")).expect("the file");
        for (wanted, before, first) in [
            (499, 0, None),
            (500, 2, Some(5)),
            (599, 2, Some(5)),
            (600, 1, Some(6)),
            (800, 1, Some(6)),
        ] {
            tree.rewind();
            let found = pass(&mut tree, wanted).ok();
            let expected = first.map(|first: usize| [&all[..before], &all[first..]].concat());
            assert_eq!(found, expected, "{wanted}");
        }
        fs::remove_dir_all(root).expect("gone");
    }
}
