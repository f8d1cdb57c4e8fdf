//! One thread of the pool: a poller, the listeners in turn with the other workers, and the
//! connections it has accepted, with their deadlines. No other thread ever touches them.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::http::buffers::Buffers;
use crate::http::connection::Connection;
use crate::http::outgoing::SpareOutgoing;
use crate::peer::Peer;
use crate::site::files::OpenFiles;
use crate::sys::{Failure, Interest, Listener, Poller, Ready};

use super::clients::{Clients, ConnectedClient, Next, RECEIVE_BYTES, Turn, advance, receive};
use super::log::Lines;
use super::responder::Resources;
use super::shared::{Delivery, Shared};
use super::token::Token;
use super::transport::Transport;
use super::turn::{TURN, TurnClock};

/// A worker, before and while it runs.
#[derive(Debug)]
pub struct Worker {
    /// Which of the workers it is, from 0.
    number: usize,
    /// None any more once the server stops: the last one to let go of them closes them.
    listeners: Arc<[Listener]>,
    poller: Poller,
    clients: Clients,
    /// Whose turn was over before they were done, in the order in which they get another.
    put_off: VecDeque<Token>,
    /// Clients of which something was received that is not answered, and whether it was everything.
    received: Vec<(Token, bool)>,
    /// What is received, and what is sent from files, passes through here. Empty while nobody is
    /// busy.
    scratch: Vec<u8>,
    resources: Resources,
    /// When the next deadline is looked for, in the milliseconds of the core's clock.
    sweep_milliseconds: u64,
    /// While there are no descriptors left: when to accept again.
    resume_milliseconds: Option<u64>,
    /// So many times in a row the listeners gave an error in place of a connection.
    accepts_failed: usize,
    /// Not before is it said again that something fails, in the core's time.
    next_warning_milliseconds: u64,
    stopping: bool,
}

/// A head and the first block of its file leave at once up to this size.
const BLOCK_BYTES: usize = 64 << 10;
/// From this size on the C libraries get memory from the system for each allocation, and give it
/// back with it. What lies beyond a block is never touched, and so takes no memory.
const SCRATCH_BYTES: usize = 132 << 10;
/// Where the system has no such piece of memory: what is received at a time.
const SCRATCH_BYTES_MIN: usize = RECEIVE_BYTES;
/// From as many clients something is received before the first of them is answered: what is then
/// seen of a file is later than each of their requests, and serves them all. More would save little,
/// and the first would wait longer.
const RECEIVED_MAX: usize = 16;
/// Without descriptors or memory nothing is accepted for so long. A listener that stays in the
/// poller meanwhile takes half a core.
const PAUSE_MILLISECONDS: u64 = 100;
/// An error of a connection that is to be accepted is its own, if they are not as many in a row.
const ACCEPTS_FAILED_MAX: usize = 64;
/// That nothing is accepted, or nothing polled, is said once in as long.
const BETWEEN_WARNINGS_MILLISECONDS: u64 = 60_000;
/// When there are too many connections, so many idle ones go at once: to find them costs a look
/// at all.
const SHED_AT_ONCE: usize = 32;
/// Deadlines are kept to the second: so the connections are looked through once a second at most.
/// A power of two, since each request divides by it.
const SWEEP_MILLISECONDS: u64 = 1_024;
/// A worker that has the listeners for itself accepts as many in a turn, if they take no longer.
const ACCEPTED_AT_ONCE_MAX: usize = 64;
/// After so many of them it looks how long they took.
const ACCEPTED_UNTIMED: usize = 8;

impl Worker {
    /// A worker that watches the listeners and the stop signal.
    pub fn new(
        shared: Arc<Shared>,
        listeners: Arc<[Listener]>,
        number: usize,
    ) -> io::Result<Worker> {
        let mut poller = Poller::new()?;
        poller.watch(&shared.stop_signal, Token::Stop.into(), Interest::Read)?;
        if let Some(mailbox) = shared.mailboxes.get(number) {
            poller.watch(&mailbox.signal, Token::Call.into(), Interest::Read)?;
        }
        for (at, listener) in listeners.iter().enumerate() {
            poller.watch_shared(listener, Token::Listener(at as u32).into())?;
        }
        let start = Instant::now();
        Ok(Worker {
            clients: Clients::default(),
            put_off: VecDeque::new(),
            received: Vec::with_capacity(RECEIVED_MAX),
            scratch: Vec::new(),
            resources: Resources {
                lines: Lines::new(Arc::clone(&shared.log)),
                open_files: OpenFiles::default(),
                buffers: Buffers::default(),
                spare: SpareOutgoing::default(),
                now: shared.now(),
                turn: TurnClock::begin_round(start),
                worker: number,
                shared,
            },
            sweep_milliseconds: u64::MAX,
            resume_milliseconds: None,
            accepts_failed: 0,
            next_warning_milliseconds: 0,
            stopping: false,
            number,
            poller,
            listeners,
        })
    }

    /// Serves until the server stops and the last client is gone.
    pub fn run(mut self) {
        let mut ready = Vec::new();
        while !(self.stopping && self.clients.is_empty()) {
            // What the poller tells of these was not asked for.
            let (is_stopping, is_pausing) = (self.stopping, self.resume_milliseconds.is_some());
            let mut is_useless = false;
            if let Err(error) = self.poller.wait(&mut ready, self.timeout()) {
                self.warn(&format!("cannot wait for clients: {error}"));
                is_useless = true;
            }
            self.resources.shared.turned(self.number);
            let instant = Instant::now();
            let (milliseconds, date) = self.resources.shared.clock(instant);
            self.resources.now.set(milliseconds, date);
            self.resources.turn = TurnClock::begin_round(instant);
            let (mut is_called, mut is_stopped) = (false, false);
            for &Ready { token, ended } in &ready {
                match Token::from(token) {
                    Token::Stop | Token::Listener(_) if is_stopping => is_useless = true,
                    Token::Listener(_) if is_pausing => is_useless = true,
                    Token::Stop => is_stopped = true,
                    Token::Call => is_called = true,
                    Token::Listener(at) => self.accept(at),
                    token @ Token::Client { .. } => self.receive_ready(token, ended),
                }
            }
            self.answer_received();
            // After the clients: these change what is waited for, and so what an event means.
            if is_called {
                self.open_mailbox();
            }
            if is_stopped {
                self.stop();
            }
            if !self.put_off.is_empty() {
                self.serve_put_off();
            }
            if self.resources.now.milliseconds >= self.sweep_milliseconds {
                self.sweep();
            }
            if self
                .resume_milliseconds
                .is_some_and(|resume| self.resources.now.milliseconds >= resume)
            {
                self.resume();
            }
            if !(self.resources.is_empty() && self.scratch.is_empty()) {
                let soon = self.resources.now.milliseconds + SWEEP_MILLISECONDS;
                self.sweep_milliseconds = self.sweep_milliseconds.min(soon);
            }
            self.resources.lines.flush();
            if is_useless {
                // Not for any reason that is known. Not to spin is all that can be done.
                std::thread::sleep(Duration::from_millis(PAUSE_MILLISECONDS));
            }
        }
        self.resources.shared.worker_ended();
    }

    /// How long to wait for events, in milliseconds. `None`: until one comes.
    fn timeout(&self) -> Option<u64> {
        if !self.put_off.is_empty() {
            return Some(0);
        }
        let wake = self.sweep_milliseconds.min(self.resume_milliseconds.unwrap_or(u64::MAX));
        // Rounded up by one: a deadline that has not quite come would make the loop spin.
        (wake != u64::MAX).then(|| (wake + 1).saturating_sub(self.resources.now.milliseconds))
    }

    /// Takes the connections that wait. A worker among several takes one, and goes to the back of the
    /// listener's queue if it has more than its share: epoll wakes whoever came last, so that one
    /// worker would get all.
    fn accept(&mut self, listener: u32) {
        let workers = self.resources.shared.workers;
        for at in 0..if workers == 1 { ACCEPTED_AT_ONCE_MAX } else { 1 } {
            if self.stopping || self.resume_milliseconds.is_some() {
                return;
            }
            // Before, and not after: what is accepted while there is no room is one too many.
            if self.resources.shared.connection_limits.is_full() && !self.make_room() {
                let max = self.resources.shared.connection_limits.max();
                return self.pause(&format!("the limit of {max} is reached"));
            }
            let Some(socket) = self.listeners.get(listener as usize) else {
                return;
            };
            match socket.accept() {
                Ok((stream, address)) => {
                    self.accepts_failed = 0;
                    self.adopt(stream, address);
                    if at % ACCEPTED_UNTIMED == ACCEPTED_UNTIMED - 1
                        && self.resources.turn.look(Instant::now())
                    {
                        return;
                    }
                }
                Err(error) => match (error.kind(), Failure::from(&error)) {
                    // Another worker was faster, or nobody is left to accept.
                    (io::ErrorKind::WouldBlock, _) => return,
                    (_, Failure::Exhausted) if !self.resources.open_files.is_empty() => {
                        self.resources.open_files.clear()
                    }
                    // A connection that is idle has a descriptor that this client needs.
                    (_, Failure::Exhausted) if self.make_room() => continue,
                    (_, Failure::Exhausted) => return self.pause(&error),
                    // This one client has gone: ECONNABORTED, or an error of its network. Or nobody
                    // listens any more, and the signal to stop is among the next events.
                    _ if self.accepts_failed < ACCEPTS_FAILED_MAX => {
                        self.accepts_failed += 1;
                        return;
                    }
                    _ => return self.pause(&error),
                },
            }
        }
        // Whoever has less than its share stays where it is, which spares two calls.
        let all = self.resources.shared.connection_limits.count();
        if workers > 1 && self.clients.count() * workers > all {
            let Some(socket) = self.listeners.get(listener as usize) else {
                return;
            };
            let turned = self
                .poller
                .unwatch(socket)
                .and_then(|()| self.poller.watch_shared(socket, Token::Listener(listener).into()));
            if let Err(error) = turned {
                self.pause(&error);
            }
        }
    }

    fn adopt(&mut self, stream: TcpStream, address: Option<SocketAddr>) {
        let transport = Transport::new(stream);
        let access = self.resources.shared.access.as_ref();
        let mut peer = Peer::connected(address);
        peer.is_proxy = access.is_some_and(|access| access.trusts_peer(peer));
        // Closed without a word: a client that holds so many is not reading answers.
        if !self.resources.shared.connection_limits.take(peer) {
            return;
        }
        let limits = &self.resources.shared.limits;
        let connection = match access {
            Some(access) if access.expects_proxy_header(peer) => {
                Connection::behind_proxy(limits, &self.resources.now)
            }
            _ => Connection::new(limits, &self.resources.now),
        };
        let token = self.clients.insert(ConnectedClient {
            transport,
            connection,
            peer,
            watched: None,
            ended: false,
            is_put_off: false,
        });
        // The request has often come by now, and a connection for one request need not be watched.
        self.receive_ready(token, false);
    }

    /// Something has come for a client: it is answered together with others.
    fn receive_ready(&mut self, token: Token, ended: bool) {
        let Some(client) = self.clients.get(token) else {
            return;
        };
        if client.watched == Some(Interest::End) {
            return self.hang_up(token);
        }
        client.ended |= ended;
        if client.is_put_off {
            return;
        }
        let ConnectedClient { transport, connection, peer, ended, .. } = client;
        let mut responder = self.resources.responder(token, *peer, transport.socket());
        provide(&mut self.scratch);
        let mut turn = Turn { scratch: &mut self.scratch, ended: *ended, drained: false };
        if connection.reads() && receive(transport, connection, &mut responder, &mut turn).is_err()
        {
            connection.abandon(&mut responder);
            return self.close(token);
        }
        self.received.push((token, turn.drained));
        if self.received.len() == RECEIVED_MAX {
            self.answer_received();
        }
    }

    /// Serves those of which something was received.
    fn answer_received(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        for (token, drained) in received.drain(..) {
            self.serve_drained(token, drained);
        }
        self.received = received;
    }

    /// The client has gone while it waited for a task thread.
    fn hang_up(&mut self, token: Token) {
        if let Some(client) = self.clients.get(token) {
            let socket = client.transport.socket();
            let mut responder = self.resources.responder(token, client.peer, socket);
            client.connection.abandon(&mut responder);
        }
        self.close(token);
    }

    /// Another turn for those who were put off, one after the other, for as long as one turn takes:
    /// then whoever has become ready meanwhile comes first again.
    fn serve_put_off(&mut self) {
        let start = Instant::now();
        self.resources.turn = TurnClock::begin_round(start);
        while let Some(token) = self.put_off.pop_front() {
            if let Some(client) = self.clients.get(token) {
                client.is_put_off = false;
                self.serve(token);
            }
            if start.elapsed() >= TURN {
                return;
            }
        }
        // Memory for a rush goes back after it.
        self.put_off = VecDeque::new();
    }

    /// Does for a client whatever can be done now.
    fn serve(&mut self, token: Token) {
        self.serve_drained(token, false);
    }

    /// The same. `drained`: everything that has come was received.
    fn serve_drained(&mut self, token: Token, drained: bool) {
        let Some(client) = self.clients.get(token) else {
            return;
        };
        let ConnectedClient { transport, connection, peer, watched, ended, is_put_off } = client;
        self.resources.turn.begin_turn();
        let mut responder = self.resources.responder(token, *peer, transport.socket());
        provide(&mut self.scratch);
        let block = self.scratch.len().min(BLOCK_BYTES);
        let scratch = self.scratch.get_mut(..block).unwrap_or_default();
        let next = advance(
            transport,
            connection,
            &mut responder,
            Turn { scratch, ended: *ended, drained },
        );
        *peer = responder.peer();
        let result = match next {
            Ok(Next::Socket(interest)) if *watched == Some(interest) => Ok(true),
            Ok(Next::Socket(interest)) => {
                let socket = transport.socket();
                let watching = match watched {
                    None => self.poller.watch(socket, token.into(), interest),
                    Some(_) => self.poller.change(socket, token.into(), interest),
                };
                *watched = Some(interest);
                watching.map(|()| true)
            }
            Ok(Next::PutOff) => {
                if !*is_put_off {
                    *is_put_off = true;
                    self.put_off.push_back(token);
                }
                Ok(true)
            }
            Ok(Next::Close) => Ok(false),
            Err(error) => Err(error),
        };
        // A socket's error means that the client has gone; it is no error of ours.
        if let Ok(true) = result {
            let sweep = sweep_after(connection.deadline_milliseconds(), self.stopping);
            self.sweep_milliseconds = self.sweep_milliseconds.min(sweep);
        } else {
            connection.abandon(&mut responder);
            self.close(token);
        }
    }

    /// Ends what is past its deadline, and finds the next one.
    fn sweep(&mut self) {
        self.sweep_milliseconds = u64::MAX;
        self.resources.shared.look_after_tasks(Instant::now());
        self.resources.shared.tasks.look_for_returned_files();
        self.resources.open_files.expire();
        self.resources.buffers.expire();
        self.resources.spare.expire();
        self.scratch = Vec::new();
        for token in self.clients.tokens() {
            let Some(client) = self.clients.get(token) else {
                continue;
            };
            let deadline = client.connection.deadline_milliseconds();
            // It waits for the server, and not the server for it.
            if client.is_put_off {
                continue;
            }
            if deadline <= self.resources.now.milliseconds {
                let socket = client.transport.socket();
                let mut responder = self.resources.responder(token, client.peer, socket);
                client.connection.expired(&mut responder);
                self.serve(token);
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
            self.resources.shared.ask_for_room();
        }
        is_made
    }

    /// Another worker has a client to accept and no room for it, there are answers, or the main
    /// thread looks whether this one still turns.
    fn open_mailbox(&mut self) {
        let shared = Arc::clone(&self.resources.shared);
        let Some(mailbox) = shared.mailboxes.get(self.number) else {
            return;
        };
        // First: what comes in behind it rings again.
        mailbox.signal.clear();
        for (token, delivery) in mailbox.take() {
            // It may be gone.
            let Some(client) = self.clients.get(token) else {
                continue;
            };
            let socket = client.transport.socket();
            let mut responder = self.resources.responder(token, client.peer, socket);
            match delivery {
                Delivery::Answer(answer, found) => {
                    client.connection.answer(answer, &mut responder);
                    self.resources.open_files.absorb(*found);
                }
                Delivery::Part(part) => client.connection.fetched(part, &mut responder),
                Delivery::Gathered(source, segments) => {
                    client.connection.gathered(source, segments, &mut responder);
                }
            }
            if !client.is_put_off {
                self.serve(token);
            }
        }
        if shared.room_wanted.load(Ordering::Relaxed) {
            if self.shed(1) {
                shared.room_wanted.store(false, Ordering::Relaxed);
            }
            // It may be descriptors that are missing.
            self.resources.open_files.clear();
        }
    }

    /// Closes the connections that have been idle for longest, of those of this worker, at most so
    /// many. `false`: none is idle.
    fn shed(&mut self, at_most: usize) -> bool {
        let limits = &self.resources.shared.limits;
        let mut idle: Vec<(u64, Token)> = Vec::new();
        for token in self.clients.tokens() {
            if let Some(client) =
                self.clients.get(token).filter(|client| client.connection.is_idle())
            {
                idle.push((client.connection.idle_since_milliseconds(limits), token));
            }
        }
        idle.sort_by_key(|&(since, _)| since);
        // The newest may be about to send a request.
        let count = (idle.len() / 4).clamp(1, at_most);
        for &(_, token) in idle.iter().take(count) {
            self.close(token);
        }
        !idle.is_empty()
    }

    /// Closes a connection, whatever it was doing.
    fn close(&mut self, token: Token) {
        let Some(client) = self.clients.get(token) else {
            return;
        };
        if client.watched.is_some() {
            self.poller.closing(client.transport.socket());
        }
        let shared = &self.resources.shared;
        shared.connection_limits.give_back(client.peer);
        shared.tasks.forget(self.number, token);
        self.clients.remove(token);
    }

    /// No descriptors, no memory, or as many connections as may be: accepts nothing for a while.
    fn pause(&mut self, why: &dyn std::fmt::Display) {
        self.warn(&format!("not accepting connections for now: {why}"));
        for listener in self.listeners.iter() {
            let _ = self.poller.unwatch(listener);
        }
        self.resume_milliseconds = Some(self.resources.now.milliseconds + PAUSE_MILLISECONDS);
    }

    /// Says what fails, at most once a minute.
    fn warn(&mut self, text: &str) {
        let now = self.resources.now.milliseconds;
        if now >= self.next_warning_milliseconds {
            self.resources.shared.log.warn(text);
            self.next_warning_milliseconds = now + BETWEEN_WARNINGS_MILLISECONDS;
        }
    }

    fn resume(&mut self) {
        self.resume_milliseconds = None;
        for (at, listener) in self.listeners.iter().enumerate() {
            let _ = self.poller.unwatch(listener);
            if self.poller.watch_shared(listener, Token::Listener(at as u32).into()).is_err() {
                self.resume_milliseconds =
                    Some(self.resources.now.milliseconds + PAUSE_MILLISECONDS);
            }
        }
    }

    /// The server is stopping: finishes running answers, and begins none.
    fn stop(&mut self) {
        self.stopping = true;
        self.resume_milliseconds = None;
        let _ = self.poller.unwatch(&self.resources.shared.stop_signal);
        for listener in self.listeners.iter() {
            let _ = self.poller.unwatch(listener);
        }
        self.listeners = Arc::default();
        for token in self.clients.tokens() {
            if let Some(client) = self.clients.get(token) {
                let socket = client.transport.socket();
                client.connection.drain(&self.resources.responder(token, client.peer, socket));
            }
            self.serve(token);
        }
    }
}

/// Makes a scratch buffer, if there is none. Want of memory would end the process, so it is asked for
/// before.
fn provide(scratch: &mut Vec<u8>) {
    if scratch.is_empty() {
        let mut tried = Vec::<u8>::new();
        let is_there = tried.try_reserve_exact(SCRATCH_BYTES).is_ok();
        // The compiler may leave out memory that nobody uses.
        drop(black_box(tried));
        *scratch = vec![0; if is_there { SCRATCH_BYTES } else { SCRATCH_BYTES_MIN }];
    }
}

/// The first sweep that finds a deadline passed: at once where the server waits for nothing else.
fn sweep_after(deadline_milliseconds: u64, stopping: bool) -> u64 {
    if stopping {
        return deadline_milliseconds;
    }
    (deadline_milliseconds / SWEEP_MILLISECONDS + 1) * SWEEP_MILLISECONDS
}
