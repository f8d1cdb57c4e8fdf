//! Answers the requests of one client, or hands them over to a task thread.

use std::fs::File;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::access::Access;
use crate::http::buffers::Buffers;
use crate::http::forwarded::Source;
use crate::http::limits::Limits;
use crate::http::now::Now;
use crate::http::outgoing::SpareOutgoing;
use crate::http::request::Request;
use crate::http::responder::{Answer, Answered, Patience, Reply, Responder, Unreadable, Unready};
use crate::http::response::Gather;
use crate::http::status::Reject;
use crate::peer::Peer;
use crate::site::files::OpenFiles;

use super::exchange::{Exchange, busy};
use super::log::Lines;
use super::log::record::Record;
use super::shared::Shared;
use super::tasks::{Task, Work};
use super::token::Token;
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
    /// A queue of answers without a user.
    pub spare: SpareOutgoing<Record>,
    /// The time of this turn.
    pub now: Now,
    /// When it is over.
    pub turn: TurnClock,
    /// Which worker this is.
    pub worker: usize,
}

impl Resources {
    /// To answer the client of `token`, `peer`, at the other end of `socket`.
    pub fn responder<'r>(
        &'r mut self,
        token: Token,
        peer: Peer,
        socket: &'r TcpStream,
    ) -> ClientResponder<'r> {
        ClientResponder { resources: self, token, peer, socket }
    }

    /// Whether no memory and no file is kept for later.
    pub fn is_empty(&self) -> bool {
        self.open_files.is_empty() && self.buffers.is_empty()
    }
}

/// Where a client's requests are answered, and the answers written down.
#[derive(Debug)]
pub struct ClientResponder<'r> {
    resources: &'r mut Resources,
    token: Token,
    peer: Peer,
    socket: &'r TcpStream,
}

impl ClientResponder<'_> {
    /// Whose connection it is: somebody else once a proxy has said so.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Something was received: files have to be looked at again before it is answered.
    pub fn look_anew(&mut self) {
        self.resources.open_files.look_anew();
    }

    /// Whether the turn was over when that was last looked at.
    pub fn was_turn_over(&self) -> bool {
        self.resources.turn.is_over()
    }

    fn answer(
        &mut self,
        request: &Request<'_>,
        unreadable: Option<&Unreadable<io::Error>>,
    ) -> Result<Answer<Record>, Unready> {
        let Resources { shared, open_files, buffers, now, .. } = &mut *self.resources;
        let socket = self.socket;
        let server = |client| own_address(socket, client);
        let peer = self.peer;
        Exchange { shared, peer, server: &server, open_files, buffers, now }.answer(
            request,
            unreadable,
            Patience::None,
        )
    }

    /// A task thread will answer it, unless there are too many tasks already.
    fn hand_over(&self, request: &Request<'_>) -> Reply<Record> {
        let Resources { shared, worker, now, .. } = &*self.resources;
        let task = Task {
            worker: *worker,
            token: self.token,
            peer: self.peer,
            work: Work::Answer {
                server: own_address(self.socket, self.peer),
                head: request.to_head(),
            },
            deadline_milliseconds: now.milliseconds + shared.limits.await_milliseconds,
        };
        match shared.tasks.add(task) {
            true => Reply::Later,
            false => Reply::Ready(busy(shared, request)),
        }
    }

    fn add_part(&self, work: Work) {
        let Resources { shared, worker, now, .. } = &*self.resources;
        shared.tasks.add_part(Task {
            worker: *worker,
            token: self.token,
            peer: self.peer,
            work,
            deadline_milliseconds: now.milliseconds + shared.limits.await_milliseconds,
        });
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

    fn spare(&mut self) -> Option<&mut SpareOutgoing<Record>> {
        Some(&mut self.resources.spare)
    }

    fn respond(&mut self, request: &Request<'_>) -> Reply<Record> {
        match self.answer(request, None) {
            Ok(answer) => Reply::Ready(answer),
            Err(Unready) => self.hand_over(request),
        }
    }

    fn respond_again(
        &mut self,
        request: &Request<'_>,
        unreadable: Unreadable<io::Error>,
    ) -> Reply<Record> {
        match self.answer(request, Some(&unreadable)) {
            Ok(answer) => Reply::Ready(answer),
            // A task reads the beginning before it answers, so it need not know.
            Err(Unready) => self.hand_over(request),
        }
    }

    fn gather(&mut self, source: Box<dyn Gather>) {
        self.add_part(Work::Gather(Some(source)));
    }

    fn fetch(&mut self, file: &Arc<File>, range: Range<u64>) {
        self.add_part(Work::Read { file: Arc::clone(file), range });
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
        let is_over = self.resources.turn.look(Instant::now());
        if is_over {
            // A file that is rewritten in place meanwhile would be sent with the validators of before.
            self.resources.open_files.look_anew();
        }
        is_over
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
