//! One request and its answer: access, site, log. A worker tries it without patience, a task thread
//! with any.

use std::io;
use std::net::IpAddr;

use crate::http::buffers::Buffers;
use crate::http::lease::{Lease, Leased};
use crate::http::now::Now;
use crate::http::request::Request;
use crate::http::responder::{Answer, Patience, Unreadable, Unready};
use crate::http::status::Reject;
use crate::peer::Peer;
use crate::site::Context;
use crate::site::files::OpenFiles;
use crate::site::ip_page::Client;

use super::log::record::Record;
use super::shared::Shared;
use super::tasks::Chore;

/// What an answer takes.
pub struct Exchange<'e> {
    /// What all threads share.
    pub shared: &'e Shared,
    /// The other side of the connection.
    pub peer: Peer,
    /// The server's own address, as this client knows it.
    pub server: &'e dyn Fn(Peer) -> Option<IpAddr>,
    /// Files that this thread keeps open.
    pub open_files: &'e mut OpenFiles,
    /// Buffers of this thread.
    pub buffers: &'e mut Buffers,
    /// The time of this turn.
    pub now: &'e Now,
}

impl Exchange<'_> {
    /// The answer. `unreadable`: why the answer to this request that was made before could not be
    /// sent.
    pub fn answer(
        self,
        request: &Request<'_>,
        unreadable: Option<&Unreadable<io::Error>>,
        patience: Patience,
    ) -> Result<Answer<Record>, Unready> {
        let Exchange { shared, peer, server, open_files, buffers, now } = self;
        let (site, log) = (&shared.site, &shared.log);
        let (client, admitted) = match &shared.access {
            Some(access) => {
                if let Some(error) = access.refresh(now, patience)? {
                    log.warn(&error);
                }
                access.admit(peer, request, now, patience)?
            }
            None => (peer, Ok(None)),
        };
        let is_forwarded = client.address != peer.address;
        let forwarded_for = is_forwarded.then(|| client.name().to_string());
        let (user, response) = match admitted {
            Ok(user) => {
                let lease = |leased| -> Box<dyn Lease> {
                    Box::new(match leased {
                        Leased::Memory => shared.listings.lease(client),
                        Leased::Archives => shared.archives.lease(client),
                    })
                };
                let client = || Client { name: client.name(), server: server(client) };
                let (client, lease) = (&client, &lease);
                let context = Context { client, open_files, buffers, now, lease, patience };
                let response = match unreadable {
                    None => site.respond(request, context)?,
                    Some(unreadable) => site.respond_again(request, context, unreadable)?,
                };
                (user, response)
            }
            Err(reject) => (None, site.refuse(request, reject)),
        };
        let (forwarded_for, user) = (forwarded_for.as_deref(), user.as_deref());
        let record = log.record(request.line, Some(request.fields), forwarded_for, user);
        if shared.root_watch.is_due(&response, now) {
            shared.tasks.add_chore(Chore::LookAtRoot);
        }
        Ok(Answer { response, record })
    }
}

/// There is too much to do for an answer.
pub fn busy(shared: &Shared, request: &Request<'_>) -> Answer<Record> {
    let response = shared.site.refuse(request, Reject::busy());
    let record = shared.log.record(request.line, Some(request.fields), None, None);
    Answer { response, record }
}
