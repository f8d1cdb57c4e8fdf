//! Answers the requests of one client: access, site, log.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use crate::access::Access;
use crate::http::buffers::Buffers;
use crate::http::forwarded::Source;
use crate::http::lease::Lease;
use crate::http::limits::Limits;
use crate::http::now::Now;
use crate::http::request::Request;
use crate::http::responder::{Answer, Answered, Responder, Unreadable};
use crate::http::status::Reject;
use crate::peer::Peer;
use crate::site::Context;
use crate::site::files::OpenFiles;
use crate::site::ip_page::Client;

use super::log::Lines;
use super::log::record::Record;
use super::shared::Shared;
use super::turn::TurnClock;

/// What the clients of one worker use, one after the other.
#[derive(Debug)]
pub struct Resources {
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// For the log, until the end of a turn.
    pub lines: Lines,
    /// Files that were just sent.
    pub open_files: OpenFiles,
    /// Buffers without a user.
    pub buffers: Buffers,
    /// The time of this turn.
    pub now: Now,
    /// When it is over.
    pub turn: TurnClock,
}

impl Resources {
    /// To answer `peer`, at the other end of `socket`.
    pub fn responder<'r>(&'r mut self, peer: Peer, socket: &'r TcpStream) -> ClientResponder<'r> {
        ClientResponder { resources: self, peer, socket }
    }

    /// Whether there is memory, or a file, that nobody may need any more.
    pub fn is_empty(&self) -> bool {
        self.open_files.is_empty() && self.buffers.is_empty()
    }
}

/// Where a client's requests are answered, and the answers written down.
#[derive(Debug)]
pub struct ClientResponder<'r> {
    resources: &'r mut Resources,
    peer: Peer,
    socket: &'r TcpStream,
}

impl ClientResponder<'_> {
    /// Whose connection it is: somebody else once a proxy has said so.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether the turn was over when that was last looked at.
    pub fn was_turn_over(&self) -> bool {
        self.resources.turn.is_over()
    }

    /// `unreadable`: why the answer to this request that was made before could not be sent.
    fn answer(
        &mut self,
        request: &Request<'_>,
        unreadable: Option<&Unreadable<io::Error>>,
    ) -> Answer<Record> {
        let Resources { shared, lines, open_files, buffers, now, .. } = &mut *self.resources;
        let log = lines.log();
        let (client, admitted) = match &shared.access {
            Some(access) => {
                if let Some(error) = access.refresh(now) {
                    log.warn(&error);
                }
                access.admit(self.peer, request, now)
            }
            None => (self.peer, Ok(None)),
        };
        let is_forwarded = client.address != self.peer.address;
        let forwarded_for = is_forwarded.then(|| client.name().to_string());
        let (user, response) = match admitted {
            Ok(user) => {
                let site = &shared.site;
                let socket = self.socket;
                let peer = client;
                let client = || Client { name: client.name(), server: own_address(socket, client) };
                let lease = || -> Box<dyn Lease> { Box::new(shared.listings.lease(peer)) };
                let context = Context { client: &client, open_files, buffers, now, lease: &lease };
                let response = match unreadable {
                    None => site.respond(request, context),
                    Some(unreadable) => site.respond_again(request, context, unreadable),
                };
                (user, response)
            }
            Err(reject) => (None, shared.site.refuse(request, reject)),
        };
        let (forwarded_for, user) = (forwarded_for.as_deref(), user.as_deref());
        let record = log.record(request.line, Some(request.fields), forwarded_for, user);
        shared.root_watch.answered(&response, shared.site.root(), log, now);
        Answer { response, record }
    }
}

impl Responder for ClientResponder<'_> {
    type Record = Record;
    type ReadError = io::Error;

    fn limits(&self) -> &Limits {
        &self.resources.shared.limits
    }

    fn now(&self) -> &Now {
        &self.resources.now
    }

    fn buffers(&mut self) -> &mut Buffers {
        &mut self.resources.buffers
    }

    fn respond(&mut self, request: &Request<'_>) -> Answer<Record> {
        self.answer(request, None)
    }

    fn respond_again(
        &mut self,
        request: &Request<'_>,
        unreadable: Unreadable<io::Error>,
    ) -> Answer<Record> {
        self.answer(request, Some(&unreadable))
    }

    fn reject(&mut self, reject: Reject, line: &[u8]) -> Answer<Record> {
        let shared = &self.resources.shared;
        let response = shared.site.reject(&reject);
        // What cannot be read does not say for whom a proxy speaks, but a broken PROXY header is
        // the proxy's own.
        let is_own = |access: &Access| access.expects_proxy_header(self.peer);
        let is_own = shared.access.as_ref().is_some_and(is_own);
        let forwarded_for = (self.peer.is_proxy && !is_own).then_some("unknown");
        let record = self.resources.lines.log().record(line, None, forwarded_for, None);
        Answer { response, record }
    }

    fn answered(&mut self, answered: Answered<Record>) {
        let second = self.resources.now.date.0;
        self.resources.lines.add(self.peer, answered, second);
    }

    fn is_turn_over(&mut self) -> bool {
        self.resources.turn.look(Instant::now())
    }

    fn proxied(&mut self, source: Source) -> bool {
        let shared = &self.resources.shared;
        let Some(access) = &shared.access else {
            return false;
        };
        let client = access.behind(self.peer, source);
        // The connection counts for whom the proxy speaks, as if there were no proxy.
        let is_wanted = shared.connection_limits.pass_on(self.peer, client);
        if is_wanted {
            self.peer = client;
        }
        is_wanted
    }
}

/// The server's own address as the client knows it; behind a proxy it knows another.
fn own_address(socket: &TcpStream, client: Peer) -> Option<IpAddr> {
    let other = socket.peer_addr().ok()?.ip().to_canonical();
    let own = socket.local_addr().ok()?.ip().to_canonical();
    (Some(other) == client.address).then_some(own)
}
