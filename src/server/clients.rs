//! The clients of a worker: their slots, their tokens, and what is done for one of them in a turn.

use std::io;

use crate::http::connection::{Connection, Step};
use crate::http::responder::Responder;
use crate::peer::Peer;
use crate::sys::Interest;

use super::log::record::Record;
use super::responder::ClientResponder;
use super::token::{GENERATIONS, Token};
use super::transport::{Received, Sent, TURN_BYTES_MAX, Transport};

/// A client that is connected.
#[derive(Debug)]
pub struct ConnectedClient {
    /// Its socket.
    pub transport: Transport,
    /// What is spoken over it.
    pub connection: Connection<Record>,
    /// Whose it is.
    pub peer: Peer,
    /// What the poller waits for.
    pub watched: Option<Interest>,
    /// It has closed its side, as the poller saw, which may be told only once.
    pub ended: bool,
    /// Its turn was over before it was done: it is in the row of those that get another, and events
    /// have nothing to add.
    pub is_put_off: bool,
}

/// What is received in one call, so that what a client sends ahead takes a bounded space.
pub const RECEIVE_BYTES: usize = 16 << 10;
/// So many pieces of a turn cost no look at the clock: those of a file that leaves in one turn.
const PIECES_UNTIMED: usize = 2;

/// What a turn begins with.
#[derive(Debug)]
pub struct Turn<'t> {
    /// What is received, and what is sent from files, passes through here.
    pub scratch: &'t mut [u8],
    /// The client has closed its side, as the poller saw.
    pub ended: bool,
    /// Everything that has come was received before the turn.
    pub drained: bool,
}

/// Receives once, also before the client's turn.
pub fn receive(
    transport: &Transport,
    connection: &mut Connection<Record>,
    responder: &mut ClientResponder<'_>,
    turn: &mut Turn<'_>,
) -> io::Result<()> {
    let scratch = turn.scratch.get_mut(..RECEIVE_BYTES).unwrap_or_default();
    match transport.receive(scratch)? {
        Received::Bytes(count) => {
            responder.look_anew();
            connection.received(scratch.get(..count).unwrap_or_default(), responder);
            // Less came than there was room for: asking again would be a call for nothing, unless
            // it is for the end, which is not told again.
            turn.drained = count < RECEIVE_BYTES && !turn.ended;
        }
        Received::End => {
            connection.ended();
            turn.drained = false;
        }
        Received::Blocked => turn.drained = true,
    }
    Ok(())
}

/// What a turn ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The connection waits for the socket.
    Socket(Interest),
    /// There is more to do, and nothing to wait for: others come first.
    PutOff,
    /// The connection is over.
    Close,
}

/// Takes steps until the connection has to wait, or the turn or the connection is over.
pub fn advance(
    transport: &Transport,
    connection: &mut Connection<Record>,
    responder: &mut ClientResponder<'_>,
    turn: Turn<'_>,
) -> io::Result<Next> {
    let mut turn = turn;
    let mut turn_bytes = 0;
    let mut pieces = 0;
    loop {
        match connection.next_step(responder) {
            Step::Read if turn.drained => return Ok(Next::Socket(Interest::Read)),
            Step::Write if turn_bytes >= TURN_BYTES_MAX => {
                return Ok(Next::Socket(Interest::Write));
            }
            Step::Read | Step::Write if pieces >= PIECES_UNTIMED && responder.is_turn_over() => {
                return Ok(Next::PutOff);
            }
            Step::Read => {
                receive(transport, connection, responder, &mut turn)?;
                // Others are not to wait for as long as it sends.
                pieces += usize::from(!turn.drained);
            }
            Step::Write => match transport.send(&connection.chunk(), turn.scratch)? {
                Sent::Bytes(count) => {
                    turn_bytes += count;
                    connection.sent(count, responder);
                    if responder.was_turn_over() {
                        return Ok(Next::PutOff);
                    }
                    pieces += 1;
                }
                Sent::Blocked => return Ok(Next::Socket(Interest::Write)),
                Sent::Unreadable(error) => connection.unreadable(error, responder),
                Sent::Unready => connection.unready(responder),
            },
            Step::ShutDownWriting => transport.shut_down_writing()?,
            Step::Await => return Ok(Next::Socket(Interest::End)),
            Step::Close => return Ok(Next::Close),
        }
    }
}

/// Clients, each under a token that no earlier one had: an answer of a task thread must never reach
/// somebody else.
#[derive(Debug, Default)]
pub struct Clients {
    slots: Vec<Slot>,
    /// The generation of new slots: higher than any that a slot had which is no more.
    first_generation: u32,
    free: Vec<u32>,
    count: usize,
}

#[derive(Debug)]
struct Slot {
    /// Counts the clients that had this slot.
    generation: u32,
    client: Option<Box<ConnectedClient>>,
}

/// Fewer slots are not worth giving back.
const SLOTS_KEPT: usize = 64;

impl Clients {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot> {
        let Token::Client { slot, generation } = token else {
            return None;
        };
        self.slots.get_mut(slot as usize).filter(|slot| slot.generation == generation)
    }

    /// The client of this token, if it is still here.
    pub fn get(&mut self, token: Token) -> Option<&mut ConnectedClient> {
        self.slot(token)?.client.as_deref_mut()
    }

    /// Adds a client.
    pub fn insert(&mut self, client: ConnectedClient) -> Token {
        self.count += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: self.first_generation, client: None });
            (self.slots.len() - 1) as u32
        });
        let mut generation = 0;
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            debug_assert!(slot.client.is_none(), "a slot has one client at a time");
            slot.client = Some(Box::new(client));
            generation = slot.generation;
        }
        Token::Client { slot, generation }
    }

    /// Removes the client of this token.
    pub fn remove(&mut self, token: Token) {
        let Some(slot) = self.slot(token) else { return };
        slot.client = None;
        slot.generation = slot.generation.wrapping_add(1) & GENERATIONS;
        self.count -= 1;
        if let Token::Client { slot, .. } = token {
            self.free.push(slot);
        }
        if self.count == 0 && self.slots.len() > SLOTS_KEPT {
            // After a rush the memory goes back.
            let generations = self.slots.iter().map(|slot| slot.generation);
            self.first_generation = generations.max().unwrap_or(self.first_generation);
            self.slots = Vec::new();
            self.free = Vec::new();
        }
    }

    /// Of all clients that are here now.
    pub fn tokens(&self) -> Vec<Token> {
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.client.is_some());
        taken
            .map(|(at, slot)| Token::Client { slot: at as u32, generation: slot.generation })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    use crate::http::date::HttpDate;
    use crate::http::limits::Limits;
    use crate::http::now::Now;

    fn client() -> ConnectedClient {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let stream = TcpStream::connect(address).expect("a connection");
        ConnectedClient {
            transport: Transport::new(stream),
            connection: Connection::new(&Limits::default(), &Now::new(0, HttpDate(0))),
            peer: Peer::UNKNOWN,
            watched: None,
            ended: false,
            is_put_off: false,
        }
    }

    #[test]
    fn no_client_has_the_token_of_an_earlier_one() {
        let mut clients = Clients::default();
        let mut seen = HashSet::new();
        // More than are kept, so that all slots go back to the system in between.
        for count in [SLOTS_KEPT + 2, 3, SLOTS_KEPT + 2, SLOTS_KEPT + 2] {
            let tokens: Vec<Token> = (0..count).map(|_| clients.insert(client())).collect();
            for token in tokens {
                assert!(seen.insert(u64::from(token)), "{token:?} again");
                clients.remove(token);
                assert!(clients.get(token).is_none(), "{token:?} is gone");
            }
            assert!(clients.is_empty());
        }
    }
}
