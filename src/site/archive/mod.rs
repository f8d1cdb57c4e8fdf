//! A folder as one tar archive, for `?archive` with `--archive`. It is never in memory or on a disk
//! as a whole: a first pass reads names, sizes and times of all that is in the folder, and so tells
//! length and entity-tag; a second one makes what is sent.
//!
//! What is in it is what clients can fetch one by one. As its bytes depend on names, sizes, times
//! and contents alone, a download that has broken off goes on where it stopped. If something changes
//! while it is sent, the connection ends.

mod header;
mod stream;
mod tree;

use std::io;
use std::sync::Arc;

use crate::http::fields::Field;
use crate::http::grammar::write_hex;
use crate::http::lease::Leased;
use crate::http::multipart;
use crate::http::path::{SitePath, encode_path};
use crate::http::precondition::{self, Outcome, Validators};
use crate::http::range::{self, Selection, content_range, unsatisfied_range};
use crate::http::request::{Method, Request};
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::sys::Directory;

use super::page::{self, PageFormat};
use super::resource::Finder;
use stream::{Archive, PIECE_BYTES_MAX, Stream};
use tree::Tree;

/// What the root is called in its archive.
const ROOT_NAME: &[u8] = b"files";
const TYPE_LINE: &[u8] = b"Content-Type: application/x-tar\r\n";

/// Whether the query asks for an archive.
pub fn is_wanted(query: Option<&[u8]>) -> bool {
    let mut words = query.unwrap_or_default().split(|byte| matches!(byte, b'&' | b';'));
    words.any(|word| matches!(word, b"archive" | b"archive="))
}

/// The answer where [`respond`] has failed. `None`: for a reason that files have as well.
pub fn refuse(request: &Request<'_>, failure: &io::Error) -> Option<Response> {
    let error = |status, reason| error(request, status, reason);
    Some(match failure.kind() {
        io::ErrorKind::ResourceBusy => {
            let reason = "You are being sent a folder already. Try again when that has ended.";
            error(Status::ServiceUnavailable, reason).with("Retry-After", "30")
        }
        io::ErrorKind::OutOfMemory => {
            let reason =
                "This folder is too large to be sent as one file for now. Fetch its folders.";
            error(Status::ServiceUnavailable, reason).with("Retry-After", "30")
        }
        io::ErrorKind::InvalidInput => {
            let reason = "This folder is too deep to be sent as one file. Fetch its folders.";
            error(Status::Forbidden, reason)
        }
        _ => return None,
    })
}

fn error(request: &Request<'_>, status: Status, reason: &str) -> Response {
    page::error(status, reason, PageFormat::wanted(request.fields, PageFormat::Text), "")
}

/// The answer with the archive of the folder at `path`, or with a part of it. Fails with
/// [`io::ErrorKind::ResourceBusy`] if this client is being sent another,
/// [`io::ErrorKind::InvalidInput`] if the folder is too deep, [`io::ErrorKind::OutOfMemory`] if it is
/// too large.
pub fn respond(
    request: &Request<'_>,
    path: &SitePath,
    root: &Arc<Directory>,
    finder: &Finder<'_>,
) -> io::Result<Response> {
    let (options, fields, date) = (finder.options, request.fields, finder.now.date);
    let lease = |of| (finder.lease)(of);
    let mut leases = [lease(Leased::Memory), lease(Leased::Archives)];
    for (lease, (count, error)) in leases
        .iter_mut()
        .zip([(PIECE_BYTES_MAX, io::ErrorKind::OutOfMemory), (1, io::ErrorKind::ResourceBusy)])
    {
        if !lease.resize(count) {
            return Err(error.into());
        }
    }
    let tree = Tree::new(Arc::clone(root), options.hidden, date, path, lease(Leased::Memory));
    let last = path.as_bytes().rsplit(|&byte| byte == b'/').next();
    let name = last.filter(|name| !name.is_empty()).unwrap_or(ROOT_NAME).to_vec();
    let mut archive = Archive::new(tree, name);
    let whole = archive.measure()?;
    let entity_tag = archive.tree.hash().map(|hash| {
        let mut tag = b"\"".to_vec();
        write_hex(whole, &mut tag);
        tag.push(b'-');
        write_hex(hash, &mut tag);
        tag.extend_from_slice(b".tar\"");
        tag
    });
    let validators = Validators { entity_tag, last_modified: None, date_is_strong: false };
    let respond = |status| {
        let mut response = Response::new(status).with("Cache-Control", &options.cache_control);
        if let Some(tag) = &validators.entity_tag {
            response.add("ETag", tag);
        }
        response
    };
    match precondition::evaluate(request.method, fields, &validators, date) {
        Outcome::Proceed => {}
        Outcome::NotModified => return Ok(respond(Status::NotModified)),
        Outcome::Failed => {
            let reason = "The folder has changed. Fetch it again.";
            return Ok(error(request, Status::PreconditionFailed, reason));
        }
    }
    let applies = || precondition::range_applies(fields, &validators, date);
    let selection = match fields.one(Field::Range) {
        Some(value) if request.method == Method::Get && applies() => {
            range::select(value, whole, finder.ranges_max)
        }
        _ => Selection::Whole,
    };
    let mut type_line = TYPE_LINE.to_vec();
    let mut field = Vec::new();
    let mut status = Status::PartialContent;
    let parts = match selection {
        Selection::Whole => {
            status = Status::Ok;
            vec![(Vec::new(), 0..whole)]
        }
        Selection::One(range) => {
            field = [b"Content-Range: ", &*content_range(&range, whole), b"\r\n"].concat();
            vec![(Vec::new(), range)]
        }
        Selection::Several(ranges) => {
            let tag = validators.entity_tag.as_deref().unwrap_or_default();
            let boundary = multipart::boundary(tag, finder.now);
            let media_type = multipart::media_type(&boundary);
            type_line = [b"Content-Type: ", &*media_type, b"\r\n"].concat();
            multipart::parts(ranges, &boundary, whole, TYPE_LINE)
        }
        Selection::Unsatisfiable => {
            let reason = "The range begins after the end of the archive.";
            return Ok(error(request, Status::RangeNotSatisfiable, reason)
                .with("Content-Range", unsatisfied_range(whole)));
        }
    };
    // RFC 6266 §4.3 and appendix D: a plain name before, for clients that do not read the other.
    let mut disposition = b"attachment; filename=\"".to_vec();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(byte);
    let plain = archive.name.iter().map(|byte| if is_plain(byte) { *byte } else { b'_' });
    disposition.extend(plain);
    disposition.extend_from_slice(b".tar\"; filename*=UTF-8''");
    encode_path(&archive.name, &mut disposition);
    disposition.extend_from_slice(b".tar");
    let mut response = respond(status).with("Content-Disposition", disposition);
    response.add_lines(b"Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n");
    response.add_lines(&field);
    response.add_lines(&type_line);
    let lengths = parts.iter().map(|(head, range)| head.len() as u64 + range.end - range.start);
    let length = lengths.sum();
    let root = Arc::clone(root);
    let parts = parts.into_iter();
    let stream = Stream { root, archive, length, parts, range: 0..0, sent: None, _leases: leases };
    Ok(response.with_body(Body::Gathered(Box::new(stream))))
}
