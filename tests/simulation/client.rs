//! A client: how it sends and reads, and whether it got what it must.

use crate::support::random::Random;

use ipv6_httpd::http::connection::{Connection, Step};
use ipv6_httpd::http::date::HttpDate;
use ipv6_httpd::http::limits::Limits;
use ipv6_httpd::http::now::Now;
use ipv6_httpd::http::responder::Answered;
use ipv6_httpd::http::response::Reading;
use ipv6_httpd::http::status::Status;

use super::Tally;
use super::expected::{arrivals, part, send, take, wire_form};
use super::script::{Item, Script, Verdict};
use super::world::{Given, Pending, TestResponder, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Takes everything at once.
    Fast,
    /// Takes some bytes at a time, and lets the server wait between them, but not long.
    Short,
    /// As slowly as may be.
    Slow,
    /// More slowly than may be.
    Starving,
    /// Nothing at all.
    Never,
}

#[derive(Debug)]
pub struct Client {
    pub random: Random,
    pub connection: Connection<Vec<u8>>,
    pub script: Script,
    /// Until when how much of the script and the garbage has arrived, in order.
    pub arrivals: Vec<(u64, u64)>,
    arrived: usize,
    taken: u64,
    /// Taken after the sending side was shut down.
    lingered_bytes: u64,
    half_close: Option<u64>,
    told_end: bool,
    reset: Option<u64>,
    pub reader: Reader,
    /// When it takes something again.
    reads_at: u64,
    pub room: u64,

    /// When something happens to it next; `None`: it is gone.
    pub wake: Option<u64>,
    pub started: bool,
    /// Deadlines are looked at once a second, as a worker does, or exactly.
    sweeps: bool,
    expirations: u32,
    shut_down: Option<u64>,
    pub closed: bool,
    ended_at: u64,
    last_activity: u64,
    /// While something is to be sent: since when, and how much has been taken since then.
    sending: Option<(u64, u64)>,
    /// So many answers had been given then: to come to the next one is progress too.
    sending_answers: usize,
    pub given: Vec<Given>,
    /// What comes later, and when.
    pending: Option<(u64, Pending)>,
    pub records: Vec<Answered<Vec<u8>>>,
    pub output: Vec<u8>,
    /// Something happened for which answers may be missing at the end.
    pub disturbed: bool,
    drained_at: Option<usize>,
    pub shrunk: bool,
}

/// What the connection of a client is driven with. A method would borrow all of the client.
macro_rules! responder {
    ($client:ident, $world:ident) => {
        TestResponder {
            world: $world,
            given: &mut $client.given,
            pending: &mut $client.pending,
            records: &mut $client.records,
            came: $client.taken,
            last_sent: $client.last_activity,
        }
    };
}

impl Client {
    pub fn new(world: &mut World<'_>) -> Client {
        let mut random = Random::new(world.random.next());
        let script = Script::new(&mut random);
        let start = world.now.milliseconds + random.below(20_000);
        let total = script.bytes.len() as u64 + script.garbage;
        let reader = match random.below(32) {
            0 => Reader::Never,
            1 => Reader::Starving,
            2 | 3 => Reader::Slow,
            4..=12 => Reader::Short,
            _ => Reader::Fast,
        };
        let (arrivals, arrived_at) = arrivals(&mut random, &script, start, total, reader);
        let stalls = script.items.last().is_some_and(|item| item.verdict == Verdict::Stalls);
        let half_close = random
            .one_in(if stalls { 6 } else { 3 })
            .then(|| arrived_at + random.below(2) * random.below(3_000));
        let reset = random.one_in(10).then(|| start + random.below(12_000));
        Client {
            connection: Connection::new(&Limits::default(), &Now::new(0, HttpDate(0))),
            script,
            arrivals,
            arrived: 0,
            taken: 0,
            lingered_bytes: 0,
            half_close,
            told_end: false,
            reset,
            reader,
            reads_at: 0,
            room: 0,
            wake: Some(start),
            started: false,
            sweeps: random.one_in(2),
            expirations: 0,
            shut_down: None,
            closed: false,
            ended_at: 0,
            last_activity: start,
            sending: None,
            sending_answers: 0,
            given: Vec::new(),
            pending: None,
            records: Vec::new(),
            output: Vec::new(),
            disturbed: false,
            drained_at: None,
            shrunk: false,
            random,
        }
    }

    /// Its time has come: whatever is due happens, and then all steps until it has to wait.
    pub fn live(&mut self, world: &mut World<'_>) {
        let now = world.now.milliseconds;
        if !self.started {
            self.started = true;
            self.connection = Connection::new(&world.limits, &world.now);
            self.last_activity = now;
            assert!(self.connection.is_idle(), "a new connection is idle");
        }
        if self.reset.is_some_and(|reset| reset <= now) {
            // The socket fails: the driver tells, and forgets the connection.
            self.disturbed = true;
            return self.gone(world);
        }
        self.bring_late(world);
        if self.wake.is_none() {
            return;
        }
        if self.deadline() <= now {
            let now = world.now;
            self.expirations += 1;
            assert!(self.expirations <= 2, "time-outs without end");
            if self.sending.is_some() {
                assert!(
                    self.disturbed || matches!(self.reader, Reader::Starving | Reader::Never),
                    "a client that reads fast enough is given up: {:?}",
                    self.script
                );
                self.disturbed = true;
                world.tally.starved += 1;
            }
            let mut responder = responder!(self, world);
            self.connection.expired(&mut responder);
            let before = self.connection.deadline_milliseconds();
            self.advance(world);
            let waits = self.wake.is_some();
            assert!(
                !waits || self.connection.deadline_milliseconds() > before.min(now.milliseconds),
                "nothing came of a deadline"
            );
            return;
        }
        self.advance(world);
    }

    /// Brings what was to come later, if its time has come, whatever is being sent: a worker looks
    /// at it before deadlines.
    fn bring_late(&mut self, world: &mut World<'_>) {
        let mut responder = responder!(self, world);
        let date = responder.world.now.date;
        match responder.take_pending() {
            Some(Pending::Answer(given, body)) => {
                let answer = responder.give(Given { date, ..*given }, body);
                self.connection.answer(answer, &mut responder);
                world.tally.late += 1;
            }
            Some(Pending::Part(file, range)) => {
                let Some(part) = part(&file, &range, responder.world) else {
                    return self.shrink(world);
                };
                self.connection.fetched(Ok(part), &mut responder);
                world.tally.late_parts += 1;
            }
            None => {}
        }
    }

    /// When the driver will look at the deadline.
    fn deadline(&self) -> u64 {
        let deadline = self.connection.deadline_milliseconds();
        if self.sweeps { (deadline / 1_000 + 1) * 1_000 } else { deadline }
    }

    /// The driver's loop, as in `server::worker`.
    fn advance(&mut self, world: &mut World<'_>) {
        for _ in 0..1_000_000 {
            let now = world.now;
            let mut responder = responder!(self, world);
            match self.connection.next_step(&mut responder) {
                Step::Read => {
                    self.sending = None;
                    if !self.read(world) {
                        return self.wait(world);
                    }
                }
                Step::Write => {
                    let chunk = self.connection.chunk();
                    assert!(self.shut_down.is_none(), "bytes after the end of the sending side");
                    assert!(!chunk.bytes.is_empty() || chunk.file.is_some(), "nothing to send");
                    if self.sending_answers != self.given.len() {
                        self.sending_answers = self.given.len();
                        self.sending = None;
                    }
                    let since = self.sending.get_or_insert((now.milliseconds, 0));
                    let room = self.room;
                    if room == 0 {
                        return self.wait(world);
                    }
                    if chunk.file.is_some()
                        && chunk.reading == Reading::Tried
                        && world.random.one_in(8)
                    {
                        let mut responder = responder!(self, world);
                        self.connection.unready(&mut responder);
                        continue;
                    }
                    let Some(count) = send(&chunk, room, world, &mut self.output) else {
                        return self.shrink(world);
                    };
                    assert!(count > 0);
                    since.1 += count;
                    self.room -= count;
                    self.last_activity = now.milliseconds;
                    let mut responder = responder!(self, world);
                    self.connection.sent(count as usize, &mut responder);
                }
                Step::Await => {
                    self.sending = None;
                    assert!(self.pending.is_some(), "waits for no answer");
                    return self.wait(world);
                }
                Step::ShutDownWriting => {
                    assert!(self.shut_down.is_none(), "the sending side is closed but once");
                    self.shut_down = Some(now.milliseconds);
                    self.sending = None;
                    world.tally.lingered += 1;
                }
                Step::Close => {
                    self.closed = true;
                    self.check_nothing_follows(world);
                    return self.gone(world);
                }
            }
        }
        panic!("the connection does not come to rest");
    }

    /// Gives the connection the next bytes. `false`: nothing is there.
    fn read(&mut self, world: &mut World<'_>) -> bool {
        let now = world.now;
        while self.arrivals.get(self.arrived).is_some_and(|(_, until)| *until <= self.taken) {
            self.arrived += 1;
        }
        match self.arrivals.get(self.arrived) {
            Some(&(moment, until)) if moment <= now.milliseconds => {
                // A driver may have more room, or less.
                let most = [16 << 10, 16 << 10, 1_000, 7][self.random.below(4) as usize];
                let end = until.min(self.taken + most);
                let script = self.script.bytes.len() as u64;
                let bytes: Vec<u8>;
                let came = if self.taken < script {
                    let end = end.min(script);
                    &self.script.bytes[self.taken as usize..end as usize]
                } else {
                    bytes = vec![b'x'; (end - self.taken) as usize];
                    &bytes
                };
                self.taken += came.len() as u64;
                if self.shut_down.is_some() {
                    self.lingered_bytes += came.len() as u64;
                    assert!(
                        self.lingered_bytes <= world.limits.linger_bytes_max + (16 << 10),
                        "lingers for too many bytes"
                    );
                }
                let mut responder = responder!(self, world);
                self.connection.received(came, &mut responder);
                true
            }
            None if !self.told_end
                && self.half_close.is_some_and(|end| end <= now.milliseconds) =>
            {
                self.told_end = true;
                self.connection.ended();
                true
            }
            _ => {
                assert!(!self.told_end, "reads after the end");
                false
            }
        }
    }

    /// Nothing can be done now: something must be able to end that.
    fn wait(&mut self, world: &mut World<'_>) {
        let now = world.now.milliseconds;
        let deadline = self.connection.deadline_milliseconds();
        assert!(deadline <= now + 60_000, "waits for {} ms", deadline - now);
        let mut wake = self.deadline().max(now + 1);
        if let Some((since, taken)) = self.sending {
            // One byte a second is no progress: the limits' own figures, twice as long.
            if now - since >= 2 * world.limits.stall_milliseconds + 2_000 {
                let least = world.limits.stall_bytes_min;
                let time = now - since;
                assert!(taken >= least || self.disturbed, "sends {taken} bytes in {time} ms");
                self.sending = Some((now, 0));
            }
            if self.reader != Reader::Never {
                if self.reads_at <= now {
                    self.take_up(now);
                }
                wake = wake.min(self.reads_at.max(now + 1));
            }
        } else if let Some((due, _)) = self.pending {
            wake = wake.min(due.max(now + 1));
        } else {
            if let Some((moment, _)) = self.arrivals.get(self.arrived) {
                wake = wake.min((*moment).max(now + 1));
            } else if let Some(end) = self.half_close {
                wake = wake.min(end.max(now + 1));
            }
            if self.connection.is_idle() {
                assert_eq!(self.connection.held_bytes(), 0, "an idle connection holds memory");
                let noted = self.given.iter().filter(|given| given.has_record).count();
                assert_eq!(self.records.len(), noted, "idle, and an answer is not recorded");
            }
        }
        if let Some(reset) = self.reset {
            wake = wake.min(reset.max(now + 1));
        }
        self.wake = Some(wake);
    }

    /// Makes room for the server's next bytes, and says when that will be.
    fn take_up(&mut self, now: u64) {
        let (delay, room) = match self.reader {
            Reader::Fast => (0, u64::MAX / 4),
            Reader::Short => (self.random.below(40), self.random.between(1, 60_000)),
            Reader::Slow => {
                (self.random.between(5_000, 25_000), self.random.between(4_096, 500_000))
            }
            Reader::Starving => (1_000, self.random.between(1, 100)),
            Reader::Never => (u64::MAX / 2, 0),
        };
        self.reads_at = now + delay;
        self.room = room;
    }

    /// The server is told to stop.
    pub fn drain(&mut self, world: &mut World<'_>) {
        if self.wake.is_none() {
            return;
        }
        world.tally.drained += 1;
        self.drained_at = Some(self.given.len());
        self.disturbed = true;
        let responder = responder!(self, world);
        self.connection.drain(&responder);
        self.advance(world);
    }

    /// A file has become shorter than was promised.
    fn shrink(&mut self, world: &mut World<'_>) {
        self.disturbed = true;
        self.shrunk = true;
        world.tally.shrunk += 1;
        self.gone(world);
    }

    fn gone(&mut self, world: &mut World<'_>) {
        let mut responder = responder!(self, world);
        self.connection.abandon(&mut responder);
        self.ended_at = world.now.milliseconds;
        self.wake = None;
        self.pending = None;
        if self.disturbed {
            world.tally.broken_off += 1;
        }
        // Files that it was sending go back.
        self.connection = Connection::new(&world.limits, &world.now);
    }

    fn check_nothing_follows(&mut self, world: &mut World<'_>) {
        let answers = self.given.len();
        for _ in 0..2 {
            let mut responder = responder!(self, world);
            let request = b"GET /r1 HTTP/1.1\r\nHost: h\r\n\r\n";
            self.connection.received(request, &mut responder);
            let step = self.connection.next_step(&mut responder);
            assert!(matches!(step, Step::Close), "after Close comes nothing");
        }
        assert_eq!(self.given.len(), answers, "answers after Close");
    }

    // ------------------------------------------------------------ the comparison

    /// Compares a whole life with what must have been.
    pub fn check(&self, limits: &Limits, tally: &mut Tally) {
        let exact = !self.disturbed;
        let mut wire = self.output.as_slice();
        let mut records = self.records.iter();
        let mut complete = true;
        for (number, given) in self.given.iter().enumerate() {
            let item = self.script.items.get(number);
            let item = item.unwrap_or_else(|| panic!("answers what was not asked: {given:?}"));
            let closes = self.check_verdict(number, item, given, limits);
            let last = number + 1 == self.given.len();
            assert!(!closes || last, "answers after an answer that closes: {item:?}");
            let (head, content) = wire_form(number, item, given, closes, self.is_head(item, given));
            let start = wire.len();
            let sent = take(&mut wire, [head.as_slice()].into_iter(), item);
            let before = wire.len();
            let whole = sent && take(&mut wire, content.pieces(), item);
            assert!(whole || wire.is_empty(), "number {number} is not as it should be: {item:?}");
            assert!(complete || start == 0, "an answer after one that was broken off");
            complete &= whole;
            if given.has_record {
                let record = records.next().expect("every answer is recorded");
                let expected = Answered {
                    record: number.to_string().into_bytes(),
                    status: given.status,
                    content_bytes: (before - wire.len()) as u64,
                };
                assert_eq!(*record, expected, "the record of {item:?}");
            }
            tally.answers += u64::from(whole);
            tally.content_bytes += (before - wire.len()) as u64;
            match given.reject {
                Some(Status::RequestTimeout) => tally.timeouts += 1,
                Some(_) => tally.rejects += 1,
                None => {}
            }
        }
        assert!(wire.is_empty(), "bytes that nobody asked for: {:?}", wire.escape_ascii());
        assert_eq!(records.next(), None, "a record of nothing");
        if let Some(before) = self.drained_at {
            assert!(self.given.len() <= before + 1, "a server that stops begins but one answer");
        }
        if exact {
            tally.exact += 1;
            assert!(complete, "an answer was broken off");
            self.check_end(limits);
        }
    }

    /// Whether this is the answer to this request. `true`: it must say that it is the last.
    fn check_verdict(&self, number: usize, item: &Item, given: &Given, limits: &Limits) -> bool {
        let draining = self.drained_at.is_some_and(|before| number >= before);
        if given.reject == Some(Status::RequestTimeout) {
            // Whatever it was, it did not come in time. Exactly then only where it stalls.
            assert!(self.disturbed || item.verdict == Verdict::Stalls, "408 for {item:?}");
            let began = self.arrival_of(item.bytes.start);
            assert!(
                given.milliseconds >= began + limits.head_milliseconds,
                "408 too early: {} ms after {item:?}",
                given.milliseconds - began
            );
            if !self.disturbed {
                // From when it could be read: not before the answers ahead of it were taken.
                let read = began.max(given.last_sent);
                assert!(
                    given.milliseconds
                        <= read
                            + limits.head_milliseconds
                            + 2_000
                            + self.content_grace(item, limits),
                    "408 too late: {} ms after {item:?}",
                    given.milliseconds - read
                );
            }
            assert!(
                item.line.starts_with(&given.line),
                "{item:?}: {:?}",
                given.line.escape_ascii()
            );
            return true;
        }
        match (item.verdict, given.reject) {
            (Verdict::Persists, None) => {
                assert_eq!(given.line, item.line, "the request-line");
                draining
            }
            (Verdict::Closes, None) => {
                assert_eq!(given.line, item.line, "the request-line");
                true
            }
            (Verdict::Refused(status), Some(found)) => {
                assert_eq!(found, status, "{item:?}");
                let most = given.line.len().min(item.line.len());
                assert_eq!(given.line[..most], item.line[..most], "the line that was refused");
                true
            }
            _ => panic!("{item:?} was answered with {given:?}"),
        }
    }

    /// Of what is not complete, as much as had come must say so.
    fn is_head(&self, item: &Item, given: &Given) -> bool {
        let end = given.came.min(item.bytes.end as u64) as usize;
        let came = &self.script.bytes[item.bytes.start..end];
        let line = came.iter().skip_while(|byte| b"\r\n".contains(byte));
        item.head && (given.reject.is_none() || line.take(5).eq(b"HEAD "))
    }

    /// Content has a time of its own, from the end of its head on.
    fn content_grace(&self, item: &Item, limits: &Limits) -> u64 {
        let bytes = &self.script.bytes[item.bytes.clone()];
        let has_content = bytes.windows(4).any(|window| window == b"\r\n\r\n");
        if has_content { limits.head_milliseconds } else { 0 }
    }

    fn arrival_of(&self, at: usize) -> u64 {
        let arrival = self.arrivals.iter().find(|(_, until)| *until > at as u64);
        arrival.map_or(0, |(moment, _)| *moment)
    }

    /// How an undisturbed life must have ended.
    fn check_end(&self, limits: &Limits) {
        let last = self.script.items.last();
        let asked = self.script.items.iter().filter(|item| match item.verdict {
            Verdict::Persists | Verdict::Closes | Verdict::Refused(_) => true,
            Verdict::Stalls => self.half_close.is_none(),
            Verdict::Silent => false,
        });
        let asked = asked.count();
        // A client that half-closes long after a stalled head gets its 408 before that.
        let timed_out =
            self.given.last().is_some_and(|given| given.reject == Some(Status::RequestTimeout));
        let late =
            last.is_some_and(|item| item.verdict == Verdict::Stalls) && self.half_close.is_some();
        assert!(
            self.given.len() == asked || (late && timed_out && self.given.len() == asked + 1),
            "{} of {asked} answers: {:?}",
            self.given.len(),
            self.script
        );
        assert!(self.closed, "a connection ends with Close");
        if let Some(moment) = self.shut_down {
            assert!(
                self.ended_at <= moment + limits.linger_milliseconds + 1_001,
                "lingers too long"
            );
        } else if self.half_close.is_none()
            && last.is_none_or(|item| item.verdict == Verdict::Persists)
        {
            let idle = self.ended_at - self.last_activity;
            let expected = limits.idle_milliseconds..=limits.idle_milliseconds + 1_001;
            assert!(expected.contains(&idle), "idle for {idle} ms");
        }
    }
}
