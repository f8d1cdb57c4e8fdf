//! A part of a file as the body of an answer, and why there is none.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::http::request::Method;
use crate::http::responder::{Patience, Unready};
use crate::http::response::{Body, FETCHED_BYTES_MAX, Reading, Segment};
use crate::sys::{self, Failure};

use super::files::OpenFile;
use super::resource::Finder;

/// Why the content of a file cannot be sent.
#[derive(Clone, Copy, Debug)]
pub enum Unread {
    /// The file was shortened or replaced while we looked at it.
    Changed,
    /// The system cannot read it.
    Failed(Failure),
    /// It takes its time, for which there is no patience.
    Unready,
}

impl From<Unready> for Unread {
    fn from(_: Unready) -> Unread {
        Unread::Unready
    }
}

impl From<&io::Error> for Unread {
    fn from(error: &io::Error) -> Unread {
        match error.kind() {
            // ESTALE: on the file server, the name is now another file.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::StaleNetworkFileHandle => Unread::Changed,
            _ => Unread::Failed(match Failure::from(error) {
                // The file is open, so the device is missing, not the file.
                Failure::Missing => Failure::Broken,
                failure => failure,
            }),
        }
    }
}

/// Files up to this size are read into memory and sent in one write with their head. For them this
/// is cheaper than `sendfile`.
const SMALL_BYTES_MAX: u64 = 4 << 10;
/// A file that cannot be read in its first bytes, as many as these, gets an error.
const BEGUN_BYTES: u64 = 64 << 10;

/// A part of a file as a body: in memory if it is small and will be sent.
pub fn body(
    method: Method,
    file: &Arc<OpenFile>,
    range: Range<u64>,
    finder: &mut Finder<'_>,
) -> Result<Body, Unread> {
    let length = range.end - range.start;
    if length == 0
        && method != Method::Head
        && sys::read_at(&file.file, &mut [0], 0).is_ok_and(|count| count > 0)
    {
        // The file has grown, or its file system reports no size. It is not empty.
        return Err(Unread::Changed);
    }
    if method == Method::Head {
        return Ok(Body::file(Arc::clone(&file.file), range));
    }
    if length > SMALL_BYTES_MAX {
        return begun(Body::file(Arc::clone(&file.file), range), file, finder.patience);
    }
    match finder.open_files.read(file, range, finder.patience) {
        Ok(bytes) => Ok(Body::shared(bytes)),
        // With patience it is a file system that fails with EAGAIN.
        Err(error)
            if error.kind() == io::ErrorKind::WouldBlock && finder.patience == Patience::None =>
        {
            Err(Unread::Unready)
        }
        Err(error) => Err(Unread::from(&error)),
    }
}

/// A body of parts of this file. With patience, the beginning of the first is read, so that the head
/// does not wait again, and is not sent if the file cannot be read.
pub fn begun(body: Body, file: &OpenFile, patience: Patience) -> Result<Body, Unread> {
    let segments = match body {
        Body::Segments(segments)
            if patience == Patience::Any && file.reading() != Reading::AtOnce =>
        {
            segments
        }
        body => return Ok(body.read_as(file.reading())),
    };
    let read = |range: Range<u64>| {
        let mut bytes = Vec::new();
        file.read(&range, &mut bytes, Patience::Any).map_err(|error| Unread::from(&error))?;
        Ok::<_, Unread>(bytes)
    };
    let mut all = Vec::new();
    let mut is_begun = false;
    for segment in segments {
        match segment {
            Segment::File(source, range) if !is_begun && !range.is_empty() => {
                is_begun = true;
                let end = range.end.min(range.start + FETCHED_BYTES_MAX);
                all.push(Segment::Bytes(read(range.start..end)?));
                // More than is sent at once may be known to be readable.
                drop(read(end..range.end.min(range.start + BEGUN_BYTES).max(end))?);
                all.push(Segment::File(source, end..range.end));
            }
            segment => all.push(segment),
        }
    }
    Ok(Body::several(all).read_as(file.reading()))
}
