//! Requests and answers, told by the order and lengths of encrypted records.
//!
//! A turn is data out, then data in. Short records are no request: acknowledgements and window updates
//! of HTTP/2, session tickets. What cannot be told apart is one turn, never two.

use super::records::{Kind, Record};
use crate::event::{BootTime, Direction};

/// What encryption adds to a record, RFC 8446 §5.2: type and tag.
const OVERHEAD: usize = 17;
/// A request to a provider has a method, a path, a host and a credential.
const MIN_REQUEST: u64 = 120;
/// The smallest record that may begin the next request.
const MIN_BEGINNING: u64 = 60;

/// A request, and its answer so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub started: BootTime,
    /// Last byte of the request, or of the answer once it has begun.
    pub last: BootTime,
    pub sent: u64,
    pub received: u64,
}

impl Turn {
    pub const fn is_request(&self) -> bool {
        self.sent >= MIN_REQUEST
    }

    pub const fn is_answered(&self) -> bool {
        self.is_request() && self.received > 0
    }
}

/// The turns of one connection.
#[derive(Debug, Default)]
pub struct Turns {
    /// The server sent data before the client did: TLS 1.3, whose handshake ends inside data records.
    is_13: bool,
    /// The client's Finished has passed, or there is none among the data.
    client_finished: bool,
    client_spoke: bool,
    turn: Option<Turn>,
}

impl Turns {
    /// Takes a record; the turn before, when this begins the next.
    pub fn push(&mut self, direction: Direction, record: Record, at: BootTime) -> Option<Turn> {
        if record.kind != Kind::Data {
            return None;
        }
        let payload = record.len.saturating_sub(OVERHEAD) as u64;
        match direction {
            Direction::Inbound => {
                if !self.client_spoke {
                    self.is_13 = true;
                } else if let Some(turn) = &mut self.turn {
                    turn.received += payload;
                    turn.last = at;
                }
                None
            }
            Direction::Outbound => {
                self.client_spoke = true;
                if self.is_13 && !self.client_finished {
                    self.client_finished = true;
                    return None;
                }
                self.sent(payload, at)
            }
        }
    }

    fn sent(&mut self, payload: u64, at: BootTime) -> Option<Turn> {
        let fresh = Turn { started: at, last: at, sent: payload, received: 0 };
        let Some(turn) = &mut self.turn else {
            self.turn = Some(fresh);
            return None;
        };
        if turn.received == 0 {
            turn.sent += payload;
            turn.last = at;
            return None;
        }
        if !turn.is_request() {
            // A preface and its like.
            self.turn = Some(fresh);
            return None;
        }
        if payload < MIN_BEGINNING {
            return None;
        }
        self.turn.replace(fresh)
    }

    /// An answered turn in which nothing has moved for so many seconds.
    pub fn quiet(&mut self, now: BootTime, seconds: f64) -> Option<Turn> {
        self.turn.take_if(|turn| turn.is_answered() && now.seconds_since(turn.last) >= seconds)
    }

    /// What is under way at the end.
    pub const fn take(&mut self) -> Option<Turn> {
        self.turn.take()
    }

    /// The client has sent nothing that could be a request.
    pub const fn never_asked(&self) -> bool {
        !self.client_spoke
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> BootTime {
        BootTime(ms * 1_000_000)
    }

    fn data(len: usize) -> Record {
        Record { kind: Kind::Data, len: len + OVERHEAD }
    }

    fn handshake_13(turns: &mut Turns) {
        for len in [40, 3000, 300, 53] {
            assert_eq!(turns.push(Direction::Inbound, data(len), at(1)), None);
        }
        assert_eq!(turns.push(Direction::Outbound, data(53), at(2)), None);
        // Tickets.
        assert_eq!(turns.push(Direction::Inbound, data(230), at(3)), None);
    }

    #[test]
    fn two_requests_are_two_turns() {
        let mut turns = Turns::default();
        handshake_13(&mut turns);
        assert_eq!(turns.take(), None);
        turns.push(Direction::Outbound, data(400), at(10));
        turns.push(Direction::Inbound, data(900), at(20));
        turns.push(Direction::Inbound, data(900), at(30));
        let first = turns.push(Direction::Outbound, data(500), at(40)).unwrap();
        assert_eq!((first.started, first.last), (at(10), at(30)));
        assert_eq!((first.sent, first.received), (400, 1800));
        turns.push(Direction::Inbound, data(100), at(50));
        assert!(turns.quiet(at(60), 1.0).is_none());
        assert_eq!(turns.quiet(at(1050), 1.0).map(|turn| turn.sent), Some(500));
    }

    #[test]
    fn http2_small_talk_is_no_request() {
        let mut turns = Turns::default();
        handshake_13(&mut turns);
        // Preface and settings; settings and acknowledgement; then the request.
        turns.push(Direction::Outbound, data(64), at(10));
        turns.push(Direction::Inbound, data(40), at(11));
        turns.push(Direction::Outbound, data(9), at(12));
        turns.push(Direction::Outbound, data(180), at(13));
        turns.push(Direction::Inbound, data(500), at(20));
        assert_eq!(turns.push(Direction::Outbound, data(13), at(21)), None);
        turns.push(Direction::Inbound, data(500), at(30));
        let turn = turns.take().unwrap();
        assert!(turn.is_answered());
        assert_eq!((turn.received, turn.last), (1000, at(30)));
    }

    #[test]
    fn tls12_has_no_finished_among_its_data() {
        let mut turns = Turns::default();
        turns.push(Direction::Outbound, data(300), at(1));
        turns.push(Direction::Inbound, data(300), at(2));
        assert_eq!(turns.take().map(|turn| turn.sent), Some(300));
    }
}
