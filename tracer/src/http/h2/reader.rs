//! One direction's bytes, cut into what its frames say.
//!
//! In: ordered bytes, or a hole. Out: [`Piece`]s: bodies and header fragments stream through as
//! slices, control frames are read whole. Holds at most one frame header or 8 bytes of a payload.
//!
//! ```text
//!  Preface → Header → (Prefix) → Payload → Skip ─┐      Prefix: pad length, priority, promised id
//!              ↑  └→ Control ─────────────────┐  │      Skip: padding, and all that is ignored
//!              └──────────────────────────────┴──┘      Lost: looking for a frame (see `resync`)
//! ```

use bytes::{Buf, Bytes};

use super::frame::{
    DEFAULT_MAX_FRAME, END_HEADERS, END_STREAM, FrameError, FrameHeader, HEADER_LEN, Kind, PADDED,
    PREFACE, PRIORITY,
};
use super::resync::{Candidate, Verdict};

/// Frames larger than this are no frames when the receiver's bound was not seen.
const LATE_MAX_FRAME: u32 = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The client's preface, whole.
    Preface,
    /// A header block begins. `promised`: it is a PUSH_PROMISE's.
    Block {
        stream: u32,
        end_stream: bool,
        promised: bool,
    },
    Fragment(Bytes),
    BlockEnd,
    Data {
        stream: u32,
        data: Bytes,
    },
    /// `size`: the frame's length as flow control counts it.
    DataEnd {
        stream: u32,
        end_stream: bool,
        size: u32,
    },
    Reset {
        stream: u32,
        code: u32,
    },
    Setting {
        id: u16,
        value: u32,
    },
    GoAway {
        last: u32,
    },
    WindowUpdate {
        stream: u32,
        increment: u32,
    },
    /// A frame that says nothing to an observer.
    Ignored,
    /// `voids`: a header block could not be read, the header table is lost.
    Error {
        error: FrameError,
        voids: bool,
    },
    /// The place was lost without a hole: this cannot be a frame.
    PlaceLost,
    /// A frame was found again; whatever lay before is missing.
    PlaceFound,
}

/// Where a hole of known length fell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hole {
    /// Inside this stream's body: the frame goes on behind it.
    InData(u32),
    /// Inside bytes nobody reads.
    Harmless,
    /// The place is lost.
    Lost,
}

#[derive(Debug)]
enum State {
    Preface(usize),
    Header(FixedBuf),
    /// A header that was read but not acted on.
    Pending(FrameHeader),
    Prefix(FrameHeader, FixedBuf),
    Payload {
        header: FrameHeader,
        left: u32,
        padding: u32,
    },
    Control {
        header: FrameHeader,
        left: u32,
        buf: FixedBuf,
    },
    Skip(u32),
    Lost(Option<Candidate>),
}

/// Up to nine bytes on their way to being complete.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FixedBuf {
    bytes: [u8; HEADER_LEN],
    len: usize,
}

impl FixedBuf {
    /// Takes bytes from `data` until `want` are here; whether they are.
    pub(super) fn fill(&mut self, data: &mut Bytes, want: usize) -> bool {
        let want = want.min(HEADER_LEN);
        let take = want.saturating_sub(self.len).min(data.len());
        self.bytes[self.len..self.len + take].copy_from_slice(&data.split_to(take));
        self.len += take;
        self.len == want
    }

    pub(super) const fn header(&self) -> FrameHeader {
        FrameHeader::parse(self.bytes)
    }

    const fn u32_at(&self, at: usize) -> u32 {
        let b = &self.bytes;
        u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
    }
}

#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    /// Stream of a header block that CONTINUATION frames must go on with.
    continues: Option<u32>,
    max_frame: u32,
}

impl Reader {
    /// `preface`: this side's bytes begin with the connection preface.
    pub(super) fn fresh(preface: bool) -> Self {
        let state = if preface { State::Preface(0) } else { State::Header(FixedBuf::default()) };
        Self { state, continues: None, max_frame: DEFAULT_MAX_FRAME }
    }

    /// For a connection met in its middle.
    pub(super) const fn late() -> Self {
        Self { state: State::Lost(None), continues: None, max_frame: LATE_MAX_FRAME }
    }

    pub(super) const fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost(_))
    }

    /// The receiver announced SETTINGS_MAX_FRAME_SIZE. Only ever raised: frames sent before the
    /// sender heard of a smaller one may still come.
    pub(super) fn allow_frames(&mut self, size: u32) {
        self.max_frame = self.max_frame.max(size);
    }

    /// Bytes are missing here.
    pub(super) fn gap(&mut self, len: Option<u64>) -> Hole {
        let len = len.and_then(|len| u32::try_from(len).ok());
        match (&mut self.state, len) {
            (State::Payload { header, left, .. }, Some(len))
                if header.kind == Kind::Data && len <= *left =>
            {
                *left -= len;
                Hole::InData(header.stream)
            }
            (State::Skip(left), Some(len)) if len <= *left => {
                *left -= len;
                Hole::Harmless
            }
            _ => {
                self.lose_place();
                Hole::Lost
            }
        }
    }

    /// A chunk of this side begins. While the place is lost that is where frames are looked for:
    /// libraries write whole frames. Returns [`Piece::PlaceFound`] when `data` begins with one.
    pub(super) fn begin_chunk(&mut self, data: &mut Bytes) -> Option<Piece> {
        let State::Lost(None) = self.state else { return None };
        if data.starts_with(PREFACE) {
            self.state = State::Preface(0);
            return Some(Piece::PlaceFound);
        }
        match Candidate::look(data, self.max_frame) {
            Verdict::Found => {
                self.state = State::Header(FixedBuf::default());
                Some(Piece::PlaceFound)
            }
            Verdict::Maybe(candidate) => {
                self.state = State::Lost(Some(candidate));
                data.clear();
                None
            }
            Verdict::No => None,
        }
    }

    /// Takes the next piece off `data`; `None` when more is needed.
    pub(super) fn next(&mut self, data: &mut Bytes) -> Option<Piece> {
        loop {
            match &mut self.state {
                State::Preface(matched) => {
                    let take = (PREFACE.len() - *matched).min(data.len());
                    if data[..take] != PREFACE[*matched..*matched + take] {
                        self.lose_place();
                        return Some(Piece::PlaceLost);
                    }
                    *matched += take;
                    data.advance(take);
                    if *matched < PREFACE.len() {
                        return None;
                    }
                    self.state = State::Header(FixedBuf::default());
                    return Some(Piece::Preface);
                }
                State::Header(buf) => {
                    if !buf.fill(data, HEADER_LEN) {
                        return None;
                    }
                    let header = buf.header();
                    self.state = State::Pending(header);
                }
                State::Pending(header) => {
                    let header = *header;
                    if let Some(piece) = self.begin(header) {
                        return Some(piece);
                    }
                }
                State::Prefix(header, buf) => {
                    if !buf.fill(data, prefix_len(header)) {
                        return None;
                    }
                    let (header, pad) = (*header, buf.bytes[0]);
                    return Some(self.begin_payload(header, pad));
                }
                State::Payload { header, left, padding } => {
                    let (header, whole) = (*header, *left == 0);
                    if whole {
                        self.state = State::Skip(*padding);
                        if let Some(piece) = self.end_payload(header) {
                            return Some(piece);
                        }
                        continue;
                    }
                    if data.is_empty() {
                        return None;
                    }
                    let take = (*left as usize).min(data.len());
                    *left -= take as u32;
                    let data = data.split_to(take);
                    return Some(match header.kind {
                        Kind::Data => Piece::Data { stream: header.stream, data },
                        _ => Piece::Fragment(data),
                    });
                }
                State::Control { header, left, buf } => {
                    let want = control_len(header.kind);
                    if !buf.fill(data, want) {
                        return None;
                    }
                    let (header, buf, left_now) = (*header, *buf, *left - want as u32);
                    self.state = if header.kind == Kind::Settings && left_now > 0 {
                        State::Control { header, left: left_now, buf: FixedBuf::default() }
                    } else {
                        State::Skip(left_now)
                    };
                    return Some(control(&header, &buf));
                }
                State::Skip(left) => {
                    let take = (*left as usize).min(data.len());
                    *left -= take as u32;
                    data.advance(take);
                    if *left > 0 {
                        return None;
                    }
                    self.state = State::Header(FixedBuf::default());
                    if data.is_empty() {
                        return None;
                    }
                }
                State::Lost(candidate) => match candidate {
                    Some(found) => match found.go_on(data, self.max_frame) {
                        Verdict::Found => {
                            self.state = State::Header(FixedBuf::default());
                            return Some(Piece::PlaceFound);
                        }
                        Verdict::Maybe(next) => {
                            *candidate = Some(next);
                            return None;
                        }
                        Verdict::No => *candidate = None,
                    },
                    None => {
                        data.clear();
                        return None;
                    }
                },
            }
        }
    }

    fn lose_place(&mut self) {
        self.state = State::Lost(None);
        self.continues = None;
    }

    /// A frame's header is here.
    fn begin(&mut self, header: FrameHeader) -> Option<Piece> {
        if header.length > self.max_frame {
            self.lose_place();
            return Some(Piece::PlaceLost);
        }
        let continued = self.continues.take();
        if continued.is_some_and(|s| header.kind != Kind::Continuation || header.stream != s) {
            // The header is looked at again, now without a block to interrupt.
            return Some(Piece::Error { error: FrameError::Continuation, voids: true });
        }
        self.state = State::Skip(header.length);
        if let Err(error) = header.check() {
            return Some(Piece::Error { error, voids: header.kind.carries_headers() });
        }
        match header.kind {
            Kind::Continuation if continued.is_none() => {
                return Some(Piece::Error { error: FrameError::Continuation, voids: true });
            }
            Kind::Data | Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                let prefix = prefix_len(&header);
                if prefix as u32 > header.length {
                    let voids = header.kind.carries_headers();
                    return Some(Piece::Error { error: FrameError::Length, voids });
                }
                if prefix > 0 {
                    self.state = State::Prefix(header, FixedBuf::default());
                    return None;
                }
                if header.kind == Kind::Data || header.kind == Kind::Continuation {
                    self.state = State::Payload { header, left: header.length, padding: 0 };
                    return None;
                }
                return Some(self.begin_payload(header, 0));
            }
            Kind::RstStream | Kind::GoAway | Kind::WindowUpdate => {
                let buf = FixedBuf::default();
                self.state = State::Control { header, left: header.length, buf };
            }
            Kind::Settings if header.length > 0 => {
                let buf = FixedBuf::default();
                self.state = State::Control { header, left: header.length, buf };
            }
            Kind::Settings | Kind::Ping | Kind::Priority | Kind::Unknown => {
                return Some(Piece::Ignored);
            }
        }
        None
    }

    /// The prefix is here; `pad` is its first byte.
    fn begin_payload(&mut self, header: FrameHeader, pad: u8) -> Piece {
        let left = header.length - prefix_len(&header) as u32;
        let padding = if header.has(PADDED) && header.kind != Kind::Continuation {
            u32::from(pad)
        } else {
            0
        };
        let Some(body) = left.checked_sub(padding) else {
            self.state = State::Skip(left);
            let voids = header.kind.carries_headers();
            return Piece::Error { error: FrameError::Padding, voids };
        };
        self.state = State::Payload { header, left: body, padding };
        match header.kind {
            Kind::Data => Piece::Ignored,
            kind => Piece::Block {
                stream: header.stream,
                end_stream: kind == Kind::Headers && header.has(END_STREAM),
                promised: kind == Kind::PushPromise,
            },
        }
    }

    fn end_payload(&mut self, header: FrameHeader) -> Option<Piece> {
        let stream = header.stream;
        if header.kind == Kind::Data {
            let end_stream = header.has(END_STREAM);
            return Some(Piece::DataEnd { stream, end_stream, size: header.length });
        }
        if header.has(END_HEADERS) {
            return Some(Piece::BlockEnd);
        }
        self.continues = Some(stream);
        None
    }
}

/// Bytes before the payload proper: pad length, priority (deprecated, still sent), promised stream.
const fn prefix_len(header: &FrameHeader) -> usize {
    let padded = header.has(PADDED) as usize;
    match header.kind {
        Kind::Data => padded,
        Kind::Headers => padded + if header.has(PRIORITY) { 5 } else { 0 },
        Kind::PushPromise => padded + 4,
        _ => 0,
    }
}

/// Bytes of a control frame that are read at a time.
const fn control_len(kind: Kind) -> usize {
    match kind {
        Kind::Settings => 6,
        Kind::GoAway => 8,
        _ => 4,
    }
}

fn control(header: &FrameHeader, buf: &FixedBuf) -> Piece {
    let stream = header.stream;
    match header.kind {
        Kind::Settings => Piece::Setting {
            id: u16::from_be_bytes([buf.bytes[0], buf.bytes[1]]),
            value: buf.u32_at(2),
        },
        Kind::GoAway => Piece::GoAway { last: buf.u32_at(0) & 0x7fff_ffff },
        Kind::RstStream => Piece::Reset { stream, code: buf.u32_at(0) },
        _ => Piece::WindowUpdate { stream, increment: buf.u32_at(0) & 0x7fff_ffff },
    }
}
