//! From a request to its answer: resource, representation, preconditions, range. Opens files
//! beneath its root. Does not know sockets.
#![forbid(unsafe_code)]

pub mod archive;
pub mod body;
pub mod files;
pub mod ip_page;
pub mod listing;
pub mod media_type;
pub mod page;
pub mod representation;
pub mod resource;

use std::io;
use std::sync::Arc;

use crate::config::SiteOptions;
use crate::http::buffers::Buffers;
use crate::http::fields::Field;
use crate::http::lease::{Lease, Leased};
use crate::http::multipart;
use crate::http::now::Now;
use crate::http::path::{SitePath, encode_path};
use crate::http::precondition::{self, Outcome};
use crate::http::range::{self, Selection, content_range, unsatisfied_range};
use crate::http::request::{Method, Request};
use crate::http::responder::{Patience, Unreadable, Unready};
use crate::http::response::{Body, Response};
use crate::http::status::{Reject, Status};
use crate::http::target::Target;
use crate::sys::{self, Directory, Failure};

use body::{Unread, begun, body};
use files::{OpenFile, OpenFiles};
use ip_page::Client;
use listing::Listing;
use page::PageFormat;

use representation::{Representation, Unselected};
use resource::{Finder, Resource};

/// A folder, and how it is served.
#[derive(Debug)]
pub struct Site {
    root: Arc<Directory>,
    options: SiteOptions,
    /// Field lines for every answer, from `--header` and `--cors`.
    own_lines: Vec<u8>,
    /// The most ranges that a Range may have.
    ranges_max: usize,
}

/// What a thread lends to the site for one answer.
#[expect(missing_debug_implementations, reason = "a closure has none")]
pub struct Context<'c> {
    /// Names the client. Called only for `/ip`, because it may need system calls.
    pub client: &'c dyn Fn() -> Client,
    /// The files that this thread keeps open.
    pub open_files: &'c mut OpenFiles,
    /// The buffers of this thread.
    pub buffers: &'c mut Buffers,
    /// The time of this turn.
    pub now: &'c Now,
    /// For what is read to answer this client: a lease that has nothing yet.
    pub lease: &'c dyn Fn(Leased) -> Box<dyn Lease>,
    /// Whether it may wait.
    pub patience: Patience,
}

impl Site {
    /// `ranges_max`: the most ranges that a Range may have.
    pub fn open(root: Directory, options: SiteOptions, ranges_max: usize) -> Site {
        let mut own_lines = Vec::new();
        let cors = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*")];
        let cors = cors.iter().filter(|_| options.cors).copied();
        let own = options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in cors.chain(own) {
            for part in [name, ": ", value, "\r\n"] {
                own_lines.extend_from_slice(part.as_bytes());
            }
        }
        Site { root: Arc::new(root), options, own_lines, ranges_max }
    }

    /// The folder that is served.
    pub fn root(&self) -> &Directory {
        &self.root
    }

    /// The answer to a valid request.
    pub fn respond(
        &self,
        request: &Request<'_>,
        context: Context<'_>,
    ) -> Result<Response, Unready> {
        let client = context.client;
        let mut finder = self.finder(context);
        let mut response = self.answer(request, client, &mut finder)?;
        if response.status.is_error() {
            response = self.with_own_page(request, response, &mut finder)?;
        }
        response.add_lines_in(finder.buffers, &self.own_lines);
        Ok(response)
    }

    /// Answers a request again, because the file of the first answer was unreadable. If that was a
    /// coded sibling, its original may be readable; if it was replaced, its replacement may be. An
    /// error gets the server's own page, because the operator's page may be the unreadable file.
    pub fn respond_again(
        &self,
        request: &Request<'_>,
        context: Context<'_>,
        unreadable: &Unreadable<io::Error>,
    ) -> Result<Response, Unready> {
        // A file that is kept open may be the old one for as long as it is asked for.
        context.open_files.clear();
        let client = context.client;
        let mut finder = Finder { finds_siblings: false, ..self.finder(context) };
        let another = self.answer(request, client, &mut finder)?;
        let (may_differ, failure) = match Unread::from(&unreadable.error) {
            Unread::Changed => (true, Failure::Broken),
            Unread::Failed(failure) => {
                (request.fields.one(Field::AcceptEncoding).is_some(), failure)
            }
            Unread::Unready => return Err(Unready),
        };
        let may_be_sent = unreadable.is_first && may_differ;
        let mut response = match another.status.is_error() || may_be_sent {
            true => another,
            false => failed(request, failure),
        };
        response.add_lines(&self.own_lines);
        Ok(response)
    }

    fn finder<'f>(&'f self, context: Context<'f>) -> Finder<'f> {
        let Context { open_files, buffers, now, lease, patience, .. } = context;
        Finder {
            root: &self.root,
            options: &self.options,
            open_files,
            buffers,
            now,
            patience,
            ranges_max: self.ranges_max,
            finds_siblings: true,
            lease,
        }
    }

    /// Refuses a valid request for a reason outside of the site, such as access.
    pub fn refuse(&self, request: &Request<'_>, reject: Reject) -> Response {
        let mut response = error(request, reject.status, reject.reason);
        response.add_lines(&self.own_lines);
        if let Some((name, value)) = reject.field {
            response.add(name, value);
        }
        response
    }

    /// Answers an invalid request, as text: its Accept field is unknown.
    pub fn reject(&self, reject: &Reject) -> Response {
        let mut response = page::error(reject.status, reject.reason, PageFormat::Text, "");
        response.add_lines(&self.own_lines);
        if let Some((name, value)) = &reject.field {
            response.add(name, value);
        }
        response
    }

    fn answer<'s>(
        &'s self,
        request: &Request<'_>,
        client: &dyn Fn() -> Client,
        finder: &mut Finder<'s>,
    ) -> Result<Response, Unready> {
        match request.method {
            Method::Get | Method::Head => {}
            Method::Options => return Ok(self.options(request)),
            Method::NotAllowed | Method::Connect => {
                let reason = "This server only serves files. Use GET.";
                return Ok(error(request, Status::MethodNotAllowed, reason).with("Allow", ALLOW));
            }
            Method::Unknown => {
                let reason = "This server does not know this method. Use GET.";
                return Ok(error(request, Status::NotImplemented, reason));
            }
        }
        let Target::Path { path, query } = request.target else {
            return Ok(error(request, Status::BadRequest, NO_PATH));
        };
        if self.options.ip && ip_page::is_at(path) {
            return Ok(ip_page::respond(&client(), request.fields));
        }
        // Most requests are for a file that is open.
        if let Some(file) = finder.open_files.find_plain(finder.root, path) {
            match self.file(request, file, finder) {
                Ok(response) => return Ok(response),
                Err(Unread::Unready) => return Err(Unready),
                Err(_) => finder.open_files.clear(),
            }
        }
        let path = match SitePath::parse(path) {
            Ok(path) => path,
            Err(reject) => return Ok(error(request, reject.status, reject.reason)),
        };
        // A file that is rewritten in place may shrink between fstat and read. It still exists, so
        // we try again, three times in all.
        let mut failure = Failure::Broken;
        for _ in 0..3 {
            let unread = match self.find(request, &path, query, finder) {
                Ok(response) => return Ok(response),
                Err(Unread::Unready) => return Err(Unready),
                Err(unread) => unread,
            };
            finder.open_files.clear();
            if let Unread::Failed(why) = unread {
                failure = why;
                // If it was a coded sibling, its original may be readable.
                if !std::mem::replace(&mut finder.finds_siblings, false) {
                    break;
                }
            }
        }
        Ok(failed(request, failure))
    }

    /// Answers OPTIONS (RFC 9110 §9.3.7), and the preflight requests of CORS.
    fn options(&self, request: &Request<'_>) -> Response {
        let mut response = Response::new(Status::NoContent).with("Allow", ALLOW);
        if self.options.cors && request.fields.one(Field::AccessControlRequestMethod).is_some() {
            response.add("Access-Control-Allow-Methods", ALLOW);
            response.add("Access-Control-Max-Age", "86400");
            response.add("Vary", "Access-Control-Request-Headers");
            if let Some(names) = request.fields.one(Field::AccessControlRequestHeaders) {
                response.add("Access-Control-Allow-Headers", names);
            }
        }
        response
    }

    fn find<'s>(
        &'s self,
        request: &Request<'_>,
        path: &SitePath,
        query: Option<&[u8]>,
        finder: &mut Finder<'s>,
    ) -> Result<Response, Unread> {
        let is_archive = self.options.archive && archive::is_wanted(query);
        match resource::find(finder, path)? {
            Resource::File(file) => self.file(request, file, finder),
            Resource::Directory(_)
                if self.options.listing
                    && finder.patience == Patience::None
                    && (request.method != Method::Head || is_archive) =>
            {
                Err(Unread::Unready)
            }
            Resource::Directory(directory) if self.options.listing => {
                let found = match is_archive {
                    true => archive::respond(request, path, &self.root, finder),
                    false => self.listing(request, &directory, path, finder),
                };
                match found {
                    Ok(found) => Ok(found),
                    // The directory, perhaps the root, was removed after it was opened. Only
                    // reading its entries shows that: some file systems do not count links.
                    Err(error) if sys::is_no_such_name(&error) => self.missing(request, finder),
                    Err(error) => {
                        let own = archive::refuse(request, &error).filter(|_| is_archive);
                        Ok(own.unwrap_or_else(|| failed(request, Failure::from(&error))))
                    }
                }
            }
            Resource::Redirect => {
                // RFC 9110 §10.2.2: the client resolves the reference against its own URL. Behind a
                // proxy only the client knows that URL. The query stays the same, percent-encoded.
                let Target::Path { path: asked, .. } = request.target else {
                    return Ok(error(request, Status::BadRequest, NO_PATH));
                };
                let mut location = path.reference_with_slash(asked);
                if let Some(query) = query {
                    location.push(b'?');
                    for octet in query.chunks(1) {
                        match octet.is_ascii() {
                            true => location.extend_from_slice(octet),
                            false => encode_path(octet, &mut location),
                        }
                    }
                }
                Ok(error(
                    request,
                    Status::MovedPermanently,
                    "The address of a folder ends in a slash.",
                )
                .with("Location", location))
            }
            Resource::Directory(_) | Resource::Missing => self.missing(request, finder),
            Resource::Failed(failure) => Ok(failed(request, failure)),
        }
    }

    /// Answers a path that does not exist: fallback, redirect or 404.
    fn missing<'s>(
        &'s self,
        request: &Request<'_>,
        finder: &mut Finder<'s>,
    ) -> Result<Response, Unread> {
        if let Some(name) = &self.options.fallback {
            match resource::open(finder, &SitePath::from_name(name))? {
                Resource::File(file) => return self.file(request, file, finder),
                Resource::Failed(failure) => return Ok(failed(request, failure)),
                _ => {}
            }
        }
        if let Some(location) = &self.options.redirect_all {
            // Location is as the operator wrote it: they know the prefix behind a proxy, and a
            // relative path would depend on the folder. If the page itself is missing, a redirect
            // would be a loop.
            if !leads_back(location, request) {
                return Ok(error(request, Status::Found, "Go on to this address.")
                    .with("Location", location));
            }
        }
        Ok(error(request, Status::NotFound, NOTHING))
    }

    /// Replaces the server's page by `404.html`, `403.html` and so on in the root, unless the
    /// client prefers text or JSON.
    fn with_own_page<'s>(
        &'s self,
        request: &Request<'_>,
        response: Response,
        finder: &mut Finder<'s>,
    ) -> Result<Response, Unready> {
        let reads = matches!(request.method, Method::Get | Method::Head);
        if !reads || PageFormat::wanted(request.fields, PageFormat::Html) != PageFormat::Html {
            return Ok(response);
        }
        let (code, _) = response.status.text().split_at(3);
        let name = [code, ".html"].concat().into_bytes();
        let Some(file) = resource::find_file(finder, &SitePath::in_root(name))? else {
            return Ok(response);
        };
        let length = file.state.length;
        match body(request.method, &file, 0..length, finder) {
            Ok(body) => Ok(page::replace(response, body)),
            Err(Unread::Unready) => Err(Unready),
            Err(_) => {
                finder.open_files.clear();
                Ok(response)
            }
        }
    }

    fn listing(
        &self,
        request: &Request<'_>,
        directory: &std::fs::File,
        path: &SitePath,
        finder: &Finder<'_>,
    ) -> io::Result<Response> {
        let query = match request.target {
            Target::Path { query, .. } => query,
            _ => None,
        };
        let format =
            listing::page_format(query, PageFormat::wanted(request.fields, PageFormat::Html));
        let wanted = listing::Wanted { path, query, format };
        let body = match request.method {
            // Its length is known once all of it has been read.
            Method::Head => Body::Unmade,
            _ => {
                let (root, options, lease) =
                    (&self.root, &self.options, (finder.lease)(Leased::Memory));
                Body::Produced(Box::new(Listing::read(directory, &wanted, root, options, lease)?))
            }
        };
        let response = Response::new(Status::Ok)
            .with("Content-Type", format.media_type())
            .with("X-Content-Type-Options", "nosniff")
            .with("Cache-Control", &self.options.cache_control)
            .with("Vary", "Accept");
        Ok(page::secured(response, format).with_body(body))
    }

    fn file<'s>(
        &'s self,
        request: &Request<'_>,
        file: Arc<OpenFile>,
        finder: &mut Finder<'s>,
    ) -> Result<Response, Unread> {
        let representation = match representation::select(finder, file, request) {
            Ok(representation) => representation,
            Err(Unselected::Unready) => return Err(Unread::Unready),
            Err(Unselected::NotAcceptable) => {
                // RFC 9110 §12.5.3. The error depends on Accept-Encoding, so Vary says so (§12.5.5).
                let reason =
                    "This file is not available in an encoding you accept. Allow identity as well.";
                return Ok(
                    error(request, Status::NotAcceptable, reason).with("Vary", "Accept-Encoding")
                );
            }
        };
        let description = &*representation.description;
        let validators = &description.validators;
        let (fields, date) = (request.fields, finder.now.date);
        match precondition::evaluate(request.method, fields, validators, date) {
            Outcome::Proceed => {}
            Outcome::NotModified => {
                return Ok(description.not_modified());
            }
            Outcome::Failed => {
                let reason = "The file has changed. Fetch it again.";
                return Ok(error(request, Status::PreconditionFailed, reason)
                    .with("Vary", "Accept-Encoding"));
            }
        }
        let selection = match fields.one(Field::Range) {
            // RFC 9110 §14.2: Range is defined only for GET.
            Some(value)
                if request.method == Method::Get
                    && precondition::range_applies(fields, validators, date) =>
            {
                range::select(value, representation.length, finder.ranges_max)
            }
            _ => Selection::Whole,
        };
        selected(request, &representation, selection, finder)
    }
}

/// Answers with the selected part of a representation.
fn selected(
    request: &Request<'_>,
    representation: &Representation,
    selection: Selection,
    finder: &mut Finder<'_>,
) -> Result<Response, Unread> {
    let Representation { source, length, description } = representation;
    let (length, patience) = (*length, finder.patience);
    Ok(match selection {
        Selection::Whole => {
            let mut response = description.whole();
            response.body = body(request.method, source, 0..length, finder)?;
            response
        }
        Selection::One(range) => {
            let mut response = description.part();
            response.provide(finder.buffers);
            response.add("Content-Range", content_range(&range, length));
            response.body = body(request.method, source, range, finder)?;
            response
        }
        Selection::Several(ranges) => {
            let tag = description.validators.entity_tag.as_deref();
            let boundary = multipart::boundary(tag.unwrap_or_default(), finder.now);
            let whole =
                multipart::Whole { file: &source.file, length, type_line: description.type_line() };
            description
                .untyped()
                .with("Content-Type", multipart::media_type(&boundary))
                .with_body(begun(multipart::body(whole, ranges, &boundary), source, patience)?)
        }
        Selection::Unsatisfiable => {
            let reason = "The range begins after the end of the file.";
            error(request, Status::RangeNotSatisfiable, reason)
                .with("Vary", "Accept-Encoding")
                .with("Content-Range", unsatisfied_range(length))
        }
    })
}

/// The value of Allow (RFC 9110 §10.2.1).
const ALLOW: &str = "GET, HEAD, OPTIONS";

const NO_PATH: &str = "The target is not a path.";

const NOTHING: &str = "Not found. Check the address, or go to the start page.";

fn error(request: &Request<'_>, status: Status, reason: &str) -> Response {
    let format = PageFormat::wanted(request.fields, PageFormat::Text);
    let levels = match request.target {
        Target::Path { path, .. } if status == Status::NotFound => {
            path.iter().filter(|&&byte| byte == b'/').count()
        }
        _ => 0,
    };
    // Relative: only the client knows the prefix of a proxy.
    let home = match levels {
        1..=LEVELS_MAX => "./".to_owned() + &"../".repeat(levels - 1),
        _ => String::new(),
    };
    page::error(status, reason, format, &home)
}

/// A path with more slashes gets no link to the start page.
const LEVELS_MAX: usize = 32;

/// Clients never see the message of the system: it may name files outside of the root.
fn failed(request: &Request<'_>, failure: Failure) -> Response {
    match failure {
        Failure::Missing => error(request, Status::NotFound, NOTHING),
        Failure::Denied => {
            error(request, Status::Forbidden, "The server is not allowed to read this file.")
        }
        Failure::Exhausted => {
            error(request, Status::ServiceUnavailable, "The server is busy. Try again in a moment.")
                .with("Retry-After", "1")
        }
        Failure::Broken => error(
            request,
            Status::InternalServerError,
            "The server could not read this file. Try again later.",
        ),
    }
}

/// Whether `location`, a URL or an absolute path, names the requested path.
fn leads_back(location: &str, request: &Request<'_>) -> bool {
    let url = location.strip_prefix("http://").or_else(|| location.strip_prefix("https://"));
    let rest = url.unwrap_or(location);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if url.is_some() && !request.fields.list_has(Field::Host, authority) {
        return false;
    }
    let rest = rest.strip_prefix(authority).unwrap_or_default();
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let Target::Path { path: asked, .. } = request.target else {
        return false;
    };
    let name = |path| SitePath::parse(path).map(|path| path.as_bytes().to_vec());
    name(path.as_bytes()) == name(asked)
}
