//! When a turn is over: what a client gets before others get theirs, and a loop before it looks for
//! what has come meanwhile. It is bounded in time, because an answer that takes no byte may take
//! milliseconds.

use std::time::{Duration, Instant};

/// The clock of one worker's turns. It costs no system call, and one request for a file that
/// leaves in one turn does not look at it at all.
#[derive(Clone, Copy, Debug)]
pub struct TurnClock {
    /// When the loop last looked for what has come.
    round_start: Instant,
    /// When this client's turn began, at the latest: what others have taken since the last look
    /// counts too.
    turn_start: Instant,
    /// The last look.
    looked: Instant,
    is_over: bool,
}

/// What one client gets, and whatever the answer takes longer that was begun before.
pub const TURN: Duration = Duration::from_millis(2);
/// What all clients get before the loop looks for others. Once it is over, each of those that were
/// ready still gets one answer or piece.
const ROUND: Duration = Duration::from_millis(10);

impl TurnClock {
    /// The loop has looked for what has come.
    pub fn begin_round(now: Instant) -> TurnClock {
        TurnClock { round_start: now, turn_start: now, looked: now, is_over: false }
    }

    /// Another client's turn, or another row of them.
    pub fn begin_turn(&mut self) {
        self.turn_start = self.looked;
        self.is_over = false;
    }

    /// Looks whether this turn is over.
    pub fn look(&mut self, now: Instant) -> bool {
        self.looked = now;
        self.is_over = now.duration_since(self.turn_start) >= TURN
            || now.duration_since(self.round_start) >= ROUND;
        self.is_over
    }

    /// Whether it was over at the last look.
    pub fn is_over(&self) -> bool {
        self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_two_milliseconds_and_a_round_ten() {
        let start = Instant::now();
        let at = |microseconds| start + Duration::from_micros(microseconds);
        let mut clock = TurnClock::begin_round(start);
        // Microseconds since the round began, whether a turn begins there, whether it is over.
        let rows = [
            (1_999, false, false),
            (2_000, false, true),
            (2_001, true, false),
            (3_999, false, false),
            // It began at the look before: what came between counts.
            (6_000, true, true),
            (7_999, true, false),
            (9_998, true, false),
            (10_000, true, true),
            (10_001, true, true),
        ];
        for (microseconds, is_begun, is_over) in rows {
            if is_begun {
                clock.begin_turn();
                assert!(!clock.is_over());
            }
            assert_eq!(clock.look(at(microseconds)), is_over, "{microseconds}");
            assert_eq!(clock.is_over(), is_over, "{microseconds}");
        }
    }
}
