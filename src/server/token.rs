//! What a poller tells events by.

/// Whom or what a poller has found ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The server is to stop.
    Stop,
    /// Another worker asks for room.
    Call,
    /// A listener, by its place among them.
    Listener(u32),
    /// A client.
    Client {
        /// Its place among the clients.
        slot: u32,
        /// Which client of that slot: an event for one that is gone must not reach the next.
        generation: u32,
    },
}

/// Set in all tokens that are no client's.
const NO_CLIENT: u64 = 1 << 63;

impl From<Token> for u64 {
    fn from(token: Token) -> u64 {
        match token {
            Token::Stop => u64::MAX,
            Token::Call => u64::MAX - 1,
            Token::Listener(at) => NO_CLIENT | u64::from(at),
            Token::Client { slot, generation } => {
                u64::from(generation & GENERATIONS) << 32 | u64::from(slot)
            }
        }
    }
}

impl From<u64> for Token {
    fn from(number: u64) -> Token {
        match number {
            u64::MAX => Token::Stop,
            _ if number == u64::MAX - 1 => Token::Call,
            _ if number & NO_CLIENT != 0 => Token::Listener(number as u32),
            _ => Token::Client { slot: number as u32, generation: (number >> 32) as u32 },
        }
    }
}

/// They are counted in 31 bits, and begin anew.
pub const GENERATIONS: u32 = 0x7fff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        for token in [
            Token::Stop,
            Token::Call,
            Token::Listener(0),
            Token::Listener(40),
            Token::Client { slot: 0, generation: 0 },
            Token::Client { slot: u32::MAX, generation: GENERATIONS },
        ] {
            assert_eq!(Token::from(u64::from(token)), token);
        }
    }
}
