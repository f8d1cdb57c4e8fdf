//! Finds what a path names: a file, a directory, a redirect, or nothing. It opens files through
//! [`Directory`], which never leaves the root.

use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};

use crate::config::SiteOptions;
use crate::http::buffers::Buffers;
use crate::http::lease::Lease;
use crate::http::now::Now;
use crate::http::path::SitePath;
use crate::http::responder::Patience;
use crate::sys::{self, Directory, Failure, FileState};

use super::files::{OpenFile, OpenFiles};

/// What a path names.
#[derive(Debug)]
pub enum Resource {
    /// A regular file, open.
    File(Arc<OpenFile>),
    /// A directory without an index file.
    Directory(File),
    /// A directory, requested without a slash at the end.
    Redirect,
    /// Nothing, or something that the server does not serve.
    Missing,
    /// Something that the server cannot read.
    Failed(Failure),
}

/// Finds files for one request.
#[expect(missing_debug_implementations, reason = "a closure has none")]
pub struct Finder<'f> {
    /// The folder that is served.
    pub root: &'f Directory,
    /// What to serve, and how.
    pub options: &'f SiteOptions,
    /// The files that this thread keeps open.
    pub open_files: &'f mut OpenFiles,
    /// The buffers of this thread.
    pub buffers: &'f mut Buffers,
    /// The time of this turn.
    pub now: &'f Now,
    /// Whether it may wait.
    pub patience: Patience,
    /// Parts that a Range may have.
    pub ranges_max: usize,
    /// Whether to look for coded siblings. Not after one of them was unreadable.
    pub finds_siblings: bool,
    /// Makes a lease of memory for what is read.
    pub lease: &'f dyn Fn() -> Box<dyn Lease>,
}

/// Finds what `path` names.
pub fn find(finder: &mut Finder<'_>, path: &SitePath) -> Resource {
    let options = finder.options;
    if !options.hidden && path.is_hidden() {
        return Resource::Missing;
    }
    let found = match open(finder, path) {
        Resource::Missing if options.try_html && !path.is_directory() => {
            match open(finder, &path.with_suffix(".html")) {
                // `--try-html` finds only files. A redirect would lead to a 404.
                Resource::Directory(_) => Resource::Missing,
                found => found,
            }
        }
        found => found,
    };
    match found {
        // `file/` is not `file`: relative links in it would lead elsewhere.
        Resource::File(_) if path.is_directory() => Resource::Missing,
        Resource::Directory(_) if !path.is_directory() => Resource::Redirect,
        Resource::Directory(directory) => find_index(finder, directory, path),
        found => found,
    }
}

/// Opens a file that the operator named, or a sibling. `None` if it does not exist, is not a file,
/// or is unreadable.
pub fn find_file(finder: &mut Finder<'_>, path: &SitePath) -> Option<Arc<OpenFile>> {
    match find_named(finder, path) {
        Resource::File(file) => Some(file),
        _ => None,
    }
}

/// The same, but tells why there is no file.
pub fn find_named(finder: &mut Finder<'_>, path: &SitePath) -> Resource {
    if let Some(file) = finder.open_files.find(finder.root, path.as_bytes()) {
        return Resource::File(file);
    }
    // Usually it does not exist, and this is cheaper than to open it.
    if finder.root.is_missing(path.as_bytes()) {
        return Resource::Missing;
    }
    open_anew(finder, path)
}

fn find_index(finder: &mut Finder<'_>, directory: File, path: &SitePath) -> Resource {
    for name in &finder.options.index {
        let found = open(finder, &path.join(name));
        if let Resource::File(_) | Resource::Failed(_) = found {
            return found;
        }
    }
    Resource::Directory(directory)
}

fn open(finder: &mut Finder<'_>, path: &SitePath) -> Resource {
    if let Some(file) = finder.open_files.find(finder.root, path.as_bytes()) {
        return Resource::File(file);
    }
    // A path that was missing most likely still is.
    let name = path.as_bytes();
    if finder.open_files.was_missing(name) && finder.root.is_missing(name) {
        return Resource::Missing;
    }
    open_anew(finder, path)
}

/// Opens a file that is not open yet.
fn open_anew(finder: &mut Finder<'_>, path: &SitePath) -> Resource {
    let mut opened = finder.root.open_beneath(path.as_bytes());
    let is_exhausted = |error: &io::Error| Failure::from(error) == Failure::Exhausted;
    if opened.as_ref().is_err_and(is_exhausted) && !finder.open_files.is_empty() {
        // Free the descriptors of files that are open only for later requests.
        finder.open_files.clear();
        opened = finder.root.open_beneath(path.as_bytes());
    }
    match opened.and_then(|file| Ok((FileState::of(&file)?, file))) {
        Ok((state, file)) if state.is_file => {
            let file = Arc::new(OpenFile {
                file: Arc::new(file),
                state,
                path: path.clone(),
                description: OnceLock::new(),
            });
            finder.open_files.keep(&file);
            Resource::File(file)
        }
        Ok((state, file)) if state.is_directory => Resource::Directory(file),
        // A fifo or a device: its content has no end.
        Ok(_) => Resource::Missing,
        Err(error) => match Failure::from(&error) {
            Failure::Missing => {
                // Remember only names that do not exist beneath the root. A link that leads out is
                // missing, too, but looking it up by name would follow it.
                if sys::is_no_such_name(&error) {
                    finder.open_files.miss(path.as_bytes());
                }
                Resource::Missing
            }
            failure => Resource::Failed(failure),
        },
    }
}
