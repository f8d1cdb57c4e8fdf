//! A `Site` over a folder, and the answers that tests expect of it.

use std::cell::RefCell;
use std::ffi::OsString;

use ipv6_httpd::cli::{self, Command};
use ipv6_httpd::config::Config;
use ipv6_httpd::http::buffers::Buffers;
use ipv6_httpd::http::lease::Lease;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::request::Request;
use ipv6_httpd::http::responder::Patience;
use ipv6_httpd::http::status::Reject;
use ipv6_httpd::peer::Peer;
use ipv6_httpd::site::files::OpenFiles;
use ipv6_httpd::site::ip_page::Client;
use ipv6_httpd::site::{Context, Site};
use ipv6_httpd::sys::Directory;

use super::drive::{Served, answer};
use super::folder::Folder;

impl Folder {
    /// Drives what a command line with these options would serve.
    pub fn serve(&self, options: &[&str], drive: impl FnOnce(&Served<'_>)) {
        let site = self.site(options);
        // As a worker has them, for all of its connections.
        let shared = RefCell::new((OpenFiles::default(), Buffers::default()));
        let answer = |request: &Request<'_>, now: &Now| {
            let (open_files, buffers) = &mut *shared.borrow_mut();
            // Each request is received, and then answered.
            open_files.look_anew();
            let lease = |_| -> Box<dyn Lease> { Box::new(Unlimited) };
            let (lease, patience) = (&lease, Patience::Any);
            let context = Context { client: &client, open_files, buffers, now, lease, patience };
            site.respond(request, context).expect("it may wait")
        };
        let refuse = |reject: &Reject| site.reject(reject);
        drive(&Served { answer: &answer, refuse: &refuse });
    }

    /// What a command line with these options would serve.
    pub fn site(&self, options: &[&str]) -> Site {
        let config = config(options);
        let root = Directory::open(self.path(), config.site.symlinks).expect("the folder");
        Site::open(root, config.site, config.limits.ranges_max)
    }
}

/// As much memory as anybody asks for.
#[derive(Debug)]
pub struct Unlimited;

impl Lease for Unlimited {
    fn another(&self) -> Box<dyn Lease> {
        Box::new(Unlimited)
    }

    fn resize(&mut self, _: usize) -> bool {
        true
    }
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
