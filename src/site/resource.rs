//! Finds what a path names: a file, a directory, a redirect, or nothing. It opens files through
//! [`Directory`], which never leaves the root.

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use crate::config::SiteOptions;
use crate::http::buffers::Buffers;
use crate::http::lease::{Lease, Leased};
use crate::http::now::Now;
use crate::http::path::SitePath;
use crate::http::responder::{Patience, Unready};
use crate::sys::{self, Directory, Failure, FileState, Medium};

use super::files::{Known, OpenFile, OpenFiles};

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
    /// Makes a lease for what is read and sent.
    pub lease: &'f dyn Fn(Leased) -> Box<dyn Lease>,
}

/// Finds what `path` names.
pub fn find(finder: &mut Finder<'_>, path: &SitePath) -> Result<Resource, Unready> {
    let options = finder.options;
    if !options.hidden && path.is_hidden() {
        return Ok(Resource::Missing);
    }
    let found = match open(finder, path)? {
        Resource::Missing if options.try_html && !path.is_directory() => {
            match open(finder, &path.with_suffix(".html"))? {
                // `--try-html` finds only files. A redirect would lead to a 404.
                Resource::Directory(_) => Resource::Missing,
                found => found,
            }
        }
        found => found,
    };
    Ok(match found {
        // `file/` is not `file`: relative links in it would lead elsewhere.
        Resource::File(_) if path.is_directory() => Resource::Missing,
        Resource::Directory(_) if !path.is_directory() => Resource::Redirect,
        Resource::Directory(directory) => find_index(finder, directory, path)?,
        found => found,
    })
}

/// Opens a file that the operator named, or a sibling. `None` if it does not exist, is not a file,
/// or is unreadable.
pub fn find_file(
    finder: &mut Finder<'_>,
    path: &SitePath,
) -> Result<Option<Arc<OpenFile>>, Unready> {
    Ok(match open(finder, path)? {
        Resource::File(file) => Some(file),
        _ => None,
    })
}

fn find_index(
    finder: &mut Finder<'_>,
    directory: File,
    path: &SitePath,
) -> Result<Resource, Unready> {
    for name in &finder.options.index {
        let found = open(finder, &path.join(name))?;
        if let Resource::File(_) | Resource::Failed(_) = found {
            return Ok(found);
        }
    }
    Ok(Resource::Directory(directory))
}

/// Opens what this path names. Tells why it cannot.
pub fn open(finder: &mut Finder<'_>, path: &SitePath) -> Result<Resource, Unready> {
    let name = path.as_bytes();
    match finder.open_files.find(finder.root, name) {
        Known::Open(file) => Ok(Resource::File(file)),
        Known::Missing => Ok(Resource::Missing),
        // Usually it still does not exist, and this is cheaper than to open it.
        Known::Missed if finder.root.is_missing(name) => {
            finder.open_files.miss(name);
            Ok(Resource::Missing)
        }
        Known::Missed | Known::Nothing => open_anew(finder, path),
    }
}

/// Opens a file that is not open yet.
fn open_anew(finder: &mut Finder<'_>, path: &SitePath) -> Result<Resource, Unready> {
    let mut opened = open_in_root(finder, path);
    let is_exhausted = |error: &io::Error| Failure::from(error) == Failure::Exhausted;
    if opened.as_ref().is_err_and(is_exhausted) && !finder.open_files.is_empty() {
        // Free the descriptors of files that are open only for later requests.
        finder.open_files.clear();
        opened = open_in_root(finder, path);
    }
    let opened = opened.and_then(|(file, place)| Ok((FileState::of(&file)?, file, place)));
    Ok(match opened {
        Ok((state, file, place)) if state.is_file => {
            let medium = match place {
                Place::Root => finder.root.medium(),
                Place::BeneathMount => sys::medium(&file),
            };
            let file = Arc::new(OpenFile {
                file: Arc::new(file),
                state,
                // Where the path has neither a % nor segments that are none, so that it is decoded to
                // itself.
                is_plain: !path.as_bytes().contains(&b'%')
                    && (finder.options.hidden || !path.is_hidden()),
                path: path.clone(),
                medium,
                is_read: AtomicBool::new(false),
                description: OnceLock::new(),
            });
            match finder.patience {
                Patience::None => finder.open_files.opened(&file),
                // It took its time to find.
                Patience::Any => finder.open_files.keep(&file),
            }
            Resource::File(file)
        }
        Ok((state, file, _)) if state.is_directory => Resource::Directory(file),
        // A fifo or a device: its content has no end.
        Ok(_) => Resource::Missing,
        Err(error)
            if error.kind() == io::ErrorKind::WouldBlock && finder.patience == Patience::None =>
        {
            return Err(Unready);
        }
        Err(error) => match Failure::from(&error) {
            Failure::Missing => {
                // Remember only names that do not exist beneath the root. A link that leads out is
                // missing, too, but looking it up by name would follow it.
                let is_known = || match finder.patience {
                    Patience::None => true,
                    // It is looked up again without patience, so it must not lead elsewhere.
                    Patience::Any => {
                        let again = finder.root.open_beneath_here(path.as_bytes());
                        finder.root.medium() != Medium::Elsewhere
                            && again.is_err_and(|error| sys::is_no_such_name(&error))
                    }
                };
                if sys::is_no_such_name(&error) && is_known() {
                    finder.open_files.miss(path.as_bytes());
                }
                Resource::Missing
            }
            failure => Resource::Failed(failure),
        },
    })
}

/// Where a file is.
enum Place {
    /// In the same file system as the root.
    Root,
    /// Perhaps beneath a mount point, in another.
    BeneathMount,
}

fn open_in_root(finder: &Finder<'_>, path: &SitePath) -> io::Result<(File, Place)> {
    let (root, name) = (finder.root, path.as_bytes());
    if finder.patience == Patience::None {
        return root.open_beneath_at_once(name).map(|file| (file, Place::Root));
    }
    match root.open_beneath_here(name) {
        Ok(file) => Ok((file, Place::Root)),
        Err(_) => root.open_beneath(name).map(|file| (file, Place::BeneathMount)),
    }
}
