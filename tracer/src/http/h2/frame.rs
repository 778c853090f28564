//! Frames: the syntax of RFC 9113, sections 4 and 6.
//!
//! In: nine bytes. Out: a frame's header, and whether its fixed parts are as the RFC wants them.

/// RFC 9113, section 3.4.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const HEADER_LEN: usize = 9;
/// Largest payload until SETTINGS_MAX_FRAME_SIZE says otherwise.
pub(super) const DEFAULT_MAX_FRAME: u32 = 16_384;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// Extensions are ignored (RFC 9113, section 5.5).
    Unknown,
}

impl Kind {
    const fn of(byte: u8) -> Self {
        match byte {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::RstStream,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            _ => Self::Unknown,
        }
    }

    /// Its fragment changes the header table: if it cannot be read, the table is lost.
    pub(super) const fn carries_headers(self) -> bool {
        matches!(self, Self::Headers | Self::PushPromise | Self::Continuation)
    }

    /// Flags the RFC defines for it.
    const fn flags(self) -> u8 {
        match self {
            Self::Data => END_STREAM | PADDED,
            Self::Headers => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Self::Settings | Self::Ping => ACK,
            Self::PushPromise => END_HEADERS | PADDED,
            Self::Continuation => END_HEADERS,
            Self::Priority
            | Self::RstStream
            | Self::GoAway
            | Self::WindowUpdate
            | Self::Unknown => 0,
        }
    }
}

/// What a peer would answer with a connection or stream error. Here it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the frame's length is not what its type wants")]
    Length,
    #[error("the frame is larger than the receiver allows")]
    TooLarge,
    #[error("stream 0 where a stream is wanted, or the reverse")]
    Stream,
    #[error("the padding is longer than the payload")]
    Padding,
    #[error("a header block is interrupted or continued out of place")]
    Continuation,
    #[error("a value is out of its range")]
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Payload bytes, below 2^24.
    pub(super) length: u32,
    pub(super) kind: Kind,
    flags: u8,
    reserved: bool,
    pub(super) stream: u32,
}

impl FrameHeader {
    pub(super) const fn parse(bytes: [u8; HEADER_LEN]) -> Self {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: Kind::of(kind),
            flags,
            reserved: s0 & 0x80 != 0,
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        }
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Checks what the header alone can tell (the size limits and stream rules of section 6).
    pub(super) const fn check(&self) -> Result<(), FrameError> {
        let (length_fits, on_stream) = match self.kind {
            Kind::Data | Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                (true, Some(true))
            }
            Kind::Priority => (self.length == 5, Some(true)),
            Kind::RstStream => (self.length == 4, Some(true)),
            Kind::Settings if self.has(ACK) => (self.length == 0, Some(false)),
            Kind::Settings => (self.length.is_multiple_of(6), Some(false)),
            Kind::Ping => (self.length == 8, Some(false)),
            Kind::GoAway => (self.length >= 8, Some(false)),
            Kind::WindowUpdate => (self.length == 4, None),
            Kind::Unknown => (true, None),
        };
        if !length_fits {
            return Err(FrameError::Length);
        }
        match on_stream {
            Some(wanted) if wanted != (self.stream != 0) => Err(FrameError::Stream),
            _ => Ok(()),
        }
    }

    /// Whether these nine bytes are likely a frame's header when nothing tells that they are one.
    /// Stricter than the RFC: what senders never do counts as noise. Servers' streams are even, but
    /// pushes are all but extinct.
    pub(super) fn plausible(&self, max_frame: u32) -> bool {
        self.kind != Kind::Unknown
            && !self.reserved
            && self.flags & !self.kind.flags() == 0
            && self.length <= max_frame
            && (self.stream == 0 || self.stream % 2 == 1)
            && self.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_header() {
        let header = FrameHeader::parse([0, 0x40, 1, 1, 0x25, 0x80, 0, 0, 3]);
        assert_eq!((header.length, header.kind, header.stream), (16_385, Kind::Headers, 3));
        assert!(header.has(END_STREAM) && header.has(END_HEADERS) && !header.has(PADDED));
        assert!(!header.plausible(1 << 20), "the reserved bit is never set by a sender");
    }

    #[test]
    fn text_is_not_a_plausible_frame() {
        for text in [&b"data: {\"c"[..], b"{\"id\":\"ch", b"\n\ndata: {"] {
            let Ok(bytes) = text.try_into() else { unreachable!() };
            assert!(!FrameHeader::parse(bytes).plausible(DEFAULT_MAX_FRAME));
        }
    }
}
