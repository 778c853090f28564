//! AWS event stream (`application/vnd.amazon.eventstream`), both checksums verified.
//!
//! In: bytes, cut anywhere. Out: [`Message`]s whole. Limits: messages beyond [`MAX_MESSAGE`] are
//! read over and counted, not kept. Source: Smithy's event stream specification.

use bytes::{Buf as _, Bytes, BytesMut};

/// Longest message kept.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// Total length, headers' length, checksum of both.
pub(super) const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `:message-type`: event, exception or error.
    pub message_type: String,
    /// `:event-type`, `:exception-type` or `:error-code`.
    pub name: String,
    /// `:error-message`
    pub error_message: Option<String>,
    pub payload: Bytes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub messages: u64,
    pub checksum_errors: u64,
    pub oversized: u64,
}

#[derive(Debug, Default)]
pub struct Parser {
    held: BytesMut,
    /// Bytes of an oversized message still to come.
    skip: u64,
    /// The place is lost: lengths cannot be trusted any more.
    lost: bool,
    counters: Counters,
}

/// Whether bytes begin like a message: the checksum of its lengths is right.
pub(super) fn is_prelude(bytes: &[u8]) -> bool {
    let Some((lengths, rest)) = bytes.split_at_checked(8) else { return false };
    let sum = rest.get(..4).and_then(|sum| sum.try_into().ok()).map(u32::from_be_bytes);
    sum == Some(crc32fast::hash(lengths))
}

impl Parser {
    pub fn push(&mut self, mut data: Bytes) {
        let skipped = self.skip.min(data.len() as u64);
        self.skip -= skipped;
        data.advance(skipped as usize);
        if !self.lost {
            self.held.extend_from_slice(&data);
        }
    }

    /// Bytes are missing: nothing after them can be read.
    pub fn gap(&mut self) {
        self.lost = true;
        self.held = BytesMut::new();
    }

    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub fn memory(&self) -> usize {
        self.held.capacity()
    }

    /// The next message; `None`: feed me more.
    pub fn poll(&mut self) -> Option<Message> {
        loop {
            let prelude = self.held.get(..PRELUDE)?;
            let word = |at: usize| {
                prelude
                    .get(at..at + 4)
                    .and_then(|b| b.try_into().ok())
                    .map_or(0, u32::from_be_bytes)
            };
            let (total, headers) = (word(0) as usize, word(4) as usize);
            let sound = crc32fast::hash(&prelude[..8]) == word(8);
            if !sound || total < PRELUDE + CHECKSUM || headers > total - PRELUDE - CHECKSUM {
                self.counters.checksum_errors += 1;
                self.gap();
                return None;
            }
            if total > MAX_MESSAGE {
                self.counters.oversized += 1;
                let here = self.held.len().min(total);
                self.held.advance(here);
                self.skip = (total - here) as u64;
                continue;
            }
            if self.held.len() < total {
                return None;
            }
            let whole = self.held.split_to(total).freeze();
            let (body, checksum) = whole.split_at(total - CHECKSUM);
            let expected = checksum.try_into().map_or(0, u32::from_be_bytes);
            self.counters.messages += 1;
            if crc32fast::hash(body) != expected {
                self.counters.checksum_errors += 1;
                continue;
            }
            let mut message = Message {
                payload: whole.slice(PRELUDE + headers..total - CHECKSUM),
                ..Message::default()
            };
            message.read_headers(&whole[PRELUDE..PRELUDE + headers]);
            return Some(message);
        }
    }
}

impl Message {
    fn read_headers(&mut self, mut headers: &[u8]) {
        while let Some((name, value, rest)) = next_header(headers) {
            let text = || String::from_utf8_lossy(value).into_owned();
            match name {
                b":message-type" => self.message_type = text(),
                b":event-type" | b":exception-type" | b":error-code" => self.name = text(),
                b":error-message" => self.error_message = Some(text()),
                _ => {}
            }
            headers = rest;
        }
    }
}

/// Name, value and what follows; values that are no strings are empty.
fn next_header(headers: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&len, rest) = headers.split_first()?;
    let (name, rest) = rest.split_at_checked(len.into())?;
    let (&kind, rest) = rest.split_first()?;
    let fixed = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        9 => 16,
        6 | 7 => {
            let (len, rest) = rest.split_at_checked(2)?;
            let len = u16::from_be_bytes(len.try_into().ok()?);
            let (value, rest) = rest.split_at_checked(len.into())?;
            return Some((name, value, rest));
        }
        _ => return None,
    };
    let (_, rest) = rest.split_at_checked(fixed)?;
    Some((name, &[], rest))
}

#[cfg(test)]
pub(crate) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    for (name, value) in headers {
        coded.push(name.len() as u8);
        coded.extend(name.as_bytes());
        coded.push(7);
        coded.extend((value.len() as u16).to_be_bytes());
        coded.extend(value.as_bytes());
    }
    let total = PRELUDE + coded.len() + payload.len() + CHECKSUM;
    let mut wire = (total as u32).to_be_bytes().to_vec();
    wire.extend((coded.len() as u32).to_be_bytes());
    wire.extend(crc32fast::hash(&wire).to_be_bytes());
    wire.extend(coded);
    wire.extend(payload);
    wire.extend(crc32fast::hash(&wire).to_be_bytes());
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> Vec<u8> {
        let event = [(":message-type", "event"), (":event-type", "chunk")];
        let mut wire = message(&event, b"{\"bytes\":\"e30=\"}");
        wire.extend(message(
            &[(":message-type", "exception"), (":exception-type", "throttlingException")],
            b"{}",
        ));
        wire
    }

    #[test]
    fn messages_come_whole_however_cut() {
        let wire = wire();
        for cut in 0..wire.len() {
            let mut parser = Parser::default();
            let mut names = Vec::new();
            for part in [&wire[..cut], &wire[cut..]] {
                parser.push(Bytes::copy_from_slice(part));
                names.extend(std::iter::from_fn(|| parser.poll()).map(|m| m.name));
            }
            assert_eq!(names, ["chunk", "throttlingException"]);
        }
    }

    #[test]
    fn a_broken_message_is_left_out() {
        let mut broken = wire();
        let at = broken.iter().position(|b| *b == b'{').unwrap();
        broken[at] = b'[';
        let mut parser = Parser::default();
        parser.push(broken.into());
        let names: Vec<_> = std::iter::from_fn(|| parser.poll()).map(|m| m.name).collect();
        assert_eq!(names, ["throttlingException"]);
        assert_eq!(parser.counters().checksum_errors, 1);
    }

    #[test]
    fn large_messages_are_read_over() {
        let mut wire = message(&[(":event-type", "big")], &vec![b' '; MAX_MESSAGE]);
        wire.extend(message(&[(":event-type", "small")], b"{}"));
        let mut parser = Parser::default();
        for part in wire.chunks(1000) {
            parser.push(Bytes::copy_from_slice(part));
        }
        let mut names = Vec::new();
        names.extend(std::iter::from_fn(|| parser.poll()).map(|m| m.name));
        assert_eq!((names, parser.counters().oversized), (vec!["small".to_owned()], 1));
    }
}
