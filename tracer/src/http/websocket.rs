//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692): one direction after its 101.
//!
//! In: ordered bytes, or holes. Out: [`Piece`]s of messages as they come, unmasked and inflated;
//! control frames are read over. Limits: nothing is held but the chunk at hand and the inflater's
//! window; each [`Decoder::poll`] makes one piece, inflated ones of at most 16 KiB. A message that
//! inflates to more than [`MAX_INFLATED`], or [`MAX_RATIO`] times its size, ends in a gap.
//!
//! A hole of known length inside a frame's payload costs that message; any other hole costs the rest
//! of the direction, since nothing marks where a frame begins.

mod inflate;

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

pub use self::inflate::DeflateParams;
use self::inflate::{Inflated, Inflater};
use crate::http::Side;

/// Most bytes one message may inflate to.
pub const MAX_INFLATED: u64 = 16 << 20;
/// Most bytes out per byte in, looked at after 64 KiB. DEFLATE reaches 1032.
pub const MAX_RATIO: u64 = 100;
/// Two bytes, an eight-byte length, a mask.
const MAX_HEADER: usize = 14;

/// What a direction says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Part of a message; `last` ends it (and may be empty).
    Message { data: Bytes, last: bool },
    /// Bytes of a message, or of everything from here on, are missing or unreadable.
    Gap { bytes: Option<u64> },
}

/// What a direction did that no piece says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub messages: u64,
    pub control_frames: u64,
    /// Frames that break RFC 6455; the rest of the direction is not read.
    pub errors: u64,
    /// Messages that do not inflate, or to more than the cap.
    pub uninflatable: u64,
}

/// Decoder of one direction.
#[derive(Debug)]
pub struct Decoder {
    /// Not yet looked at; one chunk when the caller polls as told.
    input: VecDeque<Bytes>,
    state: State,
    inflater: Option<Box<Inflater>>,
    message: Option<Message>,
    ready: VecDeque<Piece>,
    counters: Counters,
}

#[derive(Debug)]
enum State {
    Header {
        bytes: [u8; MAX_HEADER],
        len: usize,
    },
    Payload(Payload),
    /// No place to go on from.
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Payload {
    left: u64,
    /// Zeroes when it is not masked.
    mask: [u8; 4],
    control: bool,
    fin: bool,
}

/// The message that frames are parts of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Plain,
    Compressed,
    /// The rest of it cannot be read: a gap said so.
    Opaque,
}

impl State {
    const START: Self = Self::Header { bytes: [0; MAX_HEADER], len: 0 };
}

impl Decoder {
    /// `side` sends what is decoded here; `deflate` is what the upgrade agreed on.
    pub fn new(side: Side, deflate: Option<DeflateParams>) -> Self {
        Self {
            input: VecDeque::new(),
            state: State::START,
            inflater: deflate.map(|params| Box::new(Inflater::new(params.forgets(side)))),
            message: None,
            ready: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The next bytes. Poll until `None` before the next call: input not polled for is held.
    pub fn push(&mut self, data: Bytes) {
        if !matches!(self.state, State::Lost) && !data.is_empty() {
            self.input.push_back(data);
        }
    }

    /// Bytes are missing here; `len` when known. All input must have been polled for.
    pub fn gap(&mut self, len: Option<u64>) {
        match (&mut self.state, len) {
            // The frame's end is told by what follows it, so one byte at least must still come.
            (State::Payload(payload), Some(len)) if len < payload.left => {
                payload.left -= len;
                payload.mask.rotate_left((len % 4) as usize);
                if !payload.control {
                    self.tear(Some(len));
                }
            }
            (State::Lost, _) => {}
            _ => self.lose(len),
        }
    }

    /// The next piece; `None`: feed me more.
    pub fn poll(&mut self) -> Option<Piece> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            if self.message == Some(Message::Compressed)
                && let Some(piece) = self.inflate()
            {
                return Some(piece);
            }
            let mut data = match self.input.pop_front() {
                Some(data) => data,
                None if self.ready.is_empty() => return None,
                None => continue,
            };
            self.step(&mut data);
            if data.has_remaining() {
                self.input.push_front(data);
            }
        }
    }

    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        let input: usize = self.input.iter().map(Bytes::len).sum();
        size_of::<Self>() + input + self.inflater.as_ref().map_or(0, |_| Inflater::MEMORY)
    }

    /// Takes what is needed next off `data`.
    fn step(&mut self, data: &mut Bytes) {
        match &mut self.state {
            State::Header { bytes, len } => {
                let take = header_len(&bytes[..*len]).saturating_sub(*len).min(data.len());
                bytes[*len..*len + take].copy_from_slice(&data.split_to(take));
                *len += take;
                // Only now is it known how much there is.
                if *len == header_len(&bytes[..*len]) {
                    let bytes = *bytes;
                    if self.begin(&bytes).is_none() {
                        self.counters.errors += 1;
                        data.clear();
                        self.lose(None);
                    }
                }
            }
            State::Payload(payload) => {
                let take = usize::try_from(payload.left).unwrap_or(usize::MAX).min(data.len());
                let part = data.split_to(take);
                let mask = payload.mask;
                payload.left -= take as u64;
                payload.mask.rotate_left(take % 4);
                let (ended, control, fin) = (payload.left == 0, payload.control, payload.fin);
                if ended {
                    self.state = State::START;
                }
                if !control {
                    self.part(unmask(part, mask), ended && fin);
                }
            }
            State::Lost => data.clear(),
        }
    }

    /// A frame's header is here (RFC 6455, section 5.2). `None`: it is none.
    fn begin(&mut self, bytes: &[u8; MAX_HEADER]) -> Option<()> {
        let &[first, second, a, b, c, d, e, f, g, h, ..] = bytes;
        let fin = first & 0x80 != 0;
        let compressed = first & 0x40 != 0;
        let (left, at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes([a, b])), 4),
            127 => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
            len => (u64::from(len), 2),
        };
        let mask = match second & 0x80 {
            0 => [0; 4],
            _ => [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]],
        };
        let opcode = first & 0x0f;
        // RSV2 and RSV3 belong to no extension we know; lengths have 63 bits.
        if first & 0x30 != 0 || left >> 63 != 0 {
            return None;
        }
        match (opcode, self.message) {
            // Close, ping, pong.
            (8..=10, _) if fin && left <= 125 && !compressed => self.counters.control_frames += 1,
            (0, Some(_)) if !compressed => {}
            (1 | 2, None) if !compressed => self.message = Some(Message::Plain),
            (1 | 2, None) => {
                let readable = self.inflater.as_mut()?.begin();
                self.message = Some(Message::Compressed);
                if !readable {
                    self.tear(None);
                }
            }
            _ => return None,
        }
        let control = opcode >= 8;
        if left > 0 {
            self.state = State::Payload(Payload { left, mask, control, fin });
        } else {
            self.state = State::START;
            if !control {
                self.part(Bytes::new(), fin);
            }
        }
        Some(())
    }

    /// Payload of the current message, unmasked; `last`: it ends here.
    fn part(&mut self, part: Bytes, last: bool) {
        match (self.message, &mut self.inflater) {
            (Some(Message::Compressed), Some(inflater)) => return inflater.feed(part, last),
            (Some(Message::Plain), _) if last || !part.is_empty() => {
                self.ready.push_back(Piece::Message { data: part, last });
            }
            (Some(Message::Opaque), _) if last => {
                self.ready.push_back(Piece::Message { data: Bytes::new(), last });
            }
            _ => {}
        }
        if last {
            self.message = None;
            self.counters.messages += 1;
        }
    }

    /// The next piece of a compressed message, if what was fed has one.
    fn inflate(&mut self) -> Option<Piece> {
        let inflater = self.inflater.as_mut()?;
        match inflater.next() {
            Inflated::Piece(data) => Some(Piece::Message { data, last: false }),
            Inflated::Idle => None,
            Inflated::Done => {
                self.message = None;
                self.counters.messages += 1;
                Some(Piece::Message { data: Bytes::new(), last: true })
            }
            Inflated::Failed { ended } => {
                self.counters.uninflatable += 1;
                self.tear(None);
                if ended {
                    self.part(Bytes::new(), true);
                }
                self.ready.pop_front()
            }
        }
    }

    /// Part of the current message is missing. What is compressed cannot be read without it.
    fn tear(&mut self, bytes: Option<u64>) {
        if self.message == Some(Message::Opaque) {
            return;
        }
        if self.message == Some(Message::Compressed) {
            self.message = Some(Message::Opaque);
            if let Some(inflater) = &mut self.inflater {
                inflater.tear();
            }
        }
        self.ready.push_back(Piece::Gap { bytes });
    }

    fn lose(&mut self, bytes: Option<u64>) {
        self.ready.push_back(Piece::Gap { bytes });
        self.input.clear();
        self.message = None;
        self.inflater = None;
        self.state = State::Lost;
    }
}

/// Length of the frame header that begins with these bytes, as far as they tell.
fn header_len(bytes: &[u8]) -> usize {
    let [_, second, ..] = bytes else { return 2 };
    let mask = if second & 0x80 != 0 { 4 } else { 0 };
    mask + match second & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}

/// Copies only what is masked.
fn unmask(part: Bytes, mask: [u8; 4]) -> Bytes {
    if mask == [0; 4] {
        return part;
    }
    let mut plain = BytesMut::from(part);
    for word in plain.chunks_mut(4) {
        for (byte, mask) in word.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
    plain.freeze()
}

#[cfg(test)]
mod tests;
