//! One direction's body of one stream: content decoding, gRPC framing, and what a hole does to them.
//!
//! In: DATA payload. Out: decoded pieces, or the word that nothing of the rest can be read.

use bytes::{Buf, Bytes, BytesMut};

use super::head::Head;
use crate::http::body::Decoder;

/// Bytes looked at before a body of unknown coding is taken for plain text.
const SNIFF: usize = 8;

#[derive(Debug)]
pub(super) struct Body {
    coding: Coding,
    grpc: Option<Grpc>,
    /// What Content-Length promised.
    pub(super) expected: Option<u64>,
}

#[derive(Debug)]
enum Coding {
    Identity,
    /// Unknown, because the head or a part of it was not seen; the first bytes are looked at.
    Sniff(Vec<u8>),
    Encoded(Box<Decoder>),
    /// In a coding that nobody here knows, which the first byte tells.
    Unknown,
    /// Cannot be read (any more).
    Opaque,
}

/// What a body says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Data(Bytes),
    /// Nothing of the rest will be readable; said once.
    Unreadable,
}

impl Body {
    /// The body under a head; one with unknown fields may have hidden the content coding.
    pub(super) fn under(head: &Head) -> Self {
        let coding = match head.headers.first("content-encoding") {
            None if head.unknown > 0 => Coding::Sniff(Vec::new()),
            coding => match Decoder::new(coding) {
                Ok(decoder) if decoder.is_identity() => Coding::Identity,
                Ok(decoder) => Coding::Encoded(Box::new(decoder)),
                Err(_) => Coding::Unknown,
            },
        };
        let grpc = head
            .headers
            .first("content-type")
            .filter(|kind| kind.starts_with("application/grpc"))
            .map(|_| Grpc::default());
        Self { coding, grpc, expected: head.content_length }
    }

    /// A body whose head was never seen.
    pub(super) const fn headless() -> Self {
        Self { coding: Coding::Sniff(Vec::new()), grpc: None, expected: None }
    }

    /// gRPC messages that begin in `data`.
    pub(super) fn count_grpc(&mut self, data: &Bytes) -> u64 {
        self.grpc.as_mut().map_or(0, |grpc| grpc.count(data.clone()))
    }

    pub(super) fn push(&mut self, data: Bytes) -> Said {
        match &mut self.coding {
            Coding::Identity => Said::Data(data),
            Coding::Unknown => {
                self.coding = Coding::Opaque;
                Said::Unreadable
            }
            Coding::Encoded(decoder) => {
                let mut pieces = BytesMut::new();
                match decoder.push(data, &mut |piece| pieces.extend_from_slice(&piece)) {
                    Ok(()) if pieces.is_empty() => Said::Nothing,
                    Ok(()) => Said::Data(pieces.freeze()),
                    Err(_) => {
                        self.coding = Coding::Opaque;
                        Said::Unreadable
                    }
                }
            }
            Coding::Opaque => Said::Nothing,
            Coding::Sniff(seen) => {
                let is_text = |bytes: &[u8]| {
                    bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t'))
                };
                let want = SNIFF.saturating_sub(seen.len()).min(data.len());
                if !is_text(&data[..want]) {
                    self.coding = Coding::Opaque;
                    return Said::Unreadable;
                }
                if seen.is_empty() && data.len() >= SNIFF {
                    self.coding = Coding::Identity;
                    return Said::Data(data);
                }
                seen.extend_from_slice(&data);
                if seen.len() < SNIFF {
                    return Said::Nothing;
                }
                let data = Bytes::from(std::mem::take(seen));
                self.coding = Coding::Identity;
                Said::Data(data)
            }
        }
    }

    /// Bytes are missing here.
    pub(super) fn gap(&mut self) {
        self.grpc = None;
        self.expected = None;
        if let Coding::Encoded(_) = self.coding {
            self.coding = Coding::Opaque;
        }
    }
}

/// Length-prefixed messages of gRPC: one flag byte, four of length.
#[derive(Debug, Default)]
struct Grpc {
    prefix: [u8; 5],
    have: usize,
    left: usize,
}

impl Grpc {
    fn count(&mut self, mut data: Bytes) -> u64 {
        let mut messages = 0;
        while data.has_remaining() {
            if self.left > 0 {
                let take = self.left.min(data.len());
                data.advance(take);
                self.left -= take;
                continue;
            }
            let take = (self.prefix.len() - self.have).min(data.len());
            self.prefix[self.have..self.have + take].copy_from_slice(&data.split_to(take));
            self.have += take;
            if self.have == self.prefix.len() {
                let [_, a, b, c, d] = self.prefix;
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.have = 0;
                messages += 1;
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_grpc_messages_however_cut() {
        let wire = [0, 0, 0, 0, 2, b'h', b'i', 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, b'x'];
        for cut in 0..wire.len() {
            let mut grpc = Grpc::default();
            let count = grpc.count(Bytes::copy_from_slice(&wire[..cut]))
                + grpc.count(Bytes::copy_from_slice(&wire[cut..]));
            assert_eq!(count, 3);
        }
    }

    #[test]
    fn an_encoded_body_is_told_not_dropped() {
        let mut head = Head::default();
        head.headers.push(b"content-encoding", b"compress");
        let mut body = Body::under(&head);
        assert_eq!(body.push(Bytes::from_static(&[0x1f, 0x8b])), Said::Unreadable);
        assert_eq!(body.push(Bytes::from_static(&[8])), Said::Nothing);
    }

    #[test]
    fn a_body_of_unknown_coding_is_read_only_when_it_is_text() {
        let mut body = Body::headless();
        assert_eq!(body.push(Bytes::from_static(b"data")), Said::Nothing);
        assert_eq!(
            body.push(Bytes::from_static(b": {}\n")),
            Said::Data(Bytes::from_static(b"data: {}\n"))
        );
        let mut body = Body::headless();
        assert_eq!(body.push(Bytes::from_static(&[0x1f, 0x8b, 8])), Said::Unreadable);
        assert_eq!(body.push(Bytes::from_static(b"data: {}")), Said::Nothing);
    }
}
