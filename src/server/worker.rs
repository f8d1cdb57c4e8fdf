//! One thread of the pool: a poller, the listeners in turn with the other workers, and the
//! connections it has accepted, with their deadlines. No other thread ever touches them.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::access::Access;
use crate::http::buffers::Buffers;
use crate::http::connection::{Answered, Connection, Respond, Step};
use crate::http::date::HttpDate;
use crate::http::forwarded::Source;
use crate::http::limits::Limits;
use crate::http::now::Now;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Reject;
use crate::peer::Peer;
use crate::site::Unreadable;
use crate::site::ip_page::Client;
use crate::site::open_files::OpenFiles;
use crate::sys::{Failure, Interest, Listener, Poller, Ready};

use super::Shared;
use super::log::{Lines, record};
use super::transport::{Received, Sent, TURN_BYTES_MAX, Transport};

/// A worker, before and while it runs.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    /// Which of the workers it is, from 0.
    number: usize,
    /// None any more once the server stops: the last one to let go of them closes them.
    listeners: Arc<[Listener]>,
    poller: Poller,
    clients: Clients,
    /// What is received, and what is sent from files, passes through here. Empty while nobody is
    /// busy.
    scratch: Vec<u8>,
    lines: Lines,
    open_files: OpenFiles,
    buffers: Buffers,
    now: Now,
    /// When the next deadline is looked for, in the milliseconds of `now`.
    sweep_milliseconds: u64,
    /// While there are no descriptors left: when to accept again.
    resume_milliseconds: Option<u64>,
    /// That nothing is accepted has been said; once is enough.
    warned: bool,
    stopping: bool,
}

/// A head and the first block of its file leave at once up to this size.
const BLOCK_BYTES: usize = 64 << 10;
/// From this size on the C libraries get memory from the system for each allocation, and give it
/// back with it. What lies beyond a block is never touched, and so takes no memory.
const SCRATCH_BYTES: usize = 132 << 10;
/// Without descriptors or memory nothing is accepted for so long. A listener that stays in the
/// poller meanwhile takes half a core.
const PAUSE_MILLISECONDS: u64 = 100;
/// When there are too many connections, so many idle ones go at once: to find them costs a look
/// at all.
const SHED_AT_ONCE: usize = 32;
/// What is received in one call, so that what a client sends ahead takes a bounded space.
const RECEIVE_BYTES: usize = 16 << 10;
/// Deadlines are kept to the second: so the connections are looked through once a second at most.
/// A power of two, since each request divides by it.
const SWEEP_MILLISECONDS: u64 = 1_024;
/// A worker that has the listeners for itself accepts as many before it serves them.
const ACCEPTED_AT_ONCE_MAX: usize = 64;
/// The token of the bell; listeners have those below, clients theirs from [`Clients`].
const BELL: u64 = u64::MAX;
/// That of the bell by which this worker is asked for room.
const CALL: u64 = u64::MAX - 1;

impl Worker {
    /// A worker that watches the listeners and the bell.
    pub fn new(
        shared: Arc<Shared>,
        listeners: Arc<[Listener]>,
        number: usize,
    ) -> io::Result<Worker> {
        let mut poller = Poller::new()?;
        poller.watch(&shared.bell, BELL, Interest::Read)?;
        if let Some((_, bell)) = shared.calls.get(number) {
            poller.watch(bell, CALL, Interest::Read)?;
        }
        for (token, listener) in listeners.iter().enumerate() {
            poller.watch_shared(listener, token as u64)?;
        }
        let (milliseconds, date) = read_clock(shared.start);
        Ok(Worker {
            clients: Clients::new(listeners.len() as u32),
            scratch: Vec::new(),
            lines: Lines::new(Arc::clone(&shared.log)),
            open_files: OpenFiles::default(),
            buffers: Buffers::default(),
            now: Now::new(milliseconds, date),
            sweep_milliseconds: u64::MAX,
            resume_milliseconds: None,
            warned: false,
            stopping: false,
            number,
            poller,
            listeners,
            shared,
        })
    }

    /// Serves until the server stops and the last client is gone.
    pub fn run(mut self) {
        let mut ready = Vec::new();
        while !(self.stopping && self.clients.is_empty()) {
            let wake = self.sweep_milliseconds.min(self.resume_milliseconds.unwrap_or(u64::MAX));
            // Rounded up by one: a deadline that has not quite come would make this loop spin.
            let timeout =
                (wake != u64::MAX).then(|| (wake + 1).saturating_sub(self.now.milliseconds));
            if let Err(error) = self.poller.wait(&mut ready, timeout) {
                // Not for any reason that is known. Not to spin is all that can be done.
                self.shared.log.warn(&format!("cannot wait for clients: {error}"));
                std::thread::sleep(Duration::from_millis(PAUSE_MILLISECONDS));
            }
            let (milliseconds, date) = read_clock(self.shared.start);
            self.now.set(milliseconds, date);
            for &Ready { token, ended } in &ready {
                match token {
                    BELL => self.stop(),
                    CALL => self.make_room_for_others(),
                    _ if (token as usize) < self.listeners.len() => self.accept(token as usize),
                    _ => self.serve(token, ended),
                }
            }
            if self.now.milliseconds >= self.sweep_milliseconds {
                self.sweep();
            }
            if self.resume_milliseconds.is_some_and(|resume| self.now.milliseconds >= resume) {
                self.resume();
            }
            if !(self.open_files.is_empty() && self.buffers.is_empty() && self.scratch.is_empty()) {
                let soon = self.now.milliseconds + SWEEP_MILLISECONDS;
                self.sweep_milliseconds = self.sweep_milliseconds.min(soon);
            }
            self.lines.flush();
        }
        self.shared.worker_ended();
    }

    /// Takes the connections that wait. A worker among several takes one and goes to the back of
    /// the listener's queue: epoll wakes whoever came last, so that one worker would get all.
    fn accept(&mut self, listener: usize) {
        let alone = self.shared.workers == 1;
        for _ in 0..if alone { ACCEPTED_AT_ONCE_MAX } else { 1 } {
            if self.stopping || self.resume_milliseconds.is_some() {
                return;
            }
            // Before, and not after: what is accepted while there is no room is one too many.
            if self.shared.connection_limits.is_full() && !self.make_room() {
                return self.pause(&"there are as many as may be");
            }
            let Some(socket) = self.listeners.get(listener) else {
                return;
            };
            match socket.accept() {
                Ok((stream, address)) => self.adopt(stream, address),
                Err(error) => match (error.kind(), Failure::from(&error)) {
                    // Another worker was faster, or nobody is left to accept.
                    (io::ErrorKind::WouldBlock, _) => return,
                    (_, Failure::Exhausted) if !self.open_files.is_empty() => {
                        self.open_files.clear()
                    }
                    // A connection that is idle has a descriptor that this client needs.
                    (_, Failure::Exhausted) if self.make_room() => continue,
                    (_, Failure::Exhausted) => return self.pause(&error),
                    // This one client has gone: ECONNABORTED, or an error of its network.
                    _ => continue,
                },
            }
        }
        if !alone {
            let Some(socket) = self.listeners.get(listener) else {
                return;
            };
            let turned = self
                .poller
                .unwatch(socket)
                .and_then(|()| self.poller.watch_shared(socket, listener as u64));
            if let Err(error) = turned {
                self.pause(&error);
            }
        }
    }

    fn adopt(&mut self, stream: TcpStream, address: Option<SocketAddr>) {
        let Ok(transport) = Transport::new(stream) else {
            return;
        };
        let access = self.shared.access.as_ref();
        let mut peer = Peer::connected(address);
        peer.is_proxy = access.is_some_and(|access| access.trusts_peer(peer));
        // Closed without a word: a client that holds so many is not reading answers.
        if !self.shared.connection_limits.take(peer) {
            return;
        }
        let limits = &self.shared.limits;
        let connection = match access {
            Some(access) if access.expects_proxy_header(peer) => {
                Connection::behind_proxy(limits, &self.now)
            }
            _ => Connection::new(limits, &self.now),
        };
        self.warned = false;
        let token =
            self.clients.insert(ConnectedClient { transport, connection, peer, watched: None });
        // The request has often come by now, and a connection for one request need not be watched.
        self.serve(token, false);
    }

    /// Does for a client whatever can be done now. `ended`: it has ended, as the poller saw.
    fn serve(&mut self, token: u64, ended: bool) {
        let Some(client) = self.clients.get(token) else {
            return;
        };
        let limits = &self.shared.limits;
        let ConnectedClient { transport, connection, peer, watched } = client;
        let mut desk = Desk {
            shared: &self.shared,
            peer: *peer,
            socket: transport.socket(),
            lines: &mut self.lines,
            open_files: &mut self.open_files,
            buffers: &mut self.buffers,
            date: self.now.date,
        };
        if self.scratch.is_empty() {
            self.scratch = vec![0; SCRATCH_BYTES];
        }
        let scratch = self.scratch.get_mut(..BLOCK_BYTES).unwrap_or_default();
        let now = &self.now;
        let next =
            ConnectedClient::advance(transport, connection, limits, now, ended, scratch, &mut desk);
        *peer = desk.peer;
        let result = match next {
            Ok(Some(interest)) if *watched == Some(interest) => Ok(true),
            Ok(Some(interest)) => {
                let socket = transport.socket();
                let watching = match watched {
                    None => self.poller.watch(socket, token, interest),
                    Some(_) => self.poller.change(socket, token, interest),
                };
                *watched = Some(interest);
                watching.map(|()| true)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        // A socket's error means that the client has gone; it is no error of ours.
        if let Ok(true) = result {
            let sweep = sweep_after(connection.deadline_milliseconds(), self.stopping);
            self.sweep_milliseconds = self.sweep_milliseconds.min(sweep);
        } else {
            connection.abandon(&mut desk);
            self.close(token);
        }
    }

    /// Ends what is past its deadline, and finds the next one.
    fn sweep(&mut self) {
        self.sweep_milliseconds = u64::MAX;
        self.open_files.expire();
        self.buffers.expire();
        self.scratch = Vec::new();
        for token in self.clients.tokens() {
            let Some(client) = self.clients.get(token) else {
                continue;
            };
            let deadline = client.connection.deadline_milliseconds();
            if deadline <= self.now.milliseconds {
                let limits = &self.shared.limits;
                let (peer, date) = (client.peer, self.now.date);
                let mut desk = Desk {
                    shared: &self.shared,
                    peer,
                    socket: client.transport.socket(),
                    lines: &mut self.lines,
                    open_files: &mut self.open_files,
                    buffers: &mut self.buffers,
                    date,
                };
                client.connection.expired(limits, &self.now, &mut desk);
                self.serve(token, false);
            } else {
                let sweep = sweep_after(deadline, self.stopping);
                self.sweep_milliseconds = self.sweep_milliseconds.min(sweep);
            }
        }
    }

    /// Makes room for a client that is to be accepted. `false`: no client of this worker is idle;
    /// others have been asked.
    fn make_room(&mut self) -> bool {
        let is_made = self.shed(SHED_AT_ONCE);
        if !is_made {
            self.shared.ask_for_room();
        }
        is_made
    }

    /// Another worker has a client to accept and no room for it.
    fn make_room_for_others(&mut self) {
        if let Some((_, bell)) = self.shared.calls.get(self.number) {
            bell.answer();
        }
        if self.shared.room_wanted.load(Ordering::Relaxed) && self.shed(1) {
            self.shared.room_wanted.store(false, Ordering::Relaxed);
        }
        // It may be descriptors that are missing.
        self.open_files.clear();
    }

    /// Closes the connections that have been idle for longest, of those of this worker, at most so
    /// many. `false`: none is idle.
    fn shed(&mut self, at_most: usize) -> bool {
        let mut idle: Vec<(u64, u64)> = Vec::new();
        for token in self.clients.tokens() {
            if let Some(client) =
                self.clients.get(token).filter(|client| client.connection.is_idle())
            {
                idle.push((client.connection.deadline_milliseconds(), token));
            }
        }
        idle.sort_unstable();
        // The newest may be about to send a request.
        let count = (idle.len() / 4).clamp(1, at_most);
        for &(_, token) in idle.iter().take(count) {
            self.close(token);
        }
        !idle.is_empty()
    }

    /// Closes a connection, whatever it was doing.
    fn close(&mut self, token: u64) {
        let Some(client) = self.clients.get(token) else {
            return;
        };
        if client.watched.is_some() {
            self.poller.closing(client.transport.socket());
        }
        self.shared.connection_limits.give_back(client.peer);
        self.clients.remove(token);
    }

    /// No descriptors, no memory, or as many connections as may be: accepts nothing for a while.
    fn pause(&mut self, error: &dyn std::fmt::Display) {
        if !self.warned {
            self.shared.log.warn(&format!("cannot accept a connection for the moment: {error}"));
            self.warned = true;
        }
        for listener in self.listeners.iter() {
            let _ = self.poller.unwatch(listener);
        }
        self.resume_milliseconds = Some(self.now.milliseconds + PAUSE_MILLISECONDS);
    }

    fn resume(&mut self) {
        self.resume_milliseconds = None;
        for (token, listener) in self.listeners.iter().enumerate() {
            let _ = self.poller.unwatch(listener);
            if self.poller.watch_shared(listener, token as u64).is_err() {
                self.resume_milliseconds = Some(self.now.milliseconds + PAUSE_MILLISECONDS);
            }
        }
    }

    /// The bell has rung: finishes what is being answered, and begins nothing more.
    fn stop(&mut self) {
        self.stopping = true;
        self.resume_milliseconds = None;
        let _ = self.poller.unwatch(&self.shared.bell);
        for listener in self.listeners.iter() {
            let _ = self.poller.unwatch(listener);
        }
        self.listeners = Arc::default();
        for token in self.clients.tokens() {
            if let Some(client) = self.clients.get(token) {
                client.connection.drain(&self.shared.limits, &self.now);
            }
            self.serve(token, false);
        }
    }
}

/// The first sweep that finds a deadline passed: at once where the server waits for nothing else.
fn sweep_after(deadline_milliseconds: u64, stopping: bool) -> u64 {
    if stopping {
        return deadline_milliseconds;
    }
    (deadline_milliseconds / SWEEP_MILLISECONDS + 1) * SWEEP_MILLISECONDS
}

/// The monotonic clock for deadlines, the other for dates: that one may be set at any time.
fn read_clock(start: Instant) -> (u64, HttpDate) {
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (milliseconds, HttpDate(i64::try_from(since.as_secs()).unwrap_or(0)))
}

/// The server's own address as the client knows it; behind a proxy it knows another.
fn own_address(socket: &TcpStream, client: Peer) -> Option<IpAddr> {
    let other = socket.peer_addr().ok()?.ip().to_canonical();
    let own = socket.local_addr().ok()?.ip().to_canonical();
    (Some(other) == client.address).then_some(own)
}

#[derive(Debug)]
struct ConnectedClient {
    transport: Transport,
    connection: Connection,
    peer: Peer,
    /// What the poller waits for.
    watched: Option<Interest>,
}

impl ConnectedClient {
    /// Takes steps until the socket blocks (and says for what), or the connection is over.
    fn advance(
        transport: &Transport,
        connection: &mut Connection,
        limits: &Limits,
        now: &Now,
        ended: bool,
        scratch: &mut [u8],
        desk: &mut Desk<'_>,
    ) -> io::Result<Option<Interest>> {
        let mut drained = false;
        let mut turn_bytes = 0;
        loop {
            match connection.next_step(limits, now, desk) {
                // Less came than there was room for: asking again would be a call for nothing,
                // unless it is for the end, which is not told again.
                Step::Read if drained => return Ok(Some(Interest::Read)),
                Step::Read => {
                    match transport.receive(scratch.get_mut(..RECEIVE_BYTES).unwrap_or_default())? {
                        Received::Bytes(count) => {
                            drained = count < RECEIVE_BYTES && !ended;
                            let bytes = scratch.get(..count).unwrap_or_default();
                            connection.received(bytes, limits, now, desk);
                        }
                        Received::End => connection.ended(),
                        Received::Blocked => return Ok(Some(Interest::Read)),
                    }
                }
                Step::Write(_) if turn_bytes >= TURN_BYTES_MAX => return Ok(Some(Interest::Write)),
                Step::Write(chunk) => match transport.send(&chunk, scratch)? {
                    Sent::Bytes(count) => {
                        turn_bytes += count;
                        connection.sent(count, limits, now, desk);
                    }
                    Sent::Blocked => return Ok(Some(Interest::Write)),
                    Sent::Unreadable(error) => {
                        let answer = |desk: &mut Desk<'_>, request: &Request<'_>, is_first| {
                            desk.answer(request, now, Some(Unreadable::new(&error, is_first)))
                        };
                        connection.unreadable(limits, now, desk, answer);
                    }
                },
                Step::ShutDownWriting => transport.shut_down_writing()?,
                Step::Close => return Ok(None),
            }
        }
    }
}

/// Where a client's requests are answered, and the answers written down.
#[derive(Debug)]
struct Desk<'w> {
    shared: &'w Shared,
    /// Becomes somebody else when a proxy says so.
    peer: Peer,
    socket: &'w TcpStream,
    lines: &'w mut Lines,
    open_files: &'w mut OpenFiles,
    buffers: &'w mut Buffers,
    date: HttpDate,
}

impl Desk<'_> {
    /// `unreadable`: why the answer to this request that was made before could not be sent.
    fn answer(
        &mut self,
        request: &Request<'_>,
        now: &Now,
        unreadable: Option<Unreadable>,
    ) -> Response {
        let shared = self.shared;
        let (client, admitted) = match &shared.access {
            Some(access) => {
                if let Some(error) = access.refresh(now) {
                    shared.log.warn(&error);
                }
                access.admit(self.peer, request, now)
            }
            None => (self.peer, Ok(None)),
        };
        let is_forwarded = client.address != self.peer.address;
        let forwarded_for = is_forwarded.then(|| client.name().to_string());
        let (user, mut response) = match admitted {
            Ok(user) => {
                let site = &shared.site;
                let socket = self.socket;
                let who = || Client { name: client.name(), server: own_address(socket, client) };
                let (open_files, buffers) = (&mut *self.open_files, &mut *self.buffers);
                let response = match unreadable {
                    None => site.respond(request, &who, open_files, buffers, now),
                    Some(unreadable) => {
                        site.respond_again(request, &who, open_files, buffers, now, unreadable)
                    }
                };
                (user, response)
            }
            Err(reject) => (None, shared.site.refuse(request, reject)),
        };
        let log = self.lines.log();
        let (forwarded_for, user) = (forwarded_for.as_deref(), user.as_deref());
        let record = log.record(request.line, Some(request.fields), forwarded_for, user);
        response.note = record::encode(record);
        let root = shared.site.root();
        shared.root_watch.answered(&response, root, log, now);
        response
    }
}

impl Respond for Desk<'_> {
    fn respond(&mut self, request: &Request<'_>, now: &Now) -> Response {
        self.answer(request, now, None)
    }

    fn reject(&mut self, reject: &Reject, line: &[u8], _now: &Now) -> Response {
        let mut response = self.shared.site.reject(reject);
        // What cannot be read does not say for whom a proxy speaks, but a broken PROXY header is
        // the proxy's own.
        let is_own = |access: &Access| access.expects_proxy_header(self.peer);
        let is_own = self.shared.access.as_ref().is_some_and(is_own);
        let forwarded_for = (self.peer.is_proxy && !is_own).then_some("unknown");
        let record = self.lines.log().record(line, None, forwarded_for, None);
        response.note = record::encode(record);
        response
    }

    fn buffers(&mut self) -> &mut Buffers {
        self.buffers
    }

    fn answered(&mut self, answered: Answered) {
        self.lines.add(self.peer, answered, self.date.0);
    }

    fn proxied(&mut self, source: Source) -> bool {
        let Some(access) = &self.shared.access else {
            return false;
        };
        let client = access.behind(self.peer, source);
        // The connection counts for whom the proxy speaks, as if there were no proxy.
        let is_wanted = self.shared.connection_limits.pass_on(self.peer, client);
        if is_wanted {
            self.peer = client;
        }
        is_wanted
    }
}

/// The clients of a worker, each under a token that no earlier one had.
#[derive(Debug)]
struct Clients {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Added to a slot's number: tokens below are listeners'.
    first: u32,
    count: usize,
}

#[derive(Debug)]
struct Slot {
    /// Counts the clients that had this slot: an event for one that is gone must not reach the next.
    generation: u32,
    client: Option<Box<ConnectedClient>>,
}

impl Clients {
    fn new(first: u32) -> Clients {
        Clients { slots: Vec::new(), free: Vec::new(), first, count: 0 }
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn token(&self, at: u32, generation: u32) -> u64 {
        // The generation never reaches the bell's all-ones.
        u64::from(generation & 0x7fff_ffff) << 32 | u64::from(at + self.first)
    }

    fn slot(&mut self, token: u64) -> Option<&mut Slot> {
        let at = (token as u32).checked_sub(self.first)?;
        let generation = (token >> 32) as u32;
        self.slots.get_mut(at as usize).filter(|slot| slot.generation & 0x7fff_ffff == generation)
    }

    fn get(&mut self, token: u64) -> Option<&mut ConnectedClient> {
        self.slot(token)?.client.as_deref_mut()
    }

    fn insert(&mut self, client: ConnectedClient) -> u64 {
        self.count += 1;
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, client: None });
            (self.slots.len() - 1) as u32
        });
        let mut generation = 0;
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.client = Some(Box::new(client));
            generation = slot.generation;
        }
        self.token(at, generation)
    }

    fn remove(&mut self, token: u64) {
        let Some(slot) = self.slot(token) else { return };
        slot.client = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.count -= 1;
        self.free.push((token as u32).wrapping_sub(self.first));
        if self.count == 0 && self.slots.len() > SLOTS_KEPT {
            // After a rush the memory goes back. Tokens still on their way find no slot.
            self.slots = Vec::new();
            self.free = Vec::new();
        }
    }

    /// Of all clients that are here now.
    fn tokens(&self) -> Vec<u64> {
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.client.is_some());
        taken.map(|(at, slot)| self.token(at as u32, slot.generation)).collect()
    }
}

/// Fewer slots are not worth giving back.
const SLOTS_KEPT: usize = 64;

/// For the server: whether all workers have ended.
pub(super) fn all_ended(shared: &Shared) -> bool {
    shared.running.load(Ordering::Acquire) == 0
}
